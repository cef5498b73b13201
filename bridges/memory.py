r"""A memory is anything that can be cued.

Every measurement of this package sees a memory through `Memory` alone: its patterns, cues
at a given overlap with them, and what each cue is retrieved as. `as_memory` adapts

    HopfieldNetwork      dynamics "asynchronous" | "synchronous"; cues are spin flips
    DenseMemory          the same for binary states; real states iterate their update
    a denoiser D(x, σ)   "fixed-noise": x ← D(x, σ) to a fixed point (an energy descent)
                         "flow": the reverse flow from the noise level of the cue to 0
                         "sde": the reverse diffusion from there, a draw from the posterior
                         (either from a given level for cues of any kind)

The overlap of a real state is its cosine with the pattern; Gaussian noise of
s = rms(ξ) sqrt(1/m² − 1) per entry leaves it at m.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from bridges import _checks
from bridges.equivalence import energy_of_log_density, noise_of_overlap
from diffusion import VE, NetworkDenoiser, sample
from diffusion.denoisers import noise_range
from diffusion.flat import as_denoiser
from hopfield import DenseMemory, HopfieldNetwork, flip_spins
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
    attractor are taken, if that is not what `retrieve` does at any overlap.

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


class SpinMemory:
    """A network or a binary dense memory; corruption flips spins."""

    def __init__(
        self, source: HopfieldNetwork | DenseMemory, patterns: Tensor, dynamics: str, sweeps: int
    ) -> None:
        self.source, self.dynamics, self.sweeps = source, dynamics, sweeps
        self.patterns = _checks.stored("patterns", patterns, binary=True)
        if self.patterns.shape[1] != source.size:
            raise ValueError(
                f"patterns must have shape (P, {source.size}), got {tuple(self.patterns.shape)}"
            )

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """Exactly round((1 − m)N/2) spins of each pattern flipped."""
        return flip_spins(patterns, overlap, generator)

    def retrieve(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """The fixed point that each cue relaxes to."""
        return _ended(
            self.source.relax(cues, dynamics=self.dynamics, max_sweeps=self.sweeps, seed=generator)
        )

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """One synchronous update of each cue."""
        return self.source.step(cues)

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the network or dense memory."""
        return self.source.energy(states)


