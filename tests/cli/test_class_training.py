"""The study of classes along a training: what its samples decide, and its larger presets, small."""

import math

import numpy as np
import pytest
from reports.all_classes import AllClasses
from reports.class_training import Report
from reports.leads import Leads
from terminal import rows, run, script, summary

from bridges.study.results import Study

KINDS = {
    ("variance", "equal"): (64, 64),
    ("variance", "more wide"): (102, 26),
    ("variance", "more narrow"): (26, 102),
    ("centres", "equal"): (64, 64),
    ("copies", "equal"): (10, 10),
}
TIMES = {  # of the gap of both classes, of two samples
    ("variance", "equal"): ((100, 300), (110, 250)),
    ("variance", "more wide"): ((300, 100), (320, 120)),
    ("variance", "more narrow"): ((50, 600), (60, 700)),
    ("centres", "equal"): ((200, 210), (200, 190)),
    ("copies", "equal"): ((20, 20), (20, 20)),
}
CLAIMS = ("wider", "minority overfit", "reversed", "centres", "minority recognized", "theory")


def report(times=TIMES, theory=TIMES, noise=None, learnt=0.5, best=None, own=None):
    """A report on a run that gave these times; `own` is the φ of both classes at turns 1, 2, 4."""
    points, samples = [], []
    for (kind, case), counts in KINDS.items():
        points.append({"kind": kind, "case": case, "counts": list(counts), "steps": 6000})
        points[-1] |= {"labels": [8, 3], "names": ["bag", "dress"]}
        both = []
        for s in range(2):
            found = [{"quantity": "learnt", "value": learnt}]
            for c in (1, 2):
                levels = (noise or {}).get((case, c), 10.0)
                values = {
                    "gap": times[kind, case][s][c - 1],
                    "best": best and best[kind, case][s][c - 1],
                    "features_gap": theory[kind, case][s][c - 1],
                    "recognized": None if own else levels,
                }
                turned = {"class": c, "quantity": "own_class"}
                found += [
                    turned | {"turn": sigma, "value": phi}
                    for sigma, phi in zip((1.0, 2.0, 4.0), own[c - 1] if own else (), strict=False)
                ]
                found += [
                    {"class": c, "quantity": q, "value": float(v)}
                    for q, v in values.items()
                    if v is not None
                ]
            both.append(found)
        samples.append(both)
    return Report(Study({"samples": 2, "seed": 0, "parameters": {}}, points, samples))


def answers(**how):
    return dict(zip(CLAIMS, (one.answer for one in report(**how).verdicts()), strict=True))


def changed(kind, case, *times):
    return TIMES | {(kind, case): times}


def test_few_samples_decide_a_factor_of_two_and_many_by_student():
    two = math.log(2)
    for lead, sign in (
        ([two + 0.01, 3.0], 1),
        ([-0.7, -3.0], -1),
        ([two - 0.01, 3.0], 0),
        ([0.7, -0.7], 0),
        ([math.inf, 0.8], 1),
        ([math.inf, 0.6], 0),
        ([math.nan, 3.0], 0),
        ([0.10, 0.11, 0.10, 0.11], 1),
        ([0.10, 0.01, 0.30, 0.02], 0),
        ([-0.10, -0.11, -0.10, -0.11, -0.10], -1),
        ([0.1, math.inf, 0.1, 0.1], 0),
    ):
        assert Leads.measured(np.array(lead)).decided == sign, lead


