"""The models that the command knows by name, each a rule from patterns to a `Memory`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from bridges.memory import Memory


@dataclass(frozen=True)
class Options:
    """What a model may be told: β of the exponential models and, as σ = 1/√β, of the
    iterated denoiser; the degree of the polynomial one; the steps of the reverse flow."""

    beta: float = 1.0
    degree: int = 3
    steps: int = 50


@dataclass(frozen=True)
class Model:
    """label : for tables and figures. kind : of its states and patterns. about : a line."""

    label: str
    kind: str
    about: str
    build: Callable[[Tensor, Options], Memory]


def _network(rule: str) -> Callable[[Tensor, Options], Memory]:
    def build(patterns: Tensor, options: Options) -> Memory:
        import hopfield
        from bridges.memory import as_memory

        couplings = getattr(hopfield, rule)(patterns)
        return as_memory(hopfield.HopfieldNetwork(couplings), patterns)

    return build


def _dense(interaction: str, states: str) -> Callable[[Tensor, Options], Memory]:
    def build(patterns: Tensor, options: Options) -> Memory:
        from bridges.memory import as_memory
        from hopfield import DenseMemory

        return as_memory(
            DenseMemory(
                patterns, interaction, beta=options.beta, degree=options.degree, states=states
            )
        )

    return build


def _denoiser(dynamics: str) -> Callable[[Tensor, Options], Memory]:
    def build(patterns: Tensor, options: Options) -> Memory:
        from bridges.memory import as_memory
        from diffusion import EmpiricalDenoiser

        sigma = options.beta**-0.5 if dynamics == "fixed-noise" else None
        return as_memory(
            EmpiricalDenoiser(patterns), dynamics=dynamics, sigma=sigma, steps=options.steps
        )

    return build


def _nearest(patterns: Tensor, options: Options) -> Memory:
    from bridges.memory import NearestPattern

    return NearestPattern(patterns)


MODELS: dict[str, Model] = {
    "hebb": Model(
        "Hebb", "binary", "Hopfield network, Hebb's rule, asynchronous", _network("hebbian")
    ),
    "pseudo-inverse": Model(
        "pseudo-inverse",
        "binary",
        "Hopfield network, projector on the patterns, asynchronous",
        _network("pseudo_inverse"),
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
}
