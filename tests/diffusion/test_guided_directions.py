"""Class and whole of commuting covariances: each direction for itself."""

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import VE, GaussianMixtureDenoiser, GuidedDenoiser, noise_levels, sample
from diffusion.guidance import Window, direction_ratios
from diffusion.theory import guided_directions


@pytest.mark.parametrize(
    ("own", "whole", "w", "flow", "mean", "sde"),
    [
        (2.0, 1.0, 1.0, 2.0, 2.5708, 2.33333),
        (2.0, 1.0, 3.0, 8.0, 8.7124, 18.1429),
        (1.0, 1.2, 1.0, 0.833333, 1.88489, 0.842593),
        (1.0, 1.2, 3.0, 0.578704, 3.35612, 0.617930),
    ],
)
def test_each_direction_has_its_own_end(own, whole, w, flow, mean, sde):
    """A class wider than the whole is widened; as a schedule it is integrated instead."""
    for weight in (w, lambda sigma: w):
        a, R = guided_directions(own, whole, weight)
        assert (float(a), float(R)) == pytest.approx((mean, flow), rel=2e-5)
        assert float(guided_directions(own, whole, weight, "sde")[1]) == pytest.approx(
            sde, rel=1e-5
        )
    assert float(R) == pytest.approx((own / whole) ** w, rel=1e-6)


def test_a_window_acts_on_directions_unlike():
    R = guided_directions([0.25, 2.0, 1.0], [1.25, 1.0, 1.0], Window(3.0, 1.0))[1]
    assert pytest.approx([0.476299, 2.53125, 1.0], rel=1e-5) == R


@pytest.mark.parametrize(("method", "theory"), [("heun", "flow"), ("stochastic-heun", "sde")])
def test_samples_have_the_variance_of_their_directions(method, theory):
    """Measured along the eigenvectors of turned covariances; the trace says neither."""
    turn = torch.linalg.qr(randn(2, 2))[0]
    variances = torch.tensor([[0.25, 2.0], [1.25, 1.0]]).double()
    covariances = (turn * variances[:, None, :]) @ turn.T
    means = torch.stack([turn @ torch.ones(2).double(), torch.zeros(2).double()])
    each = zip(means[:, None], covariances[:, None], strict=True)
    own, whole = (GaussianMixtureDenoiser(*one) for one in each)
    n, start = 4000, 300.0
    levels = noise_levels(start, 150, 0.5)
    x = sample(
        GuidedDenoiser(own, whole, 1.0), start * randn(n, 2), VE(), method, levels=levels, seed=1
    )
    found = direction_ratios(x, torch.zeros(n, dtype=torch.long), own)[0]
    _, R = guided_directions([0.25, 2.0], [1.25, 1.0], 1.0, theory)
    assert np.abs(found.numpy() / R - 1).max() < 4 * (2 / n) ** 0.5 + 0.02
    assert R[0] < 0.5 < 1.5 < R[1]


def test_bad_input_is_named():
    for own, whole, name in ((0.0, 1.0, "own"), (1.0, [-1.0], "whole")):
        with pytest.raises(ValueError, match=f"{name} must be positive"):
            guided_directions(own, whole, 1.0)
    mixture = GaussianMixtureDenoiser(randn(2, 2), 0.5)
    with pytest.raises(ValueError, match="labels must give two samples or more of each of 2"):
        direction_ratios(randn(3, 2), torch.zeros(3, dtype=torch.long), mixture)
