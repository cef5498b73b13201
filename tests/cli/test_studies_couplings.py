"""The studies of paths in the space of couplings and of hidden features, small, as a user runs."""

import numpy as np
from terminal import measured, rows, run, summary


def agree(name, value, error, **where):
    """A measured mean is within 4 errors of a reference."""
    mean, sem = measured(quantity=name, **where)
    assert abs(mean - value) < 4 * np.hypot(error, sem) + 5e-4, (name, where, mean, sem)


def test_dreams_and_the_perceptron_go_the_same_way_and_the_dreams_go_on():
    """N = 100, α = 0.4; references over 8 pattern sets with 3 paths of dreams."""
    text = run("coupling_paths", "--samples 4 --sizes 50 --trials 80 --jobs 1 --out run")
    found = summary()
    assert found["paths"]["least_cosine"] > 0.97  # 0.9855 at D = 0.1, where both still are
    end = {"path": "perceptron", "progress": 1.0}
    for name, value, error in (
        ("norm_ratio", 1.06, 0.006),
        ("cosine", 0.952, 0.003),
        ("cosine_to_goal", 0.925, 0.003),
    ):
        agree(name, value, error, **end)
    near = {"path": "dreams", "D": "0.2"}
    agree("norm_ratio", 0.505, 0.0012, **near)
    agree("cosine", 0.919, 0.0017, **near)
    agree("out_of_plane", 0.219, 0.003, **near)
    agree("between_seeds", 0.9966, 0.0003, D="0.2")
    shares = [float(row["value"]) for row in rows(quantity="explained")]
    assert len(shares) == 3
    assert shares == sorted(shares, reverse=True)
    # Mean, standard deviation and skewness of the stabilities, and shares of final overlaps.
    for rule, mean, std in (
        ("D_in", 1.409, 0.391),
        ("D_opt", 1.277, 0.262),
        ("max-margin", 1.300, 0.226),
        ("hebb", 1.569, 0.957),
    ):
        agree("stability_mean", mean, 0.007, kind="rule", rule=rule)
        agree("stability_std", std, 0.007, kind="rule", rule=rule)
    for rule, share in (("D_opt", 0.052), ("pseudo-inverse", 0.036), ("max-margin", 0.076)):
        agree("recovered", share, 0.01, kind="rule", rule=rule)
    assert measured(kind="rule", rule="max-margin", quantity="stability_skewness")[0] > 2
    # The margin asked for is met: 0.85 of the largest.
    ratio, _ = measured(kind="rule", rule="perceptron", quantity="stability_ratio")
    assert 0.85 <= ratio < 0.9
    for name in ("stability", "final"):
        for rule in ("hebb", "perceptron"):
            density = rows(kind="rule", rule=rule, quantity=f"{name}_density")
            assert abs(sum(float(row["value"]) for row in density) * 0.1 - 1) < 1e-9
    for rule, value in (("pseudo-inverse", 0.513), ("max-margin", 0.491), ("D_opt", 0.505)):
        one = found["midpoints"][f"{rule} N=100"]
        assert abs(one["mean"] - value) < 4 * np.hypot(one["sem"], 0.004), rule
    trend = found["size_dependence"]["pseudo-inverse"]
    assert not trend["decided"]  # of two sizes
    assert trend["span"] == 2
    assert "not decided" in text


def test_features_are_learnt_between_storage_and_generalization():
    words = "--loads 4,60 --samples 3 --trials 60 --jobs 1 --out run"
    text = run("hidden_manifold", words)
    found = summary()
    assert found["loads"] == [4, 60]
    assert found["phases"]["daydream-spectral"] == ["storage", "learning"]
    assert found["phases"]["hebb"][1].startswith("glass")
    at = {"rule": "daydream-spectral", "patterns": 60}
    assert measured(**at, probe="stored", quantity="success")[0] > 0.98
    assert measured(**at, probe="feature", quantity="success")[0] > 0.85
    agree("overlap", 0.61, 0.005, **at, probe="unseen")
    assert abs(measured(**at, quantity="largest")[0] - 1) < 1e-6
    # Hebb's largest eigenvalue grows with P: 1.6 and 7.9.
    assert 7 < measured(rule="hebb", patterns=60, quantity="largest")[0] < 8.8
    assert "learning" in text
