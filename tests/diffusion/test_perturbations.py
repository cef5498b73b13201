"""Singular values of scores around a point, and the kink that "Losing dimensions" counts by."""

import math

import numpy as np
import pytest
import torch
from gaussian import manifold, mean_sem, randn

from diffusion import (
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    block_data,
    manifold_dimension,
    perturbation_spectrum,
)
from diffusion.perturbations import KINDS, kink

SIZES, D = (5, 10), 30
LINEAR = LinearManifoldDenoiser(torch.tensor([1.0] * 5 + [0.3] * 10 + [0.01] * 15).double().diag())


def second_difference(denoiser, x, t, **options):
    return manifold_dimension(denoiser, x, t**0.5, "second-difference", **options)


# the linear score


@pytest.mark.parametrize("t", [1e-4, 1e-3, 0.01, 0.1, 0.3])
def test_dimension_of_the_linear_score(t):
    x = block_data(6, SIZES, seed=0)
    symmetric = second_difference(LINEAR, x, t, seed=1)
    assert symmetric.value.tolist() == [16] * 6  # d₁ + d₂ + 1, as the rule has it
    plain = second_difference(LINEAR, x, t, perturbations="plain", seed=1)
    assert plain.value.tolist() == [17] * 6
    assert symmetric.half_count.tolist() == [int(t < 1) * (5 + 10 * (t < 0.09))] * 6
    assert (symmetric.gap > 0).all()


def test_values_of_a_linear_score_are_those_of_its_jacobian():
    x, sigma = block_data(3, SIZES, seed=0), torch.tensor([0.1, 0.5, 2.0]).double()
    expected = sigma[:, None] ** 2 / (sigma[:, None] ** 2 + LINEAR.variances.sort().values)
    found = perturbation_spectrum(LINEAR, x, sigma, seed=0)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    plain = perturbation_spectrum(LINEAR, 0 * x, sigma, "plain", seed=0)  # no score at the origin
    torch.testing.assert_close(plain, expected, rtol=1e-10, atol=1e-12)
    # elsewhere the mean score adds one value: by interlacing the others move by one place at most
    moved = perturbation_spectrum(LINEAR, x, sigma, "plain", seed=0)
    assert (moved[:, 1:] < expected[:, :-1] + 1e-12).all()
    assert (moved[:, 0] > expected[:, 0] - 1e-12).all()


def test_gaussian_perturbations_are_those_of_the_normal_bundle():
    exact = manifold(((4,), (1.0,)))
    x, sigma = exact.draw(3, seed=0), 0.05
    values = perturbation_spectrum(exact, x, sigma, "gaussian", seed=3)
    edges = 1 + torch.tensor([1, -1]) * 0.25**0.5  # of pure noise, 4d rows in d dimensions
    assert (values[:, :46] < edges[0] + 0.15).all()
    assert (values[:, :46] > edges[1] - 0.15).all()
    assert (values[:, 46:] < 0.1).all()


