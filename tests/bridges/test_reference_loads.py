"""Retrieval against load and corruption, measured elsewhere by small independent programs.

Each reference is a mean with the standard error of its last digits between pattern sets; ours
must agree within 4 standard errors of both.
"""

import math

import numpy as np
import pytest
import torch
from known import hebb, normal, sphere

from bridges import as_memory, retrieval_map
from bridges.models import MODELS, Options
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, flip_spins, overlap, random_patterns
from hopfield.theory import argmax_retrieval, posterior_weight_bound

ENSEMBLES = {
    "binary": random_patterns,
    "spherical": sphere,
    "gaussian": lambda P, N, seed: normal(P, N, seed=seed),
}


def within(ours, expected, error, floor=0.003):
    """Whether books of ours agree; `floor` stands for the error of a mean of 0 or 1."""
    sem = np.std(ours, ddof=1) / len(ours) ** 0.5
    return abs(np.mean(ours) - expected) < 4 * math.hypot(sem, max(error, floor))


# N = 20, clean cues: fixed point, cosine ≥ 0.9 after at most 30 updates
@pytest.mark.parametrize(
    ("name", "b", "beta", "P", "expected", "error"),
    [
        ("gaussian", False, 0.25, 7, 0.625, 0.043),
        ("gaussian", True, 0.25, 7, 0.812, 0.086),
        ("spherical", True, 0.25, 7, 0.991, 0.009),
        ("binary", True, 0.25, 7, 0.893, 0.053),
        ("gaussian", False, 0.25, 55, 0.104, 0.016),
        ("spherical", True, 0.25, 55, 0.0, 0.0),
        ("gaussian", False, 0.5, 55, 0.674, 0.022),
        ("gaussian", True, 0.5, 55, 0.980, 0.010),
        ("gaussian", False, 0.5, 403, 0.334, 0.024),
        ("gaussian", True, 0.5, 403, 0.096, 0.014),
        ("binary", True, 0.5, 403, 0.016, 0.006),
        ("gaussian", False, 1.0, 403, 0.658, 0.019),
        ("gaussian", True, 1.0, 2981, 0.902, 0.011),
        ("gaussian", False, 1.0, 2981, 0.475, 0.026),
    ],
)
def test_fixed_points_against_load(name, b, beta, P, expected, error):
    books = []
    for seed in range(16):
        memory = DenseMemory(ENSEMBLES[name](P, 20, seed), beta=beta, norm_correction=b)
        adapted = as_memory(memory, max_sweeps=30)
        books.append(retrieval_map(adapted, [1.0], min(P, 32), threshold=0.9, seed=seed).success[0])
    assert within(books, expected, error)


# N = 20, clean cues: the own pattern holds more than half of the weight of one step
@pytest.mark.parametrize(
    ("name", "beta", "P", "expected", "error"),
    [
        ("gaussian", 0.25, 55, 0.617, 0.036),
        ("spherical", 0.25, 55, 0.996, 0.003),
        ("binary", 0.25, 55, 0.969, 0.009),
        ("gaussian", 0.25, 403, 0.006, 0.003),
        ("gaussian", 0.5, 403, 0.912, 0.011),
        ("gaussian", 0.5, 2981, 0.266, 0.020),
        ("spherical", 0.5, 403, 1.0, 0.0),
        ("binary", 0.5, 2981, 0.0, 0.0),
    ],
)
def test_weights_of_one_step_against_load(name, beta, P, expected, error):
    books = []
    for seed in range(16):
        xi = ENSEMBLES[name](P, 20, 100 + seed)
        rows = torch.arange(min(P, 32))
        weights = EmpiricalDenoiser(xi).weights(xi[rows], beta**-0.5)
        books.append((weights[rows, rows] > 0.5).double().mean().item())
    assert within(books, expected, error)


# Sphere, β = 1/s²: argmax, mean weight; exact law of the former
@pytest.mark.parametrize(
    ("N", "P", "noise", "decoded", "drawn"),
    [
        (20, 403, 1.0, (0.814, 0.009), (0.734, 0.006)),
        (20, 403, 1.5, (0.395, 0.014), (0.235, 0.007)),
        (40, 2981, 1.25, (0.843, 0.010), (0.778, 0.010)),
        (40, 2981, 2.0, (0.288, 0.013), (0.152, 0.008)),
    ],
)
def test_decoding_and_drawing_against_noise(N, P, noise, decoded, drawn):
    argmax, weight = [], []
    for seed in range(16):
        xi = sphere(P, N, 200 + seed)
        generator = torch.Generator().manual_seed(seed)
        rows = torch.arange(200)
        cues = xi[rows] + noise * torch.randn(200, N, generator=generator, dtype=torch.float64)
        weights = EmpiricalDenoiser(xi).weights(cues, noise)
        argmax.append((weights.argmax(1) == rows).double().mean().item())
        weight.append(weights[rows, rows].mean().item())
    assert within(argmax, *decoded)
    assert within(weight, *drawn)
    assert within(argmax, float(argmax_retrieval(P, N, noise)), 1e-3)
    assert np.mean(weight) > posterior_weight_bound(P, N, noise)


