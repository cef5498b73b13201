"""Bad values for every option of every verb and study, and what the commands make of them.

A line is a valid one, in which the value of one option is replaced. The command goes as far as to
its measurements: a value that gets there is taken for legal. By hand, all lines:

    python tests/fuzz/command_lines.py            # as far as to the measurements
    python tests/fuzz/command_lines.py --measure  # and the first and the last of them
"""

import itertools
import os
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import torch
from click.testing import CliRunner

HERE = Path(__file__).parent
for beside in (HERE.parent / "cli", HERE.parents[1] / "scripts", HERE.parents[1]):
    if str(beside) not in sys.path:
        sys.path.insert(0, str(beside))

from runs import STUDIES, VERBS  # noqa: E402
from terminal import script  # noqa: E402

from bridges.cli import main  # noqa: E402
from bridges.study import run as study_run  # noqa: E402

NUMBERS = [
    *("nan", "inf", "-inf", "-1", "0", "-0.0", "1.5", "1e308", "-1e308", "1e-320", "1e3"),
    *("1000000000", "1e30", "1e-30"),
    *("1" + "0" * 23, "1" + "0" * 400, "-1" + "0" * 23, "9" * 5000, "0x10", "1_0", "١"),
]
LISTS = ["1,,2", ",", "1,1", "5-1", "5-1,3", "nan,1", "1,inf", "0-99999999", "1-", "1;2", "1 2"]
TEXTS = [
    *("", " ", "text", "None", "é→😀", "a\tb\x1b[31m", "two\nlines", "$x", "$", "x_^%\\{", "{0}"),
    *("..", "-", "--", "x" * 300, "*"),
]
PLACES = ["folder", "missing", "missing.npy", "fifo", "fifo.npy", "text.npy", "/dev/null"]
VALUES = [*NUMBERS, *LISTS, *TEXTS, *PLACES]
OTHERS = {  # valid lines of verbs that measure nothing
    "bridges models": "",
    "bridges convert": "--sigma 1 --dim 50 --patterns 5",
    "bridges show": "",
    "bridges merge": "run",
}
_SECONDS = 90  # that a line may take, on a machine that does other things too
_MEASURED = 2  # seconds after which a measurement is left


class Line(NamedTuple):
    """A command, the option that is given a value, and all its words."""

    command: str
    option: str
    value: str
    words: tuple[str, ...]


class Outcome(NamedTuple):
    """What became of a line: clear, unnamed, legal, failed, traceback, hang; and its words.

    left : what a refusal left behind.
    """

    kind: str
    text: str
    left: tuple[str, ...] = ()


class Reached(BaseException):
    """The measurements begin."""


class Hang(BaseException):
    """A line takes too long."""


def command_of(name):
    """The click command of a verb or of a study."""
    return main.commands[name.split()[1]] if name.startswith("bridges ") else study(name).main


@cache
def study(name):
    """The script of a study, read once."""
    return script(name)


def lines():
    """Every option of every command with every value."""
    tiny = {name: row.tiny for name, row in (STUDIES | VERBS).items()}
    for name, words in (tiny | OTHERS).items():
        for param in command_of(name).params:
            if isinstance(param, click.Option) and not param.is_flag:
                for value in VALUES:
                    yield Line(name, param.name, value, tuple(_with(words, param, value)))


def _with(words, param, value):
    """The words with another value of one option."""
    option, kept = max(param.opts, key=len), words.split()
    if option in kept:
        at = kept.index(option)
        kept[at : at + 1 + param.nargs] = []
    if param.name in ("cosine", "overlap", "flips", "time", "beta", "snr") and "--dim" in kept:
        kept[:2] = []  # of `convert`, which takes one of them
    given = [f"{option}={value}"] if param.nargs == 1 else [option, *[value] * param.nargs]
    return [*kept, *given]


def sampled(count, seed=0):
    """Some of all lines, of every option as many."""
    rng, found = np.random.default_rng(seed), []
    groups = [[*group] for _, group in itertools.groupby(lines(), lambda line: line[:2])]
    each = max(1, -(-count // len(groups)))
    for group in groups:
        found += [group[k] for k in rng.permutation(len(group))[:each]]
    return found


@contextmanager
def workplace(measure=False):
    """A folder with what lines name; measurements are not made there, or two of each run."""
    before, real = Path.cwd(), study_run.compute
    home = tempfile.mkdtemp(prefix="command-lines-")
    (Path(home) / "inner").mkdir()  # so that .. is nobody's
    os.chdir(f"{home}/inner")
    try:
        Path("folder").mkdir()
        for name in ("fifo", "fifo.npy"):
            os.mkfifo(name)
        Path("text.npy").write_text("no array")
        study_run.run_study("fuzz", lambda point, seed: [], [{}], samples=1, out="run")
        study_run.compute = _some if measure else _none
        yield
    finally:
        study_run.compute = real
        os.chdir(before)
        shutil.rmtree(home)


def _none(measure, tasks, *_):
    raise Reached


def _some(measure, tasks, *_):
    for task in (tasks[0], tasks[-1]):
        signal.setitimer(signal.ITIMER_REAL, _MEASURED)
        with suppress(Hang), torch.set_grad_enabled(True):  # it goes on; what it set is set back
            measure(task.point, task.seed)
    raise Reached


def outcome(line):
    """What becomes of a line."""
    before = _listing()
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        result = CliRunner().invoke(command_of(line.command), list(line.words))
        found = _judged(line, result)
    except Reached:
        found = Outcome("legal", "")
    except Hang:
        found = Outcome("hang", "")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    left = tuple(sorted(_listing() - before))
    for name in sorted(left, reverse=True):
        shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
    return found._replace(left=() if found.kind == "legal" else left)


def _stop(*_):
    raise Hang


def _listing():
    return {str(path) for path in Path().rglob("*")}


def _judged(line, result):
    """The outcome of a line that ended."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return Outcome("traceback", repr(result.exception))
    if result.exit_code == 0:
        return Outcome("legal", result.output)
    error = result.output[result.output.rfind("Error:") :].strip()
    if result.exit_code != 2:
        return Outcome("failed", error)
    return Outcome("clear" if _names(line, error) else "unnamed", error)


def _names(line, error):
    """Whether an error names the option, or begins with another that it does not go with."""
    params = command_of(line.command).params
    words = {param.name: [o.removeprefix("--") for o in param.opts] for param in params}
    said = error.removeprefix("Error: ").replace("_", "-")
    named = any(re.search(rf"(^|\W){word}\b", said) for word in words[line.option])
    return named or any(re.match(rf"{word}\b", said) for own in words.values() for word in own)


def survey(wanted, measure=False):
    """The outcome of each line."""
    with workplace(measure):
        return {line: outcome(line) for line in wanted}


def report(found):
    """Counts, and the lines that are no better than they should be."""
    counts = Counter(one.kind for one in found.values())
    refused = counts["clear"] + counts["unnamed"] + counts["failed"]
    yield ", ".join(f"{n} {kind}" for kind, n in counts.most_common())
    yield f"{counts['clear'] / max(1, refused):.1%} of {refused} refusals name what is wrong"
    for line, one in found.items():
        if one.kind not in ("clear", "legal") or one.left:
            left = f" left {one.left}" if one.left else ""
            asked = f"{line.command} --{line.option} {line.value[:40]!r}"
            yield f"{one.kind}{left}: {asked}: {one.text[-200:]}"


if __name__ == "__main__":
    print("\n".join(report(survey(lines(), "--measure" in sys.argv))))
