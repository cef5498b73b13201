"""By simulation: intervals that hold the truth, errors that are right in the mean."""

import numpy as np
import pytest
import torch
from known import Threshold, normal
from scipy.stats import binom, norm

from bridges import memorization_fractions, retrieval_map
from bridges.crossing import crossings
from bridges.estimates import fraction_and_sem, pattern_sets, with_count
from bridges.memorization.calibration import CLASSES, MemorizationFractions
from bridges.statistics import order_threshold

# curves of which the mean crosses ½ at a known x: cues that are independent, and pattern sets
# that lose all of their patterns together
X = np.linspace(0, 1, 11)
FINE = np.linspace(0, 1, 51)


def counted(rng, n):
    return X, rng.binomial(20, norm.cdf((0.45 - X) / 0.2), (n, 11)) / 20, 0.45


def straight(rng, n):
    return X, rng.binomial(20, 1 - X, (n, 11)) / 20, 0.5


def shifted(rng, n):
    middles = 0.47 + 0.1 * rng.standard_normal((n, 1))
    return FINE, rng.binomial(50, norm.cdf((middles - FINE) / 0.05)) / 50, 0.47


def jumps(rng, n):
    return FINE, 1.0 * (rng.normal(0.47, 0.1, (n, 1)) > FINE), 0.47


def one_cue(rng, n, middle=0.45, width=0.2, x=X, cues=1):
    return x, rng.binomial(cues, norm.cdf((middle - x) / width), (n, len(x))) / cues, middle


def one_cue_sharp(rng, n):
    return one_cue(rng, n, 0.43, 0.05)


def one_cue_coarse(rng, n):
    return one_cue(rng, n, 0.45, 0.3, np.linspace(0, 1, 6))


def one_cue_coarse_and_sharp(rng, n):
    return one_cue(rng, n, 0.5, 0.1, np.linspace(0, 1, 6))


def one_cue_fine(rng, n):
    return one_cue(rng, n, 0.47, 0.03, FINE)


def two_cues(rng, n):
    return one_cue(rng, n, 0.44, 0.08, cues=2)


def sharp(rng, n):
    return one_cue(rng, n, 0.42, 0.03, cues=20)


def step(rng, n):
    return one_cue(rng, n, 0.47, 1e-9)


CURVES = [counted, straight, shifted, jumps, one_cue, one_cue_sharp, one_cue_coarse]
CURVES += [one_cue_coarse_and_sharp, one_cue_fine, two_cues, sharp, step]


def held(curves, samples, repetitions, fit="isotonic"):
    """How many of the intervals hold the truth."""
    found = 0
    for k in range(repetitions):
        x, by_sample, truth = curves(np.random.default_rng((k, samples)), samples)
        low, high = crossings(x, by_sample, 0.5, False, fit).interval
        found += low - 1e-9 <= truth <= high + 1e-9
    return found


@pytest.mark.parametrize("samples", [3, 4, 8, 100])
@pytest.mark.parametrize("curves", [counted, jumps, one_cue_sharp, one_cue_coarse, step])
def test_intervals_hold_the_truth(curves, samples):
    repetitions = 80 if samples < 100 else 20
    for fit in ("isotonic", "probit"):
        # 4 s.e. below the 93 % that the slow test asks for
        assert held(curves, samples, repetitions, fit) >= binom.ppf(3e-5, repetitions, 0.93)


@pytest.mark.slow
@pytest.mark.parametrize("fit", ["isotonic", "probit"])
@pytest.mark.parametrize("samples", [3, 4, 8, 100])
@pytest.mark.parametrize("curves", CURVES)
def test_95_percent_intervals_hold_the_truth_in_93_percent(curves, samples, fit):
    repetitions = 1000 if samples < 100 else 300
    if fit == "probit" and curves is straight:
        pytest.skip("a straight line is no probit curve")
    # 2 s.e. of the simulation
    error = (0.93 * 0.07 / repetitions) ** 0.5
    assert held(curves, samples, repetitions, fit) / repetitions >= 0.93 - 2 * error


