"""Kernel memories: the identities that tie them to others, and how wide their basins are."""

import numpy as np
import pytest
import torch
from measured import mean_and_error

from hopfield import DenseMemory, KernelMemory, flip_spins, overlap, pseudo_inverse, random_patterns


@pytest.fixture
def xi():
    return random_patterns(20, 60, seed=0)


@pytest.fixture
def states():
    return random_patterns(40, 60, seed=1)


def test_linear_ridge_is_the_projector_with_its_diagonal(xi, states):
    memory = KernelMemory(xi, "polynomial", degree=1, ridge=0)
    projector = torch.linalg.pinv(xi) @ xi
    assert (memory.fields(states) - states @ projector.T).abs().max() < 1e-12
    off = projector - torch.diag(projector.diagonal())
    assert (off - pseudo_inverse(xi)).abs().max() < 1e-12
    assert torch.equal(memory.step(xi), xi)


def test_exponential_identity_is_the_step_of_real_states(xi, states):
    g = 7.0
    memory = KernelMemory(xi, gain=g, dual="identity")
    dense = DenseMemory(xi, beta=g / 60)
    fields = memory.fields(states)
    total = torch.exp(g * (states @ xi.T / 60 - 1)).sum(1, keepdim=True)
    assert (fields / total - dense.step(states)).abs().max() < 1e-12
    assert torch.equal(memory.step(states), dense.step(states).sign())


@pytest.mark.parametrize("degree", [2, 4, 6])
def test_polynomial_identity_is_the_direction_of_the_dense_step(xi, states, degree):
    fields = KernelMemory(xi, "polynomial", degree=degree - 1, dual="identity").fields(states)
    step = DenseMemory(xi, "polynomial", degree=degree).step(states)
    ours = 60**0.5 * fields / fields.norm(dim=1, keepdim=True)
    assert (ours - step).abs().max() < 1e-12


def test_the_cubic_kernel_is_the_echo_of_minerva(xi, states):
    """Hintzman's intensity: the sum of traces, each weighted by the cube of its similarity."""
    echo = np.zeros((40, 60))
    for b, probe in enumerate(states.numpy()):
        for trace in xi.numpy():
            echo[b] += (probe @ trace / 60) ** 3 * trace
    fields = KernelMemory(xi, "polynomial", degree=3, dual="identity").fields(states).numpy()
    assert np.abs(fields - echo).max() < 1e-12
    step = DenseMemory(xi, "polynomial", degree=4).step(states).numpy()
    assert np.abs(60**0.5 * echo / np.linalg.norm(echo, axis=1, keepdims=True) - step).max() < 1e-12


def test_a_function_of_ones_own_is_a_kernel(xi, states):
    own = KernelMemory(xi, lambda s, p: torch.exp(5 * (s @ p.T / 60 - 1)))
    known = KernelMemory(xi)
    assert (own.fields(states) - known.fields(states)).abs().max() < 1e-9
    assert torch.equal(own.step(states), known.step(states))
    assert "own" in repr(own)


@pytest.mark.parametrize("kernel", [{}, {"gain": 2.0}, {"kernel": "polynomial", "degree": 3}])
def test_ridge_stores_all_patterns_beyond_their_number_of_sites(kernel):
    xi = random_patterns(300, 100, seed=0)
    memory = KernelMemory(xi, **kernel)
    assert torch.equal(memory.step(xi), xi)
    assert (memory.fields(xi) - xi).abs().max() < 1e-5  # λ times the duals
    found = memory.relax(xi)
    assert found.converged.all()


def test_large_gains_neither_overflow_nor_vanish():
    xi = random_patterns(30, 100, seed=0)
    cues = flip_spins(xi, 0.1, seed=1)
    ends = KernelMemory(xi, gain=1e5).step(cues)
    nearest = (cues @ xi.T).argmax(1)
    alone = ((cues @ xi.T) == (cues @ xi.T).amax(1, keepdim=True)).sum(1) == 1
    assert torch.equal(ends[alone], xi[nearest][alone])


# N = 100, ridge, success m ≥ .95; means of 5 samples in other hands
@pytest.mark.parametrize(
    ("kernel", "P", "start", "success"),
    [
        ({"gain": 5.0}, 200, 0.6, 1.0),
        ({"gain": 5.0}, 200, 0.4, 0.826),
        ({"gain": 5.0}, 400, 0.4, 0.026),
        ({"gain": 2.0}, 200, 0.9, 0.858),
        ({"gain": 0.5}, 50, 0.7, 0.872),
        ({"kernel": "polynomial", "degree": 3}, 400, 0.4, 0.88),
        ({"kernel": "polynomial", "degree": 1}, 50, 0.9, 0.40),
    ],
)
def test_basins(kernel, P, start, success):
    found = []
    for seed in range(5):
        xi = random_patterns(P, 100, seed=seed)
        ends = KernelMemory(xi, **kernel).relax(flip_spins(xi, start, seed=seed)).states
        found.append(float((overlap(ends, xi) >= 0.95).double().mean()))
    mean, error = mean_and_error(found)
    # theirs have errors of .01 to .04 (at .40)
    assert abs(mean - success) < 4 * np.hypot(error, 0.026)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xi: KernelMemory(xi, "gaussian"), "kernel must be one of"),
        (lambda xi: KernelMemory(xi, dual="logistic"), "dual must be one of"),
        (lambda xi: KernelMemory(xi, ridge=-1), "ridge must lie in"),
        (lambda xi: KernelMemory(torch.cat([xi, xi]), ridge=0), "ridge must be above 0"),
        (lambda xi: KernelMemory(xi, "polynomial", degree=1, ridge=0), "ridge must be above 0"),
        (lambda xi: KernelMemory(xi, lambda s, p: s @ p.T * torch.nan), "kernel must be finite"),
        (lambda xi: KernelMemory(xi, lambda s, p: s), "kernel must return shape"),
        (lambda xi: KernelMemory(0 * xi), "patterns must have entries ±1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_patterns(12, 10, seed=0))
