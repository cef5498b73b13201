"""Make the record of a study, or go on with one: a run of its `paper` preset, kept for the pages.

    python docs/record.py NAME [options of the study]

The run is in docs/records/NAME, as any other: config.json, results.csv, summary.json, figure.png.
Beside them are table.txt, what it printed, and made.json, on which machines it was made and how
long that took, one entry per sitting. What the measurements gave, points.jsonl, is there as it is
while some are missing, so that any machine can go on from what is committed by the same command.
Once all are there it is packed (points.jsonl.xz): results and summary follow from it. More
samples, `--samples 4`, add to a record.
"""

import json
import lzma
import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from datetime import date
from importlib.metadata import version
from pathlib import Path
from time import monotonic

from PIL import Image

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "records"
POINTS = "points.jsonl"
_SILENT = {"-h", "--help", "--json", "--quiet"}  # with these a study prints no table
_LOOK = 60  # seconds between two entries of the time that a sitting has taken


def main(name, *words):
    """Run the study until it ends, write down what it took, and return its exit code."""
    if unwanted := sorted(_SILENT.intersection(words)):
        print(f"a record keeps the table that is printed: leave out {unwanted[0]}", file=sys.stderr)
        return 2
    folder = RECORDS / name
    folder.mkdir(parents=True, exist_ok=True)
    unpack(folder, folder)
    command = [sys.executable, f"scripts/{name}.py", "--preset", "paper", *words]
    found = os.environ.get("PYTHONPATH")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT)] + [found] * bool(found))}
    begun, sitting = monotonic(), machine()
    before = sittings(folder) if (folder / POINTS).exists() else []
    with subprocess.Popen(
        [*command, "--out", str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        output = None
        while output is None:
            with suppress(subprocess.TimeoutExpired):
                output = run.communicate(timeout=_LOOK)[0]
            sitting["seconds"] = round(monotonic() - begun)
            write(folder, [*before, sitting])
    print(output, end="")
    if run.returncode == 2:  # refused: nothing was measured
        write(folder, before)
    elif run.returncode == 0:
        (folder / "table.txt").write_text(table_of(output))
    if (folder / "summary.json").exists():
        pack(folder)
    return run.returncode


def table_of(output):
    """What a run printed, without where it is and how much of it was there before."""
    text = output[: output.rindex("written to ")]
    return re.sub(r"\n\(\d+ measurements? found there, not repeated\)\n", "", text)


def write(folder, found):
    """Write down the sittings; of a folder in which there are none nothing is left."""
    file = folder / "made.json"
    if found:
        file.write_text(f"{json.dumps(found, indent=1)}\n")
        return
    file.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def machine():
    """The machine that this is, and the day."""
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "seconds": 0,
    }


def processor():
    """Its name, as far as the system has one."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def sittings(folder):
    """What was made on which machine, none where nothing was."""
    file = folder / "made.json"
    return json.loads(file.read_text()) if file.exists() else []


def pack(folder):
    """Keep the figure, and what the measurements gave, in smaller files."""
    figure = folder / "figure.png"
    with Image.open(figure) as drawn:
        few = drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(figure, optimize=True)
    file = folder / POINTS
    part = folder / f"{POINTS}.xz.part"
    part.write_bytes(lzma.compress(file.read_bytes(), preset=9))
    part.replace(folder / f"{POINTS}.xz")  # whole, or not there
    file.unlink()


def unpack(folder, to):
    """Have it again as a run has it, in a folder."""
    packed = folder / f"{POINTS}.xz"
    if packed.exists():
        (to / POINTS).write_bytes(lzma.decompress(packed.read_bytes()))
        if to == folder:
            packed.unlink()


if __name__ == "__main__":
    if len(sys.argv) < 2 or not (ROOT / "scripts" / f"{sys.argv[1]}.py").is_file():
        sys.exit("usage: python docs/record.py NAME [options of the study scripts/NAME.py]")
    sys.exit(main(*sys.argv[1:]))
