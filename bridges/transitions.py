r"""Where memories go: the transition matrix of a U-turn, and how many can be told apart.

T_μν is the probability that a cue made of memory μ comes home to memory ν. For the
empirical score of P points, noised to σ and run back by the exact reverse process, the
process ends in the posterior, so that no dynamics has to be run:

    T_μν(σ) = E_z w_ν(ξ^μ + σz) = ∫ N_μ N_ν / Σ_κ N_κ,     N_μ = N(x; ξ^μ, σ²)

T is symmetric and doubly stochastic, a reversible chain whose stationary law is uniform; it
is positive, P E[w wᵀ] over noised points. Its return probability is R = tr T/P and
N_eff = tr T ∈ [1, P] counts the memories that noise σ leaves distinguishable. How far the
estimate is from being symmetric, and its columns from summing to 1, is its sampling error.

For any other memory T is counted over cues. It need not be symmetric then, and what comes
home to no memory is counted apart. A flow decodes and an SDE samples the
posterior: their T differ, and only the SDE's is the matrix above.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import POINTS, Line, Plotted, Result, Seed, axes_of, finish, styled
from bridges.equivalence import overlap_of_noise
from bridges.estimates import short_table, with_error
from bridges.memory import CRITERIA, ROUNDING, Memory
from bridges.memory.cueing import answered, cue, settle, stored_patterns, targets_of
from bridges.memory.similarity import WHOLE, Similarity, similarity_of
from diffusion import EmpiricalDenoiser

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUMBERS = 2**22  # weights, overlaps or coordinates of a block held at once
Array = np.ndarray


class Transitions(Result, Tensor):
    """A transition matrix T (P, P), T_μν from memory μ to memory ν: a tensor with an account.

    What is computed from it, T.sum(0) or T − T.T, is a plain tensor.

    Attributes
    ----------
    sem : (P, P), standard errors between draws.
    lost : (P,), the part of each memory's cues that came home to no memory; a row of T and its
        lost part sum to 1.
    converged : fraction of cues whose dynamics converged, NaN where none is run.
    draws : draws or cues per memory.
    """

    sem: Tensor
    lost: Tensor
    converged: float
    draws: int

    def __new__(
        cls, matrix: Tensor, sem: Tensor, lost: Tensor, converged: float, draws: int
    ) -> Transitions:
        result = matrix.as_subclass(cls)
        result.sem, result.lost, result.converged, result.draws = sem, lost, converged, draws
        return result

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Computed as by plain tensors, into plain tensors."""
        with torch._C.DisableTorchFunctionSubclass():
            return function(*args, **(kwargs or {}))

    def __deepcopy__(self, memo: Any) -> Transitions:
        matrix, sem, lost = (one.clone() for one in (self.matrix, self.sem, self.lost))
        return Transitions(matrix, sem, lost, self.converged, self.draws)

    @property
    def matrix(self) -> Tensor:
        """T alone, a plain tensor that shares its memory."""
        return self.as_subclass(Tensor)

    @property
    def return_probability(self) -> float:
        """R = tr T/P."""
        return float(self.diagonal().double().mean())

    @property
    def return_sem(self) -> float:
        """Standard error of R between draws, NaN for a single one."""
        return float(self.sem.diagonal().double().square().sum().sqrt()) / len(self)

    @property
    def effective_number(self) -> float:
        """N_eff = tr T, the number of memories that can be told apart."""
        return len(self) * self.return_probability

    @property
    def effective_sem(self) -> float:
        """Standard error of N_eff."""
        return len(self) * self.return_sem

    @property
    def entropy(self) -> float:
        """Entropy of where a cue goes, in nats, the mean over rows; being lost is one place."""
        places = torch.cat([self.matrix, self.lost[:, None]], 1).double()
        return float(-torch.xlogy(places, places).sum(1).mean())

    @property
    def column_sums(self) -> Tensor:
        """Σ_μ T_μν, (P,): 1 for the exact score, up to the sampling error."""
        return self.sum(0)

    @property
    def asymmetry(self) -> float:
        """The largest |T_μν − T_νμ|: 0 for the exact score, up to the sampling error."""
        return float((self - self.T).abs().max())

    @property
    def asymmetry_in_errors(self) -> float:
        """Root mean square of T − Tᵀ in units of its standard error: 1 if T is symmetric.

        NaN where nothing moved, or for a single draw.
        """
        moved = self.sem.double() - torch.diag(self.sem.diagonal().double())
        difference = (self - self.T).double().square().sum()
        return float((difference / (2 * moved.square().sum())).sqrt())

    def _parts(self) -> list[tuple[str, Any]]:
        names = ("matrix", "sem", "lost", "converged", "draws")
        return [(name, getattr(self, name)) for name in names]

    def plot(self, ax: Axes | None = None, **style: Any) -> Axes:
        """Draw T as a picture, row μ from the top, column ν from the left.

        Parameters
        ----------
        ax : axes to draw on; None: those of a new figure of pyplot.
        **style : properties of matplotlib's `imshow`, such as `cmap` or `norm`.

        Returns
        -------
        The axes.

        Raises
        ------
        ValueError : `ax` is no Axes, or a property that pictures do not have.
        """
        axes = axes_of(ax)
        shown = {"cmap": "Greys", "vmin": 0.0, "interpolation": "nearest"}
        if "norm" in style:  # which has limits of its own
            del shown["vmin"]
        styled(axes.imshow, self.matrix.detach().cpu().double().numpy(), **shown | style)
        finish(axes, (r"memory $\nu$ that is returned", r"memory $\mu$ that is cued"))
        return axes

    def __repr__(self) -> str:  # type: ignore[override]  # of a tensor
        known = with_error(self.effective_number, self.effective_sem)
        lost = float(self.lost.double().mean())
        return f"Transitions({len(self)} memories, N_eff {known}, lost {lost:.3g})"


