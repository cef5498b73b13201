"""What a denoiser made of its data: exact denoisers whose answers are known, and trained ones."""

import io
import math
import re

import pytest
import torch
from scipy.special import ive

from bridges import as_memory, generalization_report, retrieval_map, two_halves
from bridges.generalization import halves, perceptron
from bridges.memorization.drawing import draw
from bridges.sphere import sphere_dimension, sphere_error
from diffusion import (
    VE,
    EmpiricalDenoiser,
    ResidualMLP,
    manifold_dimension,
    noise_to,
    subspace_dimension,
    train_denoiser,
)

# memorized, spurious, generalized and U-turn return on the sphere, by an independent program
# with a perceptron of 3 layers of 128, and the spread between the two networks of each mean
TABLE = {
    4: ((0.995, 0.003, 0.002, 0.910), 0.025),
    16: ((0.883, 0.109, 0.008, 0.667), 0.025),
    64: ((0.408, 0.465, 0.126, 0.255), 0.10),
    256: ((0.002, 0.012, 0.986, 0.0), 0.025),
    1024: ((0.002, 0.011, 0.987, 0.0), 0.025),
}


class ExactSphere:
    """D(x, σ) of the uniform density on |x| = √8 in 8 dimensions: R I₄(κ)/I₃(κ) x/r."""

    def __call__(self, x, sigma):
        level = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1, 1)
        r = x.double().norm(dim=1, keepdim=True)
        kappa = (r * 8**0.5 / level**2).numpy()
        pull = torch.from_numpy(ive(4, kappa) / ive(3, kappa))
        return (8**0.5 * pull * x.double() / r).to(x)


def trained(rows, seed=0, width=128, **options):
    network = perceptron("sphere", rows, width, seed)
    return train_denoiser(rows, network=network, seed=seed, quiet=True, **options).denoiser


def test_the_exact_denoiser_of_few_data_is_all_memory():
    found = halves("sphere", 16, 1000, seed=0)
    exact = EmpiricalDenoiser(found.first)
    one = generalization_report(exact, found.first, found.held_out, turn=0.75, count=500, seed=0)
    assert one.memorized == one.basins_of_data == 1
    assert one.in_play == pytest.approx(1, abs=0.01)
    assert one.dimension < 0.05
    assert one.gap > 20
    assert len(one.attractors) == 16
    # SDE: the posterior weight of the own datum, to the bias of 40 steps; flow: at least that
    rows = found.first.repeat(200, 1)
    weights = exact.weights(noise_to(rows, VE(), 0.75, seed=1), 0.75)
    law = float(weights.gather(1, (torch.arange(len(rows)) % 16)[:, None]).mean())
    error = 4 * math.sqrt(law * (1 - law) / 500)
    assert abs(one.sde_return - law) < error + 0.03
    assert one.flow_return > law - error


def test_the_exact_denoiser_of_the_sphere_holds_no_datum():
    """`dimension` and `gap` are read off a Jacobian it has not: they are tested below."""
    found = halves("sphere", 64, 4000, seed=0)
    samples = draw(ExactSphere(), found.first, 1000, seed=1)
    assert samples.norm(dim=1).sub(8**0.5).abs().max() < 0.05
    halved = two_halves(ExactSphere(), ExactSphere(), found.held_out, count=50, seed=0)
    assert halved.samples == pytest.approx(1, abs=1e-6)
    assert halved.disagreement == 0


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5])
def test_the_dimension_of_the_sphere_is_that_of_very_many_of_its_points(sigma):
    points = halves("sphere", 20_000, 400, seed=0)
    x = noise_to(points.held_out, VE(), sigma, seed=1).double()
    value = manifold_dimension(EmpiricalDenoiser(points.first.double()), x, sigma, "effective")
    error = 4 * float(value.value.std()) / 20
    # 4 s.e. of the noised points, and a finite sample: 1 %
    found = float(value.value.mean())
    assert abs(sphere_dimension(sigma) - found) < error + 0.01 * found


@pytest.mark.parametrize("sigma", [0.1, 1.0, 3.0])
def test_the_error_of_the_sphere_is_that_of_its_denoiser(sigma):
    points = halves("sphere", 4, 20_000, seed=0).held_out.double()
    found = ExactSphere()(noise_to(points, VE(), sigma, seed=1), sigma) - points
    squares = found.square().mean(1)
    # 4 s.e. of the noised points, and 200 radii: 1e-3
    error = 4 * float(squares.std()) / len(points) ** 0.5
    assert abs(sphere_error(sigma) - float(squares.mean())) < error + 1e-3 * sphere_error(sigma)


def test_two_memories_of_disjoint_data_do_not_agree():
    found = halves("sphere", 8, 500, seed=0)
    one, other = EmpiricalDenoiser(found.first), EmpiricalDenoiser(found.second)
    apart = two_halves(one, other, found.held_out, count=400, seed=0)
    assert apart.disagreement > 0.5
    assert 0 < apart.samples < 0.8
    dense = halves("sphere", 30_000, 500, seed=0)
    denoisers = (EmpiricalDenoiser(rows) for rows in (dense.first, dense.second))
    alike = two_halves(*denoisers, dense.held_out, sigma=1.0, count=10, seed=0)
    assert alike.disagreement < 0.02
    assert alike.denoised > 0.98


