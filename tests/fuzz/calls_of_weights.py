"""Valid calls of what `bridges` does with weights of memories, for `calls_of_bridges`."""

import torch
from calls_of_hopfield import normal
from place import here

import bridges
from diffusion import EmpiricalDenoiser

CORNERS = EmpiricalDenoiser(here(torch.eye(3).double()))
LEVEL, STARTS = bridges.as_memory(CORNERS, sigma=0.5), normal(4, 3, seed=2)
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
}
