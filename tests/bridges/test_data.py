import time
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image

from bridges.data import (
    as_patterns,
    as_rows,
    class_labels,
    count,
    fingerprint,
    image_shape,
    load,
    load_data,
    pattern_set,
    picture_as_row,
    place,
    raw_vectors,
    standardised,
    subset,
    vectors,
)
from bridges.data.named import named
from bridges.data.reading import AS_IT_IS
from hopfield import binarize


def test_digits_of_both_kinds():
    spins, real = (pattern_set("digits", kind, 50, None, seed=3) for kind in ("binary", "real"))
    assert spins.shape == real.shape == (50, 61)  # 3 pixels are constant in all digits
    assert (spins.abs() == 1).all()
    assert torch.allclose(real.square().sum(1), torch.full((50,), 61.0, dtype=torch.float64))
    everything = vectors("digits", "binary")
    assert everything.shape == (1797, 61)


def test_a_seed_orders_and_a_number_takes():
    many, few = (pattern_set("digits", "binary", P, None, seed=3) for P in (50, 20))
    assert torch.equal(many[:20], few)
    assert not torch.equal(few, pattern_set("digits", "binary", 20, None, seed=4))
    both = [pattern_set("digits", k, 9, None, seed=1) for k in ("binary", "real")]
    agree = (torch.sign(both[0]) == torch.sign(both[1])).double().mean()
    assert agree > 0.95  # the same images


def test_a_row_comes_first_where_it_is_asked_for():
    rows = load("digits")[0]
    asked = pattern_set("digits", "stored", 30, None, seed=3, first=17)
    assert torch.equal(asked[0], rows[17])
    others = pattern_set("digits", "stored", 30, None, seed=3)
    assert torch.equal(asked[1:], others[:29])  # in the order of the seed
    among = pattern_set("digits", "binary", 1797, None, seed=3, first=17)
    assert torch.equal(torch.unique(among, dim=0), torch.unique(vectors("digits", "binary"), dim=0))
    drawn = pattern_set("random", "real", 5, 8, seed=0)
    assert torch.equal(pattern_set("random", "real", 5, 8, seed=0, first=2)[0], drawn[2])
    for data, most in (("digits", 1796), ("random", 4)):
        with pytest.raises(ValueError, match=f"first must be a whole .* most {most}, got 5000"):
            pattern_set(data, "real", 5, None, seed=0, first=5000)


def test_patterns_are_made_of_any_rows_and_looked_at_again():
    rows = load("digits")[0]
    for kind in ("binary", "real"):
        assert torch.equal(as_patterns("digits", kind, rows[:40]), vectors("digits", kind)[:40])
    for k in range(3):  # of a deviation of its own
        one = rows[k : k + 1]
        again = as_rows("digits", "real", as_patterns("digits", "real", one), one)
        assert torch.allclose(again, one)
    spins = as_patterns("digits", "binary", rows[:1])
    shown = as_rows("digits", "binary", spins, rows[:1])
    assert set(shown.unique().tolist()) == {0.0, float(rows[0].max())}
    assert torch.equal(as_patterns("digits", "binary", shown), spins)
    halves = rows[:2, 2:9] - 4.5
    assert torch.equal(as_patterns("random", "binary", halves), halves.sign())
    with pytest.raises(ValueError, match="rows must differ from the mean of the data"):
        as_patterns("digits", "real", rows.mean(0)[None])


def test_a_picture_is_a_row_of_its_data(tmp_path):
    rows = load("digits")[0]
    ink = (255 * rows[7].reshape(8, 8) / 16).round().byte().numpy()
    for name, pixels, swapped in (("own.png", ink, False), ("paper.png", 255 - ink, True)):
        for side, agree in ((8, 1 - 1e-4), (64, 0.99)):  # rounding to bytes; a smooth filter
            image = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
            image.save(tmp_path / name)
            found, negative = picture_as_row(tmp_path / name, "digits")
            assert negative == swapped
            assert torch.cosine_similarity(found, rows[7:8]) > agree
            assert abs(float(found.norm() / rows[7].norm()) - 1) < 0.05
    np.save(tmp_path / "row.npy", rows[7].reshape(8, 8).numpy())
    assert torch.equal(picture_as_row(tmp_path / "row.npy", "digits")[0], rows[7:8])
    Image.fromarray(np.stack([ink] * 2 + [0 * ink], -1)).save(tmp_path / "colour.png")
    assert picture_as_row(tmp_path / "colour.png", "digits")[0].shape == (1, 64)
    np.save(tmp_path / "vectors.npy", np.eye(7))
    with pytest.raises(ValueError, match="cue is a picture, so that data must hold images"):
        picture_as_row(tmp_path / "own.png", str(tmp_path / "vectors.npy"))
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"^cue: .*broken.png"):
        picture_as_row(tmp_path / "broken.png", "digits")


