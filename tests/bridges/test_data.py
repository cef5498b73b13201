import numpy as np
import pytest
import torch

from bridges.data import pattern_set, vectors


def test_digits_of_both_kinds():
    spins, real = (pattern_set("digits", kind, 50, None, seed=3) for kind in ("binary", "real"))
    assert spins.shape == real.shape == (50, 64)
    assert (spins.abs() == 1).all()
    assert torch.allclose(real.square().sum(1), torch.full((50,), 64.0, dtype=torch.float64))
    everything = vectors("digits", "binary")
    assert everything.shape == (1797, 64)


def test_a_seed_orders_and_a_number_takes():
    many, few = (pattern_set("digits", "binary", P, None, seed=3) for P in (50, 20))
    assert torch.equal(many[:20], few)
    assert not torch.equal(few, pattern_set("digits", "binary", 20, None, seed=4))
    both = [pattern_set("digits", k, 9, None, seed=1) for k in ("binary", "real")]
    agree = (torch.sign(both[0]) == torch.sign(both[1])).double().mean()
    assert agree > 0.95  # the same images


def test_random_patterns_of_both_kinds():
    spins, real = (pattern_set("random", kind, 5, 30, seed=3) for kind in ("binary", "real"))
    assert (spins.abs() == 1).all()
    assert torch.allclose(real.square().sum(1), torch.full((5,), 30.0, dtype=torch.float64))
    assert pattern_set("random", "binary", 5, None, seed=0).shape == (5, 100)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_file_of_ones_own(tmp_path, suffix):
    raw = np.random.default_rng(0).normal(size=(30, 4, 3))
    path = tmp_path / f"mine{suffix}"
    np.save(path, raw) if suffix == ".npy" else np.savez(path, data=raw, labels=np.arange(30))
    real = pattern_set(str(path), "real", 30, None, seed=0)
    assert real.shape == (30, 12)
    flat = raw.reshape(30, 12) - raw.reshape(30, 12).mean(0)
    directions = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    cosines = (real.numpy() / 12**0.5) @ directions.T
    assert cosines.max(1) == pytest.approx(np.ones(30))
    assert (pattern_set(str(path), "binary", 30, None, seed=0).abs() == 1).all()


def test_spins_in_a_file_are_kept(tmp_path):
    spins = np.random.default_rng(0).choice([-1, 1], size=(10, 7))
    np.save(tmp_path / "spins.npy", spins)
    for kind in ("binary", "real"):
        found = pattern_set(str(tmp_path / "spins.npy"), kind, 10, None, seed=0)
        assert {tuple(r) for r in found.int().tolist()} == {tuple(r) for r in spins.tolist()}


def bad_files(folder):
    np.save(folder / "nan.npy", np.array([[1.0, np.nan]]))
    np.save(folder / "flat.npy", np.ones(5))
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    np.save(folder / "objects.npy", np.array([[1, None]]), allow_pickle=True)
    np.save(folder / "equal.npy", np.full((3, 2), 7.0))
    np.savez(folder / "two.npz", a=np.ones(2), b=np.ones(2))
    (folder / "broken.npy").write_bytes(b"not an array")
    (folder / "broken.npz").write_bytes(b"PK not a zip")
    (folder / "empty.npy").write_bytes(b"")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.npy", "no file"),
        ("table.csv", "data must be one of digits, random or a .npy or .npz file"),
        ("nan.npy", "must be finite, got 1 NaN"),
        ("flat.npy", r"must have shape \(rows, columns\), got \(5,\)"),
        ("words.npy", "must hold numbers, got dtype <U1"),
        ("objects.npy", "cannot be read"),
        ("equal.npy", "equal to its mean"),
        ("two.npz", r"one named 'data', got \['a', 'b'\]"),
        ("broken.npy", "cannot be read"),
        ("broken.npz", "cannot be read"),
        ("empty.npy", "cannot be read"),
    ],
)
def test_bad_files_are_named(tmp_path, name, message):
    bad_files(tmp_path)
    with pytest.raises(ValueError, match=message):
        pattern_set(str(tmp_path / name), "real", 1, None, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ("digits", "binary", 1798, None),
            r"patterns must lie in \[1, 1797\] for digits, got 1798",
        ),
        (("digits", "binary", 0, None), r"patterns must lie in \[1, 1797\]"),
        (("digits", "binary", 5, 32), "digits has size 64, got 32"),
        (("digits", "complex", 5, None), "kind must be one of"),
        (("random", "real", 0, 10), "patterns must be a whole number"),
    ],
)
def test_bad_input_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        pattern_set(*settings, seed=0)
