"""One measurement for every memory: diffusion memorization mapped onto attractor basins."""
