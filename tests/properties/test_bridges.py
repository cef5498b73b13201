"""What holds for every memory, whatever its patterns: retrieval, attractors, basins, matching."""

from dataclasses import astuple
from functools import partial

import numpy as np
import pytest
import torch
from drawn import Toy, few, rows, seeds
from hypothesis import given, strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from bridges import (
    Attractors,
    BasinFractions,
    Memory,
    Retrieval,
    Starts,
    as_memory,
    basin_entropy,
    basin_entropy_sampled,
    basin_fractions,
    basin_radius,
    capacity,
    continuation,
    find_attractors,
    landscape,
    load_model,
    match,
    midpoint_radius,
    recall_path,
    retrieval_map,
    return_curve,
    size_dependence,
    starts,
    transition_matrix,
)
from bridges.basins.plane import plane_of
from bridges.memory import NearestPattern
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, random_patterns

nan, inf = float("nan"), float("inf")


@st.composite
def spins(draw, most=6):
    return random_patterns(draw(st.integers(1, most)), draw(st.integers(1, 6)), seed=draw(seeds))


DYNAMICS = {
    "stays": lambda x: x,
    "forgets": torch.zeros_like,
    "flips": lambda x: -x,
    "signs": torch.sign,
    "halves": lambda x: x / 2,
    "mixes": lambda x: x.flip(1),
}


def generator():
    return torch.Generator().manual_seed(0)


MEASURES = {
    "retrieval_map": lambda m: retrieval_map(m, [0.5, 1.0], trials=3, seed=0),
    "recall_path": lambda m: recall_path(m, m.corrupt(m.patterns, 0.5, generator()), 0.5, seed=0),
    "basin_radius": lambda m: basin_radius(m, trials=3, seed=0),
    "midpoint_radius": lambda m: midpoint_radius(m, trials=3, seed=0),
    "capacity": lambda m: capacity(lambda *_: m, [1, 2], samples=2, trials=3, seed=0),
    "find_attractors": lambda m: find_attractors(m, m.patterns, seed=0),
    "basin_fractions": lambda m: basin_fractions(m, starts.cues(m, 0.5, 4, seed=0), seed=0),
    "transition_matrix": lambda m: transition_matrix(m, overlap=0.5, trials=3, seed=0),
    "return_curve": lambda m: return_curve(m, [0.3], draws=3, seed=0),
    "continuation": lambda m: continuation(lambda _: m, [1, 2], m.patterns, 0.1, seed=0),
}


@few
@given(rows(), st.sampled_from(sorted(DYNAMICS)))
def test_a_memory_of_any_dynamics_goes_through_every_measure(patterns, name):
    toy = Toy(patterns, DYNAMICS[name])
    assert isinstance(toy, Memory)
    found = {key: measure(toy) for key, measure in MEASURES.items() if key != "return_curve"}
    for curve in (found["retrieval_map"], retrieval_map(toy, [0.3], 3, "one-step", seed=0)):
        assert (abs(curve.overlap_out) <= 1 + 1e-9).all()
        assert ((curve.success >= 0) & (curve.success <= 1)).all()
        assert curve.to_dict()["success"] == curve.success.tolist()
    path = found["recall_path"]
    assert (path.overlap.abs() <= 1 + 1e-9).all()
    assert torch.equal(path.states[-1], toy.retrieve(path.states[0], 0.5)[0])
    assert 0 <= found["basin_radius"].overlap <= 1 or found["basin_radius"].overlap == inf
    assert 0 <= found["midpoint_radius"].overlap <= 1 or found["midpoint_radius"].overlap == inf
    assert np.isfinite(found["capacity"].curve.success).all()
    caught = found["basin_fractions"]
    assert isinstance(caught, BasinFractions)
    assert caught.fractions.sum() + caught.none == pytest.approx(1)
    T = found["transition_matrix"]
    assert torch.allclose(T.sum(1) + T.lost, torch.ones_like(T.lost))
    if patterns.any():
        assert 0 <= MEASURES["return_curve"](toy).return_probability[0] <= 1
    else:
        with pytest.raises(ValueError, match="patterns"):
            MEASURES["return_curve"](toy)


