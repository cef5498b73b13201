import numpy as np
import pytest
from known import Threshold, hebb, sphere

from bridges import as_memory, basin_radius, retrieval_map
from diffusion import EmpiricalDenoiser
from hopfield import HopfieldNetwork, pseudo_inverse, random_patterns
from hopfield.theory import argmax_retrieval


def test_a_known_edge_is_found():
    for edge in (0.25, 0.61, 0.9):
        found = basin_radius(Threshold(edge), seed=0)
        assert edge - 0.02 < found.overlap < edge + 1e-9
        low, high = found.interval  # of the gap between two overlaps
        assert low - 1e-9 <= edge <= high + 1e-9
        assert high - low < 0.02 + 1e-9
    assert basin_radius(Threshold(0.61), criterion="one-step").overlap == pytest.approx(
        0.3, abs=0.02
    )
    assert basin_radius(Threshold(1.5)).overlap == np.inf
    assert basin_radius(Threshold(0.0)).overlap == 0


def test_seeds_of_any_whole_type_are_equal():
    memory = Threshold(0.5)
    found = [retrieval_map(memory, [0.4], seed=s).by_sample for s in (5, np.int64(5))]
    assert (found[0] == found[1]).all()


def test_errors_are_between_memories_and_honest():
    """The s.e. of 8 pattern sets predicts the scatter of means of 8."""
    means, errors = [], []
    for group in range(24):
        memories = [hebb(12 / 80, 80, seed=100 * group + k) for k in range(8)]
        found = retrieval_map(memories, [0.6], trials=24, seed=group)
        assert found.by_sample.shape == (8, 1)
        means.append(found.success[0])
        errors.append(found.sem[0])
    ratio = np.std(means, ddof=1) / np.sqrt(np.mean(np.square(errors)))
    assert 0.55 < ratio < 1.6  # χ with 23 degrees of freedom, far tails


def test_errors_of_one_memory_are_between_its_patterns():
    memory = hebb(0.3, 100, seed=0)
    found = retrieval_map(memory, [0.8], trials=90, seed=0)
    assert found.by_sample.shape == (30, 1)
    assert found.sem[0] == pytest.approx(found.by_sample.std(ddof=1) / 30**0.5)
    few = retrieval_map(memory, [0.8], trials=10, seed=0)
    assert few.by_sample.shape == (10, 1)


def test_a_point_does_not_depend_on_the_others_measured():
    xi = random_patterns(20, 100, seed=0)
    memory = as_memory(HopfieldNetwork(pseudo_inverse(xi)), xi)
    alone = retrieval_map(memory, [0.4], seed=5)
    among = retrieval_map(memory, [0.2, 0.4, 0.9], seed=5)
    assert alone.overlap_out[0] == among.overlap_out[1]
    assert retrieval_map(memory, [0.4], seed=6).overlap_out[0] != alone.overlap_out[0]


@pytest.mark.parametrize(("P", "noise"), [(403, 0.75), (403, 1.25), (403, 2.0)])
def test_the_flow_follows_the_exact_law_of_decoding(P, noise):
    """Retrieval along the flow against P(nearest pattern is the cued one), N = 20."""
    memories = [as_memory(EmpiricalDenoiser(sphere(P, 20, k)), dynamics="flow") for k in range(12)]
    m = 1 / np.sqrt(1 + noise**2)
    found = retrieval_map(memories, [m], trials=100, seed=0)
    law = argmax_retrieval(P, 20, noise)
    assert abs(found.success[0] - law) < 4 * found.sem[0] + 0.02  # flow is decoding up to .02