@pytest.mark.parametrize(
    "repetitions", [pytest.param(150), pytest.param(2000, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("samples", [3, 4, 8, 100])
@pytest.mark.parametrize(
    ("fit", "curves", "least", "most"),
    [
        ("probit", counted, 0.95, 1.1),
        ("probit", shifted, 0.95, 1.1),
        ("probit", one_cue, 0.95, 1.1),
        ("isotonic", counted, 0.8, 1.4),
        ("isotonic", jumps, 0.8, 1.4),
        ("isotonic", one_cue, 0.8, 1.4),
    ],
)
def test_the_square_of_an_error_of_a_crossing(fit, curves, least, most, samples, repetitions):
    """In the mean, in variances; a crossing bends with the noise of its curve."""
    if repetitions > 1000 and samples == 100:
        repetitions = 600
    found = []
    for k in range(repetitions):
        x, by_sample, _ = curves(np.random.default_rng((k, samples)), samples)
        found.append(crossings(x, by_sample, 0.5, False, fit))
    ratio = np.mean([one.sem**2 for one in found]) / np.var([one.value for one in found], ddof=1)
    error = (2 / repetitions * (1 + 1 / min(samples - 1, 20))) ** 0.5
    assert least * (1 - 4 * error) < ratio < most * (1 + 4 * error)


def test_where_all_samples_agree_the_error_is_that_of_the_gap():
    for fit in ("isotonic", "probit"):
        found = crossings(*step(np.random.default_rng(0), 5)[:2], 0.5, False, fit)
        assert found.interval == pytest.approx((0.4, 0.5))
        assert found.sem == pytest.approx(0.1 / 12**0.5)  # of a uniform law


def test_an_interval_ends_beyond_x_where_a_wider_x_would_be_needed():
    few = np.array([[1.0, 0.9, 0.3], [1.0, 0.4, 0.5], [0.9, 0.8, 0.4]])
    found = crossings(np.arange(3.0), few, 0.5, rising=False)
    assert found.interval[1] == np.inf
    assert found.interval[0] < found.value < np.inf


@pytest.mark.parametrize(
    "repetitions", [pytest.param(400), pytest.param(20_000, marks=pytest.mark.slow)]
)
def test_the_square_of_an_error_is_the_variance_in_the_mean(repetitions):
    """Of a share of cues, at chances where neither all nor none return."""
    rng = np.random.default_rng(0)
    for n, chance in ((4, 0.5), (8, 0.7), (100, 0.9)):
        found = [
            fraction_and_sem(rng.binomial(20, chance, (n, 1)) / 20) for _ in range(repetitions)
        ]
        squares = np.mean([sem[0] ** 2 for _, sem in found])
        error = 4 / (repetitions * min(n - 1, 20)) ** 0.5 if repetitions < 1000 else 0
        assert squares == pytest.approx(chance * (1 - chance) / 20 / n, rel=0.05 + error)


class Chance(Threshold):
    """Returns a cue with a known chance."""

    def __init__(self, chance, seed):
        super().__init__(0.0, seed)
        self.chance, self.drawn = chance, torch.Generator().manual_seed(seed)

    def retrieve(self, cues, overlap):
        kept = torch.rand(len(cues), generator=self.drawn) < self.chance
        return torch.where(kept[:, None], self.cued, -self.cued), torch.ones(len(cues)).bool()


def test_an_error_does_not_vanish_where_all_cues_return():
    patterns = len(Chance(1.0, 0).patterns)
    found = retrieval_map(Chance(1.0, 0), [0.5], trials=patterns, seed=0)
    assert found.success[0] == 1
    assert found.sem[0] == 1 / (patterns + 1)
    held = 0
    for seed in range(400):
        by_sample = np.random.default_rng(seed).binomial(1, 0.99, (106, 1)) * 1.0
        mean, sem = fraction_and_sem(by_sample)
        held += abs(mean[0] - 0.99) <= 2 * sem[0]
    assert held >= 0.93 * 400  # 262 without the floor


@pytest.mark.parametrize("held_out", [50, 100, 200])
def test_a_threshold_flags_as_many_as_it_says(held_out):
    """k/(H + 1) of fresh points; the linear quantile flags 2.9, 2.0 and 1.5 % of them."""
    rng, rates = np.random.default_rng(0), []
    for _ in range(2000):
        threshold, level = order_threshold(torch.from_numpy(rng.random(held_out)), 0.01)
        rates.append(threshold)  # uniform: the rate of fresh points below it
    assert level == max(1, int(0.01 * (held_out + 1))) / (held_out + 1)
    assert abs(np.mean(rates) - level) < 4 * np.std(rates) / 2000**0.5


def test_the_levels_of_both_classes_are_those_of_fresh_points():
    rates, levels = [], []
    for k in range(60):
        train, held_out, fresh = (normal(100, 8, seed=3 * k + j) for j in range(3))
        found = memorization_fractions(fresh, train, held_out, seed=k)
        rates.append([found.memorized, found.spurious + found.memorized])
        levels.append(found.levels)
    rates, levels = np.array(rates), np.array(levels)
    assert (levels[:, 1] == 0.02).all()  # a pair of 100 points
    assert (levels[:, 0] <= 1 / 101 + 1e-12).all()
    error = rates.std(0) / 60**0.5
    assert rates[:, 0].mean() < 1 / 101 + 4 * error[0]
    assert abs(rates[:, 1].mean() - 0.02) < 4 * error[1] + 1 / 101


@pytest.mark.parametrize("states", [2000, 400])
def test_the_error_of_the_spurious_counts_pairs(states):
    """Of equally likely states one that is drawn twice is spurious: √2 where pairs are rare."""
    rng, fractions, squares, binomial = np.random.default_rng(0), [], [], []
    train = torch.full((3, 8), -1e3).double()
    for _ in range(400):
        drawn = rng.integers(states, size=200)
        rows = torch.from_numpy(np.stack([drawn] * 8, 1)).double()
        found = memorization_fractions(rows, train, delta_memorized=0.1, delta_spurious=0.1)
        fractions.append(found.spurious)
        squares.append(found.sem["spurious"] ** 2)
        binomial.append(found.spurious * (1 - found.spurious) / 200)
        assert found.sem["generalized"] == pytest.approx(found.sem["spurious"])
    # χ² of 400 repetitions
    assert np.mean(squares) == pytest.approx(np.var(fractions), rel=4 * (2 / 400) ** 0.5)
    assert np.mean(binomial) < 0.75 * np.mean(squares)


@pytest.mark.parametrize(("memorized", "states"), [(0.15, 120), (0.4, 100)])
def test_errors_of_three_classes_are_the_spread_of_their_counts(memorized, states):
    """Some of 100 samples are copies, the others of a few states: what is drawn once is new."""
    rng, n, found = np.random.default_rng(0), 100, []
    for _ in range(4000):
        copied = rng.random(n) < memorized
        state = rng.integers(states, size=n)
        often = np.bincount(state[~copied], minlength=states)[state]
        labels = np.where(copied, 0, np.where(often > 1, 1, 2))
        shares = (np.bincount(labels, minlength=3) / n).tolist()
        paired = float(((labels == 1) & (often == 2)).mean())
        one = MemorizationFractions(*shares, torch.from_numpy(labels), 0.1, 0.1, n, paired=paired)
        found.append((shares, [one.sem[name] ** 2 for name in CLASSES]))
    shares, squares = np.array(found).transpose(1, 0, 2)
    # χ² of 4000 repetitions
    assert squares.mean(0) == pytest.approx(shares.var(0), rel=4 * (2 / 4000) ** 0.5)


def test_errors_of_three_classes_do_not_vanish():
    none = MemorizationFractions(0.0, 0.0, 1.0, torch.full((20,), 2), 0.1, 0.1, 20)
    # of the ends, where samples that are spurious would come by two
    assert list(none.sem.values()) == pytest.approx([1 / 21, 1 / 11, 1 / 11])


def test_a_set_of_all_rows_is_one_and_means_say_their_n():
    assert pattern_sets(3, [10, 100], 100) == 1
    assert pattern_sets(3, [10, 99], 100) == 3
    assert pattern_sets(3, [100], np.inf) == 3
    assert with_count("0.5(1)", 2, 3) == "0.5(1), n = 2"
