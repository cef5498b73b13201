"""Every result is plain JSON, and is shown in a few lines."""

import importlib
import json
import math
import pkgutil

import numpy as np
import pytest
import torch
from known import Threshold, Toy, normal

import bridges
from bridges._checks import Result
from bridges.classes.moments import class_moments
from bridges.classes.training import class_training
from bridges.crossing import crossings
from bridges.generalization import halves
from bridges.identities import basin_edge_map, identities
from bridges.starts import gaussian
from bridges.verbs.convert import convert
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser

ROWS, LABELS = normal(40, 3), torch.arange(40) % 2
EXACT = EmpiricalDenoiser(ROWS)
PAIR = GaussianMixtureDenoiser([[-3.0], [3.0]], 1.0)
MANY = GaussianMixtureDenoiser(normal(12, 2), 0.1)
STARTS = gaussian(200, 3, 1.0, seed=0)
SCALING = bridges.capacity_scaling(
    *(lambda load, size, seed: Threshold(size * load / 20, seed), [10, 20], [0.2, 0.5, 1.5, 3.0]),
    samples=3,
    trials=10,
    seed=0,
)
MAP = bridges.retrieval_map(bridges.as_memory(EXACT), np.arange(1, 31) / 30, trials=40, seed=0)
GAP = bridges.held_out_gap(bridges.as_memory(EXACT, dynamics="flow"), ROWS + 1, trials=5, seed=0)
LEVELS = bridges.return_levels(EXACT, [0.1, 0.5, 2.0, 9.0], 8, seed=0)
NO_MEASUREMENTS = ("__main__", "cli", "data", "memory", "models", "study", "verbs")
RESULTS = {
    "Appearance": lambda: bridges.class_appearance(MANY, 1.0, draws=20, seed=0),
    "Attractors": lambda: bridges.find_attractors(Toy(), STARTS),
    "BasinEdgeMap": lambda: basin_edge_map(50, [1.0] * 5, 1.0, [0.1, 3.0], 20, seed=0),
    "BasinEntropy": lambda: bridges.basin_entropy(np.eye(20, dtype=int), 4),
    "BasinFractions": lambda: bridges.basin_fractions(Toy(), STARTS),
    "BasinRadius": lambda: bridges.basin_radius(Threshold(0.5), trials=10, seed=0),
    "Calibration": lambda: bridges.calibrate(ROWS, seed=0),
    "Capacity": lambda: SCALING.capacities[0],
    "CapacityCurve": lambda: SCALING.capacities[0].curve,
    "CapacityScaling": lambda: SCALING,
    "ClassBasins": lambda: bridges.class_basins(EXACT, LABELS, 0.5, draws=20, seed=0),
    "ClassCapacity": lambda: bridges.class_capacity(PAIR, 0.5, [8, 64], samples=2, draws=20),
    "ClassMoments": lambda: class_moments(ROWS, LABELS),
    "ClassTraining": lambda: class_training(ROWS, LABELS, ROWS, LABELS, steps=4, marks=2, seed=0),
    "Continuation": lambda: bridges.continuation(lambda _: Toy(), [1, 2], STARTS, 0.1),
    "Criterion": lambda: bridges.calibrate(ROWS, seed=0).criteria["local"],
    "CopyList": lambda: bridges.list_copies(ROWS[:5] + 0.01, ROWS, ROWS + 1),
    "Crossings": lambda: crossings(
        np.arange(3.0), np.array([[0, k, 1] for k in (0.4, 0.5, 0.6, 0.3)]), 0.5, True
    ),
    "DimensionContrast": lambda: bridges.dimension_contrast(EXACT, ROWS, ROWS + 1, 0.3),
    "Extrapolation": lambda: SCALING.extrapolation,
    "Generalization": lambda: bridges.generalization_report(
        EXACT, ROWS, ROWS + 1, count=20, seed=0
    ),
    "GraphSummary": lambda: bridges.summarise(bridges.transition_matrix(EXACT, 0.5, seed=0)),
    "Halves": lambda: halves("sphere", 4, 6, seed=0),
    "HeldOutCurve": lambda: bridges.held_out_curve({40: [GAP, GAP], 80: [GAP, GAP]}),
    "HeldOutGap": lambda: GAP,
    "Identities": lambda: identities(ROWS, ROWS + 1, 0.5),
    "Landscape": lambda: bridges.landscape(Toy(), points=4, seed=0),
    "Look": lambda: bridges.MemorizationMonitor(ROWS, draws=5, steps=4).judge(0, ROWS[:9] + 0.1),
    "Match": lambda: bridges.calibrate(ROWS, seed=0).criteria["match"],
    "Matching": lambda: bridges.match(ROWS, ROWS + 0.1, 0.5),
    "Meeting": lambda: bridges.meeting([1, 2], [[0.9, 0.5]], [[0.1, 0.5]]),
    "MemorizationFractions": lambda: bridges.memorization_fractions(ROWS, ROWS, ROWS + 1, seed=0),
    "MemorizationReport": lambda: bridges.memorization_report(ROWS + 0.01, ROWS, seed=0),
    "MemoryGeometry": lambda: bridges.memory_geometry(ROWS, draws=20, seed=0),
    "OwnHalf": lambda: bridges.own_half_excess(ROWS + 0.1, ROWS, ROWS, ROWS + 1, seed=0),
    "RecallPath": lambda: bridges.recall_path(bridges.as_memory(EXACT, dynamics="flow"), ROWS[:2]),
    "MidpointRadius": lambda: bridges.midpoint_radius(Threshold(0.5), trials=10, seed=0),
    "RetrievalMap": lambda: MAP,
    "ReturnCurve": lambda: bridges.return_curve(EXACT, np.geomspace(0.1, 9, 30), draws=20, seed=0),
    "CopyPrediction": lambda: bridges.copy_prediction(LEVELS, np.arange(40) % 3),
    "ReturnLevels": lambda: LEVELS,
    "SizeDependence": lambda: bridges.size_dependence([50, 100], [0.4, 0.5], [0.01, 0.01]),
    "Starts": lambda: STARTS,
    "Transitions": lambda: bridges.transition_matrix(EXACT, 0.5, draws=20, seed=0),
    "TwoHalves": lambda: bridges.TwoHalves(0.9, math.nan, 0.1),
    "UnlearnedWeights": lambda: bridges.balanced_weights(
        bridges.as_memory(EXACT, sigma=0.5), STARTS, max_steps=5
    ),
}


