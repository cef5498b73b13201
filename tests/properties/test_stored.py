"""Data where they lie: any dtype, in memory or mapped, in blocks of any size, give the same."""

import numpy as np
import pytest
import torch
from drawn import close, few, fewer, generator, normal, seeds
from hypothesis import given, strategies as st

from bridges import calibrate
from diffusion import EmpiricalDenoiser, neighbour_distances, neighbour_ratio
from diffusion.neighbours import distinct

STORED = {"uint8": 30, "int16": 300, "int64": 3, "float16": 1, "float32": 1, "float64": 1}
dtypes = st.sampled_from(list(STORED))
blocks = st.sampled_from([1, 3, 7, 8, 9, 100])  # keys at once, of 8


def numbers(rows, columns, seed, dtype):
    """Rows as an array of a dtype, of the size that its numbers usually have."""
    plain = STORED[dtype] * normal(rows, columns, seed).numpy()
    return (np.abs(plain) if dtype == "uint8" else plain).astype(dtype)


def mapped(array, path, mode="r"):
    np.save(path, array)
    return np.load(path, mmap_mode=mode)


def everything(denoiser, x, sigma, directions):
    return {
        "mean": denoiser(x, sigma),
        "density": denoiser.log_density(x, sigma),
        "trace": denoiser.jacobian_trace(x, sigma),
        "along": denoiser.jacobian_along(x, sigma, directions),
        "jacobian": denoiser.jacobian(x, sigma),
        "eigenvalues": denoiser.jacobian_eigenvalues(x, sigma),
        "weights": (weights := denoiser.weights(x, sigma)),
        "trace of weights": denoiser.trace_of_weights(x, sigma, weights),
        "draws": denoiser.posterior_sample(x, sigma, seed=0),
    }


@fewer
@given(dtypes, blocks, st.sampled_from([0.3, 1.0, 30.0]), seeds)
def test_rows_on_disk_are_denoised_as_their_numbers_in_memory(
    tmp_path_factory, kind, size, s, seed
):
    """Against the same numbers in double precision, with keys that are all kept."""
    data, sigma = numbers(8, 3, seed, kind), s * STORED[kind]
    x = torch.from_numpy(data[:4].astype(float)) + sigma * normal(4, 3, seed + 1)
    plain = EmpiricalDenoiser(data.astype(float))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("diffusion._attention._KEPT", 0)
        patch.setattr("diffusion._attention._BYTES", 8 * 4 * size)  # keys of 4 numbers
        mine = EmpiricalDenoiser(mapped(data, tmp_path_factory.mktemp("rows") / "a.npy"))
        assert mine.data.dtype == torch.from_numpy(data).dtype
        x = x.to(mine.dtype)
        asked = (x, sigma, torch.eye(3))
        found, wanted = everything(mine, *asked), everything(plain, x.double(), *asked[1:])
        for name, one in wanted.items():
            assert found[name].dtype == mine.dtype
            assert close(found[name], one, mine.dtype, STORED[kind] if name == "mean" else 1.0), (
                name
            )


@few
@given(st.sampled_from(["float16", "float32", "float64"]), seeds)
def test_keys_that_are_not_kept_are_the_same_numbers(kind, seed):
    """On either side of the size up to which keys are kept."""
    data = torch.from_numpy(numbers(8, 3, seed, kind))
    x, size = normal(5, 3, seed), 8 * 4 * (8 if kind == "float64" else 4)
    with pytest.MonkeyPatch.context() as patch:
        found = []
        for kept in (size - 1, size):
            patch.setattr("diffusion._attention._KEPT", kept)
            denoiser = EmpiricalDenoiser(data)
            assert (denoiser._keys._kept is None) == (kept < size)
            found.append(everything(denoiser, x, 0.7, torch.eye(3)))
    for name, one in found[0].items():
        assert close(one, found[1][name], torch.float32), name
    assert torch.equal(found[0]["draws"], found[1]["draws"])


