"""Tiny models of diffusers in folders, through the verbs that take a model."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bridges.cli import main
from bridges.memorization.drawing import draw
from bridges.models import Reading, find_model
from diffusion import DiffusersDenoiser

diffusers = pytest.importorskip("diffusers")
try:
    diffusers.DDPMPipeline  # its own imports may fail
except RuntimeError as error:
    pytest.skip(str(error).splitlines()[-1], allow_module_level=True)

SIDE = 8


def unet(channels=1, **settings):
    return diffusers.UNet2DModel(
        sample_size=settings.pop("sample_size", SIDE),
        in_channels=channels,
        out_channels=settings.pop("out_channels", channels),
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
        **settings,
    )


def dit():
    return diffusers.DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=4,
        in_channels=2,
        out_channels=4,  # with a learned variance
        num_layers=1,
        sample_size=SIDE // 2,
        patch_size=2,
        num_embeds_ada_norm=10,
        norm_num_groups=2,
    )


def autoencoder(channels=1, latent=2):
    return diffusers.AutoencoderKL(
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(4, 4),
        latent_channels=latent,
        norm_num_groups=2,
        sample_size=SIDE,
        scaling_factor=0.5,
    )


def unconditional(folder):
    diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler()).save_pretrained(folder)


def bare(folder):
    unet().save_pretrained(folder)


def conditional(folder):
    diffusers.DDPMPipeline(unet(num_class_embeds=4), diffusers.DDPMScheduler()).save_pretrained(
        folder
    )


def flow(folder):
    unet().save_pretrained(folder)
    diffusers.FlowMatchEulerDiscreteScheduler(shift=2.0).save_pretrained(folder)


def latent(folder):
    scheduler = diffusers.DDIMScheduler()
    small = unet(2, sample_size=SIDE // 2)
    diffusers.LDMPipeline(autoencoder(), small, scheduler).save_pretrained(folder)


def transformer(folder):
    vae, scheduler = autoencoder(), diffusers.DDIMScheduler()
    diffusers.DiTPipeline(dit(), vae, scheduler).save_pretrained(folder)


KINDS = {
    unconditional: (),
    bare: ("--scheduler", "DDPMScheduler"),
    conditional: ("--class", "3"),
    flow: (),
    latent: (),
    transformer: ("--class", "7"),
}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def model(request, tmp_path):
    torch.manual_seed(0)
    folder = tmp_path / request.param.__name__
    request.param(folder)
    return str(folder), KINDS[request.param]


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "images.npy"
    rows = np.random.default_rng(0).uniform(-1, 1, (30, 1, SIDE, SIDE))
    np.save(path, rows.astype(np.float32))
    return str(path)


def run(*words):
    return CliRunner().invoke(main, [*words, "--samples", "2", "--jobs", "1", "--quiet"])


@pytest.mark.parametrize(
    "words",
    [
        "retrieve --overlaps 0.5,0.9 --trials 3",
        "basins --starts 6",
        "graph --overlaps 0.5 --draws 2",
    ],
)
def test_a_folder_goes_through_the_verbs(model, data, words, tmp_path):
    folder, given = model
    verb, *rest = words.split()
    out = tmp_path / "run"
    asked = ("--model", folder, "--data", data, "--patterns", "4", "--steps", "3")
    found = run(verb, *asked, *rest, *given, "--out", str(out))
    assert found.exit_code == 0, found.output
    assert not found.output  # no bars of diffusers either
    assert diffusers.utils.logging.is_progress_bar_enabled()
    assert json.loads((out / "summary.json").read_text())


def drawn(folder):
    (file,) = folder.glob("generated-*.npy")
    return torch.from_numpy(np.load(file))


def test_the_samples_of_a_folder_are_judged_and_its_memory_is_asked(model, data, tmp_path):
    """An untrained model draws no images: that is a finding, and the rest is measured."""
    folder, given = model
    rows = np.random.default_rng(1).uniform(-1, 1, (20, 1, SIDE, SIDE)).astype(np.float32)
    np.save(tmp_path / "unseen.npy", rows)
    out, unseen = tmp_path / "run", str(tmp_path / "unseen.npy")
    asked = ("--model", folder, "--data", data, "--held-out", unseen, "--only", "copies")
    found = run("memorization", *asked, *given, "--steps", "3", "--draws", "9", "--out", str(out))
    assert found.exit_code == 0, found.output
    assert not found.output
    (case,) = json.loads((out / "summary.json").read_text())["cases"]
    assert case["gap"]["n"] == 2
    samples = drawn(out).flatten(1)
    assert samples.shape == (9, SIDE**2)
    near = [
        torch.cdist(x.double(), torch.from_numpy(np.load(data)).double().flatten(1))
        for x in (samples, torch.from_numpy(rows).flatten(1))
    ]
    far = near[0].amin(1).median() / near[1].amin(1).median()
    assert case["distance"]["mean"] == pytest.approx(float(far), rel=1e-6)
    shown = CliRunner().invoke(main, ["show", str(out)]).output
    said = f"samples lie {float(far):.1f} times as far from the data as held-out points"
    assert (said in shown) == (far > 2)


def test_samples_are_of_the_class_that_is_asked_for(tmp_path, data):
    torch.manual_seed(0)
    conditional(tmp_path / "model")
    asked = ("--data", data, "--model", str(tmp_path / "model"), "--only", "copies", "--quiet")
    how = ("--steps", "3", "--draws", "4", "--samples", "1", "--jobs", "1")
    for k in ("1", "3"):
        given = ("memorization", *asked, *how, "--class", k, "--out", str(tmp_path / k))
        found = CliRunner().invoke(main, given)
        assert found.exit_code == 0, found.output
    denoiser = DiffusersDenoiser.from_pretrained(str(tmp_path / "model"), class_labels=3)
    rows = torch.from_numpy(np.load(data)).flatten(1)
    wanted = draw(denoiser, rows, 4, 3, 0)
    torch.testing.assert_close(drawn(tmp_path / "3"), wanted, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(drawn(tmp_path / "1"), wanted, rtol=1e-2)


def test_how_a_model_is_read_is_for_a_model(data, tmp_path):
    for words in (("--class", "3"), ("--scheduler", "DDPMScheduler"), ("--batch-size", "2")):
        found = run("memorization", "--data", data, *words, "--out", str(tmp_path / "run"))
        assert found.exit_code == 2
        assert f"{words[0][2:]} is for --model, got none" in found.output


@pytest.mark.parametrize("verb", ["retrieve --patterns 4", "memorization --only copies --draws 4"])
@pytest.mark.parametrize("kind", ["half", "fp16", "learned variance", "no end", "signals"])
def test_models_of_less_usual_kinds(kind, verb, data, tmp_path):
    torch.manual_seed(0)
    settings = {"rescale_betas_zero_snr": True, "prediction_type": "v_prediction"}
    scheduler = diffusers.DDPMScheduler(**settings if kind == "no end" else {})
    network = unet(out_channels=2) if kind == "learned variance" else unet()
    if kind == "signals":
        data = str(tmp_path / "signals.npy")
        np.save(data, np.random.default_rng(0).uniform(-1, 1, (30, 16)).astype(np.float32))
        network = diffusers.UNet1DModel(
            sample_size=16,
            in_channels=1,
            out_channels=1,
            extra_in_channels=64,
            block_out_channels=(32, 32),
            down_block_types=("DownBlock1DNoSkip", "DownBlock1D"),
            up_block_types=("UpBlock1D", "UpBlock1DNoSkip"),
        )
    dtype = torch.float16 if kind in ("half", "fp16") else torch.float32
    variant = {"variant": "fp16"} if kind == "fp16" else {}
    network = network if dtype == torch.float32 else network.to(dtype)
    network.save_pretrained(tmp_path / "model", **variant)
    scheduler.save_pretrained(tmp_path / "model")
    verb, *rest = verb.split()
    asked = ("--model", str(tmp_path / "model"), "--data", data, "--steps", "3", *rest)
    found = run(verb, *asked, "--out", str(tmp_path / "run"))
    assert found.exit_code == 0, found.output


def cut(folder):
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def other_widths(folder):
    file = folder / "unet" / "config.json"
    file.write_text(file.read_text().replace("8,\n    8", "16,\n    16"))


def pickled(folder):
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "all.bin")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (cut, "Unable to load weights"),
        (other_widths, "size mismatch for"),
        (pickled, "its weights are pickles, which are never read"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_broken_folder_is_refused_in_a_line(broken, message, data, tmp_path):
    unconditional(tmp_path / "model")
    broken(tmp_path / "model")
    asked = ("--model", str(tmp_path / "model"), "--data", data, "--patterns", "4")
    found = run("retrieve", *asked, "--out", str(tmp_path / "run"))
    assert found.exit_code == 2, found.output
    words = " ".join(found.output.split())
    place = f"model: no diffusers pipeline could be read from {tmp_path / 'model'}: "
    assert place in words
    assert message in words


@pytest.mark.parametrize("what", ["network", "pipeline"])
def test_a_network_without_its_scheduler_is_no_denoiser(what, data, tmp_path):
    file = tmp_path / "own.py"
    path = str(tmp_path / "model")
    unconditional(path)
    made = f"diffusers.DDPMPipeline.from_pretrained({path!r})"
    made += ".unet" if what == "network" else ""
    file.write_text(f"import diffusers\n\ndef model():\n    return {made}\n")
    asked = ("--model", f"{file}:model", "--data", data, "--patterns", "4")
    found = run("retrieve", *asked, "--out", str(tmp_path / "run"))
    assert found.exit_code == 2, found.output
    assert "return diffusion.DiffusersDenoiser(network, scheduler)" in " ".join(
        found.output.split()
    )


def test_codes_are_those_of_the_pipeline(tmp_path, data):
    torch.manual_seed(1)
    latent(tmp_path / "latent")
    model = find_model(str(tmp_path / "latent"))
    space = model.latents
    assert (space.image, space.shape) == ((1, SIDE, SIDE), (2, SIDE // 2, SIDE // 2))
    images = torch.from_numpy(np.load(data))
    vae = diffusers.LDMPipeline.from_pretrained(str(tmp_path / "latent")).vqvae.eval()
    with torch.no_grad():
        codes = vae.encode(images).latent_dist.mode() * 0.5
        back = vae.decode(codes / 0.5).sample
    found = space.encode(images.flatten(1))
    torch.testing.assert_close(found, codes.flatten(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(space.decode(found), back.flatten(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (bare, (), "give its scheduler"),
        (bare, ("--scheduler", "UNet2DModel"), "scheduler must be one of diffusers or a folder"),
        (conditional, (), r"class must lie in [0, 3]"),
        (conditional, ("--class", "4"), r"class must lie in [0, 3]"),
        (unconditional, ("--class", "0"), "class must not be given"),
    ],
)
def test_what_a_model_lacks_is_said_in_a_line(tmp_path, data, kind, given, message):
    kind(tmp_path / "model")
    out = tmp_path / "run"
    asked = ("--model", str(tmp_path / "model"), "--data", data, "--patterns", "4")
    found = run("retrieve", *asked, *given, "--out", str(out))
    assert found.exit_code == 2
    words = " ".join(found.output.split())
    assert message in words, words
    assert not out.exists()


def test_a_class_is_that_class(tmp_path):
    torch.manual_seed(0)
    conditional(tmp_path / "model")
    x = torch.randn(2, SIDE**2)
    found = [find_model(str(tmp_path / "model"), Reading(k)).source(x, 1.0) for k in (0, 1)]
    assert not torch.allclose(*found)


@pytest.mark.parametrize("kind", [conditional, transformer], ids=lambda kind: kind.__name__)
def test_a_conditional_model_is_guided(kind, tmp_path):
    torch.manual_seed(0)
    kind(tmp_path / "model")
    path, out = tmp_path / "classes.npz", tmp_path / "run"
    rows = np.random.default_rng(0).uniform(-1, 1, (40, 1, SIDE, SIDE)).astype(np.float32)
    np.savez(path, data=rows, labels=np.arange(40) % 2)
    asked = ["--data", str(path), "--model", str(tmp_path / "model"), "--guidance", "2"]
    null = ["--null-class", "3"] if kind is conditional else []
    given = [*asked, *null, "--trials", "4", "--steps", "3", "--out", str(out)]
    found = run("guide", *given)
    assert found.exit_code == 0, found.output
    assert json.loads((out / "summary.json").read_text())["relative"]
    if kind is conditional:
        found = run("guide", *asked, "--out", str(tmp_path / "other"))
        assert "null-class must be given for" in " ".join(found.output.split())


def test_pictures_of_bytes_are_no_data_of_diffusers(tmp_path):
    unconditional(tmp_path / "model")
    path = tmp_path / "bytes.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (30, SIDE, SIDE), dtype=np.uint8))
    asked = ("retrieve", "--model", str(tmp_path / "model"), "--patterns", "4", "--steps", "3")
    out = ("--overlaps", "0.9", "--trials", "3", "--out", str(tmp_path / "run"))
    found = run(*asked, "--data", str(path), *out)
    assert found.exit_code == 2
    words = " ".join(found.output.split())
    assert "takes values in [−1, 1], got values in [0, 255], a factor of 127.5" in words
    mended = words.split("--data '")[1].split("'")[0]
    assert mended.endswith("@scale=0.007843,shift=-1")
    assert run(*asked, "--data", mended, *out).exit_code == 0
