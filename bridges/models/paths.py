"""Models by path: a checkpoint of ours, a folder of diffusers, `FILE.py:function`, a plug-in.

A function makes what is measured. One of nothing returns a model that was trained before: a
denoiser D(x, σ), a torch module, a model of azula or in the style of EDM, or couplings. It is cued
with rows of the data as they are stored. One of (patterns, seed) is a rule: it returns couplings
(N, N), a network, a denoiser or a `Memory` that stores these patterns, which are spins unless the
function says otherwise: `function.states = "real"` for patterns on the sphere |ξ|² = N about the
mean of the data, "sparse" for 0/1 patterns of equal activity, "colours" for rows of N·q entries
with a 1 at the colour of each site, "stored" for rows as they are. An installed package offers its
own functions as entry points of the group "bridges.models".
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridges.models.model import Model, Options, Reading
from bridges.models.named import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from bridges.memory import Memory
    from diffusion import Denoiser
    from hopfield import DenseMemory, HopfieldNetwork

PATHS = "a checkpoint FILE.safetensors, a folder of a diffusers model, or FILE.py:function"
ALLOWED = f"a name of `bridges models`, {PATHS}"
STATES = ("binary", "real", "stored", "sparse", "colours")
_GROUP = "bridges.models"
_CONFIGS = ("model_index.json", "config.json")  # of a pipeline and of a bare model of diffusers
_SHOWN = 24  # letters of a name in a label
_READ = 80  # of one that is refused
_AS_IT_IS = Reading()


def plugins() -> dict[str, EntryPoint]:
    """The models that installed packages offer, by name."""
    return {point.name: point for point in entry_points(group=_GROUP)}


def place(text: str) -> str:
    """A model by a name that holds in any folder. Raises ValueError for what is none."""
    if text in MODELS or text in plugins():
        return text
    file, function = _parts(text)
    if not text or (function is None and not os.path.exists(file)):  # too long a name is none
        given = text if len(text) <= _READ else f"{text[:_READ]}…"
        raise ValueError(
            f"unknown model {given!r}; the models are {', '.join(MODELS)}, and paths: {PATHS}"
        )
    if function is not None and not os.path.isfile(file):
        raise ValueError(f"model: no file {str(file)!r}")
    if function is None and not file.is_dir() and file.suffix != ".safetensors":
        raise ValueError(f"model must be {ALLOWED}, got the file {text!r}{_advice(file)}")
    if function is None and file.is_dir() and not any((file / one).is_file() for one in _CONFIGS):
        raise ValueError(
            f"model must be {ALLOWED}, got the folder {text!r} without {' or '.join(_CONFIGS)}"
        )
    if function is None and file.is_dir() and (file / "summary.json").is_file():
        networks = ", ".join(one.name for one in sorted(file.glob("*.safetensors")))
        raise ValueError(
            f"model must be {ALLOWED}, got the folder {text!r} of a run"
            + (f"; name one of its networks: {networks}" if networks else "")
        )
    return str(file.resolve()) + ("" if function is None else f":{function}")


def label_of(text: str) -> str:
    """What tables and figures call a model."""
    if text in MODELS:
        return MODELS[text].label
    if text in plugins():
        return text
    file, function = _parts(text)
    name = (file.name if file.is_dir() else file.stem) if function is None else function
    return name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…"


def content_of(text: str) -> str:
    """A digest of what a path holds; the name of a model that has one."""
    if text in MODELS or text in plugins():
        return text
    file = _parts(text)[0]
    digest = hashlib.sha256()
    for part in sorted(file.rglob("*")) if file.is_dir() else [file]:
        if part.is_file():
            with part.open("rb") as content:
                digest.update(part.name.encode() + hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()


def load_model(
    name_or_path: str | Path,
    *,
    label: int | None = None,
    scheduler: str | None = None,
    batch_size: int | None = None,
) -> Any:
    """A model of the command, in Python.

    Parameters
    ----------
    name_or_path : a name of `bridges models`, a checkpoint of ours, a folder of a diffusers
        model, or "FILE.py:function"; see the head of the module.
    label : the class of a class-conditional model, at least 0.
    scheduler : of a diffusers model, the name of its class or a folder; None: its own.
    batch_size : rows that a network is given at once, at least 1; None: as many as fit.

    Returns
    -------
    What was trained before: its denoiser D(x, σ) of flat rows, which `as_memory` takes, or its
    network. Of a rule the function (patterns, seed=0, **options) → Memory, with the options of
    `bridges.models.Options`.

    Raises
    ------
    ValueError : no such model, a class that it does not have, an option of trained models with
        a name of `bridges models`, or a folder of diffusers, where that is not installed.

    Examples
    --------
    >>> from hopfield import random_patterns
    >>> rule = load_model("polynomial")
    >>> rule(random_patterns(5, 60, seed=0), degree=4)
    SpinMemory(5 patterns of 60; overlap about zero)
    """
    from bridges import _checks  # slow to import

    _checks.instance("name_or_path", name_or_path, (str, Path), ALLOWED)
    if label is not None:
        label = _checks.whole("label", label, low=0)
    if scheduler is not None:
        _checks.instance("scheduler", scheduler, str, "the name of a class or a folder")
    if batch_size is not None:
        batch_size = _checks.whole("batch_size", batch_size)
    text, reading = str(name_or_path), Reading(label, scheduler, batch_size)
    for name, value in vars(reading).items() if text in MODELS else ():
        if value is not None:
            raise ValueError(f"{name} must not be given for {text}, which has none, got {value}")
    model = find_model(text, reading)
    if model.trained:
        return model.source

    def rule(patterns: Tensor, seed: int = 0, **options: Any) -> Memory:
        return model.build(patterns, Options(**options), seed)

    return rule


def find_model(text: str, reading: Reading = _AS_IT_IS) -> Model:
    """The model of a name or a path, read once.

    Raises
    ------
    ValueError : neither, a file that holds no such model, a class that it does not have, or a
        folder of diffusers, where that is not installed.
    """
    if text in MODELS:
        return MODELS[text]
    found = plugins().get(text)
    if found is not None:
        return _of_function(found.load(), text, f"plug-in of {found.value}", reading)
    place(text)
    file = _parts(text)[0]
    newest = max((p.stat().st_mtime_ns for p in file.rglob("*")), default=0) if file.is_dir() else 0
    return _read(text, reading, file.stat().st_mtime_ns, newest)


@functools.lru_cache(maxsize=8)
def _read(text: str, reading: Reading, *_: int) -> Model:
    """The same of a path, by when it was last written."""
    from diffusion import DiffusersDenoiser
    from diffusion.checkpoints import load_denoiser

    file, function = _parts(text)
    if function is not None:
        about = f"function of {file.name}"
        return _of_function(_function(file, function), text, about, reading)
    if file.is_dir():
        try:
            denoiser = DiffusersDenoiser.from_pretrained(str(file), reading.scheduler)
        except ImportError as error:
            raise ValueError(f"model: {error}") from error
        except ValueError as error:  # of the path that the loader was given
            words = str(error)
            fault = words.removeprefix("path: ").removeprefix("path ")
            raise ValueError(words if fault == words else f"model: {fault}") from error
        return _of_denoiser(denoiser, text, "diffusers model", reading)
    return _of_denoiser(load_denoiser(file), text, "checkpoint", reading)


def _parts(text: str) -> tuple[Path, str | None]:
    """The file, and the function of `FILE.py:function`."""
    file, colon, function = text.rpartition(":")
    if colon and file.endswith(".py"):
        return Path(file), function
    return Path(text), None


def _advice(file: Path) -> str:
    """What is to be done with a file that is no model."""
    if file.suffix == ".py":
        return "; name its function, as FILE.py:function"
    if file.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        return (
            "; load its weights in a function, "
            "network.load_state_dict(torch.load(path, weights_only=True))"
        )
    return ""


def _function(file: Path, name: str) -> Callable[..., Any]:
    """The function of a file of the user's, which is run as it would be when started."""
    spec = spec_from_file_location(f"bridges_model_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with _importing_beside(file):
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise ValueError(f"model: {file} cannot be run: {_words(error)}") from error
    found = getattr(module, name, None)
    if not callable(found):
        names = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise ValueError(f"model: {file} has no function {name!r}; it has {', '.join(names)}")
    return found


@contextmanager
def _importing_beside(file: Path) -> Iterator[None]:
    """The block in which a file imports what lies beside it."""
    beside = str(file.resolve().parent)
    sys.path.insert(0, beside)
    try:
        yield
    finally:
        sys.path.remove(beside)


def _of_function(function: Callable[..., Any], text: str, about: str, reading: Reading) -> Model:
    needed = _arguments(function, text)
    if needed > 2:
        raise ValueError(
            f"model: {text} must take (patterns, seed) or nothing, got {needed} arguments"
        )
    states = getattr(function, "states", None)
    if states is not None and states not in STATES:
        raise ValueError(f"model: states of {text} must be one of {', '.join(STATES)}: {states!r}")
    if needed == 0:
        return _of_trained(_called(function, text), text, about, reading)

    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        made = _called(function, text, *(patterns, seed)[:needed])
        return _adapted(made, patterns, options, text, states or "binary")

    return Model(label_of(text), states or "binary", about, build)


def _arguments(function: Callable[..., Any], text: str) -> int:
    """How many arguments a function cannot do without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ValueError(f"model: {text} must be a Python function") from error
    return sum(
        p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        for p in parameters
    )


def _called(function: Callable[..., Any], text: str, *args: Any) -> Any:
    from hopfield import NotSeparableError

    try:
        return function(*args)
    except (NotSeparableError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(f"model: {text} failed: {_words(error)}") from error


def _of_trained(made: Any, text: str, about: str, reading: Reading) -> Model:
    """A model that was made before any pattern was asked for."""
    from bridges.memory import Memory

    network = _network(made)
    if network is None and isinstance(made, Memory):
        raise ValueError(
            f"model: {text} returned a memory of its own patterns; let it take (patterns, seed)"
        )
    if network is None:
        return _of_denoiser(made, text, about, reading)

    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        return _adapted(network, patterns, options, text, "binary")

    return Model(label_of(text), "binary", about, build, trained=True, source=network)


def _of_denoiser(made: Any, text: str, about: str, reading: Reading) -> Model:
    """A denoiser that was trained before, cued with data as they are stored."""
    from diffusion import Denoiser
    from diffusion.batches import Batched

    if not callable(made):
        raise ValueError(_unlike(made, text))
    asked = getattr(made, "forward", made.__call__)
    if str(getattr(asked, "__module__", "")).startswith("diffusers."):
        raise ValueError(
            f"model: {text} returned {type(made).__name__}, which does not say how it was noised; "
            "return diffusion.DiffusersDenoiser(network, scheduler), or give the folder that "
            "save_pretrained writes"
        )
    denoiser = _of_class(made, text, reading.label)

    def build(patterns: Tensor, options: Options, seed: int) -> Memory:
        _check_class(denoiser, text)
        flat = of_rows(denoiser, options.shape or tuple(patterns.shape[1:]), reading.batch_size)
        return _adapted(flat, patterns, options, text, "stored")

    latents = getattr(made, "latents", None)
    source = Batched(denoiser, reading.batch_size) if isinstance(made, Denoiser) else made
    return Model(label_of(text), "stored", about, build, True, source, latents)


def of_rows(made: Any, shape: tuple[int, ...], batch_size: int | None) -> Denoiser:
    """What a function made as a denoiser of flat rows, which are images of this shape.

    A model of azula has a schedule; of two modules the one of images has convolutions, which take
    grey images and signals as those of one channel.
    """
    from torch import nn

    from diffusion import AzulaDenoiser, Denoiser, ImageDenoiser
    from diffusion.batches import Batched
    from diffusion.flat import as_denoiser

    if not isinstance(made, Denoiser):
        parts = made.modules() if isinstance(made, nn.Module) else ()
        first = next((p for p in parts if isinstance(p, nn.modules.conv._ConvNd)), None)
        if first is not None and len(shape) == len(first.kernel_size):
            shape = (1, *shape)
        if callable(getattr(made, "schedule", None)):
            made = AzulaDenoiser(made, shape)
        elif len(shape) > 1 and first is not None:
            made = ImageDenoiser(made, shape)
    return Batched(as_denoiser(made), batch_size)


def _of_class(made: Any, text: str, label: int | None) -> Any:
    """A class-conditional model of one of its classes. Raises ValueError for another."""
    from diffusion import DiffusersDenoiser, NetworkDenoiser

    classes = getattr(made, "classes", 0) or 0
    known = isinstance(made, DiffusersDenoiser | NetworkDenoiser)
    if label is None:
        return made
    if not (known and 0 <= label < classes):
        allowed = f"lie in [0, {classes - 1}]" if known and classes else "not be given"
        raise ValueError(f"class must {allowed} for {text}, got {label}")
    return made.condition(label)


def _check_class(made: Any, text: str) -> None:
    """Refuse a model that needs a class and was given none."""
    from diffusion import DiffusersDenoiser

    if isinstance(made, DiffusersDenoiser) and made.classes and not made.inputs:
        raise ValueError(f"class must lie in [0, {made.classes - 1}] for {text}, got none")


def _adapted(made: Any, patterns: Tensor, options: Options, text: str, states: str) -> Memory:
    """What a function made, as a memory of the patterns."""
    from bridges.memory import Memory, as_memory
    from diffusion.flat import answering

    network = _network(made)
    if network is not None:
        return as_memory(network, patterns)
    if isinstance(made, Memory):
        return made
    if not callable(made):
        raise ValueError(_unlike(made, text))
    if states not in ("real", "stored"):
        raise ValueError(
            f"model: {text} returned {type(made).__name__}, whose states are real; say which "
            f"patterns it stores: {text.rpartition(':')[2]}.states = 'real', or 'stored' for rows "
            "as they are"
        )
    sigma = options.beta**-0.5 if options.dynamics == "fixed-noise" else None
    return as_memory(
        answering(made, f"model: {text}", names_all=True),
        patterns,
        options.dynamics,
        sigma=sigma,
        steps=options.steps,
        centre=options.centre,
    )


def _network(made: Any) -> HopfieldNetwork | DenseMemory | None:
    """A network of these couplings (N, N), or of the training that ended in them."""
    from bridges.memory import Memory
    from hopfield import DenseMemory, HopfieldNetwork

    if isinstance(made, HopfieldNetwork | DenseMemory):
        return made
    if isinstance(made, Memory):  # it may have couplings, and a dynamics of its own
        return None
    couplings = getattr(made, "couplings", made)
    shape = tuple(getattr(couplings, "shape", ()))
    square = not callable(couplings) and len(shape) == 2 and shape[0] == shape[1]
    return HopfieldNetwork(couplings) if square else None


def _unlike(made: Any, text: str) -> str:
    return (
        f"model: {text} must return couplings, a network, a denoiser or a Memory, got "
        f"{type(made).__name__}"
    )


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
