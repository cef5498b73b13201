import math

import numpy as np
import pytest
import torch
from known import Threshold, hebb, sphere
from scipy.stats import norm

from bridges import as_memory, capacity, capacity_scaling
from bridges.capacities import scaling
from bridges.crossing import crossings, extrapolate
from hopfield import DenseMemory, random_patterns
from hopfield.theory import ags_capacity, argmax_capacity, polynomial_error


class Fading(Threshold):
    """Retrieves a cue with a known probability, by draws of its own."""

    def __init__(self, probability, seed):
        super().__init__(0.0, seed)
        self.probability, self.seed = probability, seed

    def retrieve(self, cues, overlap):
        draws = torch.rand(len(cues), generator=torch.Generator().manual_seed(self.seed))
        kept = torch.where((draws < self.probability)[:, None], self.cued, -self.cued)
        return kept, torch.ones(len(cues), dtype=torch.bool)


def up_to_a_fifth(load, seed):
    return Threshold(load / 0.2, seed)


ONE_STEP = {"samples": 16, "trials": 60, "criterion": "one-step", "fit": "probit", "seed": 0}


def test_a_known_capacity_is_found():
    loads = np.geomspace(0.01, 1, 41)
    found = capacity(up_to_a_fifth, loads, samples=3, seed=0)
    assert found.load == pytest.approx(0.2, rel=0.13)  # a step of the grid
    never = capacity(lambda load, seed: Threshold(2.0), [0.1, 0.2], samples=2, seed=0)
    assert never.load == 0
    always = capacity(lambda load, seed: Threshold(0.0), [0.1, 0.2], samples=2, seed=0)
    assert always.load == np.inf


def test_capacity_of_hebb_lies_near_its_asymptote():
    """Clean cues at N = 200: half are lost somewhat above α_c = 0.138."""
    loads = [0.08, 0.12, 0.16, 0.2, 0.26]
    found = capacity(lambda load, seed: hebb(load, 200, seed), loads, samples=6, trials=30, seed=0)
    # Half of the patterns are lost near 0.18 at N = 400 already (reference: .483(36) there)
    assert 0.15 < found.load < 0.2
    assert found.interval[0] < found.load < found.interval[1]
    assert set(found.to_dict()) == {"load", "interval", "curve"}


def test_bisection_finds_an_edge_to_its_own_step():
    loads, seen = [0.01, 1.0], []

    def build(load, seed):
        seen.append(load)
        return up_to_a_fifth(load, seed)

    found = capacity(build, loads, samples=1, seed=0, bisections=9)
    assert found.load == pytest.approx(0.2, rel=100 ** (1 / 2**9))  # two decades halved 9 times
    assert len(seen) == 11
    assert (np.diff(found.curve.load) > 0).all()
    linear = capacity(build, loads, samples=1, seed=0, bisections=9, scale="linear")
    assert linear.load == pytest.approx(0.2, abs=1 / 2**9)
    outside = capacity(lambda load, seed: Threshold(2.0), loads, samples=1, bisections=5)
    assert outside.load == 0
    assert len(outside.curve.load) == 2  # nothing to halve


def test_criteria_are_kept_apart():
    options = {"loads": [0.05, 0.8], "samples": 2, "seed": 0, "bisections": 8}
    for criterion, edge in (("fixed-point", 0.2), ("one-step", 0.4)):
        found = capacity(up_to_a_fifth, criterion=criterion, **options)
        assert found.load == pytest.approx(edge, rel=0.02)
        assert found.curve.criterion == criterion


def test_a_known_law_of_sizes_is_extrapolated():
    """α(N) = 0.3 + 0.5 N^{−1/2}, width 0.4 N^{−1/2}."""

    def build(load, size, seed):
        middle, width = 0.3 + 0.5 * size**-0.5, 0.4 * size**-0.5
        return Fading(norm.cdf((middle - load) / width), seed)

    sizes, loads = [25, 100, 400, 1600], np.linspace(0.2, 0.6, 7)
    found = capacity_scaling(
        *(build, sizes, loads), samples=12, trials=50, seed=1, bisections=3, exponent=0.5
    )
    end = found.extrapolation
    assert abs(end.limit - 0.3) < 4 * end.sem
    assert end.sem < 0.02
    assert end.interval[0] < end.limit < end.interval[1]
    assert found.load == pytest.approx(0.3 + 0.5 / np.sqrt(sizes), abs=0.02)
    assert found.width == pytest.approx(0.4 / np.sqrt(sizes), rel=0.3)
    assert end.misfit < 5
    wrong = extrapolate(sizes, found.load, found.sem, 2.0)
    assert wrong.limit > 0.31  # another law, another limit …
    assert wrong.misfit > 5  # … and it is seen not to fit


