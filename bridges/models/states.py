"""Rows of a data set as states of a model that was trained before: its order, its units, its codes.

Images of a network come as (channels, height, width), files often have the channels last. Models of
diffusers take values in [−1, 1], a checkpoint of ours knows the mean and the width of its data.
Other units are refused with the factor that mends them: a network answers to them as well, and
every number would be wrong.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from bridges.data import is_drawn, load_data
from bridges.data.sources import state
from bridges.memory.similarity import Similarity, similarity_of_data
from bridges.models.model import Model

_FACTOR = 4.0  # between widths, from which units differ
_OUTSIDE = 1.5  # largest value of images in [−1, 1], which are interpolated or noisy


def shape_of(data: str) -> tuple[int, ...]:
    """The shape of a row of a data set as a network takes it, channels first."""
    found = load_data(data)
    if found.axes != "HWC":
        return found.shape
    height, width, channels = found.shape
    return (channels, height, width)


def states_of(model: Model, rows: Tensor, data: str) -> Tensor:
    """Rows (n, N) of a data set as states (n, d) of a model, codes of one that has them."""
    found = load_data(data)
    if found.axes == "HWC" and _takes_channels_first(model, found.shape):
        rows = rows.reshape(-1, *found.shape).movedim(-1, 1).flatten(1)
    return rows if model.latents is None else model.latents.encode(rows)


def rows_of(model: Model, states: Tensor, data: str) -> Tensor:
    """States (n, d) of a model as rows (n, N) of a data set; codes are decoded."""
    found = load_data(data)
    rows = states if model.latents is None else model.latents.decode(states)
    if found.axes == "HWC" and _takes_channels_first(model, found.shape):
        height, width, channels = found.shape
        return rows.reshape(-1, channels, height, width).movedim(1, -1).flatten(1)
    return rows


def similarity_of_states(model: Model, data: str) -> Similarity:
    """Sites and centre of the states that a model has for a whole data set."""
    return _similarity(model, data, state(data))


@lru_cache(maxsize=4)
def _similarity(model: Model, data: str, _: str) -> Similarity:
    return similarity_of_data(states_of(model, load_data(data).rows, data))


def check_data(name: str, model: Model, data: str) -> None:
    """Refuse data that a model was not trained on, as far as they show it. Raises ValueError."""
    if is_drawn(data):
        raise ValueError(
            f"data: {name} was trained before it is cued; give the data that it was trained on "
            f"as --data, got {data}"
        )
    if model.kind != "stored":
        return
    found, source = load_data(data), model.source
    wanted = getattr(source, "dimension", None) if model.latents is None else None
    if wanted not in (None, found.rows.shape[1]):
        own = getattr(source, "shape", None)
        takes = f"images {own}" if isinstance(own, tuple) else f"rows of {wanted} numbers"
        raise ValueError(
            f"data: {name} takes {takes}, got {found.shape} of {data}; images of another size are "
            "scaled by --resize, and --grey leaves their colour out"
        )
    low, high = found.range
    if _of_diffusers(source) and (high > _OUTSIDE or low >= 0):
        scale = 2 / (high - low)
        raise _other_units(name, data, "values in [−1, 1]", scale, -1 - scale * low, (low, high))
    own = getattr(source, "scale", None)
    if isinstance(own, float) and hasattr(source, "mean"):
        rows = found.rows.double()
        width = float((rows - rows.mean(0)).square().mean().sqrt())
        if not own / _FACTOR < width < own * _FACTOR:
            mean = float(source.mean.double().mean())
            factor = own / width if width > 0 else 1.0
            shift = mean - factor * float(rows.mean())
            raise _other_units(
                name, data, f"data of deviation {own:.3g}", factor, shift, (low, high)
            )


def _other_units(
    name: str, data: str, wanted: str, scale: float, shift: float, got: tuple[float, float]
) -> ValueError:
    place, _, options = data.partition("@")
    more = f",{options}" if options else ""
    return ValueError(
        f"data: {name} takes {wanted}, got values in [{got[0]:.4g}, {got[1]:.4g}], a factor of "
        f"{max(scale, 1 / scale):.4g}; give --data '{place}@scale={scale:.4g},shift={shift:.4g}"
        f"{more}'"
    )


def _of_diffusers(source: Any) -> bool:
    from diffusion import DiffusersDenoiser

    return isinstance(getattr(source, "denoiser", source), DiffusersDenoiser)


def _takes_channels_first(model: Model, shape: tuple[int, ...]) -> bool:
    """Whether a model of images has the channels of HWC rows first."""
    if model.images:
        return True  # as `shape_of` says
    if getattr(getattr(model.source, "network", None), "channels_last", False):
        return False  # a U-Net of ours that was trained on such rows
    own = model.latents.image if model.latents is not None else _shape(model.source)
    return own is None or tuple(own) == (shape[2], *shape[:2])


def _shape(source: Any) -> tuple[int, ...] | None:
    """The shape that a model states; None where it says none, or takes flat rows."""
    found = getattr(source, "shape", None) or getattr(
        getattr(source, "network", None), "shape", None
    )
    if isinstance(found, tuple) and len(found) == 3:
        return found
    convolved = isinstance(source, torch.nn.Module) and any(
        isinstance(part, torch.nn.modules.conv._ConvNd) for part in source.modules()
    )
    return None if convolved else ()
