"""Guidance schedules as they are written at the command line: `3`, `interval:3:0.3:5`.

A list of guidance scales, a run of steps after another, is one too: `30x4+20x0`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from diffusion import Denoiser, DenoiserLike
    from diffusion.guidance import Weight

CONTROL = "0"
STEPS = "steps"
_LISTED = re.compile(r"[1-9][0-9]{0,5}x[0-9.e-]+(\+[1-9][0-9]{0,5}x[0-9.e-]+)*")
_FORMS = {  # what may be written, and how many numbers it has
    "constant": "w",
    "interval": "w:LOW:HIGH",
    "linear": "w",
    "cosine": "w",
    "triangle": "w:PEAK",
    "exponential": "w:RATE",
    "power-law": "w:EXPONENT",
    "window": "w:SIGMA",
}
HELP = (
    "Guidance to compare with none: numbers w, or "
    + ", ".join(f"{name}:{words}" for name, words in _FORMS.items() if name != "constant")
    + "; noise levels in units of the data's deviation; PEAK is a share of the progress. Or scales "
    "1 + w of all steps, 30x4+20x0: 30 of 4, 20 of 0."
)


class Noise(NamedTuple):
    """Noise levels of the sampler: the largest, where they become even, and the unit of both."""

    start: float
    width: float
    unit: float

    def levels(self, steps: int, jumps: Sequence[float] = ()) -> list[float]:
        """Those of so many steps, falling to 0."""
        from diffusion import noise_levels

        return noise_levels(self.start, steps, self.width, jumps)


class InUnits:
    """A schedule of noise levels in units of the data."""

    def __init__(self, schedule: Callable[[float], float], unit: float) -> None:
        self.schedule, self.unit = schedule, unit
        self.breaks = tuple(unit * level for level in getattr(schedule, "breaks", ()))

    def __call__(self, sigma: float) -> float:
        return self.schedule(sigma / self.unit)


def guided(
    text: str, conditional: DenoiserLike, unconditional: DenoiserLike, noise: Noise
) -> Denoiser:
    """A class under the guidance of a text.

    Raises
    ------
    ValueError : a text that is no guidance, or numbers that it refuses.

    Examples
    --------
    >>> from diffusion import GaussianMixtureDenoiser
    >>> mixture = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)
    >>> found = guided("window:3:1.5", mixture.condition(1), mixture, Noise(40.0, 0.4, 2.0))
    >>> found.w(3.1), found.w(2.9), found.w.breaks
    (3.0, -1.0, (0.0, 3.0))
    """
    from diffusion import GuidedDenoiser
    from diffusion.guidance import PerStep, PowerLawGuidance

    name, numbers = _parts(text)
    if name == "power-law":
        return PowerLawGuidance(conditional, unconditional, *numbers)
    if name == STEPS:
        steps = PerStep(numbers, noise.levels(len(numbers)))  # type: ignore[arg-type]  # settled
        return GuidedDenoiser(conditional, unconditional, steps)
    return GuidedDenoiser(conditional, unconditional, _schedule(name, numbers, noise))


def _schedule(name: str, numbers: Sequence[float], noise: Noise) -> Weight:
    from diffusion.guidance import Exponential, Interval, Progressive, Triangle, Window

    if name == "constant":
        return numbers[0]
    w, *others = numbers
    ends = noise.start / noise.unit, noise.width / noise.unit
    shapes: dict[str, Callable[[], Callable[[float], float]]] = {
        "linear": lambda: Progressive("power", w, *ends),
        "cosine": lambda: Progressive("cosine", w, *ends),
        "triangle": lambda: Triangle(w, *ends, *others),
        "exponential": lambda: Exponential(w, *ends, *others),
        "interval": lambda: Interval(w, *others),
        "window": lambda: Window(w, *others),
    }
    return InUnits(shapes[name](), noise.unit)


class Guidance(click.ParamType):  # type: ignore[type-arg]
    """A list of guidance schedules, that of none first."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> list[str]:
        """Their texts, each once."""
        texts: Sequence[str] = value if isinstance(value, list) else str(value).split(",")
        found = dict.fromkeys([CONTROL])
        for text in map(str.strip, texts):
            try:
                name, numbers = _parts(text)
                guided(text, _nothing, _nothing, Noise(40.0, 0.4, 1.0))
            except ValueError as error:
                self.fail(str(error), param, ctx)
            found[CONTROL if (name, numbers) == ("constant", [0.0]) else text] = None
        return list(found)


def _nothing(x: Any, sigma: Any) -> Any:
    return x


def check_steps(texts: Sequence[str], steps: int) -> None:
    """Raise a ValueError where the scales of a text are not those of so many steps."""
    for name, numbers in map(_parts, texts):
        if name == STEPS and len(numbers) != steps:
            raise ValueError(
                f"guidance must have a scale for each of {steps} steps, got {len(numbers)}"
            )


def _parts(text: str) -> tuple[str, list[float]]:
    """Name and numbers of a text; a list of scales has the extra weights. Raises ValueError."""
    if _LISTED.fullmatch(text):
        from diffusion.guidance import step_scales

        return STEPS, step_scales(text)
    name, *words = text.split(":") if ":" in text else ("constant", text)
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if name not in _FORMS or len(numbers) != _FORMS[name].count(":") + 1:
        known = ", ".join(f"{name}:{words}" for name, words in _FORMS.items())
        raise ValueError(
            f"guidance must be a number w or one of {known}, or scales of all steps such as "
            f"30x4+20x0, got {text!r}"
        )
    return name, numbers
