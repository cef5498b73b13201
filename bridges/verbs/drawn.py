"""A trained model in `bridges memorization`: what it draws, and how it retrieves."""

from __future__ import annotations

import io
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bridges import _checks
from bridges.data import fingerprint, is_drawn, load_data
from bridges.memorization.drawing import draw
from bridges.memorization.unseen import held_out_gap
from bridges.memory import ReverseMemory
from bridges.models import Model, Options, Reading, content_of, find_model, label_of
from bridges.models.states import check_data, rows_of, shape_of, similarity_of_states, states_of
from bridges.study.record import Row
from diffusion.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

DYNAMICS = ("flow", "sde")
_CUES = 200  # of either set per noise level, at most


@dataclass(frozen=True)
class Trained:
    """A denoiser that was trained on a data set, or stores it, as a memory of its vectors.

    Attributes
    ----------
    path : of the model.
    data : that it was trained on.
    dynamics : of its reverse process, "flow" or "sde".
    steps : of the same.
    window : of a local denoiser by name.
    reading : how the model is read.
    device : where it and what it is given live.
    """

    path: str
    data: str
    dynamics: str
    steps: int
    window: int
    reading: Reading
    device: str = "cpu"

    @property
    def model(self) -> Model:
        """What is at the path.

        Raises
        ------
        ValueError : data that are drawn, no such model, one not trained before, or no denoiser.
        """
        _checks.choice("dynamics", self.dynamics, DYNAMICS)
        label = label_of(self.path)
        if is_drawn(self.data):
            raise ValueError(
                f"data: give the data that {label} was trained on as --data, got {self.data}"
            )
        found = find_model(self.path, self.reading)
        if not (found.trained or found.images):
            raise ValueError(
                f"model must be one that was trained before, got {label}, which stores what it is "
                "given; see how far its cues come home with `bridges retrieve`"
            )
        if found.kind != "stored":
            raise ValueError(
                f"model must be a denoiser, got {label}; see how far its cues come home with "
                "`bridges retrieve`"
            )
        check_data(self.path, found, self.data)
        return found

    def memory(self, seed: int) -> ReverseMemory:
        """The memory of all vectors of the data. Raises ValueError, as for the model."""
        found, rows = self.model, load_data(self.data).rows.double()
        centre, shape = similarity_of_states(found, self.data), shape_of(self.data)
        options = Options(
            steps=self.steps,
            dynamics=self.dynamics,
            window=self.window,
            centre=centre,
            shape=shape,
        )
        states = states_of(found, rows, self.data).to(self.device)
        memory = found.build(states, options, seed)
        assert isinstance(memory, ReverseMemory)
        return memory

    def drawn(self, folder: Path, count: int, seed: int, quiet: bool) -> Path:
        """A .npy file in `folder` of samples of the model, drawn unless it is there.

        Its name says what they are samples of, so that no other run takes them for its own.
        """
        reading = (self.reading.label, self.reading.scheduler, self.steps)
        words = (content_of(self.path), fingerprint(self.data), self.dynamics, count, seed, reading)
        named = repr((*words, self.window) if self.model.images else words)
        path = folder / f"generated-{sha256(named.encode()).hexdigest()[:8]}.npy"
        if not path.exists():
            memory, content = self.memory(seed), io.BytesIO()
            states = draw(
                *(memory.denoiser, memory.patterns, count, self.steps, seed),
                method=memory.method,
                quiet=quiet,
            )
            np.save(content, rows_of(self.model, states, self.data).float().numpy(force=True))
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(path, content.getvalue())
        return path

    def gap_rows(self, held_out: Tensor, draws: int, seed: int) -> list[Row]:
        """Retrieval of the data against that of held-out data (H, N), for a table."""
        unseen = states_of(self.model, held_out.double(), self.data).to(self.device)
        return gap_rows(self.memory(seed), unseen, draws, seed)


def gap_rows(memory: ReverseMemory, held_out: Tensor, draws: int, seed: int) -> list[Row]:
    """Retrieval of the data of a model against that of held-out data, for a table."""
    found = held_out_gap(memory, held_out, trials=min(draws, _CUES), seed=seed)
    rows: list[Row] = [
        {"sigma": float(sigma), "points": who, "quantity": quantity, "value": float(value)}
        for quantity, curves in (("success", found.success), ("error", found.error))
        for who, curve in curves.items()
        for sigma, value in zip(found.sigma, curve, strict=True)
    ]
    names = ("gap", "error_gap", "ceiling")
    numbers = {name: getattr(found, name) for name in names} | {
        "gap_sem": found.sem,
        "error_gap_sem": found.error_gap_sem,
        "ceiling_sem": found.ceiling_sem,
        "blind": found.blind,
    }
    return rows + [{"quantity": name, "value": value} for name, value in numbers.items()]
