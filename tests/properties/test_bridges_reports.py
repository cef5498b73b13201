"""What holds for every report on data, classes and studies, and every change of units."""

import csv
import io
import math

import numpy as np
import pytest
import torch
from drawn import few, generator, normal, precisions, seeds
from hypothesis import given, settings, strategies as st
from sklearn.metrics import roc_auc_score

from bridges import (
    MemorizationMonitor,
    PromptedMemory,
    Study,
    as_memory,
    bias_onset,
    calibrate,
    class_appearance,
    class_basins,
    class_capacity,
    class_memories,
    class_uturns,
    dimension_contrast,
    equivalence,
    generalization_report,
    held_out_curve,
    held_out_gap,
    list_copies,
    load_run,
    median_appearance,
    meeting,
    memorization_fractions,
    memorization_report,
    memory_geometry,
    memory_of_classes,
    own_half_excess,
    run_study,
    two_halves,
)
from bridges.estimates import estimate, mean_and_sem
from bridges.generalization import halves, perceptron
from bridges.geometry import noise_grid
from bridges.identities import identities
from bridges.memorization.drawing import draw
from bridges.sphere import sphere_dimension
from bridges.statistics import binomial_sem, effective_number
from bridges.verbs.convert import convert
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser, manifold_dimension

nan, inf = float("nan"), float("inf")


@st.composite
def mixtures(draw):
    K, size = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    means = draw(st.lists(st.integers(-4, 4), min_size=K * size, max_size=K * size))
    weights = torch.tensor(draw(st.lists(st.integers(1, 9), min_size=K, max_size=K))).double()
    means = torch.tensor(means, dtype=draw(precisions)).view(K, size)
    return GaussianMixtureDenoiser(means, draw(st.floats(0.1, 2)), weights / weights.sum())


# copies and dimensions


@few
@given(st.integers(4, 30), st.integers(1, 4), seeds, precisions, st.integers(1, 3))
def test_copies_are_flagged_and_repeated_data_count_once(count, size, seed, dtype, times):
    data = normal(count, size, seed, dtype)
    found = calibrate(data.repeat(times, 1), seed=seed)
    assert found.repeated == (times - 1) * count
    assert len(found.data) == count
    for one in found.criteria.values():
        assert 0 <= one.false_alarms <= 1
    report = memorization_report(data, data, normal(9, size, seed + 1, dtype), seed=seed)
    assert report.copies["ratio"].fraction == 1
    assert all(abs(one.excess) <= 1 for one in report.copies.values())
    assert report.to_dict()["verdict"] == report.verdict
    twice = memorization_report(2 * data, 2 * data, 2 * normal(9, size, seed + 1, dtype), seed=seed)
    assert twice.copies == report.copies


@few
@given(st.integers(4, 20), st.integers(1, 4), seeds, precisions)
def test_looks_at_a_model_are_reports_on_its_samples(count, size, seed, dtype):
    data, held_out = normal(count, size, seed, dtype), normal(9, size, seed + 1, dtype)
    monitor = MemorizationMonitor(data, held_out, draws=5, steps=6, seed=seed)
    look, model = monitor.judge(0, data), EmpiricalDenoiser(data)
    assert look.report.copies == memorization_report(data, data, held_out, seed=seed).copies
    drawn = monitor.draw(model)
    assert monitor(1, model).report.copies == monitor.judge(2, drawn).report.copies
    assert [one.step for one in monitor.looks] == [0, 1, 2]
    assert monitor.first is next((one for one in monitor.looks if one.copied), None)


@few
@given(st.integers(4, 30), st.integers(1, 4), seeds, precisions, st.sampled_from([0.25, 8.0]))
def test_a_list_of_copies_goes_with_its_samples_and_has_no_unit(count, size, seed, dtype, unit):
    data, held_out = normal(count, size, seed, dtype), normal(30, size, seed + 1, dtype)
    samples = torch.cat([data, normal(9, size, seed + 2, dtype)])
    found = list_copies(samples, data, held_out)
    assert found.copy[:count] == ["exact"] * count
    assert found.nearest[:count].tolist() == list(range(count))
    away = torch.cdist(samples.double(), data.double(), compute_mode="donot_use_mm_for_euclid_dist")
    near = away.sort(dim=1).values
    assert torch.allclose(torch.stack([found.d1, found.d2], 1), near[:, :2], atol=1e-6)
    assert ((found.p_value >= found.least_p_value) & (found.p_value <= 1)).all()
    assert (found.p_value[found.ratio.argsort()].diff() >= 0).all()
    assert len(found.listed) == sum(found.counts.values()) == len(found) - found.copy.count("")
    order = torch.randperm(len(samples), generator=generator(seed))
    again = list_copies(unit * samples[order], unit * data, unit * held_out)
    assert again.copy == [found.copy[k] for k in order]
    assert torch.equal(again.p_value, found.p_value[order])
    more = list_copies(samples, data, held_out, rate=0.5)
    assert {*found.listed.tolist()} <= {*more.listed.tolist()}


