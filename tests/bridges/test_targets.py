"""What a cue should become where that is not its pattern, through the measurements."""

import numpy as np
import pytest
import torch

import bridges
from bridges import (
    as_memory,
    basin_fractions,
    basin_radius,
    capacity,
    midpoint_radius,
    recall_path,
    retrieval_map,
    transition_matrix,
)
from bridges.starts import cues
from hopfield import (
    BidirectionalMemory,
    CovarianceMemory,
    HopfieldNetwork,
    PartialCueMemory,
    SequenceMemory,
    WillshawMemory,
    hebbian,
    overlap,
    random_patterns,
    sparse_patterns,
)

XI, ETA = random_patterns(12, 300, seed=0), random_patterns(12, 200, seed=1)
STEPS = SequenceMemory(XI, 3)
PAIRS = BidirectionalMemory(XI, ETA)


def test_three_steps_along_a_sequence_end_three_patterns_on():
    found = retrieval_map(STEPS, [0.3, 0.6, 1.0], trials=24, finals=True, seed=0)
    assert found.success.tolist() == [1, 1, 1]
    # by hand: clean cues, each pattern twice, in the order of the patterns
    ends = STEPS.retrieve(XI)[0]
    by_hand = overlap(ends, XI.roll(-3, 0)).repeat_interleave(2)
    assert found.finals[0, 2] == pytest.approx(by_hand.numpy(), abs=1e-12)
    against_own = retrieval_map(WithoutTargets(STEPS), [1.0], trials=24, seed=0)
    assert against_own.success[0] == 0


def test_a_pair_is_judged_by_the_half_that_is_asked_for():
    found = retrieval_map(PAIRS, [0.5, 1.0], trials=24, seed=0)
    assert found.success.tolist() == [1, 1]
    blind = BidirectionalMemory(XI, ETA)
    blind.answer = lambda states: torch.ones(len(states), 200, dtype=torch.float64)
    cosine = retrieval_map(blind, [1.0], trials=12, seed=0).overlap_out[0]
    assert cosine == pytest.approx(float(ETA.mean()))  # of ones with y


class WithoutTargets:
    """The same memory, which says nothing of what its cues should become."""

    def __init__(self, memory):
        self.patterns, self.memory = memory.patterns, memory

    def __getattr__(self, name):
        if name in ("targets", "answer"):
            raise AttributeError(name)
        return getattr(self.memory, name)


class ToTargets(WithoutTargets):
    """A memory that says that its cues should become their patterns."""

    @property
    def targets(self):
        return self.patterns


def test_memories_without_targets_are_unchanged_to_the_bit():
    plain = as_memory(HopfieldNetwork(hebbian(XI)), XI)
    stated, faint = ToTargets(plain), plain.corrupt(XI, 0.3, torch.Generator().manual_seed(0))
    for ask in (
        lambda one: retrieval_map(one, [0.2, 0.4], trials=30, seed=0),
        lambda one: basin_radius(one, trials=10, seed=0),
        lambda one: midpoint_radius(one, trials=10, flips="independent", seed=0),
        lambda one: recall_path(one, faint, seed=0),
        lambda one: transition_matrix(one, overlap=0.3, trials=5, seed=0),
        lambda one: basin_fractions(one, cues(plain, 0.3, 40, seed=0), seed=0),
    ):
        assert repr(ask(plain).to_dict()) == repr(ask(stated).to_dict())


def test_radius_midpoint_and_capacity_ask_for_targets():
    assert 0.02 < basin_radius(PAIRS, trials=24, seed=0).overlap < 0.5
    assert midpoint_radius(STEPS, trials=24, seed=0).overlap < 0.4

    def build(load, seed):
        return SequenceMemory(random_patterns(round(load * 100), 100, seed=seed), steps=7)

    found = capacity(build, [0.05, 0.1, 0.2, 0.4], samples=3, trials=20, seed=0)
    assert 0.1 < found.load < 0.4


