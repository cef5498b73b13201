r"""Relaxation of a batch of states: the result, and the two loops that any map can use.

`synchronous` iterates a map of spins until each state is fixed or in a 2-cycle, the only
two ends of synchronous dynamics with symmetric couplings (Goles 1985). `fixed_point`
iterates a map of real states until it moves by less than a tolerance. Both work on the
whole batch and drop the rows that are done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Relaxation:
    """Where a batch of states went.

    states : (B, N) final states. converged : (B,) bool, a fixed point was reached.
    sweeps : (B,) int, sweeps (or synchronous steps) it took. cycles : (B,) bool, the state
    blinks between two states (synchronous dynamics only); `states` holds one of them.
    """

    states: Tensor
    converged: Tensor
    sweeps: Tensor
    cycles: Tensor

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


Step = Callable[[Tensor], Tensor]


def synchronous(step: Step, states: Tensor, max_sweeps: int) -> Relaxation:
    """Iterate `step`, (b, N) → (b, N) on spins, to fixed points or 2-cycles."""
    result = _start(states)
    active = torch.arange(len(states), device=states.device)
    current, previous = states, None
    for _ in range(max_sweeps):
        if len(active) == 0:
            break
        following = step(current)
        fixed = (following == current).all(1)
        result.sweeps[active] += ~fixed
        if previous is None:
            cycle = torch.zeros_like(fixed)
        else:
            cycle = (following == previous).all(1) & ~fixed
        done = fixed | cycle
        if done.any():
            result.states[active[done]] = following[done]
            result.converged[active[fixed]] = True
            result.cycles[active[cycle]] = True
            keep = ~done
            active, previous, current = active[keep], current[keep], following[keep]
        else:
            previous, current = current, following
    result.states[active] = current
    return result


def fixed_point(step: Step, states: Tensor, max_steps: int, tolerance: float) -> Relaxation:
    """Iterate `step` on real states until a row changes by less than `tolerance` of itself.

    Changes are rms; single precision cannot resolve less than about 10⁻⁶.
    """
    least = max(tolerance, 16 * torch.finfo(states.dtype).eps)
    result = _start(states)
    active = torch.arange(len(states), device=states.device)
    current = states
    for _ in range(max_steps):
        if len(active) == 0:
            break
        following = step(current).to(current)
        result.sweeps[active] += 1
        scale = following.square().mean(1).sqrt()
        done = (following - current).square().mean(1).sqrt() <= least * scale
        current = following
        if done.any():
            result.states[active[done]] = following[done]
            result.converged[active[done]] = True
            active, current = active[~done], following[~done]
    result.states[active] = current
    return result


def _start(states: Tensor) -> Relaxation:
    batch, device = len(states), states.device
    return Relaxation(
        states=states.clone(),
        converged=torch.zeros(batch, dtype=torch.bool, device=device),
        sweeps=torch.zeros(batch, dtype=torch.int64, device=device),
        cycles=torch.zeros(batch, dtype=torch.bool, device=device),
    )
