"""The picture of `bridges basins`: of points of a plane, for noise levels and for loads."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from terminal import contents, refuses, run

PAIR = "x,y\n7,5\n3,5\n"  # half a distance of 2, about (5, 5); deviation √2 per entry
SMALL = "--starts 20 --samples 1 --jobs 1 --out run"


@pytest.fixture
def pair():
    Path("pair.csv").write_text(PAIR)


def picture(folder="run"):
    """Panels of a picture, and its arrays."""
    arrays = dict(np.load(f"{folder}/picture.npz"))
    panels = json.loads(str(arrays["about"]))["panels"]
    return [
        (
            panel[:3],
            panel[3],
            {n[len(f"{k}.") :]: v for n, v in arrays.items() if n.startswith(f"{k}.")},
        )
        for k, panel in enumerate(panels)
    ]


def test_a_pair_merges_at_half_its_distance(pair):
    """At σ = 2 in the units of the file, √2 in those of the deviation."""
    words = f"--data pair.csv --patterns 2 --model denoiser,flow --picture --points 40 {SMALL}"
    text = run("bridges basins", words, "--sigmas 0.7,1.3,1.8")
    panels = picture()
    assert [panel for panel, *_ in panels] == [
        [model, 2, sigma] for model in ("denoiser", "flow") for sigma in (0.7, 1.3, 1.8)
    ]
    found = [len(arrays["attractors"]) for *_, arrays in panels]
    assert found == [2, 2, 1, 2, 2, 2]
    for _, _, arrays in panels:
        assert np.sort(arrays["patterns"], 0) == pytest.approx(np.array([[3, 5], [7, 5]]))
    for (_, _, sigma), about, arrays in panels[:2]:
        assert about["height_name"] == "energy"
        x = (arrays["attractors"][:, 0] - 5) / 2
        tanh = np.tanh(2 * x / sigma**2)  # x = a tanh(ax/σ²), a² = 2 in units of the deviation
        assert x == pytest.approx(tanh, abs=1e-3)
        assert arrays["attractors"][:, 1] == pytest.approx(5, abs=1e-6)
        left = arrays["x"] < 5
        for side, columns in ((0, left), (1, ~left)):
            ends = {*arrays["labels"][:, columns].ravel().tolist()}
            assert len(ends) == 1, side
    assert panels[3][1]["height_name"] == "log-density"
    assert re.search(r"iterated denoiser, σ = 1.8 +1 +0.000", text)
    assert re.search(r"reverse flow, σ = 1.8 +2 +1.000", text)


def test_a_run_is_shown_again_with_its_picture_and_without_its_data(pair):
    words = f"--data pair.csv --patterns 2 --model denoiser --picture --points 20 {SMALL}"
    shown = run("bridges basins", words)
    before = contents()
    Path("pair.csv").unlink()
    Path("run/picture.png").unlink()
    again = run("bridges show run")
    assert again.startswith(shown.split("written to")[0].strip())
    assert contents() == before
    Path("run/picture.npz").write_bytes(b"PK no array")  # and no data to measure it from
    Path("run/picture.png").unlink()
    assert "picture.png" not in run("bridges show run")
    assert "picture.png" not in contents()


def test_a_picture_that_is_lost_is_measured_again(pair):
    words = f"--data pair.csv --patterns 2 --model denoiser --picture --points 20 {SMALL}"
    run("bridges basins", words)
    before = contents()
    for wrong in (b"PK no array", None):
        Path("run/picture.npz").unlink()
        if wrong is not None:
            Path("run/picture.npz").write_bytes(wrong)
        assert "found there, not repeated" in run("bridges basins", words)
        assert contents() == before
    Path("run/picture.npz").unlink()
    os.mkfifo("run/picture.npz")  # nobody writes to it
    run("bridges show run")
    assert contents() == before


def test_another_run_takes_no_picture_of_the_last(pair):
    words = f"--data pair.csv --patterns 2 --model denoiser --picture --points 20 {SMALL}"
    run("bridges basins", words, "--sigmas 0.5")
    before = contents()["picture.npz"]
    assert "another run" in refuses("bridges basins", words, "--sigmas 1.48")
    run("bridges basins", words, "--sigmas 1.48 --overwrite")
    assert contents()["picture.npz"] != before
    (one,) = picture()
    assert one[0] == ["denoiser", 2, 1.48]
    run("bridges basins", f"--data pair.csv --patterns 2 --model denoiser {SMALL} --overwrite")
    assert not {"picture.npz", "picture.png"} & contents().keys()


def test_a_plane_through_memories_for_a_list_of_loads():
    words = (
        f"--data random --size 60 --patterns 2,3,40 --model hebb,flow --picture --points 20 {SMALL}"
    )
    text = run("bridges basins", words)
    panels = picture()
    assert [panel for panel, *_ in panels] == [
        [model, P, None] for model in ("hebb", "flow") for P in (2, 3, 40)
    ]
    assert panels[0][1]["names"][0] == "from memory 0 to 1, in the plane through 0, 1, zero"
    assert panels[1][1]["names"][0] == "from memory 0 to 1, in the plane through 0, 1, 2"
    kinds = {tuple(panel): about["kind"] for panel, about, _ in panels}
    assert kinds["hebb", 3, None].count("memory") >= 3
    assert "memory" not in kinds["hebb", 40, None]  # far above capacity
    assert {*kinds["flow", 40, None]} == {"memory"}
    assert "Hebb, P = 40" in text


def test_a_load_that_no_couplings_store_has_no_panel():
    words = "--data random --size 30 --patterns 3,90 --model hebb,max-margin --picture --points 5"
    run("bridges basins", words, SMALL)
    assert [panel for panel, *_ in picture()] == [
        ["hebb", 3, None],
        ["hebb", 90, None],
        ["max-margin", 3, None],
    ]


def test_a_network_by_path_has_its_noise_levels():
    Path("my.py").write_text(
        "from diffusion import EmpiricalDenoiser\n\n\ndef trained():\n"
        "    return EmpiricalDenoiser([[7.0, 5.0], [3.0, 5.0]])\n"
    )
    Path("pair.csv").write_text(PAIR)
    words = "--data pair.csv --patterns 2 --model my.py:trained --dynamics fixed-noise --picture"
    run("bridges basins", words, f"--points 20 --sigmas 0.2,1 {SMALL}")
    for (_, _, _), _, arrays in picture():
        assert sorted(arrays["patterns"].tolist()) == [[3, 5], [7, 5]]  # as they are stored
    assert [len(arrays["attractors"]) for *_, arrays in picture()] == [2, 1]


def test_a_point_at_the_mean_is_a_memory_as_the_others_are():
    """Which elsewhere has no direction; and the survey has the cells of the picture."""
    corners = [(a, b) for a in (-3, 0, 3) for b in (-3, 0, 3)]
    np.savetxt("nine.csv", np.array(corners) + 7.0, "%g", ",")
    words = "--data nine.csv --patterns 9 --model denoiser,exponential-real --beta 100 --picture"
    text = run("bridges basins", words, f"--points 30 --overlap 0.99 {SMALL}")
    assert "real states are the points, in units of 2.45" in " ".join(text.split())  # √6
    for model in ("iterated denoiser", "exponential dense, real"):
        assert re.search(rf"{model} +9 +1.000 +0.000", text)
    for *_, arrays in picture():
        near = ((arrays["attractors"][:, None] - arrays["patterns"]) ** 2).sum(-1).min(1)
        assert near.max() < 1e-4
    refused = "--data nine.csv --patterns 10 --model denoiser --picture --out no"
    assert "patterns must lie in [1, 9]" in refuses("bridges basins", refused)
