"""The folder of a run: its parameters, and a line per finished or failed point × sample."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import IO, NamedTuple

from bridges.study.files import (
    LONGEST,
    finite,
    open_regular,
    read_json,
    remove_report,
    version_of,
    write_json,
    write_text,
)
from bridges.study.page import FORMATS
from bridges.study.rows import Point as Point, Row as Row, plain, plain_rows
from bridges.study.tasks import Outcome

Key = tuple[int, int]  # of a point and a sample

UNFINISHED = ".unfinished"
"""The folder in that of a run where a long measurement keeps what it can go on from."""
_CONFIG = {"study": str, "parameters": dict, "seed": int, "points": list, "samples": int}
_BYTES = 1000  # of memory that a measurement takes, at least
_ABOUT = ("command", "ids", "versions")  # of a record, which results do not depend on
_CONCLUDED = (  # from the lines of a record
    *("results.csv", "summary.json", "samples.csv", "data.csv", "picture.npz"),
    *(f"{stem}.{kind}" for stem in ("figure", "results", "picture", "copies") for kind in FORMATS),
)
_TRAINED = "denoiser{}.safetensors", "samples{}.png"
_WRITES = {"bridges train": False, "bridges train --patterns": True}
"""Studies whose measurements write files of their own, and whether these have P in their name."""
_PACKAGES = ("torch", "numpy", "numba", "scipy")


def check_number(points: int, samples: int) -> None:
    """Refuse more measurements than fit into memory. Raises ValueError."""
    from bridges import _checks  # loads torch

    _checks.within_memory(
        _BYTES * points * samples, f"samples: {points} points × {samples} samples"
    )


class Lines(NamedTuple):
    """What the lines of a record say: the rows of what is done, the errors of what failed.

    skipped : lines that are not UTF-8. whole : bytes of all lines but one that was cut short.
    """

    done: dict[Key, list[Row]]
    failed: dict[Key, str]
    skipped: int
    whole: int


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
        self.config = json.loads(json.dumps(finite(config))) | {
            "version": version_of("hopfield-diffusion")
        }
        self.may_grow = ("points", "samples", *(("parameters",) if complete else ()))
        self.ids = list(range(len(config["points"])))
        self.refused = False

    def __enter__(self) -> Record:
        from filelock import FileLock, Timeout

        from diffusion.files import remove_leftovers

        folders = (self.folder, *self.folder.parents)
        self.made = [folder for folder in folders if not folder.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"out: {self.folder} cannot be made: {error.strerror}") from error
        self._place = self.folder.stat()
        self._lock = FileLock(self.folder / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"out: another process is writing to {self.folder}; choose another --out"
            ) from error
        try:
            remove_leftovers(self.folder)  # by a run that was killed inside a write
            self._begin()
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def _release(self) -> None:
        if self._is_in_place():  # else the lock there is another run's
            # Before it is released: who waits for it then looks whether its file is still there.
            (self.folder / ".lock").unlink(missing_ok=True)
        self._lock.release()
        if self.refused:
            with suppress(OSError):  # something else is in it
                for folder in self.made:
                    folder.rmdir()

    def withdraw(self) -> None:
        """Leave nothing of a run that was refused: neither files nor folders that it made."""
        self._stay()
        for file in (self.points, self.file):
            file.unlink(missing_ok=True)
        self.refused = True

    def _is_in_place(self) -> bool:
        """Whether the folder is the one that the run began in."""
        try:
            return os.path.samestat(self.folder.stat(), self._place)
        except OSError:
            return False

    def _stay(self) -> None:
        """Refuse to go on in a folder of the same name, or in none. Raises ValueError."""
        if not self._is_in_place():
            raise ValueError(
                f"out: {self.folder} was moved or removed while the run was writing to it; what "
                "was measured is where it went, and a run with --out there goes on from it"
            )

    def _begin(self) -> None:
        """Go on with the run of the folder, or begin one."""
        if (self.folder / "points.jsonl.xz").exists() and not self.overwrite:
            raise ValueError(f"out: {self.folder} is a packed record; unpack its points.jsonl.xz")
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
        self._remove("points.jsonl", "points.jsonl.xz", *self._own_files())
        if self.file.exists():  # else what is there is the user's
            self.tidy()
        self._write_config()

    def _own_files(self) -> set[str]:
        """Files that the measurements of the run in the folder have written; none of the user's."""
        try:
            known = written(read_config(self.folder))
        except ValueError:  # there is no run, or none that says what it wrote
            return set()
        own = {name for names in known.values() for name in names}
        own |= {name.replace(".png", f".{kind}") for name in own for kind in FORMATS}
        return own & set(os.listdir(self.folder))

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
        self._remove()
        self._write_config()
        return True

    def _remove(self, *others: str) -> None:
        """Remove what was concluded, and others."""
        for name in (*_CONCLUDED, *others):
            (self.folder / name).unlink(missing_ok=True)
        remove_report(self.folder)

    def _write_config(self) -> None:
        versions = {package: version_of(package) for package in _PACKAGES}
        about: Point = {"command": self.command} if self.command else {}
        if self.ids != list(range(len(self.ids))):
            about["ids"] = self.ids
        about["versions"] = {"python": sys.version.split()[0]} | versions
        write_json(self.file, self.config | about)

    def _refuse_another(self, changed: list[str] | None) -> None:
        if changed is None:
            raise ValueError(f"out: {self.file} is not a readable record; pass --overwrite")
        if self._would_lose():
            raise ValueError(
                f"out: {self.folder} holds another run ({', '.join(changed)} differ); "
                "choose another --out or pass --overwrite"
            )

    def _would_lose(self) -> bool:
        """Whether the record has more than lines of what failed."""
        try:
            stream = open_regular(self.points)
        except FileNotFoundError:
            return False
        with stream:
            return not all(map(_failed, iter(lambda: stream.readline(LONGEST), b"")))

    def read(self, asked: Container[Key]) -> tuple[dict[Key, list[Row]], dict[Key, str]]:
        """What is done, and what failed, with its error.

        A last line cut short by a kill is dropped, from the file too.
        """
        found = read_lines(self.points, self.ids, asked)
        if self.points.exists() and self.points.stat().st_size != found.whole:
            print(f"dropped a last line of {self.points} that was cut short", file=sys.stderr)
            os.truncate(self.points, found.whole)
        return found.done, found.failed

    def append(self, outcome: Outcome) -> None:
        """Add a line."""
        error = {"error": outcome.error, "traceback": outcome.traceback} if outcome.error else {}
        where = {"point": self.ids[outcome.p], "sample": outcome.s}
        self._write(where | {"rows": outcome.rows} | error)

    def extend(self, done: Mapping[Key, list[Row]], failed: Mapping[Key, str]) -> None:
        """Add a line for each of several that are done or failed."""
        known: dict[Key, Point] = {key: {"rows": rows} for key, rows in done.items()}
        known |= {key: {"rows": [], "error": error} for key, error in failed.items()}
        lines = [{"point": self.ids[p], "sample": s} | one for (p, s), one in known.items()]
        self._write(*sorted(lines, key=lambda line: (line["point"], line["sample"])))

    def finish(self, results: str) -> None:
        """Write the table of results."""
        self._stay()
        write_text(self.folder / "results.csv", results)

    def tidy(self) -> None:
        """Remove what measurements kept to go on from after an interruption."""
        shutil.rmtree(self.folder / UNFINISHED, ignore_errors=True)

    def _write(self, *lines: Point) -> None:
        self._stay()
        with self.points.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)


