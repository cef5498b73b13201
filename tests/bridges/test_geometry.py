"""Data as memories, through the geometry of their score, against theory."""

import json
import math

import numpy as np
import pytest
from known import normal

from bridges import (
    dimension_contrast,
    memory_geometry,
)
from bridges.data import class_labels, raw_vectors
from diffusion import (
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    manifold_factors,
)
from diffusion.theory import collapse_sigma, participation_ratio


def test_flipd_tells_a_denoiser_that_memorized_from_one_that_knows_the_distribution():
    exact = LinearManifoldDenoiser(manifold_factors(20, [4], [1.0], seed=0))
    data, held = exact.draw(300, seed=1), exact.draw(300, seed=2)
    known = dimension_contrast(exact, data, held, 0.3)
    assert abs(known.separation - 0.5) < 4 * known.sem
    memorized = dimension_contrast(EmpiricalDenoiser(data), data, held, 0.1)
    assert memorized.separation > 0.95
    assert memorized.data < 1 < 4 < memorized.held_out


def test_geometry_of_gaussian_memories_meets_theory():
    P, m = 300, 10
    found = [memory_geometry(normal(P, m, seed=seed), draws=200, seed=seed) for seed in range(4)]
    theory = float(collapse_sigma(P, [1.0] * m)) ** 2
    for one in found:
        # unit: the rms deviation; Y = ½ lies 5 to 25 % above the collapse at finite m
        assert 1.03 < (one.collapse_sigma * one.unit) ** 2 / theory < 1.3
        assert abs(one.area - 1) < 4 * one.area_sem + 0.01  # 1 %: the rule of the integral
        assert (np.diff(one.return_probability) <= 0.01).all()
        assert (one.entropy >= 0).all()  # decays to zero and never crosses it
        assert abs(one.unit - 1) < 4 / math.sqrt(2 * P * m)
    middle = np.mean([np.interp(theory**0.5, one.sigma, one.return_probability) for one in found])
    law = float(participation_ratio(P, [1.0] * m, theory**0.5))
    assert law < middle < law + 0.13  # Jensen's gap
    assert abs(np.mean([one.participation_ratio for one in found]) - m / (1 + m / P)) < 0.1


def test_geometry_of_the_digits():
    grid = np.exp(np.linspace(-3, 4.5, 16) / 2)
    images, labels = raw_vectors("digits"), class_labels("digits")
    found = memory_geometry(images, labels, grid, draws=600, seed=0)
    assert abs(found.collapse_sigma**2 - 1.974) < 0.1  # 0.05, and 4 s.e. of 600 draws
    assert found.speciation_time == pytest.approx(1.1275, abs=1e-4)
    assert found.two_nn_dimension == pytest.approx(9.04, abs=0.01)
    assert found.participation_ratio == pytest.approx(13.17, abs=0.005)
    assert abs(found.peak_dimension - 4.92) < 0.4  # 4 s.e. of 600 draws, and the grid
    assert abs(found.area - 1) < 4 * found.area_sem + 0.01  # 1 %: the rule of the integral
    time = np.log1p(found.sigma**2) / 2
    assert abs(np.interp(1.1275, time, found.agreement) - 0.477) < 0.05
    json.dumps(found.to_dict())
