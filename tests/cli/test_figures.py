"""Figures for a page: formats, fonts, widths, limits, scales, titles, styles; nothing measured."""

import csv
import importlib.util
import json
import re
import shutil
import sys
from itertools import combinations, pairwise
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image
from terminal import ROOT, contents, refuses, run, script

from bridges import load_run, run_study
from bridges.cli import main
from bridges.study import figures, options, panels
from bridges.study.looks import LOOKS
from bridges.study.page import USUAL, Limits, Page, Scale, read_style
from bridges.verbs import report

WORDS = "--data random --size 30 --model hebb,flow --trials 8 --samples 2 --jobs 1 --quiet"
TWO = f"{WORDS} --loads 2,4,8 --patterns 4 --overlaps 0.2,0.6,1 --out run"


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures") / "run"
    run("bridges compare", TWO.replace("--out run", f"--out {folder}"))
    return folder


@pytest.fixture
def compared(finished, elsewhere):
    """A finished run of two panels in `run`."""
    shutil.copytree(finished, "run")
    return load_run("run")


def measures_nothing(measure, tasks, *_):
    """In the place of what measures."""
    assert not tasks
    return []


def drawn(**page):
    """The figure of the run as a page asks for it."""
    return report(load_run("run")).figure(Page(**page))


def test_formats_have_embedded_fonts_and_text(compared):
    run("bridges show run --quiet --format pdf,svg")
    pdf = contents()["figure.pdf"]
    assert pdf.startswith(b"%PDF")
    assert b"/Type3" not in pdf
    assert b"/FontFile2" in pdf  # TrueType, embedded
    svg = contents()["figure.svg"].decode()
    words = "".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL))
    assert "probability of retrieval" in words
    assert "reverse flow" in words
    assert "<image" not in svg


def test_the_same_results_are_the_same_files(compared):
    run("bridges show run --quiet --format png,pdf,svg")
    first = contents()
    run("bridges show run --quiet --format png,pdf,svg")
    assert contents() == first


def test_nothing_is_measured_and_the_record_stays(compared, monkeypatch):
    before = contents()
    monkeypatch.setattr("bridges.study.run.compute", measures_nothing)
    looks = "--format svg --width 3.4 --title none --log a:y --ylim b:0,1 --xlim 0.1,20"
    run("bridges show run --quiet", looks)
    run("bridges compare", TWO, looks)
    after = contents()
    assert after.pop("figure.svg")
    assert after == before
    assert not set(looks.split()) & set(json.loads(after["config.json"])["command"].split())


def test_a_run_asked_for_a_figure_keeps_a_command_without_it():
    looks = ["--format", "pdf", "--title=mine", "--figure-width", "5", "--log", "y", "--show"]
    run("bridges retrieve", WORDS, "--overlaps 0.5,1", *looks[:-1], "--out run")
    assert sorted(contents()) == [
        *("config.json", "figure.pdf", "points.jsonl", "results.csv", "summary.json")
    ]
    kept = json.loads(contents()["config.json"])["command"]
    assert kept == f"bridges retrieve {WORDS.replace(' --quiet', '')} --overlaps 0.5,1"


def test_what_a_run_grows_to_leaves_no_old_figure(compared):
    run("bridges show run --quiet --format pdf")
    run("bridges compare", TWO, "--samples 3")
    assert "figure.pdf" not in contents()
    assert "figure.png" in contents()


@pytest.mark.parametrize("width", [2.5, 3.4, 7, 12])
def test_a_figure_is_as_wide_as_asked_for(compared, width):
    Path("tight.mplstyle").write_text("savefig.bbox: tight\nsavefig.dpi: 100\n")
    run(f"bridges show run --quiet --width {width} --style tight.mplstyle")
    with Image.open("run/figure.png") as picture:
        assert picture.width == pytest.approx(100 * width, abs=1)


