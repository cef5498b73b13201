r"""The one door through which measurements cue a memory, and what they check of its answers."""

from __future__ import annotations

import inspect

import torch
from torch import Tensor

from bridges import _checks
from bridges.memory.interface import Memory, Retrieval

_ROWS = 2**14  # states asked about at once


def stored_patterns(memory: Memory, name: str = "memory") -> Tensor:
    """`memory.patterns`, checked: (P, N), finite, at least one; `name` is that of the argument.

    Raises
    ------
    TypeError : something that is no Memory.
    ValueError : patterns that are not.
    """
    if not isinstance(memory, Memory):
        raise TypeError(
            f"{name} must be a Memory, got {type(memory).__name__}; adapt it with as_memory"
        )
    stored = _checks.stored(f"{name}.patterns", memory.patterns, binary=False).detach()
    return stored.to(torch.promote_types(stored.dtype, torch.float32))


def cued_patterns(memory: Memory, patterns: Tensor | None) -> Tensor:
    """The patterns (P, N) that a memory is cued with: `patterns`, or what it stores.

    Raises
    ------
    TypeError : something that is no Memory.
    ValueError : patterns that are none, or not of the size of the stored ones.
    """
    stored = stored_patterns(memory)
    if patterns is None:
        return stored
    size = stored.shape[1]
    return _checks.stored("patterns", patterns, binary=False, columns=size).detach().to(stored)


def targets_of(memory: Memory) -> Tensor | None:
    """`memory.targets`, checked: (P, N′), what the cue of each pattern should become; None: itself.

    Raises
    ------
    ValueError : targets that are not finite, or not one for each pattern.
    """
    targets = getattr(memory, "targets", None)
    if targets is None:
        return None
    found = _checks.stored("memory.targets", targets, binary=False).detach()
    count = len(stored_patterns(memory))
    if len(found) != count:
        raise ValueError(f"memory.targets must be one per pattern, {count}, got {len(found)}")
    return found.to(torch.promote_types(found.dtype, torch.float32))


@torch.no_grad()
def answered(memory: Memory, states: Tensor) -> Tensor:
    """The part of states (B, N) that is compared with targets (B, N′), `memory.answer` of them.

    Raises
    ------
    ValueError : the memory returned NaN or a wrong shape; targets of another size without `answer`.
    """
    targets, answer = getattr(memory, "targets", None), getattr(memory, "answer", None)
    if targets is None:
        return states
    wanted = states.new_empty(len(states), torch.as_tensor(targets).shape[1])
    return _checked(memory, states if answer is None else answer(states), wanted, "answers")


def one_cue(memory: Memory) -> Tensor:
    """A cue of the first pattern, (1, N), always the same: what cues of a memory are like."""
    generator = torch.Generator().manual_seed(0)
    return cue(memory, stored_patterns(memory)[:1].clone(), 0.5, generator)


