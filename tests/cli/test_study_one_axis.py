"""The study of all memories on one axis, small, as a user runs it."""

import numpy as np
import pytest
from terminal import rows, run, summary

from hopfield.theory import argmax_retrieval, argmax_retrieval_spins

TINY = "--size 12 --loads 2,6,40 --patterns 4 --overlaps 0.5,1 --trials 20 --jobs 1 --samples"


def test_seven_models_stand_on_the_axis_beside_the_laws():
    text = run("one_axis", TINY, "2 --out run")
    assert "exact at m0 = 0.7071, P =" in text
    assert "thresholds, N → ∞" in text
    assert {row["model"] for row in rows()} == {
        *("hebb", "unlearned", "polynomial", "exponential", "exponential-real", "flow", "sde")
    }
    run("one_axis", TINY, "1 --out alone")
    one = summary("alone")["capacity"]["flow"]["patterns"]
    assert one["interval"] == [None, None]  # one sample has no spread


def test_models_follow_their_laws():
    words = "--model hebb,exponential,flow,sde,nearest --size 16 --loads 4,32,256,1000"
    words += " --patterns 20 --overlaps 0.4,0.7 --trials 40 --samples 10 --jobs 1 --out run"
    text = run("one_axis", words)
    found = {
        (r["axis"], r["model"], int(r["patterns"]), float(r["cue_overlap"])): (
            float(r["value"]),
            float(r["sem"]),
        )
        for r in rows(quantity="success")
    }
    assert ("load", "hebb", 1000, 0.7071) not in found  # far beyond what it can hold
    exact = summary()["exact"]
    P, law = exact["load"]["patterns"], exact["load"]
    assert P == [4, 32, 256, 1000]
    noise = (1 / 0.7071**2 - 1) ** 0.5
    assert law["real"] == pytest.approx(argmax_retrieval(P, 16, noise))
    assert law["binary"] == pytest.approx(argmax_retrieval_spins(P, 16, 0.7071))
    for k, count in enumerate(P):
        for model in ("flow", "nearest"):  # the flow decodes up to .02
            mean, sem = found["load", model, int(count), 0.7071]
            assert abs(mean - law["real"][k]) < 4 * sem + 0.025, (model, count)
        mean, sem = found["load", "sde", int(count), 0.7071]
        assert law["draw"][k] - 4 * sem - 0.01 < mean < law["real"][k] + 4 * sem + 0.01
        mean, sem = found["load", "exponential", int(count), 0.7071]
        assert mean < law["binary"][k] + 4 * sem + 0.01
    assert found["load", "hebb", 32, 0.7071][0] < 0.1
    for k, overlap in enumerate(exact["corruption"]["overlap"]):
        mean, sem = found["corruption", "flow", 20, overlap]
        assert abs(mean - exact["corruption"]["real"][k]) < 4 * sem + 0.025
    held = summary()["capacity"]
    assert held["hebb"]["patterns"]["mean"] < 20 < held["exponential"]["patterns"]["mean"]
    assert f"{np.exp(16 * np.log(2) / 2):.3g}" in text  # ½ ln(1 + 1/s²) at s = 1