@pytest.mark.parametrize("last", [True, False])
def test_a_picture_in_colour_has_the_channels_where_the_data_have_them(tmp_path, last):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (25, 6, 5, 3)).astype(np.uint8)
    Image.fromarray(images[3]).save(tmp_path / "cue.png")
    images[0, :2, 0, 0] = 0, 255  # the range of the data
    np.save(tmp_path / "data.npy", images if last else np.moveaxis(images, -1, 1))
    found, _ = picture_as_row(tmp_path / "cue.png", str(tmp_path / "data.npy"))
    assert torch.allclose(found, load(str(tmp_path / "data.npy"))[0][3:4])


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


BAD_FILES = {  # arrays, dictionaries of arrays or bytes; and what is said of them
    "missing.npy": (None, "no file"),
    "table.xls": (
        None,
        "data must be one of digits, random, clustered, mnist, fashion, a .npy or .npz file or a",
    ),
    "nan.npy": (np.array([[1.0, np.nan]]), "must be finite, got 1 NaN"),
    "flat.npy": (np.ones(5), r"must have shape \(rows, columns\), got \(5,\)"),
    "words.npy": (np.array([["a", "b"]]), "must hold real numbers, got dtype <U1"),
    "complex.npy": (np.eye(2) * 1j, "must hold real numbers, got dtype complex128"),
    "complex.npz": ({"data": np.eye(2) * 1j}, "must hold real numbers, got dtype complex128"),
    "phases.npz": (
        {"data": np.eye(3), "y": np.arange(3) * 1j},
        "y of .* must be 3 whole numbers or names, got dtype complex128",
    ),
    "twice.npz": (
        {"data": np.eye(3), "y": np.arange(3), "Target": np.arange(3)},
        r"one array of labels, or one named 'labels', got \['y', 'Target'\]",
    ),
    "objects.npy": (np.array([[1, None]]), "cannot be read"),
    "equal.npy": (np.full((3, 2), 7.0), "equal to its mean"),
    "two.npz": ({"a": np.ones(2), "b": np.ones(2)}, r"one named 'data', got \['a', 'b'\]"),
    "short.npz": (
        {"data": np.eye(3), "labels": np.arange(2)},
        r"labels of .* must be 3 whole numbers or names, got dtype int64 and shape \(2,\)",
    ),
    "half.npz": (
        {"data": np.eye(3), "labels": np.array([0, 0.5, 1])},
        "labels of .* must be 3 whole numbers or names, got dtype float64",
    ),
    "broken.npy": (b"not an array", "cannot be read"),
    "broken.npz": (b"PK not a zip", "cannot be read"),
    "empty.npy": (b"", "cannot be read"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_named(tmp_path, name):
    content, message = BAD_FILES[name]
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif isinstance(content, dict):
        np.savez(tmp_path / name, **content)
    elif content is not None:
        np.save(tmp_path / name, content)
    with pytest.raises(ValueError, match=message):
        pattern_set(str(tmp_path / name), "real", 1, None, seed=0)


# data sets of openml.org, never fetched here


@pytest.fixture
def openml(tmp_path, monkeypatch):
    """A small stand-in for openml.org; what was asked of it."""
    asked = []
    rng = np.random.default_rng(0)
    pixels, names = rng.integers(0, 256, (30, 9)).astype(float), rng.choice(list("0123"), 30)

    def fetch(name, version, as_frame, parser):
        asked.append(name)
        return SimpleNamespace(data=pixels, target=names.astype(object))

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    monkeypatch.setattr("sklearn.datasets.get_data_home", lambda: str(tmp_path))
    monkeypatch.setattr("bridges.data.named._LISTS", tmp_path)  # a machine may have its packages
    monkeypatch.delenv("BRIDGES_DATA", raising=False)
    return SimpleNamespace(asked=asked, pixels=pixels, names=names, home=tmp_path)


@pytest.mark.parametrize(("name", "title"), [("mnist", "mnist_784"), ("fashion", "Fashion-MNIST")])
def test_sets_of_openml_are_fetched_once(openml, name, title, fresh):
    for _ in range(2):
        fresh()
        rows, labels = load(name)
        assert np.array_equal(rows.numpy(), openml.pixels)
        assert labels.tolist() == [int(one) for one in openml.names]
    assert openml.asked == [title]
    assert (openml.home / f"{title}.npz").exists()
    mean = torch.from_numpy(openml.pixels.mean(0))
    assert torch.equal(vectors(name, "binary"), binarize(rows, mean))
    directions = (rows - mean) / (rows - mean).norm(dim=1, keepdim=True)
    assert torch.allclose(vectors(name, "real"), 3 * directions)
    assert count(name) == 30
    assert place(name) == fingerprint(name) == name


@pytest.fixture
def fresh():
    """Forget what was read, as another process would."""
    from bridges.data import sets as data

    def forget():
        data.stored.cache_clear()
        data.centre_of.cache_clear()

    forget()
    yield forget
    forget()


def test_without_a_network_the_cure_is_named(openml, monkeypatch, fresh):
    def fail(*_, **__):
        raise URLError("Name or service\n  not known\nTry again")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fail)
    message = r"mnist is not stored in .* \(<urlopen error Name .*\); run once where there is a net"
    with pytest.raises(ValueError, match=message) as caught:
        pattern_set("mnist", "real", 5, None, seed=0)
    assert "\n" not in str(caught.value)
    assert "Name or service not known Try again" in str(caught.value)
    assert list(openml.home.iterdir()) == []


# folders of images


def folder_of_images(folder, classes=("",), suffix="png", size=(5, 4)):
    rng = np.random.default_rng(0)
    written = []
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(3):
            pixels = rng.integers(0, 256, (size[1], size[0])).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.{suffix}")
            written.append(pixels.ravel())
    return np.array(written)


def test_a_folder_of_images_is_a_row_each(tmp_path):
    written = folder_of_images(tmp_path / "pictures")
    assert np.array_equal(raw_vectors(str(tmp_path / "pictures")).numpy(), written)
    assert class_labels(str(tmp_path / "pictures")) is None
    assert pattern_set(str(tmp_path / "pictures"), "binary", 2, None, seed=0).shape == (2, 20)


def test_sub_folders_are_classes(tmp_path):
    written = folder_of_images(tmp_path, ("cats", "boats", ".hidden"))
    (tmp_path / "boats" / "notes.txt").write_text("no image")
    rows, labels = load(str(tmp_path))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]  # boats before cats
    assert np.array_equal(rows.numpy(), np.concatenate([written[3:6], written[:3]]))


