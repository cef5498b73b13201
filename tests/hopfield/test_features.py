"""Random-features patterns, and daydreaming with the spectral norm, which learns them."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import torch
from measured import agree

from hopfield import (
    HopfieldNetwork,
    daydream,
    hebbian,
    overlap,
    random_features_patterns,
    random_patterns,
)

XI = random_patterns(9, 30, seed=0)


# ── patterns ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("D", "L"), [(1, 1), (12, 3), (21, 21)])
def test_patterns_are_signs_of_their_mixtures(D, L):
    made = random_features_patterns(40, 50, D, L, seed=1)
    f, c = made.features.numpy(), made.coefficients.numpy()
    assert f.shape == (D, 50)
    assert (np.abs(c).sum(1) == L).all()
    assert set(np.unique(c)) <= {-1.0, 0.0, 1.0}
    sums = sum(c[:, k, None] * f[k] for k in range(D))
    assert (np.abs(sums) >= 1).all()  # no tie
    assert np.array_equal(np.sign(sums), made.patterns.numpy())
    again = random_features_patterns(40, 50, D, L, seed=1)
    assert torch.equal(made.patterns, again.patterns)


@pytest.mark.parametrize("L", [1, 3, 5, 21])
def test_the_overlap_with_a_feature(L):
    made = random_features_patterns(200, 2000, 24, L, seed=0)
    own = overlap(made.patterns[:, None], made.features) * made.coefficients
    mean = float(own.sum() / (200 * L))
    exact = comb(L - 1, (L - 1) // 2) / 2 ** (L - 1)
    assert mean == pytest.approx(exact, abs=0.02)
    others = (overlap(made.patterns[:, None], made.features))[made.coefficients == 0]
    assert abs(float(others.mean())) < 0.01 if len(others) else True


def test_unseen_patterns_have_the_same_features():
    seen = random_features_patterns(5, 60, 12, 3, seed=0)
    unseen = random_features_patterns(7, 60, seen.features, 3, seed=0)
    assert torch.equal(seen.features, unseen.features)
    assert unseen.features.data_ptr() == seen.features.data_ptr()  # nothing is copied
    assert len({tuple(row.tolist()) for row in torch.cat([seen.patterns, unseen.patterns])}) > 8
    assert random_features_patterns(2, 4, 3, 1, dtype=torch.float32).patterns.dtype is torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mix": 2}, "mix must be odd, so that no sum is zero, and at most the 12 features, got 2"),
        ({"mix": 13}, "mix must be odd, .* at most the 12 features, got 13"),
        ({"mix": 0}, "mix must be a whole number of at least 1"),
        ({"features": 0}, "features must be a whole number of at least 1"),
        ({"features": torch.ones(3, 5)}, r"features must have shape \(rows, 20\)"),
        ({"features": torch.zeros(3, 20)}, "features must have entries ±1"),
        ({"features": "many"}, "features must be a whole number"),
        ({"P": 0}, "P must be a whole number"),
        ({"N": 0}, "N must be a whole number"),
    ],
)
def test_patterns_name_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        random_features_patterns(**{"P": 3, "N": 20, "features": 12, "mix": 3} | change)


# ── daydreaming with the spectral norm ────────────────────────────────────────────────────


def test_the_largest_eigenvalue_is_one_after_each_epoch():
    result = daydream(
        *(XI,),
        steps=150,
        normalize="spectral",
        epoch=50,
        seed=0,
        checkpoints=[0, 20, 50, 70, 100],
        spectrum=True,
    )
    largest = result.history.spectrum.abs().amax(1)
    assert result.history.steps.tolist() == [0, 20, 50, 70, 100, 150]
    torch.testing.assert_close(largest[[2, 4, 5]], torch.ones(3).double(), rtol=0, atol=1e-6)
    assert abs(float(largest[1]) - 1) > 0.01
    assert torch.equal(result.couplings, result.couplings.T)


def test_the_norm_ratio_counts_the_divisions():
    """Over the one dream before an epoch ends, ‖J‖ jumps and its ratio hardly moves."""
    marks = (29, 30, 59, 60, 89, 90)
    history = daydream(XI, steps=90, normalize="spectral", seed=0, checkpoints=marks).history
    ratio, norm = history.norm_ratio, history.norm
    assert (ratio[1::2] / ratio[::2] - 1).abs().max() < 0.01  # ε = 0.01 of a norm of order 1
    assert abs(float(norm[1] / norm[0]) - 1) > 0.2
    plain = daydream(XI, steps=29, seed=0, checkpoints=[]).history
    assert float(plain.norm_ratio[-1]) == float(ratio[0])  # no epoch has ended


def test_the_norm_ratio_is_exact_where_nothing_is_learned():
    """Steps of 1e-12 leave the couplings, so that what was divided is all there is."""
    history = daydream(XI, steps=60, rate=1e-12, normalize="spectral", seed=0).history
    torch.testing.assert_close(
        history.norm_ratio, torch.ones_like(history.norm_ratio), rtol=1e-9, atol=0
    )
    assert float(history.norm[-1]) != pytest.approx(float(history.norm[0]))


def test_checkpoints_do_not_change_an_epoch():
    runs = [
        daydream(XI, steps=100, normalize="spectral", epoch=15, seed=0, checkpoints=marks).couplings
        for marks in ([], [7, 15, 16, 44], range(100))
    ]
    assert torch.equal(runs[0], runs[1])
    assert torch.equal(runs[0], runs[2])
    assert not torch.equal(runs[0], daydream(XI, steps=100, seed=0).couplings)


def test_daydream_names_what_is_wrong():
    for change, message in (
        ({"normalize": "rows"}, "normalize must be one of 'spectral', got 'rows'"),
        ({"normalize": True}, "normalize must be one of 'spectral', got True"),
        ({"epoch": 5}, "epoch must be None without normalize, got 5"),
        ({"normalize": "spectral", "epoch": 0}, "epoch must be a whole number of at least 1"),
        (
            {"normalize": "spectral", "couplings": torch.ones(30, 30).triu()},
            "couplings must be symmetric",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            daydream(XI, steps=10, **change)
    with pytest.raises(ValueError, match="couplings must not become zero with normalize"):
        daydream(torch.ones(1, 1), steps=10, normalize="spectral")


# ── what is learned ───────────────────────────────────────────────────────────────────────


def returned(couplings, states, seed):
    """Fraction of states that end at an overlap of 0.95 with themselves, and the mean overlap."""
    ends = HopfieldNetwork(couplings).relax(states, seed=seed).states
    m = overlap(ends, states)
    return float((m >= 0.95).double().mean()), float(m.mean())


# N = 200, D = 12, L = 3, 60 epochs of N dreams, ε = 0.01, 4 samples; by P: stored patterns and
# features that return, mean overlap of unseen patterns, of daydreaming with the spectral norm.
@pytest.mark.parametrize(("P", "stored", "feature", "unseen"), [(60, 1.0, 0.94, 0.61)])
def test_daydreaming_learns_features(P, stored, feature, unseen):
    found, plain = [], []
    for seed in range(4):
        made = random_features_patterns(P, 200, 12, 3, seed=seed)
        new = random_features_patterns(100, 200, made.features, 3, seed=50 + seed).patterns
        J = daydream(
            made.patterns, steps=12_000, normalize="spectral", seed=seed, checkpoints=[]
        ).couplings
        assert float(torch.linalg.matrix_norm(J, 2)) == pytest.approx(1, abs=1e-6)
        states = (made.patterns, made.features, new)
        found.append([returned(J, one, seed) for one in states])
        plain.append(returned(hebbian(made.patterns), made.patterns, seed)[0])
    rates, means = np.moveaxis(np.array(found), 2, 0)
    assert rates[:, 0].mean() > 0.98
    assert rates[:, 1].mean() > 0.85
    assert np.mean(plain) < 0.5
    assert rates[:, 0].mean() == pytest.approx(stored, abs=0.02)
    assert rates[:, 1].mean() == pytest.approx(feature, abs=0.08)  # 4 s.e. of 0.02
    agree(means[:, 2], (unseen, 0.005))
