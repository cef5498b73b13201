r"""Copies along a training: from time to time samples are drawn, and judged for copies.

At each look a denoiser draws samples by its reverse flow, from the same noise every time, and they
are judged against the false alarms of held-out data. Each look is a test, in which a model without
copies is said to have some with a probability of about 10⁻⁴: three criteria, each at 3·10⁻⁵. So
among K looks a false word has a probability of at most K·10⁻⁴.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bridges._checks import Result, check_units, function, points, tensor, whole, whole_seed
from bridges.estimates import with_error
from bridges.memorization.calibration import VERDICTS, MemorizationReport, calibrate, clearest
from bridges.memorization.drawing import draw
from diffusion import DenoiserLike

UNJUDGED = "not judged"
_COPIES = VERDICTS[-1]


@dataclass(frozen=True, repr=False)
class Look(Result):
    """What the samples of a model were at a step of its training."""

    step: int
    report: MemorizationReport | None  # None where samples could not be judged
    fault: str = ""  # why they could not

    @property
    def verdict(self) -> str:
        """One of `bridges.memorization.copies.VERDICTS`, or "not judged"."""
        return UNJUDGED if self.report is None else self.report.verdict

    @property
    def copied(self) -> bool:
        """Whether there are copies beyond chance."""
        return self.verdict == _COPIES

    def _parts(self) -> list[tuple[str, Any]]:
        """Not the calibration, which all looks share."""
        copies = {} if self.report is None else self.report.copies
        found = {name: one.to_dict() for name, one in copies.items()}
        return [
            ("step", self.step),
            ("verdict", self.verdict),
            ("copied", self.copied),
            ("copies", found),
            ("fault", self.fault),
        ]

    def __repr__(self) -> str:
        return f"Look({self})"

    def __str__(self) -> str:
        """The look as a line of a log."""
        if self.report is None:
            return f"at step {self.step}, {UNJUDGED}: {self.fault}"
        copies = self.report.copies
        name = clearest({name: one.p_value for name, one in copies.items()})[1]
        excess = with_error(copies[name].excess, copies[name].sem)
        return (
            f"at step {self.step}, {self.verdict}: an excess of {excess} over false alarms ({name})"
        )


class MemorizationMonitor:
    """Says along a training of any kind from when on the model copies its data.

    Call it with the step and the model, as often as you like: it draws samples and judges them.
    Or hand samples of your own to `judge`.

    Parameters
    ----------
    data : (n, d), what the model is trained on, at least 4 different points; images
        (n, channels, height, width) are taken as rows.
    held_out : (H, d), H at least 2, of the same kind but unseen; None: the data themselves, each
        left out in turn.
    draws : samples drawn at each look, at least 1.
    steps : of the reverse flow, by Heun's method, at least 1.
    level : rate of false alarms of the "calibrated" criterion, in (0, 1).
    seed : int, torch.Generator or None; of the noise, the same at each look.

    Attributes
    ----------
    looks : list of `Look`, in the order of the calls.

    Raises
    ------
    ValueError : as for `calibrate`, or a number out of range.

    Examples
    --------
    A loop of one's own, of a network that learns the data by heart from step 20 on:

    >>> from diffusion import EmpiricalDenoiser, LinearManifoldDenoiser
    >>> rows = torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    >>> monitor = MemorizationMonitor(rows[:100], rows[100:], draws=100, seed=0)
    >>> for step in range(0, 40, 10):
    ...     copies = EmpiricalDenoiser(rows[:100])
    ...     look = monitor(step, LinearManifoldDenoiser(torch.eye(8)) if step < 20 else copies)
    >>> look
    Look(at step 30, copies beyond chance: an excess of 1.000 ± 0.010 over false alarms (match))
    >>> monitor.first.step
    20
    """

    def __init__(
        self,
        data: Tensor,
        held_out: Tensor | None = None,
        *,
        draws: int = 500,
        steps: int = 40,
        level: float = 0.01,
        seed: int | torch.Generator | None = 0,
    ) -> None:
        self.data = _rows("data", data)
        self.draws, self.steps = whole("draws", draws), whole("steps", steps)
        self.seed = whole_seed(seed)
        unseen = None if held_out is None else _rows("held_out", held_out).cpu()
        self.calibration = calibrate(self.data.cpu(), unseen, level, self.seed)
        self.looks: list[Look] = []

    def __call__(self, step: int, denoiser: DenoiserLike) -> Look:
        """Draw samples of the model as it is now, and judge them.

        Parameters
        ----------
        step : of the training, at least 0.
        denoiser : D(x, sigma), in the units of the data; a network of another kind by its adapter,
            as `diffusion.ImageDenoiser`. It is left in the mode that it is in.

        Returns
        -------
        Look, which prints as a line of a log; it is appended to `looks`.
        """
        return self.judge(step, self.draw(denoiser))

    def draw(self, denoiser: DenoiserLike) -> Tensor:
        """Samples of a model from the monitor's noise, (draws, d), where the model is."""
        function("denoiser", denoiser, "a denoiser D(x, sigma)")
        data = self.data.to(getattr(denoiser, "device", self.data.device))
        return draw(denoiser, data, self.draws, self.steps, self.seed)

    def judge(self, step: int, samples: Tensor) -> Look:
        """Judge samples that were drawn otherwise, (B, d), denoised.

        A model that has learnt little may give samples that are not finite, or too wide to be in
        the units of the data. The look says so then, and the training goes on.

        Returns
        -------
        Look, appended to `looks`.

        Raises
        ------
        ValueError : no sample, or samples of another shape.
        """
        step, samples = whole("step", step, low=0), tensor("samples", samples).detach().cpu()
        if samples.numel() and not torch.isfinite(samples).all():
            look = Look(step, None, "samples must be finite")
        else:
            rows = _rows("samples", samples, self.data.shape[1])
            look = self._judged(step, rows)
        self.looks.append(look)
        return look

    def _judged(self, step: int, rows: Tensor) -> Look:
        try:
            check_units("samples", rows, self.data)
        except ValueError as error:
            return Look(step, None, str(error))
        return Look(step, self.calibration.judge(rows.to(self.calibration.data)))

    @property
    def first(self) -> Look | None:
        """The first look at which there were copies beyond chance."""
        return next((look for look in self.looks if look.copied), None)

    def __repr__(self) -> str:
        seen = f"{self.looks[-1]}" if self.looks else "no look yet"
        return f"MemorizationMonitor({len(self.data)} data, {self.draws} draws: {seen})"


def _rows(name: str, value: Tensor, dimension: int | None = None) -> Tensor:
    """Points (n, d), images as rows."""
    rows = tensor(name, value).detach()
    return points(name, rows.flatten(1) if rows.ndim > 2 else rows, dimension=dimension)
