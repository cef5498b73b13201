"""What stands in for one argument: what can never be meant, what is out of range, and the same
meaning in another type."""

import inspect
from datetime import date
from math import inf, nan

import numpy as np
import torch
from torch import Tensor

GENERATOR = "a generator"  # made anew for each call


def a_function(*_):
    return "nothing"


class AClass:
    pass


# No argument of a number, an array, a word or a seed can mean one of these.
NEVER = {
    "complex": 1 + 2j,
    "bytes": b"1",
    "date": date(2026, 1, 1),
    "numpy date": np.datetime64("2026-01-01"),
    "numpy dates": np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]"),
    "dict": {0: 1.0, 1: 2.0},
    "set": {1.0, 2.0},
    "generator": GENERATOR,
    "class": AClass,
    "object": AClass(),
    "function": a_function,
    "Ellipsis": ...,
    "objects": np.array([1.0, 2.0], dtype=object),
    "masked": np.ma.masked_array([[1.0, 2.0], [1.0, -1.0]], mask=[[0, 1], [0, 0]]),
    "masked number": np.ma.masked,
    "texts": ["1.0", "-1.0"],
    "numpy texts": np.array([["1.0", "-1.0"]]),
    "ragged": [[1.0], [1.0, 2.0]],
    "Nones": [None, None],
    "complex tensor": torch.ones(2, 2, dtype=torch.complex64),
    "complex array": np.ones((2, 2), dtype=complex),
    "bool tensor": torch.ones(2, 2, dtype=torch.bool),
    "bool array": np.ones((2, 2), dtype=bool),
    "meta tensor": torch.ones(2, 2, device="meta"),
    "record": np.zeros(2, dtype=[("a", float)]),
}
WORD = {"text": "sideways", "number as text": "1.0"}
TRUTH = {"True": True, "numpy True": np.True_, "tensor True": torch.tensor(True)}
TRUTHS = {*TRUTH, "bool tensor", "bool array"}
NOTHING = {"None": None}
# Some argument may mean one of these; a refusal says which, and nothing else comes out of it.
RANGE = {
    "nan": nan,
    "inf": inf,
    "-1": -1,
    "0": 0,
    "0.5": 0.5,
    "1e308": 1e308,
    "10**400": 10**400,
    "-10**400": -(10**400),
    "empty list": [],
    "empty array": np.empty(0),
    "no row": torch.empty(0, 2),
    "no column": torch.empty(2, 0),
    "4 axes": torch.ones(1, 1, 1, 2),
    "wrong width": torch.ones(2, 17),
    "numpy nan": np.array([[nan, 1.0]]),
    "half inf": torch.tensor([[inf, 1.0]], dtype=torch.float16),
    "int8": torch.ones(2, 2, dtype=torch.int8),
    "huge list": [10**400, 1],
}


def kind_of(value):
    """What an argument is: a word, a truth, a number, an array, or something of its own."""
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, str):
        return "word"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, Tensor | np.ndarray):
        return "array"
    if isinstance(value, list | tuple) and value:
        kinds = {kind_of(one) for one in value}
        return "array" if kinds <= {"number", "array", "list"} else "list"
    return "own"


def refused(function, name, given):
    """Values that the argument `name` of a call must refuse, by what they are."""
    kind = kind_of(given)
    optional = may_be_none(function, name)
    if "Sequence[Any]" in annotation(function, name):
        return {}
    values = dict(NEVER)
    if kind != "word":
        values |= WORD
    if kind != "truth" and name != "label":
        values |= TRUTH
    if not optional:
        values |= NOTHING
    if "ArrayLike | Tensor" in annotation(function, name):  # labels of two kinds may be truths
        values = {key: one for key, one in values.items() if key not in TRUTHS}
    if isinstance(given, dict):
        values.pop("dict")
    if takes_a_function(function, name):
        for left_out in ("class", "function", "object"):
            values.pop(left_out)
    if complex in (type(one) for one in (given if isinstance(given, list) else [given])):
        for left_out in ("complex", "complex array", "complex tensor"):
            values.pop(left_out)
    if name == "device" or name == "target":
        values.pop("texts", None)
    return values


def annotation(function, name):
    parameter = inspect.signature(function).parameters.get(name)
    return "" if parameter is None else str(parameter.annotation)


def may_be_none(function, name):
    parameter = inspect.signature(function).parameters.get(name)
    text = annotation(function, name)
    return parameter is not None and (parameter.default is None or "None" in text or "Seed" in text)


def takes_a_function(function, name):
    text = annotation(function, name)
    return any(
        word in text
        for word in (
            "Callable",
            "Any",
            "DenoiserLike",
            "Weight",
            "GuidanceRule",
            "Activation",
            "Noise",
            "Schedule",
            "Build",
            "Measure",
        )
    )


def same_meaning(given):
    """The same value in other types, by what they are."""
    kind = kind_of(given)
    if kind == "number":
        return dict(_numbers(given))
    if kind != "array":
        return {}
    try:
        return dict(_arrays(np.asarray(given).copy()))
    except (ValueError, TypeError):
        return {}


def _numbers(given):
    yield "numpy float64", np.float64(given)
    yield "0-d array", np.array(given)
    yield "0-d big-endian array", np.array(given, dtype=">f8")
    yield "0-d tensor", torch.tensor(given)
    yield "0-d tensor of gradient", torch.tensor(float(given), requires_grad=True)
    if float(np.float32(given)) == given:
        yield "numpy float32", np.float32(given)
        yield "0-d single", torch.tensor(float(given), dtype=torch.float32)
    if float(given).is_integer():
        yield "int", int(given)
        yield "float", float(given)
        yield "numpy int32", np.int32(given)
        yield "numpy uint8", np.uint8(given) if given >= 0 else np.int8(given)


def _arrays(array):
    if array.dtype.kind not in "fiu":
        return
    yield "list", array.tolist()
    yield "tuple", tuple(array.tolist())
    yield "array", array.copy()
    yield "big-endian", array.astype(array.dtype.newbyteorder(">"))
    yield "reversed strides", array[..., ::-1].copy()[..., ::-1]
    yield "not contiguous", np.repeat(array, 2, axis=-1)[..., ::2]
    yield "column order", np.asfortranarray(array)
    read_only = array.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    tensor = torch.from_numpy(array.copy())
    yield "tensor", tensor
    yield "sparse tensor", tensor.to_sparse()
    if array.dtype.kind == "f":
        yield "tensor of gradient", tensor.clone().requires_grad_()
        yield "computed tensor", tensor.clone().requires_grad_() * 1.0
        yield "single", tensor.float()
        yield "half", tensor.half()
        yield "bfloat16", tensor.bfloat16()
        yield "numpy half", array.astype(np.float16)
        if (array == np.round(array)).all():
            yield "whole numbers", array.astype(np.int16)
    else:
        yield "int16", array.astype(np.int16)
        yield "uint8", array.astype(np.uint8)
    if array.ndim > 1:
        yield "list of arrays", list(array)
        yield "list of tensors", list(tensor)
        yield "list of lists", [list(row) for row in array]


def fresh(value):
    return (x for x in (1.0, 2.0)) if isinstance(value, str) and value == GENERATOR else value