@dataclass(frozen=True, repr=False)
class ReturnCurve(Plotted):
    """Return probability against noise; arrays have one entry per level.

    Attributes
    ----------
    sigma : as asked for.
    return_probability : R.
    return_sem : its standard error between draws.
    effective_number : N_eff = PR.
    effective_sem : its standard error.
    entropy : of where cues go, in nats.
    lost : the part that came home to no memory.
    memories : P.
    """

    sigma: Array
    return_probability: Array
    return_sem: Array
    effective_number: Array
    effective_sem: Array
    entropy: Array
    lost: Array
    memories: int
    _titles = (r"noise level $\sigma$", "return probability")
    _log = "x"

    def __repr__(self) -> str:
        return short_table(
            f"ReturnCurve({self.memories} memories)",
            {
                "σ": (self.sigma, None),
                "R": (self.return_probability, self.return_sem),
                "N_eff": (self.effective_number, self.effective_sem),
            },
        )

    def _lines(self) -> list[Line]:
        return [Line(self.sigma, self.return_probability, self.return_sem, look=POINTS)]


def transition_matrix(
    source: EmpiricalDenoiser | Memory,
    sigma: float | None = None,
    *,
    draws: int = 100,
    overlap: float | None = None,
    trials: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
) -> Transitions:
    """Where cues of each memory come home.

    Of the exact weights of P memories in d dimensions that is 2P²d operations and P² exponentials
    per draw, and 40P² bytes: 5000 images of 784 pixels take 4 TFLOP at 100 draws. Of a memory it
    is the dynamics of P cues per trial, and 2P²N operations to tell where they came home.

    Parameters
    ----------
    source : an EmpiricalDenoiser, whose T(σ) is averaged over its exact posterior weights
        (give `sigma`, and `draws`), or a Memory, whose T is counted (give `overlap`, and
        `trials`).
    sigma : noise level of the cues, positive, in signal units.
    draws : noised points per memory, at least 1; every one adds a whole row of weights.
    overlap : cosine of cue and memory, in (0, 1].
    trials : cues per memory, at least 1.
    criterion : "fixed-point", the end of the dynamics, or "one-step", a single update.
    threshold : least cosine, in [−1, 1], of a state with its nearest pattern that counts as
        coming home to it; −1 sends every state to its nearest pattern.
    seed : int, torch.Generator or None.

    Returns
    -------
    Transitions. It has the dtype and device of the patterns; memory stays bounded by the
    matrix, whatever the number of draws.

    Raises
    ------
    ValueError : an argument outside its range, `sigma` missing for a denoiser or `overlap`
        for a memory, or a memory that returns NaN or a wrong shape.
    TypeError : a source that is neither.

    Examples
    --------
    >>> denoiser = EmpiricalDenoiser(torch.tensor([[-1.0], [0.4], [2.0]]))
    >>> T = transition_matrix(denoiser, sigma=0.9, draws=20_000, seed=0)
    >>> round(T.effective_number, 1), T.shape  # 1.908 by quadrature
    (1.9, torch.Size([3, 3]))
    """
    draws, trials = _checks.whole("draws", draws), _checks.whole("trials", trials)
    _checks.choice("criterion", criterion, CRITERIA)
    threshold = _checks.number("threshold", threshold, low=-1, high=1)
    _measurable(source)
    if isinstance(source, EmpiricalDenoiser):
        if sigma is None or overlap is not None:
            raise ValueError(
                "an EmpiricalDenoiser needs sigma and no overlap, "
                f"got sigma = {sigma}, overlap = {overlap}"
            )
        return _posterior(source, _checks.positive("sigma", sigma), draws, seed)
    if overlap is None or sigma is not None:
        raise ValueError(
            f"a Memory needs overlap and no sigma, got overlap = {overlap}, sigma = {sigma}"
        )
    m = _checks.number("overlap", overlap, low=0, high=1, open_low=True)
    return _counted(source, m, trials, criterion, threshold, seed)


