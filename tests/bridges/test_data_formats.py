"""Each format read back equal to the array it was written from; each fault in one line."""

import gzip
import struct
import zipfile

import numpy as np
import pytest
import torch
from formats import (
    CLASSES,
    FORMATS,
    HAVE_NO_NUMBERS,
    HAVE_NO_TEXT,
    KNOWN_NAMES,
    NAMES,
    PIXELS,
    RNG,
    idx_bytes,
    written,
)
from safetensors.torch import save_file

from bridges._checks import memory_limit
from bridges.data import class_names, fingerprint, load, load_data, pattern_set, place
from bridges.data.reading import joined, split


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_read_back_equal(name, tmp_path):
    _, shape, dtype, _ = FORMATS[name]
    labels = NAMES if name in HAVE_NO_NUMBERS else CLASSES
    found = load_data(written(tmp_path, name, labels))
    assert found.rows.dtype == dtype
    assert found.shape == shape
    assert found.axes == ("HW" if len(shape) == 2 else "")
    assert np.array_equal(found.rows.numpy(), PIXELS.reshape(24, 12))
    assert found.range == (PIXELS.min(), PIXELS.max())
    assert len(found) == 24
    if name == "a.npy":
        assert found.labels is None
    else:
        assert np.array_equal(found.labels.numpy(), CLASSES)
    assert found.class_names == KNOWN_NAMES.get(name)


@pytest.mark.parametrize("name", sorted(FORMATS.keys() - HAVE_NO_TEXT))
def test_labels_that_are_texts_become_names(name, tmp_path):
    file = written(tmp_path, name, NAMES)
    assert class_names(file) == load_data(file).class_names == ["cat", "dog", "run10"]
    assert np.array_equal(load_data(file).labels.numpy(), CLASSES)


@pytest.mark.parametrize("name", FORMATS)
def test_patterns_are_those_of_the_array(name, tmp_path):
    """By the door that the verbs use, in its precision, whatever the file."""
    np.save(tmp_path / "same.npy", PIXELS)
    labels = NAMES if name in HAVE_NO_NUMBERS else CLASSES
    file = written(tmp_path, name, labels)
    for kind in ("binary", "real"):
        wanted = pattern_set(str(tmp_path / "same.npy"), kind, 9, None, seed=1)
        assert torch.equal(pattern_set(file, kind, 9, None, seed=1), wanted)
    assert load(file)[0].dtype == torch.float64
    before = fingerprint(file)
    assert place(file) == file
    written(tmp_path, name, labels[::-1].copy())
    if name not in ("a.npy", "a.parquet"):  # labels are content too, also beside images
        assert fingerprint(file) != before


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_of_every_dtype(kind, packed, tmp_path):
    values = (RNG.normal(size=(5, 3)) * 50).astype(kind)
    content = idx_bytes(values)
    (tmp_path / "a.idx").write_bytes(gzip.compress(content) if packed else content)
    assert np.array_equal(load_data(tmp_path / "a.idx").rows.numpy(), values)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.int16])
def test_tensors_of_every_dtype(dtype, tmp_path):
    values = (torch.randn(6, 5, generator=torch.Generator().manual_seed(0)) * 9).to(dtype)
    torch.save(values, tmp_path / "a.pt")
    save_file({"x": values}, tmp_path / "a.safetensors")
    for name in ("a.pt", "a.safetensors"):
        assert torch.equal(load_data(tmp_path / name).rows.double(), values.double())


def test_large_datasets_stay_on_disk(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr("bridges.data.hdf5.MAPPED", 100)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["data"] = PIXELS
    from bridges.data.hdf5 import members

    found = members(tmp_path / "a.h5").take("data")
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, PIXELS)


# tables


def table(folder, text, ending="csv"):
    (folder / f"t.{ending}").write_text(text, encoding="utf-8")
    return folder / f"t.{ending}"


