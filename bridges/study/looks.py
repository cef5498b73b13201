"""Colour and marker of each model, the same in every figure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle

LOOKS: dict[str, tuple[str, str]] = {
    "hebb": ("#000000", "o"),
    "pseudo-inverse": ("#E69F00", "s"),
    "polynomial": ("#009E73", "^"),
    "exponential": ("#CC79A7", "v"),
    "exponential-real": ("#56B4E9", "D"),
    "entmax": ("#CC6677", "h"),
    "log-sum-relu": ("#5F4690", "8"),
    "random-features": ("#73AF48", "p"),
    "denoiser": ("#0072B2", "x"),
    "flow": ("#D55E00", "P"),
    "sde": ("#8C6D1F", "*"),
    "exact": ("#8C6D1F", "o"),
    "storkey": ("#999933", "h"),
    "max-margin": ("#332288", "d"),
    "unlearned": ("#882255", "<"),
    "daydream": ("#44AA99", ">"),
    "twn": ("#AA4466", "p"),
    "twn-structured": ("#117733", "X"),
    "clipped": ("#DDAA33", "h"),
    "diluted": ("#6699CC", "d"),
    "clipped-spectrum": ("#BB5566", "s"),
    "thermal": ("#994455", "^"),
    "clamped": ("#004488", "v"),
    "kernel": ("#228833", "D"),
    "sequence": ("#AA3377", ">"),
    "dense-sequence": ("#661100", ">"),
    "bam": ("#66CCEE", "<"),
    "covariance": ("#EE7733", "o"),
    "willshaw": ("#0077BB", "s"),
    "potts": ("#009988", "^"),
    "local": ("#A6761D", "p"),
    "equivariant": ("#7570B3", "H"),
}
_OTHERS: tuple[tuple[str, str], ...] = (
    ("#DC267F", "H"),
    ("#785EF0", "8"),
    ("#B8860B", "p"),
    ("#648FFF", "d"),
    ("#5C4033", "^"),
)  # of models that have no name: those given by a path


def looks_of(models: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model: its own, or those of the next that has no name."""
    others = cycle(_OTHERS)
    return {model: LOOKS.get(model) or next(others) for model in dict.fromkeys(models)}
