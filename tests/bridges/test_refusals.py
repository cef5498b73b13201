"""What the measurements refuse: the error names the argument, what came and what is allowed."""

from functools import partial
from math import inf, nan

import numpy as np
import pytest
import torch
from known import Threshold, Toy, normal

import bridges
from bridges import as_memory, attractor_graph, starts
from bridges.classes.moments import class_moments
from bridges.classes.training import class_training
from bridges.crossing import crossing, crossings, extrapolate
from bridges.data import pattern_set, standardised, subset
from bridges.equivalence import (
    QUANTITIES,
    beta_elsewhere,
    dense_memory_of,
    energy_elsewhere,
    load_of_patterns,
    noise_of_overlap,
    overlap_of_noise,
    patterns_of_load,
    translate,
)
from bridges.generalization import halves
from bridges.geometry import noise_grid
from bridges.graph import layout, undirected
from bridges.identities import basin_edge_map, identities
from bridges.memorization.drawing import draw
from bridges.sphere import sphere_dimension
from bridges.statistics import binomial_sem, effective_number
from bridges.verbs.convert import convert
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
from hopfield import DenseMemory, HopfieldNetwork


class NoStep(Threshold):
    step = None


class WrongWeights(Toy):
    def weights(self, states, overlap):
        return torch.ones(len(states), 2)


def build(*_):
    return Threshold(0.5)


ROWS, HALF, ONES, TWO = normal(6, 3), torch.arange(6) // 3, torch.ones(4, 3), torch.eye(2)
GRID, CHAIN = np.zeros((20, 20), int), [[0.9, 0.1], [0.2, 0.8]]
X, CURVES = np.array([1.0, 2.0]), np.ones((2, 2))
NETWORK, DENSE = HopfieldNetwork(torch.zeros(3, 3)), DenseMemory(torch.ones(2, 3))
EXACT, CORNERS = EmpiricalDenoiser(ROWS), EmpiricalDenoiser(torch.eye(3))
FLOW = as_memory(CORNERS, dynamics="flow", steps=2)
PAIR = GaussianMixtureDenoiser([[-1.0], [1.0]], 0.5)

