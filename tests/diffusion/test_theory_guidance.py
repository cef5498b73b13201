"""Guided Gaussian classes, infinitely many: tables, ODEs integrated again, limits."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from diffusion.guidance import (
    Clamped,
    Constant,
    Interval,
    LinearWindow,
    Progressive,
    Window,
    variance_preserving,
)
from diffusion.theory import class_condensation, guided_moments, mean_weight, window_switch

R, WITHIN = 0.2, 0.25
TABLE = {  # (r, w): a flow, R flow, a SDE, R SDE
    (0.2, -1): (0, 5, 0, 5),
    (0.5, -1): (0, 2, 0, 2),
    (0.8, -1): (0, 1.25, 0, 1.25),
    (0.2, -0.5): (0.630169, 2.236068, 0.690983, 2.011797),
    (0.5, -0.5): (0.557435, 1.414214, 0.585786, 1.386294),
    (0.8, -0.5): (0.518584, 1.118034, 0.527864, 1.115718),
    (0.2, 0): (1, 1, 1, 1),
    (0.8, 0): (1, 1, 1, 1),
    (0.2, 1): (1.322807, 0.2, 1.2, 0.413333),
    (0.5, 1): (1.623225, 0.5, 1.5, 0.583333),
    (0.8, 1): (1.860818, 0.8, 1.8, 0.813333),
    (0.2, 3): (1.396842, 0.008, 1.248, 0.178569),
    (0.5, 3): (2.217419, 0.125, 1.875, 0.283482),
    (0.8, 3): (3.232981, 0.512, 2.952, 0.564489),
    (0.2, 7): (1.314816, 1.28e-5, 1.249997, 0.083333),
    (0.5, 7): (2.391767, 0.0078125, 1.992188, 0.133329),
    (0.8, 7): (4.950783, 0.209715, 4.161139, 0.321605),
}
P = {"start": 1e3**0.5, "width": WITHIN**0.5}
SCHEDULES = {
    "constant": Constant(3.0),
    "interval": Interval(7.0, 0.28, 5.42),
    "linear": Progressive("power", 3.0, **P),
    "square": Progressive("power", 3.0, exponent=2.0, **P),
    "inverse-linear": Progressive("inverse-linear", 3.0, **P),
    "cosine": Progressive("cosine", 3.0, **P),
    "sine": Progressive("sine", 3.0, **P),
    "lambda": Progressive("lambda", 3.0, **P),
    "v": Progressive("v", 3.0, **P),
    "powered-cosine": Progressive("powered-cosine", 3.0, exponent=2.0, **P),
    "clamp": Clamped(Progressive("power", 3.0, **P), 1.0),
    "window": Window(3.0, 1.33, low=0.5),
    "linear window": LinearWindow(-0.5, 1.0, largest=4.0),
    "own": lambda sigma: 3.0 if 0.7 < sigma < 1.9 else math.exp(-sigma),
}


def integrated(schedule, method, T, within=WITHIN, between=1.0):
    """The equations of motion in time, from mean 0 at σ² = T: nothing shared with the library."""
    sde = method == "sde"
    kappa = 1.0 if sde else 0.5
    cuts = np.array([0.28, 0.5, 0.7, 1.33, 1.9, 5.42, 4.5**0.5])
    stops = sorted({-T, 0.0, *(-(cuts[cuts**2 < T] ** 2))})

    def slope(y, state):  # y = −log v
        v = math.exp(-y)
        w = schedule(math.sqrt(max(v - within, 0)))
        a, V = state
        pull = (1 + w) / v - w / (v + between)
        da = kappa * (-(1 + w) * (a - 1) / v + w * a / (v + between))
        return [da * v, (-2 * kappa * pull * V + sde) * v]

    state = [0.0, T + within + between]
    for low, high in pairwise(stops):
        span = (-math.log(within - low), -math.log(within - high))
        inside = (span[0] + 1e-12, span[1] - 1e-12)  # w as it is between its jumps
        state = solve_ivp(slope, inside, state, rtol=1e-9, atol=1e-13).y[:, -1]
    return state[0], state[1] / within


@pytest.mark.parametrize(("r", "w"), TABLE)
def test_constant_guidance_has_its_published_moments(r, w):
    found = [*guided_moments(r, w, "flow"), *guided_moments(r, w, "sde")]
    assert found == pytest.approx(TABLE[r, w], abs=1e-5, rel=3e-6)  # their last digit


def test_the_flow_is_its_integral():
    """a = (1 + w)/2 r^{(1+w)/2} (1 − r)^{−½} ∫ y^{−(3+w)/2} (1 − y)^{−½} dy from r to 1."""
    for r, w in ((0.2, 0.7), (0.6, 4.0), (0.9, 2.0)):
        inner = quad(lambda q, w=w: 2 * (1 - q * q) ** (-(3 + w) / 2), 0, math.sqrt(1 - r))[0]
        a = (1 + w) / 2 * r ** ((1 + w) / 2) * (1 - r) ** -0.5 * inner
        assert guided_moments(r, w)[0] == pytest.approx(a, rel=1e-8)


@pytest.mark.parametrize("method", ["flow", "sde"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_any_schedule_obeys_the_equations_of_motion(name, method):
    T = 1e3
    expected = integrated(SCHEDULES[name], method, T)
    found = guided_moments(R, SCHEDULES[name], method, start=T**0.5)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "linear window"])
def test_the_variance_of_the_flow_depends_on_the_mean_weight_alone(name):
    """R = r^w̄, w̄ by quadrature over log u on a grid of its own."""
    schedule = SCHEDULES[name]
    log_u = (np.arange(60_000) + 0.5) / 60_000 * math.log(R)
    u = np.exp(log_u)
    sigma = np.sqrt(np.maximum(u / (1 - u) - WITHIN, 0))
    mean = np.mean([schedule(float(one)) for one in sigma])
    assert float(guided_moments(R, schedule)[1]) == pytest.approx(R**mean, abs=1e-4, rel=1e-4)
    assert mean_weight(R, schedule) == pytest.approx(mean, abs=1.5e-4)  # a jump of 7


@pytest.mark.parametrize(
    ("name", "flow", "sde"),
    [
        ("constant", (1.393, 0.008), (1.248, 0.1786)),
        ("interval", (1.364, 7e-5), (1.250, 0.306)),
        ("linear", (1.326, 3.6e-4), (1.250, 0.0972)),
        ("inverse-linear", (1.566, 0.1813), (1.205, 0.676)),
        ("cosine", (1.323, 1.9e-4), (1.250, 0.0962)),
        ("sine", (1.599, 0.341), (1.165, 0.855)),
        ("lambda", (1.586, 0.0388), (1.240, 0.551)),
        ("v", (1.321, 0.0017), (1.250, 0.0984)),
        ("clamp", (1.327, 3.5e-4), (1.250, 0.0972)),
    ],
)
def test_published_schedules_have_their_moments(name, flow, sde):
    """At T = 10³, but from mean μ, the rest of which adds to the overlap."""
    for method, expected in (("flow", flow), ("sde", sde)):
        a, ratio = guided_moments(R, SCHEDULES[name], method, start=1e3**0.5)
        left = (WITHIN / 1e3 * R ** mean_weight(R, SCHEDULES[name])) ** (
            0.5 + 0.5 * (method == "sde")
        )
        assert float(a) + left == pytest.approx(expected[0], abs=7e-4)  # their last digit
        assert float(ratio) == pytest.approx(expected[1], rel=0.025)


@pytest.mark.parametrize("name", SCHEDULES)
def test_guidance_that_is_never_negative_shrinks_and_overshoots(name):
    schedule = Clamped(SCHEDULES[name], 0.0)
    for method in ("flow", "sde"):
        a, ratio = guided_moments(R, schedule, method)
        assert a >= 1
        assert ratio < 1


@pytest.mark.parametrize("method", ["flow", "sde"])
@pytest.mark.parametrize("w", [0.5, 1, 3])
def test_the_start_is_forgotten_as_it_should(method, w):
    """From mean 0 at T the overlap lacks (1 + w) r^{w/2} √(g²/T), or (1 + w) r^w g²/T."""
    T = 1e4
    limit, short = (guided_moments(R, w, method, start=s)[0] for s in (math.inf, T**0.5))
    flow = (1 + w) * R ** (w / 2) * (WITHIN / T) ** 0.5
    expected = flow if method == "flow" else (1 + w) * R**w * WITHIN / T
    assert limit - short == pytest.approx(expected, rel=0.02)


def test_directions_with_their_own_ratio():
    """Commuting covariances, w = 2; a class wider than the whole spreads further."""
    class_, whole = np.array([0.1, 0.5, 1.0]), np.array([1.0, 1.0, 1.2])
    a, ratio = guided_moments(class_ / whole, 2.0)
    for k in range(3):
        expected = integrated(Constant(2.0), "flow", 1e12, class_[k], whole[k] - class_[k])
        assert (a[k], ratio[k]) == pytest.approx(expected, rel=1e-5, abs=2e-6)
    for method in ("flow", "sde"):
        wider = guided_moments(1.25, 2.0, method)  # 1 against 0.8
        assert wider == pytest.approx(integrated(Constant(2.0), method, 1e12, 1.0, -0.2), rel=1e-5)
        assert wider[1] > 1
        assert guided_moments(1.25, lambda s: 2.0, method, between=0.2) == pytest.approx(
            wider, rel=1e-9
        )
        assert guided_moments(1.0, 2.0, method) == pytest.approx((3, 1))


@pytest.mark.parametrize(
    ("method", "w", "inside", "switch", "a"),
    [
        ("flow", 1, -1, 0.5590, 1.3104),
        ("flow", 3, -1, 1.7688, 1.7808),
        ("flow", 7, -1, 4.2374, 2.4679),
        ("flow", 3, -0.25, 7.338, 1.4495),
        ("flow", 3, -0.5, 3.619, 1.5971),
        ("flow", 1, -0.25, 2.384, 1.2149),
        ("flow", 1, -0.5, 1.159, 1.2639),
        ("sde", 1, -1, 0.1224, 1.1580),
        ("sde", 3, -1, 0.2099, 1.2377),
        ("sde", 7, -1, 0.2594, 1.2498),
    ],
)
def test_a_last_negative_step_restores_the_variance(method, w, inside, switch, a):
    sigma = window_switch(R, w, inside, method)
    assert sigma**2 == pytest.approx(switch, abs=6e-4)
    found = guided_moments(R, Window(w, sigma, inside), method)
    assert found == pytest.approx((a, 1.0), abs=1e-4)
    if inside == -1 and method == "flow":  # closed forms of the overlap
        u = R ** (1 / (w + 1))
        closed = guided_moments(u, w)[0] * math.sqrt(1.25 / (1.25 + sigma**2))
        assert found[0] == pytest.approx(float(closed), abs=1e-6)


def test_the_variance_preserving_schedule_is_exact_under_the_sde():
    for r in (0.2, 0.5, 0.8):
        within = r / (1 - r)
        a, ratio = guided_moments(r, variance_preserving(within), "sde")
        assert ratio == pytest.approx(1, abs=1e-6)
        assert a == pytest.approx(1 / (1 - r), abs=1e-5)
    for w0, omega in ((-1, 5.288), (-0.75, 3.505), (-0.5, 2.0), (-0.25, 0.810)):
        assert guided_moments(R, LinearWindow(w0, omega), "sde")[1] == pytest.approx(1, abs=6e-4)
    for w0, omega, a, ratio in (
        (-0.5, 1, 1.249, 1.2418),
        (-1, 1, 1.2477, 2.3156),
        (0, 1, 1.2495, 0.7582),
        (-0.25, 0.81, 1.2477, 1.0),
    ):  # from T = 10³: their overlaps go to 1/(1 − r) only like T^{−ω s²}
        found = guided_moments(R, LinearWindow(w0, omega), "sde", start=1e3**0.5)
        assert found == pytest.approx((a, ratio), abs=1e-4)
        assert guided_moments(R, LinearWindow(w0, omega), "sde")[0] == pytest.approx(1.25, abs=1e-6)
    a, ratio = guided_moments(0.5, variance_preserving(1.0), "sde", start=1e2)
    assert a == pytest.approx(1.972, abs=1e-3)
    assert ratio == pytest.approx(1, abs=1e-3)


def test_under_the_flow_an_unbounded_window_narrows_with_the_start():
    """R ~ T^{−ω s²}: two decades of T at ω = 1 are two decades of R."""
    schedule = LinearWindow(-0.5, 1.0)
    early, late = (guided_moments(R, schedule, start=s)[1] for s in (1e3, 1e4))
    assert math.log10(early / late) == pytest.approx(2, abs=1e-3)


def test_condensation_of_classes():
    found = class_condensation([0.005, 0.1, 0.4, 0.6, 0.8], 0.25, 1.0)
    assert found == pytest.approx([99.25, 4.267, 0.566, 0.181, 0.003], rel=1e-3, abs=5e-4)
    edge = math.log(5) / 2
    assert class_condensation(edge, 0.25, 1.0) == pytest.approx(0, abs=1e-12)
    assert class_condensation(edge + 0.1, 0.25, 1.0) == 0  # classes overlap: none holds it


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: guided_moments(0.0, 1.0), "ratio must be positive and finite, got 0"),
        (lambda: guided_moments(0.2, math.nan), "w must be finite, got NaN"),
        (lambda: guided_moments(0.2, 1.0, "ode"), "method must be one of 'flow', 'sde', got 'ode'"),
        (lambda: guided_moments(0.2, lambda s: math.nan), "w must be a finite number at every"),
        (lambda: guided_moments(0.2, lambda s: "x"), "w must be a finite number at every"),
        (lambda: guided_moments(1.0, lambda s: 1.0), "ratio must differ from 1"),
        (lambda: guided_moments(0.2, 1.0, start=-1.0), "start must lie in"),
        (lambda: guided_moments(0.2, Constant(1.0), between=0.0), "between must be positive"),
        (lambda: window_switch(0.2, 3.0, -1.5), r"inside lie in \[−1, 0\)"),
        (lambda: window_switch(1.2, 3.0), r"ratio must lie in \(0, 1\)"),
        (lambda: class_condensation(-0.1, 1.0, 1.0), "alpha must be positive"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
