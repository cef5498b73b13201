"""The exactly solved random-features score: brute force, gradient descent, and what must hold."""

import math

import numpy as np
import pytest
import torch

from diffusion import GaussianMixtureDenoiser, RandomFeatureScore

TIMES = np.logspace(-2, 7, 60)
WIDE = torch.tensor([1.6, 0.4], dtype=torch.float64)


def two_classes(d, variances=WIDE, weights=None, norms=(0.0, 0.0)):
    means = torch.zeros(2, d, dtype=torch.float64)
    means[0, 0], means[1, 1] = (norm * math.sqrt(d) for norm in norms)
    return GaussianMixtureDenoiser(means, variances, weights)


def trained(d=20, p=60, n=40, time=0.1, seed=0, mixture=None, draws=None, **settings):
    mixture = mixture or two_classes(d)
    data, labels = mixture.draw(n, seed=seed)
    model = RandomFeatureScore(p, d, time=time, seed=seed, **settings)
    return model, data, labels, model.fit(data, labels, draws), mixture


def by_sampling(model, draw, readout, draws):
    """E|sqrt(D) s + ξ|²/d by brute force, and its standard error."""
    generator = torch.Generator().manual_seed(1)
    x = draw(draws)
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    noised = model.signal * x + model.noise**0.5 * noise
    error = (model.noise**0.5 * model.score(noised, readout) + noise).square().mean(1)
    return float(error.mean()), float(error.std() / math.sqrt(draws))


