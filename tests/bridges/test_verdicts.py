"""The verdict on copies: what it must see, and what it must not say of data without copies."""

import math

import numpy as np
import pytest
import torch
from known import normal
from scipy.stats import fisher_exact

from bridges import (
    generalization_report,
    memorization_fractions,
    memorization_report,
)
from bridges.data import load
from bridges.memorization import VERDICTS
from bridges.memorization.copies import Criterion, Match, matching
from diffusion import CopyFraction, EmpiricalDenoiser, copy_fraction
from diffusion.networks import NetworkDenoiser, UNet

DIGITS = load("digits")[0]


def gaussian(seed, samples, data, held_out, size=6):
    parts = zip((samples, data, held_out), range(3), strict=True)
    return [normal(n, size, seed=3 * seed + k) if n else None for n, k in parts]


def digits(seed, samples=100, data=200, held_out=100):
    order = torch.randperm(len(DIGITS), generator=torch.Generator().manual_seed(seed))
    return DIGITS[order[: samples + data + held_out]].split([samples, data, held_out])


def bits(seed, size, samples=1000):
    return [(rows > 0).double() for rows in gaussian(seed, samples, 100, 60, size)]


def clear(draw, repetitions):
    return sum(memorization_report(*draw(k), seed=k).verdict == VERDICTS[2] for k in repetitions)


@pytest.mark.parametrize("copies", [1, 3, 10])
@pytest.mark.parametrize("held_out", [True, False])
def test_identical_samples_are_beyond_chance_by_themselves(copies, held_out):
    for draw in (lambda k: gaussian(k, 100, 200, 100, 30), digits):
        samples, data, others = draw(0)
        samples = torch.cat([data[:copies], samples[copies:]])
        report = memorization_report(samples, data, others if held_out else None, seed=0)
        assert report.verdict == VERDICTS[2]
        assert report.copies["match"].fraction == copies / 100
        assert report.copies["match"].p_value < 1e-5


def test_nearly_identical_samples_are_too():
    samples, data, held_out = gaussian(0, 100, 200, 100, 30)
    samples[:5] = data[:5] + 1e-3 * normal(5, 30, seed=9)
    report = memorization_report(samples.float(), data.float(), held_out.float(), seed=0)
    assert report.copies["match"].fraction == 0.05
    assert report.verdict == VERDICTS[2]


def test_matches_of_coarse_data_are_chance():
    """1 000 samples of 2¹⁰ states hit the 100 data by chance: no match is beyond it."""
    for seed in range(5):
        for size in (8, 10, 14):
            report = memorization_report(*bits(seed, size), seed=0)
            assert report.copies["match"].fraction == 0
            assert report.verdict != VERDICTS[2]


def test_real_points_that_repeat_one_another_leave_no_match():
    samples, data, held_out = gaussian(0, 100, 200, 100, 30)
    held_out[0] = data[0]
    samples[:2] = data[:2]
    assert memorization_report(samples, data, held_out, seed=0).verdict != VERDICTS[2]


@pytest.mark.parametrize(
    "draw",
    [
        lambda k: gaussian(k, 1000, 200, 100),  # false in 9 of 120 by the difference and its error
        lambda k: gaussian(k, 3000, 200, 60),  # in 21 of 60
        lambda k: gaussian(k, 500, 100, 0, 2),  # each left out in turn
        digits,
        lambda k: bits(k, 16, 300),
    ],
)
def test_a_verdict_on_data_without_copies_is_not_false(draw):
    assert clear(draw, range(12)) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw",
    [
        lambda k: gaussian(k, 1000, 200, 100),
        lambda k: gaussian(k, 3000, 200, 60),
        lambda k: gaussian(k, 1000, 200, 0, 3),
        lambda k: digits(k, 1000),
    ],
)
def test_a_verdict_is_false_in_less_than_one_of_400(draw):
    assert clear(draw, range(440)) == 0


def test_an_excess_is_judged_by_fishers_exact_test():
    found = CopyFraction.counted(7, 100, 1, 50)
    assert found.p_value == pytest.approx(fisher_exact([[7, 93], [1, 49]], "greater").pvalue)
    assert found.sem == pytest.approx((0.07 * 0.93 / 100 + 0.02 * 0.98 / 50) ** 0.5)
    none = CopyFraction.counted(0, 99, 0, 49)
    assert none.sem == pytest.approx((1e-4 + 4e-4) ** 0.5)  # no error vanishes
    assert none.p_value == 1
    points = normal(300, 10, seed=0)
    assert copy_fraction(points[:50] + 0.01, points[:200], points[200:]).p_value < 1e-30


def test_points_that_are_flagged_by_two_count_half():
    """Of 100 held-out points three are flagged: as of 50 points two are, no half of one."""
    values = torch.tensor([0.5] * 7 + [2.0] * 13)
    for together, alarms, points in ((1, 3, 100), (2, 2, 50)):
        found = Criterion(1.0, 0.03, 100, np.nan, together).judge(values)
        table = [[7, 13], [alarms, points - alarms]]
        assert found.p_value == pytest.approx(fisher_exact(table, "greater").pvalue)
        assert (found.fraction, found.baseline) == (0.35, 0.03)  # of the points one by one
        assert found.excess == pytest.approx(0.32)
        share = alarms / points
        error = 0.35 * 0.65 / 20 + share * (1 - share) / points
        assert found.sem == pytest.approx(error**0.5)


