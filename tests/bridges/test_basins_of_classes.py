"""Basins by class: identities of the posterior weights, and the random energy model of a class."""

import math

import numpy as np
import pytest
import torch

from bridges import as_memory, basin_radius, class_basins, class_capacity, retrieval_map
from bridges.classes.basins import draw_classes
from diffusion import OU, EmpiricalDenoiser, GaussianMixtureDenoiser, planted_posterior
from diffusion.theory import (
    class_collapse_points,
    class_collapse_time,
    class_divergence,
    own_class_probability,
    participation_ratio,
    speciation_times,
)


def two_classes(d, variances, weights, separation):
    """Classes 2·`separation` apart."""
    means = torch.zeros(2, d, dtype=torch.float64)
    means[0, 0], means[1, 0] = separation, -separation
    return GaussianMixtureDenoiser(means, torch.tensor(variances).double(), weights)


def test_what_leaves_one_class_comes_back_from_the_other():
    data, labels = draw_classes(two_classes(6, [1.0, 0.5], [0.2, 0.8], 1.0), [30, 120], 0)
    for sigma in (0.3, 1.0, 3.0):
        found = class_basins(EmpiricalDenoiser(data), labels, sigma, draws=6000, seed=1)
        np.testing.assert_allclose(found.classes.sum(1), 1, rtol=1e-9)
        flows = found.counts[:, None] * found.classes
        errors = found.counts[:, None] * found.classes_sem
        # 4 s.e.; the draws of a datum are many, so that its own noise counts as well
        assert abs(flows[0, 1] - flows[1, 0]) < 4 * math.hypot(errors[0, 1], errors[1, 0])


def test_one_class_is_the_planted_posterior():
    data = torch.randn(60, 4, generator=torch.Generator().manual_seed(0)).double()
    denoiser = EmpiricalDenoiser(data)
    found = class_basins(denoiser, torch.zeros(60, dtype=torch.long), 0.5, draws=6000, seed=0)
    other = planted_posterior(denoiser, 0.5, draws=6000, seed=1).participation
    error = math.hypot(float(found.datum_sem[0]), float(other.std()) / math.sqrt(6000))
    assert abs(float(found.datum[0]) - float(other.mean())) < 4 * error
    assert found.own_class[0] == pytest.approx(1)
    assert found.effective_number[0] == pytest.approx(60 * found.datum[0])
    assert set(found.to_dict()) >= {"counts", "datum", "classes"}


def test_the_effective_number_runs_from_one_class_to_all_its_points():
    data, labels = draw_classes(two_classes(5, [1.0, 1.0], [0.5, 0.5], 2.0), [20, 40], 0)
    denoiser = EmpiricalDenoiser(data)
    near, far = (class_basins(denoiser, labels, s, draws=300, seed=0) for s in (1e-3, 100.0))
    np.testing.assert_allclose(near.effective_number, [20, 40], rtol=1e-6)
    np.testing.assert_allclose(far.effective_number, [20 / 60, 40 / 60], rtol=0.02)
    np.testing.assert_allclose(far.own_class, [1 / 3, 2 / 3], rtol=0.02)


def test_classes_return_as_their_distribution_does():
    rho, d, s2 = 0.1, 60, 0.7
    mixture = two_classes(d, [s2, s2], [rho, 1 - rho], 10.0)
    time, phi = speciation_times(rho, 400.0, s2).threshold, []
    for seed in range(4):
        data, labels = draw_classes(mixture, [400, 3600], seed)
        sigma = float(OU().noise_level(time))
        found = class_basins(EmpiricalDenoiser(data), labels, sigma, draws=1000, seed=seed)
        phi.append(found.own_class)
    other = float(own_class_probability(1 - rho, class_divergence(400.0, s2, time)))
    sem = np.std(phi, 0, ddof=1) / 2
    # 4 s.e. of 4 sets; their finite number of points pulls means by |Δμ|/sqrt(n)
    assert (np.abs(np.mean(phi, 0) - [0.75, other]) < 4 * sem + [0.03, 0.005]).all()


def test_a_minority_speciates_later_and_collapses_earlier():
    rho, d, P = 0.1, 40, 1000
    mixture = two_classes(d, [1.0, 1.0], [rho, 1 - rho], 10.0)
    collapse = class_collapse_time([rho * P, (1 - rho) * P], 1.0, d)
    assert collapse[0] > collapse[1]
    times = np.linspace(0.4, 1.0, 9)
    crossings = []
    for seed in range(3):
        data, labels = draw_classes(mixture, [100, 900], seed)
        R = [
            class_basins(
                EmpiricalDenoiser(data), labels, float(OU().noise_level(t)), seed=seed
            ).datum
            for t in times
        ]
        crossings.append([np.interp(-0.5, -one, times) for one in np.array(R).T])
    found, sem = np.mean(crossings, 0), np.std(crossings, 0, ddof=1) / math.sqrt(3)
    assert found[0] - found[1] > 4 * np.hypot(*sem)
    t = np.expm1(2 * found)  # Y = ½ lies 10 to 40 % above the collapse in σ²
    ratio = t / np.expm1(2 * collapse)
    assert ((ratio > 1.02) & (ratio < 1.4)).all()
    balanced = speciation_times(0.5, 400.0, 1.0)
    assert speciation_times(rho, 400.0, 1.0).threshold < balanced.threshold


def test_capacity_by_class_is_that_of_the_class_alone():
    d, sigma, variances = 12, 1.2, [2.0, 0.8]
    mixture = two_classes(d, variances, [0.5, 0.5], 8.0)
    loads = [8, 16, 32, 64, 128, 256, 512, 1024]
    found = class_capacity(mixture, sigma, loads, samples=6, draws=300, seed=0)
    for c, variance in enumerate(variances):
        n = np.geomspace(3, 600, 400)
        law = participation_ratio(n, [variance] * d, sigma)  # its finite-size law, a lower bound
        at_half = float(np.interp(-0.5, -law, n))
        low, high = found.intervals[c]
        assert low < found.load[c] < high
        assert 0.95 * at_half < found.load[c] < 2 * at_half
        # infinite d: log n_c = I; R = ½ lies 10 to 40 % above it in σ², so beyond it in n_c
        assert 1 < found.load[c] / float(class_collapse_points(variance, sigma, d)) < 2.5
    assert found.load[0] > 3 * found.load[1]


def test_cues_of_one_class_among_the_others():
    mixture = two_classes(30, [1.0, 0.3], [0.5, 0.5], 4.0)
    data, labels = draw_classes(mixture, [40, 40], 0)
    denoiser = EmpiricalDenoiser(data)
    radius = []
    for c in (0, 1):
        memory = as_memory(denoiser, patterns=data[labels == c], dynamics="flow", steps=20)
        assert retrieval_map(memory, [0.999], seed=0).success[0] == 1
        radius.append(basin_radius(memory, trials=80, seed=0).overlap)
    assert radius[0] < radius[1]  # the wider class has the wider basins
