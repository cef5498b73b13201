"""Results: plain JSON, and a short `repr` with the numbers that matter."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

import hopfield
from hopfield import (
    DenseMemory,
    HopfieldNetwork,
    coupling_path,
    emergent_minima,
    hebbian,
    noise_structure,
    random_features_patterns,
    random_patterns,
    spectral_groups,
    symmetric_margin,
    unlearn,
    unlearning_times,
)
from hopfield._results import Result

XI = random_patterns(30, 100, seed=0)
TRAINED = unlearn(hebbian(XI), 2000, seed=0, patterns=XI, retrieval=(0.8,))
WITHOUT_NORM = hopfield.train_with_noise(
    XI, 1.0, steps=1, rate=1.0, couplings=torch.zeros(100, 100), seed=0
)
RESULTS = {
    "Relaxation": HopfieldNetwork(hebbian(XI)).relax(XI, seed=0),
    "TrainingResult": TRAINED,
    "History": TRAINED.history,
    "EmergentMinima": emergent_minima(torch.arange(8.0)[:, None], 1.2),
    "NoiseStructure": noise_structure(hebbian(XI), XI, random_patterns(4, 100, seed=1)),
    "CouplingPath": coupling_path([TRAINED.couplings], hebbian(XI), hopfield.pseudo_inverse(XI)),
    "RandomFeaturesPatterns": random_features_patterns(5, 20, 12, 3, seed=0),
    "SpectralGroups": spectral_groups(hebbian(XI), XI),
    "SymmetricMargin": symmetric_margin(XI[:9]),
    "UnlearningTimes": unlearning_times([0.0, 1.0, 2.0], [[-1.0, 1.0, -1.0], [-2.0, 2.0, -1.0]]),
}
OTHERS = {
    "no state": HopfieldNetwork(hebbian(XI)).relax(XI[:0]),
    "no pattern known": unlearn(hebbian(XI), 10, seed=0),
    "an infinite ratio": WITHOUT_NORM,
    "one state": noise_structure(hebbian(XI), XI, XI[:1]),
    "no state of noise": noise_structure(hebbian(XI), XI, XI[:0]),
}


def test_every_result_is_here():
    public = {name for name in hopfield.__all__ if isinstance(getattr(hopfield, name), type)}
    assert {name for name in public if issubclass(getattr(hopfield, name), Result)} == set(RESULTS)


@pytest.mark.parametrize("result", (RESULTS | OTHERS).values(), ids=RESULTS | OTHERS)
def test_a_result_is_plain_json_and_short_to_read(result):
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(plain) == [field.name for field in dataclasses.fields(result)]
    assert plain == result.to_dict()
    assert repr(result).startswith(f"{type(result).__name__}(")
    assert len(repr(result).splitlines()) <= 5
    assert len(repr(result)) <= 200


def test_numbers_of_a_result_survive():
    plain = TRAINED.to_dict()
    assert torch.equal(torch.tensor(plain["couplings"], dtype=torch.float64), TRAINED.couplings)
    assert plain["history"]["steps"] == TRAINED.history.steps.tolist()
    assert WITHOUT_NORM.history.to_dict()["norm_ratio"] == [1.0, None]  # JSON has no infinity


def test_what_one_reads():
    low = f"{float(TRAINED.history.min_stability[-1]):.2g}"
    end = f"2 000 steps, 100 % of patterns stable, least stability {low}"
    assert repr(TRAINED) == f"TrainingResult(couplings (100, 100), {end})"
    count = len(TRAINED.history.steps)
    assert repr(TRAINED.history) == f"History({count} checkpoints, {end})"
    assert repr(OTHERS["no state"]) == (
        "Relaxation(states (0, 100), 0 at fixed points, 0 in 2-cycles)"
    )
    assert repr(HopfieldNetwork(hebbian(XI))) == "HopfieldNetwork(100 spins, symmetric couplings)"
    assert "asymmetric" in repr(HopfieldNetwork(torch.ones(3, 3).triu()))
    assert repr(DenseMemory(XI, "polynomial", states="binary")) == (
        "DenseMemory(patterns (30, 100), binary states, polynomial of degree 3)"
    )
    assert repr(DenseMemory(XI, beta=0.5)) == (
        "DenseMemory(patterns (30, 100), real states, "
        "exponential at beta 0.5, with norm correction)"
    )


def test_each_interaction_says_what_it_is():
    for asked, words in {
        ("entmax", "alpha"): "entmax at beta 1 and alpha 2, with norm correction",
        ("log-sum-relu", None): "log-sum-relu at beta 1",
        ("random-features", "features"): "random-features at beta 1 of 2",
    }.items():
        interaction, own = asked
        memory = DenseMemory(XI, interaction, **({own: 2} if own else {}))
        assert repr(memory) == f"DenseMemory(patterns (30, 100), real states, {words})"


@pytest.mark.parametrize("name", ["TrainingResult", "History", "NoiseStructure"])
def test_a_result_is_drawn_on_axes_of_the_users(name):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert RESULTS[name].plot(axes, color="red", label="mine") is axes
    x, y = axes.containers[0].lines[0].get_data()
    history, noise = TRAINED.history, RESULTS["NoiseStructure"]
    expected = (history.steps, history.min_stability)
    if name == "NoiseStructure":
        expected = (noise.stability.flatten(), noise.omega.flatten())
    for drawn, known in zip((x, y), expected, strict=True):
        assert torch.allclose(torch.tensor(drawn), known.double(), equal_nan=True)
    assert axes.containers[0].get_label().startswith("mine")
    assert axes.get_xlabel()
    with pytest.raises(ValueError, match="ax must be an Axes of matplotlib, got int"):
        RESULTS[name].plot(3)


def test_minima_are_drawn_by_the_size_of_their_sets():
    from matplotlib.figure import Figure

    axes = RESULTS["EmergentMinima"].plot(Figure().subplots())
    x, y = axes.containers[0].lines[0].get_data()
    assert x.tolist() == [2, 3]
    assert y.tolist() == [7, 6]


def test_norms_are_drawn_where_no_pattern_is_known():
    from matplotlib.figure import Figure

    axes, history = Figure().subplots(), OTHERS["no pattern known"].history
    history.plot(axes)
    assert axes.containers[0].lines[0].get_ydata().tolist() == history.norm_ratio.tolist()


def test_the_drawing_of_both_packages_is_one_text():
    root = Path(__file__).parents[2]
    first, second = ((root / name / "_plots.py").read_text() for name in ("hopfield", "diffusion"))
    assert first.replace("hopfield", "diffusion") == second  # neither may import the other
