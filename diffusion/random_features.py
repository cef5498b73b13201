r"""The random-features score model at one diffusion time, its learning solved exactly.

Noised data x_t = e^{−t}x + sqrt(D) ξ, D = 1 − e^{−2t}, ξ standard normal. The model

    s_A(x) = A σ(Wx/√d)/√p,      W (p, d) standard normal and frozen, A (d, p) from 0

learns by gradient flow on the denoising loss L = E|sqrt(D) s_A(x_t) + ξ|²/d, 1 at the start,

    dA/dτ = −d² ∂L/∂A,      U = E σσᵀ = O diag(λ) Oᵀ,      V = E σξᵀ,
    A(τ)/√p = −Vᵀ O diag(g) Oᵀ/√D,      g_i = (1 − exp(−2Dλ_i τ/ψ))/λ_i,      ψ = p/d,

averages over the data and over infinitely many draws of ξ. Mode i is learnt at
τ_i = ψ/(2Dλ_i); conventions without the 2 exist. A step of plain gradient descent on A/√p
at rate η is a time ηψ/d. On any points S, with P = OᵀV and ∘ the product of entries,

    L_S(τ) = 1 + gᵀ[(PPᵀ) ∘ (OᵀU_S O)]g/d − 2 g·rowsum(P ∘ OᵀV_S)/d.

This costs one eigendecomposition, two products per set of points, and p² operations per time. A
penalty (Dλ/(pd))|A|² adds λ to the eigenvalues of U in g; one without end on all modes but the r
largest is the truncation to rank r. Averages over ξ are series (`diffusion._feature_averages`); of
finitely many draws per point they are sums, and then the loss on these pairs, that on the same
points with fresh noise and that on fresh points are three.
(Bonnaire, Urfin, Biroli & Mézard, arXiv 2505.17638; George, Veiga & Macris, arXiv 2502.00336.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._feature_averages import Layer
from diffusion._feature_losses import Averages, Basis, Form
from diffusion._hermite import Activation, activation_from
from diffusion.mixture import GaussianMixtureDenoiser

_LATE = 0.1  # what is learnt of a mode at rounding, from where on such modes are left out


class RandomFeatureScore:
    """A score model of p random features in d dimensions, before it has learnt.

    Parameters
    ----------
    p : number of features, at least 1.
    d : number of dimensions, at least 1.
    time : Ornstein–Uhlenbeck time t, positive.
    activation : "tanh", "erf", or an elementwise function of a float64 tensor; it should be
        smooth, because averages are quadratures, and odd: there is a warning if it is not odd.
    seed : int, torch.Generator or None, for the frozen layer and for finite noise draws.

    Raises
    ------
    ValueError : p, d or time not positive, or something else than an activation.

    Examples
    --------
    >>> mixture = GaussianMixtureDenoiser(torch.zeros(2, 10), torch.tensor([1.6, 0.4]))
    >>> data, labels = mixture.draw(60, seed=0)
    >>> flow = RandomFeatureScore(100, 10, time=0.1, seed=0).fit(data, labels)
    >>> early, late = flow.test_loss([10.0, 1e6], mixture)
    >>> bool((early < 1).all() and (late > early).all())  # learnt, then lost by memorizing
    True
    """

    def __init__(
        self,
        p: int,
        d: int,
        *,
        time: float,
        activation: Activation = "tanh",
        seed: Seed = None,
    ) -> None:
        self.features, self.dimension = _checks.whole("p", p), _checks.whole("d", d)
        self.time = _checks.positive("time", time)
        self.activation = activation_from(activation)
        self._generator = _checks.generator_from(seed, "random_features")
        empty = torch.empty(self.features, self.dimension, dtype=torch.float64)
        self.first_layer = _checks.normal_like(empty, self._generator)

    def __repr__(self) -> str:
        return f"RandomFeatureScore(p={self.features}, d={self.dimension}, time={self.time:.4g})"

    @property
    def noise(self) -> float:
        """D = 1 − e^{−2t}, the variance of the noise."""
        return -math.expm1(-2 * self.time)

    @property
    def signal(self) -> float:
        """e^{−t}."""
        return math.exp(-self.time)

    @property
    def _layer(self) -> Layer:
        return Layer(self.first_layer, self.activation, self.noise)

    def fit(
        self, data: Tensor, labels: Tensor | None = None, draws: int | None = None
    ) -> FeatureFlow:
        """The gradient flow on these points, at all times at once.

        Parameters
        ----------
        data : (n, d), finite.
        labels : class of each point (n,), whole numbers from 0, each with at least one point;
            None: one class.
        draws : noise draws per point, the same at all times; None: infinitely many. Few draws
            are memorized instead of the data.

        Returns
        -------
        FeatureFlow, on the device of the data, in float64.

        Raises
        ------
        ValueError : a wrong shape, bad labels, a class without a point, or draws below 1.
        """
        data, classes = _labelled("data", data, labels, self.dimension)
        self.first_layer = self.first_layer.to(data)
        if draws is None:
            averages, squares = [self.average_over(data[rows]) for rows in classes], [1.0]
        else:
            count = _checks.whole("draws", draws)
            drawn = [
                self._layer.drawn(data[rows].repeat(count, 1), self.signal, self._generator)
                for rows in classes
            ]
            averages, squares = [one for one, _ in drawn], [square for _, square in drawn]
        fractions = torch.tensor([len(rows) for rows in classes]).to(data) / len(data)
        U = sum(rho * u for rho, (u, _) in zip(fractions, averages, strict=True))
        V = sum(rho * v for rho, (_, v) in zip(fractions, averages, strict=True))
        values, vectors = torch.linalg.eigh(U)
        values, vectors = values.flip(0), vectors.flip(1)
        basis = Basis(vectors, vectors.mT @ V)
        forms = basis.forms_of_parts(averages, fractions, values)
        return FeatureFlow(
            model=self,
            eigenvalues=values.clamp(min=0),
            points=len(data),
            fractions=fractions,
            class_shares=fractions[:, None] * torch.stack([form.diagonal for form in forms]),
            basis=basis,
            train=forms,
            noise_squares=torch.tensor(squares, dtype=data.dtype).to(data.device),
            penalties=torch.zeros_like(values),
        )

    def score(self, x: Tensor, readout: Tensor) -> Tensor:
        """s_A(x), (B, d), of noised points x (B, d), with A/√p given, (d, p)."""
        x = _checks.points("x", x, dimension=self.dimension).to(self.first_layer)
        answer = _checks.points("readout", readout, dimension=self.features).to(x)
        if len(answer) != self.dimension:
            wanted = self.dimension, self.features
            raise ValueError(f"readout must have shape {wanted}, got {tuple(answer.shape)}")
        return self.activation(x @ self.first_layer.mT / self.dimension**0.5) @ answer.mT

    def loss(self, readout: Tensor, U: Tensor, V: Tensor) -> float:
        """Loss of any readout R = A/√p on what U and V are averages over.

        It is 1 + tr(D RURᵀ + 2√D RV)/d, noise of variance 1 all together.

        Parameters
        ----------
        readout : (d, p).
        U : (p, p), as `average_over` returns it.
        V : (p, d).

        Raises
        ------
        ValueError : a wrong shape.

        Examples
        --------
        >>> model, data = RandomFeatureScore(60, 5, time=0.1, seed=0), 2 * torch.eye(5)
        >>> flow = model.fit(data, draws=2)
        >>> model.loss(flow.readout(1e3), *model.average_over(data)) > 1  # draws are memorized
        True
        """
        d, p = self.dimension, self.features
        shapes = {"readout": (d, p), "U": (p, p), "V": (p, d)}
        R, u, v = (
            _checks.points(name, one, dimension=shapes[name][1]).detach().to(self.first_layer)
            for name, one in zip(shapes, (readout, U, V), strict=True)
        )
        for (name, wanted), one in zip(shapes.items(), (R, u, v), strict=True):
            if one.shape != wanted:
                raise ValueError(f"{name} must have shape {wanted}, got {tuple(one.shape)}")
        D = self.noise
        return 1 + float(D * ((R @ u) * R).sum() + 2 * D**0.5 * (R * v.mT).sum()) / d

    def average_over(self, data: Tensor) -> Averages:
        """U (p, p) and V (p, d) over points (n, d) and all noise: see the head of the module."""
        data, _ = _labelled("data", data, None, self.dimension)
        W = self.first_layer
        means = self.signal * (data.to(W) @ W.mT) / self.dimension**0.5
        gram = W @ W.mT / self.dimension
        return self._layer.series(means, gram, self.noise)

    def average_over_class(self, mean: Tensor, covariance: Tensor) -> Averages:
        """U (p, p) and V (p, d) over a Gaussian class and all noise.

        mean (d,), and covariance (d, d) or its diagonal (d,), without negative eigenvalues.
        Raises ValueError for others, or for fields that are too wide for a series.
        """
        W, root = self.first_layer, self.dimension**0.5
        mean = _checks.row("mean", mean, self.dimension).detach().to(W)
        spread = self.signal**2 * _checks.covariance(covariance, self.dimension).to(W)
        identity = self.noise * torch.eye(self.dimension).to(W)
        total = W @ (spread + identity) if spread.ndim == 2 else W * (spread + self.noise)
        means = self.signal * (W @ mean) / root
        return self._layer.series(means[None], total @ W.mT / self.dimension, 1.0)


@dataclass(frozen=True, repr=False)
class FeatureFlow:
    """The gradient flow of a random-features model, at any time τ ≥ 0."""

    model: RandomFeatureScore
    eigenvalues: Tensor  # (p,) of U, descending, not negative
    points: int  # n, all classes together
    fractions: Tensor  # (C,) ρ_c = n_c/n
    class_shares: Tensor  # (C, p), the part ρ_c u_i·U_c u_i of class c in each eigenvalue
    basis: Basis
    train: list[Form]
    noise_squares: Tensor  # (C,), or (1,) for all, E|ξ|²/d of the draws of the training
    penalties: Tensor  # (p,), added to the eigenvalues; ∞: the mode is left out

    def __repr__(self) -> str:
        return f"FeatureFlow({self.model!r}, n={self.points}, {len(self.fractions)} classes)"

    @property
    def mode_times(self) -> Tensor:
        """τ_i = ψ/(2Dλ_i) at which each mode is learnt, (p,); ∞ where λ = 0.

        λ has the penalty in it: it is learnt sooner, and less. Modes left out have τ = 0.
        """
        return self._width / (2 * self.model.noise * (self.eigenvalues + self.penalties))

    @property
    def input_eigenvalues(self) -> Tensor:
        """w·Uw/w² along the weights w of each input coordinate, (d,): how fast it is learnt."""
        W = self.model.first_layer
        along = (self.basis.vectors.mT @ W).square()
        return self.eigenvalues @ along / W.square().sum(0)

    def with_ridge(self, ridge: float, beyond: int = 0) -> FeatureFlow:
        """The flow of the loss and a penalty (D ridge/(pd))|A|², whose end is ridge regression.

        Losses of what it returns are without the penalty.

        Parameters
        ----------
        ridge : what is added to the eigenvalues of U, not negative.
        beyond : number of the largest eigenvalues whose modes are spared.

        Raises
        ------
        ValueError : a number outside its range.

        Examples
        --------
        >>> data = torch.randn(40, 10, generator=torch.Generator().manual_seed(0))
        >>> flow = RandomFeatureScore(100, 10, time=0.1, seed=0).fit(data, draws=2)
        >>> end = [float("inf")]
        >>> bool(flow.train_loss(end) < flow.with_ridge(0.1).train_loss(end))
        True
        """
        return self._penalized(
            _checks.number("ridge", ridge, low=0, high=math.inf, open_high=True), beyond
        )

    def truncated(self, rank: int) -> FeatureFlow:
        """The flow in the modes of the `rank` largest eigenvalues alone.

        Parameters
        ----------
        rank : 0 … p.

        Raises
        ------
        ValueError : no such number.

        Examples
        --------
        >>> flow = RandomFeatureScore(30, 10, time=0.1, seed=0).fit(torch.eye(10))
        >>> int(torch.linalg.matrix_rank(flow.truncated(4).readout(1e3)))
        4
        """
        return self._penalized(math.inf, rank, "rank")

    def _penalized(self, penalty: float, beyond: int, name: str = "beyond") -> FeatureFlow:
        spared = _checks.whole(name, beyond, low=0, high=self.model.features)
        penalties = self.penalties.clone()
        penalties[spared:] += penalty
        return replace(self, penalties=penalties)

    def readout(self, time: float) -> Tensor:
        """A(τ)/√p, (d, p), for `model.score`.

        Parameters
        ----------
        time : τ, not negative; ∞: the end, of all solutions the one of least norm.

        Raises
        ------
        ValueError : a time that is negative.
        """
        g = self._filter(_checks.number("time", time, low=0))[0]
        return -(self.basis.projected.mT * g) @ self.basis.vectors.mT / self.model.noise**0.5

    def train_loss(self, times: Tensor) -> Tensor:
        """Loss on the training points of each class, with the noise draws of the training.

        Parameters
        ----------
        times : (T,) τ, not negative; ∞: the end.

        Returns
        -------
        (T, C). `train_loss(times) @ fractions` is the loss that the flow descends. Of finitely
        many draws it begins at their own E|ξ|²/d, which is near 1.

        Raises
        ------
        ValueError : a time that is negative.
        """
        return self._losses(times, self.train) + self.noise_squares - 1

    def test_loss(
        self,
        times: Tensor,
        source: GaussianMixtureDenoiser | Tensor,
        labels: Tensor | None = None,
    ) -> Tensor:
        """Loss on given points, or on the classes of a mixture, averaged over all their points.

        Parameters
        ----------
        times : (T,) τ, not negative; ∞: the end.
        source : a GaussianMixtureDenoiser, or points (n, d).
        labels : class of each of the points, as for `fit`.

        Returns
        -------
        (T, C), with infinitely many noise draws.

        Raises
        ------
        ValueError : a bad time, another dimension, or as for `fit`.
        """
        model = self.model
        if isinstance(source, GaussianMixtureDenoiser):
            self._same_dimension(source)
            averages = (
                model.average_over_class(mean, covariance)
                for mean, covariance in zip(
                    source.means.to(model.first_layer), _covariances(source), strict=True
                )
            )
        else:
            data, classes = _labelled("source", source, labels, model.dimension)
            data = data.to(model.first_layer)
            averages = (model.average_over(data[rows]) for rows in classes)
        return self._losses(times, [self.basis.forms(*one) for one in averages])

    def bayes_loss(self, mixture: GaussianMixtureDenoiser) -> Tensor:
        """Least loss on each class, that of its own score: 1 − (D/d) Σ_k 1/(e^{−2t}λ_k + D).

        Returns
        -------
        (C,).

        Raises
        ------
        ValueError : a mixture of another dimension.
        """
        self._same_dimension(mixture)
        D = self.model.noise
        spectrum = mixture.spectra[0].to(self.eigenvalues)
        return 1 - D * (1 / (self.model.signal**2 * spectrum + D)).mean(1)

    def score_error(self, times: Tensor, mixture: GaussianMixtureDenoiser) -> Tensor:
        """E|s_A − ∇ log p_t(x|c)|²/d over each class, (T, C): (test − Bayes loss)/D.

        Arguments and errors as for `test_loss`.
        """
        self._same_dimension(mixture)
        excess = self.test_loss(times, mixture) - self.bayes_loss(mixture)
        return excess / self.model.noise

    @property
    def _width(self) -> float:
        return self.model.features / self.model.dimension

    def _filter(self, times: Tensor | float) -> Tensor:
        """g (T, p) at the given times."""
        tau = _checks.tensor("times", times, double=True).to(self.eigenvalues).reshape(-1, 1)
        if not (tau >= 0).all():
            raise ValueError(f"times must be at least 0, got {float(tau.min()):g}")
        rate, lam = 2 * self.model.noise / self._width, self.eigenvalues + self.penalties
        learnt = -torch.expm1(-rate * lam * tau) / lam.clamp(min=torch.finfo(lam.dtype).tiny)
        g = torch.where(lam > 0, learnt, rate * tau)
        rounding = len(lam) * torch.finfo(lam.dtype).eps * self.eigenvalues[0]
        late = rate * rounding * tau > _LATE
        return torch.where(torch.isinf(lam) | (late & (lam <= rounding)), 0.0, g)

    def _losses(self, times: Tensor, forms: list[Form]) -> Tensor:
        g = self._filter(times)
        rows = [((g @ form.quadratic * g).sum(1) - 2 * g @ form.linear) for form in forms]
        return 1 + torch.stack(rows, 1) / self.model.dimension

    def _same_dimension(self, mixture: GaussianMixtureDenoiser) -> None:
        _checks.instance("mixture", mixture, GaussianMixtureDenoiser)
        if mixture.dimension != self.model.dimension:
            raise ValueError(
                f"mixture must have dimension {self.model.dimension}, got {mixture.dimension}"
            )


def _labelled(
    name: str, value: Tensor, labels: Tensor | None, dimension: int
) -> tuple[Tensor, list[Tensor]]:
    """Points in float64, and the rows of each class."""
    data = _checks.points(name, value, dimension=dimension, double=True).detach().double()
    if len(data) == 0:
        raise ValueError(f"{name} must hold at least one point, got {tuple(data.shape)}")
    if labels is None:
        return data, [torch.arange(len(data))]
    return data, _checks.rows_of_classes(labels, len(data))


def _covariances(mixture: GaussianMixtureDenoiser) -> Tensor:
    """Covariances of the classes, (K, d) where they are diagonal, else (K, d, d), float64."""
    values, basis = mixture.spectra
    if basis is None:
        return values.double()
    basis = basis.double()
    return (basis * values.double()[:, None, :]) @ basis.mT
