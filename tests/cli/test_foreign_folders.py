"""Folders of runs as others send them: what is in them is read, never obeyed or waited for."""

import csv
import json
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from terminal import ENVIRONMENT, contents, refuses, run, summary

from bridges import run_study
from bridges.study.folders import load_run, merge

POINTS = [{"x": x} for x in range(4)]
TINY = {
    "retrieve": "--model hebb --patterns 2 --trials 4 --overlaps 0.5,1",
    "capacity": "--model hebb --loads 2,3 --trials 4",
    "basins": "--model hebb --patterns 3 --starts 20",
    "graph": "--patterns 8 --draws 4 --sigmas 0.5,1",
    "memorization": "--patterns 20 --draws 10",
}


def measure(point, seed):
    return [{"quantity": "q", "value": point["x"] + seed % 7}]


def ran(out="run", points=POINTS, **settings):
    return run_study("s", measure, points, samples=2, out=out, **settings)


# what show needs


@pytest.mark.parametrize("verb", TINY)
def test_show_needs_no_data_and_does_not_look_at_others_of_the_name(verb):
    rows = np.sign(np.random.default_rng(0).normal(size=(30, 12)))
    np.save("mine.npy", rows)
    command = f"{verb} --data mine.npy {TINY[verb]} --samples 2 --jobs 1 --out run"
    text, before = run("bridges", command), summary()
    figure = Path("run/figure.png").read_bytes()
    for other in (None, rows[:, :5], np.zeros(3)):
        Path("mine.npy").unlink(missing_ok=True)
        if other is not None:
            np.save("mine.npy", other)
        shown = run("bridges show run")
        assert shown.splitlines()[0] == text.splitlines()[0]
        assert len(shown.splitlines()) == len(text.splitlines()) + 2  # found there, not repeated
        assert summary() == before
    if verb != "graph":  # which are drawn of the data
        assert Path("run/figure.png").read_bytes() == figure


# what is no regular file


@contextmanager
def pipe(path):
    os.mkfifo(path)
    yield


@contextmanager
def listener(path):
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))
        yield


@contextmanager
def device(path):
    path.symlink_to("/dev/zero")
    yield


@contextmanager
def folder(path):
    path.mkdir()
    yield


@contextmanager
def vast(path):
    with path.open("wb") as file:
        file.truncate(10**12)  # zeros, of which none are on the disk
    yield


KINDS = [pipe, listener, device, folder, vast]


@pytest.mark.skipif(os.name != "posix", reason="pipes, sockets and devices among files")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["points.jsonl", "config.json"])
def test_what_is_no_regular_file_is_named_and_never_waited_for(kind, name):
    ran()
    file = Path("run", name)
    file.unlink()
    with kind(file):
        for words in ("bridges show run", "bridges merge run --out whole"):
            assert f"run/{name}" in refuses(words)
        with pytest.raises(ValueError, match=name):
            ran()


# lines of a record


def lines():
    return Path("run/points.jsonl").read_bytes().splitlines(keepends=True)


def test_lines_that_are_not_utf8_are_skipped_with_a_count_and_measured_again(capsys):
    whole = ran()
    good = lines()
    Path("run/points.jsonl").write_bytes(
        b"".join([good[0], b"\xff" + good[1], good[2].replace(b"q", b"\xc3\x28"), *good[3:]])
    )
    study = load_run("run")
    said = "skipped 2 lines of run/points.jsonl that are not UTF-8\n"
    assert (study.missing, capsys.readouterr().err) == (2, said)
    assert merge([Path("run"), Path("run")], Path("joined")).missing == 2
    again = ran()
    assert (again.reused, again.missing) == (6, 0)
    assert again.to_csv() == whole.to_csv()


@pytest.mark.parametrize(
    "line",
    [
        b'{"point": 0, "sample": 0, "rows": [{"quantity": "q", "value": 1' + b"0" * 400 + b"}]}",
        b'{"point": 0, "sample": 0, "rows": [{"quantity": "q", "value": 1' + b"0" * 9999 + b"}]}",
        b'{"point": 0, "sample": 0, "rows": ' + b"[" * 10**6 + b"]" * 10**6 + b"}",
        b'{"point": 0, "sample": 0, "rows": [{"quantity": "q", "value": 1, "at": [[1]]}]}',
        b'{"point": 0, "sample": 0, "rows": [{"quantity": "q", "value": 1, "at": NaN}]}',
        b'{"point": 0, "sample": 0, "rows": ' + b" " * 2**26 + b"[]}",
        b"\0",
    ],
)
def test_lines_that_no_run_writes_are_named(line):
    ran()
    good = lines()
    Path("run/points.jsonl").write_bytes(b"".join([good[0], line + b"\n", *good[1:]]))
    assert "line 2 of run/points.jsonl is" in refuses("bridges show run")


