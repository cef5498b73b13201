"""Classical memories of `hopfield`: what holds for any patterns that they allow."""

import warnings

import torch
from drawn import close, few, generator, precisions, seeds, shuffled, signs, spins
from hypothesis import given, strategies as st

from hopfield import (
    BidirectionalMemory,
    CovarianceMemory,
    CuedMemory,
    DilutedMemory,
    HopfieldNetwork,
    KernelMemory,
    PartialCueMemory,
    PottsMemory,
    SequenceMemory,
    ThermalMemory,
    WillshawMemory,
    active_sites,
    clip_couplings,
    covariance,
    dilute,
    displace_ones,
    erase_ones,
    flip_spins,
    hebbian,
    sparse_patterns,
)


@st.composite
def ones(draw, rows=(1, 6), sites=(3, 14)):
    """(P, N) of 0 and 1, the same number of ones in each row; some with a row twice."""
    P, N = draw(st.integers(*rows)), draw(st.integers(*sites))
    eta = sparse_patterns(P, N, draw(st.integers(1, N - 1)), draw(seeds), dtype=draw(precisions))
    if draw(st.booleans()):
        eta[-1] = eta[0]
    return eta


@few
@given(st.integers(1, 6), st.integers(1, 12), st.data(), seeds)
def test_sparse_patterns_have_their_ones(P, N, data, seed):
    active = data.draw(st.integers(1, N))
    eta, sites = sparse_patterns(P, N, active, seed), active_sites(P, N, active, seed)
    assert (eta.sum(1) == active).all()
    assert torch.equal(torch.zeros(P, N).double().scatter(1, sites, 1.0), eta)


@few
@given(ones(), st.floats(0, 1), seeds)
def test_displaced_and_erased_ones(eta, m, seed):
    N, K = eta.shape[1], int(eta[0].sum())
    if m:
        kept = erase_ones(eta, m, seed)
        assert (kept.sum(1) == max(1, round(K * m**2))).all()
        assert (kept <= eta).all()
    moved = round(K * (1 - m))
    if min(K, N - K) > K * (1 - m) + 1:
        cues = displace_ones(eta, m, seed)
        assert (cues.sum(1) == K).all()
        assert (((cues * eta).sum(1) - (K - moved)).abs() <= 1).all()  # of a half, either
        assert cues.dtype == eta.dtype


@few
@given(ones(), st.floats(0.01, 0.99), seeds)
def test_covariance_couplings_are_symmetric_and_of_either_kind(eta, activity, seed):
    J = covariance(eta, activity)
    assert torch.equal(J, J.T)
    assert (J.diagonal() == 0).all()
    if (eta == 0).any():
        assert close(covariance(2 * eta - 1, activity), J, eta.dtype, float(J.abs().max()) + 1)
    order = shuffled(len(eta), seed)
    assert close(covariance(eta[order], activity), J, eta.dtype, float(J.abs().max()) + 1)


@few
@given(ones(), st.floats(-1, 1), seeds)
def test_thresholded_units_descend_and_come_to_rest(eta, threshold, seed):
    memory = CovarianceMemory(eta, threshold, activity=0.3)
    assert isinstance(memory, CuedMemory)
    starts = (torch.rand(8, eta.shape[1], generator=generator(seed)) < 0.5).to(eta)
    found = memory.relax(starts, seed=seed)
    assert found.converged.all()
    scale = float(memory.energy(starts).abs().max()) + 1
    assert (memory.energy(found.states) <= memory.energy(starts) + 1e-5 * scale).all()
    assert torch.equal(memory.step(found.states), found.states)
    assert memory.fields(starts).shape == starts.shape
    assert close(
        memory.overlap(eta, eta), memory.overlap(eta, eta).mean().expand(len(eta)), eta.dtype
    )


@few
@given(ones(), seeds)
def test_willshaw_keeps_all_that_is_given(eta, seed):
    memory = WillshawMemory(eta)
    assert (memory.step(eta) >= eta).all()
    order = shuffled(eta.shape[1], seed)
    turned = WillshawMemory(eta[:, order])
    assert torch.equal(turned.step(eta[:, order]), memory.step(eta)[:, order])
    assert 0 <= memory.fill <= 1
    found = WillshawMemory(eta, "winners").relax(eta, seed=seed)
    assert (found.states.sum(1) == eta[0].sum()).all()
    assert torch.equal(memory.fields(eta).double(), eta.double() @ memory.couplings)


@few
@given(spins(), st.integers(2, 9), st.floats(1e-6, 1), st.booleans(), seeds)
def test_imprecise_couplings_are_odd_and_symmetric(xi, levels, keep, symmetric, seed):
    J = hebbian(xi)
    clipped = clip_couplings(J, levels)
    assert torch.equal(clipped, clipped.T)
    assert torch.equal(clip_couplings(-J, levels), -clipped)
    assert len(clipped.abs().unique()) <= levels // 2 + 1
    kept = dilute(J, keep, symmetric, seed)
    assert bool(((kept == J) | (kept == 0)).all())
    if symmetric:
        assert torch.equal(kept, kept.T)
    assert torch.equal(dilute(J, 1.0, symmetric, seed), J)


