"""What every classical memory promises: one interface, one seed, no change of what it is given."""

import pytest
import torch
from memories import MEMORIES

from hopfield import CuedMemory

RANDOM = {"thermal", "thermal, averaged"}  # ends are no fixed points


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=MEMORIES)
def named(request):
    return request.param, MEMORIES[request.param]()


def test_clean_cues_are_answered(named):
    name, memory = named
    assert isinstance(memory, CuedMemory)
    assert repr(memory).startswith(type(memory).__name__ + f"({len(memory.patterns)} patterns of ")
    cues = memory.corrupt(memory.patterns, 1.0, generator(0))
    ends, converged = memory.retrieve(cues, 1.0, generator(1))
    assert ends.shape == cues.shape == (len(memory.patterns), memory.size)
    assert converged.shape == (len(cues),)
    assert converged.dtype == torch.bool
    assert converged.all()
    targets = getattr(memory, "targets", memory.patterns)
    found = memory.answer(ends) if hasattr(memory, "answer") else ends
    cosine = (found * targets).sum(1) / (found.norm(dim=1) * targets.norm(dim=1))
    assert cosine.mean() > 0.9, name  # small loads: nearly all is recalled


def test_the_seed_and_nothing_else_decides(named):
    _, memory = named
    cues = memory.corrupt(memory.patterns, 0.7, generator(3))
    assert torch.equal(cues, memory.corrupt(memory.patterns, 0.7, generator(3)))
    kept, stored = cues.clone(), memory.patterns.clone()
    first = memory.retrieve(cues, 0.7, generator(4))
    second = memory.retrieve(cues, 0.7, generator(4))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    memory.step(cues)
    memory.energy(cues)
    assert torch.equal(cues, kept)
    assert torch.equal(memory.patterns, stored)


def test_a_batch_equals_its_rows(named):
    name, memory = named
    cues = memory.corrupt(memory.patterns, 0.7, generator(3))
    rows = torch.cat([memory.step(row[None]) for row in cues])
    if name != "willshaw, winners":  # whose ties are drawn for the batch
        assert torch.equal(memory.step(cues), rows)
    energy = memory.energy(cues)
    if energy is not None:
        alone = torch.cat([memory.energy(row[None]) for row in cues])
        assert (energy - alone).abs().max() < 1e-9
    assert memory.step(cues[:0]).shape == cues[:0].shape
    assert memory.relax(cues[:0], seed=0).states.shape == cues[:0].shape


def test_precision_follows_the_input(named):
    _, memory = named
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        cues = memory.corrupt(memory.patterns.to(dtype), 0.8, generator(0))
        assert cues.dtype == dtype
        assert memory.step(cues).dtype == dtype
        assert memory.retrieve(cues, 0.8, generator(0))[0].dtype == dtype
    whole = memory.corrupt(memory.patterns, 1.0, generator(0)).to(torch.int64)
    assert memory.relax(whole, seed=0).states.shape == whole.shape


def test_ends_stay_and_energies_fall(named):
    name, memory = named
    cues = memory.corrupt(memory.patterns, 0.7, generator(3))
    found = memory.relax(cues, seed=generator(5))
    assert found.to_dict().keys() == {"states", "converged", "sweeps", "cycles"}
    if name in RANDOM or "sequence" in name:
        return
    again = memory.relax(found.states, seed=generator(6))
    ends = found.converged
    if name != "willshaw":  # one step by threshold: a second one has another threshold
        assert torch.equal(again.states[ends], found.states[ends])
    before, after = memory.energy(cues), memory.energy(found.states)
    if before is not None:
        assert (after <= before + 1e-9).all()
    none = memory.relax(cues, 0, seed=0)
    assert (none.sweeps == 0).all()


def test_bad_input_is_named(named):
    _, memory = named
    cues = memory.corrupt(memory.patterns, 1.0, generator(0))
    for call in (memory.step, memory.relax):
        with pytest.raises(ValueError, match=r"^states must"):
            call(cues[:, 1:])
        with pytest.raises(ValueError, match=r"^states must"):
            call(cues + 0.5)
    with pytest.raises(ValueError, match="max_sweeps must"):
        memory.relax(cues, -1)
    with pytest.raises(ValueError, match="overlap must"):
        memory.corrupt(memory.patterns, 1.5, generator(0))
    with pytest.raises(ValueError, match=r"(patterns|states) must"):
        memory.corrupt(memory.patterns + 0.5, 0.5, generator(0))
