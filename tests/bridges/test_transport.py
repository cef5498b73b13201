"""Unlearnt weights against a linear program, Sinkhorn's iterations and numbers of five points."""

import math

import numpy as np
import pytest
import torch
from known import FIVE, Toy, normal
from scipy.optimize import linprog, root
from scipy.special import logsumexp

from bridges import as_memory, balanced_weights, unlearn_weights
from bridges.starts import Starts, gaussian, grid, noised
from diffusion import EmpiricalDenoiser, NetworkDenoiser, ResidualMLP
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns

REFERENCE = {  # of an independent program: masses before, potentials after, ρ = N(0, 1.5²)
    0.02: ([0.125, 0.186, 0.250, 0.239, 0.200], [0.198, 0.141, -0.216, -0.231, 0.109]),
    1.0: ([0.184, 0.192, 0.225, 0.213, 0.187], [0.086, 0.077, -0.200, -0.118, 0.155]),
}


def even_normal(count, width):
    """Points of N(0, width²) in the plane without the unevenness of draws."""
    uniform = torch.quasirandom.SobolEngine(2, scramble=True, seed=0).draw(count).double()
    return width * math.sqrt(2) * torch.erfinv(2 * uniform.clamp(1e-9, 1 - 1e-9) - 1)


def plane(sigma):
    return as_memory(EmpiricalDenoiser(FIVE), sigma=sigma)


def white(count, generator):
    return gaussian(count, 2, 1.5, generator)


def centred(values):
    found = torch.as_tensor(values, dtype=torch.float64).numpy()
    return found - found.mean()


@pytest.mark.parametrize("sigma", REFERENCE)
def test_five_points_have_the_masses_and_potentials_of_the_reference(sigma):
    before, potentials = REFERENCE[sigma]
    found = balanced_weights(plane(sigma), even_normal(2**14, 1.5))
    assert found.before == pytest.approx(before, abs=2e-3)
    assert found.after == pytest.approx([0.2] * 5, abs=1e-5)
    # The reference was dreamt: its potentials leave masses of up to 0.2015, as quadrature has it,
    # which are potentials up to 0.014 off.
    assert centred(found.potentials) == pytest.approx(centred(potentials), abs=0.016)


