"""Exact denoisers against automatic differentiation of their log-density, and brute force."""

import math

import numpy as np
import pytest
import torch
from gaussian import randn
from torch.autograd.functional import hessian, jacobian

from diffusion import (
    OU,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    LinearManifoldDenoiser,
    manifold_factors,
)

D = 6
SIGMAS = (1.0, 0.1**0.5, 0.1)  # σ² = 1, 0.1, 0.01


def covariances(classes=3, d=D):
    a = randn(classes, d, d, seed=5)
    return a @ a.mT / d + 0.1 * torch.eye(d, dtype=a.dtype)


MEANS = randn(3, D, seed=1)
WEIGHTS = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
EXACT = {
    "empirical": lambda: EmpiricalDenoiser(randn(40, D)),
    "isotropic": lambda: GaussianMixtureDenoiser(MEANS, 0.3, WEIGHTS),
    "per class": lambda: GaussianMixtureDenoiser(MEANS, torch.tensor([0.1, 0.5, 1.0]), WEIGHTS),
    "diagonal": lambda: GaussianMixtureDenoiser(MEANS, randn(3, D).square() + 0.1, WEIGHTS),
    "full": lambda: GaussianMixtureDenoiser(MEANS, covariances(), WEIGHTS),
    "manifold": lambda: LinearManifoldDenoiser(randn(D, 2, seed=2)),
    "wide manifold": lambda: LinearManifoldDenoiser(randn(D, 9, seed=2)),
}


@pytest.fixture(params=EXACT, name="denoiser")
def _denoiser(request):
    return EXACT[request.param]()


def log_density(denoiser):
    """log p_σ of one point, written plainly for automatic differentiation."""
    if isinstance(denoiser, EmpiricalDenoiser):

        def of(x, sigma):
            distance = (x - denoiser.data).square().sum(1)
            norm = math.log(len(denoiser)) + D / 2 * math.log(2 * math.pi * sigma**2)
            return torch.logsumexp(-distance / (2 * sigma**2), 0) - norm

        return of
    if isinstance(denoiser, LinearManifoldDenoiser):
        means, covariance = torch.zeros(1, D).double(), (denoiser.F @ denoiser.F.T)[None]
        weights = torch.ones(1).double()
    else:
        means, weights = denoiser.means, denoiser.weights
        values, basis = denoiser._eigenvalues, denoiser._basis
        covariance = torch.diag_embed(values)
        if basis is not None:
            covariance = covariances()

    def of(x, sigma):
        total = covariance + sigma**2 * torch.eye(D).double()
        gap = (x - means)[:, :, None]
        energy = (gap.mT @ torch.linalg.solve(total, gap)).squeeze((1, 2))
        energy = (energy + torch.linalg.slogdet(2 * math.pi * total)[1]) / 2
        return torch.logsumexp(weights.log() - energy, 0)

    return of


