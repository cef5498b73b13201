"""Hebb's couplings at finite temperature: tables, and the saddle-point equations by quadrature."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from hopfield.theory import ags_capacity, ags_overlap, ags_temperature

EDGE = {  # T: α_M and m there
    0.05: (0.137794, 0.96567),
    0.1: (0.135049, 0.96255),
    0.2: (0.122559, 0.95086),
    0.3: (0.103330, 0.92921),
    0.4: (0.081037, 0.89494),
    0.5: (0.058816, 0.84594),
    0.6: (0.038809, 0.77994),
    0.7: (0.022322, 0.69327),
    0.8: (0.010101, 0.57861),
    0.9: (0.002568, 0.41645),
}
OVERLAP = {
    0.01: {0.3: 0.99673, 0.5: 0.95193, 0.7: 0.80182, 0.8: 0.59543},
    0.02: {0.3: 0.99585, 0.5: 0.94500, 0.7: 0.74733},
    0.05: {0.1: 0.99995, 0.3: 0.99116, 0.4: 0.96619, 0.5: 0.90411},
    0.1: {0.1: 0.99675, 0.2: 0.98909, 0.3: 0.95302},
}


def average(function):
    """Mean over a normal number."""
    density = lambda z: math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * function(z)  # noqa: E731
    return quad(density, -12, 12, limit=400, epsabs=1e-12)[0]


@pytest.mark.parametrize("temperature", EDGE)
def test_edge_of_retrieval(temperature):
    load, m = EDGE[temperature]
    found = ags_capacity(temperature)
    assert found == pytest.approx(load, abs=2e-6)
    # the overlap has a root singularity at the edge
    assert ags_overlap(found, temperature) == pytest.approx(m, abs=1e-4)
    assert ags_overlap(found * (1 + 1e-6), temperature) == 0


@pytest.mark.parametrize("load", OVERLAP)
def test_overlaps_of_the_table(load):
    for temperature, m in OVERLAP[load].items():
        assert ags_overlap(load, temperature) == pytest.approx(m, abs=1e-5)


@pytest.mark.parametrize(("load", "T"), [(0.05, 0.3), (0.1, 0.1), (0.02, 0.7), (0.12, 0.05)])
def test_overlaps_solve_the_saddle_point(load, T):
    """Iterating m = E tanh, q = E tanh², r = q/(1 − β(1 − q))² from there stays there."""
    m = ags_overlap(load, T)
    r = 1.0
    for _ in range(200):  # q and r at this m

        def X(z, r=r):
            return (m + math.sqrt(load * r) * z) / T

        q = average(lambda z, X=X: math.tanh(X(z)) ** 2)
        r = 0.5 * r + 0.5 * q / (1 - (1 - q) / T) ** 2
    assert average(lambda z: math.tanh(X(z))) == pytest.approx(m, abs=1e-6)


def test_lines_of_the_phase_diagram():
    retrieval = {
        0.01: 0.80102,
        0.02: 0.71648,
        0.05: 0.54226,
        0.08: 0.40457,
        0.1: 0.31543,
        0.12: 0.21509,
    }
    np.testing.assert_allclose(
        ags_temperature(list(retrieval)), list(retrieval.values()), atol=2e-4
    )
    lowest = {0.001: 0.91610, 0.01: 0.72162, 0.02: 0.59130, 0.05: 0.21638}
    np.testing.assert_allclose(
        ags_temperature(list(lowest), "global"), list(lowest.values()), atol=2e-4
    )
    np.testing.assert_allclose(ags_temperature([0.0, 0.04], "glass"), [1, 1.2])
    assert list(ags_temperature([0.0, 0.138])) == [1, 0]
    assert math.isnan(ags_temperature(0.06, "global"))
    small = 1e-6  # 1 − 1.95 √α and 1 − 2.6 √α (AGS 1987)
    assert (1 - ags_temperature(small)) / math.sqrt(small) == pytest.approx(1.95, abs=0.02)
    assert (1 - ags_temperature(small, "global")) / math.sqrt(small) == pytest.approx(2.6, abs=0.02)


def test_ends():
    m = ags_overlap(0.0, 0.5)
    assert m == pytest.approx(math.tanh(m / 0.5), abs=1e-12)
    assert ags_overlap(0.0, 1.0) == ags_overlap(0.01, 1.5) == ags_capacity(1.0) == 0
    assert ags_overlap(0.1, 1e-4) == pytest.approx(ags_overlap(0.1), abs=1e-5)
    assert ags_overlap(np.full((2, 3), 0.05), 0.3).shape == (2, 3)


def test_the_global_line_is_where_free_energies_meet():
    """Of the retrieval state and the spin glass, with the integrals by quadrature."""
    load = 0.02
    T = float(ags_temperature(load, "global"))

    def fluctuation(m, r):
        return average(lambda z: math.tanh((m + math.sqrt(load * r) * z) / T) ** 2)

    def free_energy(m):
        def excess(r):  # of √r (1 − K) over √q, from the r on at which K = 1
            q = fluctuation(m, r)
            return math.sqrt(r) * (1 - (1 - q) / T) - math.sqrt(q)

        r = brentq(excess, 1e-3, 1e4, xtol=1e-10)
        q, X = fluctuation(m, r), lambda z: (m + math.sqrt(load * r) * z) / T
        K = (1 - q) / T
        glass = load * T / 2 * (math.log(1 - K) - q / (T * (1 - K))) + load * r * (1 - q) / (2 * T)
        cosh = average(lambda z: np.logaddexp(X(z), -X(z)))
        return load / 2 + m**2 / 2 + glass - T * cosh

    assert free_energy(float(ags_overlap(load, T))) == pytest.approx(free_energy(0.0), abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ags_overlap(0.1, -1), "temperature must lie in"),
        (lambda: ags_capacity(math.nan), "temperature must lie in"),
        (lambda: ags_temperature(-0.1), "load must be finite and at least 0"),
        (lambda: ags_temperature(0.1, "spin glass"), "line must be one of 'retrieval'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