@pytest.mark.parametrize(
    ("text", "rows", "labels", "names"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]], None, None),
        ("a,b\n1,2\n3,4", [[1, 2], [3, 4]], None, None),
        ("\ufeffa;b\n1;2.5\n", [[1, 2.5]], None, None),
        ("x,y,target\n1,2,7\n3,4,5\n", [[1, 2], [3, 4]], [7, 5], None),
        ("x,y\n1,2\n3,4\n", [[1, 2], [3, 4]], None, None),
        ("x1,x2,y\n1,2,3\n", [[1, 2]], [3], None),
        (
            "5.1,1e-3,setosa\n2,3,virginica\n",
            [[5.1, 1e-3], [2, 3]],
            [0, 1],
            ["setosa", "virginica"],
        ),
        ('"a, b",label\n1," x, y "\n2,z\n', [[1], [2]], [0, 1], ["x, y", "z"]),
        ("label,1,2\n0,3,4\n", [[3, 4]], [0], None),
        (",a,b\n0,1,2\n1,3,4\n", [[1, 2], [3, 4]], None, None),
        ("a,b\n1,2\n", [[1, 2]], None, None),
    ],
)
def test_tables(text, rows, labels, names, tmp_path, capsys):
    found = load_data(table(tmp_path, text))
    assert found.rows.tolist() == rows
    assert (None if found.labels is None else found.labels.tolist()) == labels
    assert found.class_names == names
    said = capsys.readouterr().err
    assert ("first column" in said) == text.startswith(",")


def test_a_column_of_labels_by_its_name(tmp_path):
    file = table(tmp_path, "a,b,sort of\n1,2,x\n3,4,x\n5,6,w\n")
    found = load_data(file, label="sort of")
    assert found.labels.tolist() == [1, 1, 0]
    assert found.class_names == ["w", "x"]
    headless = table(tmp_path, "1,2,7\n3,4,8\n", "csv")
    assert load_data(headless, label="3").labels.tolist() == [7, 8]


