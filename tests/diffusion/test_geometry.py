"""Dimensions and subspaces: closed forms, reference tables, large data."""

import math
import subprocess
import sys

import pytest
import torch
from gaussian import TWO, manifold, mean_sem, planted, randn

from diffusion import (
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    LinearManifoldDenoiser,
    jacobian_spectrum,
    manifold_dimension,
    manifold_factors,
    subspace_dimension,
    subspace_signal_to_noise,
    theory,
)
from diffusion.geometry import METHODS, PHASES

ONE = ((4,), (1.0,))  # dimensions and variances of subspaces


# estimators on the exact score


@pytest.mark.parametrize("sigma", [2.0, 1.0, 0.3, 0.05, 0.001])
def test_effective_dimension_of_a_manifold(sigma):
    exact = manifold(TWO)
    lam = torch.tensor([1.0, 1.0, 0.01, 0.01], dtype=torch.float64)
    found = manifold_dimension(exact, randn(3, 50), sigma, "effective")
    expected = (lam / (lam + sigma**2)).sum().expand(3)
    torch.testing.assert_close(found.value, expected)
    assert found.gap.isnan().all()


def test_dimensions_and_phases_of_two_subspaces():
    exact, x = manifold(TWO), randn(1, 50)
    expected = {  # σ²: gap and half-count dimension, and the phase
        100.0: (0, 0, "trivial"),
        0.5: (2, 2, "coverage"),
        0.03: (2, 2, "coverage"),
        0.011: (2, 2, "coverage"),  # just above t_switch = 0.0102
        0.0095: (4, 4, "coverage"),
        1e-5: (4, 4, "consolidation"),
    }
    for t, (gap, half, phase) in expected.items():
        by_gap = manifold_dimension(exact, x, t**0.5, "gap")
        by_half = manifold_dimension(exact, x, t**0.5, "half-count")
        assert (float(by_gap.value), float(by_half.value)) == (gap, half)
        assert by_gap.phase == by_half.phase == (phase,)
        sizes = [1 / (t + 1), t / (t + 0.01) - t / (t + 1), 0.01 / (t + 0.01)]
        if gap:
            assert float(by_gap.gap) == pytest.approx(max(sizes[1:]), abs=1e-9)


def test_data_that_fills_its_space_has_every_dimension():
    exact = GaussianMixtureDenoiser(torch.zeros(1, 5), 1.0)
    found = manifold_dimension(exact, torch.zeros(1, 5), 0.1, "gap")
    assert float(found.value) == 5
    assert found.phase == ("consolidation",)


def test_collapsed_and_trivial_are_told_apart():
    exact = manifold(TWO)
    for t, phase in ((1e3, "trivial"), (30.0, "trivial"), (1e-5, "collapsed"), (1e-9, "collapsed")):
        denoiser, x = planted(exact, 300, t, seed=1, count=10)
        for method in ("gap", "half-count", "effective"):
            found = manifold_dimension(denoiser, x, t**0.5, method)
            assert set(found.phase) == {phase}, (t, method)
            assert found.value.max() < 0.1
        bundle = manifold_dimension(denoiser, denoiser.data[:1], t**0.5, "normal-bundle", seed=0)
        assert set(bundle.phase) == {phase}
        assert bundle.value.max() == 0


def test_between_two_points_there_is_no_normal_direction():
    # λ = Cov/σ² = 25 along the axis: |tJ| = 24 must not pass for the largest normal value
    data = torch.zeros(2, 30, dtype=torch.float64)
    data[0, 0], data[1, 0] = 1.0, -1.0
    found = manifold_dimension(EmpiricalDenoiser(data), torch.zeros(1, 30), 0.2, "gap")
    assert float(found.value) == 1


def test_normal_bundle_reference():
    # 20 trials: exact score of 4 unit variances; two variances
    references = ((ONE, 0.1, 3.15), (ONE, 1e-3, 4.0), (TWO, 0.01, 2.0), (TWO, 1e-5, 4.0))
    for case, t, expected in references:
        exact = manifold(case)
        clean = exact.draw(20, seed=1)
        found = manifold_dimension(exact, clean, t**0.5, "normal-bundle", seed=2)
        assert float(found.value.mean()) == pytest.approx(expected, abs=0.25)  # 2 s.e. of both
        again = manifold_dimension(exact, clean, t**0.5, "normal-bundle", seed=2)
        assert torch.equal(found.value, again.value)


