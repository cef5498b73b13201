"""Score models: schedules, exact denoisers, samplers."""