def test_every_result_is_tried():
    modules = [
        importlib.import_module(one.name)
        for one in pkgutil.walk_packages(bridges.__path__, "bridges.")
        if one.name.split(".")[1] not in NO_MEASUREMENTS
    ]
    classes = {thing for module in modules for thing in vars(module).values() if is_result(thing)}
    assert {one.__name__ for one in classes} == set(RESULTS)


def is_result(thing):
    own = isinstance(thing, type) and thing.__module__.startswith("bridges.")
    return own and issubclass(thing, Result)


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_plain_json_and_shown_in_a_few_lines(name):
    found = RESULTS[name]()
    assert type(found).__name__ == name
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert isinstance(record, dict)
    assert record
    lines = repr(found).splitlines()
    assert len(lines) <= 5
    assert max(map(len, lines)) <= 400
    assert lines[0].startswith(f"{name}(")
    assert "tensor(" not in repr(found)


def test_shown_as_its_error_deserves():
    assert repr(SCALING.capacities[1]) == "Capacity(load 1.03, 95 % 1.00 … 1.06)"
    assert repr(RESULTS["Crossings"]()).startswith("Crossings(1.1, 95 % 0.8 … 1.4, width ")
    lines = repr(MAP).splitlines()
    assert lines[0] == "RetrievalMap(fixed-point, cosine of at least 0.95)"
    assert [line.split()[0] for line in lines[1:]] == ["cue", "retrieved", "success"]
    assert all(len(line) <= 100 for line in lines)


def test_what_the_command_converts_is_plain_json():
    json.dumps(convert(1.1, "sigma", "cosine", 20, 55).to_dict(), allow_nan=False)


def drawn(axes):
    """x and y of every curve of a figure."""
    return [
        tuple(np.asarray(values, float) for values in (line.get_xdata(), line.get_ydata()))
        for line in (one.lines[0] for one in axes.containers)
    ]


SEEN = {  # what is drawn first: x and y
    "BasinEdgeMap": lambda r: (r.ratio, r.one_step),
    "BasinFractions": lambda r: (np.arange(1, 9), np.sort(r.fractions)[::-1]),
    "BasinRadius": lambda r: (r.curve.overlap_in, r.curve.success),
    "Capacity": lambda r: (r.curve.load, r.curve.success),
    "CapacityCurve": lambda r: (r.load, r.success),
    "CapacityScaling": lambda r: ([1 / 10, 1 / 20], r.load),
    "ClassBasins": lambda r: ([20, 20], r.datum),
    "ClassCapacity": lambda r: (r.counts[:, 0], r.by_sample.mean(0)[:, 0]),
    "ClassTraining": lambda r: (r.steps[r.steps > 0], r.train[r.steps > 0, 0]),
    "CopyList": lambda r: (r.d2[r.listed.sort().values], r.d1[r.listed.sort().values]),
    "HeldOutCurve": lambda r: (r.size, r.success["data"].mean(0)),
    "HeldOutGap": lambda r: (r.sigma, r.success["data"]),
    "MemoryGeometry": lambda r: (r.sigma, r.return_probability),
    "MidpointRadius": lambda r: (r.curve.overlap_in, r.curve.overlap_out),
    "RecallPath": lambda r: (np.arange(len(r.overlap)), r.overlap[:, 0]),
    "RetrievalMap": lambda r: (r.overlap_in, r.success),
    "ReturnCurve": lambda r: (r.sigma, r.return_probability),
    "ReturnLevels": lambda r: (r.nearest[np.isfinite(r.level)], r.level[np.isfinite(r.level)]),
    "UnlearnedWeights": lambda r: (np.arange(1, 41), np.sort(r.before)[::-1]),
}
PICTURES = ("Continuation", "Landscape", "Transitions")  # more than curves