def _failed(line: bytes) -> bool:
    """Whether a line of a record holds nothing that would be lost."""
    try:
        return "error" in json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return False


def ids_of(config: Point) -> list[int]:
    """The number that the lines of a record have for each point of its configuration."""
    ids: list[int] = config.get("ids", list(range(len(config["points"]))))
    return ids


def ending(sample: int, patterns: int | None = None) -> str:
    """What the names of the files of a measurement end with.

    Examples
    --------
    >>> ending(0), ending(1), ending(1, patterns=50)
    ('', '-2', '-P50-2')
    """
    size = "" if patterns is None else f"-P{patterns}"
    return size if sample == 0 else f"{size}-{sample + 1}"


def written(config: Point) -> dict[Key, list[str]]:
    """Names of the files that the measurements of a run write beside its record.

    Examples
    --------
    >>> run = {"study": "bridges train", "points": [{"patterns": 8}], "samples": 2}
    >>> written(run)[0, 1]
    ['denoiser-2.safetensors', 'samples-2.png']
    """
    named = _WRITES.get(config["study"])
    found: dict[Key, list[str]] = {}
    for p, point in enumerate(config["points"] if named is not None else ()):
        P = point.get("patterns") if named else None
        if named and type(P) is not int:
            continue
        for s in range(config["samples"]):
            found[p, s] = [name.format(ending(s, P)) for name in _TRAINED]
    return found


