"""The classical memories by name: sparse, imprecise, diluted, in sequence, in pairs, warm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridges.models.model import Model, Options, network

if TYPE_CHECKING:
    from torch import Tensor

    from bridges.memory import Memory


def _covariance(patterns: Tensor, options: Options, seed: int) -> Memory:
    from hopfield import CovarianceMemory

    return CovarianceMemory(patterns, options.theta)


def _willshaw(patterns: Tensor, options: Options, seed: int) -> Memory:
    from bridges.memory import as_memory
    from hopfield import WillshawMemory

    return as_memory(WillshawMemory(patterns))


def _potts(patterns: Tensor, options: Options, seed: int) -> Memory:
    """Patterns (P, N·q), a 1 at the colour of each site."""
    from hopfield import PottsMemory

    hot = patterns.reshape(len(patterns), -1, options.colours)
    return PottsMemory(hot.argmax(2), options.colours)


def _kernel(patterns: Tensor, options: Options, seed: int) -> Memory:
    from hopfield import KernelMemory

    return KernelMemory(patterns, gain=options.gain)


def _sequence(patterns: Tensor, options: Options, seed: int) -> Memory:
    from hopfield import SequenceMemory

    return SequenceMemory(patterns, options.steps)


def _dense_sequence(patterns: Tensor, options: Options, seed: int) -> Memory:
    """The degree is that of an energy m^n, whose steps have the weights m^{n − 1}."""
    from hopfield import SequenceMemory

    return SequenceMemory(patterns, options.steps, degree=options.degree - 1)


def _pairs(patterns: Tensor, options: Options, seed: int) -> Memory:
    """The first half of the sites calls the second."""
    from hopfield import BidirectionalMemory

    half = patterns.shape[1] // 2
    if half == 0:
        raise ValueError("data must have at least 2 sites for bam, whose halves call each other")
    return BidirectionalMemory(patterns[:, :half], patterns[:, half:])


def _thermal(patterns: Tensor, options: Options, seed: int) -> Memory:
    from hopfield import ThermalMemory, hebbian

    return ThermalMemory(hebbian(patterns), patterns, options.temperature)


def _clamped(patterns: Tensor, options: Options, seed: int) -> Memory:
    from hopfield import PartialCueMemory, hebbian

    return PartialCueMemory(hebbian(patterns), patterns)


def _clipped(patterns: Tensor, options: Options, seed: int) -> Tensor:
    from hopfield import clip_couplings, hebbian

    return clip_couplings(hebbian(patterns), options.levels)


def _diluted(patterns: Tensor, options: Options, seed: int) -> Tensor:
    from hopfield import dilute, hebbian

    return dilute(hebbian(patterns), options.keep, seed=seed)


def _spectrum(patterns: Tensor, options: Options, seed: int) -> Tensor:
    from hopfield import clipped_spectrum

    return clipped_spectrum(patterns, options.clip)


CLASSICAL: dict[str, Model] = {
    "clipped": Model(
        "clipped",
        "binary",
        "Hebb's couplings with --levels values, signs alone for 2",
        network(_clipped),
        reads=("levels",),
    ),
    "diluted": Model(
        "diluted",
        "binary",
        "Hebb's couplings of which the share --keep is left, symmetric",
        network(_diluted),
        reads=("keep",),
    ),
    "clipped-spectrum": Model(
        "clipped spectrum",
        "binary",
        "Hebb's rule with the spectrum of the patterns cut at --clip",
        network(_spectrum),
        reads=("clip",),
    ),
    "thermal": Model(
        "Hebb, warm",
        "binary",
        "Hebb's couplings in a heat bath of --temperature, the last state",
        _thermal,
        reads=("temperature",),
    ),
    "clamped": Model(
        "Hebb, clamped",
        "binary",
        "Hebb's couplings; cues know --overlap of the spins, which are held",
        _clamped,
        unknown=True,
    ),
    "kernel": Model(
        "kernel",
        "binary",
        "kernel e^{g(ξ·S/N − 1)} with g = --gain, ridge regression, synchronous",
        _kernel,
        reads=("gain",),
    ),
    "sequence": Model(
        "sequence",
        "binary",
        "sequence: each pattern calls the next one, --steps steps, synchronous",
        _sequence,
        reads=("steps",),
        least=2,
    ),
    "dense-sequence": Model(
        "dense sequence",
        "binary",
        "sequence with weights m^{n − 1} of the patterns, n = --degree",
        _dense_sequence,
        reads=("steps",),
        least=2,
    ),
    "bam": Model(
        "bidirectional",
        "binary",
        "bidirectional: the first half of the sites calls the second",
        _pairs,
        unknown=True,
    ),
    "covariance": Model(
        "covariance",
        "sparse",
        "0/1 patterns of --activity, covariance rule, threshold --theta",
        _covariance,
        reads=("activity", "theta"),
    ),
    "willshaw": Model(
        "Willshaw",
        "sparse",
        "0/1 patterns of --activity, one bit per coupling, cues that lack ones",
        _willshaw,
        reads=("activity",),
    ),
    "potts": Model(
        "Potts",
        "colours",
        "sites of --colours colours, Potts–Hopfield, asynchronous",
        _potts,
        reads=("colours",),
    ),
}
CLASSICAL_NETWORKS = {
    "clipped": 6,
    "diluted": 5,
    "clipped-spectrum": 3,
    "thermal": 3,
    "clamped": 3,
    "bam": 1,
    "covariance": 3,
}
"""Those with couplings, and how many matrices (N, N) they hold at once."""

DENSE = (
    *("hebb", "clipped", "diluted", "thermal", "clamped", "bam", "sequence"),
    *("clipped-spectrum", "pseudo-inverse", "kernel"),
)
"""The memories of ±1 patterns that `compare --model classical` compares."""
CODES = ("covariance", "willshaw", "potts")
"""Those of 0/1 patterns and of colours."""
