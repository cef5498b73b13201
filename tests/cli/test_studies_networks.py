"""The studies of trained networks, small, as a user runs them."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import reports.losing_dimensions
import torch
from terminal import measured, refuses, rows, run, script, summary

import diffusion
from bridges.generalization import loss_over_constant
from bridges.study.folders import load_run
from diffusion import EmpiricalDenoiser
from diffusion.theory import linear_error, linear_held_out_error


def test_the_sphere_is_memorized_then_generalized_and_a_file_may_stand_beside_it():
    np.save("mine.npy", np.random.default_rng(0).normal(size=(200, 8)))
    words = "--data mine.npy --loads 3,60 --steps 500 --width 64 --count 100 --held-out 80"
    run("memorization_to_generalization", words, "--samples 1 --jobs 1 --out run")
    sets = {row["data"] for row in rows()}
    assert len(sets) == 2
    for data in sets:
        for quantity, sign in (("memorized", 1), ("dimension", -1)):
            few, many = (measured(data=data, patterns=P, quantity=quantity)[0] for P in (3, 60))
            assert sign * few > sign * many
        share = measured(data=data, patterns=3, quantity="memorized")[0]
        assert 0 <= share <= 1
        for quantity in ("retrieved_unseen", "own_half", "own_half_gaussian"):
            assert 0 <= measured(data=data, patterns=60, quantity=quantity)[0] <= 1
    own, unseen = (
        measured(data="sphere", patterns=60, quantity=f"linear_{kind}")[0]
        for kind in ("error", "unseen")
    )
    # of normal data: points of a sphere in 8 dimensions are nearly so
    assert own == pytest.approx(float(linear_error(8 / 60, 1.0)), rel=0.1)
    assert unseen == pytest.approx(float(linear_held_out_error(8 / 60, 1.0)), rel=0.1)
    assert summary()["errors_meet"]["sphere"]["empirical"]["size"] is None
    assert summary()["thresholds"]["sphere"]["delta_memorized"]["mean"] == pytest.approx(
        0.2, abs=0.01
    )


def test_images_may_be_learnt_by_a_unet_and_its_samples_are_judged_against_chance():
    words = "--network unet --loads 5 --steps 30 --width 32 --count 20 --held-out 40"
    run("memorization_to_generalization", words, "--data digits@resize=4 --jobs 1 --out run")
    for quantity, low, high in (("copies", -1, 1), ("chance", 0, 1), ("size", 16, 16)):
        (own,) = (row for row in rows(quantity=quantity) if row["data"] != "sphere")
        assert low <= float(own["value"]) <= high
    refused = run("memorization_to_generalization", "--network unet --data mine.npy", code=2)
    assert "mine.npy" in refused


def test_a_training_learns_its_data_by_heart_in_time():
    words = "--patterns 4 --steps 600 --snapshots 3 --width 64 --count 60 --held-out 80"
    run("training_time", words, "--rate 0.003 --samples 1 --jobs 1 --out run")

    def along(quantity):
        """Step → value."""
        found = rows(data="sphere", quantity=quantity)
        return {float(row["step"]): float(row["value"]) for row in found}

    first, _, last = sorted(along("memorized"))
    assert along("memorized")[first] < 0.2 < 0.5 < along("memorized")[last]
    assert along("gap")[first] < along("gap")[last]
    assert first not in along("kept")
    assert 0 <= along("kept")[last] <= 1
    assert summary()["least_held_out_loss"]["sphere"]["mean"] < 600
    assert along("own_half")[last] > 0.9
    assert summary()["bias_onset"]["sphere"] in {*along("own_half"), None}


@pytest.mark.slow
def test_of_data_in_a_clump_none_is_copied_and_all_have_narrow_basins():
    """Whichever of them a sample is near, the next one is as near: no copy by distances."""
    points = np.random.default_rng(0).normal(size=(240, 8))
    points[::2] = points[0] + 0.02 * points[::2]
    np.save("mine.npy", points)
    words = "--data mine.npy --network mlp --loads 20 --steps 800 --width 64 --count 300"
    run("wider_basins", words, "--held-out 80 --samples 2 --jobs 1 --out run")
    assert measured(quantity="memorized")[0] > 0.2
    for whose in ("exact", "model"):
        assert measured(quantity="level", whose=whose)[0] > 0.5
        shares = [measured(quantity="share", whose=whose, part=k)[0] for k in range(1, 6)]
        assert sum(shares) == pytest.approx(5)  # a mean over the data is one over the fifths
        assert shares[0] < 0.3 < 1 < max(shares)
    assert measured(quantity="distance")[0] > 0.5


def test_what_only_training_finds_out_is_refused_in_one_line():
    words = "--device tpu --samples 1 --jobs 1"
    text = run("memorization_to_generalization", words, code=2)
    (error,) = (line for line in text.splitlines() if line.startswith("Error:"))
    assert "device must be one of 'auto'" in error


def test_what_no_training_could_use_is_refused_by_its_own_name():
    said = refuses("own_states", "--shares 0,0")
    assert said.endswith("shares must have one above 0, got [0.0]")
    for study in ("own_states", "network_load", "wider_basins"):
        said = refuses(study, "--held-out 5000")
        assert "held-out must be at most 1793 for digits, got 5000" in said
    for words in ("--null-class 3", "--trained-on 30", "--batch-size 4", "--scheduler ddim"):
        option = words.split()[0].removeprefix("--")
        said = refuses("model_phases", words)
        assert f"{option} must be left out with model 'trained'" in said
    assert "--sigmas" in refuses("model_phases", "--sigmas 1e-30,1")  # of no square
    said = refuses("class_training", "--network unet --depth 9")
    assert "channels and depth of a unet: levels must leave at least 2 pixels" in said
    for words in ("--network unet --channels 100000", "--depth 10000000"):
        assert "more than the" in refuses("class_training", words)


@pytest.mark.parametrize(
    ("study", "words"),
    [
        ("memorization_to_generalization", "--loads 4 --steps 1 --width 8 --count 10"),
        ("training_time", "--patterns 4 --steps 100 --snapshots 2 --rate 1e-6 --count 10"),
        ("network_load", "--loads 4 --widths 8 --steps 2 --rate 1e-6 --count 10"),
        ("own_states", "--shares 0.5 --patterns 4 --steps 1 --width 8 --count 10"),
        ("wider_basins", "--loads 20 --network mlp --steps 1 --rate 1e-6 --width 8 --count 10"),
        ("class_weights", "--steps 5,10 --rate 1e-6 --points 500 --drawn 20 --signals 1"),
        (
            "class_training",
            "--steps 10 --copy-steps 10 --rate 1e-6 --drawn 9 --features 20 --snapshots 2",
        ),
        ("guidance_window", "--training-steps 1 --width 8 --trials 2 --steps 4"),
        (
            "losing_dimensions",
            "--training-steps 1 --width 8 --trained 5 --loads 10 --patterns 20 --levels 3 --sets 3",
        ),
    ],
)
def test_nothing_is_concluded_from_networks_that_have_not_learnt(study, words):
    text = run(study, words, "--samples 1 --jobs 1 --out run")
    assert "of that of a constant; nothing is said of them" in " ".join(text.split())
    report = getattr(script(study), "Report", reports.losing_dimensions.Report)
    assert "the networks have learnt nothing" in report(load_run("run")).finding()
    found = summary()
    if study == "memorization_to_generalization":
        assert list(found["passage"].values()) == [{"unlearnt": [4.0]}] * 2
    elif study == "training_time":
        assert found["least_held_out_loss"] == {}
    elif study == "network_load":
        assert all(one["returned_load"]["n"] == 0 for one in found["networks"])
    elif study == "wider_basins":
        assert found["signs"] == {"exact": [0], "model": [0]}
    elif study == "own_states":
        assert not any(change["decided"] for change in found["changes"])
    elif study == "class_training":
        assert {tuple(one["first"].values()) for one in found["trainings"]} == {("?",) * 2}
        assert {
            one["answer"] for verdicts in found["verdicts"].values() for one in verdicts.values()
        } == {"not decided"}
    elif study == "class_weights":
        assert found["networks"] == {}
    elif study == "guidance_window":
        assert found["cells, trained"]["nearest window"] is None
        assert found["cells, exact"]["nearest window"]
    elif study == "losing_dimensions":
        assert found["trained_order"] == []
        assert found["unlearnt"] == [5]


def test_what_a_memory_and_what_a_law_have_learnt_is_below_the_loss_of_a_constant():
    points = 2 + torch.randn(8000, 6, generator=torch.Generator().manual_seed(0))
    points[:, 3:] = 2.0  # a plane: of 6 entries 3 vary
    data, held_out = points.split(4000)

    def constant(x, sigma):  # of mean variance ½, preconditioned
        return points.mean(0) + (x - points.mean(0)) * 0.5 / (0.5 + sigma[:, None] ** 2)

    def law(x, sigma):
        plane = 2 + (x[:, :3] - 2) / (1 + sigma[:, None] ** 2)
        return torch.cat([plane, points[:1, 3:].expand(len(x), 3)], 1)

    for sigma in (0.3, 1.0):
        ratio = loss_over_constant(constant, data, held_out, sigma, 0)
        assert ratio == pytest.approx(1, abs=0.05)  # 4 s.e. of the variance of 12 000 numbers
        exact = 0.5 * sigma**2 / (1 + sigma**2)
        expected = exact / (0.5 * sigma**2 / (0.5 + sigma**2))
        found = loss_over_constant(law, data, held_out, sigma, 0)
        assert found == pytest.approx(expected, rel=0.05)
    memory = EmpiricalDenoiser(data[:4])
    assert loss_over_constant(memory, data[:4], held_out, 0.1, 0) < 0.01
    assert loss_over_constant(memory, held_out, held_out, 0.1, 0) > 1


def test_a_network_that_keeps_so_many_of_its_images_returns_half_of_the_cues_of_twice_as_many(
    monkeypatch,
):
    class Keeping(EmpiricalDenoiser):
        def to(self, device):
            return self

    def keeping(data, *, snapshots, **_):
        return SimpleNamespace(snapshots=dict.fromkeys(snapshots, Keeping(data[:8])))

    monkeypatch.setattr(diffusion, "train_denoiser", keeping)
    words = "--loads 4,12,16,24 --widths 8 --steps 2 --turn 0.1 --count 400 --held-out 100"
    run("network_load", words, "--samples 2 --jobs 1 --out run")
    for K in (4, 12, 16, 24):
        settings = {"images": K, "network": "mlp", "when": "end"}
        assert measured(quantity="memorized", **settings) == (1, 0)  # all are of those kept
        share = min(1, 8 / K)
        error = math.sqrt(share * (1 - share) / 800)
        assert abs(measured(quantity="returned", **settings)[0] - share) <= 4 * error
    one = next(each for each in summary()["networks"] if each["network"] == "mlp")
    found = one["returned_capacity"]["mean"]
    # an error of a share is twice as large in log K, where the share falls by ½ K⁻¹ dK
    assert abs(math.log(found / 16)) < 4 * 2 * math.sqrt(0.25 / 800)
    assert one["returned_load"]["mean"] == pytest.approx(found * 64 / one["parameters"])
    assert one["memorized_capacity"]["n"] == 0  # all are copies up to the largest K
