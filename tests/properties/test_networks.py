"""Trained denoisers, those of other libraries, and random features of `diffusion`."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from drawn import close, few, fewer, levels, normal, points, refused, seeds
from hypothesis import given, strategies as st

from diffusion import (
    AzulaDenoiser,
    BiasVariance,
    ClassTimes,
    DiffusersDenoiser,
    FeatureFlow,
    GaussianMixtureDenoiser,
    History,
    ImageDenoiser,
    NetworkDenoiser,
    RandomFeatureScore,
    ResidualMLP,
    Training,
    UNet,
    bias_and_variance,
    class_times,
    level_emphasis,
    load_denoiser,
    save_denoiser,
    spectral_times,
    train_denoiser,
)
from diffusion.learning_times import PHASES


def gaussian(images, sigma):
    """The exact denoiser of numbers N(0, 1)."""
    return images / (1 + sigma.reshape(-1, *[1] * (images.ndim - 1)) ** 2)


def azula():
    def schedule(t):
        return 1 - 0.99 * t, 0.01 + t

    def model(x_t, t):
        alpha, sigma = schedule(t)
        alpha, sigma = (one.to(x_t).reshape(-1, *[1] * (x_t.ndim - 1)) for one in (alpha, sigma))
        return SimpleNamespace(mean=alpha * x_t / (alpha**2 + sigma**2))

    model.schedule = schedule
    return AzulaDenoiser(model, shape=(4,))


def diffusers():
    signal = torch.linspace(0.99, 0.01, 50, dtype=torch.float64)
    scheduler = SimpleNamespace(
        alphas_cumprod=signal, config=SimpleNamespace(prediction_type="v_prediction")
    )
    return DiffusersDenoiser(lambda images, _: 0 * images, scheduler, shape=(1, 2, 2))


@pytest.mark.parametrize(
    "make", [lambda: ImageDenoiser(gaussian, shape=(1, 2, 2)), azula, diffusers]
)
@fewer
@given(seeds, st.floats(0.11, 9.0))
def test_models_of_others_answer_in_flat_rows(make, seed, sigma):
    """All three are exact for N(0, 1), where D = x/(1 + σ²) and v = 0."""
    denoiser = make()
    for dtype in (torch.float32, torch.float64):
        x = normal(3, 4, seed, dtype)
        assert denoiser(x, sigma).dtype == dtype
        assert close(denoiser(x, sigma), x / (1 + sigma**2), torch.float32)
        each = torch.tensor([sigma, 1.0, sigma])
        assert close(denoiser(x, each), x / (1 + each[:, None] ** 2), torch.float32)
        assert denoiser(x[:0], sigma).shape == (0, 4)
    with refused("x"):
        denoiser(torch.full((1, 4), math.nan), sigma)
    with refused("sigma"):
        denoiser(torch.zeros(1, 4), math.nan)


NETWORKS = {
    "mlp": lambda seed: ResidualMLP(4, width=8, depth=1, classes=2, seed=seed),
    "unet": lambda seed: UNet((2, 2), channels=8, levels=1, classes=2, seed=seed),
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
@fewer
@given(seeds, levels, st.floats(0.1, 10))
def test_networks_are_of_their_seed_and_travel_through_files(
    tmp_path_factory, make, seed, sigma, scale
):
    """Each row on its own, by class or not; a file gives the same network back."""
    network = make(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(seed))
    denoiser = NetworkDenoiser(network, scale, mean=torch.arange(4.0))
    x = normal(3, 4, seed, torch.float32)
    found = denoiser(x, sigma).detach()
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    double = denoiser.to(torch.float64)
    with torch.no_grad():
        whole = double(x, sigma)
        assert close(torch.cat([double(row[None], sigma) for row in x]), whole)
        told = double.condition(torch.tensor([0, 1, 1]))(x, sigma)
        assert close(told[1:], double.condition(1)(x[1:], sigma))
    if sigma == 1e-6:
        assert close(found, x, torch.float32)
    assert whole.dtype == torch.float64
    path = tmp_path_factory.mktemp("file") / "a.safetensors"
    save_denoiser(denoiser, path)
    assert torch.equal(load_denoiser(path)(x, sigma), found)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="checkpoint"):
        load_denoiser(path)


@fewer
@given(points(rows=(3, 7), columns=(2, 3)), st.integers(1, 6), seeds)
def test_training_is_of_its_seed(data, steps, seed):
    data = torch.cat([data, data + 1])
    network = ResidualMLP(data.shape[1], width=8, depth=1, seed=0)
    once, twice = (
        train_denoiser(data, network=network, steps=steps, batch=2, seed=seed, quiet=True)
        for _ in range(2)
    )
    assert isinstance(once, Training)
    assert isinstance(once.history, History)
    assert once.step == steps == int(once.history.step[-1])
    assert torch.isfinite(once.history.loss).all()
    assert torch.equal(once.denoiser(data, 1.0), twice.denoiser(data, 1.0))


@few
@given(levels, st.sampled_from([None, "lognormal", "flow"]))
def test_high_levels_count_most_for_edm_and_least_for_likelihood(sigma, density):
    edm, flow, likelihood = (
        level_emphasis([sigma], one, density) for one in ("edm", "flow", "likelihood")
    )
    assert close(edm, likelihood * (1 + sigma**2))
    assert close(flow, likelihood * sigma)
    assert bool((likelihood >= 0).all())


@fewer
@given(st.integers(2, 6), st.integers(1, 5), st.integers(1, 3), seeds)
def test_bias_and_variance_add_up_and_do_not_see_a_common_shift(runs, rows, d, seed):
    scores, exact = normal(runs * rows, d, seed).reshape(runs, rows, d), normal(rows, d, seed + 1)
    found = bias_and_variance(scores, exact)
    assert isinstance(found, BiasVariance)
    error = float((scores - exact).square().sum(2).mean()) / d
    assert found.bias2 + found.variance == pytest.approx(error)
    moved = bias_and_variance(scores + 1, exact + 1)
    assert (moved.bias2, moved.variance) == pytest.approx((found.bias2, found.variance), abs=1e-9)
    same = bias_and_variance(scores[:1].expand(runs, -1, -1), exact)
    assert same.variance == pytest.approx(0, abs=1e-9)


@fewer
@given(st.integers(1, 12), st.integers(1, 3), st.integers(2, 8), st.floats(0.05, 2), seeds)
def test_feature_flows_descend_on_their_data(p, d, n, time, seed):
    """The loss starts at 1 and falls; labels in another order permute the classes."""
    data, labels = normal(n, d, seed), torch.arange(n) % 2
    model = RandomFeatureScore(p, d, time=time, seed=seed)
    flow = model.fit(data, labels)
    assert isinstance(flow, FeatureFlow)
    assert bool((flow.eigenvalues >= 0).all() and (flow.eigenvalues.diff() <= 1e-12).all())
    times = torch.tensor([0.0, 0.1, 1.0, 10.0, 1e6])
    loss = flow.train_loss(times) @ flow.fractions
    assert float(loss[0]) == pytest.approx(1)
    assert bool((loss.diff() <= 1e-9).all() and (loss >= -1e-9).all())
    assert close(flow.test_loss(times, data, labels), flow.train_loss(times))
    swapped = model.fit(data, 1 - labels)
    assert close(swapped.train_loss(times), flow.train_loss(times).flip(1), torch.float32)
    mixture = GaussianMixtureDenoiser(torch.zeros(2, d).double(), torch.tensor([1.6, 0.4]))
    least = flow.bayes_loss(mixture)
    assert bool((flow.test_loss(times, mixture) >= least - 1e-6).all())
    found = class_times(flow, mixture)
    assert isinstance(found, ClassTimes)
    assert np.array_equal(found.spectral, spectral_times(flow), equal_nan=True)
    assert bool((found.quality <= 1 + 1e-6).all())
    assert bool((found.least_loss >= found.bayes - 1e-6).all())
    grid = np.logspace(-3, 10, 8)
    assert set(found.phases(grid).flat) <= set(PHASES)
    assert np.allclose(found.gap_at(found.times), found.test - found.train)
    assert bool((found.score_error >= -1e-5).all())
    ridge = flow.with_ridge(0.3).train_loss(times) @ flow.fractions
    assert bool((ridge >= loss - 1e-9).all())
    assert close(flow.truncated(p).readout(3.0), flow.readout(3.0))
    assert float(flow.truncated(0).readout(3.0).abs().max()) == 0
