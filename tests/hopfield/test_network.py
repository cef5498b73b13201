import itertools
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from measured import agree, mean_and_error, random_couplings

from hopfield import (
    HopfieldNetwork,
    flip_spins,
    hebbian,
    overlap,
    pseudo_inverse,
    random_patterns,
    stabilities,
)


def every_state(N):
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=N)), dtype=torch.float64)


def test_energy_and_stabilities_against_loops():
    J, S = random_couplings(7, 0), random_patterns(3, 7, seed=1)
    network = HopfieldNetwork(J)
    for b in range(3):
        energy = -0.5 * sum(float(J[i, j] * S[b, i] * S[b, j]) for i in range(7) for j in range(7))
        assert network.energy(S)[b].item() == pytest.approx(energy, abs=1e-12)
        for i in range(7):
            field = sum(float(J[i, j] * S[b, j]) for j in range(7))
            norm = sum(float(J[i, j]) ** 2 for j in range(7)) ** 0.5
            assert network.stabilities(S)[b, i].item() == pytest.approx(
                float(S[b, i]) * field / norm, abs=1e-12
            )


def test_stabilities_of_a_row_of_zeros_are_zero():
    assert (stabilities(torch.zeros(3, 3), torch.ones(2, 3)) == 0).all()


@pytest.mark.parametrize("dynamics", ["asynchronous", "synchronous"])
def test_ends_are_exactly_the_enumerated_ones(dynamics):
    """All 2^10 starts: an end is a fixed point, or (synchronous) in a 2-cycle."""
    network = HopfieldNetwork(random_couplings(10, 3))
    relaxed = network.relax(every_state(10), dynamics, seed=0)
    ends, step = relaxed.states, network.step
    assert torch.equal(relaxed.converged, (step(ends) == ends).all(1))
    assert torch.equal(relaxed.cycles, (step(step(ends)) == ends).all(1) & ~relaxed.converged)
    assert (relaxed.converged | relaxed.cycles).all()  # Goles: nothing else, symmetric J
    if dynamics == "asynchronous":
        assert relaxed.converged.all()
        states = every_state(10)
        fixed = states[(states * network.fields(states) > 0).all(1)]
        found = {tuple(s) for s in ends.tolist()}
        assert found == {tuple(s) for s in fixed.tolist()}  # each fixed point starts at itself
    else:
        assert relaxed.cycles.any()


def test_asynchronous_relaxation_lowers_the_energy():
    xi = random_patterns(30, 100, seed=0)
    network = HopfieldNetwork(hebbian(xi))
    starts = random_patterns(200, 100, seed=1)
    relaxed = network.relax(starts, seed=2)
    assert (network.energy(relaxed.states) <= network.energy(starts)).all()


def test_site_order_is_random_and_unbiased():
    """Two spins that both want to flip: the first visited wins, each half of the time."""
    network = HopfieldNetwork(torch.tensor([[0.0, -1.0], [-1.0, 0.0]]))
    ends = network.relax(torch.ones(20000, 2), seed=0).states
    assert ends.sum() == 0
    assert (ends[:, 0] > 0).double().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / 20000**0.5)


def test_ties_keep_the_spin():
    """Hebb with P even has exact ties, which rounding must not turn into fields."""
    network = HopfieldNetwork(torch.zeros(4, 4))
    states = random_patterns(5, 4, seed=0)
    for dynamics in ("asynchronous", "synchronous"):
        assert torch.equal(network.relax(states, dynamics, seed=0).states, states)
    xi = random_patterns(30, 101, seed=0)
    exact = (xi.T @ xi).fill_diagonal_(0)  # whole numbers: fields without rounding
    starts = random_patterns(500, 101, seed=1)
    assert (starts @ exact == 0).any()
    rounded = HopfieldNetwork(exact / 300)
    for seed in range(3):
        ends = rounded.relax(starts, seed=seed).states
        assert torch.equal(ends, HopfieldNetwork(exact).relax(starts, seed=seed).states)
    assert torch.equal(rounded.step(starts), HopfieldNetwork(exact).step(starts))
    single = HopfieldNetwork((exact / 300).float())  # the couplings' own rounding counts
    for seed in range(3):
        ends = single.relax(starts, seed=seed).states
        assert torch.equal(ends, HopfieldNetwork(exact).relax(starts, seed=seed).states)


