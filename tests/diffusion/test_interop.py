"""Models of other libraries: exact ones in their parametrisations, and tiny ones of their own."""

import ast
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from diffusion import (
    VE,
    AzulaDenoiser,
    DiffusersDenoiser,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    ImageDenoiser,
    jacobian_spectrum,
    manifold_dimension,
    noise_to,
    sample,
    uturn,
)

SHAPE = (2, 3, 4)
D = math.prod(SHAPE)
PREDICTIONS = ("epsilon", "v_prediction", "sample")
LEVELS = (0.02, 0.3, 1.0, 7.0, 100.0)


def normal(rows, seed, d=D):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, d, dtype=torch.float64, generator=generator)


MIXTURE = GaussianMixtureDenoiser(normal(3, 0), 0.3, [0.2, 0.3, 0.5])
DATA = EmpiricalDenoiser(normal(5, 1))


def schedule_of(kind, prediction):
    """ᾱ falling from 0.9999 to about 4e-5, by hand or as diffusers makes it."""
    if kind == "by hand":
        signal = np.exp(-(np.linspace(1e-2, math.sqrt(10.05), 1000) ** 2))
        config = SimpleNamespace(prediction_type=prediction)
        return SimpleNamespace(alphas_cumprod=torch.from_numpy(signal), config=config)
    schedulers = pytest.importorskip("diffusers.schedulers")
    return getattr(schedulers, kind)(prediction_type=prediction)


class Network(torch.nn.Module):
    """What a perfectly trained network of this prediction type would say."""

    def __init__(self, denoiser, scheduler):
        super().__init__()
        self.denoiser, self.prediction = denoiser, scheduler.config.prediction_type
        signal = scheduler.alphas_cumprod.double().numpy()
        self.log_level = np.log((1 - signal) / signal) / 2

    def forward(self, images, timestep):
        clock = np.arange(len(self.log_level))
        level = np.exp(np.interp(timestep.numpy(), clock, self.log_level))
        level = torch.from_numpy(level)[:, None]
        alpha = 1 / (1 + level**2).sqrt()
        x_t = images.flatten(1)
        clean = self.denoiser(x_t / alpha, level.squeeze(1))
        noise = (x_t - alpha * clean) / (alpha * level)
        velocity = alpha * noise - alpha * level * clean
        found = {"epsilon": noise, "v_prediction": velocity, "sample": clean}[self.prediction]
        return SimpleNamespace(sample=found.reshape(images.shape))


class Posterior(torch.nn.Module):
    """An exact denoiser in the form that azula's have."""

    def __init__(self, denoiser, schedule):
        super().__init__()
        self.denoiser, self.schedule = denoiser, schedule

    def forward(self, x_t, t):
        alpha, sigma = (each.reshape(-1) for each in self.schedule(t))
        mean = self.denoiser(x_t.flatten(1) / alpha[:, None], (sigma / alpha).expand(len(x_t)))
        return SimpleNamespace(mean=mean.reshape(x_t.shape))


def straight(t):
    """A schedule by hand: σ/α from 0.001 to 1000."""
    return 1e-3 * t + 1 - t, t + 1e-3 * (1 - t)


def diffusers_denoiser(exact, kind="by hand", prediction="epsilon"):
    scheduler = schedule_of(kind, prediction)
    return DiffusersDenoiser(Network(exact, scheduler), scheduler, SHAPE)


def azula_denoiser(exact, kind="by hand"):
    if kind == "by hand":
        return AzulaDenoiser(Posterior(exact, straight), SHAPE)
    noise = pytest.importorskip("azula.noise")
    return AzulaDenoiser(Posterior(exact, getattr(noise, kind)()), SHAPE)


def image_denoiser(exact):
    def call(images, sigma):
        assert images.shape[1:] == SHAPE
        assert sigma.shape == (len(images),)
        return exact(images.flatten(1), sigma).reshape(images.shape)

    return ImageDenoiser(call, SHAPE)