SURE = torch.ones(1, dtype=torch.bool)
BROKEN = {  # what a memory retrieves, and what is then said
    "NaN": (lambda x, m: (x * nan, SURE.expand(len(x))), "finite states, got NaN"),
    "infinity": (lambda x, m: (x / 0, SURE.expand(len(x))), "finite states, got"),
    "shape": (lambda x, m: (x[:, :1], SURE.expand(len(x))), r"states of shape .*2\), got .*1\)"),
    "fewer": (lambda x, m: (x[1:], SURE.expand(len(x))), "states of shape"),
    "convergence": (
        lambda x, m: (x, SURE.expand(len(x) + 1)),
        r"convergence of shape \(\d+,\), got",
    ),
    "undecided": (lambda x, m: (x, torch.full((len(x),), nan)), ""),
    "numbers": (lambda x, m: (x, torch.arange(len(x)) + 2), ""),
    "alone": (lambda x, m: x, ""),
    "nothing": (lambda x, m: None, ""),
}


@pytest.fixture
def toy():
    return Toy(torch.tensor([[1.0, 2.0], [3.0, 1.0]]))


@pytest.mark.parametrize("measure", sorted(MEASURES))
@pytest.mark.parametrize(("retrieve", "message"), BROKEN.values(), ids=BROKEN)
def test_a_memory_that_breaks_its_contract_is_named(toy, measure, retrieve, message):
    toy.retrieve = retrieve
    with pytest.raises(ValueError, match=f"Toy must return .*{message}"):
        MEASURES[measure](toy)


@pytest.mark.parametrize(
    "measure", sorted({*MEASURES} - {"find_attractors", "continuation", "recall_path"})
)
@pytest.mark.parametrize("how", ["NaN", "shape"])
def test_cues_that_break_the_contract_are_named(toy, measure, how):
    toy.corrupt = lambda x, m, g: x * nan if how == "NaN" else x[:, :1]
    with pytest.raises(ValueError, match=r"Toy must return .*cues"):
        MEASURES[measure](toy)


@pytest.mark.parametrize("measure", sorted(MEASURES))
@pytest.mark.parametrize("patterns", [torch.full((2, 2), nan), torch.zeros(0, 2), torch.ones(2)])
def test_patterns_that_break_the_contract_are_named(measure, patterns):
    with pytest.raises(ValueError, match=r"patterns|starts"):
        MEASURES[measure](Toy(patterns))


def test_convergence_may_be_told_in_numbers(toy):
    toy.retrieve = lambda x, m: (x, [1, 0][: len(x)])
    found = find_attractors(toy, toy.patterns, seed=0)  # kicked states come one at a time
    assert found.converged.tolist() == [True, False]


@few
@given(spins(), seeds)
def test_the_nearest_pattern_is_found_the_better_the_clearer_the_cue(patterns, seed):
    memory = NearestPattern(patterns)
    overlaps = [0.05, 0.2, 0.5, 0.8, 1.0]
    found = retrieval_map(memory, overlaps, trials=12, seed=seed)
    assert (np.diff(found.success) >= 0).all()  # cells of Voronoi are star-shaped
    assert found.success[-1] == 1
    again = retrieval_map(memory, [0.5, 0.2], trials=12, seed=seed)
    assert again.success.tolist() == [found.success[2], found.success[1]]
    radius = basin_radius(memory, trials=12, seed=seed)
    curve = radius.curve
    below, above = (curve.overlap_in[curve.success < 0.5], curve.overlap_in[curve.success >= 0.5])
    assert below.max(initial=0) <= radius.overlap <= above.min() + 1e-12


@few
@given(st.floats(-1, 1), st.floats(-5, 5), st.sampled_from([0.5, 1.0]))
def test_a_law_that_holds_is_fitted(limit, slope, exponent):
    sizes = np.array([50, 100, 200, 400])
    found = size_dependence(sizes, limit + slope * sizes**-exponent, np.full(4, 1e-3))
    fit = found.inverse if exponent == 1 else found.root
    assert fit.limit == pytest.approx(limit, abs=1e-9)
    assert fit.misfit == pytest.approx(0, abs=1e-12)


@few
@given(rows(), st.sampled_from(["fixed-noise", "flow", "sde"]), seeds)
def test_an_adapted_denoiser_keeps_shapes_dtypes_and_seeds(patterns, dynamics, seed):
    memory = as_memory(EmpiricalDenoiser(patterns), dynamics=dynamics, steps=3)
    cues = starts.cues(memory, 0.7, 5, seed)
    assert cues.states.shape == (5, patterns.shape[1])
    one, other = (retrieval_map(memory, [0.7, 1.0], trials=3, seed=seed) for _ in range(2))
    assert np.array_equal(one.overlap_out, other.overlap_out)
    ended = memory.retrieve(cues.states, 0.7)
    assert isinstance(ended, Retrieval)
    assert ended.states.dtype == patterns.dtype
    empty = memory.retrieve(cues.states[:0], 0.7)
    assert empty.states.shape == (0, patterns.shape[1])


