"""Valid calls of what `bridges` does with weights of memories, for `calls_of_bridges`."""

import torch
from calls_of_hopfield import normal
from place import here

import bridges
from diffusion import EmpiricalDenoiser

CORNERS = EmpiricalDenoiser(here(torch.eye(3).double()))
LEVEL, STARTS = bridges.as_memory(CORNERS, sigma=0.5), normal(4, 3, seed=2)
LEVELS = bridges.return_levels(EmpiricalDenoiser(normal(5, 2)), [0.1, 1.0, 9.0], 8, seed=0)
WEIGHTS = {
    "unlearn_weights": {
        "memory": LEVEL,
        "starts": STARTS,
        "steps": 3,
        "rate": 1.0,
        "batch": 2,
        "held_by": "attractor",
        "seed": 0,
    },
    "balanced_weights": {"memory": LEVEL, "starts": STARTS, "tolerance": 0.01, "max_steps": 3},
    "return_levels": {
        "source": CORNERS,
        "sigmas": [0.1, 1.0, 9.0],
        "draws": 8,
        "threshold": 0.5,
        "index": [2, 0],
        "seed": 0,
    },
    "copy_prediction": {"levels": LEVELS, "copies": [0.0, 1.0, 0.0, 2.0, 1.0]},
}