def test_potentials_by_quadrature_and_a_root_finder():
    """Gauss and Hermite in place of starts, Powell in place of a climb."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    x = 1.5 * np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2

    def masses(potentials):
        logits = np.append(potentials, 0) - ((x[:, None] - FIVE.numpy()) ** 2).sum(-1) / 2
        return weights @ np.exp(logits - logsumexp(logits, axis=1, keepdims=True))

    exact = np.append(root(lambda g: masses(g)[:4] - 0.2, np.zeros(4)).x, 0)
    found = balanced_weights(plane(1.0), even_normal(2**14, 1.5))
    assert found.before == pytest.approx(masses(np.zeros(4)), abs=2e-4)
    assert centred(found.potentials) == pytest.approx(centred(exact), abs=1e-3)


def test_at_small_noise_the_cells_are_a_power_diagram_of_equal_masses():
    """Cells of the found potentials, integrated on a grid with nothing of the memory."""
    found = balanced_weights(plane(0.02), even_normal(2**14, 1.5))
    side = np.linspace(-8, 8, 801)
    x = np.stack(np.meshgrid(side, side), -1)
    cost = ((x[:, :, None] - FIVE.numpy()) ** 2).sum(-1) / 2 - found.potentials.numpy()
    density = np.exp(-(x**2).sum(-1) / 4.5)
    masses = np.bincount(cost.argmin(-1).ravel(), density.ravel(), 5) / density.sum()
    assert masses == pytest.approx([0.2] * 5, abs=3e-3)


@pytest.mark.parametrize("sigma", [0.02, 1.0])
def test_dreams_end_at_the_same_potentials(sigma):
    exact = balanced_weights(plane(sigma), even_normal(2**13, 1.5))
    found = unlearn_weights(plane(sigma), white, steps=300, batch=300, seed=1)
    # ℓ² sqrt(P/dreams) = 0.01 of the draws, ℓ² ~ 2; and what the first half of the steps left
    assert centred(found.potentials) == pytest.approx(centred(exact.potentials), abs=0.05)
    assert found.after == pytest.approx([0.2] * 5, abs=0.04)  # 4 s.e. of 2048 starts
    assert found.entropy[-1] > found.entropy[0]


@pytest.mark.parametrize("sigma", [0.02, 0.7])
def test_a_linear_program_has_the_same_cost(sigma):
    starts, points = normal(30, 3, seed=4), normal(5, 3, seed=5)
    found = balanced_weights(as_memory(EmpiricalDenoiser(points), sigma=sigma), starts)
    cost = ((starts[:, None] - points) ** 2).sum(2).numpy() / 2
    rows = np.kron(np.eye(30), np.ones(5))
    columns = np.kron(np.ones(30), np.eye(5))
    marginals = np.concatenate([np.full(30, 1 / 30), np.full(5, 1 / 5)])
    best = linprog(cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=marginals).fun
    # 0 ≤ KL(π | ρ ⊗ 1/P) ≤ log P
    assert best - 1e-6 <= found.cost <= best + sigma**2 * math.log(5) + 1e-6


@pytest.mark.parametrize("sigma", [0.4, 1.5])
def test_sinkhorn_has_the_same_potentials_and_cost(sigma):
    starts, points = normal(40, 3, seed=4), normal(6, 3, seed=5)
    cost = ((starts[:, None] - points) ** 2).sum(2).numpy() / 2
    eps, g = sigma**2, np.zeros(6)
    for _ in range(400):
        f = -eps * logsumexp((g - cost) / eps, axis=1, b=1 / 6)
        g = -eps * logsumexp((f[:, None] - cost) / eps, axis=0, b=1 / 40)
    plan = np.exp((f[:, None] + g - cost) / eps) / 240
    assert plan.sum(1) == pytest.approx(1 / 40, abs=1e-9)
    primal = (plan * cost).sum() + eps * (plan * np.log(plan * 240)).sum()
    for memory in (
        as_memory(EmpiricalDenoiser(points), sigma=sigma),
        as_memory(DenseMemory(points, beta=sigma**-2)),
    ):
        found = balanced_weights(memory, starts, tolerance=1e-9)
        assert centred(found.potentials) == pytest.approx(centred(g), abs=1e-5)
        assert found.cost == pytest.approx(primal, abs=1e-8)
        assert found.imbalance < 1e-5


def test_the_drift_of_dreams_is_the_gradient_of_the_mean_energy():
    memory, starts = plane(0.8), white(500, torch.Generator().manual_seed(0)).states
    weights = normal(5, seed=3)

    def value(a):  # F/σ²
        return float(memory.reweighted(a).energy(starts).mean()) / 0.64 + float(a.mean())

    step = 1e-5 * torch.eye(5, dtype=torch.float64)
    slope = [(value(weights + one) - value(weights - one)) / 2e-5 for one in step]
    mass = memory.reweighted(weights).weights(starts, 1.0).mean(0)
    assert slope == pytest.approx((1 / 5 - mass).tolist(), abs=1e-8)


@pytest.mark.parametrize("sigma", [0.5, 1.0])
def test_under_its_own_noise_there_is_nothing_to_unlearn(sigma):
    starts = noised(FIVE, sigma, 20_000, seed=0)
    found = balanced_weights(plane(sigma), starts)
    assert (abs(found.before - 0.2) < 4 * found.before_sem).all()
    other = balanced_weights(plane(sigma), noised(FIVE, 3 * sigma, 20_000, seed=0))
    assert (abs(other.before - 0.2) > 4 * other.before_sem).any()


def test_dreams_to_the_attractor_balance_basins():
    """Without potentials 0 holds the most; the ends, as they are at this σ, are the memories."""
    memory = plane(0.1)
    found = unlearn_weights(memory, white, steps=150, batch=50, held_by="attractor", seed=0)
    starts = white(4000, torch.Generator().manual_seed(9)).states
    ends = memory.reweighted(found.log_weights).retrieve(starts, 1.0).states
    share = torch.cdist(ends, FIVE).argmin(1).bincount(minlength=5) / 4000
    assert share.numpy() == pytest.approx([0.2] * 5, abs=0.05)
    assert math.isnan(found.cost)
    assert found.undecided[-1] < 0.02
    assert found.before == pytest.approx(REFERENCE[0.02][0], abs=0.04)  # 4 s.e. of 2048 starts


def test_dreams_are_reproduced_and_leave_the_memory_alone():
    memory, starts = plane(0.5), white(200, torch.Generator().manual_seed(0))
    before = memory.energy(starts.states)
    one, other = (unlearn_weights(memory, starts, 30, batch=20, seed=3) for _ in range(2))
    assert torch.equal(one.log_weights, other.log_weights)
    assert not torch.equal(
        one.log_weights, unlearn_weights(memory, starts, 30, batch=20, seed=4).log_weights
    )
    assert torch.equal(memory.energy(starts.states), before)
    assert float(one.log_weights.sum()) == pytest.approx(0, abs=1e-9)
    assert one.measure == "N(0, σ²), σ = 1.5"
    assert one.potentials.tolist() == (0.25 * one.log_weights).tolist()


def test_starts_on_a_grid_have_no_errors():
    found = balanced_weights(plane(0.5), grid([-2, -2], [2, 2], 30))
    assert np.isnan(found.before_sem).all()
    assert found.imbalance < 1e-5


BAD = {
    "memory must take log-weights.*got SpinMemory": lambda: (
        as_memory(HopfieldNetwork(hebbian(x := random_patterns(2, 9, seed=0))), x),
        normal(3, 9),
    ),
    "memory must take log-weights.*got FixedNoiseMemory": lambda: (
        as_memory(EmpiricalDenoiser(FIVE)),
        normal(3, 2),
    ),
    "memory must take log-weights.*got Toy": lambda: (Toy(), normal(3, 3)),
    "memory must be an EmpiricalDenoiser at a given sigma": lambda: (
        as_memory(NetworkDenoiser(ResidualMLP(2, width=8, depth=1, seed=0)), FIVE, sigma=0.5),
        normal(3, 2),
    ),
    "memory must store its own patterns": lambda: (
        as_memory(EmpiricalDenoiser(FIVE), FIVE[:2], sigma=0.5),
        normal(3, 2),
    ),
    r"starts must have shape \(rows, 2\)": lambda: (plane(0.5), normal(3, 3)),
    "starts must hold at least one row": lambda: (plane(0.5), normal(0, 2)),
    "log_weights must be None for interaction 'polynomial'": lambda: (
        as_memory(DenseMemory(FIVE, "polynomial")),
        normal(3, 2),
    ),
}


@pytest.mark.parametrize("said", BAD)
def test_what_cannot_dream_is_refused(said):
    for dream in (unlearn_weights, balanced_weights):
        with pytest.raises(ValueError, match=said):
            dream(*BAD[said]())


def test_other_arguments_are_refused_by_name():
    for said, options in {
        "steps must be": {"steps": 0},
        "rate must lie in": {"rate": 0.0},
        "batch must be": {"batch": 0.5},
        "held_by must be one of 'responsibilities', 'attractor'": {"held_by": "both"},
        "starts must draw 2048 rows, got 1": {"starts": lambda n, g: FIVE[:1]},
    }.items():
        with pytest.raises(ValueError, match=said):
            unlearn_weights(plane(0.5), **({"starts": FIVE} | options))
    with pytest.raises(ValueError, match="tolerance must lie in"):
        balanced_weights(plane(0.5), FIVE, tolerance=0)
    single = as_memory(EmpiricalDenoiser(FIVE.float()), sigma=0.5)
    for dream in (unlearn_weights, balanced_weights):
        with pytest.raises(
            ValueError, match=r"starts must be finite in torch\.float32, got entries"
        ):
            dream(single, FIVE.double() * 1e60)
    with pytest.raises(TypeError, match="adapt it with as_memory"):
        unlearn_weights(EmpiricalDenoiser(FIVE), FIVE)
    assert unlearn_weights(plane(0.5), Starts(FIVE, "mine"), 5, seed=0).measure == "mine"


def test_one_memory_has_no_entropy_and_no_sign():
    one = as_memory(EmpiricalDenoiser(FIVE[:1]), sigma=1.0)
    assert "entropy 0 → 0 of 0" in repr(balanced_weights(one, even_normal(16, 1.5)))
