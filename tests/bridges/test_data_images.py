"""Images as they lie in folders: formats, options, levels of folders, sets by name in folders."""

import gzip
import struct

import numpy as np
import pytest
import torch
from PIL import Image, features

from bridges.data import class_names, load, load_data
from bridges.data.named import VARIABLE, folder_in

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 4)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (6, 4, 3)).astype(np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def rows_of(folder, **options):
    return load_data(folder, **options).rows.numpy()


OTHER_FORMATS = ["ppm", "pgm", "tga", "pcx", "sgi", "jp2", "avif", "qoi", "ico"]


@pytest.mark.parametrize("ending", OTHER_FORMATS)
def test_further_formats_are_read(ending, tmp_path):
    if ending == "jp2" and not features.check("jpg_2000"):
        pytest.skip("Pillow was built without JPEG 2000")
    if ending == "avif" and not features.check("avif"):
        pytest.skip("Pillow was built without AVIF")
    pixels = {"pgm": GREY, "ico": np.full((16, 16, 3), [9, 99, 199], np.uint8)}.get(ending, COLOUR)
    options = {"jp2": {"irreversible": False}, "avif": {"quality": 100, "subsampling": "4:4:4"}}
    sizes = {"sizes": [(16, 16)]} if ending == "ico" else {}
    try:
        save(tmp_path / f"0.{ending}", pixels, **options.get(ending, {}), **sizes)
    except (KeyError, ValueError):
        pytest.skip(f"Pillow writes no {ending}")
    found = rows_of(tmp_path).reshape(pixels.shape)
    assert found == pytest.approx(pixels.astype(float), abs=6 if ending == "avif" else 0)


@pytest.mark.parametrize("ending", ["eps", "pdf", "wmf", "psd", "svg"])
def test_what_may_run_programs_or_is_no_picture_is_left_out(ending, tmp_path, capsys):
    save(tmp_path / "0.png", GREY)
    (tmp_path / f"1.{ending}").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    assert len(rows_of(tmp_path)) == 1
    assert f"left out: .{ending}" in capsys.readouterr().err


def test_each_further_format_is_read_under_its_own_ending_alone(tmp_path):
    save(tmp_path / "0.ppm", COLOUR)
    (tmp_path / "0.ppm").rename(tmp_path / "0.tga")
    with pytest.raises(ValueError, match=r"0\.tga cannot be read"):
        load(str(tmp_path))


@pytest.mark.parametrize(("ground", "wanted"), [("white", 255), ("black", 0), ("#0a0a0a", 10)])
def test_the_ground_of_what_is_transparent(ground, wanted, tmp_path):
    pixels = np.array([[[0, 0], [77, 255]]], np.uint8)
    Image.fromarray(pixels).convert("LA").save(tmp_path / "0.png")
    assert rows_of(tmp_path, ground=ground).tolist() == [[wanted, 77]]


def test_grey_drops_the_colour(tmp_path):
    save(tmp_path / "0.png", COLOUR)
    save(tmp_path / "1.png", GREY)
    found = load_data(tmp_path, grey=True)
    weights = np.array([0.299, 0.587, 0.114])  # of ITU-R 601
    assert found.shape == (6, 4)
    assert found.rows[0].numpy() == pytest.approx((COLOUR @ weights).ravel(), abs=1)
    assert np.array_equal(found.rows[1].numpy(), GREY.ravel())
    assert load_data(tmp_path).shape == (6, 4, 3)
    assert load_data(tmp_path).axes == "HWC"


def test_images_are_scaled_to_one_size(tmp_path):
    flat = np.full((8, 8, 3), [10, 200, 30], np.uint8)
    save(tmp_path / "0.png", flat)
    save(tmp_path / "1.png", flat[:5, :7])
    with pytest.raises(ValueError, match=r"got 8×8 \(0.png\) and 7×5 \(1.png\); .*--resize 5"):
        load_data(tmp_path)
    found = load_data(tmp_path, resize=4)
    assert found.shape == (4, 4, 3)
    assert torch.equal(found.rows, torch.tensor([10, 200, 30]).repeat(2, 16).to(torch.uint8))
    assert load_data(f"{tmp_path}@resize=3x2").shape == (2, 3, 3)  # width × height
    halves = np.zeros((8, 8), np.uint8)
    halves[:, 4:] = 200
    save(tmp_path / "half" / "0.png", halves)
    assert rows_of(tmp_path / "half", resize=(2, 1))[0].astype(float) == pytest.approx(
        [0, 200], abs=25
    )


@pytest.mark.parametrize(
    ("kind", "code", "ending"), [("u1", 8, "png"), (">f4", 13, "tiff")], ids=["bytes", "floats"]
)
def test_images_of_one_file_are_scaled_as_those_of_a_folder_are(kind, code, ending, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 6, 8)).astype(kind)
    for k, one in enumerate(images):
        save(tmp_path / "folder" / f"{k}.{ending}", one.astype(one.dtype.newbyteorder("=")))
    head = bytes([0, 0, code, 3]) + struct.pack(">3I", *images.shape)
    (tmp_path / "images-idx3-ubyte").write_bytes(head + images.tobytes())
    whole, found = (
        load_data(tmp_path / place, resize=(4, 3)) for place in ("folder", "images-idx3-ubyte")
    )
    assert found.shape == (3, 4)
    assert torch.equal(found.rows, whole.rows)


