"""Average losses of training with noise, their minimisers, and the norm of the plain rule."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from measured import agree, normal
from scipy.integrate import quad

from hopfield import max_margin, random_patterns, stabilities
from hopfield.theory import (
    noise_minimum,
    noise_norm,
    one_step_overlap,
    perceptron_loss,
    retrieval_loss,
)


def _normal(x, mean, variance):
    return math.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


@pytest.mark.parametrize(("delta", "m"), [(1.3, 0.5), (-0.7, 0.9), (0.0, 0.2), (4.0, 0.6)])
def test_losses_are_the_averages_they_claim(delta, m):
    mean, variance = m * delta, 1 - m**2
    depth = quad(lambda x: -x * _normal(x, mean, variance), -40, 0)[0]
    wrong = quad(lambda x: _normal(x, mean, variance), -40, 0)[0]
    assert perceptron_loss([delta], m) == pytest.approx(depth, rel=1e-8)
    assert retrieval_loss([delta], m) == pytest.approx(2 * wrong - 1, rel=1e-8)
    assert retrieval_loss([delta], m) == pytest.approx(-one_step_overlap(delta, m), rel=1e-12)
    assert noise_norm([[delta]], m, rate=0.5)[0] == pytest.approx(0.25 * wrong / depth, rel=1e-7)


def test_norm_is_finite_where_errors_are_too_rare_for_numbers():
    """H/V → a/√(1−m²) as a → ∞: λa/(2√(1−m²)) to leading order."""
    m = 0.999
    a = m * 5 / math.sqrt(1 - m**2)
    assert noise_norm([[5.0]], m, rate=1.0)[0] == pytest.approx(
        a / (2 * math.sqrt(1 - m**2)), rel=4 / a**2
    )


def test_norm_at_maximal_noise_is_the_same_for_all():
    norms = noise_norm([[1.0, -3.0], [0.2, 5.0]], 0.0, rate=2.0)
    np.testing.assert_allclose(norms, 2.0 * math.sqrt(2 * math.pi) / 4)


@pytest.mark.parametrize("loss", ["perceptron", "retrieval"])
def test_minimum_cannot_be_improved(loss):
    """Random moves along the sphere from a minimum raise the loss of every row."""
    xi = random_patterns(15, 50, seed=0)
    rows = noise_minimum(xi, 0.6, loss)
    measure = {"perceptron": perceptron_loss, "retrieval": retrieval_loss}[loss]

    def losses(couplings):
        delta = stabilities(couplings, xi).numpy()
        return np.array([measure(delta[:, i], 0.6) for i in range(50)])

    generator = torch.Generator().manual_seed(0)
    lowest = losses(rows)
    for _ in range(10):
        move = normal(50, 50, seed=generator).fill_diagonal_(0.0)
        assert (losses(rows + 0.02 * move) > lowest).all()


@pytest.mark.parametrize("loss", ["perceptron", "retrieval"])
def test_minimum_is_stationary(loss):
    xi = random_patterns(30, 100, seed=0)
    rows = noise_minimum(xi, 0.7, loss)
    a = 0.7 / math.sqrt(0.51) * stabilities(rows, xi)
    weight = torch.erfc(a / math.sqrt(2)) if loss == "perceptron" else torch.exp(-(a**2) / 2)
    direction = ((weight * xi).T @ xi).fill_diagonal_(0.0)
    direction /= direction.norm(dim=1, keepdim=True)
    assert (direction - rows).abs().max() < 1e-5


def test_minimum_goes_to_the_largest_margin():
    xi = random_patterns(30, 100, seed=0)
    best = max_margin(xi)
    cosines = [float((noise_minimum(xi, m) * best).sum(1).mean()) for m in (0.9, 0.98, 0.995)]
    assert cosines[0] < cosines[1] < cosines[2]
    assert cosines[2] > 0.9999


# Load, m, loss: smallest stability, fraction of patterns satisfied, mean cosine with the rows
# of maximal margin; (mean, standard error) over three pattern sets, N = 100.
MINIMA = {
    (0.3, 0.2, "perceptron"): ((-0.7490, 0.1752), (0.5667, 0.0333), (0.9224, 0.0019)),
    (0.3, 0.5, "perceptron"): ((0.4230, 0.0965), (1.0, 0.0), (0.9730, 0.0008)),
    (0.3, 0.7, "perceptron"): ((0.8858, 0.0554), (1.0, 0.0), (0.9899, 0.0003)),
    (0.3, 0.9, "perceptron"): ((1.1583, 0.0224), (1.0, 0.0), (0.9985, 0.0001)),
    (0.5, 0.5, "perceptron"): ((-0.2957, 0.0672), (0.82, 0.02), (0.9364, 0.0009)),
    (0.5, 0.7, "perceptron"): ((0.2431, 0.0126), (1.0, 0.0), (0.9707, 0.0003)),
    (0.5, 0.9, "perceptron"): ((0.6667, 0.0046), (1.0, 0.0), (0.9943, 0.0001)),
    (0.3, 0.2, "retrieval"): ((-1.7799, 0.2614), (0.0889, 0.0294), (0.8890, 0.0027)),
    (0.3, 0.5, "retrieval"): ((-1.6230, 1.0364), (0.8889, 0.0294), (0.9574, 0.0011)),
    (0.3, 0.7, "retrieval"): ((-2.1626, 1.4870), (0.9444, 0.0294), (0.9840, 0.0013)),
}


@pytest.mark.parametrize(("load", "m", "loss"), MINIMA)
def test_minima_are_those_measured(load, m, loss):
    rows = []
    for seed in range(12):
        xi = random_patterns(round(load * 100), 100, seed=seed)
        couplings = noise_minimum(xi, m, loss)
        delta = stabilities(couplings, xi)
        cosine = (couplings * max_margin(xi)).sum(1).mean()
        rows.append([float(delta.min()), float((delta > 0).all(1).double().mean()), float(cosine)])
    for column, reference in zip(np.array(rows).T, MINIMA[load, m, loss], strict=True):
        agree(column, reference, rounding=5e-5)


def test_a_minimum_that_was_not_reached_is_reported():
    xi = random_patterns(50, 100, seed=1)
    with pytest.warns(RuntimeWarning, match="stopped before a minimum of the 'retrieval' loss"):
        noise_minimum(xi, 0.98, "retrieval")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise_minimum(xi, 0.98, "perceptron")


def test_minimum_follows_dtype_and_leaves_its_input():
    xi = random_patterns(5, 20, seed=0, dtype=torch.float32)
    before = xi.clone()
    rows = noise_minimum(xi, 0.5)
    assert rows.dtype == torch.float32
    assert torch.equal(xi, before)
    assert (rows.diagonal() == 0).all()
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(20))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: perceptron_loss([1.0], 1.0), r"overlap must lie in \[0, 1\)"),
        (lambda: retrieval_loss([1.0], -0.1), r"overlap must lie in \[0, 1\)"),
        (lambda: noise_norm([[1.0]], 0.5, rate=0.0), "rate must be a finite number above 0"),
        (lambda: noise_minimum(torch.ones(1, 3), 0.0), r"overlap must lie in \(0, 1\)"),
        (lambda: noise_minimum(torch.ones(1, 3), 0.5, "hinge"), "loss must be one of"),
        (lambda: noise_minimum(torch.ones(1, 1), 0.5), "empty row"),
        (lambda: noise_minimum(torch.zeros(1, 3), 0.5), "patterns must have entries ±1"),
    ],
)
def test_theory_names_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
