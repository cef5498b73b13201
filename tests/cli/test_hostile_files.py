"""Files that are broken, forged or not what their name says: one line, exit code 2, no harm."""

import io
import json
import pickle
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from terminal import ENVIRONMENT, refuses, rows, run

from bridges import run_study
from bridges.study.folders import load_run, merge
from diffusion import ResidualMLP, UNet, checkpoints
from diffusion.checkpoints import load_denoiser, save_denoiser
from diffusion.networks import NetworkDenoiser

SMALL = "bridges retrieve --data random --size 20 --patterns 2 --trials 2 --overlaps 1 --jobs 1"
SMALL += " --samples 2 --out run"


class Bomb:
    """Writes a file when it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


def npy(shape, content=b"\0" * 64):
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + content


def archive(**arrays):
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def damaged(content):
    at = len(content) // 3
    return content[:at] + bytes(255 - byte for byte in content[at : at + 40]) + content[at + 40 :]


def of_members(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return content.getvalue()


def encrypted():
    content = bytearray(archive(data=np.eye(4)))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    return bytes(content)


ROWS = np.random.default_rng(0).normal(size=(40, 9))
FILES = {
    "pickled.npz": lambda: archive(data=np.array([[Bomb()]], dtype=object)),
    "pickled.npy": lambda: pickle.dumps(Bomb()),
    "labels.npz": lambda: archive(data=ROWS, labels=np.array([Bomb()] * 40, dtype=object)),
    "endless.npz": lambda: archive(data=ROWS, labels=np.full(40, np.inf)),
    "vast.npz": lambda: archive(data=ROWS, labels=np.full(40, 1e300)),
    "cut.npz": lambda: archive(data=ROWS)[:-200],
    "damaged.npz": lambda: damaged(archive(data=ROWS)),
    "encrypted.npz": encrypted,
    "words.npz": lambda: of_members(data="no array"),
    "huge.npy": lambda: npy("(1000000000000, 64)"),
    "huge.npz": lambda: of_members(**{"data.npy": npy("(1000000000000, 64)")}),
    "overflow.npy": lambda: npy("(4611686018427387904, 4)"),
    "beyond.npy": lambda: npy("(10000000000000000000000000000, 1)"),
    "negative.npy": lambda: npy("(-1, 8)"),
    "code.npy": lambda: npy("__import__('os')"),
    "cut.npy": lambda: npy("(4, 9)"),
    "table.npy": lambda: b"0.1,0.2\n0.3,0.4\n",
    "complex.npz": lambda: archive(data=ROWS * 1j),
    "records.npz": lambda: archive(data=np.zeros(3, dtype=[("a", float)])),
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_arrays_that_are_none_are_refused(name):
    Path(name).write_bytes(FILES[name]())
    assert name in refuses("bridges retrieve", "--data", name, "--patterns 2 --out run")
    assert not Path("exploded").exists()


@pytest.mark.parametrize("option", ["--generated", "--held-out"])
def test_other_arrays_of_a_command_are_refused_likewise(option):
    Path("mine.npz").write_bytes(FILES["damaged.npz"]())
    words = f"--data digits --patterns 9 {option} mine.npz --out run"
    assert "mine.npz" in refuses("bridges memorization", words)


# checkpoints


def checkpoint(**changed):
    """A file of a small network, with what its record says changed and signed anew."""
    tensors, record = checkpoints.describe(NetworkDenoiser(ResidualMLP(2, width=4, depth=1)))
    own = record["denoiser"]
    own["config"] |= changed.pop("config", {})
    file = Path("mine.safetensors")
    checkpoints.write(file, tensors, {"denoiser": own | changed})
    return file


@pytest.mark.parametrize(
    "changed",
    [
        {"config": {"width": -4}},
        {"config": {"width": 10**6}},
        {"config": {"width": 40_000}},
        {"config": {"width": 8}},
        {"config": {"width": "4"}},
        {"config": {"depth": 10**9}},
        {"config": {"depth": 2**30, "width": 1}},
        {"config": {"classes": 10**12}},
        {"config": {"dimension": 10**12}},
        {"config": {"dimension": 3}},
        {"config": {"width": None}},
        {"config": {"surprise": 1}},
        {"config": {"seed": 10**30}},
        {"architecture": "__class__"},
        {"architecture": ["mlp"]},
        {"architecture": "unet"},
        {"scale": -1.0},
        {"scale": "wide"},
        {"levels": [2.0, 1.0]},
        {"levels": [1.0]},
        {"label": 3},
    ],
)
def test_a_forged_record_is_refused_before_it_takes_memory(changed):
    file, before = checkpoint(**changed), time.perf_counter()
    with pytest.raises(ValueError, match=r"checkpoint mine\.safetensors"):
        load_denoiser(file)
    assert time.perf_counter() - before < 5


@pytest.mark.parametrize("record", ["[]", "{", '"mlp"', "{}", '{"denoiser": null}', "[" * 10**5])
def test_a_record_that_is_none_is_named(record):
    tensors, _ = checkpoints.describe(NetworkDenoiser(ResidualMLP(2, width=4, depth=1)))
    about = {"format": checkpoints._FORMAT, "record": record}
    save_file(tensors, "one", about | {"digest": checkpoints._digest(tensors, record)})
    with pytest.raises(ValueError, match="checkpoint one"):
        load_denoiser("one")


VAST = b'{"w": {"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4]}}'


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 10_000) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", len(VAST)) + VAST,
        pickle.dumps(Bomb()),
        b"text",
    ],
)  # fmt: skip
def test_files_that_are_no_safetensors_are_refused(content):
    Path("one.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"checkpoint one\.safetensors is cut short or not"):
        load_denoiser("one.safetensors")
    assert not Path("exploded").exists()


@pytest.mark.parametrize("change", ["missing", "foreign", "shape", "mean"])
def test_weights_that_are_not_those_of_the_network_are_refused(change):
    tensors, record = checkpoints.describe(NetworkDenoiser(ResidualMLP(2, width=4, depth=1)))
    name = next(name for name in tensors if name.endswith("read.weight"))
    if change == "missing":
        del tensors[name]
    elif change == "foreign":
        tensors["denoiser.other"] = torch.zeros(2)
    elif change == "shape":
        tensors[name] = tensors[name].T
    else:
        del tensors["denoiser.mean"]
    checkpoints.write("one", tensors, record)
    with pytest.raises(ValueError, match="checkpoint one does not fit"):
        load_denoiser("one")


@pytest.mark.parametrize("network", [ResidualMLP(4, width=4, depth=2), UNet((2, 2), 8, levels=1)])
def test_sound_checkpoints_are_still_read(network):
    denoiser = NetworkDenoiser(network, scale=0.5)
    save_denoiser(denoiser, "one")
    x = torch.ones(3, 4)
    assert torch.equal(load_denoiser("one")(x, 0.7), denoiser(x, 0.7))


# the folder of a run


def values(point, seed):
    return [
        {"quantity": "q, of a kind", "value": point["x"]},
        {"quantity": "none", "value": float("nan")},
    ]


def ran(folder="run", **settings):
    return run_study("s", values, [{"x": 1}, {"x": 2}], samples=2, out=folder, **settings)


CONFIGS = [
    "",
    "{",
    "null",
    '"text"',
    "[" * 100_000,
    '{"study": "s", "parameters": {}, "seed": 0, "points": [1], "samples": 2}',
    '{"study": "s", "parameters": {}, "seed": 0, "points": [{}], "samples": 1e400}',
    '{"study": "s", "parameters": {}, "seed": 0, "points": [{}], "samples": 100000000000}',
    '{"study": 3, "parameters": {}, "seed": 0, "points": [{}], "samples": 2}',
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_record_of_parameters_that_is_none_is_refused(config):
    run(SMALL)
    Path("run/config.json").write_text(config)
    kept = Path("run/points.jsonl").read_bytes()
    for words in ("bridges show run", "bridges merge run --out whole", SMALL):
        assert "run" in refuses(words)
    assert Path("run/points.jsonl").read_bytes() == kept


def test_a_changed_value_is_another_run_and_another_study_tells_nothing():
    run(SMALL)
    config = json.loads(Path("run/config.json").read_text())
    for changed in ({"parameters": config["parameters"] | {"trials": 3}}, {"study": "capacity"}):
        Path("run/config.json").write_text(json.dumps(config | changed))
        assert "holds another run" in refuses(SMALL)
    Path("run/config.json").write_text(json.dumps(config | {"study": "bridges basins"}))
    assert "'bridges basins'" in refuses("bridges show run")
    Path("run/config.json").write_text(
        json.dumps(config | {"parameters": {}, "study": "bridges graph"})
    )
    assert "'bridges graph'" in refuses("bridges show run")


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "[]",
        '{"point": 0}',
        '{"point": 9, "sample": 0, "rows": []}',
        '{"point": 0, "sample": 0, "rows": {}}',
        '{"point": 0, "sample": 0, "rows": [3]}',
        '{"point": 0, "sample": 0, "rows": [{"quantity": "q"}]}',
        '{"point": 0, "sample": 0, "rows": [{"quantity": "q", "value": "much"}]}',
        '{"point": [0], "sample": 0, "rows": []}',
    ],
)
def test_a_corrupt_line_is_named_and_nothing_is_lost(line):
    run(SMALL)
    points = Path("run/points.jsonl")
    lines = points.read_text().splitlines()
    points.write_text("\n".join([lines[0], line, *lines[1:]]) + "\n")
    kept = points.read_bytes()
    for words in ("bridges show run", SMALL):
        assert "line 2 of run/points.jsonl is not a point of this run" in refuses(words)
    assert points.read_bytes() == kept


def test_a_line_cut_short_is_told_and_measured_again(capsys):
    ran()
    points = Path("run/points.jsonl")
    whole = points.read_text()
    points.write_text(whole[:-9])
    study = ran()
    assert study.reused == 3
    assert "dropped a last line of run/points.jsonl that was cut short" in capsys.readouterr().err
    assert sorted(points.read_text().splitlines()) == sorted(whole.splitlines())


def test_points_there_twice_count_once_unless_they_disagree():
    study = ran()
    points = Path("run/points.jsonl")
    points.write_text(points.read_text() * 2)
    assert load_run(Path("run")).to_csv() == study.to_csv()
    assert ran().reused == 4
    merge([Path("run"), Path("run")], Path("whole"))  # NaN is NaN
    entry = json.loads(points.read_text().splitlines()[0])
    entry["rows"][0]["value"] += 1
    points.write_text(points.read_text() + json.dumps(entry) + "\n")
    message = "line 9 of run/points.jsonl disagrees with an earlier one about point 0, sample 0"
    assert message in refuses("bridges show run")


def test_the_table_of_results_needs_no_options():
    study = ran()
    table = rows()
    assert [row["quantity"] for row in table] == ["q, of a kind", "none"] * 2
    assert [float(row["value"]) for row in table if row["value"] != "nan"] == [1, 2]
    assert len(table) == len(study.results())
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv("run/results.csv")
    assert table["value"].dropna().tolist() == [1, 2]


HOLDS = """
import sys, time
from pathlib import Path
from bridges.study.record import Record
with Record(Path("run"), {"study": "s", "points": []}, False):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_of_two_processes_one_refuses():
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "held\n"
        assert "another process is writing to run" in refuses(SMALL)
        other.communicate("\n")
    assert other.returncode == 0


def test_a_folder_that_may_not_be_written_is_named(monkeypatch):
    def denied(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "mkdir", denied)  # whoever runs this: root may write anywhere
    assert "run cannot be made: Permission denied" in refuses(SMALL)
