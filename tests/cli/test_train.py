"""`bridges train`: what it keeps, that it goes on bit for bit, and what it says of copies."""

import base64
import io
import itertools
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from terminal import ENVIRONMENT, contents, refuses, rows, run, summary

from bridges import MemorizationMonitor
from bridges.data import image_shape
from bridges.study.run import sample_seeds
from bridges.verbs import training
from bridges.verbs.training import Course
from diffusion import load_denoiser, train_denoiser
from diffusion._trainer import Trainer
from diffusion._training_file import TrainingFile
from diffusion.checkpoints import read

train = partial(run, "bridges", "train")
NONE, COPIES = "no more copies than among held-out points", "copies beyond chance"
FEW = "--data few.npy --patterns 8 --width 64 --depth 2 --rate 0.01 --looks 4 --draws 100"
"""A training that ends in copies within 200 steps."""


@pytest.fixture(autouse=True)
def few(elsewhere):
    """A standard normal of 24 dimensions, as it stands in tests/bridges/test_monitor.py."""
    np.save("few.npy", points(108, 24))


def points(count, d, seed=0):
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed)).numpy()


def colours(seed=0, shape=(6, 4, 3)):
    return np.random.default_rng(seed).uniform(size=(60, *shape))


def loss_curve(folder="run"):
    found = {int(r["mark"]): float(r["value"]) for r in rows(folder, quantity="held_out_loss")}
    return np.array([*found]), np.array([*found.values()])


def test_few_data_end_in_copies_and_the_run_says_from_when_on():
    text = train(FEW, "--steps 200 --out run")
    found = summary()
    assert (found["verdict"], found["images_per_step"], found["patterns"]) == (COPIES, 128, 8)
    first = found["first_copies_step"]["mean"]
    assert first in (52, 100, 152, 200)
    assert f"first copies beyond chance at step {first:.0f}: after {128 * first:.0f} images" in text
    assert f"each datum {16 * first:.0f} times" in text
    assert found["least_held_out_loss_step"]["mean"] < 52
    flagged = {int(r["look"]) for r in rows(quantity="flagged", criterion="ratio") if r["look"]}
    assert flagged == {52, 100, 152, 200}


def test_samples_are_in_the_formats_that_are_asked_for():
    words = "--data few.npy --patterns 20 --width 8 --depth 1 --steps 4 --looks 2 --draws 20"
    train(words, "--samples 2 --jobs 1 --quiet --format svg,pdf --out run")
    for name in ("samples", "samples-2"):
        assert contents()[f"{name}.pdf"].startswith(b"%PDF")
        inside = re.search(rb"base64,([^\"]*)", contents()[f"{name}.svg"])[1]
        dots = np.asarray(Image.open(io.BytesIO(base64.b64decode(inside))).convert("L"))
        assert (dots == np.asarray(Image.open(f"run/{name}.png").convert("L"))).all()
    train(words, "--steps 5 --jobs 1 --quiet --overwrite --samples 1 --out run")
    assert not {"samples.pdf", "samples.svg", "samples-2.pdf"} & contents().keys()


def test_it_stops_at_the_first_copies():
    train(FEW, "--steps 200 --until copies --out short")
    train(FEW, "--steps 200 --out long")
    first = summary("long")["first_copies_step"]["mean"]
    assert summary("short")["kept_step"]["mean"] == first < 200
    assert summary("short")["verdict"] == COPIES
    steps, losses = loss_curve("short")
    assert steps[-1] == first
    assert np.array_equal(losses, loss_curve("long")[1][: len(losses)])


def test_it_keeps_the_denoiser_of_the_least_held_out_loss(monkeypatch):
    """The argmin of the recorded curve, with the weights that the training had there."""
    snapshots = {}
    watched = Trainer.run

    def watching(self, stop, watch, *others):
        def both(step, denoiser):
            snapshots[step] = denoiser
            watch(step, denoiser)

        return watched(self, stop, both, *others)

    monkeypatch.setattr(Trainer, "run", watching)
    text = train(FEW, "--steps 200 --until loss --out run")
    steps, losses = loss_curve()
    least = int(steps[losses.argmin()])
    assert summary()["kept_step"]["mean"] == summary()["least_held_out_loss_step"]["mean"] == least
    assert len(steps) - 1 - losses.argmin() == 10  # marks that it waited
    assert steps[-1] < 200
    x = torch.from_numpy(points(5, 24, seed=1))
    kept = load_denoiser("run/denoiser.safetensors")
    assert torch.equal(kept(x, 0.5), snapshots[least](x, 0.5))
    assert summary()["verdict"] == NONE
    assert f"of step {least}: {NONE}" in " ".join(text.split())