class _RealMemory:
    """Real states; corruption adds Gaussian noise."""

    def __init__(self, patterns: Tensor) -> None:
        self.patterns = _checks.stored("patterns", patterns, binary=False).detach()
        self._rms = float(self.patterns.square().mean().sqrt())
        self._offset = offset(self.patterns)  # None unless distances lose their digits in it

    def noise_level(self, overlap: float) -> float:
        """The σ of the noise that leaves a cue at `overlap`, in units of the patterns."""
        return self._rms * noise_of_overlap(overlap)

    def corrupt(self, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
        """Each pattern with Gaussian noise of `noise_level(overlap)` per entry."""
        return patterns + self.noise_level(overlap) * _checks.normal_like(patterns, generator)


class RealDenseMemory(_RealMemory):
    """A dense memory of real states, iterated to a fixed point."""

    def __init__(self, source: DenseMemory, patterns: Tensor, sweeps: int) -> None:
        super().__init__(patterns)
        self.source, self.sweeps = source, sweeps

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The fixed point that each cue is iterated to."""
        return _ended(self.source.relax(cues, max_sweeps=self.sweeps))

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """One update of each cue."""
        return self.source.step(cues)

    def weights(self, states: Tensor, overlap: float) -> Tensor | None:
        """Softmax weights of the patterns, or None where they are not known."""
        of_others = len(self.patterns) != len(self.source.patterns)
        if self.source.interaction != "exponential" or of_others:
            return None
        return self.source.weights(states)

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the dense memory."""
        return self.source.energy(states)


class FixedNoiseMemory(_RealMemory):
    """A denoiser iterated at one noise level, None for the cue's own: an energy descent."""

    def __init__(
        self, denoiser: Denoiser, patterns: Tensor, sigma: float | None, sweeps: int
    ) -> None:
        super().__init__(patterns)
        self.denoiser, self.sigma, self.sweeps = denoiser, sigma, sweeps

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The fixed point that each cue is denoised to."""
        return _ended(
            fixed_point(lambda x: self.step(x, overlap), cues, self.sweeps, 1e-8, self._offset)
        )

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """One denoising of each cue; a clean cue at its own noise level stays."""
        sigma = self._level(overlap)
        if sigma > 0 and self.sigma is None:  # a cue cleaner than the denoiser knows any
            sigma = max(sigma, noise_range(self.denoiser)[0])
        return self.denoiser(cues, sigma) if sigma > 0 else cues.clone()

    def weights(self, states: Tensor, overlap: float) -> Tensor | None:
        """Posterior weights of the patterns, or None where they are not known."""
        known, sigma = getattr(self.denoiser, "weights", None), self._level(overlap)
        of_others = len(self.patterns) != len(getattr(self.denoiser, "data", ()))
        if known is None or of_others or sigma == 0:
            return None
        return known(states, sigma)

    def _level(self, overlap: float) -> float:
        return self.noise_level(overlap) if self.sigma is None else self.sigma

    def energy(self, states: Tensor) -> Tensor | None:
        """−σ² log p_σ up to the constant of the dense memory, where σ is fixed and p known."""
        log_density = getattr(self.denoiser, "log_density", None)
        if self.sigma is None or log_density is None:
            return None
        stored = getattr(self.denoiser, "data", self.patterns)
        return energy_of_log_density(log_density(states, self.sigma), self.sigma, *stored.shape)


class ReverseMemory(_RealMemory):
    """A denoiser along its reverse process, flow or SDE, from noise level `sigma`.

    None starts from the noise level of the cue.
    """

    def __init__(
        self, denoiser: Denoiser, patterns: Tensor, dynamics: str, sigma: float | None, steps: int
    ) -> None:
        super().__init__(patterns)
        self.denoiser, self.sigma, self.steps = denoiser, sigma, steps
        exact = hasattr(denoiser, "posterior_sample")
        self.method = "heun" if dynamics == "flow" else "ancestral" if exact else "sde"

    def retrieve(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """Where the reverse process takes each cue; it always arrives."""
        level = self.noise_level(overlap) if self.sigma is None else self.sigma
        return self.revisit(cues, level, generator)

    def revisit(
        self, cues: Tensor, noise: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """Where the reverse process from noise level `noise` takes each cue."""
        arrived = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
        if noise == 0:  # a clean cue has nothing to be cleaned of
            return Retrieval(cues.clone(), arrived)
        start = max(noise, noise_range(self.denoiser)[0])
        states = sample(
            self.denoiser, cues, VE(), self.method, self.steps, start=start, seed=generator
        )
        return Retrieval(states, arrived)

    def energy(self, states: Tensor) -> None:
        """None: the landscape changes along the way."""


class NearestPattern(_RealMemory):
    """The stored pattern nearest to the cue: the best decoder of patterns of equal norm.

    No memory can beat it on average, so that the others are measured against it.
    """

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The nearest pattern of each cue."""
        found = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
        return Retrieval(self.step(cues, overlap), found)

    def step(self, cues: Tensor, overlap: float) -> Tensor:
        """The nearest pattern of each cue: decoding takes one step."""
        keys = self.patterns
        if self._offset is not None:
            cues, keys = cues - self._offset, keys - self._offset
        return self.patterns[torch.cdist(cues, keys).argmin(1)]

    def energy(self, states: Tensor) -> None:
        """None: there is no dynamics."""


def as_memory(
    source: Any,
    patterns: Tensor | None = None,
    dynamics: str | None = None,
    *,
    sigma: float | None = None,
    steps: int = 50,
    max_sweeps: int = 100,
) -> Memory:
    """Adapt a network, a dense memory or a denoiser to the shared measurements.

    Parameters
    ----------
    source : HopfieldNetwork, DenseMemory, a denoiser D(x, sigma), or a Memory (returned
        as it is).
    patterns : (P, N), what was stored; needed for a network and for a denoiser that has
        no `data`.
    dynamics : "asynchronous" (default) or "synchronous" for spins; "fixed-noise" (default),
        "flow" or "sde" for a denoiser; see the head of the module.
    sigma : noise level of "fixed-noise", or that "flow" and "sde" start from whatever the
        overlap of the cue, positive; None takes the cue's own.
    steps : steps of "flow" and "sde". An exact denoiser of finite data is sampled exactly.
    max_sweeps : most sweeps or updates to a fixed point; more is reported as not converged.

    Returns
    -------
    Memory.

    Raises
    ------
    ValueError : no patterns known, shapes that disagree, or an unknown dynamics.
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
    if isinstance(source, HopfieldNetwork | DenseMemory):
        return _adapt_hopfield(source, patterns, dynamics, max_sweeps)
    if isinstance(source, Memory):
        return source
    if not callable(source):
        raise TypeError(
            "source must be a HopfieldNetwork, a DenseMemory, a denoiser or a Memory, "
            f"got {type(source).__name__}"
        )
    stored = getattr(source, "data", None) if patterns is None else patterns
    if stored is None:
        raise ValueError("patterns must be given for a denoiser that has no data, got None")
    source = as_denoiser(source)
    if isinstance(source, NetworkDenoiser):  # finer states than it resolves never come to rest
        stored = torch.as_tensor(stored).to(source.mean)
    words = ("fixed-noise", "flow", "sde")
    dynamics = _checks.choice("dynamics", dynamics or words[0], words)
    sigma = None if sigma is None else _checks.positive("sigma", sigma)
    if dynamics == "fixed-noise":
        return FixedNoiseMemory(source, stored, sigma, max_sweeps)
    return ReverseMemory(source, stored, dynamics, sigma, _checks.whole("steps", steps))


def stored_patterns(memory: Memory) -> Tensor:
    """`memory.patterns`, checked: (P, N), finite, at least one.

    Raises
    ------
    TypeError : something that is no Memory.
    ValueError : patterns that are not.
    """
    if not isinstance(memory, Memory):
        raise TypeError(
            f"memory must be a Memory, got {type(memory).__name__}; adapt it with as_memory"
        )
    return _checks.stored("memory.patterns", memory.patterns, binary=False)


@torch.no_grad()
def cue(memory: Memory, patterns: Tensor, overlap: float, generator: torch.Generator) -> Tensor:
    """`memory.corrupt`, checked.

    Raises
    ------
    ValueError : the memory returned NaN, or cues of a wrong shape.
    """
    made = _checked(memory, memory.corrupt(patterns, overlap, generator), patterns, "cues")
    return made if made.is_floating_point() else made.to(patterns)


@torch.no_grad()
def recall(memory: Memory, cues: Tensor, overlap: float, generator: torch.Generator) -> Retrieval:
    """`memory.retrieve`, checked: the one door through which measurements cue a memory.

    Raises
    ------
    ValueError : the memory returned no pair, NaN, or states or convergence of a wrong shape
        or kind.
    """
    if "generator" in inspect.signature(memory.retrieve).parameters:
        found = memory.retrieve(cues, overlap, generator=generator)  # type: ignore[call-arg]
    else:
        found = memory.retrieve(cues, overlap)
    return _retrieved(memory, found, cues)


@torch.no_grad()
def recall_near(
    memory: Memory, states: Tensor, noise: float, overlap: float, generator: torch.Generator
) -> Retrieval:
    """`memory.revisit` if it has one, else `memory.retrieve`, checked likewise."""
    revisit = getattr(memory, "revisit", None)
    if revisit is None:
        return recall(memory, states, overlap, generator)
    return _retrieved(memory, revisit(states, noise, generator), states)


@torch.no_grad()
def one_step(memory: Memory, cues: Tensor, overlap: float) -> Tensor:
    """`memory.step`, checked likewise.

    Raises
    ------
    ValueError : a memory without steps, or one that returned NaN or a wrong shape.
    """
    step = getattr(memory, "step", None)
    if step is None:
        raise ValueError(
            "criterion 'one-step' needs a memory with step(cues, overlap), "
            f"got {type(memory).__name__}"
        )
    return _checked(memory, step(cues, overlap), cues)


def settle(
    memory: Memory, cues: Tensor, overlap: float, criterion: str, generator: torch.Generator
) -> Retrieval:
    """Where cues go by a criterion: `recall` or `one_step`, whose convergence is NaN."""
    if criterion == "fixed-point":
        return recall(memory, cues, overlap, generator)
    unknown = torch.full((len(cues),), torch.nan, device=cues.device)
    return Retrieval(one_step(memory, cues, overlap), unknown)


def cosine(states: Tensor, patterns: Tensor) -> Tensor:
    """Cosine of each state with its pattern, in float64; 0 for a state of norm 0."""
    states, patterns = states.double(), patterns.double()
    norms = states.norm(dim=1) * patterns.norm(dim=1)
    return torch.where(norms > 0, (states * patterns).sum(1) / norms, 0.0)


def _retrieved(memory: Memory, found: Retrieval | tuple[Tensor, Tensor], cues: Tensor) -> Retrieval:
    if not isinstance(found, tuple | list) or len(found) != 2:
        raise ValueError(
            f"{type(memory).__name__} must return states and convergence, "
            f"got {type(found).__name__}"
        )
    states, converged = found[0], torch.as_tensor(found[1])
    if not ((converged == 0) | (converged == 1)).all():
        raise ValueError(
            f"{type(memory).__name__} must return convergence that is true or false, "
            f"got {converged.dtype} with other values"
        )
    if converged.shape not in ((), (len(cues),)):
        raise ValueError(
            f"{type(memory).__name__} must return convergence of shape ({len(cues)},), "
            f"got {tuple(converged.shape)}"
        )
    return Retrieval(_checked(memory, states, cues), converged.bool().expand(len(cues)))


def _checked(memory: Memory, states: Tensor, cues: Tensor, what: str = "states") -> Tensor:
    states = torch.as_tensor(states)
    if states.shape != cues.shape:
        raise ValueError(
            f"{type(memory).__name__} must return {what} of shape {tuple(cues.shape)}, "
            f"got {tuple(states.shape)}"
        )
    # the sum costs no temporary of that size, and may overflow
    if not torch.isfinite(states.sum()) and not torch.isfinite(states).all():
        raise ValueError(f"{type(memory).__name__} must return finite {what}, got NaN or infinity")
    return states


def _adapt_hopfield(
    source: HopfieldNetwork | DenseMemory,
    patterns: Tensor | None,
    dynamics: str | None,
    sweeps: int,
) -> Memory:
    if isinstance(source, DenseMemory) and patterns is None:
        patterns = source.patterns
    if patterns is None:
        raise ValueError("patterns must be given for a HopfieldNetwork, got None")
    if isinstance(source, DenseMemory) and source.states == "real":
        _checks.choice("dynamics", dynamics or "synchronous", ("synchronous",))
        return RealDenseMemory(source, patterns, sweeps)
    words = ("asynchronous", "synchronous")
    return SpinMemory(
        source, patterns, _checks.choice("dynamics", dynamics or words[0], words), sweeps
    )


def _ended(relaxation: Relaxation) -> Retrieval:
    return Retrieval(relaxation.states, relaxation.converged)
