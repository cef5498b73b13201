"""Couplings of low rank and sparse ones: the same network, without the matrix."""

import pytest
import torch

from hopfield import (
    HopfieldNetwork,
    LowRankCouplings,
    dreaming_kernel,
    flip_spins,
    hebbian,
    low_rank,
    pseudo_inverse,
    random_patterns,
)

N = 120


@pytest.fixture(autouse=True)
def keep_factors(monkeypatch):
    """Small networks keep their factors too."""
    monkeypatch.setattr(low_rank, "_SMALLEST", 1)
    monkeypatch.setattr(low_rank, "_LOOKS", 1)


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def asymmetric():
    left, right = draw((3, N), 0), draw((3, N), 1)
    return LowRankCouplings(left, right), (left.T @ right).fill_diagonal_(0.0)


XI = random_patterns(5, N, seed=0)
RULES = {
    "hebbian": lambda: (LowRankCouplings.hebbian(XI), hebbian(XI)),
    "pseudo-inverse": lambda: (LowRankCouplings.pseudo_inverse(XI), pseudo_inverse(XI)),
    "dreaming": lambda: (LowRankCouplings.dreaming_kernel(XI, 3.0), dreaming_kernel(XI, 3.0)),
    "asymmetric": asymmetric,
}


def sparse_and_full():
    J = draw((N, N), 2)
    J = (J + J.T) * (draw((N, N), 3).triu(1) > 1.0)
    return (J + J.T).to_sparse(), J + J.T


def networks(name):
    kept, full = sparse_and_full() if name == "sparse" else RULES[name]()
    bias = 0.1 * draw((N,), 4)
    return HopfieldNetwork(kept, bias), HopfieldNetwork(full, bias)


@pytest.mark.parametrize("name", RULES)
def test_factors_multiply_out_to_the_couplings_of_the_rule(name):
    factors, full = RULES[name]()
    assert torch.allclose(factors.dense(), full, atol=1e-12)
    assert (factors.dense().diagonal() == 0).all()


@pytest.mark.parametrize("name", [*RULES, "sparse"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"dynamics": "synchronous", "max_sweeps": 7},
        {"temperature": 0.5, "max_sweeps": 4},
        {"dynamics": "synchronous", "temperature": 0.5, "max_sweeps": 4},
    ],
)
@pytest.mark.parametrize("held", [False, True])
def test_every_form_takes_the_way_of_the_matrix(name, how, held):
    few, full = networks(name)
    cues = flip_spins(XI.repeat(4, 1), 0.4, seed=5)
    clamped = torch.arange(N) % 3 == 0 if held else None
    found, wanted = (n.relax(cues, clamped=clamped, seed=6, **how) for n in (few, full))
    for field in ("states", "sweeps", "converged", "cycles"):
        assert torch.equal(getattr(found, field), getattr(wanted, field)), field


@pytest.mark.parametrize("name", [*RULES, "sparse"])
def test_fields_energies_and_stabilities_are_those_of_the_matrix(name):
    few, full = networks(name)
    cues = flip_spins(XI, 0.4, seed=5)
    for ask in ("fields", "energy", "step"):
        assert torch.allclose(getattr(few, ask)(cues), getattr(full, ask)(cues), atol=1e-11), ask
    assert torch.allclose(few.stabilities(XI), full.stabilities(XI), atol=1e-11)
    assert torch.allclose(few.tie, full.tie, rtol=0.5)  # the diagonal is in its sums too
    assert repr(few) == repr(full)


@pytest.mark.parametrize("name", [*RULES, "sparse"])
@pytest.mark.parametrize("temperature", [0.0, 0.5])
def test_a_shared_site_order_takes_the_same_way(name, temperature):
    """As on devices without compiled loops."""
    cues, held = flip_spins(XI, 0.4, seed=5), (torch.arange(N) % 3 == 0).expand(5, N)
    few, full = (
        n._shared_order(cues, temperature, 5, held, torch.Generator().manual_seed(7))
        for n in networks(name)
    )
    assert torch.equal(few.states, full.states)
    assert torch.equal(few.sweeps, full.sweeps)


def test_a_spin_that_the_span_leaves_free_keeps_its_value():
    """Σ_{j≠i} 𝒫_ij² = 0 where 𝒫_ii = 1: rounding is no field."""
    xi = random_patterns(12, 12, seed=3)  # as many patterns as spins span all
    network = HopfieldNetwork(LowRankCouplings.pseudo_inverse(xi))
    states = random_patterns(8, 12, seed=4)
    assert torch.equal(network.relax(states, seed=0).states, states)


