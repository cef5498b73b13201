"""Noise levels of a training and their weights: against closed forms, and named by checkpoints."""

import math

import pytest
import torch
from scipy.special import ndtr

from diffusion import ResidualMLP, level_emphasis, train_denoiser
from diffusion.emphasis import NoiseLevels

ENDS = (0.01, 10.0)
PLACE = torch.linspace(0, 1, 1001, dtype=torch.float64)
SMALL = {"steps": 10, "seed": 0, "quiet": True}


def points(rows, seed=0):
    return torch.randn(rows, 2, generator=torch.Generator().manual_seed(seed))


def trained(file=None, **asked):
    network = ResidualMLP(2, width=16, depth=1, seed=0)
    return train_denoiser(points(50), network=network, checkpoint=file, **SMALL, **asked)


def weights(training):
    return torch.cat([p.flatten() for p in training.denoiser.network.parameters()])


def test_levels_are_the_quantiles_of_their_density():
    low, high = (one / (1 + one) for one in ENDS)  # times of flow matching
    time = low + (high - low) * PLACE
    levels = {"flow": time / (1 - time)}
    low, high = (ndtr((math.log(one) + 1.2) / 1.2) for one in ENDS)
    normal = torch.special.ndtri(float(low) + float(high - low) * PLACE)
    levels["lognormal"] = torch.exp(1.2 * normal - 1.2)
    for name, expected in levels.items():
        found = NoiseLevels(ENDS, density=name).level(PLACE)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)  # of a table of 4097
    plain = NoiseLevels(ENDS).level(PLACE)
    torch.testing.assert_close(plain, 0.01 * 1000**PLACE, rtol=1e-12, atol=0)
    same = NoiseLevels(ENDS, density=torch.ones_like).level(PLACE)
    torch.testing.assert_close(same, plain, rtol=1e-6, atol=0)


def test_what_has_no_density_is_not_drawn():
    inside = NoiseLevels(ENDS, density=lambda sigma: ((sigma > 0.1) & (sigma < 1)).double())
    for place in (PLACE, PLACE.float()):  # whose 1 is that of single precision
        found = inside.level(place)
        assert found.min() > 0.0998  # one cell of the table, 0.17 %
        assert found.max() < 1.002


def test_flow_matching_is_one_objective_in_two_ways():
    """The error of the velocity at uniform times, and 1/σ at log-uniform levels."""
    sigma = torch.logspace(-2, 1, 50, dtype=torch.float64)
    here = level_emphasis(sigma, "flow")
    theirs = level_emphasis(sigma, lambda sigma: (1 + 1 / sigma) ** 2, "flow")
    torch.testing.assert_close(here, theirs, rtol=1e-12, atol=0)
    torch.testing.assert_close(here, sigma, rtol=1e-12, atol=0)
    both = level_emphasis(sigma, "flow", "flow")  # is another one
    torch.testing.assert_close(both, (sigma / (1 + sigma)) ** 2, rtol=1e-12, atol=0)
    torch.testing.assert_close(level_emphasis(sigma, "edm"), 1 + sigma**2, rtol=1e-12, atol=0)
    assert (level_emphasis(sigma, "likelihood") - 1).abs().max() < 1e-12
    at = torch.tensor(8.0)  # high levels count most for "edm", least for "likelihood"
    assert level_emphasis(at, "edm") > level_emphasis(at, "flow") > level_emphasis(at, "likelihood")
    assert level_emphasis(sigma.reshape(5, 10)).shape == (5, 10)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("edm", lambda sigma: 1 + sigma**-2),
        ("flow", lambda sigma: 1 / sigma),
        ("likelihood", lambda sigma: sigma**-2),
    ],
)
def test_a_function_trains_as_the_name_of_its_values_does(name, function):
    one, other, more = (weights(trained(weighting=w)) for w in (name, function, "edm"))
    torch.testing.assert_close(one, other, rtol=0, atol=2e-4)  # ten steps of at most 10⁻³
    assert name == "edm" or float((one - more).abs().max()) > 1e-3


@pytest.mark.parametrize("option", ["weighting", "levels_density"])
def test_a_checkpoint_knows_a_function_by_its_values(option, tmp_path):
    def first(sigma):
        return 1 / sigma

    def same(sigma):
        return sigma.reciprocal()

    def other(sigma):
        return 1 / sigma**1.001

    file = tmp_path / "run"
    whole = trained(**{option: first})
    trained(file, **{option: first}, stop=lambda history: len(history.step) >= 3)
    with pytest.raises(ValueError, match=rf"of another training \({option} differ\)"):
        trained(file, **{option: other})
    with pytest.raises(ValueError, match=rf"of another training \({option} differ\)"):
        trained(file, **{option: "flow"})
    assert torch.equal(weights(trained(file, **{option: same})), weights(whole))


def test_a_density_is_known_up_to_a_factor():
    one, other = (NoiseLevels(ENDS, density=lambda s, k=k: k * s) for k in (1.0, 3.0))
    assert one.density == other.density
    assert one.density.startswith("function ")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"weighting": 3}, "weighting must be one of 'edm', 'flow', 'likelihood', or a function"),
        ({"weighting": float}, "weighting must be one of .* got float"),
        ({"weighting": lambda s: -s}, "weighting must be positive and finite at every level, got"),
        ({"weighting": lambda s: (s > 1).double()}, "weighting must be positive .* got 0 at 0.01"),
        ({"weighting": lambda s: s * math.nan}, "weighting must be positive and finite"),
        ({"weighting": lambda s: s[:3]}, r"weighting must give a number for each of 4097 levels"),
        ({"weighting": lambda s: "much"}, "weighting must be numbers, got"),
        ({"levels_density": "uniform"}, "levels_density must be one of 'lognormal', 'flow', or"),
        ({"levels_density": lambda s: 0 * s}, "levels_density must be positive within levels"),
        ({"levels_density": lambda s: s - 1}, "levels_density must be finite and not negative"),
    ],
)
def test_bad_input_is_named(asked, message):
    with pytest.raises(ValueError, match=message):
        trained(**asked)


def test_bad_levels_are_named():
    with pytest.raises(ValueError, match="sigma must lie in"):
        level_emphasis([0.0])