def test_flipd_is_the_derivative_along_noise():  # T16
    denoisers = (manifold(TWO), EmpiricalDenoiser(randn(40, 50)))
    x, h = randn(3, 50, seed=3), 1e-4
    for denoiser in denoisers:
        for sigma in (1.0, 3.0):
            grid = [denoiser.log_density(x, sigma * math.exp(k * h)) for k in (-2, -1, 1, 2)]
            slope = (grid[0] - 8 * grid[1] + 8 * grid[2] - grid[3]) / (12 * h)
            found = manifold_dimension(denoiser, x, sigma, "flipd").value
            # rounding of log p over h: 1e-15 · 100 / 1e-4
            torch.testing.assert_close(found, 50 + slope, rtol=0, atol=1e-8)


def test_flipd_tells_training_points_from_fresh_ones():
    exact = manifold(ONE)
    reference = {1.0: (3.000, 2.95, 2.80), 0.1: (3.967, 2.23, 4.09), 0.01: (4.0, 0.087, 18.0)}
    data, fresh = exact.draw(1000, seed=1), exact.draw(1000, seed=2)
    denoiser = EmpiricalDenoiser(data)
    for t, (clean, training, median) in reference.items():
        own = manifold_dimension(exact, fresh, t**0.5, "flipd").value.mean()
        seen = manifold_dimension(denoiser, data, t**0.5, "flipd")
        unseen = manifold_dimension(denoiser, fresh, t**0.5, "flipd").value.median()
        assert float(own) == pytest.approx(clean, abs=0.1)  # 4 s.e. over points
        assert float(seen.value.mean()) == pytest.approx(training, abs=0.1)
        assert float(unseen) == pytest.approx(median, rel=0.1)
    assert seen.phase.count("collapsed") > 800


# the reference table: exact empirical score, d = 50, planted points

TABLE = {  # (case, P): {t: (D_eff, its error)}
    (TWO, 10): {1: (0.84, 0.02), 0.1: (0.86, 0.10), 0.03: (0.38, 0.08), 0.01: (0.22, 0.09)},
    (TWO, 100): {
        1: (0.98, 0.02),
        0.1: (1.75, 0.03),
        0.03: (1.69, 0.10),
        0.01: (0.89, 0.07),
        0.003: (0.29, 0.06),
        0.001: (0.06, 0.02),
    },
    (TWO, 1000): {
        1: (1.01, 0.01),
        0.1: (1.98, 0.02),
        0.03: (2.26, 0.05),
        0.01: (2.30, 0.05),
        0.003: (1.45, 0.10),
        0.001: (0.43, 0.07),
        0.0003: (0.06, 0.04),
    },
    (ONE, 100): {1: (1.83, 0.03), 0.3: (2.31, 0.03), 0.1: (1.50, 0.08), 0.03: (0.62, 0.13)},
    (ONE, 1000): {
        1: (1.99, 0.01),
        0.3: (3.01, 0.04),
        0.1: (3.14, 0.09),
        0.03: (1.91, 0.09),
        0.01: (0.51, 0.08),
    },
}
LARGE = {
    (TWO, 10_000): {
        0.1: (2.00, 0.01),
        0.03: (2.42, 0.02),
        0.01: (2.76, 0.04),
        0.003: (2.97, 0.10),
        0.001: (1.76, 0.16),
        0.0003: (0.58, 0.09),
        0.0001: (0.05, 0.02),
    },
    (ONE, 10_000): {
        0.3: (3.04, 0.02),
        0.1: (3.51, 0.07),
        0.03: (3.17, 0.04),
        0.01: (2.09, 0.20),
        0.003: (0.40, 0.06),
    },
    (TWO, 100_000): {0.003: (3.51, 0.05), 0.001: (3.32, 0.10), 0.0003: (1.84, 0.22)},
    (ONE, 100_000): {0.1: (3.64, 0.05), 0.03: (3.71, 0.17), 0.01: (3.05, 0.56)},
}


