"""Random features on finitely many noise draws: closed forms, actual features, truncation."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import root

from diffusion import GaussianMixtureDenoiser, RandomFeatureScore, bias_and_variance
from diffusion.theory import best_ridge, double_descent, feature_coefficients, gram_spectrum

TIME = 0.1
DECAY, NOISE = math.exp(-TIME), -math.expm1(-2 * TIME)
END = math.inf


@pytest.mark.parametrize(
    ("psi_p", "m", "psi_n", "ridge", "test", "bias2"),
    [
        (1, 4, 4, 1e-4, 0.94795, 0.02130),
        (4, 4, 4, 1e-4, 1.31535, 0.18945),
        (8, 4, 4, 1e-4, 2.20858, 0.86262),
        (16, 4, 4, 1e-4, 7.05838, 2.64736),
        (20, 4, 4, 1e-4, 4.36670, 2.87097),
        (48, 4, 4, 1e-4, 1.91396, 2.94696),
        (4, 4, 4, 0.1, 0.90242, None),
        (16, 4, 4, 0.1, 0.96650, None),
        (48, 4, 4, 0.1, 1.07309, None),
        (4, 1, 4, 1e-4, 8.39068, None),
        (16, 1, 4, 1e-4, 1.34824, None),
        (512, 1, 4, 1e-4, 1.08119, None),
        (2, 16, 16, 1e-3, 0.84913, None),
        (16, 16, 16, 1e-3, 1.01689, None),
        (64, 16, 16, 1e-3, 1.86322, None),
        (256, 16, 16, 1e-3, 3.41051, None),
        (512, 16, 16, 1e-3, 3.12078, None),
    ],
)
def test_the_closed_form_has_the_values_of_the_table(psi_p, m, psi_n, ridge, test, bias2):
    found = double_descent(psi_p, psi_n, m, ridge, TIME)
    assert found.test == pytest.approx(test, rel=1e-4)
    if bias2 is not None:
        assert found.bias2 == pytest.approx(bias2, abs=1e-4 * max(1, bias2))


def _written_out(psi_p, psi_n, m, lam):
    """The same as the equations are printed: two roots at a time, differences for derivatives."""
    a, D = DECAY, NOISE
    c = feature_coefficients("tanh", TIME, 1.0)
    mu, star = float(c.a), float(c.v2 + c.s2)
    kappa = float(c.v2) / star

    def traces(z, zeta, start):
        def equations(logs):
            q, r = np.exp(logs)
            f = psi_p / (psi_n * m)
            L1 = 1 + f * (mu**2 * r * (a**2 * m + D) + star * q * (1 + (m - 1) * kappa))
            L2 = 1 + f * (mu**2 * r * D + star * q * (1 - kappa))
            one = 1 / q + mu**2 * psi_p * (a**2 + D / m) / L1
            one += (m - 1) * mu**2 * psi_p * (D / m) / L2 - 1 / r - psi_p * zeta
            two = (1 - psi_p) / q - r / q**2 + psi_p * star * (1 + (m - 1) * kappa) / (m * L1)
            two += (m - 1) * psi_p * star * (1 - kappa) / (m * L2) - z * psi_p
            T = 1 / L1 + (m - 1) / L2
            T1 = 1 - T / m + mu**2 * psi_p * D * r * T**2 / m**2
            return [one * r, two * q], T1, psi_p / m * mu * math.sqrt(D) * r * T

        found = root(lambda x: equations(x)[0], start, tol=1e-14).x
        return found, *equations(found)[1:]

    start = np.log([0.1, 0.1])
    for ridge in np.geomspace(10, lam, 60):
        start, T1, T2 = traces(-ridge, 0.0, start)
    h = 1e-4 * lam
    by_z = (traces(-lam + h, 0, start)[1] - traces(-lam - h, 0, start)[1]) / (2 * h)
    by_zeta = (traces(-lam, h, start)[1] - traces(-lam, -h, start)[1]) / (2 * h)
    spread = mu**2 * by_zeta + star * by_z
    return (
        1 - 2 * mu * math.sqrt(D) * T2 + spread,
        1 - T1 - lam * by_z,
        (1 - mu * T2 / math.sqrt(D)) ** 2,
        (spread - mu**2 * T2**2) / D,
    )


@pytest.mark.parametrize(
    ("psi_p", "psi_n", "m", "lam"), [(3.0, 2.0, 3, 0.03), (20.0, 4.0, 2, 0.01), (0.5, 1.0, 1, 1.0)]
)
def test_the_saddle_is_that_of_the_equations_written_out(psi_p, psi_n, m, lam):
    found = double_descent(psi_p, psi_n, m, lam, TIME)
    values = [found.test, found.train, found.bias2, found.variance]
    # of differences by 1e-4 λ
    assert values == pytest.approx(_written_out(psi_p, psi_n, m, lam), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("scale", [1e-3, 1e3, 1e4])
def test_features_of_any_size_learn_the_same_at_a_ridge_of_their_size(scale):
    psi_p = [0.5, 4.0, 16.0, 48.0]
    plain = double_descent(psi_p, 4.0, 4, 1e-2, TIME)
    found = double_descent(psi_p, 4.0, 4, 1e-2 * scale**2, TIME, lambda h: scale * torch.tanh(h))
    for name in ("test", "train", "bias2", "variance"):  # A takes the factor up
        assert getattr(found, name) == pytest.approx(getattr(plain, name), rel=1e-6)


def test_the_best_ridge_is_that_of_the_table():
    found = best_ridge([2, 8, 32], 4.0, 4, TIME)
    assert found.ridge == pytest.approx([0.24, 1.1, 4.6], rel=0.1)  # of a flat minimum
    assert found.test == pytest.approx([0.8810, 0.8659, 0.8629], abs=1e-4)
    assert (np.diff(found.test) < 0).all()


def test_late_times_are_harder_as_powers_of_the_time():
    """p ≫ nm: B² and V as t⁻² without a ridge; at the best one as t⁻²ψ_n⁻² and t⁻¹ψ_n⁻¹."""
    # 5 to 10 %: the next orders in t, 1/mψ_n and nm/p
    one, other = (double_descent(3e4, 64, 16, 3e-4, t) for t in (0.01, 0.003))
    for name in ("bias2", "variance"):
        rises = math.log(getattr(other, name) / getattr(one, name)) / math.log(0.01 / 0.003)
        assert rises == pytest.approx(2, abs=0.1)
    wide, late, few = (best_ridge(3e4, n, 2, t) for n, t in ((256, 0.1), (256, 0.03), (64, 0.1)))
    for name, by_time, by_points in (("bias2", 2, 2), ("variance", 1, 1)):
        rises = math.log(getattr(late, name) / getattr(wide, name)) / math.log(0.1 / 0.03)
        assert rises == pytest.approx(by_time, rel=0.1)
        falls = math.log(getattr(few, name) / getattr(wide, name)) / math.log(256 / 64)
        assert falls == pytest.approx(by_points, rel=0.1)


def test_many_draws_are_all_the_noise_there_is():
    """Of the exact average over the noise, too: features of d = 60, whose fluctuations are 1/d."""
    many, all_ = (double_descent(2.0, 4.0, m, 0.1, TIME) for m in (1e7, math.inf))
    assert many.test == pytest.approx(all_.test, rel=1e-6)
    d = 60
    data = torch.randn(4 * d, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flow = RandomFeatureScore(2 * d, d, time=TIME, seed=0).fit(data).with_ridge(0.1)
    mixture = GaussianMixtureDenoiser(torch.zeros(1, d).double(), 1.0)
    assert float(flow.test_loss([END], mixture)) == pytest.approx(all_.test, rel=0.02)
    assert float(flow.train_loss([END])) == pytest.approx(all_.train, rel=0.02)


def runs(d, psi_p, psi_n, m, ridges, count, points=1000, seed=0):
    """{ridge: losses (count, 3) on pairs, data and all, B² and V} of actual features."""
    mixture = GaussianMixtureDenoiser(torch.zeros(1, d).double(), 1.0)
    x = torch.randn(points, d, generator=torch.Generator().manual_seed(99), dtype=torch.float64)
    losses, scores = ({ridge: [] for ridge in ridges} for _ in range(2))
    for k in range(count):
        data, _ = mixture.draw(psi_n * d, seed=seed + k)
        model = RandomFeatureScore(psi_p * d, d, time=TIME, seed=seed + k)
        flow = model.fit(data, draws=m)
        own = model.average_over(data)
        whole = model.average_over_class(torch.zeros(d).double(), torch.ones(d).double())
        for ridge in ridges:
            one = flow.with_ridge(ridge)
            readout = one.readout(END)
            fresh = [model.loss(readout, *averages) for averages in (own, whole)]
            losses[ridge].append([float(one.train_loss([END])), *fresh])
            scores[ridge].append(model.score(x, readout))
    return {
        ridge: (np.array(losses[ridge]), bias_and_variance(torch.stack(scores[ridge]), -x))
        for ridge in ridges
    }


def test_few_features_have_the_losses_of_the_closed_form():
    """d = 30, away from the peak at p = nm: 1/d corrections of a few percent."""
    for psi_p in (2, 12):
        for ridge, (losses, split) in runs(30, psi_p, 3, 2, [0.01, 1.0], 3).items():
            theory = double_descent(psi_p, 3, 2, ridge, TIME)
            train, data, test = losses.mean(0)
            assert test == pytest.approx(theory.test, rel=0.06)
            assert train == pytest.approx(theory.train, abs=0.02)  # a loss of 1 over d is 0.03
            assert train < data < test
            assert split.error == pytest.approx(theory.bias2 + theory.variance, rel=0.1)


TABLE = {  # p/d: at ridges 1e-4 and .1, train, on data, test, B², V; d = 40, n/d = 4, m = 4, 5 runs
    1: ((0.793, 0.894, 0.952, 0.017, 0.714), (0.826, 0.892, 0.908, 0.168, 0.322)),
    2: ((0.694, 0.877, 1.028, 0.019, 1.14), (0.755, 0.845, 0.887, 0.028, 0.350)),
    4: ((0.553, 0.935, 1.329, 0.184, 2.60), (0.691, 0.815, 0.905, 0.009, 0.455)),
    8: ((0.326, 1.229, 2.226, 0.724, 7.05), (0.622, 0.799, 0.928, 0.029, 0.571)),
    12: ((0.146, 1.989, 3.974, 1.45, 15.9), (0.563, 0.782, 0.947, 0.062, 0.637)),
    16: ((0.0225, 3.31, 6.77, 2.13, 30.7), (0.514, 0.758, 0.965, 0.114, 0.688)),
    20: ((0.0014, 2.134, 4.53, 2.24, 18.3), (0.475, 0.749, 0.971, 0.131, 0.709)),
    32: ((0.0001, 0.966, 2.393, 2.31, 6.41), (0.375, 0.713, 1.008, 0.236, 0.811)),
    48: ((0.0, 0.717, 1.921, 2.33, 3.76), (0.288, 0.680, 1.055, 0.407, 0.886)),
}


@pytest.mark.slow
def test_features_of_many_sizes_have_the_losses_of_the_table_and_of_theory():
    found = {psi_p: runs(40, psi_p, 4, 4, [1e-4, 0.1], 5, points=2000, seed=20) for psi_p in TABLE}
    for psi_p, rows in TABLE.items():
        for ridge, row in zip((1e-4, 0.1), rows, strict=True):
            losses, split = found[psi_p][ridge]
            sem = losses.std(0, ddof=1) / math.sqrt(5)
            # 4 s.e. of both sides, and the 1e-4 to which the training losses are printed
            allowed = np.maximum(4 * math.sqrt(2) * sem, 0.02 * np.array(row[:3])) + 1e-4
            assert (np.abs(losses.mean(0) - row[:3]) < allowed).all(), (psi_p, ridge)
            for k, name in ((3, "bias2"), (4, "variance")):
                ours, sem = getattr(split, name), getattr(split, f"{name}_sem")
                assert abs(ours - row[k]) < max(4 * math.sqrt(2) * sem, 0.02 * row[k]) + 0.001
            theory = double_descent(psi_p, 4, 4, ridge, TIME)
            assert losses[:, 2].mean() == pytest.approx(theory.test, rel=0.06)
            if theory.bias2 > 0.1:  # where its own error does not hide it
                assert split.bias2 == pytest.approx(theory.bias2, rel=0.25)
            # the losses less L* = .82: 9 % of 1.4 here are 2 % of the loss
            assert split.error == pytest.approx(theory.bias2 + theory.variance, rel=0.1)
    tests = {psi_p: found[psi_p][1e-4][0][:, 2].mean() for psi_p in TABLE}
    assert max(tests, key=tests.get) == 16  # nm/d
    bias2, variance = (
        {psi_p: getattr(found[psi_p][1e-4][1], name) for psi_p in TABLE}
        for name in ("bias2", "variance")
    )
    assert bias2[48] > 8 * bias2[4]
    assert variance[48] < variance[16] / 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("psi_n", "m", "expected", "bias2"),
    [
        (4, 1, {1: 1.15, 2: 1.66, 4: 8.2, 8: 2.01, 16: 1.410}, {8: 0, 16: 0}),  # benign
        (2, 8, {4: 1.75, 16: 6.18, 32: 2.88}, {4: 1.07, 16: 5.06, 32: 5.71}),
    ],
)
def test_the_peak_is_where_parameters_are_as_many_as_pairs(psi_n, m, expected, bias2):
    found = {psi_p: runs(40, psi_p, psi_n, m, [1e-4], 5)[1e-4] for psi_p in expected}
    tests = {psi_p: losses[:, 2].mean() for psi_p, (losses, _) in found.items()}
    assert max(tests, key=tests.get) == psi_n * m
    for psi_p, value in expected.items():
        sem = found[psi_p][0][:, 2].std(ddof=1) / math.sqrt(5)
        assert abs(tests[psi_p] - value) < max(6 * sem, 0.03 * value)
        if psi_p in bias2:
            split, known = found[psi_p][1], bias2[psi_p]
            assert abs(split.bias2 - known) < max(6 * split.bias2_sem, 0.03 * known) + 0.02
        # beside the peak of one draw the losses lie above, 15, 8 and 2.5 % at d = 20, 40 and 80
        law = double_descent(psi_p, psi_n, m, 1e-4, TIME).test
        assert tests[psi_p] == pytest.approx(law, rel=0.1)


@pytest.mark.slow
def test_more_dimensions_are_nearer_to_theory():
    law = double_descent(8, 4, 1, 1e-4, TIME).test
    few, many = (runs(d, 8, 4, 1, [1e-4], 4)[1e-4][0][:, 2].mean() - law for d in (20, 80))
    assert 0.01 < many / law < 0.05
    assert 2.5 < few / many < 10  # as 1/d; (error of `few` 25 %, of `many` 20 %)


def truncation(d, psi_p, psi_n, m, ranks, count, seed=0):
    """(count, ranks, 3) losses on pairs, data and all of the r largest modes."""
    mixture, found = GaussianMixtureDenoiser(torch.zeros(1, d).double(), 1.0), []
    for k in range(count):
        data, _ = mixture.draw(psi_n * d, seed=seed + k)
        model = RandomFeatureScore(psi_p * d, d, time=TIME, seed=seed + k)
        flow = model.fit(data, draws=m)
        own = model.average_over(data)
        whole = model.average_over_class(torch.zeros(d).double(), torch.ones(d).double())
        rows = []
        for r in ranks:
            one = flow.truncated(round(r * d))
            fresh = [model.loss(one.readout(END), *averages) for averages in (own, whole)]
            rows.append([float(one.train_loss([END])), *fresh])
        found.append(rows)
    return np.array(found)


def test_as_many_modes_as_dimensions_are_best():
    found = truncation(20, 12, 4, 8, [0.5, 0.8, 1, 1.5, 2, 4, 8], 2).mean(0)
    train, _, test = found.T
    assert int(test.argmin()) == 2
    assert (np.diff(train) < 0).all()


def test_a_penalty_on_the_modes_of_higher_rank_is_the_truncation_in_the_limit():
    data = torch.randn(80, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flow = RandomFeatureScore(200, 20, time=TIME, seed=0).fit(data, draws=4)
    cut = flow.truncated(20).readout(END)
    apart = [
        float((flow.with_ridge(penalty, beyond=20).readout(END) - cut).norm() / cut.norm())
        for penalty in (1.0, 100.0, 1e6)
    ]
    assert apart[2] < 1e-5
    assert 50 < apart[0] / apart[1] < 150  # as 1/penalty
    assert float((flow.truncated(200).readout(END) - flow.readout(END)).norm()) == 0


@pytest.mark.slow
def test_truncated_losses_are_those_of_the_table():
    ranks = [0.5, 1, 2, 3, 4, 5, 8, 16, 24]
    table = np.array(
        [
            (0.917, 0.933, 0.9215),
            (0.780, 0.801, 0.881),
            (0.754, 0.798, 0.897),
            (0.721, 0.787, 0.926),
            (0.667, 0.752, 1.027),
            (0.560, 0.654, 1.293),
            (0.459, 0.590, 1.550),
            (0.340, 0.579, 2.009),
            (0.266, 0.687, 2.572),
        ]
    )
    found = truncation(40, 24, 4, 16, ranks, 3)
    np.testing.assert_allclose(found.mean(0), table, rtol=0.03)  # s.e. up to 0.005 of either
    assert int(found.mean(0)[:, 2].argmin()) == 1


def test_losses_are_those_of_sampled_noise_and_the_end_solves_the_normal_equations():
    d, p, lam = 6, 15, 0.05
    data = torch.randn(10, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = RandomFeatureScore(p, d, time=TIME, seed=0)
    flow = model.fit(data, draws=3).with_ridge(lam)
    again = RandomFeatureScore(p, d, time=TIME, seed=0)  # its draws again
    x = data.repeat(3, 1)
    noise = torch.randn(x.shape, generator=again._generator, dtype=x.dtype)
    sigma = torch.tanh((DECAY * x + NOISE**0.5 * noise) @ model.first_layer.mT / d**0.5)
    gram = sigma.mT @ sigma / len(x) + lam * torch.eye(p).double()
    expected = -torch.linalg.solve(gram, sigma.mT @ noise / len(x)).mT / NOISE**0.5
    torch.testing.assert_close(flow.readout(END), expected, rtol=1e-8, atol=1e-10)
    error = (NOISE**0.5 * sigma @ expected.mT + noise).square().sum(1).mean() / d
    assert float(flow.train_loss([END])) == pytest.approx(float(error), rel=1e-9)
    U, V = sigma.mT @ sigma / len(x), sigma.mT @ noise / len(x)
    drawn = float(noise.square().mean())  # in place of 1, which it is of all noise
    assert model.loss(expected, U, V) + drawn - 1 == pytest.approx(float(error), rel=1e-9)


def test_bias_and_variance_of_regressions_are_unbiased():
    """s = R x from n points y = Gx + noise: ridge regression of one known matrix, in d = 3."""
    d, n, lam, k = 3, 8, 4.0, 3
    generator = torch.Generator().manual_seed(0)
    G = torch.randn(d, d, generator=generator, dtype=torch.float64)
    points = torch.randn(30, d, generator=generator, dtype=torch.float64)

    def fitted(count):
        X = torch.randn(count, n, d, generator=generator, dtype=torch.float64)
        Y = X @ G.mT + 0.7 * torch.randn(count, n, d, generator=generator, dtype=torch.float64)
        penalty = lam * torch.eye(d).double()
        return points @ torch.linalg.solve(X.mT @ X + penalty, X.mT @ Y)

    many = fitted(50_000)
    exact = points @ G.mT
    bias2 = float((many.mean(0) - exact).square().sum(1).mean()) / d
    variance = float((many - many.mean(0)).square().sum(2).mean()) / d
    found = [bias_and_variance(fitted(k), exact) for _ in range(1000)]
    for name, expected in (("bias2", bias2), ("variance", variance)):
        values = np.array([getattr(one, name) for one in found])
        sem = values.std(ddof=1) / math.sqrt(len(values))
        assert abs(values.mean() - expected) < 4 * sem
        claimed = np.array([getattr(one, f"{name}_sem") for one in found])
        # of three runs left out in turn; the jackknife is a little too large for products
        assert 0.8 < math.sqrt((claimed**2).mean()) / values.std() < 1.5
    sem = np.std([one.bias2 for one in found]) / math.sqrt(1000)
    assert 8 * sem < variance / k  # what the mean over runs alone would have too much is seen


def test_errors_of_bias_and_variance_are_those_of_runs_left_out_in_turn():
    error = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = bias_and_variance(1 + error, torch.ones(4, 3))

    def parts(runs):
        products = [float((error[a] * error[b]).mean()) for a in runs for b in runs if a != b]
        squares = [float(error[a].square().mean()) for a in runs]
        return np.mean(products), np.mean(squares) - np.mean(products)

    left = np.array([parts([a for a in range(5) if a != out]) for out in range(5)])
    sems = np.sqrt(4 / 5 * ((left - left.mean(0)) ** 2).sum(0))
    assert (found.bias2, found.variance) == pytest.approx(parts(range(5)))
    assert (found.bias2_sem, found.variance_sem) == pytest.approx(tuple(sems))
    assert math.isnan(bias_and_variance(error[:2], torch.zeros(4, 3)).bias2_sem)


def test_the_linear_equivalent_of_the_gram_matrix_has_the_atoms():
    d, n, m = 64, 256, 4
    found = gram_spectrum(n, m, [1.0] * d, TIME)
    # μ by the kernel f(u) itself, at unit variance
    z, w = np.polynomial.hermite_e.hermegauss(80)
    w = w / w.sum()

    def f(u):
        other = u * z[:, None] + math.sqrt(1 - u**2) * z
        return float((w * np.tanh(z)) @ (np.tanh(other) @ w))

    slope = (f(1e-4) - f(-1e-4)) / 2e-4
    c = DECAY**2
    assert found.linear == pytest.approx(slope, rel=1e-6)
    assert found.shared == pytest.approx(f(c) - c * slope, abs=1e-8)
    assert found.own == pytest.approx(f(1.0) - f(c) - NOISE * slope, abs=1e-8)
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(n, d, generator=generator, dtype=torch.float64)
    noise = torch.randn(m * n, d, generator=generator, dtype=torch.float64)
    noised = DECAY * data.repeat(m, 1) + NOISE**0.5 * noise
    same = torch.eye(n).double().repeat(m, m)
    G = found.own * torch.eye(n * m).double() + found.shared * same
    values = torch.linalg.eigvalsh(G + found.linear * noised @ noised.mT / d).numpy()
    for atom, modes in (
        (found.point_atom, found.point_modes),
        (found.noise_atom, found.noise_modes),
    ):
        assert (np.abs(values - atom) < 1e-6).sum() == modes
    assert (found.point_atom, found.noise_atom) == pytest.approx((0.068939, 0.013573), abs=1e-6)
    rest = values[(np.abs(values - found.point_atom) > 1e-6) & (values > found.noise_atom + 1e-6)]
    low, high = rest[:d], rest[d:]
    assert len(high) == d
    assert low.mean() == pytest.approx(found.memorization.mean(), rel=0.1)  # of order d/n
    assert high.mean() == pytest.approx(found.generalization.mean(), rel=0.02)


def test_flow_times_of_a_gram_matrix_are_those_of_the_features():
    """The same matrix from its other side: p features, whose Gram matrix has U's eigenvalues."""
    d, p, n = 5, 40, 20
    data = torch.randn(n, d, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    flow = RandomFeatureScore(p, d, time=TIME, seed=0).fit(data, draws=1)
    found = gram_spectrum(n, 1, [1.0] * d, TIME)
    gram = flow.eigenvalues[:n].numpy() * n / p
    np.testing.assert_allclose(found.flow_times(gram), flow.mode_times[:n].numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: double_descent(1, 1, 0.5, 1, 0.1), "draws must be at least 1, got 0.5"),
        (lambda: double_descent(0, 1, 1, 1, 0.1), r"psi_p must lie in \(0.0001, 100000\)"),
        (lambda: double_descent(1, 1, 1, 0, 0.1), r"ridge must lie in \(1e-12, 1e\+10\)"),
        (lambda: double_descent([1, 2], 1, [1, 2, 3], 1, 0.1), "must broadcast, got shapes"),
        (lambda: best_ridge(1, 1e9, 1, 0.1), "psi_n must lie in"),
        (lambda: best_ridge(1, 1, 1, 0), "time must be positive"),
        (lambda: gram_spectrum(1, 1, [1.0, 1.0], 0.1), "points must be at least 2, one per"),
        (lambda: gram_spectrum(4, 0, [1.0, 1.0], 0.1), "draws must be a whole number of at least"),
        (lambda: gram_spectrum(4, 1, [-1.0], 0.1), "variances must be a list of numbers"),
        (
            lambda: bias_and_variance(torch.ones(1, 4, 2), torch.ones(4, 2)),
            r"scores must have shape \(runs, points, d\), two runs at least, got \(1, 4, 2\)",
        ),
        (
            lambda: bias_and_variance(torch.ones(2, 4, 2), torch.ones(3, 2)),
            r"exact must have shape \(4, 2\), as each of scores, got \(3, 2\)",
        ),
        (
            lambda: bias_and_variance(torch.full((2, 4, 2), torch.nan), torch.ones(4, 2)),
            "scores must be finite",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
