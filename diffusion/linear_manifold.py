r"""The exact denoiser of Gaussian data on a linear manifold, x₀ = F z with z ~ N(0, I_m).

The covariance F Fᵀ = U diag(λ) Uᵀ has m eigenvalues λ_k > 0 (for F of full rank) and
d − m zeros, so that

    D = U [λ/(λ + σ²)] Uᵀ x,      ∇ log p_σ = −(F Fᵀ + σ²)⁻¹ x,      ∂D/∂x = U [λ/(λ + σ²)] Uᵀ,

and σ²∇∇ log p_σ = ∂D/∂x − I has eigenvalues −σ²/(σ² + λ_k), and −1 across the manifold
(Ventura et al., arXiv 2410.05898; Achilli et al., arXiv 2410.08727).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Level, Seed
from diffusion._modules import at_least_single
from diffusion.denoisers import ExactDenoiser


class LinearManifoldDenoiser(ExactDenoiser):
    """The exact denoiser of Gaussian data on a linear manifold, x₀ = F z, z ~ N(0, I_m).

    Parameters
    ----------
    F : (d, m), finite, of any rank; dtype and device of the results.

    Raises
    ------
    ValueError : F not (d, m), or not finite.

    Examples
    --------
    >>> line = LinearManifoldDenoiser(torch.tensor([[1.0], [0.0]]))
    >>> line(torch.tensor([[1.0, 1.0]]), sigma=1.0)
    tensor([[0.5000, 0.0000]])
    >>> line.jacobian_eigenvalues(torch.zeros(1, 2), sigma=1.0)
    tensor([[0.0000, 0.5000]])
    """

    def __init__(self, F: Tensor) -> None:
        F = _checks.points("F", F).detach()
        self.F = F.to(at_least_single(F.dtype))
        self.dimension = len(self.F)
        if self.dimension == 0:
            raise ValueError(f"F must have at least one row, got {tuple(self.F.shape)}")
        self._basis, singular, _ = torch.linalg.svd(self.F, full_matrices=False)
        self.variances = singular.square()  # (min(d, m),) eigenvalues of F Fᵀ, descending

    def __call__(self, x: Tensor, sigma: Level) -> Tensor:
        """Posterior mean F Fᵀ (F Fᵀ + σ²)⁻¹ x.

        Parameters
        ----------
        x : (B, d), finite.
        sigma : noise level, a number or (B,), positive, in signal units.

        Returns
        -------
        (B, d), like `F`.

        Raises
        ------
        ValueError : x not (B, d) or not finite; sigma not positive or of another length.
        """
        x, variance = self._query(x, sigma)
        return (x @ self._basis * self._gain(variance)) @ self._basis.T

    def score(self, x: Tensor, sigma: Level) -> Tensor:
        """Score −(F Fᵀ + σ²)⁻¹ x, (B, d). Arguments and errors as for a call."""
        x, variance = self._query(x, sigma)
        along = x @ self._basis
        across = x - along @ self._basis.T
        return -across / variance - (along / (self.variances + variance)) @ self._basis.T

    def log_density(self, x: Tensor, sigma: Level) -> Tensor:
        """log p_σ(x) of the noised density, (B,). Arguments and errors as for a call."""
        x, variance = self._query(x, sigma)
        along = x @ self._basis
        across = (x - along @ self._basis.T).square().sum(1, keepdim=True)
        total = self.variances + variance
        tangent = (along.square() / total + torch.log(2 * math.pi * total)).sum(1)
        normals = self.dimension - len(self.variances)
        normal = across / variance + normals * torch.log(2 * math.pi * variance)
        return -(tangent + normal.squeeze(1)) / 2

    def jacobian(self, x: Tensor, sigma: Level) -> Tensor:
        """∂D/∂x, (B, d, d), the same at every x. Arguments and errors as for a call."""
        _, variance = self._query(x, sigma)
        return (self._basis * self._gain(variance)[:, None, :]) @ self._basis.T

    def jacobian_eigenvalues(self, x: Tensor, sigma: Level) -> Tensor:
        """λ/(λ + σ²), ascending, (B, d), zeros first. Arguments and errors as for a call."""
        _, variance = self._query(x, sigma)
        normal = variance.new_zeros(len(variance), self.dimension - len(self.variances))
        return torch.cat([normal, self._gain(variance).flip(1)], 1)

    def jacobian_trace(self, x: Tensor, sigma: Level) -> Tensor:
        """Σ λ/(λ + σ²), (B,). Arguments and errors as for a call."""
        return self._gain(self._query(x, sigma)[1]).sum(1)

    def _about(self) -> str:
        return f"d={self.dimension}, m={self.F.shape[1]}"

    def draw(self, count: int, seed: Seed = None) -> Tensor:
        """Points F z of the manifold, (count, d).

        Parameters
        ----------
        count : number of points, at least 1.
        seed : int, torch.Generator or None.

        Raises
        ------
        ValueError : count below 1.

        Examples
        --------
        >>> LinearManifoldDenoiser(torch.eye(3, 2)).draw(5, seed=0)[:, 2]
        tensor([0., 0., 0., 0., 0.])
        """
        latent = self.F.new_empty(_checks.whole("count", count), self.F.shape[1])
        generator = _checks.generator_from(seed, "draw", self.F.device)
        return _checks.normal_like(latent, generator) @ self.F.T

    def _gain(self, variance: Tensor) -> Tensor:
        return self.variances / (self.variances + variance)

    def _query(self, x: Tensor, sigma: Level) -> tuple[Tensor, Tensor]:
        """x, and σ² as a (B, 1) column, like F."""
        x = _checks.points("x", x, dimension=self.dimension).to(self.F)
        return x, _checks.noise_level(sigma, x).square().to(x)


def manifold_factors(
    dimension: int,
    subspaces: Sequence[int],
    variances: Sequence[float],
    kind: str = "orthonormal",
    seed: Seed = None,
) -> Tensor:
    """Factors F of a linear manifold made of subspaces of given dimensions and variances.

    Parameters
    ----------
    dimension : d of the space.
    subspaces : dimension m_a of each subspace, of sum m.
    variances : variance λ_a of each subspace, positive.
    kind : "orthonormal": orthogonal columns, F Fᵀ has the eigenvalue λ_a m_a times; or
        "gaussian": entries N(0, λ_a/m), whose spectrum is a Marchenko–Pastur law.
    seed : int, torch.Generator or None.

    Returns
    -------
    (d, m), float64, the columns of the first subspace first.

    Raises
    ------
    ValueError : lists of different lengths, a variance that is not positive, an unknown
        kind, or more orthonormal columns than dimensions.

    Examples
    --------
    >>> F = manifold_factors(50, [2, 2], [1.0, 0.01], seed=0)
    >>> (F.T @ F).diagonal().round(decimals=6)
    tensor([1.0000, 1.0000, 0.0100, 0.0100], dtype=torch.float64)
    """
    _checks.choice("kind", kind, ("orthonormal", "gaussian"))
    dimension = _checks.whole("dimension", dimension)
    subspaces = _checks.several("subspaces", subspaces)
    variances = [
        _checks.positive("variances", one) for one in _checks.several("variances", variances)
    ]
    if len(subspaces) != len(variances) or len(subspaces) == 0:
        raise ValueError(
            f"variances must be one per subspace, got {len(variances)} for {len(subspaces)}"
        )
    sizes = [_checks.whole("subspaces", size) for size in subspaces]
    columns = sum(sizes)
    scales = torch.as_tensor(variances, dtype=torch.float64).sqrt()
    scales = scales.repeat_interleave(torch.tensor(sizes))
    shape = torch.empty(dimension, columns, dtype=torch.float64)
    gaussian = _checks.normal_like(shape, _checks.generator_from(seed, "manifold_factors"))
    if kind == "gaussian":
        return gaussian * scales / math.sqrt(columns)
    if columns > dimension:
        raise ValueError(
            f"subspaces must fit into {dimension} dimensions, got {columns}; use kind 'gaussian'"
        )
    return torch.linalg.qr(gaussian).Q * scales


def block_data(
    count: int,
    subspaces: Sequence[int] = (5, 10),
    deviations: Sequence[float] = (1.0, 0.3, 0.01),
    dimension: int = 30,
    unit_norm: bool = True,
    seed: Seed = None,
) -> Tensor:
    """Gaussian points whose coordinates come in blocks of one standard deviation each.

    The defaults are the data of "Losing dimensions" (arXiv 2410.08727, its code), where each
    point is divided by its norm. The first blocks then lie on a sphere of Σ subspaces − 1
    dimensions. Their variances are those of `diffusion.theory.unit_norm_variances`.

    Parameters
    ----------
    count : number of points, at least 1.
    subspaces : coordinates in each block but the last, which has the rest.
    deviations : standard deviation of each block before normalising, positive.
    dimension : d.
    unit_norm : whether to divide each point by its norm.
    seed : int, torch.Generator or None.

    Returns
    -------
    (count, d), float64, the coordinates of the first block first.

    Raises
    ------
    ValueError : a number out of range, blocks that do not fit into d coordinates, or not one
        deviation more than subspaces.

    Examples
    --------
    >>> data = block_data(4, seed=0)
    >>> data.norm(dim=1).round(decimals=6)
    tensor([1., 1., 1., 1.], dtype=torch.float64)
    """
    dimension = _checks.whole("dimension", dimension)
    sizes = [_checks.whole("subspaces", m) for m in _checks.several("subspaces", subspaces)]
    scales = [_checks.positive("deviations", s) for s in _checks.several("deviations", deviations)]
    if len(scales) != len(sizes) + 1:
        raise ValueError(
            f"deviations must be one for each of subspaces and one for the rest, "
            f"{len(sizes) + 1}, got {len(scales)}"
        )
    rest = dimension - sum(sizes)
    if rest < 0:
        raise ValueError(f"subspaces must fit into {dimension} dimensions, got {sum(sizes)}")
    data = torch.empty(_checks.whole("count", count), dimension, dtype=torch.float64)
    data = _checks.normal_like(data, _checks.generator_from(seed, "block_data"))
    wide = torch.tensor(scales, dtype=torch.float64)
    data *= wide.repeat_interleave(torch.tensor([*sizes, rest]))
    return data / data.norm(dim=1, keepdim=True) if _checks.flag("unit_norm", unit_norm) else data
