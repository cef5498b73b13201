r"""The regimes of the empirical score, read off its exact posterior weights.

At a planted point x = ξ^ν + σz, ν uniform or by the weights of the data, they follow without
running any dynamics:

    Y = Σ w_μ²       probability that the reverse process, or a clone, ends on the same datum;
                     on average the weight w_ν of the own datum (Nishimori)
    H = −Σ w log w   entropy, log n at large noise, 0 after the collapse. It decays to 0 and
                     never crosses 0: so the collapse is read off Y = ½
    D_eff            Σ_μ w_μ|ξ^μ − D|²/σ²; its mean over x obeys ∫ D_eff d log σ² = 2 log n
    φ = Σ_c p_c²     probability that two clones end in the same class, p_c = Σ_{μ in c} w_μ

(Biroli et al., arXiv 2402.18491; Achilli et al., arXiv 2502.09578.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._results import Result
from diffusion.denoisers import EmpiricalDenoiser

_WEIGHTS = 2**24  # held at once, in a block
_NUMBERS = 2**22  # of the points that are held with them
_COPIES = 16  # of these points


@dataclass(frozen=True, repr=False)
class PlantedPosterior(Result):
    """Statistics of each planted point, (draws,): average them, with their standard error."""

    participation: Tensor  # Y, 0 to 1
    own_weight: Tensor  # w_ν, 0 to 1
    entropy: Tensor  # H in nats, 0 to log n
    dimension: Tensor  # D_eff
    agreement: Tensor  # φ, 0 to 1; NaN without labels

    def __repr__(self) -> str:
        return self._shown(f"{len(self.entropy)} draws", dict(self._parts()))


def planted_posterior(
    denoiser: EmpiricalDenoiser,
    sigma: float,
    draws: int = 1000,
    labels: Tensor | None = None,
    seed: Seed = None,
) -> PlantedPosterior:
    """Posterior statistics at noised points of the data itself.

    Parameters
    ----------
    denoiser : the exact denoiser of n data points.
    sigma : noise level, positive, in signal units.
    draws : number of planted points; the data is used evenly, weighted data by its weights.
    labels : class of each data point (n,), whole numbers from 0; None: no agreement.
    seed : int, torch.Generator or None.

    Returns
    -------
    PlantedPosterior of (draws,) tensors, like the data.

    Raises
    ------
    ValueError : sigma or draws not positive, or labels of another length or kind.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [1.0]]))
    >>> planted_posterior(denoiser, sigma=0.05, draws=4, seed=0).participation
    tensor([1., 1., 1., 1.])
    """
    _checks.instance("denoiser", denoiser, EmpiricalDenoiser, "an EmpiricalDenoiser")
    n, draws = len(denoiser), _checks.whole("draws", draws)
    sigma = _checks.positive("sigma", sigma)
    device = denoiser.data.device
    generator = _checks.generator_from(seed, "planted_posterior", device)
    if denoiser.log_weights is None:
        order = torch.randperm(n, generator=generator, device=generator.device).to(device)
        own = order[torch.arange(draws, device=device) % n]
    else:
        prior = torch.softmax(denoiser.log_weights, 0).to(generator.device)
        own = torch.multinomial(prior, draws, True, generator=generator).to(device)
    clean = denoiser.points(own)
    classes = None if labels is None else _one_hot(labels, n).to(clean)
    _checks.noise_level(sigma, clean)
    x = clean + sigma * _checks.normal_like(clean, generator)
    found = clean.new_full((5, draws), torch.nan)  # small pieces would pin large ones
    step = max(1, min(_WEIGHTS // n, _NUMBERS // (_COPIES * denoiser.dimension)))
    for start in range(0, draws, step):
        block = slice(start, start + step)
        weights = denoiser.weights(x[block], sigma)
        found[0, block] = weights.square().sum(1)
        found[1, block] = weights.gather(1, own[block, None]).squeeze(1)
        found[2, block] = -torch.xlogy(weights, weights).sum(1)
        found[3, block] = denoiser.trace_of_weights(x[block], sigma, weights)
        if classes is not None:
            found[4, block] = (weights @ classes).square().sum(1)
    return PlantedPosterior(*found)


def _one_hot(labels: Tensor, count: int) -> Tensor:
    """Membership (n, classes) of each data point; a column for each class that there is."""
    _, places = _checks.classes(labels, count).unique(return_inverse=True)
    return torch.nn.functional.one_hot(places)
