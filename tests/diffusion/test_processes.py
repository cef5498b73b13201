"""Trainings that several processes share: the same steps, whatever their number."""

import json
import subprocess
import sys

import pytest
import torch

from diffusion.processes import Processes

SCRIPT = """
import json, sys
import torch
from diffusion import ResidualMLP, train_denoiser

last, checkpoint, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
data = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
labels = torch.arange(64) % 3
seen = []
training = train_denoiser(
    data, labels, network=ResidualMLP(6, width=32, depth=1, classes=3, seed=3), steps=100, batch=17,
    held_out=data[:5] + 0.1, seed=1, checkpoint=checkpoint, snapshots=[50],
    stop=lambda history: int(history.step[-1]) >= last, watch=lambda step, _: seen.append(step),
)
if training.step != last:
    raise SystemExit(f"stopped at {training.step}")
weights = sum(float(p.double().abs().sum()) for p in training.denoiser.network.parameters())
found = {"loss": training.history.loss.tolist(), "held_out": training.history.held_out.tolist()}
with open(f"{out}-{torch.distributed.is_initialized() and torch.distributed.get_rank()}", "w") as f:
    json.dump(found | {"weights": weights, "seen": seen}, f)
"""


def trained(folder, processes, last, checkpoint):
    """What each process of a training found, by rank."""
    script, out = folder / "train.py", folder / f"{processes}-{last}"
    script.write_text(SCRIPT)
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [*start, str(script), str(last), str(folder / checkpoint), str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ranks = range(processes) if processes > 1 else ["False"]
    return [json.loads((folder / f"{out.name}-{rank}").read_text()) for rank in ranks]


def test_parts_of_a_batch_are_all_of_it():
    alone = Processes(torch.device("cpu"))
    assert (alone.rank, alone.count, alone.first) == (0, 1, True)
    assert alone.part(17) == slice(0, 17)
    assert alone.said("word") == "word"
    with pytest.raises(ValueError, match="why"):
        alone.said(ValueError("why"))
    alone.rank, alone.count = 1, 3
    parts = [torch.arange(17)[alone.part(17)]]
    for alone.rank in (0, 2):
        parts.append(torch.arange(17)[alone.part(17)])
    assert sorted(torch.cat(parts).tolist()) == list(range(17))


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_and_three_go_on(tmp_path):
    """The same global batches: losses agree to the rounding of sums in single precision."""
    (one,) = trained(tmp_path, 1, 100, "one.safetensors")
    first = trained(tmp_path, 2, 40, "several.safetensors")
    assert [found["seen"] for found in first] == [list(range(2, 41, 2)), []]  # rank 0 watches
    several = trained(tmp_path, 3, 100, "several.safetensors")
    for found in several:
        assert found["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert found["held_out"] == pytest.approx(one["held_out"], rel=1e-4)
        assert found["weights"] == several[0]["weights"]  # bit for bit, on all
    assert several[0]["loss"][:20] == first[0]["loss"]


@pytest.mark.slow
def test_an_error_of_the_file_is_that_of_all_processes(tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(AssertionError, match="ValueError: checkpoint"):
        trained(tmp_path, 2, 40, "bad.safetensors")


@pytest.mark.slow
def test_an_error_while_watching_ends_all_processes_at_once(tmp_path, monkeypatch):
    """What the first process cannot write must not leave the others waiting."""
    monkeypatch.setitem(globals(), "SCRIPT", SCRIPT.replace("seen.append(step)", "1 / 0"))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        trained(tmp_path, 2, 40, "watched.safetensors")
