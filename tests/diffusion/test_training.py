"""Training: against the exact posterior error, resumed bit for bit, and refused where it must."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from diffusion import (
    VE,
    GaussianMixtureDenoiser,
    NetworkDenoiser,
    ResidualMLP,
    UNet,
    denoising_error,
    load_denoiser,
    sample,
    save_denoiser,
    train_denoiser,
)
from diffusion.checkpoints import read

SMALL = {"steps": 40, "seed": 0, "quiet": True}


def points(rows, d=2, seed=0):
    return torch.randn(rows, d, generator=torch.Generator().manual_seed(seed))


def small(classes=0, d=2):
    return ResidualMLP(d, width=16, depth=1, classes=classes, seed=0)


def weights(denoiser):
    return torch.cat([p.flatten() for p in denoiser.network.parameters()])


def energy_statistic(x, y):
    """Székely's energy distance between two samples."""
    return 2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()


def mixture():
    means = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])
    return GaussianMixtureDenoiser(means, 0.2, torch.tensor([0.5, 0.3, 0.2]))


@pytest.fixture(scope="module")
def learnt():
    torch.set_num_threads(1)
    data, labels = mixture().draw(20_000, seed=0)
    return train_denoiser(
        data,
        labels,
        network=ResidualMLP(2, width=64, depth=3, classes=3, seed=0),
        steps=3000,
        batch=256,
        seed=0,
        quiet=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("label", [None, 0, 2])
def test_its_loss_is_the_posterior_error_of_the_mixture(learnt, label):
    """Within 2 %, on fresh points at log-uniform noise levels, for the mixture and its classes."""
    exact, denoiser = mixture(), learnt.denoiser
    if label is not None:
        exact, denoiser = exact.condition(label), denoiser.condition(label)
    x, _ = exact.draw(100_000, seed=5)
    place = torch.rand(len(x), generator=torch.Generator().manual_seed(1))
    sigma = denoiser.scale * 0.01 * 1000**place
    weight = (sigma**2 + denoiser.scale**2) / (sigma * denoiser.scale) ** 2
    found, floor = (
        float((weight * denoising_error(one, x, sigma, seed=2)).mean()) for one in (denoiser, exact)
    )
    assert floor < found < 1.02 * floor  # the same noise for both: their difference is exact


@pytest.mark.slow
def test_its_samples_pass_for_those_of_the_mixture(learnt):
    """Energy distance against fresh points, its level from permutations."""
    count = 1000
    start = 10 * learnt.denoiser.scale
    cues = start * points(count, seed=8)
    drawn = sample(learnt.denoiser, cues, VE(), "heun", 60, start=start)
    fresh, _ = mixture().draw(count, seed=9)
    both, generator = torch.cat([drawn, fresh]), torch.Generator().manual_seed(0)
    found = energy_statistic(drawn, fresh)
    permuted = []
    for _ in range(200):
        order = torch.randperm(2 * count, generator=generator)
        permuted.append(energy_statistic(both[order[:count]], both[order[count:]]))
    assert float((torch.stack(permuted) >= found).double().mean()) > 0.005
    # and the test can tell: the untrained network draws a Gaussian
    plain = NetworkDenoiser(small(), learnt.denoiser.scale, learnt.denoiser.mean)
    other = sample(plain, cues, VE(), "heun", 60, start=start)
    assert energy_statistic(other, fresh) > 2 * max(permuted)


def test_a_quick_training_already_beats_a_gaussian_and_nears_the_floor():
    data, _ = mixture().draw(5000, seed=0)
    network = ResidualMLP(2, width=32, depth=2, seed=0)
    held_out, _ = mixture().draw(2000, seed=1)
    training = train_denoiser(
        data, network=network, steps=400, rate=4e-3, held_out=held_out, seed=0, quiet=True
    )
    x, _ = mixture().draw(20_000, seed=5)
    plain = NetworkDenoiser(small(), training.denoiser.scale, training.denoiser.mean)
    errors = [
        float(denoising_error(one, x, 0.5, seed=2).mean())
        for one in (mixture(), training.denoiser, plain)
    ]
    assert errors[0] < errors[1] < errors[0] + 0.2 * (errors[2] - errors[0])
    history = training.history
    assert history.held_out[-1] < history.held_out[0]
    assert abs(history.held_out[-1] - history.loss[-5:].mean()) < 0.05
    assert history.rate[-1] < 1e-5 < history.rate.max() <= 4e-3


def test_the_training_loss_is_the_weighted_denoising_error():
    """`held_out` of the history, recomputed from the denoiser alone."""
    data, held_out = points(200) * 3 + 5, points(4000, seed=3) * 3 + 5
    cases = [("edm", None), ("likelihood", None), ("flow", None), ("edm", "flow"), ("mine", None)]
    for name, density in cases:
        weighting = (lambda level: 2 + level.sin()) if name == "mine" else name
        asked = {"weighting": weighting, "levels_density": density, "held_out": held_out}
        training = train_denoiser(data, network=small(), **asked, **SMALL)
        s = training.denoiser.scale
        place = torch.rand(len(held_out), generator=torch.Generator().manual_seed(1))
        level = 0.01 * 1000**place
        if density == "flow":  # t = σ/(1 + σ) is uniform
            time = 1 / 101 + (10 / 11 - 1 / 101) * place
            level = time / (1 - time)
        of_name = {
            "edm": 1 + level**-2,
            "likelihood": level**-2,
            "flow": 1 / level,
            "mine": 2 + level.sin(),
        }
        sigma, weight = s * level, of_name[name] / s**2
        each = weight * denoising_error(training.denoiser, held_out, sigma, draws=8, seed=2)
        # 4 s.e. of two independent draws of noise; the points are the same
        error = 4 * 2**0.5 * float(each.std()) / len(each) ** 0.5
        assert float(training.history.held_out[-1]) == pytest.approx(float(each.mean()), abs=error)


def test_one_seed_gives_the_same_weights_and_touches_nothing():
    data, network = points(50), small()
    before, first, state = data.clone(), weights(NetworkDenoiser(network)), torch.get_rng_state()
    one, same = (train_denoiser(data, network=network, **SMALL) for _ in range(2))
    other = train_denoiser(data, network=network, **(SMALL | {"seed": 1}))
    assert torch.equal(weights(one.denoiser), weights(same.denoiser))
    assert not torch.equal(weights(one.denoiser), weights(other.denoiser))
    assert torch.equal(data, before)
    assert torch.equal(weights(NetworkDenoiser(network)), first)
    assert torch.equal(torch.get_rng_state(), state)
    assert not one.denoiser(data, 1.0).requires_grad
    named = train_denoiser(data, **(SMALL | {"steps": 2}))  # made from the seed too
    again = train_denoiser(data.numpy(), **(SMALL | {"steps": 2}))
    assert torch.equal(weights(named.denoiser), weights(again.denoiser))


def test_snapshots_are_the_denoiser_of_their_step():
    data = points(50)
    whole = train_denoiser(data, network=small(), snapshots=[0, 7, 40], **SMALL)
    assert sorted(whole.snapshots) == [0, 7, 40]
    assert torch.equal(weights(whole.snapshots[40]), weights(whole.denoiser))
    start = NetworkDenoiser(small(), whole.denoiser.scale, whole.denoiser.mean)
    assert torch.equal(whole.snapshots[0](data, 1.0), start(data, 1.0))
    assert not torch.equal(weights(whole.snapshots[7]), weights(whole.denoiser))


def test_it_stops_when_asked():
    training = train_denoiser(
        points(50), network=small(), stop=lambda history: len(history.step) >= 3, **SMALL
    )
    assert training.step == int(training.history.step[-1]) < 40
    assert len(training.history.step) == 3


def test_a_training_that_was_stopped_is_not_taken_up_again(tmp_path):
    asked = {
        "stop": lambda history: len(history.step) >= 3,
        "checkpoint": tmp_path / "run",
        **SMALL,
    }
    stopped, again = (train_denoiser(points(50), network=small(), **asked) for _ in range(2))
    assert again.step == stopped.step < 40
    assert torch.equal(weights(again.denoiser), weights(stopped.denoiser))


def test_what_is_watched_is_there_before_its_checkpoint(tmp_path):
    """And is the averaged denoiser of the mark, as a snapshot is."""
    file, seen, before = tmp_path / "run", {}, []

    def watch(step, denoiser):
        seen[step] = denoiser
        before.append(load_step(file))

    def load_step(file):
        return read(file)[1]["training"]["step"] if file.exists() else 0

    asked = SMALL | {"network": small(), "snapshots": [8, 40]}
    training = train_denoiser(points(50), watch=watch, checkpoint=file, **asked)
    assert list(seen) == training.history.step.tolist()
    assert before == [0, *list(seen)[:-1]]
    for step in (8, 40):
        assert torch.equal(weights(seen[step]), weights(training.snapshots[step]))


def test_mixed_precision_computes_in_bfloat16_and_keeps_single_weights(tmp_path):
    kinds = set()
    network = small()
    network.blocks[0].inner.register_forward_hook(lambda *found: kinds.add(found[2].dtype))
    found = {
        precision: train_denoiser(points(50), network=network, precision=precision, **SMALL)
        for precision in (None, "float32", "bf16")
    }
    assert kinds == {torch.float32, torch.bfloat16}
    assert {p.dtype for p in found["bf16"].denoiser.network.parameters()} == {torch.float32}
    exact, half = (weights(found[one].denoiser) for one in ("float32", "bf16"))
    assert torch.equal(exact, weights(found[None].denoiser))  # off a GPU
    assert 0 < (exact - half).abs().max() < 0.05  # 40 steps of rate 10⁻³ at most


@pytest.mark.parametrize("kind", ["plain", "classes"])
def test_a_training_goes_on_to_the_same_weights(kind, tmp_path):
    data = points(50)
    labels = torch.arange(50) % 3 if kind == "classes" else None
    options = SMALL | {"network": small(3 if kind == "classes" else 0), "snapshots": [5, 30]}
    options["held_out"] = points(20, seed=1)
    whole = train_denoiser(data, labels, **options)
    file = tmp_path / "run.safetensors"
    for marks in (3, 20):  # broken off twice
        train_denoiser(
            data, labels, checkpoint=file, stop=lambda h, n=marks: len(h.step) >= n, **options
        )
    resumed = train_denoiser(data, labels, checkpoint=file, **options)
    assert resumed.step == 40
    assert torch.equal(weights(resumed.denoiser), weights(whole.denoiser))
    assert resumed.history.to_dict() == whole.history.to_dict()
    for step in (5, 30):
        assert torch.equal(weights(resumed.snapshots[step]), weights(whole.snapshots[step]))
    finished = train_denoiser(data, labels, checkpoint=file, **options)  # has nothing to do
    assert torch.equal(weights(finished.denoiser), weights(whole.denoiser))
    assert torch.equal(weights(load_denoiser(file)), weights(whole.denoiser))


_KILLED = """
import sys, torch
from diffusion import ResidualMLP, train_denoiser
torch.set_num_threads(1)
data = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
network = ResidualMLP(2, width=16, depth=1, seed=0)
train_denoiser(data, network=network, steps=5000, seed=0, checkpoint=sys.argv[1], quiet=True)
"""


def test_a_killed_training_leaves_a_sound_checkpoint(tmp_path):
    file = tmp_path / "run.safetensors"
    run = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(file)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        while not file.exists() and run.poll() is None:
            time.sleep(0.02)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    options = {"network": small(), "steps": 5000, "seed": 0, "quiet": True}
    answers = iter([False, True])  # at the mark it was killed after, and at the next
    resumed = train_denoiser(
        points(50), checkpoint=file, stop=lambda history: next(answers), **options
    )
    plain = train_denoiser(
        points(50), stop=lambda history: history.step[-1] >= resumed.step, **options
    )
    assert 100 < resumed.step == plain.step < 5000  # a mark beyond the one it was killed after
    assert torch.equal(weights(plain.denoiser), weights(resumed.denoiser))


def damaged(file, how):
    content = bytearray(file.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "empty":
        content = bytearray()
    elif how == "one number":
        content[-3] ^= 1
    elif how == "record":
        at = content.index(b"scale")
        content[content.index(b"0.5", at)] = ord("1")
    elif how == "foreign":
        save_file({"weight": torch.zeros(2)}, file)
        return
    elif how.endswith("pickle"):
        zipped = how == "pickle"
        torch.save({"weight": torch.zeros(2)}, file, _use_new_zipfile_serialization=zipped)
        return
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "cut short or not a safetensors file"),
        ("empty", "cut short or not a safetensors file"),
        ("pickle", "not a safetensors file: it is a torch checkpoint .* with torch.load"),
        ("old pickle", "not a safetensors file: it is a torch checkpoint .* with torch.load"),
        ("one number", "was changed after it was written"),
        ("record", "was changed after it was written"),
        ("foreign", "must have format 'hopfield-diffusion denoiser 1', got None"),
    ],
)
def test_damaged_and_foreign_files_are_refused(how, message, tmp_path):
    file = tmp_path / "one.safetensors"
    save_denoiser(NetworkDenoiser(small(), scale=0.5), file)
    damaged(file, how)
    with pytest.raises(ValueError, match=message):
        load_denoiser(file)
    with pytest.raises(ValueError, match=message):
        train_denoiser(points(50), network=small(), checkpoint=file, **SMALL)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    file = tmp_path / "run.safetensors"
    options = SMALL | {"steps": 2, "checkpoint": file}
    train_denoiser(points(50), network=small(), **options)
    for changed, message in (
        ({"rate": 2e-3}, r"\(rate differ\)"),
        ({"steps": 3}, "steps"),
        ({"seed": 1}, r"\(seed differ\)"),
        ({"network": ResidualMLP(2, width=8, seed=0)}, r"\(network differ\)"),
    ):
        with pytest.raises(ValueError, match=message):
            train_denoiser(points(50), **({"network": small()} | options | changed))
    with pytest.raises(ValueError, match=r"\(data, network differ\)"):
        train_denoiser(points(50, seed=1), network=small(), **options)
    save_denoiser(NetworkDenoiser(small()), file)
    with pytest.raises(ValueError, match="must be of a training, got a denoiser alone"):
        train_denoiser(points(50), network=small(), **options)


