"""Folders of classes are in the order of the numbers in their names, and the names are kept."""

import numpy as np
import pytest
from PIL import Image

from bridges.data import class_names, load, subset


def folders(where, names):
    for k, name in enumerate(names):
        (where / name).mkdir()
        for j in range(2):
            Image.new("L", (2, 2), 10 * k + j).save(where / name / f"{j}.png")


def test_class_2_is_folder_2(tmp_path):
    folders(tmp_path, [str(k) for k in range(12)])
    rows, labels = load(str(tmp_path))
    assert np.array_equal(rows[:, 0] // 10, labels)
    assert (subset(rows, labels, counts={2: 2}, seed=0).train[:, 0] // 10).tolist() == [2, 2]
    assert class_names(str(tmp_path)) == [str(k) for k in range(12)]


@pytest.mark.parametrize(
    "names",  # in the order that is expected
    [
        ["-3", "0.25", "0.5", "2", "1e1"],
        ["01", "2", "010"],
        ["class 2", "class 9", "class 10"],
        ["boats", "cats", "nan"],
        ["7", "inf"],
    ],
)
def test_names_are_in_order_and_kept(tmp_path, names):
    folders(tmp_path, names)
    rows, labels = load(str(tmp_path))
    assert class_names(str(tmp_path)) == names
    assert np.array_equal(rows[:, 0] // 10, labels)


def test_what_has_no_names_has_none(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "0.png")
    np.save(tmp_path / "mine.npy", np.eye(3))
    for data in (tmp_path, tmp_path / "mine.npy", "digits"):
        assert class_names(str(data)) is None


@pytest.mark.parametrize("name", ["label", "Labels", "y", "Y", "target", "TARGETS", "labels"])
@pytest.mark.parametrize("data", ["data", "X"])
def test_labels_by_their_usual_names(tmp_path, name, data):
    np.savez(tmp_path / "mine.npz", **{data: np.eye(3), name: np.array([4, 0, 4])})
    rows, labels = load(str(tmp_path / "mine.npz"))
    assert np.array_equal(rows, np.eye(3))
    assert labels.tolist() == [4, 0, 4]


def test_the_only_array_is_the_data_whatever_its_name(tmp_path):
    np.savez(tmp_path / "mine.npz", y=np.eye(3))
    rows, labels = load(str(tmp_path / "mine.npz"))
    assert np.array_equal(rows, np.eye(3))
    assert labels is None
