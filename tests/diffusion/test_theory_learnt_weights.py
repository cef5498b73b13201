"""The weight of a class along the gradient flow: against sampled losses and exact flows."""

import math

import numpy as np
import pytest
import torch

from diffusion import VE, GaussianMixtureDenoiser, sample
from diffusion.theory import class_course, flow_class_fraction, hierarchy_times
from diffusion.theory.learnt_weights import _Flow

D = 1024
TIMES = [0.3, 1, 3, 10, 100]


@pytest.mark.parametrize(
    ("sizes", "snr", "weight", "state"),
    [
        ([9], 2.0, 0.8, [-0.7, 0.9, 0.5, 0.2]),
        ([9], 7.0, 0.3, [-1.1, 1.4, 0.8, -0.4]),
        ([3, 6], 2.0, 0.5, [-0.8, 0.4, 0.7, 0.1, 0.9, 0.3, -0.2]),
    ],
)
def test_the_flow_descends_the_loss_of_sampled_points(sizes, snr, weight, state):
    """Gradients by torch of E|s − s*|², with the score of a mixture from another program.

    The rest of w's gradient, across μ and w, must vanish: so the flow is closed.
    """
    d, pairs = sum(sizes), len(sizes)
    alpha = math.sqrt(snr / d)
    beta2 = 1 - alpha**2
    blocks = [slice(sum(sizes[:k]), sum(sizes[: k + 1])) for k in range(pairs)]
    mu = torch.zeros(pairs, d, dtype=torch.float64)
    start = torch.tensor(state, dtype=torch.float64)
    w = torch.zeros(pairs, d, dtype=torch.float64)
    for k, own in enumerate(blocks):
        mu[k, own.start] = math.sqrt(sizes[k])
        w[k, own.start : own.start + 2] = start[1 + 3 * k : 3 + 3 * k]
    signs = torch.cartesian_prod(*[torch.tensor([1.0, -1.0], dtype=torch.float64)] * pairs)
    signs = signs.reshape(-1, pairs)
    weights = torch.where(signs > 0, weight, 1 - weight).prod(1)
    mixture = GaussianMixtureDenoiser(signs @ mu, 1.0, weights)
    c = start[:1].clone().requires_grad_()
    b = start[3::3].clone().requires_grad_()
    w.requires_grad_()
    found = []
    for seed in range(20):
        x0, _ = mixture.draw(20_000, seed=seed)
        noise = torch.randn(
            x0.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + seed)
        )
        x = alpha * x0 + math.sqrt(beta2) * noise
        exact = (alpha * mixture(x / alpha, math.sqrt(beta2) / alpha) - x) / beta2
        model = c * x + torch.tanh(x @ w.T + b) @ w
        loss = beta2 / d * (model - exact).square().sum(1).mean()
        of_c, of_w, of_b = torch.autograd.grad(-d * loss, (c, w, b))
        parts = [of_c]
        for k, own in enumerate(blocks):
            parts += [of_w[k, own][:2], of_b[k : k + 1], of_w[k, own][2:]]
        found.append(torch.cat(parts))
    grads = torch.stack(found).numpy()
    mean, sem = grads.mean(0), grads.std(0, ddof=1) / math.sqrt(len(grads))
    slopes = _Flow(snr, d, [size / d for size in sizes], math.log(weight / (1 - weight)) / 2)(
        0.0, start.numpy()
    )
    expected = [slopes[:1]]
    for k, size in enumerate(sizes):
        expected += [slopes[1 + 3 * k : 4 + 3 * k], np.zeros(size - 2)]
    assert (np.abs(mean - np.concatenate(expected)) < 5 * sem).all()  # of up to 12 numbers
    assert np.abs(slopes).max() > 30 * sem.max()  # and the test can tell


def test_high_signal_teaches_the_direction_and_speciation_the_weight():
    high, low = (class_course(TIMES, snr, D) for snr in (D / math.e, 1.0))
    # of a program of its own, whose quadrature has 24 nodes
    assert high.m == pytest.approx([0.2435, 0.6038, 0.9376, 0.9999, 1], abs=2e-4)
    assert high.rho == pytest.approx(0.5006, abs=1e-4)
    assert low.m == pytest.approx([0.0463, 0.2271, 0.9747, 0.9998, 1], abs=2e-4)
    assert low.rho == pytest.approx([0.5032, 0.5305, 0.7099, 0.7964, 0.8], abs=2e-4)
    start = class_course([0.0, 1.0], 4.0, 64)  # |w| = 1 at cosine 1/8, α²d = 4
    assert (start.m[0], start.q[0]) == pytest.approx((1 / 16, (1 - 1 / 64) / 4))
    assert (start.c[0], start.rho[0]) == (-0.5, 0.5)
    few = class_course(TIMES, 1.0, 256)
    assert few.rho == pytest.approx([0.5063, 0.5528, 0.7193, 0.7967, 0.8], abs=2e-4)
    assert class_course(TIMES, 256 / math.e, 256).rho == pytest.approx(0.5025, abs=1e-4)
    assert (high.q[-1], low.q[-1]) == pytest.approx((0, 0), abs=1e-6)
    assert (high.c[-1], low.c[-1]) == pytest.approx((-1, -1), abs=1e-6)