def overlapping(figure):
    """Pairs of words of a figure that lie on each other."""
    figure.draw_without_rendering()
    words = [figure._suptitle] if figure._suptitle else []
    for axes in figure.axes:
        words += [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
    boxes = {word.get_text(): word.get_window_extent() for word in words if word.get_text()}
    return [
        (one, other)
        for (one, a), (other, b) in combinations(boxes.items(), 2)
        if a.shrunk(0.95, 0.95).overlaps(b.shrunk(0.95, 0.95))
    ]


@pytest.mark.parametrize("width", [None, 3.4, 7])
def test_words_keep_apart_and_inside(compared, width):
    figure = drawn(width=width)
    assert not overlapping(figure)
    for axes in figure.axes:
        for word in (axes.xaxis.label, axes.yaxis.label, axes._left_title):
            box = word.get_window_extent()
            assert box.x0 > -2
            assert box.x1 < figure.bbox.x1 + 2


def test_panels_stand_below_each_other_in_a_column(compared):
    one, other = (axes.get_position() for axes in drawn().axes)
    assert one.x1 < other.x0
    figure = drawn(width=3.4)
    figure.draw_without_rendering()
    one, other = (axes.get_position() for axes in figure.axes)
    assert one.y0 > other.y1
    assert one.x0 == pytest.approx(other.x0)
    assert all(axes.get_ylabel() for axes in figure.axes)
    assert figure.axes[1].yaxis.get_tick_params()["labelleft"]


def test_letters_in_all_panels_or_in_none(compared):
    titles = [axes.get_title("left") for axes in drawn().axes]
    assert [title[:13] for title in titles] == [r"$\mathbf{a}$ ", r"$\mathbf{b}$ "]
    run("bridges retrieve", WORDS, "--overlaps 0.5,1 --out one")
    (axes,) = report(load_run("one")).figure().axes
    assert not axes.get_title("left")
    assert "mathbf" not in axes.get_title()


def test_a_panel_without_axes_has_a_letter_and_no_limits():
    def draw(figure):
        graph, curve = figure.subplots(1, 2)
        graph.plot([0, 1], [0, 1])
        figures.bare(graph)
        curve.plot([0, 1], [0, 1])

    figure = panels.composed(draw, (6, 3), "found", Page(xlim=(Limits(None, 2.0, 5.0),)))
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == [r"$\mathbf{a}$", r"$\mathbf{b}$"]
    assert figure.axes[0].get_xlim()[1] < 2
    assert figure.axes[1].get_xlim() == (2.0, 5.0)
    with pytest.raises(ValueError, match="xlim must be of panel b, got a"):
        panels.composed(draw, (6, 3), "found", Page(xlim=(Limits("a", 2.0, 5.0),)))


def test_limits_are_of_all_panels_or_of_one(compared):
    figure = drawn(xlim=(Limits("a", 2.0, 5.0),), ylim=(Limits("b", 0.25, 0.5), Limits(None, 0, 2)))
    load, corruption = figure.axes
    assert load.get_xlim() == (2.0, 5.0)
    assert corruption.get_xlim()[0] > corruption.get_xlim()[1]  # harder to the right, as before
    assert corruption.get_ylim() == (0.25, 0.5)
    _, corruption = drawn(xlim=(Limits("b", 0.1, 0.9),)).axes
    assert corruption.get_xlim() == (0.9, 0.1)


def test_scales_are_of_all_panels_or_of_one(compared):
    load, corruption = drawn(log=(Scale("b", "x"),)).axes
    assert (load.get_yscale(), corruption.get_xscale()) == ("linear", "log")
    load, corruption = drawn(log=(Scale("b", "y"),)).axes
    assert (load.get_yscale(), corruption.get_yscale()) == ("linear", "log")
    assert corruption.yaxis.get_tick_params()["labelleft"]  # no longer as beside
    assert {axes.get_yscale() for axes in drawn(log=(Scale(None, "y"),)).axes} == {"log"}


def test_a_panel_parts_from_those_that_share_its_axes():
    def three(figure):
        for axes in figure.subplots(1, 3, sharex=True, sharey=True):
            axes.plot([0.1, 1.0, 0.5], [0.2, 0.4, 1.0])

    def seen(**page):
        figure = panels.composed(three, (9, 3), "found", Page(**page))
        figure.draw_without_rendering()
        found = [
            (one.get_xlim(), one.get_ylim(), one.get_yscale(), [*one.get_xticks()])
            for one in figure.axes
        ]
        return found, [any(t.get_text() for t in one.get_yticklabels()) for one in figure.axes]

    usual, _ = seen()
    for at, name in enumerate("abc"):
        page = {"xlim": (Limits(name, 0.2, 0.6),), "log": (Scale(name, "y"),)}
        found, numbered = seen(**page)
        (low, high), _, scale, ticks = found[at]
        assert (low, high, scale) == (0.2, 0.6, "log")
        assert min(ticks) >= 0.1  # found for its own range, not that of all
        assert max(ticks) <= 0.7
        assert [one for k, one in enumerate(found) if k != at] == usual[:2]
        assert all(numbered)


def test_titles(compared):
    assert drawn().get_suptitle().startswith("random: half of the cues")
    assert drawn(title="none").get_suptitle() == ""
    assert drawn(title=r"mine, $\alpha$ = 1").get_suptitle() == r"mine, $\alpha$ = 1"


def test_a_style_is_followed(compared):
    Path("my.mplstyle").write_text("font.family: serif\naxes.labelsize: 7\nbackend: svg\n")
    style = read_style(Path("my.mplstyle"))
    assert style == {"font.family": ["serif"], "axes.labelsize": 7}  # a backend is no style
    figure = drawn(style=style)
    assert figure.axes[0].xaxis.label.get_fontsize() == 7
    run("bridges show run --quiet --format svg --style my.mplstyle")
    assert "Serif" in contents()["figure.svg"].decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"fnord: 3\n", "Bad key fnord in line 1"),
        (b"font.size: large and red\n", "is no style sheet: "),
        (b"font.size 9\n", "Missing colon in line 1"),
        (b"\xff\xfe\x00\n", "is no style sheet: "),
    ],
)
def test_a_style_that_is_none_is_refused_in_a_line(compared, text, said):
    Path("bad.mplstyle").write_bytes(text)
    error = refuses("bridges show run --style bad.mplstyle")
    assert error.startswith("Error: Invalid value for '--style': bad.mplstyle is no style sheet")
    assert said in error


