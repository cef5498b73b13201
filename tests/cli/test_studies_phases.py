"""The study of phases of learning, small, as a user runs it."""

import pytest
from terminal import measured, run, summary

from diffusion.theory import double_descent


@pytest.mark.slow
def test_data_postpone_memorization_and_fits_have_their_peak_at_equality():
    words = "--dimension 20 --points 2,4,8 --features 1,16 --flow-times 1,1e8 --draws 4"
    fits = "--fitted-points 4 --fitted-features 4,16,32 --ridges 1e-3 --ranks 0.5,1,2,8"
    run("phase_diagram", words, fits, "--samples 3 --jobs 1 --out run")
    found = summary()
    growth = found["exponents"]["16"]["growth"]
    assert 1 < growth["gen63"]["mean"] < 1.5
    assert growth["gap"]["mean"] > 4
    # s.e. .05; 0.59 is reached from below at far more data
    assert -0.7 < found["exponents"]["16"]["score_error"]["mean"] < -0.35
    early, late = (found["cells"][tau] for tau in ("1", "1e+08"))
    assert all(one == "learning" for row in early for one in row)
    assert [row[1] for row in late] == ["memorizing"] * 3
    assert late[2][0] == "architectural"
    assert found["peak"]["features"] == found["peak"]["equal"] == 16
    assert found["best_rank"] == 1
    for p in (4, 32):  # at the peak fluctuations of 1/d change it by more
        law = double_descent(p, 4, 4, 1e-3, 0.1)
        value, _ = measured(kind="descent", features=p, quantity="test")
        assert value == pytest.approx(law.test, rel=0.1)  # 2/d
