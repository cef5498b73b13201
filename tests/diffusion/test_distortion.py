"""Measures of distortion on samples whose distortion is known."""

import math

import numpy as np
import pytest
import torch
from gaussian import randn
from scipy.linalg import sqrtm

from diffusion import GaussianMixtureDenoiser
from diffusion.guidance import distortion, most_probable, random_classes, vendi_score


def distorted(d=12, classes=4, n=4000, a=1.3, V=0.1, seed=0):
    """Samples aμ + √V z of each class of variance ¼."""
    mixture = random_classes(classes, d, seed=seed)
    labels = torch.arange(classes).repeat_interleave(n)
    return a * mixture.means[labels] + V**0.5 * randn(classes * n, d, seed=9), labels, mixture


def test_known_moments_are_found():
    d, n, a, V = 12, 4000, 1.3, 0.1
    x, labels, mixture = distorted(d, n=n, a=a, V=V)
    found = distortion(x, labels, mixture, diversity=False)
    square = mixture.means.square().sum(1)
    assert (found.overlap - a).abs().max() < 4 * (V / n / square.min()) ** 0.5
    assert (found.variance_ratio / (V / 0.25) - 1).abs().max() < 4 * (2 / n / d) ** 0.5
    assert (found.parallel_ratio / (V / 0.25) - 1).abs().max() < 4 * (2 / n) ** 0.5
    shift = (a - 1) * (square / (d * 0.25)).sqrt()
    assert found.mean_shift == pytest.approx(shift, abs=0.02)
    w2 = ((a - 1) ** 2 * square / d + (V**0.5 - 0.5) ** 2).sqrt()
    assert found.wasserstein == pytest.approx(w2, abs=0.01)
    assert found.separability == pytest.approx(a * (square / (d * V)).sqrt(), rel=0.02)
    centred = mixture.means - mixture.means.mean(0)
    J = a**2 * float(centred.square().sum(1).mean()) / (d * V)
    assert found.fisher_ratio == pytest.approx(J, rel=0.02)
    assert found.retention.tolist() == [1, 1, 1, 1]
    assert found.vendi.isnan().all()


def test_without_distortion_nothing_is_found():
    """Squared means are corrected for their noise, so that few samples do not look distorted."""
    a, ratio, J = [], [], []
    mixture = random_classes(4, 6, seed=0)
    labels = torch.arange(4).repeat_interleave(10)
    for seed in range(300):
        x = mixture.means[labels] + 0.5 * randn(40, 6, seed=seed)
        found = distortion(x, labels, mixture, diversity=False)
        a.append(float(found.overlap.mean()))
        ratio.append(float(found.variance_ratio.mean()))
        J.append(found.fisher_ratio * found.means()["variance_ratio"])
    for values, expected in (
        (a, 1),
        (ratio, 1),
        (J, float((mixture.means - mixture.means.mean(0)).square().sum(1).mean()) / 1.5),
    ):
        assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 300**0.5)


def test_covariances_that_do_not_commute():
    """W2 of two Gaussians by scipy's matrix root."""
    root = randn(3, 3, seed=4)
    own = root @ root.T + 0.1 * torch.eye(3).double()
    mixture = GaussianMixtureDenoiser(randn(1, 3), own[None])
    x = mixture.means + randn(5000, 3, seed=5) @ randn(3, 3, seed=6)
    found = distortion(x, torch.zeros(5000, dtype=torch.long), mixture, diversity=False)
    C = np.cov(x.T.numpy())
    half = sqrtm(own.numpy())
    cross = np.trace(sqrtm(half @ C @ half)).real
    shift = float((x.mean(0) - mixture.means[0]).square().sum()) - np.trace(C) / 5000
    w2 = math.sqrt((max(shift, 0) + np.trace(C) + float(own.trace()) - 2 * cross) / 3)
    assert float(found.wasserstein) == pytest.approx(w2, rel=1e-6)
    assert math.isnan(found.fisher_ratio)


