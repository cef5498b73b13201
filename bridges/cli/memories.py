"""The verbs that store patterns and cue them: how far, how many, where cues end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from bridges.cli.conduct import RUN, SETTING, STORED, conduct, stored
from bridges.models import MODELS, SIDE_BY_SIDE
from bridges.study import options
from bridges.study.command import Command
from bridges.study.files import printable
from bridges.study.numbers import Real, Whole
from bridges.verbs.readings import reads

if TYPE_CHECKING:
    from bridges.study.record import Point


@click.command(cls=Command)
@options.shared("model", "data")
@options.shared("patterns", **options.SEVERAL, help=STORED.format(10))
@options.shared("alpha", help="Loads P/N to measure, instead of --patterns.")
@options.shared("overlaps", *SETTING, *RUN)
@options.plain_errors
@reads()
def retrieve(
    model: list[str],
    data: str,
    patterns: list[int] | None,
    alpha: list[float] | None,
    overlaps: list[float],
    **shared: Any,
) -> None:
    """Retrieval against corruption: from how far cues come home, at one load or at several."""
    if patterns is not None and alpha is not None:
        raise ValueError("patterns and alpha say the same; give one of them")
    if alpha is None:
        patterns = patterns or [stored(data, 10)]
    _run("retrieve", model, data, patterns=patterns, alpha=alpha, overlaps=overlaps, **shared)


@click.command(cls=Command)
@options.shared("model", "data", "loads", "alpha")
@click.option(
    "--sizes",
    type=options.SIZES,
    help="Several N of patterns that are drawn, to extrapolate to N → ∞; loads are --alpha.",
)
@options.shared("overlap", *SETTING, *RUN)
@options.plain_errors
@reads()
def capacity(
    model: list[str],
    loads: list[int] | None,
    alpha: list[float] | None,
    sizes: list[int] | None,
    overlap: float,
    data: str,
    **shared: Any,
) -> None:
    """Retrieval against load: how many patterns are held."""
    if sizes is None:
        _run("capacity", model, data, loads=loads, alpha=alpha, overlap=overlap, **shared)
        return
    from bridges.verbs import scaling
    from bridges.verbs.setting import Setting

    if loads is not None:
        raise ValueError("loads are numbers of patterns; give --alpha with --sizes")
    setting = Setting.taken_from(data, shared)
    points = scaling.points(setting, model, sizes, alpha or scaling.ALPHA, overlap)
    scaling.check(setting, model, points)
    conduct("capacity --sizes", data, "scaling", setting, points, **shared)


@click.command(cls=Command)
@options.shared("model", "data")
@options.shared("patterns", **options.SEVERAL, help=STORED.format(10))
@click.option(
    "--measure",
    type=click.Choice(["noised", "random"]),
    default="noised",
    show_default=True,
    help="Starts: patterns corrupted to --overlap, or random states as large.",
)
@click.option(
    "--starts",
    type=Whole(1),
    default=2000,
    show_default=True,
    help="Starts per pattern set.",
)
@click.option("--picture", is_flag=True, help="Draw a plane too: cells, contours, attractors.")
@click.option(
    "--plane",
    type=click.Choice(["memories", "principal"]),
    help="Of the picture: through three memories, or along two principal directions.  "
    "[default: memories; in two dimensions all there is]",
)
@options.shared(
    "sigmas",
    help="Noise levels σ of the picture, in units of the data's deviation.  "
    "[default: that of --beta or --overlap]",
)
@click.option("--points", type=Whole(2, 300), help="Points per side of it.  [default: 120]")
@options.shared("overlap", *(name for name in SETTING if name not in ("criterion", "trials")))
@options.shared(*RUN)
@options.plain_errors
@reads()
def basins(
    model: list[str],
    data: str,
    patterns: list[int] | None,
    measure: str,
    starts: int,
    picture: bool,
    plane: str | None,
    sigmas: list[float] | None,
    points: int | None,
    overlap: float,
    **shared: Any,
) -> None:
    """Attractors and their basins: where many starts end."""
    from bridges.verbs import landscapes
    from bridges.verbs.ends import POINTS, BasinSurvey, Picture
    from bridges.verbs.setting import Setting

    for name, value in {"plane": plane, "sigmas": sigmas, "points": points}.items():
        if value is not None and not picture:
            raise ValueError(f"{name} is of the picture; give --picture with it")
    setting = Setting.taken_from(data, shared)
    loads = patterns or [stored(data, 10)]
    wanted = Picture(plane, sigmas, points or POINTS) if picture else None
    survey = BasinSurvey(setting, measure, overlap, starts, wanted)
    survey.check(model, loads)
    if wanted is not None:
        landscapes.check(survey, wanted, model, loads)
    cases = [{"model": name, "patterns": P} for name in model for P in loads]
    conduct("basins", data, "basins", survey, cases, **shared)


@click.command(cls=Command)
@options.shared(
    "model",
    type=options.Names("classical"),
    default=",".join(SIDE_BY_SIDE),
    help=f"{options.MODELS_HELP} 'classical' finds the capacities of all classical memories.",
)
@options.shared("data", "loads", "alpha", "overlap")
@options.shared("patterns", help=STORED.format(10))
@options.shared("overlaps", *SETTING, *RUN)
@options.plain_errors
@reads()
def compare(
    model: list[str],
    data: str,
    loads: list[int] | None,
    alpha: list[float] | None,
    overlap: float,
    patterns: int | None,
    overlaps: list[float],
    **shared: Any,
) -> None:
    """Memories side by side, against load and against corruption."""
    if "classical" in model:
        for name, value in {"loads": loads, "alpha": alpha, "patterns": patterns}.items():
            if value is not None:
                raise ValueError(f"{name} is found for classical; leave it out")
        _compare_classical(model, data, overlap, **shared)
        return
    shared |= {"loads": loads, "alpha": alpha, "overlap": overlap, "overlaps": overlaps}
    _run("compare", model, data, patterns=[patterns or stored(data, 10)], **shared)


@click.command(cls=Command)
@options.shared(
    "model",
    type=options.Names("exact"),
    default=None,
    help=f"{options.MODELS_HELP}  [default: exact, the exact reverse SDE of the data]",
)
@options.shared("data", "size")
@options.shared("patterns", help=STORED.format(200))
@options.shared("sigmas")
@options.shared(
    "overlaps", default=None, help="Overlaps of the cues, instead of --sigmas: m = 1/√(1 + σ²)."
)
@click.option(
    "--edge",
    type=Real(0, 1, max_open=True),
    default=1e-3,
    show_default=True,
    help="Least probability that joins two memories.",
)
@options.shared("draws", default=50, help="Noised points, or cues, per memory.")
@options.shared(*(name for name in SETTING if name not in ("size", "trials")))
@options.shared("samples", default=4)
@options.shared("device", *options.RUN[1:])
@options.plain_errors
@reads()
def graph(
    data: str,
    model: list[str] | None,
    patterns: int | None,
    sigmas: list[float] | None,
    overlaps: list[float] | None,
    edge: float,
    draws: int,
    **shared: Any,
) -> None:
    """Which memories are taken for which: the graph of U-turns.

    A memory is noised, retrieved, and seen as the memory that it ends on; the graph has
    communities, and a memory returns to itself or not.
    """
    from bridges.verbs.graph import EXACT, GraphSurvey, cue_overlaps
    from bridges.verbs.setting import Setting

    levels = cue_overlaps(sigmas, overlaps)
    survey = GraphSurvey(Setting.taken_from(data, shared, trials=draws), edge)
    points = survey.points(model or [EXACT], patterns or stored(data, 200), levels)
    conduct("graph", data, "graph", survey, points, **shared)


@click.command(cls=Command)
@options.shared("model", "data")
@options.shared("patterns", help=STORED.format(10))
@click.option("--cue", type=options.Place(dir_okay=False), help="A picture, or a row, as the cue.")
@click.option("--index", type=Whole(0), help="Row of the data to cue.  [default: one by chance]")
@click.option(
    "--mask",
    type=options.Word(),
    metavar="SIDE|SHARE",
    help="Sites to erase: left, right, top, bottom, or a share of all, by chance.",
)
@options.shared(
    "overlap", default=None, help="Overlap of the cues.  [default: 0.6; 1 with --mask or --cue]"
)
@options.shared(*(name for name in SETTING if name not in ("criterion", "trials")))
@click.option(
    "--animate",
    type=click.Choice(["gif", "mp4"]),
    is_flag=False,
    flag_value="gif",
    help="Write a film too, recall.gif; mp4 needs ffmpeg.",
)
@options.shared(*RUN)
@options.plain_errors
@reads()
def recall(
    model: list[str],
    data: str,
    patterns: int | None,
    cue: str | None,
    index: int | None,
    mask: str | None,
    overlap: float | None,
    animate: str | None,
    **shared: Any,
) -> None:
    """Pictures of cues coming home: the states on the way, and the overlap against the step."""
    from bridges.verbs.recall import asked

    if animate is not None:
        from bridges.verbs.film import check_writer

        check_writer(animate)
    P = patterns or stored(data, 10)
    recall = asked(data, shared, model, P, cue=cue, index=index, mask=mask, overlap=overlap)
    points = [{"model": name, "patterns": P} for name in model]
    report = conduct("recall", data, "recall", recall, points, **shared)
    if animate is not None:
        from bridges.verbs.film import write_film

        path = write_film(report, animate)
        if not (shared["quiet"] or shared["json"]):
            click.echo(printable(f"written to {path.parent}: {path.name}"))


def _compare_classical(models: list[str], data: str, overlap: float, **shared: Any) -> None:
    """Find the capacity of each memory in patterns, load and bits."""
    from bridges.verbs import classical
    from bridges.verbs.setting import Setting

    setting = Setting.taken_from(data, shared)
    points = classical.points(setting, classical.named(models), overlap)
    setting.check([point["model"] for point in points], [2])
    conduct("compare classical", data, "classical", setting, points, **shared)


def _run(
    verb: str,
    models: list[str],
    data: str,
    *,
    loads: list[int] | None = None,
    alpha: list[float] | None = None,
    overlap: float | None = None,
    patterns: list[int] | None = None,
    overlaps: list[float] | None = None,
    **shared: Any,
) -> None:
    """Measure the axes that are asked for: loads at one overlap, overlaps at each of `patterns`.

    alpha : loads P/N of the first axis, or of the second where it is the only one.
    """
    from bridges.verbs import compare, home
    from bridges.verbs.setting import Setting

    setting = Setting.taken_from(data, shared)
    points: list[Point] = []
    if alpha is not None:
        if loads is not None:
            raise ValueError("loads and alpha say the same; give one of them")
        if overlap is None:
            patterns = setting.loads_of(alpha)
        else:
            loads = setting.loads_of(alpha)
    if overlap is not None:
        storing = [name for name in models if not setting.model(name).trained]
        if not (storing or patterns):
            raise ValueError(
                f"model must store the patterns that it is given, got {models[0]}, which was "
                "trained before; see how far its cues come home with `bridges retrieve`"
            )
        points += compare.load_points(storing, loads or setting.loads(), overlap)
    if patterns is not None and overlaps is not None:
        points += compare.corruption_points(models, patterns, overlaps)
    setting.check(models, sorted({point["patterns"] for point in points}))
    for point in points:  # what a report asks of a model by path, which may be gone then
        if point["model"] not in MODELS:
            point["states"] = setting.model(point["model"]).kind
    conduct(verb, data, home(verb, points), setting, points, **shared)