def return_curve(
    source: EmpiricalDenoiser | Memory,
    sigmas: Sequence[float],
    *,
    draws: int = 100,
    criterion: str = "fixed-point",
    threshold: float = 0.95,
    seed: Seed = None,
) -> ReturnCurve:
    """Return probability and effective number of memories against the noise of the cues.

    Parameters
    ----------
    source : an EmpiricalDenoiser or a Memory; the cues of a memory have the overlap that
        noise σ leaves, m = 1/sqrt(1 + σ²/r²) with r the rms entry of its patterns about its
        centre.
    sigmas : noise levels, positive.
    draws : noised points or cues per memory at each level.
    criterion, threshold : of a memory, as for `transition_matrix`.
    seed : int, torch.Generator or None. The same noise serves all levels.

    Returns
    -------
    ReturnCurve.

    Raises
    ------
    ValueError, TypeError : as for `transition_matrix`.

    Examples
    --------
    >>> curve = return_curve(EmpiricalDenoiser(torch.eye(8)), [0.1, 100.0], seed=0)
    >>> curve.effective_number.round(1)
    array([8., 1.])
    """
    _measurable(source)
    grid = [
        _checks.positive("sigmas", one) for one in _checks.doubles("sigmas", sigmas).reshape(-1)
    ]
    if not grid:
        raise ValueError("sigmas must be positive numbers, got none")
    base = _checks.whole_seed(seed)
    shared: dict[str, Any] = {"criterion": criterion, "threshold": threshold, "seed": base}
    if isinstance(source, EmpiricalDenoiser):
        found = [transition_matrix(source, one, draws=draws, **shared) for one in grid]
    else:
        rms = similarity_of(source).rms(stored_patterns(source).double())
        if not 0 < rms < np.inf:
            raise ValueError(f"patterns must have a finite rms entry above 0, got {rms:g}")
        overlaps = [overlap_of_noise(one / rms) for one in grid]
        found = [transition_matrix(source, overlap=m, trials=draws, **shared) for m in overlaps]
    names = ("return_probability", "return_sem", "effective_number", "effective_sem", "entropy")
    return ReturnCurve(
        sigma=np.array(grid),
        **{name: np.array([getattr(one, name) for one in found]) for name in names},
        lost=np.array([float(one.lost.double().mean()) for one in found]),
        memories=len(found[0]),
    )


def _measurable(source: object) -> None:
    if not isinstance(source, EmpiricalDenoiser | Memory):
        raise TypeError(
            "source must be an EmpiricalDenoiser or a Memory, "
            f"got {type(source).__name__}; adapt it with as_memory"
        )


