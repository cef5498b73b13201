"""The studies of geometry and `bridges memorization`, small, as a user runs them."""

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from reports.dynamical_regimes import edge_in_words
from terminal import measured, refuses, rows, run, summary

from bridges.verbs.survey import Survey, measure
from diffusion.geometry import PHASES
from diffusion.theory import collapse_sigma, onset_sigma, switch_sigma


def test_dimensions_are_kept_and_lost_as_theory_says():
    words = "--dimension 12 --subspaces 2 2 --variances 1 0.05 --patterns 1000 --loads 30,1000"
    words += " --levels 13 --draws 40 --sets 40 --samples 5 --jobs 1 --out run"
    run("losing_dimensions", words, "--trained 20 --training-steps 5 --width 8")
    found = summary()
    order = found["order"]
    # noise variances of SNR = 1, dims (2, 2), P = 1000
    for criterion, expected in (("jacobian", 0.1281), ("score", 0.04515)):
        one = order[criterion]
        assert one["theory"][0] == pytest.approx(expected, rel=1e-3)
        # a tenth: the curve of the formula at N₂ ≈ 50, and the grid it is read from
        assert abs(math.log(one["large_variance"]["mean"] / expected)) < (
            0.1 + 4 * one["large_variance"]["sem"] / expected
        )
        assert one["lost_first"] == "large variance first"  # provable for these two
        assert one["theory_holds"][0]
    assert {one["lost_first"] for one in order.values()} <= {
        "large variance first",
        "small variance first",
        "undecided",
    }
    spectrum = [1.0, 1.0, 0.05, 0.05]
    assert found["collapse"]["1000"] == pytest.approx(float(collapse_sigma(1000, spectrum)) ** 2)
    assert found["onset"]["1000"] == pytest.approx(float(onset_sigma(1000, spectrum)) ** 2)
    assert found["switch"] == pytest.approx(float(switch_sigma(1.0, 0.05)) ** 2)
    said = {d: one["large_variance_first"] for d, one in found["paper"].items()}
    assert said == {"400": "confirmed", "30": "reversed"}  # each by more than 10 s.e.
    for exact in found["exact"]:
        t = exact["t"]
        assert exact["effective"] == pytest.approx(2 / (1 + t) + 2 * 0.05 / (0.05 + t))
        # down to ten times the onset P points see what the distribution has, less 1 %
        if t > 10 * found["onset"]["1000"]:
            mean, sem = measured(part="empirical", patterns=1000, t=t, quantity="effective")
            assert abs(mean - exact["effective"]) < 4 * sem + 0.03

    def phase(P, t):
        """The commonest."""
        where = {"part": "empirical", "patterns": P, "t": t}
        return max(PHASES, key=lambda name: measured(quantity=name, **where)[0])

    low, high = (f(one["t"] for one in found["exact"]) for f in (min, max))
    assert phase(1000, low) == phase(30, low) == "collapsed"  # not the place of a gap in noise
    assert phase(1000, high) == phase(30, high) == "trivial"
    collapsed = rows(part="empirical", t=low, quantity="gap")
    assert {row["patterns"] for row in collapsed} == {"20", "30", "1000"}
    assert all(float(row["value"]) < 0.2 for row in collapsed)


def test_speciation_collapse_and_basins_lie_where_theory_puts_them():
    words = "--patterns 1000 --dimension 100 --levels 6 --draws 300 --samples 3 --jobs 1 --json"
    found = json.loads(run("dynamical_regimes", words))
    mixture, digits = found["mixture"], found["digits"]

    def collapse(data):
        """The noise variance at which half of the U-turns return."""
        return math.expm1(2 * data["collapse_time"]["mean"])

    assert mixture["speciation_time"] == pytest.approx(2.3076, abs=1e-4)
    assert mixture["agreement_theory"] == pytest.approx(0.7736, abs=1e-4)
    agreement = mixture["agreement_at_speciation"]
    # 4 s.e. between 3 sets; the set has 1000 points of its own, hence 0.01
    assert abs(agreement["mean"] - 0.7736) < 4 * agreement["sem"] + 0.01
    assert abs(mixture["return_at_theory"]["mean"] - 0.58) < 0.08
    assert 1.05 < collapse(mixture) / math.expm1(2 * mixture["collapse_time_theory"]) < 1.25
    assert mixture["entropy_at_theory"]["mean"] > 0
    assert digits["speciation_time"] == pytest.approx(1.1275, abs=1e-4)
    agreement = digits["agreement_at_speciation"]
    assert abs(agreement["mean"] - 0.477) < 0.06  # 4 s.e. of 900 draws
    assert abs(collapse(digits) - 1.974) < 0.2  # read from 6 times
    for basin in found["basin"][1:-1]:
        one = basin["one-step"]
        assert abs(one["mean"] - basin["theory"]) < 0.15 + 4 * (one["sem"] or 0)
    assert found["basin"][-1]["theory"] == pytest.approx(0, abs=1e-9)


