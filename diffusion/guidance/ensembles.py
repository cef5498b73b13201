r"""Gaussian classes to guide: all of them, or one of more than can be enumerated.

K classes N(μ_k, within·1), their centres μ_k ~ N(0, between·1) in d dimensions;
α = log K/d, r = within/(within + between). Where K = e^{αd} is too large, only the own class
is kept. As long as no other class stands out, the others together are N(0, within + between),
so that the mixture is (arXiv 2602.00716; annealed average of the random energy model)

    p = (1/K) N(μ, within) + (1 − 1/K) N(0, within + between),

right for w from 0 to not much above 3. Under negative guidance that loses the class, others
stand out; at larger w the average brings back others that are not there
(`diffusion.theory.mean_field`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion.guidance.guided import GuidedDenoiser
from diffusion.guidance.schedules import Weight
from diffusion.guidance.steps import PerStep
from diffusion.mixture import GaussianMixtureDenoiser
from diffusion.samplers import noise_levels, sample
from diffusion.schedules import VE

_START = 1e3  # noise level of `generate` in standard deviations of the data
_MOST = 700.0  # log K beyond which 1/K is no number of double precision


def random_classes(
    count: int, dimension: int, within: float = 0.25, between: float = 1.0, seed: Seed = None
) -> GaussianMixtureDenoiser:
    """K equal Gaussian classes with random centres.

    Parameters
    ----------
    count : K.
    dimension : d, at least 1.
    within : variance of a class, per coordinate, positive.
    between : variance of the centres, per coordinate, positive.
    seed : int, torch.Generator or None.

    Returns
    -------
    GaussianMixtureDenoiser, float64.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> random_classes(10, 16, seed=0).means.shape
    torch.Size([10, 16])
    """
    count, dimension = _checks.whole("count", count), _checks.whole("dimension", dimension)
    within, between = _checks.positive("within", within), _checks.positive("between", between)
    generator = _checks.generator_from(seed, "random_classes")
    at = generator.device
    centres = torch.randn(count, dimension, generator=generator, device=at, dtype=torch.float64)
    return GaussianMixtureDenoiser(between**0.5 * centres, within)


def planted_classes(
    dimension: int,
    alpha: float,
    within: float = 0.25,
    between: float = 1.0,
    seed: Seed = None,
) -> GaussianMixtureDenoiser:
    """One class with a random centre, class 0, among e^{αd} others that are averaged over.

    Parameters
    ----------
    dimension : d.
    alpha : log K/d, positive, with K at least 2 and log K at most 700.
    within, between, seed : as for `random_classes`.

    Returns
    -------
    GaussianMixtureDenoiser of two components, float64; `.condition(0)` is the class.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> planted = planted_classes(256, alpha=0.4, seed=0)
    >>> bool(planted.weights[0] < 1e-44)  # e^{−102}
    True
    """
    dimension = _checks.whole("dimension", dimension)
    within, between = _checks.positive("within", within), _checks.positive("between", between)
    alpha = _checks.real("alpha", alpha)
    if not math.log(2) <= alpha * dimension <= _MOST:
        raise ValueError(
            f"alpha must give log K = alpha·d between log 2 and {_MOST:g}, got {alpha} at "
            f"d = {dimension}"
        )
    generator = _checks.generator_from(seed, "random_classes")
    at = generator.device
    own = torch.randn(1, dimension, generator=generator, device=at, dtype=torch.float64)
    means = torch.cat([between**0.5 * own, torch.zeros_like(own)])
    odds = own.new_tensor([-alpha * dimension])
    return GaussianMixtureDenoiser(
        means,
        own.new_tensor([within, within + between]),
        torch.cat([odds.exp(), -odds.expm1()]),
    )


def fitted_classes(
    data: Tensor, labels: Tensor, covariance: str = "own", ridge: float = 1e-2
) -> GaussianMixtureDenoiser:
    """A Gaussian per class of a data set, weighted by the share of the class.

    Parameters
    ----------
    data : (n, d).
    labels : (n,) classes 0 to K − 1, at least two points of each.
    covariance : "own" of each class, "shared" by all (their mean within the classes), or
        "isotropic", the shared trace alone.
    ridge : variance added along all directions, in units of the mean variance of the data,
        positive: data without width fit no Gaussian.

    Returns
    -------
    GaussianMixtureDenoiser of K classes, float64.

    Raises
    ------
    ValueError : labels of another length or kind, a class with less than two points, data all
        alike, an unknown covariance, or a ridge that is not positive.

    Examples
    --------
    >>> data = torch.tensor([[0.0], [2.0], [9.0], [11.0]])
    >>> fitted_classes(data, torch.tensor([0, 0, 1, 1])).means
    tensor([[ 1.],
            [10.]], dtype=torch.float64)
    """
    x = _checks.points("data", data, double=True).detach().double()
    _checks.choice("covariance", covariance, ("own", "shared", "isotropic"))
    ridge = _checks.positive("ridge", ridge)
    groups = [x[rows.to(x.device)] for rows in _checks.rows_of_classes(labels, len(x))]
    counts = torch.tensor([len(group) for group in groups], dtype=torch.float64)
    if counts.min() < 2:
        raise ValueError(
            f"labels must give two points per class or more, got {[int(n) for n in counts]}"
        )
    if (x == x[:1]).all():
        raise ValueError(f"data must hold different points, got {len(x)} alike")
    d = x.shape[1]
    spread = torch.stack([torch.cov(group.T).reshape(d, d) for group in groups])
    share = counts / len(x)
    floor = ridge * x.var(0).mean() * torch.eye(d, dtype=x.dtype, device=x.device)
    shared = torch.einsum("k,kde->de", share.to(x), spread) + floor
    variances = {
        "own": spread + floor,
        "shared": shared.expand_as(spread).contiguous(),
        "isotropic": shared.trace() / d,
    }
    means = torch.stack([group.mean(0) for group in groups])
    return GaussianMixtureDenoiser(means, variances[covariance], share)


def generate(
    mixture: GaussianMixtureDenoiser,
    labels: Tensor,
    w: Weight,
    method: str = "heun",
    steps: int = 200,
    seed: Seed = None,
) -> Tensor:
    """Guided samples of a mixture from pure noise, with its exact scores.

    The flow ("heun") and the SDE ("stochastic-heun") of the same guidance end differently: do
    not compare their numbers. With one seed all w start from the same noise.

    Parameters
    ----------
    mixture : the classes.
    labels : (B,) class that each sample should be of.
    w : extra weight, a number or a schedule of σ.
    method : of `sample`.
    steps : at least 2; weights of steps (`PerStep`) bring their own.
    seed : int, torch.Generator or None.

    Returns
    -------
    (B, d), like the means of the mixture.

    Raises
    ------
    ValueError : an unknown class, or as for `sample` and `GuidedDenoiser`.

    Examples
    --------
    >>> mixture = random_classes(3, 8, seed=0)
    >>> generate(mixture, torch.tensor([0, 1, 2, 2]), w=1.0, steps=20, seed=0).shape
    torch.Size([4, 8])
    """
    _checks.instance("mixture", mixture, GaussianMixtureDenoiser)
    labels = _checks.tensor("labels", labels).to(mixture.means.device).reshape(-1)
    if labels.is_floating_point() or ((labels < 0) | (labels >= len(mixture))).any():
        raise ValueError(
            f"labels must be classes 0 to {len(mixture) - 1}, got {_checks.shown(labels)}"
        )
    guided = GuidedDenoiser(mixture.condition(labels), mixture, w)
    spread, _ = mixture.spectra
    scale = float((mixture.means.square().mean() + spread.mean()).sqrt())
    jumps, width = getattr(w, "breaks", ()), float(spread.min()) ** 0.5
    levels = (
        [*w.levels] if isinstance(w, PerStep) else noise_levels(_START * scale, steps, width, jumps)
    )
    generator = _checks.generator_from(seed, "generate", mixture.means.device)
    noise = _checks.normal_like(mixture.means.new_empty(len(labels), mixture.dimension), generator)
    start = math.hypot(levels[0], scale) * noise
    return sample(guided, start, VE(), method, levels=levels, seed=generator)
