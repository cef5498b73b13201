"""Networks of diffusers and their schedulers, from a folder or by a name of the hub.

A pipeline has both. A folder of a model alone has its `config.json` and its weights; the
scheduler then lies with them, in `scheduler` beside or below, or is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

OPTIONS = (  # of the loader of diffusers; none of them runs code of others
    "cache_dir",
    "device_map",
    "disable_mmap",
    "dtype",
    "force_download",
    "local_files_only",
    "low_cpu_mem_usage",
    "max_memory",
    "offload_folder",
    "offload_state_dict",
    "proxies",
    "quantization_config",
    "revision",
    "subfolder",
    "token",
    "torch_dtype",
    "use_safetensors",
    "variant",
)
_NETWORKS = ("unet", "transformer")
_AUTOENCODERS = ("vae", "vqvae")
_WEIGHTS = re.compile(r"diffusion_pytorch_model(?:\.(\w+))?(?:-\d+-of-\d+)?\.safetensors$")
_PICKLED = "its weights are pickles, which are never read; save_pretrained writes safetensors"


class Parts(NamedTuple):
    """What a model is made of; the autoencoder of a latent one."""

    network: Any
    scheduler: Any
    autoencoder: Any = None


def read(path: str, scheduler: Any, options: dict[str, Any]) -> Parts:
    """The parts of a model; `scheduler`, the name of one or itself, is taken instead of its own.

    Raises
    ------
    ImportError : diffusers is not installed.
    ValueError : nothing readable, no network, no scheduler, or weights of a pickle asked for.
    """
    if not options.setdefault("use_safetensors", True):
        raise ValueError("use_safetensors must be True: weights are never read from a pickle")
    if find_spec("accelerate") is None:  # diffusers says at length that it does without
        options.setdefault("low_cpu_mem_usage", False)
    options.setdefault("variant", _variant(Path(path)))
    try:
        import diffusers

        loader = diffusers.DiffusionPipeline
    except (ImportError, RuntimeError) as error:  # RuntimeError: its own imports failed
        raise ImportError(
            f"reading {path} needs diffusers: pip install '.[interop]', in a clone "
            f"({_first_line(error)})"
        ) from error
    folder, scheduler = Path(path) / (options.get("subfolder") or ""), _named(diffusers, scheduler)
    try:
        with _without_bars(diffusers):
            if (folder / "config.json").is_file() and not (folder / "model_index.json").is_file():
                network = _model(diffusers, folder, options)
                return Parts(network, scheduler or _beside(diffusers, folder))
            pipeline = loader.from_pretrained(path, **options)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # of many kinds, by what is wrong with a folder
        fault = _PICKLED if _pickled(folder) else _first_line(error)
        raise ValueError(
            f"path: no diffusers pipeline could be read from {path}: {fault}"
        ) from error
    networks = [getattr(pipeline, name) for name in _NETWORKS if hasattr(pipeline, name)]
    scheduler = scheduler or getattr(pipeline, "scheduler", None)
    if not networks or scheduler is None:
        raise ValueError(
            f"path must hold a pipeline with a unet and a scheduler, got {type(pipeline).__name__}"
        )
    coders = [getattr(pipeline, name, None) for name in _AUTOENCODERS]
    return Parts(networks[0], scheduler, next((one for one in coders if one is not None), None))


def _variant(folder: Path) -> str | None:
    """The variant of the network's weights in a folder, as "fp16", where there are no others."""
    for home in (folder, *(folder / name for name in _NETWORKS)):
        found = [_WEIGHTS.match(file.name) for file in home.glob("*.safetensors")]
        kinds = {match[1] for match in found if match is not None}
        if kinds and None not in kinds:
            return min(kinds)
    return None


def _pickled(folder: Path) -> bool:
    """Whether the weights of a folder are pickles alone."""
    return any(folder.rglob("*.bin")) and not any(folder.rglob("*.safetensors"))


@contextmanager
def _without_bars(diffusers: Any) -> Iterator[None]:
    """The block in which diffusers draws no progress bars, which it does off terminals too."""
    logging = diffusers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _named(diffusers: Any, scheduler: Any) -> Any:
    """A scheduler that is given, or the one of a name or of a folder that has it."""
    if not isinstance(scheduler, str):
        return scheduler
    if Path(scheduler).is_dir():
        return _beside(diffusers, Path(scheduler))
    kind = getattr(diffusers, scheduler, None)
    if not (isinstance(kind, type) and issubclass(kind, diffusers.SchedulerMixin)):
        raise ValueError(f"scheduler must be one of diffusers or a folder, got {scheduler!r}")
    return kind()


def _model(diffusers: Any, folder: Path, options: dict[str, Any]) -> Any:
    """The network of a folder that holds it alone."""
    kind = _kind(diffusers, folder / "config.json")
    return kind.from_pretrained(folder, **{k: v for k, v in options.items() if k != "subfolder"})


def _beside(diffusers: Any, folder: Path) -> Any:
    """The scheduler that lies with a network."""
    for home in (folder, folder / "scheduler", folder.resolve().parent / "scheduler"):
        if (home / "scheduler_config.json").is_file():
            return _kind(diffusers, home / "scheduler_config.json").from_pretrained(home)
    raise ValueError(
        "it holds a model alone; give its scheduler, as --scheduler DDPMScheduler or "
        "from_pretrained(path, scheduler=diffusers.DDPMScheduler())"
    )


def _kind(diffusers: Any, config: Path) -> Any:
    """The class that a configuration names, one of diffusers."""
    content = json.loads(config.read_text(encoding="utf-8"))
    name = content.get("_class_name") if isinstance(content, dict) else None
    found = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (isinstance(found, type) and issubclass(found, diffusers.ConfigMixin)):
        raise ValueError(f"{config.name} must name a class of diffusers, got {name!r}")
    return found


def _first_line(error: BaseException) -> str:
    """What an error says, with what follows where that is a heading."""
    first, *more = str(error).strip().splitlines() or [type(error).__name__]
    return f"{first} {more[0].strip()}" if first.endswith(":") and more else first