def test_memorization_surveys_data_and_judges_samples():
    points = np.random.default_rng(0).normal(size=(360, 6))
    np.save("data.npy", points[:120])
    np.save("held.npy", points[120:240])
    np.save("copies.npy", points[:60] + 0.01)
    np.save("fresh.npy", points[240:])
    words = "--data data.npy --held-out held.npy --draws 60 --samples 2 --jobs 1"
    for name, flagged in (("copies", 1.0), ("fresh", 0.0)):
        text = run("bridges memorization", words, f"--generated {name}.npy --out {name}")
        assert "what counts is the excess over false alarms" in text
        share = measured(name, criterion="ratio", quantity="flagged")[0]
        assert abs(share - flagged) < 0.05  # 3^-6 by chance
        (found,) = summary(name)["cases"]
        assert ("beyond chance" in found["verdict"]) == (name == "copies")
        assert found["patterns"] == 120
        assert abs(measured(name, quantity="area")[0] - 1) < 0.15  # 4 s.e. of 120 draws


def test_samples_are_judged_before_the_survey_of_much_data(monkeypatch):
    """Of a survey that takes its time the verdict stands on the terminal before the geometry."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("hopfield._progress._QUICK", 0.0)
    points = np.random.default_rng(0).normal(size=(200, 6))
    np.save("data.npy", points[:100])
    np.save("copies.npy", points[:20])
    survey = Survey(str(Path("data.npy").resolve()), draws=20, generated="copies.npy")
    (point,) = survey.points(None)
    monkeypatch.setattr("sys.stderr", screen)
    measure(survey, point, 0)
    verdict, geometry = map(screen.getvalue().index, ("copies beyond chance", "geometry:"))
    assert verdict < geometry


def test_memorization_of_random_data_draws_them_anew():
    words = "--data random --size 8 --patterns 80 --draws 50 --samples 3 --jobs 1 --out run"
    assert "between 3 sets of memories" in " ".join(run("bridges memorization", words).split())
    sigma, error = measured(quantity="collapse_sigma")
    assert error > 0
    # uniform on the sphere, 7 dimensions: near the collapse of Gaussians, which are no tighter
    assert 0.9 < sigma / float(collapse_sigma(80, [1.0] * 7)) < 1.4


def test_more_memories_collapse_at_less_noise():
    rng = np.random.default_rng(0)
    np.save("data.npy", rng.normal(size=(200, 6)))
    np.save("copies.npy", rng.normal(size=(10, 6)))
    words = "--data data.npy --generated copies.npy --draws 50 --samples 2 --jobs 1"
    text = run("bridges memorization", words, "--patterns 20,60,180 --out run")
    assert "P = 180: no more copies than among held-out points: an excess of" in text
    cases = summary()["cases"]
    assert [case["patterns"] for case in cases] == [20, 60, 180]
    sigma = [measured(patterns=P, quantity="collapse_sigma")[0] for P in (20, 60, 180)]
    assert sigma[0] > sigma[1] > sigma[2]
    run("bridges memorization", words, "--patterns 60 --out alone")
    assert summary("alone")["cases"] == [cases[1]]
    assert rows("alone") == rows(patterns=60)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("narrow.npy", "generated must hold vectors of size 64, got (9, 3)"),
        ("missing.npy", "no file 'missing.npy'"),
    ],
)
def test_samples_that_cannot_be_judged_are_refused(file, message):
    np.save("narrow.npy", np.random.default_rng(0).normal(size=(9, 3)))
    assert message in refuses("bridges memorization", "--generated", file)


def test_an_edge_beyond_the_cues_is_told_by_its_side():
    assert edge_in_words(math.inf, math.nan, 1.8) == "> 1.8"
    assert edge_in_words(-math.inf, math.nan, 1.8) == "none"
    assert edge_in_words(math.nan, math.nan, 1.8) == "none"
    assert edge_in_words(0.5, 0.02, 1.8) == "0.50(2)"