def test_a_path_is_followed_to_the_target():
    found = recall_path(STEPS, STEPS.corrupt(XI[:4], 0.5), patterns=XI[:4], seed=0)
    assert torch.equal(found.targets, XI[3:7])
    assert found.overlap.shape == (4, 4)
    for k, states in enumerate(found.states):
        assert torch.allclose(found.overlap[k], overlap(states, XI[3:7]))
    assert (found.overlap[-1] > 0.99).all()
    pairs = recall_path(
        PAIRS, PAIRS.corrupt(PAIRS.patterns[:4], 0.5), patterns=PAIRS.patterns[:4], seed=0
    )
    assert pairs.overlap[0].tolist() == [0, 0, 0, 0]  # y is unknown
    assert pairs.overlap[-1].tolist() == pytest.approx([1, 1, 1, 1])
    assert pairs.nearest.tolist() == [0, 1, 2, 3]


def test_going_home_is_going_to_the_target():
    for memory in (STEPS, PAIRS):
        found = transition_matrix(memory, overlap=0.6, trials=4, seed=0)
        assert torch.equal(found.matrix, torch.eye(12, dtype=torch.float64))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: retrieval_map(STEPS, [1.0], patterns=XI), "^patterns must be None for SequenceM"),
        (lambda: midpoint_radius(PAIRS, flips="independent"), "^flips must be 'exact' for Bidirec"),
        (
            lambda: midpoint_radius(PartialCueMemory(hebbian(XI), XI), flips="independent"),
            "^flips must be 'exact' for PartialCueMemory, whose cues are no flipped patterns",
        ),
    ],
)
def test_what_has_no_answer_is_refused(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.ones(3, 300), "memory.targets must be one per pattern, 12, got 3"),
        (torch.full((12, 300), torch.nan), "memory.targets must"),
        (torch.ones(12, 2), r"must return answers of shape \(20, 2\), got \(20, 300\)"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, message):
    memory = WithoutTargets(STEPS)
    memory.targets = targets
    with pytest.raises(ValueError, match=message):
        retrieval_map(memory, [1.0], trials=20, seed=0)


def test_attractors_of_0_and_1_are_found_and_named():
    """Patterns of a Willshaw memory that is almost empty, and the empty state."""
    eta = sparse_patterns(5, 200, 10, seed=0)
    for memory in (WillshawMemory(eta), CovarianceMemory(eta, threshold=0.4)):
        starts = torch.cat([eta, eta, torch.zeros(3, 200, dtype=torch.float64)])
        found = basin_fractions(memory, starts, seed=0).attractors
        named = dict(zip(found.kind, found.counts.tolist(), strict=False))
        assert named == {"memory": 2, "spurious": 3}
        assert sorted(found.nearest[[k == "memory" for k in found.kind]]) == [0, 1, 2, 3, 4]
        assert np.isnan(found.k_eff).all()


def test_pairs_of_which_a_spin_stays_unknown_have_attractors():
    """Two patterns that differ leave zero fields; what is unknown there is no real state."""
    left, right = random_patterns(2, 40, seed=0), random_patterns(2, 40, seed=1)
    memory = BidirectionalMemory(left, right)
    cues = memory.corrupt(memory.patterns, 1.0)
    cues[0, :40] = (left[0] + left[1]).sign()  # half known: as near to the one as to the other
    ends, _ = memory.retrieve(cues)
    assert (ends == 0).any()
    found = basin_fractions(memory, cues, seed=0).attractors
    assert found.counts.tolist() == [1, 1]
    assert sorted(found.kind) == ["memory", "spurious"]
    assert len(found.saddles) == 0


def test_a_plane_needs_spins_or_real_states():
    with pytest.raises(ValueError, match="BidirectionalMemory, whose cues are spins of which some"):
        bridges.landscape(PAIRS, points=3)
