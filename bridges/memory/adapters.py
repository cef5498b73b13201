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
s = rms(ξ − c) sqrt(1/m² − 1) per entry leaves it at m. A denoiser at one given noise level has an
energy, a trained one too (`bridges.memory.denoising`).
"""

from __future__ import annotations

from copy import copy
from typing import Any

import torch
from torch import Tensor

from bridges import _checks
from bridges.memory.denoising import (
    FixedNoiseMemory,
    RealMemory,
    ReverseMemory,
    own_patterns_alone,
)
from bridges.memory.interface import Memory, Retrieval, ended
from bridges.memory.similarity import WHOLE, Adapted, Similarity, chosen_similarity, flat
from bridges.memory.trajectories import after_steps, relaxed_along
from diffusion.flat import answering, weight_of
from hopfield import DenseMemory, HopfieldNetwork, flip_spins
from hopfield.dense import WEIGHTED


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
        return ended(
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


class RealDenseMemory(RealMemory):
    """A dense memory of real states, iterated to a fixed point."""

    def __init__(
        self, source: DenseMemory, patterns: Tensor, sweeps: int, similarity: Similarity = WHOLE
    ) -> None:
        super().__init__(patterns, similarity)
        self.source, self.sweeps = source, sweeps

    def retrieve(self, cues: Tensor, overlap: float) -> Retrieval:
        """The fixed point that each cue is iterated to."""
        return ended(self.source.relax(cues, max_sweeps=self.sweeps))

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

    def reweighted(self, log_weights: Tensor) -> RealDenseMemory:
        """The same memory with these log-weights of its patterns, (P,).

        Raises ValueError for an interaction that takes none.
        """
        if len(self.patterns) != len(self.source.patterns):
            raise own_patterns_alone(self.patterns, self.source.patterns)
        found, old = copy(self), self.source
        found.source = DenseMemory(
            old.patterns,
            old.interaction,
            old.beta,
            norm_correction=old.norm_correction,
            log_weights=log_weights,
        )
        return found

    @property
    def temperature(self) -> float:
        """1/β, in units of which log-weights are potentials."""
        return 1 / self.source.beta

    def energy(self, states: Tensor) -> Tensor:
        """The energy of the dense memory."""
        return self.source.energy(states)


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
