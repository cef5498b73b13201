"""Energies of scores: exact ones, ones that are no gradient by a known amount, and networks."""

import math

import pytest
import torch
from gaussian import randn

from diffusion import (
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    RelativeEnergy,
    relative_energy,
    score_antisymmetry,
    train_denoiser,
)
from diffusion.energies import PATHS

MEANS = torch.zeros(3, 8, dtype=torch.float64)
MEANS[0, 0], MEANS[1, 1], MEANS[2, 0], MEANS[2, 2] = 2.0, 2.0, -1.0, 2.0
MIXTURE = GaussianMixtureDenoiser(
    MEANS, torch.tensor([0.25, 0.5, 0.3]).double(), torch.tensor([0.5, 0.3, 0.2]).double()
)
X1, X2 = MEANS[:1], MEANS[1:2]
EXACT = {0.01: -3.205750, 0.1: -2.666700, 1.0: -1.098492}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("t", EXACT)
def test_energies_of_an_exact_score(t, path):
    found = relative_energy(MIXTURE, X1, X2, t**0.5, path, seed=0)
    assert float(found.value) == pytest.approx(EXACT[t], abs=1e-5)
    densities = MIXTURE.log_density(torch.cat([X1, X2]), t**0.5)
    assert float(found.value) == pytest.approx(float(densities[1] - densities[0]), abs=5e-6)
    assert float(found.path_dependence) < 1e-5
    assert float(found.spread) < 1e-3  # of 32 nodes on winding paths
    assert bool(found.defined)
    more = relative_energy(MIXTURE, X1, X2, t**0.5, path, nodes=120, seed=0)
    assert float(more.spread) < 1e-8


def test_energies_of_data_are_those_of_their_memory():
    exact, states = EmpiricalDenoiser(randn(30, 6)), randn(9, 6, seed=1)
    mean, sigma = exact.data.mean(0, keepdim=True), torch.linspace(0.4, 2.0, 9).double()
    found = relative_energy(exact, states, mean, sigma, nodes=60, seed=0)
    expected = exact.log_density(mean.expand(9, -1), sigma) - exact.log_density(states, sigma)
    torch.testing.assert_close(found.value, expected, rtol=0, atol=1e-6)
    assert found.defined.all()
    # from one reference, energies of states differ as between them
    pairs = relative_energy(exact, states[1:], states[:1], 0.8, nodes=60).value
    single = relative_energy(exact, states, mean, 0.8, nodes=60).value
    torch.testing.assert_close(pairs, single[1:] - single[0], rtol=0, atol=1e-6)


# a score that is no gradient


def turned(eps):
    """The mixture's denoiser with eps R x added to its score, R a quarter turn of two axes."""
    R = torch.zeros(8, 8, dtype=torch.float64)
    R[1, 0], R[0, 1] = 1.0, -1.0
    return lambda x, sigma: MIXTURE(x, sigma) + sigma[:, None] ** 2 * eps * (x @ R.T)


def test_path_dependence_of_a_turn():
    eps, r = 0.3, 2.0
    x1, x2 = r * torch.eye(8).double()[:1], r * torch.eye(8).double()[1:2]
    values = {path: relative_energy(turned(eps), x1, x2, 0.7, path, seed=0) for path in PATHS}
    arc, straight = values["arc"].value, values["straight"].value
    expected = eps * r**2 * (math.pi / 2 - 1)
    assert abs(float(arc - straight)) == pytest.approx(0.684956, abs=5e-7)
    assert abs(float(arc - straight)) == pytest.approx(expected, abs=1e-9)
    c = abs(arc - straight) / (arc.abs() + straight.abs())
    for one in values.values():
        assert float(one.path_dependence) == pytest.approx(float(c))
        assert float(one.spread) > 0.05
    assert not relative_energy(turned(3.0), x1, x2, 0.7, seed=0).defined.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_rounding_is_no_path_dependence(dtype):
    """A point against itself, or against its mirror image: ΔU = 0 on both paths."""
    denoiser = GaussianMixtureDenoiser(torch.tensor([[-1.0, 1.0], [1.0, 1.0]], dtype=dtype), 0.5)
    x = torch.tensor([[0.4, 0.3], [0.4, 0.3], [0.0, 0.0]], dtype=dtype)
    against = x * torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, 1.0]], dtype=dtype)
    found = relative_energy(denoiser, x, against, 0.5, seed=0)
    assert found.value.abs().max() < 1e-5
    assert found.path_dependence.max() < 0.2  # was 1 of 10⁻⁸ against 0