KINDS = [
    *(("diffusers", kind, p) for kind in ("by hand", "DDPMScheduler") for p in PREDICTIONS),
    ("diffusers", "DDIMScheduler", "v_prediction"),
    *(("azula", kind) for kind in ("by hand", "VESchedule", "VPSchedule", "CosineSchedule")),
    ("azula", "RectifiedSchedule"),
    ("image",),
]
MAKERS = {"diffusers": diffusers_denoiser, "azula": azula_denoiser, "image": image_denoiser}
each_kind = pytest.mark.parametrize("kind", KINDS, ids="-".join)
each_library = pytest.mark.parametrize(
    "kind", [("diffusers", "by hand"), ("azula", "by hand"), ("image",)], ids=lambda kind: kind[0]
)


def wrapped(kind, exact):
    library, *words = kind
    return MAKERS[library](exact, *words)


@each_kind
def test_the_exact_posterior_mean_comes_back(kind):
    model = wrapped(kind, MIXTURE)
    x = normal(len(LEVELS), 2) * 3
    found = [model(x, sigma) for sigma in LEVELS]
    expected = [MIXTURE(x, sigma) for sigma in LEVELS]
    # ε and v divide and multiply by σ: rounding grows with it
    for one, other, sigma in zip(found, expected, LEVELS, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * max(1, sigma) ** 2)
    together = model(x, torch.tensor(LEVELS))
    alone = torch.cat([model(x[k : k + 1], sigma) for k, sigma in enumerate(LEVELS)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-7)  # σ of single precision
    assert torch.equal(model.score(x, 0.3), (model(x, 0.3) - x) / 0.3**2)


@each_library
@pytest.mark.parametrize("method", ["euler", "heun", "sde"])
def test_sampling_is_that_of_the_exact_denoiser(kind, method):
    model = wrapped(kind, MIXTURE)
    x = 5 * normal(20, 3)
    ends = [sample(d, x, VE(), method, 15, start=5.0, stop=0.1, seed=4) for d in (model, MIXTURE)]
    torch.testing.assert_close(*ends, rtol=0, atol=1e-9)


@each_library
def test_a_u_turn_comes_back_to_the_data(kind):
    model = wrapped(kind, DATA)
    back = uturn(model, DATA.data, VE(), 0.3, seed=0)
    torch.testing.assert_close(back, DATA.data, rtol=0, atol=1e-8)


class Sheet(torch.nn.Module):
    """Gaussian data of variances λ, by its formula, for any of the libraries."""

    variances = torch.tensor([1.0] * 3 + [0.05] * 2 + [0.0] * (D - 5), dtype=torch.float64)

    def forward(self, x, sigma):
        return x * self.variances / (self.variances + sigma[:, None] ** 2)


@each_library
def test_geometry_is_that_of_the_data(kind):
    model = wrapped(kind, Sheet())
    x = normal(4, 5)
    s = Sheet.variances / (Sheet.variances + 0.1**2) - 1
    spectrum = jacobian_spectrum(model, x, 0.1)
    torch.testing.assert_close(spectrum, s.sort().values.expand(4, -1), rtol=0, atol=1e-7)
    for method, value in (("half-count", 5.0), ("gap", 5.0), ("effective", float((1 + s).sum()))):
        found = manifold_dimension(model, x, 0.1, method).value
        assert found.tolist() == pytest.approx([value] * 4, abs=1e-6)
    assert manifold_dimension(model, x, 90.0).phase == ("trivial",) * 4  # a ladder beyond the end


def test_samplers_leave_out_the_noise_levels_that_a_model_does_not_know():
    levels = []

    def network(images, sigma):
        levels.append(float(sigma.max()))
        return 0 * images

    model = ImageDenoiser(network, (1, 1, 2), noise_range=(0.2, 10))
    x = noise_to(torch.zeros(3, 2), VE(), 2.0, seed=0)
    assert float(sample(model, x, VE(), steps=8, start=2.0).abs().max()) < 1e-6
    assert min(levels) == pytest.approx(0.2)
    assert max(levels) == pytest.approx(2.0)
    assert sorted(set(levels))[1] == pytest.approx(0.2 * 10 ** (1 / 7))
    with pytest.raises(ValueError, match=r"sigma must lie in \[0.2, 10\], .* got 0.1"):
        sample(model, x, VE(), start=0.1)


@each_library
def test_dtype_follows_the_input_and_the_model_has_its_own(kind):
    seen = set()

    class Single(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(D, D)  # single precision

        def forward(self, images, _):
            seen.add(images.dtype)
            found = self.layer(images.flatten(1)).reshape(images.shape)
            return found if kind[0] == "image" else SimpleNamespace(sample=found, mean=found)

    network = Single()
    if kind[0] == "azula":
        network.schedule = straight
        model = AzulaDenoiser(network, SHAPE)
    elif kind[0] == "diffusers":
        model = DiffusersDenoiser(network, schedule_of("by hand", "sample"), SHAPE)
    else:
        model = ImageDenoiser(network, SHAPE)
    assert not network.training
    x = normal(2, 6)
    kept = x.clone()
    found = model(x, 0.5)
    assert found.dtype == torch.float64
    assert not found.requires_grad  # no graph that nobody asked for
    assert torch.equal(x, kept)
    assert seen == {torch.float32}
    assert model(x.float(), 0.5).dtype == torch.float32
    assert model(x.requires_grad_(), 0.5).requires_grad


@each_library
def test_bad_calls_are_named(kind):
    model = wrapped(kind, MIXTURE)
    with pytest.raises(ValueError, match=rf"x must have shape \(rows, {D}\), got \(2, 3\)"):
        model(torch.zeros(2, 3), 1.0)
    with pytest.raises(ValueError, match="x must be finite"):
        model(torch.full((1, D), math.nan), 1.0)
    with pytest.raises(ValueError, match="sigma must be positive"):
        model(torch.zeros(1, D), 0.0)
    if kind[0] != "image":
        low, high = model.noise_range
        for sigma in (low / 1.01, high * 1.01, torch.tensor([1.0, high * 1.01])):
            with pytest.raises(ValueError, match=r"sigma must lie in \[.*\], the noise levels of"):
                model(torch.zeros(2, D), sigma)
        assert torch.isfinite(model(torch.zeros(2, D), torch.tensor([low, high]))).all()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x, sigma: x[:, :1], r"must return shape \(2, 2, 3, 4\), got \(2, 1, 3, 4\)"),
        (lambda x, sigma: x * math.nan, "must return finite numbers"),
    ],
)
def test_bad_answers_are_named(answer, message):
    with pytest.raises(ValueError, match=f"function {message}"):
        ImageDenoiser(answer, SHAPE)(torch.ones(2, D), 1.0)


