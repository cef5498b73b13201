"""Landscapes on a plane: cells, heights and planes against closed forms; colours side by side."""

import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from known import FIVE, Toy, normal
from matplotlib.colors import to_rgb

from bridges import as_memory, landscape
from bridges.basins.landscape import GREYS, NOWHERE, TINTS, cell_colours
from bridges.basins.plane import plane_of
from bridges.memory import NearestPattern
from diffusion import EmpiricalDenoiser
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns


def points_of(found):
    return np.stack(np.meshgrid(found.x, found.y), -1)  # rows along y


def squares(found):
    """Squared distance of each point of a picture from each of the five, (G, G, 5)."""
    return ((points_of(found)[:, :, None] - FIVE.numpy()) ** 2).sum(-1)


def test_cells_at_little_noise_are_those_of_the_nearest_point():
    found = landscape(as_memory(EmpiricalDenoiser(FIVE), sigma=0.05), points=60)
    d2 = np.sort(squares(found), -1)
    clear = d2[..., 1] - d2[..., 0] > 40 * 0.05**2  # weights of e⁻²⁰ beside 1
    assert clear.mean() > 0.9
    assert (found.nearest[found.labels] == squares(found).argmin(-1))[clear].all()
    assert found.fractions.sum() == pytest.approx(1)
    assert found.fractions[0] == (found.labels == 0).mean()
    assert found.names == ("$x_1$", "$x_2$")
    assert found.patterns == pytest.approx(FIVE.numpy())
    assert found.attractors == pytest.approx(FIVE.numpy()[found.nearest], abs=1e-6)
    assert not found.patterns_off.any()


def log_density(found, sigma):
    logs = -squares(found) / (2 * sigma**2)
    top = logs.max(-1)
    sums = top + np.log(np.exp(logs - top[..., None]).sum(-1))
    return sums - np.log(5 * 2 * np.pi * sigma**2)


def test_heights_are_the_energy_or_the_log_density():
    exact, sigma = EmpiricalDenoiser(FIVE), 0.7
    found = landscape(as_memory(exact, sigma=sigma), points=20)
    assert found.height_name == "energy"
    energy = -(sigma**2) * (log_density(found, sigma) + np.log(5 * 2 * np.pi * sigma**2))
    assert found.height == pytest.approx(energy, abs=1e-9)
    dense = DenseMemory(FIVE, "exponential", beta=sigma**-2, states="real")
    assert landscape(as_memory(dense), points=20).height == pytest.approx(energy, abs=1e-9)
    flow = landscape(as_memory(exact, dynamics="flow", sigma=sigma), points=20)
    assert flow.height_name == "log-density"
    assert flow.height == pytest.approx(log_density(flow, sigma), abs=1e-9)
    nearest = landscape(NearestPattern(FIVE), points=20)
    assert nearest.height_name == ""
    assert np.isnan(nearest.height).all()


def test_a_flow_that_starts_at_the_noise_of_its_cue_is_told_it():
    flow = as_memory(EmpiricalDenoiser(FIVE), dynamics="flow")
    own = landscape(flow, points=20, overlap=0.6)
    sigma = flow.noise_level(0.6)
    given = as_memory(EmpiricalDenoiser(FIVE), dynamics="flow", sigma=sigma)
    given = landscape(given, points=20)
    assert (own.labels == given.labels).all()
    assert own.height == pytest.approx(log_density(own, sigma), abs=1e-9)


def test_three_memories_and_their_distances_lie_in_their_plane():
    patterns = normal(9, 30)
    plane = plane_of(patterns, [4, 0, 7])
    seen, off = plane.seen(patterns)
    three = torch.tensor([4, 0, 7])
    assert torch.allclose(torch.pdist(seen[three]), torch.pdist(patterns[three]))
    assert off[three].max() < 1e-12
    span = (patterns[[0, 7]] - patterns[4]).numpy().T
    for k in (1, 2, 3):  # what least squares leave
        about = (patterns[k] - patterns[4]).numpy()
        left = about - span @ np.linalg.lstsq(span, about, rcond=None)[0]
        assert float(off[k]) == pytest.approx(np.linalg.norm(left))
    assert "through 4, 0, 7" in plane.names[0]
    assert torch.equal(plane_of(patterns, np.array([4, 0, 7])).axes, plane.axes)
    assert torch.equal(plane_of(patterns, three).axes, plane.axes)
    low, high = np.array(plane.low), np.array(plane.high)
    assert high - low == pytest.approx([(high - low)[0]] * 2)  # a square
    inside = seen[three].numpy()
    assert (low < inside).all()
    assert (inside < high).all()


def test_two_memories_have_a_plane_with_zero():
    plane = plane_of(normal(2, 30), None)
    assert plane.names[0].endswith("in the plane through 0, 1, zero")
    assert float(plane.seen(torch.zeros(1, 30))[1]) < 1e-12


def test_principal_directions_are_those_of_the_covariance():
    patterns = normal(200, 6) * torch.tensor([1.0, 3.0, 1.0, 5.0, 1.0, 1.0])
    plane = plane_of(patterns, "principal")
    values, vectors = np.linalg.eigh(np.cov(patterns.T.numpy()))
    for k in (0, 1):
        cosine = float(plane.axes[k] @ torch.from_numpy(vectors[:, -1 - k].copy()))
        assert abs(cosine) == pytest.approx(1)
        share = values[-1 - k] / values.sum()
        assert plane.names[k] == f"principal direction {k + 1} ({share:.0%} of the variance)"
    assert plane.at(torch.zeros(1, 2))[0].numpy() == pytest.approx(patterns.mean(0).numpy())