@few
@given(st.integers(8, 20), st.sampled_from([(3, 4), (3, 3, 1), (3, 4, 5)]), seeds)
def test_mirrored_data_are_mirrored_copies_of_themselves(count, shape, seed):
    data = normal(count, math.prod(shape), seed)
    images = data.view(count, *shape)
    mirrored = images.flip(3 if shape[0] == 3 and len(shape) == 3 and shape[2] != 1 else 2)
    found = list_copies(mirrored.reshape(count, -1), data, also=["mirrored"], shape=shape)
    assert found.copy == ["mirrored"] * count
    assert found.nearest.tolist() == list(range(count))


@settings(few, max_examples=4)
@given(st.integers(2, 5), st.integers(2, 4), seeds, precisions)
def test_a_gap_is_between_two_successes_and_none_for_the_same_data(count, size, seed, dtype):
    data, held_out = normal(count, size, seed, dtype), normal(4, size, seed + 1, dtype)
    memory = as_memory(EmpiricalDenoiser(data), dynamics="flow", steps=6)
    given = {"trials": 6, "threshold": 0.999, "seed": seed}
    found = held_out_gap(memory, held_out, [0.7, 1.0], **given)
    means = {who: one.mean() for who, one in found.success.items()}
    assert found.gap == pytest.approx(means["data"] - means["held-out"])
    assert found.ceiling == pytest.approx(means["nearest data"] - means["nearest held-out"])
    assert found.success["data"][1] == found.success["nearest data"][1] == 1
    assert all(((one >= 0) & (one <= 1)).all() for one in found.success.values())
    same = held_out_gap(memory, data, [0.7, 1.0], bayes=memory, **given)
    assert (same.gap, same.ceiling) == (0, 0)
    assert np.array_equal(same.success["Bayes held-out"], found.success["data"])
    met = held_out_curve({count: [same], count + 1: [same]})
    assert (met.retrieval.size, met.retrieval.value) == (count, same.success["data"].mean())
    assert meeting([1, 2], [[2.0, 1.0]], [[1.0, 1.0]]).size == 2


@settings(few, max_examples=6)
@given(st.integers(2, 9), st.integers(1, 5), seeds, precisions)
def test_own_halves_that_are_exchanged_exchange_sides(count, size, seed, dtype):
    a, b, one, other = (normal(count, size, seed + k, dtype) for k in range(4))
    found = own_half_excess(one, other, a, b, seed=seed)
    turned = own_half_excess(other, one, a, b, seed=seed)
    assert found.fraction + turned.fraction == pytest.approx(1)
    assert 0 <= found.gaussian <= 1
    assert found.excess <= 1
    assert own_half_excess(a, b, a, b, seed=seed).fraction == 1
    assert bias_onset([1, 2], [[0.5, found.fraction]], 4) in (2, inf)


@pytest.mark.parametrize("data", [torch.eye(5), torch.cartesian_prod(*2 * [torch.arange(3.0)])])
def test_points_at_equal_distances_have_no_end_of_dimension(data):
    assert calibrate(data, seed=0).dimension == inf
    assert memory_geometry(data, draws=5, seed=0).two_nn_dimension == inf


@few
@given(st.integers(2, 20), st.integers(1, 12), st.integers(1, 4), seeds, precisions)
def test_classes_of_samples_sum_to_one_and_go_with_their_samples(count, n, size, seed, dtype):
    samples, data = normal(count, size, seed, dtype), normal(n, size, seed + 1, dtype)
    samples[0] = data[-1]
    given = {"delta_memorized": 0.2, "delta_spurious": 0.2, "seed": seed}
    found = memorization_fractions(samples, data, **given)
    assert found.memorized + found.spurious + found.generalized == pytest.approx(1)
    order = torch.randperm(count, generator=generator(seed))
    again = memorization_fractions(samples[order], data, **given)
    assert torch.equal(again.labels, found.labels[order])
    assert found.labels[0] == 0
    copies = memorization_fractions(data.repeat(2, 1), data, **given)
    assert copies.memorized == 1
    weighed = memorization_fractions(samples, data, weights=torch.full((count, n), 1 / n), **given)
    assert weighed.memorized == (0 if n > 1 else found.memorized)
    assert sum(found.sem.values()) > 0
    own = memorization_fractions(samples, data, normal(8, size, seed, dtype), seed=seed)
    assert own.memorized + own.spurious + own.generalized == pytest.approx(1)


