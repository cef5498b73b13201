r"""Torch modules of other people inside a callable: they are asked, and left as they were.

A denoiser may be a module, hold modules, be bound to one or close over one. While it is asked
they are in evaluation mode; afterwards each is in the mode that it was in. Modules with
weights in half precision are asked in mixed precision: states, times and noise levels stay in
single precision or better, and only the layers compute in half. Inputs of one row go to each
row of a batch, and an answer may be a tensor, a tuple or an output. This is an inner module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, MethodType, ModuleType
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn

_DEPTH = 6  # callables within callables that are looked through
_PARTS = 64  # longest list that may be one of models; longer ones are data
_ANSWERS = ("sample", "mean", "denoised", "prediction")  # names of a model's output
_HALVES = (torch.float16, torch.bfloat16)
_P = ParamSpec("_P")
_R = TypeVar("_R")


def modules_of(model: Any) -> list[nn.Module]:
    """Modules that a callable is, holds, is bound to, or closes over."""
    found: list[nn.Module] = []
    seen: dict[int, Any] = {}
    layer = [model]
    for _ in range(_DEPTH):
        fresh = {id(part): part for part in layer if id(part) not in seen}
        seen |= fresh
        layer = []
        for part in fresh.values():
            if isinstance(part, nn.Module):
                found.append(part)
            else:
                layer += _parts(part)
    return found


def _parts(holder: Any) -> list[Any]:
    """What a callable, or an object or list inside of one, is made of."""
    if isinstance(holder, MethodType):
        return [holder.__self__, holder.__func__]
    if isinstance(holder, functools.partial):
        return [holder.func, holder.args, holder.keywords]
    if isinstance(holder, FunctionType):
        return _reached(holder)
    if isinstance(holder, list | tuple | dict):
        values = holder.values() if isinstance(holder, dict) else holder
        return list(values) if len(holder) <= _PARTS else []
    if isinstance(holder, type | ModuleType | Tensor) or not hasattr(holder, "__dict__"):
        return []
    return [*vars(holder).values(), *(type(holder).__call__,) * callable(holder)]


def _reached(function: FunctionType) -> list[Any]:
    """Values of a function's closure and defaults, and the models among its global names."""
    kept = list(function.__defaults__ or ())
    for cell in function.__closure__ or ():
        try:
            kept.append(cell.cell_contents)
        except ValueError:  # not yet filled
            continue
    home = function.__globals__
    named = [home[name] for name in function.__code__.co_names if name in home]
    own = (v for v in named if isinstance(v, FunctionType) and v.__globals__ is home)
    return [*kept, *(v for v in named if isinstance(v, nn.Module)), *own]


@contextmanager
def evaluation(*models: Any) -> Iterator[None]:
    """The block in which all modules of these models are in evaluation mode."""
    training = [
        part
        for model in models
        for module in modules_of(model)
        for part in module.modules()
        if getattr(part, "training", False)
    ]
    for part in training:
        part.training = False
    try:
        yield
    finally:
        for part in training:
            part.training = True


def evaluated(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """A method whose calls are made with the modules of its object in evaluation mode."""

    @functools.wraps(call)
    def asked(*args: _P.args, **options: _P.kwargs) -> _R:
        with evaluation(args[0]):
            return call(*args, **options)

    return asked


def weight_of(model: Any) -> Tensor | None:
    """The first floating weight of the modules of a model, by which its precision is told."""
    weights = (w for module in modules_of(model) for w in module.parameters())
    return next((w for w in weights if w.is_floating_point()), None)


def at_least_single(*types: torch.dtype) -> torch.dtype:
    """The finest of these precisions, and at least float32: no time or noise level fits a half."""
    return functools.reduce(torch.promote_types, types, torch.float32)


def precision_of(weight: Tensor | None, x: Tensor) -> torch.dtype:
    """The precision of the states that a model with this weight is given, at least float32."""
    return at_least_single(x.dtype if weight is None else weight.dtype)


@contextmanager
def mixed(weight: Tensor | None) -> Iterator[None]:
    """The block in which layers of half precision take states of single precision."""
    if weight is None or weight.dtype not in _HALVES:
        yield
    else:
        with torch.autocast(weight.device.type, weight.dtype):
            yield


def of_each_row(value: Any, rows: int) -> Any:
    """Tensors of one row, or of none, given to each of the rows; also those in lists and dicts."""
    if isinstance(value, Tensor) and value.ndim and len(value) == 1:
        return value.expand(rows, *value.shape[1:])
    if isinstance(value, dict):
        return {name: of_each_row(part, rows) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(of_each_row(part, rows) for part in value)
    return value


def tensor_of(found: Any, name: str) -> Tensor:
    """The tensor that a model returned, in a tuple, a dictionary, or an output that names it."""
    if isinstance(found, tuple | list) and found:
        found = found[0]
    if isinstance(found, Tensor):
        return found
    parts = found if isinstance(found, Mapping) else {w: getattr(found, w, None) for w in _ANSWERS}
    tensors = {key: part for key, part in parts.items() if isinstance(part, Tensor)}
    for word in (*_ANSWERS, *tensors):
        if word in tensors and (word in _ANSWERS or len(tensors) == 1):
            return tensors[word]
    kept = f" of {', '.join(map(str, parts))}" if isinstance(found, Mapping) else ""
    raise ValueError(
        f"{name} must return a tensor, a tuple that begins with one, or an output with "
        f"{' or '.join(_ANSWERS)}, got {type(found).__name__}{kept}"
    )
