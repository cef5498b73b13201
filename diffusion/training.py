r"""Training of a denoiser: denoising score matching, and a checkpoint to go on from.

A step draws points x₀ of the data, noise levels σ = s·(log-uniform in `levels`) spread
evenly over the batch, noise z, and descends

    w(σ) |D(x₀ + σz, σ) − x₀|²/d,
    "edm"         w = (σ² + s²)/(σs)²   the network's own output has variance one
                                        at every σ (Karras et al. 2022)
    "likelihood"  w = 1/σ²              what bounds −log p (Song et al. 2021)

by Adam, with clipped gradients, a rate that rises to its value and falls to 0 as a cosine,
and returns a running average of the weights. Its floor is not 0 but the posterior variance
of the data, which `denoising_error` of an exact denoiser gives.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffusion import checkpoints, checks
from diffusion.checks import Level, Seed
from diffusion.jacobians import DenoiserLike
from diffusion.networks import Network, NetworkDenoiser, ResidualMLP, UNet

WEIGHTINGS = ("edm", "likelihood")
DEVICES = ("auto", "cpu", "cuda")
_LEVELS = (0.01, 10.0)  # default noise levels, in units of the rms deviation of the data
_ROWS = 128  # noised points of a step by default
_CLIP = 1.0  # largest norm of a gradient
_MARKS = 50  # entries of the history, by default
_HELD_OUT_NOISE = 8  # noise levels at which each held-out point is seen
_NONE = 0.1  # share of labels left out, so that the mixture of all classes is learnt too


@dataclass(frozen=True)
class History:
    """What happened along a training, one entry a mark."""

    step: Tensor  # (K,) int64, steps made
    loss: Tensor  # (K,) mean training loss since the last mark, float64
    held_out: Tensor  # (K,) the loss of the averaged weights on held-out data; NaN without
    rate: Tensor  # (K,) learning rate

    def to_dict(self) -> dict[str, list[float]]:
        """Plain lists, for a result file."""
        return {name: getattr(self, name).tolist() for name in ("step", "loss", "held_out", "rate")}


@dataclass(frozen=True)
class Training:
    """A trained denoiser, how it came about, and what it was on the way."""

    denoiser: NetworkDenoiser  # of the averaged weights, frozen
    history: History
    snapshots: dict[int, NetworkDenoiser]  # by step
    step: int  # steps made: fewer than asked for if training was stopped

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for a result file."""
        return {
            "step": self.step,
            "snapshots": sorted(self.snapshots),
            "history": self.history.to_dict(),
        }


@dataclass(frozen=True)
class _Options:
    """What the course of a training depends on, besides its data and its network."""

    steps: int
    batch: int | None
    rate: float
    warm_up: int
    average: float
    weighting: str
    levels: tuple[float, float]  # in units of the rms deviation of the data
    seed: int | None
    snapshots: tuple[int, ...]
    marks: tuple[int, ...]
    device: str  # its kind: random numbers of a GPU are others


