"""Formats × verbs: what a verb finds does not depend on the kind of file that its data lie in."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from formats import CLASSES, FORMATS, HAVE_NO_NUMBERS, NAMES, PIXELS, written
from PIL import Image

from bridges.cli import main
from bridges.study.report import Report

VERBS = {
    "retrieve": "--model hebb,flow --patterns 4 --overlaps 0.5,1 --trials 4 --samples 2",
    "capacity": "--model hebb --loads 2,4 --trials 4 --samples 2",
    "compare": "--model hebb,flow --loads 2 --patterns 2 --overlaps 0.9 --trials 4 --samples 2",
    "basins": "--model hebb --patterns 3 --starts 20 --samples 2",
    "graph": "--model hebb --patterns 6 --sigmas 1 --draws 4 --samples 2",
    "memorization": "--patterns 12 --draws 20 --samples 2",
    "guide": "--guidance 2 --classes 0-1 --trials 4 --steps 2 --samples 2",
    "train": "--patterns 12 --width 8 --depth 1 --steps 2 --looks 1 --draws 8 --samples 2",
}
NEED_LABELS = ("guide",)
FLAT = [name for name, (_, shape, *_) in FORMATS.items() if len(shape) == 1]
FEW = ("train-images.idx3-ubyte.gz", "a.csv")  # of all verbs in a quick run
EACH = [
    pytest.param(verb, name, marks=[] if verb == "retrieve" or name in FEW else pytest.mark.slow)
    for verb in VERBS
    for name in (*FORMATS, "folder")
    if name != "a.npz" and not (name == "a.npy" and verb in NEED_LABELS)
]


def ran(verb, data, *words, out="run"):
    """The table of a run, without the name of its data."""
    line = [verb, "--data", str(data), *VERBS[verb].split(), *words, "--jobs", "1", "--out", out]
    found = CliRunner().invoke(main, [*line, "--quiet"])
    assert found.exit_code == 0, found.output
    with open(f"{out}/results.csv", newline="", encoding="utf-8") as file:
        return [{k: v for k, v in row.items() if k != "data"} for row in csv.DictReader(file)]


def refused(verb, *words):
    found = CliRunner().invoke(main, [verb, *words])
    assert found.exit_code == 2, found.output
    return " ".join(found.output.split())


def folder(place, labels):
    """The same pixels as images in a folder per class, in the order of the array."""
    for k, (pixels, label) in enumerate(zip(PIXELS, labels, strict=True)):
        (place / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / str(label) / f"{k:02d}.png")
    return np.argsort(labels, kind="stable")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """What a verb finds in a .npz file, measured once; of rows in a given order."""
    kept = {}

    def find(verb, order):
        key = (verb, tuple(order))
        if key not in kept:
            home = tmp_path_factory.mktemp(verb)
            np.savez(home / "same.npz", data=PIXELS[order], labels=CLASSES[order])
            kept[key] = ran(verb, home / "same.npz", out=str(home / "run"))
        return kept[key]

    return find


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("verb", "name"), EACH)
def test_a_verb_finds_the_same_in_every_format(verb, name, wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(Report, "figure", lambda self, page: page)  # which takes most of the time
    monkeypatch.setattr("bridges.study.figures.save", lambda figure, path, *_: path.touch())
    order = np.arange(24)
    if name == "folder":
        order, data = folder(tmp_path / "pictures", CLASSES), tmp_path / "pictures"
    else:
        data = written(tmp_path, name, NAMES if name in HAVE_NO_NUMBERS else CLASSES)
    found, expected = ran(verb, data), wanted(verb, order)
    if name == "a.npy":  # has no labels, which a survey of memories asks for
        found, expected = (
            [r for r in rows if r["quantity"] != "agreement"] for rows in (found, expected)
        )
    if name in FLAT:  # a table does not say how pixels lie in an image
        found, expected = ([r | {"axes": ""} for r in rows] for rows in (found, expected))
    assert found == expected


def test_options_of_reading_are_those_of_the_record(tmp_path):
    np.savez("several.npz", x=PIXELS, sort=CLASSES, more=PIXELS[:3])
    np.savez("same.npz", data=PIXELS, labels=CLASSES)
    found = ran("memorization", "several.npz", "--array", "x", "--label", "sort")
    assert found == ran("memorization", "same.npz", out="other")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["parameters"]["data"] == "several.npz@array=x,label=sort"
    shown = CliRunner().invoke(main, ["show", "run"])
    assert shown.exit_code == 0, shown.output
    assert "several.npz@array=x,label=sort" in shown.output


@pytest.mark.parametrize("verb", VERBS)
def test_a_column_of_labels_is_said_to_every_verb(verb, tmp_path):
    """Also where a model has classes, which are said by --class."""
    np.savez("several.npz", x=PIXELS, sort=CLASSES)
    found = ran(verb, "several.npz", "--label", "sort", "--array", "x")
    np.savez("same.npz", data=PIXELS, labels=CLASSES)
    assert found == ran(verb, "same.npz", out="other")


def test_images_are_scaled_alike_in_all_sets(tmp_path):
    rng = np.random.default_rng(1)
    for home, side in (("data", 8), ("generated", 12)):
        (tmp_path / home).mkdir()
        for k in range(30):
            pixels = rng.integers(0, 256, (side, side, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / home / f"{k}.png")
    words = ["--data", "data", "--generated", "generated", "--draws", "10", "--samples", "1"]
    assert "generated must hold vectors of size 192, got (30, 432)" in refused(
        "memorization", *words
    )
    found = ran("memorization", "data", "--generated", "generated", "--resize", "4", "--grey")
    assert {row["size"] for row in found} == {"16"}


UNITS = {  # of samples: what multiplies the data and is added, and the options that mend it
    "bytes to [0, 1]": (1 / 255, 0, "--scale 255.0)"),
    "bytes to [−1, 1]": (1 / 127.5, -1, "--scale 127.5 --shift 127.5)"),
}


ALL = ("--patterns", "60")


@pytest.mark.parametrize("units", UNITS)
def test_other_units_are_refused_with_the_option_that_mends_them(units, tmp_path):
    factor, shift, options = UNITS[units]
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (120, 16)).astype(np.uint8)
    pixels[:, 0], pixels[:, 1] = 0, 255
    np.save("data.npy", pixels[:60])
    np.save("copies.npy", pixels[:30] * factor + shift)
    words = ["--data", "data.npy", "--generated", "copies.npy"]
    said = refused("memorization", *words)
    assert "generated must be in the units of data, got values in" in said
    assert said.endswith(options)
    assert not (tmp_path / "results").exists()
    mended = options.rstrip(")").split()
    found = ran("memorization", "data.npy", "--generated", "copies.npy", *mended, *ALL)
    flagged = [r for r in found if r["quantity"] == "flagged" and r["criterion"] == "ratio"]
    assert {float(row["value"]) for row in flagged} == {1.0}
    np.save("held.npy", pixels[60:] * factor + shift)
    said = refused("memorization", "--data", "data.npy", "--held-out", "held.npy")
    name = said.rpartition("(--held-out ")[2].rstrip(")")
    assert ran("memorization", "data.npy", "--held-out", name, out="held")


def test_channels_in_another_order_are_refused(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 4, 4)).astype(np.uint8)
    np.save("data.npy", pixels)
    np.save("generated.npy", np.moveaxis(pixels, 1, -1))
    said = refused("memorization", "--data", "data.npy", "--generated", "generated.npy")
    assert "rows of the shape (3, 4, 4) of the data, got (4, 4, 3); bring its axes" in said


def test_sets_by_name_in_a_folder_that_is_given(tmp_path):
    (tmp_path / "sets" / "fashion-mnist").mkdir(parents=True)
    name = "train-images-idx3-ubyte"
    written(tmp_path / "sets" / "fashion-mnist", name)
    found = ran("retrieve", "fashion", "--data-dir", "sets")
    assert found == ran("retrieve", tmp_path / "sets" / "fashion-mnist" / name, out="other")
    assert "no IDX files of mnist in sets" in refused(
        "retrieve", "--data", "mnist", "--data-dir", "sets"
    )
    said = refused("retrieve", "--data-dir", "sets")
    assert "data-dir is for mnist and fashion, got data 'digits'" in said


@pytest.mark.parametrize("option", ["generated", "held-out"])
def test_a_set_that_is_not_there_is_named_by_its_option(option):
    words = ["memorization", "--data", "digits", f"--{option}", "missing.npy"]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 2
    assert f"Error: {option}: no file 'missing.npy'" in found.output
