"""Sequences, linear and dense, against matrices, theory and measurements in other hands."""

import pytest
import torch
from measured import mean_and_error

from hopfield import SequenceMemory, flip_spins, overlap, random_patterns
from hopfield.theory import crosstalk_overlap, polynomial_error


def test_the_linear_sequence_is_a_matrix_without_diagonal():
    xi = random_patterns(7, 41, seed=0)
    J = torch.zeros(41, 41).double()
    for mu in range(7):
        J += torch.outer(xi[(mu + 1) % 7], xi[mu]) / 41  # into i from j
    J.fill_diagonal_(0)
    states = random_patterns(30, 41, seed=1)
    fields = states @ J.T
    clear = fields.abs() > 1e-9
    step = SequenceMemory(xi).step(states)
    assert torch.equal(step[clear], fields[clear].sign())
    assert torch.equal(step[~clear], states[~clear])


@pytest.mark.parametrize(
    ("kernel", "F"),
    [("polynomial", lambda x: x**3), ("exponential", lambda x: torch.exp(4 * (x - 1)))],
)
def test_dense_sequences_against_sums(kernel, F):
    xi = random_patterns(9, 30, seed=0)
    states = random_patterns(30, 30, seed=1)
    fields = torch.einsum("bp,pn->bn", F(states @ xi.T / 30), xi.roll(-1, 0))
    step = SequenceMemory(xi, kernel=kernel, degree=3, gain=4.0).step(states)
    clear = fields.abs() > 1e-9
    assert torch.equal(step[clear], fields[clear].sign())
    own = SequenceMemory(xi, kernel=lambda s, p: F(s @ p.T / 30)).step(states)
    assert torch.equal(own[clear], step[clear])


def test_it_goes_round():
    xi = random_patterns(10, 300, seed=0)
    memory = SequenceMemory(xi, steps=3)
    assert torch.equal(memory.targets, xi[[3, 4, 5, 6, 7, 8, 9, 0, 1, 2]])
    ends, arrived = memory.retrieve(flip_spins(xi, 0.6, seed=1))
    assert torch.equal(ends, memory.targets)
    assert arrived.all()
    way = memory.trajectory(xi)
    assert way.shape == (4, 10, 300)
    for step in range(4):
        assert torch.equal(way[step], xi.roll(-step, 0))
    whole = SequenceMemory(xi, steps=10)
    assert torch.equal(whole.retrieve(xi)[0], xi)
    assert torch.equal(whole.targets, xi)
    assert torch.equal(memory.relax(xi, 1).states, memory.step(xi))


# N = 2000, from a pattern; .9984(2), .9670(4), .9138(24), .02 in other hands
@pytest.mark.parametrize(
    ("load", "tolerance"),
    [(0.1, 0.001), (0.2, 0.003), pytest.param(0.25, 0.006, marks=pytest.mark.slow)],
)
def test_long_sequences_have_the_overlap_of_the_theory(load, tolerance):
    xi = random_patterns(int(load * 2000), 2000, seed=0)
    memory = SequenceMemory(xi, steps=40)
    m = overlap(memory.retrieve(xi[:60])[0], memory.targets[:60])
    assert abs(float(m.mean()) - crosstalk_overlap(load, "sequence")) < tolerance


def test_above_its_capacity_a_sequence_is_lost():
    xi = random_patterns(600, 2000, seed=0)
    memory = SequenceMemory(xi, steps=40)
    assert overlap(memory.retrieve(xi[:40])[0], memory.targets[:40]).mean() < 0.1
    assert crosstalk_overlap(0.3, "sequence") == 0


@pytest.mark.parametrize(
    ("degree", "P", "share"), [(1, 50, 0.1), (2, 300, 0.5), (2, 1000, 0.2), (2, 3000, 0.2)]
)
def test_one_step_errors_of_dense_sequences(degree, P, share):
    """N = 100: ½ erfc √(N^d/2P(2d − 1)!!), .0787, .00043, .0339, .1459."""
    errors = []
    for seed in range(5):
        memory = SequenceMemory(random_patterns(P, 100, seed=seed), degree=degree)
        errors.append(float((memory.step(memory.patterns) != memory.targets).double().mean()))
    mean, error = mean_and_error(errors)
    assert abs(mean - polynomial_error(P, 100, degree + 1)) < share * mean + 4 * error


def test_a_repeated_pattern_is_ambiguous():
    xi = random_patterns(4, 20, seed=0)
    with pytest.warns(UserWarning, match="ambiguous"):
        SequenceMemory(xi[[0, 1, 2, 1, 3]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xi: SequenceMemory(xi[:1]), "patterns must be at least 2"),
        (
            lambda xi: SequenceMemory(xi[[0, 1, 1, 2]]),
            "patterns must differ from the next one, got row 1",
        ),
        (
            lambda xi: SequenceMemory(xi[[0, 1, 0]]),
            "patterns must differ from the next one, got row 2",
        ),
        (lambda xi: SequenceMemory(xi, steps=0), "steps must be a whole number"),
        (lambda xi: SequenceMemory(xi, kernel="cubic"), "kernel must be one of"),
        (lambda xi: SequenceMemory(xi, degree=0), "degree must be a whole number"),
        (lambda xi: SequenceMemory(xi, gain=0), "gain must be a finite number above 0"),
        (lambda xi: SequenceMemory((1 + xi) / 2), "patterns must have entries ±1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_patterns(3, 20, seed=0))
