"""The states that a relaxation passes on its way, (K, B, N): the cues first, the ends last.

They are found from the relaxation itself, which keeps none of them. A map is applied again, as
often to each row as the relaxation did. Sequential dynamics is run again from the same state of
its generator and cut short after 0, 1, 2 … sweeps; it then takes the sites in the same order.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bridges import _checks
from hopfield import DenseMemory, HopfieldNetwork
from hopfield.relaxation import Relaxation


def after_steps(step: Callable[[Tensor], Tensor], cues: Tensor, ended: Relaxation) -> Tensor:
    """States after each step of a map; a row that has come to its end stays there.

    Parameters
    ----------
    step : the map, (b, N) → (b, N).
    cues : (B, N).
    ended : what the cues were relaxed to by this map.

    Returns
    -------
    (K, B, N), like the ends, with K − 1 the most steps that a row made.

    Examples
    --------
    >>> from hopfield.relaxation import synchronous
    >>> half = lambda x: torch.floor(x / 2)
    >>> cues = torch.tensor([[4.0], [1.0]])
    >>> after_steps(half, cues, synchronous(half, cues, 9)).squeeze(2).T
    tensor([[4., 2., 1., 0.],
            [1., 0., 0., 0.]])
    """
    path = _kept(cues.to(ended.states), ended)
    for k in range(1, len(path)):
        moving, last = ended.sweeps >= k, ended.sweeps == k
        path[k] = path[k - 1]
        path[k, moving] = step(path[k, moving]).to(path)
        path[k, last] = ended.states[last]
    return path


def relaxed_along(
    source: HopfieldNetwork | DenseMemory,
    cues: Tensor,
    dynamics: str,
    most: int,
    generator: torch.Generator | None,
) -> Tensor:
    """States of spins after each sweep, or each synchronous step.

    The way of K sweeps in random order costs K²/2 of them.

    Parameters
    ----------
    source : what relaxes the cues.
    cues : (B, N), spins.
    dynamics : "asynchronous" or "synchronous".
    most : largest number of sweeps.
    generator : left as one relaxation leaves it.

    Returns
    -------
    (K, B, N), like the ends, with K − 1 the most sweeps that a row made.
    """
    generator = _checks.generator_from(generator, "trajectory", cues.device)
    before = generator.get_state()

    def relax(sweeps: int) -> Relaxation:
        generator.set_state(before)
        return source.relax(cues, dynamics=dynamics, max_sweeps=sweeps, seed=generator)

    ended = relax(most)
    if dynamics == "synchronous":
        return after_steps(source.step, cues, ended)
    after = generator.get_state()
    path = _kept(cues.to(ended.states), ended)
    for k in range(1, len(path)):
        path[k] = relax(k).states
    generator.set_state(after)
    return path


def _kept(cues: Tensor, ended: Relaxation) -> Tensor:
    """Room for the states, the cues in the first place. Raises ValueError if it is too much."""
    count = 1 + (int(ended.sweeps.max()) if len(cues) else 0)
    _checks.within_memory(
        cues.element_size() * count * cues.numel(),
        f"cues: the states of {len(cues)} cues after each of {count - 1} steps",
    )
    path = cues.new_empty(count, *cues.shape)
    path[0] = cues
    return path
