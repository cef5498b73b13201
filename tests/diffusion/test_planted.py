"""Collapse and speciation as measured: exact posterior weights, and dynamics run in full."""

import math

import numpy as np
import pytest
import torch
from gaussian import mean_sem
from sklearn.datasets import load_digits

from diffusion import (
    OU,
    VE,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    noise_to,
    participation_ratio,
    planted_posterior,
    sample,
    theory,
    two_nn_dimension,
    uturn,
)


def spectrum(sizes, variances):
    return torch.tensor(variances, dtype=torch.float64).repeat_interleave(torch.tensor(sizes))


def gaussian_data(P, lam, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(P, len(lam), generator=generator, dtype=torch.float64) * lam.sqrt()


def measured(lam, P, t, field="participation", sets=12, draws=200):
    """Mean of a statistic over independent data sets, and its standard error between them."""
    means = []
    for seed in range(sets):
        denoiser = EmpiricalDenoiser(gaussian_data(P, lam, seed))
        found = planted_posterior(denoiser, t**0.5, draws, seed=seed)
        means.append(float(getattr(found, field).mean()))
    return mean_sem(means)


def test_the_planted_weight_is_the_participation():  # T6, the Nishimori identity
    denoiser = EmpiricalDenoiser(gaussian_data(300, torch.ones(10), seed=0))
    for t in (0.2, 0.5, 1.0, 2.0):
        found = planted_posterior(denoiser, t**0.5, draws=6000, seed=1)
        difference, sem = mean_sem(found.participation - found.own_weight)
        assert abs(difference) < 4 * sem


def test_area_law():  # T7: the dimensions of P points add up to 2 log P
    lam = spectrum([4, 2], [1.0, 0.1])
    data = gaussian_data(50, lam, seed=0)
    denoiser, grid = EmpiricalDenoiser(data), np.linspace(-14, 12, 53)
    dimension = [
        float(planted_posterior(denoiser, math.exp(u / 2), 2000, seed=i).dimension.mean())
        for i, u in enumerate(grid)
    ]
    tail = float(torch.cov(data.T, correction=0).trace()) * math.exp(-grid[-1])
    area = np.trapezoid(dimension, grid) + tail
    assert area == pytest.approx(theory.area_law(50), rel=0.02)


TABLE = [  # sizes, variances, P: t at Y = 1/2, Y at t_C and its standard error, H/log P
    ([20], [1.0], 10, 5.17, 0.604, 0.018, 0.36),
    ([20], [1.0], 100, 1.92, 0.561, 0.010, 0.24),
    ([20], [1.0], 1000, 1.135, 0.574, 0.012, 0.17),
    ([10], [1.0], 100, 0.787, 0.583, 0.019, 0.22),
    ([10], [1.0], 1000, 0.390, 0.585, 0.019, 0.16),
    ([10, 10], [1.0, 0.1], 1000, 0.5095, 0.581, 0.012, 0.16),
    ([20, 20], [1.0, 0.01], 1000, 1.160, 0.578, 0.010, 0.17),
]
MUCH = [
    ([20], [1.0], 10_000, 0.744, 0.589, 0.014, 0.14),
    ([10], [1.0], 10_000, 0.205, 0.552, 0.019, 0.13),
    ([10, 10], [1.0, 0.1], 10_000, 0.317, 0.589, 0.003, 0.13),
    ([20, 20], [1.0, 0.01], 10_000, 0.7496, 0.571, 0.003, 0.15),
]


def check_collapse(sizes, variances, P, half, at_collapse, error, entropy):
    lam = spectrum(sizes, variances)
    collapse = float(theory.collapse_sigma(P, lam)) ** 2
    sets = 12 if P < 10_000 else 4
    found, sem = measured(lam, P, collapse, sets=sets)
    assert abs(found - at_collapse) < 4 * math.hypot(sem, max(error, 0.01))  # 4 s.e. of both
    assert abs(found - 0.58) < 0.08
    law = float(theory.participation_ratio(P, lam, collapse**0.5))
    assert -4 * sem < found - law < 0.13 + 4 * sem
    # at the tabulated time Y is 1/2: 4 s.e. of both, 0.02 the table's own from 6 data sets
    found, sem = measured(lam, P, half, sets=sets)
    assert abs(found - 0.5) < 4 * math.hypot(sem, 0.02)
    found, sem = measured(lam, P, collapse, "entropy", sets)
    # 4 s.e. of both, the table's own from 6 data sets and rounded to 0.01
    assert abs(found / math.log(P) - entropy) < 4 * 3**0.5 * sem / math.log(P) + 0.005


@pytest.mark.parametrize("row", TABLE)
def test_participation_at_collapse(row):
    check_collapse(*row)


@pytest.mark.slow
@pytest.mark.parametrize("row", MUCH)
def test_participation_at_collapse_of_much_data(row):
    check_collapse(*row)


@pytest.mark.parametrize("m", [10, 20])
def test_half_participation_lies_just_above_collapse(m):  # T8
    lam = torch.ones(m, dtype=torch.float64)
    collapse = float(theory.collapse_sigma(1000, lam)) ** 2
    early, _ = measured(lam, 1000, 1.05 * collapse)
    late, _ = measured(lam, 1000, 1.25 * collapse)
    assert late < 0.5 < early


def test_condensation_at_the_origin():
    # random energy model: E Y = 1 − t/t_c, rounded by finite size
    lam, P = torch.ones(80, dtype=torch.float64), 10_000
    lam[40:] = 0.25
    condensation = float(theory.condensation_sigma(P, lam)) ** 2
    assert condensation == pytest.approx(0.5422, abs=6e-5)
    reference = {0.1: (0.936, 0.017), 0.25: (0.806, 0.027), 0.5: (0.603, 0.034)}
    found = {share: [] for share in reference}
    for seed in range(40):
        denoiser = EmpiricalDenoiser(gaussian_data(P, lam, seed))
        for share in reference:
            w = denoiser.weights(torch.zeros(1, 80), (share * condensation) ** 0.5)
            found[share].append(float(w.square().sum()))
    for share, (expected, error) in reference.items():
        mean, sem = mean_sem(found[share])
        assert abs(mean - expected) < 4 * math.hypot(sem, error)
        assert abs(mean - (1 - share)) < 0.15 + 4 * sem


def test_basin_radius():  # T11: where half the queries at ρσ²m still find their datum
    m, P = 20, 1000
    lam, radii = torch.ones(m, dtype=torch.float64), torch.arange(0.1, 1.2, 0.1).double()
    generator = torch.Generator().manual_seed(3)
    for t in (1.220, 1.482, 1.799):
        found = torch.zeros(len(radii))
        for seed in range(10):
            data = gaussian_data(P, lam, seed)
            denoiser = EmpiricalDenoiser(data)
            for k, rho in enumerate(radii):
                direction = torch.randn(50, m, generator=generator, dtype=torch.float64)
                direction *= (m / direction.square().sum(1, keepdim=True)).sqrt()
                w = denoiser.weights(data[:50] + (rho * t) ** 0.5 * direction, t**0.5)
                found[k] += (w[:, :50].diagonal() > 0.5).double().mean() / 10
        last = int((found > 0.5).nonzero().max())
        share = (found[last] - 0.5) / (found[last] - found[last + 1])
        edge = float(radii[last] + 0.1 * share)
        assert edge == pytest.approx(float(theory.basin_edge(P, lam, t**0.5)), abs=0.1)


@pytest.mark.parametrize(("method", "steps"), [("ancestral", 5), ("sde", 60)])
def test_return_of_a_uturn(method, steps):  # T14; ancestral draws are exact at any steps
    data = gaussian_data(300, torch.ones(10), seed=0)
    denoiser, own = EmpiricalDenoiser(data), torch.arange(1800) % 300
    for t in (0.2, 0.5, 1.0):
        back = uturn(denoiser, data[own], VE(), t**0.5, method, steps=steps, seed=4)
        returned = (torch.cdist(back, data).argmin(1) == own).double()
        expected = planted_posterior(denoiser, t**0.5, 3000, seed=1).participation
        (found, error), (mean, sem) = mean_sem(returned), mean_sem(expected)
        assert abs(found - mean) < 4 * math.hypot(error, sem)


@pytest.mark.slow
def test_clones_of_two_classes():  # T13: the reverse SDE in full
    d, count = 64, 2000
    m = torch.ones(d, dtype=torch.float64)
    mixture = GaussianMixtureDenoiser(torch.stack([m, -m]), 1.0)
    clean, labels = mixture.draw(count, seed=0)
    for time, reference in ((1.8, 0.8642), (2.0794, 0.7752), (2.6, 0.6347)):
        noised = noise_to(clean, OU(), time, seed=1)
        ends = [
            sample(mixture, noised, OU(), "sde", steps=60, start=time, seed=s) @ m > 0
            for s in (2, 3)
        ]
        expected = float(theory.clone_probability(d**0.5, 1.0, time))
        assert expected == pytest.approx(reference, abs=6e-5)
        for other in (ends[1], labels == 0):  # a clone, and a U-turn
            found, sem = mean_sem((ends[0] == other).double())
            assert abs(found - expected) < 4 * sem
        exact = mixture.responsibilities(noised * math.exp(time), OU().noise_level(time))
        found, sem = mean_sem(exact.square().sum(1))
        assert abs(found - expected) < 4 * sem


def digits():
    """The digits, centred, of mean pixel variance 1, and their labels."""
    images, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(images - images.mean(0))
    return images / images.std(correction=0), torch.from_numpy(labels)


def test_digits():  # T18
    data, labels = digits()
    covariance = torch.cov(data.T)
    top = torch.linalg.eigvalsh(covariance).flip(0)[:3]
    np.testing.assert_allclose(top.numpy(), (9.535, 8.721, 7.553), atol=2e-3)
    assert theory.speciation_time(covariance) == pytest.approx(1.1275, abs=1e-4)
    assert participation_ratio(data) == pytest.approx(13.17, abs=0.005)
    assert two_nn_dimension(data, "likelihood") == pytest.approx(9.04, abs=0.01)
    denoiser = EmpiricalDenoiser(data)
    reference = {  # t: Y, H/log P, φ of the ten classes
        0.631: (0.933, 0.018, 1.000),
        1.585: (0.615, 0.124, 0.975),
        3.981: (0.182, 0.381, 0.757),
        10.0: (0.026, 0.663, 0.426),
        25.1: (0.004, 0.846, 0.227),
    }
    for t, expected in reference.items():
        found = planted_posterior(denoiser, t**0.5, 1797, labels, seed=1)
        parts = (found.participation, found.entropy / math.log(1797), found.agreement)
        for values, wanted in zip(parts, expected, strict=True):
            mean, sem = mean_sem(values)
            assert abs(mean - wanted) < 4 * 2**0.5 * sem + 6e-4  # 4 s.e. of both
    peak = planted_posterior(denoiser, 3.98**0.5, 1797, seed=1).dimension
    assert abs(float(peak.mean()) - 4.92) < 4 * 2**0.5 * mean_sem(peak)[1]
    early, late = (
        float(planted_posterior(denoiser, t**0.5, 3 * 1797, seed=2).participation.mean())
        for t in (1.974 - 0.05, 1.974 + 0.05)
    )
    assert late < 0.5 < early
    time = theory.speciation_time(covariance)
    found = planted_posterior(denoiser, float(OU().noise_level(time)), 1797, labels, seed=1)
    mean, sem = mean_sem(found.agreement)
    assert abs(mean - 0.477) < 4 * 2**0.5 * sem


def test_area_law_of_the_digits():
    data, _ = digits()
    denoiser, grid = EmpiricalDenoiser(data), np.linspace(-4, 12, 17)
    dimension = [
        float(planted_posterior(denoiser, math.exp(u / 2), 1797, seed=i).dimension.mean())
        for i, u in enumerate(grid)
    ]
    tail = float(torch.cov(data.T, correction=0).trace()) * math.exp(-grid[-1])
    area = np.trapezoid(dimension, grid) + tail
    assert area == pytest.approx(theory.area_law(1797), rel=0.02)


def test_data_are_planted_evenly_and_blocks_change_nothing(monkeypatch):
    """Of three points two are one: a third of all draws is alone, Y = 1, the others have Y = ½."""
    line = torch.tensor([[0.0], [1e-9], [100.0]], dtype=torch.float64)
    found = planted_posterior(EmpiricalDenoiser(line), 1.0, 30, labels=[0, 0, 1], seed=0)
    assert (found.participation > 0.99).sum() == 10
    assert ((found.participation - 0.5).abs() < 1e-6).sum() == 20
    torch.testing.assert_close(found.own_weight, found.participation, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.agreement, torch.ones(30).double())
    torch.testing.assert_close(found.entropy, -found.participation.log(), rtol=1e-6, atol=1e-9)
    denoiser = EmpiricalDenoiser(gaussian_data(20, torch.ones(3), seed=0))
    whole = planted_posterior(denoiser, 1.0, 50, seed=7)
    monkeypatch.setattr("diffusion.planted._WEIGHTS", 140)  # seven draws at once
    parts = planted_posterior(denoiser, 1.0, 50, seed=7)
    for name in ("participation", "own_weight", "entropy", "dimension"):
        torch.testing.assert_close(getattr(parts, name), getattr(whole, name))


def test_the_seed_reproduces():
    denoiser = EmpiricalDenoiser(gaussian_data(20, torch.ones(3), seed=0))
    one, two = (planted_posterior(denoiser, 1.0, 50, seed=7) for _ in range(2))
    assert torch.equal(one.entropy, two.entropy)
    assert one.agreement.isnan().all()
    assert set(one.to_dict()) == {
        "participation",
        "own_weight",
        "entropy",
        "dimension",
        "agreement",
    }


def test_labels_say_no_more_than_which_data_are_alike():
    denoiser = EmpiricalDenoiser(gaussian_data(20, torch.ones(3), seed=0))
    labels = torch.arange(20) % 3
    plain = planted_posterior(denoiser, 1.0, 50, labels, seed=7).agreement
    named = planted_posterior(denoiser, 1.0, 50, 10**15 * labels, seed=7).agreement
    assert torch.equal(named, plain)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma": 0.0}, "sigma must be positive"),
        ({"draws": 0}, "draws must be a whole number of at least 1"),
        ({"labels": [0, 1]}, r"labels must be whole numbers from 0, of shape \(5,\)"),
        ({"labels": [0.5] * 5}, "labels must be whole numbers"),
        ({"labels": [-1] * 5}, "labels must be whole numbers"),
    ],
)
def test_bad_input_is_named(arguments, message):
    denoiser = EmpiricalDenoiser(gaussian_data(5, torch.ones(3), seed=0))
    with pytest.raises(ValueError, match=message):
        planted_posterior(denoiser, **{"sigma": 1.0, **arguments})
