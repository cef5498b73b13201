"""What would not fit: couplings by their factors, and data that stay on the disk."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from clock import FLOPS, row, seconds, timed

from hopfield import (
    HopfieldNetwork,
    LowRankCouplings,
    flip_spins,
    hebbian,
    random_patterns,
    storkey,
)

_STORE = """
import resource, time
from hopfield import HopfieldNetwork, LowRankCouplings, flip_spins, random_patterns
HopfieldNetwork(LowRankCouplings.hebbian(random_patterns(2, 2000, seed=0))).relax(
    random_patterns(1, 2000, seed=1)
)  # compiled, or read from the cache
start = time.perf_counter()
xi = random_patterns({count}, {size}, seed=0)
network = HopfieldNetwork(LowRankCouplings.hebbian(xi))
found = network.relax(flip_spins(xi[:{cues}], 0.3, seed=1), seed=2)
assert bool((found.states == xi[:{cues}]).all())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
print(time.perf_counter() - start, peak)
"""


_DENOISE = """
import json, sys, threading, time
from pathlib import Path
import numpy as np, torch
from diffusion import EmpiricalDenoiser
n, d, batch, sigma = {n}, {d}, {batch}, {sigma}
EmpiricalDenoiser(torch.randn(1000, d))(torch.randn(batch, d), sigma)
a, b = torch.randn(2, 2048, 2048).unbind()

def least(call, repeats):
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return min(found)

product = least(lambda: a @ b, 10)

def own():  # kB of the process's own, without the pages of the file
    return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])

before, peak, over = own(), [0], threading.Event()
def watch():
    while not over.wait(0.005):
        peak[0] = max(peak[0], own())
watcher = threading.Thread(target=watch)
watcher.start()
start = time.perf_counter()
data = np.memmap(sys.argv[1], np.float32, "r", shape=(n, d))
exact = EmpiricalDenoiser(data)
found = dict(made=time.perf_counter() - start)
x = torch.from_numpy(data[:batch] + sigma * np.random.default_rng(0).normal(size=(batch, d)))
for name, call in dict(
    mean=exact, density=exact.log_density, draw=exact.posterior_sample, trace=exact.jacobian_trace
).items():
    found[name] = least(lambda: call(x, sigma), {repeats})
over.set()
watcher.join()
print(json.dumps(found | dict(product=product, memory=(max(peak[0], own()) - before) * 1024)))
"""


def on_disk(n: int = 10_000_000, d: int = 64, batch: int = 256, repeats: int = 2) -> None:
    """The exact denoiser of a file, in a fresh process, whose memory the system counts."""
    script = _DENOISE.format(n=n, d=d, batch=batch, sigma=2.0, repeats=repeats)
    with tempfile.TemporaryDirectory() as folder:
        file, rng = Path(folder) / "rows.f32", np.random.default_rng(0)
        with file.open("wb") as rows:
            for start in range(0, n, 100_000):
                block = rng.standard_normal((min(100_000, n - start), d), np.float32)
                rows.write(block.tobytes())
        command = [sys.executable, "-c", script, str(file)]
        done = subprocess.run(command, capture_output=True, check=True)
    found = json.loads(done.stdout)
    peak = FLOPS / found["product"]
    row(
        f"rows on disk, n={n}, d={d}: denoiser made",
        f"{found['made']:.1f} s",
        f"file {4 * n * d / 1e9:.2f} GB",
        4e-9 * n * d / found["made"],
        "",
    )
    kinds = {"mean": 4, "density": 2, "draw": 2, "trace": 4}  # operations per number and query
    for name, operations in kinds.items():
        rate = operations * batch * n * d / found[name]
        ours, other = f"{rate / 1e9:.0f} GF/s", f"product {peak / 1e9:.0f} GF/s"
        row(f"  {name} of {batch} queries", ours, other, rate / peak, ">= 0.6")
    used = found["memory"] / 1e6
    row("  memory beyond the file", f"{used:.0f} MB", "goal 500 MB", used / 500, "<= 1")


def without_a_matrix(size: int = 100_000, count: int = 100, cues: int = 64) -> None:
    """In a fresh process, whose memory the system counts."""
    script = _STORE.format(size=size, count=count, cues=cues)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    taken, peak = (float(word) for word in done.stdout.split())
    what = f"store P={count}, relax {cues} cues, N={size}"
    row(what, f"{taken:.1f} s", "goal 60 s", taken / 60, "<= 1")
    row("  memory", f"{peak:.2f} GB", "goal 2 GB", peak / 2, "<= 1")


def crossover(size: int, count: int, cues: int = 64) -> None:
    """Store and relax, by the matrix and by the factors."""
    xi = random_patterns(count, size, seed=0)
    starts = flip_spins(xi[torch.arange(cues) % count], 0.3, seed=1)
    full, few = timed(
        lambda: HopfieldNetwork(hebbian(xi)).relax(starts, seed=2),
        lambda: HopfieldNetwork(LowRankCouplings.hebbian(xi)).relax(starts, seed=2),
        repeats=2,
    )
    what = f"  factors, N={size}, P={count}"
    row(what, f"{few * 1e3:.0f} ms", f"matrix {full * 1e3:.0f} ms", full / few, ">= 1")


def lines() -> None:
    without_a_matrix()
    for size, count in ((1000, 10), (1000, 60), (4000, 10), (4000, 250)):
        crossover(size, count)
    xi = random_patterns(20, 4096, seed=0)
    taken = min(seconds(lambda: storkey(xi)) for _ in range(2))
    row("Storkey's rule, N=4096, P=20", f"{taken:.2f} s", "goal 3 s", taken / 3, "<= 1")
    on_disk()
