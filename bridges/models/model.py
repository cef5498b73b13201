"""What a model of the command is, and what it is told: the options that models read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from bridges.data.coded import Coding
    from bridges.memory import Memory
    from bridges.memory.similarity import Similarity
    from diffusion.latents import LatentSpace
    from hopfield import LowRankCouplings


@dataclass(frozen=True)
class Options:
    """The options of models; each model reads those that it has.

    Attributes
    ----------
    beta : β of the exponential models and, as σ = 1/√β, of the iterated denoiser.
    degree : of the polynomial.
    steps : of the reverse flow, and along a sequence.
    rate : ε of a dream, λ of structured noise.
    training_overlap : m_t of training with noise, None for the rule's own.
    training_steps : dreams, or steps of a learning rule, None for the rule's own number.
    dynamics : of denoisers by path, as for `as_memory`.
    centre : about which overlaps of patterns as they are stored are measured.
    shape : of a pattern as it is stored, for models of images; None: flat.
    activity : a of 0/1 patterns.
    theta : threshold θ of the covariance rule; None takes the best one of large networks.
    gain : g of the exponential kernel.
    levels : values that clipped couplings have.
    keep : share of couplings that dilution keeps.
    colours : q of the sites of the Potts memory.
    clip : level w at which the spectrum of the patterns is cut.
    temperature : T of the heat bath, in units of the fields.
    entmax : α of the entmax memory.
    features : Y of the memory of random features; None takes its own number.
    window : width k of the windows of local denoisers, odd.
    """

    beta: float = 1.0
    degree: int = 3
    steps: int = 50
    rate: float = 0.02
    training_overlap: float | None = None
    training_steps: int | None = None
    dynamics: str = "flow"
    centre: Similarity | None = None
    shape: tuple[int, ...] | None = None
    activity: float = 0.1
    theta: float | None = None
    gain: float = 5.0
    levels: int = 2
    keep: float = 0.5
    colours: int = 3
    clip: float = 0.7
    temperature: float = 0.2
    entmax: float = 1.5
    features: int | None = None
    window: int = 5

    @property
    def coding(self) -> Coding:
        """What patterns in a code depend on."""
        from bridges.data.coded import Coding  # slow to import

        return Coding(self.activity, self.colours)


@dataclass(frozen=True)
class Reading:
    """How a model by path is read.

    Attributes
    ----------
    label : the class of a class-conditional model.
    scheduler : of diffusers, the name of its class or the folder it lies in; None: the model's.
    batch_size : rows that a network is given at once; None: as many as fit.
    """

    label: int | None = None
    scheduler: str | None = None
    batch_size: int | None = None


Build = Callable[["Tensor", Options, int], "Memory"]  # (patterns, options, seed)


@dataclass(frozen=True)
class Model:
    """A model that the command knows.

    Attributes
    ----------
    label : for tables and figures.
    kind : of its states and patterns: "binary" for spins, "real", "stored" for data as they are,
        "sparse" for 0/1 patterns of equal activity, "colours" for sites of several colours.
    about : one line.
    build : (patterns, options, seed) → the memory.
    trained : whether it stores what it was trained on, whatever patterns it is cued with.
    source : of a trained model, the denoiser or the network.
    latents : of a denoiser of codes, the space of these.
    reads : the options of its own that it reads; a record has these of each model.
    least : patterns that it needs.
    images : whether its patterns are images, of which `Options.shape` is the shape of one.
    unknown : whether its cues are spins of which some are unknown, 0, and no flipped patterns.
    """

    label: str
    kind: str
    about: str
    build: Build
    trained: bool = False
    source: Any = None
    latents: LatentSpace | None = None
    reads: tuple[str, ...] = ()
    least: int = 1
    images: bool = False
    unknown: bool = False


def network(rule: Callable[[Tensor, Options, int], Tensor | LowRankCouplings]) -> Build:
    """A network with the couplings of a rule, in asynchronous dynamics."""

    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        from bridges.memory import as_memory
        from hopfield import HopfieldNetwork

        return as_memory(HopfieldNetwork(rule(patterns, options, seed)), patterns)

    return build
