r"""What does a negative window buy? Guidance schedules between separability and diversity.

Guidance that is never negative separates classes and narrows them; turned negative below a
noise level σ_s, late on the way, it widens them again, at the cost of samples that leave
their class (arXiv 2602.00716). Fisher ratio J (separability) against Vendi score (diversity), both
relative to the same sampler at w = 0, and the variance ratio R with the retention, for

    cells, exact     digits in 8 principal components, 50 k-means cells as classes, their
                     Gaussian fit of one covariance with its exact scores
    cells, trained   a class-conditional network trained on the same data
    digits, trained  ten classes, 64 pixels: classes of unequal covariances, where a network
                     leaves the data at large w and R rises instead

All along the flow; a network is trained anew for each sample. Retention: what the Gaussian
fit, or the five nearest digits, give to the class that was asked for. R alone
says little: restored variance may be samples of other classes. Nothing is concluded from networks
that have not learnt (as in `memorization_to_generalization`).

    python scripts/guidance_window.py --preset quick
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click
from reports import trained

from bridges.estimates import estimate, mean_and_sem
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray
    from torch import Tensor

    from diffusion.guidance import Weight

_QUICK: dict[str, Any] = {
    "weights": [1.0, 3.0, 7.0],
    "window": 3.0,
    "switches": [1.0, 1.5, 2.0],
    "cells": 50,
    "trials": 8,
    "steps": 32,
    "training_steps": 2500,
    "width": 128,
    "samples": 2,
}
_PAPER = {
    "weights": [0.5, 1.0, 2.0, 3.0, 5.0, 7.0],
    "switches": [0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0],
    "trials": 30,
    "steps": 64,
    "training_steps": 4000,
    "width": 192,
    "samples": 6,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
MODELS = {
    "cells, exact": "exact scores, {cells} cells",
    "cells, trained": "trained network, {cells} cells",
    "digits, trained": "trained network, ten digits",
}
MEASURES = ("overlap", "variance_ratio", "retention", "fisher_ratio", "vendi")
CONTROL = "w = 0"
_START, _FINEST = 40.0, 0.4  # noise levels: the largest, and from where they are even
_UNIT = 1.0  # noise level, that of the data, at which a network shows that it has learnt
_COMPONENTS, _PIXELS = 8, 64  # of the cells and of the digits
_PICTURES = 10  # samples shown of each schedule
_WEIGHT = Real(0, 1e6, min_open=True)
_NUMBERS = Numbers(_WEIGHT)


@study_command(PRESETS)
@click.option("--weights", type=_NUMBERS, help="Constant weights w to compare.")
@click.option("--window", type=_WEIGHT, help="w above the window.")
@click.option("--switches", type=_NUMBERS, help="Noise levels σ_s at which w turns to −1.")
@click.option("--cells", type=Whole(2, 200), help="k-means cells of the digits.")
@options.shared(
    "trials", default=None, help="Guided samples per cell; five times as many per digit."
)
@click.option("--steps", type=Whole(4, most=10**6), help="Steps of the sampler.")
@click.option("--training-steps", type=Whole(1), help="Steps of the training.")
@click.option("--width", type=Whole(1), help="Units of a layer of the network.")
def main(
    run: Run, weights: list[float], window: float, switches: list[float], **setting: Any
) -> Report:
    """The negative window: schedules of guidance between separability and diversity.

    Exact and trained models of digits, guided with constant weights, with usual schedules and
    with a window of w = −1 late on the way (arXiv 2602.00716).
    """
    from bridges._checks import within_memory

    if setting["trials"] < 2:
        raise ValueError(f"trials must be at least 2, got {setting['trials']}")
    trials, width = setting["trials"], setting["width"]
    within_memory(8 * 8 * width * (3 * width + 500), f"width: layers of {width}", each_job=True)
    samples = 5 * trials * max(10, setting["cells"])
    within_memory(8 * 8 * 64 * samples, f"trials: {samples} samples", each_job=True)
    shared = {"weights": weights, "window": window, "switches": switches} | setting
    points: list[Point] = [{"model": model} | shared for model in MODELS]
    return Report(run(measure, points))


def schedules(
    weights: list[float], window: float, switches: list[float]
) -> dict[str, tuple[str, Weight]]:
    """Name → family and weight."""
    from diffusion.guidance import Interval, LinearWindow, Progressive, Window

    found: dict[str, tuple[str, Weight]] = {CONTROL: ("constant", 0.0)}
    found |= {f"w = {w:g}": ("constant", w) for w in weights}
    found |= {f"{window:g} → −1 at {s:g}": ("window", Window(window, s)) for s in sorted(switches)}
    progress = {"start": _START, "width": _FINEST}
    middle = switches[len(switches) // 2]
    # w0 + ωσ² through 0 at the middle switch, and bounded: the flow would narrow without end
    linear = LinearWindow(-0.5, 0.5 / middle**2, largest=window)
    return found | {
        "interval": ("schedule", Interval(window, 0.28, 5.42)),
        "linear": ("schedule", Progressive("power", window, **progress)),
        "cosine": ("schedule", Progressive("cosine", window, **progress)),
        "inverse linear": ("schedule", Progressive("inverse-linear", window, **progress)),
        "linear window": ("schedule", linear),
    }


def measure(point: Point, seed: int) -> list[Row]:
    """All schedules with one model: how far its samples are from the classes asked for."""
    import torch

    from bridges.generalization import loss_over_constant
    from diffusion.guidance import distortion

    data, labels, classes = _data(point["model"], point["cells"])
    count = point["trials"] * (1 if point["model"].startswith("cells") else 5)
    asked = torch.arange(len(classes)).repeat_interleave(count)
    denoiser = classes if "exact" in point["model"] else _trained(data, labels, point, seed)
    classify = _neighbours(data, labels) if point["model"].startswith("digits") else None
    rows: list[Row] = []
    if denoiser is not classes:
        known = data.float()  # none are held out
        value = loss_over_constant(denoiser, known, known, _UNIT, seed)
        rows.append({"quantity": "learnt", "value": value})
    shown = schedules(point["weights"], point["window"], point["switches"])
    for name, (family, w) in shown.items():
        x = _sampled(denoiser, asked, w, point["steps"], seed)
        found = distortion(x, asked, classes, classify).means()
        own = {"schedule": name, "family": family}
        rows += [{**own, "quantity": q, "value": found[q]} for q in MEASURES]
        if point["model"].startswith("digits"):
            rows += _pictures(x, asked, own)
    return rows


def _data(model: str, cells: int) -> tuple[Tensor, Tensor, Any]:
    """Data of unit variance, their classes, and the Gaussian fit that judges samples."""
    import torch

    from bridges.data import class_labels, raw_vectors, standardised
    from diffusion.guidance import fitted_classes

    data, labels = standardised(raw_vectors("digits"))[0], class_labels("digits")
    assert labels is not None
    if model.startswith("digits"):
        return data, labels, fitted_classes(data, labels, "own")
    from sklearn.cluster import KMeans

    axes = torch.linalg.svd(data, full_matrices=False).Vh[:_COMPONENTS]
    reduced = standardised(data @ axes.T)[0]
    found = KMeans(cells, n_init=4, random_state=0).fit(reduced.numpy()).labels_
    labels = torch.from_numpy(found).long()
    return reduced, labels, fitted_classes(reduced, labels, "shared", ridge=1e-4)


def _neighbours(data: Tensor, labels: Tensor) -> Callable[[Tensor], Tensor]:
    """What the nearest digits say: a Gaussian fit of 64 pixels is no judge of a network."""
    import torch
    from sklearn.neighbors import KNeighborsClassifier

    judge = KNeighborsClassifier(5).fit(data.numpy(), labels.numpy())
    return lambda x: torch.from_numpy(judge.predict(x.double().numpy()))


def _trained(data: Tensor, labels: Tensor, point: Point, seed: int) -> Any:
    """A class-conditional network of these data."""
    from bridges._checks import silent
    from diffusion import ResidualMLP, train_denoiser

    classes = int(labels.max()) + 1
    network = ResidualMLP(data.shape[1], point["width"], depth=3, classes=classes, seed=seed)
    return train_denoiser(
        data.float(),
        labels,
        network=network,
        steps=point["training_steps"],
        batch=256,
        rate=2e-3,
        levels=(0.01, _START),
        device="cpu",
        seed=seed,
        quiet=silent(),
    ).denoiser


def _sampled(denoiser: Any, asked: Tensor, w: Weight, steps: int, seed: int) -> Tensor:
    """Guided samples of the classes asked for, along the flow."""
    import torch

    from diffusion import VE, GuidedDenoiser, noise_levels, sample

    levels = noise_levels(_START, steps, _FINEST, getattr(w, "breaks", ()))
    guided = GuidedDenoiser(denoiser.condition(asked), denoiser, w)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(asked), denoiser.dimension, generator=generator)
    return sample(guided, levels[0] * noise, VE(), "heun", levels=levels)


def _pictures(x: Tensor, asked: Tensor, own: Row) -> list[Row]:
    """The first sample of each class, its pixels as bytes."""
    from bridges.data import raw_vectors, standardised

    raw = raw_vectors("digits")
    first = [int((asked == k).nonzero()[0]) for k in range(_PICTURES)]
    ink = x[first] * standardised(raw)[1] + raw.mean(0)
    pixels = (ink / raw.max() * 255).clamp(0, 255).byte().numpy()
    return [
        {**own, "quantity": "picture", "digit": k, "pixels": row.tobytes().hex(), "value": 1.0}
        for k, row in enumerate(pixels)
    ]


class Report(base.Report):
    """Separability, diversity, variance and retention by schedule, relative to w = 0."""

    between = "samples"
    figsize = (11.4, 7.6)

    @property
    def window(self) -> float:
        """w above the window."""
        return float(self.setting["window"])

    @cached_property
    def families(self) -> dict[str, str]:
        """By name the family of each schedule."""
        asked = (self.setting[k] for k in ("weights", "window", "switches"))
        return {name: family for name, (family, _) in schedules(*asked).items()}

    @cached_property
    def values(self) -> dict[tuple[str, str, str], ndarray]:
        """By model, schedule and measure, (samples,)."""
        import numpy as np

        grouped = self.study.by_sample("model", "schedule", "quantity")
        return {key: np.array(found) for key, found in grouped.items()}

    def relative(self, model: str, name: str, quantity: str) -> ndarray:
        """A measure over the same model's at w = 0, by sample; the retention as it is."""
        own = self.values[model, name, quantity]
        return own if quantity == "retention" else own / self.values[model, CONTROL, quantity]

    def title(self, model: str) -> str:
        """A model as tables and figures call it."""
        return MODELS[model].format(cells=self.setting["cells"])

    def learnt(self, model: str) -> bool:
        """Whether a model has learnt: exact scores have."""
        loss = self.study.curve("learnt", "steps", model=model)[1]
        return bool(trained.learnt(loss).all()) if loss.size else True

    def best(self, model: str) -> str:
        """The window whose R is nearest to that of w = 0."""
        windows = [name for name, family in self.families.items() if family == "window"]
        ratios = {name: self.relative(model, name, "variance_ratio").mean() for name in windows}
        return min(windows, key=lambda name: abs(ratios[name] - 1))

    def finding(self) -> str:
        """What the window of a trained network restores, and at what cost."""
        model, shown = "cells, trained", ("variance_ratio", "retention", "fisher_ratio")
        if not self.learnt(model):
            return f"Negative windows of guidance: {trained.NOTHING}"
        best = self.best(model)
        ratio, kept, J = (of_samples(self.relative(model, best, q), 2) for q in shown)
        switch = best.split(" at ")[-1]
        return (
            f"Turned negative at $\\sigma_s$ = {switch}, guidance of a network leaves {ratio} of "
            f"the variance and separates {J} times as well, while {kept} of the samples keep "
            "their class"
        )

    def conclusions(self) -> Point:
        """By model the window nearest to w = 0 in R, and all schedules relative to w = 0."""
        return {
            model: {
                "learnt": self.learnt(model),
                "nearest window": self.best(model) if self.learnt(model) else None,
                "schedules": {name: self._against_control(model, name) for name in self.families},
            }
            for model in MODELS
        }

    def _against_control(self, model: str, name: str) -> Point:
        shown = [q for q in MEASURES if q != "retention"]
        return {f"{q} relative to w = 0": estimate(self.relative(model, name, q)) for q in shown}

    def heading(self) -> str:
        """What the measures are relative to."""
        relative = "R, a, J and Vendi relative to the same model at w = 0"
        return f"along the flow, networks trained anew; {relative}"

    def tables(self) -> Iterator[str]:
        """All schedules, model by model."""
        w = f"{self.window:g}"
        yield f"{w} → −1 at σ: guidance turns negative below that noise level"
        shown = ("variance_ratio", "retention", "overlap", "fisher_ratio", "vendi")
        for model in MODELS:
            control = [of_samples(self.values[model, CONTROL, q]) for q in shown]
            rows = [
                [name, *(of_samples(self.relative(model, name, q)) for q in shown)]
                for name in self.families
            ]
            heading = [self.title(model), "R", "retention", "a", "J", "Vendi"]
            yield table(heading, [["w = 0 itself", *control], *rows])
            if not self.learnt(model):
                yield trained.nothing_of(f"the networks of the {self.title(model)}")

    def draw(self, figure: Figure) -> None:
        """Two planes per model, and samples of the trained model of digits."""
        upper, middle, lower = figure.subfigures(3, 1, height_ratios=[3.0, 2.6, 1.9])
        for part, panel in ((upper, self._plane), (middle, self._trade)):
            for axes, model in zip(part.subplots(1, 3), MODELS, strict=True):
                panel(axes, model)
        handles, labels = upper.axes[0].get_legend_handles_labels()
        figures.legend_below(upper, handles, labels, 3)
        self._gallery(lower)

    def _plane(self, axes: Axes, model: str) -> None:
        """Diversity against separability."""
        self._draw(axes, model, "fisher_ratio", "vendi")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel("separability $J$, relative to $w$ = 0")
        axes.set_ylabel("diversity (Vendi), relative")
        size = f"$N$ = {_PIXELS}" if "digits" in model else f"$d$ = {_COMPONENTS}"
        axes.set_title(f"{self.title(model)}, {size} (flow)")
        axes.axhline(1, **figures.THEORY[1])
        self._name(axes, model, "fisher_ratio", "vendi")

    def _trade(self, axes: Axes, model: str) -> None:
        """Retention against the variance ratio."""
        self._draw(axes, model, "variance_ratio", "retention")
        if axes.get_xlim()[1] > 100:  # a network that was guided off its data
            figures.log_axis(axes)
        axes.axvline(1, **figures.THEORY[1])
        axes.set(xlabel="variance ratio $R$, relative to $w$ = 0", ylabel="retention")
        axes.set_title(self.title(model))
        axes.margins(y=0.12)  # room for names
        self._name(axes, model, "variance_ratio", "retention")

    def _draw(self, axes: Axes, model: str, along: str, up: str) -> None:
        """Two measures of all schedules, by family."""
        import numpy as np

        labels = {
            "constant": "constant $w$",
            "window": f"$w$ = {self.window:g}, −1 below $\\sigma_s$",
            "schedule": "other schedules",
        }
        for (family, label), series in zip(labels.items(), figures.SERIES, strict=False):
            names = [n for n in self.families if self.families[n] == family]
            (x, x_error), found = self._measured(model, names, along, up)
            style = {"ls": "" if family == "schedule" else "-", "zorder": 2, "label": label}
            figures.means(axes, x, found, series, xerr=np.nan_to_num(x_error), **style)

    def _measured(self, model: str, names: Sequence[str], *quantities: str) -> list[Any]:
        """By quantity the means of some schedules and their errors."""
        import numpy as np

        by_name = ([self.relative(model, n, q) for n in names] for q in quantities)
        return [mean_and_sem(np.array(found).T) for found in by_name]

    def _name(self, axes: Axes, model: str, along: str, up: str) -> None:
        """Name the windows, by their σ_s, and some of the constant weights."""
        windows = [name for name, family in self.families.items() if family == "window"]
        for names, (color, _) in zip((self._named(), windows), figures.SERIES, strict=False):
            (x, _), (y, _) = self._measured(model, names, along, up)
            words = [name.split(" at ")[-1].removeprefix("w = ") for name in names]
            below = up == "retention" and names is windows  # constant weights are above them
            figures.name_points(axes, words, x, y, color, below)

    def _named(self) -> list[str]:
        """Constant weights that are named in the figure: the least, the largest, and 0."""
        names = [n for n, f in self.families.items() if f == "constant"]
        shown = {CONTROL, names[-1], f"w = {self.window:g}"}
        return [name for name in names if name in shown]

    def _gallery(self, part: Any) -> None:
        """Samples of the trained model of digits: each class under three schedules."""
        import numpy as np

        best = self.best("digits, trained")
        names = [CONTROL, max(self._named(), key=lambda n: float(n[4:])), best]
        for axes, name in zip(part.subplots(1, 3), names, strict=True):
            padded = np.pad(self._images(name), ((0, 0), (1, 1), (1, 1)))
            wall = np.block([[*padded[:5]], [*padded[5:]]])
            axes.imshow(np.pad(wall, ((0, 0), (5, 5))), cmap="gray_r", vmin=0, vmax=255)
            kept = float(self.values["digits, trained", name, "retention"].mean())
            axes.set_title(f"digits, {name}: {kept:.0%} keep their class", fontsize=9)
            figures.bare(axes)

    def _images(self, name: str) -> Any:
        """The pictures of the first network, (10, 8, 8)."""
        import numpy as np

        place = [point["model"] for point in self.study.points].index("digits, trained")
        wanted = {"quantity": "picture", "schedule": name}.items()
        pictures = [row["pixels"] for row in self.study.samples[place][0] if row.items() >= wanted]
        return np.frombuffer(bytes.fromhex("".join(pictures)), dtype=np.uint8).reshape(-1, 8, 8)


if __name__ == "__main__":
    main()