# N = 24, P = 1339 on the sphere, cues of exact cosine: one-step weight, fixed point (≥ 0.9)
@pytest.mark.parametrize(
    ("beta", "m", "one_step", "fixed_point"),
    [
        (0.6, 0.8, (0.978, 0.005), (0.999, 0.001)),
        (0.6, 0.7, (0.0, 0.0), (0.063, 0.01)),
        (1.0, 0.7, (0.872, 0.012), (0.936, 0.009)),
        (1.0, 0.6, (0.0, 0.0), (0.322, 0.018)),
        (2.0, 0.7, (0.932, 0.008), (0.935, 0.009)),
        (2.0, 0.6, (0.239, 0.018), (0.335, 0.018)),
        (5.0, 0.6, (0.321, 0.018), (0.336, 0.018)),
        (5.0, 0.5, (0.0, 0.0), (0.0, 0.0)),
    ],
)
def test_basins_on_the_sphere(beta, m, one_step, fixed_point):
    N, P, first, last = 24, 1339, [], []
    rows = torch.arange(60)
    for seed in range(12):
        xi = sphere(P, N, 300 + seed)
        generator = torch.Generator().manual_seed(seed)
        away = torch.randn(60, N, generator=generator, dtype=torch.float64)
        away -= (away * xi[rows]).sum(1, keepdim=True) / N * xi[rows]
        away *= N**0.5 / away.norm(dim=1, keepdim=True)
        cues = m * xi[rows] + (1 - m**2) ** 0.5 * away
        weights = EmpiricalDenoiser(xi).weights(cues, beta**-0.5)
        first.append((weights[rows, rows] > 0.5).double().mean().item())
        ends = DenseMemory(xi, beta=beta).relax(cues, max_sweeps=50).states
        cosine = torch.cosine_similarity(ends, xi[rows])
        last.append((cosine >= 0.9).double().mean().item())
    assert within(first, *one_step)
    assert within(last, *fixed_point)


ONE_AXIS = {  # N = 48 spins for all: P at m = 0.8, then m at P = 7; (model, P, m): mean, error
    "hebb": [
        *((7, 0.8, 0.89, 0.08), (12, 0.8, 0.39, 0.07), (24, 0.8, 0.01, 0.01)),
        *((7, 0.5, 0.58, 0.07), (7, 0.3, 0.26, 0.04)),
    ],
    "unlearned": [
        *((12, 0.8, 0.92, 0.03), (24, 0.8, 0.53, 0.03), (48, 0.8, 0.0, 0.0)),
        *((7, 0.5, 0.71, 0.04), (7, 0.3, 0.39, 0.02)),
    ],
    "polynomial": [
        *((48, 0.8, 1.0, 0.0), (200, 0.8, 0.31, 0.06), (5000, 0.8, 0.0, 0.0)),
        *((7, 0.5, 0.95, 0.01), (7, 0.3, 0.63, 0.03)),
    ],
    "exponential": [(200, 0.8, 1.0, 0.0), (7, 0.5, 0.99, 0.01), (7, 0.3, 0.77, 0.03)],
    "exponential-real": [(200, 0.8, 1.0, 0.0), (7, 0.5, 0.98, 0.01), (7, 0.3, 0.73, 0.05)],
    "flow": [(200, 0.8, 1.0, 0.0), (7, 0.5, 0.98, 0.01), (7, 0.3, 0.73, 0.05)],
    "sde": [(200, 0.8, 1.0, 0.0), (7, 0.5, 0.98, 0.01), (7, 0.3, 0.68, 0.03)],
}


def independent_flips(patterns, overlap, generator):
    flips = torch.rand(patterns.shape, generator=generator) < (1 - overlap) / 2
    return torch.where(flips, -patterns, patterns)


