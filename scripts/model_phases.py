r"""Where does a trained network find its datum again, where only its class, and where neither?

A training datum noised to σ flows back under guidance of extra weight w to its own class,
D = (1 + w) D_c − w D_u. Where it ends, each cue counts as one of

    retrieved     its datum is the nearest of all, at an overlap of `threshold` or more
    class only    the nearest datum is of its class
    lost          the nearest datum is of another class

w = 0 is the class alone, w = −1 tells none. Two maps of the same cues stand side by side: of the
network, by --model whatever another library trained, and of the exact score of its training data.
What a network has in common with its data's exact score is memory; where it keeps the class, but
not the datum, it generalizes. Lines, all of the exact score, in rms deviations of the data:

    σ_C(n_c)    collapse within a class of n_c data, log n_c = I(σ) (`theory.collapse_sigma`)
    σ_on(n_c)   onset of basins in it (`theory.onset_sigma`): a flow follows the heaviest datum,
                and returns half of the cues between these two levels
    σ_C(P)      collapse of all data, where no class is told
    σ_S         speciation, σ² = Λ − 1 for the largest variance Λ (`theory.speciation_time`)

Without --model a small network is trained here, on each of several numbers of data.

    python scripts/model_phases.py --preset quick
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bridges.study import options, report as base
from bridges.study.command import Run, study_command
from bridges.study.numbers import Numbers, Real, Whole
from bridges.study.record import Point, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from diffusion import DenoiserLike

    Pairs = dict[int, tuple[DenoiserLike, DenoiserLike]]  # by class: of it, and of none

TRAINED = "trained"
_QUICK: dict[str, Any] = {
    "model": [TRAINED],
    "data": "digits",
    "patterns": [30, 100, 300],
    "weights": [-1.0, 0.0, 1.0, 3.0],
    "sigmas": [0.2, 0.4, 0.7, 1.0, 1.5, 2.2, 3.2, 5.0],
    "threshold": 0.95,
    "trials": 40,
    "steps": 16,
    "training_steps": 700,
    "width": 96,
    "samples": 3,
}
_PAPER = {
    "patterns": [30, 60, 100, 200, 400, 800],
    "weights": [-1.0, -0.75, -0.5, -0.25, 0.0, 0.5, 1.0, 2.0, 3.0],
    "sigmas": [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 1.8, 2.2, 3.2, 5.0, 8.0],
    "trials": 200,
    "steps": 50,
    "training_steps": 6000,
    "width": 192,
    "samples": 8,
}
PRESETS = {"quick": _QUICK, "paper": _QUICK | _PAPER}
REGIONS = ("retrieved", "class", "lost")
_WIDTH = 0.4  # rms deviations, below which noise levels are even
_JUDGED = 0.5  # the noise level, in rms deviations, at which a network has learnt or not
_SAME = 1e-6  # of a distance, within which two data are as near
_ASIDE = 10**6  # between the seeds of the data and of the cues
_WEIGHTS = Numbers(Real(-1, 100))
_SIGMAS = Numbers(Real(1e-6, 1e6))  # whose squares are numbers of single precision


@study_command(PRESETS)
@options.shared(
    "model",
    type=options.Names(TRAINED),
    default=None,
    help="Denoisers by path, or 'trained': networks that are trained here.",
)
@options.shared("data", default=None)
@options.shared(
    "patterns", **options.SEVERAL, help="Numbers P of data that networks are trained on here."
)
@click.option(
    "--trained-on",
    type=options.COUNTS,
    help="How many of the first data each model by path was trained on.  [default: all]",
)
@options.own(weights=(_WEIGHTS, "Extra weights w of guidance to the own class, rising."))
@options.own(sigmas=(_SIGMAS, "Noise levels of the cues, in rms deviations of the data, rising."))
@options.shared("threshold", default=None)
@options.shared("trials", default=None, help="Cues per noise level.")
@options.shared("steps", default=None, type=Whole(2, 100_000), help="Steps of the flow.")
@options.own(
    training_steps=(Whole(1), "Gradient steps of a network trained here."),
    width=(Whole(1), "Units per layer of such a network."),
)
@options.shared("scheduler", "batch-size")
@click.option("--null-class", "null", type=Whole(0), help="Class of a model that stands for none.")
def main(run: Run, **asked: Any) -> base.Report:
    """A phase diagram of any trained denoiser: retrieved, class only, lost.

    Over noise and guidance weight or training size, beside the exact score of its training data.
    """
    from reports.model_phases import Report

    from bridges._checks import within_memory
    from bridges.data import count, fingerprint, place, raw_vectors
    from bridges.verbs.subject import labels_of

    if len(asked["sigmas"]) < 2:
        raise ValueError(f"sigmas must be two or more, got {asked['sigmas']}")
    data = place(asked["data"])
    labels_of(data)
    N = raw_vectors(data).shape[1]
    states = asked["trials"] * len(asked["weights"])
    within_memory(64 * states * N, f"trials: {asked['trials']} cues of {N} entries", each_job=True)
    inner = asked["width"]
    within_memory(8 * 8 * inner * (3 * inner + 2 * N), f"width: layers of {inner}", each_job=True)
    shared = ("weights", "sigmas", "threshold", "trials", "steps")
    setting: Point = {name: asked[name] for name in shared} | {
        "data": data,
        "content": fingerprint(data),
    }
    points = [setting | one for one in _models(asked, count(data))]
    for point in points:
        if point["model"] != TRAINED:
            _by_path(point)  # refuses what cannot be measured
    return Report(run(measure, points))


def _models(asked: dict[str, Any], count: int) -> list[Point]:
    """The settings of each model. Raises ValueError for numbers of data that there are not."""
    from bridges.models.paths import content_of

    here, paths = TRAINED in asked["model"], [one for one in asked["model"] if one != TRAINED]
    if here and paths:
        raise ValueError(f"model must be '{TRAINED}' alone, or paths, got {', '.join(paths)} too")
    if here:
        for option in ("null", "trained_on", "scheduler", "batch_size"):
            if asked.get(option) is not None:
                flag = {"null": "null-class"}.get(option, option.replace("_", "-"))
                raise ValueError(f"{flag} must be left out with model '{TRAINED}'")
        own = {name: asked[name] for name in ("training_steps", "width")}
        sizes, name = sorted(set(asked["patterns"])), "patterns"
        points: list[Point] = [own | {"model": TRAINED, "patterns": P} for P in sizes]
    else:
        sizes, name = asked.get("trained_on") or [count], "trained-on"
        if len(sizes) != len(paths) or len(set(sizes)) != len(sizes):
            raise ValueError(
                f"trained-on must have a number for each of {len(paths)} models, all different, "
                f"got {sizes}"
            )
        reading = {key: asked[key] for key in ("scheduler", "batch_size", "null") if key in asked}
        points = [
            reading | {"model": path, "model_content": content_of(path), "patterns": P}
            for P, path in sorted(zip(sizes, paths, strict=True))
        ]
    if not 2 <= sizes[0] <= max(sizes) <= count:
        raise ValueError(f"{name} must lie in [2, {count}], all of the data, got {sizes}")
    return points


def measure(point: Point, seed: int) -> list[Row]:
    """Shares of the regions, of a model and of the exact score, and the lines of theory."""
    import torch

    from bridges.data import standardised
    from bridges.generalization import loss_over_constant

    rows, labels, pairs = (_trained if point["model"] == TRAINED else _by_path)(point, seed)
    unit = standardised(rows)[1]
    some = next(iter(pairs.values()))[1]  # of no class
    loss = loss_over_constant(some, rows, rows, _JUDGED * unit, seed)
    told = any(one is not none for one, none in pairs.values())
    exact = _exact(rows, labels, told)
    found: list[Row] = [{"quantity": "learnt", "value": loss}]
    found += [
        {"quantity": name, "value": level}
        for name, level in _lines(rows / unit, labels, told).items()
    ]
    generator = torch.Generator().manual_seed(seed + _ASIDE)
    cues = torch.randperm(len(rows), generator=generator)
    cues = cues.repeat(-(-point["trials"] // len(cues)))[: point["trials"]]
    noise = torch.randn(len(cues), rows.shape[1], generator=generator)
    for who, of_class in (("model", pairs), ("exact", exact)):
        for sigma in point["sigmas"]:
            x = rows[cues] + sigma * unit * noise
            ends = _flow(of_class, x, labels[cues], point, sigma * unit, unit)
            for w, end in zip(point["weights"], ends, strict=True):
                shares = _regions(end, cues, rows, labels, point["threshold"])
                found += [
                    {"of": who, "w": w, "sigma": sigma, "quantity": name, "value": value}
                    for name, value in zip(REGIONS, shares, strict=True)
                ]
    return found


def _trained(point: Point, seed: int) -> tuple[Tensor, Tensor, Pairs]:
    """Some of the data, their classes, and a network that was trained on them."""
    import torch

    from bridges._checks import silent
    from bridges.data import raw_vectors
    from bridges.verbs.subject import labels_of
    from diffusion import ResidualMLP, train_denoiser

    rows, labels = raw_vectors(point["data"]).float(), labels_of(point["data"])
    known, places = labels.unique(return_inverse=True)
    generator = torch.Generator().manual_seed(seed)
    own = torch.randperm(len(rows), generator=generator)[: point["patterns"]]
    rows, places = rows[own], places[own]
    network = ResidualMLP(
        rows.shape[1], point["width"], depth=3, gate=True, classes=len(known), seed=seed
    )
    denoiser = train_denoiser(
        rows,
        places,
        network=network,
        steps=point["training_steps"],
        device="cpu",
        quiet=silent(),
        seed=seed,
    ).denoiser
    return rows, places, {k: (denoiser.condition(k), denoiser) for k in places.unique().tolist()}


def _by_path(point: Point, seed: int = 0) -> tuple[Tensor, Tensor, Pairs]:
    """The first of the data, their classes, and a model that somebody trained on them.

    Raises
    ------
    ValueError : no trained denoiser, data that are not its own, guidance of a model without
        classes, or noise that it does not know.
    """
    from bridges.data import raw_vectors, standardised
    from bridges.models import Reading, find_model
    from bridges.models.paths import of_rows
    from bridges.models.states import check_data, shape_of, states_of
    from bridges.verbs.subject import conditional, labels_of, pairs_of
    from diffusion.denoisers import noise_range
    from diffusion.flat import answering

    name, data = point["model"], point["data"]
    size, null = point.get("batch_size"), point.get("null")
    model = find_model(name, Reading(None, point.get("scheduler"), size))
    if not model.trained or model.kind != "stored":
        raise ValueError(f"model must be a denoiser that was trained before, got {name}")
    check_data(name, model, data)
    P = point["patterns"]
    rows, labels = states_of(model, raw_vectors(data)[:P], data).float(), labels_of(data)[:P]
    there: list[int] = labels.unique().tolist()
    if conditional(model.source):
        pairs: Pairs = pairs_of(model.source, name, there, null, size)
    elif point["weights"] != [0.0]:
        raise ValueError(
            f"weights must be 0 alone for {name}, which knows no classes, got {point['weights']}"
        )
    else:
        flat = of_rows(model.source, shape_of(data), size)
        of_none = answering(flat, f"model: {name}", names_all=True)
        pairs = dict.fromkeys(there, (of_none, of_none))
    low, high = noise_range(*next(iter(pairs.values())))
    unit = standardised(rows)[1]
    if not low < point["sigmas"][0] * unit or point["sigmas"][-1] * unit > high:
        raise ValueError(
            f"sigmas must lie above {low / unit:.3g}, and up to {high / unit:.3g}, for {name}, got "
            f"{point['sigmas'][0]:g} … {point['sigmas'][-1]:g}"
        )
    return rows, labels, pairs


def _exact(rows: Tensor, labels: Tensor, told: bool) -> Pairs:
    """The exact score of the data of each class, if it is told, and of all."""
    from diffusion import EmpiricalDenoiser

    whole = EmpiricalDenoiser(rows)
    return {
        k: (EmpiricalDenoiser(rows[labels == k]) if told else whole, whole)
        for k in labels.unique().tolist()
    }


def _flow(
    pairs: Pairs, x: Tensor, labels: Tensor, point: Point, sigma: float, unit: float
) -> Sequence[Tensor]:
    """Where cues (B, d) of known classes flow from a noise level on, by weight of the guidance."""
    import torch

    from diffusion import VE, noise_levels, sample
    from diffusion.denoisers import noise_range

    low = noise_range(*next(iter(pairs.values())))[0]
    levels = noise_levels(sigma, point["steps"], _WIDTH * unit)
    levels = [sigma, *(s for s in levels[1:] if s > low), 0.0]
    W = len(point["weights"])
    w = torch.tensor(point["weights"]).to(x).repeat_interleave(len(x))[:, None]
    denoiser = _guided(pairs, labels.repeat(W), w)
    return sample(denoiser, x.repeat(W, 1), VE(), "heun", levels=levels).chunk(W)


def _guided(pairs: Pairs, labels: Tensor, w: Tensor) -> Callable[[Tensor, Any], Tensor]:
    """The denoiser of rows (B, d), each guided to its class (B,) by its weight (B, 1)."""
    import torch

    rows_of = {k: (labels == k).nonzero().squeeze(1) for k in labels.unique().tolist()}
    of_none = next(iter(pairs.values()))[1]

    def denoiser(x: Tensor, sigma: Any) -> Tensor:
        """Posterior mean, of one noise level or one per row."""
        each = isinstance(sigma, torch.Tensor) and sigma.ndim > 0
        found = torch.empty_like(x)
        for k, rows in rows_of.items():
            found[rows] = pairs[k][0](x[rows], sigma[rows] if each else sigma)
        return found if not w.any() else found + w * (found - of_none(x, sigma))

    return denoiser


def _regions(
    ends: Tensor, cues: Tensor, rows: Tensor, labels: Tensor, threshold: float
) -> tuple[float, float, float]:
    """The shares of ends that are their datum, others of its class, of another class."""
    import torch

    from diffusion.neighbours import nearest

    distance, index = nearest(ends.numpy(), rows.numpy(), 1)
    own = (ends.double() - rows[cues].double()).norm(dim=1)
    centre = rows.mean(0)
    overlap = torch.cosine_similarity(ends - centre, rows[cues] - centre)
    first = own <= torch.from_numpy(distance[:, 0]) * (1 + _SAME)
    home = first & (overlap >= threshold)
    kept = first | (labels[torch.from_numpy(index[:, 0])] == labels[cues])
    shares = (home, kept & ~home, ~kept & ~home)
    return tuple(float(one.double().mean()) for one in shares)  # type: ignore[return-value]


def _lines(rows: Tensor, labels: Tensor, told: bool) -> dict[str, float]:
    """Collapse of all data, speciation and, if classes are told, what holds within them."""
    import torch

    from diffusion import OU
    from diffusion.theory import collapse_sigma, onset_sigma, speciation_time

    rows = rows.double()
    whole = torch.linalg.svdvals(rows - rows.mean(0)).square() / (len(rows) - 1)
    found = {
        "collapse_all": float(collapse_sigma(len(rows), whole)),
        "speciation": float(OU().noise_level(speciation_time(whole))),
    }
    known, places, counts = labels.unique(return_inverse=True, return_counts=True)
    n = float(counts[places].double().log().mean().exp())  # of the class of a cue
    if told and n > 1:
        means = torch.stack([rows[places == k].mean(0) for k in range(len(known))])
        inner = torch.linalg.svdvals(rows - means[places]).square() / (len(rows) - len(known))
        found["collapse_class"] = float(collapse_sigma(n, inner))
        found["onset_class"] = float(onset_sigma(n, inner))
    return found


if __name__ == "__main__":
    main()
