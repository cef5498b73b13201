"""Runs on disk: read again and joined, without measuring anything."""

from __future__ import annotations

import lzma
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bridges.study.files import open_regular
from bridges.study.record import (
    Key,
    Lines,
    Record,
    anywhere,
    ids_of,
    lines_of,
    read_config,
    read_lines,
    same,
    written,
)
from bridges.study.results import Study
from bridges.study.rows import Point, Row

_PER_PART = ("shard", "command", "ids", "version", "versions")  # of a record, which parts differ in


def load_run(folder: str | Path) -> Study:
    """The study of a run, as far as it has come.

    Raises ValueError if the folder holds no readable run.
    """
    folder = Path(folder)
    config = read_config(folder)
    found = _lines(folder, config)
    return Study.of(config, found.done, found.failed, folder, reused=len(found.done))


def merge(folders: Sequence[Path], out: Path, overwrite: bool = False) -> Study:
    """Join the parts of a run, shards or not, into one in `out`, with the files they wrote.

    Raises ValueError if they are parts of different runs, if two disagree about a point, if one
    of them is to be overwritten, or as a run does for its folder.
    """
    if overwrite and any(folder.resolve() == out.resolve() for folder in folders):
        raise ValueError(f"out: {out} is one of the parts; choose another --out")
    found = [read_config(folder) for folder in folders]
    wholes = [anywhere({k: v for k, v in one.items() if k not in _PER_PART}) for one in found]
    done: dict[Key, list[Row]] = {}
    failed: dict[Key, str] = {}
    origin: dict[Key, Path] = {}
    for folder, config, whole in zip(folders, found, wholes, strict=True):
        if different := [k for k in whole if whole[k] != wholes[0].get(k)]:
            raise ValueError(
                f"{folder} is no part of the run of {folders[0]}: {', '.join(different)} differ"
            )
        lines = _lines(folder, config)
        failed |= lines.failed
        for key, rows in lines.done.items():
            if not same(done.setdefault(key, rows), rows):
                raise ValueError(
                    f"{folder} and {origin[key]} disagree about point {key[0]}, sample {key[1]}"
                )
            origin.setdefault(key, folder)
    joined = {k: v for k, v in found[0].items() if k not in _PER_PART}
    with Record(out, joined, overwrite, command=found[0].get("command")) as record:
        known, lost = record.read(_asked(joined))
        for key in known.keys() & done.keys():
            if not same(known[key], done[key]):
                raise ValueError(
                    f"{origin[key]} and {out} disagree about point {key[0]}, sample {key[1]}"
                )
        _copy_files(joined, {key: origin[key] for key in done.keys() - known.keys()}, out)
        done, failed = known | done, {k: e for k, e in failed.items() if k not in known | done}
        record.extend(
            {key: rows for key, rows in done.items() if key not in known},
            {key: error for key, error in failed.items() if lost.get(key) != error},
        )
        lost = {key: error for key, error in lost.items() if key not in done}
        study = Study.of(joined, done, lost | failed, out, reused=0)
        record.finish(study.to_csv())
    return study


def _copy_files(config: Point, origin: Mapping[Key, Path], out: Path) -> None:
    """Copy what measurements wrote, each from the folder that it comes from; say what is lost."""
    from diffusion.files import write_whole

    files = written(config)
    for key, folder in sorted(origin.items()):
        for name in files.get(key, ()):
            try:
                with open_regular(folder / name) as file:
                    write_whole(out / name, file.read())
            except FileNotFoundError:
                print(f"{folder} has no {name}, which {out} therefore lacks", file=sys.stderr)


def _lines(folder: Path, config: Point) -> Lines:
    """What is done and what failed in a folder that nothing is written to; of a record, packed."""
    file, packed = folder / "points.jsonl", folder / "points.jsonl.xz"
    if file.exists() or not packed.exists():
        return read_lines(file, ids_of(config), _asked(config))
    try:
        with open_regular(packed) as kept, lzma.open(kept) as stream:
            return lines_of(stream, packed, ids_of(config), _asked(config))
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{packed} is damaged: {error}") from error


def _asked(config: Point) -> set[Key]:
    """All points and samples of a run."""
    return {(p, s) for p in range(len(config["points"])) for s in range(config["samples"])}