def train_denoiser(
    data: Tensor,
    labels: Tensor | None = None,
    *,
    network: str | nn.Module = "mlp",
    steps: int = 3000,
    batch: int | None = None,
    rate: float = 1e-3,
    average: float = 0.999,
    weighting: str = "edm",
    levels: tuple[float, float] = _LEVELS,
    held_out: Tensor | None = None,
    snapshots: Sequence[int] = (),
    stop: Callable[[History], bool] | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    compile: bool = False,
    seed: int | None = None,
    quiet: bool = False,
) -> Training:
    """Train a network to denoise the data.

    Parameters
    ----------
    data : (n, d), finite, not all alike.
    labels : (n,) whole numbers, the classes of the data; a tenth of them is left out in
        training, so that the denoiser knows the mixture too. None: no classes.
    network : "mlp" (`ResidualMLP`), "unet" (`UNet`, for square images of one channel), or a
        network, of which a copy is trained. With `labels` it must have their classes.
    steps : gradient steps. batch : points of the data a step, at most n; None: 128 of them,
        or however few there are as often as that takes.
    rate : learning rate, reached after a tenth of the steps (at most 500), then falling as a
        cosine to 0.
    average : weight decay of the running average of the weights, in [0, 1); less at first.
    weighting : "edm" or "likelihood"; see the head of the module.
    levels : lowest and highest noise level, in units of the rms deviation of the data.
    held_out : (n', d), points the loss is also measured on, with noise of their own.
    snapshots : steps at which the averaged denoiser is kept, 0 to `steps`.
    stop : asked at each of 50 marks whether to stop early, given the history so far.
    checkpoint : a safetensors file, written at each mark; if it is there, training goes on
        from it, to the same weights as in one go.
    device : "auto" (a GPU if there is one), "cpu" or "cuda". On a GPU the network is
        evaluated in mixed precision.
    compile : compile the network first (torch.compile): worth it for long trainings.
    seed : whole number or None. With the same seed, threads and device the weights are the
        same bit for bit; nothing depends on torch's own random stream.
    quiet : no progress bar on standard error (there is none off a terminal).

    Returns
    -------
    Training(denoiser, history, snapshots, step).

    Raises
    ------
    ValueError : a wrong shape, NaN, fewer points than `batch`, a network that does not fit,
        options out of range, a loss that is no longer finite, or a checkpoint that is cut
        short, changed, or of another training.

    Examples
    --------
    >>> data = torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    >>> network = ResidualMLP(2, width=16, depth=1, seed=0)
    >>> training = train_denoiser(data, network=network, steps=20, seed=0, snapshots=[10])
    >>> training.denoiser(data, sigma=0.5).shape, sorted(training.snapshots)
    (torch.Size([100, 2]), [10])
    """
    data = checks.points("data", data)
    checks.choice("weighting", weighting, WEIGHTINGS)
    place = _device(device)
    steps = checks.whole("steps", steps)
    if batch is not None and checks.whole("batch", batch) > len(data):
        raise ValueError(
            f"batch must be at most the {len(data)} points of data, got {batch}; leave it out "
            "to see each more than once a step"
        )
    for name, value, top in (("rate", rate, math.inf), ("average", average, 1.0)):
        if not 0 <= value < top or (name == "rate" and value == 0):
            raise ValueError(
                f"{name} must lie in {'(0, ∞)' if name == 'rate' else '[0, 1)'}, got {value}"
            )
    if not 0 < levels[0] < levels[1] < math.inf:
        raise ValueError(f"levels must increase from above 0, got {tuple(levels)}")
    wrong = [s for s in snapshots if int(s) != s or not 0 <= s <= steps]
    if wrong:
        raise ValueError(f"snapshots must be steps 0 to {steps}, got {wrong}")
    if seed is not None:
        checks.whole("seed", seed, low=0)
    marks = {round(steps * k / _MARKS) for k in range(1, _MARKS + 1)} - {0}
    options = _Options(
        steps=steps,
        batch=batch,
        rate=float(rate),
        warm_up=min(500, max(1, steps // 10)),
        average=float(average),
        weighting=weighting,
        levels=(float(levels[0]), float(levels[1])),
        seed=seed,
        snapshots=tuple(sorted({int(s) for s in snapshots})),
        marks=tuple(sorted(marks)),
        device=place.type,
    )
    classes = _labels(labels, data)
    own = _network(network, data, classes, seed)
    trainer = _Trainer(data, classes, held_out, own, options, place, compile)
    if checkpoint is not None:
        checkpoints.architecture(own)  # refuse before the work, not after
        if Path(checkpoint).exists():
            trainer.resume(checkpoint)
    trainer.run(stop, checkpoint, quiet)
    return trainer.result()


@torch.no_grad()
def denoising_error(
    denoiser: DenoiserLike, points: Tensor, sigma: Level, draws: int = 1, seed: Seed = None
) -> Tensor:
    """Squared error of a denoiser at each point, |D(x₀ + σz, σ) − x₀|²/d.

    Its mean is least for the exact denoiser of the points' distribution: it is then their
    posterior variance, σ² D_eff/d.

    Parameters
    ----------
    denoiser : D(x, sigma). points : (n, d), clean. sigma : noise level, a number or (n,).
    draws : noised copies of each point. seed : int, torch.Generator or None.

    Returns
    -------
    (n,), means over the draws, in squared signal units.

    Raises
    ------
    ValueError : a wrong shape, not finite, sigma not positive, or draws below 1.

    Examples
    --------
    >>> from diffusion import LinearManifoldDenoiser
    >>> line = LinearManifoldDenoiser(torch.tensor([[1.0]]))
    >>> x = torch.randn(40_000, 1, generator=torch.Generator().manual_seed(0))
    >>> error = denoising_error(line, x, sigma=1.0, seed=0)  # σ²/(1 + σ²)
    >>> bool(abs(error.mean() - 0.5) < 0.02)
    True
    """
    points = checks.points("points", points)
    level = checks.noise_level(sigma, points)
    generator = checks.generator_from(seed, "denoising_error", points.device)
    total = points.new_zeros(len(points))
    for _ in range(checks.whole("draws", draws)):
        noised = points + level.to(points) * checks.normal_like(points, generator)
        found = denoiser(noised, level.squeeze(1).to(points.dtype)).to(points)
        total += (found - points).square().mean(1)
    return total / draws


class _Trainer:
    """The state of a training: all of it goes into a checkpoint, and comes out of one."""

    def __init__(
        self,
        data: Tensor,
        labels: Tensor | None,
        held_out: Tensor | None,
        network: Network,
        options: _Options,
        device: torch.device,
        compile: bool,
    ) -> None:
        self.options, self.device = options, device
        self.network = network.to(device)
        weight = next(network.parameters())
        mean = data.double().mean(0)
        self.scale = float((data.double() - mean).square().mean().sqrt())
        if not self.scale > 0:
            raise ValueError(f"data must hold at least 2 different points, got {len(data)} alike")
        self.mean = mean.to(weight)
        self.data = (data.to(weight) - self.mean) / self.scale  # in units of s from here on
        self.labels = None if labels is None else labels.to(device)
        self.average = [p.detach().clone() for p in network.parameters()]
        self.levels = (options.levels[0] * self.scale, options.levels[1] * self.scale)
        self.validation = self._validation(held_out)
        self.optimizer = torch.optim.Adam(network.parameters(), options.rate, fused=True)
        self.generator = checks.generator_from(options.seed, "train_denoiser", device)
        self.forward: Callable[..., Tensor] = torch.compile(network) if compile else network
        self.step, self.entries = 0, list[list[float]]()
        self.snapshots: dict[int, NetworkDenoiser] = {}
        digest = hashlib.sha256(self.data.cpu().numpy().tobytes())
        if labels is not None:
            digest.update(labels.cpu().numpy().tobytes())
        self.fingerprint = digest.hexdigest()
        if 0 in options.snapshots:
            self.snapshots[0] = self.denoiser()

    def run(
        self,
        stop: Callable[[History], bool] | None,
        checkpoint: str | Path | None,
        quiet: bool,
    ) -> None:
        """Steps up to the last, or until `stop` says so."""
        from tqdm import tqdm

        bar = tqdm(
            total=self.options.steps,
            initial=self.step,
            desc="training",
            disable=quiet or None,
            file=sys.stderr,
        )
        parameters: list[Tensor] = list(self.network.parameters())
        keep = set(self.options.snapshots)
        with bar:
            for mark in (m for m in self.options.marks if m > self.step):
                first, total = self.step, torch.zeros((), device=self.device)
                while self.step < mark:
                    total += self._advance(parameters)
                    if self.step in keep:
                        self.snapshots[self.step] = self.denoiser()
                self._record(float(total) / (mark - first))
                if checkpoint is not None:
                    self.save(checkpoint)
                bar.update(mark - first)
                bar.set_postfix(loss=self.entries[-1][1], held_out=self.entries[-1][2])
                if stop is not None and stop(self.history()):
                    break

    def _advance(self, parameters: list[Tensor]) -> Tensor:
        """One gradient step; its loss, not waited for."""
        options = self.options
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        loss = self._loss()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, _CLIP)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        decay = min(options.average, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, parameters, 1 - decay)
        return loss.detach()

    def _loss(self) -> Tensor:
        """Mean weighted error of one batch, in units of s."""
        rows = self.options.batch or _ROWS
        generator, device = self.generator, self.device
        own = torch.randint(len(self.data), (rows,), generator=generator, device=device)
        x, labels = self.data[own], self._batch_labels(own)
        low, high = (math.log(level) for level in self.options.levels)
        shift = torch.rand(1, generator=generator, device=device)
        place = (torch.arange(rows, device=device) + shift) / rows
        sigma = torch.exp(low + (high - low) * place)[:, None].to(x)
        noise = torch.randn(x.shape, generator=generator, device=device, dtype=x.dtype)
        return self._error(self.forward, x, sigma, noise, labels)

    def _error(
        self,
        network: Callable[..., Tensor],
        x: Tensor,
        sigma: Tensor,
        noise: Tensor,
        labels: Tensor | None,
    ) -> Tensor:
        """Weighted error of the network's output, against what D = x₀ asks of it."""
        into = (1 + sigma.square()).rsqrt()
        wanted = (sigma * x - noise) * into
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            found = network((x + sigma * noise) * into, sigma.log().squeeze(1) / 4, labels)
        error = (found.to(x) - wanted).square()
        if self.options.weighting == "likelihood":
            error = error * into.square()
        return error.mean()

    def _batch_labels(self, own: Tensor) -> Tensor | None:
        if self.labels is None:
            return None
        left = torch.rand(own.shape, generator=self.generator, device=self.device) < _NONE
        return torch.where(left, self.network.classes, self.labels[own])

    def _rate(self) -> float:
        """The learning rate of the next step."""
        options, step = self.options, self.step + 1
        if step <= options.warm_up:
            return options.rate * step / options.warm_up
        part = (step - options.warm_up) / (options.steps - options.warm_up + 1)
        return options.rate * (1 + math.cos(math.pi * part)) / 2

    def _record(self, loss: float) -> None:
        """An entry of the history. Raises ValueError for a loss that is not finite."""
        held_out = math.nan
        if self.validation is not None:
            held_out = self._held_out_loss()
        if not math.isfinite(loss):
            raise ValueError(
                f"rate {self.options.rate:g} let the loss become {loss} by step {self.step}; "
                "lower it, or look for extreme values in data"
            )
        self.entries.append([self.step, loss, held_out, self._rate()])

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
        x = checks.points("held_out", held_out, dimension=self.data.shape[1])
        if len(x) == 0:
            raise ValueError("held_out must hold at least one point, got none")
        x = ((x.to(self.data) - self.mean) / self.scale).repeat(_HELD_OUT_NOISE, 1)
        generator = checks.generator_from(self.options.seed or 0, "held out")
        place = torch.rand(len(x), 1, generator=generator, dtype=torch.float64)
        low, high = (math.log(level) for level in self.options.levels)
        noise = torch.randn(x.shape, generator=generator, dtype=torch.float64)
        return x, torch.exp(low + (high - low) * place).to(x), noise.to(x)

    def history(self) -> History:
        table = torch.tensor(self.entries, dtype=torch.float64).reshape(-1, 4)
        return History(table[:, 0].long(), table[:, 1], table[:, 2], table[:, 3])

    def denoiser(self) -> NetworkDenoiser:
        """The averaged weights as a denoiser of its own."""
        return NetworkDenoiser(self._averaged(), self.scale, self.mean, self.levels)

    def _averaged(self) -> Network:
        network = deepcopy(self.network).requires_grad_(False)
        for own, value in zip(network.parameters(), self.average, strict=True):
            own.copy_(value)
        return network

    def result(self) -> Training:
        return Training(self.denoiser(), self.history(), self.snapshots, self.step)

    # -- the checkpoint ------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """All of the state, into one file."""
        tensors, record = checkpoints.describe(self.denoiser())
        tensors["generator"] = self.generator.get_state()
        tensors["history"] = torch.tensor(self.entries, dtype=torch.float64)
        for k, (name, own) in enumerate(self.network.named_parameters()):
            tensors[f"network.{name}"] = own
            for key, value in self.optimizer.state[own].items():
                tensors[f"adam.{key}.{k}"] = value
        for step, kept in self.snapshots.items():
            for k, value in enumerate(kept.network.parameters()):
                tensors[f"snapshot.{step}.{k}"] = value
        checkpoints.write(path, tensors, record | {"training": self._asked() | {"step": self.step}})

    def _asked(self) -> dict[str, Any]:
        options = {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self.options).items()
        }
        return {"options": options, "data": self.fingerprint}

    def resume(self, path: str | Path) -> None:
        """Take up the state of a checkpoint. Raises ValueError if it is of another training."""
        tensors, record = checkpoints.read(path)
        found = record.get("training")
        if found is None:
            raise ValueError(f"checkpoint {path} must be of a training, got a denoiser alone")
        _, own = checkpoints.describe(self.denoiser())
        different = [
            name
            for name, value in self._asked()["options"].items()
            if found["options"].get(name) != value
        ]
        different += ["data"] * (found["data"] != self.fingerprint)
        different += ["network"] * (record["denoiser"] != own["denoiser"])
        if different:
            raise ValueError(
                f"checkpoint {path} is of another training ({', '.join(different)} differ); "
                "choose another file, or the same arguments"
            )
        self.step = found["step"]
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
        for step in (s for s in self.options.snapshots if s <= self.step):
            kept = self.denoiser()
            for k, value in enumerate(kept.network.parameters()):
                value.copy_(tensors[f"snapshot.{step}.{k}"])
            self.snapshots[step] = kept


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    checks.choice("device", str(device).split(":")[0], DEVICES)
    if str(device).startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device must be 'cpu' or 'auto' where there is no GPU, got {device!r}")
    return torch.device(device)


