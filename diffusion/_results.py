"""What every result shares: a plain dictionary for a file, and a short `repr` for a person."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from torch import Tensor

_WIDE = 400  # letters of a repr
_FEW = 4  # entries of a list that is shown
_SMALL = -5  # power of ten below which numbers are written with it
_EXACT = 1e-6  # relative error below which a number is shown without it


class Result:
    """Base of the dataclasses that hold results; they are declared with `repr=False`."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON: arrays as lists, NaN and infinities, which it lacks, as None.

        Returns
        -------
        dict, accepted by `json.dumps(…, allow_nan=False)`.
        """
        return {name: _plain(value) for name, value in self._parts()}

    def __repr__(self) -> str:
        """The fields: numbers with four digits, arrays by their shape."""
        parts = [f"{name}={_short(value)}" for name, value in self._parts()]
        line = f"{type(self).__name__}({', '.join(parts)})"
        return line if len(line) <= _WIDE else line[: _WIDE - 2] + "…)"

    def _parts(self) -> list[tuple[str, Any]]:
        names = [f.name for f in fields(self)]  # type: ignore[arg-type]  # dataclasses inherit
        return [(name, getattr(self, name)) for name in names]

    def _shown(self, head: str, parts: Mapping[str, Any]) -> str:
        """A repr of few lines: what was measured, then each part, tensors by their mean."""
        text = ", ".join(
            f"{name} {about(one) if isinstance(one, Tensor) else one}"
            for name, one in parts.items()
        )
        line = f"{type(self).__name__}({head}: {text})"
        return textwrap.fill(line, 100, subsequent_indent="    ", break_on_hyphens=False)


def about(values: Tensor) -> str:
    """Mean of the finite entries, with its standard error where there are several.

    Examples
    --------
    >>> import torch
    >>> about(torch.tensor([1.0, 2.0, 3.0, math.nan]))
    '2.00 ± 0.58'
    """
    known = values.detach().double().flatten()
    known = known[known.isfinite()]
    sem = float(known.std()) / len(known) ** 0.5 if len(known) > 1 else 0.0
    return with_error(float(known.mean()), sem)


def with_error(mean: float, sem: float) -> str:
    """A number with its standard error, with as many digits as the error deserves.

    Examples
    --------
    >>> with_error(0.12345, 0.00678)
    '0.1235 ± 0.0068'
    """
    if not sem > _EXACT * abs(mean):
        return f"{mean:.4g}"
    digits = max(0, 1 - math.floor(math.log10(sem)))
    power = math.floor(math.log10(max(abs(mean), sem)))
    if power < _SMALL:
        text = f"{mean / 10**power:.{digits + power}f} ± {sem / 10**power:.{digits + power}f}"
        return f"({text})e{power}"
    return f"{mean:.{digits}f} ± {sem:.{digits}f}"


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Tensor):
        value = value.detach().to_dense().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, complex):
        return [_plain(value.real), _plain(value.imag)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def _short(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"{float(value):.4g}" if value.ndim == 0 else f"({', '.join(map(str, value.shape))})"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple) and len(value) > _FEW:
        return f"[{len(value)} entries]"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_short, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, value))}}}"
    return repr(value)
