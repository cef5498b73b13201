r"""The spectrum of random features on noised data of classes, and the times that follow from it.

Ornstein–Uhlenbeck time t, D = 1 − e^{−2t}; p features in d dimensions, n points, ψ_p = p/d,
ψ_n = n/d; class c has a share ρ_c of the points, covariance eigenvalues λ_ck and second
moment χ²_c = (|μ_c|² + tr Σ_c)/d. To leading order only (Gaussian equivalence)

    a = E σ′(Γz), Γ² = e^{−2t}χ² + D;      b = sqrt(D) a;
    v² = E_u[(E_w σ(e^{−t}χu + sqrt(D)w))²] − a²e^{−2t}χ²;      s² = the rest of E σ²(Γz)

of the activation matter. The transform q(z) = tr(U − z)⁻¹/p of the features' covariance
solves, with b̄² = Σ ρ_c b_c², s̄² = Σ ρ_c s²_c, m_k = b̄² + e^{−2t} Σ_c ρ_c a²_c λ_ck/(1 + e_c),

    1/q = s̄² − z + Σ_c ρ_c v²_c/(1 + e_c) + (1/d) Σ_k m_k/(1 + ψ_p m_k q)
    e_c = (ψ_p/ψ_n)[a²_c e^{−2t} (1/d) Σ_k λ_ck q/(1 + ψ_p m_k q) + v²_c q],

for classes of commuting covariances; one class alone obeys Bonnaire, Urfin, Biroli & Mézard
(arXiv 2505.17638). The density has a population bulk (mass 1/ψ_p, at ψ_p: what can be
generalized), a memorization bulk (mass (ψ_n − 1)/ψ_p, at s̄² + v²ψ_p/ψ_n), a bulk of the noise
(mass 1/ψ_p) and an atom at s̄² (the rest). A mode of eigenvalue λ is learnt at the flow time
ψ_p/(2Dλ). Centres of classes away from 0 change the bulks by χ alone, and add one spike each
above them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from diffusion._checks import doubles, positive, shown
from diffusion._hermite import Activation
from diffusion._plots import Line, Plotted
from diffusion._results import Result
from diffusion.theory import _checks
from diffusion.theory._checks import Array
from diffusion.theory.activations import feature_coefficients

_NODES = 80
_DAMPED, _POLISH = 30, 8  # damped iterations, and Newton steps, per round
_ROUNDS = 300
_SOLVED = 1e-11  # relative residual
_HEIGHT = 1e-7  # imaginary part of z, in units of z, at which a density is read
_EDGE = 1e-5  # the same at which edges are looked for
_GRID = 120  # points per decade, among which bulks are found
_FINER = 17  # points between two of them, among which an edge is
Complex = NDArray[np.complex128]


@dataclass(frozen=True, repr=False)
class FeatureSpectrum(Plotted):
    """The covariance of the features on K classes, by the parameters of its transform.

    It is made by `feature_spectrum`.
    """

    psi_p: float
    psi_n: float
    time: float
    weights: Array  # (K,) ρ_c
    spectra: Array  # (K, m) covariance eigenvalues that occur
    shares: Array  # (m,) how often they occur
    a: Array  # (K,), as are the next three
    b: Array
    v2: Array
    s2: Array
    _titles = ("eigenvalue", "density of eigenvalues")
    _log = "xy"

    def _lines(self) -> list[Line]:
        """The density of each bulk; the atom at `floor` is none."""
        inside = [np.geomspace(one.low, one.high, 201)[1:-1] for one in self.bulks()]
        return [Line(x, self.density(x), label=f"bulk {k}") for k, x in enumerate(inside, 1)]

    @property
    def floor(self) -> float:
        """s̄², where the atom is."""
        return float(self.weights @ self.s2)

    def resolvents(self, z: ArrayLike) -> tuple[Complex, Complex]:
        """q(z), shaped like z, and e_c(z), (…, K), for z in the upper half plane.

        e_c/(1 + e_c) is the transform of the part of the spectrum that comes from points of
        class c, Σ_ν g·(U − z)⁻¹g/(n n_c).

        Parameters
        ----------
        z : complex, of any shape, above the real axis.

        Raises
        ------
        ValueError : z not above the real axis.
        RuntimeError : no solution found.
        """
        given = _upper(z)
        flat = given.reshape(-1)
        state = self._solve(flat)
        own = state[:, 1:].reshape(*given.shape, len(self.weights))
        return state[:, 0].reshape(given.shape), own

    def density(self, x: ArrayLike) -> Array:
        """ρ(x) = Im q(x + iη)/π, η a ten-millionth of x.

        Parameters
        ----------
        x : positive, of any shape.

        Raises
        ------
        ValueError : x not positive.
        """
        x = _checks.positive("x", x)
        return self.resolvents(x * (1 + 1j * _HEIGHT))[0].imag / np.pi

    def class_density(self, x: ArrayLike) -> Array:
        """Im e_c/(1 + e_c)/π at x > 0, (…, K): the part of each class in the density."""
        x = _checks.positive("x", x)
        e = self.resolvents(x * (1 + 1j * _HEIGHT))[1]
        return (e / (1 + e)).imag / np.pi

    def bulks(self) -> list[Bulk]:
        """The bulks of the density besides the atom, ascending, edges to half a percent."""
        top = self.psi_p * float(
            self.weights @ (self.a**2 * self.spectra.max(1) + self.b**2 + self.v2)
        )
        top = 2 * (top + self.floor) * (1 + self.psi_p**-0.5) ** 2 * (1 + self.psi_n**-0.5) ** 2
        low = self.floor * 1.001
        points = max(8, int(_GRID * np.log10(top / low)))
        x = np.geomspace(low, top, points)
        inside = self._filled(x)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], inside, [False]]).astype(int)))
        found = []
        for first, last in zip(edges[::2], edges[1::2] - 1, strict=True):
            if last - first >= 2:
                low_edge = self._edge(x[max(first - 1, 0)], x[first])
                high_edge = self._edge(x[min(last + 1, points - 1)], x[last])
                fine = np.geomspace(low_edge, high_edge, 801)
                inner = fine[1::2]  # not the edges, where the equations are nearly singular
                mass = float((self.density(inner) * inner).sum() * 2 * np.log(fine[1] / fine[0]))
                found.append(Bulk(low_edge, high_edge, mass))
        return found

    def _filled(self, x: Array) -> Array:
        """Whether x lies within a bulk: where it does not, Im q grows with the height η."""
        low, high = (
            self.resolvents(x * (1 + 1j * height))[0].imag for height in (_EDGE, 10 * _EDGE)
        )
        return np.asarray(high < 10**0.5 * low)  # as √η at the edge of a bulk

    def _edge(self, outside: float, inside: float) -> float:
        """The edge of a bulk between two neighbours of the grid."""
        x = np.geomspace(outside, inside, _FINER)
        return float(x[np.argmax(self._filled(x))])

    def _solve(self, z: Complex) -> Complex:
        """(Z, 1 + K): q and e_c, by damped iteration, then Newton steps from close to them."""
        state = np.concatenate([-1 / z[:, None], self._ratio * self.v2 * (-1 / z[:, None])], 1)
        left = np.arange(len(z))
        for _ in range(_ROUNDS):
            now, at = state[left], z[left]
            for _ in range(_DAMPED):
                now = (now + self._image(now, at)) / 2
            state[left] = now
            with np.errstate(all="ignore"):  # a step that diverges is not kept
                for _ in range(_POLISH):
                    now = now - self._newton(now, at)
                gap = np.abs(now - self._image(now, at)).max(1) / np.abs(now).max(1)
            solved = (gap < _SOLVED) & (now.imag > 0).all(1)
            state[left[solved]] = now[solved]
            left = left[~solved]
            if len(left) == 0:
                return state
        raise RuntimeError(f"no transform found at z = {z[left[0]]:g} and {len(left) - 1} others")

    @property
    def _ratio(self) -> float:
        return self.psi_p / self.psi_n

    @property
    def _slopes(self) -> Array:
        """(K, m) e^{−2t} a²_c λ_ck."""
        return np.exp(-2 * self.time) * (self.a**2)[:, None] * self.spectra

    def _image(self, state: Complex, z: Complex) -> Complex:
        """The right-hand sides at (q, e)."""
        q, inverse = state[:, 0], 1 / (1 + state[:, 1:])
        m = self.weights @ self.b**2 + (inverse * self.weights) @ self._slopes  # (Z, m)
        response = self.shares / (1 + self.psi_p * m * q[:, None])
        total = self.floor - z + inverse @ (self.weights * self.v2) + (m * response).sum(1)
        e = self._ratio * q[:, None] * (response @ self._slopes.T + self.v2)
        return np.concatenate([1 / total[:, None], e], 1)

    def _newton(self, state: Complex, z: Complex) -> Complex:
        """The step (1 − ∂F)⁻¹ (x − F(x))."""
        q, inverse = state[:, 0], 1 / (1 + state[:, 1:])
        image = self._image(state, z)
        m = self.weights @ self.b**2 + (inverse * self.weights) @ self._slopes
        bare = 1 / (1 + self.psi_p * m * q[:, None])
        dm = -(inverse**2 * self.weights)[:, :, None] * self._slopes  # ∂m_k/∂e_c, (Z, K, m)
        square = self.shares * bare**2
        Z, K = inverse.shape
        J = np.empty((Z, K + 1, K + 1), dtype=np.complex128)
        new = image[:, 0]
        J[:, 0, 0] = new**2 * self.psi_p * (square * m**2).sum(1)
        J[:, 0, 1:] = -(new**2)[:, None] * (
            -(inverse**2) * self.weights * self.v2 + np.einsum("zm,zcm->zc", square, dm)
        )
        J[:, 1:, 0] = self._ratio * (square @ self._slopes.T + self.v2)
        through = np.einsum("zm,km,zcm->zkc", square, self._slopes, dm, optimize=True)
        J[:, 1:, 1:] = -self._ratio * self.psi_p * (q**2)[:, None, None] * through
        J = np.eye(K + 1) - J
        bad = ~np.isfinite(J).all((1, 2))
        J[bad] = np.eye(K + 1)
        return np.asarray(np.linalg.solve(J, (state - image)[:, :, None])[:, :, 0])


def _upper(z: ArrayLike) -> Complex:
    """Finite complex numbers above the real axis, of any shape."""
    try:
        given = np.asarray(z.numpy(force=True) if isinstance(z, Tensor) else z)
    except (ValueError, TypeError, RuntimeError, NotImplementedError):
        given = np.empty(0, dtype=object)
    if isinstance(z, np.ma.MaskedArray) or given.dtype.kind not in "iufc":
        raise ValueError(f"z must be complex numbers, got {shown(z)}")
    given = given.astype(np.complex128)
    if not (np.isfinite(given) & (given.imag > 0)).all():
        raise ValueError("z must be finite with a positive imaginary part, got one without")
    return given


@dataclass(frozen=True, repr=False)
class Bulk(Result):
    """A connected part of a spectrum: its edges and its mass."""

    low: float
    high: float
    mass: float


def feature_spectrum(
    psi_p: float,
    psi_n: float,
    weights: ArrayLike,
    variances: ArrayLike,
    time: float,
    activation: Activation = "tanh",
    distance2: ArrayLike = 0.0,
) -> FeatureSpectrum:
    """The spectrum of random features on classes of these covariances.

    Parameters
    ----------
    psi_p : p/d, positive.
    psi_n : n/d, positive.
    weights : (K,) ρ_c, positive, of sum 1.
    variances : (K,) of isotropic classes, or (K, d) eigenvalues along common axes; not
        negative, and positive somewhere in each class.
    time : Ornstein–Uhlenbeck time, positive.
    activation : as for `feature_coefficients`.
    distance2 : |μ_c|²/d of the classes, a number or (K,), not negative.

    Raises
    ------
    ValueError : an argument outside its range, or shapes that disagree.

    Examples
    --------
    >>> for bulk in feature_spectrum(64, 8, [1.0], [1.0], 0.01).bulks():
    ...     print(f"[{bulk.low:.2g}, {bulk.high:.2g}] {bulk.mass:.3f}")
    [0.0037, 0.01] 0.016
    [0.091, 0.36] 0.109
    [9.8, 45] 0.016
    """
    p, n = (positive(k, v) for k, v in (("psi_p", psi_p), ("psi_n", psi_n)))
    rho, spectra = _checks.class_weights(weights), doubles("variances", variances)
    if spectra.ndim == 1:
        spectra = spectra[:, None]
    if spectra.ndim != 2 or len(spectra) != len(rho) or spectra.size == 0:
        raise ValueError(
            f"variances must have shape ({len(rho)},) or ({len(rho)}, d), got {spectra.shape}"
        )
    if not (np.isfinite(spectra) & (spectra >= 0)).all() or not spectra.any(1).all():
        raise ValueError(
            "variances must not be negative, and be positive somewhere in each class, "
            f"got {spectra.min():g} as the least"
        )
    centres = doubles("distance2", distance2)
    if centres.shape not in ((), rho.shape) or not (np.isfinite(centres) & (centres >= 0)).all():
        raise ValueError(f"distance2 must not be negative, a number or of shape {rho.shape}")
    time = positive("time", time)
    found = feature_coefficients(activation, time, spectra.mean(1) + centres)
    different, counts = np.unique(spectra, axis=1, return_counts=True)
    shares = counts / counts.sum()
    return FeatureSpectrum(p, n, time, rho, different, shares, **vars(found))


def feature_stieltjes(
    z: ArrayLike,
    psi_p: float,
    psi_n: float,
    weights: ArrayLike,
    variances: ArrayLike,
    time: float,
    activation: Activation = "tanh",
) -> Complex:
    """q(z) = tr(U − z)⁻¹/p of random features on K classes; the density is Im q/π near the axis.

    Parameters
    ----------
    z : complex, of any shape, above the real axis.
    psi_p, psi_n, weights, variances, time, activation : as for `feature_spectrum`.

    Returns
    -------
    Shaped like z, complex.

    Raises
    ------
    ValueError : z not above the real axis, or as for `feature_spectrum`.
    RuntimeError : no solution found.

    Examples
    --------
    >>> q = feature_stieltjes(2 + 0.5j, 8, 4, [1.0], [1.0], 0.01, "tanh")
    >>> print(f"{q:.4f}")
    -0.4110+0.1813j
    """
    return feature_spectrum(psi_p, psi_n, weights, variances, time, activation).resolvents(z)[0][()]


def memorization_times(
    psi_p: float,
    psi_n: float,
    weights: ArrayLike,
    variances: ArrayLike,
    time: float,
    activation: Activation = "tanh",
) -> Array:
    """Flow time ψ_p/(2D(s̄² + v²_c ψ_p/ψ_n)) at which each class is memorized.

    It is (K,) times of the order of the number of points; the wider class has the larger v²
    and comes first. The formula holds for parts of the bulk that are separate. Real ones
    overlap: at variances 4/3 and 2/3, ψ_p = 32 and ψ_n = 4 and 8, the wider class is memorized 10
    to 35 % later, the other as it says. Arguments and errors are those of `feature_spectrum`.

    Examples
    --------
    >>> memorization_times(32, 4, [0.5, 0.5], [4 / 3, 2 / 3], 0.01).round()
    array([2750., 6944.])
    """
    s = feature_spectrum(psi_p, psi_n, weights, variances, time, activation)
    D = -np.expm1(-2 * s.time)
    return s.psi_p / (2 * D * (s.floor + s.v2 * s.psi_p / s.psi_n))


def generalization_times(
    weights: ArrayLike, variances: ArrayLike, time: float, activation: Activation = "tanh"
) -> Array:
    """Flow time 1/(2D m_k) at which the population learns direction k.

    m_k = b̄² + e^{−2t} Σ ρ_c a²_c λ_ck. The (d,) times do not depend on the number of points or
    of features.

    Parameters
    ----------
    weights, variances, time, activation : as for `feature_spectrum`, variances of shape (K, d).

    Raises
    ------
    ValueError : as for `feature_spectrum`.

    Examples
    --------
    >>> generalization_times([0.9, 0.1], [[2.0, 0.1], [0.1, 2.0]], 0.1).round(2)
    array([ 4.63, 18.4 ])
    """
    s = feature_spectrum(2.0, 2.0, weights, variances, time, activation)
    rows = doubles("variances", variances)
    rows = rows if rows.ndim == 2 else rows[:, None]
    m = s.weights @ s.b**2 + np.exp(-2 * s.time) * (s.weights * s.a**2) @ rows
    return 1 / (2 * -np.expm1(-2 * s.time) * m)


def inversion_fraction(
    variances: ArrayLike,
    time: float,
    activation: Activation = "tanh",
    chi2: ArrayLike | None = None,
) -> float:
    """Share ρ*_1 of class 1 at which two classes, each wide in its own directions, tie.

    The population learns the directions of both at the same time if ρ_1 a²_1 λ_1 = ρ_2 a²_2 λ_2.
    Above ρ*_1 those of class 1 come first, below it those of class 2.

    Parameters
    ----------
    variances : (2,) λ of each class in its own directions, positive. In the directions of the
        other class each has the same fraction of its own λ.
    time, activation : as for `feature_coefficients`.
    chi2 : (2,) second moments of the classes, positive; None: `variances`, isotropic.

    Raises
    ------
    ValueError : a wrong shape, or an argument outside its range.

    Examples
    --------
    >>> wide = np.array([8 / 3, 4 / 3])  # in half of the directions, a twentieth in the others
    >>> round(inversion_fraction(wide, 0.1, chi2=wide * 1.05 / 2), 4)
    0.4124
    """
    lam = _checks.positive("variances", variances)
    second = lam if chi2 is None else _checks.positive("chi2", chi2)
    time = positive("time", time)
    if lam.shape != (2,) or second.shape != (2,):
        raise ValueError(
            f"variances and chi2 must have shape (2,), got {lam.shape}, {second.shape}"
        )
    one, two = feature_coefficients(activation, time, second).a ** 2 * lam
    return float(two / (one + two))
