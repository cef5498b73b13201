"""The folder of a run: its parameters, and a line per finished or failed point × sample."""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from bridges.study.files import write_json, write_text

Point = dict[str, Any]
Row = dict[str, Any]
Key = tuple[int, int]  # of a point and a sample

_CONFIG = {"study": str, "parameters": dict, "seed": int, "points": list, "samples": int}
_MOST_SAMPLES = 10**6  # more would not fit into memory: such a record is forged
_ABOUT = ("command", "ids", "versions")  # of a record, which results do not depend on
_CONCLUDED = (
    "results.csv",
    "summary.json",
    "figure.png",
    "results.png",
    "samples.csv",
    "copies.png",
)  # from the lines of a record
_PACKAGES = ("torch", "numpy", "numba", "scipy")


class Outcome(NamedTuple):
    """What a task came to: its rows, or an error ("ValueError: …") and its traceback."""

    p: int
    s: int
    rows: list[Row]
    error: str = ""
    traceback: str = ""


class Record:
    """The folder of a run: its parameters, and a line per finished or failed point × sample.

    Only one process at a time holds it, from `with` to its end.

    A run that asks for more samples, or for further points, adds to what is there. Lines then
    keep the numbers that they have, and "ids" in the configuration gives the number of each
    point, so that a table is in the order that was asked for, however often it grew.

    Parameters
    ----------
    folder : of the run, made if missing.
    config : what was asked for.
    overwrite : replace another run found there.
    complete : whether points hold all that results depend on, so that parameters may differ.
    command : the line that started the run.

    Raises
    ------
    ValueError : the folder is held by another process, or has the results of another run and
        overwriting was not asked for.
    """

    def __init__(
        self,
        folder: Path,
        config: Point,
        overwrite: bool,
        complete: bool = False,
        command: str | None = None,
    ) -> None:
        self.folder, self.overwrite, self.command = folder, overwrite, command
        self.points, self.file = folder / "points.jsonl", folder / "config.json"
        self.config = json.loads(json.dumps(config)) | {"version": _version("hopfield-diffusion")}
        self.may_grow = ("points", "samples", *(("parameters",) if complete else ()))
        self.ids = list(range(len(config["points"])))

    def __enter__(self) -> Record:
        from filelock import FileLock, Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"out: another process is writing to {self.folder}; choose another --out"
            ) from error
        try:
            self._begin()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        (self.folder / ".lock").unlink(missing_ok=True)
        self._lock.release()

    def _begin(self) -> None:
        """Go on with the run of the folder, or begin one."""
        unfinished = not (self.folder / "summary.json").exists()
        if self.file.exists():
            changed = changes(self.file, self.config)
            if changed == [] and (unfinished or not self.overwrite):
                self.ids = ids_of(read_config(self.folder))
                return
            if not self.overwrite:
                if changed and self._grows(changed):
                    return
                self._refuse_another(changed)
        elif self.points.exists() and not self.overwrite:
            raise ValueError(f"out: {self.folder} holds points of an unknown run; pass --overwrite")
        for old in ("points.jsonl", *_CONCLUDED):
            (self.folder / old).unlink(missing_ok=True)
        self._write_config()

    def _grows(self, changed: list[str]) -> bool:
        """Whether all that is there is part of this run; if so, the run takes it over."""
        if not set(changed) <= set(self.may_grow) or "shard" in self.config:
            return False
        found = read_config(self.folder)
        old = {_content(p): i for p, i in zip(found["points"], ids_of(found), strict=True)}
        new = [_content(point) for point in self.config["points"]]
        distinct = len(old) == len(found["points"]) and len(set(new)) == len(new)
        if not distinct or not old.keys() <= set(new):
            return False
        if found["samples"] > self.config["samples"]:
            return False
        fresh = count(max(old.values(), default=-1) + 1)
        self.ids = [old[point] if point in old else next(fresh) for point in new]
        for file in _CONCLUDED:
            (self.folder / file).unlink(missing_ok=True)
        self._write_config()
        return True

    def _write_config(self) -> None:
        versions = {package: _version(package) for package in _PACKAGES}
        about: Point = {"command": self.command} if self.command else {}
        if self.ids != list(range(len(self.ids))):
            about["ids"] = self.ids
        about["versions"] = {"python": sys.version.split()[0]} | versions
        write_json(self.file, self.config | about)

    def _refuse_another(self, changed: list[str] | None) -> None:
        if changed is None:
            raise ValueError(f"out: {self.file} is not a readable record; pass --overwrite")
        if self.points.exists() and self.points.stat().st_size:  # else nothing would be lost
            raise ValueError(
                f"out: {self.folder} holds another run ({', '.join(changed)} differ); "
                "choose another --out or pass --overwrite"
            )

    def read(self, asked: Container[Key]) -> tuple[dict[Key, list[Row]], dict[Key, str]]:
        """What is done, and what failed, with its error.

        A last line cut short by a kill is dropped, from the file too.
        """
        text = self.points.read_text(errors="replace") if self.points.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        found = parse(whole, self.ids, asked, self.points)
        if whole != text:
            print(f"dropped a last line of {self.points} that was cut short", file=sys.stderr)
            write_text(self.points, whole)
        return found

    def append(self, outcome: Outcome) -> None:
        """Add a line."""
        error = {"error": outcome.error, "traceback": outcome.traceback} if outcome.error else {}
        where = {"point": self.ids[outcome.p], "sample": outcome.s}
        self._write(where | {"rows": outcome.rows} | error)

    def extend(self, done: Mapping[Key, list[Row]]) -> None:
        """Add a line for each of several that are done."""
        lines = sorted((self.ids[p], s, rows) for (p, s), rows in done.items())
        self._write(*({"point": p, "sample": s, "rows": rows} for p, s, rows in lines))

    def finish(self, results: str) -> None:
        """Write the table of results."""
        write_text(self.folder / "results.csv", results)

    def _write(self, *lines: Point) -> None:
        with self.points.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