def test_the_matrix_is_kept_where_it_costs_less(monkeypatch):
    monkeypatch.undo()
    small, wide, many = (LowRankCouplings(draw(s, 0)) for s in ((2, 50), (2, 2000), (500, 2000)))
    forms = [type(HopfieldNetwork(one).form).__name__ for one in (small, wide, many)]
    assert forms == ["FullForm", "LowRankForm", "FullForm"]


@pytest.mark.parametrize("name", ["hebbian", "sparse"])
@pytest.mark.parametrize(
    ("dtype", "sizes"), [("float32", (1e-16, 1e16)), ("float64", (1e-150, 1e150))]
)
def test_no_size_of_the_couplings_changes_what_a_network_does(name, dtype, sizes):
    kept, _ = sparse_and_full() if name == "sparse" else RULES[name]()
    kind, starts = getattr(torch, dtype), flip_spins(XI, 0.2, seed=1)

    def scaled(size):
        if name == "sparse":
            return HopfieldNetwork(kept.to(kind) * size)
        return HopfieldNetwork(LowRankCouplings(kept.left.to(kind) * size, kept.right.to(kind)))

    known = scaled(1.0)
    ends, margins = known.relax(starts, seed=2).states, known.stabilities(XI)
    for size in sizes:
        network = scaled(size)
        relaxed = network.relax(starts, seed=2)
        assert relaxed.converged.all()
        assert torch.equal(relaxed.states, ends)
        torch.testing.assert_close(network.stabilities(XI), margins, rtol=1e-4, atol=1e-4)


def test_a_row_that_is_nearly_all_diagonal_keeps_its_norm():
    left = draw((1, N), 5).float()
    left[0, 0] = 3e4
    norms = LowRankCouplings(left.double()).dense().norm(dim=1)
    found = HopfieldNetwork(LowRankCouplings(left)).form.norms()
    torch.testing.assert_close(found, norms.float(), rtol=1e-5, atol=0)


def test_a_network_of_no_or_of_half_precision_couplings_has_a_name():
    assert "symmetric" in repr(HopfieldNetwork(torch.zeros(5, 5).to_sparse()))
    assert "symmetric" in repr(HopfieldNetwork(sparse_and_full()[0].half()))


def test_factors_without_rows_couple_nothing():
    nothing = HopfieldNetwork(LowRankCouplings(torch.zeros(0, N)))
    assert not nothing.fields(XI).any()
    assert torch.equal(nothing.relax(XI, seed=0).states, XI)
    assert not nothing.form.norms().any()


def test_factors_of_two_precisions_have_the_larger_one():
    kept = LowRankCouplings(torch.ones(2, 3).half(), torch.full((2, 3), 1e6, dtype=torch.float64))
    assert kept.dense()[0, 1] == 2e6


def test_factors_keep_the_precision_of_the_patterns():
    few = HopfieldNetwork(LowRankCouplings.hebbian(XI.float()))
    assert few.fields(XI.float()).dtype == torch.float32
    assert few.relax(XI.to(torch.float16), seed=0).states.dtype == torch.float16


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LowRankCouplings(torch.ones(2, 3), torch.ones(3, 3)), "right must have the shape"),
        (lambda: LowRankCouplings(torch.full((2, 3), torch.nan)), "left must be finite"),
        (
            lambda: LowRankCouplings(torch.full((2, 3), 1e20)),
            "finite in torch.float32, got entries",
        ),
        (lambda: HopfieldNetwork(torch.zeros(2, 2), draw(2, 0) * 1e60), "bias must be finite in"),
        (lambda: LowRankCouplings.hebbian(torch.zeros(2, 3)), "patterns must have entries ±1"),
        (lambda: LowRankCouplings.dreaming_kernel(XI, -1), "time must lie"),
        (lambda: HopfieldNetwork(torch.ones(2, 3).to_sparse()), "couplings must be square"),
        (lambda: HopfieldNetwork(torch.full((2, 2), torch.inf).to_sparse()), "real and finite"),
        (lambda: flip_and_ask(), r"couplings must be a matrix, got LowRankCouplings; take its"),
    ],
)
def test_what_is_no_coupling_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def flip_and_ask():
    from hopfield import stabilities

    return stabilities(LowRankCouplings.hebbian(XI), XI)


@pytest.mark.slow
def test_a_hundred_thousand_spins_come_home():
    """P/N = 10⁻³: from an overlap of 0.3 Hebb's network retrieves without an error."""
    xi = random_patterns(100, 100_000, seed=0)
    network = HopfieldNetwork(LowRankCouplings.hebbian(xi))
    found = network.relax(flip_spins(xi[:4], 0.3, seed=1), seed=2)
    assert found.converged.all()
    assert torch.equal(found.states, xi[:4])
