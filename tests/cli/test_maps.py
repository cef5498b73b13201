"""`bridges retrieve` at several loads: what each load alone gives, in one table and one figure."""

import pytest
from terminal import refuses, rows, run, summary

from bridges import load_run
from bridges.verbs import report
from bridges.verbs.compare import stated

SMALL = "--data random --size 30 --trials 10 --samples 3 --jobs 1 --overlaps 0.2,0.6,1"
MODELS = "--model hebb,flow,max-margin"
LOADS = (2, 6, 70)  # of which couplings of maximal margin do not store the last


@pytest.fixture
def several():
    return run("bridges retrieve", SMALL, MODELS, "--patterns 2,6,70 --out several")


def test_each_load_is_measured_as_it_is_alone(several):
    whole = rows("several")
    assert {row["patterns"] for row in whole} == {str(P) for P in LOADS}
    basins = summary("several")["basin"]
    for P in LOADS:
        run("bridges retrieve", SMALL, MODELS, f"--patterns {P} --out alone-{P} --quiet")
        alone = [row for row in whole if row["patterns"] == str(P)]
        assert alone == rows(f"alone-{P}")
        found = summary(f"alone-{P}")["basin"]
        assert found == {model: own[str(P)] for model, own in basins.items() if str(P) in own}
    assert summary("several")["patterns"] == list(LOADS)


def test_the_text_has_a_table_per_load_and_the_basins_of_all(several):
    assert several.count("m0 at 1/2") == len(LOADS) + 1
    *_, last = several.split("m0 at 1/2, P =")
    margin = next(line for line in last.splitlines() if line.startswith("maximum margin"))
    assert margin.split()[-1] == "—"
    assert "left out, as couplings do not store all samples: maximum margin, P = 70" in several
    assert several.split("written to")[0] in run("bridges show several")


def test_a_panel_per_model_and_a_curve_per_load(several):
    found = report(load_run("several"))
    figure = found.figure()
    panels = {axes.get_title("left").split("  ")[1]: axes for axes in figure.axes}
    assert list(panels) == ["Hebb", "reverse flow", "maximum margin"]
    assert [len(axes.containers) for axes in panels.values()] == [3, 3, 2]
    hebb = next(c for c in found.maps[6] if c.model == "hebb")
    line = panels["Hebb"].containers[1].lines[0]
    assert line.get_xydata()[:, 1] == pytest.approx(hebb.mean)
    (legend,) = figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert [word for word in words if "$P$" in word] == [
        f"$P$ = {P}, $P/N$ = {P / 30:.2g}" for P in LOADS
    ]


def test_loads_in_units_of_the_size_and_a_folder_that_grows():
    run("bridges retrieve", SMALL, "--model hebb --alpha 0.1 --out grown")
    assert {row["patterns"] for row in rows("grown")} == {"3"}
    assert "basin" in summary("grown")
    assert "overlap" in summary("grown")["basin"]["hebb"]  # of one load, as ever
    text = run("bridges retrieve", SMALL, "--model hebb --alpha 0.1,0.5 --out grown")
    assert "(3 measurements found there, not repeated)" in text
    assert {row["patterns"] for row in rows("grown")} == {"3", "15"}
    assert {row["alpha"] for row in rows("grown")} == {"0.1", "0.5"}


def test_loads_that_cannot_be_are_refused():
    both = "--patterns 3 --alpha 0.1"
    assert "patterns and alpha say the same" in refuses("bridges retrieve", SMALL, both)
    assert "patterns must lie in [1, 1797]" in refuses("bridges retrieve", "--patterns 2,2000")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["1", "2.5"], "x = 1 (A), 2.5 (B)"),
        (["1", "> 9"], "x = 1 (A), x > 9 (B)"),
        (["< 0.1", "never"], "x < 0.1 (A), never (B)"),
        (["none", "3"], "never (A), x = 3 (B)"),
    ],
)
def test_bounds_stand_in_a_title_without_a_second_sign(words, line):
    assert stated("x", dict(zip("AB", words, strict=True))) == line


def test_a_capacity_beyond_the_loads_is_a_bound_in_the_title():
    run("bridges capacity", "--data random --size 30 --samples 2 --trials 5 --jobs 1 --loads 2,3",
        "--model flow,hebb --overlap 1 --out run")  # fmt: skip
    line = report(load_run("run")).finding()
    assert "come home up to $P$ > 3 (" in line
    assert "= >" not in line
