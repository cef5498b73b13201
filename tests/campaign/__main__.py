"""Faults by the dozen, with counts: kills, writes that are cut, folders that go, broken clusters.

    python tests/campaign [kills] [writes] [folders] [clusters] [--rounds 20]

A few minutes each on two idle cores, no rights of an administrator needed; exit code 1 if
anything was lost, left behind or not said. Small versions of all this are among the fast tests.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import clusters
import folders
import kills
import writes

CAMPAIGNS = {"kills": kills, "writes": writes, "folders": folders, "clusters": clusters}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=", ".join(CAMPAIGNS))
parser.add_argument("--rounds", type=int, default=20, help="kills of a kind")
given = parser.parse_args()
failed = 0
for name in given.campaigns or CAMPAIGNS:
    with tempfile.TemporaryDirectory(prefix=f"campaign-{name}-") as home:
        for what, (good, total) in CAMPAIGNS[name].campaign(Path(home), given.rounds).items():
            print(f"{name}: {what}: {good} of {total}", flush=True)
            failed += good != total
sys.exit(failed > 0)
