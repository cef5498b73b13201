r"""Which dimensions of its data does a diffusion model lose, when, and in which order?

Data of two variances λ₁ > λ₂ on a linear manifold of m₁ + m₂ of d dimensions ("Losing
dimensions: Geometric memorization in generative diffusion", arXiv 2410.08727; gaps of the
spectrum: arXiv 2410.05898), P points of it, noise variance t = σ². The exact score of the
distribution keeps λ/(λ + t) of a direction, D_eff = Σ λ/(λ + t) in all; −σ²∇∇ log p has the
values t/(t + λ), between which the gap is the intermediate one down to t = λ₁λ₂/(λ₁ − 2λ₂)
and the final one below. The exact score of P points loses them, and "lost" has meanings that
need not agree; each is measured, with the noise variance at which it happens:

    retention      half of what the distribution keeps of a subspace is left, at planted points;
                   theory has one collapse for both, log P = ½ Σ log(1 + λ/t)
    SNR, Jacobian  σ²∇∇ log p along the subspace varies between data sets by as much as its mean
    SNR, score     the same of the score, at a typical point
    condensation   the posterior at a fixed query rests on few points (Σ w² = ½), a query at one
                   standard deviation along one subspace alone

The order of loss is the ratio of these noise variances, and what is printed is what came out.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from bridges import options
from bridges.study import Findings, Run, study_command

if TYPE_CHECKING:
    from bridges.record import Point, Row
    from bridges.results import Study

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "dimension": 50,
        "subspaces": [2, 2],
        "variances": [1.0, 0.01],
        "patterns": 1000,
        "loads": [10, 30, 100, 300, 1000, 3000, 10000],
        "levels": 13,
        "draws": 20,
        "sets": 48,
        "samples": 6,
    },
    "paper": {
        "dimension": 100,
        "subspaces": [20, 20],
        "variances": [1.0, 0.01],
        "patterns": 1000,
        "loads": [10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000],
        "levels": 25,
        "draws": 60,
        "sets": 50,
        "samples": 16,
    },
}
CRITERIA = {
    "retention": "half of the retention",
    "jacobian": "SNR of the Jacobian = 1",
    "score": "SNR of the score = 1",
    "condensation": "condensation, Σw² = 1/2",
}
PHASES = ("trivial", "coverage", "consolidation", "collapsed")


def measure(point: Point, seed: int) -> list[Row]:
    """One data set's dimensions at planted points, or many data sets at fixed points."""
    return _dimensions(point, seed) if point["part"] == "dimension" else _fixed(point, seed)