@torch.no_grad()
def cue(memory: Memory, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
    """`memory.corrupt`, checked.

    Raises
    ------
    ValueError : the memory returned NaN, or cues of a wrong shape.
    """
    made = _checked(memory, memory.corrupt(patterns, overlap, generator), patterns, "cues")
    return made if made.is_floating_point() else made.to(patterns)


@torch.no_grad()
def recall(memory: Memory, cues: Tensor, overlap: float, generator: torch.Generator) -> Retrieval:
    """`memory.retrieve`, checked: the one door through which measurements cue a memory.

    Raises
    ------
    ValueError : the memory returned no pair, NaN, or states or convergence of a wrong shape
        or kind.
    """
    if "generator" in inspect.signature(memory.retrieve).parameters:
        found = memory.retrieve(cues, overlap, generator=generator)  # type: ignore[call-arg]
    else:
        found = memory.retrieve(cues, overlap)
    return _retrieved(memory, found, cues)


@torch.no_grad()
def recalled_along(
    memory: Memory, cues: Tensor, overlap: float, generator: torch.Generator
) -> Tensor:
    """`memory.trajectory`, checked likewise: (K, B, N), the cues first and the ends last.

    Without one, what is known of the way: the cues, and what `memory.retrieve` makes of them.
    """
    known = getattr(memory, "trajectory", None)
    if known is None:
        ends = recall(memory, cues, overlap, generator).states
        return torch.stack([cues.to(ends), ends])
    if "generator" in inspect.signature(known).parameters:
        path = known(cues, overlap, generator=generator)
    else:
        path = known(cues, overlap)
    path = torch.stack([*path]) if isinstance(path, list | tuple) else torch.as_tensor(path)
    if path.ndim != 3 or len(path) == 0:
        raise ValueError(
            f"{type(memory).__name__} must return a trajectory of shape (K, {len(cues)}, "
            f"{cues.shape[1]}), got {tuple(path.shape)}"
        )
    return _checked(memory, path, cues.expand(len(path), *cues.shape))


@torch.no_grad()
def recall_near(
    memory: Memory, states: Tensor, noise: float, overlap: float, generator: torch.Generator
) -> Retrieval:
    """`memory.revisit` if it has one, else `memory.retrieve`, checked likewise."""
    revisit = getattr(memory, "revisit", None)
    if revisit is None:
        return recall(memory, states, overlap, generator)
    return _retrieved(memory, revisit(states, noise, generator), states)


@torch.no_grad()
def one_step(memory: Memory, cues: Tensor, overlap: float) -> Tensor:
    """`memory.step`, checked likewise.

    Raises
    ------
    ValueError : a memory without steps, or one that returned NaN or a wrong shape.
    """
    step = getattr(memory, "step", None)
    if step is None:
        raise ValueError(
            "criterion 'one-step' needs a memory with step(cues, overlap), "
            f"got {type(memory).__name__}"
        )
    return _checked(memory, step(cues, overlap), cues)


@torch.no_grad()
def energy_of(memory: Memory, states: Tensor) -> Tensor:
    """`memory.energy` of states (B, N), checked: (B,), float64, NaN where the memory has none.

    Raises
    ------
    ValueError : the memory returned something else than B real numbers.
    """
    parts = [states.new_empty(0, dtype=torch.float64)]
    for rows in states.split(_ROWS) if len(states) else ():
        found = memory.energy(rows)
        if found is None:
            return torch.full((len(states),), torch.nan, dtype=torch.float64, device=states.device)
        energy = torch.as_tensor(found)
        if energy.shape != (len(rows),) or energy.is_complex():
            raise ValueError(
                f"{type(memory).__name__} must return energies of shape ({len(rows)},), got "
                f"{energy.dtype} of shape {tuple(energy.shape)}"
            )
        parts.append(energy.to(states.device).double())
    return torch.cat(parts)


def settle(
    memory: Memory, cues: Tensor, overlap: float, criterion: str, generator: torch.Generator
) -> Retrieval:
    """Where cues go by a criterion: `recall` or `one_step`, whose convergence is NaN."""
    if criterion == "fixed-point":
        return recall(memory, cues, overlap, generator)
    unknown = torch.full((len(cues),), torch.nan, device=cues.device)
    return Retrieval(one_step(memory, cues, overlap), unknown)


def cycling(memory: Memory, found: Retrieval, overlap: float) -> Tensor:
    """Which ends are in 2-cycles, (B,): 0 or 1, NaN where the memory does not know."""
    known, open_ends = getattr(memory, "cycling", None), found.converged == 0
    cycles = torch.zeros(len(found.states), dtype=torch.float64, device=found.states.device)
    cycles[found.converged.isnan()] = torch.nan
    if not open_ends.any():
        return cycles
    if known is None:
        cycles[:] = torch.nan
    else:
        cycles[open_ends] = known(found.states[open_ends], overlap).double()
    return cycles


def _retrieved(memory: Memory, found: Retrieval | tuple[Tensor, Tensor], cues: Tensor) -> Retrieval:
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise ValueError(
            f"{type(memory).__name__} must return states and convergence, "
            f"got {type(found).__name__}"
        )
    states, converged = found[0], torch.as_tensor(found[1])
    if not ((converged == 0) | (converged == 1)).all():
        raise ValueError(
            f"{type(memory).__name__} must return convergence that is true or false, "
            f"got {converged.dtype} with other values"
        )
    if converged.shape not in ((), (len(cues),)):
        raise ValueError(
            f"{type(memory).__name__} must return convergence of shape ({len(cues)},), "
            f"got {tuple(converged.shape)}"
        )
    return Retrieval(_checked(memory, states, cues), converged.bool().expand(len(cues)))


def _checked(memory: Memory, states: Tensor, cues: Tensor, what: str = "states") -> Tensor:
    states = torch.as_tensor(states)
    if states.shape != cues.shape:
        raise ValueError(
            f"{type(memory).__name__} must return {what} of shape {tuple(cues.shape)}, "
            f"got {tuple(states.shape)}"
        )
    if states.is_complex():
        raise ValueError(f"{type(memory).__name__} must return real {what}, got {states.dtype}")
    # the sum costs no temporary of that size, and may overflow
    if not torch.isfinite(states.sum()) and not torch.isfinite(states).all():
        raise ValueError(f"{type(memory).__name__} must return finite {what}, got NaN or infinity")
    return states
