"""Cues that are looked at: a datum or a picture of one's own, with sites erased, then corrupted.

What is erased says nothing: real states are at the centre of the data there, units of 0/1 are off,
spins and colours are drawn anew, or unknown to a memory that has unknown spins. The rest of the
corruption is that of the memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bridges import _checks
from bridges.data import as_patterns, count, image_shape, is_drawn, pattern_set, picture_as_row
from bridges.data.pictures import mean_row
from bridges.data.sets import varying_of
from bridges.data.sources import state
from bridges.memory import Memory
from bridges.memory.clusters import nearest
from bridges.memory.cueing import cue, stored_patterns
from bridges.memory.similarity import similarity_of
from bridges.models import Model
from bridges.models.states import states_of
from bridges.verbs.setting import Setting

SIDES = ("left", "right", "top", "bottom")


@dataclass(frozen=True)
class Chosen(Setting):
    """A setting whose pattern sets begin with a row of the data that is chosen."""

    first: int | None = None

    def pattern_set(self, kind: str, patterns: int, seed: int) -> Tensor:
        """The pattern set of a sample."""
        first = self.first
        if is_drawn(self.data) and first is not None and first >= patterns:
            first = None  # of a memory that is built to be checked
        coding = self.options.coding
        found = pattern_set(self.data, kind, patterns, self.size, seed, first, coding)
        return found.to(self.device)

    def check_first(self, patterns: int) -> None:
        """Refuse a row that there is not. Raises ValueError."""
        if self.first is not None:
            most = patterns if is_drawn(self.data) else count(self.data)
            _checks.whole("index", self.first, low=0, high=most - 1)


class Given(NamedTuple):
    """What a memory is given."""

    cue: Tensor  # (1, N)
    pattern: Tensor  # (1, N), that it is made of, or the nearest to one's own
    told: float | None  # its overlap, None where that is to be measured


@dataclass(frozen=True)
class Cues:
    """How the cue of a sample is made.

    Attributes
    ----------
    file : a picture, or a row in a file; None: the first pattern.
    mask : what is erased, a side or a share of the sites.
    overlap : of the corruption that follows, 1 for none.
    """

    file: str | None = None
    mask: str | None = None
    overlap: float = 1.0

    def check(self, setting: Chosen) -> None:
        """Refuse a mask that does not fit the data. Raises ValueError."""
        size = setting.pattern_set("stored", 1, 0).shape[1]
        if self.mask is not None:
            self.erased(setting, size, 0)

    def words(self) -> str:
        """What the cues are, in words that follow "cues"."""
        mask = self.mask or ""
        erased = (
            f"whose {mask} half is erased"
            if mask in SIDES
            else f"with {mask} of their sites erased"
        )
        parts = [erased] * bool(mask)
        parts += [f"at overlap {self.overlap:g}"] * (self.overlap < 1 or not (mask or self.file))
        return " and ".join(parts)

    def given(self, setting: Chosen, model: Model, memory: Memory, P: int, seed: int) -> Given:
        """The cue for a memory of P patterns."""
        stored, generator = stored_patterns(memory), torch.Generator().manual_seed(seed)
        data, similarity = setting.data, similarity_of(memory)
        if self.file is None:
            row, clean = setting.pattern_set("stored", P, seed)[:1], stored[:1]
        else:
            row = picture_as_row(self.file, data)[0]
            clean = _states(
                model, as_patterns(data, model.kind, row, setting.options.coding), data
            ).to(stored)
            if clean.shape[1] != stored.shape[1]:
                raise ValueError(f"cue must have size {stored.shape[1]}, got {clean.shape[1]}")
        pattern = clean
        if self.file is not None:
            pattern = stored[nearest(similarity.seen(clean), similarity.seen(stored))]
        erased = None if self.mask is None else self.erased(setting, row.shape[1], seed)
        if erased is not None and not model.unknown:
            clean = _without(erased, clean, row, setting, model, generator)
        as_it_is = self.overlap == 1 and not model.unknown
        made = clean if as_it_is else cue(memory, clean, self.overlap, generator)
        if erased is not None and model.unknown:
            made = torch.where(_seen_sites(erased, data).to(made.device), 0.0, made)
        told = self.overlap if self.file is None and self.mask is None else None
        return Given(made, pattern, told)

    def erased(self, setting: Chosen, size: int, seed: int) -> Tensor:
        """Which sites of a row are erased, (N,) bool. Raises ValueError."""
        mask, data = str(self.mask), setting.data
        erased = torch.zeros(size, dtype=torch.bool)
        if mask not in SIDES:
            sites = torch.arange(size)
            if not is_drawn(data) and (varying := varying_of(data, state(data))) is not None:
                sites = sites[varying]
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(sites), generator=generator)
            erased[sites[order[: round(_share(mask) * len(sites))]]] = True
            return erased
        axes, last = _axes(data, size)
        along = len(axes) - 2 if mask in ("top", "bottom") else len(axes) - 1
        if along < 0 or (mask in ("top", "bottom") and prod(axes[:-1]) == 1):
            raise ValueError(f"mask {mask} is for images, got rows of {size} numbers of {data}")
        half = axes[along] // 2
        start = 0 if mask in ("left", "top") else axes[along] - half
        view = erased.view(*axes[1:], axes[0]).movedim(-1, 0) if last else erased.view(axes)
        view.narrow(along, start, half).fill_(True)
        return erased


def _states(model: Model, rows: Tensor, data: str) -> Tensor:
    """Rows as states of a model that takes data as they are stored; others have their own."""
    return states_of(model, rows, data) if model.kind == "stored" and not is_drawn(data) else rows


def _without(
    erased: Tensor,
    clean: Tensor,
    row: Tensor,
    setting: Chosen,
    model: Model,
    generator: torch.Generator,
) -> Tensor:
    """A state (1, n) whose erased sites, given for the row (1, N), say nothing."""
    data = setting.data
    if model.kind == "stored" and not is_drawn(data):
        kept = torch.where(erased, mean_row(data), row.double().cpu())
        return _states(model, kept, data).to(clean)
    sites = _seen_sites(erased, data).to(clean.device)
    if model.kind == "colours":
        colours = setting.options.colours
        drawn = torch.randint(0, colours, sites.shape, generator=generator)
        nothing = torch.nn.functional.one_hot(drawn, colours).flatten()[None].to(clean)
        return torch.where(sites.repeat_interleave(colours), nothing, clean)
    nothing = torch.zeros_like(clean)
    if model.kind == "binary":
        drawn = torch.randint(0, 2, clean.shape, generator=generator)
        nothing = (2 * drawn - 1).to(clean)
    return torch.where(sites, nothing, clean)


def _seen_sites(erased: Tensor, data: str) -> Tensor:
    """The sites of a row that are erased, of those that patterns have."""
    varying = None if is_drawn(data) else varying_of(data, state(data))
    return erased if varying is None else erased[varying]


def _axes(data: str, size: int) -> tuple[tuple[int, ...], bool]:
    """Channels, height and width of a row, and whether the channels come last.

    Of a row that is no image they are (size,).
    """
    try:
        *axes, last = image_shape(data, size)
    except ValueError:
        return (size,), False
    return tuple(axes), last


def _share(mask: Any) -> float:
    """The share of the sites that a mask erases, between 0 and 1. Raises ValueError."""
    try:
        share = float(mask)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise ValueError(
            f"mask must be {', '.join(SIDES)} or a share between 0 and 1, got {_checks.shown(mask)}"
        )
    return share