@few
@given(spins(sites=(3, 12)), seeds)
def test_few_inputs_are_odd_and_know_no_gauge(xi, seed):
    N = xi.shape[1]
    memory = DilutedMemory(xi, N - 1, seed)
    states = flip_spins(xi, 0.2, seed)
    assert close(
        memory.fields(states), HopfieldNetwork(hebbian(xi)).fields(states) * N / (N - 1), xi.dtype
    )
    assert torch.equal(memory.step(-states), -memory.step(states))
    gauge = signs(N, seed).to(xi)
    turned = DilutedMemory(xi * gauge, N - 1, seed)
    assert torch.equal(turned.relax(states * gauge).states, memory.relax(states).states * gauge)
    assert memory.cycling(states).shape == (len(xi),)


@few
@given(spins(), st.floats(0, 1), seeds)
def test_known_spins_stay(xi, share, seed):
    memory = PartialCueMemory(hebbian(xi), xi)
    cues = memory.corrupt(xi, share, generator(seed))
    ends, converged = memory.retrieve(cues, share, generator(seed))
    assert converged.all()
    assert torch.equal(torch.where(cues != 0, cues, ends), ends)
    assert (ends.abs() == 1).all()
    filled = memory.step(cues)
    full = (filled != 0).all(1)  # no spin was in zero field
    assert (memory.energy(ends) <= memory.energy(filled) + 1e-5)[full].all()
    held = memory.network.relax(xi, clamped=torch.ones_like(xi) > 0, seed=seed)
    assert torch.equal(held.states, xi)


@few
@given(spins(), st.floats(0, 10), st.integers(0, 3), seeds)
def test_hot_spins_are_spins(xi, temperature, averaged, seed):
    memory = ThermalMemory(hebbian(xi), xi, temperature, sweeps=2, averaged=averaged)
    ends = memory.relax(xi, seed=seed).states
    assert (ends.abs() == 1).all()
    assert torch.equal(ends, memory.relax(xi, seed=seed).states)


@few
@given(spins(rows=(2, 6)), st.integers(1, 3), st.sampled_from(["polynomial", "exponential"]), seeds)
def test_sequences_know_no_gauge(xi, degree, kernel, seed):
    if bool((xi == xi.roll(-1, 0)).all(1).any()):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gauge = signs(xi.shape[1], seed).to(xi)
        one = SequenceMemory(xi, 2, kernel, degree)
        other = SequenceMemory(xi * gauge, 2, kernel, degree)
    states = flip_spins(xi, 0.2, seed)
    assert torch.equal(other.step(states * gauge), one.step(states) * gauge)
    assert torch.equal(one.retrieve(states)[0], one.step(one.step(states)))
    assert torch.equal(one.targets, xi.roll(-2, 0))


@few
@given(spins(), st.integers(1, 9), seeds)
def test_pairs_always_find_a_fixed_pair(xi, size, seed):
    other = torch.stack([signs(size, seed + k) for k in range(len(xi))]).to(xi)
    memory = BidirectionalMemory(xi, other)
    starts = torch.cat([flip_spins(xi, 0.0, seed), torch.zeros_like(other)], 1)
    found = memory.relax(starts)
    assert found.converged.all()
    assert torch.equal(memory.step(found.states), found.states)
    assert (memory.energy(found.states) <= memory.energy(starts) + 1e-4).all()
    assert torch.equal(memory.answer(memory.patterns), other)


@few
@given(
    spins(), st.sampled_from(["exponential", "polynomial"]), st.sampled_from([0.5, 5.0, 1e4]), seeds
)
def test_kernels_know_no_gauge_and_no_order(xi, kernel, gain, seed):
    gauge, order = signs(xi.shape[1], seed).to(xi), shuffled(len(xi), seed)
    states = flip_spins(xi, 0.2, seed)
    for dual in ("identity", "ridge"):
        one = KernelMemory(xi, kernel, gain, dual=dual, ridge=0.1)
        turned = KernelMemory(xi * gauge, kernel, gain, dual=dual, ridge=0.1)
        assert close(turned.fields(states * gauge), one.fields(states) * gauge.double())
        mixed = KernelMemory(xi[order], kernel, gain, dual=dual, ridge=0.1)
        assert close(mixed.fields(states), one.fields(states))
        found = one.relax(states)
        assert bool((found.converged | found.cycles | (found.sweeps == 50)).all())


@few
@given(st.integers(1, 5), st.integers(2, 9), st.integers(2, 5), seeds)
def test_colours_may_be_renamed(P, N, q, seed):
    xi = torch.randint(q, (P, N), generator=generator(seed))
    memory = PottsMemory(xi, q)
    found = memory.relax(memory.corrupt(memory.patterns, 0.5, generator(seed)), seed=seed)
    assert found.converged.all()
    assert torch.equal(memory.step(found.states), found.states)
    names = torch.stack([shuffled(q, seed + i) for i in range(N)])  # of the colours of each site

    def renamed(colours):
        return names[torch.arange(N), colours]

    other, s = PottsMemory(renamed(xi), q), memory.colours_of(found.states)
    turned = other.states_of(renamed(s))
    assert close(other.energy(turned), memory.energy(found.states))
    own = memory.fields(found.states).gather(2, s[:, :, None])
    theirs = other.fields(turned).gather(2, renamed(s)[:, :, None])
    assert close(own, theirs)
    assert close(memory.overlap(memory.patterns, memory.patterns), torch.ones(P))