def test_gradients_pass_through_blocks(monkeypatch):
    data, x = normal(40, 3, 0), normal(4, 3, 1).requires_grad_()
    (wanted,) = torch.autograd.grad(EmpiricalDenoiser(data)(x, 0.5).square().sum(), x)
    monkeypatch.setattr("diffusion._attention._KEPT", 0)
    monkeypatch.setattr("diffusion._attention._BYTES", 300)
    denoiser = EmpiricalDenoiser(data)
    (found,) = torch.autograd.grad(denoiser(x, 0.5).square().sum(), x)
    assert close(found, wanted)
    (slope,) = torch.autograd.grad(denoiser.log_density(x, 0.5).sum(), x)
    assert close(slope, denoiser.score(x.detach(), 0.5))


@few
@given(dtypes, st.integers(1, 40), st.integers(1, 9), seeds)
def test_different_points_are_those_of_a_sort(kind, rows, columns, seed):
    data = torch.from_numpy(numbers(rows, columns, seed, kind))
    data = data[torch.randint(rows, (2 * rows,), generator=generator(seed))]
    data[data == 0] *= -1  # −0 is 0
    wanted = np.sort(np.unique(data.numpy() + 0, axis=0, return_index=True)[1])
    assert torch.equal(distinct(data), torch.from_numpy(wanted))


def test_points_with_equal_marks_are_compared(monkeypatch):
    monkeypatch.setattr("diffusion.neighbours._marks", lambda rows: np.zeros(len(rows), np.uint64))
    assert distinct(torch.tensor([[2.0], [1.0], [2.0], [3.0], [1.0]])).tolist() == [0, 1, 3]
    assert distinct(torch.zeros(0, 3)).tolist() == []


@fewer
@given(dtypes, st.sampled_from([3, 25]), st.sampled_from([8, 40]), seeds)
def test_neighbours_of_rows_on_disk(tmp_path_factory, kind, columns, size, seed):
    """In few dimensions and in many, where they are found in different ways; in any blocks."""
    data, samples = numbers(30, columns, seed, kind), numbers(5, columns, seed + 1, kind)
    rows = mapped(data, tmp_path_factory.mktemp("rows") / "a.npy")
    apart = np.linalg.norm(samples[:, None].astype(float) - data.astype(float), axis=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("diffusion.neighbours._ROWS", size)
        patch.setattr("diffusion.neighbours._MORE", 2)
        for count in (4, 30):
            wanted = torch.from_numpy(np.sort(apart, axis=1)[:, :count])
            assert close(neighbour_distances(samples, rows, count), wanted)
    kept = data[np.unique(data, axis=0, return_index=True)[1]]
    near = neighbour_distances(samples, kept, 2)
    assert torch.equal(neighbour_ratio(samples, rows), near[:, 0] / near[:, 1])


@few
@given(st.integers(1, 40), seeds)
def test_bytes_are_calibrated_as_their_numbers(scale, seed):
    """Steps and coincidences of values are counted in another way."""
    data = (scale * normal(60, 25, seed)).abs().clamp(max=255).byte()
    data[:, 0] = 7  # a constant site
    found, wanted = (calibrate(one, seed=0).to_dict() for one in (data, data.double()))
    assert found == wanted


def test_rows_that_are_mapped_are_not_copied(tmp_path):
    """Of any mode; a copy is made of what can only be read and lies in memory."""
    array = normal(6, 2, 0).numpy()
    for mode in ("r", "c", "r+"):
        rows = mapped(array, tmp_path / f"{mode}.npy", mode)
        assert EmpiricalDenoiser(rows).data.data_ptr() == rows.ctypes.data
        assert EmpiricalDenoiser(rows[2:]).data.data_ptr() == rows[2:].ctypes.data
    array.flags.writeable = False
    assert EmpiricalDenoiser(array).data.data_ptr() != array.ctypes.data
