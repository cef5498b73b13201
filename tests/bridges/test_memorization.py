"""Copies against false alarms, and the classes of samples."""

import json
import math

import pytest
import torch
from known import normal, sphere

from bridges import (
    calibrate,
    memorization_fractions,
    memorization_report,
    memory_geometry,
)
from bridges.memorization import CRITERIA, VERDICTS, clearest
from bridges.statistics import effective_number
from diffusion import (
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    calibrated_distance,
    manifold_factors,
    neighbour_ratio,
)


def test_chance_level_of_the_ratio_is_found_among_fresh_points():
    for size in (1, 2, 3):
        found = calibrate(normal(2000, size, seed=0), normal(4000, size, seed=1), seed=0)
        ratio = found.criteria["ratio"]
        error = math.sqrt(ratio.chance / ratio.tested)
        # 4 s.e., and 10 % for the curvature of the density
        assert abs(ratio.false_alarms - 3.0**-size) < 4 * error + 0.1 * 3.0**-size
        assert abs(ratio.chance - 3.0**-size) < 0.15 * 3.0**-size  # D is itself measured


def test_leaving_one_out_gives_the_false_alarms_of_held_out_data():
    data, fresh = normal(1500, 3, seed=0), normal(3000, 3, seed=1)
    left, held = calibrate(data, seed=0), calibrate(data, fresh, seed=0)
    assert left.left_out
    assert not held.left_out
    for name in ("ratio", "local"):
        assert (left.criteria[name].together, held.criteria[name].together) == (2, 1)
        one, other = left.criteria[name].false_alarms, held.criteria[name].false_alarms
        error = math.sqrt(other * (1 - other) * (1 / 1500 + 1 / 3000))
        assert abs(one - other) < 4 * 1.5 * error  # neighbours share theirs: not independent


def test_calibrated_threshold_has_its_rate_on_points_it_has_not_seen():
    found = calibrate(normal(500, 4, seed=0), normal(8000, 4, seed=1), level=0.05, seed=2)
    one = found.criteria["calibrated"]
    assert one.tested == 4000
    assert abs(one.false_alarms - 0.05) < 4 * math.sqrt(2 * 0.05 * 0.95 / 4000)  # both halves


def test_the_order_of_held_out_points_does_not_set_the_threshold():
    """The nearest first: one half, as they come, would not be like the other."""
    data, held_out = normal(300, 4, seed=0), normal(2000, 4, seed=1)
    near_first = held_out[calibrated_distance(held_out, data).argsort()]
    found = calibrate(data, near_first, level=0.05, seed=0).criteria["calibrated"]
    assert abs(found.false_alarms - 0.05) < 4 * math.sqrt(2 * 0.05 * 0.95 / 1000)


def test_measures_are_those_of_the_library():
    data, samples = normal(60, 5, seed=0), normal(20, 5, seed=1)
    found = calibrate(data, seed=0).measures(samples)
    torch.testing.assert_close(found["ratio"], neighbour_ratio(samples, data))
    torch.testing.assert_close(found["local"], calibrated_distance(samples, data))


def test_each_criterion_looks_at_its_own_measure():
    found = calibrate(normal(200, 20, seed=0), normal(100, 20, seed=1), seed=0)
    near, far = torch.zeros(5), torch.full((5,), 9.0)
    for ratio, local, shares in ((near, far, (1, 0, 0, 1)), (far, near, (0, 1, 1, 0))):
        copies = found.judge_measured({"ratio": ratio, "local": local}).copies
        assert [copies[name].fraction for name in CRITERIA] == list(shares)


