"""Memories of real states beyond the exponential one, by name: sparse weights, balls, features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridges.models.model import Model, Options

if TYPE_CHECKING:
    from torch import Tensor

    from bridges.memory import Memory


def dense(patterns: Tensor, interaction: str, **asked: Any) -> Memory:
    """A dense memory of patterns that are about the centre of their data."""
    from bridges.memory import as_memory
    from bridges.memory.similarity import WHOLE
    from hopfield import DenseMemory

    return as_memory(DenseMemory(patterns, interaction, **asked), centre=WHOLE)


def _entmax(patterns: Tensor, options: Options, seed: int) -> Memory:
    return dense(patterns, "entmax", beta=options.beta, alpha=options.entmax)


def _log_sum_relu(patterns: Tensor, options: Options, seed: int) -> Memory:
    """The kernel has the variance 1/β per coordinate that others have: ρ² = (N + 4)/β."""
    return dense(patterns, "log-sum-relu", beta=2 * options.beta / (patterns.shape[1] + 4))


def _random_features(patterns: Tensor, options: Options, seed: int) -> Memory:
    asked = {"beta": options.beta, "features": options.features, "seed": seed}
    return dense(patterns, "random-features", **asked)


CONTINUOUS: dict[str, Model] = {
    "entmax": Model(
        "entmax",
        "real",
        "dense memory with the sparse weights of α-entmax, α = --entmax, iterated",
        _entmax,
        reads=("entmax",),
    ),
    "log-sum-relu": Model(
        "log-sum-ReLU",
        "real",
        "mean of the patterns nearer than ρ = √((N + 4)/β), iterated",
        _log_sum_relu,
    ),
    "random-features": Model(
        "random features",
        "real",
        "the exponential one's kernel from --features random features, iterated",
        _random_features,
        reads=("features",),
    ),
}