@pytest.mark.parametrize("relax", ["asynchronous", "synchronous", "shared order"])
def test_thermal_states_have_the_exact_law(relax):
    """Heat bath: Boltzmann's e^{−E/T}; in parallel, Π_i cosh(h_i/T) (Peretto 1984)."""
    T, runs = 1.5, 40000
    network, states = HopfieldNetwork(random_couplings(4, 5)), every_state(4)
    starts = random_patterns(runs, 4, seed=0)
    if relax == "shared order":
        generator = torch.Generator().manual_seed(1)
        ends = network._shared_order(starts[:4000], T, 30, None, generator).states
        for _ in range(9):  # one site order for all: average over orders
            more = network._shared_order(starts[:4000], T, 30, None, generator).states
            ends = torch.cat([ends, more])
        runs = len(ends)
    else:
        ends = network.relax(starts, relax, temperature=T, max_sweeps=30, seed=1).states
    if relax == "synchronous":
        law = torch.cosh(network.fields(states) / T).prod(1)
    else:
        law = torch.exp(-network.energy(states) / T)
    law = law / law.sum()
    counts = (ends[:, None] == states).all(2).double().mean(0)
    assert ((counts - law).abs() < 4.5 * (law * (1 - law) / runs).sqrt() + 1e-3).all()


def test_the_batched_order_ends_where_no_spin_is_unstable():
    xi = random_patterns(20, 60, seed=0)
    network = HopfieldNetwork(pseudo_inverse(xi))
    cues, generator = flip_spins(xi, 0.6, seed=1), torch.Generator().manual_seed(0)
    differences = []
    for seed in range(20):
        shared = network._shared_order(cues, 0.0, 100, None, generator)
        assert shared.converged.all()
        assert torch.equal(network.step(shared.states), shared.states)
        compiled = network.relax(cues, seed=seed).states
        differences.append((overlap(shared.states, xi) - overlap(compiled, xi)).mean().item())
    mean, error = mean_and_error(differences)
    assert abs(mean) < 4 * error  # same law of ends, over site orders


@pytest.mark.parametrize("temperature", [0.0, 0.3])
@pytest.mark.parametrize("symmetric", [True, False])
def test_single_precision_is_kept_and_costs_no_digit(symmetric, temperature):
    """Couplings of single precision and the same numbers in double: the same ends, in the same
    sweeps. No field of the asymmetric ones is near zero, where the two differ on what a tie is."""
    J = random_couplings(60, 3).float()
    J = J if symmetric else torch.tril(J) + 0.5 * torch.triu(J)
    states = random_patterns(40, 60, seed=4)
    ends = [
        HopfieldNetwork(given).relax(states, temperature=temperature, max_sweeps=30, seed=5)
        for given in (J, J.double())
    ]
    assert torch.equal(ends[0].states, ends[1].states)
    assert torch.equal(ends[0].sweeps, ends[1].sweeps)


def test_results_do_not_depend_on_the_number_of_threads():
    import numba

    network = HopfieldNetwork(hebbian(random_patterns(30, 100, seed=0)))
    starts = random_patterns(50, 100, seed=1)
    both = network.relax(starts, seed=3).states
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert torch.equal(network.relax(starts, seed=3).states, both)
    finally:
        numba.set_num_threads(threads)


THREADS = """
import torch
torch.set_num_threads(1)
torch.get_num_threads()  # as any work of torch's would, it settles the number
from hopfield import HopfieldNetwork, hebbian, random_patterns
xi = random_patterns(2, 20, seed=0)
HopfieldNetwork(hebbian(xi)).relax(xi, seed=0)
print(torch.get_num_threads())
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread")
def test_torch_keeps_its_number_of_threads():
    """In a process of its own, where numba has not started its threads before."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    for name in ("OMP", "MKL", "NUMBA"):
        environment.pop(f"{name}_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", THREADS], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "1", done.stderr


