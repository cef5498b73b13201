"""Kills inside writes: within a file that is replaced, before it is in place, within a line."""

import subprocess
import sys

from disturbed import ENVIRONMENT, FILES, HERE, Counts, is_whole, start, whole

KILLS = """
import os, runpy, signal, sys
name, number = sys.argv[1], int(sys.argv[2])
sys.argv[:] = sys.argv[3:]
seen = []

def killed(real):
    def call(*given):
        seen.append(1)
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given)
    return call

if name == "line":
    from bridges.study.record import Record
    real = Record._write
    def half(self, *lines):
        seen.append(1)
        if len(seen) == number:
            import json
            with self.points.open("a") as file:
                file.write(json.dumps(lines[0])[:40])
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, *lines)
    Record._write = half
else:
    setattr(os, name, killed(getattr(os, name)))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def campaign(home, rounds):
    """Counts of what holds."""
    counts = Counts()
    places = [("fsync", 1), ("replace", 1), ("fsync", 2), ("replace", 2)]
    places += [("line", 1 + 3 * k) for k in range(max(1, rounds - len(places)))]
    for name, number in places[:rounds]:
        out = home / f"{name}-{number}"
        words = [name, str(number), str(HERE / "disturbed.py"), str(out), "1"]
        command = [sys.executable, "-c", KILLS, *words]
        done = subprocess.run(command, env=ENVIRONMENT, capture_output=True)
        counts.saw("killed where it was meant to be", done.returncode == -9)
        start(out).communicate()
        found = {file.name for file in out.iterdir()}
        counts.saw("nothing left after the next start", found == FILES)
        counts.saw("whole, byte for byte", is_whole(out, whole(home)))
    return counts.table()
