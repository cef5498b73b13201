"""A plane through the space of states, and what lies on it or off it.

Coordinates are Euclidean, so that noise of σ per entry is σ along each axis of any plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bridges import _checks

PLANES = ("memories", "principal")
_MARGIN = 0.35  # of what is to be seen, left free on each side of it
_FLAT = 1e-6  # of a distance, below which three points are on a line


@dataclass(frozen=True)
class Plane:
    """A square piece of a plane.

    Attributes
    ----------
    origin : (N,), of coordinates 0, 0.
    axes : (2, N), of norm 1 and at right angles.
    names : of the two coordinates, in words; they say which plane it is.
    low, high : corners of the piece, in coordinates.
    """

    origin: Tensor
    axes: Tensor
    names: tuple[str, str]
    low: tuple[float, float]
    high: tuple[float, float]

    def at(self, coordinates: Tensor) -> Tensor:
        """The states (B, N) at coordinates (B, 2)."""
        return self.origin + coordinates.to(self.axes) @ self.axes

    def seen(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates (B, 2) of states (B, N), and their distances off the plane, (B,)."""
        about = states.to(self.origin) - self.origin
        found = about @ self.axes.T
        return found, (about - found @ self.axes).norm(dim=1)


def plane_of(patterns: Tensor, plane: str | Sequence[int] | Plane | None) -> Plane:
    """The plane that `landscape` is asked for. Arguments and errors as there."""
    if isinstance(plane, Plane):
        return plane
    rows = patterns.double()
    size = rows.shape[1]
    if size < 2:
        raise ValueError("memory must have at least 2 sites for a plane, got 1")
    if plane is None and size == 2:
        axes = torch.eye(2, dtype=torch.float64, device=rows.device)
        return _around(rows, rows.new_zeros(2), axes, ("$x_1$", "$x_2$"))
    if plane is None or isinstance(plane, str):
        if _checks.choice("plane", plane or PLANES[0], PLANES) == "principal":
            return _principal(rows)
        return _through(rows, range(min(3, len(rows))))
    if isinstance(plane, Tensor | np.ndarray):
        plane = _checks.array("plane", plane).reshape(-1).tolist()
    chosen = [
        _checks.whole("plane", one, low=0, high=len(rows) - 1)
        for one in _checks.several("plane", plane)
    ]
    if len(chosen) != 3 or len({*chosen}) != 3:
        raise ValueError(f"plane must be three different memories, got {chosen}")
    return _through(rows, chosen)


def _through(rows: Tensor, chosen: Sequence[int]) -> Plane:
    """The plane through three memories, or through two and zero."""
    if len(chosen) < 2:
        raise ValueError(f"plane must go through memories, at least 2, got {len(rows)} stored")
    names = [str(k) for k in chosen]
    points = rows[list(chosen)]
    if len(chosen) == 2:
        points, names = torch.cat([points, torch.zeros_like(points[:1])]), [*names, "zero"]
    first, second = points[1] - points[0], points[2] - points[0]
    one = first / first.norm()
    across = second - (second @ one) * one
    if not across.norm() > _FLAT * second.norm() or not first.norm() > 0:
        raise ValueError(
            f"plane must go through points that are not on one line, got {', '.join(names)}"
        )
    axes = torch.stack([one, across / across.norm()])
    words = (
        f"from memory {names[0]} to {names[1]}, in the plane through {', '.join(names)}",
        f"at right angles, towards {names[2]}",
    )
    return _around(points, points[0], axes, words)


def _principal(rows: Tensor) -> Plane:
    """The plane through the mean of the memories in which they vary most."""
    mean = rows.mean(0)
    _, stretch, directions = torch.linalg.svd(rows - mean, full_matrices=False)
    if len(stretch) < 2 or not stretch[1] > _FLAT * stretch[0]:
        raise ValueError(
            f"plane must have two principal directions, got {len(rows)} memories that vary along "
            "fewer"
        )
    share = stretch[:2].square() / stretch.square().sum()
    largest = directions[:2].gather(1, directions[:2].abs().argmax(1, keepdim=True))
    names = [
        f"principal direction {k + 1} ({float(part):.0%} of the variance)"
        for k, part in enumerate(share)
    ]
    return _around(rows, mean, directions[:2] * largest.sign(), (names[0], names[1]))


def _around(points: Tensor, origin: Tensor, axes: Tensor, names: tuple[str, str]) -> Plane:
    """The square around points, with a margin."""
    seen = (points - origin) @ axes.T
    middle = (seen.amin(0) + seen.amax(0)) / 2
    half = (0.5 + _MARGIN) * float((seen.amax(0) - seen.amin(0)).max())
    if not half > 0:
        raise ValueError(f"plane must hold at least 2 different memories, got {len(points)} alike")
    x, y = middle.tolist()
    return Plane(origin, axes, names, (x - half, y - half), (x + half, y + half))
