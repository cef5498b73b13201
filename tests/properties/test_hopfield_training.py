"""Iterative rules and training noise of `hopfield`: what holds for any input that they allow."""

import pytest
import torch
from drawn import close, few, fewer, seeds, shuffled, signs, spins
from hypothesis import assume, given, strategies as st

from hopfield import (
    FixedPoint,
    History,
    HopfieldNetwork,
    Kawasaki,
    NoiseStructure,
    Thermal,
    TrainingResult,
    Uniform,
    daydream,
    flip_spins,
    hebbian,
    noise_structure,
    overlap,
    stabilities,
    storkey,
    symmetric_perceptron,
    train_with_noise,
    unlearn,
)

SOURCES = {
    "uniform": Uniform(),
    "fixed-point": FixedPoint(),
    "thermal": Thermal(0.5, sweeps=3),
    "kawasaki": Kawasaki(0.5, sweeps=3),
}
rates = st.sampled_from([1e-6, 0.01, 0.3, 1e3])


def check_record(result, xi, steps):
    """Check what any training leaves: couplings like the patterns, a history in its ranges."""
    assert isinstance(result, TrainingResult)
    assert isinstance(result.history, History)
    assert set(result.to_dict()) == {"couplings", "history"}
    J, past = result.couplings, result.history
    assert J.dtype == xi.dtype
    assert torch.isfinite(J).all()
    assert (J.diagonal() == 0).all()
    assert int(past.steps[-1]) <= steps
    assert (past.steps.diff() > 0).all()
    for share in (past.satisfied_sites, past.satisfied_patterns):
        assert bool((share >= 0).all() and (share <= 1).all())
    assert bool((past.retrieval.abs() <= 1).all())
    assert bool((past.min_stability <= past.mean_stability + 1e-12).all())
    assert close(past.min_stability[-1], stabilities(J, xi).min(), torch.float32)


@fewer
@given(spins(sites=(1, 9)), st.integers(0, 12), st.integers(1, 5), rates, seeds)
def test_unlearning_takes_away_a_positive_matrix(xi, steps, batch, rate, seed):
    """J_start − J_end + ε·steps/N = (ε/N) Σ S Sᵀ: positive, of trace ε·steps."""
    start = hebbian(xi)
    kept = start.clone()
    found = unlearn(start, steps, rate, batch, seed, patterns=xi, retrieval=[0.5])
    check_record(found, xi, steps)
    assert torch.equal(start, kept)
    assert close(found.couplings, found.couplings.T, xi.dtype, rate)
    N = xi.shape[1]
    taken = (start - found.couplings).double() + rate * steps / N * torch.eye(N)
    error = 1e-5 * (1 + rate * steps)
    assert float(torch.linalg.eigvalsh(taken).min()) >= -error
    again = unlearn(start, steps, rate, batch, seed)
    assert torch.equal(again.couplings, found.couplings)  # the record changes nothing


@fewer
@given(spins(sites=(1, 9)), st.integers(0, 12), rates, seeds)
def test_daydreaming_moves_by_two_steps_at_most(xi, steps, rate, seed):
    found = daydream(xi, steps=steps, rate=rate, seed=seed, retrieval=[0.5])
    check_record(found, xi, steps)
    J, N = found.couplings, xi.shape[1]
    assert close(J, J.T, xi.dtype)
    moved = (J - hebbian(xi)).abs().max()
    assert float(moved) <= 2 * rate * steps / N * (1 + 1e-5) + 1e-6
    assert torch.equal(daydream(xi, steps=steps, rate=rate, seed=seed).couplings, J)


@pytest.mark.parametrize("noise", [*SOURCES, "callable"])
@fewer
@given(spins(), st.floats(0, 1), st.integers(0, 9), rates, st.booleans(), seeds)
def test_training_keeps_its_constraints(noise, xi, m, steps, rate, symmetric, seed):
    """Each step moves row i by at most λ/√N; symmetric couplings stay so, unit rows too."""
    source = {"callable": lambda J, target, m, _: flip_spins(target, m, 3)}.get(noise, noise)
    start = hebbian(xi)
    assume(bool((start.norm(dim=1) > 1e-3).all()))
    options = {"steps": steps, "rate": rate, "seed": seed, "retrieval": [0.5]}
    options |= {"symmetric": symmetric, "normalize": not symmetric}
    found = train_with_noise(xi, m, source, **options)
    check_record(found, xi, steps)
    J = found.couplings
    if symmetric:
        assert close(J, J.T, xi.dtype, rate)
        assert float((J - start).abs().max()) <= rate * steps / xi.shape[1] * (1 + 1e-5) + 1e-6
    else:
        assert close(J.norm(dim=1), torch.ones(len(J)), torch.float32)
    assert torch.equal(train_with_noise(xi, m, source, **options).couplings, J)


