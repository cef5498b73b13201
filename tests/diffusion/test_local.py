"""Local denoisers against naive loops, the empirical denoiser, and windows whose law is known."""

import math
from functools import lru_cache
from itertools import product

import pytest
import torch
from gaussian import randn
from sklearn.datasets import load_digits

from diffusion import (
    VE,
    EmpiricalDenoiser,
    LocalDenoiser,
    neighbour_distances,
    sample,
    score_antisymmetry,
    window_information,
)
from diffusion.local import MODES
from diffusion.samplers import geometric_levels
from diffusion.windows import _patches

GREY, COLOUR = randn(5, 4, 6), randn(3, 2, 5, 3)
HALF = 0.5


def patch(image, row, column, window, circular):
    """Values (c, …) of the window around a pixel, each once, and where its places end."""
    height, width = image.shape[1:]
    reach = window // 2
    places = {}
    for up, left in product(range(-reach, reach + 1), repeat=2):
        r, c = row + up, column + left
        if circular:
            # a window wider than the image has every pixel once, at its least distance
            up, left = (
                (up + side // 2) % side - side // 2 for up, side in ((up, height), (left, width))
            )
            places[up, left] = image[:, r % height, c % width]
        elif 0 <= r < height and 0 <= c < width:
            places[up, left] = image[:, r, c]
    return places


def slow(images, x, sigma, window, mode):
    """D(x, σ) of one image (c, h, w), pixel by pixel and candidate by candidate, and weights."""
    channels, height, width = x.shape
    circular, result = mode == "equivariant", torch.zeros_like(x)
    everywhere = list(product(range(height), range(width)))
    others = {
        (mu, *at): patch(image, *at, window, circular)
        for mu, image in enumerate(images)
        for at in everywhere
    }
    weights = torch.zeros(len(images), dtype=x.dtype)
    for row, column in everywhere:
        own = patch(x, row, column, window, circular)
        places = [(row, column)] if mode == "local" else everywhere
        logits, values, of = [], [], []
        for r, c in places:
            for mu, image in enumerate(images):
                other = others[mu, r, c]
                if other.keys() != own.keys():  # another clipping
                    continue
                one, two = (torch.cat([each[at] for at in own]) for each in (own, other))
                logits.append(-(one - two).square().sum() / (2 * sigma**2))
                values.append(image[:, r, c])
                of.append(mu)
        w = torch.softmax(torch.stack(logits), 0)
        result[:, row, column] = sum(a * b for a, b in zip(w, values, strict=True))
        weights.index_add_(0, torch.tensor(of), w / (height * width))
    assert channels == len(images[0])
    return result, weights


@pytest.mark.parametrize("images", [GREY[:, None], COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("window", [1, 3, 5])
@pytest.mark.parametrize("mode", MODES)
def test_it_is_what_naive_loops_say(mode, window, images):
    x = randn(2, *images.shape[1:], seed=1)
    given = images[:, 0] if images.shape[1] == 1 else images
    denoiser = LocalDenoiser(given, window, mode)
    sigma = torch.tensor([0.4, 1.5])
    expected = [slow(images, one, float(s), window, mode) for one, s in zip(x, sigma, strict=True)]
    found = denoiser(x.flatten(1), sigma)
    for k, (mean, weights) in enumerate(expected):
        torch.testing.assert_close(found[k], mean.flatten(), rtol=0, atol=1e-12)
        torch.testing.assert_close(
            denoiser.weights(x.flatten(1), sigma)[k], weights, rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("sigma", [1e-150, 0.05, 1.0, 1e100])
def test_with_a_full_window_it_is_the_empirical_denoiser(images, sigma):
    rows = images.flatten(1)
    window = 2 * max(images.shape[-2:]) - 1
    denoiser, exact = LocalDenoiser(images, window), EmpiricalDenoiser(rows)
    x = randn(7, rows.shape[1], seed=2)
    torch.testing.assert_close(denoiser(x, sigma), exact(x, sigma), rtol=0, atol=1e-10)
    if sigma > 1e-100:
        weights = exact.weights(x, sigma)
        torch.testing.assert_close(denoiser.weights(x, sigma), weights, rtol=0, atol=1e-10)
        own = torch.arange(7) % len(rows)
        found = denoiser.own_weights(x, sigma, own)
        assert found.shape == (7, *images.shape[-2:])
        each = weights.gather(1, own[:, None])[..., None].expand_as(found)
        torch.testing.assert_close(found, each, rtol=0, atol=1e-10)


def test_a_shift_of_the_image_shifts_what_an_equivariant_one_says():
    x = randn(3, 4, 6, seed=3)
    denoiser = LocalDenoiser(GREY, 3, "equivariant")
    found = denoiser(x.roll((1, 2), (1, 2)).flatten(1), 0.7).view_as(x)
    expected = denoiser(x.flatten(1), 0.7).view_as(x).roll((1, 2), (1, 2))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    local = LocalDenoiser(GREY, 3)
    moved = local(x.roll((1, 2), (1, 2)).flatten(1), 0.7).view_as(x)
    assert (moved - local(x.flatten(1), 0.7).view_as(x).roll((1, 2), (1, 2))).abs().max() > 0.1


def test_own_weights_are_those_of_the_patch_at_the_same_place():
    """Beside a shifted copy of itself a patch has half the weight, and its image all of it."""
    image = GREY[:1]
    twice = torch.cat([image, image.roll(1, 2)])
    denoiser = LocalDenoiser(twice, 3, "equivariant")
    own = denoiser.own_weights(image.flatten(1), 0.01, [0])
    torch.testing.assert_close(own, torch.full_like(own, HALF), rtol=0, atol=1e-12)
    weights = denoiser.weights(image.flatten(1), 0.01)
    torch.testing.assert_close(weights, torch.full_like(weights, HALF), rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_it_is_no_gradient(mode):
    x = randn(3, 24, seed=4)
    assert score_antisymmetry(LocalDenoiser(GREY, 3, mode), x, 1.0).min() > 0.05
    assert not hasattr(LocalDenoiser(GREY, 3, mode), "log_density")


def test_with_a_full_window_it_is_a_gradient():
    x = randn(3, 24, seed=4)
    assert score_antisymmetry(LocalDenoiser(GREY, 11), x, 1.0).max() < 1e-10


@pytest.mark.parametrize("mode", MODES)
def test_blocks_and_batches_change_nothing(monkeypatch, mode):
    x = randn(5, 24, seed=5)
    denoiser, own = LocalDenoiser(GREY, 3, mode), torch.arange(5)
    whole = denoiser(x, 0.6), denoiser.weights(x, 0.6), denoiser.own_weights(x, 0.6, own)
    monkeypatch.setattr("diffusion.local._NUMBERS", 50)  # two rows, an image at a time
    parts = denoiser(x, 0.6), denoiser.weights(x, 0.6), denoiser.own_weights(x, 0.6, own)
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-14)
    assert denoiser(x[:0], 0.6).shape == (0, 24)
    assert denoiser.weights(x[:0], 0.6).shape == (0, 5)


@pytest.mark.parametrize("sigma", [1e-3, 0.5, 30.0])
def test_single_precision_stays_close(sigma):
    x = GREY.flatten(1).repeat(4, 1) + sigma * randn(20, 24, seed=6)
    double = LocalDenoiser(GREY, 3)(x, sigma)
    single = LocalDenoiser(GREY.float(), 3)(x.float(), sigma)
    assert single.dtype == torch.float32
    assert (single - double).abs().max() < 1e-3 * max(1.0, sigma**-0.5)
    assert LocalDenoiser(GREY.half(), 3)(x, sigma).dtype == torch.float32
    assert LocalDenoiser((GREY > 0).int(), 3)(x, sigma).dtype == torch.float64


def test_rows_with_a_shape_are_images_and_stay_as_they_were():
    rows = COLOUR.flatten(1)
    kept = rows.clone()
    denoiser = LocalDenoiser(rows, 3, shape=(2, 5, 3))
    x = randn(2, 30, seed=7)
    assert torch.equal(denoiser(x, 0.5), LocalDenoiser(COLOUR, 3)(x, 0.5))
    assert torch.equal(rows, kept)
    assert denoiser.shape == (2, 5, 3)
    assert repr(denoiser) == "LocalDenoiser(P=3, shape=(2, 5, 3), window=3, local)"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: LocalDenoiser(GREY, 4), "window must be odd"),
        (lambda: LocalDenoiser(GREY, 0), "window must be"),
        (lambda: LocalDenoiser(GREY, 3, "global"), "mode must be one of"),
        (lambda: LocalDenoiser(GREY.flatten(1), 3), r"data must be images .*got \(5, 24\)"),
        (lambda: LocalDenoiser(GREY[:0], 3), "data must be images"),
        (lambda: LocalDenoiser(GREY * math.nan, 3), "data must be finite"),
        (lambda: LocalDenoiser(GREY.flatten(1), 3, shape=(5, 5)), "data must be rows of 25"),
        (lambda: LocalDenoiser(GREY.flatten(1), 3, shape=(24,)), "shape must be"),
        (lambda: LocalDenoiser(GREY, 3)(GREY[:, 0], 1.0), r"x must have shape \(rows, 24\)"),
        (lambda: LocalDenoiser(GREY, 3)(GREY.flatten(1), 0.0), "sigma must be positive"),
        (lambda: LocalDenoiser(GREY, 3).own_weights(GREY.flatten(1), 1.0, [0]), "own must be"),
        (lambda: LocalDenoiser(GREY, 3).own_weights(GREY[:1].flatten(1), 1.0, [5]), "own must be"),
        (lambda: window_information(GREY, 3, [1.0, 0.5]), "sigma must be noise levels that rise"),
        (lambda: window_information(GREY, 3, [0.0, 0.5]), "sigma must be noise levels that rise"),
        (lambda: window_information(GREY, 3, [1.0, 1e200]), "sigma must lie in"),
        (lambda: window_information(GREY, 3, [1.0], (4, 0)), "pixel must be"),
        (lambda: window_information(GREY, 3, [1.0], (1,)), "pixel must be a row and a column"),
        (lambda: window_information(GREY, 3, [1.0], draws=1), "draws must be"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


# the information of windows


def test_windows_of_independent_pixels_tell_what_gaussians_do():
    """k² ln(1 + 1/σ²)/2 nats, where e^I references are few of n."""
    images = randn(4000, 5, 5, seed=8)
    levels = [1.2, 2.0, 3.0]
    for pixel, pixels in (((2, 2), 9), ((0, 0), 4), (None, 9)):
        found = window_information(images[: 4000 if pixel else 160], 3, levels, pixel, 600, seed=0)
        expected = pixels / 2 * torch.log1p(1 / torch.tensor(levels).double() ** 2)
        # 4 s.e. of draws, and 3 % of finite references
        assert ((found.value - expected).abs() < 4 * found.sem + 0.03 * expected).all()
        assert found.references == 4000


def test_information_ends_at_its_ceiling():
    found = window_information(randn(50, 4, 4), 3, [1e-3, 1e-2, 1.0, 100.0], (1, 1), 60, seed=0)
    assert found.ceiling == math.log(50)
    assert found.value.tolist()[:2] == pytest.approx([found.ceiling] * 2)
    assert found.value[-1] < 0.01
    assert math.isnan(found.threshold(50))
    assert math.isnan(found.threshold(51))
    assert 0.01 < found.threshold(10) < 100
    between = found.threshold(math.exp(float(found.value[2])))
    assert between == pytest.approx(1.0)
    assert "50 patches" in repr(found)


def test_glued_windows_of_all_pixels_are_those_of_the_equivariant_denoiser():
    """Weights of all patches at a patch, from either."""
    for window in (3, 5, 99):  # 5 is wider than the 4 rows
        assert window_information(GREY[:2], window, [1.0], seed=0).references == 48
        patches = _patches(GREY[:2, None], window, None)
        x, sigma = randn(1, 4, 6, seed=9), 0.8
        asked = _patches(x[:, None], window, None)
        weights = EmpiricalDenoiser(patches).weights(asked, sigma)  # of 24 places, 48 patches
        expected = weights.view(24, 2, 24).sum(2).mean(0)
        found = LocalDenoiser(GREY[:2], window, "equivariant").weights(x.flatten(1), sigma)
        torch.testing.assert_close(found[0], expected, rtol=0, atol=1e-12)


# measured on digits, diffusion 2, E4: standardised over all pixels


@lru_cache
def digits():
    rows = torch.tensor(load_digits().data)
    return (rows - rows.mean()) / rows.std()


def chosen(P, seed):
    rows = digits()
    return rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:P]]


def own(P, window, sigma, seeds, mode="local", repeats=1):
    """Own weights (seeds, h, w) of planted cues."""
    found = []
    for seed in seeds:
        data = chosen(P, seed)
        x = data.repeat(repeats, 1)
        x = x + sigma * randn(*x.shape, seed=1000 + seed)
        denoiser = LocalDenoiser(data, window, mode, shape=(8, 8))
        found.append(denoiser.own_weights(x, sigma, torch.arange(P).repeat(repeats)).mean(0))
    return torch.stack(found)


TABLE = {
    0.3: ((1, 0.027), (3, 0.513), (5, 0.881), (7, 0.988)),
    0.5: ((1, 0.020), (3, 0.307), (5, 0.713), (7, 0.939)),
    0.8: ((1, 0.015), (3, 0.139), (5, 0.449), (7, 0.739), (15, 0.972)),
    1.2: ((1, 0.013), (3, 0.059), (5, 0.227), (7, 0.454), (15, 0.822)),
    2.0: ((1, 0.011), (3, 0.023), (5, 0.069), (7, 0.132), (15, 0.335)),
}


@pytest.mark.parametrize("sigma", TABLE)
def test_the_weight_of_the_own_datum(sigma):
    for window, expected in TABLE[sigma]:
        found = own(100, window, sigma, range(6)).mean((1, 2))
        sem = float(found.std()) / 6**0.5
        # 4 s.e. of both, between 6 sets here and 3 there; a unit of the last digit printed
        assert float(found.mean()) == pytest.approx(expected, abs=4 * sem * 3**0.5 + 0.001)


def half_way(levels, weights):
    """Where falling weights (K,) are a half, linear in ln σ."""
    k = int((weights > HALF).sum())
    part = float((weights[k - 1] - HALF) / (weights[k - 1] - weights[k]))
    return levels[k - 1] * (levels[k] / levels[k - 1]) ** part


@pytest.mark.slow
@pytest.mark.parametrize("window", [3, 5, 15])
def test_a_window_forgets_where_its_information_is_less_than_ln_P(window):
    """Half of the own weight, at 1 to 1.4 times the noise of the law (diffusion 2, E4 and G20)."""
    rows = digits()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    images = rows[order[:1397]].reshape(-1, 8, 8)
    levels = torch.logspace(-0.5, 0.5, 9).double()
    known = window_information(images, window, levels, (3, 3), 600, seed=0)
    for P, copies in ((50, 4), (200, 1)):
        weights = [
            own(P, window, s, range(5), repeats=copies)[:, 3, 3].mean() for s in levels.tolist()
        ]
        assert 1 <= half_way(levels.tolist(), torch.stack(weights)) / known.threshold(P) <= 1.4


@pytest.mark.slow
def test_an_equivariant_window_forgets_at_ln_P_L():
    images = chosen(600, 0).float().reshape(-1, 8, 8)
    levels = torch.logspace(-0.5, 0.2, 8).double()
    law = window_information(images, 5, levels, None, 300, seed=0).threshold(64 * 20)
    assert law == pytest.approx(0.722, rel=0.05)  # from other references, few
    weights = [own(20, 5, s, range(6), "equivariant", 3).mean() for s in levels.tolist()]
    assert 1 <= half_way(levels.tolist(), torch.stack(weights)) / law <= 1.4


def memorized(window, seeds):
    """Fraction of 60 flow samples of 100 digits with d₁ < d₂/3, and mean d₁/√d, per set."""
    found = []
    for seed in seeds:
        data = chosen(100, seed)
        x = 5 * randn(60, 64, seed=2000 + seed)
        levels = [*geometric_levels(5.0, 0.05, 24), 0.0]
        ends = sample(LocalDenoiser(data, window, shape=(8, 8)), x, VE(), "euler", levels=levels)
        near = torch.as_tensor(neighbour_distances(ends, data, 2))
        copies = (near[:, 0] < near[:, 1] / 3).double().mean()
        found.append(torch.stack([copies, near[:, 0].mean() / 8]))
    return torch.stack(found)


@pytest.mark.slow
def test_narrow_windows_do_not_copy():
    """.03 at k = 5, .52 at 7, 1 at 15, of 60 samples of one set there: 4 s.e. of both."""
    for window, copies, distance in ((5, 0.03, 0.53), (7, 0.52, 0.22), (15, 1.0, 0.0)):
        found = memorized(window, range(8))
        mean, sem = found.mean(0), found.std(0) / 8**0.5
        other = math.sqrt(max(copies * (1 - copies), 0.01) / 60)
        assert float(mean[0]) == pytest.approx(copies, abs=4 * math.hypot(float(sem[0]), other))
        # sets differ there as here
        assert float(mean[1]) == pytest.approx(distance, abs=4 * float(sem[1]) * 3 + 0.005)
