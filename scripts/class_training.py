r"""Which of two classes does a trained network learn, overfit and copy first?

A network learns to denoise images of two classes, in several proportions, and does not see
their labels. Two pairs of classes are tried: one of classes that differ in their variance, and one
of classes that differ in the distance of their centres from the mean of all. Followed along each
training are the train and test loss of each class, the samples by class, and those of them that
are copies. By

    best     the step of least test loss: afterwards the class is overfit
    gap      the step at which the test loss exceeds the train loss by 0.05

a class is first where its step is the smaller; the least test loss says how well it was learnt.
Copies (nearer to a datum than a third of the distance to the next) come late and are a
confirmation. In the end noised images are run back, for the noise below which their class is
recognized. The same images are given to random features, whose learning is solved exactly, for the
order that theory has. Nothing is said of networks that have not learnt (as in
`memorization_to_generalization`).

A claim about times is decided by two or three samples only where each of them shows it by more
than a factor of 2, by four or more where Student's t does at 1 %. Of what has not come when a
training ends only a least time is known, and so only a least factor.

The preset `paper` needs Fashion-MNIST and some hours. `gpu` compares all classes of it, in numbers
that fall from class to class, for a machine with a GPU. (arXiv 2605.06367 for the question; the
protocol and the measures are ours.)
"""

from __future__ import annotations

import math
from typing import Any

import click
from reports.all_classes import AllClasses
from reports.class_training import GAP, Report
from reports.two_classes import class_rows, split_classes

from bridges.study import options
from bridges.study.command import Run, study_command
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point, Row

_QUICK: dict[str, Any] = {
    "data": "digits",
    "compare": "pairs",
    "variance_pair": (1, 0),
    "centre_pair": (3, 6),
    "network": "mlp",
    "depth": 2,
    "channels": 16,
    "attention": False,
    "images": 80,
    "imbalance": 3.0,
    "few": 20,
    "steps": 1000,
    "copy_steps": 2400,
    "batch": 64,
    "rate": 0.004,
    "held_out": 60,
    "drawn": 200,
    "starts": 64,
    "snapshots": 20,
    "features": 800,
    "device": "cpu",
    "samples": 2,
}
_PAPER: dict[str, Any] = {
    "data": "fashion",
    "variance_pair": (8, 3),
    "centre_pair": (6, 2),
    "network": "unet",
    "images": 80,
    "imbalance": 4.0,
    "steps": 3000,
    "rate": 0.004,
    "held_out": 128,
}
_GPU: dict[str, Any] = {
    "compare": "classes",
    "depth": 3,
    "channels": 32,
    "attention": True,
    "images": 5120,
    "steps": 400_000,
    "batch": 512,
    "rate": 1e-4,
    "drawn": 5000,
    "device": "cuda",
    "samples": 3,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER, "gpu": _QUICK | _PAPER | _GPU}
SHARED = (
    *("network", "depth", "channels", "attention", "steps", "batch", "rate", "held_out", "drawn"),
    *("starts", "snapshots", "features", "device"),
)
FACTORS = (1.0, 10.0, 100.0)  # of the first class over the last, where all are compared
TOP = 10 / 7  # highest noise level of the training, in √d rms deviations: 40 of 28×28 pixels
TURNS = (0.07, 1.1)  # noise levels of U-turns, likewise: from where classes are recognized to none
LEVELS = 8  # of them
UNITS = 128  # per layer of an mlp, its own default
TIME = 0.1  # Ornstein–Uhlenbeck time of the theory


