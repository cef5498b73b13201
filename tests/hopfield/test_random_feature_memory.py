import math
from functools import partial

import pytest
import torch
from measured import normal
from torch.autograd.functional import hessian

from hopfield import DenseMemory
from hopfield.theory import random_feature_variance

BALL = 0.3  # distance of the states from their pattern


def patterns_and_states(seed, count=200):
    """P = 20 patterns of N = 10 with |ξ|² ~ 1, and states at a distance of 0.3."""
    generator = torch.Generator().manual_seed(seed)
    xi = normal(20, 10, seed=generator) / math.sqrt(10)
    away = normal(count, 10, seed=generator)
    return xi, xi[torch.arange(count) % 20] + BALL * away / away.norm(dim=1, keepdim=True)


def overlaps(memory, x):
    """φ(x)·T from the energy."""
    return (-memory.beta * memory.energy(x)).exp()


def exact(xi, x, beta):
    return (-beta / 2 * torch.cdist(x, xi).square()).exp().sum(1)


def test_many_features_are_the_kernel_and_the_softmax_mean():
    xi, x = patterns_and_states(0, 20)
    memory = DenseMemory(xi, "random-features", beta=2.0, features=100_000, seed=0)
    error = overlaps(memory, x) - exact(xi, x, 2.0)
    assert error.abs().max() < 5 * math.sqrt(20 / 200_000)  # 20 states of rms √(P/2Y)
    softmax = DenseMemory(xi, beta=2.0)
    # the slope errs by √(β P/2Y) per coordinate, divided by β and by the signal, at least 0.9
    assert (memory.step(x) - softmax.step(x)).abs().max() < 5 * math.sqrt(20 / 200_000 / 2)


# The law of the variance, against 40 draws of the features: the mean square of 40 × 200 errors,
# which those of one draw share in part, is known to a few per cent.
@pytest.mark.parametrize("beta", [0.5, 2.0, 8.0])
def test_errors_follow_their_law(beta):
    xi, x = patterns_and_states(0, 60)
    squares = []
    for seed in range(100):
        memory = DenseMemory(xi, "random-features", beta=beta, features=400, seed=seed)
        squares.append((memory._law.overlap(x) - exact(xi, x, beta)).square())
    law = torch.from_numpy(random_feature_variance(x, xi, beta, 400))
    ratio = (torch.stack(squares) / law).mean(1)  # by draw
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / 10


# Reference: rms errors at Y = 1000 within 25 % of the law, 6 draws of patterns and features.
@pytest.mark.parametrize(
    ("beta", "measured", "law"), [(0.5, 0.173, 0.159), (2.0, 0.168, 0.179), (8.0, 0.103, 0.106)]
)
def test_reference_errors(beta, measured, law):
    errors, variances = [], []
    for seed in range(6):
        xi, x = patterns_and_states(seed)
        memory = DenseMemory(xi, "random-features", beta=beta, features=1000, seed=seed)
        errors.append((memory._law.overlap(x) - exact(xi, x, beta)).square().mean())
        variances.append(random_feature_variance(x[:20], xi, beta, 1000).mean())
    rms, predicted = math.sqrt(sum(errors) / 6), math.sqrt(sum(variances) / 6)
    assert rms == pytest.approx(predicted, rel=0.25)
    assert rms == pytest.approx(measured, rel=0.3)  # ±20 % of the reference and as much here
    assert predicted == pytest.approx(law, rel=0.15)  # of other patterns


def test_errors_of_far_patterns_are_those_of_separate_ones():
    xi = 100 * normal(30, 6, seed=0)
    found = random_feature_variance(normal(4, 6, seed=1), xi, 1.0, 50)
    assert found == pytest.approx([30 / 100] * 4)


def test_fixed_points_are_displaced_as_the_field_of_errors_says():
    """|x* − ξ|² = N P/(2Yβ) on average, Y = 8NP, where the update contracts by 1/2."""
    ratios = []
    for seed in range(6):
        xi = normal(10, 40, seed=seed)
        memory = DenseMemory(xi, "random-features", seed=seed)
        assert memory.features == 8 * 40 * 10
        ends = memory.relax(xi)
        assert ends.converged.all()
        away = (ends.states - xi).square().sum(1).mean()
        ratios.append(away.item() * 2 * memory.features / (40 * 10))
    # to first order in the errors; the next, from the slope, adds 1/(1 − 1/4) with v N = 1/16
    assert 0.9 < sum(ratios) / 6 < 1.5


def _energy(memory, x):
    return memory.energy(x[None]).sum()


def test_the_slope_of_the_update_is_a_random_matrix():
    """Eigenvalues up to 2√(NP/2Y) at a pattern, to finite-size corrections N^(−2/3)."""
    N, P = 60, 10
    xi = normal(P, N, seed=0)
    for features, edge in ((2 * N * P, 1.0), (8 * N * P, 0.5)):
        largest = []
        for seed in range(4):
            memory = DenseMemory(xi, "random-features", features=features, seed=seed)
            slope = hessian(partial(_energy, memory), xi[0])
            values = torch.linalg.eigvalsh(torch.eye(N, dtype=torch.float64) - slope)
            largest.append(values.abs().max().item())
        assert sum(largest) / 4 == pytest.approx(edge, rel=0.15)


@pytest.mark.parametrize("features", [5, 50, 2000])
def test_the_energy_never_rises_however_few_the_features(features):
    xi = normal(20, 10, seed=0)
    memory = DenseMemory(xi, "random-features", beta=0.5, features=features, seed=1)
    x = 2 * normal(80, 10, seed=2)
    for _ in range(8):
        following = memory.step(x)
        assert (memory.energy(following) <= memory.energy(x) + 1e-9).all()
        x = following


def test_where_the_energy_is_flat_a_state_stays_and_has_not_converged():
    memory = DenseMemory(normal(3, 6, seed=0), "random-features", features=10, seed=0)
    x = 5 * normal(100, 6, seed=1)
    flat = memory._law.overlap(x) <= 0
    assert 20 < flat.sum() < 80  # signs of errors
    relaxed = memory.relax(x)
    assert not relaxed.converged[flat].any()
    assert torch.equal(relaxed.states[flat], x[flat])
    assert memory.energy(x)[flat].unique().tolist() == pytest.approx([-math.log(1e-10)])


def test_the_default_number_of_features():
    assert DenseMemory(normal(7, 20, seed=0), "random-features", seed=0).features == 8 * 7 * 20
    assert DenseMemory(normal(7, 3, seed=0), "random-features", seed=0).features == 50 * 7
    assert DenseMemory(normal(7, 6, seed=0)).features is None


def test_seed_dtype_and_far_patterns():
    xi, x = normal(6, 5, seed=0), normal(4, 5, seed=1)
    one, two, other = (
        DenseMemory(xi, "random-features", features=500, seed=s).step(x) for s in (0, 0, 1)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    single = DenseMemory(xi.float(), "random-features", features=500, seed=0)
    assert single.step(x.float()).dtype == torch.float32
    assert (single.step(x.float()) - one).abs().max() < 1e-3
    far = DenseMemory(xi + 1e7, "random-features", features=500, seed=0).step(x + 1e7) - 1e7
    near = DenseMemory(xi - xi.mean(0), "random-features", features=500, seed=0)
    assert (far - xi.mean(0) - near.step(x - xi.mean(0))).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"features": 0}, "features must be a whole number of at least 1"),
        ({"features": 10**14}, "features: .* random features of 4 coordinates need about"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_bad_input_is_named(asked, message):
    with pytest.raises(ValueError, match=message):
        DenseMemory(normal(3, 4, seed=0), "random-features", **asked)
