"""Rows of a data set as states of a trained model: order of axes, size, units."""

import re

import numpy as np
import pytest
import torch

from bridges.data import load_data
from bridges.models import find_model
from bridges.models.states import check_data, shape_of, similarity_of_states, states_of
from bridges.verbs.setting import Setting
from diffusion import NetworkDenoiser, ResidualMLP, UNet
from diffusion.checkpoints import save_denoiser

IMAGES = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def colours(tmp_path):
    path = tmp_path / "colours.npy"
    np.save(path, IMAGES)
    return str(path)


def checkpoint(folder, network, scale=70.0, mean=127.0):
    path = folder / f"{type(network).__name__}{scale:g}.safetensors"
    centre = torch.full((network.dimension,), mean)
    save_denoiser(NetworkDenoiser(network, scale=scale, mean=centre), path)
    return str(path)


def test_a_network_of_images_has_its_channels_first(colours, tmp_path):
    path = checkpoint(tmp_path, UNet((3, 8, 8), channels=8, levels=1, seed=0))
    model, rows = find_model(path), load_data(colours).rows
    expected = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).flatten(1)
    assert torch.equal(states_of(model, rows, colours), expected)
    assert shape_of(colours) == (3, 8, 8)
    centre = similarity_of_states(model, colours).centre
    torch.testing.assert_close(centre, expected.double().mean(0))
    memory = Setting(colours).memory(path, 4, seed=1)
    assert all((expected == pattern).all(1).any() for pattern in memory.patterns)


def test_a_network_of_flat_rows_takes_them_as_they_are(colours, tmp_path):
    model = find_model(checkpoint(tmp_path, ResidualMLP(192, width=8, depth=1, seed=0)))
    rows = load_data(colours).rows
    assert torch.equal(states_of(model, rows, colours), rows)


def test_data_in_other_units_are_refused_with_what_mends_them(colours, tmp_path):
    """Also for the mended data: the message is a name that is taken."""
    path = checkpoint(tmp_path, ResidualMLP(192, width=8, depth=1, seed=0), scale=0.3, mean=0.5)
    model = find_model(path)
    with pytest.raises(ValueError, match=r"a factor of 24.* give --data ") as caught:
        check_data(path, model, colours)
    mended = re.search(r"'(.*)'", str(caught.value))[1]
    check_data(path, model, mended)
    values = load_data(mended).rows
    assert float(values.mean()) == pytest.approx(0.5, abs=1e-2)
    assert float((values - values.mean(0)).square().mean().sqrt()) == pytest.approx(0.3, rel=1e-2)


def test_data_of_another_size_are_refused(tmp_path):
    path = checkpoint(tmp_path, ResidualMLP(49, width=8, depth=1, seed=0), scale=4.0, mean=5.0)
    message = r"takes rows of 49 numbers, got \(8, 8\) of digits"
    with pytest.raises(ValueError, match=message):
        Setting("digits").check([path], [3])


def test_windows_are_those_of_images_with_their_channels_first(colours):
    memory = Setting(colours, window=3).memory("local", 4, 0)
    assert memory.shape == memory.denoiser.shape == (3, 8, 8)
    found = memory.patterns.reshape(4, 3, 8, 8).movedim(1, -1)
    apart = (found[:, None] - torch.from_numpy(IMAGES).double()).abs().flatten(2).amax(2)
    assert (apart.min(1).values == 0).all()


def test_windows_need_images():
    with pytest.raises(ValueError, match="data must be images for equivariant"):
        Setting("random").memory("equivariant", 4, 0)
