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


def k_diffusion(network):
    """Its samplers and its preconditioning; its package would import torchvision and clip."""
    package = types.ModuleType("k_diffusion")
    package.__path__ = list(find_spec("k_diffusion").submodule_search_locations)
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]
    package.utils = utils
    sys.modules |= {"k_diffusion": package, "k_diffusion.utils": utils}
    sampling = importlib.import_module("k_diffusion.sampling")
    layers = importlib.import_module("k_diffusion.layers")
    model = layers.Denoiser(Backbone(network, log=True))
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