def test_copies_are_told_from_fresh_samples_and_counted():
    data, fresh, held = normal(300, 6, seed=0), normal(300, 6, seed=1), normal(600, 6, seed=2)
    copies = data + 0.02 * normal(300, 6, seed=3)
    mixed = torch.cat([copies[:100], fresh[:200]])
    report = memorization_report(mixed, data, held, seed=0)
    assert report.verdict == "copies beyond chance"
    found = report.copies["calibrated"]
    assert abs(found.excess - 1 / 3) < 4 * found.sem
    for name in ("ratio", "local", "calibrated"):  # none flags fresh samples beyond chance
        found = memorization_report(fresh, data, held, seed=0).copies[name]
        assert abs(found.excess) <= 4 * found.sem + 1e-12


def test_few_copies_among_many_dimensions_are_found_or_left_open():
    """There the ratio has no false alarms, and sees what the calibrated distance cannot."""
    data, fresh, held = normal(200, 30, seed=0), normal(80, 30, seed=1), normal(60, 30, seed=2)
    for copies, verdict in ((20, VERDICTS[2]), (6, VERDICTS[2]), (0, VERDICTS[0])):
        report = memorization_report(torch.cat([data[:copies], fresh]), data, held, seed=0)
        assert report.copies["ratio"].excess == pytest.approx(copies / (80 + copies))
        assert report.verdict == verdict


def test_the_clearest_criterion_decides_and_not_the_local_distance():
    chances = {"local": 1e-9, "ratio": 0.01, "calibrated": 0.004, "match": 1.0}
    assert clearest(chances) == ("not decided", "calibrated")
    assert clearest(chances | {"ratio": 1e-6}) == ("copies beyond chance", "ratio")
    assert clearest(chances | {"match": 1e-6}) == ("copies beyond chance", "match")
    assert clearest(dict.fromkeys(chances, 0.4))[0] == VERDICTS[0]
    for errors, verdict in ((1.99, 0), (2.01, 1), (3.99, 1), (4.01, 2)):  # one-sided, normal
        chance = math.erfc(errors / math.sqrt(2)) / 2
        assert clearest(chances | {"calibrated": chance, "ratio": 1.0})[0] == VERDICTS[verdict]


def test_the_title_of_a_sweep_has_the_clearest_verdict_of_all_loads(monkeypatch):
    from bridges.study.results import Study
    from bridges.verbs.memorization import Case, Report, Survey

    study = Study({"samples": 1}, [{"patterns": P} for P in (10, 20, 40)], [[[]]] * 3)
    found = dict(zip((10, 20, 40), (VERDICTS[0], VERDICTS[1], VERDICTS[1]), strict=True))
    monkeypatch.setattr(Case, "judged", True)
    monkeypatch.setattr(Case, "judgement", property(lambda it: (found[it.patterns], "ratio")))
    monkeypatch.setattr(Case, "value", lambda *_, **__: (1.0, 0.1))
    monkeypatch.setattr(Survey, "of", lambda study: Survey("digits"))
    report = Report(study)
    assert report.finding().endswith("samples: not decided, at $P$ = 20, 40")
    found[40] = VERDICTS[2]
    assert report.finding().endswith("samples: copies beyond chance, at $P$ = 40")


def test_in_a_plane_a_third_of_the_distance_is_no_proof():
    data, fresh = normal(500, 1, seed=0), normal(500, 1, seed=1)
    report = memorization_report(fresh, data, normal(1000, 1, seed=2), seed=0)
    assert report.copies["ratio"].fraction > 0.25  # flagged by distance alone
    assert report.verdict == "no more copies than among held-out points"


def test_samples_are_denoised_before_they_are_judged():
    F = manifold_factors(50, [4], [1.0], seed=0)
    source = LinearManifoldDenoiser(F)
    data, held = source.draw(100, seed=1), source.draw(100, seed=2)
    sigma = 0.03
    samples = data + sigma * normal(100, 50, seed=3)
    raw = memorization_report(samples, data, held, seed=0)
    denoised = memorization_report(
        samples, data, held, denoiser=EmpiricalDenoiser(data), sigma=sigma, seed=0
    )
    assert denoised.copies["ratio"].fraction > 0.95
    assert raw.copies["ratio"].fraction < denoised.copies["ratio"].fraction