def test_half_precision_may_be_large():
    model = ImageDenoiser(lambda images, sigma: images, SHAPE)
    x = torch.full((9, D), 6e4, dtype=torch.float16)
    assert torch.equal(model(x, 1.0), x)


def scheduler(prediction="epsilon", signal=(0.9, 0.5)):
    config = SimpleNamespace(prediction_type=prediction)
    return SimpleNamespace(alphas_cumprod=torch.tensor(signal), config=config)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DiffusersDenoiser(abs, scheduler("score"), SHAPE),
            "prediction_type must be one of 'epsilon', 'v_prediction', 'sample', got 'score'",
        ),
        (
            lambda: DiffusersDenoiser(abs, SimpleNamespace(), SHAPE),
            "scheduler must have alphas_cumprod, .* got SimpleNamespace",
        ),
        (lambda: DiffusersDenoiser(abs, scheduler()), "shape must be given"),
        (
            lambda: DiffusersDenoiser(abs, scheduler(signal=(1.0, 0.5)), SHAPE),
            "alphas_cumprod that fall from below 1",
        ),
        (
            lambda: DiffusersDenoiser(abs, scheduler(signal=(0.5, 0.9)), SHAPE),
            "alphas_cumprod that fall from below 1",
        ),
        (lambda: AzulaDenoiser(abs, SHAPE), "model must have a schedule"),
        (
            lambda: AzulaDenoiser(Posterior(MIXTURE, lambda t: straight(1 - t)), SHAPE),
            "schedule of rising noise",
        ),
        (lambda: ImageDenoiser(abs, (1, 2.5)), "shape must be a whole number"),
        (lambda: ImageDenoiser(abs, ()), "shape must have at least one axis"),
        (lambda: ImageDenoiser(abs, SHAPE, (1, 0.5)), r"noise_range must rise .* got \(1, 0.5\)"),
    ],
)
def test_models_that_cannot_be_adapted_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_without_signal_at_its_end_leaves_that_level_out():
    model = DiffusersDenoiser(abs, scheduler(signal=(0.9, 0.5, 0.0)), SHAPE)
    assert model.noise_range == pytest.approx((1 / 3, 1.0))


