"""What a memory is, the adapters that make one, how it is cued, and how states are compared."""

from bridges.memory.adapters import (
    CRITERIA as CRITERIA,
    ROUNDING as ROUNDING,
    Memory as Memory,
    NearestPattern as NearestPattern,
    Retrieval as Retrieval,
    ReverseMemory as ReverseMemory,
    as_memory as as_memory,
)
