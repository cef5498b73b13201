"""Tiny models of the libraries themselves, called as the library calls them."""

import math

import numpy as np
import pytest
import torch
from foreign import PREDICTIONS, SHAPE, D, schedule_of
from gaussian import randn

from diffusion import (
    VE,
    AzulaDenoiser,
    DiffusersDenoiser,
    GaussianMixtureDenoiser,
    ImageDenoiser,
    jacobian_spectrum,
    uturn,
)


def unet(channels=1, out=None, **settings):
    diffusers = pytest.importorskip("diffusers")
    try:
        kind = diffusers.UNet2DModel
    except RuntimeError as error:  # its own imports failed, as with a torchvision of another torch
        pytest.skip(str(error).splitlines()[-1])
    torch.manual_seed(0)
    return kind(
        sample_size=8,
        in_channels=channels,
        out_channels=out or channels,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        **settings,
    )


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("beta", ["linear", "squaredcos_cap_v2"])
def test_a_diffusers_unet_is_denoised_as_its_scheduler_does(prediction, beta):
    network = unet().eval()
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(prediction_type=prediction, beta_schedule=beta, clip_sample=False)
    model = DiffusersDenoiser(network, scheduler)
    assert (model.shape, model.dimension) == ((1, 8, 8), 64)
    for t in (0, 10, 500, 990):
        signal = float(scheduler.alphas_cumprod[t])
        x_t = randn(3, 64, seed=t).float()
        with torch.no_grad():
            output = network(x_t.reshape(-1, 1, 8, 8), t).sample
        expected = scheduler.step(output, t, x_t.reshape(-1, 1, 8, 8)).pred_original_sample
        found = model(x_t / signal**0.5, math.sqrt((1 - signal) / signal))
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found, expected.flatten(1), rtol=0, atol=2e-5 * scale)