def test_importing_the_package_imports_none_of_the_libraries():
    from diffusion import interop

    tops = ast.parse(Path(interop.__file__).read_text()).body
    modules = [n.module for n in tops if isinstance(n, ast.ImportFrom)]
    modules += [alias.name for n in tops if isinstance(n, ast.Import) for alias in n.names]
    homes = {module.split(".")[0] for module in modules}
    assert homes == {"__future__", "abc", "collections", "diffusion", "math", "torch", "typing"}


def test_reading_a_model_without_diffusers_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ImportError, match=r"pip install 'hopfield-diffusion\[interop\]'"):
        DiffusersDenoiser.from_pretrained("anything")


# -- the libraries' own tiny networks ---------------------------------------------------------


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
        x_t = normal(3, t, 64).float()
        with torch.no_grad():
            output = network(x_t.reshape(-1, 1, 8, 8), t).sample
        expected = scheduler.step(output, t, x_t.reshape(-1, 1, 8, 8)).pred_original_sample
        found = model(x_t / signal**0.5, math.sqrt((1 - signal) / signal))
        scale = max(1.0, float(expected.abs().max()))
        torch.testing.assert_close(found, expected.flatten(1), rtol=0, atol=2e-5 * scale)


def test_a_learned_variance_is_left_out():
    network = unet(out=2).eval()
    from diffusers import DDPMScheduler

    model = DiffusersDenoiser(network, DDPMScheduler(variance_type="learned_range"))
    x = normal(2, 0, 64).float()
    alpha = 0.5**0.5
    t = model._timestep(torch.tensor([1.0, 1.0], dtype=torch.float64)).float()
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
    x = normal(3, 0, 64).float()
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

    x = normal(3, 0, 64).float()
    found = [
        DiffusersDenoiser(network, DDIMScheduler(), class_labels=torch.tensor([k]))(x, 1.0)
        for k in (1, 2)
    ]
    assert not torch.allclose(*found, atol=1e-4)


def test_a_diffusers_unet_has_a_spectrum_and_is_a_sampler():
    model = DiffusersDenoiser(unet(), schedule_of("DDPMScheduler", "epsilon"))
    x = normal(2, 0, 64).float()
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
    x = normal(2, 0, 64).float()
    assert torch.equal(model(x, 1.0), DiffusersDenoiser(network, DDPMScheduler())(x, 1.0))
    with pytest.raises(ValueError, match="no diffusers pipeline could be read from"):
        DiffusersDenoiser.from_pretrained(str(tmp_path))


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
        x = normal(3, 7).float()
        with torch.no_grad():
            expected = network((alpha * x).float().reshape(-1, *SHAPE), t).mean
        found = model(x, float(sigma / alpha))
        torch.testing.assert_close(found, expected.flatten(1).float(), rtol=1e-5, atol=1e-5)


def test_azulas_own_gaussian_is_ours():
    """Its closed form and ours are two programs."""
    denoise, noise = pytest.importorskip("azula.denoise"), pytest.importorskip("azula.noise")
    from azula.linalg.covariance import DiagonalCovariance

    mean, variances = normal(1, 0)[0], normal(1, 1)[0].square() + 0.1
    theirs = denoise.GaussianDenoiser(
        mean.reshape(SHAPE), DiagonalCovariance(variances.reshape(SHAPE)), noise.VPSchedule()
    )
    ours = GaussianMixtureDenoiser(mean[None], variances[None])
    model = AzulaDenoiser(theirs, SHAPE)
    x = 3 * normal(6, 2)
    for sigma in (0.02, 0.5, 20.0):
        torch.testing.assert_close(model(x, sigma), ours(x, sigma), rtol=0, atol=1e-10)


def test_k_diffusion_wrappers_are_called_as_they_are():
    external = pytest.importorskip("k_diffusion.external")
    x = normal(3, 0)
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
