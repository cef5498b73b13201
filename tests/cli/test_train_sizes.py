"""`bridges train` on several sizes of the data: what each is trained on, and where copies end."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from terminal import contents, measured, refuses, run, summary

from bridges import MemorizationMonitor, as_memory, held_out_gap
from bridges.data import raw_vectors
from bridges.study.run import sample_seeds
from bridges.verbs.sizes import COPIES, NONE, OPEN, UNJUDGED, passage
from bridges.verbs.training import Course
from diffusion import load_denoiser, train_denoiser

train = partial(run, "bridges", "train")
FEW = "--data few.npy --width 16 --depth 1 --looks 1 --draws 12 --steps 20 --jobs 1"
"""Two trainings of a second, of what needs no more."""


@pytest.fixture(autouse=True)
def few(elsewhere):
    """A standard normal of 24 dimensions."""
    np.save("few.npy", points(200, 24))


def points(count, d, seed=0):
    return torch.randn(count, d, generator=torch.Generator().manual_seed(seed)).numpy()


@pytest.mark.parametrize("data", ["few.npy", "random", "digits"])
def test_sizes_are_nested_and_share_what_is_held_out(data):
    course = Course(data, size=24 if data == "random" else None)
    small, large = (course.split(P, 3, several=True) for P in (8, 100))
    assert torch.equal(small.train, large.train[:8])
    assert torch.equal(small.held_out, large.held_out)
    assert len(small.held_out) == {"few.npy": 40, "random": 1000, "digits": 359}[data]
    known = {row.numpy().tobytes() for row in large.train}
    assert len(known) == 100
    assert not known & {row.numpy().tobytes() for row in small.held_out}


def test_each_size_is_trained_and_cued_as_in_the_library():
    text = train(FEW, "--patterns 8,100 --out run")
    assert "P = 8, 100; mlp, 20 steps of 128 images" in text
    assert "the same 40 points held out for all" in " ".join(text.split())
    (seed,) = sample_seeds(0, 1)
    course, x = Course("few.npy", width=16, depth=1), torch.from_numpy(points(5, 24, seed=1))
    for P, found in zip((8, 100), summary()["sizes"], strict=True):
        split = course.split(P, seed, several=True)
        network = course.make_network(24, seed)
        mine = train_denoiser(
            split.train,
            network=network,
            steps=20,
            held_out=split.held_out,
            seed=seed,
            quiet=True,
        )
        kept = load_denoiser(f"run/denoiser-P{P}.safetensors")
        assert torch.equal(kept(x, 0.5), mine.denoiser(x, 0.5))
        losses = (found["loss"]["mean"], found["held_out_loss"]["mean"])
        assert losses == (mine.history.loss[-1], mine.history.held_out[-1])
        memory = as_memory(kept, split.train.double(), "flow", centre=0)
        gap = held_out_gap(memory, split.held_out.double(), trials=12, seed=seed)
        assert found["gap"] == {"mean": gap.gap, "sem": gap.sem, "n": 1}
        assert found["model"] == gap.verdict
        monitor = MemorizationMonitor(split.train, split.held_out, draws=12, seed=seed)
        copies = monitor(20, kept).report.copies["calibrated"]
        mean = measured(patterns=P, quantity="excess", criterion="calibrated", look="")[0]
        assert mean == copies.excess


def test_no_copies_are_not_concluded_from_few_samples():
    """The false alarms of 20 held-out points leave room for many copies."""
    train(FEW, "--patterns 100,150 --out run")
    assert summary()["finding"] == "copies are not decided at P = 100, 150"
    assert summary()["no_copies_from"] is None
    for P in (100, 150):
        mean = measured(patterns=P, quantity="excess", criterion="calibrated", look="")[0]
        sem = measured(patterns=P, quantity="excess_sem", criterion="calibrated", look="")[0]
        assert mean + 2 * sem > 0.05


def test_more_sizes_reuse_what_is_there_and_give_the_table_of_a_fresh_run():
    train(FEW, "--patterns 8,100 --quiet --out run")
    before = contents()
    text = train(FEW, "--patterns 8,30,100 --samples 2 --out run")
    assert "2 measurements found there" in text
    assert contents()["denoiser-P8.safetensors"] == before["denoiser-P8.safetensors"]
    train(FEW, "--patterns 8,30,100 --samples 2 --quiet --out fresh")
    assert contents("run").keys() == contents("fresh").keys()
    for name in ("results.csv", "summary.json", "samples-P30-2.png"):
        assert contents("run")[name] == contents("fresh")[name]
    assert run("bridges show run").split("(")[0] == text.split("(")[0]


def test_one_size_is_another_run_than_several():
    train(FEW, "--patterns 8 --quiet --out run")
    assert "denoiser.safetensors" in contents()
    assert "holds another run" in refuses("bridges", f"train {FEW} --patterns 8,100 --out run")


def test_a_run_that_was_broken_off_goes_on_bit_for_bit(monkeypatch):
    words = f"{FEW} --patterns 8,100 --quiet --out"
    train(words, "whole")
    with monkeypatch.context() as patch:
        patch.setattr("bridges.verbs.sizes.gap_rows", interrupted)
        train(words, "broken", code=130)
    assert Path("broken/.unfinished/training-P8").is_dir()
    train(words, "broken")
    assert contents("broken").keys() == contents("whole").keys()
    for name in ("points.jsonl", "results.csv", "summary.json", "figure.png", "samples-P8.png"):
        assert contents("broken")[name] == contents("whole")[name]


def interrupted(*_):
    raise KeyboardInterrupt


OURS = ("denoiser.safetensors", "denoiser-2.safetensors", "samples.png", "samples-2.png")
MINE = ("denoiser-best.safetensors", "denoiser-3.safetensors", "samples-P8.png", "my.txt")


def test_overwriting_removes_what_the_old_run_wrote_and_nothing_of_the_users():
    train(FEW, "--patterns 8 --samples 2 --quiet --out run")
    for name in MINE:
        Path("run", name).write_text("mine")
    train(FEW, "--patterns 9 --samples 1 --quiet --overwrite --out run")
    found = contents()
    assert {name for name in OURS if name in found} == {"denoiser.safetensors", "samples.png"}
    assert {found[name] for name in MINE} == {b"mine"}
    Path("run/denoiser-P9.safetensors").write_text("mine")
    train(FEW, "--patterns 8,100 --quiet --overwrite --out run")
    assert "denoiser.safetensors" not in contents()
    assert contents()["denoiser-P9.safetensors"] == b"mine"
    train(FEW, "--patterns 8 --quiet --overwrite --out run")
    assert {name for name in contents() if "-P" in name} == {"denoiser-P9.safetensors"}


def test_overwriting_another_verbs_run_leaves_denoisers_in_its_folder():
    recall = "bridges retrieve --data digits --patterns 2 --trials 2 --samples 1 --overlaps 0.9"
    run(recall, "--jobs 1 --model hebb --quiet --out run")
    for name in OURS:
        Path("run", name).write_text("mine")
    run(recall, "--jobs 1 --model hebb --seed 1 --quiet --overwrite --out run")
    assert {contents()[name] for name in OURS} == {b"mine"}


@pytest.mark.parametrize("patterns", ["8", "8,100"])
def test_joined_shards_have_the_files_of_the_whole_run(patterns, capsys):
    words = f"{FEW} --patterns {patterns} --samples 2 --quiet"
    train(words, "--out whole")
    for k in (1, 2):
        train(words, f"--shard {k}/2 --out part{k}")
    run("bridges merge part1 part2 --out joined --quiet")
    assert contents("joined").keys() == contents("whole").keys()
    for name in contents("whole").keys() - {"config.json", "points.jsonl"}:
        assert contents("joined")[name] == contents("whole")[name], name
    text = refuses("bridges", "merge part1 part2 --out part1 --overwrite")
    assert "out: part1 is one of the parts; choose another --out" in text
    assert any("denoiser" in name for name in contents("part1"))


def test_a_file_that_a_shard_has_lost_is_named():
    words = f"{FEW} --patterns 8 --samples 2 --quiet"
    for k in (1, 2):
        train(words, f"--shard {k}/2 --out part{k}")
    Path("part2/denoiser-2.safetensors").unlink()
    text = run("bridges merge part1 part2 --out joined")
    assert "part2 has no denoiser-2.safetensors, which joined therefore lacks" in text
    assert "denoiser.safetensors" in contents("joined")


def test_a_forged_record_names_no_file_outside_its_folder():
    """Nor does it name any that `train` has no name for."""
    train(FEW, "--patterns 8,100 --quiet --out run")
    Path("samples-P8.png").write_text("mine")
    config = json.loads(Path("run/config.json").read_text())
    for point in config["points"]:
        point["patterns"] = "/../../samples-P8"
    Path("run/config.json").write_text(json.dumps(config))
    train(FEW, "--patterns 8,90 --quiet --overwrite --out run")
    assert Path("samples-P8.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ({50: COPIES, 200: COPIES, 800: COPIES}, "copies are beyond chance up to P = 800"),
        ({50: NONE, 800: NONE}, "copies are not beyond chance at P = 50, 800"),
        (
            {50: COPIES, 200: OPEN, 400: NONE, 800: NONE},
            "copies are beyond chance up to P = 50, not decided at P = 200, "
            "no longer at P = 400, 800",
        ),
        (
            {50: OPEN, 200: COPIES, 800: NONE},
            "copies are beyond chance up to P = 200 (but not at P = 50), no longer at P = 800",
        ),
        (
            {50: OPEN, 200: NONE},
            "copies are not beyond chance at P = 200, not decided at P = 50",
        ),
        ({50: OPEN, 200: OPEN}, "copies are not decided at P = 50, 200"),
        (
            {50: COPIES, 200: UNJUDGED},
            "copies are beyond chance up to P = 50, not judged at P = 200",
        ),
    ],
)
def test_the_passage_in_words(verdicts, words):
    assert passage(verdicts) == words


def test_what_cannot_be_compared_is_refused():
    refused = {
        "--patterns 8,161": "patterns must be at most 160 for few.npy, of which 40 points are held",
        "--patterns 3,8": "patterns must be at least 4, got 3",
        "--patterns 8,16 --batch 9": "batch must be at most the 8 points trained on, got 9",
        "--patterns 8,1000000000 --data random": "patterns: 1000000000 points of 100 sites",
    }
    for words, said in refused.items():
        assert said in refuses("bridges", f"train --data few.npy {words}"), words
    np.save("nine.npy", points(9, 3))
    text = refuses("bridges", "train --data nine.npy --patterns 5,6")
    assert "patterns: sizes are compared on data held out, got none in nine.npy" in text
    twins = np.concatenate([points(100, 24), points(100, 24)])
    np.save("twins.npy", twins)
    text = refuses("bridges", "train --data twins.npy --patterns 5,150")
    assert "patterns: size must lie in [1, " in text


@pytest.mark.slow
def test_a_gaussian_is_copied_if_it_is_20_points_and_no_longer_if_it_is_2000():
    """The truth is known: the score of N(0, 1) is linear, and no sample of it is a copy."""
    np.save("normal.npy", points(3000, 16))
    train("--data normal.npy --patterns 20,2000 --steps 3000 --looks 2 --out run")
    found = summary()
    assert found["finding"] == "copies are beyond chance up to P = 20, no longer at P = 2000"
    assert (found["copies_up_to"], found["no_copies_from"]) == (20, 2000)
    few, many = found["sizes"]
    assert raw_vectors("normal.npy").shape == (3000, 16)
    assert (few["model"], many["model"]) == ("a memory of these", "a model of their kind")
    assert few["copies"]["mean"] > 10 * few["copies"]["sem"]  # 0.49(3): the training is short
    assert few["gap"]["mean"] > 0.5 * few["ceiling"]["mean"]
    assert abs(many["gap"]["mean"]) < 4 * many["gap"]["sem"] + 0.02
    assert few["held_out_loss"]["mean"] > 2 * many["held_out_loss"]["mean"]
    assert many["held_out_loss"]["mean"] / many["loss"]["mean"] < 1.2
