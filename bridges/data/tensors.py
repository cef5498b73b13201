"""Tensors on disk: .safetensors, and .pt without anything but tensors in it."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges.data.arrays import MAPPED
from bridges.data.members import Head, Members, gathered
from bridges.data.raw import Raw, reading
from bridges.data.reading import Reading

_NUMPY = {
    torch.bfloat16: torch.float32,  # which numpy lacks; every number of it is one of float32
    torch.float8_e4m3fn: torch.float32,
    torch.float8_e5m2: torch.float32,
}


def safetensors(path: Path, how: Reading) -> Raw:
    """The tensors of a .safetensors file."""
    from safetensors import safe_open

    how.refuse_all_but(".safetensors files", "array", "label")
    with reading(path), safe_open(path, framework="pt") as file:
        names = file.keys()
        tensors = {name: file.get_tensor(name) for name in names}  # mapped, and not yet read
    return _of_tensors(path, tensors, how)


def torch_file(path: Path, how: Reading) -> Raw:
    """A tensor, or tensors by name or in a tuple (data, labels), of a .pt file; never a pickle."""
    how.refuse_all_but(".pt files", "array", "label")
    with reading(path):
        unfolded = 0
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                unfolded = sum(member.file_size for member in archive.infolist())
    _checks.within_memory(unfolded, f"data: tensors of {path}")
    with reading(path):
        found = _loaded(path)
        if isinstance(found, Tensor):
            found = {"data": found}
        elif isinstance(found, tuple | list):
            names = ["data", "labels", *map(str, range(2, len(found)))]
            found = dict(zip(names, found, strict=False))
        if not isinstance(found, Mapping):
            raise ValueError(f"it must hold tensors, got {type(found).__name__}")
    tensors = {str(name): one for name, one in found.items() if isinstance(one, Tensor)}
    return _of_tensors(path, tensors, how)


def _loaded(path: Path) -> Any:
    """What torch.save wrote, mapped where the file is large and allows it."""
    if path.stat().st_size >= MAPPED:
        with contextlib.suppress(RuntimeError):  # of an old format, which cannot be mapped
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    return torch.load(path, map_location="cpu", weights_only=True)


def _of_tensors(path: Path, tensors: Mapping[str, Tensor], how: Reading) -> Raw:
    """Their sizes are those they unfold to: the rows of a large tensor may all be one on disk."""
    with reading(path):
        heads = {}
        for name, one in tensors.items():
            if one.layout is not torch.strided or one.device.type != "cpu":
                raise ValueError(f"{name!r} must be a dense tensor, got {one.layout}")
            dtype = _NUMPY.get(one.dtype, one.dtype)
            like = torch.empty(0, dtype=dtype).numpy().dtype
            heads[name] = Head(tuple(one.shape), like, one.numel() * like.itemsize)

    def take(name: str) -> np.ndarray:
        one = tensors[name].detach().resolve_neg()
        array = one.to(_NUMPY.get(one.dtype, one.dtype)).contiguous().numpy()
        return array if path.stat().st_size >= MAPPED else array.copy()  # a small file may change

    return gathered(Members(path, heads, take), how)
