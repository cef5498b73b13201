"""The list of copies: p-values, what is listed, and how often it lists what is no copy."""

import json
import math

import numpy as np
import pytest
import torch
from known import normal
from scipy.stats import binom

from bridges import calibrate, list_copies
from bridges.memorization.listing import COLUMNS, listed


def mixed(size=30, seed=0):
    """Ten exact copies, ten near ones, eighty fresh samples; data and held-out points."""
    data, held_out, fresh = (normal(n, size, seed=seed + k) for k, n in enumerate((200, 300, 80)))
    near = data[10:20] + 0.05 * normal(10, size, seed=seed + 3)
    return torch.cat([data[:10], near, fresh]), data, held_out


@pytest.mark.parametrize("left_out", [False, True])
def test_copies_are_listed_with_their_data_and_nothing_else(left_out):
    samples, data, held_out = mixed()
    found = list_copies(samples, data, None if left_out else held_out)
    assert found.copy[:20] == ["exact"] * 10 + ["close"] * 10
    assert found.nearest[:20].tolist() == list(range(20))
    assert sum(map(bool, found.copy[20:])) <= 1  # precision of 0.95
    assert found.listed[:10].sort().values.tolist() == list(range(10))
    assert found.counts["exact"] == 10


def test_numbers_are_those_of_all_distances():
    samples, data, held_out = mixed(size=3)
    found = list_copies(samples, data, held_out)
    distances = torch.cdist(samples, data, compute_mode="donot_use_mm_for_euclid_dist")
    two = distances.sort(dim=1)
    torch.testing.assert_close(found.d1, two.values[:, 0])
    torch.testing.assert_close(found.d2, two.values[:, 1])
    assert torch.equal(found.nearest, two.indices[:, 0])

    def ratios(points, kept):
        near = torch.cdist(points, kept, compute_mode="donot_use_mm_for_euclid_dist").sort().values
        return near[:, 0] / near[:, 1]

    chance = ratios(held_out, data)
    by_hand = [(1 + int((chance <= r).sum())) / 301 for r in two.values[:, 0] / two.values[:, 1]]
    assert found.p_value.tolist() == pytest.approx(by_hand)
    assert found.least_p_value == pytest.approx(1 / 301)
    others = [ratios(data[[k]], torch.cat([data[:k], data[k + 1 :]])) for k in range(200)]
    left = torch.cat(others)
    by_hand = [(2 + int((left <= r).sum())) / 202 for r in two.values[:, 0] / two.values[:, 1]]
    assert list_copies(samples, data).p_value.tolist() == pytest.approx(by_hand)


def test_the_procedure_is_that_of_benjamini_and_hochberg():
    """The largest k of m samples with p₍ₖ₎ ≤ k q/m, without the rules of matches."""
    data, held_out = normal(300, 4, seed=0), normal(4000, 4, seed=1)
    samples = torch.cat([data[:40] + 0.03 * normal(40, 4, seed=2), normal(100, 4, seed=3)])
    found = listed(samples, data, held_out, 0.0)
    order = found.p_value.argsort()
    p = found.p_value[order].tolist()
    k = max((j for j in range(1, 141) if p[j - 1] <= j * 0.05 / 140), default=0)
    assert 20 < k < 60
    assert sorted(found.listed.tolist()) == sorted(order[:k].tolist())


def test_a_single_copy_among_many_samples_is_listed_by_its_own_rule():
    """The smallest p-value, 1/301, is beyond what one of 2 000 samples needs."""
    _, data, held_out = mixed()
    for one, word in ((data[7], "exact"), (data[7] + 0.01, "close")):
        samples = torch.cat([one[None], normal(2000, 30, seed=9)])
        found = list_copies(samples, data, held_out)
        assert found.listed.tolist() == [0]
        assert found.copy[0] == word


def test_rounding_to_single_precision_leaves_a_copy_exact():
    samples, data, held_out = mixed()
    found = list_copies((3 * samples + 20).float(), 3 * data + 20, held_out * 3 + 20)
    assert found.counts["exact"] == 10


def spins(count, size, seed):
    return normal(count, size, seed=seed).sign()


def test_points_that_coincide_by_chance_are_no_copies():
    data, held_out, samples = (spins(100, 8, k) for k in range(3))
    found = list_copies(samples, data, held_out)
    assert (found.d1 == 0).sum() > 10
    assert len(found.listed) == 0
    assert found.coincide > 0.1
    data, held_out, samples = (spins(100, 64, k) for k in range(3))
    samples[:5] = data[:5]
    assert list_copies(samples, data, held_out).listed.tolist() == list(range(5))
    repeated = torch.cat([data, data[:3]])  # 3 of 103 data repeat another
    assert list_copies(samples, repeated).coincide == pytest.approx(3 / 103)
    assert list_copies(samples[:5], repeated).counts["exact"] == 5


def images(count, seed, shape=(20, 20, 3)):
    """Images whose pixels are alike near by, so that shifts by a pixel matter."""
    rough = normal(count, shape[2], shape[0], shape[1], seed=seed)
    smooth = torch.nn.functional.avg_pool2d(rough, 5, stride=1, padding=2)
    return smooth.permute(0, 2, 3, 1).contiguous()


