"""One small valid call of every function of `hopfield`, by its name: see `calls`."""

import torch

import hopfield


def normal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


XI = hopfield.random_patterns(2, 6, seed=0)
J = hopfield.hebbian(XI)
ETA = torch.tensor([[1.0, 0, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0]]).double()
COLOURS = torch.tensor([[0.0, 1, 2, 0], [2, 1, 0, 1]]).double()
HOPFIELD = {
    "random_patterns": {"P": 2, "N": 4, "seed": 0, "dtype": torch.float64, "device": "cpu"},
    "clustered_patterns": {
        "clusters": 2,
        "per_cluster": 2,
        "N": 5,
        "overlap": 0.5,
        "seed": 0,
        "dtype": torch.float64,
    },
    "binarize": {"data": normal(12, 2), "threshold": 0.1},
    "overlap": {"states": XI, "patterns": XI},
    "flip_spins": {"patterns": XI, "overlap": 0.5, "seed": 0},
    "hebbian": {"patterns": XI},
    "pseudo_inverse": {"patterns": XI},
    "storkey": {"patterns": XI},
    "dreaming_kernel": {"patterns": XI, "time": 1.0},
    "max_margin": {"patterns": XI},
    "paramagnetic_unlearning": {"couplings": J, "rate": 0.1, "beta": 1.0},
    "stabilities": {"couplings": J, "patterns": XI},
    "noise_structure": {
        "couplings": normal(6, 6),
        "patterns": XI,
        "states": XI,
        "corrected": True,
        "window": 99.0,
    },
    "unlearn": {
        "couplings": J,
        "steps": 2,
        "rate": 0.01,
        "batch": 1,
        "seed": 0,
        "max_sweeps": 9,
        "patterns": XI,
        "checkpoints": [1, 2],
        "retrieval": [0.5],
    },
    "daydream": {
        "patterns": XI,
        "steps": 2,
        "rate": 0.01,
        "couplings": J,
        "seed": 0,
        "checkpoints": [1, 2],
        "retrieval": [0.5],
    },
    "train_with_noise": {
        "patterns": XI,
        "overlap": 0.5,
        "noise": "uniform",
        "steps": 2,
        "rate": 0.01,
        "symmetric": True,
        "normalize": False,
        "couplings": J,
        "seed": 0,
        "checkpoints": [1, 2],
        "retrieval": [0.5],
    },
    "symmetric_perceptron": {
        "patterns": XI,
        "margin": 0.1,
        "steps": 2,
        "rate": 0.01,
        "couplings": J,
        "checkpoints": [1, 2],
        "retrieval": [0.5],
    },
    "HopfieldNetwork": {"couplings": J, "bias": XI[0]},
    "sparse_patterns": {"P": 2, "N": 6, "active": 2, "seed": 0, "dtype": torch.float64},
    "active_sites": {"P": 2, "N": 6, "active": 2, "seed": 0},
    "displace_ones": {"patterns": ETA, "overlap": 0.5, "seed": 0},
    "erase_ones": {"patterns": ETA, "overlap": 0.75, "seed": 0},
    "covariance": {"patterns": ETA, "activity": 0.25},
    "CovarianceMemory": {
        "patterns": ETA,
        "threshold": 0.25,
        "activity": 0.25,
        "corruption": "displace",
    },
    "WillshawMemory": {"patterns": ETA, "dynamics": "winners"},
    "clip_couplings": {"couplings": J, "levels": 3},
    "dilute": {"couplings": J, "keep": 0.5, "symmetric": True, "seed": 0},
    "DilutedMemory": {"patterns": XI, "degree": 3, "seed": 0},
    "PartialCueMemory": {"couplings": J, "patterns": XI},
    "ThermalMemory": {
        "couplings": J,
        "patterns": XI,
        "temperature": 0.5,
        "sweeps": 2,
        "averaged": 2,
    },
    "SequenceMemory": {
        "patterns": XI,
        "steps": 2,
        "kernel": "exponential",
        "degree": 2,
        "gain": 2.0,
    },
    "BidirectionalMemory": {"left": XI, "right": XI},
    "KernelMemory": {
        "patterns": XI,
        "kernel": "exponential",
        "gain": 2.0,
        "degree": 2,
        "dual": "ridge",
        "ridge": 0.5,
    },
    "PottsMemory": {"patterns": COLOURS, "colours": 3},
    "DenseMemory": {
        "patterns": XI,
        "interaction": "exponential",
        "beta": 1.0,
        "degree": 3,
        "states": "real",
        "norm_correction": True,
    },
    "FixedPoint": {"landscape": J, "max_sweeps": 5},
    "Thermal": {"temperature": 0.5, "sweeps": 3, "landscape": J},
    "Kawasaki": {"temperature": 0.5, "sweeps": 3, "landscape": J},
}