@pytest.mark.parametrize("model", ONE_AXIS)
def test_seven_models_by_one_call(model):
    """The reference dreams min(12 P, 400) times at ε = 0.05/N, and flips spins independently."""
    for P, m, expected, error in ONE_AXIS[model]:
        steps = min(12 * P, 400) if model == "unlearned" else None
        options = Options(rate=0.05, training_steps=steps, steps=8 if model == "sde" else 25)
        memories = [
            MODELS[model].build(random_patterns(P, 48, seed=seed), options, seed)
            for seed in range(12)
        ]
        if MODELS[model].kind == "binary":
            for memory in memories:
                memory.corrupt = independent_flips
        found = retrieval_map(memories, [m], trials=40, seed=0)
        bound = 4 * math.hypot(found.sem[0], max(error, 0.01))
        assert abs(found.success[0] - expected) < bound, (P, m, found.success[0])


class Toy:
    """A memory in ten lines: the sign of the cue, then the nearest pattern."""

    def __init__(self, patterns):
        self.patterns = patterns

    def corrupt(self, patterns, overlap, generator):
        return flip_spins(patterns, overlap, generator)

    def retrieve(self, cues, overlap):
        states = self.patterns[(cues.sign() @ self.patterns.T).argmax(1)]
        return states, torch.ones(len(cues), dtype=torch.bool)

    def energy(self, states):
        return None


@pytest.mark.parametrize("model", ["hebb", "unlearned", "polynomial", "flow", "sde", "toy"])
def test_one_call_measures_any_memory(model):
    """No branch on the kind: the same fields, the same seeds, more from better cues."""
    xi = random_patterns(5, 60, seed=0)
    memory = Toy(xi) if model == "toy" else MODELS[model].build(xi, Options(steps=10), 0)
    found = retrieval_map(memory, [0.1, 0.6, 1.0], trials=60, seed=1)
    again = retrieval_map(memory, [0.1, 0.6, 1.0], trials=60, seed=1)
    assert (found.success == again.success).all()
    assert found.success[2] == 1
    assert found.success[0] < found.success[1] <= 1
    assert found.by_sample.shape == (5, 3)
    assert np.isfinite(found.sem).all()


# Hebb, N = 400, one spin at a time: P(m_f ≥ .95) from clean cues and from cues at 0.5
@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "clean", "half", "mean"),
    [
        (0.10, (1.0, 0.0), (0.858, 0.024), (0.999, 0.001)),
        (0.12, (0.975, 0.011), (0.583, 0.036), (0.988, 0.005)),
        (0.138, (0.883, 0.038), (0.283, 0.025), (0.963, 0.013)),
        (0.15, (0.800, 0.037), (0.150, 0.034), (0.927, 0.015)),
        (0.18, (0.483, 0.036), (0.008, 0.005), (0.773, 0.006)),
    ],
)
def test_hebb_near_its_capacity(load, clean, half, mean):
    memories = [hebb(load, 400, seed) for seed in range(12)]
    found = retrieval_map(memories, [0.5, 1.0], trials=80, seed=0)
    for k, (expected, error) in enumerate((half, clean)):
        bound = 4 * math.hypot(found.sem[k], max(error, 0.003))
        assert abs(found.success[k] - expected) < bound
    bound = 4 * math.hypot(found.overlap_sem[1], max(mean[1], 0.01))
    assert abs(found.overlap_out[1] - mean[0]) < bound


# Exponential memory of spins, λ = 1, all spins at once: P(m_f ≥ .95), 2 of 16 spins flipped
@pytest.mark.slow
@pytest.mark.parametrize(
    ("N", "m", "load", "expected", "error"),
    [
        (16, 0.75, 0.2, 0.873, 0.028),
        (16, 0.75, 0.25, 0.750, 0.051),
        (16, 0.75, 0.3, 0.411, 0.054),
        (16, 0.75, 0.35, 0.094, 0.020),
        (16, 1.0, 0.4, 0.911, 0.034),
        (16, 1.0, 0.5, 0.644, 0.051),
        (24, 1.0, 0.4, 0.989, 0.007),
    ],
)
def test_exponential_sign_dynamics(N, m, load, expected, error):
    books = []
    for seed in range(16):
        xi = random_patterns(round(math.exp(load * N)), N, seed=400 + seed)
        cued = xi[:48]
        memory = DenseMemory(xi, beta=1.0, states="binary")
        ends = memory.relax(flip_spins(cued, m, seed=seed), "synchronous").states
        books.append((overlap(ends, cued) >= 0.95).double().mean().item())
    assert within(books, expected, error, floor=0.005)
