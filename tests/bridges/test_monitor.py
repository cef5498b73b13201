"""The monitor: what is known to be copies, what is known to be none, and loops of one's own."""

import pytest
import torch

from bridges import MemorizationMonitor
from diffusion import (
    EmpiricalDenoiser,
    ImageDenoiser,
    LinearManifoldDenoiser,
    NetworkDenoiser,
    ResidualMLP,
    train_denoiser,
)

COPIES, NONE = "copies beyond chance", "no more copies than among held-out points"


def points(rows, d=24, seed=0):
    return torch.randn(rows, d, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def gaussian():
    """A standard normal, of which the network sees 8 points."""
    rows = points(408)
    return rows[:8], rows[8:]


def small():
    return ResidualMLP(24, width=64, depth=2, seed=0)


def test_copies_are_seen_from_their_step_on(gaussian):
    data, held_out = gaussian
    monitor = MemorizationMonitor(data, held_out, draws=80)
    exact, copies = LinearManifoldDenoiser(torch.eye(24)), EmpiricalDenoiser(data)
    found = [monitor(step, copies if step >= 20 else exact).verdict for step in (0, 10, 20, 30)]
    assert found == [NONE, NONE, COPIES, COPIES]
    assert monitor.first is monitor.looks[2]
    assert monitor.first.step == 20
    assert str(monitor.looks[3]).startswith("at step 30, copies beyond chance: an excess of 1.00")
    assert str(monitor.looks[3]) in repr(monitor)
    assert monitor.looks[3].to_dict()["copies"]["ratio"]["fraction"] == 1


def test_each_look_begins_with_the_same_noise_and_the_seed_gives_it(gaussian):
    data, held_out = gaussian
    model = LinearManifoldDenoiser(torch.eye(24))
    one, same, other = (MemorizationMonitor(data, held_out, draws=9, seed=s) for s in (3, 3, 4))
    drawn = one.draw(model)
    assert torch.equal(drawn, one.draw(model))
    assert torch.equal(drawn, same.draw(model))
    assert not torch.equal(drawn, other.draw(model))


@pytest.mark.slow
def test_a_model_without_copies_is_seldom_said_to_have_some():
    """200 data sets: "beyond chance" has a probability of 10⁻⁴ a look, "not decided" of 7 %."""
    verdicts = []
    for seed in range(200):
        rows = points(150, 6, seed)
        monitor = MemorizationMonitor(rows[:50], rows[50:], draws=100, seed=seed)
        verdicts.append(monitor(0, LinearManifoldDenoiser(torch.eye(6))).verdict)
    assert COPIES not in verdicts  # 2 % of all seeds would have one
    assert verdicts.count(NONE) > 0.87 * 200  # 3 s.e. below 93 %


def test_what_cannot_be_judged_is_said_and_the_training_goes_on(gaussian):
    data, held_out = gaussian
    monitor = MemorizationMonitor(data, held_out)
    looks = [monitor.judge(1, points(50) * 255), monitor.judge(2, points(50) * torch.nan)]
    assert [look.verdict for look in looks] == ["not judged"] * 2
    assert "must be in the units of data" in str(looks[0])
    assert str(looks[1]) == "at step 2, not judged: samples must be finite"
    assert monitor.judge(3, data).copied
    assert len(monitor.looks) == 3


def test_images_are_rows(gaussian):
    data, held_out = (rows.view(-1, 2, 3, 4) for rows in gaussian)
    monitor = MemorizationMonitor(data, held_out, draws=20)

    def exact(images, sigma):
        assert images.shape[1:] == (2, 3, 4)
        return images / (1 + sigma**2)[:, None, None, None]

    model = ImageDenoiser(exact, (2, 3, 4))
    assert monitor(0, model).verdict == NONE
    assert monitor.judge(1, data).copied


def test_it_watches_a_training_of_ours(gaussian):
    data, held_out = gaussian
    monitor = MemorizationMonitor(data, held_out, draws=20)
    training = train_denoiser(data, network=small(), steps=4, watch=monitor, seed=0, quiet=True)
    assert [look.step for look in monitor.looks] == training.history.step.tolist()


def test_a_plain_loop_of_torch_ends_in_copies_as_the_verb_does(gaussian):
    """The verb is run on these data in tests/cli/test_train.py."""
    data, held_out = gaussian
    monitor = MemorizationMonitor(data, held_out, draws=100)
    network = small()
    denoiser = NetworkDenoiser(network, scale=1.0)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    generator = torch.Generator().manual_seed(1)
    for step in range(301):
        if step % 150 == 0:
            print(monitor(step, denoiser))
        x = data[torch.randint(len(data), (128,), generator=generator)]
        sigma = torch.exp(4 * torch.rand(128, generator=generator) - 3)
        noised = x + sigma[:, None] * torch.randn(x.shape, generator=generator)
        error = (denoiser(noised, sigma) - x).square().mean(1)
        loss = ((1 + sigma**2) / sigma**2 * error).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert network.training
    assert [monitor.looks[k].verdict for k in (0, -1)] == [NONE, COPIES]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: MemorizationMonitor(points(3)), "data must hold at least 4 different points"),
        (lambda m: MemorizationMonitor(points(9), points(9, 5)), r"held_out must have shape"),
        (lambda m: MemorizationMonitor(points(9), draws=0), "draws must be a whole number"),
        (lambda m: MemorizationMonitor(points(9), level=1.0), "level must lie in"),
        (lambda m: m.judge(0, points(5, 3)), r"samples must have shape \(rows, 24\), got \(5, 3\)"),
        (lambda m: m.judge(0, points(0)), "samples must hold at least one point"),
        (lambda m: m(-1, EmpiricalDenoiser(points(9))), "step must be a whole number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(MemorizationMonitor(points(9)))
