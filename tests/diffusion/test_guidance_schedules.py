"""Schedules of the guidance: their shapes, their bounds, what they refuse."""

import math

import numpy as np
import pytest

from diffusion.guidance import (
    SHAPES,
    Clamped,
    Constant,
    Interval,
    LinearWindow,
    Progressive,
    Window,
    as_schedule,
    cfg_plus_plus,
    variance_preserving,
    weight_at,
)

P = {"start": 50.0, "width": 0.5}


def by_progress(schedule, points=20_001):
    """w at midpoints of the progress, from noise to data."""
    p = (np.arange(points) + 0.5) / points
    v = 0.25 * np.exp((1 - p) * math.log1p(100.0**2))
    return p, np.array([schedule(float(s)) for s in np.sqrt(v - 0.25)])


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_have_their_mean(shape):
    for exponent in (0.5, 1.0, 3.0):
        _, w = by_progress(Progressive(shape, 3.0, exponent=exponent, **P))
        assert (w >= 0).all()
        if shape == "powered-cosine":
            assert w.max() == pytest.approx(3, abs=1e-6)
            continue
        assert w.mean() == pytest.approx(3, abs=0.02)  # midpoints of a root


def test_shapes_rise_and_fall_as_they_are_named():
    p, linear = by_progress(Progressive("power", 3.0, **P))
    assert linear == pytest.approx(6 * p)
    assert by_progress(Progressive("inverse-linear", 3.0, **P))[1] == pytest.approx(6 * (1 - p))
    assert by_progress(Progressive("cosine", 3.0, **P))[1] == pytest.approx(
        3 - 3 * np.cos(math.pi * p)
    )
    assert by_progress(Progressive("sine", 3.0, **P))[1] == pytest.approx(
        3 + 3 * np.cos(math.pi * p)
    )
    assert by_progress(Progressive("v", 3.0, **P))[1] == pytest.approx(6 * abs(1 - 2 * p))
    assert by_progress(Progressive("lambda", 3.0, **P))[1] == pytest.approx(6 - 6 * abs(1 - 2 * p))
    clamped = Clamped(Progressive("power", 3.0, **P), 1.0)
    assert by_progress(clamped)[1] == pytest.approx(np.maximum(1, 6 * p))
    assert Progressive("power", 3.0, **P)(1e9) == 0  # above its start nothing has begun


def test_windows_and_intervals_open_below_and_close_above():
    window = Window(3.0, high=2.0, inside=-0.5, low=1.0)
    assert [window(s) for s in (0.5, 1.0, 1.0001, 2.0, 2.0001)] == [3, 3, -0.5, -0.5, 3]
    interval = Interval(3.0, 1.0, 2.0)
    assert [interval(s) for s in (0.5, 1.0, 1.0001, 2.0, 2.0001)] == [0, 0, 3, 3, 0]
    assert window.breaks == interval.breaks == (1.0, 2.0)
    bounded = LinearWindow(-1.0, 2.0, largest=3.0)
    assert [bounded(s) for s in (0.0, 1.0, 2.0)] == [-1, 1, 3]
    assert bounded.breaks == (2**0.5,)
    assert variance_preserving(0.5)(1.0) == 0.5


def test_anything_callable_is_a_schedule():
    assert as_schedule(2)(0.1) == 2
    assert weight_at(as_schedule(lambda sigma: np.float32(sigma)), 0.5) == 0.5
    assert Clamped(lambda sigma: -sigma, -2.0)(5.0) == -2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Window(3.0, 1.0, inside=-1.5), "inside must be at least −1.*got -1.5"),
        (lambda: Window(3.0, 1.0, low=1.0), "low and high must be noise levels 0 ≤ low < high"),
        (lambda: Window(math.inf, 1.0), "w must be a finite number"),
        (lambda: Interval(3.0, -1.0, 1.0), "low and high must be noise levels"),
        (lambda: LinearWindow(-1.01, 1.0), "w0 must be at least −1"),
        (lambda: LinearWindow(-0.5, 0.0), "omega must be positive and finite, got 0"),
        (lambda: LinearWindow(0.5, 1.0, largest=0.5), "largest must be above w0 = 0.5, got 0.5"),
        (lambda: variance_preserving(-1.0), "within must be positive and finite, got -1"),
        (lambda: Progressive("steps", 3.0, **P), "shape must be one of 'power', 'inverse-linear'"),
        (lambda: Progressive("v", 3.0, start=0.0, width=1.0), "start must be positive and finite"),
        (lambda: Progressive("v", math.nan, **P), "w must be a finite number"),
        (lambda: Clamped(Constant(1.0), math.nan), "least must be a finite number"),
        (lambda: weight_at(lambda s: math.inf, 1.0), "w must be a finite number at every noise"),
        (lambda: Clamped(lambda s: math.nan, 1.0)(2.0), "w must be a finite number at every noise"),
        (lambda: cfg_plus_plus([1.0, 0.5], 0.6)(0.7), "sigma must be one of the 1 levels, got 0.7"),
        (lambda: cfg_plus_plus([1.0, 0.5], -0.1), r"strength must lie in \[0, inf\), got -0.1"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
