r"""Double descent of random features that see m noise draws of each of n points.

Ridge regression on the nm pairs (x, ξ), data N(0, I) in d dimensions and p features, all large at
fixed ψ_p = p/d and ψ_n = n/d. With a = e^{−t}, D = 1 − a², and of the activation only

    μ_1 = E zσ(z),   μ_*² = E σ² − μ_1²,   κ = v²/μ_*²   (v² of `diffusion.theory.features`),

two traces q, r of (U + λ)⁻¹ are, at z = −λ and ζ = 0, the saddle of

    ψ_n[ln L_1 + (m − 1) ln L_2] + r/q − ln r + (1 − ψ_p) ln q − ψ_p(ζr + zq),
    L_1 = 1 + (ψ_p/(mψ_n))[μ_1² r(a²m + D) + μ_*² q(1 + (m − 1)κ)],
    L_2 = 1 + (ψ_p/(mψ_n))[μ_1² rD + μ_*² q(1 − κ)].

With S = (1/L_1 + (m − 1)/L_2)/m, T_1 = 1 − S + μ_1² ψ_p DrS² and T_2 = ψ_p μ_1 √D rS,

    L_test = 1 − 2μ_1 √D T_2 + μ_1² ∂_ζT_1 + μ_*² ∂_zT_1,
    B² = (1 − μ_1T_2/√D)²,      V = (μ_1² ∂_ζT_1 + μ_*² ∂_zT_1 − μ_1²T_2²)/D,

and L_train = 1 − T_1 − λ ∂_zT_1 on the pairs: 1 − T_1 alone has the penalty in it. There is a peak
of L_test at p = nm, where there are as many parameters as numbers to fit. The solution is followed
from a λ above all of U, by Newton steps in ln q and ln r.
(Urfin, Bonnaire, Biroli & Mézard, arXiv 2609.26392, app. C; the loss without penalty is ours.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from diffusion._checks import doubles, positive, together
from diffusion._hermite import Activation
from diffusion._results import Result
from diffusion.theory import _checks
from diffusion.theory._checks import Array
from diffusion.theory.activations import feature_coefficients

_FIRST = 10.0  # ridge at which the solution is begun, above all of U: in units of 1 + ψ_p, or
# of E σ² times that where it is above 1
_STEPS = 6  # per decade of the ridge
_NEWTON, _LONGEST, _SOLVED = 60, 0.5, 1e-9  # steps at most, the longest, the last
_RATIOS, _RIDGES = (1e-4, 1e5), (1e-12, 1e10)  # what can be solved, ends excluded
_LEAST, _MOST = 1e-6, 1e3  # best ridges that are looked for, in units of ψ_p
_GRID, _REFINED = 46, 3  # ridges that are tried, and how often between the neighbours of the best


@dataclass(frozen=True, repr=False)
class DoubleDescent(Result):
    """Losses of random features, and bias and variance of their score, by ridge."""

    ridge: Array  # λ, of the shape of all arguments together, as all that follow
    test: Array  # L_test
    train: Array  # on the pairs, without the penalty
    bias2: Array  # B²
    variance: Array  # V


def double_descent(
    psi_p: ArrayLike,
    psi_n: ArrayLike,
    draws: ArrayLike,
    ridge: ArrayLike,
    time: float,
    activation: Activation = "tanh",
) -> DoubleDescent:
    """Losses, bias and variance of a ridge regression on m noise draws per point, for large d.

    Parameters
    ----------
    psi_p : p/d, in (1e-4, 1e5).
    psi_n : n/d, in (1e-4, 1e5).
    draws : m, at least 1; ∞: all the noise there is.
    ridge : λ, what the penalty adds to the eigenvalues of U, in (1e-12, 1e10).
    time : Ornstein–Uhlenbeck time, positive.
    activation : as for `feature_coefficients`.

    Returns
    -------
    DoubleDescent, of the shape in which the first four broadcast; losses in units of 1, that of
    no score at all.

    Raises
    ------
    ValueError : an argument outside its range, or shapes that disagree.
    RuntimeError : no solution found.

    Examples
    --------
    >>> found = double_descent([4, 16, 48], 4.0, 4, 1e-4, 0.1)  # a peak at p = nm
    >>> found.test.round(3), found.variance.round(1)
    (array([1.315, 7.058, 1.914]), array([ 2.6, 31.8,  3.1]))
    """
    given = together(
        psi_p=_checks.within("psi_p", psi_p, *_RATIOS),
        psi_n=_checks.within("psi_n", psi_n, *_RATIOS),
        draws=_draws(draws),
        ridge=_checks.within("ridge", ridge, *_RIDGES),
    )
    p, n, m, lam = (one.reshape(-1) for one in given)
    saddle = _Saddle(p, n, 1 / m, positive("time", time), activation)
    found = saddle.losses(*saddle.followed(lam), lam)
    return DoubleDescent(*(one.reshape(given[0].shape)[()] for one in (lam.copy(), *found)))


def best_ridge(
    psi_p: ArrayLike,
    psi_n: ArrayLike,
    draws: ArrayLike,
    time: float,
    activation: Activation = "tanh",
) -> DoubleDescent:
    """The ridge of the least test loss, and all that belongs to it.

    Parameters
    ----------
    psi_p, psi_n, draws, time, activation : as for `double_descent`.

    Returns
    -------
    DoubleDescent; its ridge, to a thousandth, lies between 1e-6 and 1e3 in units of ψ_p.

    Raises
    ------
    ValueError, RuntimeError : as for `double_descent`.

    Examples
    --------
    >>> found = best_ridge([2, 8, 32], 4.0, 4, 0.1)  # with it more features never hurt
    >>> found.ridge.round(1), found.test.round(3)
    (array([0.2, 1.1, 4.8]), array([0.881, 0.866, 0.863]))
    """
    p, n, m = together(
        psi_p=_checks.within("psi_p", psi_p, *_RATIOS),
        psi_n=_checks.within("psi_n", psi_n, *_RATIOS),
        draws=_draws(draws),
    )
    low, high = _LEAST * p[..., None], _MOST * p[..., None]
    share = np.linspace(0, 1, _GRID)
    for _ in range(1 + _REFINED):
        ridges = low ** (1 - share) * high**share
        tried = double_descent(p[..., None], n[..., None], m[..., None], ridges, time, activation)
        best = np.argmin(tried.test, -1)[..., None]
        low, high = (
            np.take_along_axis(ridges, np.clip(best + side, 0, _GRID - 1), -1) for side in (-1, 1)
        )
    return DoubleDescent(
        *(np.take_along_axis(one, best, -1)[..., 0][()] for one in vars(tried).values())
    )


def _draws(draws: ArrayLike) -> Array:
    """Numbers of noise draws per point, infinity among them. Raises ValueError."""
    m = doubles("draws", draws)
    if not (m >= 1).all():
        raise ValueError(f"draws must be at least 1, got {m.min():g}")
    return m


class _Saddle:
    """The saddle in (r, q) of several settings (K,) at once; e is 1/m."""

    def __init__(self, p: Array, n: Array, e: Array, time: float, activation: Activation) -> None:
        found = feature_coefficients(activation, time, 1.0)
        mu, rest = float(found.a) ** 2, float(found.v2 + found.s2)  # μ_1², μ_*²
        D = -np.expm1(-2 * time)
        signal, kept = 1 - D, float(found.v2) / rest if rest > 0 else 0.0
        self.p, self.n, self.e = p, n, e
        self.mu, self.rest, self.D = mu, rest, D
        # L_1 = 1 + one·(r, q), L_2 = 1 + e·two·(r, q), which has weight m − 1 = (1 − e)/e
        ratio = p / n
        self.one = ratio * np.array([mu * (signal + D * e), rest * (e + (1 - e) * kept)])  # (2, K)
        self.two = ratio * np.array([mu * D + 0 * e, rest * (1 - kept) + 0 * e])

    def followed(self, ridge: Array) -> tuple[Array, Array]:
        """r and q at each ridge, (2, K), and the inverse Hessian there, (2, 2, K)."""
        first = _FIRST * (1 + self.p) * max(1.0, self.mu + self.rest)
        steps = max(1, int(np.ceil(_STEPS * np.abs(np.log10(ridge / first)).max(initial=0))))
        state = np.log(1 / np.stack([first, first]))
        for share in np.linspace(0, 1, steps + 1):
            state = self._solved(state, first ** (1 - share) * ridge**share)
        at = np.exp(state)
        return at, self._inverse(self._hessian(at))

    def losses(self, at: Array, inverse: Array, ridge: Array) -> tuple[Array, ...]:
        """L_test, L_train, B², V."""
        one, two = self._weights(at)
        e, r = self.e, at[0]
        S = e * one + (1 - e) * two
        dS = -e * one**2 * self.one - (1 - e) * e * two**2 * self.two  # (2, K), by r and q
        c = self.mu * self.p * self.D
        T1 = 1 - S + c * r * S**2
        dT1 = -dS + 2 * c * r * S * dS
        dT1[0] += c * S**2
        by_zeta, by_z = (self.p * (dT1 * inverse[:, k]).sum(0) for k in (0, 1))
        T2 = c * r * S  # μ_1 √D T_2
        spread = self.mu * by_zeta + self.rest * by_z
        bias2 = (1 - T2 / self.D) ** 2
        variance = (spread - T2**2 / self.D) / self.D
        return 1 - 2 * T2 + spread, 1 - T1 - ridge * by_z, bias2, variance

    def _weights(self, at: Array) -> tuple[Array, Array]:
        """1/L_1 and 1/L_2."""
        return 1 / (1 + (self.one * at).sum(0)), 1 / (1 + self.e * (self.two * at).sum(0))

    def _slopes(self, at: Array, ridge: Array) -> Array:
        """The derivatives by r and q, (2, K)."""
        (r, q), (one, two) = at, self._weights(at)
        total = self.n * (one * self.one + (1 - self.e) * two * self.two)
        bare = np.array([1 / q - 1 / r, (1 - self.p) / q - r / q**2 + ridge * self.p])
        return np.asarray(total + bare)

    def _hessian(self, at: Array) -> Array:
        """The second derivatives, (2, 2, K)."""
        (r, q), (one, two) = at, self._weights(at)
        first = one**2 * self.one * self.one[:, None]
        second = (1 - self.e) * self.e * two**2 * self.two * self.two[:, None]
        bare = np.array([[1 / r**2, -1 / q**2], [-1 / q**2, 2 * r / q**3 - (1 - self.p) / q**2]])
        return np.asarray(bare - self.n * (first + second))

    @staticmethod
    def _inverse(matrix: Array) -> Array:
        (a, b), (c, d) = matrix
        return np.array([[d, -b], [-c, a]]) / (a * d - b * c)

    def _solved(self, state: Array, ridge: Array) -> Array:
        """(ln r, ln q) at a ridge, from close to it."""
        for _ in range(_NEWTON):
            at = np.exp(state)
            slopes = self._slopes(at, ridge)
            inverse = self._inverse(self._hessian(at) * at)
            step = -(inverse * slopes).sum(1)
            longest = np.abs(step).max(0)
            state = state + step * np.minimum(1, _LONGEST / np.maximum(longest, _SOLVED))
            if longest.max(initial=0) < _SOLVED:
                return state
        raise RuntimeError(
            f"no solution found at ridge {ridge[longest.argmax()]:g}, ψ_p = "
            f"{self.p[longest.argmax()]:g}, ψ_n = {self.n[longest.argmax()]:g}"
        )