FAULTS = {  # table: what is said of it
    "a,b\n1,x\n": r"columns of numbers and one of labels, named with --label, got text in 'b'",
    "a,b\n1,2\n3\n": r"cannot be read: ",
    "a,b\n1,2\n3,\n": r"cannot be read: could not convert string '' to float64",
    "": "it holds no table",
    "a,b\n": "must hold rows of numbers, got a header alone",
    "a;b\n1,5;2,5\n": "got text in 'a', 'b'",
    "a,b,label,y\n1,2,3,4\n": r"one column of labels, got \['label', 'y'\]; say which with --label",
    "a,b\n1,nan\n": "must be finite, got 1 NaN",
    "a,label\n1,0.5\n": "column 'label' of .* must be 1 whole numbers or names",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_of_tables(text, tmp_path):
    with pytest.raises(ValueError, match=FAULTS[text]) as error:
        load_data(table(tmp_path, text))
    assert "\n" not in str(error.value)


# archives


def test_arrays_by_their_names(tmp_path):
    np.savez(
        tmp_path / "a.npz", x_train=PIXELS, y_train=CLASSES, x_test=PIXELS[:3], y_test=[0, 1, 2]
    )
    with pytest.raises(
        ValueError, match=r"must hold one array, or one named 'data', got .* --array"
    ):
        load_data(tmp_path / "a.npz")
    found = load_data(tmp_path / "a.npz", array="x_train", label="y_train")
    assert np.array_equal(found.rows.numpy(), PIXELS.reshape(24, 12))
    assert np.array_equal(found.labels.numpy(), CLASSES)
    np.savez(tmp_path / "b.npz", images=PIXELS, labels=CLASSES)
    found = load_data(tmp_path / "b.npz", array="images")  # labels are found beside it
    assert np.array_equal(found.labels.numpy(), CLASSES)
    np.savez(tmp_path / "c.npz", labels=PIXELS)
    assert load_data(tmp_path / "c.npz").labels is None
    with pytest.raises(ValueError, match=r"label of .* must be one of .*, got 'z'"):
        load_data(tmp_path / "a.npz", array="x_train", label="z")
    with pytest.raises(ValueError, match=r"array of .* must be one of .*, got 'z'"):
        load_data(tmp_path / "a.npz", array="z")


def garbage(name):
    """A file of a format that was cut, is of another, or asks for what it does not hold."""
    yield b""
    yield bytes(300)
    yield b"\x89HDF\r\n\x1a\n" + b"\xff" * 300
    yield RNG.integers(0, 256, 4000).astype(np.uint8).tobytes()


@pytest.mark.parametrize("name", [name for name in FORMATS if not name.endswith((".npy", ".npz"))])
def test_broken_files_are_one_sentence(name, tmp_path):
    whole = written(tmp_path, name, NAMES if name in HAVE_NO_NUMBERS else CLASSES)
    content = (tmp_path / name).read_bytes()
    text = name.endswith((".csv", ".tsv"))  # of which every part is a table
    cuts = [] if text else [content[:k] for k in (3, len(content) // 2, len(content) - 1)]
    for broken in (*cuts, *garbage(name)):
        (tmp_path / name).write_bytes(broken)
        with pytest.raises(ValueError, match="data") as error:
            load_data(whole)
        assert "\n" not in str(error.value)


def test_pickles_are_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('run')",))

    torch.save({"data": Bomb()}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match=r"a.pt cannot be read"):
        load_data(tmp_path / "a.pt")


def test_a_tensor_of_one_number_and_many_rows(tmp_path):
    """Its strides are 0: a few bytes on disk, eight terabytes as an array."""
    torch.save(torch.zeros(1, dtype=torch.float64).expand(10**6, 10**6), tmp_path / "a.pt")
    assert (tmp_path / "a.pt").stat().st_size < 5000
    with memory_limit(1), pytest.raises(ValueError, match=r"need about 8e\+03 GB, more than the 1"):
        load_data(tmp_path / "a.pt")


def test_a_packed_pt_file_that_unfolds(tmp_path):
    torch.save(torch.zeros(100, 10**6, dtype=torch.uint8), tmp_path / "whole.pt")
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as whole,
        zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in whole.namelist():
            packed.writestr(name, whole.read(name))
    assert (tmp_path / "a.pt").stat().st_size < 200_000
    with memory_limit(0.05), pytest.raises(ValueError, match=r"need about 0\.1 GB, more than the"):
        load_data(tmp_path / "a.pt")


def test_a_parquet_file_that_unfolds(tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    long = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(10**7)), 10**5)
    pq.write_table(pa.table({"x": long}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 50_000
    with memory_limit(0.05), pytest.raises(ValueError, match=r"need about 0\.08 GB, more than"):
        load_data(tmp_path / "a.parquet")


def test_an_idx_file_that_unfolds(tmp_path):
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 10**5, 10**3, 10**3)
    (tmp_path / "a.idx.gz").write_bytes(gzip.compress(head + bytes(10**5)))
    with memory_limit(1), pytest.raises(ValueError, match=r"need about 200 GB, more than the 1 GB"):
        load_data(tmp_path / "a.idx.gz")


def test_missing_libraries_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    for name, library in (("a.h5", "h5py"), ("a.parquet", "pyarrow")):
        (tmp_path / name).write_bytes(b"")
        message = rf"need {library}, of the extra: pip install 'hopfield-diffusion\[data\]'"
        with pytest.raises(ValueError, match=message):
            load_data(tmp_path / name)


# names with options


def test_options_are_part_of_a_name(tmp_path):
    file = table(tmp_path, "a,b, c@d=1 \n1,2,x\n3,4,y\n")
    name = joined(file, label="c@d=1", scale=0.5, shift=-1)
    where, how = split(name)
    assert (where, how.label, how.scale, how.shift) == (str(file), "c@d=1", 0.5, -1.0)
    assert load(name)[0].tolist() == [[-0.5, 0], [0.5, 1]]
    assert load_data(name).rows.tolist() == [[-0.5, 0], [0.5, 1]]
    assert load_data(name, shift=0).rows.tolist() == [[0.5, 1], [1.5, 2]]
    assert place(name) == name
    assert fingerprint(name) == fingerprint(str(file))
    assert joined(name, scale=1, shift=0) == joined(file, label="c@d=1")
    (tmp_path / "odd@grey.csv").write_text("1,2\n")  # a file that is so called
    assert load_data(tmp_path / "odd@grey.csv").rows.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resize": 0}, "resize must be a size like 32, or WIDTHxHEIGHT, got '0'"),
        ({"resize": "big"}, "resize must be a size like 32"),
        ({"scale": 0}, "scale must be a finite number other than 0, got '0.0'"),
        ({"scale": float("nan")}, "scale must .* got nan"),
        ({"shift": float("inf")}, "shift must be a finite number, got 'inf'"),
        ({"resize": 4}, r"resize does not concern .npy files, got resize=4"),
        ({"grey": True}, r"grey does not concern .npy files, got grey"),
        ({"label": "y"}, r"label does not concern .npy files, got label=y"),
        ({"label": ""}, "label must be a name, got none"),
        ({"label": 3}, "label must be a text, got "),
        ({"resize": (4, 0.5)}, "resize must be a whole number of at least 1, got 0.5"),
    ],
)
def test_options_that_do_not_fit(options, message, tmp_path):
    np.save(tmp_path / "a.npy", PIXELS)
    with pytest.raises(ValueError, match=message):
        load_data(tmp_path / "a.npy", **options)


@pytest.mark.parametrize("wrong", [None, 3, ["digits"], np.eye(3)], ids=str)
def test_a_data_set_is_a_name_or_a_path(wrong):
    for door in (load_data, load, fingerprint, place, class_names):
        with pytest.raises(ValueError, match=r"data must be one of digits, .*, got "):
            door(wrong)