def check_table(case, P, row, sets):
    exact = manifold(case)
    for t, (expected, error) in row.items():
        values = []
        for seed in range(sets):
            denoiser, x = planted(exact, P, t, seed)
            values.append(manifold_dimension(denoiser, x, t**0.5, "effective").value)
        found, sem = mean_sem(torch.cat(values))
        # 4 s.e. of both, and the 0.05 that correlated points of one data set are given
        assert abs(found - expected) < 4 * math.hypot(sem, error) + 0.05, (case, P, t)


@pytest.mark.parametrize(("case", "P"), TABLE)
def test_effective_dimension_of_data(case, P):  # T9
    check_table(case, P, TABLE[case, P], sets=6)


@pytest.mark.slow
@pytest.mark.parametrize(("case", "P"), LARGE)
def test_effective_dimension_of_much_data(case, P):  # T9
    check_table(case, P, LARGE[case, P], sets=6 if P < 100_000 else 2)


def test_half_count_of_data():
    reference = {0.1: 2.00, 0.03: 1.98, 0.01: 2.57, 0.003: 2.19, 0.001: 0.79}
    exact = manifold(TWO)
    for t, expected in reference.items():
        values = []
        for seed in range(2):
            denoiser, x = planted(exact, 10_000, t, seed)
            values.append(manifold_dimension(denoiser, x, t**0.5, "half-count").value)
        found, sem = mean_sem(torch.cat(values))
        assert abs(found - expected) < 4 * 2**0.5 * sem + 0.05, t  # 4 s.e. of both


# subspaces


def test_subspaces_of_a_manifold():
    sizes, variances = (2, 2), (1.0, 0.05)
    F = manifold_factors(20, sizes, variances, seed=0)
    bases = [F[:, :2], F[:, 2:] / 0.05**0.5]
    found = subspace_dimension(LinearManifoldDenoiser(F), randn(2, 20), 0.3, bases)
    expected = torch.tensor([2 / 1.09, 2 * 0.05 / 0.14], dtype=torch.float64).expand(2, 2)
    torch.testing.assert_close(found, expected)


def test_subspaces_of_data_add_up_to_the_effective_dimension():
    denoiser = EmpiricalDenoiser(randn(60, 6) + 3)
    x = denoiser.data[:4] + 0.5 * randn(4, 6, seed=1)
    parts = subspace_dimension(denoiser, x, 0.5, torch.eye(6).split([1, 2, 3], 1))
    whole = manifold_dimension(denoiser, x, 0.5, "effective").value
    torch.testing.assert_close(parts.sum(1), whole)


@pytest.mark.parametrize(("P", "half"), [(100, (0.80, 0.92)), (1000, (0.45, 0.49))])
def test_mean_retention_of_both_subspaces_falls_at_one_time(P, half):
    # so the mean does not tell which is lost first; at these σ² half is left
    sizes, variances = (10, 10), (1.0, 0.1)
    exact = LinearManifoldDenoiser(manifold_factors(20, sizes, variances, seed=0))
    axes = exact.F / exact.F.norm(dim=0)
    for which, t in enumerate(half):
        left = []
        for seed in range(12):
            denoiser, x = planted(exact, P, t, seed, count=100)
            bases = [axes.split(list(sizes), 1)[which]]
            parts = [subspace_dimension(d, x, t**0.5, bases) for d in (denoiser, exact)]
            left.append(float(parts[0].mean() / parts[1].mean()))
        found, sem = mean_sem(torch.tensor(left))
        assert abs(found - 0.5) < 4 * sem + 0.02  # 4 s.e., and the rounding of t


