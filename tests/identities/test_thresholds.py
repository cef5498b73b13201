"""One threshold under three names: capacity of a memory, collapse of a score, limit of a code."""

import numpy as np
import pytest

from diffusion.theory import basin_edge, collapse_sigma, excess_entropy, mutual_information
from hopfield.theory import argmax_capacity, critical_noise, dense_load, least_overlap


@pytest.mark.parametrize("load", [0.05, 0.2, 0.35, 0.6, 1.5])
def test_capacity_of_the_memory_is_collapse_of_the_score(load):
    N = 30
    P = np.exp(load * N)
    sigma = collapse_sigma(P, np.ones(N))
    assert critical_noise(load) == pytest.approx(sigma, rel=1e-10)
    # on the line λ = 1/σ², where the cue is what the noise makes of the pattern
    for ensemble in ("spherical", "gaussian"):
        assert dense_load(sigma**-2, sigma, ensemble) == pytest.approx(load, rel=1e-10)
    assert mutual_information(np.ones(N), sigma) / N == pytest.approx(load, rel=1e-10)
    assert excess_entropy(P, np.ones(N), sigma) == pytest.approx(0, abs=1e-10)
    assert basin_edge(P, np.ones(N), sigma) == pytest.approx(1, rel=1e-9)
    # the cosine of that cue is the edge of the cold memory's basins
    assert least_overlap(load) == pytest.approx((1 + sigma**2) ** -0.5, rel=1e-10)


@pytest.mark.parametrize("noise", [0.7, 1.0, 2.0])
def test_the_best_decoder_reaches_it_as_memories_grow(noise):
    limit = float(mutual_information([1.0], noise))
    gaps = [abs(argmax_capacity(N, noise, 0.9) - limit) for N in (30, 120, 480)]
    assert gaps[1] / gaps[0] < 0.6  # like 1/√N
    assert gaps[2] / gaps[1] < 0.6


# Reference values: σ_C and t_C at ln P/N = 0.05 … 0.6, on the sphere and of spins
@pytest.mark.parametrize(
    ("load", "times"),
    [
        (0.05, (1.17608, 1.17602)),
        (0.1, (0.85389, 0.85344)),
        (0.2, (0.55482, 0.55208)),
        (0.3, (0.39794, 0.39045)),
        (0.4, (0.29831, 0.28318)),
        (0.5, (0.22934, 0.20278)),
        (0.6, (0.17919, 0.13438)),
    ],
)
def test_collapse_times(load, times):
    found = [np.log1p(critical_noise(load, one) ** 2) / 2 for one in ("spherical", "spins")]
    assert found == pytest.approx(times, abs=1e-5)
    explicit = -np.log(-np.expm1(-2 * load)) / 2
    assert found[0] == pytest.approx(explicit)