@study_command(PRESETS)
@options.shared("data", default=None)
@click.option("--compare", type=click.Choice(["pairs", "classes"]), help="Two pairs, or all.")
@options.own(
    variance_pair=((Whole(), Whole()), "Two labels, whose variances differ."),
    centre_pair=((Whole(), Whole()), "Two labels, of which one lies farther from the mean."),
)
@options.shared("network", default=None)
@options.shared("depth", default=None, help="Blocks of an mlp, resolutions of a unet.")
@options.own(channels=(Whole(8), "Channels of a unet, at its first resolution."))
@options.shared("attention", default=None)
@options.own(
    images=(Whole(8), "Training images of all classes together."),
    imbalance=(Real(1, 1000), "Images of a majority over those of a minority."),
    few=(Whole(4), "Training images where copies are counted."),
    steps=(Whole(10), "Gradient steps."),
    copy_steps=(Whole(10), "Gradient steps for copies."),
)
@options.shared(
    "batch", default=None, help="Images per step; 128, drawn repeatedly, where there are fewer."
)
@options.shared("rate", default=None, help="Learning rate, which stays.")
@options.own(
    held_out=(Whole(2), "Test images of each class."),
    drawn=(Whole(2), "Samples drawn each time that they are looked at."),
    starts=(Whole(2), "U-turns per class and noise level."),
    snapshots=(Whole(2, most=10**4), "Steps at which losses are taken, a factor apart."),
    features=(Whole(1, most=10**4), "Random features of the theory."),
)
@options.shared("device", default=None)
def main(run: Run, **chosen: Any) -> Report:
    """Losses and copies of each class along the training of a network."""
    from bridges.classes.moments import class_moments
    from bridges.data import class_names, fingerprint, load_data, place

    data = load_data(chosen["data"])
    if data.labels is None:
        raise ValueError(f"data must have classes, got none in {place(chosen['data'])}")
    _check_sizes(chosen, data.rows.shape[1])
    known, classes = data.labels.unique(return_inverse=True)
    moments = class_moments(data.rows, classes)
    names = class_names(chosen["data"])
    table = {
        "known": known.tolist(),
        "variances": [round(one, 4) for one in moments.variance.tolist()],
        "distances": [round(one, 4) for one in moments.distance.tolist()],
    }
    shared: Point = {"data": place(chosen["data"]), "content": fingerprint(chosen["data"])}
    shared |= {name: chosen[name] for name in SHARED} | table
    cases = _pairs(chosen, table) if chosen["compare"] == "pairs" else _classes(chosen, table)
    for case in cases:
        asked = "few" if case["kind"] == "copies" else "images"
        for label, n in zip(case["labels"], case["counts"], strict=True):
            found = int((data.labels == label).sum())
            if found < n + chosen["held_out"]:
                raise ValueError(
                    f"{asked} must leave {chosen['held_out']} of each label held out, got "
                    f"{chosen[asked]}, {n} of them of label {label}, which has {found}"
                )
    points = [shared | case for case in cases]
    for point in points:
        point["names"] = [names[c] if names else str(c) for c in point["labels"]]
    return (Report if chosen["compare"] == "pairs" else AllClasses)(run(measure, points))


def _check_sizes(chosen: Point, size: int) -> None:
    """Refuse samples that would not fit into memory, and networks. Raises ValueError."""
    from bridges._checks import within_memory

    drawn, depth = f"drawn: {chosen['drawn']} samples", chosen["depth"]
    within_memory(16 * chosen["drawn"] * size, drawn, each_job=True)
    what, weights = f"depth: {depth} blocks", 2 * depth * UNITS * (UNITS + size)
    if chosen["network"] == "unet":
        filters = chosen["channels"] * 2 ** min(depth - 1, size.bit_length())
        what, weights = f"channels or depth: {filters} filters at once", 20 * filters**2
    within_memory(48 * weights, what, each_job=True)  # with slopes and averages
    _network(chosen, size, 0)  # refuses what is no network


def _pairs(chosen: Point, table: Point) -> list[Point]:
    """Both pairs at equal shares, the first at others too, and few images of it for copies.

    First of a pair is the class that the paper has first: the wider, or the nearer.
    """
    pairs = {}
    for option, order in (("variance_pair", "variances"), ("centre_pair", "distances")):
        pair = chosen[option]
        if pair[0] == pair[1]:
            flag = option.replace("_", "-")
            raise ValueError(f"{flag} must be two different labels, got {pair[0]} twice")
        by_label = dict(zip(table["known"], table[order], strict=True))
        if missing := [label for label in pair if label not in by_label]:
            known = ", ".join(map(str, table["known"][:20]))
            raise ValueError(f"{option.replace('_', '-')} must be of {known}, got {missing[0]}")
        pairs[option] = sorted(pair, key=by_label.__getitem__, reverse=order == "variances")
    many, few = (split_evenly(chosen[name], [1.0, 1.0]) for name in ("images", "few"))
    most = split_evenly(chosen["images"], [chosen["imbalance"], 1.0])
    wide, apart = pairs["variance_pair"], pairs["centre_pair"]
    return [
        {"kind": "variance", "case": "equal", "labels": wide, "counts": many},
        {"kind": "variance", "case": "more wide", "labels": wide, "counts": most},
        {"kind": "variance", "case": "more narrow", "labels": wide, "counts": most[::-1]},
        {"kind": "centres", "case": "equal", "labels": apart, "counts": many},
        {"kind": "copies", "case": "equal", "labels": wide, "counts": few}
        | {"steps": chosen["copy_steps"]},
    ]


