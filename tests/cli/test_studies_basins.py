"""`bridges basins` and the study of basins in a plane, small, as a user runs them."""

import json

import pytest
from terminal import measured, run, summary

SMALL = "--data random --size 40 --patterns 3 --starts 100 --jobs 1"


def test_the_study_finds_equal_shares_of_the_noised_data_and_not_of_the_box():
    text = run(
        "basins", "--sigmas 0.3,0.8,2 --points 40 --starts 200 --samples 2 --jobs 1 --out run"
    )
    assert "fractions of p_σ" in text

    def share(dynamics, sigma, measure, memory):
        asked = {"dynamics": dynamics, "sigma": sigma, "measure": measure, "memory": memory}
        return measured(quantity="fraction", **asked)[0]

    error = 4 * (0.2 * 0.8 / 400) ** 0.5  # 4 s.e. of 400 starts
    for k in range(5):
        for sigma in (0.3, 0.8, 2):
            assert abs(share("flow", sigma, "noised", k) - 0.2) < error
    assert share("flow", 0.3, "box", 0) < 0.2 - error
    assert share("fixed-noise", 0.8, "noised", -1) == 1  # all have merged
    assert measured(quantity="agreement", dynamics="flow", sigma=0.3)[0] > 0.99
    assert summary()["exact_fraction"] == 0.2
    assert summary()["chi2"]["2"] < 6  # mean 1, s.d. 0.7


def test_noise_levels_without_a_fixed_one_are_shown_too():
    assert "flow from σ" in run("basins", "--sigmas 2 --points 20 --starts 50 --samples 1 --jobs 1")


def test_the_verb_tells_kinds_of_ends():
    words = f"{SMALL} --model hebb,denoiser,flow,sde --samples 2 --measure random --out run"
    run("bridges basins", words)
    cases = {case["model"]: case for case in summary()["cases"]}
    for case in cases.values():
        assert sum(end["mean"] for end in case["ends"].values()) == pytest.approx(1)
    assert cases["hebb"]["ends"]["inverse"]["mean"] > 0.1
    for model in ("flow", "sde"):  # all their attractors are data
        assert cases[model]["ends"]["memory"]["mean"] == 1
        assert cases[model]["attractors"]["mean"] == 3
    assert "(8 measurements found there, not repeated)" in run("bridges basins", words)


def test_cues_of_few_patterns_come_home_and_digits_have_prototypes():
    (found,) = json.loads(
        run("bridges basins", SMALL, "--model hebb --overlap 0.9 --samples 2 --json")
    )["cases"]
    assert found["ends"]["memory"]["mean"] == 1
    assert found["held"]["mean"] == 1
    words = (
        "--model denoiser --patterns 1000 --starts 100 --samples 1 --overlap 0.8 --jobs 1 --json"
    )
    for beta, kind in ((1, "memory"), (0.15, "prototype")):  # digits of a class melt together
        out = f"--beta {beta} --out {kind}"
        (found,) = json.loads(run("bridges basins", words, out))["cases"]
        ends = {name: one["mean"] for name, one in found["ends"].items()}
        # of 100 starts one may be lost: three constant pixels less leave a twentieth less signal
        assert ends["memory"] >= 0.97 if kind == "memory" else ends["memory"] == 0
        assert (ends["prototype"] > 0.1) == (kind == "prototype")
        assert ends["spurious"] == 0  # the weights of all are known


def test_fewer_starts_end_in_a_memory_as_hebbs_load_grows():
    words = f"{SMALL} --model hebb,nearest --samples 2"
    assert "Hebb, P = 12" in run("bridges basins", words, "--patterns 1,4,12 --out run")
    cases = summary()["cases"]
    assert [(c["model"], c["patterns"]) for c in cases] == [
        (model, P) for model in ("hebb", "nearest") for P in (1, 4, 12)
    ]
    held = [case["ends"]["memory"]["mean"] for case in cases]
    assert held[0] > held[1] > held[2]
    assert min(held[3:]) == 1
    run("bridges basins", words, "--patterns 4 --out alone")
    assert summary("alone")["cases"] == [cases[1], cases[4]]


def test_a_load_that_no_couplings_store_is_left_out():
    words = f"{SMALL} --model hebb,max-margin --patterns 3,120 --samples 2 --out run"
    text = run("bridges basins", words)
    assert "left out, as no couplings store the patterns: maximum margin, P = 120" in text
    assert [(case["model"], case["patterns"]) for case in summary()["cases"]] == [
        ("hebb", 3),
        ("hebb", 120),
        ("max-margin", 3),
    ]
    hard = f"{SMALL} --model max-margin --patterns 120 --samples 1 --out hard"
    assert "model stores the patterns in no case" in run("bridges basins", hard, code=2)