def _dimensions(point: Point, seed: int) -> list[Row]:
    import torch

    from diffusion import (
        EmpiricalDenoiser,
        LinearManifoldDenoiser,
        jacobian_spectrum,
        manifold_dimension,
        manifold_factors,
        subspace_dimension,
    )

    F = manifold_factors(point["dimension"], point["subspaces"], point["variances"], seed=seed)
    data = LinearManifoldDenoiser(F).draw(point["patterns"], seed=seed)
    bases = list((F / F.norm(dim=0)).split(point["subspaces"], 1))
    generator = torch.Generator().manual_seed(seed)
    own = torch.randperm(len(data), generator=generator)
    own = own.repeat(-(-point["draws"] // len(own)))[: point["draws"]]
    noise = torch.randn(len(own), len(F), generator=generator, dtype=torch.float64)
    denoiser = EmpiricalDenoiser(data)
    rows: list[Row] = []
    for t in point["noise"]:
        sigma = math.sqrt(t)
        x = data[own] + sigma * noise
        s = -jacobian_spectrum(denoiser, x, sigma)
        gap = manifold_dimension(denoiser, x, sigma, "gap")
        half = manifold_dimension(denoiser, x, sigma, "half-count")
        left = subspace_dimension(denoiser, x, sigma, bases).mean(0)
        values = {
            "effective": float((1 - s).sum(1).mean()),
            "gap": float(gap.value.mean()),
            "half-count": float(half.value.mean()),
            "first": float(left[0]),
            "second": float(left[1]),
        }
        values |= {phase: gap.phase.count(phase) / len(x) for phase in PHASES}
        rows += [{"t": t, "quantity": k, "value": v} for k, v in values.items()]
        lowest = s.sort(1).values.mean(0)[: sum(point["subspaces"]) + 1]
        rows += [
            {"t": t, "index": k + 1, "quantity": "spectrum", "value": float(value)}
            for k, value in enumerate(lowest)
        ]
    return rows


def _fixed(point: Point, seed: int) -> list[Row]:
    """In the coordinates of the manifold: the posterior does not see the others."""
    import torch

    from diffusion import EmpiricalDenoiser, subspace_signal_to_noise

    lam = torch.tensor(_spectrum(point["subspaces"], point["variances"]), dtype=torch.float64)
    bases = list(torch.eye(len(lam), dtype=torch.float64).split(list(point["subspaces"]), 1))
    generator = torch.Generator().manual_seed(seed)
    sets = [
        EmpiricalDenoiser(
            torch.randn(point["patterns"], len(lam), generator=generator, dtype=torch.float64)
            * lam.sqrt()
        )
        for _ in range(point["sets"])
    ]
    signs = torch.randint(0, 2, (4, len(lam)), generator=generator).double() * 2 - 1
    along = torch.stack([(basis.sum(1) * lam.sqrt()) for basis in bases])  # one query a subspace
    rows: list[Row] = []
    for t in point["noise"]:
        sigma = math.sqrt(t)
        snr = subspace_signal_to_noise(sets, signs * (lam + t).sqrt(), sigma, bases)
        Y = torch.stack([each.weights(along, sigma).square().sum(1) for each in sets]).mean(0)
        found = {"jacobian": snr.jacobian.mean(0), "score": snr.score.mean(0), "condensation": Y}
        rows += [
            {"t": t, "subspace": a + 1, "quantity": name, "value": float(value)}
            for name, values in found.items()
            for a, value in enumerate(values)
        ]
    return rows


@study_command(PRESETS)
@click.option("--dimension", type=click.IntRange(2), help="d of the space.")
@click.option("--subspaces", type=click.IntRange(1), nargs=2, help="Dimensions m₁ m₂.")
@click.option(
    "--variances", type=click.FloatRange(0, min_open=True), nargs=2, help="Variances λ₁ λ₂."
)
@options.shared("patterns", default=None, help="Points P whose order of loss is measured.")
@options.shared("loads", default=None, help="Numbers of points P of the map.")
@click.option("--levels", type=click.IntRange(3), help="Noise levels.")
@click.option("--draws", type=click.IntRange(2), help="Noised points a noise level.")
@click.option("--sets", type=click.IntRange(3), help="Data sets that a signal to noise is over.")
def main(run: Run, **chosen: Any) -> Findings:
    """Dimension against noise level and data-set size, and the order in which it is lost."""
    import numpy as np

    manifold = {k: chosen[k] for k in ("dimension", "subspaces", "variances")}
    manifold |= {k: list(manifold[k]) for k in ("subspaces", "variances")}
    large, small = manifold["variances"]
    if large <= small:
        raise ValueError(f"variances must fall, λ₁ > λ₂, got {large:g} and {small:g}")
    if sum(manifold["subspaces"]) > chosen["dimension"]:
        raise ValueError(
            f"subspaces must fit into {chosen['dimension']} dimensions, "
            f"got {' + '.join(map(str, manifold['subspaces']))}"
        )
    P = chosen["patterns"]
    if min(P, *chosen["loads"]) < 2:
        raise ValueError(f"patterns and loads must be at least 2, got {P} and {chosen['loads']}")
    noise = [float(t) for t in np.geomspace(small / 100, 10 * large, chosen["levels"])]
    shared = manifold | {"noise": noise}
    points: list[Point] = [
        {"part": "dimension", "patterns": size, "draws": chosen["draws"]} | shared
        for size in sorted({P, *chosen["loads"]})
    ]
    points.append({"part": "fixed", "patterns": P, "sets": chosen["sets"]} | shared)
    return Report(run(measure, points), manifold, P, noise).findings()


def _spectrum(subspaces: list[int], variances: list[float]) -> list[float]:
    return [lam for m, lam in zip(subspaces, variances, strict=True) for _ in range(m)]


class Report:
    """What the study found."""

    def __init__(self, study: Study, manifold: Point, P: int, noise: list[float]) -> None:
        self.study, self.P, self.noise = study, P, noise
        self.dimension: int = manifold["dimension"]
        self.subspaces: list[int] = manifold["subspaces"]
        self.variances: list[float] = manifold["variances"]
        self.spectrum = _spectrum(self.subspaces, self.variances)
        self.loads = [p["patterns"] for p in study.points if p["part"] == "dimension"]
        self.found = study.by_sample("part", "patterns", "t", "quantity", "subspace", "index")

    def values(self, P: int, t: float, quantity: str, index: int | None = None) -> list[float]:
        """A quantity at planted points, one value a sample."""
        return self.found["dimension", P, t, quantity, None, index]

    def kept(self, variance: float, t: float) -> float:
        """What the distribution keeps of a direction, λ/(λ + t)."""
        return variance / (variance + t)

    @cached_property
    def exact(self) -> dict[float, dict[str, float]]:
        """Dimensions of the distribution itself at each t, by the estimators measured."""
        import torch

        from diffusion import LinearManifoldDenoiser, manifold_dimension, manifold_factors

        F = manifold_factors(self.dimension, self.subspaces, self.variances, seed=0)
        denoiser, sigma = LinearManifoldDenoiser(F), torch.tensor(self.noise).sqrt()
        x = torch.zeros(len(sigma), self.dimension)
        names = ("effective", "gap", "half-count")
        values = [manifold_dimension(denoiser, x, sigma, n).value.tolist() for n in names]
        rows = (dict(zip(names, one, strict=True)) for one in zip(*values, strict=True))
        return dict(zip(self.noise, rows, strict=True))

    def lost(self, criterion: str, subspace: int) -> list[float]:
        """The largest t at which a subspace is lost, one value a sample; NaN if nowhere."""
        m, lam = self.subspaces[subspace - 1], self.variances[subspace - 1]
        table = []
        for t in self.noise:
            if criterion == "retention":
                kept = m * self.kept(lam, t)
                name = ("first", "second")[subspace - 1]
                table.append([value / kept - 0.5 for value in self.values(self.P, t, name)])
                continue
            found = self.found["fixed", self.P, t, criterion, subspace, None]
            sign = -1 if criterion == "condensation" else 1
            level = 0.5 if criterion == "condensation" else 1.0
            table.append([sign * (value - level) for value in found])
        return [_last_negative(self.noise, list(one)) for one in zip(*table, strict=True)]

    def theory(self, criterion: str, subspace: int) -> float:
        """The t of `lost` by the closed forms of a large system."""
        from diffusion.theory import collapse_sigma, condensation_sigma

        if criterion == "retention":
            return float(collapse_sigma(self.P, self.spectrum)) ** 2
        first = self.subspaces[0]
        inside = range(first) if subspace == 1 else range(first, len(self.spectrum))
        if criterion == "condensation":
            x = [math.sqrt(v) * (k in inside) for k, v in enumerate(self.spectrum)]
            return float(condensation_sigma(self.P, self.spectrum, x)) ** 2 / 2
        return self._unit_snr(criterion, inside[0])

    def holds(self, criterion: str, t: float) -> bool:
        """Whether a signal to noise of theory rests on the 10 effective points it asks for."""
        from diffusion.theory import effective_number

        if criterion not in ("jacobian", "score") or math.isnan(t):
            return True
        return bool(effective_number(self.P, self.spectrum, math.sqrt(t)) > 10)

    def _unit_snr(self, criterion: str, direction: int) -> float:
        """Largest t at which P points give a signal to noise of 1."""
        import numpy as np

        from diffusion.theory import critical_size_jacobian, critical_size_score

        critical = critical_size_jacobian if criterion == "jacobian" else critical_size_score
        t = np.geomspace(self.noise[0], self.noise[-1], 4000)
        excess = np.log(self.P / critical(self.spectrum, np.sqrt(t))[:, direction])
        return _last_negative(t.tolist(), excess.tolist())

    @cached_property
    def order(self) -> dict[str, dict[str, Any]]:
        """By criterion, where each subspace is lost and the ratio of the two."""
        table = {}
        for criterion in CRITERIA:
            first, second = (self.lost(criterion, a) for a in (1, 2))
            logs = [math.log(a / b) for a, b in zip(first, second, strict=True)]
            mean, sem = _mean(logs)
            theory = [self.theory(criterion, a) for a in (1, 2)]
            table[criterion] = {
                "large_variance": _plain(_mean(first)),
                "small_variance": _plain(_mean(second)),
                "theory": theory,
                "theory_holds": [self.holds(criterion, t) for t in theory],
                "log_ratio": {"value": mean, "sem": sem},
                "lost_first": _order(mean, sem),
            }
        return table

    def phase(self, P: int, t: float) -> str:
        """The commonest phase of the planted points."""
        shares = {phase: sum(self.values(P, t, phase)) for phase in PHASES}
        return max(shares, key=lambda phase: shares[phase])

    def findings(self) -> Findings:
        """Text, record and figure."""
        return Findings(self.text(), self.summary(), self.figure())

    def summary(self) -> dict[str, Any]:
        """The order of loss by criterion; dimensions and phases by P and t; theory's marks."""
        from diffusion.theory import collapse_sigma, onset_sigma, switch_sigma

        dimensions = [
            {"patterns": P, "t": t, "phase": self.phase(P, t)}
            | {k: _plain(_mean(self.values(P, t, k))) for k in ("effective", "gap", "half-count")}
            for P in self.loads
            for t in self.noise
        ]
        return {
            "dimension": self.dimension,
            "subspaces": self.subspaces,
            "variances": self.variances,
            "patterns": self.P,
            "samples": self.study.config["samples"],
            "seed": self.study.config["seed"],
            "order": self.order,
            "collapse": {P: float(collapse_sigma(P, self.spectrum)) ** 2 for P in self.loads},
            "onset": {P: float(onset_sigma(P, self.spectrum)) ** 2 for P in self.loads},
            "switch": float(switch_sigma(*self.variances)) ** 2,
            "exact": [{"t": t} | found for t, found in self.exact.items()],
            "dimensions": dimensions,
        }

    def text(self) -> str:
        """Tables for a person."""
        from bridges.tables import table, uncertain

        letters = dict(zip(PHASES, ("tr", "cv", "cs", "––"), strict=True))
        samples = self.study.config["samples"]
        sizes = " + ".join(map(str, self.subspaces))
        widths = ", ".join(f"{v:g}" for v in self.variances)
        lines = [
            f"d = {self.dimension}, subspaces {sizes} of variances {widths}; "
            f"errors: s.e. between {samples} data sets"
        ]
        for name, label in (("effective", "D_eff"), ("gap", "largest gap")):
            rows = []
            for t in reversed(self.noise):
                cells = [uncertain(*_mean(self.values(P, t, name))) for P in self.loads]
                if name == "gap":
                    phases = [letters[self.phase(P, t)] for P in self.loads]
                    cells = [f"{c} {p}" for c, p in zip(cells, phases, strict=True)]
                rows.append([f"{t:.3g}", *cells, f"{self.exact[t][name]:.2f}"])
            heading = [f"{label}, t", *(f"P = {P}" for P in self.loads), "exact"]
            lines += ["", table(heading, rows)]
        lines.append("(tr trivial, cv coverage, cs consolidation, –– collapsed)")
        rows = [
            [
                label,
                *(_noise(found[side]) for side in ("large_variance", "small_variance")),
                *(
                    f"{t:.2g}{'' if sure else '*'}"
                    for t, sure in zip(found["theory"], found["theory_holds"], strict=True)
                ),
                found["lost_first"],
            ]
            for label, found in zip(CRITERIA.values(), self.order.values(), strict=True)
        ]
        heading = [f"lost at t, P = {self.P}", "λ₁", "λ₂", "theory λ₁", "theory λ₂", "lost first"]
        note = "(theory of large dimensions; * rests on fewer than 10 effective points)"
        return "\n".join([*lines, "", table(heading, rows), note])

    def figure(self) -> Any:
        """Spectrum, dimension against t, dimension as a map, order of loss."""
        from matplotlib.figure import Figure

        from bridges import plots

        with plots.look():
            figure = Figure(figsize=(10.5, 7.6), layout="constrained")
            (spectrum, curves), (chart, order) = figure.subplots(2, 2)
            self._spectrum(spectrum)
            self._curves(curves)
            self._map(chart)
            self._order(order)
            figure.suptitle(self.finding(), fontsize=10.5)
        return figure

    def finding(self) -> str:
        """The result in a line, the title of the figure."""
        words: dict[str, list[str]] = {}
        for criterion, found in self.order.items():
            words.setdefault(found["lost_first"], []).append(criterion)
        parts = [f"{verdict} by {', '.join(names)}" for verdict, names in words.items()]
        lead = "What is lost first is a matter of the criterion" if len(parts) > 1 else "Lost first"
        return f"{lead}\n" + "; ".join(parts)

    def _spectrum(self, axes: Any) -> None:
        import numpy as np

        from bridges import plots
        from diffusion.theory import collapse_sigma, switch_sigma

        t = np.geomspace(self.noise[0], self.noise[-1], 300)
        first, second = (t / (t + v) for v in self.variances)
        axes.fill_between(t, first, second, color=COLORS[1], alpha=0.12, lw=0, label="gaps (exact)")
        axes.fill_between(t, second, 1, color=COLORS[0], alpha=0.12, lw=0)
        for a, curve in enumerate((first, second)):
            axes.plot(t, curve, color=COLORS[a], lw=1.3, label=rf"$t/(t+\lambda_{a + 1})$")
        axes.axhline(1, color="0.35", lw=1.3)
        edge = self.subspaces[0]
        for k in range(1, len(self.spectrum) + 2):
            found = np.array([_mean(self.values(self.P, u, "spectrum", k)) for u in self.noise]).T
            style = {"color": "0.35", "marker": "x", "label": None}
            if k <= len(self.spectrum):
                a = int(k > edge)
                style = {"color": COLORS[a], "marker": "os"[a], "label": None}
                style["label"] = f"{self.P} points, $A_{a + 1}$" if k in (1, edge + 1) else None
            axes.errorbar(
                self.noise, found[0], np.nan_to_num(found[1]), ls="", ms=3.5, capsize=1.5, **style
            )
        plots.mark(axes, float(collapse_sigma(self.P, self.spectrum)) ** 2, "$t_C$", "-")
        switch = float(switch_sigma(*self.variances)) ** 2
        if math.isfinite(switch):
            plots.mark(axes, switch, "widest gap\nswitches", ":")
        axes.set_xscale("log")
        axes.set_ylim(top=1.15)
        axes.set_xlabel(r"noise variance $t=\sigma^2$")
        axes.set_ylabel(r"sorted values of $-\sigma^2\nabla\nabla\log p_\sigma$")
        axes.legend(fontsize=7.5, loc="lower right")
        axes.set_title("the spectrum and its gaps: 1 is denoised away", fontsize=9.5)

    def _curves(self, axes: Any) -> None:
        import matplotlib
        import numpy as np

        t = np.geomspace(self.noise[0], self.noise[-1], 300)
        exact = sum(v / (v + t) for v in self.spectrum)
        axes.plot(t, exact, color="black", lw=1.5, label="distribution (exact)")
        shown = self.loads[:: max(1, len(self.loads) // 4)]
        colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(shown)))
        for P, color, marker in zip(shown, colors, "osD^vP*", strict=False):
            found = np.array([_mean(self.values(P, u, "effective")) for u in self.noise]).T
            axes.errorbar(
                *(self.noise, found[0], np.nan_to_num(found[1])),
                color=color,
                marker=marker,
                ms=4,
                lw=0.8,
                capsize=2,
                label=f"$P$ = {P}",
            )
        axes.set_xscale("log")
        axes.set_xlabel(r"noise variance $t=\sigma^2$")
        axes.set_ylabel(r"effective dimension $D_{\mathrm{eff}}$")
        axes.legend(fontsize=8)
        axes.set_title(r"$P$ points hold an area of $2\,\log P$", fontsize=9.5)

    def _map(self, axes: Any) -> None:
        import numpy as np

        from bridges import plots
        from diffusion.theory import collapse_sigma, critical_size_jacobian, critical_size_score

        table = np.array(
            [[_mean(self.values(P, t, "effective"))[0] for t in self.noise] for P in self.loads]
        )
        cells = axes.pcolormesh(
            *(self.noise, self.loads, table), cmap=plots.SHADES, shading="nearest", vmin=0
        )
        axes.figure.colorbar(cells, ax=axes, label=r"$D_{\mathrm{eff}}$, measured", pad=0.01)
        sizes = np.geomspace(self.loads[0], self.loads[-1], 200)
        t = np.geomspace(self.noise[0], self.noise[-1], 400)
        axes.plot(
            collapse_sigma(sizes, self.spectrum) ** 2, sizes, color="black", lw=1.8, label="$t_C$"
        )
        for critical, style, name in (
            (critical_size_jacobian, "--", "Jacobian"),
            (critical_size_score, ":", "score"),
        ):
            found = critical(self.spectrum, np.sqrt(t))
            for a, direction in enumerate((0, len(self.spectrum) - 1)):
                axes.plot(
                    *(t, found[:, direction]),
                    color=COLORS[a],
                    ls=style,
                    lw=1.6,
                    label=f"SNR = 1, {name}, $A_{a + 1}$",
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(self.noise[0], self.noise[-1])
        axes.set_ylim(self.loads[0], self.loads[-1])
        axes.set_xlabel(r"noise variance $t=\sigma^2$")
        axes.set_ylabel("number of points $P$")
        axes.legend(fontsize=7, loc="upper right", frameon=True, edgecolor="none", framealpha=0.85)
        axes.set_title("dimension against noise and data", fontsize=9.5)

    def _order(self, axes: Any) -> None:
        import numpy as np

        for row, (criterion, found) in enumerate(self.order.items()):
            for a, side in enumerate(("large_variance", "small_variance")):
                value, sem = found[side]["value"], found[side]["sem"]
                y = -row + 0.1 - 0.2 * a
                axes.errorbar(
                    *(value, y),
                    xerr=np.nan_to_num(sem),
                    color=COLORS[a],
                    marker="os"[a],
                    ms=5,
                    capsize=2,
                    ls="",
                    label=f"$A_{a + 1}$, variance {self.variances[a]:g}" if row == 0 else None,
                )
                axes.plot(
                    *(found["theory"][a], y),
                    color=COLORS[a],
                    marker="|",
                    ms=13,
                    ls="",
                    alpha=1 if found["theory_holds"][a] else 0.4,
                    label="theory" if (row, a) == (0, 0) else None,
                )
            axes.text(
                *(0.01, -row + 0.3, f"{CRITERIA[criterion]}: {found['lost_first']}"),
                transform=axes.get_yaxis_transform(),
                fontsize=8.5,
            )
            axes.axhline(-row - 0.4, color="0.9", lw=0.8)
        axes.set_xscale("log")
        axes.set_yticks([])
        axes.set_ylim(-len(CRITERIA) + 0.5, 0.6)
        axes.set_xlabel("noise variance $t$ at which a subspace is lost")
        axes.legend(fontsize=8, loc="lower right")
        axes.set_title(f"the order of loss, measured ($P$ = {self.P})", fontsize=9.5)


COLORS = ("#0072B2", "#D55E00")


def _last_negative(t: list[float], excess: list[float]) -> float:
    """The largest t, increasing, at which a curve rises through 0, interpolated in log t."""
    for k in range(len(t) - 1, 0, -1):
        if excess[k - 1] < 0 <= excess[k]:
            part = excess[k - 1] / (excess[k - 1] - excess[k])
            return t[k - 1] * (t[k] / t[k - 1]) ** part
    return math.nan


def _mean(values: list[float]) -> tuple[float, float]:
    """Mean and standard error, NaN for a single value."""
    import numpy as np

    from bridges.results import mean_and_sem

    mean, sem = mean_and_sem(np.array(values))
    return float(mean), float(sem)


def _plain(pair: tuple[float, float]) -> dict[str, float]:
    return {"value": pair[0], "sem": pair[1]}


def _order(log_ratio: float, sem: float) -> str:
    """Which subspace is lost first, if the data sets agree by 3 standard errors."""
    if math.isnan(log_ratio):
        return "not seen"
    if math.isnan(sem) or abs(log_ratio) <= 3 * sem:
        return "undecided"
    return "large variance first" if log_ratio > 0 else "small variance first"


def _noise(found: dict[str, float]) -> str:
    """A noise variance to the digits of its error."""
    value, sem = found["value"], found["sem"]
    if math.isnan(value):
        return "not seen"
    return f"{value:.3g}" if math.isnan(sem) else f"{value:.3g} ± {sem:.1g}"


if __name__ == "__main__":
    main()