@pytest.mark.parametrize("activation", ["tanh", "erf", lambda h: torch.sin(1.5 * h)])
@pytest.mark.parametrize("time", [0.01, 0.3])
def test_losses_are_those_of_sampled_noise(activation, time):
    mixture = two_classes(20, norms=(0.3, 0.0))
    model, data, labels, flow, _ = trained(time=time, mixture=mixture, activation=activation)
    tau = 3 / model.noise
    readout = flow.readout(tau)
    train, test = flow.train_loss([tau])[0], flow.test_loss([tau], mixture)[0]
    for c in (0, 1):
        points = data[labels == c]
        value, sem = by_sampling(
            model, lambda n, x=points: x.repeat(n // len(x), 1), readout, 50000
        )
        assert abs(value - float(train[c])) < 4 * sem
        one = mixture.condition(c)
        value, sem = by_sampling(model, lambda n, k=one: k.draw(n, seed=2)[0], readout, 50000)
        assert abs(value - float(test[c])) < 4 * sem


def test_averages_are_those_of_sampled_features():
    torch.manual_seed(0)
    model = RandomFeatureScore(30, 12, time=0.2, seed=0)
    mean, spread = torch.randn(12).double() * 0.5, torch.linspace(0.2, 2, 12).double()
    U, V = model.average_over_class(mean, spread)
    draws = 200_000
    noise = torch.randn(draws, 12).double()
    x = mean + spread.sqrt() * torch.randn(draws, 12).double()
    h = (model.signal * x + model.noise**0.5 * noise) @ model.first_layer.mT / math.sqrt(12)
    sigma = torch.tanh(h)
    for exact, left, right in ((U, sigma, sigma), (V, sigma, noise)):
        found = left.mT @ right / draws
        sem = (((left**2).mT @ right**2 / draws - found**2) / draws).sqrt()
        worst = ((found - exact).abs() / sem).max()
        assert worst < 5.5  # of some hundred entries


def test_averages_of_a_cube_are_moments_of_normal_fields():
    """E x³y³ = 9C_xx C_yy C_xy + 6C_xy³, and E x³ξ = 3C_xx E xξ: by series of three terms."""
    spread = torch.linspace(0.2, 2, 6).double()
    model = RandomFeatureScore(9, 6, time=0.2, activation=lambda h: h**3, seed=0)
    U, V = model.average_over_class(torch.zeros(6), spread)
    W = model.first_layer / math.sqrt(6)
    C = (W * (math.exp(-0.4) * spread - math.expm1(-0.4))) @ W.mT
    own = C.diagonal()
    torch.testing.assert_close(U, 9 * own * own[:, None] * C + 6 * C**3, rtol=1e-9, atol=1e-9)
    exact = 3 * own[:, None] * math.sqrt(-math.expm1(-0.4)) * W
    torch.testing.assert_close(V, exact, rtol=1e-9, atol=1e-9)


def test_full_covariances_agree_with_diagonal_ones():
    spread = torch.linspace(0.2, 2, 10).double()
    turn, _ = torch.linalg.qr(torch.randn(10, 10, dtype=torch.float64))
    flow = trained(d=10, mixture=two_classes(10, spread.expand(2, 10)))[3]
    full = GaussianMixtureDenoiser(
        torch.zeros(2, 10).double(), torch.diag(spread).expand(2, 10, 10)
    )
    diagonal = two_classes(10, spread.expand(2, 10))
    torch.testing.assert_close(flow.test_loss(TIMES, full), flow.test_loss(TIMES, diagonal))
    turned = GaussianMixtureDenoiser(
        torch.zeros(1, 10).double(), (turn * spread @ turn.mT)[None].contiguous()
    )
    torch.testing.assert_close(
        flow.bayes_loss(turned), flow.bayes_loss(diagonal)[:1], rtol=1e-8, atol=0
    )


def test_the_flow_is_the_limit_of_gradient_descent():
    """Plain descent on the exact loss, at a step small against the fastest mode."""
    model, data, labels, flow, _ = trained(d=10, p=30, n=20)
    rows = [data[labels == c] for c in (0, 1)]
    pairs = [model.average_over(x) for x in rows]
    U, V = (
        sum(len(x) * pair[k] for x, pair in zip(rows, pairs, strict=True)) / len(data)
        for k in (0, 1)
    )
    tau, d, p = 50.0, 10, 30
    steps = round(20 * tau * 2 * model.noise * float(flow.eigenvalues[0]) / (p / d))
    readout = torch.zeros(d, p, dtype=torch.float64)
    for _ in range(steps):
        slope = 2 / d * (model.noise * readout @ U + model.noise**0.5 * V.mT)
        readout -= tau / steps * d / (p / d) * slope
    exact = flow.readout(tau)
    assert float((readout - exact).norm() / exact.norm()) < 0.01


@pytest.mark.slow
def test_the_flow_is_learnt_by_stochastic_gradient_descent():
    """Fresh noise at every step, as networks are trained; time η·steps·ψ/d."""
    d, p, n = 20, 160, 40
    model, data, labels, flow, mixture = trained(d=d, p=p, n=n, seed=3)
    W = model.first_layer / math.sqrt(d)
    rate, tau = 0.005 * d / model.noise, 1324.0
    steps = round(tau * d / (rate * p / d))
    readout = torch.zeros(d, p, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    clean = model.signal * data @ W.mT
    for _ in range(steps):
        noise = torch.randn(n, d, generator=generator, dtype=torch.float64)
        sigma = torch.tanh(clean + model.noise**0.5 * noise @ W.mT)
        error = model.noise**0.5 * sigma @ readout.mT + noise
        readout -= rate * 2 * model.noise**0.5 / (n * d) * error.mT @ sigma
    own = sum(
        float(rho)
        * by_sampling(
            model, lambda k, x=data[labels == c]: x.repeat(k // len(x), 1), readout, 40000
        )[0]
        for c, rho in enumerate(flow.fractions)
    )
    exact = float(flow.train_loss([tau])[0] @ flow.fractions)
    assert own == pytest.approx(exact, rel=0.02)
    for c in (0, 1):
        one = mixture.condition(c)
        found, _ = by_sampling(model, lambda k, m=one: m.draw(k, seed=5)[0], readout, 40000)
        assert found == pytest.approx(float(flow.test_loss([tau], mixture)[0, c]), rel=0.02)


def test_what_must_hold_at_all_times():
    for seed, weights in ((0, [0.5, 0.5]), (1, [0.9, 0.1])):
        mixture = two_classes(20, weights=weights, norms=(0.5, 0.0))
        _, _, _, flow, _ = trained(n=60, seed=seed, mixture=mixture)
        train, test = flow.train_loss(TIMES), flow.test_loss(TIMES, mixture)
        assert torch.equal(flow.train_loss([0.0]), torch.ones(1, 2).double())
        assert torch.equal(flow.test_loss([0.0], mixture), torch.ones(1, 2).double())
        total = train @ flow.fractions
        assert (total.diff() <= 1e-12).all()  # each class need not fall
        assert (test >= flow.bayes_loss(mixture)).all()
        assert float(flow.fractions.sum()) == pytest.approx(1)
        torch.testing.assert_close(
            flow.class_shares.sum(0), flow.eigenvalues, rtol=1e-6, atol=1e-10
        )
        assert (flow.eigenvalues.diff() <= 0).all()
        assert (flow.eigenvalues >= 0).all()
        error = flow.score_error(TIMES, mixture)
        torch.testing.assert_close(error * flow.model.noise + flow.bayes_loss(mixture), test)


def test_the_score_error_is_the_distance_to_the_true_score():
    model, _, _, flow, mixture = trained(n=60)
    tau, draws = 20.0, 60000
    for c in (0, 1):
        one = mixture.condition(c)
        x, _ = one.draw(draws, seed=1)
        generator = torch.Generator().manual_seed(2)
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        noised = model.signal * x + model.noise**0.5 * noise
        true = one.score(noised / model.signal, model.noise**0.5 / model.signal) / model.signal
        error = (model.score(noised, flow.readout(tau)) - true).square().mean(1)
        value, sem = float(error.mean()), float(error.std() / math.sqrt(draws))
        assert abs(value - float(flow.score_error([tau], mixture)[0, c])) < 4 * sem


def test_test_points_stand_for_their_distribution():
    _, _, _, flow, mixture = trained()
    data, labels = mixture.draw(4000, seed=9)
    found = flow.test_loss([10.0], data, labels)
    torch.testing.assert_close(found, flow.test_loss([10.0], mixture), rtol=0.01, atol=0)
    train, labels = mixture.draw(40, seed=0)  # the points the flow learnt from
    torch.testing.assert_close(flow.test_loss(TIMES, train, labels), flow.train_loss(TIMES))


def test_few_noise_draws_are_memorized_instead_of_the_data():
    losses = {}
    for draws in (1, 4, 64):
        _, data, labels, flow, mixture = trained(p=160, draws=draws)
        own = float(flow.train_loss([1e3])[0] @ flow.fractions)
        fresh = float(flow.test_loss([1e3], data, labels)[0] @ flow.fractions)
        losses[draws] = own, fresh, float(flow.test_loss([1e3], mixture)[0].mean())
    own, fresh, _ = losses[1]
    assert own < 0.1  # the noise by heart,
    assert fresh > 1  # and worse than nothing on other noise at the same points
    assert own < losses[4][0] < losses[64][0]
    assert fresh > losses[4][1] > losses[64][1]
    exact = trained(p=160)[3]
    limit = float(exact.train_loss([1e3])[0] @ exact.fractions)
    assert losses[64][0] == pytest.approx(limit, rel=0.15)
    assert losses[64][1] == pytest.approx(limit, rel=0.15)


def test_times_beyond_rounding_are_the_end():
    _, _, _, flow, mixture = trained(p=300, d=10, n=40, draws=3, mixture=two_classes(10))
    assert (flow.eigenvalues[120:] < 1e-12).all()  # more features than pairs
    end = torch.cat([flow.train_loss([torch.inf]), flow.test_loss([torch.inf], mixture)], 1)
    for time in (1e12, 1e15, 1e18, 1e100, 1e300):
        late = torch.cat([flow.train_loss([time]), flow.test_loss([time], mixture)], 1)
        torch.testing.assert_close(late, end, rtol=1e-3, atol=1e-9)  # of modes at rounding
        left = flow.readout(time) - flow.readout(torch.inf)
        assert float(left.norm()) < 1e-2 * float(flow.readout(torch.inf).norm())


def test_one_class_needs_no_labels_and_numpy_will_do():
    data = np.random.default_rng(0).normal(size=(30, 5))
    flow = RandomFeatureScore(40, 5, time=0.2, seed=1).fit(data)
    with_labels = RandomFeatureScore(40, 5, time=0.2, seed=1).fit(data, np.zeros(30, dtype=int))
    assert flow.train_loss(TIMES).shape == (60, 1)
    assert torch.equal(flow.train_loss(TIMES), with_labels.train_loss(TIMES))
    assert not torch.equal(
        RandomFeatureScore(40, 5, time=0.2, seed=2).fit(data).train_loss(TIMES),
        flow.train_loss(TIMES),
    )


def test_input_eigenvalues_are_rayleigh_quotients():
    model, data, labels, flow, _ = trained(d=6, p=20, n=30)
    counts = torch.bincount(labels)
    U = sum(int(n) * model.average_over(data[labels == c])[0] for c, n in enumerate(counts)) / len(
        data
    )
    W = model.first_layer
    expected = torch.stack([w @ U @ w / (w @ w) for w in W.T])
    torch.testing.assert_close(flow.input_eigenvalues, expected)
    torch.testing.assert_close(
        flow.mode_times * flow.eigenvalues, torch.full((20,), 20 / 12 / model.noise).double()
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RandomFeatureScore(0, 5, time=0.1), "p must be a whole number of at least 1"),
        (lambda: RandomFeatureScore(5, 5, time=0.0), "time must be positive and finite, got 0"),
        (lambda: RandomFeatureScore(5, 5, time=1, activation="relu"), "activation must be one of"),
        (lambda: RandomFeatureScore(5, 5, time=1, activation=3), "or a function of a tensor"),
        (lambda: RandomFeatureScore(5, 5, time=1, activation=torch.sum), "return finite numbers"),
        (lambda: RandomFeatureScore(5, 5, time=1, activation=lambda h: 0 * h), "zero everywhere"),
        (lambda: _fit(torch.zeros(4, 3)), r"data must have shape \(rows, 2\), got \(4, 3\)"),
        (lambda: _fit(torch.full((4, 2), torch.nan)), "data must be finite"),
        (lambda: _fit(labels=[0, 2, 0, 2]), "labels must use every class 0 to 2, got none of 1"),
        (lambda: _fit(labels=[0, 1, 0, 10**12]), "0 to 1000000000000, got none of 2"),
        (lambda: _fit(labels=[0, 1]), r"labels must be whole numbers from 0, of shape \(4,\)"),
        (lambda: _fit(labels=[0.0, 1, 1, 0]), "labels must be whole numbers"),
        (lambda: _fit(draws=0), "draws must be a whole number of at least 1"),
        (lambda: _fit().train_loss([-1.0]), "times must be at least 0, got -1"),
        (lambda: _fit().train_loss([torch.nan]), "times must be at least 0, got nan"),
        (lambda: _fit().readout(-1), "time must lie in"),
        (lambda: _fit().with_ridge(-0.1), "ridge must lie in"),
        (lambda: _fit().with_ridge(0.1, 4), "beyond must be a whole number of at least 0 and at"),
        (lambda: _fit().truncated(4), "rank must be a whole number of at least 0 and at most 3"),
        (lambda: _fit().model.loss(torch.ones(3, 3), *_averages()), "readout must have shape"),
        (lambda: _fit().model.score(torch.ones(4, 2), torch.ones(1, 3)), "readout must have shape"),
        (lambda: _class_of(-torch.ones(2)), "covariance must have no negative variance, got -1"),
        (lambda: _class_of([[1.0, 2.0], [2.0, 1.0]]), "no negative variance, got -1"),
        (lambda: _class_of([[1.0, 0.5], [0.0, 1.0]]), "covariance must be symmetric, got entries"),
        (lambda: _fit().model.loss(torch.ones(2, 3), *_averages()[::-1]), "U must have shape"),
        (lambda: _fit().test_loss([1.0], two_classes(3)), "mixture must have dimension 2, got 3"),
        (lambda: _fit().bayes_loss(two_classes(3)), "mixture must have dimension 2, got 3"),
        (lambda: two_classes(3, weights=[0.5, 0.6]), "weights must sum to 1, got a sum of 1.1"),
        (lambda: two_classes(3, torch.zeros(2, 3, 3)), "variances must be positive definite"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def _fit(data=None, labels=None, draws=None):
    data = torch.randn(4, 2) if data is None else data
    return RandomFeatureScore(3, 2, time=0.1, seed=0).fit(data, labels, draws)


def _class_of(covariance):
    return RandomFeatureScore(3, 2, time=0.1, seed=0).average_over_class([0.0, 0.0], covariance)


def _averages():
    return torch.eye(3), torch.ones(3, 2)


@pytest.mark.parametrize("activation", [torch.relu, torch.cos, lambda h: h**2])
def test_activations_that_are_not_odd_are_warned_of(activation):
    with pytest.warns(UserWarning, match="activation is not odd.*adds a spike"):
        RandomFeatureScore(5, 5, time=0.1, activation=activation)


def _on_a_line(W, points, variance, time, times):
    """(T, 2) train and test losses in d = 1, all averages by one dense trapezoidal rule."""
    p, D, kept = len(W), -np.expm1(-2 * time), np.exp(-time)
    z = np.linspace(-10, 10, 4001)
    w = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    U, V = np.zeros((p, p)), np.zeros(p)
    for x in points:
        features = np.tanh(np.outer(kept * x + np.sqrt(D) * z, W))
        U += (features.T * w) @ features / len(points)
        V += (features.T * w) @ z / len(points)
    G = kept**2 * variance + D
    features = np.tanh(np.outer(np.sqrt(G) * z, W))
    fresh = (features.T * w) @ features, (features.T * w) @ z * np.sqrt(D / G)
    values, vectors = np.linalg.eigh(U)
    values = values.clip(1e-300)
    P = vectors.T @ V
    rows = []
    for tau in times:
        g = -np.expm1(-2 * D * values * tau / p) / values * P
        rows.append(
            [
                1 + g @ (vectors.T @ u @ vectors) @ g - 2 * g @ (vectors.T @ v)
                for u, v in ((U, V), fresh)
            ]
        )
    return np.array(rows)


@pytest.mark.parametrize(("p", "time", "variance"), [(20, 2.0, 1.0), (60, 0.1, 25.0)])
def test_in_one_dimension_no_series_ends_too_early(p, time, variance):
    """All fields share one noise: their correlations are ±1."""
    mixture = GaussianMixtureDenoiser(torch.zeros(1, 1, dtype=torch.float64), variance)
    data, _ = mixture.draw(15, seed=0)
    model = RandomFeatureScore(p, 1, time=time, seed=0)
    flow, times = model.fit(data), [1.0, 100.0, 1e3, 1e5]
    expected = _on_a_line(
        model.first_layer[:, 0].numpy(), data[:, 0].numpy(), variance, time, times
    )
    # 10⁻⁸: what averages are computed to
    assert flow.train_loss(times)[:, 0].numpy() == pytest.approx(expected[:, 0], abs=1e-7)
    assert flow.test_loss(times, mixture)[:, 0].numpy() == pytest.approx(expected[:, 1], abs=1e-7)


def test_averages_over_wide_classes_are_those_of_sampled_points():
    """N(0, 25) in d = 20 and d = 3: fields of width 5, where tanh is nearly a step."""
    for d in (3, 20):
        mixture = GaussianMixtureDenoiser(torch.zeros(1, d, dtype=torch.float64), 25.0)
        model = RandomFeatureScore(30, d, time=0.1, seed=0)
        U, V = model.average_over_class(mixture.means[0], torch.full((d,), 25.0).double())
        generator, parts = torch.Generator().manual_seed(1), []
        for _ in range(20):
            x = 5 * torch.randn(20_000, d, generator=generator, dtype=torch.float64)
            noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
            noised = model.signal * x + model.noise**0.5 * noise
            features = torch.tanh(noised @ model.first_layer.mT / d**0.5)
            parts.append(torch.cat([features.mT @ features, features.mT @ noise], 1) / len(x))
        mean, sem = torch.stack(parts).mean(0), torch.stack(parts).std(0) / 20**0.5
        gap = (torch.cat([U, V], 1) - mean) / sem
        # Student's law of 19 degrees of freedom, of 30·(30 + d) numbers, most of them together
        assert gap.abs().max() < 6.5


def test_steps_are_refused():
    model = RandomFeatureScore(10, 3, time=0.5, activation=torch.sign, seed=0)
    with pytest.raises(ValueError, match="activation must be smooth on the width"):
        model.fit(torch.randn(5, 3, generator=torch.Generator().manual_seed(0)))


def test_a_series_that_does_not_end_in_time_is_refused(monkeypatch):
    """Fields ten times as wide as tanh need some hundred terms where they are nearly parallel."""
    model = RandomFeatureScore(6, 2, time=0.1, seed=0)
    wide = torch.zeros(2).double(), torch.full((2,), 100.0).double()
    U, _ = model.average_over_class(*wide)
    assert 0.8 < float(U.diagonal().mean()) < 1  # of σ² where nearly all fields are saturated
    monkeypatch.setattr("diffusion._feature_averages._MOST", 24)
    with pytest.raises(ValueError, match="got a series that 24 terms do not end; scale the data"):
        model.average_over_class(*wide)


def test_points_in_blocks_are_all_counted(monkeypatch):
    """Of one dimension, where the rule is a sum over points, and of draws."""
    mixture = GaussianMixtureDenoiser(torch.zeros(1, 1, dtype=torch.float64), 25.0)
    data, _ = mixture.draw(30, seed=0)
    whole = RandomFeatureScore(20, 1, time=2.0, seed=0).average_over(data)
    monkeypatch.setattr("diffusion._feature_averages._NUMBERS", 2000)
    parts = RandomFeatureScore(20, 1, time=2.0, seed=0).average_over(data)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)
    flow = RandomFeatureScore(20, 1, time=0.1, seed=0).fit(data, draws=40)
    # 4 s.e. of 1200 squares: the mean, and the loss before the first step
    assert abs(float(flow.noise_squares) - 1) < 4 * math.sqrt(2 / 1200)
    assert float(flow.train_loss([0.0])) == pytest.approx(float(flow.noise_squares))


def test_symmetric_matrices_made_in_strips_are_whole(monkeypatch):
    """Strips narrower than the features, and the class that is what the others leave of all."""
    mixture = two_classes(20, norms=(0.3, 0.0), weights=torch.tensor([0.3, 0.7]))
    _, data, labels, flow, _ = trained(seed=4, mixture=mixture)
    whole = flow.train_loss(TIMES), flow.test_loss(TIMES, mixture)
    monkeypatch.setattr("diffusion._feature_losses._STRIP", 7)
    model, _, _, narrow, _ = trained(seed=4, mixture=mixture)
    assert torch.allclose(narrow.train_loss(TIMES), whole[0], atol=1e-12)
    assert torch.allclose(narrow.test_loss(TIMES, mixture), whole[1], atol=1e-12)
    for c in (0, 1):  # as points of a test, each class is turned by itself
        own = narrow.test_loss(TIMES, data[labels == c])[:, 0]
        assert torch.allclose(own, narrow.train_loss(TIMES)[:, c], atol=1e-10)
    U, _ = model.average_over(data)
    assert torch.equal(U, U.T)