def test_spins_of_a_plane_have_its_points_as_means():
    """So that the mean energy is −½ x·Jx, which needs zero couplings of a spin to itself."""
    xi = random_patterns(3, 60, seed=0).double()
    J = hebbian(xi)
    memory = as_memory(HopfieldNetwork(J), xi)
    plane = plane_of(xi, "memories")
    drawn = [landscape(memory, plane, 4, seed=seed) for seed in range(40)]
    grid = torch.from_numpy(points_of(drawn[0]).reshape(-1, 2))
    x = plane.at(grid).clamp(-1, 1)
    expected = (-0.5 * (x * (x @ J)).sum(1)).reshape(4, 4).numpy()
    heights = np.stack([one.height for one in drawn])
    error = heights.std(0, ddof=1) / len(drawn) ** 0.5
    assert (abs(heights.mean(0) - expected) < 4.5 * error + 1e-9).all()  # of 16 points
    found = landscape(memory, plane, 41, seed=0)
    for k in range(3):  # the point nearest to a memory ends in it
        column = abs(found.x - found.patterns[k, 0]).argmin()
        row = abs(found.y - found.patterns[k, 1]).argmin()
        end = found.labels[row, column]
        assert (found.kind[end], found.nearest[end]) == ("memory", k)
        assert found.attractors[end] == pytest.approx(found.patterns[k])
    again = landscape(memory, plane, 41, seed=0)
    assert (again.labels == found.labels).all()


def test_ten_lines_have_a_picture():
    found = landscape(Toy(), points=6, seed=0)  # two memories and zero, in three dimensions
    assert found.height_name == ""
    signs = {
        tuple(row)
        for row in np.sign(
            plane_of(Toy.patterns, None)
            .at(torch.from_numpy(points_of(found).reshape(-1, 2)))
            .numpy()
        ).tolist()
    }
    assert len(found.kind) == len(signs)


def test_cells_side_by_side_differ_in_colour():
    patterns = normal(30, 2)
    pictures = [
        landscape(NearestPattern(patterns), points=150),
        landscape(as_memory(EmpiricalDenoiser(patterns), sigma=0.2), points=60),
    ]
    colours = cell_colours(pictures)
    shared = {}
    for found, chosen in zip(pictures, colours, strict=True):
        cells, tints = found.labels, np.array([*chosen, NOWHERE])  # −1 is the last
        for one, other in ((cells[:, 1:], cells[:, :-1]), (cells[1:], cells[:-1])):
            assert (one != other).any()
            assert (tints[one] != tints[other])[one != other].all()
        for kind, near, colour in zip(found.kind, found.nearest, chosen, strict=True):
            assert (colour in TINTS) == (kind == "memory")
            if kind == "memory":
                assert shared.setdefault(near, colour) == colour


# Viénot, Brettel & Mollon 1999, of linear RGB: what is seen without the red or the green cones
DICHROMATS = {
    "full": np.eye(3),
    "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


def lab(colour, eye):
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(DICHROMATS[eye]) @ linear, 0, 1)
    xyz = (
        np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
        @ seen
        / [0.9505, 1, 1.089]
    )
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eye", DICHROMATS)
def test_colours_are_told_apart_by_any_eye(eye):
    """A CIE76 difference of 2.3 is just seen; side by side these differ by several times that."""
    seen = np.array([lab(colour, eye) for colour in (*TINTS, *GREYS, NOWHERE)])
    apart = np.linalg.norm(seen[:, None] - seen, axis=-1) + 99 * np.eye(len(seen))
    assert apart.min() > 3 * 2.3


def test_a_picture_says_what_it_shows():
    found = landscape(as_memory(EmpiricalDenoiser(normal(5, 9)), sigma=0.5), points=30)
    ax = found.plot()
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["attractor", "memory off the plane", "memory", "energy"]
    assert ax.get_xlabel() == "from memory 0 to 1, in the plane through 0, 1, 2"
    numbers = {text.get_text() for text in ax.texts}
    assert {"0", "1", "2"} <= numbers
    plt.close(ax.figure)
    principal = landscape(as_memory(EmpiricalDenoiser(normal(5, 9)), sigma=0.5), "principal", 30)
    ax = principal.plot(plt.subplots()[1])
    assert "of the variance)" in ax.get_ylabel()
    plt.close(ax.figure)


def test_one_level_has_no_contours():
    found = landscape(NearestPattern(FIVE), points=12)
    ax = found.plot()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["attractor", "memory"]
    plt.close(ax.figure)


COLOURS = """
import torch
from bridges import as_memory, landscape
from bridges.basins.landscape import cell_colours
from hopfield import HopfieldNetwork, hebbian, random_patterns

patterns = random_patterns(3, 40, seed=0)
found = landscape(as_memory(HopfieldNetwork(hebbian(patterns)), patterns), points=12, seed=0)
print(cell_colours([found]))
"""


def test_colours_are_the_same_in_every_process():
    """Python orders words anew in each; what was drawn is drawn again to the byte."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", COLOURS],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "1234"
    }
    assert len(printed) == 1
    assert printed.pop().count(",") == 6  # of four cells besides those of the memories
