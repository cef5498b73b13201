r"""How much a window of an image tells: the noise up to which it finds the patch it was made of.

A window of a `LocalDenoiser` retrieves its patch while the noise leaves more information than it
takes to choose one of the candidates,

    I_k(σ) > ln P ("local"),    I_k(σ) > ln P L ("equivariant", L places)

with I_k the mutual information of a patch of width k and its noised self. It follows from n
reference patches as I_k = ln n − E H(w), H the entropy of their posterior weights at a noised one
of them. For patches that are independent of each other it is the random-energy condition of the
empirical score (Biroli et al., arXiv 2402.18491) for windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._plots import POINTS, Line, Plotted
from diffusion.denoisers import EmpiricalDenoiser
from diffusion.local import images_of, odd

_NUMBERS = 2**20  # weights held at once, in a block


@dataclass(frozen=True, repr=False)
class WindowInformation(Plotted):
    """Mutual information of clean and noised patches, in nats.

    It cannot exceed ln n of the n reference patches, and is too low where it comes near to that.
    """

    sigma: Tensor  # (S,) rising
    value: Tensor  # (S,) I_k, falling from ln n to 0
    sem: Tensor  # (S,) standard error of the draws, the same at all σ
    references: int  # n

    _titles: ClassVar[tuple[str, str]] = (
        r"noise $\sigma$",
        r"mutual information $I_k$ of a window [nats]",
    )
    _log: ClassVar[str] = "x"

    @property
    def ceiling(self) -> float:
        """ln n, where the information of n reference patches ends."""
        return math.log(self.references)

    def threshold(self, candidates: float) -> float:
        """Noise level up to which a window finds its patch among `candidates`: I_k = ln of them.

        Linear in ln σ between the levels. NaN: outside of these, or above the ceiling.
        """
        wanted = math.log(_checks.positive("candidates", candidates))
        found, levels = self.value.double(), self.sigma.double()
        above = found >= wanted
        k = int(above.sum())
        if not 0 < k < len(found) or wanted >= self.ceiling or not bool(above[:k].all()):
            return math.nan
        part = float((found[k - 1] - wanted) / (found[k - 1] - found[k]))
        return float(levels[k - 1] * (levels[k] / levels[k - 1]) ** part)

    def _lines(self) -> list[Line]:
        ceiling = Line(self.sigma[[0, -1]], [self.ceiling] * 2, label="ln n", look={"ls": ":"})
        return [Line(self.sigma, self.value, self.sem, look=POINTS), ceiling]

    def __repr__(self) -> str:
        ends = f"{float(self.sigma[0]):.3g} … {float(self.sigma[-1]):.3g}"
        values = f"{float(self.value[0]):.3g} … {float(self.value[-1]):.3g}"
        return f"WindowInformation(σ {ends}: {values} nats of {self.references} patches)"


def window_information(
    images: Tensor,
    window: int,
    sigma: Sequence[float] | Tensor,
    pixel: tuple[int, int] | None = None,
    draws: int = 1000,
    shape: Sequence[int] | None = None,
    seed: Seed = None,
) -> WindowInformation:
    """Mutual information I_k(σ) of a window and its noised self, from reference images.

    Parameters
    ----------
    images : n images of the kind that is stored, as for `LocalDenoiser`; n ≫ e^I of them.
    window : k, odd.
    sigma : (S,), noise levels, rising, in signal units.
    pixel : row and column of the middle of the window, which ends at the borders; None: the
        windows of all pixels together, with the borders glued, as "equivariant" has them.
    draws : noised patches per level; the same ones and the same noise at all of them.
    shape : of an image; needed for rows only.
    seed : int, torch.Generator or None.

    Returns
    -------
    WindowInformation(sigma, value, sem, references).

    Raises
    ------
    ValueError : as for `LocalDenoiser`; levels that do not rise; a pixel outside of the image.

    Examples
    --------
    >>> images = torch.randn(500, 6, 6, generator=torch.Generator().manual_seed(0))
    >>> found = window_information(images, 3, [0.5, 1.0, 2.0], pixel=(2, 2), seed=0)
    >>> found.value  # 9/2 ln(1 + 1/σ²) is 7.24, too near to ln n, then 3.12 and 1.00
    tensor([5.6124, 3.0509, 1.0159])
    >>> round(found.threshold(20), 1)
    1.0
    """
    given, _ = images_of("images", images, shape)
    levels = _checks.tensor("sigma", sigma, double=True).detach().double().cpu()
    rises = levels.ndim == 1 and len(levels) > 0 and bool((levels.diff() > 0).all())
    if not rises or not 0 < float(levels[0]) <= float(levels[-1]) < math.inf:
        raise ValueError(
            f"sigma must be noise levels that rise from above 0, got {levels.tolist()}"
        )
    draws = _checks.whole("draws", draws, low=2)
    references = EmpiricalDenoiser(_patches(given, odd(window), pixel))
    _checks.noise_level(levels, references.data.new_empty(len(levels), 1))
    generator = _checks.generator_from(seed, "window_information", given.device)
    order = torch.randperm(len(references), generator=generator, device=generator.device)
    clean = references.points(order.to(given.device)[torch.arange(draws) % len(references)])
    noise = _checks.normal_like(clean, generator)
    entropy = torch.stack([_entropy(references, clean, noise, level) for level in levels.tolist()])
    value = math.log(len(references)) - entropy.mean(1)
    sem = entropy.std(1) / draws**0.5
    device = given.device
    return WindowInformation(levels.to(device), value.to(given), sem.to(given), len(references))


def _entropy(references: EmpiricalDenoiser, clean: Tensor, noise: Tensor, sigma: float) -> Tensor:
    """Entropy of the posterior weights at each noised patch, (draws,), in double precision."""
    parts = []
    for x in (clean + sigma * noise).split(max(1, _NUMBERS // len(references))):
        weights = references.weights(x, sigma)
        parts.append(-torch.xlogy(weights, weights).sum(1))
    return torch.cat(parts).double()


def _patches(images: Tensor, window: int, pixel: tuple[int, int] | None) -> Tensor:
    """Patches around one pixel, or around all of them with glued borders, as rows."""
    sides, reach = images.shape[2:], window // 2
    if pixel is not None:
        place = _checks.several("pixel", pixel)
        if len(place) != 2:
            raise ValueError(f"pixel must be a row and a column, got {place}")
        places = (
            _checks.whole("pixel", at, low=0, high=side - 1)
            for at, side in zip(place, sides, strict=True)
        )
        rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in places)
        return images[:, :, rows, columns].flatten(1)
    down, across = (_around(side, window).to(images.device) for side in sides)
    found = images[:, :, down[:, None, :, None], across[None, :, None, :]]
    return found.permute(0, 2, 3, 1, 4, 5).reshape(len(images) * sides.numel(), -1)


def _around(side: int, window: int) -> Tensor:
    """The pixels of the window of each pixel of a side, (side, k); glued ones at most once."""
    steps = torch.arange(min(window, side)) - window // 2
    return (torch.arange(side)[:, None] + steps) % side
