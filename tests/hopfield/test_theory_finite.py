import math

import numpy as np
import pytest
import torch
from measured import agree, mean_and_error, normal, sphere
from scipy.integrate import quad

from hopfield import DenseMemory
from hopfield.theory import (
    argmax_capacity,
    argmax_retrieval,
    argmax_retrieval_normal,
    dense_load,
    fixed_point_load,
    posterior_weight_bound,
    sphere_average,
)
from hopfield.theory.dense import sphere_log_average


@pytest.mark.parametrize("N", [2, 3, 20, 101, 700, 5000])
@pytest.mark.parametrize("k", [0.0, 1e-8, 0.01, 0.3, 2.0, 40.0])
def test_the_average_over_the_sphere_by_integration(N, k):
    """(1/N) log of ∫ e^{kN cos θ} sin^{N−2} θ dθ; Bessel's function underflows at N = 5000."""
    theta = np.linspace(0, math.pi, 200_001)
    with np.errstate(divide="ignore"):
        measure = (N - 2) * np.log(np.sin(theta)) if N > 2 else np.zeros_like(theta)
    measure[[0, -1]] = -np.inf if N > 2 else 0.0
    exponent = k * N * np.cos(theta) + measure
    top = exponent.max()
    value = np.log(np.trapezoid(np.exp(exponent - top), theta)) + top
    value -= np.log(np.trapezoid(np.exp(measure - measure.max()), theta)) + measure.max()
    assert sphere_average(k, N) == pytest.approx(value / N, abs=1e-9 * max(k, 1e-3), rel=1e-8)


def test_the_average_tends_to_its_limit():
    k = np.array([0.1, 1.0, 10.0])
    gaps = [abs(sphere_average(k, N) - sphere_log_average(k)) for N in (100, 1000, 10_000)]
    assert (gaps[1] < gaps[0] / 5).all()
    assert (gaps[2] < 1e-3).all()


# Reference values: λ, then ln(P − 1)/N at N = 20, 50, 100
@pytest.mark.parametrize(
    ("beta", "expected"),
    [
        (0.25, (0.1327, 0.1620, 0.1833)),
        (0.5, (0.2848, 0.325, 0.3488)),
        (1.0, (0.5298, 0.5633, 0.5855)),
        (2.0, (0.8441, 0.8569, 0.8747)),
    ],
)
def test_load_of_the_fixed_point(beta, expected):
    sizes = np.array([20, 50, 100])
    found = np.array([fixed_point_load(beta, N) for N in sizes])
    others = np.log(np.expm1(sizes * found)) / sizes
    assert others == pytest.approx(expected, abs=3e-4)
    assert (found < dense_load(beta)).all()
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("beta", "N"), [(0.25, 20), (0.5, 20), (1.0, 50), (2.0, 20)])
def test_the_fixed_point_is_lost_there(beta, N):
    """Iterate r ← w + (1 − w)q(λr) from the pattern, with q and ζ by integration."""
    theta = np.linspace(0, math.pi, 1001)
    measure = np.sin(theta) ** (N - 2)

    def holds(P):
        r = 1.0
        for _ in range(1000):
            weight = np.exp(beta * r * N * (np.cos(theta) - 1)) * measure
            zeta = np.log(np.trapezoid(weight, theta) / np.trapezoid(measure, theta)) + beta * r * N
            q = np.trapezoid(weight * np.cos(theta), theta) / np.trapezoid(weight, theta)
            w = 1 / (1 + math.exp(min(math.log(P - 1) + zeta - beta * r * N, 700)))
            r = w + (1 - w) * q
        return w > 0.5

    load = fixed_point_load(beta, N)
    assert holds(math.exp(N * (load - 0.002)))
    assert not holds(math.exp(N * (load + 0.002)))


# Reference, fixed points at N = 20 on the sphere, cosine ≥ 0.9: on either side of α_fp
@pytest.mark.parametrize(
    ("beta", "load", "expected", "error"),
    [
        (0.25, 0.10, 0.964, 0.036),
        (0.25, 0.12, 0.864, 0.054),
        (0.25, 0.14, 0.039, 0.011),
        (0.5, 0.26, 1.000, 0.0),
        (0.5, 0.28, 0.766, 0.024),
    ],
)
def test_fixed_points_of_the_dense_memory(beta, load, expected, error):
    books = []
    for seed in range(32):
        xi = sphere(round(math.exp(load * 20)), 20, seed)
        ends = DenseMemory(xi, beta=beta).relax(xi[:32], max_sweeps=30).states
        books.append((torch.cosine_similarity(ends, xi[:32]) >= 0.9).double().mean().item())
    agree(books, (expected, error), rounding=1e-9)


