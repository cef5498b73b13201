"""Denoisers of windows: invariances, bounds, weights, and the information that bounds them."""

import math

import torch
from drawn import close, few, levels, normal, seeds
from hypothesis import given, strategies as st

from diffusion import LocalDenoiser, WindowInformation, window_information
from diffusion.local import MODES

sides = st.integers(1, 4)
windows = st.sampled_from([1, 3, 5, 9])


@few
@given(st.integers(1, 4), sides, sides, st.integers(1, 2), windows, levels, seeds)
def test_weights_sum_to_one_and_values_stay_within_the_data(P, h, w, c, window, sigma, seed):
    data, x = normal(P, c * h * w, seed=seed), normal(3, c * h * w, seed=seed + 1)
    own = torch.arange(3) % P
    for mode in MODES:
        denoiser = LocalDenoiser(data, window, mode, (c, h, w))
        found = denoiser(x, sigma)
        assert found.dtype == data.dtype
        least, most = data.min() - 1e-9, data.max() + 1e-9
        assert bool(((found >= least) & (found <= most)).all())
        weights = denoiser.weights(x, sigma)
        assert close(weights.sum(1), torch.ones(3).double())
        mine = denoiser.own_weights(x, sigma, own)
        assert mine.shape == (3, h, w)
        # of one place a part of that of all
        total = weights.gather(1, own[:, None]).squeeze(1)
        assert bool((mine.mean((1, 2)) <= total + 1e-9).all())
        alone = torch.cat([denoiser(row[None], sigma) for row in x])
        assert close(alone, found)
        if mode != "equivariant":
            turned = LocalDenoiser(data.view(P, c, h, w).mT.flatten(1), window, mode, (c, w, h))
            across = turned(x.view(3, c, h, w).mT.flatten(1), sigma)
            assert close(across.view(3, c, w, h).mT.flatten(1), found)


@few
@given(st.integers(2, 9), sides, sides, windows, seeds)
def test_information_lies_between_nothing_and_all(n, h, w, window, seed):
    rows, levels = normal(n, h * w, seed=seed), [1e-3, 1.0, 1e3]
    for pixel in ((0, w - 1), None):
        found = window_information(rows, window, levels, pixel, draws=8, shape=(h, w), seed=seed)
        assert isinstance(found, WindowInformation)
        assert found.references == (n if pixel else n * h * w)
        assert found.ceiling == math.log(found.references)
        assert bool((found.value >= -1e-9).all() and (found.value <= found.ceiling + 1e-9).all())
        assert math.isnan(found.threshold(found.references + 1))
