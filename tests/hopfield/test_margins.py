"""Largest margins: of symmetric couplings with their certificate, of diluted ones in theory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from measured import agree
from scipy.integrate import quad
from scipy.optimize import nnls

from hopfield import (
    NotSeparableError,
    clipped_spectrum,
    hebbian,
    max_margin,
    pseudo_inverse,
    random_patterns,
    stabilities,
    symmetric_margin,
    symmetric_perceptron,
    unlearn,
)
from hopfield.theory import gardner_kappa, gardner_kappa_diluted

DILUTED = {
    0.1: 2.83855,
    0.2: 1.78911,
    0.3: 1.29489,
    0.4: 0.98616,
    0.5: 0.76714,
    0.59: 0.61496,
    0.6: 0.59997,
    0.7: 0.46614,
    0.8: 0.35535,
    1.0: 0.17997,
    1.2: 0.04498,
}


# ── strongly diluted networks ─────────────────────────────────────────────────────────────


def test_the_diluted_table():
    found = gardner_kappa_diluted(list(DILUTED))
    np.testing.assert_allclose(found, list(DILUTED.values()), rtol=0, atol=2e-5)
    loads = np.linspace(0.01, 1.277, 50)
    assert (gardner_kappa_diluted(loads) < gardner_kappa(loads)).all()


def test_diluted_capacity():
    assert gardner_kappa_diluted(1.27790) < 1e-4
    with pytest.raises(ValueError, match=r"load must lie in \(0, 1.27791\]"):
        gardner_kappa_diluted(1.27793)
    with pytest.raises(ValueError, match=r"load must lie in \(0, 1.27791\]"):
        gardner_kappa_diluted([0.5, 0.0])


@pytest.mark.parametrize("load", [0.02, 0.3, 1.2])
def test_diluted_kappa_solves_the_cavity_equations(load):
    """r = E x and 2α(E x² + r²) = 1 with the multipliers x = (κ − r − t)₊, by quadrature."""
    kappa = gardner_kappa_diluted(load)
    phi = lambda t: np.exp(-t * t / 2) / np.sqrt(2 * np.pi)  # noqa: E731
    r = kappa  # Newton's method on r − E(κ − r − t)₊, which rises and is convex
    for _ in range(50):
        u = kappa - r
        mean = quad(lambda t: (u - t) * phi(t), -40, u)[0]  # noqa: B023
        r -= (r - mean) / (1 + quad(phi, -40, u)[0])
    square = quad(lambda t: (kappa - r - t) ** 2 * phi(t), -40, kappa - r)[0]
    assert 2 * load * (square + r**2) == pytest.approx(1, rel=1e-6)


# ── couplings of a sample ─────────────────────────────────────────────────────────────────


def least_field(couplings, xi):
    """Least ξ_i h_i at rows of norm 1 in mean square."""
    fields = xi * (xi @ couplings.T)
    return float(fields.min()) * len(couplings) ** 0.5 / float(couplings.norm())


def by_least_distance(xi):
    """κ₂ by Lawson & Hanson's least distance programming: min |v|² where Av ≥ 1."""
    count, size = xi.shape
    i, j = np.triu_indices(size, 1)
    rows = np.zeros((count, size, len(i)))
    for mu in range(count):
        products = xi[mu, i] * xi[mu, j]
        rows[mu, i, np.arange(len(i))] = products
        rows[mu, j, np.arange(len(i))] = products
    A = rows.reshape(count * size, len(i))
    system = np.vstack([A.T, np.ones(len(A))])
    target = np.append(np.zeros(len(i)), 1.0)
    u, _ = nnls(system, target)
    residual = system @ u - target
    v = -residual[:-1] / residual[-1]
    return (size / (2 * v @ v)) ** 0.5


@pytest.mark.parametrize(("P", "N"), [(1, 7), (3, 8), (8, 12), (9, 14)])
def test_symmetric_margin_is_that_of_the_quadratic_program(P, N):
    xi = random_patterns(P, N, seed=P)
    found = symmetric_margin(xi)
    assert found.margin == pytest.approx(by_least_distance(xi.numpy()), rel=2e-5)


def test_symmetric_margin_comes_with_its_certificate():
    for seed in range(3):
        xi = random_patterns(15, 50, seed=seed)
        found = symmetric_margin(xi)
        J = found.couplings
        assert torch.equal(J, J.T)
        assert (J.diagonal() == 0).all()
        assert float(J.square().sum()) == pytest.approx(50)
        assert least_field(J, xi) == pytest.approx(found.margin, rel=1e-9)
        assert found.margin <= found.bound <= found.margin * (1 + 2e-5)
        # No symmetric couplings of other rules pass the bound.
        for other in (hebbian(xi), pseudo_inverse(xi), clipped_spectrum(xi, 0.3)):
            assert least_field(other, xi) <= found.bound


# Means over samples of κ₂ with the standard error of the last digits.
@pytest.mark.parametrize(
    ("N", "P", "reference"),
    [(50, 15, (1.5075, 0.0012)), (50, 40, (0.510, 0.004)), (100, 50, (0.9892, 0.0013))],
)
def test_symmetric_margin_is_what_was_measured(N, P, reference):
    margins = [symmetric_margin(random_patterns(P, N, seed=seed)).margin for seed in range(6)]
    agree(margins, reference)
    assert max(margins) > gardner_kappa_diluted(P / N)  # which is no bound here


def test_no_symmetric_couplings_are_stabler_than_the_sample_allows():
    for seed in range(3):
        xi = random_patterns(40, 100, seed=seed)
        most = float(stabilities(max_margin(xi), xi).min())
        symmetric = (
            pseudo_inverse(xi),
            symmetric_margin(xi).couplings,
            symmetric_perceptron(xi, 0.85 * most).couplings,
            unlearn(hebbian(xi), 3500, seed=seed).couplings,
        )
        for J in symmetric:
            assert float(stabilities(J, xi).min()) <= most + 1e-7


def test_the_perceptron_meets_its_margin_in_hundreds_of_passes():
    for N, P in ((100, 30), (100, 50)):
        xi = random_patterns(P, N, seed=0)
        margin = 0.85 * float(stabilities(max_margin(xi), xi).min())
        history = symmetric_perceptron(xi, margin, steps=1000).history
        assert history.min_stability[-1] >= margin
        assert 100 < history.steps[-1] < 600  # 170 to 370 of 63 samples


def test_pseudo_inverse_is_stabler_than_the_diluted_bound():
    least = []
    for seed in range(8):
        xi = random_patterns(120, 400, seed=seed)
        least.append(float(stabilities(pseudo_inverse(xi), xi).min()))
    assert np.mean(least) == pytest.approx(1.35, abs=0.03)  # 4 s.e. of 8 samples
    assert np.mean(least) > gardner_kappa_diluted(0.3)
    assert np.mean(least) < gardner_kappa(0.3)


def test_symmetric_margin_refuses():
    pair = random_patterns(1, 9, seed=0).repeat(2, 1)
    pair[1, 0] *= -1
    with pytest.raises(NotSeparableError, match="patterns must be separable by symmetric"):
        symmetric_margin(pair)
    with pytest.raises(ValueError, match="patterns must have at least 2 spins, got 1"):
        symmetric_margin(torch.ones(2, 1))
    with pytest.raises(ValueError, match="patterns must have entries ±1"):
        symmetric_margin(torch.zeros(2, 4))