def test_the_kink_is_that_of_the_rule_in_words():
    generator = np.random.default_rng(0)
    for rows in (np.sort(generator.random((200, 30)), 1), generator.random((200, 9)).cumsum(1)):
        s = rows[:, ::-1].copy()
        value, size = kink(torch.from_numpy(s))
        for one, dimension, found in zip(s, value.tolist(), size.tolist(), strict=True):
            left = one[5:]
            bends = [abs(left[i + 1] - 2 * left[i] + left[i - 1]) for i in range(1, len(left) - 1)]
            middle = sorted(bends)[(len(bends) - 1) // 2]  # torch's median is the lower one
            first = next((i for i, bend in enumerate(bends) if bend > 10 * middle), None)
            if first is None:
                assert math.isnan(dimension)
                assert found == 0
            else:
                assert dimension == s.shape[1] - (first + 1 + 5)
                assert found == pytest.approx(bends[first])


def test_a_flat_spectrum_has_no_kink_but_rounding():
    for dtype in (torch.float32, torch.float64):
        flat = torch.ones(1, 30, dtype=dtype)
        flat[:, 10:] += torch.finfo(dtype).eps
        assert kink(flat)[0].isnan().all()
    with_gap = torch.cat([torch.ones(1, 20), torch.zeros(1, 10)], 1)
    assert kink(with_gap)[0].tolist() == [11]


# the exact score of data


def test_much_data_has_the_dimension_of_its_distribution():
    exact = EmpiricalDenoiser(block_data(20_000, SIZES, seed=0))
    x = exact.data[:6]
    hidden = second_difference(exact, x, 0.3, seed=0)
    assert hidden.value.tolist() == [16] * 6
    assert set(hidden.phase) == {"trivial"}  # λ₁ = 0.16 is below the noise
    seen = second_difference(exact, x, 0.1, seed=0)
    assert seen.value.tolist() == [16] * 6
    assert seen.half_count.tolist() == [4] * 6  # d₁ − 1 of a sphere
    assert set(seen.phase) == {"coverage"}


def test_collapsed_points_have_no_dimension():
    exact = EmpiricalDenoiser(block_data(2000, SIZES, seed=0))
    for t in (0.003, 0.01):
        lost = second_difference(exact, exact.data[:4], t, seed=0)
        assert set(lost.phase) == {"collapsed"}
        assert lost.value.isnan().all()
        assert (lost.half_count == 0).all()


# by a program of its own, with numpy alone; 30 data sets
VALUES = {  # t: mean of the 5 before the 2 smallest, of these 2, and the largest; with errors
    False: {
        0.02: ((0.724, 0.010), (0.206, 0.016), (1.25, 0.05)),
        0.05: ((0.430, 0.010), (0.107, 0.007), (1.000, 0.0005)),
        0.1: ((0.539, 0.003), (0.100, 0.009), (1.000, 0.0005)),
        0.3: ((0.772, 0.001), (0.230, 0.004), (1.000, 0.0005)),
        1.0: ((0.918, 0.0005), (0.503, 0.002), (1.000, 0.0005)),
    },
    True: {
        0.02: ((0.9934, 0.0001), (0.9907, 0.0001), (11.83, 0.04)),
        0.05: ((0.526, 0.004), (0.078, 0.004), (5.07, 0.02)),
        0.1: ((0.669, 0.003), (0.371, 0.003), (2.29, 0.01)),
        0.3: ((0.805, 0.001), (0.132, 0.002), (1.000, 0.0005)),
        1.0: ((0.941, 0.0005), (0.652, 0.002), (1.000, 0.0005)),
    },
}


@pytest.mark.parametrize("unit_norm", VALUES)
def test_values_at_the_origin(unit_norm):
    reference, origin = VALUES[unit_norm], torch.zeros(1, D, dtype=torch.float64)
    found = []
    for seed in range(12):
        exact = EmpiricalDenoiser(block_data(1000, (2, 5), unit_norm=unit_norm, seed=seed))
        s = [perturbation_spectrum(exact, origin, t**0.5, seed=seed)[0] for t in reference]
        found.append([[one[-7:-2].mean(), one[-2:].mean(), one[0]] for one in s])
    for k, row in enumerate(reference.values()):
        for j, (expected, error) in enumerate(row):
            value, sem = mean_sem([float(one[k][j]) for one in found])
            # 4 s.e. of both; the reference has three digits
            assert abs(value - expected) < 4 * math.hypot(sem, error) + 0.0005, (k, j)


LOSS = {  # P: {t: mean and deviation over 6 points, of the rule and of the half-count}
    2000: {0.1: ((14.5, 3.4), (4.2, 0.4)), 0.03: ((7.2, 1.5), (0.0, 0.0))},
    20_000: {0.1: ((16.0, 0.0), (4.0, 0.0)), 0.03: ((9.3, 6.8), (1.7, 1.2))},
    200_000: {0.1: ((16.0, 0.0), (4.0, 0.0)), 0.03: ((15.3, 0.9), (4.5, 0.5))},
}


@pytest.mark.slow
def test_the_loss_moves_to_smaller_noise_as_data_grow():
    for P, row in LOSS.items():
        exact = EmpiricalDenoiser(block_data(P, SIZES, seed=1))
        for t, (rule, half) in row.items():
            found = second_difference(exact, exact.data[:12], t, seed=2)
            kept = found.value[found.value.isfinite()]
            for values, (expected, deviation) in ((kept, rule), (found.half_count, half)):
                own = float(values.std()) / len(values) ** 0.5 if len(values) > 1 else 0.0
                # 4 s.e. of 6 points and of these, and one count that a borderline point may be off
                bound = 4 * math.hypot(own, deviation / 6**0.5) + 0.5
                assert not len(values) or abs(float(values.mean()) - expected) < bound, (P, t)
        lost = second_difference(exact, exact.data[:6], 0.003, seed=2)
        assert (lost.half_count == 0).all()


# the door


def test_what_is_perturbed_is_asked_in_blocks_and_in_single_precision(monkeypatch):
    x = block_data(2, SIZES, seed=0)
    rows = []

    def counted(y, sigma):
        rows.append(len(y))
        return LINEAR(y, sigma)

    whole = perturbation_spectrum(counted, x, 0.3, seed=0)
    assert rows == [4 * D] * 4  # two points, both sides of each
    monkeypatch.setattr("diffusion.perturbations._NUMBERS", 7 * D)
    torch.testing.assert_close(perturbation_spectrum(counted, x, 0.3, seed=0), whole)
    assert max(rows[4:]) == 7
    single = perturbation_spectrum(LinearManifoldDenoiser(LINEAR.F.float()), x.float(), 0.3)
    assert single.dtype == torch.float32
    # the directions are others, but the values of a linear score do not depend on them
    torch.testing.assert_close(single.double(), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_repeat_and_the_caller_keeps_his_tensor(kind):
    exact, x = EmpiricalDenoiser(randn(40, 9)), randn(3, 9, seed=1)
    kept = x.clone()
    first, again = (perturbation_spectrum(exact, x, 0.5, kind, seed=4) for _ in range(2))
    assert torch.equal(first, again)
    assert torch.equal(x, kept)
    assert perturbation_spectrum(exact, x[:0], 0.5, kind).shape == (0, 9)
    assert not torch.equal(first, perturbation_spectrum(exact, x, 0.5, kind, seed=5))


def test_bad_input_is_named():
    for given, message in (
        ({"x": torch.zeros(2, 4)}, r"x must have shape \(rows, 30\)"),
        ({"sigma": 0.0}, "sigma must be positive"),
        ({"perturbations": "odd"}, "perturbations must be one of 'symmetric', 'plain', 'gaussian'"),
    ):
        with pytest.raises(ValueError, match=message):
            perturbation_spectrum(**{"denoiser": LINEAR, "x": randn(2, D), "sigma": 1.0} | given)
