"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

The public names stand in `__init__.pyi`, for readers, type checkers and the loader alike; each
is loaded when it is first used, so that the `bridges` command answers at once.
"""

from typing import Any

import lazy_loader

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("hopfield-diffusion")
    return _public(name)