@few
@given(rows(), st.floats(0.05, 20))
def test_a_denoiser_at_fixed_noise_is_the_dense_memory(patterns, sigma):
    patterns = patterns.double()
    one = as_memory(EmpiricalDenoiser(patterns), sigma=sigma)
    other = as_memory(DenseMemory(patterns, "exponential", beta=sigma**-2))
    x = patterns + 0.3
    assert torch.allclose(one.step(x, 0.5), other.step(x, 0.5), atol=1e-9)
    assert torch.allclose(one.energy(x), other.energy(x), atol=1e-9 * (1 + sigma**2))


@few
@given(rows(), seeds, st.booleans())
def test_attractors_do_not_depend_on_the_order_of_starts_or_patterns(patterns, seed, decoder):
    patterns = patterns.double()
    make = NearestPattern if decoder else lambda xi: as_memory(EmpiricalDenoiser(xi), sigma=0.2)
    drawn = starts.noised(patterns, 0.7, 15, seed)
    found = find_attractors(make(patterns), drawn, seed=seed)
    assert isinstance(found, Attractors)
    assert found.counts.sum() + found.unconverged + found.at_saddles == len(drawn) == 15
    assert (found.labels.bincount(minlength=0)[: len(found)].numpy() == found.counts).all() or (
        found.labels < 0
    ).any()
    order = torch.randperm(15, generator=torch.Generator().manual_seed(seed))
    other = torch.randperm(len(patterns), generator=torch.Generator().manual_seed(seed))
    again = find_attractors(make(patterns[other]), drawn.states[order], seed=seed)
    same = match(found, again, 0.01 * float(patterns.std(correction=0)) + 1e-9)
    assert len(same.pairs) == len(found) == len(again)
    renamed = np.full(len(again) + 1, -1)
    renamed[same.pairs[:, 1]] = same.pairs[:, 0]
    assert (renamed[again.labels.numpy()] == found.labels.numpy()[order]).all()
    near, near_again = patterns[found.nearest], patterns[other][again.nearest]
    distances = [torch.dist(a, b) for a, b in zip(near[same.pairs[:, 0]], near_again, strict=False)]
    assert len(distances) == len(found)
    if decoder:  # each is a pattern: the nearest is itself
        assert torch.equal(near, found.states)


@few
@given(rows(), seeds)
def test_basin_fractions_and_none_sum_to_one(patterns, seed):
    memory = as_memory(EmpiricalDenoiser(patterns), sigma=0.5, max_sweeps=30)
    found = basin_fractions(memory, starts.noised(patterns, 1.0, 20, seed), seed=seed)
    assert found.fractions.sum() + found.none == pytest.approx(1)
    assert ((found.labels >= -1) & (found.labels < len(found.fractions))).all()
    assert found.by_pattern(len(patterns)).sum() <= 1 + 1e-12
    assert (found.sem > 0).all()
    assert found.to_dict()["starts"] == 20


@few
@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), seeds)
def test_basin_entropy_is_bounded_and_knows_no_names(a, b, box, labels, seed):
    rng = np.random.default_rng(seed)
    grid = rng.integers(-1, labels - 1, (a * box, b * box))
    found = basin_entropy(grid, box)
    assert 0 <= found.entropy <= found.boundary + 1e-12
    assert found.boundary <= np.log(min(labels, box**2)) + 1e-12
    expected = pytest.approx(astuple(found))
    assert astuple(basin_entropy(rng.permutation(9)[grid + 1], box)) == expected
    assert astuple(basin_entropy(grid.T, box)) == expected
    if a == b == 1:
        p = np.unique(grid, return_counts=True)[1] / grid.size
        assert found.entropy == pytest.approx(-(p * np.log(p)).sum())
    points = torch.from_numpy(rng.normal(size=(grid.size, 2)))
    if grid.size >= 2:  # one box of all
        whole = basin_entropy_sampled(points, grid.ravel(), grid.size)
        p = np.unique(grid, return_counts=True)[1] / grid.size
        assert whole.entropy == pytest.approx(-(p * np.log(p)).sum())


