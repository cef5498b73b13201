"""Models of other libraries: exact ones in their parametrisations."""

import ast
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from foreign import (
    DATA,
    LEVELS,
    MIXTURE,
    SHAPE,
    D,
    Posterior,
    each_kind,
    each_library,
    schedule_of,
    straight,
    wrapped,
)
from gaussian import randn

from diffusion import (
    VE,
    AzulaDenoiser,
    DiffusersDenoiser,
    ImageDenoiser,
    jacobian_spectrum,
    manifold_dimension,
    noise_to,
    sample,
    uturn,
)


@each_kind
def test_the_exact_posterior_mean_comes_back(kind):
    model = wrapped(kind, MIXTURE)
    x = randn(len(LEVELS), D, seed=2) * 3
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
    x = 5 * randn(20, D, seed=3)
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
    x = randn(4, D, seed=5)
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
            seen.add((images.dtype, self.training))
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
    x = randn(2, D, seed=6)
    kept = x.clone()
    found = model(x, 0.5)
    assert found.dtype == torch.float64
    assert not found.requires_grad  # no graph that nobody asked for
    assert torch.equal(x, kept)
    assert seen == {(torch.float32, False)}
    assert network.training  # as it was
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
        (lambda: ImageDenoiser(abs, SHAPE, (1, 0.5)), r"noise_range must rise .* got \(1.0, 0.5\)"),
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
    with pytest.raises(ImportError, match=r"pip install '.\[interop\]'"):
        DiffusersDenoiser.from_pretrained("anything")


def test_an_exact_velocity_is_the_exact_denoiser():
    def velocity(images, timestep):
        """E[z − x₀] at x_t = (1 − s) x₀ + s z."""
        s = (timestep / 500)[:, None]
        x_t = images.flatten(1)
        clean = MIXTURE(x_t / (1 - s), (s / (1 - s)).squeeze(1))
        return ((x_t - (1 - s) * clean) / s - clean).reshape(images.shape)

    config = SimpleNamespace(num_train_timesteps=500, prediction_type="flow_prediction")
    model = DiffusersDenoiser(velocity, SimpleNamespace(config=config), SHAPE)
    assert model.noise_range == (1 / 499, 499)
    x, sigma = randn(4, D, seed=2), torch.tensor([0.01, 0.4, 3.0, 100.0], dtype=torch.float64)
    torch.testing.assert_close(model(x, sigma), MIXTURE(x, sigma), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"num_train_timesteps": 1}, "num_train_timesteps must be at least 2, got 1"),
        ({"num_train_timesteps": 9, "invert_sigmas": True}, "scheduler must count noise upwards"),
    ],
)
def test_flows_that_are_none_are_refused(config, message):
    scheduler = SimpleNamespace(config=SimpleNamespace(**config, prediction_type="flow_prediction"))
    with pytest.raises(ValueError, match=message):
        DiffusersDenoiser(lambda images, timestep: images, scheduler, SHAPE)
