"""Guidance from the command: identities of two classes whose overlap is known."""

import json
import math
from textwrap import dedent

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from matplotlib.figure import Figure
from scipy.stats import norm

from bridges.cli import main
from bridges.study import figures
from bridges.study.folders import load_run
from bridges.study.looks import LOOKS, looks_of
from bridges.study.options import Classes
from bridges.verbs.guide import chosen
from bridges.verbs.schedules import CONTROL, Guidance, Noise, guided

CLASSES = """
    import numpy as np
    from diffusion import NetworkDenoiser, ResidualMLP
    from diffusion.guidance import fitted_classes
    import torch

    class Exact:
        classes = 2

        def __init__(self):
            held = np.load({path!r})
            key = list(held.files)
            self.mixture = fitted_classes(
                torch.from_numpy(held["data"]), torch.from_numpy(held["labels"])
            )

        def condition(self, label):
            return self.mixture.condition(label)

        def __call__(self, x, sigma):
            return self.mixture(x, sigma)

    def exact():
        return Exact()

    def without_classes():
        return Exact().mixture
"""


@pytest.fixture
def data(tmp_path):
    """Two classes of equal weight, ±1 along the first axis, of variance 1."""
    labels = np.arange(2000) % 2
    rows = np.random.default_rng(0).normal(size=(2000, 3))
    rows[:, 0] += 2.0 * labels - 1
    path = tmp_path / "classes.npz"
    np.savez(path, data=rows, labels=labels)
    (tmp_path / "own.py").write_text(dedent(CLASSES).format(path=str(path)))
    return path


def run(*words):
    asked = ["guide", *map(str, words), "--samples", "3", "--jobs", "1", "--quiet"]
    return CliRunner().invoke(main, asked)


def test_no_class_asked_for_is_any_class(data, tmp_path):
    """w = −1 is the model of no class: half of its samples are of the class that was asked for."""
    out = tmp_path / "run"
    found = run("--data", data, "--guidance=-1,2", "--trials", 300, "--steps", 40, "--out", out)
    assert found.exit_code == 0, found.output
    held = json.loads((out / "summary.json").read_text())
    kept = {text: one["retention"] for text, one in held["relative"]["exact"].items()}
    assert abs(kept["-1"]["mean"] - 0.5) < 4 * kept["-1"]["sem"] + 0.02
    apart = norm.cdf(1)  # of two classes 2 deviations apart, by the nearer centre
    assert abs(kept[CONTROL]["mean"] - apart) < 4 * kept[CONTROL]["sem"] + 0.02
    assert kept["2"]["mean"] > kept[CONTROL]["mean"]
    fisher = held["control"]["exact"]["fisher_ratio"]["mean"]
    relative = held["relative"]["exact"]["-1"]["fisher_ratio"]["mean"]
    assert relative * fisher < 0.02 < fisher


def test_own_basin_and_capture_have_their_closed_form_without_guidance(data, tmp_path):
    """The flow of a class is x → μ + (x − μ)/√(1 + σ²), and the judge parts the classes at 0."""
    out, levels = tmp_path / "run", (0.5, 2.0)
    words = ("--guidance=-1,2", "--sigmas", "2,0.5", "--trials", 200, "--steps", 20)
    found = run("--data", data, *words, "--out", out)
    assert found.exit_code == 0, found.output
    rows = load_run(out).by_sample("schedule", "quantity", "sigma")
    unit = math.sqrt(4 / 3)  # variances 2, 1, 1
    for level in levels:
        sigma = level * unit
        edge = 1 - math.hypot(1, sigma)  # what flows to 0
        for kind, place in (("own", 1), ("capture", -1)):
            wanted = norm.sf((edge - place) / math.hypot(1, sigma))
            shares = np.array(rows[CONTROL, kind, level])
            error = math.sqrt(wanted * (1 - wanted) / (400 * len(shares)))
            assert abs(shares.mean() - wanted) < 4 * error + 0.03  # the fit of 2000 rows
            assert (np.array(rows["2", kind, level]) >= shares - 0.02).all()
    assert abs(np.mean(rows["-1", "own", 2.0]) + np.mean(rows["-1", "capture", 2.0]) - 1) < 0.06


