"""Speed, as ratios measured in one run: `make bench`.

A ratio is to this machine's float32 matrix-product rate, to a short baseline, or to one
thread.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable

import numba
import numpy as np
import torch

from diffusion import EmpiricalDenoiser
from hopfield import HopfieldNetwork, flip_spins, pseudo_inverse, random_patterns


def timed(*functions: Callable[[], object], repeats: int = 9) -> list[float]:
    """Least seconds of each function, after a first, uncounted run of it.

    The least, since other work on the machine only ever adds. Each function's runs follow
    each other: thread pools of several libraries keep spinning for a while after their work,
    and would slow whatever comes in turn.
    """
    result = []
    for function in functions:
        function()
        own = []
        for _ in range(repeats):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
        result.append(min(own))
    return result


def row(what: str, ours: str, other: str, ratio: float, goal: str) -> None:
    print(f"{what:<52}{ours:>14}{other:>26}{ratio:>9.2f}   {goal}", flush=True)


def matrix_product() -> Callable[[], object]:
    """A float32 product of 2·2048³ operations."""
    a, b = torch.randn(2, 2048, 2048).unbind()
    return lambda: a @ b


FLOPS = 2 * 2048**3


def denoiser(n: int, d: int, batch: int = 1024, beta: float = 1.0) -> None:
    data, x = torch.randn(n, d), torch.randn(batch, d)
    exact = EmpiricalDenoiser(data)

    def plain() -> torch.Tensor:
        logits = beta * (x @ data.T) - beta / 2 * data.square().sum(1)
        return torch.softmax(logits, 1) @ data

    product, ours, density, other = timed(
        matrix_product(),
        lambda: exact(x, beta**-0.5),
        lambda: exact.log_density(x, beta**-0.5),
        plain,
    )
    what = f"empirical denoiser, B={batch}, n={n}, d={d}"
    rate, peak = 4 * batch * n * d / ours, FLOPS / product
    row(what, f"{rate / 1e9:.0f} GF/s", f"product {peak / 1e9:.0f} GF/s", rate / peak, ">= 0.8")
    goal = ">= 3" if d == 64 else ""
    row(
        "  against softmax(XYᵀ)Y",
        f"{ours * 1e3:.0f} ms",
        f"{other * 1e3:.0f} ms",
        other / ours,
        goal,
    )
    row(
        "  log-density, in costs of the mean",
        f"{density * 1e3:.0f} ms",
        f"mean {ours * 1e3:.0f} ms",
        density / ours,
        "<= 2",
    )


_MEMORY = """
import torch
from diffusion import EmpiricalDenoiser
x, data = torch.randn(1024, 64), torch.randn({n}, 64)
EmpiricalDenoiser(data[:1000])(x, 1.0)
def peak():  # kB; ru_maxrss would start from the parent's
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
before = peak()
exact = EmpiricalDenoiser(data)
exact(x, 1.0), exact.log_density(x, 1.0)
print(peak() - before)
"""


def memory(n: int = 500_000) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY.format(n=n)], capture_output=True, text=True, check=True
    )
    used = int(done.stdout) * 1024 / 1e6
    data = n * 64 * 4 / 1e6
    what = f"peak memory beyond the data, B=1024, n={n}, d=64"
    row(what, f"{used:.0f} MB", f"data {data:.0f} MB", used / 200, "<= 1 (of 200 MB)")


def synchronous(size: int = 1000, replicas: int = 2000) -> None:
    xi = random_patterns(size // 5, size, seed=0)
    network = HopfieldNetwork(pseudo_inverse(xi).float())
    rows = torch.arange(replicas) % len(xi)
    cues = flip_spins(xi[rows].float(), 0.4, seed=1)
    steps = int(network.relax(cues, "synchronous").sweeps.sum())
    product, ours = timed(matrix_product(), lambda: network.relax(cues, "synchronous"))
    rate, peak = 2 * size**2 * steps / ours, FLOPS / product
    what = f"synchronous relaxation, N={size}, {replicas} replicas"
    row(what, f"{rate / 1e9:.0f} GF/s", f"product {peak / 1e9:.0f} GF/s", rate / peak, ">= 0.5")


def numpy_asynchronous(
    couplings: np.ndarray, states: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """All replicas at once, one site order for all, incremental fields."""
    s = states.copy()
    h = s @ couplings
    while (h * s < -1e-12).any():
        for i in rng.permutation(len(couplings)):
            flip = np.flatnonzero(h[:, i] * s[:, i] < -1e-12)
            if len(flip):
                s[flip, i] *= -1
                h[flip] += 2 * s[flip, i, None] * couplings[i]
    return s


def asynchronous(size: int, replicas: int = 2000) -> None:
    xi = random_patterns(size // 5, size, seed=0)
    network = HopfieldNetwork(pseudo_inverse(xi))
    rows = torch.arange(replicas) % len(xi)
    cues = flip_spins(xi[rows], 0.6, seed=1)
    couplings, states = network.couplings.numpy(), cues.numpy()
    rng = np.random.default_rng(0)

    def relaxed() -> object:
        return network.relax(cues, seed=2)

    threads = numba.get_num_threads()
    (ours,) = timed(relaxed)
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    (one,) = timed(relaxed)
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    (other,) = timed(lambda: numpy_asynchronous(couplings, states, rng))
    what = f"asynchronous relaxation from 0.6, N={size}"
    each = 1e6 / replicas
    row(
        what,
        f"{ours * each:.1f} µs",
        f"batched numpy {other * each:.1f} µs",
        other / ours,
        ">= 2.5",
    )
    row(
        "  on two threads, against one",
        f"{ours * each:.1f} µs",
        f"{one * each:.1f} µs",
        one / ours,
        ">= 1.7",
    )


def main() -> None:
    torch.manual_seed(0)
    product = timed(matrix_product())[0]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, float32 product ", end="")
    print(f"{FLOPS / product / 1e9:.0f} GF/s\n")
    print(f"{'':<52}{'ours':>14}{'against':>26}{'ratio':>9}   goal")
    denoiser(50_000, 64)
    denoiser(20_000, 784)
    memory()
    synchronous()
    for size in (100, 400, 1000):
        asynchronous(size)


if __name__ == "__main__":
    main()
