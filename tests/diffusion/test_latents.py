"""The doors of a latent space: what is no autoencoder, and shapes that are none."""

from types import SimpleNamespace

import pytest
import torch

from diffusion.latents import LatentSpace

TWICE = SimpleNamespace(
    encode=lambda images: SimpleNamespace(latents=2 * images),
    decode=lambda codes: SimpleNamespace(sample=codes / 2),
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"autoencoder": "sideways"},
            "autoencoder must have encode.*, got 'sideways'",
        ),
        ({"shape": 3}, "shape must be a row of numbers, got 3"),
        ({"shape": []}, r"shape must be \(channels, height, width\), got \(\)"),
        ({"image": [1, 2.5, 2]}, "image must be a whole number of at least 1, got 2.5"),
    ],
)
def test_what_is_no_latent_space_is_refused(given, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        LatentSpace(**({"autoencoder": TWICE, "shape": (1, 2, 2)} | given))


def test_codes_go_there_and_back():
    space, rows = LatentSpace(TWICE, (1, 2, 2)), torch.arange(12.0).view(3, 4)
    assert torch.equal(space.encode(rows), 2 * rows)
    assert torch.equal(space.decode(space.encode(rows)), rows)
