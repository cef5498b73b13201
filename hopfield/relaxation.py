r"""Relaxation of a batch of states: the result, and the two loops that any map can use.

`synchronous` iterates a map of spins until each state is fixed or in a 2-cycle, the only
two ends of synchronous dynamics with symmetric couplings (Goles 1985). `fixed_point`
iterates a map of real states until it moves by less than a tolerance. Both work on the
whole batch and drop the rows that are done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from hopfield._results import Result


@dataclass(frozen=True, repr=False)
class Relaxation(Result):
    """Ends of the dynamics of a batch of states.

    Parameters
    ----------
    states : (B, N), the final states.
    converged : (B,) bool, whether a fixed point was reached.
    sweeps : (B,) int, the sweeps (or synchronous steps) that were made.
    cycles : (B,) bool, whether the state alternates between two states
        Synchronous dynamics only; `states` holds one of the two.
    """

    states: Tensor
    converged: Tensor
    sweeps: Tensor
    cycles: Tensor

    def __repr__(self) -> str:
        fixed, blinking = int(self.converged.sum()), int(self.cycles.sum())
        batch, size = self.states.shape
        sweeps = f", {float(self.sweeps.double().mean()):.3g} sweeps on average" if batch else ""
        return (
            f"Relaxation(states ({batch}, {size}), {fixed} at fixed points, "
            f"{blinking} in 2-cycles{sweeps})"
        )


Step = Callable[[Tensor], Tensor]


def synchronous(step: Step, states: Tensor, max_sweeps: int) -> Relaxation:
    """Iterate a map of spins to fixed points or 2-cycles.

    Parameters
    ----------
    step : the map, (b, N) → (b, N).
    states : (B, N); left untouched.
    max_sweeps : largest number of steps.

    Returns
    -------
    Relaxation

    Examples
    --------
    >>> synchronous(lambda s: s.flip(1), torch.tensor([[1.0, -1.0], [1.0, 1.0]]), 9).cycles
    tensor([ True, False])
    """
    result = begin(states)
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


def fixed_point(
    step: Step,
    states: Tensor,
    max_steps: int,
    tolerance: float,
    centre: Tensor | None = None,
) -> Relaxation:
    """Iterate `step` on real states until each row changes by less than `tolerance` of itself.

    Changes are root mean squares; single precision cannot resolve less than about 10⁻⁶.

    Parameters
    ----------
    step : the map, (b, N) → (b, N).
    states : (B, N); left untouched.
    max_steps : largest number of steps.
    tolerance : relative change below which a row has converged.
    centre : (N,) about which the size of a row is measured, None for 0.

    Returns
    -------
    Relaxation

    Examples
    --------
    >>> fixed_point(torch.cos, torch.zeros(1, 1), 99, 1e-5).states
    tensor([[0.7391]])
    """
    eps = torch.finfo(states.dtype).eps
    rounding = 16 * eps
    least, result = max(tolerance, rounding), begin(states)
    floor = eps * states.square().mean(1).sqrt()  # where 0 is the fixed point, all is rounding
    active = torch.arange(len(states), device=states.device)
    current = states
    for _ in range(max_steps):
        if len(active) == 0:
            break
        following = step(current).to(current)
        result.sweeps[active] += 1
        reach = least * following.square().mean(1).sqrt()
        if centre is not None:
            size = (following - centre).square().mean(1).sqrt()
            reach = torch.maximum(tolerance * size, reach * (rounding / least))
        change = (following - current).square().mean(1).sqrt()
        done = change <= torch.maximum(reach, floor[active])
        current = following
        if done.any():
            result.states[active[done]] = following[done]
            result.converged[active[done]] = True
            active, current = active[~done], following[~done]
    result.states[active] = current
    return result


def begin(states: Tensor) -> Relaxation:
    """Begin a relaxation: a copy of the states, no sweep made, nothing converged."""
    batch, device = len(states), states.device
    return Relaxation(
        states=states.clone(),
        converged=torch.zeros(batch, dtype=torch.bool, device=device),
        sweeps=torch.zeros(batch, dtype=torch.int64, device=device),
        cycles=torch.zeros(batch, dtype=torch.bool, device=device),
    )