# each with what it is usually given
network = partial(as_memory, NETWORK)
corners = partial(as_memory, CORNERS)
corner_flow = partial(as_memory, CORNERS, dynamics="flow")
box = partial(starts.box, low=[0, 2], high=[1, 3], count=5)
noised = partial(starts.noised, patterns=TWO, sigma=1.0, count=3)
gaussian = partial(starts.gaussian, count=3, size=3, sigma=1.0)
retrieval = partial(bridges.retrieval_map, memory=FLOW, overlaps=[1.0], trials=3)
attractors = partial(bridges.find_attractors, memory=Toy(), starts=ONES)
picture = partial(bridges.landscape, memory=as_memory(CORNERS, sigma=0.5), points=3)
continuation = partial(bridges.continuation, build, starts=ONES, threshold=0.1)
match = partial(bridges.match, one=ONES, other=ONES, threshold=0.1)
entropy = partial(bridges.basin_entropy_sampled, points=ONES, labels=[0] * 4, neighbours=2)
posterior = partial(bridges.transition_matrix, source=CORNERS, sigma=1.0)
counted = partial(bridges.transition_matrix, source=FLOW, overlap=1.0)
curve = partial(bridges.return_curve, source=CORNERS, sigmas=[1.0])
communities = partial(bridges.communities, T=CHAIN)
committor = partial(bridges.chain_committor, T=CHAIN, start=[0], target=[1])
committors = partial(bridges.committors, denoiser=CORNERS, x=torch.eye(3), sigma=1.0)
summary = partial(bridges.summarise, T=bridges.transition_matrix(CORNERS, 1.0, seed=0))
crosses = partial(crossing, x=X, by_sample=CURVES, level=0.5, rising=True)
capacity = partial(bridges.capacity, build=build, loads=[1.0, 2.0])
scaling = partial(bridges.capacity_scaling, build=build, sizes=[10, 20], loads=[1.0])
limit = partial(extrapolate, sizes=[10, 20], load=CURVES[0], sem=CURVES[0])
appearance = partial(bridges.class_appearance, mixture=PAIR, time=1.0)
median = partial(bridges.median_appearance, PAIR)
uturns = partial(bridges.class_uturns, mixture=PAIR, time=1.0)
classes = partial(bridges.class_basins, denoiser=EXACT, labels=HALF, sigma=1.0)
class_capacity = partial(bridges.class_capacity, mixture=PAIR, sigma=0.5)
class_memories = partial(bridges.class_memories, mixture=PAIR, w=1.0)
moments = partial(class_moments, rows=ROWS, labels=HALF)
training = partial(
    class_training, data=ROWS, labels=HALF, held_out=ROWS, held_out_labels=HALF, steps=2
)
some = partial(subset, rows=torch.arange(10.0)[:, None], labels=torch.arange(10) % 2, held_out=2)
digits = partial(pattern_set, data="digits", kind="binary", patterns=5, size=None, seed=0)
calibrate = partial(bridges.calibrate, data=ROWS)
geometry = partial(bridges.memory_geometry, data=ROWS)
copies = partial(bridges.memorization_report, samples=ROWS, data=ROWS)
contrast = partial(bridges.dimension_contrast, EXACT, data=ROWS, held_out=ROWS, sigma=0.1)
fractions = partial(bridges.memorization_fractions, samples=ROWS, train=ROWS, held_out=ROWS)
report = partial(bridges.generalization_report, EXACT, train=ROWS, held_out=ROWS)
sphere = partial(halves, data="sphere", patterns=9, held_out=10, seed=0)
two_halves = partial(bridges.two_halves, EXACT, EXACT, held_out=ROWS)
samples = partial(draw, EXACT, data=ROWS, count=3)
edges = partial(basin_edge_map, P=9, variances=[1.0], sigma=1.0, ratios=[1.0])
dictionary = partial(identities, patterns=ROWS, states=ROWS, sigma=1.0)
translated = partial(translate, value=1.0, source="sigma", target="sigma")
beta = partial(beta_elsewhere, beta=1.0, convention="pham", size=4)
energy = partial(energy_elsewhere, energy=ONES[0], beta=1.0, patterns=ONES)
study = partial(bridges.run_study, "s", lambda point, seed: [], [{}])