@few
@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), seeds)
def test_the_contrast_of_dimensions_is_a_rank_statistic(n, m, size, seed):
    data, other = normal(n, size, seed), normal(m, size, seed + 1)
    denoiser = EmpiricalDenoiser(data)
    found = dimension_contrast(denoiser, data, other, 0.4)
    inside, outside = (manifold_dimension(denoiser, x, 0.4, "flipd").value for x in (data, other))
    truth = np.repeat([0, 1], [n, m])
    assert found.separation == pytest.approx(roc_auc_score(truth, torch.cat([inside, outside])))
    back = dimension_contrast(denoiser, other, data, 0.4)
    assert back.separation == pytest.approx(1 - found.separation)
    assert back.to_dict()["sem"] == found.sem


@settings(few, max_examples=3)
@given(st.integers(4, 9), st.integers(1, 3), seeds, st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_geometry_of_memories_has_no_unit_and_no_repetition(count, size, seed, unit):
    data = normal(count, size, seed)
    one = memory_geometry(data, draws=8, seed=seed)
    other = memory_geometry(unit * data.repeat(2, 1) + unit, draws=8, seed=seed)
    assert other.unit == pytest.approx(unit * one.unit)
    assert other.sigma == pytest.approx(one.sigma, rel=1e-6)
    assert other.patterns == count
    assert other.return_probability == pytest.approx(one.return_probability, abs=1e-5)
    assert (one.return_probability >= 1 / count - 1e-9).all()
    assert ((one.entropy >= -1e-12) & (one.entropy <= 1 + 1e-9)).all()
    assert 1 <= one.in_play <= count + 1e-9
    grid = noise_grid(data)
    assert (np.diff(grid) > 0).all()
    assert memory_geometry(data, sigma=[0.5], draws=2, seed=0).to_dict()["sigma"] == [0.5]


# trained denoisers


@settings(few, max_examples=3)
@given(st.integers(2, 5), st.integers(2, 6), st.integers(1, 3), seeds)
def test_reports_on_a_denoiser_stay_in_their_ranges(count, others, size, seed):
    data, held_out = normal(count, size, seed), normal(others, size, seed + 1)
    exact = EmpiricalDenoiser(data)
    options = {"count": 6, "steps": 4, "seed": seed}
    found = generalization_report(exact, data, held_out, **options)
    assert found.memorized + found.spurious + found.generalized == pytest.approx(1)
    assert found.basins_of_data + found.basins_of_others + found.basins_of_none == pytest.approx(1)
    assert 1 - 1e-9 <= found.in_play <= count + 1e-9
    assert 0 <= found.flow_return <= 1
    assert found.to_dict()["attractors"] == len(found.attractors)
    same = two_halves(exact, exact, held_out, **options)
    assert (same.samples, same.disagreement) == (pytest.approx(1), 0)
    one, other = EmpiricalDenoiser(held_out), exact
    there, back = (two_halves(*pair, held_out, **options) for pair in ((one, other), (other, one)))
    assert there.to_dict() == pytest.approx(back.to_dict())
    assert torch.equal(draw(exact, data, 3, 4, seed), draw(exact, data, 3, 4, seed))


@few
@given(st.integers(1, 5), st.integers(1, 5), seeds)
def test_halves_are_on_their_sphere_and_of_their_seed(patterns, held_out, seed):
    found = halves("sphere", patterns, held_out, seed)
    assert found.first.shape == found.second.shape == (patterns, 8)
    assert torch.allclose(found.held_out.square().sum(1), torch.full((held_out,), 8.0))
    assert torch.equal(found.second, halves("sphere", patterns, held_out, seed).second)
    network = perceptron("sphere", found.first, width=4, seed=seed)
    assert network(found.first, torch.zeros(1)).shape == found.first.shape


def test_the_directions_of_a_sphere_are_lost_one_after_the_other():
    levels = np.geomspace(1e-3, 1e4, 40)
    left = [sphere_dimension(s) for s in levels]
    assert np.isfinite(left).all()
    assert (np.diff(left) < 1e-4).all()
    assert left[0] == pytest.approx(7, abs=1e-3)
    assert left[-1] == pytest.approx(0, abs=1e-3)


# classes


@few
@given(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1e-3, 0.5, 1e4]), seeds, precisions)
def test_basins_of_classes_are_probabilities_and_reversible(n, m, sigma, seed, dtype):
    data, labels = normal(n + m, 2, seed, dtype), torch.tensor([0] * n + [1] * m)
    found = class_basins(EmpiricalDenoiser(data), labels, sigma, draws=300, seed=seed)
    assert found.classes.sum(1) == pytest.approx(1, abs=1e-4)
    assert (found.datum <= found.own_class + 1e-5).all()
    balance = found.counts[:, None] * found.classes
    error = found.counts[:, None] * found.classes_sem
    slack = 6 * np.hypot(error, error.T) + 0.1
    assert (abs(balance - balance.T) <= slack).all()
    if sigma == 1e-3:
        assert found.own_class == pytest.approx(1, abs=1e-3)
    if sigma == 1e4:
        assert found.classes[0, 0] == pytest.approx(n / (n + m), abs=1e-3)
    assert found.to_dict()["counts"] == [n, m]