def test_of_what_has_not_come_by_the_end_a_least_time_is_known():
    nan, inf = math.nan, math.inf
    first, second = np.array([100.0, nan, nan, 50.0]), np.array([nan, 300.0, nan, 200.0])
    lead = Leads.of(first, second, 1000.0)
    assert np.exp(lead.low) == pytest.approx([10, 0, 0, 4])
    assert np.exp(lead.high) == pytest.approx([inf, 0.3, inf, 4])
    turned = Leads.of(second, first, 1000.0)
    assert turned.low == pytest.approx((-lead).low)
    assert turned.high == pytest.approx((-lead).high)
    late, soon = (Leads.of(np.full(2, at), np.full(2, nan), 1000.0) for at in (600.0, 400.0))
    assert (late.decided, soon.decided, (-soon).decided) == (0, 1, -1)  # by 1.7 and by 2.5
    assert (str(late), str(-late), str(soon)) == ("> 1.67", "< 0.6", "> 2.5")
    known = Leads.measured(np.log([3.0, 3.0]))
    assert (known - soon).high == pytest.approx(np.log([1.2] * 2))  # 3/2.5 at most
    assert (known - soon).decided == 0
    assert (soon - known).low == pytest.approx(-np.log([1.2] * 2))
    assert abs(-soon).low == pytest.approx(soon.low)
    assert abs(Leads(np.array([-1.0]), np.array([2.0]))).low.tolist() == [0]
    assert str(Leads.of(np.full(2, nan), np.full(2, nan), 1000.0)) == "—"
    never = Leads.of(np.full(2, nan), np.array([3.0, 4.0]), inf)  # followed for ever
    assert (never.decided, str(never)) == (-1, "never in one")


def test_verdicts_follow_from_the_times():
    assert answers() == {
        "wider": 1,
        "minority overfit": 1,
        "reversed": 1,
        "centres": 1,
        "minority recognized": 0,
        "theory": 1,
    }
    _, minority, *_ = report().verdicts()
    assert minority.lead.low[0] == pytest.approx((math.log(600 / 50) - math.log(100 / 300)) / 2)
    assert answers(times=changed("variance", "more wide", (100, 300), (100, 300)))["reversed"] == -1
    close = answers(times=changed("variance", "equal", (100, 150), (100, 250)))
    assert (close["wider"], close["reversed"], close["centres"]) == (0, 0, 0)
    narrow = changed("variance", "equal", (300, 100), (300, 100))
    assert answers(times=narrow)["wider"] == -1
    assert answers(times=narrow)["reversed"] == 0  # there is no order to be reversed
    assert answers(times=narrow)["theory"] == -1
    never = answers(times=changed("variance", "equal", (100, None), (100, None)))
    assert never["wider"] == 1  # in 6000 steps: by 60
    late = answers(times=changed("variance", "equal", (100, None), (3500, None)))
    assert late["wider"] == 0  # by 1.7, as far as is known
    assert answers(times=changed("variance", "equal", (None, None), (100, 900)))["wider"] == 0
    one_sided = changed("centres", "equal", (200, None), (200, 210))  # undecided, and infinite
    theory = report(times=changed("centres", "equal", (200, 210), (200, 190)), theory=one_sided)
    known = report().verdicts()[-1].lead.known
    assert theory.verdicts()[-1].lead.known == pytest.approx(known)  # of those that are decided
    nothing = dict.fromkeys(TIMES, ((None, None), (None, None)))
    assert report(theory=nothing).verdicts()[-1].answer == 0
    low = {("more narrow", 1): 3.0, ("more wide", 2): 4.0}
    assert answers(noise=low)["minority recognized"] == 1
    assert set(answers(noise=low, learnt=0.95).values()) == {0}


def test_the_finding_says_what_is_not_decided():
    words = report().finding()
    assert words.startswith("Yes: at equal shares the wider class is overfit first, the minority")
    assert words.endswith("not decided: the minority is recognized at less noise only")
    assert report(learnt=0.95).finding().endswith("the networks have learnt nothing")


def test_what_two_measures_say_differently_is_not_decided():
    assert "is overfit first" in report(best=TIMES).finding().split("; ")[0]
    narrow = changed("variance", "equal", (300, 100), (300, 100))
    first, *_, last = report(best=narrow).finding().split("; ")
    assert first.startswith("Yes: the minority is overfit earlier")
    assert "not decided: at equal shares the wider class is overfit first" in last


