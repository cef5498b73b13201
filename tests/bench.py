"""Speed, as ratios measured in one run: `make bench`.

The argument, if any, is the Python of an environment that has the peers.

A ratio is to this machine's float32 matrix-product rate, to a short baseline, or to one
thread.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import torch
from numba import njit

from diffusion import EmpiricalDenoiser
from hopfield import (
    HopfieldNetwork,
    flip_spins,
    hebbian,
    pseudo_inverse,
    random_patterns,
    train_with_noise,
    unlearn,
)


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


def on_threads(function: Callable[[], object]) -> tuple[float, float]:
    """Least seconds with all threads, and with one."""
    threads = numba.get_num_threads()
    (many,) = timed(function)
    numba.set_num_threads(1)
    torch.set_num_threads(1)
    (one,) = timed(function)
    numba.set_num_threads(threads)
    torch.set_num_threads(threads)
    return many, one


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
    steps = int(network.relax(cues, "synchronous").sweeps.sum()) + replicas  # and one to see
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

    ours, one = on_threads(relaxed)
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


@njit(cache=True)
def plain_dreams(couplings: np.ndarray, dreams: int, rate: float, seed: int) -> None:
    """Unlearning as one would write it down: a full field at every visit's flip."""
    np.random.seed(seed)
    size = len(couplings)
    for _ in range(dreams):
        s = np.where(np.random.random(size) < 0.5, -1.0, 1.0)
        h = np.dot(couplings, s)
        moved = True
        while moved:
            moved = False
            for i in np.random.permutation(size):
                if h[i] * s[i] < 0:
                    s[i] = -s[i]
                    h += 2 * s[i] * couplings[i]
                    moved = True
        couplings -= rate / size * np.outer(s, s)
        for i in range(size):
            couplings[i, i] = 0.0


def dreams(size: int, count: int) -> None:
    couplings = hebbian(random_patterns(3 * size // 10, size, seed=0))

    def batched() -> object:
        return unlearn(couplings, count, 0.005, batch=40, seed=1, checkpoints=[])

    two, one = on_threads(batched)  # before the plain loop, whose BLAS threads go on spinning
    ours, other = timed(
        lambda: unlearn(couplings, count, 0.01, seed=1, checkpoints=[]),
        lambda: plain_dreams(couplings.numpy().copy(), count, 0.01, 1),
        repeats=3,
    )
    each = 1e6 / count
    what = f"a serial dream, N={size}"
    row(what, f"{ours * each:.1f} µs", f"plain loop {other * each:.1f} µs", other / ours, ">= 1")
    what = "  batched by 40, on two threads against one"
    row(what, f"{two * each:.1f} µs", f"{one * each:.1f} µs", one / two, ">= 1.7")


def learning() -> None:
    xi = random_patterns(30, 100, seed=0)
    couplings = hebbian(xi)
    (top,) = timed(lambda: unlearn(couplings, 2500, 0.01, seed=1, checkpoints=[]))
    row("unlearning to D_top, N=100", f"{top * 1e3:.0f} ms", "200 ms", 0.2 / top, ">= 1")
    steps = 100_000
    (trained,) = timed(
        lambda: train_with_noise(xi, 0.5, steps=steps, rate=0.1, seed=1, checkpoints=[])
    )
    rate = steps / trained
    row("training with noise, N=100", f"{rate / 1e3:.0f} k/s", "100 k/s", rate / 1e5, ">= 1")


def peers(python: str) -> None:
    xi = random_patterns(25, 500, seed=0)
    cues = flip_spins(xi.repeat(8, 1), 0.7, seed=1)
    (ours,) = timed(lambda: HopfieldNetwork(hebbian(xi)).relax(cues, seed=2))
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/problem.npz"
        np.savez(file, patterns=xi.numpy().astype(np.int8), cues=cues.numpy().astype(np.int8))
        script = Path(__file__).with_name("bench_peers.py")
        done = subprocess.run([python, str(script), file], capture_output=True, text=True)
    if done.returncode:
        print("the peers did not run:", done.stderr.strip().splitlines()[-1])
        return
    for peer, seconds in json.loads(done.stdout).items():
        what = "store 25, retrieve 200 cues, N=500"
        row(what, f"{ours * 1e3:.1f} ms", f"{peer} {seconds * 1e3:.0f} ms", seconds / ours, ">= 1")


def jacobians(sigma: float, goal: str, what: str) -> None:
    data = torch.randn(10_000, 64, dtype=torch.float64)
    x = data[:32] + sigma * torch.randn(32, 64, dtype=torch.float64)
    exact = EmpiricalDenoiser(data)

    def mean(point: torch.Tensor) -> torch.Tensor:
        logits = (data @ point - data.square().sum(1) / 2) / sigma**2
        return torch.softmax(logits, 0) @ data

    by_autograd = torch.func.vmap(torch.func.jacrev(mean))
    torch.set_num_threads(1)
    ours, other = timed(lambda: exact.jacobian(x, sigma), lambda: by_autograd(x), repeats=3)
    torch.set_num_threads(numba.get_num_threads())
    row(what, f"{ours * 1e3:.1f} ms", f"vmap(jacrev) {other * 1e3:.0f} ms", other / ours, goal)


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
    for size, count in ((100, 4000), (400, 800), (1000, 200)):
        dreams(size, count)
    learning()
    jacobians(6.0, ">= 8", "32 Jacobians, P=10000, d=64, all points matter")
    jacobians(0.5, ">= 50", "32 Jacobians, P=10000, d=64, few points matter")
    if len(sys.argv) > 1:
        peers(sys.argv[1])


if __name__ == "__main__":
    main()
