"""Bits of patterns and of cues, against counting all patterns that a cue leaves open."""

import itertools
import math

import pytest
import torch

from bridges.data import pattern_set
from bridges.models import MODELS, Options
from bridges.models.information import information

OPTIONS = Options(activity=0.5, colours=3)
COPIES = 2000  # of each pattern, enough for all cues that it can make


def all_patterns(kind):
    if kind == "binary":
        rows = itertools.product([-1.0, 1.0], repeat=6)
    elif kind == "sparse":
        rows = (row for row in itertools.product([0.0, 1.0], repeat=6) if sum(row) == 3)
    else:
        colours = torch.cartesian_prod(*[torch.arange(3)] * 4)
        return torch.nn.functional.one_hot(colours, 3).flatten(1).double()
    return torch.tensor([*rows], dtype=torch.float64)


def built(name, sites, count, options):
    model = MODELS[name]
    stored = pattern_set("random", model.kind, count, sites, 0, coding=options.coding)
    return model.build(stored, options, 0)


@pytest.mark.parametrize("overlap", [0.34, 0.67, 1.0])
@pytest.mark.parametrize("name", ["hebb", "clamped", "covariance", "willshaw", "potts", "bam"])
def test_what_a_cue_leaves_open_is_counted(name, overlap):
    """The patterns of which the memory makes the same cue, whatever its noise."""
    kind, sites = MODELS[name].kind, 4 if name == "potts" else 6
    known, memory = all_patterns(kind), built(name, sites, 2, OPTIONS)
    rows = known.repeat_interleave(COPIES, 0)
    cues = memory.corrupt(rows, overlap, torch.Generator().manual_seed(0))
    same = (cues == cues[17 * COPIES]).all(1).reshape(len(known), COPIES).any(1)
    if name == "bam":  # what is asked for is the other half, of which nothing is known
        known = known[:, 3:].unique(dim=0)
        same = torch.ones(len(known), dtype=torch.bool)
    found = information(name, kind, 1, sites, overlap, OPTIONS)
    assert found.added == pytest.approx(math.log2(int(same.sum())), abs=1e-9)
    assert found.stored == pytest.approx(math.log2(len(known)), abs=1e-9)


def possible_answers(name, cue):
    """All states that an answer can be; what the cue knows for certain is in it."""
    if name == "potts":
        return all_patterns("colours")
    values = [0.0, 1.0] if name in ("covariance", "willshaw") else [-1.0, 1.0]
    sites = 3 if name == "bam" else 6
    rows = torch.tensor([*itertools.product(values, repeat=sites)], dtype=torch.float64)
    rows = rows[rows.abs().sum(1) > 0]
    held = cue != 0 if name in ("clamped", "willshaw") else torch.zeros(sites, dtype=torch.bool)
    return rows[(rows[:, held] == cue[:sites][held[:sites]]).all(1)]


@pytest.mark.parametrize("threshold", [0.3, 0.65, 0.8])
@pytest.mark.parametrize("name", ["hebb", "clamped", "covariance", "willshaw", "potts", "bam"])
def test_what_an_answer_may_leave_open_is_not_added(name, threshold):
    """The most patterns that one answer is near enough to, of all answers."""
    kind, sites = MODELS[name].kind, 4 if name == "potts" else 6
    known, memory = all_patterns(kind), built(name, sites, 2, OPTIONS)
    cue = memory.corrupt(known[:1], 0.34, torch.Generator().manual_seed(0))[0]
    answers = possible_answers(name, cue)
    if name == "bam":
        known = known[:, 3:].unique(dim=0)
    elif name in ("clamped", "willshaw"):
        known = known[(known[:, cue != 0] == cue[cue != 0]).all(1)]
    normed = [torch.nn.functional.normalize(rows, dim=1) for rows in (answers, known)]
    near = (normed[0] @ normed[1].T >= threshold - 1e-9).sum(1).max()
    exact = information(name, kind, 1, sites, 0.34, OPTIONS)
    found = information(name, kind, 1, sites, 0.34, OPTIONS, threshold)
    assert found.added == pytest.approx(max(0, exact.added - math.log2(int(near))), abs=1e-9)
    assert found.stored == exact.stored


def test_flips_are_told_at_the_rate_of_their_distortion():
    """H(p) − H(D) bits per spin (Shannon 1959), and none of cues that are near by themselves."""

    def entropy(p):
        return -p * math.log2(p) - (1 - p) * math.log2(1 - p)

    N = 20000
    found = information("hebb", "binary", 1, N, 0.8, Options(), 0.95)
    assert found.added / N == pytest.approx(entropy(0.1) - entropy(0.025), abs=1e-3)
    for name in ("hebb", "potts", "covariance", "willshaw"):
        kind, options = MODELS[name].kind, Options(activity=0.5)
        assert information(name, kind, 9, 100, 0.96, options, 0.95).added == 0


@pytest.mark.parametrize("name", ["hebb", "clipped", "diluted", "sequence", "bam", "willshaw"])
def test_numbers_are_those_that_the_memory_holds(name):
    """Entries that are not zero by construction, a symmetric pair as one."""
    N, P = 12, 5
    options = Options(activity=0.25, keep=1.0, levels=3)
    memory = built(name, N, P, options)
    found = information(name, MODELS[name].kind, P, N, 1.0, options)
    if name == "sequence":
        held = N * (N - 1)
    elif name == "bam":
        held = memory.couplings.numel()
    else:
        J = memory.couplings if name == "willshaw" else memory.source.couplings
        assert torch.equal(J, J.T)
        held = int(torch.ones_like(J).triu(0 if name == "willshaw" else 1).sum())
        values = J[~torch.eye(N, dtype=bool)].unique().numel()
        assert values <= 2**found.precision + 1e-9
    assert found.numbers == held


def test_the_numbers_of_the_literature():
    """α bits per synapse are 2α per symmetric coupling; ln 2 of Willshaw's, large and at best."""
    found = information("hebb", "binary", 0.138 * 10**5, 10**5, 0.5, Options())
    assert found.stored / found.numbers == pytest.approx(0.276, rel=1e-4)
    N, K = 2**20, 20
    P = math.log(2) * (N / K) ** 2
    found = information("willshaw", "sparse", P, N, 1.0, Options(activity=K / N))
    bits = found.stored / (N * N)
    # log₂ C(N, K) is K log₂ N less log₂ K! = 61 bits of 400
    assert bits == pytest.approx(
        math.log(2) * (400 - math.log2(math.factorial(20))) / 400, rel=1e-4
    )
    assert found.precision == 1
    assert found.added == 0


def test_real_states_have_no_such_bits():
    with pytest.raises(
        ValueError, match="model must store spins, 0/1 patterns or colours, got flow"
    ):
        information("flow", "real", 3, 10, 0.5, Options())
    assert math.isnan(information("mine.py:rule", "binary", 3, 10, 0.5, Options()).numbers)
