"""Classes, data and patterns: one posterior, one condensation; retention is retrieval."""

import math

import numpy as np
import pytest
import torch

from bridges import retrieval_map
from bridges.equivalence import dense_memory_of
from bridges.memory.prompts import class_memories, memory_of_classes
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser, planted_posterior
from diffusion.guidance import Window, distortion, generate, random_classes
from diffusion.theory import class_condensation, collapse_sigma, mutual_information

WITHIN = 0.25


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("sigma", [0.1, 0.7, 3.0])
def test_the_posterior_of_classes_is_that_of_a_memory_and_of_data(sigma):
    classes, x = random_classes(30, 6, WITHIN, seed=0), 2 * randn(20, 6)
    v = WITHIN + sigma**2
    memory = memory_of_classes(classes, sigma)
    data = EmpiricalDenoiser(classes.means)
    pulled = memory.step(x)
    assert torch.allclose(pulled, data(x, v**0.5), atol=1e-12)
    assert torch.allclose(pulled, classes.responsibilities(x, sigma) @ classes.means, atol=1e-12)
    assert torch.allclose(classes(x, sigma), (sigma**2 * pulled + WITHIN * x) / v, atol=1e-12)
    assert memory.beta == pytest.approx(dense_memory_of(data, v**0.5).beta)


def test_classes_of_unequal_weight_are_a_memory_with_weights():
    """By Bayes' rule, written out."""
    means, shares = torch.tensor([[-1.0], [1.0], [4.0]], dtype=torch.float64), [0.7, 0.2, 0.1]
    x, v = torch.linspace(-3, 6, 19, dtype=torch.float64)[:, None], 0.25 + 0.7**2
    memory = memory_of_classes(GaussianMixtureDenoiser(means, 0.25, shares), 0.7)
    bayes = means.new_tensor(shares) * torch.exp(-((x - means.mT) ** 2) / (2 * v))
    assert torch.allclose(memory.weights(x), bayes / bayes.sum(1, keepdim=True), atol=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.4, 0.7])
def test_one_condensation_for_classes_data_and_patterns(alpha):
    """The same noise v from three places: classes at t_C, data at their collapse, patterns at
    the capacity ½ log(1 + s²/v) of their load."""
    d = 40
    t = float(class_condensation(alpha, WITHIN, 1.0))
    collapse = float(collapse_sigma(math.exp(alpha * d), [1.0] * d)) ** 2
    assert WITHIN + t == pytest.approx(collapse, rel=1e-9)
    assert 0.5 * math.log(1 + 1 / (WITHIN + t)) == pytest.approx(alpha)
    assert mutual_information([1.0] * d, collapse**0.5) == pytest.approx(alpha * d)


def test_a_planted_class_is_held_as_a_planted_datum_is():
    """At noise t_C: own weight of class samples against Y of the centres at √(g² + t_C)."""
    classes = random_classes(200, 12, WITHIN, seed=1)
    t = float(class_condensation(math.log(200) / 12, WITHIN, 1.0))
    points, labels = classes.draw(8000, seed=2)
    noised = points + t**0.5 * randn(8000, 12, seed=3)
    own = classes.responsibilities(noised, t**0.5).gather(1, labels[:, None]).squeeze(1)
    centres = EmpiricalDenoiser(classes.means)
    planted = planted_posterior(centres, (WITHIN + t) ** 0.5, 8000, seed=4).own_weight
    error = math.hypot(float(own.std()), float(planted.std())) / 8000**0.5
    assert abs(float(own.mean() - planted.mean())) < 4 * error
    assert 0.3 < float(planted.mean()) < 0.7


@pytest.mark.parametrize(
    ("w", "low", "high"), [(0.0, 0.9, 1), (3.0, 0.99, 1), (-1.0, 0, 0.3), (None, 0.3, 0.95)]
)
def test_retention_is_a_retrieval_probability(w, low, high):
    """Cues of all noise are samples: success of the map against the samples themselves."""
    classes = random_classes(30, 8, WITHIN, seed=0)
    w = Window(3.0, 3.0) if w is None else w
    memories = class_memories(classes, w, labels=range(12), steps=40)
    found = retrieval_map(memories, [1e-3], trials=30, seed=1)
    labels = torch.arange(12).repeat_interleave(60)
    ends = generate(classes, labels, w, steps=40, seed=2)
    each = distortion(ends, labels, classes, diversity=False).retention
    error = math.hypot(float(found.sem[0]), float(each.std()) / 12**0.5)
    assert abs(found.success[0] - float(each.mean())) < 4 * error + 0.01
    assert low <= found.success[0] <= high


@pytest.mark.parametrize("dynamics", ["flow", "sde"])
def test_retrieval_under_guidance_falls_with_the_weight_and_the_noise(dynamics):
    """A prompt that is ignored (w = −1), heeded, and heeded too late against the noise."""
    classes = random_classes(40, 8, WITHIN, seed=3)
    success = np.array(
        [
            retrieval_map(
                class_memories(classes, w, dynamics, labels=range(10), steps=25),
                [0.1, 0.9],
                trials=10,
                seed=0,
            ).success
            for w in (-1.0, -0.5, 0.0, 1.0)
        ]
    )
    assert (np.diff(success, axis=0) > -0.05).all()  # the prompt helps at every overlap
    assert success[0, 0] < 0.3
    assert success[0, 1] > 0.8  # a good cue needs none
    assert (success[2:] > 0.9).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: memory_of_classes(m, -1.0), "sigma must"),
        (
            lambda m: memory_of_classes(GaussianMixtureDenoiser(m.means, [1.0, 2.0, 3.0]), 1),
            "variances from 1 to 3",
        ),
        (lambda m: class_memories(m, 1.0, "fixed-noise"), "dynamics must be one of 'flow', 'sde'"),
        (lambda m: class_memories(m, 1.0, labels=[3]), "labels must be .* at most 2, got 3"),
        (lambda m: class_memories(m, math.nan), "w must be a finite number or a schedule"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_classes(3, 4, seed=0))
