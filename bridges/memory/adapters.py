r"""A memory is anything that can be cued.

Every measurement of this package sees a memory through `Memory` alone: its patterns, cues
at a given overlap with them, and what each cue is retrieved as. `as_memory` adapts

    HopfieldNetwork      dynamics "asynchronous" | "synchronous"; cues are spin flips
    DenseMemory          the same for binary states; real states iterate their update
    a denoiser D(x, σ)   "fixed-noise": x ← D(x, σ) to a fixed point (an energy descent)
                         "flow": the reverse flow from the noise level of the cue to 0
                         "sde": the reverse diffusion from there, a draw from the posterior
                         (either from a given level for cues of any kind)

The overlap of a real state is its cosine with the pattern about a centre c that the memory
states, zero or the mean of the data (`bridges.memory.similarity`). Gaussian noise of
s = rms(ξ − c) sqrt(1/m² − 1) per entry leaves it at m.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from bridges import _checks
from bridges.equivalence import energy_of_log_density, noise_of_overlap
from bridges.memory.similarity import WHOLE, Adapted, Similarity, chosen_similarity, flat
from bridges.memory.trajectories import after_steps, relaxed_along
from diffusion import VE, sample
from diffusion.denoisers import noise_range
from diffusion.flat import answering, weight_of
from diffusion.samplers import geometric_levels
from hopfield import DenseMemory, HopfieldNetwork, flip_spins
from hopfield.dense import WEIGHTED
from hopfield.patterns import offset
from hopfield.relaxation import Relaxation, fixed_point

Denoiser = Callable[[Tensor, Any], Tensor]
CRITERIA = ("fixed-point", "one-step")
ROUNDING = 1e-6  # of a cosine of single-precision states


class Retrieval(NamedTuple):
    """What cues were retrieved as: `states` (B, N), and which `converged`, (B,) bool."""

    states: Tensor
    converged: Tensor


@runtime_checkable
class Memory(Protocol):
    """What a measurement needs of a memory; a class of ten lines can have it.

    A memory whose dynamics is random takes a keyword `generator` in `retrieve`. Optional:
    `step(cues, overlap)`, a single update as against the whole dynamics;
    `weights(states, overlap)`, (B, P), how much each pattern contributes to a state;
    `revisit(states, noise, generator)`, where states at an rms distance of `noise` from an
    attractor are taken, if that is not what `retrieve` does at any overlap;
    `similarity`, the centre and the sites that overlaps are measured on, if these are not zero
    and all (see `similarity`); `cycling(states, overlap)`, (B,), which unconverged states
    are in 2-cycles; `level(overlap)`, the noise level that `retrieve` takes states to be at;
    `trajectory(cues, overlap, generator=None)`, (K, B, N), the cues and the states after each
    sweep, update or noise level, of which the last are those that `retrieve` returns;
    `levels(overlap)`, (K,), the noise levels of these states where they fall on the way, and
    `posterior(states, sigma)`, the weights of the patterns at one of them;
    `log_density(states, overlap)`, (B,), of the noised data at that level;
    `targets`, (P, N′), what the cue of each pattern should end as where that is not the pattern,
    and `answer(states)`, (B, N′), the part of states that is compared with them where N′ ≠ N.

    Attributes
    ----------
    patterns : (P, N), what was stored.
    """

    patterns: Tensor

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """Cues (B, N) at `overlap`, in (0, 1], with the given patterns (B, N)."""

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval | tuple[Tensor, Tensor]:
        """Where the dynamics takes cues (B, N) of a known overlap."""

    def energy(self, states: Tensor) -> Tensor | None:
        """Energy of each state (B,), or None where the dynamics has none."""


class SpinMemory(Adapted):
    """A network or a binary dense memory; corruption flips spins."""

    def __init__(
        self,
        source: HopfieldNetwork | DenseMemory,
        patterns: Tensor,
        dynamics: str,
        sweeps: int,
        similarity: Similarity = WHOLE,
    ) -> None:
        self.source, self.dynamics, self.sweeps = source, dynamics, sweeps
        only = WHOLE if similarity.varying is None else Similarity(varying=similarity.varying)
        super().__init__(patterns, only, binary=True)
        if self.patterns.shape[1] != source.size:
            raise ValueError(
                f"patterns must have shape (P, {source.size}), got {tuple(self.patterns.shape)}"
            )

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """Exactly round((1 − m)N/2) spins of each pattern flipped, of the N that vary."""
        varying = self.similarity.varying
        if varying is None:
            return flip_spins(patterns, overlap, generator)
        cues, varying = patterns.clone(), varying.to(patterns.device)
        cues[:, varying] = flip_spins(patterns[:, varying], overlap, generator)
        return cues

    def retrieve(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """The fixed point that each cue relaxes to."""
        return _ended(
            self.source.relax(cues, dynamics=self.dynamics, max_sweeps=self.sweeps, seed=generator)
        )

    def trajectory(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """The cues, and the states after each sweep or synchronous step, (K, B, N)."""
        return relaxed_along(self.source, cues, self.dynamics, self.sweeps, generator)

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """One synchronous update of each cue."""
        return self.source.step(cues)

    def cycling(self, states: Tensor, overlap: float) -> Tensor:
        """Which states alternate with another one; none in asynchronous dynamics."""
        return super().cycling(states, overlap) & (self.dynamics == "synchronous")

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the network or dense memory."""
        return self.source.energy(states)


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


