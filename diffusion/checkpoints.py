r"""Denoisers and unfinished trainings on disk, as safetensors: tensors, and a record in JSON.

The record of a denoiser names its architecture, the arguments that make it again, and the
numbers of its preconditioning. A file carries a digest of all its content: a file that was
cut short, changed, or made by something else is recognised. Nothing in it is ever executed.
Files are written whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from diffusion.architectures import ARCHITECTURES
from diffusion.files import write_whole
from diffusion.networks import NetworkDenoiser

_FORMAT = "hopfield-diffusion denoiser 1"
_TORCH = (
    "it is a torch checkpoint (a pickle); load its weights into their network with "
    "torch.load(path, weights_only=True), then write it with save_denoiser"
)
_OWN = "denoiser."  # names of the weights of the denoiser itself; a training has more
_NUMBERS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
_UNFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)
_SHOWN = 3  # names of tensors that an error lists

Record = dict[str, Any]


def save_denoiser(denoiser: NetworkDenoiser, path: str | Path) -> None:
    """Write a denoiser to a safetensors file, whole or not at all.

    Parameters
    ----------
    denoiser : of one of our networks.
    path : a file, replaced if it is there.

    Raises
    ------
    ValueError : a network that is not one of ours: its file could not be read again.
    OSError : the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from diffusion import ResidualMLP
    >>> denoiser = NetworkDenoiser(ResidualMLP(2, seed=0), scale=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_denoiser(denoiser, f"{folder}/mine.safetensors")
    ...     load_denoiser(f"{folder}/mine.safetensors").scale
    0.5
    """
    write(path, *describe(denoiser))


def load_denoiser(path: str | Path, device: torch.device | str = "cpu") -> NetworkDenoiser:
    """Read a denoiser from its own file, or from the checkpoint of its training.

    Parameters
    ----------
    path : a file of `save_denoiser`, or a checkpoint of `train_denoiser`, from which the
        running average of the weights is taken.
    device : where its weights are put.

    Returns
    -------
    NetworkDenoiser, its weights frozen.

    Raises
    ------
    ValueError : no such file, or one that is cut short, changed, or not ours.

    Examples
    --------
    >>> import tempfile
    >>> from diffusion import ResidualMLP
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_denoiser(NetworkDenoiser(ResidualMLP(2, seed=0)), f"{folder}/mine.safetensors")
    ...     load_denoiser(f"{folder}/mine.safetensors").dimension
    2
    """
    tensors, record = read(path)
    own = {name: value for name, value in tensors.items() if name.startswith(_OWN)}
    refuse_broken(path, own)
    weights = {name.removeprefix(_OWN): value for name, value in own.items()}
    try:
        found = record["denoiser"]
        mean = weights.pop("mean")
        network = _built(found, weights, mean)
        network.load_state_dict(weights, assign=True)  # each in the precision that it was written
        levels = None if found["levels"] is None else tuple(found["levels"])
        denoiser = NetworkDenoiser(network, found["scale"], mean, levels, found["label"])
    except _UNFIT as error:
        raise ValueError(
            f"checkpoint {path} does not fit an architecture of "
            f"{', '.join(ARCHITECTURES)}: {_first_line(error)}"
        ) from error
    network.requires_grad_(False).eval()
    return denoiser.to(device)


def _built(found: Record, weights: dict[str, Tensor], mean: Tensor) -> Any:
    """The network of a record, made only where the weights of the file are those it needs.

    A record is a few words, and may ask for any amount of memory. So the network is first made
    without memory, on torch's device "meta", and no size may exceed the count of all weights.
    """
    kind, config = ARCHITECTURES[found["architecture"]], found["config"]
    most = mean.numel() + sum(value.numel() for value in weights.values())
    largest = max(map(_largest, config.values()), default=0)
    if largest > most or config.get("depth", 0) > len(weights):
        raise ValueError(f"{largest} is more than the {most} numbers of the file can make up")
    with torch.device("meta"):
        wanted = kind(**config).state_dict()
    if {k: v.shape for k, v in wanted.items()} != {k: v.shape for k, v in weights.items()}:
        raise ValueError("its weights are not those of the network that it names")
    return kind(**config)


def _largest(value: Any) -> float:
    """The largest number of a setting, which is one or a list of them."""
    return max(value, default=0) if isinstance(value, list) else value


def fit(path: str | Path, tensors: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    """Raise a ValueError unless tensors have the names, shapes and dtypes of those `wanted`."""
    for words, names in (("lacks", wanted.keys() - tensors), ("also has", tensors.keys() - wanted)):
        if names:
            listed = ", ".join(sorted(names)[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
            raise ValueError(f"checkpoint {path} is not of this training: it {words} {listed}")
    for name, own in wanted.items():
        found, given = ((one.dtype, tuple(one.shape)) for one in (own, tensors[name]))
        if given != found:
            raise ValueError(
                f"checkpoint {path} must hold {name} as {found[0]} of shape {found[1]}, "
                f"got {given[0]} of shape {given[1]}"
            )


def refuse_broken(path: str | Path, tensors: dict[str, Tensor]) -> None:
    """Refuse weights that are no real numbers, or not finite."""
    for name, value in tensors.items():
        if value.dtype not in _NUMBERS:
            raise ValueError(f"checkpoint {path} must hold real numbers, got {name} {value.dtype}")
        if not value.isfinite().all():
            raise ValueError(f"checkpoint {path} must hold finite numbers, got others in {name}")


def describe(denoiser: NetworkDenoiser) -> tuple[dict[str, Tensor], Record]:
    """Tensors and record of a denoiser. Raises ValueError for a network that is not ours."""
    network = denoiser.network
    tensors = {_OWN + name: value for name, value in network.state_dict().items()}
    tensors[_OWN + "mean"] = denoiser.mean
    own = {
        "architecture": architecture(network),
        "config": network.config,
        "scale": denoiser.scale,
        "levels": denoiser.levels and list(denoiser.levels),
        "label": denoiser.label,
    }
    return tensors, {"denoiser": own}


def architecture(network: torch.nn.Module) -> str:
    """The name of one of our networks. Raises ValueError for another."""
    for name, kind in ARCHITECTURES.items():
        if type(network) is kind:
            return name
    known = ", ".join(kind.__name__ for kind in ARCHITECTURES.values())
    raise ValueError(
        f"network must be one of {known} to be written, got {type(network).__name__}; "
        "save its state_dict yourself"
    )


def write(path: str | Path, tensors: dict[str, Tensor], record: Record) -> None:
    """Tensors and their record into one file, there whole or not at all."""
    held = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    text = json.dumps(record, sort_keys=True)
    about = {"format": _FORMAT, "record": text, "digest": _digest(held, text)}
    write_whole(path, _ordered(save(held, about)))


def _ordered(content: bytes) -> bytes:
    """A safetensors file with its header in order: the library writes the record in any."""
    tensors_at, header = _header(content)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # numbers stay aligned
    return len(text).to_bytes(8, "little") + text + content[tensors_at:]


def _header(content: bytes) -> tuple[int, Record]:
    """Where the numbers of a safetensors file begin, and what stands before them."""
    end = 8 + int.from_bytes(content[:8], "little")
    return end, json.loads(content[8:end])


def read(path: str | Path) -> tuple[dict[str, Tensor], Record]:
    """Tensors and record of a file of `write`. Raises ValueError for any other file."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"checkpoint: no file {str(path)!r}")
    content = path.read_bytes()
    try:
        tensors = load(content)
        about = _header(content)[1].get("__metadata__") or {}
    except (SafetensorError, LookupError, ValueError) as error:  # LookupError: an unknown dtype
        fault = _TORCH if _is_pickle(content) else _first_line(error)
        raise ValueError(
            f"checkpoint {path} is cut short or not a safetensors file: {fault}"
        ) from error
    if about.get("format") != _FORMAT:
        raise ValueError(
            f"checkpoint {path} must have format {_FORMAT!r}, got {about.get('format')!r}"
        )
    if about.get("digest") != _digest(tensors, about.get("record", "")):
        raise ValueError(f"checkpoint {path} was changed after it was written: its digest differs")
    try:
        record = json.loads(about["record"])
        if not isinstance(record, dict):
            raise TypeError(f"got {type(record).__name__}")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"checkpoint {path} has no readable record: {error}") from error
    return tensors, record


def _digest(tensors: dict[str, Tensor], text: str) -> str:
    found = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _is_pickle(content: bytes) -> bool:
    """Whether a file that is no safetensors file is what torch.save writes, zipped or bare."""
    zipped = content.startswith(b"PK") and b"data.pkl" in content[:1024]
    return zipped or (content[:1] == b"\x80" and content[1:2] in (b"\2", b"\3", b"\4", b"\5"))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
