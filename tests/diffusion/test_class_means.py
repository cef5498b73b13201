"""Mixtures of one covariance, and one class per row, against the general mixture."""

import pytest
import torch
from gaussian import randn

from diffusion import GaussianMixtureDenoiser

D, K = 4, 6
MEANS, X = 2 * randn(K, D), 3 * randn(50, D, seed=1)
WEIGHTS = torch.tensor([0.3, 0.05, 0.15, 0.2, 0.25, 0.05], dtype=torch.float64)
A = randn(K, D, D, seed=2)
FULL = A @ A.mT / D + 0.1 * torch.eye(D, dtype=A.dtype)
SHARED = {
    "isotropic": 0.3,
    "diagonal": (randn(D, seed=3).square() + 0.1).expand(K, D),
    "full": FULL[:1].expand(K, D, D).contiguous(),
}
OWN = SHARED | {"per class": randn(K, seed=4).square() + 0.1, "covariances": FULL}
SIGMAS = [1e-3, 0.4, 3.0, 1e3]


@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("sigma", SIGMAS)
def test_shared_covariances_are_denoised_as_any_others(name, sigma):
    mixture = GaussianMixtureDenoiser(MEANS, SHARED[name], WEIGHTS)
    assert mixture._shared is not None
    x = X * max(1, sigma)
    plain = torch.cat([mixture._mean(p) for p in mixture._posteriors(x, sigma)])
    assert (mixture(x, sigma) - plain).abs().max() < 1e-11 * max(1, sigma)
    levels = torch.linspace(0.1, 5, len(x), dtype=torch.float64)
    rows = torch.cat([mixture(x[k : k + 1], float(levels[k])) for k in range(len(x))])
    assert torch.allclose(mixture(x, levels), rows, atol=1e-12)
    assert mixture(x[:0], sigma).shape == (0, D)


def test_blocks_do_not_change_the_result(monkeypatch):
    mixture = GaussianMixtureDenoiser(MEANS, 0.3)
    whole = mixture(X, 0.5)
    monkeypatch.setattr("diffusion._class_means._LOGITS", 20)
    assert torch.allclose(mixture(X, 0.5), whole, atol=1e-13)


@pytest.mark.parametrize("sigma", [1e-3, 0.3, 1e3])
def test_single_precision_stays_accurate(sigma):
    """Centres far from the origin and narrow classes: logits of 10⁵ and more."""
    means = 100 + randn(40, 20)
    exact, single = (GaussianMixtureDenoiser(m, 1e-4) for m in (means, means.float()))
    x = (means[:10] + 1e-2 * randn(10, 20, seed=1) * max(1, 100 * sigma)).float()
    assert single(x, sigma).dtype == torch.float32
    assert (single(x, sigma) - exact(x.double(), sigma)).abs().max() < 1e-3


@pytest.mark.parametrize("name", OWN)
def test_each_row_has_its_own_class(name):
    mixture = GaussianMixtureDenoiser(MEANS, OWN[name], WEIGHTS)
    labels = torch.arange(len(X)) % K
    own = mixture.condition(labels)
    for sigma in (0.4, torch.linspace(0.1, 5, len(X), dtype=torch.float64)):
        level = torch.as_tensor(sigma).expand(len(X))
        found = own(X, sigma)
        for k in range(K):
            rows = labels == k
            assert torch.allclose(found[rows], mixture.condition(k)(X[rows], level[rows]))
    assert torch.allclose(mixture.covariances()[2], mixture.condition(2).covariances()[0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.condition(K), "label must be a class 0 to 5, or one per row, got 6"),
        (lambda m: m.condition(-1), "label must be a class 0 to 5"),
        (lambda m: m.condition(1.5), "label must be a class 0 to 5, or one per row, got 1.5"),
        (lambda m: m.condition(torch.tensor([0, 6])), r"got torch.int64, \(2,\)"),
        (lambda m: m.condition(torch.tensor([0.0])), "got torch.float32"),
        (lambda m: m.condition(torch.tensor([0, 1]))(X, 1.0), "a row for each of the 2 labels"),
    ],
)
def test_bad_labels_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(GaussianMixtureDenoiser(MEANS, 0.3))