def test_settings_that_no_run_writes_are_refused_or_left_out():
    ran()
    config = json.loads(Path("run/config.json").read_text())
    for points in ([{"x": 10**400}] * 4, [{"x": [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]}] * 4):
        Path("run/config.json").write_text(json.dumps(config | {"points": points}))
        assert "config.json is not a readable record" in refuses("bridges show run")
    odd = [{"x": {"y": 1}, "patterns": "many", "size": 0, "z": [[1], [2]]}] * 4
    Path("run/config.json").write_text(json.dumps(config | {"points": odd}))
    assert "quantity = q" in run("bridges show run")


# merges


def test_merges_of_merges_neither_lose_nor_refuse_a_point():
    def fails(point, seed):
        if point["x"] == 1:
            raise ZeroDivisionError("one over nothing")
        return measure(point, seed)

    whole = run_study("s", fails, POINTS, samples=2, out="whole")
    for k in range(1, 5):
        run_study("s", fails, POINTS, samples=2, shard=(k, 4), out=f"part{k}")
    merge([Path("part1"), Path("part2")], Path("a"))
    merge([Path("part4"), Path("part3"), Path("part4")], Path("b"))
    joined = merge([Path("b"), Path("a")], Path("c"))
    assert joined.samples == whole.samples
    assert joined.failed == whole.failed == load_run("c").failed
    before = contents("c")
    assert merge([Path("a"), Path("c")], Path("c")).samples == whole.samples  # onto itself
    assert merge([Path("part2")], Path("c")).samples == whole.samples  # or onto more than it has
    assert contents("c") == before
    assert sorted(lines_of("c")) == sorted(set(lines_of("c")))


def lines_of(folder):
    return Path(folder, "points.jsonl").read_text().splitlines()


def test_parts_measured_where_files_lie_elsewhere_are_parts_of_one_run():
    for k, place in ((1, "/here"), (2, "/there")):
        parameters = {"data": f"{place}/x.npy", "content of data": "0a1b"}
        ran(f"part{k}", shard=(k, 2), parameters=parameters)
    assert merge([Path("part1"), Path("part2")], Path("whole")).missing == 0
    ran("other", shard=(2, 2), parameters={"data": "/here/x.npy", "content of data": "ffff"})
    with pytest.raises(ValueError, match="parameters differ"):
        merge([Path("part1"), Path("other")], Path("two"))


# what is printed


EVIL = "\x1b[2J\x1b]0;owned\x07 \u202eabc \x9b31m"


def test_what_would_steer_a_terminal_is_written_out():
    def failing(point, seed):
        if point["x"] == EVIL:
            raise ZeroDivisionError(EVIL)
        return [{"quantity": "q" + EVIL, "at": EVIL, "value": 1.0}]

    run_study("s" + EVIL, failing, [{"x": 1}, {"x": "a" + EVIL}], samples=1, out="run")
    run_study("s" + EVIL, failing, [{"x": 1}, {"x": EVIL}], samples=1, out="failed")
    for words, code in (("show run", 0), ("show failed", 1), ("show run --json", 0)):
        text = run("bridges", words, code=code)
        assert all(one == "\n" or one.isprintable() for one in text), words
        assert "\\x1b[2J" in text or "\\u001b[2J" in text


def test_no_cell_of_a_table_is_a_formula():
    def formulas(point, seed):
        return [{"quantity": "=1+1", "@at": "+SUM(A1)", "value": -3.5, "way": "\tcmd"}]

    run_study("s", formulas, [{"-x": "-2+3", "y": -2}, {"-x": "plain"}], samples=1, out="run")
    with Path("run/results.csv").open(newline="") as file:
        head, first, second = csv.reader(file)
    assert head == ["'-x", "y", "'@at", "way", "quantity", "value", "sem", "n"]
    assert first == ["'-2+3", "-2", "'+SUM(A1)", "'\tcmd", "'=1+1", "-3.5", "", "1"]
    assert second[0] == "plain"
    assert load_run("run").results()[0]["quantity"] == "=1+1"  # the record says what was measured


# folders that go away


MOVES = """
import os, sys, time
from pathlib import Path
from bridges import run_study

def measure(point, seed):
    if point["x"] == 2:
        Path("run").rename("elsewhere")
        if sys.argv[1] == "replaced":
            Path("run").mkdir()
            Path("run/.lock").touch()  # of somebody else's run
    return [{"quantity": "q", "value": point["x"] + seed % 7}]

run_study("s", measure, [{"x": x} for x in range(4)], samples=2, out="run", jobs=1)
"""


@pytest.mark.parametrize("how", ["moved", "replaced"])
def test_a_run_whose_folder_is_moved_stops_and_says_so(how):
    done = subprocess.run(
        [sys.executable, "-c", MOVES, how], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "ValueError: out: run was moved or removed while the run was writing" in done.stderr
    assert [path.name for path in Path("run").glob("*")] == [".lock"] * (how == "replaced")
    assert len(lines_of("elsewhere")) == 2  # the first sample of the first two points
    assert ran("elsewhere").reused == 2


def test_what_is_refused_is_quoted_without_steering():
    ran()
    ran("other")
    config = json.loads(Path("run/config.json").read_text())
    Path("run/config.json").write_text(json.dumps(config | {EVIL: 1}))
    error = refuses("bridges merge", "other run --out whole")
    assert "\\x1b[2J" in error
    assert error.isprintable()
