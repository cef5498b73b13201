"""Samples of guided mixtures with exact scores: what shrinks, what does not, how much."""

import math

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import GaussianMixtureDenoiser
from diffusion.guidance import (
    Interval,
    Progressive,
    Window,
    distortion,
    generate,
    planted_classes,
    random_classes,
)
from diffusion.theory import guided_mean_field

METHODS = {"flow": "heun", "sde": "stochastic-heun"}


def measured(build, w, method, draws, classes=8, paths=60, steps=200):
    """Means and standard errors between independent sets of centres, by measure."""
    rows = []
    for seed in range(draws):
        mixture = build(seed)
        labels = torch.arange(min(classes, len(mixture))).repeat_interleave(paths)
        x = generate(mixture, labels, w, METHODS[method], steps, seed=seed)
        rows.append(distortion(x, labels, mixture, diversity=False).means())
    table = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {k: (v.mean(), v.std(ddof=1) / draws**0.5) for k, v in table.items()}


def enumerated(K, d):
    return lambda seed: random_classes(K, d, seed=seed)


def planted(d, alpha, w, method, **setting):
    """The one class that is kept, of each set."""
    return measured(lambda s: planted_classes(d, alpha, seed=s), w, method, classes=1, **setting)


def test_the_planted_class_is_the_annealed_surrogate():
    """logit p = log N(x; μ, v) − log(K − 1) − log N(x; 0, v + s²); s_u = p s_c − (1−p)x/(v+s²)."""
    d, alpha, t = 20, 0.4, 1.7
    mixture, x = planted_classes(d, alpha, seed=3), randn(30, d) * 1.5 + 0.3
    mu, v = mixture.means[0], 0.25 + t
    x = x + mu * torch.linspace(0, 2, 30).double()[:, None]
    own = -((x - mu) ** 2).sum(1) / (2 * v) - d / 2 * math.log(v)
    rest = -(x**2).sum(1) / (2 * (v + 1)) - d / 2 * math.log(v + 1)
    p = torch.sigmoid(own - rest - math.log(math.exp(alpha * d) - 1))[:, None]
    assert 0.01 < p.mean() < 0.99
    score = p * (mu - x) / v - (1 - p) * x / (v + 1)
    assert torch.allclose(mixture.score(x, t**0.5), score, atol=1e-10)
    assert torch.allclose(mixture.condition(0).score(x, t**0.5), (mu - x) / v, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_without_guidance_classes_are_themselves(method):
    found = measured(enumerated(20, 16), 0.0, method, draws=6)
    assert abs(found["overlap"][0] - 1) < 4 * found["overlap"][1] + 2e-3  # the start, √(g²/T)
    assert abs(found["variance_ratio"][0] - 1) < 4 * found["variance_ratio"][1] + 3e-3
    assert found["retention"][0] > 0.95


def test_the_same_seed_is_the_same_noise_for_all_weights():
    mixture, labels = random_classes(5, 8, seed=0), torch.arange(5)
    runs = [generate(mixture, labels, w, steps=60, seed=1) for w in (0.0, 1e-9, 0.0)]
    assert torch.equal(runs[0], runs[2])
    assert torch.allclose(runs[0], runs[1], atol=1e-6)
    assert not torch.equal(runs[0], generate(mixture, labels, 0.0, steps=60, seed=2))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "w",
    [2.0, Interval(5.0, 0.3, 3.0), Progressive("lambda", 3.0, start=1e3, width=0.5)],
    ids=["constant", "interval", "lambda"],
)
def test_guidance_that_is_never_negative_shrinks_isotropic_classes(method, w):
    """Any number of classes, any priors: R ≤ 1 for classes of one isotropic variance."""
    for seed, (K, d) in enumerate([(2, 1), (3, 2), (7, 5), (30, 3)]):
        prior = torch.rand(K, generator=torch.Generator().manual_seed(seed)).double() + 0.1
        mixture = GaussianMixtureDenoiser(1.5 * randn(K, d, seed=seed), 0.3, prior / prior.sum())
        labels = torch.arange(K).repeat_interleave(max(60, 600 // K))
        x = generate(mixture, labels, w, METHODS[method], steps=100, seed=seed)
        ratio = distortion(x, labels, mixture, diversity=False).variance_ratio
        error = (2 / d / (len(labels) / K)) ** 0.5
        assert (ratio < 1 + 4 * error).all()
        assert ratio.mean() < 1 + 3 * error / K**0.5 + 5e-3


@pytest.mark.parametrize("method", METHODS)
def test_guidance_widens_a_class_that_is_wider_than_the_whole(method):
    """The counter-example: classes of unequal variance."""
    mixture = GaussianMixtureDenoiser(
        torch.zeros(2, 4, dtype=torch.float64), torch.tensor([1.0, 0.2]).double()
    )
    labels = torch.arange(2).repeat_interleave(1000)
    x = generate(mixture, labels, 3.0, METHODS[method], steps=100, seed=0)
    wide, narrow = distortion(x, labels, mixture, diversity=False).variance_ratio.tolist()
    assert wide > 1.1  # s.e. 0.02
    assert narrow < 0.9


def test_the_unconditional_model_forgets_what_it_was_asked():
    found = measured(enumerated(8, 12), -1.0, "flow", draws=8)
    assert abs(found["overlap"][0]) < 4 * found["overlap"][1] + 0.15  # 1/K of its own class
    assert found["retention"][0] < 0.3
    assert found["variance_ratio"][0] == pytest.approx(1 + 4 * 7 / 8, rel=0.1)


def test_distortion_vanishes_with_d_at_fixed_k_but_not_at_fixed_density():
    """w = 3, the flow, d = 16 → 64; standard errors between 6 sets of centres."""
    few = [measured(enumerated(10, d), 3.0, "flow", 6, paths=40, steps=100) for d in (16, 64)]
    dense = [planted(d, 0.4, 3.0, "flow", draws=12, steps=100) for d in (16, 64)]
    for name, sign in (("overlap", 1), ("variance_ratio", -1)):
        (a, ea), (b, eb) = (found[name] for found in few)
        assert sign * (a - 1) > sign * (b - 1) + 4 * math.hypot(ea, eb)
        assert abs(b - 1) < 0.6 * abs(a - 1)
        (a, ea), (b, eb) = (found[name] for found in dense)
        assert abs(a - 1) > 0.35
        assert abs(b - 1) > 0.85 * abs(a - 1) - 4 * math.hypot(ea, eb)
    assert all(found["retention"][0] > 0.99 for found in few + dense)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_classes(0, 3), "count must be a whole number of at least 1"),
        (lambda: random_classes(3, 3, within=0), "within must be positive and finite, got 0"),
        (lambda: planted_classes(10, 0.0), "alpha must give log K = alpha·d between log 2"),
        (lambda: planted_classes(1000, 0.8), "alpha must give log K.*got 0.8 at d = 1000"),
        (lambda: generate(random_classes(3, 2), torch.tensor([3]), 1.0), "labels must be classes"),
        (lambda: generate(random_classes(3, 2), [0], 1.0, "rk4"), "method must be one of"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


ROWS = [  # d, K, then (a, its error, R, its error) of the flow at w = 1, 3, 7, and the SDE
    (16, 10, "1.145 5 .896 9 1.300 11 .851 10 1.492 19 .828 11", "1.042 5 .981 10 1.064 7 .980 10"),
    (64, 10, "1.072 1 .975 3 1.146 2 .964 3 1.238 3 .959 3", "1.007 1 1.000 5 1.012 1 1.000 5"),
    (256, 10, "1.036 1 .996 2 1.075 1 .993 2 1.122 2 .991 2", "1.001 1 1.001 2 1.003 1 1.001 2"),
    (
        16,
        602,
        "1.261 12 .675 21 1.535 24 .538 36 1.879 41 .463 46",
        "1.107 10 .911 14 1.164 16 .906 16",
    ),
    (
        64,
        602,
        "1.140 6 .916 10 1.290 11 .878 13 1.472 19 .860 15",
        "1.028 4 .995 10 1.042 5 .996 10",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"d={row[0]},K={row[1]}")
def test_published_rows_of_enumerated_mixtures(row, method):
    """Ten sets of centres; 4 combined standard errors."""
    d, K, flow, sde = row
    numbers = np.array((flow if method == "flow" else sde).split(), dtype=float).reshape(-1, 2, 2)
    draws = 10 if d < 256 else 4
    for w, expected in zip((1.0, 3.0, 7.0), numbers, strict=False):
        found = measured(enumerated(K, d), w, method, draws, paths=40)
        for name, (value, error) in zip(("overlap", "variance_ratio"), expected, strict=True):
            mean, sem = found[name]
            assert abs(mean - value) < 4 * math.hypot(sem, error / 1000) + 2e-3, (w, name, mean)
        assert found["retention"][0] > 0.99


@pytest.mark.slow
@pytest.mark.parametrize(("d", "tolerance"), [(64, 0.05), (256, 0.03)])
@pytest.mark.parametrize("alpha", [0.2, 0.4, 0.6])
@pytest.mark.parametrize("method", METHODS)
def test_the_planted_class_follows_its_mean_field(d, tolerance, alpha, method):
    """What is left is O(1/√d): fluctuations of the free energies, which theory averages."""
    for w in (1.0, 3.0):
        found = planted(d, alpha, w, method, draws=16)
        a, ratio = guided_mean_field(alpha, w, 0.2, method, dimension=d, annealed=True)
        for name, expected in (("overlap", a), ("variance_ratio", ratio)):
            mean, sem = found[name]
            assert abs(mean - expected) < tolerance + 4 * sem, (w, name, mean, expected)


@pytest.mark.slow
def test_real_classes_freeze_where_the_surrogate_does_not():
    """α = 0.5, w = 7, d = 16: all K = 2981 classes kept against one kept, the same centres.

    The theories at d = 16 are a, R = 1.910, 0.290 (frozen) and 1.803, 0.169 (averaged).
    """
    alpha, d, rows = 0.5, 16, []
    for seed in range(8):
        mixture = random_classes(round(math.exp(alpha * d)), d, seed=seed)
        labels = torch.arange(8).repeat_interleave(40)
        x = generate(mixture, labels, 7.0, seed=seed)
        found = distortion(x, labels, mixture, diversity=False)
        weights = planted_classes(d, alpha, seed=0).weights
        alone = []
        for k in range(8):
            means = torch.stack([mixture.means[k], torch.zeros(d).double()])
            one = GaussianMixtureDenoiser(means, torch.tensor([0.25, 1.25]).double(), weights)
            own = torch.zeros(40, dtype=torch.long)
            y = generate(one, own, 7.0, seed=seed)
            alone.append(float(distortion(y, own, one, diversity=False).variance_ratio))
        rows.append((float(found.variance_ratio.mean()), np.mean(alone)))
    gap = np.diff(np.array(rows), axis=1)[:, 0]
    assert gap.mean() < -8 * gap.std(ddof=1) / 8**0.5
    kept = np.array(rows)[:, 0]
    frozen, averaged = (
        guided_mean_field(alpha, 7, 0.2, dimension=d, annealed=one)[1] for one in (False, True)
    )
    assert abs(kept.mean() - frozen) < abs(kept.mean() - averaged)


@pytest.mark.slow
def test_the_window_is_inert_below_the_transition_and_loses_classes_far_above():
    """d = 16, K = 602, w = 3 → −1: R and the retention, published from 200 steps."""
    for switch, a, ratio, retention, error in (
        (2.0, 1.514, 0.599, 1.0, 0.04),
        (6.0, 1.422, 1.072, 0.898, 0.19),
        (16.0, 1.098, 2.759, 0.559, 0.3),
    ):
        found = measured(enumerated(602, 16), Window(3.0, switch**0.5), "flow", 10, paths=40)
        assert abs(found["overlap"][0] - a) < 4 * math.hypot(found["overlap"][1], 0.023)
        assert abs(found["variance_ratio"][0] - ratio) < 4 * math.hypot(
            found["variance_ratio"][1], error
        )
        assert abs(found["retention"][0] - retention) < 4 * math.hypot(found["retention"][1], 0.056)
