"""The phase diagram of a trained model, small: exact scores by path, a model of diffusers."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from terminal import measured, refuses, run, script, summary

from bridges.data import fingerprint, place

WIDE, NARROW = 2.0, 0.6  # half the distance of the classes, and of the data of a class
SIGMAS = [0.3, 0.6, 1.2, 2.4]  # in rms deviations
CUES = 1000

EXACT = f"""
import torch
from diffusion import Denoiser, EmpiricalDenoiser

ROWS = torch.tensor([[a, b] for a in (-{WIDE}, {WIDE}) for b in (-{NARROW}, {NARROW})])


class Classes(Denoiser):
    classes, dimension = 2, 2

    def __call__(self, x, sigma):
        return EmpiricalDenoiser(ROWS)(x, sigma)

    def condition(self, label):
        return EmpiricalDenoiser(ROWS[2 * label : 2 * label + 2])


def told():
    return Classes()


def untold():
    return EmpiricalDenoiser(ROWS)
"""


@pytest.fixture
def four(monkeypatch, tmp_path):
    """Two classes of two data at the corners of a rectangle, and their exact scores by path."""
    monkeypatch.chdir(tmp_path)
    rows = np.array([[a, b] for a in (-WIDE, WIDE) for b in (-NARROW, NARROW)])
    np.savez("four.npz", data=rows, labels=np.array([0, 0, 1, 1]))
    Path("exact.py").write_text(EXACT)


def shares(found, who, w, sigma):
    """Retrieved, class only, lost."""
    labels = {"of": who, "w": w, "sigma": sigma}
    rows = [row for row in found if all(row.get(k) == v for k, v in labels.items())]
    return np.array([row["value"] for row in rows])


def test_regions_of_exact_scores_are_those_of_a_rectangle(four):
    """By symmetry a path never crosses an axis of the rectangle: each sign stays as noised."""
    point = {
        "model": str(Path("exact.py").resolve()) + ":told",
        "data": place("four.npz"),
        "content": fingerprint("four.npz"),
        "patterns": 4,
        "weights": [-1.0, 0.0, 2.0],
        "sigmas": SIGMAS,
        "threshold": 0.95,
        "trials": CUES,
        "steps": 60,
    }
    found = script("model_phases").measure(point, 0)
    unit = math.sqrt((WIDE**2 + NARROW**2) / 2)
    for sigma in SIGMAS:
        kept, home = (
            math.erfc(-a / (sigma * unit) / math.sqrt(2)) / 2 for a in (WIDE, NARROW)
        )  # Φ(a/σ)
        untold = [kept * home, kept * (1 - home), 1 - kept]
        told = [home, 1 - home, 0]
        for who in ("model", "exact"):
            for w, law in ((-1.0, untold), (0.0, told), (2.0, told)):
                # 4 s.e. of 1000 cues, the largest at ½
                assert shares(found, who, w, sigma) == pytest.approx(law, abs=4 * 0.5 / CUES**0.5)
    speciation = next(row["value"] for row in found if row["quantity"] == "speciation")
    largest = WIDE**2 * 4 / 3 / unit**2  # of the covariance, of four data
    assert speciation == pytest.approx(math.sqrt(largest - 1))


def test_a_model_without_classes_has_the_noise_as_its_axis_alone(four):
    words = "--model exact.py:untold --data four.npz --trials 40 --steps 20 --samples 2 --jobs 1"
    run("model_phases", words, "--weights 0 --sigmas 0.1,1 --out run")
    assert "weights must be 0 alone for" in refuses("model_phases", words, "--sigmas 0.1,1")
    for sigma in (0.1, 1):
        for region in ("retrieved", "class", "lost"):
            asked = {"w": 0, "sigma": sigma, "quantity": region}
            assert measured(of="model", **asked) == measured(of="exact", **asked)
    assert measured(of="model", w=0, sigma=0.1, quantity="retrieved")[0] == 1
    assert [one["patterns"] for one in summary()["lines"]] == [4]


def test_a_model_of_diffusers_that_its_own_library_trained(monkeypatch, tmp_path):
    diffusers = pytest.importorskip("diffusers")
    try:
        diffusers.DDPMPipeline  # its own imports may fail
    except RuntimeError as error:
        pytest.skip(str(error).splitlines()[-1])
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    labels = torch.arange(12) % 2
    images = (0.6 * torch.randn(12, 1, 8, 8) + (2.0 * labels - 1)[:, None, None, None]).clamp(-1, 1)
    np.savez("images.npz", data=images.numpy(), labels=labels.numpy())
    network = diffusers.UNet2DModel(
        sample_size=8,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        num_class_embeds=3,  # the last stands for none
    )
    noising = diffusers.DDPMScheduler()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    for _ in range(60):
        noise, times = torch.randn_like(images), torch.randint(0, 1000, (12,))
        told = torch.where(torch.rand(12) < 0.2, 2, labels)
        noisy = noising.add_noise(images, noise, times)
        loss = (network(noisy, times, class_labels=told).sample - noise).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    diffusers.DDPMPipeline(network.eval(), noising).save_pretrained("theirs")
    run(
        "model_phases",
        "--model theirs --data images.npz --null-class 2 --weights=-1,0,1 --sigmas 0.05,3",
        "--trials 12 --steps 6 --samples 1 --jobs 1 --out run",
    )
    for who in ("model", "exact"):
        for w in (-1, 0, 1):
            found = [
                [
                    measured(of=who, w=w, sigma=sigma, quantity=q)[0]
                    for q in ("retrieved", "class", "lost")
                ]
                for sigma in (0.05, 3)
            ]
            assert np.sum(found, axis=1) == pytest.approx([1, 1])
            assert found[0][0] == 1  # the cue itself has an overlap of 0.999
    assert measured(of="exact", w=0, sigma=3, quantity="lost")[0] == 0  # told the class
