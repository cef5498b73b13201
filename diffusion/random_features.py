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

This costs one eigendecomposition, two products per set of points, and p² operations per time.
Averages over ξ are Hermite series: given x the fields h = Wx_t/√d are Gaussian of mean m and
covariance DWWᵀ/d. So are those of a Gaussian class, averaged over its points as well. A series
ends where less than 10⁻⁶ of the mean of σ² is left of it.
(Bonnaire, Urfin, Biroli & Mézard, arXiv 2505.17638; George, Veiga & Macris, arXiv 2502.00336.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from diffusion import _checks
from diffusion._checks import Seed
from diffusion._feature_losses import Averages, Basis, Form, add_below, mirrored
from diffusion._hermite import Activation, Rule, activation_from, coefficients, rule_for
from diffusion.mixture import GaussianMixtureDenoiser

_ORDER, _NODES = 12, 40  # of the Hermite series and of its integrals, to begin with
_MOST = 2**12  # largest order of the series
_TRIED = 8  # points, and features, on which the integrals are tried
_NEGLIGIBLE = 1e-6  # what may be left of the series, of the mean of σ²
_NUMBERS = 2**22  # activations held at once, in a block
_BLOCK = 512  # fewest points of a block: with fewer, products of entries take most of the time


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
            averages = [self.average_over(data[rows]) for rows in classes]
        else:
            count = _checks.whole("draws", draws)
            averages = [self._finite(data[rows].repeat(count, 1)) for rows in classes]
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
        )

    def score(self, x: Tensor, readout: Tensor) -> Tensor:
        """s_A(x) of noised points x (B, d), with A/√p given, (d, p)."""
        x = _checks.points("x", x, dimension=self.dimension).to(self.first_layer)
        answer = _checks.points("readout", readout, dimension=self.features).to(x)
        return self.activation(x @ self.first_layer.mT / self.dimension**0.5) @ answer.mT

    def average_over(self, data: Tensor) -> Averages:
        """U and V over points (n, d) and all noise: see the head of the module."""
        data, _ = _labelled("data", data, None, self.dimension)
        W = self.first_layer
        means = self.signal * (data.to(W) @ W.mT) / self.dimension**0.5
        gram = W @ W.mT / self.dimension
        return self._series(means, gram, self.noise)

    def average_over_class(self, mean: Tensor, covariance: Tensor) -> Averages:
        """U and V over a Gaussian class, of mean (d,) and covariance (d, d) or (d,), and noise."""
        W, root = self.first_layer, self.dimension**0.5
        mean = _checks.row("mean", mean, self.dimension).to(W)
        spread = self.signal**2 * _checks.covariance(covariance, self.dimension).to(W)
        identity = self.noise * torch.eye(self.dimension).to(W)
        total = W @ (spread + identity) if spread.ndim == 2 else W * (spread + self.noise)
        means = self.signal * (W @ mean) / root
        return self._series(means[None], total @ W.mT / self.dimension, 1.0)

    def _series(self, means: Tensor, covariance: Tensor, variance: float) -> Averages:
        """U and V of fields of these means (n, p) and of `variance` times this covariance."""
        scale = covariance.diagonal().sqrt()
        correlation = covariance / (scale[:, None] * scale)
        correlation.fill_diagonal_(0)
        largest = float(correlation.abs().max())
        width = variance**0.5 * scale
        U, slope = torch.zeros_like(correlation), torch.zeros_like(scale)
        square = torch.zeros_like(scale)
        order, start = _ORDER, 0
        rule = self._rule(means, width, order)
        while start < len(means):
            rows = _BLOCK if order == _ORDER else max(1, _NUMBERS // (order * means.shape[1]))
            block = means[start : start + rows]
            parts = block.split(max(1, _NUMBERS // (len(rule[0]) * block.shape[1])))
            found = [coefficients(self.activation, m, width, order, rule) for m in parts]
            c = torch.cat([one for one, _ in found], 1)
            squares = torch.cat([one for _, one in found]).sum(0)
            terms = _terms(c, squares, largest)
            if terms <= order:
                add_below(U, correlation, c[: terms + 1])
            elif self.dimension == 1:
                for m in parts:
                    U += self._on_a_line(m, width, rule)
            else:
                order = self._higher(order, width)
                rule = self._rule(means, width, order)
                continue
            slope += c[1].sum(0)
            square += squares
            start += len(block)
        n = len(means)
        U = mirrored(U)
        U.diagonal().copy_(square)
        V = (slope / (n * width) * self.noise**0.5)[:, None] * self.first_layer
        return U / n, V / self.dimension**0.5

    def _on_a_line(self, means: Tensor, width: Tensor, rule: Rule) -> Tensor:
        """Σ over points of E σ(h_i)σ(h_j) in one dimension, where all fields share one z."""
        z, weights = rule
        spread = z.to(width)[:, None] * width * self.first_layer[:, 0].sign()
        value = self.activation(means[:, None, :] + spread)  # (rows, nodes, p)
        return torch.einsum("nzp,z,nzq->pq", value, weights.to(width), value)

    def _higher(self, order: int, width: Tensor) -> int:
        """The next order to try, twice the last one."""
        if order >= _MOST:
            raise ValueError(
                f"data must not give fields as wide as {float(width.max()):.3g} in "
                f"d = {self.dimension}, got a series that {order} terms do not end; scale the "
                "data down"
            )
        return min(2 * order, _MOST)

    def _rule(self, means: Tensor, width: Tensor, order: int) -> Rule:
        """Nodes and weights that suffice for the widest fields, and for some of the others."""
        features = torch.cat([width.argsort()[-_TRIED:], _spaced(len(width)).to(width.device)])
        tried = means[_spaced(len(means)).to(means.device)][:, features]
        tried = torch.cat([tried, torch.zeros_like(tried[:1])])  # and those without a mean
        return rule_for(self.activation, tried, width[features].expand_as(tried), order, _NODES)

    def _finite(self, data: Tensor) -> Averages:
        """U and V over these points, one draw of the noise each."""
        W, root = self.first_layer, self.dimension**0.5
        U = W.new_zeros(self.features, self.features)
        V = torch.zeros_like(W)
        for block in data.split(max(1, _NUMBERS // self.features)):
            noise = _checks.normal_like(block, self._generator)
            x = self.signal * block + self.noise**0.5 * noise
            sigma = self.activation(x @ W.mT / root)
            U.addmm_(sigma.mT, sigma)
            V.addmm_(sigma.mT, noise)
        return U / len(data), V / len(data)


def _spaced(count: int) -> Tensor:
    """A few of `count` numbers, evenly spaced."""
    return torch.linspace(0, count - 1, min(count, _TRIED), dtype=torch.float64).round().long()


def _terms(c: Tensor, squares: Tensor, largest: float) -> int:
    """The last term that a series of these coefficients needs; one more than there are: not all."""
    left = squares.clone()
    for k, column in enumerate(c):
        left -= column.square().sum(0)
        if largest ** (k + 1) * float(left.max()) < _NEGLIGIBLE * float(squares.mean()):
            return k
    return len(c)


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

    def __repr__(self) -> str:
        return f"FeatureFlow({self.model!r}, n={self.points}, {len(self.fractions)} classes)"

    @property
    def mode_times(self) -> Tensor:
        """τ_i = ψ/(2Dλ_i) at which each mode is learnt, (p,); ∞ where λ = 0."""
        return self._width / (2 * self.model.noise * self.eigenvalues)

    @property
    def input_eigenvalues(self) -> Tensor:
        """w·Uw/w² along the weights w of each input coordinate, (d,): how fast it is learnt."""
        W = self.model.first_layer
        along = (self.basis.vectors.mT @ W).square()
        return self.eigenvalues @ along / W.square().sum(0)

    def readout(self, time: float) -> Tensor:
        """A(τ)/√p, (d, p), for `model.score`.

        Parameters
        ----------
        time : τ, not negative and finite.

        Raises
        ------
        ValueError : a time that is negative or not finite.
        """
        g = self._filter(_checks.number("time", time, low=0, high=math.inf, open_high=True))[0]
        return -(self.basis.projected.mT * g) @ self.basis.vectors.mT / self.model.noise**0.5

    def train_loss(self, times: Tensor) -> Tensor:
        """Loss on the training points of each class, with the noise draws of the training.

        Parameters
        ----------
        times : (T,) τ, not negative and finite.

        Returns
        -------
        (T, C). `train_loss(times) @ fractions` is the loss that the flow descends.

        Raises
        ------
        ValueError : a time that is negative or not finite.
        """
        return self._losses(times, self.train)

    def test_loss(
        self,
        times: Tensor,
        source: GaussianMixtureDenoiser | Tensor,
        labels: Tensor | None = None,
    ) -> Tensor:
        """Loss on given points, or on the classes of a mixture, averaged over all their points.

        Parameters
        ----------
        times : (T,) τ, not negative and finite.
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
        if not (torch.isfinite(tau) & (tau >= 0)).all():
            raise ValueError(f"times must be at least 0 and finite, got {float(tau.min()):g}")
        rate, lam = 2 * self.model.noise / self._width, self.eigenvalues
        learnt = -torch.expm1(-rate * lam * tau) / lam.clamp(min=torch.finfo(lam.dtype).tiny)
        return torch.where(lam > 0, learnt, rate * tau)

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