def test_a_model_of_ones_own_is_the_exact_one(data, tmp_path):
    out, own = tmp_path / "run", f"{tmp_path}/own.py:exact"
    found = run("--data", data, "--model", f"exact,{own}", "--trials", 40, "--out", out)
    assert found.exit_code == 0, found.output
    relative = json.loads((out / "summary.json").read_text())["relative"]
    for text, measures in relative["exact"].items():
        for name in ("variance_ratio", "fisher_ratio", "vendi"):
            again = relative[own][text][name]["mean"]
            assert measures[name]["mean"] == pytest.approx(again, rel=1e-4), (text, name)
    shown = CliRunner().invoke(main, ["show", str(out)])
    assert "0 itself" in shown.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--guidance half", "guidance must be a number w or one of constant:w"),
        ("--guidance interval:3", "interval:w:LOW:HIGH"),
        ("--guidance interval:3:5:1", "low"),
        ("--guidance triangle:3:1", "peak must lie in (0, 1)"),
        ("--guidance exponential:3", "exponential:w:RATE"),
        ("--guidance 3x4+x2", "or scales of all steps such as 30x4+20x0, got '3x4+x2'"),
        ("--guidance 3x4.4.4", "text must be runs COUNTxSCALE"),
        ("--guidance 3x4+2x0 --steps 6", "guidance must have a scale for each of 6 steps, got 5"),
        ("--guidance nan", "w must be a finite number"),
        ("--classes 5", "classes must be among [0, 1], got 5"),
        ("--trials 2", "trials must be at least 4, got 2"),
        ("--data {flat}", "data must have classes, got none"),
        ("--model {own}:without_classes", "model must be class-conditional"),
    ],
)
def test_what_cannot_be_guided_is_refused(data, tmp_path, words, message):
    flat = tmp_path / "flat.npy"
    np.save(flat, np.random.default_rng(0).normal(size=(30, 3)))
    words = words.format(flat=flat, own=tmp_path / "own.py")
    given = [] if "--data" in words else ["--data", data]
    found = run(*given, *words.split(), "--out", tmp_path / "run")
    assert found.exit_code == 2
    assert message in " ".join(found.output.split())
    assert not (tmp_path / "run").exists()


def test_classes_are_asked_for_by_name_or_number(tmp_path):
    sorts = np.array(["cat", "dog", "10"])[np.arange(60) % 3]  # numbers come first
    np.savez(tmp_path / "d.npz", data=np.random.default_rng(0).normal(size=(60, 3)), labels=sorts)
    data = str(tmp_path / "d.npz")
    assert chosen(data, ["dog", "cat"]) == (1, 2)
    assert chosen(data, ["1", "dog", "10"]) == (0, 1, 2)
    with pytest.raises(ValueError, match=r"among 10, cat, dog or their numbers .*, got fish, 7$"):
        chosen(data, ["cat", "fish", "7"])
    assert Classes().convert("0-2, dog,1", None, None) == ["0", "1", "2", "dog"]
    found = run("--data", data, "--classes", "dog", "--guidance", 1, "--out", tmp_path / "run")
    assert found.exit_code == 0, found.output
    rows = load_run(tmp_path / "run").samples[0][0]
    assert {row["class"] for row in rows if row["quantity"] == "picture"} == {2}


def test_schedules_are_those_of_the_library():
    parsed = Guidance().convert("3,interval:2:1:4,3,0,linear:1", None, None)
    assert parsed == [CONTROL, "3", "interval:2:1:4", "linear:1"]

    def model(x, sigma):
        return x

    weight = guided("interval:2:1:4", model, model, Noise(80.0, 0.8, 2.0)).w
    assert [weight(s) for s in (1.9, 2.1, 7.9, 8.1)] == [0, 2, 2, 0]  # σ in units of 2
    linear = guided("linear:1", model, model, Noise(80.0, 0.8, 2.0)).w
    assert linear(80.0) == pytest.approx(0)
    assert linear(1e-9) == pytest.approx(2)  # of mean 1 over the progress
    for text in ("triangle:1:0.25", "exponential:1:2"):  # as functions of the progress
        shape = guided(text, model, model, Noise(80.0, 0.8, 2.0)).w
        at = [0.8 * math.sqrt(math.expm1((1 - p) * math.log1p(1e4))) for p in (0.25, 0.5)]
        wanted = (
            [2, 4 / 3]
            if text[0] == "t"
            else [2 * math.exp(2 * p) / math.expm1(2) for p in (0.25, 0.5)]
        )
        assert [shape(sigma) for sigma in at] == pytest.approx(wanted)
    steps = guided("2x4+1x0", model, model, noise := Noise(80.0, 0.8, 2.0)).w
    assert (steps.weights, list(steps.levels)) == ((3.0, 3.0, -1.0), noise.levels(3))
    x = torch.ones(2, 1)
    assert torch.equal(guided("power-law:1:0.9", model, model, Noise(80.0, 0.8, 2.0))(x, 1.0), x)


