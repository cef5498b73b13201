"""Half precision is one of storage: networks and rules compute in single at least."""

import pytest
import torch

from hopfield import (
    DenseMemory,
    HopfieldNetwork,
    TrainingResult,
    binarize,
    dreaming_kernel,
    flip_spins,
    hebbian,
    max_margin,
    noise_structure,
    overlap,
    paramagnetic_unlearning,
    pseudo_inverse,
    random_patterns,
    stabilities,
    storkey,
    unlearn,
)

HALVES = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("dynamics", ["asynchronous", "synchronous"])
def test_ties_are_of_the_precision_of_the_sums(dtype, dynamics):
    """The same couplings in double precision relax to the same states."""
    xi = random_patterns(150, 2000, seed=0)
    couplings = hebbian(xi.to(dtype))
    cues = flip_spins(xi[:10], 0.5, seed=1)
    half, double = (
        HopfieldNetwork(J).relax(cues, dynamics, seed=2) for J in (couplings, couplings.double())
    )
    assert torch.equal(half.states, double.states)
    assert overlap(half.states, xi[:10]).mean() > 0.99
    wrong = half.states * (half.states @ couplings.double().T) < 0
    assert not wrong[half.converged].any()


def test_states_in_half_precision_come_back_so():
    xi = random_patterns(5, 100, seed=0).bfloat16()
    network = HopfieldNetwork(hebbian(xi))
    assert network.relax(xi).states.dtype == network.step(xi).dtype == torch.bfloat16
    exact = HopfieldNetwork(hebbian(xi).double()).energy(xi)
    assert network.energy(xi).double() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    "rule",
    [
        hebbian,
        pseudo_inverse,
        storkey,
        lambda xi: dreaming_kernel(xi, 2.0),
        lambda xi: dreaming_kernel(xi, 1e3),
        max_margin,
        lambda xi: paramagnetic_unlearning(hebbian(xi.double()).to(xi), 0.1, 0.1),
    ],
)
def test_rules_round_once(rule, dtype):
    """The couplings are those of double precision, rounded at the end."""
    xi = random_patterns(12, 60, seed=0)
    half, exact = rule(xi.to(dtype)), rule(xi)
    assert half.dtype == dtype
    # rounding of the couplings; the last rule starts from rounded ones
    assert (half.double() - exact).abs().max() <= 2 * torch.finfo(dtype).eps * exact.abs().max()
    assert (stabilities(half, xi) - stabilities(exact, xi)).abs().max() < 0.1


def test_noise_structure_of_half_precision():
    xi = random_patterns(40, 100, seed=0)
    J = hebbian(xi).bfloat16()
    half, exact = (noise_structure(one, xi, xi[:3]) for one in (J, J.double()))
    assert half.slope.double() == pytest.approx(exact.slope, rel=1e-3)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("interaction", ["exponential", "polynomial"])
def test_dense_memories_in_half_precision(dtype, interaction):
    rows = torch.randn(30, 40, generator=torch.Generator().manual_seed(0)).to(dtype)
    half, exact = (DenseMemory(x, interaction, beta=0.1) for x in (rows, rows.double()))
    assert half.step(rows).dtype == dtype
    assert half.energy(rows).double() == pytest.approx(exact.energy(rows.double()), rel=1e-4)
    ends = half.relax(rows)
    assert ends.states.dtype == dtype
    assert (ends.states.double() - exact.relax(rows.double()).states).abs().max() < 0.05


def test_the_mean_of_half_precision_data_binarizes_them():
    data = 100 + torch.randint(20, (999, 7), generator=torch.Generator().manual_seed(0)).half()
    assert torch.equal(binarize(data), binarize(data.double()).half())


def test_what_training_returns_is_taken_for_its_couplings():
    xi = random_patterns(20, 60, seed=0)
    result = unlearn(hebbian(xi), steps=20, seed=1)
    assert isinstance(result, TrainingResult)
    assert torch.equal(HopfieldNetwork(result).couplings, result.couplings)
    assert torch.equal(stabilities(result, xi), stabilities(result.couplings, xi))
    again = unlearn(result, steps=20, seed=2).couplings
    assert torch.equal(again, unlearn(result.couplings, steps=20, seed=2).couplings)


def test_gradients_and_lists_are_taken():
    xi = random_patterns(4, 30, seed=0)
    J = hebbian(xi)
    with_gradient = J.clone().requires_grad_()
    assert torch.equal(HopfieldNetwork(with_gradient).relax(xi, seed=0).states, xi)
    assert torch.equal(HopfieldNetwork(J.tolist()).relax(xi.tolist(), seed=0).states.double(), xi)
    assert torch.equal(HopfieldNetwork(J.numpy()).step(xi.float()).double(), xi)
    unlearn(with_gradient, steps=3, seed=0)


def test_complex_patterns_are_refused():
    with pytest.raises(ValueError, match=r"patterns must be real, got torch.complex64"):
        hebbian(torch.ones(2, 3, dtype=torch.complex64))
