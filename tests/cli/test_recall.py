"""`bridges recall`: the cues that are asked for, what becomes of them, and the pictures."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from terminal import contents, measured, refuses, rows, run, summary

from bridges import load_run, recall_path
from bridges.data import load, vectors
from bridges.models import MODELS, Options
from bridges.verbs import report
from bridges.verbs.cues import Chosen, Cues
from bridges.verbs.film import write_film
from bridges.verbs.recalled import stages
from bridges.verbs.recalling import Recall
from hopfield import HopfieldNetwork, hebbian

FEW = "--samples 3 --jobs 1 --quiet --out run"


def drawing():
    """A three in ink on paper, larger than a digit."""
    paper = Image.new("L", (60, 60), 255)
    stroke = [(20, 12), (42, 12), (30, 28), (44, 42), (34, 52), (18, 50)]
    ImageDraw.Draw(paper).line(stroke, fill=0, width=7, joint="curve")
    paper.save("three.png")


def test_half_a_digit_is_recalled_by_the_exponential_memory_and_not_by_hebb():
    """Ten digits are beyond Hebb's rule (4 at most) and far below the exponential's limit."""
    run("bridges recall --index 3 --mask left --model hebb,exponential-real,flow", FEW)
    home = {name: found["home"]["mean"] for name, found in summary()["models"].items()}
    assert home["exponential-real"] == home["flow"] == 1
    assert home["hebb"] < 0.5
    for name in ("exponential-real", "flow"):
        assert measured(model=name, quantity="nearest")[0] == 1
        assert measured(model=name, quantity="overlap", step=0)[0] < 0.8
        assert measured(model=name, quantity="end")[0] > 0.95


def test_the_record_is_the_way_that_python_follows():
    words = "--model hebb,flow --patterns 5 --overlap 0.5 --steps 6 --samples 1 --jobs 1 --quiet"
    run("bridges recall --data digits", words, "--out run")
    study = load_run("run")
    for way in report(study).ways:
        found = way.found
        table = [r for r in rows(model=way.name, quantity="overlap") if int(r["step"]) < 6]
        for row in table:
            at = min(int(row["step"]), len(found.states) - 1)
            assert float(row["value"]) == pytest.approx(float(found.overlap[at, 0]))
    ways = {way.name: way.found for way in report(study).ways}
    xi = ways["hebb"].patterns
    assert any(torch.equal(xi[0], one) for one in vectors("digits", "binary"))
    energies = [float(r["value"]) for r in rows(model="hebb", quantity="energy")]
    first = float(HopfieldNetwork(hebbian(_stored(study))).energy(ways["hebb"].states[0])[0])
    assert energies[0] == pytest.approx(first)
    assert all(b <= a + 1e-9 for a, b in pairwise(energies))
    assert not rows(model="flow", quantity="energy")


def _stored(study):
    from bridges.study.run import sample_seeds

    return Recall.of(study).setting.pattern_set("binary", 5, sample_seeds(0, 1)[0])


def test_a_picture_of_ones_own_is_the_cue():
    drawing()
    words = "recall --cue three.png --patterns 40 --model exponential-real"
    text = run("bridges", words, "--samples 2 --jobs 1 --out run")
    assert "the cue three.png" in text
    (way,) = report(load_run("run")).ways
    cue = way.rows[0].reshape(8, 8)
    assert cue[:, 0].max() < cue.max() / 4  # ink is bright now, and paper dark
    assert cue[1, 3:6].mean() > cue.max() / 2
    assert float(way.found.overlap[0, 0]) == pytest.approx(way.found.told)
    image = Image.open("three.png")
    ImageDraw.Draw(image).rectangle((0, 0, 9, 9), fill=0)
    image.save("three.png")
    again = "--samples 2 --jobs 1 --out run"
    assert "holds another run (parameters differ)" in refuses("bridges", words, again)
    before = contents()["figure.png"]
    run("bridges show run")
    assert contents()["figure.png"] == before  # the one that shows more is kept


def test_a_vector_is_the_cue_and_nothing_to_be_seen_is_none():
    np.save("vector.npy", load("digits")[0][7].numpy())
    run("bridges recall --cue vector.npy --patterns 1797 --model nearest", FEW)
    (way,) = report(load_run("run")).ways
    assert torch.equal(way.pattern, way.rows[:1])
    assert way.home
    for size in (64, 65):
        np.save("bad.npy", np.full(size, np.nan if size == 64 else 0.0))
        said = refuses("bridges recall --cue bad.npy")
        assert ("cue must be finite" if size == 64 else "one row of 64 numbers") in said
    for mode, colour in (("RGBA", (0, 0, 0, 0)), ("L", 90)):
        Image.new(mode, (30, 20), colour).save("blank.png")
        assert "blank.png is the same all over" in refuses("bridges recall --cue blank.png")


def test_a_row_of_a_file_is_the_cue_of_vectors():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(30, 7))
    np.save("data.npy", data)
    np.save("row.npy", data[4:5] + 0.01)
    run("bridges recall --data data.npy --cue row.npy --patterns 30 --model flow,nearest", FEW)
    for way in report(load_run("run")).ways:
        assert torch.allclose(way.pattern[0], torch.from_numpy(data[4]), rtol=1)
        assert way.home


def test_a_rule_and_a_network_by_path_are_recalled():
    Path("mine.py").write_text(
        "from hopfield import hebbian\nfrom bridges.data import load\n"
        "from diffusion import EmpiricalDenoiser\n"
        "def clipped(patterns, seed):\n    return hebbian(patterns).sign()\n"
        "def trained():\n    return EmpiricalDenoiser(load('digits')[0][:60])\n"
    )
    words = "--model mine.py:clipped,mine.py:trained --index 5 --patterns 3 --mask top"
    run("bridges recall", words, FEW)
    ways = {Path(way.name).name: way for way in report(load_run("run")).ways}
    digit = load("digits")[0][5]
    assert torch.allclose(ways["mine.py:trained"].pattern[0], digit)
    cue = ways["mine.py:trained"].rows[0].reshape(8, 8)
    assert torch.allclose(cue[:4], load("digits")[0].mean(0).reshape(8, 8)[:4])  # erased: the mean
    assert torch.allclose(cue[4:], digit.reshape(8, 8)[4:])
    assert ways["mine.py:trained"].home


def test_masks_erase_the_sites_that_they_name():
    setting = Chosen("digits")
    sides = {side: Cues(mask=side).erased(setting, 64, 0) for side in ("left", "right", "top")}
    image = sides["left"].reshape(8, 8)
    assert image[:, :4].all()
    assert not image[:, 4:].any()
    assert torch.equal(sides["right"], ~sides["left"])
    assert torch.equal(sides["top"].reshape(8, 8), image.T)
    some = Cues(mask="0.25").erased(setting, 64, 0)
    assert some.sum() == round(0.25 * 61)  # of those that vary
    assert not torch.equal(some, Cues(mask="0.25").erased(setting, 64, 1))


@pytest.mark.parametrize("last", [True, False])
def test_masks_of_colour_images_erase_all_channels(last):
    images = np.random.default_rng(0).normal(size=(3, 6, 8, 3))
    np.save("colour.npy", images if last else np.moveaxis(images, -1, 1))
    erased = Cues(mask="bottom").erased(Chosen("colour.npy"), 144, 0)
    shaped = erased.reshape(6, 8, 3) if last else erased.reshape(3, 6, 8).movedim(0, -1)
    assert shaped[3:].all()
    assert not shaped[:3].any()


@pytest.mark.parametrize("name", ["hebb", "flow"])
def test_erased_sites_say_nothing_and_the_others_all(name):
    setting, model = Chosen("digits", first=3), MODELS[name]
    memory = model.build(setting.pattern_set(model.kind, 4, 0), Options(), 0)
    given = Cues(mask="left").given(setting, model, memory, 4, 0)
    mask = Cues(mask="left").erased(setting, 64, 0)
    varying = torch.ones(64, dtype=torch.bool)
    varying[[0, 32, 39]] = False  # pixels that are the same in all digits
    erased = mask[varying]
    assert torch.equal(given.cue[:, ~erased], memory.patterns[:1, ~erased])
    if name == "hebb":
        assert (given.cue.abs() == 1).all()
        assert not torch.equal(given.cue, memory.patterns[:1])
    else:
        assert not given.cue[:, erased].any()
    found = recall_path(memory, given.cue, given.told, given.pattern, seed=0)
    assert found.told == pytest.approx(max(0.01, float(found.overlap[0, 0])))


def test_stages_part_the_way_evenly():
    run("bridges recall --model flow,hebb --steps 40 --patterns 3", FEW)
    flow, hebb = report(load_run("run")).ways
    chosen = stages(flow, 4)
    assert len(set(chosen)) == 4
    assert chosen == sorted(chosen)
    lengths = flow.found.states[:, 0].diff(dim=0).norm(dim=1)
    pieces = [
        float(lengths[a:b].sum())
        for a, b in zip([0, *chosen], [*chosen, int(flow.found.steps[0])], strict=True)
    ]
    assert max(pieces) - min(pieces) < 2.5 * float(lengths.max())  # as even as steps allow
    assert len(stages(hebb, 4)) == min(4, int(hebb.found.steps[0]) - 1)
    frames = stages(hebb, 24, ends=True)
    assert (frames[0], frames[-1], len(frames)) == (0, int(hebb.found.steps[0]), 24)


def test_a_film_leads_from_the_cue_to_the_end():
    text = run(
        "bridges recall --model hebb,flow --steps 8 --samples 1 --jobs 1 --out run --animate"
    )
    assert text.endswith("written to run: recall.gif\n")
    with Image.open("run/recall.gif") as film:
        assert film.n_frames > 5
        first = np.asarray(film.convert("L"))
        film.seek(film.n_frames - 1)
        last = np.asarray(film.convert("L"))
    assert (first != last).mean() > 0.02
    before = contents()["recall.gif"]
    found = json.loads(
        run("bridges recall --model hebb,flow --steps 8 --samples 1 --out run --json --animate gif")
    )
    assert set(found["models"]) == {"hebb", "flow"}  # the film is no part of it
    assert contents()["recall.gif"] == before


def test_a_film_needs_its_program(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    text = refuses("bridges", "recall --animate mp4 --samples 1 --jobs 1")
    assert "animate: mp4 needs the program ffmpeg" in text


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
def test_a_film_of_ffmpeg_can_be_read_by_it():
    run("bridges recall --model hebb --animate mp4", FEW)
    done = subprocess.run(["ffmpeg", "-v", "error", "-i", "run/recall.mp4", "-f", "null", "-"])
    assert done.returncode == 0


def test_no_film_is_made_of_what_is_gone():
    np.save("x.npy", np.random.default_rng(0).normal(size=(30, 16)))
    run("bridges recall --data x.npy --model flow --steps 3", FEW)
    Path("x.npy").unlink()
    found = report(load_run("run"))
    assert found.ways == []
    assert found.figure().axes  # the curves alone
    with pytest.raises(ValueError, match="animate: the data or the models"):
        write_film(found, "gif")


def test_what_no_couplings_store_is_left_out():
    words = "--model max-margin,hebb --data random --size 20 --patterns 60"
    text = run("bridges recall", words, "--samples 1 --jobs 1 --out run")
    assert "left out, as no couplings store the patterns: maximum margin" in " ".join(text.split())
    assert set(summary()["models"]) == {"hebb"}
