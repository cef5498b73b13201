"""Closed forms of unseen data: finite spectra, measured denoisers, and nearest points counted."""

import numpy as np
import pytest
import torch

from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser, denoising_error
from diffusion.theory import linear_error, linear_held_out_error, own_half_fraction

MARCHENKO_PASTUR = {  # σ, P at d = 20: train and held-out
    (0.5, 30): (0.1712, 0.2730),
    (0.5, 100): (0.1930, 0.2098),
    (1.0, 30): (0.4189, 0.6026),
    (1.0, 100): (0.4751, 0.5273),
    (1.0, 300): (0.4917, 0.5086),
}
MEASURED = {  # of the linear denoiser, by an independent program: means of 6 sets and their errors
    (0.5, 30): ((0.170, 0.002), (0.283, 0.005)),
    (0.5, 100): ((0.193, 0.003), (0.211, 0.002)),
    (1.0, 30): ((0.410, 0.004), (0.615, 0.007)),
    (1.0, 100): ((0.477, 0.006), (0.524, 0.004)),
    (1.0, 300): ((0.498, 0.005), (0.507, 0.003)),
}
EMPIRICAL = {
    (1.0, 10): ((0.016, 0.003), (1.249, 0.021)),
    (1.0, 1000): ((0.226, 0.007), (0.693, 0.008)),
    (0.5, 100): ((0.0, 0.001), (0.882, 0.010)),
}


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("setting", "known"), MARCHENKO_PASTUR.items())
def test_the_errors_are_those_of_marchenko_and_pastur(setting, known):
    sigma, P = setting
    found = linear_error(20 / P, sigma), linear_held_out_error(20 / P, sigma)
    assert found == pytest.approx(known, abs=1e-4)


@pytest.mark.parametrize("ratio", [0.05, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 5.0])
def test_they_are_those_of_a_large_spectrum(ratio, sigma):
    P = 400
    data = normal(P, round(ratio * P), seed=0)
    lam, t = torch.linalg.eigvalsh(data.T @ data / P).clip(0), sigma**2
    known = t * lam / (lam + t), (t**2 + t * lam**2) / (lam + t) ** 2
    found = linear_error(ratio, sigma), linear_held_out_error(ratio, sigma)
    for value, each in zip(found, known, strict=True):
        assert value == pytest.approx(float(each.mean()), rel=0.04)  # fluctuations of some 1/P


EXACT = {  # d = 20, means over 400 sets by an independent program
    (0.5, 30): (0.1699, 0.2789),
    (0.5, 100): (0.1926, 0.2105),
    (1.0, 30): (0.4154, 0.6064),
    (1.0, 100): (0.4743, 0.5285),
    (1.0, 300): (0.4910, 0.5091),
}


@pytest.mark.parametrize(("setting", "known"), EXACT.items())
def test_they_differ_from_small_spectra_as_is_known(setting, known):
    sigma, P = setting
    data, t = normal(400, P, 20, seed=P), sigma**2
    lam = torch.linalg.eigvalsh(data.mT @ data / P)
    by_set = torch.stack([t * lam / (lam + t), (t**2 + t * lam**2) / (lam + t) ** 2]).mean(2)
    sem = by_set.std(1).numpy() / 20
    # 4 s.e. of both means over 400 sets
    assert (np.abs(by_set.mean(1).numpy() - known) < 4 * 2**0.5 * sem + 5e-5).all()
    laws = linear_error(20 / P, sigma), linear_held_out_error(20 / P, sigma)
    assert (np.abs(by_set.mean(1).numpy() - laws) < 0.007).all()  # finite size, d = 20


def test_the_gap_falls_as_the_entries_per_datum():
    sigma, ratio = np.array([0.3, 1.0, 3.0]), 1e-5
    gap = linear_held_out_error(ratio, sigma) - linear_error(ratio, sigma)
    assert gap == pytest.approx(2 * ratio * sigma**4 / (1 + sigma**2) ** 3, rel=1e-3)


def test_the_gap_of_many_data_is_exact_at_any_noise():
    for sigma in (1e-4, 1e-2, 1e2, 1e4):  # nothing of what remains is lost by cancellation
        bayes = sigma**2 / (1 + sigma**2)
        for law in (linear_error, linear_held_out_error):
            assert law(1e-9, sigma) == pytest.approx(bayes, rel=1e-8)


