"""One network, 64 Euler steps by three libraries in one process; prints JSON.

Run in an environment that has azula and k-diffusion. The network is preconditioned by each
library's own class, and asked the same: y/sqrt(1 + σ²) and log σ.
"""

import importlib
import json
import sys
import time
import types
from importlib.util import find_spec

import torch

from diffusion import VE, NetworkDenoiser, ResidualMLP, sample

STEPS, BATCH, LOW, HIGH = 64, 256, 0.01, 10.0


class Backbone(torch.nn.Module):
    """The network by the arguments that the others give: rows, and one level a row or for all."""

    def __init__(self, network, log):
        super().__init__()
        self.network, self.log = network, log

    def forward(self, y, level, **_):
        level = level.log() if self.log else level
        return self.network(y, level.reshape(-1) / 4)


def part_of(package, name):
    """A module of a package whose own import would ask for torchvision, as k-diffusion's
    `utils` would."""
    if package not in sys.modules:
        bare = types.ModuleType(package)
        bare.__path__ = list(find_spec(package).submodule_search_locations)
        sys.modules[package] = bare
        utils = types.ModuleType(f"{package}.utils")
        utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]
        sys.modules[utils.__name__] = utils
    return importlib.import_module(f"{package}.{name}")


def k_diffusion(network):
    """Its samplers and its preconditioning."""
    sampling = part_of("k_diffusion", "sampling")
    model = part_of("k_diffusion", "layers").Denoiser(Backbone(network, log=True))
    sigmas = sampling.get_sigmas_exponential(STEPS, LOW, HIGH)
    return lambda x: sampling.sample_euler(model, x, sigmas, disable=True)


def azula(network):
    from azula.denoise import KarrasDenoiser
    from azula.noise import VESchedule
    from azula.sample import EulerSampler

    denoiser = KarrasDenoiser(Backbone(network, log=False), VESchedule(LOW, HIGH))
    return EulerSampler(denoiser, steps=STEPS, silent=True)


def main():
    network = ResidualMLP(64, width=256, seed=0).requires_grad_(False)
    x = HIGH * torch.randn(BATCH, 64)
    denoiser = NetworkDenoiser(network)
    samplers = {
        "ours": lambda x: sample(denoiser, x, VE(), "euler", STEPS, start=HIGH),
        "k-diffusion": k_diffusion(network),
        "azula": azula(network),
    }
    times = {name: [] for name in samplers}
    with torch.no_grad():
        for _ in range(21):
            for name, sampler in samplers.items():
                start = time.perf_counter()
                sampler(x)
                times[name].append(time.perf_counter() - start)
    print(json.dumps({name: min(own) for name, own in times.items()}))


if __name__ == "__main__":
    main()
