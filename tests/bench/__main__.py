"""Speed, as ratios measured in one run: `make bench`.

The argument, if any, is the Python of an environment that has the peers. A ratio is to this
machine's float32 matrix-product rate, to a short baseline, or to one thread. One module holds
the lines of one subject, in a function `lines`; those beside other libraries are in
`peer_lines`. The record is written to results/bench, with what the machine was.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import basins
import classical
import copies
import exact
import features
import graph
import guidance
import large
import loads
import networks
import peers
import scores
import sweeps
import torch
import training
from clock import ROWS, machine

SUBJECTS = (
    scores,
    networks,
    large,
    classical,
    basins,
    graph,
    training,
    guidance,
    features,
    copies,
    sweeps,
)


def main() -> None:
    torch.manual_seed(0)
    found = machine()
    print(f"{found['processor']}, torch {found['torch']}, {found['threads']} threads, ", end="")
    print(f"float32 product {found['product_gflops']} GF/s, load {found['load']}\n")
    print(f"{'':<52}{'ours':>14}{'against':>30}{'ratio':>9}   goal")
    for subject in SUBJECTS:
        subject.lines()
    python = sys.argv[1] if len(sys.argv) > 1 else None
    loads.lines(python)
    if python is not None:
        for subject in (peers, training, exact):
            subject.peer_lines(python)
    rows = [each | {"missed": misses(each["ratio"], each["goal"])} for each in ROWS]
    missed = [str(each["what"]).strip() for each in rows if each["missed"]]
    print("\nmissed: " + ("; ".join(missed) or "none"))
    now = datetime.now(UTC)
    file = Path("results/bench") / f"{now:%Y%m%dT%H%M%SZ}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {"date": f"{now:%Y-%m-%d}", "machine": found, "rows": rows}
    file.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    print(f"written to {file}")


def misses(ratio: float, goal: str) -> bool:
    """Whether a ratio lies on the wrong side of its goal, such as `>= 0.9`; "" is met."""
    side, _, number = goal.partition(" ")
    return bool(goal) and (ratio < float(number) if side == ">=" else ratio > float(number))


if __name__ == "__main__":
    main()