def test_colours_are_kept_and_jpegs_are_read(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    for suffix in ("png", "jpg", "JPEG"):
        Image.fromarray(red).save(tmp_path / f"red.{suffix}")
    rows = raw_vectors(str(tmp_path))
    assert rows.shape == (3, 48)
    assert rows.numpy() == pytest.approx(np.tile(red.ravel(), (3, 1)), abs=2)  # JPEG's losses


def test_a_changed_folder_is_read_again(tmp_path):
    folder_of_images(tmp_path)
    before, print_before = raw_vectors(str(tmp_path)), fingerprint(str(tmp_path))
    assert fingerprint(str(tmp_path)) == print_before
    time.sleep(0.02)
    Image.fromarray(np.full((4, 5), 7, np.uint8)).save(tmp_path / "0.png")
    assert not torch.equal(raw_vectors(str(tmp_path)), before)
    assert fingerprint(str(tmp_path)) != print_before


def bad_folder(folder, case):
    if case != "empty":
        folder_of_images(folder)
    if case == "mixed":
        folder_of_images(folder / "more")
    elif case == "sizes":
        Image.fromarray(np.zeros((3, 2), np.uint8)).save(folder / "9.png")
    elif case == "broken":
        (folder / "9.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    elif case == "cut":
        content = (folder / "1.png").read_bytes()
        (folder / "1.png").write_bytes(content[: len(content) - 30])
    elif case == "deep":
        Image.fromarray(np.zeros((4, 5), np.uint16)).save(folder / "9.png")


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("empty", "holds no images"),
        (
            "mixed",
            "must lie in it, or all in sub-folders, one per class; got 3 of 6 in sub-folders",
        ),
        ("sizes", r"must have one size, got 5×4 \(0.png\) and 2×3 \(9.png\)"),
        ("broken", "9.png cannot be read"),
        ("cut", "1.png cannot be read"),
        ("deep", r"one depth, got 8 bits \(0.png\) and 16 or 32 bits \(9.png\)"),
    ],
)
def test_bad_folders_are_named(tmp_path, case, message):
    bad_folder(tmp_path, case)
    with pytest.raises(ValueError, match=message):
        load(str(tmp_path))


