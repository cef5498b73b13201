"""What an argument is, before it is asked whether it is in range.

A number is a real one, given as Python's, numpy's or torch's, never a truth, a text or a date that
happens to convert. An array is dense, real and whole, in any byte order and with any strides.
The same text stands in `hopfield` and in `diffusion`, which do not import each other.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from mmap import mmap
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Seed = int | torch.Generator | None

LARGEST = 2**63 - 1  # whole number that arrays can count
_LONGEST = 60  # characters of what was given that a message repeats


def shown(value: Any) -> str:
    """What was given, in a few words."""
    if isinstance(value, np.ma.MaskedArray):
        return f"a masked array of shape {value.shape}"
    if isinstance(value, np.ndarray) and value.ndim:
        return f"{value.dtype} of shape {value.shape}"
    if isinstance(value, Tensor) and (value.ndim or value.is_meta):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray | Tensor):
        value = value.item()
    if isinstance(value, int) and value.bit_length() > 64:
        return f"one of about {round(value.bit_length() * math.log10(2))} digits"
    if isinstance(value, list | tuple) and any(shown(one).startswith("one of") for one in value):
        return f"numbers of too many digits in a {type(value).__name__}"
    if isinstance(value, str | bytes | Real | complex | np.generic | list | tuple | None):
        text = " ".join(repr(value).split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return value.__name__ if isinstance(value, type) else type(value).__name__


def scalar(name: str, value: Any, wanted: str = "a number") -> int | float:
    """One real number as Python's int or float, infinity and NaN among them."""
    plain = value
    if isinstance(value, Tensor | np.ndarray) and value.ndim == 0:
        plain = tensor(name, value).item()
    if isinstance(plain, Integral) and not isinstance(plain, bool):
        return int(plain)
    if isinstance(plain, Real) and not isinstance(plain, bool):
        return float(plain)
    raise ValueError(f"{name} must be {wanted}, got {shown(value)}")


def real(name: str, value: Any, wanted: str = "a number") -> float:
    """One real number as a float, infinity and NaN among them."""
    try:
        return float(scalar(name, value, wanted))
    except OverflowError as error:
        raise ValueError(f"{name} must be below 1.8e308, got {shown(value)}") from error


def number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> float:
    """`value` as a float from `low` to `high`, each end included unless it is open."""
    result = real(name, value)
    outside = not (low <= result <= high)
    if outside or (open_low and result == low) or (open_high and result == high):
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high else ']'}"
        raise ValueError(f"{name} must lie in {interval}, got {value}")
    return result


def whole(name: str, value: Any, *, low: int = 1, high: int | None = LARGEST) -> int:
    """`value` as an integer from `low` to `high`, or without end for None."""
    wanted = f"a whole number of at least {low}"
    found = scalar(name, value, wanted)
    if (isinstance(found, float) and not found.is_integer()) or found < low:
        raise ValueError(f"{name} must be {wanted}, got {shown(found)}")
    if high is not None and found > high:
        raise ValueError(f"{name} must be {wanted} and at most {high}, got {shown(found)}")
    return int(found)


def flag(name: str, value: Any) -> bool:
    """`value`, which is true or false; a number or a word that counts as true is neither."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """`value`, one of the `allowed` words."""
    if not isinstance(value, str) or value not in allowed:
        words = ", ".join(repr(word) for word in allowed)
        raise ValueError(f"{name} must be one of {words}, got {shown(value)}")
    return value


def instance(name: str, value: Any, kind: type | tuple[type, ...], wanted: str = "") -> None:
    """Raise a ValueError unless `value` is one of a kind, in the words of `wanted` if given."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        words = wanted or "a " + " or ".join(one.__name__ for one in kinds)
        raise ValueError(f"{name} must be {words}, got {shown(value)}")


def function(name: str, value: Any, wanted: str) -> None:
    """Raise a ValueError unless `value` can be called; a class makes objects instead."""
    if not callable(value) or isinstance(value, type):
        raise ValueError(f"{name} must be {wanted}, got {shown(value)}")


def dtype(name: str, value: Any) -> torch.dtype:
    """`value`, a type of real numbers with fractions."""
    if not isinstance(value, torch.dtype) or not value.is_floating_point:
        raise ValueError(f"{name} must be a floating torch.dtype, got {shown(value)}")
    return value


def device(name: str, value: Any) -> torch.device:
    """`value`, a device or its name."""
    instance(name, value, (torch.device, str), "a torch.device or the name of one")
    try:
        return torch.device(value)
    except RuntimeError as error:
        raise ValueError(f"{name} must be the name of a torch.device, got {value!r}") from error


def array(name: str, value: Any) -> NDArray[Any]:
    """Real numbers of any shape as an array in the byte order of the machine, without gradient."""
    if isinstance(value, Tensor):
        return _storable(tensor(name, value).detach()).numpy(force=True)
    if isinstance(value, list | tuple):
        value = [array(name, one) if isinstance(one, Tensor | np.ndarray) else one for one in value]
    try:
        found = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers, got rows that differ") from error
    if found.dtype.kind == "c":
        raise ValueError(f"{name} must be real, got {shown(found)}; take its .real or .abs()")
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{name} must be without a mask, got {shown(value)}; take its .filled()")
    if found.dtype.kind not in "iuf":
        given = found.dtype if isinstance(value, list) and found.dtype != object else shown(value)
        raise ValueError(f"{name} must be numbers, got {given}")
    return found.astype(found.dtype.newbyteorder("="), copy=False)


