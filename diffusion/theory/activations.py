r"""What an activation makes of noised data of classes, by Hermite coefficients of two variables.

The formulas stand at the head of `diffusion.theory.features`, which uses them: a, b, v² and s²
of each class, and the rules of integration that are fine enough for their activation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from diffusion._checks import together
from diffusion._hermite import Activation, Rule, activation_from, nodes_and_weights, rule_for
from diffusion._results import Result
from diffusion.theory import _checks
from diffusion.theory._checks import Array

_NODES = 80


@dataclass(frozen=True, repr=False)
class FeatureCoefficients(Result):
    """What an activation keeps of its fields, of the shape of time and χ² together."""

    a: Array  # linear in the field
    b: Array  # linear in its noise
    v2: Array  # nonlinear in the data
    s2: Array  # nonlinear in the noise


def feature_coefficients(
    activation: Activation, time: ArrayLike, chi2: ArrayLike
) -> FeatureCoefficients:
    """What an activation keeps of a class of second moment χ²: a, b, v², s².

    Parameters
    ----------
    activation : "tanh", "erf", or an odd elementwise function of a float64 tensor.
    time : Ornstein–Uhlenbeck time, positive.
    chi2 : (|μ|² + tr Σ)/d, positive; broadcasts with `time`.

    Returns
    -------
    FeatureCoefficients(a, b, v2, s2), of the shape of the arguments together.

    Raises
    ------
    ValueError : an unknown activation, or a time or chi2 that is not positive.

    Examples
    --------
    >>> feature_coefficients("tanh", 0.1, 1.0)
    FeatureCoefficients(a=0.6057, b=0.2579, v2=0.01384, s2=0.01357)
    """
    function = activation_from(activation)
    given = together(time=_checks.positive("time", time), chi2=_checks.positive("chi2", chi2))
    t, second = (torch.from_numpy(np.array(one)) for one in given)
    D, kept = -torch.expm1(-2 * t), torch.exp(-2 * t) * second
    usual = nodes_and_weights(_NODES)
    found = coefficients_of(function, kept, D, usual, usual, usual)
    for at in np.ndindex(t.shape):
        rules = _rules(function, kept[at], D[at])
        if any(len(z) != _NODES for z, _ in rules):
            one_of = coefficients_of(function, kept[at], D[at], *rules)
            for one, value in zip(found, one_of, strict=True):
                one[at] = value
    a, b, v2, s2 = found
    # v² and s² are variances: what is below 0 is the error of the quadrature
    return FeatureCoefficients(*(one.numpy() for one in (a, b, v2.clamp(min=0), s2.clamp(min=0))))


def coefficients_of(
    function: Callable[[Tensor], Tensor],
    kept: Tensor,
    D: Tensor,
    together: Rule,
    data: Rule,
    noise: Rule,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """a, b, v², s² of fields of variance `kept` from the data and D from the noise."""
    (z, w), (u, over_data), (x, over_noise) = together, data, noise
    gamma = (kept + D).sqrt()
    whole = function(gamma[..., None] * z)
    a = (whole * z) @ w / gamma  # Stein
    fields = kept.sqrt()[..., None, None] * u[:, None] + D.sqrt()[..., None, None] * x
    signal = function(fields) @ over_noise  # averaged over the noise, one per point
    v2 = signal.square() @ over_data - a.square() * kept
    b = D.sqrt() * a
    return a, b, v2, whole.square() @ w - a.square() * kept - v2 - b.square()


def _rules(function: Callable[[Tensor], Tensor], kept: Tensor, D: Tensor) -> list[Rule]:
    """Rules that suffice for averages over all fields, over the data, and over the noise."""
    data, noise = kept.sqrt()[None], D.sqrt()[None]
    points = data * nodes_and_weights(_NODES)[0]
    none = torch.zeros_like(data)
    return [
        rule_for(function, none, (kept + D).sqrt()[None], 1, _NODES),
        rule_for(function, none, data, 1, _NODES),
        rule_for(function, points, noise.expand_as(points), 1, _NODES),
    ]
