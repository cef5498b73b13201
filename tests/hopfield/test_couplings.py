import pytest
import torch

from hopfield import HopfieldNetwork, hebbian, pseudo_inverse, random_patterns, stabilities


def test_hebb_against_its_sum():
    xi = random_patterns(3, 6, seed=0)
    J = hebbian(xi)
    for i in range(6):
        for j in range(6):
            expected = 0.0 if i == j else sum(float(x[i] * x[j]) for x in xi) / 6
            assert J[i, j].item() == pytest.approx(expected, abs=1e-15)


def test_pseudo_inverse_stabilities_are_the_closed_form():
    """Δ_i^μ = sqrt((1 − 𝒫_ii)/𝒫_ii), the same for every pattern (Kanter & Sompolinsky)."""
    xi = random_patterns(30, 100, seed=1)
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


@pytest.mark.parametrize("rule", [hebbian, pseudo_inverse])
def test_rules_give_symmetric_couplings_without_diagonal(rule):
    xi = random_patterns(4, 25, seed=0)
    J = rule(xi)
    assert J.shape == (25, 25)
    assert torch.allclose(J, J.T)
    assert (J.diagonal() == 0).all()
    assert rule(xi.float()).dtype == torch.float32
    assert torch.allclose(rule(xi.numpy()), J)


@pytest.mark.parametrize("rule", [hebbian, pseudo_inverse])
@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (torch.full((2, 3), 0.5), "entries ±1, got 1 values in .*; binarise them"),
        (torch.ones(3), "must have shape"),
        (torch.ones(0, 3), "at least one pattern"),
        (torch.tensor([[1.0, float("inf")]]), "must be finite"),
    ],
)
def test_bad_patterns_are_named(rule, patterns, message):
    with pytest.raises(ValueError, match=message):
        rule(patterns)
