"""Schedules, exact denoisers and samplers of `diffusion`: what holds for any input they allow."""

import math
from itertools import pairwise

import pytest
import torch
from drawn import (
    KINDS,
    close,
    denoiser_of,
    few,
    fewer,
    levels,
    normal_like,
    points,
    precisions,
    rotation,
    seeds,
    shuffled,
)
from hypothesis import given, strategies as st

from diffusion import (
    OU,
    VE,
    Cosine,
    Denoiser,
    EmpiricalDenoiser,
    ExactDenoiser,
    LinearManifoldDenoiser,
    Schedule,
    denoising_error,
    manifold_factors,
    noise_levels,
    noise_to,
    planted_posterior,
    sample,
    uturn,
)

SCHEDULES = {"VE": VE(), "OU": OU(), "Cosine": Cosine()}
METHODS = ("euler", "heun", "sde", "stochastic-heun", "ancestral")


# ----------------------------------------------------------------- schedules


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@few
@given(st.floats(1e-6, 0.999), st.floats(1e-6, 0.999))
def test_schedules_turn_time_into_noise_and_back(schedule, one, other):
    assert isinstance(schedule, Schedule)
    times = torch.tensor(sorted([one, other]), dtype=torch.float64)
    level = schedule.noise_level(times)
    assert close(schedule.time(level), times)
    assert close(level, schedule.sigma(times) / schedule.alpha(times), scale=1e-9)
    assert bool((level.diff() >= 0).all() and (schedule.alpha(times).diff() <= 0).all())
    if not isinstance(schedule, VE):  # variance preserving
        assert close(schedule.sigma(times) ** 2 + schedule.alpha(times) ** 2, [1.0, 1.0])


# ------------------------------------------------------------ exact denoisers


@pytest.mark.parametrize("kind", KINDS)
@few
@given(points(), levels, seeds)
def test_denoiser_score_and_density_agree(kind, data, sigma, seed):
    """Tweedie; ∇ log p by torch; a batch is its rows; the results are like the data."""
    denoiser = denoiser_of(kind, data)
    assert isinstance(denoiser, ExactDenoiser)
    assert isinstance(denoiser, Denoiser)
    x = normal_like(data, seed, rows=3) * (1 + sigma)
    mean, score = denoiser(x, sigma), denoiser.score(x, sigma)
    jacobian = denoiser.jacobian(x, sigma)
    density, trace = denoiser.log_density(x, sigma), denoiser.jacobian_trace(x, sigma)
    values = denoiser.jacobian_eigenvalues(x, sigma)
    along = denoiser.jacobian_along(x, sigma, torch.eye(data.shape[1]))
    found = (mean, score, jacobian, density, trace, values, along)
    assert all(one.dtype == data.dtype and torch.isfinite(one).all() for one in found)
    size = 1 + float(x.abs().max())
    assert close(score * sigma**2, mean - x, torch.float32, size)
    assert close(jacobian, jacobian.mT, torch.float32)
    assert bool((values >= -1e-3 * (1 + values.abs().amax())).all())
    # deviations are known to the digits of the data, their squares to those of double precision
    digits = torch.finfo(data.dtype).eps ** 2 + 1e-16
    scale = 1 + float(values.abs().max()) + 1e5 * digits * float(data.square().max()) / sigma**2
    assert close(values.sum(1), trace, torch.float32, scale)
    assert close(along.sum(1), trace, torch.float32, scale)
    rows = [denoiser(row[None], torch.tensor([sigma]).double()) for row in x]
    assert close(torch.cat(rows), mean, torch.float32, size)
    assert denoiser(x[:0], sigma).shape == x[:0].shape
    if data.dtype == torch.float64 and 1e-3 <= sigma <= 1e2:
        at = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(denoiser.log_density(at, sigma).sum(), at)
        assert close(slope, score, torch.float32)


@pytest.mark.parametrize("kind", KINDS)
@few
@given(points(), levels, seeds)
def test_denoisers_turn_with_the_data(kind, data, sigma, seed):
    data = data.double()
    x, turn = normal_like(data, seed), rotation(data.shape[1], seed)
    kind = "full" if kind == "diagonal" else kind  # axes of its own turn into a full covariance
    plain, turned = denoiser_of(kind, data), denoiser_of(kind, data @ turn.T)
    if sigma >= 1e-3 or kind != "empirical":  # the rounding of the turn is not to be resolved
        assert close(turned(x @ turn.T, sigma), plain(x, sigma) @ turn.T, torch.float32)
        assert close(
            turned.log_density(x @ turn.T, sigma), plain.log_density(x, sigma), torch.float32
        )


