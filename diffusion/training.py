r"""Training of a denoiser: denoising score matching, which may continue from a checkpoint.

A step draws points x₀ of the data, noise levels σ = s·(log-uniform in `levels`, or of another
density) spread evenly over the batch, noise z, and descends

    w(σ) |D(x₀ + σz, σ) − x₀|²/d,
    "edm"         w = (σ² + s²)/(σs)²   the network's own output has variance one
                                        at every σ (Karras et al. 2022)
    "flow"        w = 1/(σs)            flow matching (Lipman et al. 2023)
    "likelihood"  w = 1/σ²              this loss bounds −log p (Song et al. 2021)

(`diffusion.emphasis` says what these emphasise) by Adam, with clipped gradients and a rate that
rises to its value, then falls to 0 as a cosine or stays, and returns a running average of the
weights. Its floor is not 0 but the posterior variance of the data, which `denoising_error` of an
exact denoiser gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diffusion import _checks, checkpoints
from diffusion._checks import Level, Seed
from diffusion._modules import at_least_single
from diffusion._trainer import History, Options, Trainer, Training
from diffusion._training_file import State, TrainingFile
from diffusion.architectures import ResidualMLP, UNet
from diffusion.denoisers import DenoiserLike
from diffusion.emphasis import NoiseLevels, OfLevels
from diffusion.flat import answering
from diffusion.networks import NetworkDenoiser

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("float32", "bf16")
RATE_COURSES = ("cosine", "constant")
_LEVELS = (0.01, 10.0)  # default noise levels, in units of the rms deviation of the data
_MARKS = 50  # entries of the history, by default


def train_denoiser(
    data: Tensor,
    labels: Tensor | None = None,
    *,
    network: str | nn.Module = "mlp",
    steps: int = 3000,
    batch: int | None = None,
    rate: float = 1e-3,
    rate_course: str = "cosine",
    average: float = 0.999,
    weighting: str | OfLevels = "edm",
    levels: tuple[float, float] = _LEVELS,
    levels_density: str | OfLevels | None = None,
    own_states: float = 0.0,
    held_out: Tensor | None = None,
    snapshots: Sequence[int] = (),
    stop: Callable[[History], bool] | None = None,
    watch: Callable[[int, NetworkDenoiser], object] | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    precision: str | None = None,
    compile: bool = False,
    quiet: bool = False,
    seed: Seed = None,
) -> Training:
    """Train a network to denoise the data.

    Parameters
    ----------
    data : (n, d), finite, not all alike. Under `torchrun` all processes give the same arguments;
        each takes a part of every batch, the first calls `stop` and `watch` and writes.
    labels : (n,) whole numbers, the classes of the data; a tenth of them is left out in
        training, so that the denoiser learns the mixture too. None: no classes.
    network : "mlp" (`ResidualMLP`), "unet" (`UNet`, for square images of one channel), or a
        network, of which a copy is trained. With `labels` it must have their classes.
    steps : gradient steps.
    batch : points of the data per step, at most n; None: 128, drawn repeatedly if there are
        fewer.
    rate : learning rate, reached after a tenth of the steps (at most 500).
    rate_course : of the rate from there on: "cosine", to 0 at the last step, or "constant", with
        which what is learnt by a step depends on `steps` by the warm-up alone.
    average : decay of the running average of the weights, in [0, 1); less at first.
    weighting : "edm", "flow" or "likelihood", see the head of the module; or a function w(σ), from
        levels (K,) in units of the rms deviation of the data to positive weights (K,). It is asked
        once, at 4097 levels even in log σ, and interpolated.
    levels : lowest and highest noise level, in units of the rms deviation of the data. Classes part
        at σ = √Λ, Λ the largest eigenvalue of their covariance over the mean one. The highest level
        should be 3√Λ or more, for images of 28 × 28 pixels above the default: else the weights of
        the classes are learnt slowly, or never.
    levels_density : of ln σ within `levels`: None, log-uniform; "lognormal", of mean −1.2 and
        deviation 1.2; "flow", for which σ/(1 + σ) is uniform; or a function as for `weighting`, of
        relative densities, not negative.
    own_states : share of the noised points, in [0, 1], that are states of the network's own reverse
        flow: x₀ is noised to a level above σ, log-uniform up to the highest, and followed down to
        σ in three steps; the target stays x₀. Training with structured noise shows a network its
        own fixed points likewise. It makes D answer for where its paths came from: the exact
        denoiser is learnt with 0 alone.
    held_out : (n', d), points on which the loss is measured too, with their own noise of that
        density and those weights.
    snapshots : steps at which the averaged denoiser is kept, 0 to `steps`.
    stop : called with the history so far at each of 50 marks; if it returns True, training
        stops. One that goes on from a checkpoint calls it there first.
    watch : called with the step and the averaged denoiser at each mark, before `stop`, as a
        `MemorizationMonitor` of `bridges` may be.
    checkpoint : a safetensors file, written at each mark. If it exists, training continues
        from it, to the same weights as without the interruption.
    device : "auto" (a GPU if there is one), "cpu" or "cuda".
    precision : "float32", or "bf16": the layers of the network compute in bfloat16 in training
        (mixed precision), while weights and losses stay as they are. None: "bf16" on a GPU. On a
        processor that multiplies bfloat16 (avx512_bf16, amx) a `UNet` makes twice the steps to
        the same loss, a `ResidualMLP` about as many; on others it makes fewer.
    compile : compile the network first (torch.compile): worth it for long trainings.
    quiet : no progress bar on standard error; without a terminal there is never one.
    seed : int, torch.Generator or None. With the same seed, threads and device the weights are
        the same bit for bit; nothing depends on torch's own random stream.

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
    data = _checks.points("data", data).detach()
    place = _device(device)
    if precision is not None:
        _checks.choice("precision", precision, PRECISIONS)
    steps = _checks.whole("steps", steps)
    batch = None if batch is None else _checks.whole("batch", batch)
    if batch is not None and batch > len(data):
        raise ValueError(
            f"batch must be at most the {len(data)} points of data, got {batch}; leave it out "
            "to see each more than once per step"
        )
    rate = _checks.positive("rate", rate)
    _checks.choice("rate_course", rate_course, RATE_COURSES)
    average = _checks.number("average", average, low=0, high=1, open_high=True)
    levels = _checks.rising("levels", levels)
    low, high = _checks.SINGLE
    for level in levels:
        _checks.number("levels", level, low=low, high=high)
    noise = NoiseLevels(levels, weighting, levels_density, place)
    own_states = _checks.number("own_states", own_states, low=0, high=1)
    snapshots = [
        _checks.whole("snapshots", one, low=0) for one in _checks.several("snapshots", snapshots)
    ]
    if max(snapshots, default=0) > steps:
        raise ValueError(f"snapshots must be steps 0 to {steps}, got {max(snapshots)}")
    if stop is not None:
        _checks.function("stop", stop, "a function of the history")
    if watch is not None:
        _checks.function("watch", watch, "a function of the step and the denoiser")
    if checkpoint is not None:
        _checks.instance("checkpoint", checkpoint, (str, Path), "a path")
        if not Path(checkpoint).absolute().parent.is_dir():
            raise ValueError(f"checkpoint must lie in a folder that exists, got {checkpoint}")
    compile, quiet = _checks.flag("compile", compile), _checks.flag("quiet", quiet)
    seed = _checks.whole_seed(seed)
    marks = {round(steps * k / _MARKS) for k in range(1, _MARKS + 1)} - {0}
    options = Options(
        steps=steps,
        batch=batch,
        rate=rate,
        warm_up=min(500, max(1, steps // 10)),
        average=average,
        weighting=noise.weighting,
        levels=levels,
        seed=seed,
        snapshots=tuple(sorted(set(snapshots))),
        marks=tuple(sorted(marks)),
        device=place.type,
        precision=precision,
        rate_course=rate_course,
        levels_density=noise.density,
        own_states=own_states,
    )
    classes = None if labels is None else _checks.classes(labels, len(data)).long()
    own = _network(network, data, classes, seed)
    trainer = Trainer(data, classes, held_out, own, options, noise, place, compile)
    file = None
    if checkpoint is not None:
        checkpoints.architecture(own)  # refuse before the work, not after
        file = TrainingFile(trainer, checkpoint)
    trainer.go_on(trainer.processes.said(_found_in(file) if trainer.processes.first else None))
    trainer.run(stop, watch, None if file is None else file.save, quiet)
    return trainer.result()


def _found_in(file: TrainingFile | None) -> State | ValueError | None:
    """The state that a file holds, None where there is no file, or why it is not taken."""
    if file is None or not Path(file.path).exists():
        return None
    try:
        return file.read()
    except ValueError as error:
        return error


@torch.no_grad()
def denoising_error(
    denoiser: DenoiserLike, points: Tensor, sigma: Level, draws: int = 1, seed: Seed = None
) -> Tensor:
    """Squared error of a denoiser at each point, |D(x₀ + σz, σ) − x₀|²/d.

    The mean is least for the exact denoiser of the points' distribution. It is then the
    posterior variance of the points, σ² D_eff/d.

    Parameters
    ----------
    denoiser : D(x, sigma).
    points : (n, d), clean.
    sigma : noise level, a number or (n,).
    draws : noised copies of each point.
    seed : int, torch.Generator or None.

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
    points = _checks.points("points", points)
    points = points.to(at_least_single(points.dtype))
    level = _checks.noise_level(sigma, points)
    generator = _checks.generator_from(seed, "denoising_error", points.device)
    total, asked = points.new_zeros(len(points)), answering(denoiser)
    draws = _checks.whole("draws", draws)
    for _ in range(draws):
        noised = points + level.to(points) * _checks.normal_like(points, generator)
        found = asked(noised, level.squeeze(1).to(points.dtype)).to(points)
        total += (found - points).square().mean(1)
    return total / draws


def _device(device: str) -> torch.device:
    _checks.instance("device", device, (str, torch.device), "'auto' or the name of a device")
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    _checks.choice("device", str(device).split(":")[0], DEVICES)
    if str(device).startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(f"device must be 'cpu' or 'auto' where there is no GPU, got {device!r}")
    return torch.device(device)


def _network(
    network: str | nn.Module, data: Tensor, labels: Tensor | None, seed: int | None
) -> Any:
    """The network to train: made by its name, or a copy of the given one."""
    wanted = 0 if labels is None else int(labels.max()) + 1
    d = data.shape[1]
    if isinstance(network, str):
        _checks.choice("network", network, ("mlp", "unet"))
        if network == "mlp":
            return ResidualMLP(d, classes=wanted, seed=seed)
        side = math.isqrt(d)
        if side * side != d:
            raise ValueError(
                f"network 'unet' needs square images of one channel, got {d} pixels; "
                "give UNet(shape) itself"
            )
        return UNet((side, side), classes=wanted, seed=seed)
    _checks.instance("network", network, nn.Module, "'mlp', 'unet' or a torch.nn.Module")
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
