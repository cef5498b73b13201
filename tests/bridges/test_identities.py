"""The basin edge of the dense memory lies where the collapse of diffusion does."""

import math

import numpy as np
import pytest

from bridges.identities import basin_edge_map
from diffusion.theory import collapse_sigma, onset_sigma


@pytest.mark.slow
def test_basin_edge_lies_where_theory_puts_it():
    P, spectrum = 1000, [1.0] * 20
    ratios = np.arange(0, 1.7, 0.2)
    for t, edge in ((1.005, 1.0), (1.482, 0.566), (1.799, 0.303)):
        found = [basin_edge_map(P, spectrum, t**0.5, ratios, 100, seed=seed) for seed in range(2)]
        assert found[0].edge == pytest.approx(edge, abs=2e-3)
        success = np.mean([one.one_step for one in found], 0)
        measured = np.interp(-0.5, -success, ratios)
        assert abs(measured - edge) < 0.2  # 0.1 of finite size (m = 20), 4 s.e. of 200 cues


def test_collapse_is_the_capacity_of_the_dense_memory():
    """At ρ = 1 and a given β the load at which half of the cues fail is that of the collapse."""
    spectrum, loads = [1.0] * 20, np.geomspace(50, 20000, 6).round().astype(int)
    sigma = float(collapse_sigma(1000, spectrum))
    success = [
        basin_edge_map(int(P), spectrum, sigma, [1.0], 300, seed=1).one_step[0] for P in loads
    ]
    capacity = math.exp(np.interp(-0.5, -np.array(success), np.log(loads)))
    # within 15 % of the exponent: P is exponential in m, Jensen's gap lifts it at m = 20
    assert abs(math.log(capacity) / math.log(1000) - 1) < 0.15


def test_no_basin_is_left_far_above_the_onset():
    spectrum = [1.0] * 20
    found = basin_edge_map(1000, spectrum, 2 * float(onset_sigma(1000, spectrum)), [0.0], seed=0)
    assert found.edge == 0
    assert found.one_step[0] == found.fixed_point[0] == 0
