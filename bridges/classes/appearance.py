r"""When the classes of a mixture appear on the way back from noise, by simulation.

Points of class c are noised to an Ornstein–Uhlenbeck time t. The posterior of class c has mean φ_c
there, which is the probability that the reverse diffusion ends in class c again. At the median
time it is above ½ on half of the points. `class_appearance` and `median_appearance` read the
exact posterior, `class_uturns` runs the reverse diffusion in full; closed forms for two classes
are in `diffusion.theory` (`own_class_probability`, `speciation_times`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import Result, Seed, generator_from, normal_like
from diffusion import OU, GaussianMixtureDenoiser, noise_to, sample

_TIMES = 1e-4, 12.0  # between which a class appears
_FORGOTTEN = 40.0  # what is left of the signal, e⁻ᵗ, is below rounding; e²ᵗ is a number yet
Array = np.ndarray


@dataclass(frozen=True, repr=False)
class Appearance(Result):
    """The posterior of each class of a mixture at noised points of that class.

    Attributes
    ----------
    own_class : (K,) its mean φ_c.
    above_half : (K,) how often it is above ½.
    """

    own_class: Array
    above_half: Array


@torch.no_grad()
def class_appearance(
    mixture: GaussianMixtureDenoiser, time: float, draws: int = 1000, seed: Seed = None
) -> Appearance:
    """How far each class has appeared at an Ornstein–Uhlenbeck time, without any dynamics.

    Parameters
    ----------
    mixture : the classes.
    time : positive.
    draws : noised points per class, at least 1.
    seed : int, torch.Generator or None.

    Raises
    ------
    ValueError : a time or draws out of range.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser([[-3.0], [3.0]], 1.0, [0.1, 0.9])
    >>> class_appearance(mixture, 9.0, seed=0).own_class.round(2)  # the weights: all is forgotten
    array([0.1, 0.9])
    """
    _checks.mixture(mixture)
    draws, time = _checks.whole("draws", draws), _checks.real("time", time)
    generator = generator_from(seed, "class_appearance", mixture.means.device)
    found = []
    for c in range(len(mixture)):
        x, _ = mixture.condition(c).draw(draws, generator)
        own = _class_of(mixture, noise_to(x, OU(), time, generator), time)[:, c].double()
        found.append((float(own.mean()), float((own > 0.5).double().mean())))
    return Appearance(*np.array(found).T)


@torch.no_grad()
def class_uturns(
    mixture: GaussianMixtureDenoiser,
    time: float,
    paths: int = 1000,
    steps: int = 100,
    seed: Seed = None,
) -> Array:
    """Where U-turns from each class land, run in full by the reverse diffusion, (K, K).

    They are run back to a tenth of the time, and what is left is taken from the posterior there.

    Parameters
    ----------
    mixture : the classes.
    time : Ornstein–Uhlenbeck time of the turn, positive.
    paths : per class, at least 1.
    steps : at least 1; too few bias rare returns.
    seed : int, torch.Generator or None.

    Returns
    -------
    Probabilities from class c to class c', rows of sum 1.

    Raises
    ------
    ValueError : an argument out of range.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser([[-3.0], [3.0]], 1.0)
    >>> class_uturns(mixture, 0.1, paths=100, seed=0).round(2)
    array([[1., 0.],
           [0., 1.]])
    """
    _checks.mixture(mixture)
    paths, time = _checks.whole("paths", paths), _checks.real("time", time)
    generator = generator_from(seed, "class_uturns", mixture.means.device)
    rows = []
    for c in range(len(mixture)):
        x, _ = mixture.condition(c).draw(paths, generator)
        stop = time / 10
        back = noise_to(x, OU(), time, generator)
        back = sample(mixture, back, OU(), "sde", steps, start=time, stop=stop, seed=generator)
        rows.append(_class_of(mixture, back, stop).double().mean(0).cpu().numpy())
    return np.stack(rows)


def median_appearance(
    mixture: GaussianMixtureDenoiser, label: int, draws: int = 1000, seed: Seed = None
) -> float:
    """The time at which the posterior of a class is above ½ on half of its noised points.

    Parameters
    ----------
    mixture : the classes.
    label : of the class.
    draws : noised points, at least 1.
    seed : int, torch.Generator or None.

    Returns
    -------
    An Ornstein–Uhlenbeck time; NaN for a class of which it always is or never is.

    Raises
    ------
    ValueError : no such class, or draws below 1.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser([[-10.0], [10.0]], 1.0, [0.1, 0.9])
    >>> round(median_appearance(mixture, 0, draws=20000, seed=0), 1)  # 2.256
    2.3
    """
    _checks.mixture(mixture)
    draws = _checks.whole("draws", draws)
    label = _checks.whole("label", label, low=0, high=len(mixture) - 1)
    generator = generator_from(seed, "median_appearance", mixture.means.device)
    x, _ = mixture.condition(label).draw(draws, generator)
    noise = normal_like(x, generator)  # the same at all times, so that the share falls with it

    def excess(time: float) -> float:
        noised = float(OU().alpha(time)) * x + float(OU().sigma(time)) * noise
        return float(_class_of(mixture, noised, time)[:, label].median()) - 0.5

    if not excess(_TIMES[0]) > 0 > excess(_TIMES[1]):
        return float("nan")
    return float(scipy.optimize.brentq(excess, *_TIMES, xtol=1e-6))


def _class_of(mixture: GaussianMixtureDenoiser, x: Tensor, time: float) -> Tensor:
    """Posterior of the classes at points x (B, d) of an Ornstein–Uhlenbeck time, (B, K)."""
    time = min(time, _FORGOTTEN)
    return mixture.responsibilities(x / float(OU().alpha(time)), float(OU().noise_level(time)))