class RealDenseMemory(RealMemory):
    """A dense memory of real states, iterated to a fixed point."""

    def __init__(
        self, source: DenseMemory, patterns: Tensor, sweeps: int, similarity: Similarity = WHOLE
    ) -> None:
        super().__init__(patterns, similarity)
        self.source, self.sweeps = source, sweeps

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The fixed point that each cue is iterated to."""
        return _ended(self.source.relax(cues, max_sweeps=self.sweeps))

    def trajectory(self, cues: Tensor, overlap: float) -> Tensor:
        """The cues, and the states after each update, (K, B, N)."""
        return after_steps(self.source.step, cues, self.source.relax(cues, max_sweeps=self.sweeps))

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """One update of each cue."""
        return self.source.step(cues)

    def weights(self, states: Tensor, overlap: float) -> Tensor | None:
        """Weights of the patterns in an update, or None where it is no mean of them."""
        of_others = len(self.patterns) != len(self.source.patterns)
        if self.source.interaction not in WEIGHTED or of_others:
            return None
        return self.source.weights(states)

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the dense memory."""
        return self.source.energy(states)


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
        return _ended(self._relaxed(cues, overlap))

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

    def level(self, overlap: float) -> float:
        """The noise level at which cues of this overlap are denoised."""
        return self.noise_level(overlap) if self.sigma is None else self.sigma

    def energy(self, states: Tensor) -> Tensor | None:
        """−σ² log p_σ up to the constant of the dense memory, where σ is fixed and p known."""
        log_density = getattr(self.denoiser, "log_density", None)
        if self.sigma is None or log_density is None:
            return None
        stored = getattr(self.denoiser, "data", self.patterns)
        return energy_of_log_density(log_density(states, self.sigma), self.sigma, *stored.shape)