@settings(few, max_examples=4)
@given(mixtures(), seeds)
def test_memories_of_classes_are_their_posterior(mixture, seed):
    x = normal(4, mixture.means.shape[1], seed).to(mixture.means)
    dense = memory_of_classes(mixture, 0.7)
    assert torch.allclose(dense.weights(x), mixture.responsibilities(x, 0.7), atol=1e-5)
    memories = class_memories(mixture, 0.5, steps=3)
    assert len(memories) == len(mixture)
    for k, memory in enumerate(memories):
        assert isinstance(memory, PromptedMemory)
        ended = memory.retrieve(x, 0.4)
        assert (ended.states[:, None] == mixture.means).all(2).any(1).all()
        assert torch.equal(memory.patterns[0], mixture.means[k])


@few
@given(mixtures(), st.sampled_from([1e-3, 1.0, 100.0, 1e200]), seeds)
def test_classes_appear_with_probabilities(mixture, time, seed):
    found = class_appearance(mixture, time, draws=20, seed=seed)
    assert ((found.own_class >= 0) & (found.own_class <= 1 + 1e-6)).all()
    assert ((found.above_half >= 0) & (found.above_half <= 1)).all()
    if time >= 100:
        assert found.own_class == pytest.approx(mixture.weights.numpy(), abs=1e-5)
    if len(mixture) == 1:
        assert found.own_class == pytest.approx(1)
    median = median_appearance(mixture, 0, draws=20, seed=seed)
    assert math.isnan(median) or 1e-4 <= median <= 12
    if time <= 1:
        landed = class_uturns(mixture, time, paths=10, steps=3, seed=seed)
        assert landed.sum(1) == pytest.approx(1, abs=1e-5)
        assert np.array_equal(landed, class_uturns(mixture, time, paths=10, steps=3, seed=seed))


@settings(few, max_examples=3)
@given(st.floats(0.3, 1), st.integers(0, 99))
def test_the_capacity_of_a_class_is_read_from_its_curve(sigma, seed):
    mixture = GaussianMixtureDenoiser([[-3.0] * 4, [3.0] * 4], 1.0)
    found = class_capacity(mixture, sigma, [8, 64, 512], samples=2, draws=20, seed=seed)
    curve = found.by_sample.mean(0)
    for c, load in enumerate(found.load):
        if 0 < load < inf:
            assert found.counts[0, c] <= load <= found.counts[-1, c]
        assert (load == inf) == (np.diff(curve[:, c]).max() < 1 and curve[-1, c] >= 0.5)
    assert found.to_dict()["counts"] == [[4, 4], [32, 32], [256, 256]]


# studies


def values(point, seed):
    return [{"quantity": "q", "kind": k, "value": point["x"] * (seed % 11) + k} for k in (0, 1)]


@few
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**40))
def test_a_study_is_the_mean_over_its_samples(points, samples, seed):
    study = run_study("s", values, [{"x": x} for x in range(points)], samples=samples, seed=seed)
    assert isinstance(study, Study)
    assert (study.missing, study.reused) == (0, 0)
    table = list(csv.DictReader(io.StringIO(study.to_csv())))
    assert len(table) == len(study.results()) == 2 * points
    x, by_sample = study.curve("q", "x", kind=1)
    mean, _ = mean_and_sem(by_sample)
    assert [float(row["value"]) for row in table if row["kind"] == "1"] == pytest.approx(mean)
    grouped = study.by_sample("x", "kind")
    assert grouped[(0, 1)] == [1.0] * samples
    assert study.total("q") == pytest.approx(sum(map(sum, grouped.values())))
    assert x.tolist() == list(range(points))
    more = run_study("s", values, [{"x": 1}], samples=samples + 1, seed=seed)
    again = run_study("s", values, [{"x": 1}], samples=samples, seed=seed)
    assert more.samples[0][:samples] == again.samples[0]