def test_scales_of_steps_are_taken_step_by_step(data, tmp_path):
    """Equal ones are constant guidance bit for bit; a last run of scale 0 is a window."""
    out = tmp_path / "run"
    asked = "2,20x3,14x3+6x0,20x1,20x0,-1"
    found = run("--data", data, "--guidance", asked, "--trials", 60, "--steps", 20, "--out", out)
    assert found.exit_code == 0, found.output
    values = load_run(out).by_sample("model", "schedule", "quantity")
    for quantity in ("variance_ratio", "retention", "fisher_ratio"):
        by_text = {text: values["exact", text, quantity] for text in [CONTROL, *asked.split(",")]}
        assert by_text["2"] == by_text["20x3"]
        assert by_text[CONTROL] == by_text["20x1"]
        assert by_text["-1"] == by_text["20x0"]
    spread = {text: np.mean(values["exact", text, "variance_ratio"]) for text in by_text}
    assert spread["2"] < spread["14x3+6x0"]


@pytest.mark.parametrize("axes", ["HWC", "CHW"])
def test_samples_of_colour_images_are_drawn_as_such(axes, tmp_path):
    rng, labels = np.random.default_rng(0), np.arange(60) % 2
    images = np.full((60, 6, 4, 3), 20.0) + rng.normal(size=(60, 6, 4, 3))
    images[labels == 1, ..., 0] += 200  # one class is red
    rows = images if axes == "HWC" else np.moveaxis(images, -1, 1)
    np.savez(tmp_path / "data.npz", data=rows, labels=labels)
    out = tmp_path / "run"
    given = ("--guidance", "1", "--trials", 4, "--steps", 20)
    found = run("--data", tmp_path / "data.npz", *given, "--out", out)
    assert found.exit_code == 0, found.output
    rows = load_run(out).samples[0][0]
    drawn = [row for row in rows if row["quantity"] == "picture" and row["class"] == 1]
    assert len(drawn) == 2  # a schedule each, the control first
    for row in drawn:
        picture = np.frombuffer(bytes.fromhex(row["numbers"]), dtype=np.uint8)
        colours = picture.reshape([int(n) for n in row["axes"].split()]).mean((0, 1))
        assert row["axes"] == "6 4 3"
        assert colours[0] > 200 > 60 > max(colours[1:])


def test_models_without_a_name_have_looks_of_their_own():
    found = looks_of(["flow", "a.py:one", "hebb", "b.py:two", "a.py:one"])
    assert list(found) == ["flow", "a.py:one", "hebb", "b.py:two"]
    assert len(set(found.values())) == 4
    assert found["flow"] == LOOKS["flow"]
    assert not {found["a.py:one"], found["b.py:two"]} & {*LOOKS.values()}


def test_points_that_coincide_have_one_label_and_none_is_lost():
    with figures.look():
        axes = Figure().subplots()
        x, y = np.array([1.0, 2.0, 2.01, -0.1, np.nan]), np.array([1.0, 1.0, 1.0, 0.5, 1.0])
        axes.set(xscale="log", xlim=(0.5, 4), ylim=(0, 1.1))
        figures.name_points(axes, ["0", "1", "window:1:2", "3", "4"], x, y, "k")
    assert [text.get_text() for text in axes.texts] == ["0", "1, window:1:2", "3", "4"]
