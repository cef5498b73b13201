r"""Paths of learning rules in the space of couplings: norms, directions, and how far they go.

Couplings are vectors v = (J_ij)_{i<j}. Stabilities depend on the direction n = v/‖v‖ alone, while
rules shrink (unlearning) or stretch (the perceptron) the norm: paths are compared by direction.
Two axes span a plane, n₀ of the start, such as Hebb's couplings, and e, the part of the direction
of a goal, such as the largest margin, that is orthogonal to n₀. A direction has the coordinates
n·n₀ and n·e in it and lies √(1 − (n·n₀)² − (n·e)²) out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._results import Result


@dataclass(frozen=True, repr=False)
class CouplingPath(Result):
    """Couplings along a path, one entry each.

    Parameters
    ----------
    norm_ratio : (K,), ‖v‖/‖v₀‖.
    cosine : (K,), n·n₀, with the start.
    sideways : (K,), n·e, towards the goal.
    out_of_plane : (K,), what is in neither.
    cosine_to_goal : (K,), with the goal itself.
    directions : (K, N(N−1)/2), n, by rows of the upper triangle.
    """

    norm_ratio: Tensor
    cosine: Tensor
    sideways: Tensor
    out_of_plane: Tensor
    cosine_to_goal: Tensor
    directions: Tensor

    def __repr__(self) -> str:
        if not len(self.cosine):
            return "CouplingPath(no couplings)"
        numbers = self.norm_ratio, self.cosine, self.sideways, self.out_of_plane
        norm, along, sideways, out = (float(one[-1]) for one in numbers)
        return (
            f"CouplingPath({len(self.cosine)} couplings, the last of norm {norm:.3g}, cosine "
            f"{along:.3g}, sideways {sideways:.3g}, out of the plane {out:.3g})"
        )


def coupling_path(
    couplings: Sequence[Tensor] | Tensor, start: Tensor, goal: Tensor
) -> CouplingPath:
    """Where couplings lie between a start and a goal.

    Of couplings that are not symmetric, the symmetric part (J + Jᵀ)/2 is taken.

    Parameters
    ----------
    couplings : (K, N, N), or K of (N, N), in the order of the path; diagonals do not count.
    start : (N, N), such as Hebb's couplings.
    goal : (N, N), in another direction, such as `max_margin`.

    Returns
    -------
    CouplingPath, in float64.

    Raises
    ------
    ValueError : couplings not square, not finite, of another size than the start or without norm;
        a goal along the start.

    Examples
    --------
    >>> from hopfield import hebbian, pseudo_inverse, random_patterns
    >>> xi = random_patterns(20, 50, seed=0)
    >>> start, goal = hebbian(xi), pseudo_inverse(xi)
    >>> coupling_path([start, goal], start, goal).out_of_plane.round(decimals=6)
    tensor([0., 0.], dtype=torch.float64)
    """
    origin = _vector("start", start, None)
    size = len(_checks.square("start", start))
    if not isinstance(couplings, list | tuple):
        couplings = _checks.tensor("couplings", couplings)
        if couplings.ndim != 3:
            raise ValueError(f"couplings must have shape (K, N, N), got {tuple(couplings.shape)}")
    steps = [_vector("couplings", one, size) for one in couplings]
    v = torch.stack(steps) if steps else origin.new_zeros(0, len(origin))
    first, toward = (one / one.norm() for one in (origin, _vector("goal", goal, size)))
    side = toward - (toward @ first) * first
    if side.norm() < 1e-9:
        raise ValueError("goal must lie in another direction than start, got the same")
    side = side / side.norm()
    norms = v.norm(dim=1)
    n = v / norms[:, None]
    along, sideways = n @ first, n @ side
    plane = torch.outer(along, first) + torch.outer(sideways, side)
    return CouplingPath(
        norm_ratio=norms / origin.norm(),
        cosine=along,
        sideways=sideways,
        out_of_plane=(n - plane).norm(dim=1),
        cosine_to_goal=n @ toward,
        directions=n,
    )


def _vector(name: str, couplings: Tensor, size: int | None) -> Tensor:
    """Upper triangle of the symmetric part, (N(N−1)/2,), not zero."""
    rows = _checks.square(name, couplings).detach().to("cpu", torch.float64)
    if size is not None and len(rows) != size:
        raise ValueError(f"{name} must have shape ({size}, {size}), got {tuple(rows.shape)}")
    i, j = torch.triu_indices(len(rows), len(rows), 1)
    vector = (rows[i, j] + rows[j, i]) / 2
    if not vector.any():
        raise ValueError(f"{name} must not be zero off the diagonal, got zeros")
    return vector
