"""Checkpoints that were cut, forged or are of another training: one sentence each, no crash.

A forgery here has the digest that belongs to it: whoever can write a file can write that too.
"""

import json
import math

import pytest
import torch
from safetensors.torch import save

from diffusion import ResidualMLP, UNet, checkpoints, load_denoiser, save_denoiser, train_denoiser
from diffusion.networks import NetworkDenoiser

OPTIONS = {"steps": 40, "seed": 0, "quiet": True, "snapshots": [2, 30]}
STOPPED = 4  # steps made when the training was broken off


def points(rows, seed=0):
    return torch.randn(rows, 2, generator=torch.Generator().manual_seed(seed))


def asked(**changed):
    network = ResidualMLP(2, width=16, depth=1, seed=0)
    return {"network": network, "held_out": points(9, 3)} | OPTIONS | changed


def stopped(file, **changed):
    return train_denoiser(
        points(50),
        checkpoint=file,
        stop=lambda history: int(history.step[-1]) >= STOPPED,
        **asked(**changed),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The content of a sound checkpoint: tensors and record."""
    file = tmp_path_factory.mktemp("whole") / "run.safetensors"
    stopped(file)
    return checkpoints.read(file)


def refused(file, data=None, **changed):
    """The one sentence with which a training refuses a checkpoint."""
    before = file.read_bytes()
    with pytest.raises(ValueError, match="checkpoint") as error:
        train_denoiser(points(50) if data is None else data, checkpoint=file, **asked(**changed))
    assert "\n" not in str(error.value)
    assert file.read_bytes() == before
    return str(error.value)


def test_a_sound_one_is_taken(tmp_path, whole):
    """What the forgeries differ from: written again by hand, it is taken to the same weights."""
    file = tmp_path / "run.safetensors"
    checkpoints.write(file, *whole)
    resumed = train_denoiser(points(50), checkpoint=file, **asked())
    plain = train_denoiser(points(50), **asked())
    assert resumed.history.to_dict() == plain.history.to_dict()
    for one, other in zip(
        resumed.denoiser.network.parameters(), plain.denoiser.network.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_one_of_before_an_option_was_there_is_taken(tmp_path, whole):
    """As of its default: what such a checkpoint does not name was not another."""
    file = tmp_path / "run.safetensors"
    tensors, record = whole
    options = {k: v for k, v in record["training"]["options"].items() if k != "rate_course"}
    earlier = record | {"training": record["training"] | {"options": options}}
    checkpoints.write(file, tensors, earlier)
    assert train_denoiser(points(50), checkpoint=file, **asked()).step == 40
    checkpoints.write(file, tensors, earlier)
    assert "(rate_course differ)" in refused(file, rate_course="constant")


TENSORS = (
    "adam.step.0",
    "adam.exp_avg.1",
    "adam.exp_avg_sq.2",
    "network.read.weight",
    "denoiser.read.weight",
    "denoiser.mean",
    "snapshot.2.0",
    "history",
    "generator",
)


def nan(value):
    value = value.clone()
    value.view(-1)[0] = math.nan if value.is_floating_point() else 255
    return value


def first_to(number):
    def change(value):
        value = value.clone()
        value.view(-1)[0] = number
        return value

    return change


CHANGES = {
    "flat": lambda v: v.reshape(-1) if v.ndim != 1 else v[None],
    "empty": lambda v: v.reshape(-1)[:0],
    "longer": lambda v: torch.cat([v.reshape(-1), v.reshape(-1)]),
    "float64": lambda v: v.double() if v.dtype != torch.float64 else v.float(),
    "whole": lambda v: v.long(),
    "complex": lambda v: v.to(torch.complex64),
    "bool": lambda v: v.bool(),
    "float8": lambda v: v.to(torch.float8_e4m3fn),
}
NUMBERS = {  # of its first entry
    "adam.step.0": (math.nan, -1, 0, STOPPED + 1, 1e30, math.inf),
    "adam.exp_avg.1": (math.nan, math.inf),
    "adam.exp_avg_sq.2": (math.nan, -1e-3),
    "network.read.weight": (math.nan, -math.inf),
    "denoiser.read.weight": (math.nan,),
    "denoiser.mean": (math.nan, 7.0),
    "snapshot.2.0": (math.nan,),
    "history": (math.nan, -1, 3, 1e300),
}


def forgeries():
    """Every way to forge a tensor, by name: a change of the dictionary of tensors."""
    for name in TENSORS:
        yield f"{name} dropped", lambda t, n=name: t.pop(n)
        yield f"{name} renamed", lambda t, n=name: t.update({n + "x": t.pop(n)})
        for how, change in CHANGES.items():
            yield f"{name} {how}", lambda t, n=name, c=change: t.update({n: c(t[n])})
        for number in NUMBERS.get(name, ()):
            change = first_to(number)
            yield f"{name} {number}", lambda t, n=name, c=change: t.update({n: c(t[n])})
    yield "one more", lambda t: t.update({"more": torch.zeros(2)})
    yield "a later snapshot", lambda t: t.update({"snapshot.30.0": t["snapshot.2.0"]})
    yield "another rate", lambda t: t["history"][:, 3].mul_(2)
    yield "no held-out losses", lambda t: t["history"][:, 2].fill_(math.nan)
    yield "a loss of NaN", lambda t: t["history"][:, 1].fill_(math.nan)
    yield "one mark less", lambda t: t.update({"history": t["history"][:-1]})
    yield "no random stream", lambda t: t["generator"].fill_(255)
    yield "none at all", lambda t: t.clear()


FORGED = dict(forgeries())


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_tensor_is_refused(how, tmp_path, whole):
    file = tmp_path / "run.safetensors"
    tensors = {name: value.clone() for name, value in whole[0].items()}
    FORGED[how](tensors)
    checkpoints.write(file, tensors, whole[1])
    refused(file)


def test_more_than_fifty_ways_are_tried():
    assert len(FORGED) + len(RECORDS) > 100


RECORDS = {  # changes of the record, by where they are
    "training": (None, [], "x", 3, {}),
    "training.step": (-4, 3, 41, 10**30, 4.0, "4", True, None, math.nan, math.inf, [4]),
    "training.options": (None, [], {}, 5),
    "training.options.rate": (1e-2, "0.001", None, math.nan),
    "training.options.batch": (0, 7, True),
    "training.options.snapshots": ([], [2], [30, 2], 2, None),
    "training.options.marks": ([], [4], "all"),
    "training.options.seed": (1, None, 0.0, False),
    "training.options.more": (1,),
    "training.data": ("", None, 0, "0" * 64),
    "training.held_out": ("", None),
    "denoiser": (None, [], {}),
    "denoiser.scale": (0, 1.0, "1", math.nan),
    "denoiser.architecture": ("unet", "transformer", None, []),
    "denoiser.config": ({}, {"dimension": 2}, None),
    "denoiser.levels": (None, [1, 2], [], "ab"),
    "denoiser.label": (0, -1),
    "more": (1,),
}


@pytest.mark.parametrize("place", RECORDS)
def test_a_forged_record_is_refused(place, tmp_path, whole):
    file = tmp_path / "run.safetensors"
    *path, last = place.split(".")
    for value in RECORDS[place]:
        record = json.loads(json.dumps(whole[1]))
        inner = record
        for name in path:
            inner = inner[name]
        inner[last] = value
        checkpoints.write(file, whole[0], record)
        refused(file)
        if inner.pop(last) is not None and last != "more":
            checkpoints.write(file, whole[0], record)
            refused(file)


def with_text(text):
    about = {"format": "hopfield-diffusion denoiser 1", "record": text}
    return save({}, about | {"digest": checkpoints._digest({}, text)})


BYTES = {
    "nothing": lambda c: b"",
    "the length alone": lambda c: c[:8],
    "half a header": lambda c: c[:200],
    "without its end": lambda c: c[:-1],
    "with more after it": lambda c: c + b"\0",
    "a huge header": lambda c: b"\xff" * 7 + b"\x7f" + c[8:],
    "a header beyond the file": lambda c: (len(c) * 2).to_bytes(8, "little") + c[8:],
    "no JSON": lambda c: c[:8] + b"[" * 40 + c[48:],
    "zeros": lambda c: bytes(len(c)),
    "a number changed": lambda c: c[:-5] + bytes([c[-5] ^ 1]) + c[-4:],
    "a name changed": lambda c: c.replace(b"exp_avg_sq.0", b"exp_avg_sq.9"),
    "a dtype unknown": lambda c: c.replace(b'"F32"', b'"F31"', 1),
    "a dtype too wide": lambda c: c.replace(b'"F32"', b'"F64"', 1),
    "no record": lambda c: save({"a": torch.zeros(1)}, {"format": "hopfield-diffusion denoiser 1"}),
    "no metadata": lambda c: save({"a": torch.zeros(1)}),
    "metadata null": lambda c: b'\x14\0\0\0\0\0\0\0{"__metadata__":null}',
    "a record that is text": lambda c: with_text("run"),
    "a record that is a list": lambda c: with_text("[]"),
    "a record too deep": lambda c: with_text("[" * 100_000),
    "a record deep": lambda c: with_text('{"training":' * 900 + "1" + "}" * 900),
    "a number too long": lambda c: with_text('{"training": {"step": 1' + "0" * 5000 + "}}"),
}


@pytest.mark.parametrize("how", BYTES)
def test_a_damaged_file_is_refused(how, tmp_path):
    file = tmp_path / "run.safetensors"
    stopped(file)
    damaged = BYTES[how](file.read_bytes())
    file.write_bytes(damaged)
    refused(file)
    with pytest.raises(ValueError, match=r"checkpoint .*") as error:
        load_denoiser(file)
    assert "\n" not in str(error.value)


OTHERS = {
    "data": ({"data": points(50, 1)}, r"\(data, network differ\)"),
    "fewer data": ({"data": points(49)}, "data"),
    "held-out data": ({"held_out": points(9, 4)}, r"\(held_out differ\)"),
    "no held-out data": ({"held_out": None}, r"\(held_out differ\)"),
    "network": ({"network": ResidualMLP(2, width=8, depth=1, seed=0)}, r"\(network differ\)"),
    "precision": (
        {"network": ResidualMLP(2, width=16, depth=1, seed=0).double()},
        r"\(data differ\)",  # which are in double precision too
    ),
    "classes": (
        {"network": ResidualMLP(2, 16, 1, classes=2, seed=0), "labels": torch.arange(50) % 2},
        "data, network differ",
    ),
    "steps": ({"steps": 80}, "steps"),
    "rate": ({"rate": 0.5}, r"\(rate differ\)"),
    "seed": ({"seed": None}, r"\(seed differ\)"),
    "snapshots": ({"snapshots": [2]}, r"\(snapshots differ\)"),
    "levels": ({"levels": (0.1, 1.0)}, "levels"),
    "weighting": ({"weighting": "likelihood"}, r"\(weighting differ\)"),
    "batch": ({"batch": 10}, r"\(batch differ\)"),
    "average": ({"average": 0.5}, r"\(average differ\)"),
    "rate course": ({"rate_course": "constant"}, r"\(rate_course differ\)"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_one_of_another_training_is_refused(what, tmp_path):
    file = tmp_path / "run.safetensors"
    stopped(file)
    changed, message = OTHERS[what]
    with pytest.raises(ValueError, match=message):
        train_denoiser(**({"data": points(50), "checkpoint": file} | asked(**changed)))


def test_a_forged_denoiser_is_refused(tmp_path):
    """The tensors and record of a denoiser alone, forged in the ways that concern it."""
    file = tmp_path / "one.safetensors"
    tensors, record = checkpoints.describe(NetworkDenoiser(ResidualMLP(2, 16, 1, seed=0)))
    forged = []
    for name in ("denoiser.mean", "denoiser.read.weight"):
        forged += [({name: CHANGES[how](tensors[name])}, {}) for how in CHANGES if how != "float64"]
        forged += [
            ({name: nan(tensors[name])}, {}),
            ({name: None}, {}),
            ({name + "x": torch.zeros(1)}, {}),
        ]
    wrong = RECORDS["denoiser.architecture"] + RECORDS["denoiser.config"]
    forged += [({}, {"architecture": value}) for value in wrong]
    forged += [({}, {"config": value}) for value in (*wrong, {"dimension": 0}, {"width": math.nan})]
    forged += [({}, {"scale": value}) for value in (0, -1, "1", None, math.nan, math.inf, [])]
    forged += [({}, {"levels": value}) for value in ([1], [2, 1], 3, "ab", [math.nan, 1], {})]
    forged += [({}, {"label": value}) for value in (0, -1, "x", [])]
    for changed, said in forged:
        given = {k: v for k, v in (tensors | changed).items() if isinstance(v, torch.Tensor)}
        checkpoints.write(file, given, {"denoiser": record["denoiser"] | said})
        with pytest.raises(ValueError, match=r"checkpoint .*one.safetensors") as error:
            load_denoiser(file)
        assert "\n" not in str(error.value)


def test_equal_content_gives_equal_bytes(tmp_path):
    """Of two trainings, and of one file written many times over."""
    files = [tmp_path / f"{k}.safetensors" for k in range(2)]
    for file in files:
        stopped(file)
    assert files[0].read_bytes() == files[1].read_bytes()
    content = checkpoints.read(files[0])
    for _ in range(8):  # the library puts three entries of metadata in any of six orders
        checkpoints.write(files[1], *content)
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_weights_keep_their_precision(dtype, tmp_path):
    file = tmp_path / "one.safetensors"
    network = UNet((4, 4), channels=8, seed=0).to(dtype)
    with torch.no_grad():
        for own in network.parameters():
            own.add_(math.pi)
    save_denoiser(NetworkDenoiser(network), file)
    for one, other in zip(
        load_denoiser(file).network.parameters(), network.parameters(), strict=True
    ):
        assert one.dtype == dtype
        assert torch.equal(one, other)