@fewer
@given(spins(), st.sampled_from([0.0, 0.3]), seeds)
def test_the_symmetric_perceptron_follows_gauge_and_order(xi, margin, seed):
    xi = xi.double()
    found = symmetric_perceptron(xi, margin, steps=30, retrieval=[0.5])
    check_record(found, xi, 30)
    J, gauge = found.couplings, signs(xi.shape[1], seed)
    assert close(J, J.T)
    if int(found.history.steps[-1]) < 30:
        assert float(stabilities(J, xi).min()) >= margin - 1e-12
    turned = symmetric_perceptron((xi * gauge)[shuffled(len(xi), seed)], margin, steps=30)
    assert close(turned.couplings, gauge[:, None] * J * gauge)


# --------------------------------------------------------------------- noise


@pytest.mark.parametrize("name", SOURCES)
@fewer
@given(spins(), st.floats(0, 1), seeds)
def test_noise_gives_spins_and_follows_its_seed(name, xi, m, seed):
    J, source = storkey(xi), SOURCES[name]
    kept = xi.clone()
    states = source(J, xi, m, seed)
    assert states.dtype == xi.dtype
    assert (states.abs() == 1).all()
    assert torch.equal(xi, kept)
    assert torch.equal(states, source(J, xi, m, seed))
    assert torch.equal(states, source(J.numpy(), xi, m, seed))
    assert source(J, xi[:0], m, seed).shape == xi[:0].shape
    if name == "uniform":
        assert torch.equal(source(J, xi, 1.0, seed), xi)
    if name == "fixed-point":
        assert torch.equal(HopfieldNetwork(J).step(states), states)
    if name == "kawasaki":
        flips = round((1 - m) * xi.shape[1] / 2)
        assert ((states != xi).sum(1) == flips).all()
    if name != "uniform":  # a landscape of its own takes the place of the couplings
        frozen = type(source)(**{**vars(source), "landscape": J})
        assert torch.equal(frozen(0 * J, xi, m, seed), states)


@few
@given(spins(rows=(2, 6), sites=(4, 12)), seeds)
def test_noise_structure_sums_to_zero_on_hebbian_couplings(xi, seed):
    """Σ_μ ω_i^μ = 0 on Hebb's couplings; the states are fitted one by one, in any gauge."""
    xi = xi.double()
    J, states, gauge = hebbian(xi), flip_spins(xi, 0.5, seed), signs(xi.shape[1], seed)
    assume(bool((J.norm(dim=1) > 1e-3).all()))
    delta = stabilities(J, xi)
    near = delta[delta.abs() < 1e3]
    assume(float(near.max() - near.min()) > 1e-3)
    found = noise_structure(J, xi, states, window=1e3)
    assert isinstance(found, NoiseStructure)
    assert set(found.to_dict()) == {"stability", "omega", "slope", "intercept", "pearson"}
    assert close(found.omega.sum(0), torch.zeros(xi.shape[1]))
    assert bool((found.pearson.abs() <= 1 + 1e-9).all())
    assert torch.isfinite(found.slope).all()
    order = shuffled(len(states), seed)
    turned = noise_structure(
        gauge[:, None] * J * gauge, xi * gauge, (states * gauge)[order], window=1e3
    )
    assert close(turned.slope, found.slope[order])
    assert close(turned.omega, found.omega)
    assert noise_structure(J, xi, states[:0], window=1e3).slope.shape == (0,)


@fewer
@given(spins(), seeds)
def test_overlap_of_uniform_noise_is_its_mean(xi, seed):
    """4 s.e. of 4000 spins."""
    targets = xi[:1].expand(4000, -1)
    states = Uniform()(hebbian(xi), targets, 0.4, seed)
    error = (1 - 0.4**2) ** 0.5 / (4000 * xi.shape[1]) ** 0.5
    assert abs(float(overlap(states, targets).mean()) - 0.4) < 4 * error
