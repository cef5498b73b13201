"""One measurement for every memory: diffusion memorization mapped onto attractor basins.

The public names stand in `__init__.pyi`, for readers, type checkers and the loader alike; each
is loaded when it is first used, so that the `bridges` command answers at once.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("hopfield-diffusion")
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
