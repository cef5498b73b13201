"""What holds for every data set, of any kind of numbers and of any shape of a row."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from bridges import DataSet, load_data
from bridges.data.reading import joined, split

KINDS = st.sampled_from(["u1", "i1", "i2", ">i4", "i8", "u2", "?", "f4", ">f8"])


@st.composite
def values(draw):
    """An array (n, …) of real, finite numbers."""
    kind = np.dtype(draw(KINDS))
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=4, max_side=5))
    finite = {"allow_nan": False, "allow_infinity": False} if kind.kind == "f" else {}
    return draw(arrays.arrays(kind, shape, elements=arrays.from_dtype(kind, **finite)))


@given(values(), st.sampled_from(["npy", "npz"]))
def test_rows_are_those_of_the_array(tmp_path_factory, array, ending):
    file = tmp_path_factory.mktemp("data") / f"a.{ending}"
    labels = np.arange(len(array))
    np.save(file, array) if ending == "npy" else np.savez(file, data=array, y=labels)
    found = load_data(file)
    assert found.rows.shape == (len(array), array[0].size)
    assert np.array_equal(found.rows.numpy(), array.reshape(len(array), -1))
    assert found.shape == array.shape[1:]
    assert len(found.axes) in (0, len(found.shape))
    assert found.range == (array.min(), array.max())
    assert ending == "npy" or found.labels.tolist() == labels.tolist()
    with pytest.raises(AttributeError):
        found.rows = None


@given(
    st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6), st.floats(-1e6, 1e6), st.integers(0, 255)
)
def test_units_are_changed_as_they_are_said(tmp_path_factory, scale, shift, value):
    file = tmp_path_factory.mktemp("data") / "a.npy"
    np.save(file, np.array([[value, 0]], np.uint8))
    assert load_data(file, scale=scale, shift=shift).rows.tolist() == [
        [value * scale + shift, shift]
    ]
    name = joined(file, scale=scale, shift=shift)
    assert (split(name)[1].scale, split(name)[1].shift) == (scale, shift)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9),
    st.booleans(),
    st.none() | st.tuples(st.integers(1, 999), st.integers(1, 999)),
)
def test_a_name_says_all_options(label, grey, size):
    name = joined("faces", label=label, grey=grey or None, resize=size)
    place, how = split(name)
    assert (place, how.label, how.grey, how.resize) == ("faces", label, grey, size)
    assert joined(name) == name


def test_a_data_set_may_be_made_by_hand():
    found = DataSet(torch.eye(3), (3,), "", torch.arange(3), ["a", "b", "c"])
    assert found.range == (0.0, 1.0)
    assert found.to_dict()["class_names"] == ["a", "b", "c"]
    assert len(found) == 3


ENDINGS = st.sampled_from([".npy", ".npz", ".csv", ".mat", ".pt", ".idx", ".safetensors"])


@given(st.binary(max_size=300), ENDINGS)
def test_any_bytes_are_a_data_set_or_one_sentence(tmp_path_factory, content, ending):
    file = tmp_path_factory.mktemp("data") / f"a{ending}"
    for broken in (content, _head(ending) + content):
        file.write_bytes(broken)
        said = "data"
        try:
            assert len(load_data(file)) > 0
        except ValueError as error:
            said = str(error)
        assert "data" in said
        assert "\n" not in said


def _head(ending):
    """How a file of a kind begins, so that the bytes after it are looked at."""
    content = io.BytesIO()
    if ending == ".npy":
        np.save(content, np.eye(3))
    elif ending == ".npz":
        np.savez(content, data=np.eye(3))
    elif ending == ".mat":
        from scipy.io import savemat

        savemat(content, {"x": np.eye(3)})
    elif ending == ".pt":
        torch.save(torch.eye(3), content)
    return content.getvalue()[:70]