@pytest.mark.parametrize("kind", KINDS)
@few
@given(points(), levels, seeds)
def test_single_precision_is_that_of_its_numbers(kind, data, sigma, seed):
    """The same numbers in double precision give the same, up to the digits of the result."""
    data = data.float()
    x = normal_like(data, seed, rows=3)
    single, double = (denoiser_of(kind, one) for one in (data, data.double()))
    if kind == "empirical":
        gaps = (double.weights(x.double(), sigma) > 0.05).sum(1)
        if sigma < 0.1 and bool((gaps > 1).any()):
            return  # two data points at one distance: a coin decides
    assert close(single(x, sigma), double(x.double(), sigma), torch.float32, 10)


@few
@given(points(), levels, st.floats(-5, 5), seeds)
def test_the_empirical_denoiser_averages_its_data(data, sigma, shift, seed):
    """In the hull of the data; weights of sum 1; blind to order, copies and origin."""
    denoiser, x = EmpiricalDenoiser(data), normal_like(data, seed)
    mean, weights = denoiser(x, sigma), denoiser.weights(x, sigma)
    slack = 16 * torch.finfo(data.dtype).eps * float(1 + data.abs().max())
    assert bool((mean >= data.amin(0) - slack).all() and (mean <= data.amax(0) + slack).all())
    assert close(weights.sum(1), torch.ones(len(x)), data.dtype)
    assert close(weights @ data, mean, torch.float32)
    drawn = denoiser.posterior_sample(x, sigma, seed)
    assert ((drawn[:, None] == data).all(2).any(1)).all()
    assert torch.equal(drawn, denoiser.posterior_sample(x, sigma, seed))
    twice = EmpiricalDenoiser(torch.cat([data[shuffled(len(data), seed)], data]).double())
    moved = EmpiricalDenoiser(data.double() + shift)
    plain = EmpiricalDenoiser(data.double())
    if sigma >= 0.03:  # below, rounding may choose between two points at one distance
        y = x.double()
        assert close(twice(y, sigma), plain(y, sigma))
        assert close(twice.log_density(y, sigma), plain.log_density(y, sigma))
        assert close(moved(y + shift, sigma) - shift, plain(y, sigma), torch.float32)


@few
@given(points(), levels, st.sampled_from([1.0, 1e6, 1e20]), seeds)
def test_the_mixture_splits_into_its_classes(data, sigma, far, seed):
    """D = Σ p_k D_k, classes alone by number or by row; finite even where density is none."""
    mixture, x = denoiser_of("diagonal", data), far * normal_like(data, seed, rows=3)
    mass = mixture.responsibilities(x, sigma)
    assert close(mass.sum(1), torch.ones(3), data.dtype)
    alone = torch.stack([mixture.condition(k)(x, sigma) for k in range(len(data))], 1)
    assert torch.isfinite(mixture.score(x, sigma)).all()
    assert close(mixture(x, sigma), (mass[:, :, None] * alone).sum(1), torch.float32)
    labels = torch.arange(3) % len(data)
    assert close(
        mixture.condition(labels)(x, sigma), alone[torch.arange(3), labels], data.dtype, far
    )
    drawn, told = mixture.draw(5, seed)
    assert drawn.dtype == data.dtype
    assert torch.equal(drawn, mixture.draw(5, seed)[0])
    assert bool((told >= 0).all() and (told < len(data)).all())


@few
@given(points(rows=(1, 6)), levels, seeds)
def test_the_manifold_keeps_what_lies_along_it(factors, sigma, seed):
    """Eigenvalues λ/(λ + σ²); linear; draws stay on the span."""
    F = factors.T.double()
    line, x = LinearManifoldDenoiser(F), normal_like(factors.double(), seed)
    lam = torch.linalg.eigvalsh(F @ F.T)
    lam = torch.where(lam < 1e-14 * lam.max(), 0.0, lam)  # no rounding beside σ² = 10⁻¹²
    assert close(line.jacobian_eigenvalues(x[:1], sigma)[0], lam / (lam + sigma**2), torch.float32)
    assert close(line(2 * x, sigma), 2 * line(x, sigma))
    drawn = line.draw(4, seed)
    assert close(drawn @ torch.linalg.pinv(F).T @ F.T, drawn)


@few
@given(st.integers(1, 4), st.integers(1, 4), st.floats(1e-6, 1e6), seeds)
def test_manifold_factors_have_their_spectrum(one, two, variance, seed):
    F = manifold_factors(9, [one, two], [1.0, variance], seed=seed)
    wanted = torch.tensor([1.0] * one + [variance] * two, dtype=torch.float64)
    assert close(F.T @ F, torch.diag(wanted))
    rough = manifold_factors(3, [one, two], [1.0, variance], "gaussian", seed=seed)
    assert rough.shape == (3, one + two)


