"""A class-conditional model and the data that it is measured beside, for `bridges guide`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from bridges.data import class_labels, standardised
from bridges.verbs.schedules import Noise, guided
from diffusion import VE, GaussianMixtureDenoiser, sample
from diffusion.batches import Batched
from diffusion.denoisers import noise_range
from diffusion.flat import answering
from diffusion.guidance import fitted_classes, most_probable
from diffusion.latents import LatentSpace

_START, _WIDTH = 40.0, 0.4  # noise levels in units of the data: the largest, and of even ones
_RIDGE = 1e-2  # of the Gaussian fit
_NEAREST = 5  # data that judge a sample of a network


@dataclass(frozen=True)
class Subject:
    """A class-conditional model, and the data in the space that it is measured in.

    Attributes
    ----------
    pairs : by class its denoiser, and that of no class.
    rows : (n, d) data, or their codes.
    labels : (n,).
    mixture : a Gaussian per class of the data, in the order of their labels.
    images : (n, N) what the rows are codes of; None for the exact mixture.
    latents : the space of the codes.
    """

    pairs: Mapping[int, tuple[Any, Any]]
    rows: Tensor
    labels: Tensor
    mixture: GaussianMixtureDenoiser
    images: Tensor | None = None
    latents: LatentSpace | None = None

    @cached_property
    def unit(self) -> float:
        """Rms deviation of the data."""
        return standardised(self.rows)[1]

    @property
    def noise(self) -> tuple[float, float]:
        """Least and largest noise level: far above the data, within what the model knows."""
        low, high = noise_range(*next(iter(self.pairs.values())))
        return low, min(_START * self.unit, high)

    @cached_property
    def judge(self) -> Callable[[Tensor], Tensor] | None:
        """What the nearest data say: a Gaussian fit is no judge of a network."""
        if self.images is None:
            return None
        from sklearn.neighbors import KNeighborsClassifier

        places = self.labels.unique(return_inverse=True)[1]
        judge = KNeighborsClassifier(_NEAREST).fit(self.rows.numpy(), places.numpy())
        return lambda x: torch.from_numpy(judge.predict(x.double().cpu().numpy()))

    def sampled(self, text: str, label: int, noise: Tensor, steps: int) -> Tensor:
        """Guided samples (B, d) of a class, along the flow from noise (B, d) of unit variance."""
        start = self.noise[1]
        first = self.rows.mean(0).to(noise)
        return self.flowed(text, label, lambda level: first + level * noise, start, steps)

    def flowed(
        self, text: str, label: int, start: Callable[[float], Tensor], sigma: float, steps: int
    ) -> Tensor:
        """Where the guided flow takes points from noise level `sigma` on, in the steps of a run.

        start : the level that is begun at, at most σ → points (B, d).
        """
        low, high = self.noise
        noise_of = Noise(high, _WIDTH * self.unit, self.unit)
        denoiser = guided(text, *self.pairs[label], noise_of)
        weight = getattr(denoiser, "w", None)
        jumps = () if hasattr(weight, "during") else getattr(weight, "breaks", ())
        whole = noise_of.levels(steps, jumps)[:-1]
        first = min(sigma, whole[0])
        levels = [first, *(s for s in whole if low < s < first), 0.0]
        return sample(denoiser, start(first), VE(), "heun", levels=levels)

    def classes_of(self, x: Tensor) -> Tensor:
        """The class of each sample (B,), by its place among the labels."""
        return most_probable(x, self.mixture) if self.judge is None else self.judge(x)

    def pictures(self, x: Tensor) -> Tensor:
        """Samples (B, d) as bytes (B, N) of the range of the data."""
        data = self.rows if self.images is None else self.images
        shown = x if self.latents is None else self.latents.decode(x.to(self.rows))
        low, high = float(data.min()), float(data.max())
        return ((shown - low) / (high - low) * 255).nan_to_num().clamp(0, 255).byte().cpu()


def conditional(source: Any) -> int:
    """How many classes a model by path can be asked for; 0 of one that knows none."""
    inner = getattr(source, "denoiser", source)  # of as many rows as fit
    return int(getattr(inner, "classes", 0) or 0) if hasattr(inner, "condition") else 0


def pairs_of(
    source: Any, name: str, wanted: Sequence[int], null: int | None, batch_size: int | None
) -> dict[int, tuple[Any, Any]]:
    """By class the denoiser of a class-conditional model, and that of no class.

    null : class that stands for none, for models that have one among their classes.

    Raises
    ------
    ValueError : a model without classes, a class that it does not have, or one of which no class
        is known to stand for none.
    """
    classes = conditional(source)
    if not classes:
        raise ValueError(f"model must be class-conditional, got {name}")
    if max(wanted) >= classes:
        raise ValueError(f"classes must lie in [0, {classes - 1}] for {name}, got {list(wanted)}")
    inner = getattr(source, "denoiser", source)
    nothing = _of_none(inner, name, null)

    def asked(denoiser: Any) -> Any:
        return answering(Batched(denoiser, batch_size), f"model: {name}", names_all=True)

    return {k: (asked(inner.condition(k)), asked(nothing)) for k in wanted}


def _of_none(source: Any, name: str, null: int | None) -> Any:
    """A class-conditional model without its classes."""
    if null is not None:
        return source.condition(null)
    if not hasattr(source, "scheduler"):
        return source
    try:
        return source.condition(None)
    except ValueError as error:
        raise ValueError(
            f"null-class must be given for {name}, which knows no class that stands for none: "
            f"one of 0 to {source.classes - 1} that was trained to"
        ) from error


def labels_of(data: str) -> Tensor:
    """The class of each vector of the data, (n,). Raises ValueError where there is none."""
    labels = class_labels(data)
    if labels is None:
        raise ValueError(f"data must have classes, got none in {data}")
    return labels


def check_classes(labels: Tensor) -> None:
    """Raise a ValueError where a class has fewer than the two rows that a Gaussian needs."""
    values, counts = labels.unique(return_counts=True)
    if int(counts.min()) < 2:
        few = int(values[counts.argmin()])
        raise ValueError(f"data must have two rows of each class or more, got one of class {few}")


def fit(rows: Tensor, labels: Tensor) -> GaussianMixtureDenoiser:
    """A Gaussian per class of the data, in the order of their labels."""
    return fitted_classes(rows, labels.unique(return_inverse=True)[1], "own", ridge=_RIDGE)
