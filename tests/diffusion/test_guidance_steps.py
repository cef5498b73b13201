"""Weights step by step, and shapes of the progress, against what they should equal."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from gaussian import randn

from diffusion import OU, VE, GaussianMixtureDenoiser, GuidedDenoiser, noise_levels, sample
from diffusion._checks import generator_from, normal_like
from diffusion.guidance import (
    Constant,
    Exponential,
    PerStep,
    Progressive,
    Triangle,
    generate,
    step_scales,
)
from diffusion.samplers import METHODS
from diffusion.theory import guided_moments, mean_weight

MIXTURE = GaussianMixtureDenoiser(randn(5, 3), 0.4)
OWN = MIXTURE.condition(2)
LEVELS = [20.0, 9.0, 4.0, 1.5, 0.6, 0.2, 0.0]
WEIGHTS = [5.0, 3.0, 3.0, 0.0, -0.5, -1.0]
FAR = math.sqrt(1e3)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "ancestral"])
def test_each_step_has_its_weight_bit_for_bit(method):
    """As a chain of runs of one step, each of a constant weight, from one generator."""
    x = 20 * randn(6, 3)
    guided = GuidedDenoiser(OWN, MIXTURE, PerStep(WEIGHTS, LEVELS))
    whole = sample(guided, x, VE(), method, levels=LEVELS, seed=generator_from(3, "sample"))
    generator = generator_from(3, "sample")
    y = x
    for w, step in zip(WEIGHTS, pairwise(LEVELS), strict=True):
        y = sample(GuidedDenoiser(OWN, MIXTURE, w), y, VE(), method, levels=step, seed=generator)
    assert torch.equal(whole, y)


def test_as_a_function_it_is_constant_in_pieces():
    steps = PerStep(WEIGHTS, LEVELS)
    for w, (high, low) in zip(WEIGHTS, pairwise(LEVELS), strict=True):
        assert steps(high) == steps((high + low) / 2) == w
        assert steps.during(high, low) == Constant(w)
    assert steps(100.0) == 5.0
    assert steps(0.0) == -1.0
    assert steps.breaks == (0.2, 0.6, 1.5, 4.0, 9.0)
    ends = [  # one call per step: the same as any function of σ
        sample(GuidedDenoiser(OWN, MIXTURE, w), 20 * randn(4, 3), VE(), "euler", levels=LEVELS)
        for w in (steps, lambda sigma: steps(sigma))
    ]
    assert torch.equal(*ends)


def test_a_sampler_of_other_steps_is_refused():
    guided = GuidedDenoiser(OWN, MIXTURE, PerStep(WEIGHTS, LEVELS))
    with pytest.raises(ValueError, match="levels must be those of the weights, got a step from 9"):
        sample(guided, X := 9 * randn(2, 3), VE(), levels=[9.0, 1.0, 0.0])
    finer = [9.0, 6.0, 4.0, 3.0, 1.5, 0.0]  # steps within those of the weights, and a last one
    assert torch.isfinite(sample(guided, X, OU(), levels=finer)).all()


def test_generated_samples_take_the_steps_of_the_weights():
    levels = noise_levels(1e3, 12, 0.6)
    steps = PerStep([2.0] * 12, levels)
    labels = torch.tensor([0, 1, 2])
    found = generate(MIXTURE, labels, steps, seed=0)
    scale = float((MIXTURE.means.square().mean() + 0.4).sqrt())
    noise = normal_like(found, generator_from(0, "generate"))
    by_hand = sample(
        GuidedDenoiser(MIXTURE.condition(labels), MIXTURE, 2.0),
        math.hypot(1e3, scale) * noise,
        VE(),
        levels=levels,
    )
    assert torch.equal(found, by_hand)


def test_texts_of_scales():
    assert step_scales("10x5.0+20x7.5") == [4.0] * 10 + [6.5] * 20
    assert step_scales("2x1+1x0") == [0.0, 0.0, -1.0]
    for text in ("10x", "x5", "3", "", "2x1+", "0x2", "2y3", "2xnan", "-1x2", "2x1,3x4", 5):
        with pytest.raises(ValueError, match=r"text must be runs|scale must be a finite number"):
            step_scales(text)


# Mean weight 3, r = 0.2, from σ² = 10³: a and R of the flow, a and R of the SDE.
TABLE = [
    (Constant(3.0), 1.3912, 0.008032, 1.2480, 0.1786),
    (Triangle(3.0, FAR, 0.5, 0.25), 1.5927, 0.10465, 1.2238, 0.6239),
    (Triangle(3.0, FAR, 0.5, 0.5), 1.5828, 0.038811, 1.2403, 0.5511),
    (Triangle(3.0, FAR, 0.5, 0.75), 1.4873, 0.0059862, 1.2485, 0.4341),
    (Exponential(3.0, FAR, 0.5, 1.0), 1.3473, 0.0015656, 1.2496, 0.1208),
    (Exponential(3.0, FAR, 0.5, 2.0), 1.3165, 0.00029245, 1.2499, 0.0857),
    (Exponential(3.0, FAR, 0.5, -2.0), 1.4800, 0.10436, 1.2239, 0.4035),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: str(row[0])[:30])
def test_shapes_end_where_they_should(row):
    schedule, *wanted = row
    found = [guided_moments(0.2, schedule, method, start=FAR) for method in ("flow", "sde")]
    assert np.ravel(found).tolist() == pytest.approx(wanted, rel=1e-3)
    assert all(R < 1 for _, R in found)


@pytest.mark.parametrize("row", TABLE[1:], ids=lambda row: str(row[0])[:30])
def test_their_mean_over_the_progress_is_w(row):
    schedule = row[0]
    n = 4000
    whole = math.log1p((FAR / 0.5) ** 2)
    sigmas = [0.5 * math.sqrt(math.expm1((1 - (k + 0.5) / n) * whole)) for k in range(n)]
    assert sum(map(schedule, sigmas)) / n == pytest.approx(3.0, rel=1e-5)
    assert min(map(schedule, sigmas)) >= 0
    assert schedule.progress(0.0) == 1
    assert schedule(2 * FAR) == schedule(FAR)


def test_special_cases_of_the_shapes():
    triangle, named = Triangle(2.0, 50.0, 0.4), Progressive("lambda", 2.0, 50.0, 0.4)
    level, rising = Exponential(2.0, 50.0, 0.4, 0.0), Exponential(2.0, 50.0, 0.4, 1e-9)
    for sigma in (0.0, 0.1, 0.7, 5.0, 50.0, 80.0):
        assert triangle(sigma) == pytest.approx(named(sigma), abs=1e-12)
        assert level(sigma) == 2.0
        assert rising(sigma) == pytest.approx(2.0, rel=1e-8)
    (peak,) = Triangle(2.0, 50.0, 0.4, peak=0.3).breaks
    assert Triangle(2.0, 50.0, 0.4, peak=0.3).progress(peak) == pytest.approx(0.3)
    assert mean_weight(0.2, Triangle(3.0, FAR, 0.5)) > 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: PerStep([1.0, 2.0], LEVELS),
            "weights must be one per step, 6 for 7 levels, got 2",
        ),
        (lambda: PerStep([math.nan], [1.0, 0.0]), "weights must be finite numbers, got nan"),
        (lambda: PerStep([1.0], [0.0, 1.0]), "levels must be at least two noise levels"),
        (lambda: PerStep([], [1.0]), "levels must be at least two noise levels"),
        (lambda: Triangle(1.0, 9.0, 0.5, peak=1.0), "peak must lie in"),
        (lambda: Triangle(1.0, -9.0, 0.5), "start must be positive"),
        (lambda: Triangle(1.0, 1e200, 1e-200), "start/width must lie in"),
        (lambda: Exponential(1.0, 9.0, 0.5, rate=1e3), "rate must lie in"),
        (lambda: Exponential(math.inf, 9.0, 0.5), "w must be a finite number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