def test_latex_is_asked_for_where_it_is(compared, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    Path("tex.mplstyle").write_text("text.usetex: True\n")
    error = refuses("bridges show run --style tex.mplstyle")
    assert error.endswith("asks for LaTeX (text.usetex), which is not installed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--xlim 1,0", "'1,0' does not rise; the lower end comes first"),
        ("--xlim 1", "'1' is not LOW,HIGH, two numbers"),
        ("--ylim 0,nan", "'nan' is not a finite number"),
        ("--ylim 2:0,1", "'2' is not the letter of a panel, a to z"),
        ("--xlim a:-1,20", "xlim must be positive on the logarithmic axis of panel a, got -1"),
        ("--ylim c:0,1", "ylim must be of a panel a to b, got c"),
        ("--log z", "'z' is not one of x, y, xy"),
        ("--log q:x", "log must be of a panel a to b, got q"),
        ("--width 1", "1.0 is not in the range 2.5<=x<=40"),
        ("--format gif", "'gif' is not one of png, pdf, svg"),
        ("--title $\\frac$", "has a formula that cannot be read"),
        ("--title=", "it is empty; 'none' is for no title"),
        ("--style missing.mplstyle", "does not exist"),
        ("--style run", "is a directory"),
    ],
)
def test_what_a_page_cannot_be_is_refused_in_a_line(compared, words, said):
    before = contents()
    assert said in refuses("bridges show run", words)
    assert contents() == before


def test_a_logarithmic_axis_of_nothing_positive_is_refused():
    def draw(figure):
        figure.subplots().plot([-2, -1], [1, 2])

    with pytest.raises(ValueError, match="log: panel a has nothing positive along x"):
        panels.composed(draw, (4, 3), "", Page(log=(Scale(None, "x"),)))


def test_a_study_draws_its_folder_in_any_format(monkeypatch):
    words = "--size 30 --loads 6,9 --batches 1,10 --samples 2 --jobs 1 --out run --quiet"
    run("unlearning", words)
    before = contents()
    monkeypatch.setattr("bridges.study.run.compute", measures_nothing)
    run("unlearning", words, "--format svg --width 3.4 --title none")
    after = contents()
    assert b"<text" in after.pop("figure.svg")
    assert after == before
    run("bridges show run --quiet --format pdf")
    assert contents()["results.pdf"].startswith(b"%PDF")


def test_a_width_of_networks_is_not_that_of_figures():
    for command in (main.commands["train"], script("guidance_window").main):
        (own,) = (param for param in command.params if "--width" in param.opts)
        assert own.name == "width"
        (figure,) = (param for param in command.params if "--figure-width" in param.opts)
        assert figure.name == "figure_width"


def test_help_has_groups():
    text = run("bridges compare --help")
    options_, rest = text.split("\nRun:\n")
    run_, figure = rest.split("\nFigure:\n")
    assert "--overlaps" in options_
    assert "--samples" in run_
    for name in options.FIGURE:
        assert f"--{name}" in figure


def test_data_behind_every_curve_are_in_the_table(compared):
    """Every point of the figure is a row of results.csv."""
    known = {
        (row["value"], row.get("patterns") if row["axis"] == "load" else row["cue_overlap"])
        for row in compared.results()
        if row["quantity"] == "success"
    }
    seen = 0
    for axes in drawn().axes:
        for one in axes.containers:
            x, y = one.lines[0].get_data()
            assert {(b, a) for a, b in zip(x.tolist(), y.tolist(), strict=True)} <= known
            seen += len(x)
    assert seen == 2 * (3 + 3)  # models, loads and overlaps


def measure(point, seed):
    return [{"quantity": "q", "value": point["x"] + seed % 5, "side": side} for side in "ab"]


