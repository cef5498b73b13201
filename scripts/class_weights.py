r"""When along a training is the weight of a class learnt, and at which noise levels?

Two Gaussian classes at ±μ, |μ|² = d, of weights ω and 1 − ω and variance 1. At one noise level
their signal is Λ = α²d, and they part at Λ = 1. A model with the form of the score follows the
gradient flow (`diffusion.theory.class_course`): at high Λ it learns where the classes are and
never their weights, which are learnt at Λ of order 1, far from the data. So the weight of a class
is learnt by the noise levels around σ_s = √(d − 1), and what a weighting of the levels emphasises
there decides when: per d ln σ "edm" 1 + σ², "flow" (flow matching) σ, "likelihood" 1.

(a) the learnt weight ρ along the gradient flow, by Λ; (b) networks trained with these weightings,
and one with levels that end below σ_s: the share of the samples of their flow that are of the
class at +μ. It is to become not ω but the share that an exact flow has, which starts from
N(0, σ²) and not from the noised data (`flow_class_fraction`); (c) the emphases. Open points are
networks that have not learnt (as in `memorization_to_generalization`); nothing is said of them.

    python scripts/class_weights.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from reports import trained

from bridges.estimates import estimate
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray

    from diffusion.theory import ClassCourse

_QUICK: dict[str, Any] = {
    "weight": 0.8,
    "large": 1024,
    "signals": [0.1, 1.0, 3.0, 10.0, 30.0, 100.0],
    "dimension": 64,
    "width": 128,
    "points": 50_000,
    "batch": 256,
    "rate": 1e-3,
    "steps": [50, 100, 200, 400, 800],
    "drawn": 2000,
    "samples": 3,
}
_PAPER = {
    "signals": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
    "points": 200_000,
    "steps": [50, 100, 200, 400, 800, 1600, 3200],
    "drawn": 10_000,
    "samples": 10,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
CASES: dict[str, Point] = {
    "edm": {"weighting": "edm", "levels": [0.01, 10.0]},
    "flow": {"weighting": "flow", "levels": [0.01, 10.0]},
    "likelihood": {"weighting": "likelihood", "levels": [0.01, 10.0]},
    "low levels": {"weighting": "edm", "levels": [0.01, 1.0]},
}
NEAR = 0.03  # of the target, within which the weight of a class counts as learnt
TIMES = (0.1, 100.0)  # τ/d of the gradient flow
TABLED = (0.3, 1.0, 3.0, 10.0, 100.0)  # of them in the table
_SAMPLER = 30  # steps of a flow
_UNSEEN = 2000  # points on which it is asked whether a network has learnt


@study_command(PRESETS)
@options.own(
    weight=(Real(0, 1, min_open=True, max_open=True), "Weight ω of the class at +μ."),
    large=(Whole(2, 10**9), "Dimension of the gradient flow."),
    signals=(Numbers(Real(1e-6, min_open=False)), "Its signals Λ, below that dimension."),
    dimension=(Whole(2, 10_000), "Dimension d of the networks."),
    width=(Whole(1), "Units per layer of a network."),
    points=(Whole(2), "Points of the data."),
)
@options.shared("batch", default=None, help="Points per step.")
@options.shared("rate", default=None, type=Real(1e-6, 1), help="Learning rate, after the warm-up.")
@options.own(
    steps=(options.COUNTS, "Gradient steps after which samples are drawn."),
    drawn=(Whole(2), "Samples drawn each time."),
)
def main(run: Run, **chosen: Any) -> Report:
    """When the weight of a class is learnt: the gradient flow by noise level, and networks."""
    from bridges._checks import within_memory

    d, signals = chosen["dimension"], chosen["signals"]
    if max(signals) >= chosen["large"]:
        raise ValueError(
            f"signals must be below the dimension {chosen['large']}, got {max(signals):g}"
        )
    if chosen["batch"] > chosen["points"]:
        raise ValueError(
            f"batch must be at most the {chosen['points']} points, got {chosen['batch']}"
        )
    for name in ("points", "drawn"):
        within_memory(
            16 * chosen[name] * d, f"{name}: {chosen[name]} in dimension {d}", each_job=True
        )
    within_memory(
        48 * chosen["width"] * (2 * d + 3 * chosen["width"]),
        f"width: layers of {chosen['width']}",
        each_job=True,
    )
    shared = {k: v for k, v in chosen.items() if k not in ("large", "signals")}
    return Report(run(measure, [{"case": name} | shared | case for name, case in CASES.items()]))


def measure(point: Point, seed: int) -> list[Row]:
    """One training; after each number of steps, where the samples of its flow are."""
    import torch

    from bridges._checks import generator_from, silent
    from bridges.generalization import loss_over_constant
    from diffusion import VE, ResidualMLP, sample, train_denoiser

    d, generator = point["dimension"], generator_from(seed, "class_weights")

    def normal(rows: int) -> Any:
        return torch.randn(rows, d, generator=generator)

    def drawn(rows: int) -> Any:
        side = torch.rand(rows, 1, generator=generator) < point["weight"]
        return normal(rows) + torch.where(side, 1.0, -1.0)  # μ = (1, …, 1)

    data, unseen = drawn(point["points"]), drawn(_UNSEEN)
    training = train_denoiser(
        data,
        network=ResidualMLP(d, point["width"], 2, seed=seed),
        steps=max(point["steps"]),
        batch=point["batch"],
        rate=point["rate"],
        rate_course="constant",
        weighting=point["weighting"],
        levels=point["levels"],
        snapshots=point["steps"],
        device="cpu",
        seed=seed,
        quiet=silent(),
    )
    start = point["levels"][1] * training.denoiser.scale
    cues = start * normal(point["drawn"])
    count = len(cues)
    even = torch.special.ndtri((torch.randperm(count, generator=generator) + 0.5) / count)
    cues += (start * even / math.sqrt(d) - cues.mean(1))[:, None]  # less noise in the share
    rows: list[Row] = []
    for step, denoiser in training.snapshots.items():
        place = sample(denoiser, cues, VE(), "heun", _SAMPLER, start=start).mean(1)
        values = {"share": (place > 0).float().mean(), "distance": place.abs().mean()}
        scale, known = training.denoiser.scale, data[:_UNSEEN]
        values["learnt"] = loss_over_constant(denoiser, known, unseen, scale, seed)
        rows += [{"step": step, "quantity": k, "value": float(v)} for k, v in values.items()]
    return rows


class Report(base.Report):
    """The weight of a class along the gradient flow, and along the trainings."""

    grid = (1, 3)
    figsize = 12.4, 3.9
    between = "trainings"

    @cached_property
    def times(self) -> ndarray:
        """τ/d."""
        import numpy as np

        return np.union1d(np.geomspace(*TIMES, 61), TABLED)

    @cached_property
    def courses(self) -> dict[float, ClassCourse]:
        """The gradient flow by its signal."""
        from diffusion.theory import class_course

        asked = self.setting["large"], self.setting["weight"]
        return {signal: class_course(self.times, signal, *asked) for signal in self._signals}

    @property
    def _signals(self) -> list[float]:
        return sorted(set(self.setting["signals"]))

    @property
    def spread(self) -> float:
        """The rms deviation s of the data, in that of a class."""
        omega = self.setting["weight"]
        return math.sqrt(1 + 4 * omega * (1 - omega))

    @cached_property
    def targets(self) -> dict[str, float]:
        """The share of an exact flow from N(0, σ²), by the case."""
        from diffusion.theory import flow_class_fraction

        omega, gap = self.setting["weight"], math.sqrt(self.setting["dimension"])
        return {
            name: float(flow_class_fraction(omega, gap, case["levels"][1] * self.spread))
            for name, case in CASES.items()
        }

    def curve(self, case: str, quantity: str) -> tuple[ndarray, ndarray]:
        """Steps (K,) and values (samples, K)."""
        return self.study.curve(quantity, "step", case=case)

    def unlearnt(self, case: str) -> ndarray:
        """Whether the networks have not learnt, step by step, (K,)."""
        return ~trained.learnt(self.curve(case, "learnt")[1])

    def learnt(self, case: str) -> ndarray:
        """The step from which on the share is near its target, (samples,); NaN where it never is.

        Shares are near by less than NEAR, and networks that have not learnt never are.
        """
        import numpy as np

        step, share = self.curve(case, "share")
        far = np.abs(share - self.targets[case]) >= NEAR
        far |= self.unlearnt(case)
        last = np.where(far, np.arange(len(step)), -1).max(1)  # that is not near
        return np.where(last + 1 < len(step), step[np.minimum(last + 1, len(step) - 1)], np.nan)

    def learnt_by(self, signal: float) -> float:
        """τ/d at which half of the way of ρ is made; NaN where it never is."""
        import numpy as np

        omega = self.setting["weight"]
        part = (self.courses[signal].rho - 0.5) / (omega - 0.5) if omega != 0.5 else self.times * 0
        return float(self.times[(part >= 0.5).argmax()]) if (part >= 0.5).any() else np.nan

    def finding(self) -> str:
        """When the weight is learnt, by the weighting."""
        known = [name for name in CASES if not self.unlearnt(name)[-1]]
        if not known:
            return f"Class of weight {self.setting['weight']:g}: {trained.NOTHING}"
        words = ", ".join(f"{name} {of_samples(self.learnt(name), 0)}" for name in known)
        return (
            f"Class of weight {self.setting['weight']:g}: samples have the share of an exact flow, "
            f"within {NEAR:g}, from step {words}"
        )

    def conclusions(self) -> Point:
        """Steps and shares by the weighting, and the gradient flow."""
        networks = {
            name: {
                "target": self.targets[name],
                "learnt_step": estimate(self.learnt(name)),
                "last_share": estimate(self.curve(name, "share")[1][:, -1]),
                "last_distance": estimate(self.curve(name, "distance")[1][:, -1]),
            }
            for name in CASES
            if not self.unlearnt(name)[-1]
        }
        flow = {
            f"{signal:g}": {"last_rho": float(course.rho[-1]), "last_m": float(course.m[-1])}
            for signal, course in self.courses.items()
        }
        return {"networks": networks, "gradient_flow": flow}

    def heading(self) -> str:
        """The classes and the networks."""
        s = self.setting
        return (
            f"weight {s['weight']:g}, d = {s['dimension']}; networks of width {s['width']}, "
            f"{s['batch']} points per step, {s['drawn']} samples each time"
        )

    def tables(self) -> Iterator[str]:
        """The gradient flow by signal; shares and distances by step and weighting."""
        rows = []
        for signal, course in self.courses.items():
            at = [abs(self.times / t - 1).argmin() for t in TABLED]
            half = self.learnt_by(signal)
            cells = [f"{course.rho[k]:.3f}" for k in at]
            rows.append([f"{signal:g}", *cells, "never" if math.isnan(half) else f"{half:.2g}"])
        yield (
            f"the gradient flow, d = {self.setting['large']}: ρ at τ/d, and half of its way\n\n"
            + (table(["Λ", *(f"{t:g}" for t in TABLED), "½ at τ/d"], rows))
        )
        steps = self.curve("edm", "share")[0]
        heading = ["step", *CASES]
        for quantity, words in (
            ("share", "share of the samples on the side of +μ"),
            ("distance", "mean |x·μ|/d of the samples, 1 in the classes"),
        ):
            columns = [self.curve(name, quantity)[1] for name in CASES]
            rows = [
                [f"{step:g}", *(of_samples(column[:, k]) for column in columns)]
                for k, step in enumerate(steps)
            ]
            if quantity == "share":
                rows.append(["exact flow", *(f"{self.targets[name]:.4f}" for name in CASES)])
                rows.append(
                    [f"within {NEAR:g} from", *(of_samples(self.learnt(n), 0) for n in CASES)]
                )
            yield f"{words}\n\n{table(heading, rows)}"
        left = [
            f"{name} at step {', '.join(f'{step:g}' for step in steps[self.unlearnt(name)])}"
            for name in CASES
            if self.unlearnt(name).any()
        ]
        if left:
            yield trained.nothing_of(f"the networks of {'; '.join(left)}")

    def panels(self) -> list[base.Panel]:
        """The gradient flow, networks, and the emphases."""
        return [self._flow, self._networks, self._emphases]

    def _flow(self, axes: Axes) -> None:
        from matplotlib import colormaps

        shades = colormaps["viridis"]
        for k, (signal, course) in enumerate(self.courses.items()):
            color = shades(0.92 * k / max(1, len(self.courses) - 1))
            axes.plot(course.time, course.rho, color=color, label=f"$\\Lambda$ = {signal:g}")
        axes.axhline(self.setting["weight"], **figures.THEORY[1], label=r"$\omega$")
        axes.set(xlabel=r"time of the gradient flow $\tau/d$", ylabel=r"learnt weight $\rho$")
        axes.set_title(f"one noise level each, $d$ = {self.setting['large']}")
        figures.log_axis(axes)
        axes.legend()

    def _networks(self, axes: Axes) -> None:
        for name, series in zip(CASES, figures.SERIES, strict=False):
            step, share = self.curve(name, "share")
            figures.points(axes, step, share, series, label=name)
            open_ = self.unlearnt(name)
            figures.points(axes, step[open_], share[:, open_], series, ls="", mfc="white")
        axes.axhline(self.targets["edm"], **figures.THEORY[0], label="exact flow")
        low = self.targets["low levels"]
        axes.axhline(low, **figures.THEORY[1], label="exact flow, low levels")
        omega = self.setting["weight"]
        axes.axhline(omega, color="0.8", lw=0.8, zorder=0, label=r"$\omega$")
        axes.set(xlabel="gradient steps", ylabel=r"share of samples on the side of $+\mu$")
        axes.set_title(f"networks, $d$ = {self.setting['dimension']}")
        figures.ticks(axes, self.curve("edm", "share")[0])
        axes.legend()

    def _emphases(self, axes: Axes) -> None:
        import numpy as np

        from diffusion import level_emphasis

        for name, (color, _) in zip(CASES, figures.SERIES, strict=False):
            case = CASES[name]
            log = np.linspace(*np.log(case["levels"]), 400)
            found = level_emphasis(np.exp(log), case["weighting"]).numpy()
            share = found / (found.mean() * (log[-1] - log[0]))
            axes.plot(np.exp(log), share, color=color, label=name)
        log = np.linspace(*np.log(CASES["edm"]["levels"]), 400)
        found = level_emphasis(np.exp(log), "edm", "lognormal").numpy()
        share = found / (found.mean() * (log[-1] - log[0]))
        label = "edm, lognormal levels"
        axes.plot(np.exp(log), share, color="0.35", ls="--", lw=1.2, label=label)
        at = math.sqrt(self.setting["dimension"] - 1) / self.spread
        figures.mark(axes, at, "classes part", ":")
        axes.set(yscale="log", ylabel=r"share of the emphasis per $d\,\ln\sigma$")
        axes.set(xlabel=r"noise level $\sigma$, in rms deviations of the data")
        axes.set_title("what a training counts")
        axes.set_xlim(0.007, 8 * max(at, 10.0))  # room for the name of the mark
        figures.log_axis(axes)
        axes.legend(loc="lower right")


if __name__ == "__main__":
    main()