def test_local_antisymmetry():
    x = randn(4, 8, seed=2)
    for eps, sigma in ((0.3, 0.7), (1.0, 2.0)):
        J = (MIXTURE.jacobian(x, sigma) - torch.eye(8)) / sigma**2
        expected = math.sqrt(2) * eps / J.flatten(1).norm(dim=1)
        found = score_antisymmetry(turned(eps), x, sigma)
        torch.testing.assert_close(found, expected)
    for exact in (MIXTURE, EmpiricalDenoiser(randn(30, 8))):
        assert score_antisymmetry(exact, x, 0.7).max() < 1e-10
    still = score_antisymmetry(lambda y, sigma: 1.0 * y, x, 0.7)  # no score at all
    assert still.tolist() == [0.0] * 4


def test_pairs_of_probes_estimate_the_antisymmetry():
    A = randn(40, 40, seed=5) / 40**0.5 - 2 * torch.eye(40)

    def denoiser(x, sigma):
        return x + sigma[:, None] ** 2 * (x @ A.T)

    x = randn(2, 40)
    exact = float((A - A.T).norm() / (A + A.T).norm())
    assert score_antisymmetry(denoiser, x, 0.5).tolist() == pytest.approx([exact] * 2)
    estimates = torch.stack(
        [score_antisymmetry(denoiser, x[:1], 0.5, probes=12, seed=k) for k in range(40)]
    )
    # 66 pairs each: the ratio has a relative deviation of about 0.15
    assert float(estimates.mean()) == pytest.approx(exact, rel=0.1)
    assert score_antisymmetry(MIXTURE, MEANS, 0.5, probes=5, seed=0).max() < 1e-10


@pytest.mark.slow
def test_a_small_path_dependence_does_not_prove_a_right_energy():
    data, _ = MIXTURE.draw(20_000, seed=0)
    values, dependences = [], []
    for seed in range(3):
        network = train_denoiser(
            data, network="mlp", steps=500, levels=(0.03, 10.0), seed=seed, quiet=True
        ).denoiser
        found = relative_energy(network, X1.float(), X2.float(), 0.1**0.5, seed=0)
        values.append(float(found.value))
        dependences.append(float(found.path_dependence))
        kappa = score_antisymmetry(network, data[:50].float(), 0.1**0.5)
        assert 1e-4 < float(kappa.mean()) < 0.3
    assert max(dependences) < 0.15
    assert all(abs(value - EXACT[0.1]) > 0.25 * abs(EXACT[0.1]) for value in values)


# the door


def test_rows_stand_alone_and_blocks_add_up(monkeypatch):
    x1, x2, sigma = randn(5, 8), randn(5, 8, seed=1), torch.linspace(0.3, 1.5, 5).double()
    whole = relative_energy(turned(0.2), x1, x2, sigma, seed=3)
    assert isinstance(whole, RelativeEnergy)
    alone = [
        relative_energy(turned(0.2), x1[k : k + 1], x2[k : k + 1], float(sigma[k]), seed=3)
        for k in range(5)
    ]
    monkeypatch.setattr("diffusion.energies._NUMBERS", 100)  # two nodes at a time
    parts = relative_energy(turned(0.2), x1, x2, sigma, seed=3)
    for name in ("value", "spread", "path_dependence"):
        expected = getattr(whole, name)
        torch.testing.assert_close(getattr(parts, name), expected)
        torch.testing.assert_close(torch.cat([getattr(one, name) for one in alone]), expected)
    assert relative_energy(MIXTURE, x1[:0], x2[:0], 1.0).value.shape == (0,)
    assert relative_energy(MIXTURE, x1.float(), x2.float(), 1.0).spread.dtype == torch.float32
    assert relative_energy(MIXTURE, x1, x2, 1.0, paths=0).spread.isnan().all()
    same = relative_energy(MIXTURE, x1, x1, 1.0, seed=0)
    assert same.value.tolist() == [0.0] * 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: relative_energy(MIXTURE, X1, X2, 1.0, "round"), "path must be one of 'straight',"),
        (lambda: relative_energy(MIXTURE, X1[:, :3], X2, 1.0), r"x1 must have shape \(rows, 8\)"),
        (
            lambda: relative_energy(MIXTURE, MEANS, MEANS[:2], 1.0),
            r"x2 must have the shape of x1, \(3, 8\), or \(1, 8\), got \(2, 8\)",
        ),
        (lambda: relative_energy(MIXTURE, X1, X2, 0.0), "sigma must be positive"),
        (lambda: relative_energy(MIXTURE, X1, X2, 1.0, nodes=0), "nodes must be a whole number"),
        (lambda: relative_energy(MIXTURE, X1, X2, 1.0, paths=1), "paths must be 0 or at least 2"),
        (lambda: score_antisymmetry(MIXTURE, X1, 1.0, probes=1), "probes must be a whole number"),
        (
            lambda: score_antisymmetry(lambda x, s: torch.zeros_like(x), X1, 1.0),
            "denoiser must be differentiable",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