@pytest.fixture
def pyplot():
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_every_figure_is_tried():
    known = {name for name, make in RESULTS.items() if hasattr(type(make()), "plot")}
    assert known == {*SEEN, *PICTURES}


@pytest.mark.parametrize("name", SEEN)
def test_a_result_is_drawn_on_axes_of_the_users(name, pyplot):
    found = RESULTS[name]()
    axes = pyplot.subplots()[1]
    axes.plot([0, 1], [0.5, 0.5], label="theirs")
    axes.set(title="theirs", xlabel="theirs", xlim=(0.25, 0.75))
    assert found.plot(axes, color="#123456", label="ours") is axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_xlim()) == ("theirs",) * 2 + (
        (0.25, 0.75),
    )
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "linear")
    assert axes.get_ylabel()
    assert axes.get_legend() is None
    curves = drawn(axes)
    for values, expected in zip(curves[0], SEEN[name](found), strict=True):
        assert np.allclose(values, np.asarray(expected, float), equal_nan=True)
    ours = axes.containers
    assert {line.lines[0].get_color() for line in ours} == {"#123456"}
    assert all(one.get_label().startswith(("ours", "_")) for one in ours)
    axes.figure.canvas.draw()


@pytest.mark.parametrize("name", [*SEEN, *PICTURES])
def test_a_result_makes_a_figure_of_its_own(name, pyplot):
    axes = RESULTS[name]().plot()
    assert pyplot.fignum_exists(axes.figure.number)
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    axes.figure.canvas.draw()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_leaves_the_words_of_the_users_axes(name, pyplot):
    axes = pyplot.subplots()[1]
    axes.set(title="theirs", xlabel="theirs")
    assert RESULTS[name]().plot(axes) is axes
    assert (axes.get_title(), axes.get_xlabel()) == ("theirs", "theirs")
    assert axes.get_ylabel()
    assert axes.get_legend() is None
    with pytest.raises(ValueError, match="ax must be an Axes"):
        RESULTS[name]().plot("theirs")


def test_errors_are_those_of_the_result(pyplot):
    axes = MAP.plot()
    (bars,) = axes.containers[0].lines[2]
    half = [np.diff(segment[:, 1])[0] / 2 for segment in bars.get_segments()]
    assert half == pytest.approx(MAP.sem.tolist())


def test_the_radius_is_marked_where_it_is(pyplot):
    radius = RESULTS["BasinRadius"]()
    assert drawn(radius.plot())[1][0].tolist() == [radius.overlap] * 2


def test_the_midpoint_is_marked_where_the_ends_cross_one_half(pyplot):
    found = RESULTS["MidpointRadius"]()
    (x, ends), (at, _) = drawn(found.plot())
    assert at.tolist() == [found.overlap] * 2
    assert np.interp(found.overlap, x, ends) == pytest.approx(0.5)


def test_a_fit_is_drawn_through_its_limit(pyplot):
    x, law = drawn(SCALING.plot())[1]
    fit = SCALING.extrapolation
    assert (x[0], law[0]) == (0, pytest.approx(fit.limit))
    assert law[-1] == pytest.approx(fit.limit + fit.slope * 10**-fit.exponent)  # N = 10


def test_transitions_are_a_picture(pyplot):
    T = RESULTS["Transitions"]()
    (picture,) = T.plot(cmap="viridis").images
    assert np.allclose(picture.get_array(), T.matrix.numpy())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ax": [1]}, "ax must be an Axes of matplotlib, got list"),
        ({"colour": "red"}, "style: .*colour"),
        ({"color": "no colour"}, "style: .*no colour"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(given, said, pyplot):
    for found in (MAP, RESULTS["Transitions"]()):
        if "color" in given and found is not MAP:
            continue  # a picture has none
        with pytest.raises(ValueError, match=said) as error:
            found.plot(**given)
        assert "\n" not in str(error.value)