# subsets


def as_set(rows):
    return {tuple(row) for row in rows.tolist()}


def test_held_out_vectors_are_fixed_and_never_trained_on():
    rows, labels = load("digits")
    splits = [
        subset(rows, labels, size=size, held_out=300, seed=seed)
        for size in (50, 400)
        for seed in (0, 1)
    ]
    for split in splits:
        assert torch.equal(split.held_out, splits[0].held_out)
        assert not as_set(split.train) & as_set(split.held_out)
        assert len(as_set(split.train)) == len(split.train)
        where = {tuple(row): int(k) for row, k in zip(rows.tolist(), labels, strict=True)}
        assert [where[tuple(row)] for row in split.train.tolist()] == split.train_labels.tolist()
        held = [where[tuple(row)] for row in split.held_out.tolist()]
        assert held == split.held_out_labels.tolist()
    assert torch.equal(splits[2].train[:50], splits[0].train)  # nested, by the seed
    assert not torch.equal(splits[0].train, splits[1].train)
    everything = subset(rows, held_out=300)
    assert len(everything.train) == 1797 - 300  # digits has no two alike
    assert everything.train_labels is everything.held_out_labels is None


def test_twins_of_held_out_vectors_are_not_trained_on():
    rows = torch.arange(20.0).repeat(3)[:, None] % 10  # each six times
    rows[::7] = -rows[::7]
    split = subset(rows, held_out=4)
    left = sum(int(v not in split.held_out.flatten()) for v in rows.flatten())
    assert len(split.train) == left < len(rows) - 4
    assert not set(split.train.flatten().tolist()) & set(split.held_out.flatten().tolist())


def test_imbalance_takes_what_is_asked_of_each_class():
    rows, labels = load("digits")
    counts = {1: 40, 7: 4, 9: 0}
    few, many = (
        subset(rows, labels, counts=each, held_out=200, seed=5) for each in (counts, {1: 80, 7: 8})
    )
    assert few.train_labels.bincount().tolist() == [0, 40, 0, 0, 0, 0, 0, 4]
    assert as_set(few.train) < as_set(many.train)
    assert torch.equal(few.held_out, many.held_out)
    assert few.train_labels[:40].unique().tolist() == [1, 7]  # the classes are mixed


def test_standardised():
    rows, unit = standardised(raw_vectors("digits"))
    assert float(rows.mean(0).abs().max()) < 1e-12
    assert float(rows.square().mean()) == pytest.approx(1)
    assert unit == pytest.approx(4.3328, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "words"),
    [("", "data must be one of .*, got no text"), ("x" * 300, "data: no file 'xxx")],
)
def test_what_no_file_is_called_is_no_data(name, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        load_data(name)


def test_the_shape_of_images_is_that_of_their_rows():
    assert image_shape("digits", 64) == (1, 8, 8, False)
    with pytest.raises(ValueError, match=r"^size must be 64, as of the rows of digits, got 63"):
        image_shape("digits", 63)


def test_digits_are_those_of_scikit_learn(monkeypatch):
    """From its file, and from its function where the file lies elsewhere."""
    from sklearn.datasets import load_digits

    theirs = load_digits()
    for find_spec in (None, lambda name: None):
        if find_spec is not None:
            monkeypatch.setattr("bridges.data.named.find_spec", find_spec)
        ours = named("digits", AS_IT_IS)
        assert (ours.values == theirs.images).all()
        assert (ours.labels == theirs.target).all()
        assert (ours.values.dtype, ours.labels.dtype) == (np.float64, np.int64)
