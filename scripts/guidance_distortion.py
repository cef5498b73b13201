r"""When does guidance distort? Mean and variance against the dimension.

Samples guided with D = (1 + w) D_c − w D_u and exact scores, of classes N(μ_k, g²) with random
centres of variance s² (arXiv 2602.00716): overlap a = x̄·μ/|μ|² and variance ratio
R = tr Cov/(d g²), both 1 without distortion. With a fixed number of classes the distortion
fades as d grows, 1 − R like 1/d and a − 1 like 1/√d along the flow; at a fixed density
α = log K/d of classes it does not. Lines: dynamical mean field at finite d. Flow and SDE sample
the same guidance and end differently: each has its own panels.

Classes too many to be kept are averaged, but for the one that is asked for. The last panel is
the counter-example: digits as ten Gaussians of their own covariances, where guidance widens
the classes instead, and of one common covariance, where it narrows them.

    python scripts/guidance_distortion.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bridges.estimates import estimate
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import by_column, of_each, of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy import ndarray

_QUICK: dict[str, Any] = {
    "dimensions": [8, 16, 32, 64],
    "classes": 10,
    "density": 0.4,
    "weight": 3.0,
    "ratio": 0.2,
    "steps": 80,
    "trials": 120,
    "samples": 8,
}
_PAPER = {
    "dimensions": [8, 16, 32, 64, 128, 256],
    "steps": 200,
    "trials": 400,
    "samples": 24,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
METHODS = {"flow": "heun", "sde": "stochastic-heun"}
ENSEMBLES = {"number": "fixed number", "density": "fixed density"}
MEASURES = ("overlap", "variance_ratio", "parallel_ratio", "retention", "separability")
_ENUMERATED = 5000  # most classes that are kept
_ASKED = 8  # classes that are asked for
_WEIGHTS = (0.0, 1.0, 3.0, 7.0)  # of the digits
_DIGITS = {"own": "own covariances", "shared": "one covariance"}


@study_command(PRESETS)
@options.own(
    dimensions=(options.COUNTS, "Dimensions d."),
    classes=(Whole(2), "Number of classes K, where it is fixed."),
    density=(options.POSITIVE, "Density of classes α, where it is fixed."),
    weight=(Real(-1), "Extra weight w: the guidance scale less 1."),
    ratio=(
        Real(0, 1, min_open=True, max_open=True),
        "r, variance of a class over that of the whole.",
    ),
    steps=(Whole(4, most=10**6), "Steps of the samplers."),
)
@options.shared("trials", default=None, help="Guided samples per set of centres.")
def main(run: Run, dimensions: list[int], weight: float, **setting: Any) -> Report:
    """Guidance and its distortions: few classes against exponentially many.

    Overlap and variance ratio of guided samples with exact scores against the dimension, at a
    fixed number and a fixed density of classes, with theory (arXiv 2602.00716).
    """
    if weight == 0:
        raise ValueError("weight must differ from 0, which is measured as the control, got 0")
    if setting["trials"] < 2 * _ASKED:
        raise ValueError(f"trials must be at least {2 * _ASKED}, got {setting['trials']}")
    shared = {name: setting[name] for name in ("ratio", "steps", "trials")}
    points: list[Point] = [
        {"ensemble": ensemble, "dimension": d, "alpha": alpha, "method": method, "w": w} | shared
        for ensemble in ENSEMBLES
        for d in dimensions
        for alpha in [_density(ensemble, d, setting)]
        for method in METHODS
        for w in (0.0, weight)
    ]
    for point in points:
        if not math.log(2) <= point["alpha"] * point["dimension"] <= 700:
            raise ValueError(
                f"density must give 2 classes at least and e^700 at most, got {point['alpha']:g} "
                f"at d = {point['dimension']}"
            )
        _within(point)
    points += [
        {"ensemble": f"digits {kind}", "method": method, "w": w} | shared
        for kind in _DIGITS
        for method in METHODS
        for w in _WEIGHTS
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """Guided samples of one set of centres, or of the digits, and how far off they are."""
    import torch

    from diffusion.guidance import distortion, generate

    mixture, asked = _digits(point["ensemble"]) if "alpha" not in point else _classes(point, seed)
    labels = torch.arange(asked).repeat_interleave(max(2, point["trials"] // asked))
    method, steps = METHODS[point["method"]], point["steps"]
    x = generate(mixture, labels, point["w"], method, steps, seed=seed)
    found = distortion(x, labels, mixture, diversity=False).means()
    return [{"quantity": name, "value": found[name]} for name in MEASURES]


def _within(point: Point) -> None:
    """Refuse more classes, or samples, than fit into memory. Raises ValueError."""
    from bridges._checks import within_memory

    d, few = point["dimension"], kept(point["alpha"], point["dimension"])
    count = round(math.exp(point["alpha"] * d)) if few else 1
    what = f"classes or trials: {count} classes and {point['trials']} samples in dimension {d}"
    within_memory(32 * (count * d + point["trials"] * (count + d)), what, each_job=True)


def _density(ensemble: str, dimension: float, setting: Mapping[str, Any]) -> float:
    """α = log K/d of an ensemble."""
    if ensemble == "number":
        return math.log(setting["classes"]) / dimension
    return float(setting["density"])


def kept(alpha: float, dimension: float) -> bool:
    """Whether the classes are few enough to be kept all."""
    return alpha * dimension <= math.log(_ENUMERATED)


def _classes(point: Point, seed: int) -> tuple[Any, int]:
    """A mixture and how many of its first classes are asked for."""
    from diffusion.guidance import planted_classes, random_classes

    d, alpha = point["dimension"], point["alpha"]
    within = point["ratio"] / (1 - point["ratio"])
    if not kept(alpha, d):
        return planted_classes(d, alpha, within, seed=seed), 1
    count = max(2, round(math.exp(alpha * d)))
    return random_classes(count, d, within, seed=seed), min(count, _ASKED)


def _digits(ensemble: str) -> tuple[Any, int]:
    """The digits as ten Gaussians."""
    from bridges.data import class_labels, raw_vectors, standardised
    from diffusion.guidance import fitted_classes

    labels = class_labels("digits")
    assert labels is not None
    data = standardised(raw_vectors("digits"))[0]
    return fitted_classes(data, labels, ensemble.removeprefix("digits ")), 10


class Report(base.Report):
    """Mean and variance of guided samples against the dimension, with theory."""

    between = "sets of centres"
    figsize = (11.2, 6.4)

    @property
    def weight(self) -> float:
        """Extra weight w."""
        return float(self.setting["weight"])

    def curve(self, quantity: str, ensemble: str, method: str, w: float) -> tuple[ndarray, ndarray]:
        """d (K,) and values (samples, K)."""
        labels = {"ensemble": ensemble, "method": method, "w": w}
        return self.study.curve(quantity, "dimension", **labels)

    def relative(self, ensemble: str, method: str) -> ndarray:
        """R over that of w = 0, what the steps do by themselves divided out, (samples, K)."""
        guided, control = (
            self.curve("variance_ratio", ensemble, method, w)[1] for w in (self.weight, 0.0)
        )
        return guided / control

    def digits(self, quantity: str, kind: str, method: str) -> tuple[ndarray, ndarray]:
        """w (K,) and values (samples, K)."""
        return self.study.curve(quantity, "w", ensemble=f"digits {kind}", method=method)

    def theory(self, ensemble: str, method: str, dimensions: ndarray) -> ndarray:
        """a and R at these dimensions, (2, K)."""
        import numpy as np

        from diffusion.theory import guided_mean_field

        found, guidance = [], (self.weight, self.setting["ratio"], method)
        for d in dimensions:
            alpha = _density(ensemble, d, self.setting)
            found.append(guided_mean_field(alpha, *guidance, d, annealed=not kept(alpha, d)))
        return np.array(found).T

    @cached_property
    def lowest(self) -> float:
        """The least retention of all guided classes."""
        ways = [(ensemble, method, self.weight) for ensemble in ENSEMBLES for method in METHODS]
        return min(float(self.curve("retention", *way)[1].mean(0).min()) for way in ways)

    def finding(self) -> str:
        """Where R goes from small dimensions to large ones."""
        few, dense = (
            " to ".join(of_samples(by_sample[:, k]) for k in (0, -1))
            for by_sample in (self.relative(ensemble, "flow") for ensemble in ENSEMBLES)
        )
        d = self.curve("overlap", "number", "flow", 0.0)[0]
        floor = math.floor(100 * self.lowest) / 100
        return (
            f"$w$ = {self.weight:g}, $d$ = {d[0]:g} to {d[-1]:g}: $R$ of the flow, relative to "
            f"$w$ = 0, goes from\n"
            f"{few} for few classes, from {dense} at fixed density; at least {floor:.2f} retained"
        )

    def conclusions(self) -> Point:
        """R relative to w = 0 by the dimension, and a and R of theory."""
        return {m: {e: self._against_dimension(e, m) for e in ENSEMBLES} for m in METHODS}

    def _against_dimension(self, ensemble: str, method: str) -> Point:
        d, _ = self.curve("overlap", ensemble, method, 0.0)
        relative, theory = self.relative(ensemble, method), self.theory(ensemble, method, d)
        return {
            f"{one:g}": {
                "relative_variance_ratio": estimate(relative[:, k]),
                "theory": {"overlap": theory[0, k], "variance_ratio": theory[1, k]},
            }
            for k, one in enumerate(d)
        }

    def heading(self) -> str:
        """The guidance."""
        return f"w = {self.weight:g}, r = {self.setting['ratio']:g}; exact scores"

    def tables(self) -> Iterator[str]:
        """By sampler and ensemble the distortion against d, then the digits."""
        yield (
            "flow and SDE end differently under the same guidance: compare within each\n"
            "digits: the same ten classes in every run, errors between the runs"
        )
        for method in METHODS:
            for ensemble in ENSEMBLES:
                yield self._table(method, ensemble)
        rows = [
            [
                f"{method}, {label}",
                *of_each(self.digits("variance_ratio", kind, method)[1]),
                of_samples(self.digits("retention", kind, method)[1].min(1)),
            ]
            for method in METHODS
            for kind, label in _DIGITS.items()
        ]
        header = ["R of digits as ten Gaussians", *(f"w={w:g}" for w in _WEIGHTS), "least kept"]
        yield table(header, rows)

    def _table(self, method: str, ensemble: str) -> str:
        d, _ = self.curve("overlap", ensemble, method, 0.0)
        columns = [
            self.curve(q, ensemble, method, w)[1]
            for w in (0.0, self.weight)
            for q in ("overlap", "variance_ratio", "retention")
        ]
        columns.append(self.relative(ensemble, method))
        columns += [[f"{x:.3f}" for x in one] for one in self.theory(ensemble, method, d)]
        few = f"K = {self.setting['classes']}"
        size = few if ensemble == "number" else f"α = {self.setting['density']:g}"
        names = ["a", "R", "kept"]
        header = [f"{method}, {ENSEMBLES[ensemble]} {size}: d", *(f"{n} (w=0)" for n in names)]
        header += [*names, "R/R(w=0)", "a theory", "R theory"]
        return by_column(header, [f"{one:g}" for one in d], *columns)

    def draw(self, figure: Figure) -> None:
        """Overlap, variance ratio and the counter-example, a row per sampler."""
        panels = figure.subplots(2, 3)
        for row, (method, name) in zip(panels, (("flow", "flow"), ("sde", "SDE")), strict=True):
            self._panel(row[0], method, 0, f"overlap $a$ ({name})")
            self._panel(row[1], method, 1, f"$R$ relative to $w$ = 0 ({name})")
            self._counter_example(row[2], method, name)
        handles, labels = panels[0][0].get_legend_handles_labels()
        figures.legend_below(figure, handles, labels, 6)

    def _panel(self, axes: Axes, method: str, which: int, label: str) -> None:
        import numpy as np

        s = self.setting
        sizes = (f"$K$ = {s['classes']}", rf"$\alpha$ = {s['density']:g}")
        for ensemble, size, series in zip(ENSEMBLES, sizes, figures.SERIES, strict=False):
            d, by_sample = self.curve("overlap", ensemble, method, self.weight)
            by_sample = self.relative(ensemble, method) if which else by_sample
            figures.points(axes, d, by_sample, series, ls="", label=size)
            fine = np.geomspace(d[0], d[-1], 25)
            values = self.theory(ensemble, method, fine)[which]
            axes.plot(fine, values, color=series[0], lw=1.3, zorder=1, label=f"{size}, theory")
            if which == 0:
                ms = 7 if ensemble == "number" else 3.5  # both lie at 1: one inside the other
                look = {"ls": "", "mfc": "white", "ms": ms, "label": f"{size}, $w$ = 0"}
                figures.points(axes, *self.curve("overlap", ensemble, method, 0.0), series, **look)
        axes.axhline(1, color="0.8", lw=0.8, zorder=0)
        figures.ticks(axes, d, base=2)
        axes.set(xlabel="dimension $d$", ylabel=label)

    def _counter_example(self, axes: Axes, method: str, name: str) -> None:
        for (kind, label), series in zip(_DIGITS.items(), figures.SERIES[2:], strict=False):
            w, by_sample = self.digits("variance_ratio", kind, method)
            figures.points(axes, w, by_sample, series, label=label)
        axes.axhline(1, color="0.8", lw=0.8, zorder=0)
        axes.set(xlabel="extra weight $w$", ylabel=f"variance ratio $R$ ({name})")
        axes.set_title("digits as ten Gaussians, exact scores")
        axes.legend(loc="upper left")


if __name__ == "__main__":
    main()