def test_retention_counts_what_left():
    x, labels, mixture = distorted(n=100)
    x[:25] = mixture.means[3]  # of class 0
    assert distortion(x, labels, mixture, diversity=False).retention.tolist() == [0.75, 1, 1, 1]
    told = distortion(x, labels, mixture, classify=lambda y: labels, diversity=False)
    assert told.retention.tolist() == [1, 1, 1, 1]
    nearest = torch.cdist(x, mixture.means).argmin(1)  # equal weights and widths
    assert torch.equal(most_probable(x, mixture), nearest)


def test_vendi_counts_different_samples():
    far = 100.0 * torch.eye(6, dtype=torch.float64)
    assert vendi_score(far, 1.0) == pytest.approx(6)
    assert vendi_score(far[:1].expand(6, 6), 1.0) == pytest.approx(1)
    assert vendi_score(torch.cat([far, far]), 1.0) == pytest.approx(6)
    x = randn(40, 2)
    kernel = np.exp(-((x[:, None] - x) ** 2).sum(2).numpy() / (2 * 0.7**2)) / 40
    lam = np.linalg.eigvalsh(kernel)
    lam = lam[lam > 1e-14]
    assert vendi_score(x, 0.7) == pytest.approx(math.exp(-(lam * np.log(lam)).sum()))


@pytest.mark.parametrize("copied", [40**2 - 1, 40**2])
@pytest.mark.parametrize("numbers", [1, 3 * 40, 2**20])
def test_vendi_in_blocks_and_in_place(monkeypatch, copied, numbers):
    """On both sides of the size from which no copy of the kernel is made."""
    x = randn(40, 3)
    apart = ((x[:, None] - x) ** 2).sum(2)
    lam = np.linalg.eigvalsh(np.exp(-apart.numpy() / 2) / 40).clip(1e-300)
    monkeypatch.setattr("diffusion.guidance.distortions._COPIED", copied)
    monkeypatch.setattr("diffusion.guidance.distortions._NUMBERS", numbers)
    assert vendi_score(x, 1.0) == pytest.approx(math.exp(-(lam * np.log(lam)).sum()), rel=1e-9)


def test_a_control_is_divided_out():
    x, labels, mixture = distorted(a=1.3, V=0.1, n=500)
    control, _, _ = distorted(a=1.0, V=0.2, n=500)  # a sampler that shrinks by itself
    both = [distortion(y, labels, mixture) for y in (x, control)]
    relative = both[0].relative_to(both[1])
    assert relative["variance_ratio"] == pytest.approx(0.5, rel=0.05)
    assert relative["overlap"] == pytest.approx(1.3, rel=0.02)
    vendi = [float(one.vendi.mean()) for one in both]
    assert relative["vendi"] == pytest.approx(vendi[0] / vendi[1])
    width = float(torch.tensor(12 * 0.25).sqrt())
    assert float(both[0].vendi[1]) == pytest.approx(vendi_score(x[labels == 1], width))
    assert "wasserstein" not in relative
    assert set(both[0].errors()) == set(both[0].means()) - {"fisher_ratio"}
    assert len(both[0].to_dict()["retention"]) == 4


def test_a_centre_off_the_origin():
    x, labels, mixture = distorted()
    moved = GaussianMixtureDenoiser(mixture.means + 7, 0.25)
    shifted = distortion(x + 7, labels, moved, centre=torch.full((12,), 7.0), diversity=False)
    plain = distortion(x, labels, mixture, diversity=False)
    assert shifted.overlap == pytest.approx(plain.overlap)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, k, m: distortion(x, k[:5], m), r"labels must be whole numbers of shape \(40,\)"),
        (lambda x, k, m: distortion(x, k.double(), m), "got torch.float64"),
        (lambda x, k, m: distortion(x, k + 1, m), "labels must be classes 0 to 3"),
        (lambda x, k, m: distortion(x[:11], k[:11], m), "two samples of each or more"),
        (lambda x, k, m: distortion(x[:, :3], k, m), r"samples must have shape \(rows, 12\)"),
        (lambda x, k, m: distortion(x * math.nan, k, m), "samples must be finite"),
        (lambda x, k, m: vendi_score(x, 0.0), "width must be positive and finite, got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(*distorted(n=10))
