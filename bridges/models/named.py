"""The models that the command knows by name, each a rule from patterns to a `Memory`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridges.models.classical import CLASSICAL, CLASSICAL_NETWORKS
from bridges.models.continuous import CONTINUOUS, dense
from bridges.models.model import Build, Model, Options, network

if TYPE_CHECKING:
    from torch import Tensor

    from bridges.memory import Memory
    from hopfield import LowRankCouplings


def _one_shot(name: str) -> Build:
    def rule(patterns: Tensor, options: Options, seed: int) -> Tensor:
        import hopfield

        couplings: Tensor = getattr(hopfield, name)(patterns)
        return couplings

    return network(rule)


def _spanned(name: str) -> Build:
    """A rule whose couplings the patterns span: without a matrix where that costs less."""

    def rule(patterns: Tensor, options: Options, seed: int) -> Tensor | LowRankCouplings:
        import hopfield
        from hopfield.low_rank import pays

        of = hopfield.LowRankCouplings if pays(*patterns.shape) else hopfield
        couplings: Tensor | LowRankCouplings = getattr(of, name)(patterns)
        return couplings

    return network(rule)


def _unlearned(patterns: Tensor, options: Options, seed: int) -> Tensor:
    """Dreams up to 0.55 P/ε, before all is lost at P/ε; loads above 0.6 are beyond help."""
    from hopfield import hebbian, unlearn

    count, size = patterns.shape
    dreams = round(0.55 * min(count, 0.6 * size) / options.rate)
    steps = dreams if options.training_steps is None else options.training_steps
    return unlearn(hebbian(patterns), steps, options.rate, seed=seed, checkpoints=[]).couplings


def _daydreamed(patterns: Tensor, options: Options, seed: int) -> Tensor:
    from hopfield import daydream

    size = patterns.shape[1]
    steps = 240 * size if options.training_steps is None else options.training_steps
    return daydream(patterns, steps=steps, seed=seed, checkpoints=[]).couplings


def _trained(patterns: Tensor, options: Options, seed: int) -> Tensor:
    """Uniform noise on rows of norm 1, the rate lowered in three stages to settle."""
    from hopfield import train_with_noise

    size = patterns.shape[1]
    return train_with_noise(
        patterns,
        0.7 if options.training_overlap is None else options.training_overlap,
        steps=600 * size if options.training_steps is None else options.training_steps,
        rate=[0.3, 0.1, 0.03],
        normalize=True,
        seed=seed,
        checkpoints=[],
    ).couplings


def _trained_structured(patterns: Tensor, options: Options, seed: int) -> Tensor:
    """Fixed points of the current landscape, symmetrised, up to 1.5 N/λ steps."""
    from hopfield import train_with_noise

    steps = round(1.5 * patterns.shape[1] / options.rate)
    return train_with_noise(
        patterns,
        0.5 if options.training_overlap is None else options.training_overlap,
        "fixed-point",
        steps=steps if options.training_steps is None else options.training_steps,
        rate=options.rate,
        symmetric=True,
        seed=seed,
        checkpoints=[],
    ).couplings


def _dense(interaction: str, states: str) -> Build:
    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        asked = {"beta": options.beta, "degree": options.degree, "states": states}
        return dense(patterns, interaction, **asked)

    return build


def _denoiser(dynamics: str) -> Build:
    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        from bridges.memory import as_memory
        from bridges.memory.similarity import WHOLE
        from diffusion import EmpiricalDenoiser

        source, steps = EmpiricalDenoiser(patterns), options.steps
        sigma = options.beta**-0.5 if dynamics == "fixed-noise" else None
        return as_memory(source, dynamics=dynamics, sigma=sigma, steps=steps, centre=WHOLE)

    return build


def _local(mode: str) -> Build:
    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        from bridges.memory import as_memory
        from diffusion import LocalDenoiser

        shape, dynamics = options.shape, options.dynamics
        if shape is None or len(shape) not in (2, 3):
            got = "patterns without a shape" if shape is None else f"rows of shape {shape}"
            raise ValueError(
                f"data must be images for {mode}, whose windows are in them, got {got}"
            )
        source = LocalDenoiser(patterns, options.window, mode, shape)
        sigma = options.beta**-0.5 if dynamics == "fixed-noise" else None
        centre = options.centre
        return as_memory(source, dynamics=dynamics, sigma=sigma, steps=options.steps, centre=centre)

    return build


def _nearest(patterns: Tensor, options: Options, seed: int) -> Memory:
    from bridges.memory import NearestPattern
    from bridges.memory.similarity import WHOLE

    return NearestPattern(patterns, centre=WHOLE)


MODELS: dict[str, Model] = {
    "hebb": Model(
        "Hebb", "binary", "Hopfield network, Hebb's rule, asynchronous", _spanned("hebbian")
    ),
    "pseudo-inverse": Model(
        "pseudo-inverse",
        "binary",
        "Hopfield network, projector on the patterns, asynchronous",
        _spanned("pseudo_inverse"),
    ),
    "storkey": Model(
        "Storkey", "binary", "Hopfield network, Storkey's rule, asynchronous", _one_shot("storkey")
    ),
    "max-margin": Model(
        "maximum margin",
        "binary",
        "Hopfield network of largest stability, while the patterns are separable",
        _one_shot("max_margin"),
    ),
    "unlearned": Model(
        "unlearned",
        "binary",
        "Hebb's network after 0.55 P/ε dreams, ε = --rate",
        network(_unlearned),
    ),
    "daydream": Model(
        "daydream", "binary", "dreams removed, patterns reinforced", network(_daydreamed)
    ),
    "twn": Model(
        "trained, uniform noise",
        "binary",
        "training with uniform noise at --training-overlap (0.7)",
        network(_trained),
    ),
    "twn-structured": Model(
        "trained, structured noise",
        "binary",
        "training with fixed points reached from --training-overlap (0.5), λ = --rate",
        network(_trained_structured),
    ),
    "polynomial": Model(
        "polynomial dense",
        "binary",
        "dense memory, F(m) = m^n with n = --degree, asynchronous",
        _dense("polynomial", "binary"),
    ),
    "exponential": Model(
        "exponential dense, spins",
        "binary",
        "dense memory, F = exp(β ξ·S), asynchronous",
        _dense("exponential", "binary"),
    ),
    "exponential-real": Model(
        "exponential dense, real",
        "real",
        "dense memory (modern Hopfield network) at fixed β, iterated",
        _dense("exponential", "real"),
    ),
    **CONTINUOUS,
    "denoiser": Model(
        "iterated denoiser",
        "real",
        "exact denoiser at fixed σ = 1/√β, iterated: the same map as exponential-real",
        _denoiser("fixed-noise"),
    ),
    "flow": Model(
        "reverse flow", "real", "exact denoiser, deterministic reverse flow", _denoiser("flow")
    ),
    "sde": Model(
        "reverse SDE", "real", "exact denoiser, stochastic reverse process", _denoiser("sde")
    ),
    "nearest": Model(
        "nearest pattern",
        "real",
        "the stored pattern nearest to the cue: the limit for any decoder",
        _nearest,
    ),
    "local": Model(
        "local",
        "stored",
        "exact denoiser of windows of images, as wide as --window, along --dynamics",
        _local("local"),
        reads=("window",),
        images=True,
    ),
    "equivariant": Model(
        "equivariant",
        "stored",
        "the same, its windows compared with those of all places",
        _local("equivariant"),
        reads=("window",),
        images=True,
    ),
} | CLASSICAL

NETWORKS = {
    "hebb": 2,
    "pseudo-inverse": 2,
    "storkey": 3,
    "max-margin": 2,
    "unlearned": 4,
    "daydream": 4,
    "twn": 4,
    "twn-structured": 4,
} | CLASSICAL_NETWORKS
"""The models with couplings, and how many matrices (N, N) they hold at once."""
SPANNED = ("hebb", "pseudo-inverse")
"""Those of them that do without a matrix where few patterns are stored."""
FIRST = ("hebb", "pseudo-inverse", "exponential", "flow")
"""Memories that differ, for a first look."""
SIDE_BY_SIDE = (
    *("hebb", "pseudo-inverse", "polynomial", "exponential", "exponential-real"),
    *("denoiser", "flow", "sde", "nearest"),
)
"""The models that `compare` compares by default."""
