"""Guided denoisers and their variants against formulas written out, and where samples end."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import OU, VE, GaussianMixtureDenoiser, GuidedDenoiser, noise_levels, sample
from diffusion._checks import generator_from
from diffusion.guidance import (
    Constant,
    Interval,
    LinearWindow,
    PowerLawGuidance,
    Progressive,
    ProjectedGuidance,
    Window,
    autoguided,
    cfg_plus_plus,
    extra_weight,
    variance_preserving,
)
from diffusion.theory import guided_moments, guided_power_law

R, WITHIN = 0.2, 0.25


MIXTURE = GaussianMixtureDenoiser(randn(5, 3), 0.4)
X = 2 * randn(7, 3, seed=1)


def infinite(d=1, mu=1.0):
    """A class at μ among infinitely many: class and whole, both Gaussian."""
    own = GaussianMixtureDenoiser(torch.full((1, d), mu, dtype=torch.float64), WITHIN)
    return own, GaussianMixtureDenoiser(torch.zeros(1, d, dtype=torch.float64), WITHIN + 1)


def moments(w, method, levels, schedule=None):
    """a and R of a run, exactly: every step is linear, its coefficients read off its rows."""
    denoiser, clock = GuidedDenoiser(*infinite(), w), VE() if schedule is None else schedule
    first, last = (float(clock.alpha(clock.time(level))) for level in (levels[0], levels[-1]))
    rows = torch.tensor([[0.0], [1.0], [0.0]], dtype=torch.float64)
    v = levels[0] ** 2 + 1 + WITHIN
    if method in ("heun", "euler"):
        ends = sample(denoiser, first * rows, clock, method, levels=levels) / last
        return float(ends[0]), float(ends[1] - ends[0]) ** 2 * v / WITHIN
    a, noise = 0.0, torch.randn(3, 1, dtype=torch.float64, generator=generator_from(1, "sample"))
    for level in pairwise(levels):
        scales = [float(clock.alpha(clock.time(one))) for one in level]
        ends = sample(denoiser, scales[0] * rows, clock, method, levels=level, seed=1) / scales[1]
        kick = float((ends[2] - ends[0]) / (noise[2] - noise[0]))
        drift = float(ends[0]) - kick * float(noise[0])
        gain = float(ends[1]) - drift - kick * float(noise[1])
        a, v = gain * a + drift, gain**2 * v + kick**2
    return a, v / WITHIN


def test_the_convention():
    own = MIXTURE.condition(2)
    for w in (-1.0, -0.3, 0.0, 2.5):
        expected = (1 + w) * own(X, 0.8) - w * MIXTURE(X, 0.8)
        guided = GuidedDenoiser(own, MIXTURE, w)
        assert torch.allclose(guided(X, 0.8), expected, atol=1e-13)
        score = (1 + w) * own.score(X, 0.8) - w * MIXTURE.score(X, 0.8)
        assert torch.allclose(guided.score(X, 0.8), score, atol=1e-12)
    assert torch.equal(GuidedDenoiser(own, MIXTURE, 0.0)(X, 0.8), own(X, 0.8))
    assert torch.equal(GuidedDenoiser(own, MIXTURE, -1)(X, 0.8), MIXTURE(X, 0.8))
    scaled = GuidedDenoiser(own, MIXTURE, extra_weight(7.5))(X, 0.8)
    assert torch.allclose(scaled, MIXTURE(X, 0.8) + 7.5 * (own(X, 0.8) - MIXTURE(X, 0.8)))
    assert autoguided(own, MIXTURE, 7.5)(X, 0.8) == pytest.approx(scaled)


def test_a_schedule_is_asked_at_each_noise_level():
    own, window = MIXTURE.condition(1), Window(3.0, high=0.9)
    guided = GuidedDenoiser(own, MIXTURE, window)
    sigma = torch.tensor([0.5, 2.0, 0.9, 0.5, 0.91, 3.0, 0.1], dtype=torch.float64)
    rows = [guided(X[k : k + 1], float(sigma[k])) for k in range(7)]
    assert torch.allclose(guided(X, sigma), torch.cat(rows), atol=1e-13)
    assert torch.equal(rows[0], MIXTURE(X[:1], 0.5))  # w = −1
    assert torch.allclose(rows[1], 4 * own(X[1:2], 2.0) - 3 * MIXTURE(X[1:2], 2.0))
    assert guided(X[:1], torch.tensor(2.0)).dtype == torch.float64
    single = GaussianMixtureDenoiser(MIXTURE.means.float(), 0.4)
    assert GuidedDenoiser(single.condition(0), single, 1.0)(X.float(), 0.8).dtype == torch.float32


@pytest.mark.parametrize("w", [-1, 0, 1, 3])
@pytest.mark.parametrize(("method", "theory"), [("heun", "flow"), ("stochastic-heun", "sde")])
def test_samples_end_where_theory_says(method, theory, w):
    """T = 10⁶, 400 levels: errors of the order of 10⁻³ in R and of √(g²/T) in a."""
    found = moments(w, method, noise_levels(1e3, 400, WITHIN**0.5))
    expected = guided_moments(R, w, theory, start=1e3)
    assert found[0] == pytest.approx(float(expected[0]), abs=3e-4)
    assert found[1] == pytest.approx(float(expected[1]), rel=3e-3)


@pytest.mark.parametrize(
    ("method", "theory", "order"),
    [("heun", "flow", 2), ("euler", "flow", 1), ("stochastic-heun", "sde", 2), ("sde", "sde", 1)],
)
def test_orders_of_the_samplers(method, theory, order):
    """The error of R at w = 3 when the steps double."""
    exact = float(guided_moments(R, 3, theory, start=1e3)[1])
    steps = (100, 200, 400) if method == "stochastic-heun" else (200, 400, 800)
    errors = [
        abs(moments(3.0, method, noise_levels(1e3, n, WITHIN**0.5))[1] - exact) for n in steps
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(order, abs=0.15)
    if method == "euler":  # it always shrinks too much
        assert moments(3.0, method, noise_levels(1e3, 200, WITHIN**0.5))[1] < exact


@pytest.mark.parametrize("method", ["heun", "stochastic-heun"])
def test_variance_preserving_and_exploding_are_one_process(method):
    """The OU clock of the sampler, and an integration of the OU equation in its own time."""
    levels = noise_levels(1e3, 200, WITHIN**0.5)
    by_clock = moments(3.0, method, levels, OU()), moments(3.0, method, levels)
    assert by_clock[0] == pytest.approx(by_clock[1], rel=1e-6)
    if method == "stochastic-heun":
        return
    s, h, (a, spread) = 7.0, 1e-3, (0.0, 1.0)  # X = aμ + spread·z, variance preserving

    def slope(s, a, spread):
        shrink, w = math.exp(-s), 3.0
        own = 1 - shrink**2 + WITHIN * shrink**2
        pull = (1 + w) / own - w / (own + shrink**2)  # dX/ds = −X − s_X
        return -a + pull * a - (1 + w) / own * shrink, -spread + pull * spread

    while s > h / 2:
        k1 = slope(s, a, spread)
        k2 = slope(s - h / 2, a - h / 2 * k1[0], spread - h / 2 * k1[1])
        a, spread, s = a - h * k2[0], spread - h * k2[1], s - h
    expected = guided_moments(R, 3, start=math.sqrt(math.expm1(14.0)))
    assert a == pytest.approx(float(expected[0]), abs=1e-3)
    assert spread**2 / WITHIN == pytest.approx(float(expected[1]), rel=1e-2)


@pytest.mark.parametrize(
    ("w", "method"),
    [
        (Window(3.0, 1.7688**0.5), "heun"),
        (Window(3.0, 0.2099**0.5), "stochastic-heun"),
        (variance_preserving(WITHIN), "stochastic-heun"),
        (Interval(7.0, 0.28, 5.42), "heun"),
        (Progressive("cosine", 2.0, 1e3, 0.5), "stochastic-heun"),
        (LinearWindow(-0.5, 2.0, largest=5.0), "heun"),
    ],
)
def test_schedules_sampled_end_where_theory_says(w, method):
    """Windows that restore the variance among them; no step crosses a jump."""
    theory = "flow" if method == "heun" else "sde"
    start = 1e3 if not isinstance(w, LinearWindow) or w.largest < math.inf else 30.0
    levels = noise_levels(start, 300, WITHIN**0.5, w.breaks)
    found = moments(w, method, levels)
    expected = [float(x) for x in guided_moments(R, w, theory, start=start)]
    assert found[0] == pytest.approx(expected[0], rel=2e-3)
    assert found[1] == pytest.approx(expected[1], rel=0.01, abs=2e-5)
    if isinstance(w, Window) or start == 30.0:
        assert found[1] == pytest.approx(1, abs=0.01)


def test_power_law_guidance_is_what_it_says():
    own, d = MIXTURE.condition(2), MIXTURE.condition(2)(X, 0.8) - MIXTURE(X, 0.8)
    size = (own.score(X, 0.8) - MIXTURE.score(X, 0.8)).norm(dim=1, keepdim=True)
    expected = own(X, 0.8) + 1.7 * size**0.9 * d
    assert torch.allclose(PowerLawGuidance(own, MIXTURE, 1.7)(X, 0.8), expected, atol=1e-12)
    constant = PowerLawGuidance(own, MIXTURE, 1.7, exponent=0)(X, 0.8)
    assert torch.allclose(constant, GuidedDenoiser(own, MIXTURE, 1.7)(X, 0.8), atol=1e-12)


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_power_law_guidance_ends_where_its_theory_says(strength):
    """d = 64, infinitely many classes; published (1.1649, .3567) and (1.2732, .1130)."""
    d, paths = 64, 600
    own, whole = infinite(d)
    guided = PowerLawGuidance(own, whole, strength / d**0.45)
    x = sample(guided, 1e3 * randn(paths, d), VE(), levels=noise_levels(1e3, 120, WITHIN**0.5))
    a, ratio = guided_power_law(R, strength)
    assert float(x.mean()) == pytest.approx(a, abs=4 * (WITHIN * ratio / d / paths) ** 0.5 + 3e-3)
    measured = float(x.var(0).mean()) / WITHIN
    assert measured == pytest.approx(ratio, rel=4 * (2 / d / paths) ** 0.5 + 0.02)  # 1/d


def test_projected_guidance_is_what_it_says():
    own = MIXTURE.condition(2)
    d = own(X, 0.8) - MIXTURE(X, 0.8)
    full = ProjectedGuidance(own, MIXTURE, 3.0, parallel=1.0)
    assert torch.allclose(full(X, 0.8), GuidedDenoiser(own, MIXTURE, 3.0)(X, 0.8), atol=1e-12)
    cut = ProjectedGuidance(own, MIXTURE, 3.0)(X, 0.8) - own(X, 0.8)
    assert (cut * own(X, 0.8)).sum(1).abs().max() < 1e-12
    bounded = ProjectedGuidance(own, MIXTURE, 1.0, radius=0.2, parallel=1.0)(X, 0.8) - own(X, 0.8)
    lengths = torch.minimum(d.norm(dim=1), torch.tensor(0.2).double())
    assert torch.allclose(bounded.norm(dim=1), lengths)
    assert torch.allclose(torch.nn.functional.cosine_similarity(bounded, d), torch.ones(7).double())


def test_momentum_remembers_one_run():
    own = MIXTURE.condition(2)
    guided = ProjectedGuidance(own, MIXTURE, 1.0, parallel=1.0, momentum=-0.5)
    pulls = [own(X, s) - MIXTURE(X, s) for s in (2.0, 1.0, 0.5)]
    for _ in range(2):  # the second run starts anew: its noise level has risen
        remembered = torch.zeros_like(X)
        for sigma, pull in zip((2.0, 1.0, 0.5), pulls, strict=True):
            remembered = pull - 0.5 * remembered
            assert torch.allclose(guided(X, sigma), own(X, sigma) + remembered, atol=1e-12)


def test_cfg_plus_plus_is_its_own_update():
    """x₀ = D_u + λd, then the unconditional noise again (Chung et al.), step by step."""
    own, strength, levels = MIXTURE.condition(1), 0.6, [4.0, 2.5, 1.0, 0.3, 0.0]
    y = x = 4 * X
    for a, b in pairwise(levels):
        plain = MIXTURE(y, a)
        y = plain + strength * (own(y, a) - plain) + b * (y - plain) / a
    guided = GuidedDenoiser(own, MIXTURE, cfg_plus_plus(levels, strength))
    assert torch.allclose(sample(guided, x, VE(), "euler", levels=levels), y, atol=1e-11)
    weights = [cfg_plus_plus(np.geomspace(4, 0.1, n).tolist(), strength)(4.0) for n in (10, 100)]
    assert weights[1] > 5 * weights[0]  # it grows with the number of steps


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GuidedDenoiser(None, MIXTURE, 1.0), "conditional must be a denoiser.*None"),
        (lambda: GuidedDenoiser(MIXTURE, None, 1.0), "unconditional must be a denoiser"),
        (lambda: GuidedDenoiser(MIXTURE, infinite()[0], 1.0), "must have one dimension, got 3 and"),
        (lambda: GuidedDenoiser(MIXTURE, MIXTURE, math.nan), "w must be a finite number or a sch"),
        (
            lambda: GuidedDenoiser(MIXTURE, MIXTURE, "big"),
            "w must be a finite number or a schedule",
        ),
        (
            lambda: GuidedDenoiser(MIXTURE, MIXTURE, lambda s: math.nan)(X, 0.5),
            "w must be a finite number at every noise level, got nan at 0.5",
        ),
        (
            lambda: sample(GuidedDenoiser(MIXTURE, MIXTURE, lambda s: None), X, VE(), start=1.0),
            "w must be a finite number at every noise level, got None at 1",
        ),
        (lambda: PowerLawGuidance(MIXTURE, MIXTURE, 1.0, -1), "exponent must lie in"),
        (lambda: PowerLawGuidance(MIXTURE, MIXTURE, math.inf), "omega must be a finite number"),
        (lambda: ProjectedGuidance(MIXTURE, MIXTURE, 1.0, radius=0), "radius must lie in"),
        (lambda: ProjectedGuidance(MIXTURE, MIXTURE, 1.0, momentum=1), "momentum must lie in"),
        (lambda: extra_weight(math.inf), "scale must be a finite number, got inf"),
        (lambda: Constant(math.nan), "w must be a finite number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
