r"""Classes as memories: what guidance does to a class, in the words of retrieval.

At noise level σ the posterior over K classes N(μ_k, g²) of weight π_k is that of a dense memory of
their centres at β = 1/(g² + σ²),

    p_k(x) = softmax_k[β(x·μ_k − |μ_k|²/2) + log π_k],
    D(x, σ) = [σ² Σ_k p_k μ_k + g² x]/(g² + σ²),

so that one formula says when a class, a datum or a pattern is held: random centres of variance
s², K = e^{αd}, at noise v = g² + σ², condense at α = ½ log(1 + s²/v) (random energy model).
Classes: v = g² + t_C (`diffusion.theory.class_condensation`). Data: v = σ²
(`diffusion.theory.collapse_sigma`). Patterns under noise σ: the capacity α = ½ log(1 + 1/σ²)
of the sphere (`hopfield.theory.decoding`).

A prompt, the class asked for, together with a guided reverse process is a memory of that class:
its retrieval probability is the retention, the share of samples that stay in their class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bridges import _checks
from bridges.memory.denoising import ReverseMemory
from bridges.memory.interface import Retrieval
from bridges.memory.similarity import WHOLE, Similarity
from diffusion import GaussianMixtureDenoiser, GuidedDenoiser
from diffusion.guidance import Weight, most_probable
from hopfield import DenseMemory


class PromptedMemory(ReverseMemory):
    """The class of a prompt as a memory: its centre is the only pattern.

    A cue is the centre under noise. It is run back from its noise level under guidance and
    read as the centre of the class that the exact posterior gives to the end. Overlaps are about
    zero, or about the mean of the mixture where different centres have, in the mean, a cosine
    above 1/2.
    """

    def __init__(
        self,
        mixture: GaussianMixtureDenoiser,
        label: int,
        w: Weight,
        dynamics: str,
        steps: int,
    ) -> None:
        _checks.mixture(mixture)
        label = _checks.whole("label", label, low=0, high=len(mixture) - 1)
        _checks.choice("dynamics", dynamics, ("flow", "sde"))
        guided = GuidedDenoiser(mixture.condition(label), mixture, w)
        own, steps = mixture.means[label][None], _checks.whole("steps", steps)
        super().__init__(guided, own, dynamics, None, steps, _similarity(mixture))
        self.mixture = mixture

    def revisit(
        self, cues: Tensor, noise: float, generator: torch.Generator | None = None
    ) -> Retrieval:
        """The class, as its centre, that each cue ends in."""
        ends, converged = super().revisit(cues, noise, generator)
        return Retrieval(self._read(ends), converged)

    def trajectory(
        self, cues: Tensor, overlap: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """The cues, the states after each noise level, and the class that is read at last."""
        path = super().trajectory(cues, overlap, generator)
        return torch.cat([path, self._read(path[-1]).to(path)[None]])

    def levels(self, overlap: float) -> list[float]:
        """The noise levels of these states, the last of them 0."""
        return [*super().levels(overlap), 0.0]

    def _read(self, ends: Tensor) -> Tensor:
        return self.mixture.means[most_probable(ends, self.mixture)]


def _similarity(mixture: GaussianMixtureDenoiser) -> Similarity:
    """About zero, or the mean of classes whose centres are alike."""
    means = mixture.means.double()
    total, own = means.sum(0).square().sum(), means.square().sum()
    if not 2 * (total - own) > (len(means) - 1) * own:
        return WHOLE
    return Similarity(mixture.weights.to(means) @ means, None, "the mean of the mixture")


def class_memories(
    mixture: GaussianMixtureDenoiser,
    w: Weight,
    dynamics: str = "flow",
    labels: Sequence[int] | None = None,
    steps: int = 100,
) -> list[PromptedMemory]:
    """Memories of classes, one per prompt, for `retrieval_map`.

    Its success is the retention, and its errors are between classes. A cue of overlap near 0
    is all noise, and its retrieval is a guided sample.

    Parameters
    ----------
    mixture : the classes.
    w : extra weight, a number or a schedule of σ; −1 ignores the prompt.
    dynamics : "flow" or "sde".
    labels : classes to ask for; None: all.
    steps : of the reverse process.

    Returns
    -------
    A list of memories, one per label.

    Raises
    ------
    ValueError : an unknown class or dynamics, or as for `GuidedDenoiser`.

    Examples
    --------
    >>> from bridges import retrieval_map
    >>> from diffusion.guidance import random_classes
    >>> classes = random_classes(10, 16, seed=0)
    >>> for w in (-1.0, 1.0):
    ...     memories = class_memories(classes, w, steps=20)
    ...     found = retrieval_map(memories, [0.05], trials=20, seed=0)
    ...     print(bool(found.success[0] > 0.9))
    False
    True
    """
    _checks.mixture(mixture)
    asked = (
        range(len(mixture))
        if labels is None
        else [
            _checks.whole("labels", label, low=0, high=len(mixture) - 1)
            for label in _checks.several("labels", labels)
        ]
    )
    return [PromptedMemory(mixture, label, w, dynamics, steps) for label in asked]


def memory_of_classes(mixture: GaussianMixtureDenoiser, sigma: float) -> DenseMemory:
    """The dense memory whose weights are the posterior over isotropic classes at σ.

    Its patterns are the centres, β = 1/(g² + σ²), its log-weights those of the classes where these
    differ; its update is Σ_k p_k μ_k.

    Raises
    ------
    ValueError : classes that are not of one isotropic variance; σ negative.

    Examples
    --------
    >>> classes = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.75)
    >>> memory_of_classes(classes, sigma=0.5).step(torch.tensor([[0.5]]))  # tanh(0.5)
    tensor([[0.4621]])
    """
    _checks.mixture(mixture)
    sigma = _checks.number("sigma", sigma, low=0, high=1e150)  # its square is a number
    spread, basis = mixture.spectra
    if basis is not None or not bool((spread == spread[0, 0]).all()):
        raise ValueError(
            "mixture must have classes of one isotropic variance, got variances from "
            f"{float(spread.min()):g} to {float(spread.max()):g}"
        )
    if not bool((mixture.weights > 0).all()):
        raise ValueError("mixture must have classes of positive weight, got one of weight 0")
    beta = 1 / (float(spread[0, 0]) + sigma**2)
    alike = bool((mixture.weights == mixture.weights[0]).all())
    logs = None if alike else mixture.weights.log()
    return DenseMemory(mixture.means, "exponential", beta=beta, log_weights=logs)
