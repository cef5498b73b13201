"""Copies against false alarms, data as memories, and the basin edge of the dense memory."""

import json
import math

import numpy as np
import pytest
import torch

from bridges import (
    calibrate,
    dimension_contrast,
    memorization_fractions,
    memorization_report,
    memory_geometry,
)
from bridges.identities import basin_edge_map
from bridges.data import class_labels, raw_vectors, standardised
from bridges.memorization import VERDICTS, clearest
from bridges.statistics import effective_number
from diffusion import (
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    calibrated_distance,
    manifold_factors,
    neighbour_ratio,
)
from diffusion.theory import collapse_sigma, onset_sigma, participation_ratio


def gaussian(count, size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, size, generator=generator, dtype=torch.float64)


def test_chance_level_of_the_ratio_is_found_among_fresh_points():
    for size in (1, 2, 3):
        found = calibrate(gaussian(2000, size, 0), gaussian(4000, size, 1), seed=0)
        ratio = found.criteria["ratio"]
        error = math.sqrt(ratio.chance / ratio.tested)
        # 4 s.e., and 10 % for the curvature of the density
        assert abs(ratio.false_alarms - 3.0**-size) < 4 * error + 0.1 * 3.0**-size
        assert abs(ratio.chance - 3.0**-size) < 0.15 * 3.0**-size  # D is itself measured


def test_leaving_one_out_gives_the_false_alarms_of_held_out_data():
    data, fresh = gaussian(1500, 3, 0), gaussian(3000, 3, 1)
    left, held = calibrate(data, seed=0), calibrate(data, fresh, seed=0)
    assert left.left_out
    assert not held.left_out
    for name in ("ratio", "local"):
        one, other = left.criteria[name].false_alarms, held.criteria[name].false_alarms
        error = math.sqrt(other * (1 - other) * (1 / 1500 + 1 / 3000))
        assert abs(one - other) < 4 * 1.5 * error  # neighbours share theirs: not independent


def test_calibrated_threshold_has_its_rate_on_points_it_has_not_seen():
    found = calibrate(gaussian(500, 4, 0), gaussian(8000, 4, 1), level=0.05, seed=2)
    one = found.criteria["calibrated"]
    assert one.tested == 4000
    assert abs(one.false_alarms - 0.05) < 4 * math.sqrt(2 * 0.05 * 0.95 / 4000)  # both halves


def test_measures_are_those_of_the_library():
    data, samples = gaussian(60, 5, 0), gaussian(20, 5, 1)
    found = calibrate(data, seed=0).measures(samples)
    torch.testing.assert_close(found["ratio"], neighbour_ratio(samples, data))
    torch.testing.assert_close(found["local"], calibrated_distance(samples, data))


def test_copies_are_told_from_fresh_samples_and_counted():
    data, fresh, held = gaussian(300, 6, 0), gaussian(300, 6, 1), gaussian(600, 6, 2)
    copies = data + 0.02 * gaussian(300, 6, 3)
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
    data, fresh, held = gaussian(200, 30, 0), gaussian(80, 30, 1), gaussian(60, 30, 2)
    for copies, verdict in ((20, VERDICTS[2]), (6, VERDICTS[1]), (0, VERDICTS[0])):
        report = memorization_report(torch.cat([data[:copies], fresh]), data, held, seed=0)
        assert report.copies["ratio"].excess == pytest.approx(copies / (80 + copies))
        assert report.verdict == verdict


def test_the_clearest_of_two_criteria_decides_and_not_the_local_distance():
    excesses = {"local": (0.9, 0.01), "ratio": (0.1, 0.04), "calibrated": (0.1, 0.03)}
    assert clearest(excesses) == ("not decided", "calibrated")
    assert clearest(excesses | {"ratio": (0.1, 0.02)}) == ("copies beyond chance", "ratio")
    assert clearest(excesses | {"ratio": (1.0, 0.0)})[0] == "copies beyond chance"
    none = dict.fromkeys(("ratio", "calibrated"), (0.0, 0.0))
    assert clearest(none)[0] == "no more copies than among held-out points"
    assert clearest(none | {"ratio": (-0.1, 0.0)})[0] == VERDICTS[0]