BROKEN = {  # where: what is interrupted, and the how manieth time
    "before a look": (MemorizationMonitor, "judge", 2),
    "after a look": (TrainingFile, "save", 26),  # the second look is at step 50, of 2 a mark
    "after a mark": (TrainingFile, "save", 31),
    "in the first steps": (TrainingFile, "save", 5),
    "at the end": (training, "save_grid", 5),
}


@pytest.mark.parametrize(
    ("until", "where"),
    [("steps", where) for where in BROKEN]
    + [("copies", "after a look"), ("loss", "in the first steps"), ("loss", "at the end")],
)
def test_a_training_that_was_broken_off_goes_on_bit_for_bit(until, where, monkeypatch):
    words = f"{FEW} --steps 100 --until {until} --quiet --out"
    train(words, "whole")
    home, name, count = BROKEN[where]
    sooner = {("copies", "after a look"): 13, ("loss", "at the end"): 1}  # they are shorter
    count = sooner.get((until, where), count)
    with monkeypatch.context() as patch:
        patch.setattr(home, name, interrupt_at(getattr(home, name), count))
        text = train(words, "broken", code=130)
    assert "the same command goes on from there" in text
    assert Path("broken/.unfinished/training").is_dir()
    train(words, "broken")
    assert contents("broken").keys() == contents("whole").keys()
    for file in ("points.jsonl", "results.csv", "summary.json", "figure.png", "samples.png"):
        assert contents("broken")[file] == contents("whole")[file]
    one, other = (read(f"{folder}/denoiser.safetensors") for folder in ("broken", "whole"))
    assert one[1] == other[1]
    assert all(torch.equal(value, other[0][name]) for name, value in one[0].items())


def test_a_killed_training_goes_on_bit_for_bit():
    words = f"{FEW} --steps 100 --quiet --out"
    command = [sys.executable, "-m", "bridges", "train", *words.split(), "killed"]
    process = subprocess.Popen(command, env=ENVIRONMENT)
    looks = Path("killed/.unfinished/training/looks.json")
    while process.poll() is None and not looks.exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not Path("killed/results.csv").exists()  # killed on its way
    train(words, "killed")
    train(words, "whole")
    for file in ("points.jsonl", "results.csv", "summary.json", "samples.png"):
        assert contents("killed")[file] == contents("whole")[file]


def interrupt_at(call, count):
    """The call, broken off as by Ctrl-C the n-th time that it is made."""
    made = itertools.count(1)

    def broken(*args, **options):
        if next(made) == count:
            raise KeyboardInterrupt
        return call(*args, **options)

    return broken


def test_what_an_unfinished_run_kept_goes_with_it_and_nothing_of_the_users():
    train(FEW, "--steps 4 --quiet --out run")
    Path("run/.unfinished").mkdir()
    Path("run/mine.txt").touch()
    train(FEW, "--steps 5 --quiet --overwrite --out run")
    assert Path("run/mine.txt").exists()
    assert not Path("run/.unfinished").exists()
    Path("own/unfinished").mkdir(parents=True)
    Path("own/unfinished/denoiser.safetensors").write_bytes(contents()["denoiser.safetensors"])
    model = "--model own/unfinished/denoiser.safetensors"
    run(
        "bridges retrieve --data few.npy --patterns 3 --trials 2 --samples 1 --jobs 1",
        model,
        "--overlaps 0.9 --quiet --out own",
    )
    assert Path("own/unfinished/denoiser.safetensors").exists()


def test_more_trainings_reuse_the_first():
    train(FEW, "--steps 4 --quiet --out run")
    before = contents()["denoiser.safetensors"]
    assert "1 measurements found there" in train(FEW, "--steps 4 --samples 2 --jobs 1 --out run")
    assert contents()["denoiser.safetensors"] == before != contents()["denoiser-2.safetensors"]


@pytest.mark.parametrize("name", ["last.npy", "first.npz", "folder"])
def test_colour_and_classes_through_the_unet_and_on_through_other_verbs(name):
    labels = np.arange(60) % 2 * 3 + 4
    images = colours()
    if name == "last.npy":
        np.save(name, images)
    elif name == "first.npz":
        np.savez(name, images=np.moveaxis(images, -1, 1), labels=labels)
    else:
        for k, image in enumerate(images):
            Path(name, str(labels[k])).mkdir(parents=True, exist_ok=True)
            Image.fromarray((255 * image).astype(np.uint8)).save(f"{name}/{labels[k]}/{k}.png")
    last = name != "first.npz"
    assert image_shape(name, 72) == (3, 6, 4, last)
    classes = "" if name == "last.npy" else "--classes"
    train(
        f"--data {name} --network unet --width 8 --attention {classes} --steps 3 --looks 1",
        "--draws 20 --precision bf16 --threads 2 --quiet --out run",
    )
    kept = load_denoiser("run/denoiser.safetensors")
    assert kept.network.config == {
        "shape": [3, 6, 4],
        "channels": 8,
        "levels": 2,
        "classes": 2 if classes else 0,
        "attention": True,
    } | ({"channels_last": True} if last else {})
    with Image.open("run/samples.png") as grid:
        assert grid.mode == "RGB"
        assert "at step 3" in grid.info["Description"]
    run(
        "bridges retrieve --model run/denoiser.safetensors --patterns 3 --overlaps 0.9 --trials 3",
        f"--samples 1 --jobs 1 --data {name} --quiet --out home",
    )