def test_what_has_no_sides_is_not_scaled(tmp_path):
    small = load_data("digits@resize=4")
    assert (small.shape, small.axes, small.rows.dtype) == ((4, 4), "HW", torch.float32)
    (tmp_path / "rows-idx2-ubyte").write_bytes(struct.pack(">3I", 0x802, 2, 5) + bytes(10))
    with pytest.raises(ValueError, match=r"resize concerns images .* got rows of shape \(5,\)"):
        load_data(tmp_path / "rows-idx2-ubyte", resize=4)


@pytest.mark.parametrize(("ending", "kind"), [("png", np.uint16), ("tiff", np.float32)])
def test_deep_images_are_scaled_in_their_precision(ending, kind, tmp_path):
    save(tmp_path / f"0.{ending}", np.full((4, 4), 40_001, kind))
    found = load_data(tmp_path, resize=2)
    assert found.rows.tolist() == [[40_001] * 4]
    assert found.range == (40_001, 40_001)


def test_classes_of_two_levels(tmp_path):
    """train/cat and test/cat are one class; numeric names are in numeric order."""
    for part, name, level in (("train", "10", 3), ("train", "9", 4), ("test", "10", 5)):
        save(tmp_path / part / name / "0.png", np.full((2, 2), level, np.uint8))
    found = load_data(tmp_path)
    assert found.class_names == class_names(str(tmp_path)) == ["9", "10"]
    assert found.labels.tolist() == [1, 1, 0]  # test/10, train/10, train/9
    assert found.rows[:, 0].tolist() == [5, 3, 4]
    assert load_data(tmp_path / "train").labels.tolist() == [1, 0]


# MNIST and its like in folders


def write_set(folder, suffix=".gz"):
    """Ten images of 28 × 28 in the two files of a set; what was written."""
    folder.mkdir(parents=True)
    images = RNG.integers(0, 256, (10, 28, 28)).astype(np.uint8)
    labels = (np.arange(10) % 4).astype(np.uint8)
    pack = gzip.compress if suffix else bytes
    for part, some in (("train", slice(0, 7)), ("t10k", slice(7, 10))):
        own, classes = images[some], labels[some]
        head = bytes([0, 0, 8, 3]) + struct.pack(">3I", *own.shape)
        (folder / f"{part}-images-idx3-ubyte{suffix}").write_bytes(pack(head + own.tobytes()))
        head = bytes([0, 0, 8, 1]) + struct.pack(">I", len(classes))
        (folder / f"{part}-labels-idx1-ubyte{suffix}").write_bytes(pack(head + classes.tobytes()))
    return images.reshape(10, -1), labels


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Nothing read before, nothing kept by scikit-learn, no network, no package of the system."""
    from bridges.data import data_set, named

    def fail(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    monkeypatch.setattr("sklearn.datasets.get_data_home", lambda: str(tmp_path / "nothing"))
    monkeypatch.setattr(named, "_LISTS", tmp_path / "info")
    monkeypatch.delenv(VARIABLE, raising=False)
    data_set.stored.cache_clear()
    yield tmp_path
    data_set.stored.cache_clear()


@pytest.mark.parametrize(
    ("name", "folder", "suffix"),
    [
        ("fashion", "Fashion-MNIST", ".gz"),
        ("fashion", "FashionMNIST/raw", ""),
        ("mnist", "mnist", ".gz"),
        ("mnist", "MNIST/raw", ""),
    ],
)
def test_sets_are_found_in_a_folder_of_ones_own(name, folder, suffix, fresh, monkeypatch):
    images, labels = write_set(fresh / "sets" / folder, suffix)
    monkeypatch.setenv(VARIABLE, str(fresh / "sets"))
    found = load_data(name)
    assert np.array_equal(found.rows.numpy(), images)  # the training set first
    assert np.array_equal(found.labels.numpy(), labels)
    assert (found.shape, found.axes) == ((28, 28), "HW")
    assert (found.class_names or [])[:1] == (["T-shirt/top"] if name == "fashion" else [])
    monkeypatch.delenv(VARIABLE)
    assert np.array_equal(rows_of(folder_in(fresh / "sets", name)), images)
    assert np.array_equal(rows_of(fresh / "sets" / folder), images)  # by its path
    alone = fresh / "sets" / folder / f"train-images-idx3-ubyte{suffix}"
    assert load_data(alone).labels.tolist() == labels[:7].tolist()


def test_sets_are_found_where_the_system_puts_them(fresh):
    images, _ = write_set(fresh / "usr" / "share")
    (fresh / "info").mkdir()
    files = ["/.", "/usr", *map(str, sorted((fresh / "usr" / "share").iterdir()))]
    (fresh / "info" / "dataset-fashion-mnist.list").write_text("\n".join(files) + "\n")
    assert np.array_equal(load("fashion")[0].numpy(), images)


def test_the_error_says_all_ways(fresh):
    for ways in ("openml.org", "package dataset-mnist", "--data-dir", VARIABLE):
        with pytest.raises(ValueError, match=ways):
            load("mnist")
    with pytest.raises(ValueError, match=r"data-dir: no IDX files of mnist in"):
        folder_in(fresh, "mnist")


def test_two_parts_of_unlike_sizes_are_refused(tmp_path):
    write_set(tmp_path / "a", "")
    head = bytes([0, 0, 8, 3]) + struct.pack(">3I", 1, 2, 2)
    (tmp_path / "a" / "t10k-images-idx3-ubyte").write_bytes(head + bytes(4))
    with pytest.raises(ValueError, match=r"must have one size, got \(28, 28\) .* \(2, 2\)"):
        load_data(tmp_path / "a")
