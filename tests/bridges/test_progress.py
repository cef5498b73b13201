"""Bars: on a terminal, of what takes its time, cleared when it ends; else none."""

import io
import re
import time
from types import SimpleNamespace

import pytest
import torch
from joblib import Parallel, delayed

from bridges import (
    as_memory,
    find_attractors,
    memory_geometry,
    retrieval_map,
    run_study,
    transition_matrix,
)
from bridges._checks import followed, silent, silently
from bridges.starts import noised
from bridges.study import run as study_run
from diffusion import EmpiricalDenoiser
from hopfield import _progress


class Terminal(io.StringIO):
    """A terminal that keeps what is written on it."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    shown = Terminal()
    for module in (_progress, study_run):  # pytest replaces what is put into sys itself
        monkeypatch.setattr(module, "sys", SimpleNamespace(stderr=shown))
    monkeypatch.setattr(_progress, "_TICK", 0.01)
    return shown


def slowly(seconds):
    for step in followed([1, 2, 3], "slow work"):
        time.sleep(seconds)
        yield step


def test_what_is_quick_shows_no_bar(terminal):
    assert [*slowly(0)] == [1, 2, 3]
    assert terminal.getvalue() == ""


def test_what_takes_its_time_shows_one_and_clears_it(terminal, monkeypatch):
    monkeypatch.setattr(_progress, "_QUICK", 0.05)
    assert [*slowly(0.1)] == [1, 2, 3]
    shown = terminal.getvalue()
    assert "slow work:   0%" in shown  # within a step, before the first has ended
    assert "2/3" in shown
    assert re.search(r"\r *\r$", shown)  # nothing is left


@pytest.mark.parametrize("hush", [True, False])
def test_silence_is_kept_inside_and_ends(terminal, monkeypatch, hush):
    monkeypatch.setattr(_progress, "_QUICK", 0.0)
    with silently(hush):
        assert silent() == hush
        [*slowly(0.02)]
    assert (terminal.getvalue() == "") == hush
    assert not silent()


def test_off_a_terminal_there_is_none(monkeypatch, capsys):
    monkeypatch.setattr(_progress, "_QUICK", 0.0)
    assert [*slowly(0.02)] == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_processes_that_compute_for_another_are_silent():
    assert Parallel(n_jobs=2)(delayed(silent)() for _ in range(2)) == [True, True]


XI = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("label", "measure"),
    [
        ("geometry", lambda exact: memory_geometry(XI, draws=2000, seed=0)),
        ("draws", lambda exact: transition_matrix(exact, 0.5, draws=10, seed=0)),
        ("overlaps", lambda exact: retrieval_map(as_memory(exact), [0.5, 0.9], 200, seed=0)),
        ("starts", lambda exact: find_attractors(as_memory(exact), noised(XI, 1.0, 50, 0), seed=0)),
    ],
)
def test_measurements_say_how_far_they_are(terminal, monkeypatch, label, measure):
    monkeypatch.setattr(_progress, "_QUICK", 0.0)
    measure(EmpiricalDenoiser(XI))
    assert f"{label}:" in terminal.getvalue()


def slow(point, seed):
    return [{"quantity": "steps", "value": float(len([*slowly(0.05)]))}]


@pytest.mark.parametrize("quiet", [True, False])
def test_a_run_shows_both_its_points_and_what_is_inside_unless_quiet(terminal, monkeypatch, quiet):
    monkeypatch.setattr(_progress, "_QUICK", 0.02)
    run_study("a study", slow, [{}], samples=2, quiet=quiet)
    shown = terminal.getvalue()
    assert ("a study:   0%" in shown) == ("slow work:" in shown) == (not quiet)
