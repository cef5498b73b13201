r"""Measures of how far guided samples are from the classes that they should be of.

For n samples x of class c, of centre μ_c and covariance Σ_c, with x̄ the mean and C the
covariance of the samples, positions taken about the centre of the data:

    overlap a            x̄·μ_c/|μ_c|²                                          1 is right
    mean shift           |x̄ − μ_c|/√tr Σ_c                                     0
    variance ratio R     tr C/tr Σ_c, and along μ_c alone                      1
    W2                   distance of the Gaussians N(x̄, C), N(μ_c, Σ_c), per dimension  0
    separability d'      a |μ_c|/√tr C                                         |μ_c|/√tr Σ_c
    Fisher ratio J       mean |x̄_c − x̄|² over mean tr C_c
    Vendi score          exp of the entropy of the eigenvalues of k/n (Friedman & Dieng 2023), k
                         Gaussian of squared width tr Σ, mean over the classes: how many
                         different samples there are of c; it depends on n
    retention            fraction that the exact posterior, or a classifier, gives to c

A large d' or J may come from a small R alone. Where negative guidance has restored R, samples
may have left their class. So read each of these together with the retention. Samplers of few
steps shrink the variance by themselves: compare with the same sampler at w = 0 (`relative_to`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._results import Result
from diffusion.mixture import GaussianMixtureDenoiser

_NUMBERS = 2**20  # of a kernel, computed together
_COPIED = 2**25  # of a kernel that torch may copy: its eigenvalues come sooner
_CLEAN = 1e-3  # noise level at which samples are classified, in standard deviations of a class


@dataclass(frozen=True, repr=False)
class Distortion(Result):
    """Measures of each of C classes, as at the head of the module.

    Overlap, parallel ratio and separability are NaN for a class at the centre of the data.
    """

    overlap: Tensor  # (C,), as all but the last
    mean_shift: Tensor
    variance_ratio: Tensor
    parallel_ratio: Tensor
    wasserstein: Tensor
    separability: Tensor
    retention: Tensor
    vendi: Tensor  # NaN where it was not measured
    fisher_ratio: float  # of all classes; NaN for one class

    def __repr__(self) -> str:
        return self._shown(f"{len(self.overlap)} classes", dict(self._parts()[:-1]))

    def means(self) -> dict[str, float]:
        """Every measure as one number, the mean over classes."""
        return {name: float(torch.as_tensor(value).mean()) for name, value in self._parts()}

    def errors(self) -> dict[str, float]:
        """Standard errors between classes, of the measures that each class has."""
        return {
            name: float(value.std() / len(value) ** 0.5)
            for name, value in self._parts()
            if isinstance(value, Tensor) and len(value) > 1
        }

    def relative_to(self, control: Distortion) -> dict[str, float]:
        """Ratios to the same sampler at w = 0, of all measures but W2 and the mean shift."""
        own, other = self.means(), control.means()
        return {k: own[k] / other[k] for k in own if k not in ("wasserstein", "mean_shift")}


def distortion(
    samples: Tensor,
    labels: Tensor,
    mixture: GaussianMixtureDenoiser,
    classify: Callable[[Tensor], Tensor] | None = None,
    centre: Tensor | None = None,
    diversity: bool = True,
) -> Distortion:
    """Measure guided samples against the classes of a mixture.

    Parameters
    ----------
    samples : (n, d), finite.
    labels : (n,) class that each should be of, at least two of each class.
    mixture : the true classes, or a Gaussian fit of them.
    classify : samples → classes (n,); None: the largest posterior of the mixture.
    centre : (d,) of the data; None: the origin, as for centred data and `random_classes`.
    diversity : whether to measure the Vendi score, at a cost cubic in the samples per class.

    Returns
    -------
    Distortion, one entry per class that occurs, in increasing order. Squared means are
    corrected for their noise 1/n; covariances in W2 and the Vendi score are not.

    Raises
    ------
    ValueError : labels of another length, an unknown class, a class with a single sample, no
        sample, or a centre that is not (d,) and finite.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser(torch.tensor([[-5.0, 0.0], [5.0, 0.0]]), 1.0)
    >>> points, labels = mixture.draw(2000, seed=0)
    >>> found = distortion(points, labels, mixture)
    >>> bool(abs(found.means()["variance_ratio"] - 1) < 0.1), found.retention.tolist()
    (True, [1.0, 1.0])
    """
    _checks.instance("mixture", mixture, GaussianMixtureDenoiser)
    given = _checks.points("samples", samples, dimension=mixture.dimension).detach()
    x, diversity = given.double(), _checks.flag("diversity", diversity)
    if len(x) == 0:
        raise ValueError(f"samples must hold at least two points, got {tuple(x.shape)}")
    wanted = _checks.tensor("labels", labels).to(x.device)
    if not wanted.is_floating_point():
        wanted = wanted.long()
    classes, counts = wanted.unique(return_counts=True)
    if wanted.shape != x.shape[:1] or classes.is_floating_point():
        raise ValueError(
            f"labels must be whole numbers of shape ({len(x)},), got {wanted.dtype} of shape "
            f"{tuple(wanted.shape)}"
        )
    if classes.min() < 0 or classes.max() >= len(mixture) or counts.min() < 2:
        raise ValueError(
            f"labels must be classes 0 to {len(mixture) - 1}, two samples of each or more, got "
            f"{classes.tolist()} with {counts.tolist()} samples"
        )
    spreads, _ = mixture.spectra
    width = float(mixture.weights.double() @ spreads.double().sum(1)) ** 0.5
    origin = torch.zeros_like(x[0])
    if centre is not None:
        origin = _checks.row("centre", centre, x.shape[1]).detach().to(x)
    if classify is None:
        found = most_probable(given, mixture)
    else:
        _checks.function("classify", classify, "a function of samples")
        found = _checks.tensor("classify(samples)", classify(given)).to(x.device)
    hit = (found == wanted).double()
    covariances = mixture.covariances().double()
    rows = [
        _of_class(
            x[wanted == c] - origin, hit[wanted == c], mixture.means[c] - origin, covariances[c]
        )
        for c in classes
    ]
    per_class = torch.tensor(rows, dtype=torch.float64).T
    a, shift, ratio, along, distance, apart, kept = per_class
    return Distortion(
        overlap=a,
        mean_shift=shift,
        variance_ratio=ratio,
        parallel_ratio=along,
        wasserstein=distance,
        separability=apart,
        retention=kept,
        vendi=_diversity(x, wanted, classes, width)
        if diversity
        else torch.full_like(kept, torch.nan),
        fisher_ratio=_fisher(x, wanted, classes),
    )


def direction_ratios(samples: Tensor, labels: Tensor, mixture: GaussianMixtureDenoiser) -> Tensor:
    """Variance ratio R along each eigenvector of each class: the trace hides opposite signs.

    Parameters
    ----------
    samples : (n, d), finite.
    labels : (n,) class that each should be of, at least two of each class of the mixture.
    mixture : the true classes, or a Gaussian fit of them.

    Returns
    -------
    (K, d), along the eigenvectors in the order of `mixture.spectra`; float64.

    Raises
    ------
    ValueError : samples not (n, d), or labels that are not (n,) or leave a class without two.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser(torch.zeros(1, 2), torch.tensor([[4.0, 1.0]]))
    >>> points, labels = mixture.draw(4000, seed=0)
    >>> direction_ratios(points * torch.tensor([2.0, 1.0]), labels, mixture).round().tolist()
    [[4.0, 1.0]]
    """
    _checks.instance("mixture", mixture, GaussianMixtureDenoiser)
    x = _checks.points("samples", samples, dimension=mixture.dimension).detach().double()
    rows = _checks.rows_of_classes(labels, len(x))
    if len(rows) != len(mixture) or min(map(len, rows)) < 2:
        raise ValueError(
            f"labels must give two samples or more of each of {len(mixture)} classes, got "
            f"{[len(one) for one in rows]}"
        )
    spreads, basis = mixture.spectra
    groups = [x[own.to(x.device)] for own in rows]
    if basis is not None:
        groups = [own @ turn.double() for own, turn in zip(groups, basis, strict=True)]
    return torch.stack([own.var(0) for own in groups]) / spreads.double()


def most_probable(x: Tensor, mixture: GaussianMixtureDenoiser) -> Tensor:
    """The class of largest posterior probability of each clean point, (n,).

    Raises
    ------
    ValueError : x not (n, d) or not finite.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
    >>> most_probable(torch.tensor([[0.3], [-0.2]]), mixture)
    tensor([1, 0])
    """
    _checks.instance("mixture", mixture, GaussianMixtureDenoiser)
    sigma = _CLEAN * float(mixture.spectra[0].min()) ** 0.5
    return mixture.responsibilities(x, sigma).argmax(1)


def vendi_score(samples: Tensor, width: float) -> float:
    """Effective number of different samples, 1 to n.

    exp(−Σ λ log λ) of the eigenvalues λ of k/n, k = exp(−|x − y|²/2·width²). All n of them take
    4n³/3 operations, half of them at the rate of memory, and 8n² bytes: 3.2 GB at n = 20 000.
    No shorter way is exact: a kernel of this width has nearly full rank above five dimensions.

    Parameters
    ----------
    samples : (n, d), finite.
    width : of the kernel, positive.

    Raises
    ------
    ValueError : samples not (n, d), empty or not finite, or a width that is not positive.

    Examples
    --------
    >>> far = torch.tensor([[0.0], [100.0], [200.0], [200.0]])
    >>> round(vendi_score(far, width=1.0), 4)  # λ = ¼, ¼, ½
    2.8284
    """
    x = _checks.points("samples", samples).detach().double()
    width = _checks.positive("width", width)
    if len(x) == 0:
        raise ValueError(f"samples must hold at least one point, got {tuple(x.shape)}")
    values = _spectrum(x.cpu(), width)
    return float(torch.exp(-torch.xlogy(values, values).sum()))


def _spectrum(x: Tensor, width: float) -> Tensor:
    """Eigenvalues (n,) of the kernel of n samples over n, in the memory of one such matrix."""
    n = len(x)
    kernel = torch.empty(n, n, dtype=torch.float64)
    step = max(1, _NUMBERS // n)
    for low in range(0, n, step):
        rows = x[low : low + step]
        high = low + len(rows)
        near = torch.cdist(rows, x[:high]).div_(width).square_().div_(-2)
        kernel[low:high, :high] = near.exp_().div_(n)
    if kernel.numel() <= _COPIED:
        return torch.linalg.eigvalsh(kernel).clamp(min=0)
    from scipy.linalg import eigvalsh  # slow to import

    # the rows up to the diagonal are columns for LAPACK, which writes over them
    found = eigvalsh(kernel.numpy().T, lower=False, overwrite_a=True, check_finite=False)
    return torch.from_numpy(found).clamp(min=0)


def _of_class(x: Tensor, hit: Tensor, mu: Tensor, sigma: Tensor) -> list[float]:
    """The measures of one class; x and mu about the centre of the data."""
    n, d = x.shape
    mean, mu = x.mean(0), mu.double()
    covariance = torch.cov(x.T).reshape(d, d)
    trace, own = covariance.trace(), sigma.trace()
    square = mu.square().sum()
    overlap = mean @ mu / square
    shift = ((mean - mu).square().sum() - trace / n).clamp(min=0)
    along = (mu @ covariance @ mu) / (mu @ sigma @ mu)
    bures = trace + own - 2 * _root_trace(covariance, sigma)
    return [
        float(value)
        for value in (
            overlap,
            (shift / own).sqrt(),
            trace / own,
            along,
            ((shift + bures.clamp(min=0)) / d).sqrt(),
            overlap * (square / trace).sqrt(),
            hit.mean(),
        )
    ]


def _root_trace(a: Tensor, b: Tensor) -> Tensor:
    """tr (a^½ b a^½)^½ of two covariances: the eigenvalues are those of a b."""
    values, basis = torch.linalg.eigh(b)
    root = (basis * values.clamp(min=0).sqrt()) @ basis.mT
    return torch.linalg.eigvalsh(root @ a @ root).clamp(min=0).sqrt().sum()


def _diversity(x: Tensor, labels: Tensor, classes: Tensor, width: float) -> Tensor:
    """Vendi score of the samples of each class."""
    return torch.tensor([vendi_score(x[labels == c], width) for c in classes], dtype=x.dtype)


def _fisher(x: Tensor, labels: Tensor, classes: Tensor) -> float:
    """Scatter of the class means over the scatter within the classes."""
    if len(classes) < 2:
        return float("nan")
    groups = [x[labels == c] for c in classes]
    within = torch.stack([g.var(0).sum() for g in groups])
    noise = torch.stack([w / len(g) for w, g in zip(within, groups, strict=True)]).mean()
    means = torch.stack([g.mean(0) for g in groups])
    between = (means - means.mean(0)).square().sum(1).mean()
    share = 1 - 1 / len(classes)  # part of the noise of the means that is in their scatter
    return float((between - share * noise) / within.mean())
