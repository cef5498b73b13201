"""The folder of a run, and files that are there whole or not at all."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections.abc import Container
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Point = dict[str, Any]
Row = dict[str, Any]

_PACKAGES = ("torch", "numpy", "numba", "scipy")


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write JSON whole or not at all; NaN and infinities become null."""
    write_text(path, json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """`value` with NaN and infinities, which JSON has no word for, as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return value


class Record:
    """The folder of a run: its parameters, and a line a finished point × sample.

    Raises ValueError if the folder holds another run and overwriting was not asked for.
    """

    def __init__(self, folder: Path, config: Point, overwrite: bool) -> None:
        self.folder = folder
        self.points = folder / "points.jsonl"
        given = json.loads(json.dumps(config)) | {"version": _version("hopfield-diffusion")}
        file = folder / "config.json"
        unfinished = not (folder / "summary.json").exists()
        if file.exists() and (not overwrite or (unfinished and self._changed(file, given) == [])):
            self._refuse_another(file, given)
            return
        if self.points.exists() and not overwrite:
            raise ValueError(f"out: {folder} holds points of an unknown run; pass --overwrite")
        folder.mkdir(parents=True, exist_ok=True)
        for old in ("points.jsonl", "results.csv", "summary.json", "figure.png"):
            (folder / old).unlink(missing_ok=True)
        versions = {package: _version(package) for package in _PACKAGES}
        python = {"python": sys.version.split()[0]}
        write_json(file, given | {"versions": python | versions})

    @staticmethod
    def _changed(file: Path, config: Point) -> list[str] | None:
        """Names of what differs from the record in `file`; None if that cannot be read."""
        try:
            found = json.loads(file.read_text())
            return [k for k in config if found.get(k) != config[k]]
        except (ValueError, AttributeError):
            return None

    def _refuse_another(self, file: Path, config: Point) -> None:
        changed = self._changed(file, config)
        if changed is None:
            raise ValueError(f"out: {file} is not a readable record; pass --overwrite")
        if changed:
            raise ValueError(
                f"out: {self.folder} holds another run ({', '.join(changed)} differ); "
                "choose another --out or pass --overwrite"
            )

    def read(self, asked: Container[tuple[int, int]]) -> dict[tuple[int, int], list[Row]]:
        """What is finished. A last line cut short by a kill is dropped, from the file too."""
        if not self.points.exists():
            return {}
        done = {}
        text = self.points.read_text(errors="replace")
        whole = text[: text.rfind("\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                point, sample, rows = entry["point"], entry["sample"], entry["rows"]
                if (point, sample) not in asked or not isinstance(rows, list):
                    raise KeyError((point, sample))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"out: line {number} of {self.points} is not a point of this run; "
                    "mend it or pass --overwrite"
                ) from error
            done[point, sample] = rows
        if whole != text:
            write_text(self.points, whole)
        return done

    def append(self, point: int, sample: int, rows: list[Row]) -> None:
        with self.points.open("a") as file:
            file.write(json.dumps({"point": point, "sample": sample, "rows": rows}) + "\n")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
