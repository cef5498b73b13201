r"""Denoisers as memories, at one noise level or along their reverse process.

    FixedNoiseMemory   x ← D(x, σ) to a fixed point
    ReverseMemory      the reverse flow, or diffusion, from the noise level of the cue to 0

At fixed noise x − D(x, σ) = σ²∇U, U = −log p_σ, so that the energy is σ²U. An exact denoiser knows
log p. A trained one has a score alone: its energy is that score's integral along the straight path
from one point, the mean of the data, so that the energies of all states can be compared. Its score
need not be a gradient, and how far the energy depends on the path is told beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import copy
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.equivalence import energy_of_log_density, noise_of_overlap
from bridges.memory.interface import Retrieval, ended
from bridges.memory.similarity import WHOLE, Adapted, Similarity
from bridges.memory.trajectories import after_steps
from diffusion import VE, EmpiricalDenoiser, RelativeEnergy, relative_energy, sample
from diffusion.denoisers import noise_range
from diffusion.samplers import geometric_levels
from hopfield.patterns import offset
from hopfield.relaxation import Relaxation, fixed_point

Denoiser = Callable[[Tensor, Any], Tensor]
_NODES, _MOST_NODES, _PATHS = 32, 256, 8  # of the integral of a score


class RealMemory(Adapted):
    """What memories of real states share; corruption adds Gaussian noise."""

    def __init__(self, patterns: Tensor, similarity: Similarity = WHOLE) -> None:
        super().__init__(patterns, similarity, binary=False)
        self._rms = self.similarity.rms(self.patterns)
        self._offset = offset(self.patterns)  # None unless distances lose their digits in it
        if self._rms == 0 and similarity is not WHOLE:
            raise ValueError("centre must differ from the patterns, got patterns that equal it")

    def noise_level(self, overlap: float) -> float:
        """The σ of the noise that leaves a cue at `overlap`, in units of the patterns."""
        return self._rms * noise_of_overlap(overlap)

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """Each pattern with Gaussian noise of `noise_level(overlap)` per entry."""
        return patterns + self.noise_level(overlap) * _checks.normal_like(patterns, generator)

    def _posterior(self, denoiser: Denoiser, states: Tensor, sigma: float) -> Tensor | None:
        """Weights (B, P) that a denoiser of these patterns knows at a positive noise level."""
        known = getattr(denoiser, "weights", None)
        of_others = len(self.patterns) != len(getattr(denoiser, "data", ()))
        return None if known is None or of_others else known(states, sigma)


class FixedNoiseMemory(RealMemory):
    """A denoiser iterated at one noise level, None for the cue's own: an energy descent."""

    def __init__(
        self,
        denoiser: Denoiser,
        patterns: Tensor,
        sigma: float | None,
        sweeps: int,
        similarity: Similarity = WHOLE,
    ) -> None:
        super().__init__(patterns, similarity)
        self.denoiser, self.sigma, self.sweeps = denoiser, sigma, sweeps

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The fixed point that each cue is denoised to."""
        return ended(self._relaxed(cues, overlap))

    def trajectory(self, cues: Tensor, overlap: float) -> Tensor:
        """The cues, and the states after each denoising, (K, B, N)."""
        return after_steps(lambda x: self.step(x, overlap), cues, self._relaxed(cues, overlap))

    def _relaxed(self, cues: Tensor, overlap: float) -> Relaxation:
        return fixed_point(lambda x: self.step(x, overlap), cues, self.sweeps, 1e-8, self._offset)

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """One denoising of each cue; a clean cue at its own noise level stays."""
        sigma = self.level(overlap)
        if sigma > 0 and self.sigma is None:  # a cue cleaner than the denoiser knows any
            sigma = max(sigma, noise_range(self.denoiser)[0])
        found = self.denoiser(cues, sigma) if sigma > 0 else cues.clone()
        if found.is_complex():
            name = type(self.denoiser).__name__
            raise ValueError(f"{name} must return real states, got {found.dtype}")
        return found

    def weights(self, states: Tensor, overlap: float) -> Tensor | None:
        """Posterior weights of the patterns, or None where they are not known."""
        sigma = self.level(overlap)
        return None if sigma == 0 else self._posterior(self.denoiser, states, sigma)

    def reweighted(self, log_weights: Tensor) -> FixedNoiseMemory:
        """The same memory with these log-weights of its patterns, (P,).

        Raises ValueError where the denoiser is not the exact one of these patterns at a given σ.
        """
        source = self.denoiser
        if not isinstance(source, EmpiricalDenoiser) or self.sigma is None:
            name = type(source).__name__
            at = "the cue's own noise" if self.sigma is None else f"sigma = {self.sigma:g}"
            raise ValueError(
                "memory must be an EmpiricalDenoiser at a given sigma to take log-weights, "
                f"got {name} at {at}"
            )
        if len(self.patterns) != len(source):
            raise own_patterns_alone(self.patterns, source.data)
        found = copy(self)
        found.denoiser = EmpiricalDenoiser(source.data, log_weights)
        return found

    @property
    def temperature(self) -> float | None:
        """σ², in units of which log-weights are potentials; None where σ is not given."""
        return None if self.sigma is None else self.sigma**2

    def level(self, overlap: float) -> float:
        """The noise level at which cues of this overlap are denoised."""
        return self.noise_level(overlap) if self.sigma is None else self.sigma

    def energy(self, states: Tensor) -> Tensor | None:
        """σ²U of each state, (B,), where σ is fixed.

        Where p is known, −σ² log p_σ up to the constant of the dense memory. Else the integral of
        the score along the straight path from the mean of the data, where it is 0. None where the
        denoiser is no gradient by construction.
        """
        if self.sigma is None:
            return None
        log_density = getattr(self.denoiser, "log_density", None)
        if log_density is not None:
            count, size = getattr(self.denoiser, "data", self.patterns).shape
            weights = getattr(self.denoiser, "log_weights", None)
            known = log_density(states, self.sigma)
            return energy_of_log_density(known, self.sigma, count, size, weights)
        found = self._integrated(states, self.sigma, paths=0)
        return None if found is None else self.sigma**2 * found.value

    def energy_spread(self, states: Tensor) -> Tensor | None:
        """By how much σ²U of each state depends on the path, (B,); None where log p is known.

        It is the standard deviation over random smooth paths, the same for all states. An energy
        is defined where it is small beside the energy; it need not be right even there
        (`diffusion.energies`).
        """
        if self.sigma is None or hasattr(self.denoiser, "log_density"):
            return None
        found = self._integrated(states, self.sigma, paths=_PATHS)
        return None if found is None else self.sigma**2 * found.spread

    @torch.no_grad()
    def _integrated(self, states: Tensor, sigma: float, paths: int) -> RelativeEnergy | None:
        if not getattr(self.denoiser, "conservative", True):
            return None
        data = getattr(self.denoiser, "data", None)
        rows = self.patterns if data is None else data.to(self.patterns)
        mean = rows.mean(0)
        # steps of a score are σ²/|x − mean| wide: of patterns, not of the batch that is asked
        reach = float((self.patterns - mean).square().sum(1).max()) + sigma**2 * len(mean)
        nodes = min(_MOST_NODES, max(_NODES, math.ceil(reach / (4 * sigma**2))))
        states = torch.as_tensor(states).to(mean)
        return relative_energy(
            self.denoiser, states, mean[None], sigma, nodes=nodes, paths=paths, seed=0
        )


def own_patterns_alone(patterns: Tensor, stored: Tensor) -> ValueError:
    """What a memory says that is cued with other patterns than it has weights of."""
    return ValueError(
        f"memory must store its own patterns to take their log-weights, got {len(patterns)} "
        f"patterns beside {len(stored)} stored ones"
    )


class ReverseMemory(RealMemory):
    """A denoiser along its reverse process, flow or SDE, from noise level `sigma`.

    A step of the flow denoises all cues twice, one of the SDE once; of B cues the exact denoiser
    of P patterns takes 4BPN operations. At P = 200 000, N = 784 a cue takes 50 GFLOP in 40 steps.

    None starts from the noise level of the cue.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        patterns: Tensor,
        dynamics: str,
        sigma: float | None,
        steps: int,
        similarity: Similarity = WHOLE,
    ) -> None:
        super().__init__(patterns, similarity)
        self.denoiser, self.sigma, self.steps = denoiser, sigma, steps
        exact = hasattr(denoiser, "posterior_sample")
        self.method = "heun" if dynamics == "flow" else "ancestral" if exact else "sde"

    def retrieve(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """Where the reverse process takes each cue; it always arrives."""
        return self.revisit(cues, self.level(overlap), generator)

    def level(self, overlap: float) -> float:
        """The noise level from which cues of this overlap are run back."""
        return self.noise_level(overlap) if self.sigma is None else self.sigma

    def revisit(
        self, cues: Tensor, noise: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """Where the reverse process from noise level `noise` takes each cue.

        From below the denoiser's `noise_range` it starts at the least level of that.
        """
        arrived = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
        return Retrieval(self._run_back(cues, noise, generator), arrived)

    def trajectory(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """The cues, and the states after each noise level, (K, B, N)."""
        path = [cues]
        self._run_back(cues, self.level(overlap), generator, lambda _, y: path.append(y.to(cues)))
        return torch.stack(path)

    def levels(self, overlap: float) -> list[float]:
        """The noise levels of the states of a `trajectory`, falling to 0, (K,)."""
        noise = self.level(overlap)
        if noise == 0:
            return [0.0]
        least = noise_range(self.denoiser)[0]
        return geometric_levels(max(noise, least), 0.0, self.steps, least)

    def posterior(self, states: Tensor, sigma: float) -> Tensor | None:
        """Weights of the patterns at a noise level, (B, P); None where they are not known."""
        return self._posterior(self.denoiser, states, sigma)

    def _run_back(
        self, cues: Tensor, noise: float, generator: torch.Generator | None, watch: Any = None
    ) -> Tensor:
        if noise == 0:  # a clean cue has nothing to be cleaned of
            return cues.clone()
        start = max(noise, noise_range(self.denoiser)[0])
        way = (self.denoiser, cues, VE(), self.method, self.steps)
        return sample(*way, start=start, seed=generator, watch=watch)

    def energy(self, states: Tensor) -> None:
        """None: the landscape changes along the way."""

    def log_density(self, states: Tensor, overlap: float) -> Tensor | None:
        """log p_σ at the noise level that the process starts from, or None if it is not known."""
        known, sigma = getattr(self.denoiser, "log_density", None), self.level(overlap)
        return None if known is None or sigma == 0 else known(states, sigma)
