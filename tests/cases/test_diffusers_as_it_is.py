"""What networks of diffusers take and return, and what their schedulers say."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from diffusion import DiffusersDenoiser, ImageDenoiser

SIGNAL = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000), 0)
X = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))


def scheduler(prediction="epsilon", signal=SIGNAL, **settings):
    config = SimpleNamespace(prediction_type=prediction, **settings)
    return SimpleNamespace(alphas_cumprod=signal, config=config)


@pytest.mark.parametrize(
    "variance", [{}, {"variance_type": "fixed_small"}, {"variance_type": None}]
)
@pytest.mark.parametrize("shape", [(3, 2, 2), (3, 4)])
def test_a_learned_variance_is_left_out_whatever_the_scheduler_says(variance, shape):
    def network(x, t):
        return torch.cat([0 * x, x + 7], 1)

    model = DiffusersDenoiser(network, scheduler(**variance), shape=shape)
    assert torch.equal(model(X, 1.0), X)  # ε = 0


def test_other_wrong_channels_are_refused():
    model = DiffusersDenoiser(lambda x, t: torch.cat([x, x, x], 1), scheduler(), shape=(3, 2, 2))
    with pytest.raises(RuntimeError, match="must match"):
        model(X, 1.0)


@pytest.mark.parametrize(
    ("signal", "settings"),
    [
        ((0.9, 0.5, 1e-9, 0.0), {}),
        ((0.9, 0.5, 1e-9, 2**-24), {"rescale_betas_zero_snr": True}),
        ((0.9, 0.5, 1e-9, 2**-24), {}),
        ((0.9, 0.5, 1e-3, 2**-24), {"rescale_betas_zero_snr": True}),
    ],
)
def test_a_level_without_signal_is_left_out(signal, settings):
    model = DiffusersDenoiser(abs, scheduler("sample", torch.tensor(signal), **settings), (12,))
    least, largest = (((1 - s) / s) ** 0.5 for s in (signal[0], signal[2]))
    assert model.noise_range == pytest.approx((least, largest), rel=1e-6)


ANSWERS = {
    "tuple": lambda x: (x, None),
    "list": lambda x: [x],
    "dictionary": lambda x: {"sample": x, "other": x + 1},
    "dictionary of one": lambda x: {"eps": x, "aux": None},
    "output": lambda x: SimpleNamespace(sample=x, mean=x + 1),
    "posterior": lambda x: torch.distributions.Normal(x, 1.0),
    "tuple of an output": lambda x: (SimpleNamespace(sample=x),),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_networks_may_return_tuples_dictionaries_and_outputs(answer):
    network = ANSWERS[answer]
    images = ImageDenoiser(lambda x, sigma: network(x), shape=(3, 2, 2))
    assert torch.equal(images(X, 1.0), X)
    model = DiffusersDenoiser(lambda x, t: network(x), scheduler("sample"), shape=(3, 2, 2))
    torch.testing.assert_close(model(X, 1.0), X * 0.5**0.5)  # D is αx


@pytest.mark.parametrize(
    ("answer", "message"),
    [({"a": X, "b": X}, "got dict of a, b"), (None, "got NoneType"), ((), "got tuple")],
)
def test_answers_without_a_tensor_are_named(answer, message):
    with pytest.raises(ValueError, match=f"must return a tensor, .*{message}"):
        ImageDenoiser(lambda x, sigma: answer, shape=(12,))(X, 1.0)


def test_inputs_of_one_row_are_given_to_each_row():
    seen = {}

    def network(x, t, **inputs):
        seen.update(inputs)
        assert inputs["prompt"].shape == (len(x), 5, 2)
        assert inputs["more"]["text"][0].shape == (len(x), 2)
        return x + inputs["class_labels"][:, None, None, None]

    model = DiffusersDenoiser(
        network,
        scheduler("sample", SIGNAL.double()),
        shape=(3, 2, 2),
        class_labels=3,
        prompt=torch.ones(1, 5, 2),
        more={"text": [torch.ones(1, 2)], "frames": 4},
        return_dict=False,
        guidance=torch.tensor(7.5),
        pairs=torch.ones(2, 4),
    )
    torch.testing.assert_close(model(X, 1.0), X * 0.5**0.5 + 3)
    assert seen["class_labels"].dtype == torch.int64
    assert (seen["return_dict"], seen["more"]["frames"]) == (False, 4)
    assert (seen["guidance"].shape, seen["pairs"].shape) == ((), (2, 4))


class Plain(nn.Module):
    def __init__(self, layer, size):
        super().__init__()
        self.layer, self.config = layer, SimpleNamespace(in_channels=4, sample_size=size)


class UNet1DModel:
    config = SimpleNamespace(in_channels=4, sample_size=32)


class UNet3DConditionModel:
    config = UNet1DModel.config


class Deeper(UNet1DModel):
    pass


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (UNet1DModel(), (4, 32)),
        (Deeper(), (4, 32)),
        (Plain(nn.Conv1d(4, 4, 1), 32), (4, 32)),
        (Plain(nn.Conv1d(4, 4, 1), (32,)), (4, 32)),
        (Plain(nn.Conv2d(4, 4, 1), 32), (4, 32, 32)),
        (Plain(nn.Conv2d(4, 4, 1), (16, 32)), (4, 16, 32)),
        (Plain(nn.Linear(4, 4), 32), (4, 32, 32)),
    ],
)
def test_the_shape_is_that_of_the_model(model, shape):
    assert DiffusersDenoiser(model, scheduler()).shape == shape


@pytest.mark.parametrize("layer", [nn.Conv3d(4, 4, 1), None])
def test_models_of_films_do_not_say_their_frames(layer):
    model = Plain(layer, 32) if layer else UNet3DConditionModel()
    with pytest.raises(ValueError, match=r"shape must be given for .*frames"):
        DiffusersDenoiser(model, scheduler())
