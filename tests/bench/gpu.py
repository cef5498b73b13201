"""Speed on a device, as ratios to its own rate of products: `make bench-gpu`.

The argument is the device, "cuda" unless it is given; on "cpu" the same lines are run at small
sizes, which only shows that they run. The record is written to results/bench.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch
from clock import record, row
from torch import Tensor

from diffusion import EmpiricalDenoiser, RandomFeatureScore
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns

DEVICE = torch.device(sys.argv[1] if len(sys.argv) > 1 else "cuda")
SMALL = 1 if DEVICE.type == "cuda" else 16  # sizes are divided by it
REPEATS = 5


def ended() -> None:
    """Wait for what was handed to the device."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize(DEVICE)


def least(function: Callable[[], object]) -> float:
    """Least seconds of a function, after a first, uncounted run of it."""
    times = []
    for _ in range(REPEATS + 1):
        ended()
        begun = time.perf_counter()
        function()
        ended()
        times.append(time.perf_counter() - begun)
    return min(times[1:])


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, device=DEVICE, dtype=dtype)


def product_rate(dtype: torch.dtype) -> float:
    """Operations a second of a product of two matrices."""
    size = 8192 // SMALL
    a, b = normal(2, size, size, dtype=dtype).unbind()
    return 2 * size**3 / least(lambda: a @ b)


def against(what: str, operations: float, taken: float, peak: float, goal: str) -> None:
    rate = operations / taken
    row(what, f"{rate / 1e9:.0f} GF/s", f"product {peak / 1e9:.0f} GF/s", rate / peak, goal)


def networks(peak: float) -> None:
    size, batch, steps = 8192 // SMALL, 1024 // SMALL, 10
    xi = random_patterns(size // 4, size, seed=0, device=DEVICE)  # above capacity: no early end
    network = HopfieldNetwork(hebbian(xi))
    cues = random_patterns(batch, size, seed=1, device=DEVICE)
    heat = {"dynamics": "synchronous", "temperature": 0.5, "max_sweeps": steps, "seed": 2}
    taken = least(lambda: network.relax(cues, **heat))
    what = f"synchronous heat bath, N={size}, B={batch}"
    against(what, 2.0 * batch * size**2 * steps, taken, peak, ">= 0.5")
    size = 2048 // SMALL
    network = HopfieldNetwork(hebbian(random_patterns(size // 4, size, seed=0, device=DEVICE)))
    cues = random_patterns(batch, size, seed=1, device=DEVICE)
    couplings, fields = network.couplings.double(), normal(batch, size, dtype=torch.float64)

    def bare() -> None:
        """The column of each spin added to the fields of all replicas: what a sweep must do."""
        for i in range(size):
            fields.addcmul_(fields[:, i : i + 1], couplings[:, i], value=1e-9)

    heat = {"temperature": 0.5, "max_sweeps": 1, "seed": 2}
    ours, other = least(lambda: network.relax(cues, **heat)), least(bare)
    what = f"heat bath one spin at a time, N={size}, B={batch}"
    row(what, f"{ours * 1e3:.0f} ms", f"bare updates {other * 1e3:.0f} ms", other / ours, ">= 0.33")


def memories(peak: float) -> None:
    P, size, batch = 65536 // SMALL, 784, 1024 // SMALL
    memory, x = DenseMemory(normal(P, size), beta=0.05), normal(batch, size)
    taken = least(lambda: memory.step(x))
    against(f"dense memory, P={P}, N={size}", 4.0 * batch * P * size, taken, peak, ">= 0.5")


def denoisers(peak: float) -> None:
    batch = 1024 // SMALL
    for n, d in ((200_000 // SMALL, 64), (60_000 // SMALL, 784)):
        denoiser, x = EmpiricalDenoiser(normal(n, d)), normal(batch, d)
        taken = least(lambda one=denoiser, x=x: one(x, 1.0))
        what = f"empirical denoiser, n={n}, d={d}"
        against(what, 4.0 * batch * n * d, taken, peak, ">= 0.5")


def features() -> None:
    size, dimension, count = 4000 // SMALL, 100, 2000 // SMALL
    model = RandomFeatureScore(size, dimension, time=0.1, seed=0)
    data = normal(count, dimension, dtype=torch.float64)
    square = normal(size, size, dtype=torch.float64)
    square = square @ square.T
    ours, other = least(lambda: model.fit(data)), least(lambda: torch.linalg.eigh(square))
    what = f"random features, p={size}, n={count}"
    row(what, f"{ours:.2f} s", f"one eigh {other:.2f} s", ours / other, "<= 1.5")


def main() -> None:
    if DEVICE.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU here: nothing is measured")
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    single, double = product_rate(torch.float32), product_rate(torch.float64)
    name = torch.cuda.get_device_name(DEVICE) if DEVICE.type == "cuda" else "CPU, small sizes"
    machine = {
        "processor": name,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "product_gflops": round(single / 1e9),
        "double_gflops": round(double / 1e9),
    }
    print(f"{name}, torch {torch.__version__}, products of {single / 1e9:.0f} GF/s in float32, ")
    print(f"{double / 1e9:.0f} in float64\n")
    networks(single)
    memories(single)
    denoisers(single)
    features()
    print(f"written to {record(machine, 'gpu-')}; docs/speed-gpu.json is what the page shows")


if __name__ == "__main__":
    main()
