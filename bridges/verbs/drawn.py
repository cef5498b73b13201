"""A trained model in `bridges memorization`: what it draws, and how it retrieves."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm

from bridges import _checks
from bridges.data import fingerprint, is_drawn, load_data
from bridges.memorization.unseen import held_out_gap
from bridges.memory.adapters import ReverseMemory
from bridges.models import Options, content_of, find_model, label_of
from bridges.models.states import check_data, rows_of, shape_of, similarity_of_states, states_of
from bridges.study.record import Row
from diffusion.denoisers import noise_range
from diffusion.files import write_whole

if TYPE_CHECKING:
    from torch import Tensor

DYNAMICS = ("flow", "sde")
_FAR = 50.0  # rms deviations of the data, the noise that samples are drawn from
_STEPS = 50  # of the reverse process
_BLOCK = 256  # samples drawn together
_CUES = 200  # of either set per noise level, at most


def memory_of(model: str, data: str, dynamics: str, seed: int) -> ReverseMemory:
    """A denoiser that was trained on a data set, as a memory of its vectors.

    Raises
    ------
    ValueError : data that are drawn, no such model, one that was not trained before, or no
        denoiser.
    """
    _checks.choice("dynamics", dynamics, DYNAMICS)
    if is_drawn(data):
        raise ValueError(
            f"data: give the data that {label_of(model)} was trained on as --data, got {data}"
        )
    found = find_model(model)
    if not found.trained:
        raise ValueError(
            f"model must be one that was trained before, got {label_of(model)}, which stores what "
            "it is given; see how far its cues come home with `bridges retrieve`"
        )
    if found.kind == "stored":
        check_data(model, found, data)
        centre, shape = similarity_of_states(found, data), shape_of(data)
        options = Options(steps=_STEPS, dynamics=dynamics, centre=centre, shape=shape)
        rows = states_of(found, load_data(data).rows.double(), data)
        memory = found.build(rows, options, seed)
        if isinstance(memory, ReverseMemory):
            return memory
    raise ValueError(
        f"model must be a denoiser, got {label_of(model)}; see how far its cues come home with "
        "`bridges retrieve`"
    )


def draw(memory: ReverseMemory, count: int, seed: int, quiet: bool = True) -> Tensor:
    """Samples (count, N) of the reverse process of a denoiser, in the units of the data.

    It starts where the noise is 50 deviations of the data, or at the end of the denoiser's range,
    from noised points of a Gaussian of the mean and the rms deviation of the data.
    """
    rows = memory.patterns.double()
    mean, width = rows.mean(0), float((rows - rows.mean(0)).square().mean().sqrt())
    sigma = min(_FAR * width, noise_range(memory.denoiser)[1])
    generator = _checks.generator_from(seed, "draw")
    drawn = []
    starts = range(0, count, _BLOCK)
    for start in tqdm(starts, "samples drawn", disable=quiet or None):  # None: off a terminal
        shape = (min(_BLOCK, count - start), rows.shape[1])
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        x = mean + float(np.hypot(sigma, width)) * noise.to(mean)
        drawn.append(memory.revisit(x.to(memory.patterns), sigma, generator).states)
    return torch.cat(drawn)


def drawn_file(
    folder: Path, model: str, data: str, dynamics: str, count: int, seed: int, quiet: bool
) -> Path:
    """A .npy file in `folder` of samples of a model, drawn unless it is there.

    Its name says what they are samples of, so that no other run takes them for its own.
    """
    words = (content_of(model), fingerprint(data), dynamics, str(count), str(seed))
    path = folder / f"generated-{sha256(' '.join(words).encode()).hexdigest()[:8]}.npy"
    if not path.exists():
        memory = memory_of(model, data, dynamics, seed)
        rows = rows_of(find_model(model), draw(memory, count, seed, quiet), data)
        content = io.BytesIO()
        np.save(content, rows.float().numpy(force=True))
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, content.getvalue())
    return path


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