def test_the_title_of_a_sweep_has_the_clearest_verdict_of_all_loads(monkeypatch):
    from bridges.study.results import Study
    from bridges.verbs.memorization import SurveyReport, SweepReport
    from bridges.verbs.survey import Survey

    study = Study({"samples": 1}, [{"patterns": P} for P in (10, 20, 40)], [[[]]] * 3)
    told = dict(zip((10, 20, 40), (VERDICTS[0], VERDICTS[1], VERDICTS[1]), strict=True))
    monkeypatch.setattr(
        SurveyReport, "judgement", property(lambda it: (told[it.patterns], "ratio"))
    )
    monkeypatch.setattr(SurveyReport, "value", lambda *_, **__: (1.0, 0.1))
    report = SweepReport(study, Survey("digits", samples_file="samples.npy"))
    assert report.finding().endswith("samples: not decided, at $P$ = 20, 40")
    told[40] = VERDICTS[2]
    assert report.finding().endswith("samples: copies beyond chance, at $P$ = 40")


def test_in_a_plane_a_third_of_the_distance_is_no_proof():
    data, fresh = gaussian(500, 1, 0), gaussian(500, 1, 1)
    report = memorization_report(fresh, data, gaussian(1000, 1, 2), seed=0)
    assert report.copies["ratio"].fraction > 0.25  # flagged by distance alone
    assert report.verdict == "no more copies than among held-out points"


def test_samples_are_denoised_before_they_are_judged():
    F = manifold_factors(50, [4], [1.0], seed=0)
    source = LinearManifoldDenoiser(F)
    data, held = source.draw(100, seed=1), source.draw(100, seed=2)
    sigma = 0.03
    samples = data + sigma * gaussian(100, 50, 3)
    raw = memorization_report(samples, data, held, seed=0)
    denoised = memorization_report(
        samples, data, held, denoiser=EmpiricalDenoiser(data), sigma=sigma, seed=0
    )
    assert denoised.copies["ratio"].fraction > 0.95
    assert raw.copies["ratio"].fraction < denoised.copies["ratio"].fraction


def test_repeated_points_count_once():
    data = gaussian(50, 3, 0)
    found = calibrate(torch.cat([data, data[:7]]), seed=0)
    assert found.repeated == 7
    assert len(found.data) == 50
    assert memory_geometry(torch.cat([data, data[:7]]), draws=10, seed=0).patterns == 50


def test_flipd_tells_a_denoiser_that_memorized_from_one_that_knows_the_distribution():
    exact = LinearManifoldDenoiser(manifold_factors(20, [4], [1.0], seed=0))
    data, held = exact.draw(300, seed=1), exact.draw(300, seed=2)
    known = dimension_contrast(exact, data, held, 0.3)
    assert abs(known.separation - 0.5) < 4 * known.sem
    memorized = dimension_contrast(EmpiricalDenoiser(data), data, held, 0.1)
    assert memorized.separation > 0.95
    assert memorized.data < 1 < 4 < memorized.held_out


def test_geometry_of_gaussian_memories_meets_theory():
    P, m = 300, 10
    found = [memory_geometry(gaussian(P, m, seed), draws=200, seed=seed) for seed in range(4)]
    theory = float(collapse_sigma(P, [1.0] * m)) ** 2
    for one in found:
        # unit: the rms deviation; Y = ½ lies 5 to 25 % above the collapse at finite m
        assert 1.03 < (one.collapse_sigma * one.unit) ** 2 / theory < 1.3
        assert abs(one.area - 1) < 4 * one.area_sem + 0.01  # 1 %: the rule of the integral
        assert (np.diff(one.return_probability) <= 0.01).all()
        assert (one.entropy >= 0).all()  # decays to zero and never crosses it
        assert abs(one.unit - 1) < 4 / math.sqrt(2 * P * m)
    middle = np.mean([np.interp(theory**0.5, one.sigma, one.return_probability) for one in found])
    law = float(participation_ratio(P, [1.0] * m, theory**0.5))
    assert law < middle < law + 0.13  # Jensen's gap
    assert abs(np.mean([one.participation_ratio for one in found]) - m / (1 + m / P)) < 0.1


