r"""Losses of a random-features model as quadratic forms in the eigenbasis of its matrix U.

With U = O diag(λ) Oᵀ and P = OᵀV, the loss on points S is 1 + (gᵀQg − 2 q·g)/d,

    Q = (PPᵀ) ∘ (OᵀU_S O),      q = rowsum(P ∘ OᵀV_S)

(`diffusion.random_features`). All p × p matrices but O are symmetric: they are made below the
diagonal, strip of columns by strip, and mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_STRIP = 512  # columns of a symmetric matrix made at once: half of all, and the cache holds them

Averages = tuple[Tensor, Tensor]  # U (p, p) and V (p, d)


@dataclass(frozen=True)
class Form:
    """The loss of a set of points as a quadratic form of g: 1 + (gᵀQg − 2 q·g)/d."""

    quadratic: Tensor  # Q (p, p)
    linear: Tensor  # q (p,)
    diagonal: Tensor  # (p,), of OᵀU_S O


@dataclass(frozen=True)
class Basis:
    """The eigenbasis of U, and V in it."""

    vectors: Tensor  # O (p, p), columns
    projected: Tensor  # P = OᵀV (p, d)

    def forms(self, U: Tensor, V: Tensor) -> Form:
        """The loss on a set of points of these averages."""
        turned = U @ self.vectors
        rotated = torch.empty_like(U)
        for low, strip in strips(U):
            rotated[low:, strip] = self.vectors[:, low:].mT @ turned[:, strip]
        rotated = mirrored(rotated)
        diagonal = rotated.diagonal().clone()
        linear = self._linear(V)
        return Form(rotated.mul_(self.projected @ self.projected.mT), linear, diagonal)

    def forms_of_parts(
        self, averages: list[Averages], fractions: Tensor, values: Tensor
    ) -> list[Form]:
        """The losses on parts of the points whose average U this is the basis of.

        Σ_c ρ_c OᵀU_cO = diag(λ): what the largest part has is what the others leave.
        """
        last = int(fractions.argmax())
        forms = [None if c == last else self.forms(*one) for c, one in enumerate(averages)]
        quadratic = torch.diag(values * self.projected.square().sum(1))
        diagonal = values.clone()
        for rho, form in zip(fractions, forms, strict=True):
            if form is not None:
                quadratic -= rho * form.quadratic
                diagonal -= rho * form.diagonal
        rest = Form(
            quadratic.div_(fractions[last]),
            self._linear(averages[last][1]),
            diagonal / fractions[last],
        )
        return [rest if form is None else form for form in forms]

    def _linear(self, V: Tensor) -> Tensor:
        return (self.projected * (self.vectors.mT @ V)).sum(1)


def strips(matrix: Tensor) -> Iterator[tuple[int, slice]]:
    """Columns of a symmetric matrix, some at a time, and the row from which they are needed."""
    return ((low, slice(low, low + _STRIP)) for low in range(0, len(matrix), _STRIP))


def mirrored(matrix: Tensor) -> Tensor:
    """A matrix of which only the part below the diagonal is known, made symmetric in place."""
    for low, strip in strips(matrix):
        block = matrix[low : low + _STRIP, strip]
        block.copy_(block.tril() + block.tril(-1).mT)
        matrix[strip, low + _STRIP :] = matrix[low + _STRIP :, strip].mT
    return matrix


def add_below(U: Tensor, correlation: Tensor, c: Tensor) -> None:
    """Add Σ_k R^k ∘ c_kᵀc_k to the part of U below its diagonal; coefficients c (k, points, p)."""
    for low, strip in strips(U):
        own, total = correlation[low:, strip], U[low:, strip]
        power = torch.ones_like(own)
        for k, column in enumerate(c):
            if k:
                power *= own
            total.addcmul_(power, column[:, low:].mT @ column[:, strip])
