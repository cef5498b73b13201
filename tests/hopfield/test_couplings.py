"""One-shot rules: each against its definition or another solver, and what every rule promises."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from measured import agree, random_couplings
from scipy.optimize import nnls

from hopfield import (
    HopfieldNetwork,
    dreaming_kernel,
    flip_spins,
    hebbian,
    max_margin,
    paramagnetic_unlearning,
    pseudo_inverse,
    random_patterns,
    stabilities,
    storkey,
)

RULES = {
    "hebbian": hebbian,
    "pseudo_inverse": pseudo_inverse,
    "storkey": storkey,
    "dreaming": lambda xi: dreaming_kernel(xi, 3.0),
    "max_margin": max_margin,
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_rule_keeps_the_promises_of_a_rule(name, dtype):
    xi = random_patterns(12, 40, seed=0, dtype=dtype)
    before = xi.clone()
    couplings = RULES[name](xi)
    assert couplings.shape == (40, 40)
    assert couplings.dtype == dtype
    assert (couplings.diagonal() == 0).all()
    assert torch.equal(xi, before)
    assert torch.equal(couplings, RULES[name](xi))
    if name != "hebbian":
        assert (stabilities(couplings, xi) > 0).all()  # load 0.3 at N = 40: each stores it
    assert torch.allclose(RULES[name](xi.numpy()), couplings)
    if name != "max_margin":
        assert torch.equal(couplings, couplings.T)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (torch.full((2, 3), 0.5), "patterns must have entries ±1, got 1 values in .*; binarise"),
        (torch.tensor([[0.5, 1.0]]), "patterns must have entries ±1"),
        (torch.ones(3), "patterns must have shape"),
        (torch.ones(0, 3), "patterns must hold at least one pattern"),
        (torch.tensor([[1.0, float("inf")]]), "patterns must be finite"),
    ],
)
def test_every_rule_names_bad_patterns(name, patterns, message):
    with pytest.raises(ValueError, match=message):
        RULES[name](patterns)


def test_hebb_against_its_sum():
    xi = random_patterns(3, 6, seed=0)
    J = hebbian(xi)
    for i in range(6):
        for j in range(6):
            expected = 0.0 if i == j else sum(float(x[i] * x[j]) for x in xi) / 6
            assert J[i, j].item() == pytest.approx(expected, abs=1e-15)


def test_pseudo_inverse_stabilities_are_the_closed_form():
    """Δ_i^μ = sqrt((1 − 𝒫_ii)/𝒫_ii), the same for every pattern (Kanter & Sompolinsky)."""
    for seed in (1, 3):
        xi = random_patterns(30, 100, seed=seed)
        projector = xi.T @ torch.linalg.solve(xi @ xi.T, xi)  # another route than the SVD
        diagonal = projector.diagonal()
        expected = torch.sqrt((1 - diagonal) / diagonal).expand(30, 100)
        assert (stabilities(pseudo_inverse(xi), xi) - expected).abs().max() < 1e-10


def test_pseudo_inverse_counts_only_the_span():
    xi = random_patterns(5, 40, seed=2)
    twice = torch.cat([xi, xi[:2], -xi[2:3]])
    assert (pseudo_inverse(twice) - pseudo_inverse(xi)).abs().max() < 1e-12


def test_pseudo_inverse_past_its_capacity_keeps_every_state():
    xi = random_patterns(50, 20, seed=0)  # spans everything: no field at all
    J = pseudo_inverse(xi)
    assert (J == 0).all()
    states = random_patterns(10, 20, seed=1)
    relaxed = HopfieldNetwork(J).relax(states, seed=0)
    assert torch.equal(relaxed.states, states)
    assert relaxed.converged.all()


def test_storkey_is_its_definition():
    xi = random_patterns(5, 9, seed=1).numpy()
    size = xi.shape[1]
    couplings = np.zeros((size, size))
    for x in xi:
        new = couplings.copy()
        for i, j in itertools.permutations(range(size), 2):
            others = [k for k in range(size) if k not in (i, j)]
            h_ij = couplings[i, others] @ x[others]
            h_ji = couplings[j, others] @ x[others]
            new[i, j] += (x[i] * x[j] - x[i] * h_ji - h_ij * x[j]) / size
        couplings = new
    np.testing.assert_allclose(storkey(xi).numpy(), couplings, atol=1e-14)


def test_dreaming_kernel_runs_from_hebb_to_the_pseudo_inverse():
    xi = random_patterns(30, 100, seed=0)
    assert torch.equal(dreaming_kernel(xi, 0.0), hebbian(xi))
    assert (dreaming_kernel(xi, 1e9) - pseudo_inverse(xi)).abs().max() < 1e-8
    assert torch.equal(dreaming_kernel(xi, math.inf), pseudo_inverse(xi))
    twice = torch.cat([xi, xi[:3]])
    assert (dreaming_kernel(twice, 1e9) - pseudo_inverse(xi)).abs().max() < 1e-8


def test_dreaming_kernel_is_its_formula():
    xi = random_patterns(4, 12, seed=2).numpy()
    inverse = np.linalg.inv(np.eye(4) + 2.5 * xi @ xi.T / 12)
    expected = xi.T @ (3.5 * inverse) @ xi / 12
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(dreaming_kernel(xi, 2.5).numpy(), expected, atol=1e-14)


def test_dreaming_kernel_refuses_negative_times():
    with pytest.raises(ValueError, match="time must lie in"):
        dreaming_kernel(random_patterns(2, 5, seed=0), -0.1)


@pytest.mark.parametrize(("P", "N"), [(1, 10), (12, 40), (40, 40), (55, 40)])
def test_max_margin_is_the_solution_of_another_solver(P, N):
    """Least distance programming by NNLS (Lawson & Hanson 1974, ch. 23), row by row."""
    xi = random_patterns(P, N, seed=4).numpy()
    couplings = max_margin(xi).numpy()
    for i in range(N):
        wanted = np.delete(xi[:, i : i + 1] * xi, i, axis=1)  # wanted @ w ≥ 1, ‖w‖ least
        system = np.vstack([wanted.T, np.ones(P)])
        target = np.append(np.zeros(N - 1), 1.0)
        u, _ = nnls(system, target, maxiter=100 * P)
        residual = system @ u - target
        w = -residual[:-1] / residual[-1]
        kappa = 1 / np.linalg.norm(w)
        row = np.delete(couplings[i], i)
        assert abs((wanted @ row).min() - kappa) < 1e-6
        np.testing.assert_allclose(row, w * kappa, atol=1e-6)


@pytest.mark.parametrize(
    ("load", "kappa", "error"),
    [(0.3, 1.5431, 0.0007), (0.5, 1.0391, 0.0011), (0.6, 0.8784, 0.0013)],
)
def test_max_margin_reaches_the_measured_margins(load, kappa, error):
    means = []
    for seed in range(12):
        xi = random_patterns(round(load * 100), 100, seed=seed)
        means.append(float(stabilities(max_margin(xi), xi).amin(0).mean()))
    agree(means, (kappa, error))


def test_max_margin_ignores_duplicates_and_order():
    xi = random_patterns(12, 40, seed=5)
    shuffled = torch.cat([xi.flip(0), xi[:4]])
    # Certified to a relative 1e-8 in the margin: 1e-4 in the direction at worst, less here.
    assert (max_margin(shuffled) - max_margin(xi)).abs().max() < 1e-6


def test_max_margin_names_patterns_that_no_couplings_store():
    xi = random_patterns(10, 40, seed=6)
    with pytest.raises(ValueError, match=r"separable at every site.* at 1 of 40 sites"):
        max_margin(torch.cat([xi, flip_spins(xi[:1], 0.95, seed=0)]))
    with pytest.raises(ValueError, match="separable at every site"):
        max_margin(torch.ones(1, 1))


def test_paramagnetic_unlearning_removes_the_thermal_correlations():
    """Exact ⟨S_i S_j⟩ by enumeration: the difference falls as β³ off the diagonal."""
    couplings = random_couplings(7, seed=0) / 4
    states = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=7)), dtype=torch.float64)
    energy = -0.5 * (states * (states @ couplings)).sum(1)
    errors = []
    for beta in (0.1, 0.05):
        weights = torch.softmax(-beta * energy, dim=0)
        exact = (states.T * weights) @ states
        removed = couplings - paramagnetic_unlearning(couplings, 1.0, beta)
        errors.append(float((exact - removed).fill_diagonal_(0.0).abs().max()))
    assert errors[0] < 0.01
    assert 6 < errors[0] / errors[1] < 11  # 2³ = 8 up to the next order


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 0.0}, "rate must be a finite number above 0"),
        ({"beta": -1.0}, "beta must be a finite number above 0"),
        ({"beta": 1e3}, "beta must lie below 1/λ_max"),
        ({"couplings": torch.tensor([[0.0, 1.0], [0.0, 0.0]])}, "couplings must be symmetric"),
        ({"couplings": torch.zeros(2, 3)}, "couplings must be square"),
    ],
)
def test_paramagnetic_unlearning_names_what_is_wrong(change, message):
    good = {"couplings": hebbian(random_patterns(3, 10, seed=0)), "rate": 0.1, "beta": 0.1}
    with pytest.raises(ValueError, match=message):
        paramagnetic_unlearning(**(good | change))
