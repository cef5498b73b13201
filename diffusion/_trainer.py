r"""The course of a training: steps, marks, snapshots; on one process, or on several at once.

`diffusion.training` is its door and has the formulas. Data and noise levels are in units of
the rms deviation s of the data throughout.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from diffusion import _checks
from diffusion._modules import mixed, precision_of
from diffusion._plots import Line, Plotted
from diffusion.architectures import Network
from diffusion.emphasis import NoiseLevels
from diffusion.networks import NetworkDenoiser
from diffusion.processes import Processes

_ROWS = 128  # noised points of a step by default
_CLIP = 1.0  # largest norm of a gradient
_HELD_OUT_NOISE = 8  # noise levels at which each held-out point is seen
_FAR, _COARSE = 10.0, 1e-2  # rms deviations of the mean from 0; of the rounding of a datum
_PATH = 3  # steps of the network's own reverse path to a noised point
_NONE = 0.1  # share of labels left out, so that the mixture of all classes is learnt too
_QUICK = 3.0  # seconds of a training of which no bar is shown


@dataclass(frozen=True, repr=False)
class History(Plotted):
    """The course of a training, one entry per mark."""

    step: Tensor  # (K,) int64, steps made
    loss: Tensor  # (K,) mean training loss since the last mark, float64
    held_out: Tensor  # (K,) loss of the averaged weights on held-out data; NaN without them
    rate: Tensor  # (K,) learning rate
    _titles = ("steps", "loss")
    _log = "xy"

    def _lines(self) -> list[Line]:
        shown = {"training": self.loss, "held-out data": self.held_out}
        return [Line(self.step, y, label=k) for k, y in shown.items() if y.isfinite().any()]

    def __repr__(self) -> str:
        last = {name: f"{float(value[-1]):.4g}" for name, value in self._parts() if len(value)}
        return self._shown(f"{len(self.step)} marks, the last", last)


@dataclass(frozen=True, repr=False)
class Training(Plotted):
    """A trained denoiser, the course of its training, and the denoisers on the way."""

    denoiser: NetworkDenoiser  # of the averaged weights, frozen
    history: History
    snapshots: dict[int, NetworkDenoiser]  # by step
    step: int  # steps made: fewer than asked for if training was stopped
    _titles, _log = History._titles, History._log

    def _lines(self) -> list[Line]:
        return self.history._lines()

    def _parts(self) -> list[tuple[str, Any]]:
        kept = sorted(self.snapshots)
        return [("step", self.step), ("snapshots", kept), ("history", self.history)]


@dataclass(frozen=True)
class Options:
    """All that the course of a training depends on, besides its data and its network.

    What has a default came later: it holds of a checkpoint that does not name it.
    """

    steps: int
    batch: int | None
    rate: float
    warm_up: int
    average: float
    weighting: str  # by name, or the digest of a function
    levels: tuple[float, float]  # in units of the rms deviation of the data
    seed: int | None
    snapshots: tuple[int, ...]
    marks: tuple[int, ...]
    device: str  # its kind: a GPU draws other random numbers
    precision: str | None = None  # "bf16" for mixed precision; None: on a GPU alone
    rate_course: str = "cosine"  # to 0 after the warm-up, or "constant"
    levels_density: str | None = None  # of ln σ; None: log-uniform
    own_states: float = 0.0  # share of noised points that are states of the network's own paths


class Trainer:
    """The state of a training, all of which a checkpoint holds."""

    def __init__(
        self,
        data: Tensor,
        labels: Tensor | None,
        held_out: Tensor | None,
        network: Network,
        options: Options,
        noise: NoiseLevels,
        device: torch.device,
        compile: bool,
    ) -> None:
        self.options, self.device, self.processes = options, device, Processes(device)
        self.network = network.to(device)
        weight = next(network.parameters())
        data = data.detach()
        kind = precision_of(weight, data)
        mean = data.double().mean(0)
        self.scale = float((data.double() - mean).square().mean().sqrt())
        if not self.scale > 0:
            raise ValueError(f"data must hold at least 2 different points, got {len(data)} alike")
        self.mean = mean.to(weight.device, kind)
        offset = float(mean.abs().max()) / self.scale
        if offset * torch.finfo(kind).eps > _COARSE:
            raise ValueError(
                f"data must lie close enough to 0 for {kind} to resolve them, got a mean "
                f"of {offset:.3g} rms deviations; subtract it first, or give a network.double()"
            )
        self.far = offset > _FAR
        self.data = self._scaled(data)
        self.labels = None if labels is None else labels.to(device)
        rows = options.batch or _ROWS
        if rows < self.processes.count:
            raise ValueError(f"batch must be at least {self.processes.count} processes, got {rows}")
        self.processes.copy(list(network.parameters()))
        self.average = [p.detach().clone() for p in network.parameters()]
        self.noise = noise
        self.levels = (options.levels[0] * self.scale, options.levels[1] * self.scale)
        if held_out is not None:
            held_out = _checks.points("held_out", held_out, dimension=data.shape[1]).detach()
        self.validation = self._validation(held_out)
        self.optimizer = torch.optim.Adam(network.parameters(), options.rate, fused=True)
        self.generator = _checks.generator_from(options.seed, "train_denoiser", device)
        self.generator.set_state(self.processes.said(self.generator.get_state()))
        self.forward: Callable[..., Tensor] = torch.compile(network) if compile else network
        self.step, self.entries = 0, list[list[float]]()
        self.snapshots: dict[int, NetworkDenoiser] = {}
        self.contents = {"data": _digest(self.data, self.labels), "held_out": _digest(held_out)}
        if 0 in options.snapshots:
            self.snapshots[0] = self.denoiser()

    def run(
        self,
        stop: Callable[[History], bool] | None,
        watch: Callable[[int, NetworkDenoiser], object] | None,
        save: Callable[[], None] | None,
        quiet: bool,
    ) -> None:
        """Steps up to the last, or until `stop` says so.

        What `watch` and `stop` keep of a mark is there before its checkpoint is, so that a
        training that goes on from it lacks nothing.
        """
        from tqdm import tqdm

        bar = tqdm(
            total=self.options.steps,
            initial=self.step,
            desc="training",
            disable=quiet or not self.processes.first or None,
            delay=_QUICK,
            leave=None,  # of a study above it, which goes on, nothing is left
            file=sys.stderr,
        )
        parameters: list[Tensor] = list(self.network.parameters())
        keep = set(self.options.snapshots)
        with bar:
            if self.entries and self._told(None, stop, None):
                return  # it had ended there
            for mark in (m for m in self.options.marks if m > self.step):
                first, total = self.step, torch.zeros((), device=self.device)
                while self.step < mark:
                    total += self._advance(parameters)
                    if self.step in keep:
                        self.snapshots[self.step] = self.denoiser()
                self.processes.add([total])
                self._record(float(total) / (mark - first))
                ended = self._told(watch, stop, save)
                bar.update(mark - first)
                bar.set_postfix(loss=self.entries[-1][1], held_out=self.entries[-1][2])
                if ended:
                    break

    def _told(
        self,
        watch: Callable[[int, NetworkDenoiser], object] | None,
        stop: Callable[[History], bool] | None,
        save: Callable[[], None] | None,
    ) -> bool:
        """Whether the training is to stop at this mark, by what the first process is told.

        That process alone watches and writes; an error of it is one of all.
        """
        said: bool | Exception = False
        if self.processes.first:
            try:
                if watch is not None:
                    watch(self.step, self.denoiser())
                said = stop is not None and bool(stop(self.history()))
                if save is not None:
                    save()
            except Exception as error:
                said = error
        return self.processes.said(said)

    def _advance(self, parameters: list[Tensor]) -> Tensor:
        """One gradient step; returns its loss, without waiting for a GPU."""
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(self.step)
        loss = self._loss()
        loss.backward()
        self.processes.add([p.grad for p in parameters if p.grad is not None])
        nn.utils.clip_grad_norm_(parameters, _CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(options.average, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, parameters, 1 - decay)
        return loss.detach()

    def _loss(self) -> Tensor:
        """Mean weighted error of one batch in units of s, or what this process adds to it."""
        rows = self.options.batch or _ROWS
        generator, device = self.generator, self.device
        drawn = torch.randint(len(self.data), (rows,), generator=generator, device=device)
        x, labels = self.data[drawn], self._batch_labels(drawn)
        shift = torch.rand(1, generator=generator, device=device)
        place = (torch.arange(rows, device=device) + shift) / rows
        sigma = self.noise.level(place)[:, None].to(x)
        noise = _checks.normal_like(x, generator)
        share = self.options.own_states
        path = torch.rand(rows, 2, generator=generator, device=device).to(x) if share else None
        own = self.processes.part(rows)
        own_labels = None if labels is None else labels[own]
        seen = x[own], sigma[own], noise[own]
        if path is not None:
            seen = *seen[:2], self._own_noise(*seen, own_labels, path[own])
        error = self._error(self.forward, *seen, own_labels)
        return error * ((own.stop - own.start) / rows)

    @torch.no_grad()
    def _own_noise(
        self, x: Tensor, sigma: Tensor, noise: Tensor, labels: Tensor | None, drawn: Tensor
    ) -> Tensor:
        """The noise z by which x₀ + σz is, for some points, a state of the network's own path.

        Their path begins where x₀ is noised to a level above σ, log-uniform up to the highest, and
        follows the reverse flow of the network as it is down to σ.
        """
        chosen = drawn[:, 0] < self.options.own_states
        if not chosen.any():
            return noise
        clean, end, fraction = x[chosen], sigma[chosen], drawn[chosen, 1:]
        labels = None if labels is None else labels[chosen]
        level = begun = end * (self.options.levels[1] / end) ** fraction
        state = clean + begun * noise[chosen]
        for k in range(1, _PATH + 1):
            into = (1 + level.square()).rsqrt()
            found = self._output(self.forward, state, level, labels)
            denoised = into.square() * state + level * into * found
            lower = begun * (end / begun) ** (k / _PATH)
            state, level = denoised + lower / level * (state - denoised), lower
        noise = noise.clone()
        noise[chosen] = (state - clean) / end
        return noise

    def _error(
        self,
        network: Callable[..., Tensor],
        x: Tensor,
        sigma: Tensor,
        noise: Tensor,
        labels: Tensor | None,
    ) -> Tensor:
        """Weighted error of the network's output, against the output for which D = x₀."""
        into = (1 + sigma.square()).rsqrt()
        wanted = (sigma * x - noise) * into
        found = self._output(network, x + sigma * noise, sigma, labels)
        return self.noise.weigh((found - wanted).square(), sigma, into).mean()

    def _output(
        self,
        network: Callable[..., Tensor],
        states: Tensor,
        sigma: Tensor,
        labels: Tensor | None,
    ) -> Tensor:
        """F at noised states (B, d), in the precision of the data."""
        half = self.options.precision == "bf16" or (
            self.options.precision is None and self.device.type == "cuda"
        )
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=half),
            mixed(self.average[0]),
        ):
            into = (1 + sigma.square()).rsqrt()
            found = network(states * into, sigma.log().squeeze(1) / 4, labels)
        return found.to(states)

    def _batch_labels(self, own: Tensor) -> Tensor | None:
        if self.labels is None:
            return None
        left = torch.rand(own.shape, generator=self.generator, device=self.device) < _NONE
        return torch.where(left, self.network.classes, self.labels[own])

    def rate(self, made: int) -> float:
        """The learning rate of the step after those made."""
        options, step = self.options, made + 1
        if step <= options.warm_up:
            return options.rate * step / options.warm_up
        if options.rate_course == "constant":
            return options.rate
        part = (step - options.warm_up) / (options.steps - options.warm_up + 1)
        return options.rate * (1 + math.cos(math.pi * part)) / 2

    def _record(self, loss: float) -> None:
        """An entry of the history. Raises ValueError for losses or weights that are not finite."""
        held_out = math.nan
        if self.validation is not None:
            held_out = self._held_out_loss()
            if math.isinf(held_out):
                raise ValueError(f"held_out must be of the size of data, its loss is {held_out}")
        sound = all(bool(torch.isfinite(one).all()) for one in self.average)
        if not (math.isfinite(loss) and sound):
            what = (
                "the weights become infinite" if math.isfinite(loss) else f"the loss become {loss}"
            )
            raise ValueError(
                f"rate {self.options.rate:g} let {what} by step {self.step}; lower it, or look for "
                "extreme values in data"
            )
        self.entries.append([self.step, loss, held_out, self.rate(self.step)])

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        assert self.validation is not None
        network = self._averaged()
        parts = zip(*(part.split(4096) for part in self.validation), strict=True)
        losses = [self._error(network, x, sigma, z, None) * len(x) for x, sigma, z in parts]
        return float(torch.stack(losses).sum()) / len(self.validation[0])

    def _validation(self, held_out: Tensor | None) -> tuple[Tensor, Tensor, Tensor] | None:
        """Held-out points, noise levels and noise, the same at every mark."""
        if held_out is None:
            return None
        if len(held_out) == 0:
            raise ValueError("held_out must hold at least one point, got none")
        x = self._scaled(held_out).repeat(_HELD_OUT_NOISE, 1)
        generator = _checks.generator_from(self.options.seed or 0, "held out")
        place = torch.rand(len(x), 1, generator=generator, dtype=torch.float64)
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        return x, self.noise.level(place).to(x), noise.to(x)

    def _scaled(self, data: Tensor) -> Tensor:
        """Data about its mean in units of s; the mean is taken off before digits are."""
        if not self.far:
            return (data.to(self.mean) - self.mean) / self.scale
        about = data.to(self.mean.device, torch.float64) - self.mean.double()
        return (about / self.scale).to(self.mean)

    def history(self) -> History:
        """The course so far."""
        table = torch.tensor(self.entries, dtype=torch.float64).reshape(-1, 4)
        return History(table[:, 0].long(), table[:, 1], table[:, 2], table[:, 3])

    def denoiser(self) -> NetworkDenoiser:
        """The averaged weights as a denoiser of its own."""
        return NetworkDenoiser(self._averaged(), self.scale, self.mean, self.levels)

    def _averaged(self) -> Network:
        network = deepcopy(self.network).requires_grad_(False).eval()
        for own, value in zip(network.parameters(), self.average, strict=True):
            own.copy_(value)
        return network

    def go_on(self, state: tuple[int, dict[str, Tensor]] | None) -> None:
        """Take a state of this training, as its file holds it, if there is one."""
        if state is None:
            return
        step, tensors = state
        self.step = step
        self.entries = tensors["history"].tolist()
        self.generator.set_state(tensors["generator"])
        parameters = dict(self.network.named_parameters())
        with torch.no_grad():
            for k, ((name, own_weight), average) in enumerate(
                zip(parameters.items(), self.average, strict=True)
            ):
                own_weight.copy_(tensors[f"network.{name}"])
                average.copy_(tensors[f"denoiser.{name}"])
                self.optimizer.state[own_weight] = {
                    key: tensors[f"adam.{key}.{k}"].to(self.device)
                    for key in ("step", "exp_avg", "exp_avg_sq")
                }
        for at in (s for s in self.options.snapshots if s <= step):
            kept = self.denoiser()
            for k, value in enumerate(kept.network.parameters()):
                value.copy_(tensors[f"snapshot.{at}.{k}"])
            self.snapshots[at] = kept

    def result(self) -> Training:
        """The averaged denoiser and what led to it."""
        return Training(self.denoiser(), self.history(), self.snapshots, self.step)


def _digest(*parts: Tensor | None) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if part is not None:
            digest.update(part.cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
