"""Spectral rules, unlearning of eigenvectors, and the spectrum along the dreams."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from measured import agree

from hopfield import (
    clipped_spectrum,
    dreaming_kernel,
    hebbian,
    pseudo_inverse,
    random_patterns,
    spectral_groups,
    spectral_rule,
    stabilities,
    symmetric_perceptron,
    train_with_noise,
    unlearn,
    unlearn_top,
)

XI = random_patterns(12, 40, seed=0)


def same(one, other):
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def cosine(one, other):
    return float((one * other).sum() / one.norm() / other.norm())


# ── the family ────────────────────────────────────────────────────────────────────────────


def test_known_rules_are_spectral_rules():
    same(spectral_rule(XI, lambda x: x), hebbian(XI))
    same(spectral_rule(XI, torch.ones_like), pseudo_inverse(XI))
    same(spectral_rule(XI, lambda x: 4.5 * x / (1 + 3.5 * x)), dreaming_kernel(XI, 3.5))


def test_a_spectral_rule_is_its_definition():
    """(1/N) Ξᵀ V f(Λ)/Λ Vᵀ Ξ, from the eigenvectors of C = ΞΞᵀ/N."""
    values, V = np.linalg.eigh((XI @ XI.T).numpy() / 40)
    inner = V @ np.diag(np.sqrt(values) / values) @ V.T
    J = XI.numpy().T @ inner @ XI.numpy() / 40
    np.fill_diagonal(J, 0)
    same(spectral_rule(XI, torch.sqrt), torch.from_numpy(J))


def test_a_low_clip_is_the_pseudo_inverse():
    least = float(torch.linalg.eigvalsh(XI @ XI.T / 40)[0])
    same(clipped_spectrum(XI, 0.9 * least), 0.9 * least * pseudo_inverse(XI))
    same(clipped_spectrum(XI, 40.0), hebbian(XI))


def test_a_clip_lowers_the_largest_eigenvalues_alone():
    """With the diagonal put back, the spectrum is min(λ, w) and zeros."""
    values = torch.linalg.eigvalsh(XI @ XI.T / 40)
    J = clipped_spectrum(XI, 0.5)
    spectrum, vectors = torch.linalg.eigh(XI.T @ XI / 40)
    kept = (vectors * spectrum.clamp(max=0.5).clamp(min=0)) @ vectors.T
    same(J, kept - torch.diag(kept.diagonal()))
    assert float(kept.trace()) == pytest.approx(float(values.clamp(max=0.5).sum()))


def test_dependent_patterns_add_nothing():
    twice = torch.cat([XI, -XI[:3]])
    same(spectral_rule(twice, torch.ones_like), pseudo_inverse(XI))
    assert torch.isfinite(clipped_spectrum(twice, 0.3)).all()


def test_spectral_rules_follow_their_input():
    single = clipped_spectrum(XI.float(), 0.5)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), clipped_spectrum(XI, 0.5), rtol=0, atol=1e-5)


# ── groups of eigenvalues ─────────────────────────────────────────────────────────────────


def test_groups_of_hebbs_couplings():
    groups = spectral_groups(hebbian(XI), XI)
    lower = groups.spectrum[:28]
    same(lower, torch.full_like(lower, -0.3))  # −α
    assert groups.share_in_span == pytest.approx(1, abs=1e-12)
    values = torch.linalg.eigvalsh(XI @ XI.T / 40) - 0.3
    assert groups.largest == pytest.approx(float(values[-1]))
    assert groups.upper_edge == pytest.approx(float(values[0]))
    spread = float(values.std(correction=0) / values.mean())
    assert groups.relative_spread == pytest.approx(spread)
    assert groups.gap == pytest.approx(groups.upper_edge + 0.3)


def test_groups_tell_the_span_from_a_part_of_it():
    other = torch.cat([XI[:6], random_patterns(6, 40, seed=9)])
    inner = [np.linalg.qr(one.numpy().T)[0] for one in (XI, other)]
    expected = float(((inner[0].T @ inner[1]) ** 2).sum()) / 12
    assert 0.5 < expected < 0.9
    assert spectral_groups(hebbian(XI), other).share_in_span == pytest.approx(expected)


def test_the_trace_is_zero_all_along_the_dreams():
    history = unlearn(
        hebbian(XI), 1200, seed=0, spectrum=True, checkpoints=range(0, 1200, 100)
    ).history
    assert history.spectrum.shape == (13, 40)
    assert history.spectrum.sum(1).abs().max() < 1e-12
    lower, upper = history.spectrum[:, :28].mean(1), history.spectrum[:, 28:].mean(1)
    same(0.7 * lower + 0.3 * upper, torch.zeros(13).double())
    assert (history.spectrum.diff(dim=1) >= 0).all()


def test_the_spectrum_is_recorded_of_symmetric_couplings_alone():
    plain = unlearn(hebbian(XI), 10, seed=0)
    asked = unlearn(hebbian(XI), 10, seed=0, spectrum=True)
    assert plain.history.spectrum is None
    assert torch.equal(plain.couplings, asked.couplings)
    same(asked.history.spectrum[-1], torch.linalg.eigvalsh(asked.couplings))
    noisy = {"steps": 50, "rate": 1.0, "seed": 0, "spectrum": True}
    skew = train_with_noise(XI, 0.5, **noisy)
    assert skew.history.spectrum is None
    even = train_with_noise(XI, 0.5, symmetric=True, **noisy)
    same(even.history.spectrum[-1], torch.linalg.eigvalsh(even.couplings))
    assert unlearn(skew, 10, seed=0, spectrum=True).history.spectrum is None
    learned = symmetric_perceptron(XI, 0.3, spectrum=True)
    same(learned.history.spectrum[-1], torch.linalg.eigvalsh(learned.couplings))


# α = 0.4 after D dreams, N = 100: relative spread of the upper group, its share in the span, cosine
# with the pseudo-inverse; mean over 6 samples.
@pytest.mark.parametrize(
    ("D", "spread", "share", "near"),
    [(0.35, (0.24, 0.04), (0.993, 0.002), (0.972, 0.006)), (0.426, (0.152, 0.01), None, None)],
)
def test_dreams_flatten_the_upper_group(D, spread, share, near):
    rows = []
    for seed in range(6):
        xi = random_patterns(40, 100, seed=seed)
        J = unlearn(hebbian(xi), round(D * 10_000), seed=seed).couplings
        groups = spectral_groups(J, xi)
        rows.append([groups.relative_spread, groups.share_in_span, cosine(J, pseudo_inverse(xi))])
    for mean, reference in zip(np.mean(rows, 0), (spread, share, near), strict=True):
        if reference is not None:
            assert mean == pytest.approx(reference[0], abs=reference[1])


# ── unlearning of eigenvectors ────────────────────────────────────────────────────────────


def test_unlearning_the_top_eigenvector_is_its_definition():
    start = hebbian(XI) + torch.eye(40)  # whose diagonal is dropped
    vectors = np.linalg.eigh(hebbian(XI).numpy()).eigenvectors
    expected = hebbian(XI).numpy() - 0.2 * np.outer(vectors[:, -1], vectors[:, -1])
    np.fill_diagonal(expected, 0)
    same(unlearn_top(start, 1, 0.2), torch.from_numpy(expected))
    assert torch.equal(unlearn_top(start, 0, 0.2), hebbian(XI))
    assert (start.diagonal() == 1).all()


def test_unlearning_top_eigenvectors_ends_near_the_pseudo_inverse():
    """600 steps of ε = 0.05 at N = 100, α = 0.4, 4 samples."""
    rows = []
    for seed in range(4):
        xi = random_patterns(40, 100, seed=seed)
        J = unlearn_top(hebbian(xi), 600)
        spread = spectral_groups(J, xi).relative_spread
        rows.append([float(stabilities(J, xi).min()), cosine(J, pseudo_inverse(xi)), spread])
    low, near, spread = np.array(rows).T
    agree(low, (0.645, 0.047))
    assert near.mean() == pytest.approx(0.988, abs=0.005)
    assert spread.mean() == pytest.approx(0.18, abs=0.04)


def test_what_is_wrong_is_named():
    for call, message in (
        (lambda: clipped_spectrum(XI, 0.0), "level must be a finite number above 0"),
        (lambda: clipped_spectrum(XI / 2, 1.0), "patterns must have entries ±1"),
        (lambda: spectral_rule(XI, 3.0), "function must be a function of eigenvalues, got 3.0"),
        (lambda: spectral_rule(XI, lambda x: x[:2]), r"function\(…\) must be finite, of shape \("),
        (lambda: spectral_rule(XI, lambda x: x * np.nan), r"with 12 NaN or infinite"),
        (lambda: unlearn_top(torch.ones(3, 3).triu(), 1), "couplings must be symmetric"),
        (lambda: unlearn_top(hebbian(XI), -1), "steps must be a whole number of at least 0"),
        (lambda: unlearn_top(hebbian(XI), 1, 0.0), "rate must be a finite number above 0"),
        (lambda: spectral_groups(torch.ones(3, 3).triu(), XI[:, :3]), "couplings must be sym"),
        (lambda: spectral_groups(hebbian(XI), XI[:, :5]), "patterns must have shape"),
        (
            lambda: spectral_groups(torch.zeros(12, 12), XI[:, :12]),
            "patterns must be fewer than the 12 spins, got 12",
        ),
        (lambda: unlearn(hebbian(XI), 1, spectrum="yes"), "spectrum must be True or False"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