def test_geometry_of_the_digits():
    grid = np.exp(np.linspace(-3, 4.5, 16) / 2)
    images, labels = raw_vectors("digits"), class_labels("digits")
    found = memory_geometry(images, labels, grid, draws=600, seed=0)
    assert abs(found.collapse_sigma**2 - 1.974) < 0.1  # 0.05, and 4 s.e. of 600 draws
    assert found.speciation_time == pytest.approx(1.1275, abs=1e-4)
    assert found.two_nn_dimension == pytest.approx(9.04, abs=0.01)
    assert found.participation_ratio == pytest.approx(13.17, abs=0.005)
    assert abs(found.peak_dimension - 4.92) < 0.4  # 4 s.e. of 600 draws, and the grid
    assert abs(found.area - 1) < 4 * found.area_sem + 0.01  # 1 %: the rule of the integral
    time = np.log1p(found.sigma**2) / 2
    assert abs(np.interp(1.1275, time, found.agreement) - 0.477) < 0.05
    json.dumps(found.to_dict())


@pytest.mark.slow
def test_basin_edge_lies_where_theory_puts_it():
    P, spectrum = 1000, [1.0] * 20
    ratios = np.arange(0, 1.7, 0.2)
    for t, edge in ((1.005, 1.0), (1.482, 0.566), (1.799, 0.303)):
        found = [basin_edge_map(P, spectrum, t**0.5, ratios, 100, seed=seed) for seed in range(2)]
        assert found[0].edge == pytest.approx(edge, abs=2e-3)
        success = np.mean([one.one_step for one in found], 0)
        measured = np.interp(-0.5, -success, ratios)
        assert abs(measured - edge) < 0.2  # 0.1 of finite size (m = 20), 4 s.e. of 200 cues


def test_collapse_is_the_capacity_of_the_dense_memory():
    """At ρ = 1 and a given β the load at which half of the cues fail is that of the collapse."""
    spectrum, loads = [1.0] * 20, np.geomspace(50, 20000, 6).round().astype(int)
    sigma = float(collapse_sigma(1000, spectrum))
    success = [
        basin_edge_map(int(P), spectrum, sigma, [1.0], 300, seed=1).one_step[0] for P in loads
    ]
    capacity = math.exp(np.interp(-0.5, -np.array(success), np.log(loads)))
    # within 15 % of the exponent: P is exponential in m, Jensen's gap lifts it at m = 20
    assert abs(math.log(capacity) / math.log(1000) - 1) < 0.15


def test_no_basin_is_left_far_above_the_onset():
    spectrum = [1.0] * 20
    found = basin_edge_map(1000, spectrum, 2 * float(onset_sigma(1000, spectrum)), [0.0], seed=0)
    assert found.edge == 0
    assert found.one_step[0] == found.fixed_point[0] == 0


def test_the_seed_reproduces_and_the_caller_keeps_its_data():
    data = gaussian(60, 3, 0)
    kept = data.clone()
    one, two = (memory_geometry(data, draws=20, seed=4) for _ in range(2))
    assert str(one.to_dict()) == str(two.to_dict())  # NaN and all
    assert str(calibrate(data, seed=1).to_dict()) == str(calibrate(data, seed=1).to_dict())
    assert torch.equal(data, kept)
    assert memory_geometry(3 * data + 1, draws=20, seed=4).collapse_sigma == pytest.approx(
        one.collapse_sigma
    )  # noise levels are in units of the data


