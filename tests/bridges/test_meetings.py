"""Where retrieval of data and of unseen data meets: linear models at P ~ d, memories far beyond."""

import json
import math

import numpy as np
import pytest
import torch
from known import normal

from bridges import as_memory, held_out_curve, held_out_gap, meeting
from bridges.equivalence import overlap_of_noise
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser, LinearManifoldDenoiser
from diffusion.theory import linear_error, linear_held_out_error

D, SIZES, SETS = 20, (10, 30, 100, 300, 1000), 3
KIND = GaussianMixtureDenoiser(torch.zeros(1, D, dtype=torch.float64), 1.0)
MODELS = {
    "empirical": EmpiricalDenoiser,
    "linear": lambda data: LinearManifoldDenoiser(data.T / len(data) ** 0.5),
}


@pytest.fixture(scope="module")
def curves():
    """At σ = 1, by the model."""

    def gap(model, n, seed):
        data, held_out = normal(n, D, seed=1000 * n + seed), normal(300, D, seed=seed)
        memory = as_memory(MODELS[model](data), data, "flow", steps=6, centre=0)
        bayes = as_memory(KIND, data, "flow", steps=6, centre=0)
        return held_out_gap(memory, held_out, [overlap_of_noise(1.0)], 300, bayes=bayes, seed=seed)

    return {
        model: held_out_curve({n: [gap(model, n, seed) for seed in range(SETS)] for n in SIZES})
        for model in MODELS
    }


def test_linear_models_meet_at_some_points_per_entry_and_memories_do_not(curves):
    linear, empirical = curves["linear"].denoising, curves["empirical"].denoising
    # the closed form of the gap, q/4, falls below 0.05 at P = 5d; by two errors a size earlier
    assert linear.size in (100, 300)
    assert linear.value == pytest.approx(0.5, abs=0.05)  # Bayes: ½
    assert math.isinf(empirical.size)  # of log P ~ (d/2) log 2: above 1000


def test_the_curves_are_those_of_the_closed_forms(curves):
    error = curves["linear"].error
    for who, law in (("data", linear_error), ("held-out", linear_held_out_error)):
        sem = error[who].std(0, ddof=1) / SETS**0.5
        # 3 sets, whose spread is itself uncertain, a finite d and the measured unit: 10 %
        found = law(D / np.array(SIZES[1:]), 1.0)
        assert (np.abs(error[who].mean(0)[1:] - found) < 4 * sem[1:] + 0.1 * found).all()


def test_chance_and_ceilings_are_always_beside(curves):
    found = curves["empirical"]
    assert {"nearest data", "nearest held-out", "Bayes held-out", "blind guess"} < set(
        found.success
    )
    assert found.success["nearest held-out"].max() == 0
    bayes = found.error["Bayes held-out"].mean(0)
    # exact: ½, in units of the variance about the mean of n data, 1 − 1/n
    unit = 1 - 1 / np.array(SIZES)
    assert (np.abs(bayes * unit - 0.5) < 0.05).all()
    assert (found.error["held-out"].mean(0) > bayes).all()
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(record["success"]["data"][0]) == len(SIZES)
    axes = found.plot()
    labels = {line.get_label() for one in axes.containers for line in [one]}
    assert {"nearest data", "blind guess", "Bayes held-out"} <= labels


def test_one_noise_level_is_chosen_and_no_other(curves):
    assert len(curves["linear"].size) == len(SIZES)
    memory = as_memory(EmpiricalDenoiser(normal(8, 3)), dynamics="flow")
    gaps = {8: [held_out_gap(memory, normal(9, 3, seed=1), [0.5, 0.9], 6, seed=0)]}
    one = held_out_curve(gaps, sigma=float(gaps[8][0].sigma[1]))
    assert one.success["data"][0, 0] == gaps[8][0].success["data"][1]
    with pytest.raises(ValueError, match="sigma must be one of"):
        held_out_curve(gaps, sigma=9.0)


def test_a_meeting_is_of_two_errors_or_a_twentieth():
    sizes = [1, 2, 3]
    above, below = np.array([[0.9, 0.6, 0.52], [0.9, 0.5, 0.5]]), np.full((2, 3), 0.48)
    found = meeting(sizes, above, below)
    assert found.size == 2  # 0.07 ± 0.05
    assert found.value == pytest.approx((0.55 + 0.48) / 2)
    assert meeting(sizes, above[:1], below[:1]).size == 3  # 0.04, of one sample
    assert math.isinf(meeting(sizes, below + 0.3, below).size)
    assert meeting(sizes, below, above).size == 1


def test_what_is_no_curve_is_refused():
    with pytest.raises(ValueError, match="gaps must hold as many sets of data at each number"):
        held_out_curve({})
    with pytest.raises(ValueError, match="gaps must be a HeldOutGap, got 3"):
        held_out_curve({4: [3]})
    with pytest.raises(ValueError, match=r"above must have shape \(samples, 2\)"):
        meeting([1, 2], [[1.0]], [[0.5, 0.2]])
    with pytest.raises(ValueError, match="gaps must be a list of HeldOutGap at each number"):
        held_out_curve({4: 3})
    with pytest.raises(ValueError, match="a number of data must be a whole number"):
        held_out_curve({4: [], "5": []})
    with pytest.raises(ValueError, match="above must be finite, got NaN or inf"):
        meeting([1, 2], [[math.nan, 1.0]], [[0.5, 0.2]])
    with pytest.raises(ValueError, match="above must be finite, got NaN or inf"):
        meeting([1, 2], [[1.0, math.inf]], [[0.0, math.inf]])
    with pytest.raises(ValueError, match="sizes must ascend"):
        meeting([2, 1], [[1.0, 0.4]], [[0.5, 0.2]])
