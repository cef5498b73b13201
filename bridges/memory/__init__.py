"""What a memory is, the adapters that make one, how it is cued, and how states are compared."""

from bridges.memory.adapters import as_memory as as_memory
from bridges.memory.decoding import NearestPattern as NearestPattern
from bridges.memory.denoising import ReverseMemory as ReverseMemory
from bridges.memory.interface import (
    CRITERIA as CRITERIA,
    ROUNDING as ROUNDING,
    Memory as Memory,
    Retrieval as Retrieval,
)
