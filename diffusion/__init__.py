"""Score models: schedules, exact denoisers, samplers, and the geometry of what they keep.

The public names stand in `__init__.pyi`; each is loaded when it is first used.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("hopfield-diffusion")
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