def test_a_match_is_judged_by_its_chance():
    values = torch.tensor([0.001, 0.002] + [0.5] * 98)
    found = Match(0.01, 0.0, 50, 1e-3).judge(values)
    assert found.p_value == pytest.approx(1 - 0.999**100 - 100 * 0.001 * 0.999**99)
    assert (found.fraction, found.baseline, found.excess) == (0.02, 0, 0.02)
    assert found.sem == pytest.approx((0.02 * 0.98 / 100) ** 0.5)


def test_the_threshold_of_a_match_is_that_of_its_law():
    """d₁/d₂ < c of a point that is no copy: (c/least)^(¾D)/(K + 1), which is to be 10⁻⁸."""
    near = torch.tensor([[2.0, 4.0], [3.0, 5.0]], dtype=torch.float64)  # least 0.5, K = 2
    threshold, chance = matching(normal(50, 16), near, 16.0)
    assert chance == 1e-8
    assert (threshold / 0.5) ** 12 / 3 == pytest.approx(1e-8)
    assert matching(normal(50, 16), None, 16.0) == (0, 1e-8)


def test_values_on_a_grid_coincide_by_their_law_or_as_independent_entries():
    # steps of 1, of 16 entries that seldom repeat: the law of both distances, at half a step
    grid = torch.stack([torch.randperm(100) for _ in range(16)], 1)
    near = torch.tensor([[2.0, 4.0], [3.0, 5.0]], dtype=torch.float64)
    reach = 0.5 * math.sqrt(16 / (2 * math.log(16)))
    law = np.mean([(reach / (0.5 * d2)) ** 16 for d2 in (4, 5)]) / 3
    for data in (grid.double(), grid.to(torch.uint8)):
        assert matching(data, near, 16.0) == pytest.approx((0.5 / 5, law))
    # 24 bits of 50 rows, half of each column ones: 50/2²⁴, and 50/2⁸ where nothing is a match
    for size, threshold in ((24, 0.5 / 5), (8, 0.0)):
        order = [torch.randperm(50) for _ in range(size)]
        rows = torch.stack([(one < 25).double() for one in order], 1)
        for data in (rows, rows.to(torch.uint8)):
            found = matching(data, near, 1e3)
            assert found == pytest.approx((threshold, 50 / 2**size))


# what differs, the set that has it, and a word of the message
OTHER = [
    (lambda rows: rows / 16, r"values in \[0, 1\] against \[0, 16\].*factor of 16; multiply by 16"),
    (lambda rows: rows / 8 - 1, r"factor of 8; multiply by 8 and add 8"),
    (lambda rows: rows * 255 / 16, "factor of 15.94; divide by 15.94"),
    (lambda rows: rows + 100, "a shift of -100"),
    (lambda rows: rows.view(-1, 8, 8).mT.reshape(-1, 64), "height and width exchanged"),
]


@pytest.mark.parametrize(("other", "message"), OTHER)
def test_sets_in_other_units_or_orders_are_refused(other, message):
    samples, data, held_out = digits(0, 300, 600, 400)
    calls = [
        lambda: memorization_report(other(samples), data, held_out, seed=0),
        lambda: memorization_report(samples, data, other(held_out), seed=0),
        lambda: memorization_fractions(other(samples), data, held_out, seed=0),
        lambda: memorization_fractions(samples, data, other(held_out), seed=0),
        lambda: copy_fraction(other(samples), data, held_out),
        lambda: generalization_report(EmpiricalDenoiser(data), data, other(held_out)),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=f"must .*{message}"):
            call()


def test_colours_first_or_last_are_told_apart():
    rng = np.random.default_rng(0)
    images = DIGITS.view(-1, 8, 8, 1).numpy() * rng.random((len(DIGITS), 1, 1, 3))
    last = torch.from_numpy(images.reshape(len(images), -1))
    first = torch.from_numpy(images.transpose(0, 3, 1, 2).reshape(len(images), -1))
    with pytest.raises(ValueError, match=r"samples must have the order of axes of data, got .*CHW"):
        memorization_report(first[:300], last[300:900], last[900:], seed=0)
    assert memorization_report(last[:300], last[300:900], last[900:], seed=0)


def test_a_poor_model_is_not_refused():
    """Blurred, noisy, of one class, all alike: bad samples in the right units."""
    samples, data, held_out = digits(0, 300, 600, 400)
    for poor in (
        0.5 * samples + 0.5 * data.mean(0),
        samples + 4 * normal(300, 64, seed=0),
        data[:1].expand(300, -1),
        data.mean(0).expand(300, -1),
        16 * torch.rand(300, 64, generator=torch.Generator().manual_seed(0)).double(),
    ):
        memorization_report(poor, data, held_out, seed=0)


def test_a_report_on_images_needs_no_whole_jacobian():
    """D of a network without training is c x, c = s²/(s² + σ²): c N directions are left."""
    network = UNet((3, 20, 20), channels=8, levels=1, seed=0)
    rows = normal(60, 1200, seed=0).float()
    found = generalization_report(
        NetworkDenoiser(network), rows[:10], rows[10:], count=4, steps=2, seed=0
    )
    assert found.dimension == pytest.approx(1200 / 1.09, rel=1e-4)