# Reference: mean weight E w_1 at λ = 1/s², N = 20, P = 403, measured with its s.e.
@pytest.mark.parametrize(
    ("noise", "expected", "error"),
    [(0.75, 0.960, 0.005), (1.0, 0.734, 0.006), (1.25, 0.440, 0.009), (2.0, 0.071, 0.003)],
)
def test_weight_and_its_bound(noise, expected, error):
    P, N, books = 403, 20, []
    for seed in range(24):
        xi = sphere(P, N, seed)
        cues = xi + noise * normal(P, N, seed=1000 + seed)
        weights = torch.softmax(cues @ xi.T / noise**2, 1)
        books.append(weights.diagonal().mean().item())
    agree(books, (expected, error))
    (mean, sem), bound = mean_and_error(books), posterior_weight_bound(P, N, noise)
    assert 0.7 * mean < bound < mean + 4 * sem
    assert mean - 4 * sem < argmax_retrieval(P, N, noise)  # no guess beats the best one


def test_the_bound_is_exact_for_two_patterns_far_apart_and_by_definition():
    """P = 1 weighs 1; N = 2, P = 2 against a plain double integral of the definition."""
    assert posterior_weight_bound(1, 10, 1.0) == pytest.approx(1)
    s = 0.8

    def inner(z):
        def over(z2):
            x = math.hypot(math.sqrt(2) + s * z, s * z2)
            others = sphere_average(math.sqrt(2) * x / 2 / s**2, 2) * 2
            gain = (2 + math.sqrt(2) * s * z) / s**2 - others
            return math.exp(-z2 * z2 / 2) / math.sqrt(2 * math.pi) / (1 + math.exp(-gain))

        return quad(over, -8, 8)[0] * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    assert posterior_weight_bound(2, 2, s) == pytest.approx(quad(inner, -8, 8)[0], abs=1e-3)
    assert posterior_weight_bound(2, 2, s, beta=s**-2) == posterior_weight_bound(2, 2, s)


def test_normal_approximation():
    for size in (20, 40, 100):
        for noise in (0.75, 1.0, 1.25):
            P = np.exp(np.linspace(0.1, 0.9, 60) * size)
            P = P[P >= 100]
            law, normal = argmax_retrieval(P, size, noise), argmax_retrieval_normal(P, size, noise)
            gap = abs(law - normal)
            assert gap[law > 0.8].max(initial=0) <= 0.03
            assert gap[law > 0.5].max(initial=0) <= 0.06


# Reference values: s, N, then ln P/N at success 0.5 and 0.9, known to .001 of success
@pytest.mark.parametrize(
    ("noise", "size", "expected"),
    [
        (1, 20, (0.4292, 0.2427)),
        (1, 50, (0.3875, 0.2765)),
        (1, 100, (0.3702, 0.2931)),
        (2, 20, (0.1794, 0.0521)),
        (2, 50, (0.1450, 0.0666)),
        (2, 100, (0.1310, 0.0778)),
    ],
)
def test_capacity_of_the_best_decoder(noise, size, expected):
    found = [argmax_capacity(size, noise, success) for success in (0.5, 0.9)]
    assert found == pytest.approx(expected, abs=5e-4)


def test_capacity_of_the_best_decoder_tends_to_its_information():
    gaps = [argmax_capacity(N, 1.0) - math.log(2) / 2 for N in (50, 200, 800)]
    assert 0 < gaps[2] < gaps[1] < gaps[0]
    # ½ ln N/N: what is left after it, in units of 1/N, stays bounded
    left = [gap * N - math.log(N) / 2 for gap, N in zip(gaps, (50, 200, 800), strict=True)]
    assert max(left) - min(left) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sphere_average(-1.0, 5), "k must be finite and at least 0, got -1"),
        (lambda: sphere_average(1.0, 1), "size must be a whole number of at least 2"),
        (lambda: fixed_point_load(0.0, 5), "beta must be finite and above 0, got 0"),
        (lambda: fixed_point_load(math.inf, 5), "beta must be finite and above 0, got inf"),
        (lambda: posterior_weight_bound(0, 5, 1.0), "patterns must be finite and at least 1"),
        (lambda: posterior_weight_bound(5, 5, 0.0), "noise must be a finite number above 0"),
        (lambda: posterior_weight_bound(5, 5, 1.0, -1.0), "beta must lie in"),
        (lambda: argmax_retrieval_normal(5, 5, 0.0), "noise must be a finite number above 0"),
        (lambda: argmax_capacity(5, 1.0, 1.0), r"success must lie in \(0, 1\), got 1"),
        (lambda: argmax_capacity(10**5, 1.0), r"size must leave P = e\^\(αN\) finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
