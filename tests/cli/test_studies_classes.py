"""The studies of classes and imbalance, small, as a user runs them."""

import math
from pathlib import Path

import numpy as np
import pytest
from terminal import measured, run, summary

from bridges import load_run
from bridges.estimates import mean_and_sem
from diffusion.theory import (
    class_collapse_time,
    divergence_speciation_time,
    minority_speciation_time,
)


@pytest.mark.slow
def test_the_wider_class_is_first_and_subspaces_invert():
    words = "--dimension 30 --ratios 1,4 --norms 1 --fractions 0.1,0.9 --samples 4 --jobs 1"
    run("class_dynamics", words, "--subspace-fractions 0.2,0.4,0.6,0.8 --out run")
    found = summary()
    equal, wide = found["variance"]

    def of_classes(quantity):
        asked = {"kind": "variance", "ratio": 4, "quantity": quantity}
        return [measured(**asked, **{"class": c})[0] for c in (1, 2)]

    for name in ("spectral", "gap", "opt"):
        one, two = of_classes(name)
        assert one < two
        assert equal["first"][name] == 0  # no order where there is none
    assert wide["first"]["spectral"] == wide["first"]["gap"] == 1
    one, two = of_classes("quality")
    assert one > two
    isotropic, subspaces = (found["inversions"][kind] for kind in ("imbalance", "subspaces"))
    assert all(isotropic[name] is None for name in ("spectral", "gap", "opt", "gen63"))
    assert subspaces["gap"]["mean"] == pytest.approx(0.55, abs=0.08)  # of four shares, d = 30
    theory = found["spectral_inversion_theory"]
    assert theory == pytest.approx(0.4124, abs=1e-4)
    speed = subspaces["speed"]  # at n/d = 4, where the unit test has 8
    assert abs(speed["mean"] - theory) < 4 * speed["sem"] + 0.02
    slopes = {name: one[0]["mean"] for name, one in found["growth_exponents"].items()}
    assert abs(slopes["gen63"]) < 0.15  # generalization does not wait for more data
    assert slopes["spectral"] > 0.6  # memorization does, up to the floor of the spectrum


def test_a_minority_appears_when_theory_says_and_is_memorized_earlier():
    words = "--weights 0.1 --levels 12 --draws 2000 --paths 100 --steps 20 --samples 3 --jobs 1"
    run("class_speciation", words, "--patterns 600 --out run")
    found = summary()
    one = found["speciation"]["0.1"]
    assert one["theory"]["median"] == pytest.approx(
        float(minority_speciation_time(0.1, 400.0, 1.0)), abs=1e-6
    )
    for name in ("median", "threshold", "halfway"):
        here = one["measured"][name]
        # 4 s.e. of 3 samples, and the straight line between 12 times
        assert abs(here["mean"] - one["theory"][name]) < 4 * here["sem"] + 0.015
    assert 0.2 < one["identity_in_errors"] < 3
    few, many = found["collapse"]["minority"], found["collapse"]["majority"]
    assert few["theory"] == pytest.approx(float(class_collapse_time(60, 1.0, 100)))
    error = math.hypot(few["measured"]["sem"], many["measured"]["sem"])
    assert few["measured"]["mean"] - many["measured"]["mean"] > 4 * error
    for one in (few, many):  # R = ½ lies 10 to 40 % above the collapse in σ²
        ratio = math.expm1(2 * one["measured"]["mean"]) / math.expm1(2 * one["theory"])
        assert 1.02 < ratio < 1.4
    study = load_run(Path("run"))
    unequal = [k for k, point in enumerate(study.points) if point["kind"] == "unequal"]
    assert len(unequal) == 4
    for k in unequal:  # the skew of log-odds at d = 100 moves the median
        gap, variances, d = (study.points[k][q] for q in ("distance2", "variances", "dimension"))
        theory = divergence_speciation_time(0.1, 0.9, gap, *variances, d)
        mean, sem = mean_and_sem(np.array([row["value"] for (row,) in study.samples[k]]))
        assert abs(mean - theory) < 4 * sem + 0.03
    held = {
        s2: measured(kind="capacity", variance=s2, sigma=1.0, quantity="capacity")[0]
        for s2 in (0.4, 1.6)
    }
    assert held[1.6] > 5 * held[0.4]
