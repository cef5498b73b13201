"""Runs on disk: read again and joined, without measuring anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bridges.study.record import Key, Point, Record, Row, ids_of, parse, read_config, same
from bridges.study.results import Study

_PER_PART = ("shard", "command", "ids", "version", "versions")  # of a record, which parts differ in


def load_run(folder: str | Path) -> Study:
    """The study of a run, as far as it has come.

    Raises ValueError if the folder holds no readable run.
    """
    folder = Path(folder)
    config = read_config(folder)
    done, failed = _lines(folder, config)
    return Study.of(config, done, failed, folder, reused=len(done))


def merge(folders: Sequence[Path], out: Path, overwrite: bool = False) -> Study:
    """Join the parts of a run, shards or not, into one in `out`.

    Raises ValueError if they are parts of different runs, if two disagree about a point, or
    as a run does for its folder.
    """
    found = [read_config(folder) for folder in folders]
    configs = [_whole(config) for config in found]
    done: dict[Key, list[Row]] = {}
    origin: dict[Key, Path] = {}
    for folder, own, config in zip(folders, found, configs, strict=True):
        if different := [k for k in config if config[k] != configs[0].get(k)]:
            raise ValueError(
                f"{folder} is no part of the run of {folders[0]}: {', '.join(different)} differ"
            )
        for key, rows in _lines(folder, own)[0].items():
            if not same(done.setdefault(key, rows), rows):
                raise ValueError(
                    f"{folder} and {origin[key]} disagree about point {key[0]}, sample {key[1]}"
                )
            origin.setdefault(key, folder)
    with Record(out, configs[0], overwrite, command=found[0].get("command")) as record:
        known, failed = record.read(origin)
        record.extend({key: rows for key, rows in done.items() if key not in known})
        study = Study.of(configs[0], known | done, failed, out, reused=0)
        record.finish(study.to_csv())
    return study


def _lines(folder: Path, config: Point) -> tuple[dict[Key, list[Row]], dict[Key, str]]:
    """What is done and what failed in a folder that nothing is written to."""
    file = folder / "points.jsonl"
    text = file.read_text(errors="replace") if file.exists() else ""
    asked = {(p, s) for p in range(len(config["points"])) for s in range(config["samples"])}
    return parse(text[: text.rfind("\n") + 1], ids_of(config), asked, file)


def _whole(config: Point) -> Point:
    return {k: v for k, v in config.items() if k not in _PER_PART}