@pytest.mark.parametrize(
    ("snr", "rho"),
    [
        (0.1, [0.5022, 0.6326, 0.7994]),
        (0.3, [0.5051, 0.7655, 0.8]),
        (1, [0.5295, 0.7964, 0.8]),
        (3, [0.6059, 0.7922, 0.8]),
        (10, [0.5403, 0.5854, 0.7675]),
        (30, [0.5094, 0.5094, 0.5095]),
        (100, [0.5026, 0.5026, 0.5026]),
    ],
)
def test_the_weight_is_learnt_below_a_signal_of_ten(snr, rho):
    course = class_course([1, 10, 100], snr, D)
    # another program, whose quadrature of 24 nodes misses 0.008 of 0.594 at Λ = 10
    assert course.rho == pytest.approx(rho, abs=0.009 if snr == 10 else 0.002)
    assert course.rho[-1] > 0.79 if snr <= 3 else snr == 10 or course.rho[-1] < 0.52


def test_exchanging_the_classes_mirrors_the_weight_and_a_balanced_one_stays():
    one, other, even = (class_course(TIMES, 2.0, 64, weight) for weight in (0.7, 0.3, 0.5))
    assert one.rho == pytest.approx(1 - other.rho, abs=1e-6)
    assert one.m == pytest.approx(other.m, abs=1e-6)
    assert even.rho == pytest.approx(0.5, abs=1e-9)


@pytest.mark.parametrize(
    ("share", "ratio", "times"),
    [(0.1, 4.3, (7.20, 1.69)), (0.2, 2.6, (4.44, 1.69)), (0.3, 2.0, (3.66, 1.86))],
)
def test_pairs_of_classes_are_learnt_together_or_one_by_one(share, ratio, times):
    high, low = (hierarchy_times(share, snr, D) for snr in (D / math.e, 1.0))
    found = (high.small, high.large, low.small, low.large)
    for ours, seen in zip(found, (0.778, 0.778, *times), strict=True):
        assert seen / 10 ** (1 / 24) < ours < seen  # first seen on a grid of 24 a decade
    assert high.ratio == pytest.approx(1, abs=2.3 / (share * D))  # to which it tends with d
    if share == 0.1:
        large = hierarchy_times(share, 16 * D / math.e, 16 * D)
        assert large.ratio == pytest.approx(1, abs=2.3 / (share * 16 * D))
    assert low.ratio == pytest.approx(ratio, rel=0.1)


def test_far_below_the_classes_a_flow_splits_its_start_in_halves():
    found = flow_class_fraction(0.8, 8.0, [1e-30, 1e-13, 1e-9, 1e-6])
    np.testing.assert_allclose(found, 0.5, atol=1e-6)
    assert flow_class_fraction(0.8, 8.0, 1.0, variance=1e30) == 0.5


def test_a_flow_from_a_gaussian_falsifies_the_weight():
    """Where an exact flow, run in small steps, puts evenly spread starts."""
    omega, gap, sigma = 0.8, 8.0, 10 * math.sqrt(1 + 0.64)
    far = 10 * math.sqrt(2)  # of another program: ten times the rms of the data about 0
    assert float(flow_class_fraction(omega, gap, far)) == pytest.approx(0.7192, abs=5e-5)
    assert float(flow_class_fraction(0.5, 3.0, 2.0)) == pytest.approx(0.5, abs=1e-12)
    assert float(flow_class_fraction(omega, gap, 1e5)) == pytest.approx(omega, abs=1e-4)
    place = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    for weight, distance, start, variance in ((0.8, 8.0, sigma, 1.0), (0.3, 1.5, 2.0, 0.7)):
        centres = torch.tensor([[distance], [-distance]], dtype=torch.float64)
        mixture = GaussianMixtureDenoiser(centres, variance, [weight, 1 - weight])
        cues = start * torch.special.ndtri(place)[:, None]
        ends = sample(mixture, cues, VE(), "heun", 400, start=start, stop=1e-3)
        found = float((ends > 0).double().mean())
        expected = float(flow_class_fraction(weight, distance, start, variance))
        # one start in 4000, the steps of the flow, and its end at σ = 10⁻³
        assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: class_course([1.0, 0.5], 1.0, 64), "times must be a list that rises"),
        (lambda: class_course([], 1.0, 64), "times must be a list that rises"),
        (lambda: class_course([-1.0], 1.0, 64), "times must not be negative, got -1"),
        (lambda: class_course([1.0], 64.0, 64), r"snr must lie in \[1e-06, 64\), got 64"),
        (lambda: class_course([1.0], 1.0, 1), "dimension must lie in"),
        (lambda: class_course([1.0], 1.0, 64, 1.0), r"weight must lie in \(0, 1\), got 1"),
        (lambda: hierarchy_times(0.5, 1.0, 64), r"share must lie in \(0, 0.5\), got 0.5"),
        (lambda: hierarchy_times(0.01, 1.0, 64), "dimension must lie in"),
        (lambda: hierarchy_times(0.1, 0.0, 64), r"snr must lie in \[1e-06, 64\), got 0"),
        (lambda: flow_class_fraction(0.0, 1.0, 1.0), r"weight must lie in \(0, 1\), got 0"),
        (lambda: flow_class_fraction(0.5, -1.0, 1.0), "distance must lie in"),
        (lambda: flow_class_fraction(0.5, 1.0, 0.0), "sigma must be positive and finite, got 0"),
        (lambda: flow_class_fraction(0.5, 1.0, 1.0, 0.0), "variance must be positive and finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_course_is_drawn():
    from matplotlib import pyplot

    course = class_course(TIMES, 1.0, 64)
    axes = course.plot()
    assert [one.get_label() for one in axes.containers] == ["$m$", r"$\rho$"]
    assert axes.get_xscale() == "log"
    pyplot.close("all")
