"""Speed, as ratios measured in one run: `make bench`.

The argument, if any, is the Python of an environment that has the peers. A ratio is to this
machine's float32 matrix-product rate, to a short baseline, or to one thread. One module holds
the lines of one subject, in a function `lines`.
"""

from __future__ import annotations

import sys

import basins
import features
import graph
import guidance
import loads
import networks
import peers
import scores
import torch
import training
from clock import FLOPS, matrix_product, timed


def main() -> None:
    torch.manual_seed(0)
    product = timed(matrix_product())[0]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32 product ", end="")
    print(f"{FLOPS / product / 1e9:.0f} GF/s\n")
    print(f"{'':<52}{'ours':>14}{'against':>26}{'ratio':>9}   goal")
    for subject in (scores, networks, basins, graph, training, guidance, features):
        subject.lines()
    python = sys.argv[1] if len(sys.argv) > 1 else None
    loads.lines(python)
    if python is not None:
        peers.lines(python)
        training.peer_lines(python)


if __name__ == "__main__":
    main()