def test_samples_of_classes_come_as_often_as_the_data(monkeypatch):
    """And each row of a look is asked for its own class, in the order of the labels."""
    np.savez("two.npz", data=points(40, 6), y=np.repeat([7, 2], [10, 30]))
    asked = []
    draw = MemorizationMonitor.draw
    monkeypatch.setattr(
        MemorizationMonitor, "draw", lambda self, d: [asked.append(d), draw(self, d)][1]
    )
    train("--data two.npz --patterns 40 --classes --width 8 --steps 2 --looks 1 --draws 8 --quiet")
    assert asked[0]._labels.tolist() == [0] * 6 + [1] * 2  # 2 is class 0, 7 class 1


def test_it_trains_on_what_the_library_trains_on():
    """The denoiser is that of `train_denoiser` with these arguments, to the last bit."""
    train("--data few.npy --patterns 30 --width 16 --depth 1 --steps 20 --batch 10 --out run")
    course = Course("few.npy", width=16, depth=1)
    (seed,) = sample_seeds(0, 1)
    split = course.split(30, seed)
    assert len(split.held_out) == 78
    network = course.make_network(24, seed)
    mine = train_denoiser(split.train, network=network, steps=20, batch=10, seed=seed, quiet=True)
    x = torch.from_numpy(points(5, 24, seed=1))
    assert torch.equal(load_denoiser("run/denoiser.safetensors")(x, 0.5), mine.denoiser(x, 0.5))


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((8, 6, 3), (3, 8, 6, True)),
        ((3, 8, 6), (3, 8, 6, False)),
        ((3, 8, 4), (3, 8, 4, False)),
        ((4, 8, 3), (3, 4, 8, True)),
        ((8, 6), (1, 8, 6, False)),
        ((8, 6, 1), (1, 8, 6, True)),
        ((36,), (1, 6, 6, False)),
    ],
)
def test_the_shape_of_images(shape, found):
    np.save("images.npy", np.zeros((5, *shape)))
    assert image_shape("images.npy", int(np.prod(shape))) == found


@pytest.mark.parametrize("shape", [(35,), (5, 6, 7), (2, 2, 2, 3)])
def test_rows_that_are_no_images_are_refused_for_a_unet(shape):
    np.save("rows.npy", np.random.default_rng(0).normal(size=(20, *shape)))
    text = refuses("bridges", "train --network unet --data rows.npy")
    assert "data must hold images (height, width), (height, width, channels)" in text
    assert f"got rows of shape {shape}" in text


@pytest.mark.slow
def test_digits_end_in_copies_if_they_are_40_and_a_gaussian_of_2000_does_not():
    train("--data digits --patterns 40 --steps 3000 --out digits")
    assert summary("digits")["verdict"] == COPIES
    assert summary("digits")["least_held_out_loss_step"]["mean"] < 1000
    np.save("normal.npy", points(3000, 16))
    train("--data normal.npy --patterns 2000 --steps 3000 --out normal")
    assert summary("normal")["verdict"] == NONE
    assert summary("normal")["first_copies_step"]["n"] == 0


def test_data_held_out_in_other_units_or_too_few_are_refused():
    np.save("far.npy", 255 * points(50, 24, seed=1))
    text = refuses("bridges", "train --data few.npy --held-out far.npy")
    assert "held-out must be in the units of data" in text
    np.save("alike.npy", np.repeat(points(3, 24), 5, axis=0))
    text = refuses("bridges", "train --data alike.npy --patterns 15")
    assert "data must hold at least 4 different points, got 3" in text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, on its way to the compiler
def test_a_compiled_network_learns_the_same():
    words = "--data few.npy --patterns 30 --width 16 --depth 1 --steps 20 --quiet --out"
    train(words, "plain")
    train("--compile", words, "compiled")
    x = torch.from_numpy(points(5, 24, seed=1))
    found = [load_denoiser(f"{one}/denoiser.safetensors")(x, 0.5) for one in ("plain", "compiled")]
    assert torch.allclose(*found, atol=1e-3)  # rounding alone