@pytest.mark.slow
def test_a_little_training_already_memorizes_few_and_generalizes_from_many():
    results = {}
    for P in (4, 400):
        found = halves("sphere", P, 500, seed=0)
        denoiser = trained(found.first, width=64, steps=500, rate=4e-3)
        results[P] = generalization_report(denoiser, found.first, found.held_out, count=300, seed=0)
    assert results[4].memorized > 0.5 > results[400].memorized
    assert results[400].generalized > 0.9
    assert results[4].dimension + 2 < results[400].dimension
    assert results[4].gap > 3 > results[400].gap
    assert results[4].basins_of_data > 0.4 > results[400].basins_of_data
    one = results[4]
    for total in (
        one.memorized + one.spurious + one.generalized,
        one.basins_of_data + one.basins_of_others + one.basins_of_none,
    ):
        assert total == pytest.approx(1)


def test_a_trained_network_is_a_memory_whatever_the_precision_of_its_patterns():
    rows = halves("sphere", 4, 10, seed=0).first
    denoiser = trained(rows, width=64, steps=500, rate=4e-3)
    for dynamics in ("fixed-noise", "flow", "sde"):
        memories = [as_memory(denoiser, own, dynamics, sigma=0.7) for own in (rows.double(), rows)]
        assert memories[0].patterns.dtype == torch.float32
        found, same = (retrieval_map(m, [0.97], trials=40, seed=0) for m in memories)
        assert found.success[0] == same.success[0] > 0
        assert found.converged[0] > 0.9  # a network of single precision comes to rest


def test_halves_are_disjoint_and_hold_out_the_same_points():
    for data, patterns in (("sphere", 20), ("digits", 600)):
        one, other = (halves(data, patterns, 300, seed) for seed in (0, 1))
        assert torch.cdist(one.first, one.second).min() > 1e-4
        assert torch.cdist(one.first, one.held_out).min() > 1e-4
        assert not torch.equal(one.first, other.first)
    assert torch.equal(one.held_out, other.held_out)


@pytest.mark.slow
@pytest.mark.parametrize("patterns", TABLE)
def test_the_passage_on_the_sphere(patterns):
    """An independent program found the same, within twice its spread."""
    values = []
    for seed in range(3):
        found = halves("sphere", patterns, 2000, seed)
        one = generalization_report(
            trained(found.first, seed), found.first, found.held_out, count=1000, seed=seed
        )
        values.append([one.memorized, one.spurious, one.generalized, one.flow_return])
        assert one.delta_memorized == pytest.approx(0.2, abs=1e-3) or patterns > 256
        assert one.delta_spurious == pytest.approx(0.259, abs=0.02)  # a 1 % quantile of 1000
    values = torch.tensor(values)
    mean, sem = values.mean(0), values.std(0) / 3**0.5
    expected, spread = TABLE[patterns]
    if patterns == 1024:
        assert one.dimension == pytest.approx(sphere_dimension(0.3), abs=0.5)
    # twice the spread of the table, and 4 s.e. of ours
    assert ((mean - torch.tensor(expected)).abs() < 2 * spread + 4 * sem + 1e-3).all(), (mean, sem)


@pytest.mark.slow
def test_dimension_rises_with_the_number_of_data_of_two_variances():
    """d = 20, variances 1 and 0.05 in 3 dimensions each; which is lost first is not assumed."""
    kept = []
    for patterns in (5, 20, 100):
        generator = torch.Generator().manual_seed(patterns)
        spread = torch.cat([torch.full((3,), 1.0), torch.full((3,), 0.05**0.5), torch.zeros(14)])
        rows = torch.randn(patterns, 20, generator=generator) * spread
        denoiser = train_denoiser(
            rows, network=ResidualMLP(20, 128, seed=0), steps=3000, seed=0, quiet=True
        ).denoiser
        x = (
            rows.repeat(20, 1)[:60]
            + 0.1 * torch.randn(60, 20, generator=generator)[: 20 * patterns]
        )
        axes = torch.eye(20)[:, :6].split(3, 1)
        kept.append(subspace_dimension(denoiser, x, 0.1, axes).mean(0).tolist())
    totals = [sum(one) for one in kept]
    exact = 3 * 1 / 1.01 + 3 * 0.05 / 0.06
    assert totals[0] < totals[1] < totals[2] < exact + 0.2
    assert totals[2] > 0.8 * exact
    assert totals[0] < 0.5 * exact


def test_states_of_many_entries_are_measured_in_parts_that_are_named(monkeypatch):
    """No Jacobian is made whole, and each part says on a terminal that it has begun."""
    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.delattr("bridges.generalization.manifold_dimension")  # would make one
    rows = torch.randn(60, 1200, generator=torch.Generator().manual_seed(0))

    def gaussian(x, sigma):  # exact, of N(0, 1)
        return x / (1 + torch.as_tensor(sigma).reshape(-1, 1) ** 2)

    found = generalization_report(gaussian, rows[:30], rows[30:], sigma=0.5, count=10, steps=5)
    assert found.dimension == pytest.approx(1200 / 1.25)  # the trace of 1/(1 + σ²), by any probe
    parts = re.findall(r"(samples|U-turns|dimension|gap|attractors):", screen.getvalue())
    assert list(dict.fromkeys(parts)) == ["samples", "U-turns", "dimension", "gap", "attractors"]
