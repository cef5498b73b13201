"""Patterns by their seed, and memories whose answers are known."""

import torch

from bridges import as_memory
from hopfield import HopfieldNetwork, hebbian, random_patterns

ROWS = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.2], [-1.5, -0.5], [0.8, -1.3]]
FIVE = torch.tensor(ROWS, dtype=torch.float64)  # points of a plane


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sphere(P, N, seed):
    xi = normal(P, N, seed=seed)
    return xi * (N**0.5 / xi.norm(dim=1, keepdim=True))


def hebb(load, size, seed):
    xi = random_patterns(round(load * size), size, seed=seed)
    return as_memory(HopfieldNetwork(hebbian(xi)), xi)


class Threshold:
    """Retrieves a cue exactly if its overlap is above a known value; the load sets it."""

    def __init__(self, edge, seed=0):
        self.patterns, self.edge = random_patterns(20, 50, seed=seed), edge

    def corrupt(self, patterns, overlap, generator):
        self.cued = patterns
        return patterns * overlap

    def retrieve(self, cues, overlap):
        done = torch.ones(len(cues), dtype=torch.bool)
        return (self.cued if overlap >= self.edge else -self.cued), done

    def step(self, cues, overlap):
        return self.cued if overlap >= self.edge / 2 else -self.cued

    def energy(self, states):
        return None


class Toy:
    """Ten lines are a memory: the sign of each entry, or the answer it is given."""

    patterns = torch.tensor([[1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])

    def __init__(self, answer=lambda cues: (cues.sign(), torch.ones(len(cues), dtype=bool))):
        self.answer = answer

    def corrupt(self, patterns, overlap, generator):
        return patterns * overlap

    def retrieve(self, cues, overlap):
        return self.answer(cues)

    def energy(self, states):
        return None
