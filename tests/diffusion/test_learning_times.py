"""Times of classes: reference values, orders, slopes and inversions of random features."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from diffusion import GaussianMixtureDenoiser, RandomFeatureScore, class_times, spectral_times
from diffusion.learning_times import first_time, time_grid
from diffusion.theory import inversion_fraction, memorization_times

ORDERS = ("gen63", "opt", "gap", "train50", "spectral")


def drawn(mixture, n, rho, seed):
    """n points of two classes, exactly round(ρn) of the first."""
    generator = torch.Generator().manual_seed(seed)
    counts = round(rho * n), n - round(rho * n)
    points = [mixture.condition(c).draw(k, seed=generator)[0] for c, k in enumerate(counts)]
    return torch.cat(points), torch.arange(2).repeat_interleave(torch.tensor(counts))


def mixture_of(d, variances, norms=(0.0, 0.0), subspaces=False, rho=0.5):
    means = torch.zeros(2, d, dtype=torch.float64)
    means[0, 0], means[1, 1] = (norm * math.sqrt(d) for norm in norms)
    spread = torch.tensor(variances, dtype=torch.float64)
    if subspaces:  # each class wide in its half of the coordinates, a twentieth in the other
        first = torch.arange(d) < d // 2
        wide = torch.stack([first, ~first]).double()
        spread = spread[:, None] * (0.05 + 0.95 * wide)
    return GaussianMixtureDenoiser(means, spread, [rho, 1 - rho])


def measured(d, psi_p, psi_n, t, variances, *, rho=0.5, seeds=3, level=0.8, **settings):
    """Every measure, (seeds, 2)."""
    mixture = mixture_of(d, variances, rho=rho, **settings)
    found = []
    for seed in range(seeds):
        flow = RandomFeatureScore(psi_p * d, d, time=t, seed=seed)
        flow = flow.fit(*drawn(mixture, psi_n * d, rho, seed))
        found.append(class_times(flow, mixture, level=level))
    names = (*ORDERS, "mem50", "gen", "quality", "least_loss")
    return {name: np.array([getattr(one, name) for one in found]) for name in names}


def agrees(values, expected, sem=0.0, least=0.03):
    """Within 4 s.e. of both sides together, or 3 %."""
    values = np.asarray(values)
    own = values.std(ddof=1) / math.sqrt(len(values))
    allowed = max(4 * math.hypot(own, sem), least * abs(expected))
    assert abs(values.mean() - expected) < allowed, (values.mean(), own, expected, sem)


def test_first_times_are_log_linear_and_nan_if_never():
    times = np.array([1.0, 10.0, 100.0])
    assert first_time(times, np.array([0.0, 0.4, 0.2]), 0.5) != first_time(times, times, 1e9)  # NaN
    assert math.isnan(first_time(times, np.array([0.0, 0.4, 0.2]), 0.5))
    assert first_time(times, np.array([0.7, 0.8, 0.9]), 0.5) == 1.0
    assert first_time(times, np.array([0.0, 1.0, 0.0]), 0.5) == pytest.approx(math.sqrt(10))
    grid = time_grid()
    assert (grid[0], grid[-1]) == (pytest.approx(1e-2), pytest.approx(1e9))


def test_every_measure_is_that_of_its_curves():
    """By their definitions, written out: two classes whose losses are never alike."""
    mixture = mixture_of(10, (1.5, 0.5), norms=(0.3, 0.0))
    flow = RandomFeatureScore(80, 10, time=0.1, seed=0).fit(*drawn(mixture, 30, 0.6, 0))
    found = class_times(flow, mixture, level=0.6, gap=0.2)
    logs = np.log(time_grid())
    np.testing.assert_allclose(found.train, flow.train_loss(torch.from_numpy(time_grid())))

    def reached(curve, level):
        k = int(np.flatnonzero(curve >= level)[0])
        ends = slice(k - 1, k + 1)
        return math.exp(np.interp(level, curve[ends], logs[ends]))

    for c in (0, 1):
        train, test, least = found.train[:, c], found.test[:, c], found.bayes[c]
        progress, gap = (1 - test) / (1 - least), test - train
        assert found.gen63[c] == pytest.approx(reached(progress, (1 - 1 / math.e) * progress.max()))
        assert found.gen[c] == pytest.approx(reached(progress, 0.6))
        assert found.gap[c] == pytest.approx(reached(gap, 0.2))
        assert found.mem50[c] == pytest.approx(reached(gap, gap[-1] / 2))
        assert found.train50[c] == pytest.approx(
            reached((least - train) / (least - train[-1]), 0.5)
        )
        k = int(test.argmin())  # the vertex of a parabola through three points
        a, b, _ = np.polyfit(logs[k - 1 : k + 2] - logs[k], test[k - 1 : k + 2], 2)
        assert math.log(found.opt[c]) == pytest.approx(logs[k] - b / (2 * a), rel=1e-6)
        assert found.quality[c] == pytest.approx(progress.max())
        assert (found.least_loss[c], found.final_gap[c]) == (test.min(), gap[-1])
        assert found.score_error[c] == pytest.approx((test.min() - least) / -math.expm1(-0.2))
        assert found.gap_at([7.0])[0, c] == pytest.approx(np.interp(math.log(7), logs, gap))
    lam, D = flow.eigenvalues.numpy(), -math.expm1(-0.2)
    shares = flow.class_shares.numpy()[:, 10:30] / lam[10:30]  # ranks d to n − 1
    speeds = (shares * lam[10:30]).sum(1) / shares.sum(1)
    assert found.spectral == pytest.approx(80 / 10 / (2 * D * speeds))


@pytest.mark.slow
def test_one_homogeneous_class_and_how_its_times_grow_with_the_data():
    few, many = (measured(50, 16, n, 0.1, (1.0, 1.0)) for n in (1, 8))
    for found, gen63, mem50, quality, least in (
        (few, (3.037, 0.011), (307, 8), 0.864, 0.8434),
        (many, (3.574, 0.008), (1861, 17), 0.944, 0.8289),
    ):
        agrees(found["gen63"].mean(1), *gen63)
        agrees(found["mem50"].mean(1), *mem50)
        agrees(found["quality"].mean(1), quality)
        agrees(found["least_loss"].mean(1), least)
    slope = math.log(many["mem50"].mean() / few["mem50"].mean()) / math.log(8)
    assert 0.8 < slope < 1.2  # memorization waits for more data, generalization does not;
    slope = math.log(many["gen63"].mean() / few["gen63"].mean()) / math.log(8)
    assert 0.05 < slope < 0.11  # (the slope at t = 0.1, ψ_p = 16 is that of the floor s²)


@pytest.mark.parametrize(
    ("t", "variances", "expected"),
    [
        (
            0.1,
            (1.6, 0.4),
            {
                "gen63": (2.387, 5.49),
                "gap": (22.5, 410),
                "train50": (333, 1094),
                "spectral": (579, 1011),
            },
        ),
        (
            0.01,
            (4 / 3, 2 / 3),
            {
                "gen63": (23.98, 39.65),
                "gap": (2870, 4986),
                "train50": (3.31e4, 4.52e4),
                "spectral": (3420, 6526),
            },
        ),
    ],
)
def test_the_class_of_higher_variance_comes_first_in_every_measure(t, variances, expected):
    found = measured(50, 16, 4, t, variances)
    for name in ORDERS:
        assert (found[name][:, 0] < found[name][:, 1]).all(), name
    for name, pair in expected.items():
        for c, value in enumerate(pair):
            own = found[name][:, c].std(ddof=1) / math.sqrt(3)
            agrees(found[name][:, c], value, sem=own)  # the references are means of 3 seeds too


def spectral(d, psi_p, psi_n, variances, seeds):
    """Spectral times at t = 0.01, (seeds, 2), and their mean eigenvalue, (seeds,)."""
    times, bulk = [], []
    for seed in range(seeds):
        flow = RandomFeatureScore(psi_p * d, d, time=0.01, seed=seed)
        flow = flow.fit(*drawn(mixture_of(d, variances), psi_n * d, 0.5, seed))
        times.append(spectral_times(flow))
        bulk.append(float(flow.eigenvalues[d : psi_n * d].mean()))
    return np.array(times), np.array(bulk)


@pytest.mark.parametrize("seed", range(4))
def test_draws_of_any_size_open_no_gap_before_the_first_step(seed):
    mixture = GaussianMixtureDenoiser(torch.zeros(1, 5), 1.0)
    model = RandomFeatureScore(60, 5, time=0.1, seed=seed)
    flow = model.fit(mixture.draw(10, seed=seed)[0], draws=1)
    assert abs(float(flow.noise_squares) - 1) > 0.02  # of 50 squares
    found = class_times(flow, mixture)
    first = found.test[0] - found.train[0] - (1 - flow.noise_squares.numpy())
    assert abs(first).max() < 0.05  # the level of the gap, by the first time of the grid
    assert found.gap > found.times[0]
    at = [found.gap[0], found.mem50[0], found.times[-1]]  # one gap in all of its measures
    expected = [0.1, found.final_gap[0] / 2, found.final_gap[0]]
    assert found.gap_at(at)[:, 0] == pytest.approx(expected, rel=1e-6)


def test_a_ridge_and_a_cut_change_the_times_in_the_spectrum():
    mixture = GaussianMixtureDenoiser(torch.zeros(1, 5), 1.0)
    flow = RandomFeatureScore(60, 5, time=0.1, seed=0).fit(mixture.draw(10, seed=0)[0])
    lam, ridge = flow.eigenvalues[5:10], 0.3
    weights = flow.class_shares[0, 5:10] / lam
    speed = float((weights * (lam + ridge)).sum() / weights.sum())
    expected = 60 / 5 / (2 * flow.model.noise * speed)
    assert spectral_times(flow.with_ridge(ridge)) == pytest.approx([expected])
    assert spectral_times(flow)[0] > expected
    assert np.isnan(spectral_times(flow.truncated(5))).all()


def test_spectral_times_double_with_the_data():
    few, few_bulk = spectral(20, 32, 4, (4 / 3, 2 / 3), seeds=4)
    many, many_bulk = spectral(20, 32, 8, (4 / 3, 2 / 3), seeds=4)
    for ratio in (*(many.mean(0) / few.mean(0)), few_bulk.mean() / many_bulk.mean()):
        assert 1.85 < ratio < 2.25
    for one in (few, many):
        agrees(one[:, 1] / one[:, 0], 2.05, 0.03)


def test_smaller_centres_come_slightly_first_and_variance_counts_for_more():
    def order(variances, norms):
        return measured(50, 16, 4, 0.1, variances, norms=norms, seeds=2)

    near = order((1.0, 1.0), (0.25, 1.0))
    for name in ("gen63", "gap"):
        assert (near[name][:, 0] < near[name][:, 1]).all()
    agrees(near["gen63"][:, 0], 3.725, 0.02)
    far = order((4 / 3, 2 / 3), (1.0, 0.25))  # against its centre, of four times the norm
    assert (far["gen63"][:, 0] < far["gen63"][:, 1]).all()
    agrees(far["gen63"][:, 0], 3.50, 0.04)
    agrees(far["gen63"][:, 1], 4.70, 0.04)


@pytest.mark.slow
def test_the_spectral_inversion_is_where_theory_puts_it():  # the sharpest: within 0.01
    d, psi, variances, t, seeds = 60, 8, (8 / 3, 4 / 3), 0.1, 6
    shares = np.array([0.3, 0.4, 0.5])
    mixture = mixture_of(d, variances, subspaces=True)
    crossings = []
    for seed in range(seeds):
        apart = []
        for rho in shares:
            flow = RandomFeatureScore(psi * d, d, time=t, seed=seed)
            flow = flow.fit(*drawn(mixture, psi * d, rho, seed))
            speeds = flow.input_eigenvalues
            apart.append(float(speeds[: d // 2].mean() - speeds[d // 2 :].mean()))
        slope, offset = np.polyfit(shares, apart, 1)
        crossings.append(-offset / slope)
    lam = np.array(variances)
    formula = inversion_fraction(lam, t, chi2=lam * 1.05 / 2)
    assert formula == pytest.approx(0.4124, abs=1e-4)
    sem = np.std(crossings, ddof=1) / math.sqrt(seeds)
    assert sem < 0.005
    assert abs(np.mean(crossings) - formula) < 0.01


def test_the_onset_of_overfitting_inverts_between_one_half_and_six_tenths():
    found = {
        rho: measured(50, 8, 4, 0.1, (8 / 3, 4 / 3), rho=rho, seeds=3, subspaces=True)
        for rho in (0.5, 0.6)
    }
    assert (found[0.5]["gap"][:, 0] < found[0.5]["gap"][:, 1]).all()  # the wider class first
    assert (found[0.6]["gap"][:, 0] > found[0.6]["gap"][:, 1]).all()  # the narrow minority first
    agrees(found[0.5]["gap"][:, 0], 50.2, 3)
    agrees(found[0.6]["gap"][:, 1], 46.3, 2)
    assert found[0.5]["quality"].mean(0)[0] < found[0.5]["quality"].mean(0)[1]
    assert found[0.6]["quality"].mean(0)[0] > found[0.6]["quality"].mean(0)[1]


@pytest.mark.parametrize(
    ("rho", "gen63", "gap"), [(0.9, (2.79, 6.87), (45, 583)), (0.05, (2.04, 4.95), (16, 206))]
)
def test_imbalance_alone_modulates_and_does_not_invert(rho, gen63, gap):
    found = measured(50, 16, 4, 0.1, (1.6, 0.4), rho=rho, seeds=2)
    for name, expected, spread in (("gen63", gen63, 0.02), ("gap", gap, 0.06)):
        assert (found[name][:, 0] < found[name][:, 1]).all()
        for c in (0, 1):  # few seeds on both sides; `spread` from seed to seed, over ten of them
            agrees(found[name][:, c], expected[c], least=4 * spread)


def test_a_wide_minority_may_never_be_learnt():
    found = measured(50, 8, 4, 0.1, (4 / 3, 2 / 3), rho=0.05, norms=(1.0, 1.0), seeds=2)
    assert np.isnan(found["gen"][:, 0]).all()  # while the other class reaches 0.8
    agrees(found["gen"][:, 1], 13.6, 0.3)
    assert (found["quality"][:, 0] < 0.8).all()


def test_digits_are_inverted_by_imbalance():
    digits = load_digits()
    pixels = (digits.data - digits.data.mean(0)) / digits.data.std()

    def onset(n_three, n_six, seed):
        rng = np.random.default_rng(seed)
        train, held = [], []
        for digit, n in ((3, n_three), (6, n_six)):
            rows = rng.permutation(np.flatnonzero(digits.target == digit))
            train.append(pixels[rows[:n]])
            held.append(pixels[rows[n : n + 60]])
        flow = RandomFeatureScore(800, 64, time=0.1, seed=seed)
        flow = flow.fit(np.concatenate(train), np.repeat([0, 1], [n_three, n_six]))
        labels = np.repeat([0, 1], 60)
        return class_times(flow, np.concatenate(held), labels, gap=0.05)

    for seed in (0, 1):
        balanced, few_sixes = onset(50, 50, seed), onset(90, 10, seed)
        assert balanced.gap[0] < balanced.gap[1]  # threes vary more
        assert few_sixes.gap[0] > few_sixes.gap[1]
        assert few_sixes.least_loss[0] < few_sixes.least_loss[1]  # though less well learnt
        assert np.isnan(balanced.bayes).all()
        assert np.isnan(balanced.gen).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (0.1, {1: (3.037, 307, 0.864), 2: (3.192, 926, 0.892), 4: (3.382, 1509, 0.919)}),
        (
            0.01,
            {1: (26.63, 2.356e4, 0.843), 4: (29.94, 1.268e5, 0.901), 8: (31.94, 2.027e5, 0.931)},
        ),
    ],
)
def test_the_table_of_one_homogeneous_class(t, expected):
    times = {}
    for psi_n, (gen63, mem50, quality) in expected.items():
        found = measured(50, 16, psi_n, t, (1.0, 1.0), seeds=4)
        agrees(found["gen63"].mean(1), gen63, 0.004 * gen63)
        agrees(found["mem50"].mean(1), mem50, 0.01 * mem50)
        agrees(found["quality"].mean(1), quality)
        times[psi_n] = found["mem50"].mean()
    if t == 0.01:
        assert 0.85 < math.log(times[8] / times[1]) / math.log(8) < 1.2


@pytest.mark.slow
def test_the_tables_of_spectral_times():
    variances = (4 / 3, 2 / 3)
    for psi_n, expected in ((4, (3327, 6853)), (8, (6606, 13558))):
        times, _ = spectral(30, 32, psi_n, variances, seeds=4)
        for c in (0, 1):
            agrees(times[:, c], expected[c], 0.03 * expected[c])  # those of two seeds
        theory = memorization_times(32, psi_n, [0.5, 0.5], variances, 0.01)
        agrees(times[:, 1], theory[1])  # overlap of the bulks spares the narrow class
        assert 1.1 < times[:, 0].mean() / theory[0] < 1.35  # and not the wide one


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variances", "t", "expected"), [((3.2, 0.8), 0.1, 0.3188), ((8 / 3, 4 / 3), 0.01, 0.4287)]
)
def test_further_inversions(variances, t, expected):
    d, psi, shares = 60, 8, np.array([expected - 0.1, expected, expected + 0.1])
    mixture, crossings = mixture_of(d, variances, subspaces=True), []
    for seed in range(6):
        apart = []
        for rho in shares:
            flow = RandomFeatureScore(psi * d, d, time=t, seed=seed)
            speeds = flow.fit(*drawn(mixture, psi * d, rho, seed)).input_eigenvalues
            apart.append(float(speeds[: d // 2].mean() - speeds[d // 2 :].mean()))
        slope, offset = np.polyfit(shares, apart, 1)
        crossings.append(-offset / slope)
    assert abs(np.mean(crossings) - expected) < 0.01


@pytest.mark.slow
def test_quality_inverts_with_imbalance_among_centred_classes():
    gaps = {}
    for rho in (0.5, 0.3, 0.1):
        found = measured(50, 8, 4, 0.1, (4 / 3, 2 / 3), rho=rho, norms=(1.0, 1.0))
        gaps[rho] = found["quality"][:, 0] - found["quality"][:, 1]
    agrees(gaps[0.5], 0.014, 0.003, least=0.2)
    agrees(gaps[0.1], -0.072, 0.003)
    assert (gaps[0.5] > 0).all()
    assert (gaps[0.3] < 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": 1.0}, r"level must lie in \(0, 1\), got 1"),
        ({"gap": 0.0}, "gap must lie in"),
        ({"source": torch.zeros(3, 4)}, "source must have the 2 classes of the flow, got 1"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    mixture = mixture_of(4, (1.0, 2.0))
    flow = RandomFeatureScore(8, 4, time=0.1, seed=0).fit(*drawn(mixture, 20, 0.5, 0))
    with pytest.raises(ValueError, match=message):
        class_times(flow, **({"source": mixture} | change))
    assert np.isnan(spectral_times(flow)).all()  # p < n has no such bulk