@pytest.mark.parametrize("sigma", SIGMAS)
def test_closed_forms_agree_with_automatic_differentiation(denoiser, sigma):
    x = randn(5, D, seed=3)
    if isinstance(denoiser, EmpiricalDenoiser):  # where logits are small, and so their rounding
        x = denoiser.data[:5] + sigma * x
    plain = log_density(denoiser)
    values = torch.stack([plain(row, sigma) for row in x])
    scores = torch.stack([jacobian(lambda y: plain(y, sigma), row) for row in x])
    tj = sigma**2 * torch.stack([hessian(lambda y: plain(y, sigma), row) for row in x])
    torch.testing.assert_close(denoiser.log_density(x, sigma), values, rtol=1e-12, atol=1e-11)
    torch.testing.assert_close(denoiser.score(x, sigma), scores, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(denoiser(x, sigma), x + sigma**2 * scores, rtol=1e-12, atol=1e-12)
    closed = denoiser.jacobian(x, sigma) - torch.eye(D).double()
    torch.testing.assert_close(closed, tj, rtol=0, atol=1e-12)


@pytest.mark.parametrize("sigma", [*SIGMAS, 30.0, 1e-4])
def test_shortcuts_agree_with_the_full_jacobian(denoiser, sigma):
    x = randn(4, D, seed=4)
    basis = torch.linalg.qr(randn(D, 2, seed=7)).Q
    jacobian = denoiser.jacobian(x, sigma)
    tolerance = {"rtol": 1e-9, "atol": 1e-9}  # a variance of 1e-8 out of squares of order 1
    torch.testing.assert_close(
        denoiser.jacobian_trace(x, sigma), torch.einsum("bii->b", jacobian), **tolerance
    )
    torch.testing.assert_close(
        denoiser.jacobian_eigenvalues(x, sigma), torch.linalg.eigvalsh(jacobian), **tolerance
    )
    torch.testing.assert_close(
        denoiser.jacobian_along(x, sigma, basis),
        torch.einsum("dm,bde,em->bm", basis, jacobian, basis),
        **tolerance,
    )


def test_a_batch_equals_a_loop_with_its_own_noise_levels(denoiser):
    x, sigma = randn(4, D, seed=4), torch.tensor([0.1, 0.5, 1.0, 3.0])
    before = x.clone()
    for method in ("__call__", "score", "log_density", "jacobian", "jacobian_eigenvalues"):
        together = getattr(denoiser, method)(x, sigma)
        alone = [getattr(denoiser, method)(x[i : i + 1], float(sigma[i])) for i in range(4)]
        torch.testing.assert_close(together, torch.cat(alone), rtol=1e-6, atol=1e-9)
    assert torch.equal(x, before)


def test_the_jacobian_of_a_batch_with_unequal_neighbourhoods():
    # one row sees all points (the shared table), the other rows one or two
    denoiser = EmpiricalDenoiser(randn(500, D))
    x = torch.cat([randn(1, D, seed=3), 3 * randn(15, D, seed=4)])
    sigma = torch.tensor([3.0] + [0.05] * 15)
    weights = denoiser.weights(x, sigma)
    gap = denoiser.data - (weights @ denoiser.data)[:, None]
    covariance = torch.einsum("bn,bnd,bne->bde", weights, gap, gap)
    expected = covariance / sigma.double().square()[:, None, None]
    torch.testing.assert_close(denoiser.jacobian(x, sigma), expected, rtol=0, atol=1e-12)
    many = denoiser.jacobian(x.repeat(8, 1), sigma.repeat(8).fill_(3.0))  # the table
    torch.testing.assert_close(many[0], expected[0], rtol=0, atol=1e-12)


def test_single_precision_stays_close():
    data = randn(300, 20, dtype=torch.float32) * 3 + 5
    x = data[:8] + 0.05 * randn(8, 20, dtype=torch.float32)
    single, double = EmpiricalDenoiser(data), EmpiricalDenoiser(data.double())
    for sigma in (0.05, 1.0, 5.0):
        for method in ("jacobian", "jacobian_trace", "jacobian_eigenvalues"):
            result = getattr(single, method)(x, sigma)
            assert result.dtype == torch.float32
            expected = getattr(double, method)(x.double(), sigma).float()
            torch.testing.assert_close(result, expected, rtol=1e-3, atol=1e-3)


def test_spectrum_of_a_linear_manifold():  # T3
    for variances, sizes in (([1.0], [4]), ([1.0, 0.01], [2, 2])):
        lam = np.repeat(variances, sizes)
        exact = LinearManifoldDenoiser(manifold_factors(50, sizes, variances, seed=0))
        for t in (1.0, 0.1, 1e-3):
            expected = np.sort(np.r_[-np.ones(50 - len(lam)), -t / (t + lam)])
            values = exact.jacobian_eigenvalues(torch.zeros(1, 50), t**0.5)[0] - 1
            np.testing.assert_allclose(values.numpy(), expected, atol=1e-12)


def test_a_schedule_only_relabels():  # T17: the same weights at time s and at σ² = e^{2s} − 1
    data, s = randn(30, D), 0.7
    xs = math.exp(-s) * data[:5] + float(OU().sigma(s)) * randn(5, D, seed=1)
    logits = -torch.cdist(xs, math.exp(-s) * data).square() / (2 * float(OU().sigma(s)) ** 2)
    weights = EmpiricalDenoiser(data).weights(xs * math.exp(s), float(OU().noise_level(s)))
    torch.testing.assert_close(weights, torch.softmax(logits, 1), rtol=1e-10, atol=1e-12)


def test_mean_is_the_weights_times_the_data():  # T2
    denoiser = EmpiricalDenoiser(randn(200, D))
    x = randn(20, D, seed=1)
    for sigma in SIGMAS:
        expected = denoiser.weights(x, sigma) @ denoiser.data
        torch.testing.assert_close(denoiser(x, sigma), expected, rtol=0, atol=1e-12)


def test_far_away_nothing_overflows():
    mixture = GaussianMixtureDenoiser(MEANS, covariances(), WEIGHTS)
    x = 1e4 * randn(3, D, seed=2)
    for sigma in (1e-3, 1.0, 1e4):
        parts = [mixture(x, sigma), mixture.score(x, sigma), mixture.jacobian(x, sigma)]
        assert all(torch.isfinite(part).all() for part in parts)
        torch.testing.assert_close(
            mixture.responsibilities(x, sigma).sum(1), torch.ones(3).double()
        )


@pytest.mark.parametrize("kind", ["isotropic", "per class", "diagonal", "full"])
def test_condition_is_the_mixture_of_one_class(kind):
    mixture, x = EXACT[kind](), randn(4, D, seed=6)
    classes = [mixture.condition(k) for k in range(3)]
    mass = mixture.responsibilities(x, 0.7)
    means = torch.stack([one(x, 0.7) for one in classes], 1)
    torch.testing.assert_close((mass[:, :, None] * means).sum(1), mixture(x, 0.7))
    evidence = torch.stack([one.log_density(x, 0.7) for one in classes], 1) + WEIGHTS.log()
    torch.testing.assert_close(torch.softmax(evidence, 1), mass)


@pytest.mark.parametrize("kind", ["per class", "diagonal", "full"])
def test_draws_have_the_moments_of_their_class(kind):
    mixture, count = EXACT[kind](), 60_000
    points, labels = mixture.draw(count, seed=0)
    again, _ = mixture.draw(count, seed=0)
    assert torch.equal(points, again)
    for k in range(3):
        mine = points[labels == k]
        share = float(mixture.weights[k])
        assert abs(len(mine) / count - share) < 4 * (share * (1 - share) / count) ** 0.5
        covariance = covariances()[k] if kind == "full" else mixture._eigenvalues[k].diag()
        worst = float(covariance.diagonal().max())
        error = worst / len(mine) ** 0.5  # of a mean √λ/√n, of a variance √2 λ/√n
        assert (mine.mean(0) - MEANS[k]).abs().max() < 5 * max(error, error / worst**0.5)
        assert (torch.cov(mine.T) - covariance).abs().max() < 5 * 2**0.5 * error


def test_draws_of_a_manifold():
    F = manifold_factors(8, [2, 1], [1.0, 0.25], seed=1)
    points = LinearManifoldDenoiser(F).draw(40_000, seed=3)
    assert (torch.cov(points.T) - F @ F.T).abs().max() < 5 * (2 / 40_000) ** 0.5


def test_gaussian_factors_have_the_marchenko_pastur_scale():
    F = manifold_factors(400, [80, 80], [1.0, 0.01], kind="gaussian", seed=0)
    assert F[:, :80].var() == pytest.approx(1 / 160, rel=0.03)  # 4 s.e. of 32 000 entries
    assert F[:, 80:].var() == pytest.approx(0.01 / 160, rel=0.03)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GaussianMixtureDenoiser(MEANS, 1.0, [0.5, 0.3, 0.3]), "weights must sum to 1"),
        (lambda: GaussianMixtureDenoiser(MEANS, 1.0, [1.5, -0.3, -0.2]), "weights must not be neg"),
        (
            lambda: GaussianMixtureDenoiser(MEANS, 1.0, [0.5, 0.5]),
            r"weights must have shape \(3,\)",
        ),
        (lambda: GaussianMixtureDenoiser(MEANS, 0.0), "variances must be positive definite"),
        (lambda: GaussianMixtureDenoiser(MEANS, float("nan")), "variances must be finite"),
        (
            lambda: GaussianMixtureDenoiser(MEANS, torch.ones(3, D, D)),
            "variances must be positive definite",
        ),
        (lambda: GaussianMixtureDenoiser(MEANS, randn(3, D, D)), "variances must be symmetric"),
        (
            lambda: GaussianMixtureDenoiser(MEANS, torch.ones(4)),
            r"variances must be a number, \(3,",
        ),
        (lambda: GaussianMixtureDenoiser(MEANS[:0], 1.0), "means must hold at least one class"),
        (lambda: GaussianMixtureDenoiser(MEANS, 1.0).condition(3), "label must be a class 0 to 2"),
        (lambda: GaussianMixtureDenoiser(MEANS, 1.0).draw(0), "count must be a whole number"),
        (lambda: GaussianMixtureDenoiser(MEANS, 1.0)(MEANS, -1.0), "sigma must be positive"),
        (lambda: LinearManifoldDenoiser(MEANS[0]), "F must have shape"),
        (lambda: LinearManifoldDenoiser(MEANS)(MEANS, 1.0), r"x must have shape \(rows, 3\)"),
        (lambda: manifold_factors(3, [2, 2], [1.0, 1.0]), "subspaces must fit into 3 dimensions"),
        (lambda: manifold_factors(9, [2, 2], [1.0]), "variances must be one per subspace"),
        (lambda: manifold_factors(9, [2], [0.0]), "variances must be positive"),
        (lambda: manifold_factors(9, [2], [1.0], kind="flat"), "kind must be one of"),
        (
            lambda: EmpiricalDenoiser(MEANS).jacobian_along(MEANS, 1.0, MEANS),
            r"directions must have shape \(6, directions\)",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
