"""The interactions of a dense memory, one per file: what the patterns do to a state."""