def doubles(name: str, value: Any) -> NDArray[np.float64]:
    """Real numbers of any shape as an array of double precision."""
    return array(name, value).astype(np.float64, copy=False)


def together(**arrays: NDArray[Any]) -> list[NDArray[Any]]:
    """Arrays that broadcast, all in the shape that they have together."""
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError as error:
        shapes = ", ".join(str(one.shape) for one in arrays.values())
        raise ValueError(f"{' and '.join(arrays)} must broadcast, got shapes {shapes}") from error


def several(name: str, value: Any) -> list[Any]:
    """A row of real numbers, as Python's own."""
    found = array(name, value)
    if found.ndim != 1:
        raise ValueError(f"{name} must be a row of numbers, got {shown(value)}")
    return found.tolist()


def tensor(name: str, value: Any, *, double: bool = False) -> Tensor:
    """Real numbers of any shape as a dense tensor, with its gradient if it has one.

    What is neither an array nor a tensor takes torch's default precision, as it does in torch, or
    `double` precision: that is for what takes the precision of something else.
    """
    if isinstance(value, Tensor):
        return _dense(name, value)
    found = array(name, value)
    if found.dtype.kind == "u" and found.dtype != np.uint8:
        found = found.astype(np.int64 if found.dtype.itemsize < 8 else np.float64)
    if found.dtype == np.longdouble:
        found = found.astype(np.float64)
    if any(stride < 0 for stride in found.strides):
        found = found.copy()
    if not found.flags.writeable:
        found = np.asarray(_Mapped(found)) if _is_mapped(found) else found.copy()
    result = torch.from_numpy(np.asarray(found))
    plain = not double and found.dtype == np.float64 and _is_plain(value)
    return result.to(torch.get_default_dtype()) if plain else result


def one_per_row(name: str, value: Any, rows: Tensor) -> Tensor:
    """`value` as finite numbers, one per row of a matrix, on its device, in float64."""
    given = tensor(name, value, double=True).detach()
    if given.shape != rows.shape[:1]:
        raise ValueError(f"{name} must have shape ({len(rows)},), got {tuple(given.shape)}")
    if not torch.isfinite(given).all():
        raise ValueError(f"{name} must be finite, got NaN or infinite entries")
    return given.to(rows.device, torch.float64)


def converted(name: str, given: Tensor, like: Tensor) -> Tensor:
    """Finite numbers in the precision, and on the device, of others, which may not hold them."""
    found = given.to(like)
    if found.dtype != given.dtype and not torch.isfinite(found.detach()).all():
        largest = float(given.detach().abs().max())
        raise ValueError(f"{name} must be finite in {like.dtype}, got entries up to {largest:.3g}")
    return found


class _Mapped:
    """An array that is mapped into memory to be read, as torch takes it: it knows no other.

    No call writes into what it is given. A map that is read only ends the process of who does.
    """

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array  # which has to outlive the view
        place, _ = array.__array_interface__["data"]
        self.__array_interface__ = array.__array_interface__ | {"data": (place, False)}


def _is_mapped(array: Any) -> bool:
    """Whether the numbers of an array lie in a file."""
    while array is not None and not isinstance(array, mmap):
        array = getattr(array, "base", None)
    return array is not None


def _is_plain(value: Any) -> bool:
    """Whether numbers are Python's own, to judge by the first of them."""
    while isinstance(value, list | tuple) and len(value):
        value = value[0]
    return isinstance(value, int | float) and not isinstance(value, np.generic)


def _dense(name: str, given: Tensor) -> Tensor:
    if given.is_complex():
        raise ValueError(f"{name} must be real, got {given.dtype}; take its .real or .abs()")
    if given.layout != torch.strided:
        raise ValueError(f"{name} must be dense, got {given.layout}; take its .to_dense()")
    if given.dtype == torch.bool or given.is_quantized:
        raise ValueError(f"{name} must be numbers, got {given.dtype}; convert them")
    if given.is_meta:
        raise ValueError(f"{name} must hold numbers, got a tensor on the meta device")
    return given


def _storable(given: Tensor) -> Tensor:
    """The tensor in a precision that numpy has."""
    return given.float() if given.dtype == torch.bfloat16 else given


def settle(record: object, **values: Any) -> None:
    """Write checked values into a frozen record, in the form that the inner code relies on."""
    for name, value in values.items():
        object.__setattr__(record, name, value)


def generator_from(seed: Seed, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator: `seed` itself, one seeded by it, or for None one from fresh entropy.

    Parameters
    ----------
    seed : int, torch.Generator or None.
    stream : word for what the numbers are used for
        One whole number, given as seed to two functions, must not give both the same numbers.
    device : where a new generator lives.

    Raises
    ------
    ValueError : a seed that is not a whole number of at least 0.
    """
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator(device=device)
    if seed is None:
        generator.seed()
    else:
        words = [whole("seed", seed, low=0, high=None), zlib.crc32(stream.encode())]
        generator.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0]))
    return generator