def _classes(chosen: Point, table: Point) -> list[Point]:
    """All classes, in equal numbers and in numbers that fall by a factor from first to last."""
    labels = table["known"]
    last = max(1, len(labels) - 1)
    return [
        {"kind": "classes", "case": f"factor {factor:g}", "factor": factor, "labels": labels}
        | {
            "counts": split_evenly(
                chosen["images"], [factor ** (-c / last) for c in range(last + 1)]
            )
        }
        for factor in FACTORS
    ]


def split_evenly(images: int, weights: list[float]) -> list[int]:
    """Numbers of images by these weights, at least 1 each, whose sum is right up to these."""
    ends = [round(images * sum(weights[: c + 1]) / sum(weights)) for c in range(len(weights))]
    return [max(1, end - begin) for begin, end in zip([0, *ends], ends, strict=False)]


def measure(point: Point, seed: int) -> list[Row]:
    """One training, on images of its own."""
    import numpy as np

    from bridges._checks import generator_from
    from bridges.classes.moments import class_moments
    from bridges.classes.training import class_training
    from bridges.data import load_data

    data = load_data(point["data"])
    known, classes = data.labels.unique(return_inverse=True)
    moments = class_moments(data.rows, classes)
    own = [known.tolist().index(label) for label in point["labels"]]
    generator = generator_from(seed, "class_training")
    train, labels, held_out, others = split_classes(
        data.rows, data.labels, point["labels"], point["counts"], point["held_out"], generator
    )
    train, held_out = moments.standardised(train), moments.standardised(held_out)
    root = math.sqrt(train.shape[1])
    turns = (np.geomspace(*TURNS, LEVELS) * root).round(3).tolist()
    found = class_training(
        train,
        labels,
        held_out,
        others,
        network=_network(point, train.shape[1], seed),
        steps=point["steps"],
        batch=point["batch"] if point["batch"] <= len(train) else None,
        rate=point["rate"],
        weighting="likelihood",
        marks=point["snapshots"],
        levels=(0.01, TOP * root),
        centres=moments.centres[own],
        samples=point["drawn"],
        turns=turns,
        starts=point["starts"],
        device=point["device"],
        seed=seed,
    )
    scalars = {"best": found.best_step, "gap": found.opens(GAP), "least_test": found.best_test}
    rows = class_rows(scalars | {"recognized": found.recognized()})
    rows.append({"quantity": "learnt", "value": found.over_constant})
    for step, *values in zip(
        found.steps.tolist(), found.train, found.test, found.copies, found.shares, strict=True
    ):
        curves = zip(("train", "test", "copies", "shares"), values, strict=True)
        rows += class_rows(dict(curves), step=step)
    for turn, values in zip(turns, found.own_class, strict=True):
        rows += class_rows({"own_class": values}, turn=turn)
    if point["kind"] in ("variance", "centres"):
        rows += _theory(point["features"], train, labels, held_out, others, seed)
    return rows


def _network(point: Point, size: int, seed: int) -> Any:
    """The untrained network."""
    from bridges.data import image_shape
    from diffusion import ResidualMLP, UNet

    if point["network"] == "mlp":
        return ResidualMLP(size, depth=point["depth"], seed=seed)
    *shape, channels_last = image_shape(point["data"], size)
    sizes = {"channels": point["channels"], "levels": point["depth"]}
    how = {"attention": point["attention"], "channels_last": bool(channels_last)}
    try:
        return UNet(shape, **sizes, **how, seed=seed)
    except ValueError as error:
        raise ValueError(f"channels and depth of a unet: {error}") from error


def _theory(p: int, train: Any, labels: Any, held_out: Any, others: Any, seed: int) -> list[Row]:
    """The same times of random features that learn the same images, in times of their flow."""
    from diffusion import RandomFeatureScore, class_times

    model = RandomFeatureScore(p, train.shape[1], time=TIME, seed=seed)
    times = class_times(model.fit(train, labels), held_out, others, gap=GAP)
    return class_rows({"features_best": times.opt, "features_gap": times.gap})


if __name__ == "__main__":
    main()
