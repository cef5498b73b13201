"""Patterns and couplings that ask for gradients are stored as those that do not."""

import pytest
import torch

from hopfield import (
    daydream,
    hebbian,
    max_margin,
    random_patterns,
    symmetric_perceptron,
    train_with_noise,
    unlearn,
)
from hopfield.noise import FixedPoint, Kawasaki, Thermal, Uniform

XI = random_patterns(6, 30, seed=0)
OF_PATTERNS = {
    "max_margin": max_margin,
    "symmetric_perceptron": lambda xi: symmetric_perceptron(xi, 0.1, steps=20).couplings,
    "daydream": lambda xi: daydream(xi, steps=20, seed=0).couplings,
    "unlearn": lambda xi: unlearn(hebbian(xi), steps=20, rate=0.01, patterns=xi, seed=0).couplings,
} | {
    noise: lambda xi, noise=noise: (
        train_with_noise(xi, 0.6, noise, steps=20, rate=1.0, seed=0).couplings
    )
    for noise in ("uniform", "fixed-point", "thermal", "kawasaki")
}


@pytest.mark.parametrize("rule", OF_PATTERNS.values(), ids=OF_PATTERNS)
def test_patterns_that_ask_for_gradients_are_patterns(rule):
    asking = XI.clone().requires_grad_()
    found = rule(asking)
    assert torch.equal(found, rule(XI))
    assert not found.requires_grad
    assert asking.grad is None


@pytest.mark.parametrize("source", [Uniform(), FixedPoint(), Thermal(0.2), Kawasaki(0.2)])
def test_noise_of_couplings_that_ask_for_gradients(source):
    asking = hebbian(XI).requires_grad_(), XI.clone().requires_grad_()
    found = source(*asking, 0.6, seed=0)
    assert torch.equal(found, source(hebbian(XI), XI, 0.6, seed=0))
    assert not found.requires_grad
