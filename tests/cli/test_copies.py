"""`bridges memorization`: the list of copies, and what a trained model made of its data."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from terminal import contents, measured, refuses, run, summary

from bridges import as_memory, load_run, return_levels
from bridges.data import load
from bridges.memorization.listing import COLUMNS
from bridges.verbs.memorization import Report
from bridges.verbs.survey import surveyed
from diffusion import EmpiricalDenoiser

COLUMNS_OF_LEVELS = ("sigma_half", "sigma_half_sem")
ONE = "--jobs 1 --samples 1"
MODELS = """
import numpy as np, torch
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
from hopfield import hebbian

ROWS = torch.from_numpy(np.load("data.npy").reshape(120, -1))

def copier():
    return EmpiricalDenoiser(ROWS)

def kind():
    return GaussianMixtureDenoiser(torch.zeros(1, 36, dtype=ROWS.dtype), 1.0)

def network():
    return hebbian(ROWS.sign())

def rule(patterns, seed):
    return EmpiricalDenoiser(patterns)
"""


@pytest.fixture
def files():
    """Normal images 6×6: 120 data, 150 held out, and samples of which six are copies."""
    points = np.random.default_rng(0).normal(size=(400, 6, 6))
    np.save("data.npy", points[:120])
    np.save("held.npy", points[120:270])
    samples = points[270:330].copy()
    samples[:4] = points[:4]
    samples[4:6] = points[4:6, :, ::-1]
    np.save("samples.npy", samples)
    np.save("flat.npy", points[:120].reshape(120, 36))
    Path("models.py").write_text(MODELS)


def listed(folder="run"):
    with (Path(folder) / "samples.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_copies_alone_are_a_list_a_picture_and_a_count(files):
    words = f"--data data.npy --held-out held.npy --generated samples.npy --only copies {ONE}"
    text = run("bridges memorization", words, "--out run")
    assert "4 of 60 samples are copies: 4 exact" in text
    assert "half of the U-turns" not in text
    assert "copies beyond chance" in text
    rows = listed()
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 60
    assert [(row["nearest"], row["copy"]) for row in rows[:4]] == [
        (str(k), "exact") for k in range(4)
    ]
    assert {row["copy"] for row in rows[4:]} == {""}
    assert contents()["copies.png"].startswith(b"\x89PNG")
    counts = summary()["copies"]
    assert counts == {"exact": 4, "close": 0, "mirrored": 0, "shifted": 0, "judged": 60}
    both = run("bridges memorization", words, "--also mirrored,shifted --out both")
    assert "6 of 60 samples are copies: 4 exact, 2 mirrored" in both
    assert [row["copy"] for row in listed("both")[4:6]] == ["mirrored"] * 2


def one_by_one(folder="run"):
    with (Path(folder) / "data.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_data_are_listed_one_by_one(files):
    """At σ_½ the posterior weight is ½, by explicit distances and noise of another seed."""
    words = f"--data data.npy --generated samples.npy --only copies --draws 240 {ONE}"
    text = run("bridges memorization", words, "--out run")
    found = one_by_one()
    assert [int(one["datum"]) for one in found] == list(range(120))
    assert {one["class"] for one in found} == {one["model_sigma_half"] for one in found} == {""}
    assert [int(one["copies"]) for one in found] == [1] * 4 + [0] * 116
    rows = np.load("data.npy").reshape(120, 36)
    distance = np.linalg.norm(rows[:, None] - rows, axis=2)
    nearest = (distance + 1e9 * np.eye(120)).min(0)
    assert [float(one["nearest"]) for one in found] == pytest.approx(nearest)
    unit = (rows - rows.mean(0)).std()
    level, sem = (np.array([float(one[c]) for one in found]) for c in COLUMNS_OF_LEVELS)
    generator = np.random.default_rng(1)
    for k in range(0, 120, 20):
        noised = rows[k] + unit * level[k] * generator.normal(size=(400, 36))
        logs = -((noised[:, None] - rows) ** 2).sum(2) / (2 * (unit * level[k]) ** 2)
        weight = np.exp(logs[:, k] - np.logaddexp.reduce(logs, axis=1))
        error = weight.std() * np.hypot(400**-0.5, 8**-0.5)
        assert abs(weight.mean() - 0.5) < 4 * error
    grid = unit * np.geomspace(0.5, 6.0, 20)
    own = return_levels(EmpiricalDenoiser(torch.from_numpy(rows)), grid, 8, seed=1)
    some = np.isfinite(own.sem) & np.isfinite(sem)
    assert some.mean() > 0.9
    apart = (unit * level - own.level)[some] / np.hypot(unit * sem, own.sem)[some]
    assert 0.6 < apart.std() < 1.6  # independent draws: 1, or √(7/5) by Student's t
    told = summary()["return_levels"]["exact"]
    assert (told["copied"], told["data"]) == (4, 120)
    counts = [int(one["copies"]) for one in found]
    assert told["level"]["mean"] == pytest.approx(spearmanr(level, counts).statistic, abs=1e-4)
    assert told["nearest"]["mean"] == pytest.approx(spearmanr(nearest, counts).statistic, abs=1e-4)
    lines = text.splitlines()
    first = next(k for k, one in enumerate(lines) if one.startswith("datum "))
    order = level.argsort(kind="stable")
    shown = [int(one.split()[0]) for one in lines[first + 1 : first + 11]]
    assert shown == [*order[:5], *order[-5:]]
    assert "exact score, 4 of 120 copied" in text


def test_of_a_part_of_the_data_or_too_many_no_levels_are_listed(files, monkeypatch):
    run("bridges memorization", f"--data data.npy --patterns 40 --draws 10 {ONE} --out part")
    assert "data.csv" not in contents("part")
    words = f"--data data.npy --generated samples.npy --only copies --draws 10 {ONE}"
    monkeypatch.setattr("bridges.verbs.returned._WORK", 16 * 8 * 19 * 120 * 36)
    run("bridges memorization", words, "--out few")
    assert "data.csv" not in contents("few")
    monkeypatch.setattr("bridges.verbs.returned._WORK", 16 * 8 * 30 * 120 * 36)
    run("bridges memorization", words, "--out some")
    found = one_by_one("some")
    assert len(found) == 30
    assert sum(int(one["copies"]) for one in found) == sum(int(one["datum"]) < 4 for one in found)


def test_of_large_data_a_part_is_surveyed_and_all_are_judged(files, monkeypatch):
    monkeypatch.setattr("bridges.verbs.survey._SURVEYED", 50 * 36)
    words = f"--data data.npy --generated samples.npy --draws 40 {ONE}"
    text = run("bridges memorization", words, "--out run")
    assert "half of the U-turns of 50 of them return" in Report(load_run("run")).finding()
    assert "as memories, 50 of them" in text
    (asked,) = json.loads(Path("run/config.json").read_text())["points"]
    assert (asked["patterns"], asked["surveyed"]) == (120, 50)
    some = load("data.npy")[0][surveyed(120, 36)]
    assert measured(quantity="unit")[0] == pytest.approx(
        float(some.std(0, correction=0).square().mean().sqrt()), rel=1e-5
    )
    assert [row["nearest"] for row in listed()[:4]] == ["0", "1", "2", "3"]  # of all 120


def test_a_list_is_shown_again_without_the_data_and_made_anew_for_others(files):
    words = f"--data data.npy --generated samples.npy --only copies {ONE} --out run"
    first = run("bridges memorization", words)
    before = contents()
    assert {"samples.csv", "data.csv"} <= before.keys()
    again = run("bridges memorization", words)
    assert contents() == before
    np.save("samples.npy", np.load("samples.npy")[4:])
    assert "holds another run" in refuses("bridges memorization", words)
    anew = run("bridges memorization", words, "--overwrite")
    assert "no copy can be named among 56 samples" in anew
    assert len(listed()) == 56
    Path("data.npy").unlink()
    shown = run("bridges show run")
    assert "no copy can be named among 56 samples" in shown
    (Path("run") / "samples.csv").unlink()
    (Path("run") / "data.csv").unlink()
    bare = run("bridges show run")  # the data have gone
    assert "no copy" not in bare
    assert "σ" not in bare
    assert first.split("written")[0].strip() in again


@pytest.mark.parametrize("name", ["samples.csv", "data.csv"])
def test_a_list_that_was_changed_is_named(files, name):
    words = f"--data data.npy --generated samples.npy --only copies --draws 10 {ONE} --out run"
    first = run("bridges memorization", words)
    path = Path("run") / name
    whole = path.read_bytes()
    heads = whole.splitlines()[0]
    for content in (b"", b"a,b\n1,2\n", heads + b"\n1,2\n", whole[:-5], whole + b"\xff\n"):
        path.write_bytes(content)
        assert f"run/{name} must be as it was written" in refuses("bridges show run")
    path.unlink()
    assert first.split("written")[0].strip() in run("bridges show run")
    assert path.read_bytes() == whole  # made again


def test_pairs_are_in_the_formats_that_are_asked_for(files):
    words = f"--data data.npy --generated samples.npy --only copies {ONE} --out run"
    assert "(samples.csv, copies.pdf;" in run("bridges memorization", words, "--format pdf")
    assert contents()["copies.pdf"].startswith(b"%PDF")
    assert "copies.png" not in contents()
    before = contents()["samples.csv"]
    run("bridges show run --quiet --format svg,png")
    assert b"<svg" in contents()["copies.svg"]
    assert contents()["copies.png"].startswith(b"\x89PNG")
    assert contents()["samples.csv"] == before
    np.save("samples.npy", np.load("samples.npy")[4:])
    run("bridges memorization", words, "--overwrite --format png")
    assert not {"copies.pdf", "copies.svg"} & contents().keys()  # those of the other run


def test_shards_are_joined_with_the_list(files):
    words = "--data data.npy --generated samples.npy --only copies --samples 2 --jobs 1"
    for k in (1, 2):
        run("bridges memorization", words, f"--shard {k}/2 --out part{k}")
        assert not Path(f"part{k}/samples.csv").exists()
    assert "4 of 60 samples are copies" in run("bridges merge part1 part2 --out run")
    assert len(listed()) == 60


def test_ten_copies_of_a_hundred_digits_are_found():
    rows = load("digits")[0].numpy()
    np.save("data.npy", rows[:500].reshape(-1, 8, 8))
    np.save("samples.npy", np.concatenate([rows[:10], rows[600:690]]).reshape(-1, 8, 8))
    words = f"--data data.npy --generated samples.npy --only copies {ONE} --out run"
    assert "10 exact" in run("bridges memorization", words)
    assert [int(row["nearest"]) for row in listed()[:10]] == list(range(10))
    assert sum(bool(row["copy"]) for row in listed()[10:]) == 0


@pytest.mark.parametrize("shape", [(36,), (2, 9, 2), (3, 2, 3, 2)])
def test_what_is_no_image_is_drawn_as_strips(files, shape):
    np.save("flat.npy", np.load("data.npy").reshape(120, *shape))
    np.save("flat_samples.npy", np.load("samples.npy").reshape(60, *shape))
    words = f"--data flat.npy --generated flat_samples.npy --only copies {ONE} --out run"
    assert "4 of 60 samples are copies" in run("bridges memorization", words)
    assert contents()["copies.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "kind", "copies"),
    [("copier", "a memory of these", 40), ("kind", "a model of their kind", 0)],
)
def test_a_model_draws_samples_and_retrieves_what_it_has_seen_and_has_not(
    files, name, kind, copies
):
    words = f"--data data.npy --held-out held.npy --model models.py:{name} --draws 40"
    words += " --only copies --samples 2 --jobs 1 --out run"
    text = run("bridges memorization", words)
    (case,) = summary()["cases"]
    assert case["model"] == kind
    assert case["gap"]["n"] == 2
    assert abs(case["gap"]["mean"] - (0.5 if copies else 0)) < (
        0.5 if copies else 4 * case["gap"]["sem"]
    )
    assert summary()["copies"]["judged"] == 40
    assert sum(bool(row["copy"]) for row in listed()) == copies
    success = measured(quantity="success", points="data", sigma=0.5)[0]
    unseen = measured(quantity="success", points="held-out", sigma=0.5)[0]
    ceiling = measured(quantity="success", points="nearest data", sigma=0.5)[0]
    assert (success - unseen > 0.9) == (name == "copier")
    assert ceiling == 1
    (drawn,) = Path("run").glob("generated-*.npy")
    written = drawn.stat().st_mtime_ns
    assert "found there, not repeated" in run("bridges memorization", words)
    assert drawn.stat().st_mtime_ns == written
    assert ("is a memory" in text) == (name == "copier")
    cued = [one for one in one_by_one() if one["model_sigma_half"]]
    assert len(cued) == 40 // 8  # as many cues per noise level as draws
    rows = np.load("data.npy").reshape(120, 36)
    unit = (rows - rows.mean(0)).std()
    levels = np.array([float(one["model_sigma_half"]) for one in cued])
    if not copies:
        assert (levels == 0).all()  # x/√(1 + σ²) is not at a cosine of 0.95 from σ above 0.33
        return
    memory = as_memory(EmpiricalDenoiser(torch.from_numpy(rows)), dynamics="flow")
    grid = unit * np.geomspace(0.5, 5.0, 12)
    index = [int(one["datum"]) for one in cued]
    own = return_levels(memory, grid, 24, 0.95, index=index, seed=1)
    assert np.abs(np.log(levels * unit / own.level)).max() < 0.6
    assert abs(np.log(levels * unit / own.level).mean()) < 0.3


def test_without_held_out_data_a_model_is_only_judged_by_its_samples(files):
    words = f"--data data.npy --model models.py:copier --draws 20 --only copies {ONE} --out run"
    text = run("bridges memorization", words)
    assert "whether the model is a memory of these data is seen with --held-out" in text
    assert "20 of 20 samples are copies" in text
    assert "model" not in summary()["cases"][0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--only copies", "only: copies are those among samples; give --generated or --model"),
        ("--also mirrored", "also: copies are listed among samples of data; give --generated"),
        ("--generated samples.npy --also turned", "also must be one of 'mirrored', 'shifted'"),
        ("--generated samples.npy --only copies --patterns 20,40", "patterns must be one number"),
        ("--model models.py:rule", "model must be one that was trained before, got rule"),
        ("--model models.py:network", "model must be a denoiser, got network"),
        ("--model flow", "model must be one that was trained before, got reverse flow"),
        ("--model flow,sde", "model must be one model, got flow, sde"),
        ("--model models.py:copier --patterns 20", "the model was trained on all; leave it out"),
        ("--dynamics fixed-noise", "Invalid value for '--dynamics'"),
    ],
)
def test_what_does_not_go_together_is_refused(files, words, message):
    assert message in refuses("bridges memorization", "--data data.npy", words)


def test_only_images_are_mirrored_and_random_data_have_no_copies(files):
    np.save("flat_samples.npy", np.load("samples.npy").reshape(60, 36))
    words = "--data flat.npy --generated flat_samples.npy --also mirrored"
    assert "also: flat.npy must hold images" in refuses("bridges memorization", words)
    words = "--data random --model models.py:copier"
    assert "data: give the data that copier was trained on" in refuses(
        "bridges memorization", words
    )


def test_the_summary_is_what_json_prints(files):
    words = f"--data data.npy --generated samples.npy --only copies {ONE} --out run --json"
    assert json.loads(run("bridges memorization", words)) == summary()