def test_a_run_is_read_as_it_was_measured(tmp_path):
    study = run_study("s", values, [{"x": 1}, {"x": 2}], samples=3, seed=1, out=tmp_path)
    assert load_run(tmp_path).results() == study.results()


numbers = st.lists(st.floats(-1e6, 1e6) | st.just(nan), min_size=1, max_size=9)


@few
@given(numbers, seeds)
def test_means_leave_nothing_out_but_nan(values, seed):
    given = np.array(values)
    known = given[~np.isnan(given)]
    found = estimate(given)
    if len(known) == 0:
        assert math.isnan(found["mean"])
    else:
        assert found["mean"] == pytest.approx(known.mean(), abs=1e-6)
    if len(known) > 1:
        sem = known.std(ddof=1) / math.sqrt(len(known))
        assert found["sem"] == pytest.approx(sem, abs=1e-6)
    shuffled = estimate(np.random.default_rng(seed).permutation(given))
    assert shuffled == pytest.approx(found, nan_ok=True, abs=1e-6)


# units


positive = st.floats(1e-140, 1e140)


@few
@given(positive, st.sampled_from(equivalence.MAPS))
def test_measures_of_noise_invert_each_other(sigma, rule):
    def there_and_back(name):
        return equivalence.translate(
            equivalence.translate(sigma, "sigma", name, rule), name, "sigma", rule
        )

    assert there_and_back("beta") == pytest.approx(sigma, rel=1e-9)
    assert there_and_back("snr") == pytest.approx(sigma, rel=1e-9)
    assert there_and_back("time") == pytest.approx(sigma, rel=1e-7)
    if sigma >= 1:
        assert there_and_back("cosine") == pytest.approx(sigma, rel=1e-7)
        assert rule == "information" or there_and_back("overlap") == pytest.approx(sigma, rel=1e-6)
    found = convert(sigma, "sigma", rule, size=7, patterns=9)
    assert found.cue["time"] == pytest.approx(found.cue["information"] + math.log(sigma), abs=1e-6)
    assert 0 <= found.load["decoded"] <= 1
    assert str(found.table())


@few
@given(st.floats(0.01, 0.99), st.sampled_from(equivalence.MAPS))
def test_spins_and_noise_are_tied_both_ways(overlap, rule):
    noise = equivalence.noise_of_overlap(overlap, rule)
    assert equivalence.overlap_of_noise(noise, rule) == pytest.approx(overlap, rel=1e-6)
    assert equivalence.noise_of_overlap(overlap * 0.99, rule) > noise
    flips = convert((1 - overlap) / 2, "flips", rule)
    assert flips.spins[rule]["overlap"] == pytest.approx(overlap, rel=1e-6)


@few
@given(st.integers(1, 6), st.integers(1, 5), st.floats(0.05, 50), seeds)
def test_the_dictionary_is_exact(count, size, sigma, seed):
    patterns = normal(count, size, seed).repeat(2, 1)
    found = identities(patterns, patterns + 0.5, sigma).to_dict()
    unequal = found.pop("norm_bias")
    assert max(found.values()) < 1e-9 * (1 + sigma**2)
    equal = patterns / patterns.norm(dim=1, keepdim=True)
    assert identities(equal, patterns, sigma).norm_bias < 1e-9
    assert unequal >= 0


@few
@given(st.integers(1, 6), st.integers(1, 6), seeds, st.floats(0, 1), st.integers(1, 10**12))
def test_statistics_of_weights_and_fractions(B, P, seed, fraction, trials):
    weights = torch.rand(B, P, generator=generator(seed)) ** 8 + 1e-30
    weights = weights.double() / weights.double().sum(1, keepdim=True)
    found = effective_number(weights, rows=B, columns=P)
    assert ((found >= 1 - 1e-9) & (found <= P + 1e-9)).all()
    assert torch.allclose(effective_number(weights.repeat(1, 2) / 2), 2 * found)
    assert torch.allclose(effective_number(torch.eye(P)), torch.ones(P, dtype=torch.float64))
    counted = round(fraction * trials) / trials
    error = binomial_sem(counted, trials)
    assert 0 < error <= 0.5
    assert error == pytest.approx(binomial_sem(1 - counted, trials), rel=1e-3)