def test_a_run_is_drawn_on_axes_of_the_users(tmp_path):
    run_study("test", measure, [{"x": 1}, {"x": 3}], samples=3, out=tmp_path / "run")
    study = load_run(tmp_path / "run")
    axes = Figure().subplots()
    axes.plot([0, 1], [0, 1], label="theirs")
    assert study.plot("q", "x", ax=axes, where={"side": "a"}, color="red", label="ours") is axes
    x, y = axes.containers[0].lines[0].get_data()
    rows = [row for row in study.results() if row["side"] == "a"]
    assert (x.tolist(), y.tolist()) == ([1, 3], [row["value"] for row in rows])
    assert axes.get_legend_handles_labels()[1] == ["theirs", "ours"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "q")
    with pytest.raises(ValueError, match="q at x = 1 is not unique; add labels"):
        study.plot("q", "x", ax=axes)
    with pytest.raises(ValueError, match="quantity must be one of q, "):
        study.plot("r", "x", ax=axes)
    with pytest.raises(ValueError, match=r"style: .*colour"):
        study.plot("q", "x", ax=axes, where={"side": "a"}, colour="red")


def test_a_run_has_its_summary(compared, tmp_path):
    assert compared.summary == json.loads(Path("run/summary.json").read_text())
    bare = run_study("test", measure, [{"x": 1}], samples=1)
    with pytest.raises(ValueError, match="summary is in the folder of a run"):
        _ = bare.summary
    unfinished = run_study("test", measure, [{"x": 1}], samples=1, out=tmp_path / "bare")
    with pytest.raises(ValueError, match="is not finished"):
        _ = unfinished.summary


def test_results_are_columns_of_one_length(compared):
    """As a table of pandas has them, and as `results.csv` has."""
    rows = compared.results()
    with open("run/results.csv") as file:
        written = list(csv.DictReader(file))
    assert [float(row["value"]) for row in written] == [row["value"] for row in rows]
    assert {name for row in rows for name in row} == {*written[0]}
    assert all(isinstance(one, str | float | int | tuple) for row in rows for one in row.values())
    pandas = pytest.importorskip("pandas")
    assert len(pandas.DataFrame(rows)) == len(rows)


def test_lines_break_evenly_and_never_in_a_formula():
    text = r"half of the cues of a pattern come home from $m_0$ = 0.18, an area of $2\,\log P$"
    for width in (12, 20, 40, 80):
        lines = figures.evenly(text, width).splitlines()
        assert " ".join(lines) == text
        assert all(line.count("$") % 2 == 0 for line in lines)
        assert not any(line.endswith("=") or line.startswith("=") for line in lines)


def test_looks_of_models_differ_and_are_told_apart_in_print():
    assert len(set(LOOKS.values())) == len(LOOKS)
    named = set(LOOKS) - {"exact"}  # the SDE of the data
    assert len({LOOKS[name][0] for name in named}) == len(named)


def test_usual_pages_ask_for_nothing():
    assert USUAL.files("figure") == ["figure.png"]
    assert USUAL.settings == {}
    assert USUAL.headline("found") == "found"


def gallery():
    """What builds the pages, which Sphinx is needed for."""
    pytest.importorskip("sphinx", reason="needs the extra docs")
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "docs" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["gallery"] = module
    spec.loader.exec_module(module)
    return module


def test_text_tables_are_read_as_tables():
    from bridges.study.tables import table

    made = gallery()
    header, rows = ["rule, D =", "m0 at 1/2", "n"], [["Hebb", "0.5(1), n = 2", "3"], ["b", "", "4"]]
    assert made.cells(table(header, rows)) == [header, *rows]
    assert made.cells("a note that goes on\nover two lines") is None
    assert made.blocks("\nhead\n\nrule  x\n") == ["head", "rule  x"]


def test_scales_of_colours_move_with_their_panel():
    def draw(figure):
        _, other, third = figure.subplots(1, 3)
        cells = other.pcolormesh([[0, 1], [2, 3]])
        figure.colorbar(cells, ax=other, label="cells")
        third.plot([1, 10], [1, 10])
        third.set(xscale="log", title="a long title, with words that one column has no room for")

    figure = panels.composed(draw, (11, 3.4), "found", Page(width=3.4))
    figure.draw_without_rendering()
    assert len(panels.panels(figure)) == 3
    assert not overlapping(figure)
    boxes = [axes.get_position() for axes in panels.panels(figure)]
    assert all(above.y0 > below.y1 for above, below in pairwise(boxes))
    (bar,) = (axes for axes in figure.axes if axes not in panels.panels(figure))
    assert bar.get_position().x0 > boxes[1].x1
    assert boxes[1].y0 - 0.02 < bar.get_position().y0 < boxes[1].y1
