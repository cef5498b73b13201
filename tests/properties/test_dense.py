"""Dense memories: they stay in the hull, lower the energy, and see no scale, origin or gauge."""

import math

import torch
from drawn import close, few, normal_like, points, seeds, shuffled, signs, spins
from hypothesis import assume, given, strategies as st

from hopfield import DenseMemory, emergent_minima, entmax, flip_spins

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


@few
@given(points(), st.sampled_from([1.0, 1.3, 1.5, 2.0, 10.0]), betas, seeds)
def test_entmax_is_a_distribution_that_descends(xi, alpha, beta, seed):
    memory = DenseMemory(xi, "entmax", beta=beta, alpha=alpha)
    x = normal_like(xi, seed, rows=4)
    weights, after = memory.weights(x), memory.step(x)
    assert weights.dtype == after.dtype == xi.dtype
    assert bool((weights >= 0).all())
    assert close(weights.sum(1), torch.ones(4), xi.dtype)
    assert close(after, weights @ xi, xi.dtype)
    logits = normal_like(xi, seed)
    order = shuffled(logits.shape[1], seed)
    assert close(entmax(logits[:, order], alpha), entmax(logits, alpha)[:, order], xi.dtype)
    before, now = memory.energy(x), memory.energy(after)
    assert bool((now <= before + 1e-4 * (1 + before.abs())).all())
    exact = memory.exact(x)
    assert close(after[exact >= 0], xi[exact[exact >= 0]], torch.float32)


@few
@given(points(columns=(1, 4)), st.sampled_from([1e-3, 0.3, 1.0, 5.0]), seeds)
def test_minima_of_balls_are_means_of_their_sets(xi, radius, seed):
    xi = xi.double().unique(dim=0)
    found = emergent_minima(xi, radius, 20, seed=seed)
    memory = DenseMemory(xi, "log-sum-relu", beta=2 / radius**2)
    assert found.kept + found.emergent == len(found.states) > 0
    assert close(memory.step(found.states), found.states, torch.float32)
    moved = emergent_minima(3 * xi, 3 * radius, 20, seed=seed)
    assert moved.kept == found.kept  # a scale changes nothing but rounding of ties
    x = normal_like(xi, seed, rows=4)
    before, now = memory.energy(x), memory.energy(memory.step(x))
    assert bool((now <= before + 1e-9 * (1 + before.abs())).all())


@few
@given(points(), st.sampled_from([1e-2, 1.0, 30.0]), st.integers(1, 50), seeds)
def test_memories_of_features_descend(xi, beta, features, seed):
    memory = DenseMemory(xi, "random-features", beta=beta, features=features, seed=seed)
    x = normal_like(xi, seed, rows=4)
    after = memory.step(x)
    assert after.dtype == xi.dtype
    assert torch.isfinite(after).all()
    before, now = memory.energy(x), memory.energy(after)
    assert bool((now <= before + 1e-3 / beta + 1e-4 * before.abs()).all())