def errors(make, sigma, P, sets=6):
    """Errors of one denoising on the data and on others, (2, sets), d = 20."""
    found = []
    for seed in range(sets):
        data, others = normal(P, 20, seed=seed), normal(500, 20, seed=100 + seed)
        denoiser = make(data)
        draws = -(-500 // P)
        found.append(
            [
                float(denoising_error(denoiser, rows, sigma, n, seed=seed).mean())
                for rows, n in ((data, draws), (others, 1))
            ]
        )
    return np.array(found).T


@pytest.mark.parametrize(("setting", "known"), [*MEASURED.items(), *EMPIRICAL.items()])
def test_measured_errors_are_those_of_an_independent_program(setting, known):
    """And those of the linear denoiser are near the closed form, d = 20 being finite."""
    linear = known == MEASURED.get(setting)
    make = (lambda y: LinearManifoldDenoiser(y.T / len(y) ** 0.5)) if linear else EmpiricalDenoiser
    sigma, P = setting
    found = errors(make, sigma, P)
    sems = found.std(1, ddof=1) / 6**0.5
    for value, sem, (mean, error) in zip(found.mean(1), sems, known, strict=True):
        assert abs(value - mean) < 4 * np.hypot(sem, error)  # 4 s.e. of both programs
    if linear:
        laws = linear_error(20 / P, sigma), linear_held_out_error(20 / P, sigma)
        # finite size, d = 20: up to 0.006 by exact averages over 400 sets
        assert (np.abs(found.mean(1) - laws) < 4 * sems + 0.006).all()


@pytest.mark.parametrize(("P", "d", "sigma"), [(1, 3, 1.0), (5, 1, 0.3), (10, 4, 1.0), (20, 8, 2)])
def test_points_of_the_own_half_are_counted(P, d, sigma):
    count = 20_000
    points = normal(count, 2 * P, d, seed=P)
    x = (points[:, 0] + sigma * normal(count, d, seed=1 + P)) / (1 + sigma**2) ** 0.5
    nearest = (points - x[:, None]).square().sum(2).argmin(1)
    own = float((nearest < P).double().mean())
    exact = float(own_half_fraction(P, d, sigma))
    assert abs(own - exact) < 4 * (exact * (1 - exact) / count) ** 0.5


def test_the_fractions_of_an_independent_program():
    known = {
        1.0: (0.962, 0.900, 0.812),
        1.5: (0.8152, 0.6994, 0.6086),
        3.0: (0.5909, 0.5362, 0.5125),
    }
    for sigma, values in known.items():
        # means of some thousand samples each: 4 s.e. of 0.0025
        assert own_half_fraction([20, 100, 500], 20, sigma) == pytest.approx(values, abs=0.01)


@pytest.mark.parametrize(("P", "d"), [(1e8, 1), (1e5, 1), (1e8, 2)])
def test_many_points_are_as_far_apart_as_their_density_says(P, d):
    """Of P → ∞ points 2P p(x)V are nearer than a ball V, so that (π − ½)4P → (1 − c)^−d − 1."""
    c = 1 / (1 + 3.0**2) ** 0.5
    found = (own_half_fraction(P, d, 3.0) - 0.5) * 4 * P
    assert found == pytest.approx((1 - c) ** -d - 1, rel=0.03)  # far from the origin points are few


def test_a_copy_is_of_its_half_and_pure_noise_of_none():
    assert own_half_fraction(50, 10, [1e-3, 1e6]) == pytest.approx([1, 0.5], abs=1e-4)


@pytest.mark.parametrize(
    ("ratio", "sigma", "known", "held_out"),
    [
        (1e200, 1.0, 0.0, 1.0),  # one datum of many entries: D ≈ 0 on others
        (0.5, 1e80, 1.0, 1.0),  # all noise: D = 0
        (1e-200, 1.0, 0.5, 0.5),  # many data: the exact denoiser
        (1e200, 1e100, 0.5, 1.25),  # 1 and σ²/4 per datum, where λ = σ²
    ],
)
def test_errors_have_limits(ratio, sigma, known, held_out):
    assert linear_error(ratio, sigma) == pytest.approx(known, abs=1e-12)
    assert linear_held_out_error(ratio, sigma) == pytest.approx(held_out, abs=1e-12)


def test_what_is_out_of_range_is_refused():
    with pytest.raises(
        ValueError, match=r"ratio and sigma must broadcast, got shapes \(3,\), \(2,"
    ):
        linear_error([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"P and sigma must broadcast"):
        own_half_fraction([1.0, 2.0, 3.0], 4, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"P must lie in \[1, 1e\+100\), got 0.5"):
        own_half_fraction(0.5, 3, 1.0)
    with pytest.raises(ValueError, match="d must be a whole number of at least 1 and at most"):
        own_half_fraction(5, 10**7, 1.0)
    with pytest.raises(ValueError, match="ratio must be positive"):
        linear_error(0.0, 1.0)