# ------------------------------------------------------------------ samplers


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@fewer
@given(points(), st.floats(0.01, 0.9), st.integers(1, 6), seeds)
def test_samplers_are_of_their_seed_and_leave_the_input(method, schedule, data, time, steps, seed):
    denoiser, x = EmpiricalDenoiser(data), normal_like(data, seed)
    kept = x.clone()
    found = sample(denoiser, x, schedule, method, steps, start=time, seed=seed)
    assert found.dtype == data.dtype
    assert torch.isfinite(found).all()
    assert torch.equal(x, kept)
    assert torch.equal(found, sample(denoiser, x, schedule, method, steps, start=time, seed=seed))
    assert sample(denoiser, x[:0], schedule, method, steps, start=time).shape == x[:0].shape
    if method == "ancestral":
        assert ((found[:, None] - data).abs().amax(2).amin(1) < 1e-5 * (1 + data.abs().max())).all()
    if method in ("euler", "heun"):
        rows = [sample(denoiser, row[None], schedule, method, steps, start=time) for row in x]
        assert close(torch.cat(rows), found, torch.float32)
        # the schedule is a relabelling: the same path in signal units
        level, alpha = float(schedule.noise_level(time)), float(schedule.alpha(time))
        same = sample(denoiser, (x.double() / alpha), VE(), method, steps, start=level)
        assert close(found, same, torch.float32, 10)


@few
@given(st.floats(1e-3, 1e6), st.integers(2, 30), st.floats(1e-3, 1e3), st.floats(1e-3, 1e6))
def test_noise_levels_fall_from_the_first_to_zero(start, steps, width, jump):
    path = noise_levels(start, steps, width, [jump])
    assert path[0] == start
    assert path[-1] == 0
    assert all(high > low for high, low in pairwise(path))
    assert len(path) in (steps + 1, steps + 2, steps + 3)
    point = torch.zeros(1, 1)
    assert torch.isfinite(sample(lambda x, _: 0 * x, point + start, VE(), levels=path)).all()


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
@few
@given(points(), st.floats(1e-6, 0.9), seeds)
def test_noising_is_affine_in_the_point(schedule, x, time, seed):
    noised = noise_to(x, schedule, time, seed)
    assert noised.dtype == x.dtype
    assert close(noised - noise_to(0 * x, schedule, time, seed), schedule.alpha(time) * x, x.dtype)
    assert torch.equal(noise_to(x, schedule, 0.0, seed), x)
    assert noise_to(x[:0], schedule, time, seed).shape == x[:0].shape


@few
@given(points(columns=(2, 5)), precisions, seeds)
def test_short_uturns_come_home(data, dtype, seed):
    data = data.to(dtype).unique(dim=0)
    apart = torch.cdist(data.double(), data.double()) + 9 * torch.eye(len(data))
    time = 1e-3 * float(apart.min())
    for method in ("heun", "ancestral"):
        home = uturn(EmpiricalDenoiser(data), data, VE(), time, method, steps=5, seed=seed)
        assert home.dtype == data.dtype
        assert close(home, data, torch.float32)


@few
@given(points(), levels, st.integers(1, 3), seeds)
def test_no_denoiser_errs_more_than_its_noise(data, sigma, draws, seed):
    """For D(x) = x the error is that of the noise; the mean of the data errs by its spread."""
    error = denoising_error(lambda x, _: x, data.double(), sigma, draws, seed)
    assert torch.equal(error, denoising_error(lambda x, _: x, data.double(), sigma, draws, seed))
    twice = denoising_error(lambda x, _: x, data.double(), 2 * sigma, draws, seed)
    assert close(twice, 4 * error, torch.float32, scale=1e-12)
    still = denoising_error(lambda x, _: 0 * x, data, sigma, draws, seed)
    assert still.dtype == data.dtype
    assert close(still, data.square().mean(1), torch.float32)


@few
@given(points(rows=(2, 7)), levels, st.integers(1, 9), seeds)
def test_planted_statistics_stay_in_their_ranges(data, sigma, draws, seed):
    denoiser, n = EmpiricalDenoiser(data), len(data)
    labels = torch.arange(n)
    found = planted_posterior(denoiser, sigma, draws, labels, seed)
    assert close(found.agreement, found.participation, data.dtype)  # each point its own class
    assert bool((found.participation >= 1 / n - 1e-4).all())
    assert bool((found.entropy >= -1e-4).all() and (found.entropy <= math.log(n) + 1e-4).all())
    assert bool((found.own_weight <= found.participation.sqrt() + 1e-4).all())
    one = planted_posterior(denoiser, sigma, draws, 0 * labels, seed)
    assert close(one.agreement, torch.ones(draws), data.dtype)
    assert set(found.to_dict()) == {
        "participation", "own_weight", "entropy", "dimension", "agreement"
    }  # fmt: skip
