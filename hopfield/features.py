r"""Random-features patterns: mixtures of a few hidden features, which a network may discover.

ξ^μ = sign(Σ_k c_k^μ f_k), of D features f_k of ±1 spins, L of them with a coefficient of ±1 and
the others with 0 (Goldt et al. 2020; Negri et al., arXiv 2303.16880). L is odd, so that there
is no tie. A pattern has the overlap

    E ξ·f_k c_k/N = 2^{1−L} (L − 1 choose (L − 1)/2)

with each of its features: 1/2 for L = 3, about √(2/πL) for many. The patterns lie in a manifold of
dimension D: a network that stores them may store the features, and with them patterns that it
has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hopfield import _checks
from hopfield._checks import Seed
from hopfield._results import Result
from hopfield.patterns import random_patterns


@dataclass(frozen=True, repr=False)
class RandomFeaturesPatterns(Result):
    """Patterns and the features that they are mixtures of.

    Parameters
    ----------
    patterns : (P, N), entries ±1.
    features : (D, N), entries ±1.
    coefficients : (P, D), L entries ±1 in each row, the others 0.
    """

    patterns: Tensor
    features: Tensor
    coefficients: Tensor

    def __repr__(self) -> str:
        mix = int(self.coefficients[0].abs().sum())
        return (
            f"RandomFeaturesPatterns(patterns {tuple(self.patterns.shape)}, mixtures of {mix} of "
            f"{len(self.features)} features)"
        )


def random_features_patterns(
    P: int,
    N: int,
    features: int | Tensor,
    mix: int,
    seed: Seed = None,
    *,
    dtype: torch.dtype = torch.float64,
) -> RandomFeaturesPatterns:
    """Signs of random mixtures of features.

    Parameters
    ----------
    P : number of patterns, at least 1.
    N : number of spins, at least 1.
    features : number D of them, at least 1, or (D, N), the features themselves
        Unseen patterns of the same manifold are new mixtures of the same features.
    mix : L, odd, in [1, D], how many features each pattern mixes.
    seed : int, torch.Generator or None.
    dtype : type of the entries.

    Returns
    -------
    RandomFeaturesPatterns

    Raises
    ------
    ValueError : a count below 1, an even `mix` or one above D, features that are not (D, N)
        spins.

    Examples
    --------
    >>> seen = random_features_patterns(100, 400, features=12, mix=3, seed=0)
    >>> unseen = random_features_patterns(5, 400, seen.features, mix=3, seed=1)
    >>> unseen
    RandomFeaturesPatterns(patterns (5, 400), mixtures of 3 of 12 features)
    """
    P, N = _checks.whole("P", P), _checks.whole("N", N)
    dtype = _checks.dtype("dtype", dtype)
    generator = _checks.generator_from(seed, "random_features_patterns")
    if getattr(features, "ndim", 0) == 0 and not isinstance(features, list | tuple):
        made = random_patterns(_checks.whole("features", features), N, generator, dtype=dtype)
    else:
        made = _checks.stored("features", features, binary=True, columns=N).detach().to(dtype)
    count = len(made)
    mix = _checks.whole("mix", mix)
    if mix > count or mix % 2 == 0:
        raise ValueError(
            f"mix must be odd, so that no sum is zero, and at most the {count} features, got {mix}"
        )
    at = generator.device
    places = torch.rand(P, count, generator=generator, device=at).topk(mix, dim=1).indices
    signs = 2 * torch.randint(2, (P, mix), generator=generator, device=at).to(dtype) - 1
    coefficients = made.new_zeros(P, count, dtype=dtype)
    coefficients.scatter_(1, places.to(made.device), signs.to(made.device))
    sums = _checks.working(coefficients) @ _checks.working(made)
    return RandomFeaturesPatterns(sums.sign().to(dtype), made, coefficients)
