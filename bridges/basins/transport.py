r"""Unlearning the weights of a dense memory: dreams that are optimal transport.

Let the patterns have potentials g_μ, log-weights a_μ = g_μ/σ² in the softmax. A dream starts from a
reference measure ρ, and lowers the potential of the memories that hold its state,

    w = softmax(L(x) + a),      g_μ ← g_μ + η (1/P − w_μ).

Dreams end where E_ρ w_μ = 1/P: each memory holds as much of ρ as any other. They climb, at random,

    F(g) = E_ρ E(x) + (1/P) Σ_μ g_μ,      E(x) = −σ² log Σ_μ exp[(g_μ − |x − ξ^μ|²/2)/σ²],

the mean energy of the starts at a fixed mean potential, which is concave. This is the dual of
entropic optimal transport from ρ to the stored points, of cost |x − ξ|²/2 and regularisation σ²,
and dreaming is its stochastic gradient (Genevay, Cuturi, Peyré & Bach 2016). At the end

    F + σ² log P = min_π E_π |x − ξ|²/2 + σ² KL(π | ρ ⊗ 1/P)

over the plans π of marginals ρ and 1/P. At σ → 0 the memories' cells are those of a power diagram,
|x − ξ^μ|²/2 − g_μ least, of mass 1/P each (Aurenhammer, Hoffmann & Aronov 1998).

If ρ is p_σ, the noised density of equally weighted patterns itself, equal weights are the fixed
point: the U-turn matrix P E[w wᵀ] has rows of sum 1. A diffusion model has nothing to unlearn at
its own noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from bridges import _checks
from bridges._checks import AT, POINTS, Line, Plotted, Seed
from bridges.memory import Memory
from bridges.memory.cueing import energy_of, recall, stored_patterns
from bridges.starts import Starts, as_starts

HELD_BY = ("responsibilities", "attractor")
Sampler = Callable[[int, torch.Generator], Tensor | Starts]
Array = np.ndarray
_NUMBERS = 2**22  # weights held at once
_JUDGED = 2**11  # starts of a sampler that masses are measured on
_FASTEST = 1e100  # rate, so that weights stay numbers
_MARKS = 10  # of the dreams, at which they are


class Weighed(Memory, Protocol):
    """A memory whose patterns take log-weights."""

    temperature: float

    def weights(self, states: Tensor, overlap: float) -> Tensor:
        """How much each pattern contributes to a state, (B, P), rows of sum 1."""

    def reweighted(self, log_weights: Tensor) -> Weighed:
        """The same memory with log-weights (P,) of its patterns."""


@dataclass(frozen=True, repr=False)
class UnlearnedWeights(Plotted):
    """Log-weights of P memories, and what part of the starts each memory holds.

    Attributes
    ----------
    log_weights : (P,), float64, of sum 0, where the patterns are; `memory.reweighted` takes them.
    potentials : (P,), float64, g = σ² times these, in the units of the energy.
    before, before_sem : (P,) masses E_ρ w at equal weights, and their standard errors; NaN for
        starts on a grid.
    after, after_sem : (P,), the same with the `log_weights`.
    steps : (K,) steps after which the next two were measured.
    entropy : (K,) of the masses, in nats; log P where all are equal.
    undecided : (K,) fraction of the starts of which no memory holds more than half.
    cost : F + σ² log P, a transport cost per start; NaN where attractors hold the starts.
    measure : what the starts were drawn from.
    """

    log_weights: Tensor
    potentials: Tensor
    before: Array
    before_sem: Array
    after: Array
    after_sem: Array
    steps: Array
    entropy: Array
    undecided: Array
    cost: float
    measure: str
    _titles = ("memory, by the mass that it held", "mass of the starts")

    @property
    def imbalance(self) -> float:
        """The largest |P E_ρ w_μ − 1| with the new weights."""
        return float(np.abs(len(self.after) * self.after - 1).max())

    def __repr__(self) -> str:
        P = len(self.after)
        return (
            f"UnlearnedWeights({P} memories, starts from {self.measure}: entropy "
            f"{self.entropy[0]:.4g} → {self.entropy[-1]:.4g} of {math.log(P):.4g}, "
            f"largest |P·mass − 1| {self.imbalance:.2g})"
        )

    def _lines(self) -> list[Line]:
        """The masses before and after, and 1/P."""
        order = np.argsort(-self.before, kind="stable")
        rank, P = np.arange(1, len(order) + 1), len(order)
        return [
            Line(rank, self.before[order], self.before_sem[order], "before", POINTS),
            Line(rank, self.after[order], self.after_sem[order], "after", POINTS),
            Line([1, P], [1 / P, 1 / P], label="1/P", look=AT),
        ]


@torch.no_grad()
def unlearn_weights(
    memory: Memory,
    starts: Tensor | Starts | Sampler,
    steps: int = 1000,
    rate: float | None = None,
    batch: int = 100,
    held_by: str = "responsibilities",
    seed: Seed = None,
) -> UnlearnedWeights:
    r"""Dream, and lower the potential of the memories that hold the dreams.

    The rate falls as η/√t, and the weights are the mean over the last half of the steps: dreams
    at a constant rate never come to rest.

    Parameters
    ----------
    memory : of `as_memory`: an exponential DenseMemory of real states, or an EmpiricalDenoiser
        at a given `sigma`; or another that has `weights` and `reweighted`. It is left as it is.
    starts : (B, N), or Starts, of which each dream takes a row at random; or a function of a
        number and a generator that draws so many, as `lambda n, g: gaussian(n, 2, 1.5, g)`.
    steps : of `batch` dreams each, at the same weights.
    rate : η of the potentials, positive, in the units of the energy. None: 5Pc/√steps, with c
        about what one start costs more or less than another, σ² + |ξ − mean| s_ρ, rms of both:
        masses follow potentials within Pc/η steps.
    batch : dreams per step.
    held_by : "responsibilities", the weights at the start, or "attractor", the weights where the
        dynamics takes it: these let basins, not cells, hold 1/P each.
    seed : int, torch.Generator or None.

    Returns
    -------
    UnlearnedWeights, measured on 2048 further starts of a function, or on all that are given.

    Raises
    ------
    ValueError : a memory that takes no log-weights, starts of another size, a number out of
        range, an unknown word.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from bridges.starts import gaussian
    >>> from hopfield import DenseMemory
    >>> pair = as_memory(DenseMemory(torch.tensor([[0.0], [2.0]]).double(), beta=4.0))
    >>> found = unlearn_weights(pair, lambda n, g: gaussian(n, 1, 1.0, g), steps=300, seed=0)
    >>> found.before.round(1), found.after.round(1)
    (array([0.8, 0.2]), array([0.5, 0.5]))
    >>> bool(found.log_weights[1] > found.log_weights[0])
    True
    """
    weighed, patterns, temperature = _weighable(memory)
    steps, batch = _checks.whole("steps", steps), _checks.whole("batch", batch)
    _checks.choice("held_by", held_by, HELD_BY)
    generator = _checks.generator_from(seed, "unlearn_weights")
    draw = _drawing(starts, patterns)
    drawn = callable(starts) and not isinstance(starts, type)
    judged = draw(_JUDGED, generator) if drawn else _given(starts, patterns)
    P = len(patterns)
    if rate is None:
        spread = _deviation(patterns) * math.sqrt(patterns.shape[1]) * _deviation(judged.states)
        rate = 5 * P * (temperature + spread) / math.sqrt(steps)
    rate = _checks.number("rate", rate, low=0, high=_FASTEST, open_low=True) / temperature
    weights, mean, kept = (
        torch.zeros(P, dtype=torch.float64),
        torch.zeros(P, dtype=torch.float64),
        0,
    )
    marks = {round(steps * k / _MARKS) for k in range(_MARKS)}
    account = _Account(weighed, judged, held_by, generator)
    for t in range(steps):
        current = weighed.reweighted(weights)
        if t in marks:
            account.add(t, current)
        mass = _held(current, draw(batch, generator), held_by, generator)[0]
        weights = weights + rate / math.sqrt(t + 1) * (1 / P - mass)
        if t >= steps // 2:
            kept += 1
            mean = mean + (weights - mean) / kept
    return account.closed(steps, mean - mean.mean(), temperature)


@torch.no_grad()
def balanced_weights(
    memory: Memory, starts: Tensor | Starts, tolerance: float = 1e-6, max_steps: int = 1000
) -> UnlearnedWeights:
    r"""The weights that dreams from given starts lead to, without dreaming.

    F is climbed with all starts at once (L-BFGS). There is one maximum, and no chance in it.

    Parameters
    ----------
    memory : as for `unlearn_weights`; it has an energy. Of double precision: single gives
        masses to three digits.
    starts : (B, N), or Starts.
    tolerance : of P times a mass, in (0, 1), at which the climb ends.
    max_steps : most steps. `imbalance` of the result says how far they led.

    Returns
    -------
    UnlearnedWeights.

    Raises
    ------
    ValueError : as for `unlearn_weights`, or a memory without energy.
    TypeError : something that is no Memory.

    Examples
    --------
    >>> from bridges import as_memory
    >>> from diffusion import EmpiricalDenoiser
    >>> points = torch.tensor([[-1.0], [2.0]]).double()
    >>> starts = torch.linspace(-1, 1, 101).double()[:, None]
    >>> pair = as_memory(EmpiricalDenoiser(points), sigma=0.1)
    >>> found = balanced_weights(pair, starts)  # the cells meet at 0, where the costs differ by 3/2
    >>> found.before.round(2), found.after.round(2), found.potentials.numpy().round(2)
    (array([0.75, 0.25]), array([0.5, 0.5]), array([-0.75,  0.75]))
    """
    from scipy.optimize import minimize

    weighed, patterns, temperature = _weighable(memory)
    tolerance = _checks.share("tolerance", tolerance)
    max_steps = _checks.whole("max_steps", max_steps)
    judged, P = _given(starts, patterns), len(patterns)
    generator = _checks.generator_from(0, "balanced_weights")  # of dynamics that is not run
    account = _Account(weighed, judged, HELD_BY[0], generator)
    account.add(0, weighed.reweighted(torch.zeros(P, dtype=torch.float64)))
    if math.isnan(account.energy):
        raise ValueError(f"memory must have an energy, got {type(memory).__name__} without one")

    def descent(weights: Array) -> tuple[float, Array]:
        """−F/σ² and its gradient."""
        current = weighed.reweighted(torch.from_numpy(weights))
        energy = float(energy_of(current, judged.states).mean())
        mass = _held(current, judged, HELD_BY[0], generator)[0].numpy()
        return -energy / temperature - weights.mean(), mass - 1 / P

    found = minimize(
        descent,
        np.zeros(P),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_steps, "maxfun": 2 * max_steps, "ftol": 0, "gtol": tolerance / P},
    )
    weights = torch.from_numpy(found.x)
    return account.closed(int(found.nit), weights - weights.mean(), temperature)


class _Account:
    """What the starts are held by along the dreams."""

    def __init__(
        self, memory: Weighed, judged: Starts, held_by: str, generator: torch.Generator
    ) -> None:
        self.memory, self.judged = memory, judged
        self.held_by, self.generator = held_by, generator
        self.masses: list[tuple[Array, Array]] = []
        self.undecided: list[float] = []
        self.steps: list[int] = []
        self.energy = math.nan

    def add(self, step: int, current: Weighed) -> None:
        """Masses at the weights of a memory, after so many steps."""
        mass, sem, undecided = _held(current, self.judged, self.held_by, self.generator)
        self.steps.append(step)
        self.masses.append((mass.numpy(), sem.numpy()))
        self.undecided.append(undecided)
        if self.held_by == HELD_BY[0]:
            self.energy = float(energy_of(current, self.judged.states).mean())

    def closed(self, step: int, weights: Tensor, temperature: float) -> UnlearnedWeights:
        """The result of these log-weights, of sum 0."""
        self.add(step, self.memory.reweighted(weights))
        p = np.array([mass for mass, _ in self.masses])
        logs = np.log(p, where=p > 0, out=np.zeros_like(p))
        first, last = self.masses[0], self.masses[-1]
        weights = weights.to(self.judged.states.device)
        return UnlearnedWeights(
            log_weights=weights,
            potentials=temperature * weights,
            before=first[0],
            before_sem=first[1],
            after=last[0],
            after_sem=last[1],
            steps=np.array(self.steps),
            entropy=np.abs((p * logs).sum(1)),  # of one memory 0, not −0
            undecided=np.array(self.undecided),
            cost=self.energy + temperature * math.log(len(weights)),
            measure=self.judged.measure,
        )


def _held(
    memory: Weighed, starts: Starts, held_by: str, generator: torch.Generator
) -> tuple[Tensor, Tensor, float]:
    """Masses (P,) of the starts, their standard errors, and the part that none holds alone."""
    P, B = len(memory.patterns), len(starts)
    sums, undecided = torch.zeros(2, P, dtype=torch.float64), 0
    for rows in _blocks(starts.states, P):
        if held_by == "attractor":
            rows = recall(memory, rows, starts.overlap, generator).states
        weights = memory.weights(rows, starts.overlap).double().cpu()
        sums += torch.stack([weights.sum(0), weights.square().sum(0)])
        undecided += int((weights.amax(1) <= 0.5).sum())
    mean, squares = sums / B
    drawn = starts.drawn and B > 1
    sem = ((squares - mean.square()).clamp(min=0) / (B - 1)).sqrt() if drawn else mean * math.nan
    return mean, sem, undecided / B


def _blocks(states: Tensor, width: int) -> Iterator[Tensor]:
    """States, as many at once as leave room for their weights."""
    yield from states.split(max(1, _NUMBERS // width))


def _deviation(rows: Tensor) -> float:
    """Rms deviation of an entry of rows (B, N) from the mean of the rows."""
    fine = rows.double()
    return float((fine - fine.mean(0)).square().mean().sqrt())


def _weighable(memory: Memory) -> tuple[Weighed, Tensor, float]:
    """A memory that takes log-weights, its patterns (P, N) and σ². Raises ValueError, TypeError."""
    patterns = stored_patterns(memory)
    needs = ("reweighted", "weights", "temperature")
    temperature = getattr(memory, "temperature", None)
    if temperature is None or any(not hasattr(memory, name) for name in needs):
        raise ValueError(
            "memory must take log-weights: an exponential DenseMemory of real states, or an "
            f"EmpiricalDenoiser at a given sigma, got {type(memory).__name__}"
        )
    weighed = cast(Weighed, memory)
    weighed.reweighted(torch.zeros(len(patterns)))  # refuses what takes none
    return weighed, patterns, _checks.positive("memory.temperature", temperature)


def _given(starts: Any, patterns: Tensor) -> Starts:
    """Starts (B, N) that are given, at least one."""
    found = as_starts(starts)
    states = _checks.matrix("starts", found.states, columns=patterns.shape[1]).detach()
    if len(states) == 0:
        raise ValueError(f"starts must hold at least one row, got {tuple(states.shape)}")
    states = _checks.converted("starts", states, patterns)
    return Starts(states, found.measure, found.overlap, found.drawn, found.sigma)


def _drawing(starts: Any, patterns: Tensor) -> Callable[[int, torch.Generator], Starts]:
    """What draws starts: the function that is given, checked, or one of given rows."""
    if callable(starts) and not isinstance(starts, type):

        def drawn(count: int, generator: torch.Generator) -> Starts:
            found = _given(starts(count, generator), patterns)
            if len(found) != count:
                raise ValueError(f"starts must draw {count} rows, got {len(found)}")
            return found

        return drawn
    rows = _given(starts, patterns)

    def chosen(count: int, generator: torch.Generator) -> Starts:
        index = torch.randint(len(rows), (count,), generator=generator, device=generator.device)
        return Starts(rows.states[index.to(rows.states.device)], rows.measure, rows.overlap)

    return chosen