def test_a_wrong_architecture_is_refused(tmp_path):
    from diffusion import checkpoints

    file = tmp_path / "one.safetensors"
    tensors, record = checkpoints.describe(NetworkDenoiser(small()))
    for changed in ({"architecture": "transformer"}, {"config": {"dimension": 2, "width": 8}}):
        checkpoints.write(file, tensors, {"denoiser": record["denoiser"] | changed})
        with pytest.raises(ValueError, match="does not fit an architecture of mlp, unet"):
            load_denoiser(file)
    assert "pickle" not in json.dumps(record)


class Foreign(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(2, 2)

    def forward(self, y, level, labels=None):
        return self.line(y) * level.cos()[:, None]


def test_a_network_of_ones_own_is_trained_but_not_written(tmp_path):
    training = train_denoiser(points(50), network=Foreign(), **SMALL)
    assert training.denoiser(points(3), 1.0).shape == (3, 2)
    with pytest.raises(ValueError, match="network must be one of ResidualMLP, UNet to be written"):
        train_denoiser(points(50), network=Foreign(), checkpoint=tmp_path / "x", **SMALL)


def test_images_and_labels_make_a_unet_with_classes():
    training = train_denoiser(
        points(12, 16),
        torch.arange(12) % 3,
        network=UNet((4, 4), channels=8, classes=3, seed=0),
        steps=2,
        seed=0,
        quiet=True,
    )
    assert training.denoiser.classes == 3
    assert training.denoiser.condition(2)(points(2, 16), 1.0).shape == (2, 16)
    named = train_denoiser(points(12, 16), network="unet", steps=1, batch=4, seed=0, quiet=True)
    assert named.denoiser.network.config["shape"] == [1, 4, 4]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_it_learns_the_same():
    data, _ = mixture().draw(5000, seed=0)
    options = {"network": ResidualMLP(2, width=32, depth=2, seed=0), "steps": 500, "quiet": True}
    found = [train_denoiser(data, device=d, seed=0, **options) for d in ("cpu", "cuda")]
    losses = [float(one.history.loss[-10:].mean()) for one in found]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert found[1].denoiser.device.type == "cuda"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch": 51}, "batch must be at most the 50 points of data, got 51; leave it out"),
        ({"batch": 0}, "batch must be a whole number"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"rate": 0.0}, "rate must be positive and finite, got 0"),
        ({"rate_course": "linear"}, "rate_course must be one of 'cosine', 'constant'"),
        ({"own_states": 1.5}, r"own_states must lie in \[0, 1\], got 1.5"),
        ({"average": 1.0}, r"average must lie in \[0, 1\), got 1"),
        ({"weighting": "snr"}, "weighting must be one of 'edm', 'flow', 'likelihood'"),
        ({"levels": (1.0, 0.1)}, "levels must increase from above 0"),
        ({"levels": (1e-200, 1.0)}, r"levels must lie in \[1e-18, 1e\+18\], got 1e-200"),
        ({"snapshots": [50]}, "snapshots must be steps 0 to 40, got 50"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"device": "tpu"}, "device must be one of 'auto', 'cpu', 'cuda'"),
        ({"network": "transformer"}, "network must be one of 'mlp', 'unet'"),
        ({"network": "unet"}, "needs square images of one channel, got 2 pixels"),
        ({"network": ResidualMLP(3)}, "network must have the dimension 2 of data, got 3"),
        ({"labels": torch.zeros(50)}, "labels must be whole numbers from 0"),
        ({"labels": torch.zeros(49).long()}, r"whole numbers from 0, of shape \(50,\)"),
        ({"labels": torch.arange(50), "network": ResidualMLP(2)}, "network must have 50 classes"),
        ({"network": ResidualMLP(2, classes=2)}, "labels must be given for a network of 2"),
        ({"held_out": torch.zeros(0, 2)}, "held_out must hold at least one point"),
        ({"held_out": torch.zeros(3, 5)}, "held_out must have shape"),
        ({"data": torch.ones(50, 2)}, "data must hold at least 2 different points, got 50 alike"),
        ({"data": torch.full((50, 2), torch.nan)}, "data must be finite"),
        (
            {"rate": 1e18, "network": ResidualMLP(2, width=16)},
            "rate 1e\\+18 let the loss become (nan|inf) by",
        ),
        (
            {"rate": 1e38, "steps": 1, "snapshots": (), "network": ResidualMLP(2, width=16)},
            "rate 1e\\+38 let the weights become infinite by step 1",
        ),
        ({"held_out": torch.full((3, 2), 1e38)}, "held_out must be of the size of data, its loss"),
        ({"watch": 5}, "watch must be a function of the step and the denoiser, got 5"),
        ({"checkpoint": "none/here.st"}, "checkpoint must lie in a folder that exists, got none/"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"data": points(50), **SMALL} | change
    with pytest.raises(ValueError, match=message):
        train_denoiser(**arguments)
