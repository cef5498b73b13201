"""Speed, as ratios measured in one run: `make bench`.

The argument, if any, is the Python of an environment that has the peers. A ratio is to this
machine's float32 matrix-product rate, to a short baseline, or to one thread. One module holds
the lines of one subject, in a function `lines`; those beside other libraries are in
`peer_lines`. The record is written to results/bench, with what the machine was.
"""

from __future__ import annotations

import sys

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
import start
import sweeps
import torch
import training
from clock import machine, record

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
    start,
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
    print(f"written to {record(found)}")


if __name__ == "__main__":
    main()
