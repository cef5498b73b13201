"""Tables for a person: aligned columns, values with the error of their last digits."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bridges.estimates import ROUNDING, mean_and_sem, with_count
from bridges.study.record import Row

if TYPE_CHECKING:
    from numpy import ndarray

WIDTH = 100  # letters of a line
_GAP = 3  # letters between columns
_TWO = 99  # the largest error of two digits
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def uncertain(mean: float, sem: float | None, digits: int = 2) -> str:
    """`0.93(2)`: a mean and the standard error of its last digits, if there is one.

    There are fewer digits than asked for where the error has more than two of them, before the
    decimal point too.

    Examples
    --------
    >>> uncertain(0.931, 0.018), uncertain(1.0, 0.0), uncertain(0.998, 0.002)
    ('0.93(2)', '1.00', '1.00(<1)')
    >>> uncertain(20.77, 16.148), uncertain(0.931, 0.118, digits=3)
    ('21(16)', '0.93(12)')
    >>> uncertain(28367.025, 5421.131), uncertain(28.4, 542.1)
    ('2.84(54)·10⁴', '0.3(54)·10²')
    >>> uncertain(-0.0022, 0.0037)
    '0.00(<1)'
    """
    if sem is None or math.isnan(sem) or sem == 0:
        return f"{mean:z.{digits}f}"
    power = 0
    if math.isfinite(sem) and round(sem) > _TWO:
        power = math.floor(math.log10(max(abs(mean), sem)))
        mean, sem, digits = mean / 10**power, sem / 10**power, power
    while digits and sem * 10**digits > _TWO + 0.5:
        digits -= 1
    error = round(sem * 10**digits) if math.isfinite(sem) else sem
    scale = f"·10{str(power).translate(_RAISED)}" if power else ""
    return f"{mean:z.{digits}f}({error or '<1'}){scale}"


def of_samples(by_sample: ndarray, digits: int = 3) -> str:
    """The mean of a number known by samples, with its error; `never` if no sample has it.

    Where some samples have none (NaN), how many have it is said too.

    Examples
    --------
    >>> import numpy as np
    >>> of_samples(np.array([0.9, 1.0, 1.1]), digits=2), of_samples(np.array([]))
    ('1.00(6)', 'never')
    >>> of_samples(np.array([0.9, 1.1, np.nan]), digits=2)
    '1.00(10), n = 2'
    """
    mean, sem = (float(one) for one in mean_and_sem(by_sample))
    if math.isnan(mean):
        return "never"
    known = int((by_sample == by_sample).sum())  # not NaN
    return with_count(uncertain(mean, sem, digits), known, len(by_sample))


def of_each(by_sample: ndarray, digits: int = 3) -> list[str]:
    """The means of several numbers known by samples, (samples, K)."""
    return [of_samples(one, digits) for one in by_sample.T]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned, the first to the left and the others to the right.

    A table wider than 100 letters goes on below itself, its first column again.

    Examples
    --------
    >>> print(table(["rule", "overlap"], [["Hebb", "0.5(1)"]]))
    rule   overlap
    Hebb    0.5(1)
    """
    lines = [header, *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(header))]
    blocks: list[list[int]] = [[]]
    for k in range(1, len(header)):
        if blocks[-1] and sum(widths[c] + _GAP for c in [*blocks[-1], k]) + widths[0] > WIDTH:
            blocks.append([])
        blocks[-1].append(k)
    return "\n\n".join(
        "\n".join(
            "".join(
                [line[0].ljust(widths[0]), *(line[k].rjust(widths[k] + _GAP) for k in block)]
            ).rstrip()
            for line in lines
        )
        for block in blocks
    )


def by_column(header: Sequence[str], *columns: list[str] | ndarray) -> str:
    """The same from its columns: words, or numbers by sample (samples, K), of which are the means.

    Examples
    --------
    >>> import numpy as np
    >>> print(by_column(["P", "overlap"], ["2", "4"], np.array([[1.0, 0.5], [1.0, 0.7]])))
    P   overlap
    2     1.000
    4  0.60(10)
    """
    cells = [c if isinstance(c, list) else of_each(c) for c in columns]
    return table(header, list(zip(*cells, strict=True)))


def results_table(rows: Sequence[Row]) -> str:
    """The results of any study: what all rows share, then what differs, the value, n.

    Examples
    --------
    >>> same = {"N": 9, "quantity": "m", "value": 0.5, "sem": 0.1, "n": 3}
    >>> found = [same | {"P": 2}, same | {"P": 4}]
    >>> print(results_table(found))
    N = 9, quantity = m
    <BLANKLINE>
    P    value  n
    2   0.5(1)  3
    4   0.5(1)  3
    """
    shared, differ = parted(rows)
    lines = [
        [*(entry(row.get(k, "")) for k in differ), digits(row["value"], row["sem"]), str(row["n"])]
        for row in rows
    ]
    head = textwrap.fill(", ".join(f"{name} = {entry(one)}" for name, one in shared.items()), WIDTH)
    return "\n\n".join(part for part in (head, table([*differ, "value", "n"], lines)) if part)


def parted(rows: Sequence[Row]) -> tuple[Row, list[str]]:
    """The settings and labels that all rows share, and the names of those that differ."""
    names = dict.fromkeys(k for row in rows for k in row if k not in ("value", "sem", "n"))
    shared = {k: rows[0].get(k) for k in names if len({str(row.get(k, "")) for row in rows}) == 1}
    return shared, [name for name in names if name not in shared]


def entry(value: Any) -> str:
    """A setting or a label, its digits as far as they are read."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def digits(mean: float, sem: float | None) -> str:
    """As many digits as the error leaves, or four where there is none but of rounding.

    Examples
    --------
    >>> digits(28367.025, 5421.131), digits(0.93123, 0.0184), digits(0.5, None)
    ('2.84(54)·10⁴', '0.93(2)', '0.5')
    >>> digits(0.15 - 0.2, 7e-18)
    '-0.05'
    """
    if sem is None or not sem > ROUNDING * abs(mean) or not math.isfinite(mean):
        return f"{mean:.4g}"
    return uncertain(mean, sem, max(0, -math.floor(math.log10(sem))))


def blocks(text: str) -> list[str]:
    """The parts of a text that a blank line parts."""
    return [block for block in re.split(r"\n\s*\n", text.strip("\n")) if block.strip()]


def cells(block: str) -> list[list[str]] | None:
    """The rows of a `table` that is read again, each a list of its cells; None of what is none.

    A column ends where three letters, the least gap of a table, are blank on all lines.

    Examples
    --------
    >>> cells(table(["rule", "overlap"], [["Hebb", "0.5(1)"]]))
    [['rule', 'overlap'], ['Hebb', '0.5(1)']]
    >>> cells("no table")
    """
    lines = block.splitlines()
    wide = max(map(len, lines))
    blank = "".join("-x"[any(line[k : k + 1].strip() for line in lines)] for k in range(wide))
    ends = [0, *(gap.end() for gap in re.finditer("-{3,}", blank) if gap.start()), wide]
    if len(lines) < 2 or len(ends) < 3:
        return None
    return [[line[a:b].strip() for a, b in pairwise(ends)] for line in lines]