ABOVE_ZERO = "must be a finite number above 0"
NO_STEP = r"needs a memory with step\(cues, overlap\)"
REFUSED = [
    (as_memory, "source", [NETWORK], "patterns must be given for a HopfieldNetwork"),
    (as_memory, "source", [lambda x, sigma: x], "must be given for a denoiser that has no data"),
    (network, "patterns", [ONES[:1, :2]], r"patterns must have shape \(P, 3\), got \(1, 2\)"),
    (corners, "patterns", [ONES * nan, ONES[0]], "patterns"),
    (corners, "dynamics", ["sideways"], "dynamics must be one of 'fixed-noise', 'flow', 'sde'"),
    (partial(as_memory, DENSE), "dynamics", ["asynchronous"], "dynamics .* one of 'synchronous'"),
    (corners, "sigma", [nan, inf, 0.0], f"sigma {ABOVE_ZERO}"),
    (corners, "max_sweeps", [0], "max_sweeps"),
    (corner_flow, "sigma", [-1.0], f"sigma {ABOVE_ZERO}, got -1.0"),
    (corner_flow, "steps", [0.5], "steps"),
    # starts
    (noised, "sigma", [-1.0, nan], "sigma must lie in"),
    (noised, "sigma", [1e200, inf], "sigma leads out of the range"),
    (noised, "patterns", [TWO[:0]], "patterns"),
    (noised, "count", [0], "count"),
    (gaussian, "count", [0], "count must be a whole number of at least 1"),
    (gaussian, "sigma", [inf], "sigma"),
    (box, "high", [[1]], "low and high must have the same N entries"),
    (box, "high", [[1, 1]], "low must be below high"),
    (partial(box, low=[-1e308]), "high", [[1e308]], "high"),
    (partial(box, low=[0.0]), "high", [[nan]], "low"),
    (partial(starts.grid, [0], [1]), "points", [1], "points must be a whole number of at least 2"),
    (partial(starts.spins, 3), "size", [0], "N|size"),
    (partial(starts.cues, Toy(), count=5), "overlap", [0.0], r"overlap must lie in \(0, 1\]"),
    # retrieval, attractors, basins
    (retrieval, "overlaps", [[], [nan]], "overlaps must be numbers"),
    (retrieval, "overlaps", [[0.0]], r"overlaps must be numbers in \(0, 1\]"),
    (retrieval, "overlaps", [[1e-200]], "cues"),
    (retrieval, "trials", [0, nan], "trials must be a whole number"),
    (retrieval, "threshold", [2, nan], "threshold must lie in"),
    (retrieval, "criterion", ["both"], "criterion must be one of"),
    (retrieval, "criterion", ["one-step"], "step"),
    (partial(retrieval, criterion="one-step"), "memory", [NoStep(0.5)], f"{NO_STEP}, got NoStep"),
    (retrieval, "memory", [[]], "memory must be at least one memory"),
    (partial(bridges.basin_radius, FLOW), "success", [1.0, nan], r"success must lie in \(0, 1\)"),
    (attractors, "starts", [ONES[:0]], "starts must hold at least one state"),
    (attractors, "starts", [ONES[:, :2], starts.Starts(TWO, "none")], r"starts .* \(rows, 3\)"),
    (attractors, "starts", [ONES * nan], "starts must be finite"),
    (attractors, "starts", [ONES * inf, ONES.double() * 1e200], "starts"),
    (attractors, "memory", [WrongWeights()], "WrongWeights must return weights: .* rows of sum 1"),
    (attractors, "tolerance", [0.0], "tolerance must be a finite"),
    (attractors, "kick", [-1.0, inf], "kick must be a finite number"),
    (attractors, "threshold", [0.0, 1.5], "threshold must lie in"),
    (attractors, "delta", [-0.1, nan], "delta must lie in"),
    (attractors, "labels", [[0], [0.5, 1], torch.ones(2)], "labels must be 2 whole"),
    (match, "other", [torch.ones(2, 4)], r"other must have shape \(B, 3\)"),
    (match, "threshold", [-0.1, nan], "threshold must lie in"),
    (continuation, "values", [[]], "values must .* at least one value"),
    (picture, "points", [1, 1001, 2.5], "points must be a whole number"),
    (picture, "plane", ["both"], "plane must be one of"),
    (picture, "plane", [[0, 1], [0, 1, 1]], "plane must be three different memories, got"),
    (picture, "plane", [[0, 1, 3], [0, 1, -1]], "plane must be a whole number"),
    (picture, "overlap", [0.0, 1.5], "overlap must lie in"),
    (picture, "memory", [FLOW], "memory must know the noise level of the starts"),
    (picture, "memory", [as_memory(PAIR, ROWS[:, :1], sigma=1.0)], "memory must have at least 2"),
    (partial(picture, plane="principal"), "memory", [Toy()], "plane must have two principal"),
    (partial(bridges.basin_fractions, FLOW), "starts", [ONES[:0]], "starts"),
    (partial(bridges.basin_entropy, GRID), "box", [7], "box must divide .* got 7"),
    (partial(bridges.basin_entropy, GRID), "box", [0], "box must be a whole number"),
    (bridges.basin_entropy, "labels", [GRID / 1], "labels must be whole numbers, got float64"),
    (bridges.basin_entropy, "labels", [GRID[:0]], "labels must hold a grid"),
    (entropy, "labels", [[0, 1]], r"labels .*\(4,\)"),
    (entropy, "points", [ONES * nan], "points"),
    (entropy, "neighbours", [25], "neighbours must be at most the 4 points, got 25"),
    # transitions and graphs
    (posterior, "sigma", [0, -1, nan, inf], f"sigma {ABOVE_ZERO}"),
    (posterior, "sigma", [None], "an EmpiricalDenoiser needs sigma"),
    (posterior, "overlap", [0.5], "needs sigma and no overlap"),
    (posterior, "draws", [0, nan], "draws must be a whole number"),
    (posterior, "criterion", ["x"], "criterion"),
    (posterior, "threshold", [nan], "threshold"),
    (partial(bridges.transition_matrix, FLOW), "sigma", [1.0], "needs overlap and no sigma"),
    (counted, "overlap", [None], "a Memory needs overlap"),
    (counted, "overlap", [0.0, 1.5, nan], r"overlap must lie in \(0, 1\], got"),
    (counted, "trials", [0], "trials must be a whole"),
    (counted, "criterion", ["x"], "criterion must be one of"),
    (counted, "threshold", [2], "threshold must lie in"),
    (partial(counted, criterion="one-step"), "source", [Toy()], f"{NO_STEP}, got Toy"),
    (curve, "sigmas", [[]], "sigmas must be positive numbers, got none"),
    (curve, "sigmas", [[1.0, 0.0], [1.0, nan]], f"sigmas {ABOVE_ZERO}"),
    (curve, "seed", [-1], "seed"),
    *(
        (graph, "T", [wrong], message)
        for graph in (attractor_graph, bridges.communities, layout, undirected)
        for wrong, message in (
            (np.ones((2, 3)) / 3, r"T must be square, \(P, P\), got \(2, 3\)"),
            ([[1.0, -0.1], [0.0, 1.0]], "T must have finite entries of at"),
            ([[nan, 0.0], [0.0, 1.0]], "T must have finite entries of at"),
            ([[1.0, 1.0], [0.0, 1.0]], "rows that sum to at most 1, got 2"),
        )
    ),
    (partial(attractor_graph, CHAIN), "threshold", [nan, -1, 1, inf], "threshold must lie in"),
    (communities, "threshold", [1.0], r"threshold must lie in \[0, 1\), got 1.0"),
    (communities, "resolution", [0, nan], "resolution must be a finite number above"),
    (communities, "seed", [-1, 0.5], "seed must be a whole number of at least 0"),
    (committor, "start", [[], [nan]], r"start must be memories in \[0, 2\), at"),
    (committor, "target", [[2]], r"target must be memories in \[0, 2\), at"),
    (committor, "start", [[0, 1]], "start and target .* no memory in common"),
    (committors, "sigma", [0.0, nan], "sigma must be positive and finite"),
    (committors, "x", [TWO, torch.eye(3) * nan], "x"),
    (committors, "groups", [[0, 1]], r"groups must be whole numbers .* \(3,\), got torch.int64"),
    (committors, "groups", [[0.5, 1, 1]], "groups"),
    (summary, "classes", [[0, 1]], r"classes must have shape \(3,\), got \(2,\)"),
    (summary, "classes", [[0, 1, nan]], "classes"),
    # capacities
    (crosses, "by_sample", [np.array([[nan, 1.0]]), CURVES[:, :1]], "by_sample"),
    (crosses, "x", [X[::-1]], "x"),
    (partial(crossings, X[:0], level=0.5, rising=True), "by_sample", [CURVES[:, :0]], "by_sample"),
    (capacity, "loads", [[0.2, 0.1]], "loads must increase"),
    (capacity, "loads", [[0.0, 0.1]], r"loads must be numbers in \(0, inf\)"),
    (capacity, "loads", [[1, nan], [1, inf], [1, 0], [1, 1]], "loads"),
    (capacity, "samples", [0], "samples must be a whole number"),
    (capacity, "fit", ["cubic"], "fit must be one of 'isotonic', 'probit'"),
    (capacity, "scale", ["cubic"], "scale must be one of 'log', 'linear'"),
    (capacity, "bisections", [-1], "bisections must be a whole number"),
    (capacity, "success", [0.0, nan], r"success must lie in \(0, 1\), got"),
    (scaling, "sizes", [[10], [10, 10.5], [10, nan]], "sizes must be at least two whole"),
    (scaling, "sizes", [[10, 5]], "sizes must increase"),
    (scaling, "samples", [1], "samples must be a whole number of at least 2"),
    (limit, "exponent", [-1.0], f"exponent {ABOVE_ZERO}, got -1.0"),
    # classes
    (appearance, "time", [-1.0, nan], "time must lie in"),
    (appearance, "time", [0.0], "sigma must be positive"),
    (appearance, "draws", [0], "draws must be a whole number"),
    (uturns, "time", [0.0], "start must be a time above stop"),
    (uturns, "time", [-1.0], "time"),
    (uturns, "steps", [0], "steps must be a whole number"),
    (median, "label", [2], "label must be a whole number of at least 0 and at most 1, got 2"),
    (class_capacity, "loads", [[], [9, 8]], "loads must increase"),
    (class_capacity, "loads", [[2]], "at least 2 points"),
    (class_capacity, "loads", [[nan]], "loads"),
    (class_memories, "labels", [[2]], "label"),
    (class_memories, "dynamics", ["walk"], "dynamics"),
    (partial(bridges.memory_of_classes, PAIR), "sigma", [nan, 1e200], "sigma"),
    (classes, "labels", [HALF[:3]], r"labels must be .* shape \(6,\)"),
    (classes, "labels", [2 * HALF], "got none of 1"),
    (classes, "labels", [-HALF], "labels must be whole numbers from 0"),
    (classes, "sigma", [0.0, nan], "sigma must be positive"),
    (classes, "draws", [1], "draws must be a whole number of at least 2"),
    (training, "labels", [HALF[1:]], r"labels must be whole numbers .* shape \(6,\)"),
    (training, "labels", [2 * HALF], "got none of 1"),
    (training, "held_out_labels", [0 * HALF], "must have the 2 classes"),
    (training, "sigmas", [()], "sigmas must be at least one noise level"),
    (training, "sigmas", [(0.0,), (inf,)], r"sigmas must lie in \[1e-18, 1e\+18\]"),
    (training, "turns", [(-1.0,), (nan,)], r"turns must lie in \[1e-18, 1e\+18\]"),
    (training, "centres", [ROWS[:1]], "centres must have a row for each of 2 classes, got 1"),
    (training, "starts", [0], "starts must be a whole number of at least 1"),
    (training, "sampled", [0], "sampled must be a whole number of at least 1"),
    (training, "rate", [0.0], "rate must be positive"),
    (training, "levels", [(1.0, 0.5)], "levels must"),
    (training, "weighting", ["plain"], "weighting must be one of"),
    (training, "samples", [-1], "samples must be a whole number of at least 0"),
    (training, "marks", [0], "marks must be a whole number"),
    (training, "data", [ROWS * nan], "data must be finite"),
    (moments, "rows", [ROWS[0]], r"rows must have shape \(n, d\)"),
    (moments, "rows", [0 * ROWS, nan * ROWS], "rows must be finite and not all alike"),
    (moments, "labels", [HALF[1:]], "labels must be whole numbers"),
    (moments, "labels", [2 * HALF], "got none of 1"),
    # data and what became of them
    (some, "size", [9], r"size must lie in \[1, 8\], what is not held out, got 9"),
    (some, "size", [0], r"size must lie in \[1, 8\]"),
    (some, "held_out", [11], r"held_out must lie in \[0, 10\], got 11"),
    (some, "counts", [{0: 9}], r"counts must lie in \[0, [345]\] for class 0, .* got 9"),
    (some, "counts", [{5: 1}], r"counts must lie in \[0, 0\] for class 5"),
    (some, "counts", [{0: 0}], "at least one row"),
    (partial(some, size=1), "counts", [{0: 1}], "counts take the place of size"),
    (partial(some, labels=None), "counts", [{0: 1}], "counts need the labels"),
    (some, "labels", [torch.zeros(3)], r"labels must have shape \(10,\), got \(3,\)"),
    (digits, "patterns", [1798], r"patterns must lie in \[1, 1797\] for digits, got 1798"),
    (digits, "patterns", [0], r"patterns must lie in \[1, 1797\]"),
    (digits, "size", [32], "digits has size 64, got 32"),
    (digits, "kind", ["complex"], "kind must be one of"),
    (
        partial(digits, data="random", kind="real", size=10),
        "patterns",
        [0],
        "patterns must be a whole number",
    ),
    (standardised, "rows", [torch.ones(3, 2)], "at least 2 different vectors, got 3 alike"),
    (calibrate, "data", [ROWS * nan, ROWS[0]], "data"),
    (calibrate, "data", [ROWS[:3]], "data must hold at least 4 different points, got 3"),
    (calibrate, "held_out", [ROWS[:1]], "held_out must hold at least 2 points, got 1"),
    (calibrate, "held_out", [ROWS[:, :2]], r"held_out must have shape \(rows, 3\)"),
    (calibrate, "level", [nan, 0, 1.0], r"level must lie in \(0, 1\), got"),
    (geometry, "data", [ROWS[:2]], "data must hold at least 4 different points, got 2"),
    (geometry, "data", [ROWS * nan], "data must be finite"),
    (geometry, "labels", [HALF[:2], HALF * nan], "labels"),
    (geometry, "sigma", [[], [1, 0.5], [nan], [0], [[1]], [1, inf], [1e200]], "sigma"),
    (noise_grid, "data", [ROWS * 1e-200], "data"),
    (copies, "samples", [ROWS[:0]], "samples must hold at least one point"),
    (copies, "sigma", [1.0], "must be given together"),
    (copies, "denoiser", [EXACT], "sigma"),
    (contrast, "data", [ROWS * nan], "data"),
    (contrast, "held_out", [ROWS[:, :1], ROWS[:0]], "held_out"),
    (contrast, "sigma", [nan], "sigma"),
    (fractions, "samples", [ROWS[:1]], "samples must hold at least 2 points, got 1"),
    (fractions, "samples", [ROWS[:, :2]], r"samples must have shape \(rows, 3\)"),
    (fractions, "samples", [ROWS * inf], "samples must be finite"),
    (fractions, "train", [ROWS[:0]], "train must hold at least 1 points, got 0"),
    (fractions, "held_out", [None], "held_out must be given, or both thresholds"),
    (fractions, "held_out", [ROWS[:1]], "held_out must hold at least 2 points"),
    (fractions, "level", [0.0], r"level must lie in \(0, 1\), got 0.0"),
    (fractions, "delta_memorized", [-1.0], r"delta_memorized must lie in \[0, inf\], got -1.0"),
    (fractions, "delta_memorized", [nan], "delta_mem"),
    (fractions, "delta_spurious", [nan], "delta_spurious must lie in"),
    (fractions, "weights", [torch.ones(6, 6)], "weights must be rows of sum 1"),
    (fractions, "weights", [torch.ones(6, 5)], r"weights must have shape \(rows, 6\)"),
    (fractions, "weights", [torch.ones(3, 6) / 6], "weights must have 6 rows, got 3"),
    (sphere, "patterns", [0, nan], "patterns must be a whole number"),
    (partial(sphere, data="digits"), "patterns", [900], "patterns must be at most 893 for two"),
    (sphere, "data", ["photos"], "data must be one of"),
    (report, "train", [ROWS[:1]], "train"),
    (report, "held_out", [ROWS[:, :2]], "held_out must have shape"),
    (report, "held_out", [ROWS * nan], "held_out"),
    (report, "sigma", [0, nan], f"sigma {ABOVE_ZERO}"),
    (report, "turn", [-1], f"turn {ABOVE_ZERO}"),
    (report, "count", [1], "count must be a whole number"),
    (two_halves, "sigma", [0], f"sigma {ABOVE_ZERO}"),
    (two_halves, "held_out", [ROWS[:1]], "held_out"),
    (samples, "count", [0], "count must be a whole number"),
    (samples, "data", [ROWS * nan], "data"),
    (sphere_dimension, "sigma", [nan, 0, inf, 1e-200], "sigma"),
    # identities, units, statistics, studies
    (edges, "P", [1], "P must be a whole number"),
    (edges, "ratios", [[-1.0]], "ratios must be numbers"),
    (edges, "sigma", [0.0], "sigma must be positive"),
    (dictionary, "sigma", [nan, 0, inf, 1e-200], "sigma"),
    (dictionary, "states", [ROWS[:, :1]], "states"),
    (noise_of_overlap, "overlap", [[0.5, 1.2]], r"overlap must lie in \(0, 1\], got \[0.5, 1.2\]"),
    (partial(noise_of_overlap, 0.5), "rule", ["soft"], "rule must be one of 'cosine', 'hard'"),
    (overlap_of_noise, "noise", [-0.5], r"noise must lie in \[0, inf\)"),
    (partial(overlap_of_noise, rule="information"), "noise", [0.5], r"noise .* \[0.57735, inf\)"),
    (translated, "source", ["volume"], "source must be one of 'sigma'"),
    (translated, "target", ["volume"], "target must be one of 'sigma'"),
    (partial(load_of_patterns, size=10), "patterns", [0], r"patterns .* \(0, inf\), got 0"),
    (partial(load_of_patterns, 5, 10), "kind", ["quartic"], "kind must be one of 'exponential'"),
    (partial(patterns_of_load, size=10), "load", [-1.0], r"load must lie in \(0, inf\), got -1.0"),
    (partial(patterns_of_load, size=1000, kind="exponential"), "load", [1.0], "load"),
    (beta, "beta", [0.0], r"beta must lie in \(0, inf\)"),
    (beta, "convention", ["kelvin"], "convention must be one of 'unit-norm'"),
    (energy, "convention", ["kelvin"], "convention must be one of 'pham', 'ramsauer'"),
    (partial(dense_memory_of, EXACT), "sigma", [nan, inf, 1e200], "sigma"),
    (partial(convert, nan), "source", QUANTITIES, "must lie in"),
    (partial(convert, source="time"), "value", [1e3], "time"),
    (partial(convert, 1.0, "sigma"), "patterns", [3], "patterns"),
    (partial(binomial_sem, trials=10), "fraction", [1.5, nan], r"fraction must lie in \[0, 1\]"),
    (partial(binomial_sem, 0.5), "trials", [0, nan], "trials must be a whole number"),
    (effective_number, "weights", [ONES, 0.6 * ONES[:, :2]], "weights must be rows of sum 1"),
    (effective_number, "weights", [torch.tensor([[nan, 1.0]])], "weights"),
    (partial(effective_number, TWO), "rows", [3], "weights must have 3 rows, got 2"),
    (study, "samples", [0], "samples must be a whole number of at least 1, got 0"),
    (study, "jobs", [0], "jobs must be a whole number of at least 1, got 0"),
    (study, "seed", [-1], "seed must be a whole number of at least 0, got -1"),
    *((study, name, [nan, inf, 1.5, -1], name) for name in ("samples", "jobs", "seed")),
]


@pytest.mark.parametrize(("function", "argument", "wrongs", "message"), REFUSED)
def test_bad_input_is_named(function, argument, wrongs, message):
    for wrong in wrongs:
        with pytest.raises(ValueError, match=message):
            function(**{argument: wrong})


@pytest.mark.parametrize("source", [NETWORK, torch.eye(3)])
def test_what_is_no_memory_is_named(source):
    kind = f"got {type(source).__name__}; adapt it with as_memory"
    for function in (retrieval, bridges.basin_radius, attractors):
        with pytest.raises(TypeError, match=f"memory must be a Memory, {kind}"):
            function(memory=source)
    for function in (bridges.transition_matrix, curve):
        with pytest.raises(TypeError, match=f"source must be .* or a Memory, {kind}"):
            function(source=source)
    with pytest.raises(TypeError, match="source must be a HopfieldNetwork"):
        as_memory(3)
