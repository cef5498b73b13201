"""One small valid call of every function of `hopfield`, by its name: see `calls`."""

import torch

import hopfield


def normal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


XI = hopfield.random_patterns(2, 6, seed=0)
J = hopfield.hebbian(XI)
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
        "spectrum": True,
    },
    "daydream": {
        "patterns": XI,
        "steps": 2,
        "rate": 0.01,
        "normalize": "spectral",
        "epoch": 1,
        "couplings": J,
        "seed": 0,
        "checkpoints": [1, 2],
        "retrieval": [0.5],
        "spectrum": True,
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
        "spectrum": True,
    },
    "symmetric_perceptron": {
        "patterns": XI,
        "margin": 0.1,
        "steps": 2,
        "rate": 0.01,
        "couplings": J,
        "checkpoints": [1, 2],
        "retrieval": [0.5],
        "spectrum": True,
    },
    "random_features_patterns": {
        "P": 3,
        "N": 6,
        "features": 4,
        "mix": 3,
        "seed": 0,
        "dtype": torch.float64,
    },
    "spectral_rule": {"patterns": XI, "function": torch.sqrt},
    "clipped_spectrum": {"patterns": XI, "level": 0.5},
    "unlearn_top": {"couplings": J, "steps": 2, "rate": 0.05},
    "spectral_groups": {"couplings": J, "patterns": XI},
    "coupling_path": {"couplings": [J, 2 * J], "start": J, "goal": normal(6, 6)},
    "symmetric_margin": {"patterns": XI},
    "unlearning_times": {"D": [0.0, 1.0, 2.0], "min_stability": [[-1.0, 1.0, -1.0]]},
    "HopfieldNetwork": {"couplings": J},
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
