import math

import pytest
import torch
from measured import agree, normal

from hopfield import DenseMemory, HopfieldNetwork, flip_spins, hebbian, overlap, random_patterns

INTERACTIONS = [
    {"interaction": "exponential", "beta": 0.3},
    {"interaction": "exponential", "beta": 1.0},
    {"interaction": "polynomial", "degree": 2},
    {"interaction": "polynomial", "degree": 3},
    {"interaction": "polynomial", "degree": 4},
]


def energy_by_loop(memory, x):
    """The definition, term by term."""
    N = len(x)
    terms = []
    for xi in memory.patterns:
        inner = float(xi @ x)
        if memory.interaction == "exponential":
            b = memory.norm_correction
            terms.append(math.exp(memory.beta * inner - b * memory.beta * float(xi @ xi) / 2))
        else:
            m = inner / N
            rectified = memory.states == "real" and memory.degree % 2
            terms.append(max(m, 0.0) ** memory.degree if rectified else m**memory.degree)
    if memory.interaction == "exponential":
        return float(x @ x) / 2 - math.log(sum(terms)) / memory.beta
    return -N / memory.degree * sum(terms)


@pytest.mark.parametrize("setting", INTERACTIONS)
@pytest.mark.parametrize("states", ["real", "binary"])
@pytest.mark.parametrize("b", [True, False])
def test_energy_is_its_definition(setting, states, b):
    xi = random_patterns(6, 9, seed=0) if states == "binary" else normal(6, 9, seed=0)
    x = random_patterns(4, 9, seed=1) if states == "binary" else normal(4, 9, seed=1)
    memory = DenseMemory(xi, states=states, norm_correction=b, **setting)
    expected = [energy_by_loop(memory, one) for one in x]
    assert torch.allclose(memory.energy(x), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("setting", INTERACTIONS)
def test_binary_step_flips_what_lowers_the_energy(setting):
    """Every spin by itself, others fixed, against the energy of the flipped state."""
    memory = DenseMemory(random_patterns(12, 15, seed=0), states="binary", **setting)
    x = random_patterns(40, 15, seed=1)
    stepped = memory.step(x)
    for i in range(15):
        flipped = x.clone()
        flipped[:, i] *= -1
        gain = memory.energy(x) - memory.energy(flipped)
        clear = gain.abs() > 1e-9
        assert torch.equal((stepped[:, i] != x[:, i])[clear], (gain > 0)[clear])
        assert (stepped[:, i] == x[:, i])[~clear].all()  # ties keep the spin


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("beta", [0.5, 5.0, 20.0, 200.0])
def test_binary_exponential_step_is_exact_at_low_temperature(beta, dtype):
    """Against exact rational sums: 10^4 bits hold every e^{βx} at a whole number of bits."""
    bits = round(beta / math.log(2))
    beta = bits * math.log(2)  # e^{βx} = 2^{bits·x}, a whole number once shifted
    xi, x = random_patterns(30, 20, seed=0), random_patterns(40, 20, seed=1)
    stepped = DenseMemory(xi.to(dtype), beta=beta, states="binary").step(x.to(dtype))
    overlaps = (x @ xi.T).long().tolist()
    for b, row in enumerate(overlaps):
        now = sum(1 << (bits * (m + 22)) for m in row)
        for i in range(20):
            agree = (xi[:, i] == x[b, i]).tolist()
            flipped = sum(
                1 << (bits * (m + (20 if same else 24))) for m, same in zip(row, agree, strict=True)
            )
            moved = bool(stepped[b, i] != x[b, i])
            if abs(flipped - now) > now >> 40:  # beyond rounding
                assert moved == (flipped > now)
            elif flipped == now:
                assert not moved


@pytest.mark.parametrize("setting", INTERACTIONS)
def test_asynchronous_ends_are_minima_and_lower(setting):
    memory = DenseMemory(random_patterns(40, 30, seed=0), states="binary", **setting)
    x = random_patterns(60, 30, seed=1)
    relaxed = memory.relax(x, seed=2)
    assert relaxed.converged.all()
    assert torch.equal(memory.step(relaxed.states), relaxed.states)
    assert (memory.energy(relaxed.states) <= memory.energy(x) + 1e-12).all()


def test_quadratic_is_hebb():
    """F = m²: without its self term, the Hopfield network of Hebb's couplings."""
    xi = random_patterns(7, 40, seed=0)
    memory = DenseMemory(xi, "polynomial", degree=2, states="binary")
    network = HopfieldNetwork(hebbian(xi))
    x = random_patterns(200, 40, seed=1)
    assert torch.equal(memory.step(x), network.step(x))
    assert torch.equal(memory.relax(x, seed=5).states, network.relax(x, seed=5).states)


@pytest.mark.parametrize("setting", INTERACTIONS)
def test_real_steps_lower_the_energy(setting):
    xi = normal(20, 12, seed=0)
    memory = DenseMemory(xi, **setting)
    x = normal(50, 12, seed=1)
    if setting["interaction"] == "polynomial":
        x = x * (12**0.5 / x.norm(dim=1, keepdim=True))
    for _ in range(5):
        following = memory.step(x)
        assert (memory.energy(following) <= memory.energy(x) + 1e-10).all()
        x = following


def test_descent_lemma_and_tweedie_from_the_gradient():
    """E(D(x)) ≤ E(x) − |x − D(x)|²/2 and D(x) = x − ∇E(x), b = 0 and b = 1."""
    for b in (True, False):
        memory = DenseMemory(normal(30, 8, seed=0), beta=0.7, norm_correction=b)
        x = normal(20, 8, seed=1).requires_grad_()
        (gradient,) = torch.autograd.grad(memory.energy(x).sum(), x)
        x = x.detach()
        update = memory.step(x)
        assert (update - (x - gradient)).abs().max() < 1e-12
        fall = memory.energy(x) - memory.energy(update)
        assert (fall - (x - update).square().sum(1) / 2).min() > -1e-10


def test_large_logits_do_not_overflow():
    xi = 30 * normal(50, 100, seed=0)
    for dtype in (torch.float32, torch.float64):
        memory = DenseMemory(xi.to(dtype), beta=1e4)
        assert torch.isfinite(memory.energy(xi)).all()
        assert torch.equal(memory.step(xi), xi.to(dtype))
    binary = DenseMemory(random_patterns(20, 500, seed=0), beta=400.0, states="binary")
    assert torch.isfinite(binary.energy(binary.patterns)).all()
    cues = flip_spins(binary.patterns, 0.5, seed=0)
    assert torch.equal(binary.relax(cues, seed=0).states, binary.patterns)


def test_blocks_of_patterns_do_not_change_the_result(monkeypatch):
    xi, x = random_patterns(300, 20, seed=0), random_patterns(7, 20, seed=1)
    for setting in INTERACTIONS:
        memory = DenseMemory(xi, states="binary", **setting)
        energy, step = memory.energy(x), memory.step(x)
        monkeypatch.setattr("hopfield.interactions.interaction._BLOCK", 64)
        assert torch.allclose(memory.energy(x), energy, rtol=1e-13, atol=1e-13)
        assert torch.equal(memory.step(x), step)
        monkeypatch.undo()


# Reference: one-bit error of a stored pattern, polynomial, measured there with its s.e.
@pytest.mark.parametrize(
    ("degree", "N", "P", "expected", "error"),
    [
        (2, 200, 40, 0.01208, 0.00025),
        (3, 60, 200, 0.00758, 0.00038),
        (3, 60, 400, 0.0432, 0.0010),
        (4, 30, 1000, 0.0935, 0.0016),
    ],
)
def test_polynomial_one_bit_error(degree, N, P, expected, error):
    rates = []
    for seed in range(40):
        xi = random_patterns(P, N, seed=seed)
        memory = DenseMemory(xi, "polynomial", degree=degree, states="binary")
        rates.append((memory.step(xi) != xi).double().mean().item())
    agree(rates, (expected, error))


# Reference: exponential sign dynamics, all spins at once, λ = 1, 3 of 24 spins
# flipped, P(m_f ≥ .95). One spin at a time retrieves more: .37 for .06 at ln P/N = 0.35.
@pytest.mark.parametrize(
    ("load", "expected", "error"),
    [(0.2, 0.983, 0.007), (0.25, 0.861, 0.020), (0.3, 0.550, 0.039), (0.35, 0.056, 0.025)],
)
def test_exponential_retrieval_threshold(load, expected, error):
    books = []
    for seed in range(24):
        xi = random_patterns(round(math.exp(load * 24)), 24, seed=seed)
        memory = DenseMemory(xi, beta=1.0, states="binary")
        cued = xi[:64]
        ends = memory.relax(flip_spins(cued, 0.75, seed=seed), "synchronous").states
        books.append((overlap(ends, cued) >= 0.95).double().mean().item())
    agree(books, (expected, error))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xi: DenseMemory(xi, "cubic"), "interaction must be one of"),
        (lambda xi: DenseMemory(xi, beta=0), "beta must be a finite number above 0, got 0"),
        (lambda xi: DenseMemory(xi, beta=math.inf), "beta must be a finite number above 0"),
        (lambda xi: DenseMemory(xi, beta=1e308), "beta must leave β|ξ|² finite"),
        (lambda xi: DenseMemory(xi, "polynomial", degree=2000), "degree must be at most 1000"),
        (lambda xi: DenseMemory(xi, "polynomial", degree=1), "degree must be a whole number"),
        (lambda xi: DenseMemory(xi, states="complex"), "states must be one of"),
        (lambda xi: DenseMemory(0.5 * xi, states="binary"), "patterns must have entries ±1"),
        (lambda xi: DenseMemory(xi).step(xi[:, :2]), r"states must have shape \(rows, 4\)"),
        (lambda xi: DenseMemory(xi).relax(xi, "asynchronous"), "dynamics must be one of 'synch"),
        (lambda xi: DenseMemory(xi, "polynomial").log_partition(xi), "needs interaction 'expo"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_patterns(3, 4, seed=0))


def test_convergence_is_reported_at_the_limit_of_sweeps():
    memory = DenseMemory(random_patterns(20, 30, seed=0), states="binary")
    still = memory.relax(memory.patterns, max_sweeps=0)
    assert still.converged.all()
    moving = memory.relax(flip_spins(memory.patterns, 0.6, seed=1), max_sweeps=0)
    assert not moving.converged.any()


def test_single_precision_converges_too():
    xi = normal(40, 20, seed=0)
    for scale in (1e-3, 1.0, 1e3):
        memory = DenseMemory((scale * xi).float(), beta=2.0 / scale**2)
        assert memory.relax((scale * (xi + 0.1)).float()).converged.all()


def test_weights_are_the_softmax_of_the_logits():
    xi, x = normal(2, 7, 5, seed=0)
    for b in (True, False):
        memory = DenseMemory(xi, beta=0.7, norm_correction=b)
        logits = 0.7 * x @ xi.T - b * 0.35 * xi.square().sum(1)
        assert torch.allclose(memory.weights(x), torch.softmax(logits, 1))
    with pytest.raises(ValueError, match="weights need interaction 'exponential'"):
        DenseMemory(xi, "polynomial").weights(x)