def test_signal_to_noise_follows_theory():  # T10
    # SNR at a fixed typical point |x_k| = sqrt(t + λ_k); N₂ > 10
    sizes, variances, P, sets = (2, 2), (1.0, 0.05), 3000, 400
    F = manifold_factors(4, sizes, variances, seed=0)
    exact = LinearManifoldDenoiser(F)
    lam = torch.tensor(variances).repeat_interleave(torch.tensor(sizes)).double()
    axes = F / lam.sqrt()
    generator = torch.Generator().manual_seed(5)
    denoisers = [EmpiricalDenoiser(exact.draw(P, generator)) for _ in range(sets)]
    for t in (1.0, 0.3, 0.1):
        x = (axes @ (lam + t).sqrt())[None]
        found = subspace_signal_to_noise(denoisers, x, t**0.5, axes.split(list(sizes), 1))
        jacobian = theory.snr_jacobian(P, lam, t**0.5)[[0, 2]]
        score = theory.snr_score(P, lam, t**0.5)[[0, 2]]
        # 10 %: 1/sqrt(2·400) = 3.5 % for a direction, and corrections in 1/N₂
        torch.testing.assert_close(found.jacobian[0], torch.tensor(jacobian), rtol=0.1, atol=0)
        torch.testing.assert_close(found.score[0], torch.tensor(score), rtol=0.1, atol=0)
        assert found.jacobian[0, 0] < found.jacobian[0, 1]  # the larger variance goes first


# large data


LARGE_RUN = """
import torch
from diffusion import EmpiricalDenoiser, jacobian_spectrum, manifold_dimension
data = torch.randn(60_000, 784, generator=torch.Generator().manual_seed(0))
denoiser, x = EmpiricalDenoiser(data), data[:2] + torch.randn(2, 784)
for sigma in (1.0, 30.0):
    manifold_dimension(denoiser, x, sigma, "effective")
    jacobian_spectrum(denoiser, x, sigma)
# not ru_maxrss, which starts from that of the process that starts this one
print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 2**20)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_image_sized_data_in_bounded_memory():
    done = subprocess.run(
        [sys.executable, "-c", LARGE_RUN], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 2.0  # GiB


# the door


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_equals_a_loop(method):
    exact, sigma = manifold(TWO, d=9), torch.tensor([0.05, 0.5, 5.0])
    x = exact.draw(3, seed=0)
    if method in ("normal-bundle", "second-difference"):  # one stream of noise serves all rows
        sigma = sigma[:1]
        x = x[:1]
    whole = manifold_dimension(exact, x, sigma, method, seed=1)
    for i in range(len(x)):
        alone = manifold_dimension(exact, x[i : i + 1], float(sigma[i]), method, seed=1)
        torch.testing.assert_close(alone.value[0], whole.value[i], equal_nan=True)
        assert alone.phase[0] == whole.phase[i]
    assert set(whole.phase) <= set(PHASES)
    assert set(whole.to_dict()) == {"value", "gap", "phase", "half_count"}


EXACT = manifold(TWO, d=6)
X = torch.zeros(2, 6, dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: manifold_dimension(EXACT, X, 1.0, "svd"), "method must be one of 'gap', 'half-"),
        (lambda: manifold_dimension(EXACT, X, 1.0, floor=0.0), r"floor must lie in \(0, 1\)"),
        (lambda: manifold_dimension(EXACT, X, 0.0), "sigma must be positive"),
        (
            lambda: manifold_dimension(EXACT, X, 1.0, "second-difference"),
            "x must have at least 9 coordinates, got 6",
        ),
        (
            lambda: manifold_dimension(EXACT, X, 1.0, perturbations="random"),
            "perturbations must be one of 'symmetric', 'plain', 'gaussian'",
        ),
        (lambda: manifold_dimension(EXACT, X, [1.0] * 3), r"sigma must be .* shape \(2,\)"),
        (lambda: jacobian_spectrum(EXACT, X[:, :2], 1.0), r"x must have shape \(rows, 6\)"),
        (lambda: jacobian_spectrum(EXACT, X / 0, 1.0), "x must be finite"),
        (
            lambda: jacobian_spectrum(lambda x, s: torch.zeros_like(x), X, 1.0),
            "denoiser must be differentiable by torch",
        ),
        (lambda: subspace_dimension(EXACT, X, 1.0, []), "subspaces must hold at least one"),
        (
            lambda: subspace_dimension(EXACT, X, 1.0, [torch.ones(6, 2)]),
            "subspaces must have orthonormal columns",
        ),
        (
            lambda: subspace_dimension(EXACT, X, 1.0, [torch.eye(5)]),
            r"subspaces must have shape \(6, directions\)",
        ),
        (
            lambda: subspace_signal_to_noise([EXACT], X, 1.0, [torch.eye(6)]),
            "denoisers must be at least 2, got 1",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