def test_repeated_points_count_once():
    data = normal(50, 3, seed=0)
    found = calibrate(torch.cat([data, data[:7]]), seed=0)
    assert found.repeated == 7
    assert len(found.data) == 50
    assert memory_geometry(torch.cat([data, data[:7]]), draws=10, seed=0).patterns == 50


def test_the_seed_reproduces_and_the_caller_keeps_its_data():
    data = normal(60, 3, seed=0)
    kept = data.clone()
    one, two = (memory_geometry(data, draws=20, seed=4) for _ in range(2))
    assert str(one.to_dict()) == str(two.to_dict())  # NaN and all
    assert str(calibrate(data, seed=1).to_dict()) == str(calibrate(data, seed=1).to_dict())
    assert torch.equal(data, kept)
    assert memory_geometry(3 * data + 1, draws=20, seed=4).collapse_sigma == pytest.approx(
        one.collapse_sigma
    )  # noise levels are in units of the data


def by_hand(samples, train, held_out):
    """The three classes as Pham et al. define them, distance by distance."""
    scale = samples.shape[1] ** 0.5
    own = torch.cdist(held_out, held_out).fill_diagonal_(math.inf).min(1).values / scale
    near = torch.cdist(held_out, train).min(1).values / scale
    delta_m = min(near.sort().values[1].item(), 0.2 * held_out.var(0, correction=0).mean() ** 0.5)
    delta_s = own.sort().values[1].item()  # 1 % of 200: two points, of which both see each other
    d_m = torch.cdist(samples, train).min(1).values / scale
    d_s = torch.cdist(samples, samples).fill_diagonal_(math.inf).min(1).values / scale
    memorized, twin = d_m <= delta_m, d_s <= delta_s
    return [
        float(one.double().mean()) for one in (memorized, ~memorized & twin, ~memorized & ~twin)
    ], (float(delta_m), delta_s)


def mixed_samples(train):
    copies = train[:40] + 0.05 * sphere(40, 8, 3)
    blend = (train[40] + train[41]) / 2 + 0.02 * normal(60, 8, seed=4)
    return torch.cat([copies, blend, sphere(100, 8, 5)])


def test_the_three_classes_are_those_of_pham():
    train, held_out = sphere(64, 8, 0), sphere(200, 8, 1)
    samples = mixed_samples(train)
    fractions, thresholds = by_hand(samples, train, held_out)
    found = memorization_fractions(samples, train, held_out, seed=0)
    assert (found.delta_memorized, found.delta_spurious) == pytest.approx(thresholds)
    assert [found.memorized, found.spurious, found.generalized] == pytest.approx(fractions)
    assert found.memorized == pytest.approx(0.2, abs=0.02)
    assert found.spurious == pytest.approx(0.3, abs=0.05)
    assert found.compared == 200
    near = torch.cdist(held_out, train).min(1).values / 8**0.5
    below = int((near <= found.delta_memorized).sum())
    assert found.levels == pytest.approx((below / 201, 2 / 200))  # of an order statistic; of pairs
    free = memorization_fractions(samples, train, held_out, level=0.04, seed=0)
    assert free.levels[1] == 8 / 200
    assert found.delta_memorized <= 0.2  # the cap is in units of the data
    moved = memorization_fractions(5 * samples + 1, 5 * train + 1, 5 * held_out + 1, seed=0)
    assert torch.equal(moved.labels, found.labels)
    assert moved.delta_memorized == pytest.approx(5 * found.delta_memorized)


