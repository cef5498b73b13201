"""Exact denoisers: means, log-densities, Jacobians, memory."""

from __future__ import annotations

import subprocess
import sys

import numba
import torch
from clock import FLOPS, matrix_product, row, timed

from diffusion import EmpiricalDenoiser


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
    row(what, f"{used:.0f} MB", f"data {data:.0f} MB", used / 200, "<= 1")


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


def lines() -> None:
    denoiser(50_000, 64)
    denoiser(20_000, 784)
    memory()
    jacobians(6.0, ">= 8", "32 Jacobians, P=10000, d=64, all points matter")
    jacobians(0.5, ">= 50", "32 Jacobians, P=10000, d=64, few points matter")