def test_the_error_of_a_limit_is_honest():
    """Over 60 repetitions the limit scatters as its error says."""
    sizes, x = np.array([25, 100, 400]), np.linspace(0.2, 0.6, 9)
    generator, limits, errors = np.random.default_rng(0), [], []
    for _ in range(60):
        fits = [
            crossings(x, generator.binomial(20, law, size=(16, 9)) / 20, 0.5, False, "probit")
            for law in (norm.cdf((0.3 + 0.5 * N**-0.5 - x) / 0.1) for N in sizes)
        ]
        load, sem = np.array([f.value for f in fits]), np.array([f.sem for f in fits])
        found = extrapolate(sizes, load, sem, 0.5)
        limits.append(found.limit)
        errors.append(found.sem)
    ratio = np.std(limits, ddof=1) / np.sqrt(np.mean(np.square(errors)))
    assert 0.6 < ratio < 1.5  # χ with 59 degrees of freedom; 16 samples underestimate a little
    assert abs(np.mean(limits) - 0.3) < 4 * np.std(limits, ddof=1) / 60**0.5


def test_a_size_out_of_sight_leaves_no_limit():
    def build(load, size, seed):
        return Threshold(2.0 if size == 10 else 10 * load, seed)

    found = capacity_scaling(build, [10, 20], [0.05, 0.2], samples=2, seed=0)
    assert found.load[0] == 0
    assert np.isnan(found.extrapolation.limit)


# Reference, N = 400, one spin at a time: P(m_f ≥ .95) and m_f from clean and from half cues
@pytest.mark.parametrize(
    ("load", "overlap", "expected", "error"),
    [
        (0.05, 1.0, 1.0, 0.0),
        (0.05, 0.5, 1.0, 0.0),
        (0.18, 1.0, 0.483, 0.036),
        (0.18, 0.5, 0.008, 0.005),
    ],
)
def test_hebb_at_400_spins(load, overlap, expected, error):
    from bridges import retrieval_map

    memories = [hebb(load, 400, 50 + seed) for seed in range(12)]
    found = retrieval_map(memories, [overlap], trials=72, seed=0)
    assert abs(found.success[0] - expected) < 4 * np.hypot(found.sem[0], error) + 0.005


@pytest.mark.slow
def test_capacity_of_hebb_extrapolates():
    """Clean cues, N = 100 … 800: where zero-temperature dynamics loses the patterns, near the
    α_c = 0.138 up to which they are states of equilibrium.

    N^{−2/3} is the better law and leaves the limit at 0.144(1), N^{−1/2} at 0.138(1): both from
    N = 200 … 1600 and 32 pattern sets or more, with what counts as retrieved set to 0.95.
    """
    sizes, loads = [100, 200, 400, 800], [0.12, 0.14, 0.16, 0.18, 0.2, 0.23, 0.27]
    measured = capacity_scaling(hebb, sizes, loads, samples=24, trials=60, seed=0, bisections=0)
    assert (np.diff(measured.load) < 0).all()
    assert measured.width * np.sqrt(measured.sizes) == pytest.approx(0.6, rel=0.2)
    assert abs(measured.load[2] - 0.1737) < 4 * np.hypot(measured.sem[2], 0.0005)  # N = 400
    end = measured.extrapolation
    assert end.sem < 0.003
    assert abs(end.limit - 0.145) < 4 * end.sem
    half = scaling(measured.sizes, measured.capacities, exponent=0.5).extrapolation
    assert abs(half.limit - ags_capacity()) < 4 * half.sem + 0.001
    assert ags_capacity() < end.limit < 1.08 * ags_capacity()


@pytest.mark.parametrize("size", [40])
def test_the_law_of_the_cubic_memory(size):
    """One step, all spins right in half of the patterns: N P_e = ln 2 within its 15 %."""

    def build(load, seed):
        xi = random_patterns(round(load * size**2), size, seed=seed)
        return as_memory(DenseMemory(xi, "polynomial", degree=3, states="binary"))

    found = capacity(build, [0.01, 0.2], threshold=1.0, bisections=6, **ONE_STEP)
    error = polynomial_error(found.load * size**2, size, 3)
    assert error * size == pytest.approx(math.log(2), rel=0.25)  # 15 %, and finite samples
    assert found.interval[0] < found.load < found.interval[1]


@pytest.mark.parametrize("noise", [1.0, 1.5])
def test_the_exponential_memory_follows_the_exact_law(noise):
    """α = ln P/N at N = 16 against the exact law of decoding; ½ ln(1 + 1/s²) is its limit."""
    N, overlap = 16, (1 + noise**2) ** -0.5

    def build(load, seed):
        xi = sphere(round(math.exp(load * N)), N, seed)
        return as_memory(DenseMemory(xi, beta=20.0))  # cold: one step is decoding

    law = argmax_capacity(N, noise)
    loads = [law - 0.12, law + 0.12]
    options = ONE_STEP | {"threshold": 0.9, "bisections": 4, "scale": "linear"}
    found = capacity(build, loads, overlap, **options)
    assert found.interval[0] - 0.02 < law < found.interval[1] + 0.02
    assert law > math.log1p(noise**-2) / 2
