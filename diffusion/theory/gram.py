r"""The spectrum of the Gram matrix of features on n points with m noise draws each.

G_ab = f(y_a·y_b/d) over the nm noised points y, f(u) = E σσ of two fields of covariance u; its
eigenvalues are those of U times nm/p, wherever p is large. With c = e^{−2t} tr Σ/d, Γ² = c + D, and
f(0) = 0, it is close to

    G ≈ μ_I 1 + μ_B B + μ_1 YYᵀ/d,
    μ_1 = f′(0),   μ_B = f(c) − cf′(0),   μ_I = f(Γ²) − f(c) − Df′(0),

B_ab = 1 for two draws of one point and 0 otherwise: μ_1 = a², μ_B = v² and μ_I = s² of
`feature_coefficients`. For d ≪ n, with λ_t = e^{−2t}λ + D along a direction of variance λ,

    the data                     nmμ_1λ_t/d + μ_I + μ_B(me^{−2t}λ + D)/λ_t    d modes
    the noise along the data     μ_I + μ_B(m − 1)D/λ_t                         d, none for m = 1
    what draws of a point share  μ_I + mμ_B                                    n − d, exactly
    the rest                     μ_I                                           nm − n − d, exactly

A mode of eigenvalue λ_G is learnt at the flow time nm/(2Ddλ_G).
(Urfin, Bonnaire, Biroli & Mézard, arXiv 2609.35377; the three coefficients are derived here.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from diffusion._checks import positive, whole
from diffusion._hermite import Activation
from diffusion._results import Result
from diffusion.theory import _checks
from diffusion.theory._checks import Array
from diffusion.theory.activations import feature_coefficients


@dataclass(frozen=True, repr=False)
class GramSpectrum(Result):
    """Groups of eigenvalues of a Gram matrix; the two atoms are exact, the bulks for n ≫ d."""

    points: int
    draws: int
    time: float
    linear: float  # μ_1
    shared: float  # μ_B
    own: float  # μ_I
    generalization: Array  # (d,)
    memorization: Array  # (d,) of the noise along the data; (0,) for one draw
    point_atom: float  # μ_I + mμ_B
    point_modes: int
    noise_atom: float  # μ_I
    noise_modes: int

    def __repr__(self) -> str:
        parts = {
            "data at": f"{self.generalization.mean():.4g}",
            "atoms": f"{self.point_modes} at {self.point_atom:.4g}, {self.noise_modes} at "
            f"{self.noise_atom:.4g}",
        }
        return self._shown(f"n = {self.points}, m = {self.draws}", parts)

    def flow_times(self, eigenvalues: ArrayLike) -> Array:
        """τ = nm/(2Ddλ) at which modes of these eigenvalues λ of G are learnt.

        Parameters
        ----------
        eigenvalues : positive, of any shape.

        Raises
        ------
        ValueError : an eigenvalue that is not positive.
        """
        lam = _checks.positive("eigenvalues", eigenvalues)
        D = -np.expm1(-2 * self.time)
        each = self.points * self.draws / len(self.generalization)
        return np.asarray(each / (2 * D * lam))[()]


def gram_spectrum(
    points: int,
    draws: int,
    variances: ArrayLike,
    time: float,
    activation: Activation = "tanh",
) -> GramSpectrum:
    """The groups of eigenvalues of the features' Gram matrix, to leading order in d/n.

    Parameters
    ----------
    points : n, at least d.
    draws : m, noise draws per point.
    variances : (d,) eigenvalues of the covariance of the data, about a mean of 0.
    time : Ornstein–Uhlenbeck time, positive.
    activation : as for `feature_coefficients`.

    Raises
    ------
    ValueError : an argument outside its range.

    Examples
    --------
    >>> found = gram_spectrum(256, 4, [1.0] * 64, 0.1)
    >>> print(f"{found.point_modes} at {found.point_atom:.4f}, {found.noise_modes} at "
    ...       f"{found.noise_atom:.4f}, between {found.memorization[0]:.4f}")
    192 at 0.0689, 704 at 0.0136, between 0.0211
    """
    lam = _checks.spectrum(variances)
    n, m, d = whole("points", points), whole("draws", draws), len(lam)
    if n < d:
        raise ValueError(f"points must be at least {d}, one per direction, got {n}")
    t = positive("time", time)
    found = feature_coefficients(activation, t, lam.mean())
    linear, shared, own = float(found.a) ** 2, float(found.v2), float(found.s2)
    D = -np.expm1(-2 * t)
    noised = (1 - D) * lam + D
    return GramSpectrum(
        points=n,
        draws=m,
        time=t,
        linear=linear,
        shared=shared,
        own=own,
        generalization=linear * n * m / d * noised + own + shared * (m * (noised - D) + D) / noised,
        memorization=own + shared * (m - 1) * D / noised if m > 1 else np.empty(0),
        point_atom=own + m * shared,
        point_modes=n - d,
        noise_atom=own,
        noise_modes=n * (m - 1) - d if m > 1 else 0,
    )
