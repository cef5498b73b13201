"""Small files that ask for much memory are refused by their heads: nothing of them is decoded."""

import io
import shutil
import struct
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

from bridges._checks import memory_limit
from bridges.data import fingerprint, load, pattern_set, vectors


@pytest.fixture
def nothing_decoded(monkeypatch):
    """Arrays and images whose numbers are asked for end the test."""

    def decoded(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr(np, "load", decoded)
    monkeypatch.setattr(Image.Image, "convert", decoded)
    monkeypatch.setattr("numpy.lib.format.read_array", decoded)


def head(shape, dtype="<f8", version=(1, 0)):
    """The head of a .npy file, by hand."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text


def archive(path, **members):
    """A .npz file of members that may be anything."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)


def plain(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def test_images_of_few_bytes_and_many_pixels(tmp_path, nothing_decoded):
    Image.new("1", (13_000, 13_000)).save(tmp_path / "0.png")
    assert (tmp_path / "0.png").stat().st_size < 30_000
    for k in range(1, 6):
        shutil.copy(tmp_path / "0.png", tmp_path / f"{k}.png")
    with (
        memory_limit(1),
        pytest.raises(
            ValueError,
            match=r"data: 6 images of 13000×13000 in .* need about [\d.]+ GB, more than the 1 GB",
        ),
    ):
        load(str(tmp_path))


def test_an_image_larger_than_the_others(tmp_path, nothing_decoded):
    Image.new("L", (4, 4)).save(tmp_path / "0.png")
    Image.new("L", (9000, 9000)).save(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"one size, got 4×4 \(0.png\) and 9000×9000 \(1.png\)"):
        load(str(tmp_path))


def test_labels_that_unfold(tmp_path, nothing_decoded):
    path = tmp_path / "bomb.npz"
    archive(path, data=plain(np.eye(3)), labels=head((10**8,), "|i1") + bytes(10**8))
    assert path.stat().st_size < 200_000
    with pytest.raises(ValueError, match=r"must be 3 whole numbers or names, got dtype int8 and"):
        load(str(path))


def test_data_that_unfold(tmp_path, nothing_decoded):
    path = tmp_path / "bomb.npz"
    archive(path, data=head((10, 10**7), "|i1") + bytes(10**8))
    with memory_limit(0.05), pytest.raises(ValueError, match=r"arrays of .* need about 0.1 GB, mo"):
        load(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (head((10**6, 10**6)), r"cut short, after 0 of 8000000000000 bytes"),
        (head((3, 3)) + bytes(71), r"cut short, after 71 of 72 bytes"),
        (head((-3, 3)) + bytes(72), r"its head has the shape \(-3, 3\)"),
        (head((3, 3), "|O") + bytes(72), "Python objects, which are never unpickled"),
        (b"\x93NUMPY\2\0" + b"\xf0\xff\xff\xff{", "its head has 4294967280 bytes, no array's"),
        (b"\x93NUMPY\1\0" + b"\xff\xff{" + bytes(70_000), "cannot be read"),
        (b"\x93NUMPY\7\0" + bytes(80), r"version \(7, 0\) is not known"),
        (head((3, 3), version=(3, 0)) + b"", "cut short"),
        (head("(" * 3000 + ")" * 3000) + bytes(80), "cannot be read"),
        (head((3, 3), "|V8") + bytes(72), "must hold real numbers, got dtype"),
        (head((3, 3), "<M8[s]") + bytes(72), "must hold real numbers, got dtype datetime64"),
    ],
)
def test_heads_that_lie(tmp_path, nothing_decoded, content, message):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        load(str(tmp_path / "x.npy"))
    assert "\n" not in str(error.value)
    archive(tmp_path / "x.npz", data=content)
    with pytest.raises(ValueError, match=r"x.npz (cannot be|must)"):
        load(str(tmp_path / "x.npz"))
    archive(tmp_path / "x.npz", data=plain(np.eye(3)), labels=content)
    with pytest.raises(ValueError, match=r"x.npz (cannot be|must)"):
        load(str(tmp_path / "x.npz"))


def test_a_head_of_four_gigabytes_is_not_read(tmp_path):
    with (tmp_path / "x.npy").open("wb") as file:  # of holes
        file.write(b"\x93NUMPY\2\0" + b"\xf0\xff\xff\xff")
        file.truncate(2**32 + 100)
    before = time.monotonic()
    with pytest.raises(ValueError, match="its head has 4294967280 bytes"):
        load(str(tmp_path / "x.npy"))
    assert time.monotonic() - before < 1  # it would take several


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_packings_that_numpy_does_not_write_are_refused(tmp_path, nothing_decoded, packing):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", packing) as file:
        file.writestr("data.npy", plain(np.eye(3)))
    with pytest.raises(ValueError, match="packed in a way that numpy does not know"):
        load(str(tmp_path / "x.npz"))


def test_other_things_in_an_archive_are_refused(tmp_path, nothing_decoded):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("data.npy", plain(np.eye(3)))
        file.writestr("notes.txt", "no array")
    with pytest.raises(ValueError, match=r"must hold arrays alone, got 'notes.txt'"):
        load(str(tmp_path / "x.npz"))


def test_rows_in_double_precision_that_do_not_fit(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((100, 10_000), np.int8))
    with memory_limit(5e-3), pytest.raises(ValueError, match=r"need about 0.008 GB, more than"):
        load(str(tmp_path / "x.npy"))


def test_a_large_file_stays_on_disk(tmp_path, monkeypatch):
    """Its rows are those of the file, in its dtype, and what is taken of them is copied."""
    from bridges.data import arrays, data_set

    monkeypatch.setattr(arrays, "MAPPED", 1000)
    pixels = np.random.default_rng(0).integers(0, 256, (100, 6, 6)).astype(np.uint8)
    path = tmp_path / "x.npy"
    np.save(path, pixels)
    found = arrays.array(path)
    monkeypatch.setattr(data_set, "read", lambda data: found)
    rows = data_set.stored(str(path), "once").rows.numpy()
    assert isinstance(found.values, np.memmap)
    assert np.shares_memory(found.values, rows)
    assert rows.dtype == np.uint8
    monkeypatch.undo()
    for _ in range(2):
        loaded = load(str(path))[0]
        assert np.array_equal(loaded.numpy(), pixels.reshape(100, 36))
        loaded.zero_()  # a copy of one's own
    assert np.array_equal(np.load(path), pixels)


def test_a_file_is_read_and_hashed_once(tmp_path, monkeypatch):
    """However many patterns, vectors and fingerprints are asked of it, until it changes."""
    from bridges.data import data_set, sources

    path, read, hashed = tmp_path / "x.npy", [], []
    np.save(path, np.random.default_rng(0).normal(size=(30, 5)))

    def counted(calls, own):
        return lambda *given: (calls.append(given), own(*given))[1]

    monkeypatch.setattr(data_set, "read", counted(read, data_set.read))
    monkeypatch.setattr(sources, "file_digest", counted(hashed, sources.file_digest))
    for _ in range(3):
        first = fingerprint(str(path))
        vectors(str(path), "real")
        pattern_set(str(path), "binary", 9, None, seed=0)
        load(str(path))
    assert len(read) == len(hashed) == 1
    np.save(path, np.random.default_rng(1).normal(size=(30, 5)))
    assert fingerprint(str(path)) != first
    assert len(load(str(path))[0]) == 30
    assert len(read) == len(hashed) == 2
