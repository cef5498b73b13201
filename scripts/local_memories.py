r"""Does a memory that sees only windows copy? Locality turns what is stored into what is new.

The exact denoiser of P images returns these images. One that denoises each pixel by a window of
width k around it (Kamb & Ganguli, arXiv 2412.20292) takes each window for the nearest stored
patch. Patches of different images that fit together then become an image that is none of them.

A window finds its own patch while it has the information to choose it among all candidates:

    I_k(σ) > ln P (the same place),    I_k(σ) > ln P L (all L places)

with I_k the mutual information of clean and noised patches, from images that are not stored. The
noise at which the weight of the own patch is a half is expected a little above: that law is the
beginning of the collapse, as it is of whole images (P = e^I). Images are standardised over all
pixels.

(a) samples of the flow beside their nearest data; (b) the copies among them, d₁ < d₂/3, and the
distance to the nearest datum, beside that of held-out images; (c) the weight of the own patch of
the window in the middle against the noise, with the law for each k; (d) the noise of weight ½
over that of the law. Errors are between independent sets of stored images.

    python scripts/local_memories.py --preset quick
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bridges.estimates import estimate
from bridges.study import figures, options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Odd, Whole
from bridges.study.record import Point, Row
from bridges.study.tables import of_samples, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy import ndarray
    from torch import Tensor

_QUICK: dict[str, Any] = {
    "data": "digits",
    "patterns": 100,
    "windows": [1, 3, 5, 7, 15],
    "loads": [50, 200],
    "shared_loads": [10, 20],
    "sigmas": [0.15, 0.2, 0.27, 0.36, 0.5, 0.65, 0.85, 1.1, 1.5, 2.0, 2.7, 3.6],
    "count": 200,
    "steps": 24,
    "samples": 6,
}
_PAPER = {
    "loads": [25, 50, 200, 400, 800],
    "shared_loads": [5, 10, 20, 50, 100],
    "sigmas": [round(0.1 * 1.15**k, 4) for k in range(28)],
    "count": 1000,
    "steps": 50,
    "samples": 16,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
COPY = 1 / 3  # of d₁/d₂, below which a sample is one
MODES = {"local": "same place", "equivariant": "all places"}
_START, _STOP = 5.0, 0.05  # noise levels of the flow; a last step denoises
_HELD_OUT = 300
_FEWEST = 500  # images that are not stored, for the information
_PATCHES = 40_000  # of all places, among which references are looked for
_WIDEST = 5  # window of all places, whose e^I such references still outnumber
_CUES = 200  # planted per noise level, at least
_DRAWS = 400  # of the information
_SHOWN = 4  # samples per window
_ZONE = (1.0, 1.4)  # of the noise of weight ½ over that of the law


@study_command(PRESETS)
@options.shared("data", default=None)
@options.shared("patterns", default=None, help="Images stored for the samples, P.")
@options.shared("loads", help="Numbers of images P for the law, windows at the same place.")
@options.shared("sigmas", help="Noise levels σ of the weights, in deviations of the pixels.")
@options.own(
    windows=(Numbers(Odd()), "Widths of the windows k, odd."),
    shared_loads=(options.COUNTS, "Numbers of images P for the law, windows of all places."),
    count=(Whole(2), "Samples of the flow per set."),
    steps=(Whole(2, 10_000), "Steps of the flow."),
)
def main(run: Run, data: str, **setting: Any) -> Report:
    """Denoisers of windows as memories: what they copy, and up to which noise."""
    from bridges._checks import within_memory
    from bridges.data import fingerprint, load_data, place

    found = load_data(data)
    if len(found.shape) != 2:
        raise ValueError(f"data must be grey images (height, width), got {found.shape} of {data}")
    stored = [setting["patterns"], *setting["loads"], *setting["shared_loads"]]
    most = len(found.rows) - _FEWEST
    if not 2 <= min(stored) <= max(stored) <= most:
        raise ValueError(
            f"patterns and loads must lie in [2, {most}] for {data}, got {min(stored)} to "
            f"{max(stored)}"
        )
    within_memory(8 * 4 * setting["count"] * found.rows.shape[1], "count: samples", each_job=True)
    shared = {"data": place(data), "content": fingerprint(data)}
    names = ("windows", "loads", "shared_loads", "sigmas", "count", "steps", "patterns")
    windows, loads, pooled, sigmas, count, steps, P = (setting[name] for name in names)
    flow = {"count": count, "steps": steps, "patterns": P}
    points = [{"kind": "flow", "window": k, **flow, **shared} for k in windows]
    law = {"kind": "law", "sigmas": sigmas, **shared}
    wide = [k for k in windows if k > 1]
    points += [{**law, "mode": "local", "window": k, "stored": sorted({P, *loads})} for k in wide]
    points += [
        {**law, "mode": "equivariant", "window": k, "stored": pooled} for k in wide if k <= _WIDEST
    ]
    return Report(run(measure, points))


def measure(point: Point, seed: int) -> list[Row]:
    """Samples of one window, or its own weights and the law."""
    import torch

    from bridges.data import load_data

    found = load_data(point["data"])
    rows = found.rows.float()
    rows = (rows - rows.mean()) / rows.std()
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    rows, shape = rows[order], tuple(found.shape)
    if point["kind"] == "flow":
        P = point["patterns"]
        return _samples(point, rows[:P], rows[P:], shape, seed)
    return _laws(point, rows, shape, seed)


def _samples(
    point: Point, stored: Tensor, others: Tensor, shape: tuple[int, ...], seed: int
) -> list[Row]:
    """Copies among samples of the flow, their distances, and some pictures."""
    import torch

    from diffusion import VE, LocalDenoiser, neighbour_distances, sample
    from diffusion.neighbours import nearest
    from diffusion.samplers import geometric_levels

    generator = torch.Generator().manual_seed(seed)
    x = _START * torch.randn(point["count"], stored.shape[1], generator=generator)
    levels = [*geometric_levels(_START, _STOP, point["steps"]), 0.0]
    denoiser = LocalDenoiser(stored, point["window"], shape=shape)
    ends = sample(denoiser, x, VE(), "euler", levels=levels)
    near = torch.as_tensor(neighbour_distances(ends, stored, 2)).double()
    unseen = torch.as_tensor(neighbour_distances(others[:_HELD_OUT], stored, 1)).double()
    per_pixel = stored.shape[1] ** 0.5
    values = {
        "copies": (near[:, 0] < COPY * near[:, 1]).double().mean(),
        "distance": near[:, 0].mean() / per_pixel,
        "held_out": unseen.mean() / per_pixel,
    }
    rows: list[Row] = [{"quantity": q, "value": float(v)} for q, v in values.items()]
    _, index = nearest(ends[:_SHOWN].double().numpy(), stored.double().numpy(), 1)
    low, high = float(stored.min()), float(stored.max())
    for k, pair in enumerate(zip(ends[:_SHOWN], stored[index[:, 0]], strict=True)):
        pixels = ((torch.stack(pair) - low) / (high - low) * 255).clamp(0, 255).byte()
        text = pixels.numpy().tobytes().hex()
        rows.append({"quantity": "picture", "sample": k, "pixels": text, "value": 1.0})
    return rows


def _laws(point: Point, rows: Tensor, shape: tuple[int, ...], seed: int) -> list[Row]:
    """Weights of the own patches against the noise, where they are a half, and the law."""
    import numpy as np

    from bridges.crossing import crossing
    from diffusion import window_information

    local, sites = point["mode"] == "local", rows.shape[1]
    middle = ((shape[0] - 1) // 2, (shape[1] - 1) // 2) if local else None
    images = rows[max(point["stored"]) :].reshape(-1, *shape)
    if not local:
        images = images[: max(2, _PATCHES // sites)]
    levels = point["sigmas"]
    known = window_information(images, point["window"], levels, middle, _DRAWS, seed=seed)
    found: list[Row] = []
    for P in point["stored"]:
        own, image = _weights(point, rows[:P], shape, middle, seed)
        found += [
            {"patterns": P, "sigma": sigma, "quantity": name, "value": float(value)}
            for name, curve in (("own", own), ("image", image))
            for sigma, value in zip(levels, curve, strict=True)
        ]
        half = math.exp(crossing(np.log(levels), own[None], 0.5, False)[0])
        law = known.threshold(P if local else P * sites)
        if 0 < half < math.inf and math.isfinite(law):
            values = {"half": half, "law": law, "ratio": half / law}
            found += [{"patterns": P, "quantity": q, "value": v} for q, v in values.items()]
    return found


def _weights(
    point: Point,
    stored: Tensor,
    shape: tuple[int, ...],
    middle: tuple[int, int] | None,
    seed: int,
) -> tuple[ndarray, ndarray]:
    """Weights (K,) of the own patches at each noise: in the middle, and of all pixels."""
    import numpy as np
    import torch

    from diffusion import LocalDenoiser

    denoiser = LocalDenoiser(stored, point["window"], point["mode"], shape)
    copies = 1 if middle is None else math.ceil(_CUES / len(stored))
    own = torch.arange(len(stored)).repeat(copies)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(own), stored.shape[1], generator=generator)
    found = torch.stack(
        [
            denoiser.own_weights(stored[own] + sigma * noise, sigma, own).double().mean(0)
            for sigma in point["sigmas"]
        ]
    ).numpy()
    image = found.mean((1, 2))
    return (image if middle is None else np.ascontiguousarray(found[:, *middle])), image


class Report(base.Report):
    """What windows copy, and up to which noise they find what they are made of."""

    between = "sets of stored images"
    grid = (2, 2)
    figsize = 9.4, 7.4

    @property
    def windows(self) -> list[int]:
        """Widths k, rising."""
        return [point["window"] for point in self.study.points if point["kind"] == "flow"]

    @property
    def patterns(self) -> int:
        """P of the samples."""
        return int(self.study.points[0]["patterns"])

    def flow(self, quantity: str) -> ndarray:
        """Of each window, (samples, K)."""
        return self.study.curve(quantity, "window", kind="flow")[1]

    def laws(self, mode: str) -> list[tuple[int, int]]:
        """Windows and numbers of images of which the law is known."""
        points = (p for p in self.study.points if p.get("mode") == mode)
        return [(p["window"], P) for p in points for P in p["stored"]]

    def value(self, quantity: str, mode: str, window: int, P: int) -> ndarray:
        """Of each sample that has it."""
        import numpy as np

        return np.array(self._grouped.get((quantity, mode, window, P), []))

    @cached_property
    def _grouped(self) -> dict[tuple[Any, ...], list[float]]:
        return self.study.by_sample("quantity", "mode", "window", "patterns")

    def ratios(self, mode: str) -> list[ndarray]:
        """Noise of weight ½ over that of the law, of each window and number of images."""
        found = (self.value("ratio", mode, *one) for one in self.laws(mode))
        return [one for one in found if one.size]

    def finding(self) -> str:
        """What narrow and wide windows copy."""
        copies, k = 100 * self.flow("copies"), self.windows
        narrow = max((w for w in k if copies[:, k.index(w)].mean() < 10), default=k[0])
        shares = [
            f"{copies[:, k.index(w)].mean():.0f} % at $k$ = {w}"
            for w in dict.fromkeys((narrow, k[-1]))
        ]
        return (
            f"$P$ = {self.patterns} images denoised by windows of width $k$: copies among samples, "
            f"{', '.join(shares)}"
        )

    def conclusions(self) -> Point:
        """Copies and distances by window, and the ratios to the law."""
        named = ("copies", "distance", "held_out")
        flow = {
            str(k): {q: estimate(self.flow(q)[:, i]) for q in named}
            for i, k in enumerate(self.windows)
        }
        laws = {
            mode: {
                f"k = {k}, P = {P}": {
                    q: estimate(self.value(q, mode, k, P)) for q in ("half", "law", "ratio")
                }
                for k, P in self.laws(mode)
                if self.value("ratio", mode, k, P).size
            }
            for mode in MODES
        }
        return {"windows": flow, "laws": laws}

    def heading(self) -> str:
        """The data, and what was drawn."""
        s = self.setting
        return (
            f"{s['data']}, standardised over all pixels; P = {self.patterns}, {s['count']} samples "
            f"of the flow in {s['steps']} steps per set"
        )

    def tables(self) -> Iterator[str]:
        """Samples by window, and the noise of weight ½ beside the law."""
        columns = [self.flow(q) for q in ("copies", "distance")]
        held_out = self.flow("held_out")[:, 0]
        rows = [
            [f"{k}", *(of_samples(c[:, i]) for c in columns)] for i, k in enumerate(self.windows)
        ]
        yield table(["window k", "copies, d1 < d2/3", "d1/sqrt(N)"], rows)
        yield f"held-out images are at d1/sqrt(N) = {of_samples(held_out)}"
        rows = []
        for mode, words in MODES.items():
            for k, P in self.laws(mode):
                found = [self.value(q, mode, k, P) for q in ("half", "law", "ratio")]
                rows.append([f"{words}, k = {k}, P = {P}", *(of_samples(one) for one in found)])
        yield table(["noise of weight 1/2 and of the law", "σ(1/2)", "σ(law)", "ratio"], rows)
        yield self._images_table()

    def _images_table(self) -> str:
        """The own weight, averaged over all pixels."""
        import numpy as np

        columns, sigma = [], np.array([])
        wide = [k for k in self.windows if k > 1]
        for k in wide:
            about = {"mode": "local", "window": k, "patterns": self.patterns}
            sigma, found = self.study.curve("image", "sigma", **about)
            columns.append(found)
        rows = [[f"{s:g}", *(of_samples(c[:, i]) for c in columns)] for i, s in enumerate(sigma)]
        return table(["own weight, all pixels, σ =", *(f"k = {k}" for k in wide)], rows)

    def panels(self) -> tuple[base.Panel, ...]:
        """Pictures, copies, weights, and the law."""
        return self._pictures, self._copies, self._own, self._law

    def _pictures(self, axes: Axes) -> None:
        """Samples of the first set, each with its nearest datum on its right."""
        import numpy as np

        from bridges.data import load_data

        shape = load_data(self.setting["data"]).shape
        lines = []
        for point, samples in zip(self.study.points, self.study.samples, strict=True):
            if point["kind"] != "flow" or (point["window"] == 1 and len(self.windows) > 1):
                continue
            rows = [row for row in samples[0] if row["quantity"] == "picture"]
            pixels = np.frombuffer(bytes.fromhex("".join(row["pixels"] for row in rows)), np.uint8)
            pairs = pixels.reshape(-1, 2, *shape)
            lines.append((point["window"], pairs))
        high, wide = shape
        gap, space = max(1, wide // 8), max(2, wide // 2)
        for line, (k, pairs) in enumerate(lines):
            top = line * (high + space)
            for column, pair in enumerate(pairs):
                for side, image in enumerate(pair):
                    left = column * (2 * wide + gap + space) + side * (wide + gap)
                    extent = (left, left + wide, top + high, top)
                    axes.imshow(image, extent=extent, cmap="gray_r", vmin=0, vmax=255)
            axes.text(-space, top + high / 2, f"$k$ = {k}", ha="right", va="center", fontsize=8.5)
        width = _SHOWN * (2 * wide + gap + space)
        axes.set_xlim(-2.4 * wide, width)
        axes.set_ylim(len(lines) * (high + space), -space)
        axes.set_aspect("equal")
        axes.set_title("samples of the flow, each with its nearest datum")
        figures.bare(axes)

    def _copies(self, axes: Axes) -> None:
        names = {"copies": r"copies, $d_1 < d_2/3$", "distance": r"distance $d_1/\sqrt{N}$"}
        for series, (quantity, label) in zip(figures.SERIES, names.items(), strict=False):
            found = self.study.curve(quantity, "window", kind="flow")
            figures.points(axes, *found, series, label=label)
        unseen = self.flow("held_out")
        axes.axhline(unseen.mean(), **figures.THEORY[1], label="distance of held-out images")
        figures.even_ticks(axes, self.windows)
        axes.set(xlabel="width $k$ of the windows", ylabel="share, or distance per pixel")
        axes.set_ylim(-0.04, 1.04)
        axes.set_title(f"narrow windows make new images, $P$ = {self.patterns}")
        figures.room_for_legend(axes, 3)

    def _own(self, axes: Axes) -> None:
        for series, k in zip(figures.SERIES, (k for k in self.windows if k > 1), strict=False):
            about = {"mode": "local", "window": k, "patterns": self.patterns}
            figures.points(axes, *self.study.curve("own", "sigma", **about), series, label=f"{k}")
            law = self.value("law", "local", k, self.patterns)
            if law.size:
                axes.plot([law.mean()] * 2, [0, 0.5], color=series[0], lw=1.2, ls="--", zorder=1)
        axes.axhline(0.5, color="0.85", lw=0.8, zorder=0)
        figures.log_axis(axes)
        axes.set(xlabel=r"noise $\sigma$", ylabel="weight of the own patch, middle window")
        axes.set_title(r"patches are lost soon beyond $I_k(\sigma) = \ln P$, dashed")
        axes.legend(title="$k$", loc="lower left")

    def _law(self, axes: Axes) -> None:
        import numpy as np

        from bridges.estimates import mean_and_sem

        axes.axhspan(*_ZONE, color="0.93", zorder=-1, label="expected, 1 to 1.4")
        for series, (mode, words) in zip(figures.SERIES, MODES.items(), strict=False):
            laws, ratios = [], []
            for one in self.laws(mode):
                law, ratio = (self.value(q, mode, *one) for q in ("law", "ratio"))
                if ratio.size:
                    laws.append(mean_and_sem(law))
                    ratios.append(mean_and_sem(ratio))
            if ratios:
                (x, x_error), y = np.array(laws).T, np.array(ratios).T
                look = {"xerr": np.nan_to_num(x_error), "ls": "", "label": words}
                figures.means(axes, x, y, series, **look)
        axes.axhline(1, **figures.THEORY[0])
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, 0.85), max(high, 1.6))
        axes.set_xlabel(r"noise $\sigma$ of the law, $I_k = \ln P$ or $\ln PL$")
        axes.set_ylabel(r"noise of weight ½ over it")
        axes.set_title("own patches are kept a little beyond the law")
        axes.legend(loc="upper right")


if __name__ == "__main__":
    main()