@pytest.mark.parametrize("first", [False, True])
def test_mirrored_and_shifted_copies_are_found_on_request(first):
    data, held_out, samples = (images(n, k) for k, n in enumerate((80, 100, 30)))
    samples[:3] = data[:3].flip(2)
    samples[3:6, 2:, :-1] = data[3:6, :-2, 1:]  # two down, one to the left
    samples[6:8] = data[6:8]
    order = (0, 3, 1, 2) if first else (0, 1, 2, 3)
    shape = (3, 20, 20) if first else (20, 20, 3)
    sets = [one.permute(order).reshape(len(one), -1) for one in (samples, data, held_out)]
    plain = list_copies(*sets)
    assert plain.listed.tolist() == [6, 7]
    found = list_copies(*sets, also=("mirrored", "shifted"), shape=shape)
    assert found.copy[:8] == ["mirrored"] * 3 + ["shifted"] * 3 + ["exact"] * 2
    assert found.nearest[:8].tolist() == list(range(8))
    assert found.d1[:8].abs().max() < 1e-12
    assert len(found.listed) == 8
    some = list_copies(*sets, also=("mirrored",), shape=shape)
    assert [word for word in some.copy if word] == ["mirrored"] * 3 + ["exact"] * 2
    left = list_copies(sets[0], sets[1], also=("mirrored", "shifted"), shape=shape)
    assert left.copy == found.copy


def test_the_list_goes_into_a_table_and_a_file():
    samples, data, held_out = mixed()
    found = list_copies(samples[:20], data, held_out)
    lines = found.to_csv().splitlines()
    assert lines[0] == ",".join(COLUMNS) == "sample,nearest,d1,d2,ratio,p_value,copy"
    assert lines[1].startswith("0,0,0,")
    assert lines[1].endswith(",exact")
    assert len(lines) == 21
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert record["nearest"] == list(range(20))
    assert "20 of 20 samples are copies: 10 exact, 10 close" in repr(found)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"rate": 0.0}, r"rate must lie in \(0, 1\), got 0.0"),
        ({"also": ("turned",), "shape": (5, 6)}, "also must be one of 'mirrored', 'shifted'"),
        ({"also": ("mirrored",)}, "shape of an image must be given for mirrored copies"),
        ({"also": ("mirrored",), "shape": (5, 5)}, "shape must be that of an image of 30 entries"),
    ],
)
def test_what_cannot_be_listed_is_refused(asked, message):
    samples, data, held_out = mixed()
    with pytest.raises(ValueError, match=message):
        list_copies(samples, data, held_out, **asked)
    with pytest.raises(ValueError, match="at least one point"):
        list_copies(samples[:0], data, held_out)


def empty(repetitions, size, P, held_out, samples, seed):
    """How many lists of fresh samples are empty."""
    total = P + held_out + samples
    count = 0
    for k in range(repetitions):
        points = normal(total, size, seed=seed + k)
        data, rest = points[:P], points[P:]
        unseen = rest[:held_out] if held_out else None
        found = list_copies(rest[held_out:], data, unseen)
        count += len(found.listed) == 0
    return count


def test_fresh_samples_are_seldom_listed():
    repetitions = 30
    count = empty(repetitions, 4, 100, 600, 10, seed=0)
    assert count >= binom.ppf(1e-4, repetitions, 0.95)


def test_of_many_data_a_part_is_left_out_in_turn():
    """12 000 in a plane: 10 000 judge, and fall below 1/3 as often as theory has it, 3^−2."""
    data = normal(12_000, 2, seed=0)
    criteria = calibrate(data, seed=0).criteria
    assert criteria["ratio"].tested == 10_000
    error = math.sqrt(2 * (1 / 9) * (8 / 9) / 10_000)  # neighbours fall together
    assert abs(criteria["ratio"].false_alarms - 1 / 9) < 4 * error
    found = list_copies(torch.cat([data[-3:], normal(40, 2, seed=1)]), data)
    assert found.least_p_value == 2 / 10_002
    assert found.copy == ["exact"] * 3 + [""] * 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "P", "held_out", "samples"),
    [
        (2, 1000, 0, 10),
        (5, 300, 2000, 20),
        (12, 1000, 0, 10),
        (12, 300, 2000, 40),
        (20, 300, 0, 300),
    ],
)
def test_lists_of_fresh_samples_are_empty_in_92_percent(size, P, held_out, samples):
    """Exact would be 95 %, and 92 % of 200 is two standard errors below."""
    assert empty(200, size, P, held_out, samples, seed=1000) >= 0.92 * 200


@pytest.mark.slow
@pytest.mark.parametrize("left_out", [False, True])
def test_the_share_of_false_discoveries_is_the_rate(left_out):
    """Near copies that no rule of their own lists: the mean share over 60 lists."""
    shares, found_share = [], []
    for seed in range(60):
        points = normal(1000 + 1000 + 300, 6, seed=5000 + seed)
        data, held_out, fresh = points[:1000], points[1000:2000], points[2000:]
        near = data[:100] + 0.05 * normal(100, 6, seed=9000 + seed)
        unseen = None if left_out else held_out
        found = listed(torch.cat([near, fresh]), data, unseen, 0.0)
        wrong = int((found.listed >= 100).sum())
        shares.append(wrong / max(1, len(found.listed)))
        found_share.append((len(found.listed) - wrong) / 100)
    error = np.std(shares, ddof=1) / math.sqrt(60)
    assert np.mean(shares) < 0.05 + 3 * error
    assert np.mean(found_share) > 0.8