def _labels(labels: Tensor | None, data: Tensor) -> Tensor | None:
    """Classes (n,) as whole numbers from 0."""
    if labels is None:
        return None
    given = torch.as_tensor(labels)
    if given.shape != data.shape[:1]:
        raise ValueError(f"labels must have shape ({len(data)},), got {tuple(given.shape)}")
    if given.is_floating_point() or given.is_complex() or int(given.min()) < 0:
        raise ValueError(f"labels must be whole numbers from 0, got {given.dtype}")
    return given.long()


def _network(
    network: str | nn.Module, data: Tensor, labels: Tensor | None, seed: int | None
) -> Any:
    """The network that is trained: of a name, or a copy of the one that is given."""
    wanted = 0 if labels is None else int(labels.max()) + 1
    d = data.shape[1]
    if isinstance(network, str):
        checks.choice("network", network, ("mlp", "unet"))
        if network == "mlp":
            return ResidualMLP(d, classes=wanted, seed=seed)
        side = math.isqrt(d)
        if side * side != d:
            raise ValueError(
                f"network 'unet' needs square images of one channel, got {d} pixels; "
                "give UNet(shape) itself"
            )
        return UNet((side, side), classes=wanted, seed=seed)
    own = deepcopy(network).requires_grad_(True)
    dimension, classes = getattr(own, "dimension", d), getattr(own, "classes", 0)
    if dimension != d:
        raise ValueError(f"network must have the dimension {d} of data, got {dimension}")
    if classes < wanted or (classes and labels is None):
        raise ValueError(
            f"network must have {wanted} classes, as labels do, got {classes}"
            if wanted
            else f"labels must be given for a network of {classes} classes, got None"
        )
    return own