def ids_of(config: Point) -> list[int]:
    """The number that the lines of a record have for each point of its configuration."""
    ids: list[int] = config.get("ids", list(range(len(config["points"]))))
    return ids


def _content(point: Point) -> str:
    return json.dumps(point, sort_keys=True)


def parse(
    text: str, ids: Sequence[int], asked: Container[Key], file: Path
) -> tuple[dict[Key, list[Row]], dict[Key, str]]:
    """Read what is done and what failed from the lines of a record; ValueError names a bad one."""
    done: dict[Key, list[Row]] = {}
    failed: dict[Key, str] = {}
    place = {name: p for p, name in enumerate(ids)}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            entry = json.loads(line)
            key, rows = (place[entry["point"]], entry["sample"]), entry["rows"]
            if key not in asked or not isinstance(rows, list) or not all(map(_is_row, rows)):
                raise KeyError(key)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(
                f"out: line {number} of {file} is not a point of this run; "
                "mend it or pass --overwrite"
            ) from error
        if "error" in entry:
            failed[key] = str(entry["error"])
            continue
        if not same(done.setdefault(key, rows), rows):
            raise ValueError(
                f"out: line {number} of {file} disagrees with an earlier one about point "
                f"{key[0]}, sample {key[1]}; mend it or pass --overwrite"
            )
        failed.pop(key, None)
    return done, failed


def same(one: list[Row], other: list[Row]) -> bool:
    """Whether rows say the same; NaN is NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _is_row(row: Any) -> bool:
    """Whether a measurement gives such a row: a quantity and its value."""
    number = isinstance(row, dict) and isinstance(row.get("value"), int | float)
    return number and isinstance(row.get("quantity"), str)


def read_config(folder: Path) -> Point:
    """What the run in a folder was asked for. Raises ValueError if there is no such record."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text())
        if not all(isinstance(config[name], kind) for name, kind in _CONFIG.items()):
            raise TypeError("a value of another kind")
        if not all(isinstance(point, dict) for point in config["points"]):
            raise TypeError("points that are none")
        if not 1 <= config["samples"] <= _MOST_SAMPLES:
            raise ValueError(config["samples"])
        ids = ids_of(config)
        if len(set(ids)) != len(config["points"]) or not all(type(i) is int for i in ids):
            raise ValueError(ids)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no run: it has no config.json") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{file} is not a readable record of a run") from error
    found: Point = config
    return found


def changes(file: Path, config: Point) -> list[str] | None:
    """Names of what differs from the record in `file`; None if that cannot be read."""
    try:
        found = json.loads(file.read_text())
        names = dict.fromkeys([*config, *found])
        old, new = ({**one, "parameters": _anywhere(one["parameters"])} for one in (found, config))
        return [k for k in names if k not in _ABOUT and old.get(k) != new.get(k)]
    except KeyError:
        return ["parameters"]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _anywhere(parameters: Point) -> Point:
    """Parameters without the paths of files, which are told apart by their content."""
    paths = {k for k in parameters if f"content of {k}" in parameters}
    return {k: v for k, v in parameters.items() if k not in paths}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