def test_a_learned_variance_is_left_out():
    network = unet(out=2).eval()
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(variance_type="learned_range")
    model = DiffusersDenoiser(network, scheduler)
    x = randn(2, 64).float()
    alpha = 0.5**0.5
    signal = scheduler.alphas_cumprod.double().numpy()
    t = np.interp(0, np.log((1 - signal) / signal) / 2, np.arange(len(signal)))
    t = torch.full((2,), float(t))
    with torch.no_grad():
        noise = network(alpha * x.reshape(-1, 1, 8, 8), t).sample[:, :1]
    torch.testing.assert_close(model(x, 1.0), x - noise.flatten(1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_an_edm_scheduler_brings_its_preconditioning(prediction):
    """Karras et al. 2022, table 1."""
    network = unet().eval()
    from diffusers import EDMEulerScheduler

    scheduler = EDMEulerScheduler(prediction_type=prediction, sigma_data=0.5)
    model = DiffusersDenoiser(network, scheduler)
    assert model.noise_range == (0.002, 80.0)
    x = randn(3, 64).float()
    sigma = torch.tensor([0.01, 1.0, 50.0])
    s = sigma[:, None, None, None]
    with torch.no_grad():
        images = x.reshape(-1, 1, 8, 8)
        output = network(images / (s**2 + 0.25).sqrt(), sigma.log() / 4).sample
    out = s * 0.5 / (s**2 + 0.25).sqrt() * (1 if prediction == "epsilon" else -1)
    expected = 0.25 / (s**2 + 0.25) * images + out * output
    torch.testing.assert_close(model(x, sigma), expected.flatten(1), rtol=0, atol=1e-5)


def test_classes_are_handed_on():
    network = unet(num_class_embeds=4).eval()
    from diffusers import DDIMScheduler

    x = randn(3, 64).float()
    found = [
        DiffusersDenoiser(network, DDIMScheduler(), class_labels=torch.tensor([k]))(x, 1.0)
        for k in (1, 2)
    ]
    assert not torch.allclose(*found, atol=1e-4)


def test_a_diffusers_unet_has_a_spectrum_and_is_a_sampler():
    model = DiffusersDenoiser(unet(), schedule_of("DDPMScheduler", "epsilon"))
    x = randn(2, 64).float()
    spectrum = jacobian_spectrum(model, x, 1.0)
    y = x.double()[:1].clone()
    h = 1e-2  # central differences in single precision
    columns = [
        (model((y + h * e).float(), 1.0) - model((y - h * e).float(), 1.0)).double() / (2 * h)
        for e in torch.eye(64, dtype=torch.float64)
    ]
    jacobian = torch.cat(columns).T - torch.eye(64)
    expected = torch.linalg.svdvals(jacobian)
    found = spectrum[0].abs().sort(descending=True).values.double()
    assert float((found - expected).abs().max()) < 5e-3
    assert torch.isfinite(uturn(model, x, VE(), 1.0, steps=4, seed=0)).all()


def test_a_pipeline_is_read_from_its_folder(tmp_path):
    network = unet()
    from diffusers import DDPMPipeline, DDPMScheduler

    DDPMPipeline(network, DDPMScheduler()).save_pretrained(tmp_path / "tiny")
    model = DiffusersDenoiser.from_pretrained(str(tmp_path / "tiny"))
    x = randn(2, 64).float()
    assert torch.equal(model(x, 1.0), DiffusersDenoiser(network, DDPMScheduler())(x, 1.0))
    with pytest.raises(ValueError, match="no diffusers pipeline could be read from"):
        DiffusersDenoiser.from_pretrained(str(tmp_path))


@pytest.fixture
def pipeline(tmp_path):
    """A network and the folder of its pipeline."""
    network = unet()
    from diffusers import DDPMPipeline, DDPMScheduler

    scheduler = DDPMScheduler(prediction_type="v_prediction")
    DDPMPipeline(network, scheduler).save_pretrained(tmp_path / "tiny")
    return DiffusersDenoiser(network, scheduler), tmp_path / "tiny"


@pytest.mark.filterwarnings("ignore:.torch_dtype. is deprecated:FutureWarning")
def test_options_of_the_loader_go_to_the_loader(pipeline):
    expected, folder = pipeline
    x = randn(2, 64).float()
    model = DiffusersDenoiser.from_pretrained(
        str(folder), torch_dtype=torch.bfloat16, local_files_only=True, shape=(1, 8, 8)
    )
    assert next(model.model.parameters()).dtype == torch.bfloat16
    sigma = 0.05
    # D = α²x − ασv: only v is rounded, of layers of 2⁻⁸ each
    assert float((model(x, sigma) - expected(x, sigma)).abs().max()) < 0.1 * sigma
    with pytest.raises(ValueError, match=r"no diffusers pipeline .*fp16"):
        DiffusersDenoiser.from_pretrained(str(folder), variant="fp16")
    expected.model.save_pretrained(folder / "unet", variant="fp16")
    model = DiffusersDenoiser.from_pretrained(str(folder), variant="fp16")
    assert torch.equal(model(x, 1.0), expected(x, 1.0))
    with pytest.raises(ValueError, match="use_safetensors must be True"):
        DiffusersDenoiser.from_pretrained(str(folder), use_safetensors=False)


@pytest.mark.parametrize("where", ["pipeline", "same", "below", "given", "subfolder"])
def test_a_folder_of_a_model_alone_is_read(where, pipeline, tmp_path):
    expected, tiny = pipeline
    x = randn(2, 64).float()
    folder, options = tmp_path / "alone", {}
    expected.model.save_pretrained(folder)
    with pytest.raises(ValueError, match=r"holds a model alone; give its scheduler"):
        DiffusersDenoiser.from_pretrained(str(folder))
    if where == "pipeline":
        folder = tiny / "unet"
    elif where == "subfolder":
        folder, options = tiny, {"subfolder": "unet"}
    elif where == "given":
        options = {"scheduler": expected.scheduler}
    else:
        expected.scheduler.save_pretrained(folder / "scheduler" if where == "below" else folder)
    model = DiffusersDenoiser.from_pretrained(str(folder), **options)
    assert torch.equal(model(x, 1.0), expected(x, 1.0))


@pytest.mark.parametrize("content", ['{"_class_name": "path"}', '{"_class_name": 3}', "[1]"])
def test_a_configuration_that_names_no_model_is_refused(content, tmp_path):
    unet()
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match="must name a class of diffusers"):
        DiffusersDenoiser.from_pretrained(str(tmp_path))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # theirs
@pytest.mark.parametrize(
    "name",
    ["DDPM", "DDIM", "EulerDiscrete", "EulerAncestralDiscrete", "DPMSolverMultistep", "UniPC"],
)
def test_zero_terminal_signal_is_left_out_of_the_range(name):
    import numpy as np

    schedulers = pytest.importorskip("diffusers.schedulers")
    kind = getattr(schedulers, f"{name}{'Multistep' * (name == 'UniPC')}Scheduler")
    model = DiffusersDenoiser(
        abs, kind(rescale_betas_zero_snr=True, prediction_type="v_prediction"), SHAPE
    )
    # Lin et al. (arXiv 2305.08891), algorithm 1, in double precision
    root = np.sqrt(np.cumprod(1 - np.linspace(1e-4, 0.02, 1000)))
    scaled = ((root - root[-1]) * root[0] / (root[0] - root[-1])) ** 2
    ends = [math.sqrt((1 - s) / s) for s in (scaled[0], scaled[-2])]
    assert model.noise_range == pytest.approx(ends, rel=0.01)  # theirs is single precision


def test_one_dimensional_models_are_of_one_dimension():
    diffusers = pytest.importorskip("diffusers")
    unet()
    network = diffusers.UNet1DModel(
        sample_size=64,
        in_channels=2,
        out_channels=2,
        block_out_channels=(32, 32, 64),
        extra_in_channels=64,
    )
    model = DiffusersDenoiser(network, schedule_of("DDPMScheduler", "epsilon"))
    assert model.shape == (2, 64)
    assert model(randn(1, 128).float(), 1.0).shape == (1, 128)


@pytest.mark.parametrize("kind", ["diffusers", "azula"])
def test_half_precision_costs_no_more_than_the_network_rounds(kind):
    x = 100 + randn(3, 64).float()
    if kind == "diffusers":
        network = unet()
        models = [
            DiffusersDenoiser(each, schedule_of("DDPMScheduler", "epsilon"))
            for each in (network, unet().bfloat16())
        ]
    else:
        denoise, noise = pytest.importorskip("azula.denoise"), pytest.importorskip("azula.noise")

        class Backbone(torch.nn.Module):
            def __init__(self):
                super().__init__()
                torch.manual_seed(0)
                self.layer = torch.nn.Linear(64, 64)

            def forward(self, x, t):
                return torch.tanh(self.layer(x / 100))

        models = [
            AzulaDenoiser(denoise.KarrasDenoiser(Backbone().to(kind), noise.VPSchedule()), (64,))
            for kind in (torch.float32, torch.bfloat16)
        ]
    sigma = 0.05  # the states alone would lose 0.25 in bf16
    one, other = (model(x, sigma) for model in models)
    assert float((one - other).abs().max()) < 0.1 * sigma
    if kind == "azula":  # its skip connection keeps the digits of double precision, too
        fine = x.double() * (1 + 1e-12)
        assert float((models[0](fine, sigma) - models[0](x.double(), sigma)).abs().min()) > 0


@pytest.mark.parametrize("schedule", ["VESchedule", "VPSchedule", "CosineSchedule"])
def test_azula_networks_are_asked_at_their_own_times(schedule):
    denoise, noise = pytest.importorskip("azula.denoise"), pytest.importorskip("azula.noise")

    class Backbone(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer = torch.nn.Linear(D + 1, D)

        def forward(self, x, t):
            t = t.expand(len(x))[:, None]
            return self.layer(torch.cat([x.flatten(1), t], 1)).reshape(x.shape)

    network = denoise.KarrasDenoiser(Backbone(), getattr(noise, schedule)()).eval()
    model = AzulaDenoiser(network, SHAPE)
    for t in torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64):
        alpha, sigma = network.schedule(t)
        x = randn(3, D, seed=7).float()
        with torch.no_grad():
            expected = network((alpha * x).float().reshape(-1, *SHAPE), t).mean
        found = model(x, float(sigma / alpha))
        torch.testing.assert_close(found, expected.flatten(1).float(), rtol=1e-5, atol=1e-5)


def test_azulas_own_gaussian_is_ours():
    """Its closed form and ours are two programs."""
    denoise, noise = pytest.importorskip("azula.denoise"), pytest.importorskip("azula.noise")
    from azula.linalg.covariance import DiagonalCovariance

    mean, variances = randn(1, D)[0], randn(1, D, seed=1)[0].square() + 0.1
    theirs = denoise.GaussianDenoiser(
        mean.reshape(SHAPE), DiagonalCovariance(variances.reshape(SHAPE)), noise.VPSchedule()
    )
    ours = GaussianMixtureDenoiser(mean[None], variances[None])
    model = AzulaDenoiser(theirs, SHAPE)
    x = 3 * randn(6, D, seed=2)
    for sigma in (0.02, 0.5, 20.0):
        torch.testing.assert_close(model(x, sigma), ours(x, sigma), rtol=0, atol=1e-10)


def test_k_diffusion_wrappers_are_called_as_they_are():
    external = pytest.importorskip("k_diffusion.external")
    x = randn(3, D)
    velocity = external.VDenoiser(lambda x_t, t: torch.sin(x_t) * t[:, None, None, None])
    sigma = torch.tensor([0.3, 1.0, 4.0], dtype=torch.float64)
    alpha, noise = 1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()
    x_t = alpha[:, None] * x
    v = torch.sin(x_t) * (2 / math.pi * torch.atan(sigma))[:, None]
    expected = alpha[:, None] * x_t - noise[:, None] * v
    torch.testing.assert_close(ImageDenoiser(velocity, SHAPE)(x, sigma), expected)
    signal = torch.exp(-(torch.linspace(1e-2, 3, 100, dtype=torch.float64) ** 2))
    discrete = external.DiscreteEpsDDPMDenoiser(lambda x_t, t: x_t, signal, quantize=False)
    model = ImageDenoiser(discrete, SHAPE)
    ends = [math.sqrt((1 - s) / s) for s in (float(signal[0]), float(signal[-1]))]
    assert model.noise_range == pytest.approx(ends)
    expected = x * (1 - sigma / (1 + sigma**2).sqrt())[:, None]  # D = x − σε, ε = αx
    torch.testing.assert_close(model(x, sigma), expected)


def test_a_flow_matching_network_is_denoised_as_its_scheduler_does():
    network = unet().eval()
    from diffusers import FlowMatchEulerDiscreteScheduler

    model = DiffusersDenoiser(network, FlowMatchEulerDiscreteScheduler(shift=3.0))
    for s in (0.01, 0.3, 0.9):
        x_t = randn(3, 64, seed=1).float()
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(sigmas=[s])
        with torch.no_grad():
            output = network(x_t.reshape(-1, 1, 8, 8), scheduler.timesteps[0]).sample
        step = scheduler.step(output, scheduler.timesteps[0], x_t.reshape(-1, 1, 8, 8))
        found = model(x_t / (1 - s), s / (1 - s))  # one Euler step to s = 0 is the mean
        torch.testing.assert_close(found, step.prev_sample.flatten(1), rtol=0, atol=2e-5)
