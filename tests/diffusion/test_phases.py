"""Phases of learning over data, features and time: tables of exact flows, slopes, labels."""

import numpy as np
import pytest
import torch

from diffusion import GaussianMixtureDenoiser, RandomFeatureScore, class_times
from diffusion.learning_times import ClassTimes

N = (1, 2, 4, 8, 16, 32)


def times_of(d, psi_p, psi_n, t, seed):
    mixture = GaussianMixtureDenoiser(torch.zeros(1, d).double(), 1.0)
    data, _ = mixture.draw(psi_n * d, seed=seed)
    model = RandomFeatureScore(psi_p * d, d, time=t, seed=seed)
    return class_times(model.fit(data), mixture)


def slope(x, y):
    x = np.log(x) - np.log(x).mean()
    return float(x @ np.log(y) / (x @ x))


def test_phases_follow_the_times():
    nothing = dict.fromkeys(ClassTimes.__dataclass_fields__, np.full(4, np.nan))
    gen63, gap = np.array([2.0, 2.0, 5.0, np.nan]), np.array([50.0, np.nan, 3.0, np.nan])
    found = ClassTimes(**(nothing | {"gen63": gen63, "gap": gap}))
    assert found.phases([1.0, 3.0, 10.0, 100.0]).tolist() == [
        ["learning", "learning", "learning", "architectural"],
        ["generalizing", "architectural", "memorizing", "architectural"],  # overfit before learnt
        ["generalizing", "architectural", "memorizing", "architectural"],
        ["memorizing", "architectural", "memorizing", "architectural"],
    ]


def test_gaps_between_the_grid_are_log_linear():
    nothing = dict.fromkeys(ClassTimes.__dataclass_fields__, np.full(1, np.nan))
    curves = {"times": np.array([1.0, 100.0]), "train": np.array([[1.0], [0.2]])}
    curves |= {"test": np.array([[1.0], [1.2]]), "final_gap": np.array([1.0])}
    found = ClassTimes(**(nothing | curves))
    assert found.gap_at([0.1, 1.0, 10.0, 1e9])[:, 0] == pytest.approx([0, 0, 0.5, 1.0])
    with pytest.raises(ValueError, match="times must be a row of positive numbers, got"):
        found.gap_at([0.0])


def test_few_features_never_memorize_and_more_data_take_longer():
    """d = 16: the same as the tables of d = 30, to the few percent of a seed."""
    cells = {(p, n): times_of(16, p, n, 0.1, seed=3) for p in (2, 16) for n in (2, 4, 8)}
    assert cells[2, 8].phases([1e4, 1e8])[:, 0].tolist() == ["architectural"] * 2
    for n in (2, 4, 8):
        words = cells[16, n].phases([0.1, 8.0, 1e8])[:, 0].tolist()
        assert (words[0], words[2]) == ("learning", "memorizing")
    gaps, gens = ([float(getattr(cells[16, n], q)[0]) for n in (2, 4, 8)] for q in ("gap", "gen63"))
    assert slope([2, 4, 8], gaps) > 0.5  # of the data, which memorization waits for
    assert abs(slope([2, 4, 8], gens)) < 0.15
    errors = [float(cells[16, n].score_error[0]) for n in (2, 4, 8)]
    assert -0.7 < slope([2, 4, 8], errors) < -0.35


ERRORS = {  # p/d: least score error at each n/d (seed spread .007), slope fitted from n/d = 4 on
    8: ((0.1695, 0.1338, 0.1002, 0.0690, 0.0497, 0.0347), -0.51),
    32: ((0.1294, 0.1032, 0.0758, 0.0523, 0.0360, 0.0238), -0.56),
    64: ((0.1226, 0.0981, 0.0694, 0.0495, 0.0342, 0.0235), -0.52),
}


@pytest.mark.slow
@pytest.mark.parametrize("psi_p", ERRORS)
def test_the_least_score_error_falls_as_in_the_table(psi_p):
    table, exponent = ERRORS[psi_p]
    found = np.array(
        [
            [times_of(30, psi_p, n, 0.1, seed).score_error[0] for n in N]
            for seed in range(1 if psi_p == 64 else 2)
        ]
    )
    np.testing.assert_allclose(found.mean(0), table, rtol=0.1, atol=0.002)
    fitted = np.array([slope(N[2:], one[2:]) for one in found])
    assert -0.62 < fitted.mean() < -0.45
    assert fitted.mean() == pytest.approx(exponent, abs=0.06)  # s.e. of two seeds .02
    if psi_p == 32:
        best = [times_of(30, 32, n, 0.1, 0).opt[0] for n in N]
        np.testing.assert_allclose(best, [10, 11, 14, 16, 20, 25], rtol=0.25)  # grid step 12 %


GAPS = {  # t: p/d: at n/d = 1 … 16, L_gen at τ = 1e3, 1e4, 1e8; mean of two seeds, d = 30
    0.1: {
        2: ((1.065, 1.103, 1.103), (0.407, 0.422, 0.422), (0.149, 0.153, 0.153)),
        8: ((1.800, 2.237, 2.251), (0.888, 1.350, 1.360), (0.355, 0.633, 0.639)),
        32: ((2.113, 2.844, 2.900), (1.112, 2.317, 2.495), (0.481, 1.577, 1.821)),
    },
    0.01: {
        2: ((0.377, 4.90, 10.4), (0.082, 0.493, 1.233), (0.024, 0.070, 0.090)),
        8: ((0.560, 8.64, 26.7), (0.127, 1.500, 15.7), (0.032, 0.228, 5.71)),
        32: ((0.537, 9.37, 37.7), (0.116, 1.571, 30.9), (0.034, 0.303, 22.6)),
    },
}
LATER = {  # the same at n/d = 8 and 16
    0.1: {
        2: ((0.054, 0.055, 0.055), (0.026, 0.026, 0.026)),
        8: ((0.152, 0.264, 0.266), (0.072, 0.114, 0.115)),
        32: ((0.206, 0.863, 1.095), (0.092, 0.399, 0.530)),
    },
    0.01: {
        2: ((0.008, 0.016, 0.017), (0.004, 0.006, 0.006)),
        8: ((0.011, 0.061, 0.794), (0.006, 0.022, 0.080)),
        32: ((0.012, 0.084, 12.9), (0.005, 0.030, 4.70)),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("t", GAPS)
@pytest.mark.parametrize("psi_p", [2, 8, 32])
def test_gaps_are_those_of_the_tables(t, psi_p):
    table = np.array([*GAPS[t][psi_p], *LATER[t][psi_p]])
    seeds = 2 if psi_p == 32 else 8
    curves = [
        [times_of(30, psi_p, n, t, seed).gap_at([1e3, 1e4, 1e8])[:, 0] for n in N[:5]]
        for seed in range(seeds)
    ]
    found = np.array(curves)
    spread = found.std(0, ddof=1)
    # 10 %, or 3.5 s.e. of the two seeds of the table and those here, of 75 numbers
    allowed = np.maximum(0.1 * table, 3.5 * spread * (1 / 2 + 1 / seeds) ** 0.5) + 0.0006
    assert (np.abs(found.mean(0) - table) < allowed).all(), found.mean(0).round(3)
