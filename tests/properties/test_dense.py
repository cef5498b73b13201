"""Dense memories: they stay in the hull, lower the energy, and see no scale, origin or gauge."""

import math

import torch
from drawn import close, few, normal_like, points, seeds, shuffled, signs, spins
from hypothesis import assume, given, strategies as st

from hopfield import DenseMemory, flip_spins

betas = st.sampled_from([1e-6, 1e-2, 1.0, 30.0, 1e6])
degrees = st.sampled_from([2, 3, 4, 7, 30, 1000])


@few
@given(points(), betas, st.booleans(), seeds)
def test_the_softmax_update_stays_in_the_hull_and_descends(xi, beta, corrected, seed):
    memory = DenseMemory(xi, beta=beta, norm_correction=corrected)
    x = normal_like(xi, seed, rows=4)
    after, weights = memory.step(x), memory.weights(x)
    assert after.dtype == weights.dtype == xi.dtype
    assert close(weights.sum(1), torch.ones(4), xi.dtype)
    slack = 1e-4 * float(xi.abs().max())
    assert bool((after >= xi.amin(0) - slack).all() and (after <= xi.amax(0) + slack).all())
    assert close(after, weights @ xi, xi.dtype)
    order = shuffled(len(xi), seed)
    again = DenseMemory(torch.cat([xi[order], xi]), beta=beta, norm_correction=corrected)
    assert close(again.step(x), after, torch.float32)
    before, now = memory.energy(x), memory.energy(after)
    error = 1e-4 * (1 + before.abs())
    assert bool((now <= before + error).all())
    half = xi.double().square().sum(1) / 2 if corrected else 0.0
    top = (beta * (x.double() @ xi.double().T - half)).amax(1)
    room = memory.log_partition(x).double() - top  # between 0 and log P
    slack = 1e-4 * (1 + top.abs())
    assert bool((room >= -slack).all() and (room <= math.log(len(xi)) + slack).all())
    assert close(torch.cat([memory.step(row[None]) for row in x]), after, torch.float32)


@few
@given(points(), betas, st.floats(-3, 3), seeds)
def test_the_corrected_update_depends_on_no_origin(xi, beta, shift, seed):
    xi = xi.double()
    x = normal_like(xi, seed)
    moved = DenseMemory(xi + shift, beta=beta).step(x + shift)
    if beta < 1e6:  # beyond, rounding of the shift may choose between two near patterns
        assert close(moved - shift, DenseMemory(xi, beta=beta).step(x), torch.float32)


@few
@given(points(columns=(2, 5)), degrees, st.sampled_from([1e-9, 0.5, 1e4, 1e9]), seeds)
def test_polynomial_steps_see_the_direction_alone(xi, degree, factor, seed):
    memory = DenseMemory(xi, "polynomial", degree=degree)
    x = normal_like(xi, seed, rows=4)
    after = memory.step(x)
    assert torch.isfinite(after).all()
    pulled = bool(((x @ xi.T).amax(1) > 1e-3).all())
    assume(pulled)  # odd degrees are rectified: without a pull the state stays
    assert close(memory.step(factor * x), after, torch.float32, 10)
    assert close(after.double().norm(dim=1) ** 2, torch.full((4,), float(xi.shape[1])), xi.dtype)
    if degree <= 7:
        error = 1e-4 * (1 + memory.energy(after).abs())
        assert bool((memory.energy(memory.step(after)) <= memory.energy(after) + error).all())
    end = memory.relax(x)
    assert end.states.dtype == xi.dtype
    assert torch.isfinite(end.states).all()


@few
@given(spins(), st.sampled_from(["exponential", "polynomial"]), betas, degrees, seeds)
def test_binary_memories_descend_in_any_gauge(xi, interaction, beta, degree, seed):
    gauge, start = signs(xi.shape[1], seed).to(xi), flip_spins(xi, 0.0, seed)
    options = {"interaction": interaction, "beta": beta, "degree": degree, "states": "binary"}
    memory, turned = DenseMemory(xi, **options), DenseMemory(xi * gauge, **options)
    end = memory.relax(start, seed=seed)
    assert end.states.dtype == xi.dtype
    assert (end.states.abs() == 1).all()
    before, now = memory.energy(start), memory.energy(end.states)
    assert bool((now <= before + 1e-4 * (1 + before.abs())).all())
    assert torch.equal(turned.step(start * gauge) * gauge, memory.step(start))
    assert torch.equal(memory.relax(start, seed=seed).states, end.states)
    assert memory.relax(start[:0], seed=seed).states.shape == start[:0].shape
