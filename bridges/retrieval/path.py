r"""The way of a cue to its end: states, overlap, energy and weights after each step.

A step is a sweep of a network, an update of a dense memory, a denoising, or a noise level of a
reverse process. The overlap is that with what a cue should become: the pattern that it is made of,
or the target of that; where the pattern is not told, as for a cue of one's own, it is the stored
pattern nearest to the cue. The energy never rises in
asynchronous dynamics of symmetric couplings, nor in the updates of a dense memory. Flow and SDE
have none: their landscape changes with the noise level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Line, Plotted, Seed
from bridges.estimates import short_table
from bridges.memory import Memory
from bridges.memory.clusters import nearest
from bridges.memory.cueing import answered, recalled_along, stored_patterns, targets_of
from bridges.memory.similarity import WHOLE, flat, similarity_of

_LEAST = 0.01  # overlap that a memory is told of, at least
_HELD = 4  # copies of the states, with their working space
_LABELLED = 10  # cues, beyond which a legend says nothing
_LOOK: dict[str, Any] = {"marker": "o", "ms": 3, "lw": 1}


@dataclass(frozen=True, repr=False)
class RecallPath(Plotted):
    """Where cues went, step by step; K states of B cues, the cues among them.

    Attributes
    ----------
    states : (K, B, N), the cues first and the ends last.
    overlap : (K, B), with what each cue should become.
    energy : (K, B), or None where the dynamics has none.
    weights : (K, B, P), how much each stored pattern contributes, or None where it is not known.
    levels : (K,), the noise level of the states, or None where there is one for all of them.
    patterns : (B, N), the pattern that each cue is of.
    targets : (B, N′), what each cue should become; that pattern unless the memory has targets.
    nearest : (B,), the stored pattern nearest to each end.
    steps : (B,), after how many steps the state is that of the end.
    told : the overlap that the memory was told the cues have.
    """

    states: Tensor
    overlap: Tensor
    energy: Tensor | None
    weights: Tensor | None
    levels: Tensor | None
    patterns: Tensor
    targets: Tensor
    nearest: Tensor
    steps: Tensor
    told: float
    _titles = ("step", "overlap with the pattern, $m$")

    def __repr__(self) -> str:
        count, batch, size = self.states.shape
        columns = {"step": (np.arange(count, dtype=float), None)}
        if self.levels is not None:
            columns["noise"] = (_numbers(self.levels), None)
        columns["overlap"] = (_numbers(self.overlap).mean(1), None)
        if self.energy is not None:
            columns["energy"] = (_numbers(self.energy).mean(1), None)
        heading = f"{batch} cues of {size}, told overlap {self.told:.3g}; means over the cues"
        return short_table(f"RecallPath({heading})", columns)

    def _lines(self) -> list[Line]:
        """One curve per cue, named where they are few."""
        count = self.overlap.shape[1]
        return [
            Line(
                np.arange(len(self.overlap)),
                one,
                label=f"cue {b}" if 1 < count <= _LABELLED else None,
                look=_LOOK,
            )
            for b, one in enumerate(_numbers(self.overlap).T)
        ]


@torch.no_grad()
def recall_path(
    memory: Memory,
    cues: Tensor,
    overlap: float | None = None,
    patterns: Tensor | None = None,
    seed: Seed = None,
) -> RecallPath:
    """Follow cues through the dynamics of a memory.

    Parameters
    ----------
    memory : a Memory. One without `trajectory` shows the cues and the ends alone.
    cues : (B, N), as the memory's `corrupt` makes them or one's own; images (B, …) are flattened.
    overlap : of the cues with their patterns, in (0, 1], which flow, SDE and denoising are told;
        None measures it, as the mean over the cues and at least 0.01.
    patterns : (B, N), of which the cues are made; None: the stored ones nearest to the cues.
    seed : int, torch.Generator or None; sets the site orders and the noise. The ends are what
        `memory.retrieve` returns with the same generator.

    Returns
    -------
    RecallPath.

    Raises
    ------
    ValueError : cues or patterns of another size, an overlap outside (0, 1], more states than fit
        into memory, a memory that returns NaN or states of a wrong shape.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from hopfield import HopfieldNetwork, flip_spins, hebbian, random_patterns
    >>> xi = random_patterns(5, 200, seed=0)
    >>> memory = as_memory(HopfieldNetwork(hebbian(xi)), xi)
    >>> found = recall_path(memory, flip_spins(xi, 0.6, seed=1), patterns=xi, seed=2)
    >>> bool((found.overlap[0] < 0.61).all()), bool((found.overlap[-1] > 0.95).all())
    (True, True)
    >>> bool((found.energy.diff(dim=0) <= 1e-9).all())
    True
    """
    stored, similarity = stored_patterns(memory), similarity_of(memory)
    given = _rows("cues", cues, stored)
    if patterns is None:
        of = stored[nearest(similarity.seen(given), similarity.seen(stored))]
    else:
        of = _rows("patterns", patterns, stored)
    if len(of) != len(given) or len(of) == 0:
        raise ValueError(f"patterns must be one per cue, got {len(of)} for {len(given)} cues")
    if overlap is None:
        overlap = min(1.0, max(_LEAST, float(similarity.cosine(given, of).mean())))
    told = _checks.number("overlap", overlap, low=0, high=1, open_low=True)
    path = recalled_along(memory, given, told, _checks.generator_from(seed, "recall_path"))
    _checks.within_memory(
        _HELD * path.element_size() * path.numel(), f"cues: {len(path)} states of {len(of)} cues"
    )
    states = path.to(stored)
    targets = targets_of(memory)
    if targets is not None:  # by the pattern that is stored nearest to that which is given
        targets = targets[nearest(similarity.seen(of), similarity.seen(stored))]
    wanted = of if targets is None else targets.to(of)
    of_targets = similarity if wanted.shape == of.shape else WHOLE
    energy = memory.energy(path.flatten(0, 1))
    levels = _levels(memory, told, len(path))
    return RecallPath(
        states=states,
        overlap=torch.stack([of_targets.cosine(answered(memory, each), wanted) for each in states]),
        energy=None if energy is None else torch.as_tensor(energy).reshape(path.shape[:2]),
        weights=_weights(memory, path, told, levels, len(stored)),
        levels=levels,
        patterns=of,
        targets=wanted,
        nearest=nearest(similarity.seen(states[-1]), similarity.seen(stored)),
        steps=_steps(states),
        told=told,
    )


def _rows(name: str, values: Any, stored: Tensor) -> Tensor:
    """Rows or images as finite rows like the stored patterns. Raises ValueError."""
    rows, _ = flat(_checks.tensor(name, values, double=True), None)
    return _checks.matrix(name, rows, columns=stored.shape[1]).to(stored)


def _levels(memory: Memory, overlap: float, count: int) -> Tensor | None:
    """The noise levels of a trajectory, where the memory says how they fall."""
    known = getattr(memory, "levels", None)
    if known is None:
        return None
    levels = torch.as_tensor(known(overlap), dtype=torch.float64)
    if levels.shape != (count,):
        raise ValueError(
            f"{type(memory).__name__} must return a level for each of the {count} states of a "
            f"trajectory, got {tuple(levels.shape)}"
        )
    return levels


def _weights(
    memory: Any, path: Tensor, overlap: float, levels: Tensor | None, count: int
) -> Tensor | None:
    """Weights (K, B, P) of the stored patterns; at noise level 0 the nearest has all of it."""
    _checks.within_memory(
        8 * path.shape[0] * path.shape[1] * count, f"cues: weights of {count} patterns"
    )
    found: list[Tensor | None] = []
    if levels is None:
        weights = getattr(memory, "weights", None)
        found = [] if weights is None else [weights(states, overlap) for states in path]
    elif hasattr(memory, "posterior"):
        seen, stored = similarity_of(memory).seen, memory.patterns
        for states, level in zip(path, levels.tolist(), strict=True):
            if level > 0:
                found.append(memory.posterior(states, level))
            else:
                one = nearest(seen(states), seen(stored.to(states)))
                found.append(torch.nn.functional.one_hot(one, count).to(states))
    known = [each for each in found if each is not None]
    return torch.stack(known) if known and len(known) == len(path) else None


def _steps(states: Tensor) -> Tensor:
    """After how many steps each row (K, B, N) is as it ends, (B,)."""
    other = (states != states[-1]).any(2)  # (K, B)
    count = torch.arange(1, len(states) + 1, device=states.device)[:, None]
    return (other * count).amax(0)


def _numbers(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.double().numpy(force=True)
    return found