def test_unseen_data_are_generalized_but_for_the_level():
    train, held_out, fresh = (sphere(n, 8, k) for k, n in enumerate((500, 4000, 4000)))
    found = memorization_fractions(fresh, train, held_out, level=0.05, seed=0)
    # δ_s errs as its quantile does: neighbours come in pairs, on either side
    error = math.sqrt(2 * 2 * 0.05 * 0.95 / 4000)
    assert abs(found.spurious + found.memorized - 0.05) < 4 * error + found.memorized
    few = memorization_fractions(fresh, train, held_out[:500], level=0.05, seed=0)
    assert few.compared == 500
    assert few.delta_spurious > found.delta_spurious  # among fewer, neighbours are farther
    assert abs(few.spurious - 0.05) < 4 * math.sqrt(2 * 0.05 * 0.95 / 500)


def test_a_short_distance_to_dense_data_is_no_memory_where_weights_are_known():
    angle = torch.linspace(0, 2 * math.pi, 513, dtype=torch.float64)[:-1]
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    samples = ring[::2] + 0.001
    denoiser = EmpiricalDenoiser(ring)
    held_out = ring[1::2] + 0.003 * normal(256, 2, seed=0)
    by_distance = memorization_fractions(samples, ring, held_out, delta_memorized=0.05, seed=0)
    assert by_distance.memorized == 1
    for sigma, memorized in ((0.3, 0), (0.003, 1)):
        weights = denoiser.weights(samples, sigma)
        found = memorization_fractions(
            samples, ring, held_out, weights=weights, delta_memorized=0.05, seed=0
        )
        assert found.memorized == memorized
    assert effective_number(denoiser.weights(samples, 0.3)).min() > 50


def test_a_state_of_one_and_a_half_data_is_not_of_one():
    """Samples upon data, by the number exp H of the data that weigh there: 1, 1.38, 1.65, 2."""
    train, samples = 10 * torch.eye(4, 8).double(), 10 * torch.eye(4, 8).double()
    parts = [[1.0, 0.0], [0.9, 0.1], [0.8, 0.2], [0.5, 0.5]]
    weights = torch.tensor([[*pair, 0.0, 0.0] for pair in parts])
    found = memorization_fractions(
        samples, train, weights=weights, delta_memorized=0.1, delta_spurious=0.1
    )
    assert found.labels.tolist() == [0, 0, 2, 2]
    assert found.effective_number.tolist() == pytest.approx([1, 1.384, 1.649, 2], abs=1e-3)


def test_samples_at_a_threshold_are_below_it_and_pairs_are_told_from_more():
    """Rms distances of ½ and 1: a pair, three in a row, one alone, and one at a datum."""
    places = torch.tensor([0.0, 0.5, 8.0, 8.5, 9.0, 20.0, 50.5], dtype=torch.float64)
    samples, train = places[:, None].expand(-1, 4), torch.full((1, 4), 50.0).double()
    how = {"delta_memorized": 0.5, "delta_spurious": 0.5}
    found = memorization_fractions(samples.contiguous(), train, **how)
    assert found.labels.tolist() == [1, 1, 1, 1, 1, 2, 0]
    # the ends of a row have one neighbour each
    assert found.paired == pytest.approx(4 / 7)


def test_the_level_of_the_least_of_99_distances_is_a_hundredth():
    found = memorization_fractions(normal(50, 2, seed=5), normal(500, 2), normal(99, 2, seed=1))
    near = torch.cdist(normal(99, 2, seed=1), normal(500, 2)).min() / 2**0.5
    assert found.delta_memorized == pytest.approx(float(near))
    assert found.levels[0] == pytest.approx(0.01)


def test_given_thresholds_need_no_held_out_data():
    train = sphere(64, 8, 0)
    found = memorization_fractions(
        mixed_samples(train), train, delta_memorized=0.1, delta_spurious=0.05
    )
    assert (found.delta_memorized, found.delta_spurious) == (0.1, 0.05)
    record = json.loads(json.dumps(found.to_dict()))
    assert record["memorized"] + record["spurious"] + record["generalized"] == pytest.approx(1)
    assert record["sem"]["memorized"] == pytest.approx(
        math.sqrt(found.memorized * (1 - found.memorized) / 200)
    )
