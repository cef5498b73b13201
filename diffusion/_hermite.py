r"""Gaussian averages of an activation, by its Hermite coefficients.

For h = m + r z, z standard normal, and the normalised Hermite polynomials He_k/√k!,

    c_k(m, r) = E[σ(m + r z) He_k(z)]/√k!,      E σ(h_i)σ(h_j) = Σ_k R_ij^k c_k(i) c_k(j)

for two such numbers whose z have correlation R_ij (Mehler). c_1 = r E σ′(h), by Stein.
Averages over z are Gauss–Hermite sums where these have converged to 10⁻⁸ of the rms of σ. Wide
fields, r above about 1, need the trapezoidal rule: its error is e^{−π²/(rh)} for tanh, h the
distance of its nodes, which is halved until two rules agree.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from diffusion import _checks

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "erf": torch.erf}
Activation = str | Callable[[Tensor], Tensor]
_PROBE = torch.linspace(0, 8, 161, dtype=torch.float64)
_EXACT, _ENOUGH = 1e-8, 1e-6  # error of averages that is sought, and the largest allowed
_REACH, _FEWEST, _MOST = 11.0, 161, 2**16  # of the trapezoidal rule: half its width, its nodes
_ODD = 1e-6  # allowed |σ(x) + σ(−x)|, in units of the largest |σ|


def activation_from(activation: Activation) -> Callable[[Tensor], Tensor]:
    """σ as a function of a tensor; a warning if it is not odd.

    Parameters
    ----------
    activation : "tanh", "erf", or an elementwise function of a float64 tensor.

    Raises
    ------
    ValueError : an unknown name, or a function that returns another shape, numbers that are
        not finite, or only zeros.

    Examples
    --------
    >>> activation_from("erf")(torch.tensor([0.0]))
    tensor([0.])
    """
    if isinstance(activation, str):
        return ACTIVATIONS[_checks.choice("activation", activation, tuple(ACTIVATIONS))]
    wanted = f"one of {', '.join(ACTIVATIONS)} or a function of a tensor"
    _checks.function("activation", activation, wanted)
    right, left = (
        _checks.tensor("activation(x)", activation(side)).detach() for side in (_PROBE, -_PROBE)
    )
    if right.shape != _PROBE.shape or not torch.isfinite(right + left).all():
        raise ValueError(
            f"activation must return finite numbers of the shape it is given, "
            f"{tuple(_PROBE.shape)}, got shape {tuple(right.shape)}"
        )
    size = float(torch.maximum(right.abs().max(), left.abs().max()))
    if size == 0:
        raise ValueError("activation must not be zero everywhere, got a function that is")
    even = float((right + left).abs().max())
    if even > _ODD * size:
        warnings.warn(
            f"activation is not odd, max |σ(x) + σ(−x)| = {even:.3g}: features then have a mean, "
            "which adds a spike of the size of p to the spectrum for every class and hides the "
            "bulks that theory describes; with an even one no score of a centred class is "
            "learnt at all. Use tanh, erf or another odd function",
            stacklevel=3,
        )
    return activation


@lru_cache(maxsize=16)
def nodes_and_weights(count: int) -> tuple[Tensor, Tensor]:
    """Nodes z and weights w with E f(z) = Σ w f(z) for standard normal z, float64."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return torch.from_numpy(nodes), torch.from_numpy(weights / weights.sum())


Rule = tuple[Tensor, Tensor]  # nodes and weights


def trapezoid(count: int) -> Rule:
    """Nodes and weights of the trapezoidal rule for the standard normal law, float64."""
    z = torch.linspace(-_REACH, _REACH, count, dtype=torch.float64)
    weights = torch.exp(-z.square() / 2)
    return z, weights / weights.sum()


def rule_for(
    activation: Callable[[Tensor], Tensor], mean: Tensor, scale: Tensor, order: int, first: int
) -> Rule:
    """First rule of averages over z that agrees with the next finer one on σ(m + r z).

    Parameters
    ----------
    activation : an elementwise function of a tensor.
    mean : m, float64, of the same shape as `scale`: the fields to try.
    scale : r, float64.
    order : the largest Hermite coefficient that is needed.
    first : number of nodes of the Gauss–Hermite sum to begin with.

    Raises
    ------
    ValueError : averages that still change with 2¹⁶ nodes.

    Examples
    --------
    >>> zero, one = torch.zeros(2, 1, dtype=torch.float64)
    >>> [len(rule_for(torch.tanh, zero, one + r, 1, first=40)[0]) for r in (-0.5, 4.0)]
    [40, 321]
    """
    count = _FEWEST
    rule, finer = nodes_and_weights(first), trapezoid(count)
    now = coefficients(activation, mean, scale, order, rule)
    while True:
        after = coefficients(activation, mean, scale, order, finer)
        unit = float(after[1].max())
        apart = [float((a - b).abs().max()) for a, b in zip(now, after, strict=True)]
        error = max(apart[0] / unit**0.5, apart[1] / unit) if unit > 0 else 0.0
        if error <= _EXACT:
            return rule
        rule, now, count = finer, after, 2 * count - 1
        if count > _MOST:
            break
        finer = trapezoid(count)
    if error > _ENOUGH:
        raise ValueError(
            f"activation must be smooth on the width {float(scale.max()):.3g} of its fields, got "
            f"averages that change by {error:.1e} between {count // 2 + 1} nodes and half of "
            "them; scale the data down, or give a smoother function"
        )
    return rule


def polynomials(z: Tensor, order: int) -> Tensor:
    """He_k(z)/√k! for k = 0 … order, (order + 1, len(z)).

    Examples
    --------
    >>> polynomials(torch.tensor([2.0]), 2)[:, 0]  # 1, z, (z² − 1)/√2
    tensor([1.0000, 2.0000, 2.1213])
    """
    rows = [torch.ones_like(z), z]
    for k in range(2, order + 1):
        rows.append((z * rows[-1] - (k - 1) ** 0.5 * rows[-2]) / k**0.5)
    return torch.stack(rows[: order + 1])


def coefficients(
    activation: Callable[[Tensor], Tensor], mean: Tensor, scale: Tensor, order: int, rule: Rule
) -> tuple[Tensor, Tensor]:
    """Hermite coefficients of σ(m + r z), and E σ².

    Parameters
    ----------
    activation : an elementwise function of a tensor.
    mean : m, float64.
    scale : r ≥ 0, float64, of a shape that broadcasts with that of `mean`.
    order : the largest k.
    rule : nodes and weights of the averages.

    Returns
    -------
    c (order + 1, …), and E σ² (…).

    Examples
    --------
    >>> zero, one = torch.zeros(1), torch.ones(1)
    >>> c, square = coefficients(lambda h: h, zero, one, order=2, rule=nodes_and_weights(8))
    >>> c[:, 0].abs().round(decimals=4), square.round(decimals=4)  # σ = He_1
    (tensor([0., 1., 0.]), tensor([1.]))
    """
    z, weights = (part.to(mean) for part in rule)
    basis = polynomials(z, order) * weights
    shape = torch.broadcast_shapes(mean.shape, scale.shape)
    value = activation(mean + scale * z.reshape(-1, *[1] * len(shape))).flatten(1)
    return (basis @ value).unflatten(1, shape), (weights @ value.square()).unflatten(0, shape)