def _content(point: Point) -> str:
    return json.dumps(point, sort_keys=True)


def read_lines(file: Path, ids: Sequence[int], asked: Container[Key]) -> Lines:
    """Read the lines of a record; none if there is no file.

    Lines that are not UTF-8 are skipped, which is said on standard error: a disk that lost some
    bytes has lost those measurements alone.

    Raises
    ------
    ValueError : names a line that is no measurement of the run, or disagrees with another.
    """
    try:
        with open_regular(file) as stream:
            return lines_of(stream, file, ids, asked)
    except FileNotFoundError:
        return Lines({}, {}, 0, 0)


def lines_of(stream: IO[bytes], file: Path, ids: Sequence[int], asked: Container[Key]) -> Lines:
    """The same of what is open, which is called `file` in errors."""
    found = Lines({}, {}, 0, 0)
    place = {name: p for p, name in enumerate(ids)}
    for number in count(1):
        line = stream.readline(LONGEST)
        if len(line) == LONGEST:
            raise _bad(file, number, f"is longer than {LONGEST} bytes")
        if not line.endswith(b"\n"):
            break
        found = found._replace(whole=found.whole + len(line))
        try:
            _take(found, line.decode(), place, asked)
        except UnicodeDecodeError:
            found = found._replace(skipped=found.skipped + 1)
        except _Disagreement as error:
            raise _bad(file, number, str(error)) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _bad(file, number, "is not a point of this run") from error
    if found.skipped:
        print(f"skipped {found.skipped} lines of {file} that are not UTF-8", file=sys.stderr)
    return found


class _Disagreement(Exception):
    """Two lines have different rows for one point and sample."""


def _bad(file: Path, number: int, what: str) -> ValueError:
    return ValueError(f"out: line {number} of {file} {what}; mend it or pass --overwrite")


def _take(found: Lines, line: str, place: Mapping[int, int], asked: Container[Key]) -> None:
    """Add what a line says to what is found."""
    entry = json.loads(line)
    key = place[entry["point"]], entry["sample"]
    if key not in asked or not isinstance(entry["rows"], list):
        raise KeyError(key)
    rows = plain_rows(entry["rows"])
    if "error" in entry:
        if key not in found.done:
            found.failed[key] = str(entry["error"])
        return
    if not same(found.done.setdefault(key, rows), rows):
        raise _Disagreement(f"disagrees with an earlier one about point {key[0]}, sample {key[1]}")
    found.failed.pop(key, None)


def same(one: list[Row], other: list[Row]) -> bool:
    """Whether rows say the same; NaN is NaN."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def read_config(folder: Path) -> Point:
    """What the run in a folder was asked for. Raises ValueError if there is no such record."""
    file = folder / "config.json"
    try:
        config = read_json(file)
        if not all(isinstance(config[name], kind) for name, kind in _CONFIG.items()):
            raise TypeError("a value of another kind")
        if not all(isinstance(point, dict) for point in config["points"]):
            raise TypeError("points that are none")
        if config["samples"] < 1:
            raise ValueError(config["samples"])
        check_number(len(config["points"]), config["samples"])
        plain(config, "a setting")
        ids = ids_of(config)
        if len(set(ids)) != len(config["points"]) or not all(type(i) is int for i in ids):
            raise ValueError(ids)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no run: it has no config.json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not a readable record of a run") from error
    found: Point = config
    return found


def changes(file: Path, config: Point) -> list[str] | None:
    """Names of what differs from the record in `file`; None if that cannot be read."""
    try:
        found = read_json(file)
        names = dict.fromkeys([*config, *found])
        old, new = anywhere(found), anywhere(config)
        return [k for k in names if k not in _ABOUT and old.get(k) != new.get(k)]
    except KeyError:
        return ["parameters"]
    except (ValueError, TypeError, AttributeError):
        return None


def anywhere(config: Point) -> Point:
    """A configuration without the paths of files, which are told apart by their content."""
    parameters = config["parameters"]
    paths = {k for k in parameters if f"content of {k}" in parameters}
    return config | {"parameters": {k: v for k, v in parameters.items() if k not in paths}}
