"""Records of studies: made by their maker, and following from what their measurements gave."""

import csv
import importlib
import importlib.util
import json
import lzma
import shutil
from pathlib import Path

import pytest
from terminal import ROOT, contents, run, script

from bridges.study.files import finite
from bridges.study.folders import load_run

HOME = ROOT / "docs" / "records"
RECORDS = sorted(folder.name for folder in HOME.glob("*") if (folder / "config.json").exists())
FINISHED = [name for name in RECORDS if (HOME / name / "summary.json").exists()]
SITTING = {"date", "processor", "cores", "python", "torch", "seconds"}


def maker():
    """What makes records."""
    spec = importlib.util.spec_from_file_location("record", ROOT / "docs" / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def record(name):
    """A copy of a record, as a run has it."""
    shutil.copytree(HOME / name, "record")
    maker().unpack(Path("record"), Path("record"))
    return Path("record")


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_of_the_study_as_it_is(name, record):
    study, module = load_run(record), script(name)
    assert study.config["study"] == name
    words = study.config["command"].split()[2:]
    given = module.main.make_context(name, words).params
    assert given["preset"] == "paper"
    paper = module.PRESETS["paper"]
    chosen = {k: paper[k] if given[k] is None else given[k] for k in paper if k != "samples"}
    assert json.loads(json.dumps(chosen)) == study.config["parameters"]
    assert sum(file.stat().st_size for file in (HOME / name).iterdir()) < 1e6
    sittings = json.loads((record / "made.json").read_text())
    assert sittings
    assert all(one.keys() == SITTING for one in sittings)


@pytest.mark.parametrize("name", FINISHED[:1])
def test_a_record_is_shown_as_it_is_kept_and_written_by_its_maker_alone(name):
    shutil.copytree(HOME / name, "packed")
    assert load_run("packed").missing == 0
    words = script(name).__name__, "--preset paper --out packed"
    assert "is a packed record; unpack its points.jsonl.xz" in run(*words, code=2)
    file = Path("packed/points.jsonl.xz")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"points\.jsonl\.xz is damaged"):
        load_run("packed")


@pytest.mark.parametrize("name", FINISHED)
def test_what_a_record_concludes_follows_from_its_points(name, record):
    study, module = load_run(record), script(name)
    assert study.missing == 0
    report = getattr(module, "Report", None) or importlib.import_module(f"reports.{name}").Report
    kept = json.loads((record / "summary.json").read_text())
    assert_alike(json.loads(json.dumps(finite(report(study).summary()))), kept)
    with (record / "results.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    results = study.results()
    assert len(table) == len(results)
    for row, found in zip(table, results, strict=True):
        assert float(row["value"]) == pytest.approx(found["value"], rel=1e-9, abs=1e-12)
        assert (row["quantity"], int(row["n"])) == (found["quantity"], found["n"])
    assert contents(record)["figure.png"].startswith(b"\x89PNG")
    assert len((record / "table.txt").read_text()) > 100


def assert_alike(one, other, where="summary"):
    """The same up to rounding, which another machine does in another order."""
    if isinstance(other, dict):
        assert one.keys() == other.keys(), where
        for key in other:
            assert_alike(one[key], other[key], f"{where}.{key}")
    elif isinstance(other, list):
        assert len(one) == len(other), where
        for k, both in enumerate(zip(one, other, strict=True)):
            assert_alike(*both, f"{where}.{k}")
    elif isinstance(other, float):
        assert one == pytest.approx(other, rel=1e-9, abs=1e-12), where
    else:
        assert one == other, where


def test_a_record_is_made_and_grows(monkeypatch):
    made = maker()
    monkeypatch.setattr(made, "RECORDS", Path.cwd())
    words = ["--sigmas", "0.3,0.8", "--points", "20", "--starts", "20", "--jobs", "1", "--samples"]
    assert made.main("basins", *words, "1") == 0
    assert sorted(contents("basins")) == [
        *("config.json", "figure.png", "made.json", "points.jsonl.xz", "results.csv"),
        *("summary.json", "table.txt"),
    ]
    assert "written to" not in Path("basins/table.txt").read_text()
    lines = lzma.decompress(contents("basins")["points.jsonl.xz"])
    assert made.main("basins", *words, "2") == 0
    grown = lzma.decompress(contents("basins")["points.jsonl.xz"])
    assert grown.startswith(lines)
    assert len(grown.splitlines()) == 2 * len(lines.splitlines())
    sittings = json.loads(contents("basins")["made.json"])
    assert len(sittings) == 2
    assert all(one.keys() == SITTING for one in sittings)
    assert made.main("basins", *words, "2", "--seed", "1") == 2  # another run: refused
    assert json.loads(contents("basins")["made.json"]) == sittings


def test_a_record_that_was_refused_from_the_start_leaves_nothing(monkeypatch, capfd):
    made = maker()
    monkeypatch.setattr(made, "RECORDS", Path.cwd() / "new")
    assert made.main("basins", "--points", "50") == 2
    assert "points must be a multiple of 20" in capfd.readouterr().err
    assert list(Path("new").iterdir()) == []


@pytest.mark.parametrize("word", ["--help", "--json", "--quiet"])
def test_a_record_needs_the_table_of_its_run(word, monkeypatch, capfd):
    made = maker()
    monkeypatch.setattr(made, "RECORDS", Path("records").absolute())
    assert made.main("basins", word) == 2
    assert capfd.readouterr().err.strip().endswith(f"leave out {word}")
    assert not Path("records").exists()


def test_a_page_says_where_a_record_was_made_and_in_what_time():
    pytest.importorskip("sphinx", reason="needs the extra docs")
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    one = {"date": "2026-11-30", "processor": "a chip", "cores": 2, "torch": "2.13.0"}
    where = "on 2 cores of a chip, torch 2.13.0, 2026-11-30"
    said = module.said_of([one | {"seconds": 7000}, one | {"seconds": 2000}])
    assert said == f"{where}: 2.5 hours"
    said = module.said_of([one | {"seconds": 50}, one | {"seconds": 900, "cores": 8}])
    other = where.replace("2 cores", "8 cores")
    assert said == f"{where}: 1 minute; then {other}: 15 minutes"