def test_more_than_the_sweeps_allowed_is_reported():
    J = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])  # a spin that follows, one that flees
    relaxed = HopfieldNetwork(J).relax(torch.ones(3, 2), max_sweeps=7, seed=0)
    assert not relaxed.converged.any()
    assert (relaxed.sweeps == 7).all()
    still = HopfieldNetwork(hebbian(torch.ones(1, 4))).relax(torch.ones(1, 4), max_sweeps=0)
    assert still.converged.all()


# Reference: N = 400, 6 pattern sets, success m_f ≥ .95; mean and s.e.
@pytest.mark.parametrize(
    ("load", "from_clean", "from_half", "from_random", "overlap_of_clean"),
    [
        (0.05, (1.0, 0.0), (1.0, 0.0), (0.361, 0.043), (1.0, 5e-4)),
        (0.10, (1.0, 0.0), (0.858, 0.024), (0.0, 0.0), (0.999, 5e-4)),
        (0.12, (0.975, 0.011), (0.583, 0.036), (0.0, 0.0), (0.988, 5e-4)),
        (0.138, (0.883, 0.038), (0.283, 0.025), (0.0, 0.0), (0.963, 0.013)),
        (0.15, (0.800, 0.037), (0.150, 0.034), (0.0, 0.0), (0.927, 0.015)),
        (0.18, (0.483, 0.036), (0.008, 0.008), (0.0, 0.0), (0.773, 0.006)),
    ],
)
def test_hebb_retrieval_at_400_spins(load, from_clean, from_half, from_random, overlap_of_clean):
    books = []
    for seed in range(12):
        xi = random_patterns(round(load * 400), 400, seed=seed)
        network = HopfieldNetwork(hebbian(xi))
        clean = overlap(network.relax(xi, seed=seed).states, xi)
        half = overlap(network.relax(flip_spins(xi, 0.5, seed=seed), seed=seed).states, xi)
        starts = random_patterns(20, 400, seed=100 + seed)
        ends = network.relax(starts, seed=seed).states
        nearest = overlap(ends[:, None], xi).abs().max(1).values
        books.append([*((m >= 0.95).double().mean() for m in (clean, half, nearest)), clean.mean()])
    references = (from_clean, from_half, from_random, overlap_of_clean)
    for column, (value, error) in zip(np.array(books).T, references, strict=True):
        agree(column, (value, max(error, 0.002)))  # a saturated row has an s.e. of 1 in 6·40


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, s: n.relax(s * 0), "states must have entries ±1"),
        (lambda n, s: n.relax(s[:, :2]), r"states must have shape \(rows, 3\), got \(2, 2\)"),
        (lambda n, s: n.relax(s, "sideways"), "dynamics must be one of 'asynchronous'"),
        (lambda n, s: n.relax(s, temperature=-1), "temperature must lie in"),
        (lambda n, s: n.relax(s, max_sweeps=-1), "max_sweeps must be a whole number"),
        (lambda n, s: HopfieldNetwork(torch.ones(2, 3)), "couplings must be square"),
        (lambda n, s: HopfieldNetwork(torch.full((2, 2), torch.nan)), "couplings must be finite"),
        (lambda n, s: n.stabilities(s * 2), "patterns must have entries ±1"),
    ],
)
def test_bad_input_is_named(call, message):
    network, states = HopfieldNetwork(torch.zeros(3, 3)), torch.ones(2, 3)
    with pytest.raises(ValueError, match=message):
        call(network, states)


def test_numpy_whole_numbers_and_gradients_are_accepted():
    xi = random_patterns(3, 20, seed=0)
    network = HopfieldNetwork(hebbian(xi).requires_grad_())
    for states in (xi.numpy(), xi.int(), xi.clone().requires_grad_()):
        assert torch.equal(torch.as_tensor(network.step(states)).detach().double(), xi)
        assert torch.equal(network.relax(states, seed=0).states.double(), xi)