def test_standardised():
    rows, unit = standardised(raw_vectors("digits"))
    assert float(rows.mean(0).abs().max()) < 1e-12
    assert float(rows.square().mean()) == pytest.approx(1)
    assert unit == pytest.approx(4.3328, abs=1e-4)
    with pytest.raises(ValueError, match="at least 2 different vectors, got 3 alike"):
        standardised(torch.ones(3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: calibrate(d[:3]), "data must hold at least 4 different points, got 3"),
        (lambda d: calibrate(d, d[:1]), "held_out must hold at least 2 points, got 1"),
        (lambda d: calibrate(d, level=1.0), r"level must lie in \(0, 1\), got 1.0"),
        (lambda d: calibrate(d, d[:, :2]), r"held_out must have shape \(rows, 3\)"),
        (lambda d: memorization_report(d[:0], d), "samples must hold at least one point"),
        (lambda d: memorization_report(d, d, sigma=1.0), "must be given together"),
        (lambda d: memory_geometry(d[:2]), "data must hold at least 4 different points, got 2"),
        (lambda d: memory_geometry(d * math.nan), "data must be finite"),
        (lambda d: basin_edge_map(1, [1.0], 1.0, [1.0]), "P must be a whole number"),
        (lambda d: basin_edge_map(9, [1.0], 1.0, [-1.0]), "ratios must be numbers"),
        (lambda d: basin_edge_map(9, [1.0], 0.0, [1.0]), "sigma must be positive"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(gaussian(30, 3, 0))


def sphere(count, size, seed):
    rows = gaussian(count, size, seed)
    return rows * (size**0.5 / rows.norm(dim=1, keepdim=True))


def by_hand(samples, train, held_out):
    """The three classes as Pham et al. define them, distance by distance."""
    scale = samples.shape[1] ** 0.5
    own = torch.cdist(held_out, held_out).fill_diagonal_(math.inf).min(1).values / scale
    near = torch.cdist(held_out, train).min(1).values / scale
    delta_m = min(near.quantile(0.01).item(), 0.2 * held_out.var(0, correction=0).mean() ** 0.5)
    delta_s = own.quantile(0.01).item()
    d_m = torch.cdist(samples, train).min(1).values / scale
    d_s = torch.cdist(samples, samples).fill_diagonal_(math.inf).min(1).values / scale
    memorized, twin = d_m <= delta_m, d_s <= delta_s
    return [
        float(one.double().mean()) for one in (memorized, ~memorized & twin, ~memorized & ~twin)
    ], (float(delta_m), delta_s)


def mixed_samples(train):
    copies = train[:40] + 0.05 * sphere(40, 8, 3)
    blend = (train[40] + train[41]) / 2 + 0.02 * gaussian(60, 8, 4)
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
    held_out = ring[1::2] + 0.003 * gaussian(256, 2, 0)
    by_distance = memorization_fractions(samples, ring, held_out, delta_memorized=0.05, seed=0)
    assert by_distance.memorized == 1
    for sigma, memorized in ((0.3, 0), (0.003, 1)):
        weights = denoiser.weights(samples, sigma)
        found = memorization_fractions(
            samples, ring, held_out, weights=weights, delta_memorized=0.05, seed=0
        )
        assert found.memorized == memorized
    assert effective_number(denoiser.weights(samples, 0.3)).min() > 50


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": gaussian(1, 3, 0)}, "samples must hold at least 2 points, got 1"),
        ({"samples": gaussian(4, 2, 0)}, r"samples must have shape \(rows, 3\)"),
        ({"train": gaussian(0, 3, 0)}, "train must hold at least 1 points, got 0"),
        ({"held_out": None}, "held_out must be given, or both thresholds"),
        ({"held_out": gaussian(1, 3, 0)}, "held_out must hold at least 2 points"),
        ({"level": 0.0}, r"level must lie in \(0, 1\), got 0.0"),
        ({"delta_memorized": -1.0}, r"delta_memorized must lie in \[0, inf\], got -1.0"),
        ({"delta_spurious": math.nan}, "delta_spurious must lie in"),
        ({"samples": gaussian(4, 3, 0) * math.inf}, "samples must be finite"),
        ({"weights": torch.ones(4, 9)}, "weights must be rows of sum 1"),
        ({"weights": torch.ones(4, 8)}, r"weights must have shape \(rows, 9\)"),
        ({"weights": torch.ones(3, 9) / 9}, "weights must have 4 rows, got 3"),
    ],
)
def test_bad_input_to_the_fractions_is_named(arguments, message):
    usual = {
        "samples": gaussian(4, 3, 0),
        "train": gaussian(9, 3, 1),
        "held_out": gaussian(9, 3, 2),
    }
    with pytest.raises(ValueError, match=message):
        memorization_fractions(**(usual | arguments))
