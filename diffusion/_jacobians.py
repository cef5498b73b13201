r"""Jacobians of any denoiser: closed forms where there are some, otherwise by differentiation.

Let tJ = ∂D/∂x − I. D of a trained network is not a gradient and tJ not symmetric. Its
singular values then carry the sign of u_k·v_k (left and right vector), which gives the
eigenvalues where tJ is symmetric. This is an inner module; `diffusion.geometry` is its door.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from diffusion._modules import evaluation
from diffusion.denoisers import DenoiserLike, ExactDenoiser

_NUMBERS = 2**22  # numbers held at once, in a block of Jacobian rows


def spectrum(denoiser: DenoiserLike, x: Tensor, level: Tensor) -> Tensor:
    """Signed singular values of tJ, ascending, (B, d)."""
    if isinstance(denoiser, ExactDenoiser):
        return denoiser.jacobian_eigenvalues(x, level) - 1
    size = max(1, _NUMBERS // x.shape[1] ** 2)
    blocks = zip(x.split(size), level.split(size), strict=True)
    return torch.cat([_signed_values(denoiser, *block) for block in blocks])


def trace(denoiser: DenoiserLike, x: Tensor, level: Tensor) -> Tensor:
    """tr ∂D/∂x, (B,)."""
    if isinstance(denoiser, ExactDenoiser):
        return denoiser.jacobian_trace(x, level)
    low, total = 0, x.new_zeros(len(x))
    for rows in _rows(denoiser, x, level):
        high = low + rows.shape[1]
        total = total + rows[:, :, low:high].diagonal(dim1=1, dim2=2).sum(1)
        low = high
    return total


def along(denoiser: DenoiserLike, x: Tensor, level: Tensor, directions: Tensor) -> Tensor:
    """q·(∂D/∂x)q for each column q of `directions` (d, m), (B, m)."""
    if isinstance(denoiser, ExactDenoiser):
        return denoiser.jacobian_along(x, level, directions)
    directions = directions.to(x)
    rows = torch.cat(list(_rows(denoiser, x, level, directions)), 1)
    return torch.einsum("bmd,dm->bm", rows, directions)


def between(denoiser: DenoiserLike, x: Tensor, level: Tensor, directions: Tensor) -> Tensor:
    """q_i·(∂D/∂x)q_j of all pairs of columns of `directions` (d, m), (B, m, m), differentiated."""
    directions = directions.to(x)
    size = max(1, _NUMBERS // (x.shape[1] * directions.shape[1]))
    blocks = zip(x.split(size), level.split(size), strict=True)
    found = [torch.cat(list(_rows(denoiser, *block, directions)), 1) for block in blocks]
    return torch.cat(found) @ directions.to(found[0])


def _signed_values(denoiser: DenoiserLike, x: Tensor, level: Tensor) -> Tensor:
    """Signed singular values of tJ by differentiation, ascending, (B, d)."""
    jacobian = torch.cat(list(_rows(denoiser, x, level)), 1)
    jacobian.diagonal(dim1=1, dim2=2).sub_(1)
    left, values, right = torch.linalg.svd(jacobian)
    signs = torch.where((left * right.mT).sum(1) < 0, -1.0, 1.0).to(values)
    return (values * signs).sort(1).values


def _rows(
    denoiser: DenoiserLike, x: Tensor, level: Tensor, directions: Tensor | None = None
) -> Iterator[Tensor]:
    """Rows qᵀ ∂D/∂x for the columns q of `directions` (all axes), in blocks (B, rows, d).

    The forward pass runs once, as it is; only its backward passes are batched, where its
    layers allow it. The denoiser needs one property only: the rows of a batch do not
    influence each other.
    """
    with torch.enable_grad():
        inputs = x.detach().clone().requires_grad_()
        output = denoiser(inputs, level)
    if not output.requires_grad:
        raise ValueError(
            f"denoiser must be differentiable by torch, got {type(denoiser).__name__}, whose "
            "result does not depend on x by a graph"
        )
    if directions is None:
        directions = torch.eye(x.shape[1], dtype=output.dtype, device=x.device)
    for block in directions.to(output).T.split(max(1, _NUMBERS // max(1, x.numel()))):
        probes = block[:, None, :].expand(-1, len(x), -1)
        with evaluation(denoiser):  # a module may compute its layers again on the way back
            rows = _pulled_back(output, inputs, probes)
        yield rows.detach().transpose(0, 1)


def _pulled_back(output: Tensor, inputs: Tensor, probes: Tensor) -> Tensor:
    """Gradients of `output` at the inputs for each of the probes (rows, B, d), alike."""
    try:
        return torch.autograd.grad(
            output, inputs, probes, is_grads_batched=True, retain_graph=True
        )[0]
    except RuntimeError:  # some layers of images have no batched backward pass
        each = (torch.autograd.grad(output, inputs, one, retain_graph=True)[0] for one in probes)
        return torch.stack(list(each))