def test_noise_of_a_class_that_never_or_always_lands_in_it_is_beyond_what_was_tried():
    """A class that is recognized up to more noise than the highest, and one below the lowest."""
    found = report(own=((1.0, 0.9, 0.8), (0.7, 0.6, 0.5)))
    point = found.point("variance", "equal")
    always, never = (found.noise_of(point, c) for c in (1, 2))
    assert (always.low.tolist(), always.high.tolist()) == ([math.log(4)] * 2, [math.inf] * 2)
    assert (never.low.tolist(), never.high.tolist()) == ([-math.inf] * 2, [0] * 2)


def test_images_are_shared_out_whole():
    shared = script("class_training").split_evenly
    assert shared(128, [4.0, 1.0]) == [102, 26]
    counts = shared(5120, [100 ** (-c / 9) for c in range(10)])
    assert sum(counts) == 5120
    assert counts[0] / counts[-1] == pytest.approx(100, rel=0.02)


@pytest.mark.slow
def test_the_preset_for_a_gpu_runs_in_small():
    words = (
        "--preset gpu --data digits --device cpu --channels 8 --images 60 --steps 10 --held-out 4"
    )
    run(
        "class_training",
        words,
        "--batch 20 --drawn 4 --starts 2 --snapshots 3 --samples 1 --jobs 1 --out run",
    )
    found = summary()
    assert [one["case"] for one in found["trainings"]] == [f"factor {f}" for f in (1, 10, 100)]
    assert [len(one) for one in found["verdicts"].values()] == [3, 3]
    assert len(found["classes"]["variances"]) == 10
    equal = {int(row["class"]) for row in rows(case="factor 1", quantity="least_test")}
    assert equal == set(range(1, 11))


def test_a_gap_that_is_open_before_anything_is_learnt_says_nothing():
    found = report()
    point = found.point("variance")
    for rows_of_sample in found.study.samples[found.study.points.index(point)]:
        for c in (1, 2):
            mark = {"class": c, "quantity": "test", "step": 100.0, "value": 0.9}
            rows_of_sample += [mark, mark | {"step": 200.0}]
    assert found.values(point, "gap", 1) == pytest.approx([math.nan, 110], nan_ok=True)
    lead = found.lead(point, "gap")
    assert lead.known == pytest.approx([math.nan, math.log(250 / 110)], nan_ok=True)
    assert (lead.decided, str(lead)) == (0, "2.27, n = 1")
    assert found.lead(found.point("centres"), "gap").known == pytest.approx(
        np.log([210 / 200, 190 / 200])
    )


def test_all_classes_are_compared_by_ranks():
    variances, counts = [0.9, 0.2, 0.5, 0.4, 0.7, 0.3], [60, 30, 15, 8, 4, 2]
    times = {1.0: [50 / v for v in variances], 10.0: [900, 500, 300, 200, 90, None], 100.0: counts}
    points, samples = [], []
    for factor, own in times.items():
        point = {"kind": "classes", "case": f"factor {factor:g}", "factor": factor, "steps": 10}
        points.append(point | {"counts": counts, "variances": variances, "labels": [*range(6)]})
        found = [{"quantity": "learnt", "value": 0.5}]
        found += [
            {"class": c, "quantity": "gap", "value": float(t)} for c, t in enumerate(own, 1) if t
        ]
        samples.append([found] * 2)
    study = Study({"samples": 2, "seed": 0, "parameters": {}}, points, samples)
    first, second, third = AllClasses(study).verdicts()
    assert (first.answer, first.lead.known.tolist()) == (1, [1.0, 1.0])  # 1/v by falling v
    assert second.lead.known == pytest.approx(
        [1 - 6 * 30 / 210] * 2
    )  # one that never comes is last
    assert second.answer == 0
    assert third.answer == 1


@pytest.mark.slow
def test_pairs_that_were_learnt_are_compared():
    words = "--steps 300 --copy-steps 10 --images 24 --few 8 --held-out 8 --drawn 20"
    run("class_training", words, "--starts 8 --features 50 --samples 1 --jobs 1 --out run")
    assert summary()["trainings"][0]["learnt"]