@few
@given(rows(), rows(), st.sampled_from([0.0, 0.3, 1.0, 1e300, inf]), seeds)
def test_a_matching_is_the_largest_partial_bijection(one, other, threshold, seed):
    size = min(one.shape[1], other.shape[1])
    one, other = one[:, :size], other[:, :size]
    found = match(one, other, threshold)
    left, right = found.pairs.T
    assert sorted([*left, *found.lost]) == list(range(len(one)))
    assert sorted([*right, *found.new]) == list(range(len(other)))
    assert (found.distance <= threshold).all()
    apart = np.sqrt(((one[:, None].double() - other.double()) ** 2).mean(2).numpy())
    largest = maximum_bipartite_matching(csr_array((apart <= threshold).astype(int)))
    assert len(left) == (largest >= 0).sum()
    if threshold == inf:
        assert found.distance.sum() == pytest.approx(apart[linear_sum_assignment(apart)].sum())
    order = np.random.default_rng(seed).permutation(len(one))
    again = match(one[order], other, threshold)
    assert len(again.pairs) == len(found.pairs)
    assert again.distance.sum() == pytest.approx(found.distance.sum())
    assert len(match(other, one, threshold).pairs) == len(found.pairs)
    assert match(one[:0], other, threshold).new.tolist() == list(range(len(other)))


@few
@given(st.integers(3, 6), st.integers(2, 5), st.sampled_from(["memories", "principal"]), seeds)
def test_a_picture_of_nearest_patterns_has_the_cells_of_voronoi(P, N, plane, seed):
    patterns = torch.randn(P, N, generator=torch.Generator().manual_seed(seed)).double()
    found = landscape(NearestPattern(patterns), plane, 9)
    piece = plane_of(patterns, plane)
    corners = torch.cartesian_prod(*(torch.from_numpy(axis) for axis in (found.x, found.y)))
    cells = torch.cdist(piece.at(corners), patterns).argmin(1).reshape(9, 9).T.numpy()
    assert (found.nearest[found.labels] == cells).all()
    seen, off = piece.seen(patterns)
    assert torch.allclose(piece.at(seen).sub(patterns).norm(dim=1), off, atol=1e-9)
    assert off[:3].max() < 1e-9 or plane == "principal"


@few
@given(rows(), seeds)
def test_what_does_not_change_keeps_its_identity(patterns, seed):
    drawn = starts.noised(patterns.double(), 1.0, 12, seed)
    found = continuation(
        lambda _: NearestPattern(patterns.double()), [3, 1, 2], drawn, 1e-6, seed=seed
    )
    assert found.fractions.shape == (3, len(found.attractors[0]))
    assert np.allclose(found.fractions, found.fractions[0])
    assert found.fractions[0].sum() == pytest.approx(1)
    assert all(len({*names}) == len(names) for names in found.identity)
    assert found.to_dict()["values"] == [3, 1, 2]


@few
@given(rows(), st.sampled_from([0.0, 1e-200, 0.5, 1e30]), st.integers(1, 5), seeds)
def test_starts_are_finite_and_repeat_by_their_seed(patterns, sigma, count, seed):
    draws = {
        "noised": partial(starts.noised, patterns, sigma, count),
        "gaussian": partial(starts.gaussian, count, 3, sigma),
        "box": partial(starts.box, [-1.0, sigma], [0.0, sigma + 1e31], count),
        "spins": partial(starts.spins, count, 3),
    }
    for draw in draws.values():
        one, other = draw(seed=seed), draw(seed=seed)
        assert isinstance(one, Starts)
        assert torch.equal(one.states, other.states)
        assert torch.isfinite(one.states).all()
        assert len(one) == count
        assert 0 < one.overlap <= 1
    inside = draws["box"](seed=seed).states
    assert ((inside[:, 0] >= -1) & (inside[:, 0] <= 0)).all()
    if sigma == 0:
        states = draws["noised"](seed=seed).states
        assert (states[:, None] == patterns).all(2).any(1).all()
    corners = starts.grid([0.0, 1.0], [1.0, 3.0], count + 1).states
    assert corners[0].tolist() == [0, 1]
    assert corners[-1].tolist() == [1, 3]
    assert len(corners.unique(dim=0)) == (count + 1) ** 2


@few
@given(spins(), seeds, st.floats(0.1, 5))
def test_a_model_that_is_loaded_by_name_is_the_memory_of_its_library(xi, seed, beta):
    found = load_model("exponential")(xi, beta=beta)
    cues = random_patterns(4, xi.shape[1], seed=seed)
    known = as_memory(DenseMemory(xi, "exponential", beta=beta, states="binary"))
    assert torch.equal(found.patterns, xi)
    assert torch.equal(found.energy(cues), known.energy(cues))
    ends = [m.retrieve(cues, 0.5, torch.Generator().manual_seed(seed))[0] for m in (found, known)]
    assert torch.equal(*ends)
