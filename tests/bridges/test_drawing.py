"""Samples that are drawn to be judged: their law, and where the reverse process starts."""

import pytest
import torch

from bridges.memorization import drawing
from bridges.memorization.drawing import draw
from bridges.verbs.unlike import unlike, unlike_rows
from diffusion import Denoiser, EmpiricalDenoiser, LinearManifoldDenoiser

F = torch.diag(torch.tensor([3.0, 1.0, 0.5], dtype=torch.float64))
DATA = LinearManifoldDenoiser(F).draw(400, seed=0)


@pytest.mark.parametrize("method", ["heun", "sde"])
def test_samples_have_the_law_of_the_model(method):
    samples = draw(LinearManifoldDenoiser(F), DATA, 4000, 100, 0, method=method)
    variance = samples.square().mean(0)
    # 4 s.e. of a variance of 4000 points, and 2 % of the steps
    assert variance.tolist() == pytest.approx([9.0, 1.0, 0.25], rel=4 * (2 / 4000) ** 0.5 + 0.02)
    assert abs(samples.mean(0)).max() < 4 * 3.0 / 4000**0.5


class Spy(Denoiser):
    """Keeps the noise levels that it is asked at."""

    dimension = 3

    def __init__(self, noise_range=(0.0, float("inf")), **known):
        self.noise_range, self.seen = noise_range, []
        vars(self).update(known)

    def __call__(self, x, sigma):
        self.seen.append(float(sigma))
        return x / (1 + sigma**2)


UNIT = float((DATA - DATA.mean(0)).square().mean().sqrt())


@pytest.mark.parametrize(
    ("known", "highest"),
    [
        ({}, 50 * UNIT),
        ({"noise_range": (0.1, 7.0)}, 7.0),
        ({"levels": (0.01, 4.0)}, 4.0),
        ({"levels": (0.01, 4.0), "noise_range": (0.1, 3.0)}, 3.0),
        ({"noise_range": (0.1, 1e6)}, 50 * UNIT),
        ({"levels": 3}, 50 * UNIT),  # of a U-Net, say
    ],
)
def test_a_model_is_asked_at_levels_that_it_knows(known, highest):
    spy = Spy(**known)
    draw(spy, DATA, 2, 5, 0)
    assert max(spy.seen) == pytest.approx(highest)
    assert min(spy.seen) >= spy.noise_range[0]


def test_samples_do_not_depend_on_how_many_are_drawn_together(monkeypatch):
    together = draw(EmpiricalDenoiser(DATA), DATA, 20, 10, 0)
    monkeypatch.setattr(drawing, "_NUMBERS", 3 * 6)
    torch.testing.assert_close(draw(EmpiricalDenoiser(DATA), DATA, 20, 10, 0), together)


def test_how_far_samples_lie_is_a_ratio_of_distances():
    data, off = torch.zeros(40, 9, dtype=torch.float64), torch.zeros(9, dtype=torch.float64)
    data[:, 0] = 10.0 * torch.arange(40)
    off[1] = 25.0
    (row,) = unlike_rows(data + off, data, None)
    assert (row["quantity"], row["value"]) == ("distance", pytest.approx(2.5))
    (row,) = unlike_rows(data + off, data, data + off / 5)
    assert row["value"] == pytest.approx(5.0)
    ranges = unlike_rows(100 * data, data, None)[1:]
    assert [row["value"] for row in ranges] == [0.0, 39000.0, 0.0, 390.0]
    assert unlike_rows(data, data, data) == []  # held-out data that are the data say nothing


def test_what_is_said_of_samples_that_are_unlike_the_data():
    def found(far, *ends):
        keys = [("distance", None, None, "samples", None)]
        both = [(who, name) for who in ("samples", "data") for name in ("least", "largest")]
        keys += [(name, None, None, who, None) for who, name in both]
        return {key: (value, None) for key, value in zip(keys, (far, *ends), strict=False)}

    assert unlike({}, "others") is unlike(found(1.3), "others") is None
    assert "lie 8.0 times as far from the data as others: no copies" in unlike(found(8.0), "others")
    narrow = unlike(found(0.7, -1, 1, -100, 100), "others")
    assert narrow.startswith("samples are unlike the data")
    assert "samples take values in [-1, 1], the data in [-100, 100]" in narrow