def _posterior(denoiser: EmpiricalDenoiser, sigma: float, draws: int, seed: Seed) -> Transitions:
    """Mean weights of the noised points of each memory, each memory with noise of its own.

    Noise shared by all memories would cost two products of (P, P) matrices, but the radius |z|
    is then shared too, and the error of tr T grows by more than the saving.
    """
    data, P = denoiser.data, len(denoiser)
    generator = _checks.generator_from(seed, "transition_matrix", data.device)
    total = torch.zeros(P, P, dtype=torch.float64, device=data.device)
    squares = torch.zeros_like(total)
    blocks = _blocks(P, draws, max(data.shape))
    for rows, count in _checks.followed(blocks, "draws"):
        clean = denoiser.points(rows)
        noise = torch.randn(
            (len(clean), count, data.shape[1]),
            generator=generator,
            device=generator.device,
            dtype=clean.dtype,
        ).to(clean)
        weights = denoiser.weights((clean[:, None] + sigma * noise).flatten(0, 1), sigma)
        weights = weights.view(len(clean), count, -1)
        total[rows] += weights.sum(1)
        squares[rows] += weights.square_().sum(1)
    mean = total / draws
    return Transitions(
        matrix=mean.to(denoiser.dtype),
        sem=_sem(mean, squares / draws, draws).to(denoiser.dtype),
        lost=torch.zeros(P, dtype=denoiser.dtype, device=data.device),
        converged=float("nan"),
        draws=draws,
    )


def _counted(
    memory: Memory, overlap: float, trials: int, criterion: str, threshold: float, seed: Seed
) -> Transitions:
    """How often the cues of each memory come home to which, and how often to none.

    Home is what the cue of a pattern should become.
    """
    patterns, targets = stored_patterns(memory), targets_of(memory)
    targets = patterns if targets is None else targets.to(patterns)
    similarity = similarity_of(memory) if targets.shape == patterns.shape else WHOLE
    generator = _checks.generator_from(seed, "transition_matrix")
    P = len(patterns)
    counts = torch.zeros(P, P + 1, dtype=torch.float64)
    converged = 0.0
    blocks = _blocks(P, trials, max(patterns.shape))
    for rows, count in _checks.followed(blocks, "cues"):
        own = torch.arange(P)[rows].repeat_interleave(count)
        cues = cue(memory, patterns[own.to(patterns.device)], overlap, generator)
        states, done = settle(memory, cues, overlap, criterion, generator)
        states = answered(memory, states)
        home = nearest_pattern(states, targets, threshold, similarity).cpu()
        counts += torch.bincount(own * (P + 1) + home % (P + 1), minlength=P * (P + 1)).view(P, -1)
        converged += float(done.double().mean()) * len(own)
    mean = (counts / trials).to(patterns)
    return Transitions(
        matrix=mean[:, :P],
        sem=_sem(mean, mean, trials)[:, :P],
        lost=mean[:, P],
        converged=converged / (P * trials),
        draws=trials,
    )


def nearest_pattern(
    states: Tensor, patterns: Tensor, threshold: float = -1.0, similarity: Similarity = WHOLE
) -> Tensor:
    """Index of the pattern (P, N) of largest cosine with each state (B, N), (B,).

    The cosine is about the centre, and over the sites, of a `similarity`. −1 where it is below
    `threshold`; a state at the centre has cosine 0 with all.

    Examples
    --------
    >>> nearest_pattern(torch.tensor([[2.0, 0.1], [0.0, 0.0]]), torch.eye(2), threshold=0.9)
    tensor([ 0, -1])
    """
    states, patterns = (similarity.about(rows) for rows in (states.to(patterns), patterns))
    cosine = torch.nn.functional.normalize(states, dim=1) @ (
        torch.nn.functional.normalize(patterns, dim=1).T
    )
    best, index = cosine.max(1)
    return torch.where(best >= threshold - ROUNDING, index, -1)


def _sem(mean: Tensor, squares: Tensor, draws: int) -> Tensor:
    """Standard error of means of `draws` numbers, from their mean squares."""
    if draws == 1:
        return torch.full_like(mean, torch.nan)
    return ((squares - mean.square()).clamp(min=0) / (draws - 1)).sqrt()


def _blocks(memories: int, draws: int, width: int) -> list[tuple[slice, int]]:
    """Rows of memories and numbers of draws whose (rows · draws, width) fits into memory."""
    points = max(1, _NUMBERS // width)
    count = min(draws, points)
    rows = max(1, points // count)
    return [
        (slice(low, low + rows), min(count, draws - done))
        for low in range(0, memories, rows)
        for done in range(0, draws, count)
    ]
