import numpy as np
import pytest
from measured import agree

from hopfield.theory import isolated_patterns, random_feature_variance


def test_variance_of_features_that_are_drawn():
    """Against the sample variance of 400 000 single features."""
    rng = np.random.default_rng(0)
    xi, x, beta = rng.normal(size=(7, 3)), rng.normal(size=(4, 3)), 0.8
    w = np.sqrt(beta) * rng.normal(size=(400_000, 3))
    for one, expected in zip(x, random_feature_variance(x, xi, beta, 1), strict=True):
        terms = np.cos(w @ (one - xi).T).sum(1)
        spread = np.square(terms - terms.mean())
        assert abs(spread.mean() - expected) < 4 * spread.std() / 400_000**0.5


def test_variance_of_one_pattern_at_itself_is_zero():
    xi = np.array([[0.3, -2.0]])
    assert random_feature_variance(xi, xi, 1.0, 1) == pytest.approx([0.0], abs=1e-15)


def test_blocks_do_not_change_the_variance(monkeypatch):
    rng = np.random.default_rng(1)
    xi, x = rng.normal(size=(30, 4)), rng.normal(size=(3, 4))
    whole = random_feature_variance(x, xi, 0.5, 10)
    monkeypatch.setattr("hopfield.theory.kernels._BLOCK", 70)
    assert random_feature_variance(x, xi, 0.5, 10) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(("P", "radius"), [(2, 0.3), (5, 0.7), (30, 1 / 60), (30, 0.0), (3, 1.2)])
def test_isolated_points_of_the_line(P, radius):
    points = np.sort(np.random.default_rng(0).random((4000, P)), axis=1)
    apart = np.diff(points, axis=1, prepend=-9, append=9) >= radius
    kept = (apart[:, :-1] & apart[:, 1:]).sum(1)
    agree(kept, (isolated_patterns(P, radius), 0.0), rounding=1e-9)


def test_isolated_patterns_fall_as_a_poisson_process():
    a = np.array([0.1, 0.5, 2.0])
    found = isolated_patterns(10**7, a / 10**7)
    assert found / 10**7 == pytest.approx(np.exp(-2 * a), rel=1e-5)
