"""One small memory of every classical kind, by name."""

import torch

from hopfield import (
    BidirectionalMemory,
    CovarianceMemory,
    DilutedMemory,
    KernelMemory,
    PartialCueMemory,
    PottsMemory,
    SequenceMemory,
    ThermalMemory,
    WillshawMemory,
    hebbian,
    random_patterns,
    sparse_patterns,
)

XI, ETA = random_patterns(6, 60, seed=0), sparse_patterns(5, 60, 8, seed=0)
COLOURS = torch.randint(3, (6, 40), generator=torch.Generator().manual_seed(0))
MEMORIES = {
    "covariance": lambda: CovarianceMemory(ETA),
    "covariance, erased cues": lambda: CovarianceMemory(ETA, 0.3, corruption="erase"),
    "biased spins": lambda: CovarianceMemory(2 * ETA - 1),
    "willshaw": lambda: WillshawMemory(ETA),
    "willshaw, winners": lambda: WillshawMemory(ETA, "winners"),
    "partial": lambda: PartialCueMemory(hebbian(XI), XI),
    "thermal": lambda: ThermalMemory(hebbian(XI[:3]), XI[:3], 0.2, sweeps=20),
    "thermal, averaged": lambda: ThermalMemory(hebbian(XI[:3]), XI[:3], 0.2, sweeps=20, averaged=9),
    "cold": lambda: ThermalMemory(hebbian(XI), XI, 0),
    "diluted": lambda: DilutedMemory(XI, 20, seed=0),
    "sequence": lambda: SequenceMemory(XI, steps=2),
    "dense sequence": lambda: SequenceMemory(XI, kernel="exponential"),
    "kernel": lambda: KernelMemory(XI),
    "cubic kernel": lambda: KernelMemory(XI, "polynomial", dual="identity"),
    "pairs": lambda: BidirectionalMemory(XI, random_patterns(6, 50, seed=1)),
    "potts": lambda: PottsMemory(COLOURS, 3),
}
