"""Random features with a penalty, with cut modes, and in the end: by exponentials of matrices."""

import math

import pytest
import torch

from diffusion import RandomFeatureScore

TIME, D, P, N = 0.1, 4, 7, 12
ONE = torch.eye(P, dtype=torch.float64)
NOISE = -math.expm1(-2 * TIME)


def flow_and_averages():
    data = torch.randn(N, D, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model = RandomFeatureScore(P, D, time=TIME, seed=0)
    return model.fit(data), *model.average_over(data)


def above(U, spared):
    """The projector on all modes of U but its largest."""
    vectors = torch.linalg.eigh(U)[1][:, : len(U) - spared]
    return vectors @ vectors.mT


@pytest.mark.parametrize(
    ("change", "penalty"),
    [
        (lambda flow: flow, lambda U: 0 * U),
        (lambda flow: flow.with_ridge(0.05), lambda U: 0.05 * ONE),
        (lambda flow: flow.with_ridge(0.02).with_ridge(0.03), lambda U: 0.05 * ONE),
        (lambda flow: flow.with_ridge(0.4, beyond=3), lambda U: 0.4 * above(U, 3)),
        (
            lambda flow: flow.with_ridge(0.01).with_ridge(0.4, beyond=1),
            lambda U: 0.01 * ONE + 0.4 * above(U, 1),
        ),
    ],
)
def test_a_penalized_flow_is_that_of_its_linear_equation(change, penalty):
    """dR/dτ = −(d²/p)∂L/∂R of R = A/√p, L with (Dλ/d)|R|²: by the exponential of a matrix."""
    flow, U, V = flow_and_averages()
    found, whole = change(flow), U + penalty(U)
    rates = 2 * NOISE * D / P * whole
    end = -torch.linalg.solve(whole, V).mT / NOISE**0.5
    for tau in (0.3, 3.0, 30.0, math.inf):
        left = torch.linalg.matrix_exp(-rates * tau) if tau < math.inf else 0 * ONE
        expected = end @ (ONE - left)
        torch.testing.assert_close(found.readout(tau), expected, rtol=1e-8, atol=1e-10)
        plain = NOISE * (expected @ U @ expected.mT).trace()
        loss = 1 + float(plain + 2 * NOISE**0.5 * (expected @ V).trace()) / D
        assert float(found.train_loss([tau])) == pytest.approx(loss, rel=1e-9)
    slowest = torch.linalg.eigvalsh(rates).reciprocal()
    torch.testing.assert_close(found.mode_times.sort().values, slowest.sort().values)


def test_cut_modes_take_no_time_and_the_others_theirs():
    flow, U, _ = flow_and_averages()
    found = flow.truncated(2)
    kept = ONE - above(U, 2)
    assert found.mode_times[2:].tolist() == [0] * (P - 2)
    assert torch.equal(found.mode_times[:2], flow.mode_times[:2])
    torch.testing.assert_close(found.readout(5.0), flow.readout(5.0) @ kept)


def test_the_end_of_more_features_than_pairs_is_the_solution_of_least_norm():
    """Pairs of noise as small as 1/30 of the data: modes of 10⁻⁵ of the largest count too."""
    time, draws, p = 5e-4, 2, 40
    noise, signal = -math.expm1(-2 * time), math.exp(-time)
    data = torch.randn(5, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    model, again = (RandomFeatureScore(p, D, time=time, seed=3) for _ in range(2))
    flow = model.fit(data, draws=draws)
    x = data.repeat(draws, 1)
    drawn = torch.randn(x.shape, generator=again._generator, dtype=x.dtype)
    sigma = torch.tanh((signal * x + noise**0.5 * drawn) @ model.first_layer.mT / D**0.5)
    values = torch.linalg.svdvals(sigma).square()
    assert values[-1] < 1e-4 * values[0]  # and the test can tell
    assert flow.eigenvalues.min() == 0  # of rounding, which may be below
    expected = -(torch.linalg.pinv(sigma) @ drawn).mT / noise**0.5
    found = flow.readout(math.inf)
    assert float((found - expected).norm() / expected.norm()) < 1e-6
    assert float(flow.train_loss([math.inf])) == pytest.approx(0, abs=1e-6)
