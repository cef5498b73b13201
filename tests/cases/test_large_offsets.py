"""Data far from 0: distances and energies are those of the same data about their mean."""

import numpy as np
import pytest
import torch

from bridges import as_memory, find_attractors
from bridges.memory import NearestPattern
from diffusion import (
    EmpiricalDenoiser,
    likelihood_dimension,
    neighbour_ratio,
    train_denoiser,
    two_nn_dimension,
)
from hopfield import DenseMemory

FAR = 1e4


def _sensors(count=200, dimension=8, dtype=torch.float32, offset=FAR):
    generator = torch.Generator().manual_seed(0)
    data = offset + torch.randn(count, dimension, generator=generator, dtype=dtype)
    return data, data + 0.01 * torch.randn(data.shape, generator=generator, dtype=dtype)


def test_dense_memory_retrieves_in_single_precision():
    data, cues = _sensors()
    memory = DenseMemory(data, beta=1e4)
    for ends in (memory.step(cues), memory.relax(cues).states):
        assert ((ends - data).abs() < 0.05).all()
    assert (memory.weights(cues).argmax(1) == torch.arange(len(data))).all()


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize(("dtype", "offset"), [(torch.float32, 1e4), (torch.float64, 1e8)])
def test_energies_and_weights_are_those_of_the_definition(corrected, dtype, offset):
    """E = −(1/β) log Σ_μ e^{−β|S−ξ|²/2} with the correction, in twice the digits."""
    data, _ = _sensors(20, 4, dtype, offset)
    states = data[:5] + 0.5
    memory = DenseMemory(data, beta=2.0, norm_correction=corrected)
    x, s = (rows.numpy().astype(np.longdouble) for rows in (data, states))
    logits = -np.square(s[:, None] - x).sum(2)  # β = 2, up to β|S|²/2
    if not corrected:
        logits += np.square(x).sum(1)
    top = logits.max(1, keepdims=True)
    weights = np.exp(logits - top)
    energy = -(np.log(weights.sum(1)) + top[:, 0]) / 2
    # rounding: of the energy itself without the correction, whose size is that of the offset
    digits = torch.finfo(dtype).eps * float(np.abs(energy).max() + 10)
    assert memory.energy(states).numpy() == pytest.approx(energy.astype(float), abs=40 * digits)
    if corrected:
        share = (weights / weights.sum(1, keepdims=True)).astype(float)
        assert memory.weights(states).numpy() == pytest.approx(share, abs=1e-5)


def test_a_relative_tolerance_is_relative_to_what_varies():
    """At an offset of 10⁸ deviations 10⁻⁸ of the state is a whole deviation."""
    data, cues = _sensors(200, 8, torch.float64, 1e8)
    near = DenseMemory(data - 1e8, beta=1.0).relax(cues - 1e8, max_sweeps=5000)
    far = DenseMemory(data, beta=1.0).relax(cues, max_sweeps=5000)
    assert near.converged.all()
    assert far.converged.all()
    assert (far.states - 1e8 - near.states).abs().max() < 1e-4


def test_the_nearest_pattern_is_the_nearest():
    data, cues = _sensors()
    assert (NearestPattern(data).step(cues, 1.0) == data).all()


def test_attractors_of_sensors_are_memories():
    data, cues = _sensors()
    memory = as_memory(EmpiricalDenoiser(data[:40]), sigma=0.05)
    found = find_attractors(memory, cues[:40], seed=0)
    assert found.kind == ("memory",) * 40
    assert sorted(found.nearest.tolist()) == list(range(40))


@pytest.mark.parametrize("offset", [1e6, 1e9])
def test_neighbours_are_those_of_the_data_about_their_mean(offset):
    """In 30 dimensions neighbours are found by |x|² − 2x·y + |y|²."""
    generator = torch.Generator().manual_seed(1)
    # whole multiples of 2⁻²⁰, so that the offset costs no digit
    data = torch.round(torch.randn(300, 30, generator=generator, dtype=torch.float64) * 2**20)
    data = data / 2**20
    samples = torch.round(data[:50] * 2**20 + 2**10) / 2**20
    assert likelihood_dimension(data + offset) == likelihood_dimension(data)
    assert two_nn_dimension(data + offset) == two_nn_dimension(data)
    ratios = neighbour_ratio(samples + offset, data + offset)
    assert torch.equal(ratios, neighbour_ratio(samples, data))


def test_neighbours_in_clusters_far_from_each_other():
    """No centre is near: distances are then taken of all differences."""
    generator = torch.Generator().manual_seed(2)
    one = torch.round(torch.randn(60, 25, generator=generator, dtype=torch.float64) * 2**10) / 2**10
    data = torch.cat([one + 2.0**32, one - 2.0**32])
    ratios = neighbour_ratio(data[:10] + 2.0**-8, data)
    assert torch.equal(ratios, neighbour_ratio(one[:10] + 2.0**-8, one))


def test_training_takes_the_mean_off_before_digits_are():
    data, _ = _sensors(100, 2, torch.float64, 1e4)
    data = torch.round((data - 1e4) * 2**20) / 2**20
    near, far = (
        train_denoiser(rows, steps=3, quiet=True, seed=0).history.loss
        for rows in (data + 4096, data + 16384)
    )
    # the means, of single precision, differ from those of the data by 10⁻³ deviations
    assert far == pytest.approx(near, abs=5e-3)


def test_data_that_the_network_cannot_resolve_are_refused():
    data, _ = _sensors(100, 2, torch.float64, 1e7)
    with pytest.raises(ValueError, match=r"data must lie close enough to 0 for torch\.float32"):
        train_denoiser(data, steps=3, quiet=True, seed=0)


def test_data_about_zero_are_not_touched():
    """Random and centred patterns keep every bit: sums are still about 0."""
    generator = torch.Generator().manual_seed(3)
    for rows in (
        torch.randn(50, 10, generator=generator),
        torch.randint(2, (50, 10), generator=generator) * 2.0 - 1,
        torch.rand(50, 10, generator=generator, dtype=torch.float64),
    ):
        memory = DenseMemory(rows, beta=4.0)
        logits = 4.0 * (rows @ rows.T) - 4.0 / 2 * rows.square().sum(1)
        assert torch.equal(memory.weights(rows), torch.softmax(logits, 1))