class ReverseMemory(RealMemory):
    """A denoiser along its reverse process, flow or SDE, from noise level `sigma`.

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


def as_memory(
    source: Any,
    patterns: Tensor | None = None,
    dynamics: str | None = None,
    *,
    sigma: float | None = None,
    steps: int = 50,
    max_sweeps: int = 100,
    centre: Tensor | Similarity | float | None = None,
) -> Memory:
    """Adapt a network, a dense memory or a denoiser to the shared measurements.

    Parameters
    ----------
    source : HopfieldNetwork, DenseMemory, a denoiser D(x, sigma), or a Memory (returned
        as it is).
    patterns : (P, N), what was stored, or images (P, …), which are flattened and whose shape
        is kept as `shape`; needed for a network and for a denoiser that has no `data`.
    dynamics : "asynchronous" (default) or "synchronous" for spins; "fixed-noise" (default),
        "flow" or "sde" for a denoiser; see the head of the module.
    sigma : noise level of "fixed-noise", or that "flow" and "sde" start from whatever the
        overlap of the cue, positive; None takes the cue's own.
    steps : steps of "flow" and "sde". An exact denoiser of finite data is sampled exactly.
    max_sweeps : most sweeps or updates to a fixed point; more is reported as not converged.
    centre : about which overlaps of real states are cosines, (N,) or 0. None: zero or the mean,
        by the denoiser's `data`, else by the patterns. Give all loads of a sweep that of the
        whole data set, `similarity_of_data(rows)` of `bridges.memory.similarity`, which knows the
        sites too.

    Returns
    -------
    Memory, which states what was decided as `similarity` and `centre`.

    Raises
    ------
    ValueError : no patterns known, shapes that disagree, an unknown dynamics, data that are
        all alike, or a centre for spins.
    TypeError : a source that is none of these.

    Examples
    --------
    >>> from hopfield import random_patterns, hebbian
    >>> xi = random_patterns(3, 100, seed=0)
    >>> memory = as_memory(HopfieldNetwork(hebbian(xi)), xi)
    >>> bool(memory.retrieve(xi, 1.0).converged.all())
    True
    """
    max_sweeps = _checks.whole("max_sweeps", max_sweeps)
    spins = isinstance(source, HopfieldNetwork | DenseMemory)
    if not spins and isinstance(source, Memory):
        return source
    if not spins and (not callable(source) or isinstance(source, type)):
        raise TypeError(
            "source must be a HopfieldNetwork, a DenseMemory, a denoiser or a Memory, "
            f"got {type(source).__name__}"
        )
    rows, shape = flat(patterns, getattr(source, "shape", None))
    memory: SpinMemory | RealDenseMemory | FixedNoiseMemory | ReverseMemory
    if spins:
        memory = _adapt_hopfield(source, rows, dynamics, max_sweeps, centre)
    else:
        stored, similarity = _stored_by(source, rows, centre)
        source = answering(source, "source")
        words = ("fixed-noise", "flow", "sde")
        dynamics = _checks.choice("dynamics", words[0] if dynamics is None else dynamics, words)
        sigma = None if sigma is None else _checks.positive("sigma", sigma)
        if dynamics == "fixed-noise":
            memory = FixedNoiseMemory(source, stored, sigma, max_sweeps, similarity)
        else:
            steps = _checks.whole("steps", steps)
            memory = ReverseMemory(source, stored, dynamics, sigma, steps, similarity)
    if isinstance(shape, tuple):
        memory.shape = shape
    return memory


def _adapt_hopfield(
    source: HopfieldNetwork | DenseMemory,
    patterns: Tensor | None,
    dynamics: str | None,
    sweeps: int,
    centre: Any,
) -> SpinMemory | RealDenseMemory:
    if isinstance(source, DenseMemory) and patterns is None:
        patterns = source.patterns
    if patterns is None:
        raise ValueError("patterns must be given for a HopfieldNetwork, got None")
    if isinstance(source, DenseMemory) and source.states == "real":
        _checks.choice("dynamics", dynamics or "synchronous", ("synchronous",))
        similarity = chosen_similarity(centre, source.patterns, source.size)
        return RealDenseMemory(source, patterns, sweeps, similarity)
    similarity = chosen_similarity(0 if centre is None else centre, None, source.size)
    if similarity.centre is not None and not isinstance(centre, Similarity):
        raise ValueError(f"centre must be 0 for spins, whose overlap is ξ·S/N, got {centre}")
    words = ("asynchronous", "synchronous")
    dynamics = _checks.choice("dynamics", words[0] if dynamics is None else dynamics, words)
    return SpinMemory(source, patterns, dynamics, sweeps, similarity)


def _stored_by(source: Any, patterns: Tensor | None, centre: Any) -> tuple[Tensor, Similarity]:
    """What a denoiser stores, as its states are, and how they are compared."""
    data = getattr(source, "data", None)
    if patterns is None and data is None:
        raise ValueError("patterns must be given for a denoiser that has no data, got None")
    stored = _checks.stored("patterns", data if patterns is None else patterns, binary=False)
    weight = weight_of(source)
    if weight is not None:  # finer states than it resolves never come to rest
        stored = stored.to(weight.device, torch.promote_types(weight.dtype, torch.float32))
    rows = stored if data is None else _checks.tensor("source.data", data)
    return stored, chosen_similarity(centre, rows, stored.shape[1])


def _ended(relaxation: Relaxation) -> Retrieval:
    return Retrieval(relaxation.states, relaxation.converged)
