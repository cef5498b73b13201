"""Data sets by name, as patterns of either kind.

A data set is n real vectors; spin models store them binarised about the mean of each site,
real-valued ones centred and scaled to |ξ|² = N, so that a cue of cosine m means the same
for all. Pattern sets are random subsets: a seed fixes an order, P takes its first P.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from hopfield import binarize, checks, random_patterns

NAMED = ("digits", "random")
_ALMOST_SPINS = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)


def pattern_set(data: str, kind: str, patterns: int, size: int | None, seed: int) -> Tensor:
    """P patterns of a data set for models with "binary" or "real" states.

    Parameters
    ----------
    data : "digits" (scikit-learn's 1797 real images, 8×8), "random", or a .npy/.npz file
        of shape (n, N).
    kind : "binary" or "real". Random patterns are unbiased spins, or uniform on the sphere
        |ξ|² = N.
    patterns : P, at most the number of vectors the data set has.
    size : N of random patterns (100 if None); only for them.
    seed : whole number; chooses the patterns.

    Returns
    -------
    (P, N), float64.

    Raises
    ------
    ValueError : an unknown name or file, a wrong shape, NaN, P too large, `size` where the
        data has its own.

    Examples
    --------
    >>> pattern_set("digits", "binary", 10, None, seed=0).shape
    torch.Size([10, 64])
    """
    checks.choice("kind", kind, ("binary", "real"))
    if data == "random":
        size = 100 if size is None else checks.whole("size", size)
        if kind == "binary":
            return random_patterns(patterns, size, seed=seed)
        patterns = checks.whole("patterns", patterns)
        normal = np.random.default_rng(seed).standard_normal((patterns, size))  # row by row
        return _on_sphere(torch.from_numpy(normal))
    stored = vectors(data, kind)
    if size is not None and size != stored.shape[1]:
        raise ValueError(f"size is for random data; {data} has size {stored.shape[1]}, got {size}")
    if not 1 <= patterns <= len(stored):
        raise ValueError(f"patterns must lie in [1, {len(stored)}] for {data}, got {patterns}")
    return stored[_order(len(stored), seed)[:patterns]]


def pattern_classes(data: str, patterns: int, seed: int) -> Tensor | None:
    """The class of each pattern of `pattern_set`, (P,), where it is known."""
    known = class_labels(data)
    return None if known is None else known[_order(len(known), seed)[:patterns]]


def vectors(data: str, kind: str) -> Tensor:
    """All n vectors of a data set, binarised or on the sphere, (n, N). Raises ValueError."""
    return _vectors(data, kind, fingerprint(data))


def place(data: str) -> str:
    """A data set by a name that holds in any folder: workers may stand in another."""
    return data if data in NAMED else str(Path(data).resolve())


def fingerprint(data: str) -> str:
    """What tells one content of a file from another; the name of a data set that has none."""
    if data in NAMED:
        return data
    path = Path(data)
    if path.suffix.lower() not in (".npy", ".npz"):
        names = ", ".join(NAMED)
        raise ValueError(f"data must be one of {names} or a .npy or .npz file, got {data!r}")
    if not path.is_file():
        raise ValueError(f"data: no file {data!r}")
    return sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=4)
def _vectors(data: str, kind: str, _: str) -> Tensor:
    raw = raw_vectors(data)
    spins = bool((raw.abs() == 1).all())
    if not spins and bool((raw == -1).any()) and bool(torch.isin(raw, _ALMOST_SPINS).all()):
        raise ValueError(f"data: {data} must have spins ±1, got {int((raw == 0).sum())} zeros")
    if kind == "binary":
        return raw if spins else binarize(raw)
    if spins:
        return raw
    centred = raw - raw.mean(0)
    norms = centred.norm(dim=1)
    if not (norms > 0).all():
        raise ValueError(f"data: {data} has vectors equal to its mean, which have no direction")
    if not torch.isfinite(norms).all():
        raise ValueError(f"data: {data} has vectors of infinite norm; scale them down")
    return _on_sphere(centred)


def raw_vectors(data: str) -> Tensor:
    """All n vectors of "digits" or of a file as they are stored, (n, N). Raises ValueError."""
    fingerprint(data)  # refuses what is no file
    return torch.from_numpy(_digits() if data == "digits" else _read(Path(data)))


def class_labels(data: str) -> Tensor | None:
    """The class of each vector of `raw_vectors(data)`, (n,), where it is known."""
    if data != "digits":
        return None
    from sklearn.datasets import load_digits

    return torch.from_numpy(load_digits().target)


def standardised(rows: Tensor) -> tuple[Tensor, float]:
    """Rows (n, N) about their mean and of mean variance 1, and the unit they were divided by.

    Raises
    ------
    ValueError : rows that are all alike.

    Examples
    --------
    >>> rows, unit = standardised(torch.tensor([[3.0], [7.0]]))
    >>> rows.squeeze(1).tolist(), unit
    ([-1.0, 1.0], 2.0)
    """
    centred = rows - rows.mean(0)
    unit = float(centred.square().mean().sqrt())
    if not unit > 0:
        raise ValueError(f"data must hold at least 2 different vectors, got {len(rows)} alike")
    return centred / unit, unit


def _order(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=checks.generator_from(seed, "pattern_set"))


def _on_sphere(rows: Tensor) -> Tensor:
    return rows * (rows.shape[1] ** 0.5 / rows.norm(dim=1, keepdim=True))


def _digits() -> np.ndarray:
    from sklearn.datasets import load_digits

    return load_digits().data


def _read(path: Path) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        is_archive = isinstance(loaded, np.lib.npyio.NpzFile)
        array = _only_array(path, loaded) if is_archive else loaded
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise ValueError(f"data: {path} cannot be read: {error}") from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"data: {path} must hold numbers, got dtype {array.dtype}")
    values = np.ascontiguousarray(array, dtype=np.float64)
    if values.ndim > 2:  # images: one row each
        values = values.reshape(len(values), -1)
    return checks.stored(f"data {path}", values, binary=False).numpy()


def _only_array(path: Path, archive: np.lib.npyio.NpzFile) -> np.ndarray:
    names = archive.files
    if "data" in names:
        return archive["data"]
    if len(names) == 1:
        return archive[names[0]]
    raise ValueError(f"{path} must hold one array, or one named 'data', got {names}")
