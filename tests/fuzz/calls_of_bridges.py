"""One small valid call of every public function of `bridges`, by its name: see `calls`."""

import atexit
import tempfile
from types import SimpleNamespace

import numpy as np
import torch
from calls import RECORD
from calls_of_hopfield import normal
from calls_of_weights import WEIGHTS
from place import here

import bridges
import bridges.data
from bridges import equivalence
from bridges.memory import NearestPattern
from bridges.memory.prompts import PromptedMemory
from bridges.study.page import USUAL
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser, NetworkDenoiser, ResidualMLP
from diffusion.batches import Batched
from diffusion.checkpoints import save_denoiser
from diffusion.latents import LatentSpace
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns

ROWS, HALF = normal(12, 3, seed=1), here(torch.arange(12) // 6)
XI = here(random_patterns(2, 6, seed=0))
EXACT = EmpiricalDenoiser(ROWS)
CORNERS = EmpiricalDenoiser(here(torch.eye(3).double()))
TRAINED = NetworkDenoiser(here(ResidualMLP(3, width=8, depth=1, seed=0)))
PAIR = GaussianMixtureDenoiser(here(torch.tensor([[-1.0, 0.0], [1.0, 0.0]]).double()), 0.5)
FLOW = bridges.as_memory(CORNERS, dynamics="flow", steps=2)
LEVEL = bridges.as_memory(CORNERS, dynamics="fixed-noise", sigma=0.5)
DENSE = bridges.as_memory(DenseMemory(XI.double(), beta=4.0))
CHAIN = here(torch.tensor([[0.9, 0.1], [0.2, 0.8]]).double())
GRID = np.zeros((20, 20), dtype=int)
GAP = bridges.held_out_gap(FLOW, normal(3, 3, seed=4), [0.5, 0.9], trials=3, seed=0)
STARTS = normal(4, 3, seed=2)
FOUND = bridges.transition_matrix(CORNERS, 1.0, draws=9, seed=0)
CALIBRATION = bridges.calibrate(ROWS, level=0.1, seed=0)
PICTURES = normal(12, 9, seed=5)
HALVED = SimpleNamespace(  # in place of an autoencoder: codes of half the size
    encode=lambda images: SimpleNamespace(latents=torch.nn.functional.avg_pool2d(images, 2)),
    decode=lambda codes: SimpleNamespace(
        sample=codes.repeat_interleave(2, 2).repeat_interleave(2, 3)
    ),
)
SPACE = LatentSpace(HALVED, (1, 1, 2), (1, 2, 4))
MONITOR = bridges.MemorizationMonitor(ROWS, draws=3, steps=2, seed=0)
HOME = tempfile.TemporaryDirectory(prefix="calls-")
atexit.register(HOME.cleanup)
CHECKPOINT = f"{HOME.name}/of_classes.safetensors"
save_denoiser(NetworkDenoiser(ResidualMLP(3, width=8, depth=1, classes=2, seed=0)), CHECKPOINT)
DIGITS = normal(3, 64, seed=6)
np.save(f"{HOME.name}/cue.npy", DIGITS[:1].cpu().numpy())
PROMPTED = PromptedMemory(PAIR, 0, 1.0, "flow", 2)
NEAREST = NearestPattern(ROWS)
STUDY = bridges.run_study("s", lambda point, seed: [], [{}], samples=1, out=f"{HOME.name}/run")


def build(load, seed):
    return DENSE


def build_of_size(load, size, seed):
    return DENSE


def at(value):
    return LEVEL


def measure(point, seed):
    return [{"quantity": "one", "value": 1.0}]


CUES = {"overlap": 0.9, "trials": 3, "criterion": "fixed-point", "threshold": 0.9, "seed": 0}
CURVE = {
    "loads": [1.0, 2.0],
    "overlap": 0.9,
    "success": 0.5,
    "samples": 2,
    "trials": 3,
    "criterion": "fixed-point",
    "threshold": 0.9,
    "seed": 0,
    "fit": "isotonic",
    "scale": "log",
    "bisections": 0,
}
BRIDGES = {
    "as_memory": {"source": CORNERS, "dynamics": "flow", "steps": 2, "centre": 0.0},
    "as_memory of couplings": {
        "source": HopfieldNetwork(hebbian(XI)),
        "patterns": XI,
        "max_sweeps": 9,
    },
    "retrieval_map": {
        "memory": FLOW,
        "overlaps": [0.9, 1.0],
        "trials": 3,
        "criterion": "fixed-point",
        "threshold": 0.9,
        "seed": 0,
        "flips": "exact",
        "finals": True,
    },
    "midpoint_radius": {
        "memory": FLOW,
        "trials": 3,
        "criterion": "fixed-point",
        "flips": "exact",
        "seed": 0,
    },
    "size_dependence": {
        "sizes": [50, 100, 200],
        "values": [0.4, 0.5, 0.55],
        "sems": [0.01, 0.02, 0.01],
        "samples": 8,
    },
    "recall_path": {
        "memory": FLOW,
        "cues": CORNERS.data + 0.5,
        "overlap": 0.8,
        "patterns": CORNERS.data,
        "seed": 0,
    },
    "basin_radius": {
        "memory": FLOW,
        "success": 0.5,
        "trials": 3,
        "criterion": "fixed-point",
        "threshold": 0.9,
        "seed": 0,
    },
    "capacity": {"build": build, **CURVE},
    "capacity_scaling": {
        "build": build_of_size,
        "sizes": [10, 20],
        "exponent": 0.6,
        **CURVE,
    },
    "find_attractors": {
        "memory": LEVEL,
        "starts": STARTS,
        "labels": [0, 1, 2],
        "tolerance": 0.01,
        "kick": 0.001,
        "threshold": 0.9,
        "delta": 0.1,
        "seed": 0,
    },
    "basin_fractions": {"memory": LEVEL, "starts": STARTS},
    "basin_entropy": {"labels": GRID, "box": 5},
    "basin_entropy_sampled": {"points": STARTS, "labels": [0, 0, 1, 1], "neighbours": 2},
    "landscape": {
        "memory": LEVEL,
        "plane": [0, 1, 2],
        "points": 3,
        "overlap": 0.9,
        "seed": 0,
    },
    "continuation": {
        "memory_at": at,
        "values": [1.0, 2.0],
        "starts": STARTS,
        "threshold": 0.1,
        "seed": 0,
    },
    "match": {"one": STARTS, "other": STARTS, "threshold": 0.1},
    "transition_matrix": {
        "source": CORNERS,
        "sigma": 1.0,
        "draws": 9,
        "criterion": "fixed-point",
        "threshold": 0.9,
        "seed": 0,
    },
    "transition_matrix of a memory": {"source": FLOW, **CUES},
    "return_curve": {
        "source": CORNERS,
        "sigmas": [0.5, 1.0],
        "draws": 9,
        "criterion": "fixed-point",
        "threshold": 0.9,
        "seed": 0,
    },
    "attractor_graph": {"T": CHAIN, "threshold": 0.01},
    "communities": {"T": CHAIN, "threshold": 0.01, "resolution": 1.0, "seed": 0},
    "chain_committor": {"T": CHAIN, "start": [0], "target": [1]},
    "committors": {"denoiser": CORNERS, "x": normal(2, 3), "sigma": 1.0, "groups": [0, 1, 1]},
    "summarise": {"T": FOUND, "classes": [0, 1, 1], "threshold": 0.01, "seed": 0},
    "class_appearance": {"mixture": PAIR, "time": 1.0, "draws": 9, "seed": 0},
    "median_appearance": {"mixture": PAIR, "label": 1, "draws": 9, "seed": 0},
    "class_uturns": {"mixture": PAIR, "time": 1.0, "paths": 9, "steps": 3, "seed": 0},
    "class_basins": {"denoiser": EXACT, "labels": HALF, "sigma": 1.0, "draws": 9, "seed": 0},
    "class_capacity": {
        "mixture": PAIR,
        "sigma": 0.5,
        "loads": [4, 8],
        "samples": 2,
        "draws": 9,
        "seed": 0,
    },
    "class_memories": {
        "mixture": PAIR,
        "w": 1.0,
        "dynamics": "flow",
        "labels": [0, 1],
        "steps": 2,
    },
    "memory_of_classes": {"mixture": PAIR, "sigma": 1.0},
    "PromptedMemory": {"mixture": PAIR, "label": 0, "w": 1.0, "dynamics": "flow", "steps": 2},
    "calibrate": {"data": ROWS, "held_out": normal(5, 3), "level": 0.1, "seed": 0},
    "memory_geometry": {
        "data": ROWS,
        "labels": HALF,
        "sigma": [0.5, 1.0],
        "draws": 9,
        "seed": 0,
    },
    "dimension_contrast": {
        "denoiser": EXACT,
        "data": ROWS,
        "held_out": normal(5, 3),
        "sigma": 0.5,
    },
    "memorization_fractions": {
        "samples": normal(5, 3),
        "train": ROWS,
        "held_out": normal(6, 3, seed=4),
        "weights": here(torch.full((5, 12), 1 / 12).double()),
        "level": 0.1,
        "seed": 0,
        "delta_memorized": 0.1,
        "delta_spurious": 0.2,
    },
    "memorization_report": {
        "samples": normal(5, 3),
        "data": ROWS,
        "held_out": normal(6, 3, seed=4),
        "denoiser": EXACT,
        "sigma": 0.1,
        "level": 0.1,
        "seed": 0,
    },
    "list_copies": {
        "samples": torch.cat([ROWS[:2], normal(3, 3)]),
        "data": ROWS,
        "held_out": normal(6, 3, seed=4),
        "rate": 0.05,
    },
    "list_copies of images": {
        "samples": PICTURES[:3],
        "data": PICTURES,
        "also": ["mirrored", "shifted"],
        "shape": [3, 3],
    },
    "held_out_gap": {
        "memory": FLOW,
        "held_out": normal(3, 3, seed=4),
        "overlaps": [0.5, 0.9],
        "trials": 3,
        "criterion": "fixed-point",
        "threshold": 0.9,
        "bayes": FLOW,
        "seed": 0,
    },
    "held_out_curve": {"gaps": {8: [GAP, GAP], 9: [GAP, GAP]}, "sigma": float(GAP.sigma[0])},
    "meeting": {"sizes": [1, 2], "above": [[0.9, 0.5]], "below": [[0.1, 0.5]]},
    "own_half_excess": {
        "samples_a": normal(5, 3),
        "samples_b": normal(5, 3, seed=1),
        "half_a": ROWS,
        "half_b": ROWS + 1,
        "seed": 0,
    },
    "bias_onset": {"steps": [1, 2], "fractions": [[0.5, 0.9]], "counted": 100},
    "load_model": {
        "name_or_path": CHECKPOINT,
        "label": 0,
        "batch_size": 4,
    },
    "load_model of a rule": {"name_or_path": "hebb", "label": None, "scheduler": None},
    "generalization_report": {
        "denoiser": TRAINED,
        "train": ROWS.float(),
        "held_out": normal(6, 3).float(),
        "sigma": 0.3,
        "turn": 1.0,
        "count": 5,
        "steps": 2,
        "seed": 0,
    },
    "two_halves": {
        "one": TRAINED,
        "other": TRAINED,
        "held_out": ROWS.float(),  # noise is drawn in their precision
        "sigma": 0.3,
        "count": 5,
        "steps": 2,
        "data": [ROWS.float(), ROWS.float() + 1],
        "seed": 0,
    },
    "run_study": {
        "name": "study",
        "measure": measure,
        "points": [{"x": 1}],
        "samples": 1,
        "seed": 0,
        "jobs": 1,
        "overwrite": False,
        "quiet": True,
        "complete": False,
    },
    "write_report": {"study": STUDY, "page": USUAL, "overwrite": False},
}
DATA = {
    "standardised": {"rows": ROWS},
    "subset": {"rows": ROWS, "labels": HALF, "size": 5, "held_out": 2, "seed": 0},
    "subset by counts": {"rows": ROWS, "labels": HALF, "counts": {0: 2, 1: 2}, "seed": 0},
    "pattern_set": {"data": "digits", "kind": "binary", "patterns": 5, "size": 64, "seed": 0},
    "pattern_set from a row on": {
        "data": "digits",
        "kind": "real",
        "patterns": 5,
        "size": None,
        "seed": 0,
        "first": 3,
    },
    "pattern_set in a code": {
        "data": "random",
        "kind": "sparse",
        "patterns": 5,
        "size": 20,
        "seed": 0,
        "coding": bridges.data.CODING,
    },
    "Coding": {"activity": 0.25, "colours": 3},
    "as_patterns": {"data": "digits", "kind": "real", "rows": DIGITS},
    "as_rows": {"data": "digits", "kind": "real", "states": DIGITS[:, :61], "like": DIGITS},
    "picture_as_row": {"cue": f"{HOME.name}/cue.npy", "data": "digits"},
    "pattern_classes": {"data": "digits", "patterns": 5, "seed": 0},
    "about": {"data": "digits"},
    "called": {"data": "digits"},
    "is_drawn": {"data": "digits"},
    "class_labels": {"data": "digits"},
    "class_names": {"data": "digits"},
    "count": {"data": "digits"},
    "fingerprint": {"data": "digits"},
    "image_shape": {"data": "digits", "size": 64},
    "load": {"data": "digits"},
    "load_data": {"data": "digits", "grey": False, "scale": 2.0, "shift": 1.0},
    "place": {"data": "digits"},
    "raw_vectors": {"data": "digits"},
    "vectors": {"data": "digits", "kind": "binary"},
}
EQUIVALENCE = {
    "beta_elsewhere": {"beta": [1.0], "convention": "pham", "size": 4},
    "dense_memory_of": {"denoiser": EXACT, "sigma": 1.0},
    "energy_elsewhere": {
        "energy": normal(1, 4)[0],
        "convention": "pham",
        "beta": 1.0,
        "patterns": ROWS,
    },
    "energy_of_log_density": {
        "log_density": normal(1, 4)[0],
        "sigma": 1.0,
        "patterns": 5,
        "size": 3,
    },
    "load_of_patterns": {"patterns": [5.0], "size": 10.0, "kind": "linear"},
    "noise_of_overlap": {"overlap": [0.5], "rule": "cosine"},
    "overlap_of_noise": {"noise": [0.5], "rule": "cosine"},
    "patterns_of_load": {"load": [0.5], "size": 10.0, "kind": "linear"},
    "translate": {"value": [1.0], "source": "sigma", "target": "overlap", "rule": "cosine"},
}
ROOMS = {
    "bridges": (bridges, BRIDGES | WEIGHTS),
    "bridges.data": (bridges.data, DATA),
    "bridges.equivalence": (equivalence, EQUIVALENCE),
}
CALLS = {
    **{
        f"{room}.{name}": (getattr(package, name.split()[0]), given)
        for room, (package, table) in ROOMS.items()
        for name, given in table.items()
    },
    "Calibration.judge": (CALIBRATION.judge, {"samples": normal(5, 3)}),
    "Calibration.measures": (CALIBRATION.measures, {"samples": normal(5, 3)}),
    "Batched": (Batched, {"denoiser": EXACT, "size": 4}),
    "Batched.__call__": (Batched(EXACT, 2), {"x": STARTS, "sigma": 0.5}),
    "LatentSpace": (LatentSpace, {"autoencoder": HALVED, "shape": [1, 1, 2], "image": [1, 2, 4]}),
    "LatentSpace.encode": (SPACE.encode, {"rows": normal(3, 8)}),
    "LatentSpace.decode": (SPACE.decode, {"codes": normal(3, 2)}),
    "MemorizationMonitor": (
        bridges.MemorizationMonitor,
        {
            "data": ROWS,
            "held_out": normal(6, 3, seed=4),
            "draws": 3,
            "steps": 2,
            "level": 0.1,
            "seed": 0,
        },
    ),
    "MemorizationMonitor.__call__": (MONITOR.__call__, {"step": 1, "denoiser": EXACT}),
    "MemorizationMonitor.draw": (MONITOR.draw, {"denoiser": EXACT}),
    "MemorizationMonitor.judge": (MONITOR.judge, {"step": 1, "samples": normal(5, 3)}),
    "NearestPattern": (NearestPattern, {"patterns": ROWS, "centre": 0.0}),
    "Starts": (
        bridges.Starts,
        {"states": STARTS, "measure": "own", "overlap": 0.9, "drawn": True, "sigma": 1.0},
    ),
}
WITHOUT = {
    **dict.fromkeys(
        (
            *("Attractors", "BasinEntropy", "BasinFractions", "BasinRadius", "Calibration"),
            *("Capacity", "CapacityScaling", "ClassBasins", "ClassCapacity", "Continuation"),
            *("DimensionContrast", "Generalization", "GraphSummary", "Matching"),
            *("MemorizationFractions", "MemorizationReport", "MemoryGeometry", "Retrieval"),
            *("RetrievalMap", "ReturnCurve", "Study", "Transitions", "TwoHalves", "Split"),
            *(
                "DataSet",
                "ImageShape",
                "CopyList",
                "HeldOutGap",
                "HeldOutCurve",
                "Meeting",
                "OwnHalf",
                "Look",
                "RecallPath",
            ),
            *("Landscape", "MidpointRadius", "SizeDependence", "UnlearnedWeights"),
            *("ReturnLevels", "CopyPrediction"),
        ),
        RECORD,
    ),
    "Memory": "a kind: its members are called",
    "equivalence": "a module, whose functions are called",
    "load_run": "a folder: tests of folders give it broken ones",
    "said": "a settings dictionary of the house itself",
    "NAMED": "a table",
}
