"""One small valid call of every public function of `hopfield` and `diffusion`, by its name.

`CALLS[name]` is the function and all that it is called with, by keyword. `WITHOUT` says why a
public name has none.
"""

import torch
from calls_of_guidance import (
    CLOUD,
    EXACT,
    GUIDANCE,
    GUIDED,
    LABELS,
    MIXTURE,
    RULES,
    STEPPED,
    WEIGHED,
    WEIGHTS,
    X,
)
from calls_of_hopfield import COLOURS, ETA, HOPFIELD, XI, J, normal
from calls_of_theory import THEORY_OF_MEMORY, THEORY_OF_NOISE
from place import here
from torch import Tensor

import diffusion
import hopfield
from diffusion import guidance, theory as noise
from hopfield import theory as memory

NETWORK, REAL = hopfield.HopfieldNetwork(J), hopfield.DenseMemory(normal(3, 4))
SPARSE = hopfield.DenseMemory(normal(3, 4), "entmax")
BINARY = hopfield.DenseMemory(XI, states="binary")

PLANE = here(torch.eye(2).double())
MANIFOLD = diffusion.LinearManifoldDenoiser(PLANE.float())
LOCAL = diffusion.LocalDenoiser(CLOUD, 1, shape=(1, 2))
MLP = here(diffusion.ResidualMLP(2, width=8, depth=1, seed=0))
UNET = here(diffusion.UNet((4, 4), channels=8, levels=1, seed=0))
TRAINED = diffusion.NetworkDenoiser(MLP)
FEATURES = diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0)
FLOW = FEATURES.fit(CLOUD, LABELS)
VE = diffusion.VE()
LINES = [PLANE[:, :1], PLANE[:, 1:]]

CLASSICAL = {
    name: (one, one.corrupt(one.patterns, 1.0, torch.Generator().manual_seed(0)))
    for name, one in {
        "CovarianceMemory": hopfield.CovarianceMemory(ETA),
        "WillshawMemory": hopfield.WillshawMemory(ETA, "winners"),
        "PartialCueMemory": hopfield.PartialCueMemory(J, XI),
        "ThermalMemory": hopfield.ThermalMemory(J, XI, 0.5, sweeps=2, averaged=2),
        "DilutedMemory": hopfield.DilutedMemory(XI, 3, seed=0),
        "SequenceMemory": hopfield.SequenceMemory(XI),
        "BidirectionalMemory": hopfield.BidirectionalMemory(XI, XI),
        "KernelMemory": hopfield.KernelMemory(XI),
        "PottsMemory": hopfield.PottsMemory(COLOURS),
    }.items()
}


def cues_of(memory):
    """The cues of a memory, always by the same draws."""
    draws = torch.Generator()
    return lambda patterns, overlap: memory.corrupt(patterns, overlap, draws.manual_seed(0))


def half(x, sigma):
    return x / 2


def fit(data, labels: Tensor | None = None, draws: int | None = None):
    """A fit of features that have drawn nothing yet."""
    return diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0).fit(data, labels, draws)


IMAGES = diffusion.ImageDenoiser(half, shape=(1, 2, 1))
FIELDS = diffusion.theory.feature_spectrum(2.0, 3.0, [1.0], [1.0], 0.1)
DENOISERS = {
    "EmpiricalDenoiser": EXACT,
    "GaussianMixtureDenoiser": MIXTURE,
    "LinearManifoldDenoiser": MANIFOLD,
    "LocalDenoiser": LOCAL,
    "NetworkDenoiser": TRAINED,
    "ImageDenoiser": IMAGES,
    "GuidedDenoiser": GUIDED,
    "PowerLawGuidance": guidance.PowerLawGuidance(MIXTURE, MIXTURE, 1.0),
    "ProjectedGuidance": guidance.ProjectedGuidance(MIXTURE, MIXTURE, 1.0),
    "GeneralGuidance": guidance.GeneralGuidance(MIXTURE, MIXTURE, guidance.Power(1.0)),
    "FeedbackGuidance": guidance.FeedbackGuidance(MIXTURE, MIXTURE, 0.1),
}
EXACTS = ("EmpiricalDenoiser", "GaussianMixtureDenoiser", "LinearManifoldDenoiser")
SCHEDULES = {"VE": VE, "OU": diffusion.OU(), "Cosine": diffusion.Cosine()}
NOISES = {
    "Uniform": hopfield.Uniform(),
    "FixedPoint": hopfield.FixedPoint(max_sweeps=5),
    "Thermal": hopfield.Thermal(sweeps=3),
    "Kawasaki": hopfield.Kawasaki(sweeps=3),
}

SEEN = {"denoiser": EXACT, "x": X, "sigma": 1.0}
DIFFUSION = {
    "EmpiricalDenoiser": {"data": CLOUD},
    "LinearManifoldDenoiser": {"F": normal(3, 2)},
    "LocalDenoiser": {"data": CLOUD, "window": 1, "mode": "local", "shape": (1, 2)},
    "GaussianMixtureDenoiser": {"means": X, "variances": 0.5, "weights": [0.5, 0.25, 0.25]},
    "ImageDenoiser": {"model": half, "shape": (1, 2, 1), "noise_range": (0.1, 9.0)},
    "GuidedDenoiser": {"conditional": MIXTURE, "unconditional": EXACT, "w": 1.0},
    "NetworkDenoiser": {"network": MLP, "scale": 1.0, "mean": X[0], "levels": (0.1, 9.0)},
    "ResidualMLP": {
        "dimension": 2,
        "width": 8,
        "depth": 1,
        "classes": 2,
        "gate": True,
        "seed": 0,
    },
    "UNet": {"shape": (4, 4), "channels": 8, "levels": 1, "classes": 0, "seed": 0},
    "RandomFeatureScore": {"p": 3, "d": 2, "time": 0.1, "activation": "tanh", "seed": 0},
    "jacobian_spectrum": SEEN,
    "manifold_dimension": {
        **SEEN,
        "method": "half-count",
        "floor": 0.2,
        "perturbations": "symmetric",
        "seed": 0,
    },
    "perturbation_spectrum": {**SEEN, "perturbations": "symmetric", "seed": 0},
    "relative_energy": {
        "denoiser": EXACT,
        "x1": X,
        "x2": normal(3, 2, seed=4),
        "sigma": 1.0,
        "path": "straight",
        "nodes": 4,
        "paths": 2,
        "seed": 0,
    },
    "score_antisymmetry": {**SEEN, "probes": 3, "seed": 0},
    "subspace_dimension": {**SEEN, "subspaces": LINES},
    "subspace_signal_to_noise": {
        "denoisers": [EXACT, MIXTURE],
        "x": X,
        "sigma": 1.0,
        "subspaces": LINES,
    },
    "likelihood_dimension": {"data": CLOUD, "neighbours": 5},
    "local_pca_dimension": {"data": CLOUD, "neighbours": 5, "explained": 0.95},
    "participation_ratio": {"data": CLOUD},
    "two_nn_dimension": {"data": CLOUD, "method": "fit", "discard": 0.1},
    "class_times": {
        "flow": FLOW,
        "source": CLOUD.flip(1),  # of the data themselves the gap would be rounding
        "labels": LABELS,
        "level": 0.8,
        "gap": 0.1,
    },
    "spectral_times": {"flow": FLOW},
    "manifold_factors": {
        "dimension": 5,
        "subspaces": [1, 2],
        "variances": [1.0, 0.5],
        "kind": "orthonormal",
        "seed": 0,
    },
    "block_data": {
        "count": 4,
        "subspaces": [1, 2],
        "deviations": [1.0, 0.5, 0.1],
        "dimension": 5,
        "unit_norm": True,
        "seed": 0,
    },
    "calibrated_distance": {"samples": X, "data": CLOUD, "neighbours": 3, "scale": 0.5},
    "chance_ratio": {"dimension": 2.0, "threshold": 0.3},
    "copy_fraction": {
        "samples": X,
        "data": CLOUD,
        "held_out": normal(5, 2, seed=3),
        "measure": diffusion.neighbour_ratio,
        "threshold": 0.3,
    },
    "neighbour_distances": {"samples": X, "data": CLOUD, "count": 2},
    "neighbour_ratio": {"samples": X, "data": CLOUD},
    "planted_posterior": {
        "denoiser": EXACT,
        "sigma": 1.0,
        "draws": 9,
        "labels": LABELS,
        "seed": 0,
    },
    "noise_levels": {"start": 2.0, "steps": 3, "width": 1.0, "jumps": [0.5]},
    "noise_to": {"x": X, "schedule": VE, "time": 1.0, "seed": 0},
    "sample": {
        "denoiser": EXACT,
        "x": X,
        "schedule": VE,
        "method": "sde",
        "steps": 2,
        "start": 1.0,
        "stop": 0.1,
        "seed": 0,
    },
    "sample along levels": {
        "denoiser": EXACT,
        "x": X,
        "schedule": VE,
        "method": "heun",
        "levels": [1.0, 0.5],
        "watch": half,
    },
    "uturn": {
        "denoiser": EXACT,
        "x": X,
        "schedule": VE,
        "time": 1.0,
        "method": "heun",
        "steps": 2,
        "seed": 0,
    },
    "window_information": {
        "images": CLOUD,
        "window": 1,
        "sigma": [0.5, 1.0],
        "pixel": (0, 1),
        "draws": 5,
        "shape": (1, 2),
        "seed": 0,
    },
    "denoising_error": {"denoiser": EXACT, "points": X, "sigma": 1.0, "draws": 2, "seed": 0},
    "train_denoiser": {
        "data": CLOUD,
        "labels": LABELS,
        "network": "mlp",
        "steps": 1,
        "batch": 4,
        "rate": 0.001,
        "rate_course": "cosine",
        "average": 0.9,
        "weighting": "edm",
        "levels": (0.01, 10.0),
        "held_out": X,
        "snapshots": [1],
        "seed": 0,
    },
}
AT = {"x": X, "sigma": 1.0}
METHODS = {
    **{
        f"HopfieldNetwork.{name}": (getattr(NETWORK, name), {"states": XI})
        for name in (
            "energy",
            "fields",
            "step",
        )
    },
    "HopfieldNetwork.stabilities": (NETWORK.stabilities, {"patterns": XI}),
    "LowRankCouplings.hebbian": (hopfield.LowRankCouplings.hebbian, {"patterns": XI}),
    "LowRankCouplings.dreaming_kernel": (
        hopfield.LowRankCouplings.dreaming_kernel,
        {"patterns": XI, "time": 1.0},
    ),
    "HopfieldNetwork.relax": (
        NETWORK.relax,
        {
            "states": XI,
            "dynamics": "asynchronous",
            "temperature": 0.1,
            "max_sweeps": 9,
            "clamped": XI > 0,
            "seed": 0,
        },
    ),
    "WillshawMemory.of_sites": (
        hopfield.WillshawMemory.of_sites,
        {"sites": [[0, 2], [1, 2]], "size": 6, "dynamics": "threshold"},
    ),
    **{
        f"{name}.{method}": (getattr(one, method), {"states": cues, **more})
        for name, (one, cues) in CLASSICAL.items()
        for method, more in {
            "step": {},
            "energy": {},
            "relax": {"max_sweeps": 3, "seed": 0},
        }.items()
        if method != "energy" or one.energy(cues) is not None
    },
    **{
        f"{name}.corrupt": (cues_of(one), {"patterns": one.patterns, "overlap": 0.5})
        for name, (one, _) in CLASSICAL.items()
    },
    **{
        f"DenseMemory.{name}": (getattr(REAL, name), {"states": normal(2, 4)})
        for name in (
            "energy",
            "log_partition",
            "step",
            "weights",
        )
    },
    **{
        f"DenseMemory.{name}": (getattr(SPARSE, name), {"states": normal(2, 4)})
        for name in ("active", "exact")
    },
    "DenseMemory.relax": (
        BINARY.relax,
        {
            "states": XI,
            "dynamics": "asynchronous",
            "tolerance": 1e-8,
            "max_sweeps": 9,
            "seed": 0,
        },
    ),
    **{
        f"{name}.__call__": (one, {"couplings": J, "targets": XI, "overlap": 0.5, "seed": 0})
        for name, one in NOISES.items()
    },
    **{f"{name}.__call__": (one, AT) for name, one in DENOISERS.items()},
    **{f"{name}.score": (one.score, AT) for name, one in DENOISERS.items()},
    **{
        f"{name}.{method}": (getattr(DENOISERS[name], method), AT)
        for name in EXACTS
        for method in ("jacobian", "jacobian_eigenvalues", "jacobian_trace", "log_density")
    },
    **{
        f"{name}.jacobian_along": (
            DENOISERS[name].jacobian_along,
            {**AT, "directions": PLANE},
        )
        for name in EXACTS
    },
    "EmpiricalDenoiser.posterior_sample": (EXACT.posterior_sample, {**AT, "seed": 0}),
    "EmpiricalDenoiser.weights": (EXACT.weights, AT),
    "GaussianMixtureDenoiser.condition": (MIXTURE.condition, {"label": 1}),
    "GaussianMixtureDenoiser.covariances": (MIXTURE.covariances, {}),
    "GaussianMixtureDenoiser.draw": (MIXTURE.draw, {"count": 2, "seed": 0}),
    "GaussianMixtureDenoiser.responsibilities": (MIXTURE.responsibilities, AT),
    "LocalDenoiser.weights": (LOCAL.weights, AT),
    "LocalDenoiser.own_weights": (LOCAL.own_weights, {**AT, "own": [0, 1, 2]}),
    "LinearManifoldDenoiser.draw": (MANIFOLD.draw, {"count": 2, "seed": 0}),
    "NetworkDenoiser.condition": (
        diffusion.NetworkDenoiser(
            here(diffusion.ResidualMLP(2, width=8, depth=1, classes=2))
        ).condition,
        {"label": 1},
    ),
    "NetworkDenoiser.to": (TRAINED.to, {"target": torch.float32}),
    "FeatureFlow.bayes_loss": (FLOW.bayes_loss, {"mixture": MIXTURE}),
    "FeatureFlow.readout": (FLOW.readout, {"time": 1.0}),
    "FeatureFlow.score_error": (FLOW.score_error, {"times": [1.0, 2.0], "mixture": MIXTURE}),
    "FeatureFlow.test_loss": (
        FLOW.test_loss,
        {"times": [1.0, 2.0], "source": CLOUD, "labels": LABELS},
    ),
    "FeatureFlow.train_loss": (FLOW.train_loss, {"times": [1.0, 2.0]}),
    "RandomFeatureScore.average_over": (FEATURES.average_over, {"data": CLOUD}),
    "RandomFeatureScore.average_over_class": (
        FEATURES.average_over_class,
        {"mean": X[0], "covariance": PLANE},
    ),
    "RandomFeatureScore.fit": (
        fit,
        {"data": CLOUD, "labels": LABELS, "draws": 3},
    ),
    "RandomFeatureScore.score": (FEATURES.score, {"x": X, "readout": FLOW.readout(1.0)}),
    **{
        f"{name}.{method}": (getattr(one, method), {"time": 0.5})
        for name, one in SCHEDULES.items()
        for method in ("alpha", "sigma", "noise_level")
    },
    **{f"{name}.time": (one.time, {"noise_level": 0.5}) for name, one in SCHEDULES.items()},
    **{f"{name}.__call__": (one, {"sigma": 1.0}) for name, one in WEIGHTS.items()},
    **{
        f"{name}.progress": (WEIGHTS[name].progress, {"sigma": 1.0})
        for name in ("Progressive", "Triangle", "Exponential")
    },
    "PerStep.during": (WEIGHTS["PerStep"].during, {"high": 2.0, "low": 1.0}),
    "GuidedDenoiser.during": (STEPPED.during, {"high": 2.0, "low": 1.0}),
    **{f"{name}.__call__": (one, {"sigma": [1.0], "r": [2.0]}) for name, one in RULES.items()},
    "FeedbackGuidance.weights": (DENOISERS["FeedbackGuidance"].weights, AT),
    "WeightedSamples.mean": (WEIGHED.mean, {"function": None}),
    "CopyFraction.counted": (
        diffusion.CopyFraction.counted,
        {"flagged": 1, "samples": 5, "false_alarms": 0, "held_out": 5},
    ),
    "FeatureSpectrum.class_density": (FIELDS.class_density, {"x": [1.0, 2.0]}),
    "FeatureSpectrum.density": (FIELDS.density, {"x": [1.0, 2.0]}),
    "FeatureSpectrum.resolvents": (FIELDS.resolvents, {"z": [1.0 + 1.0j]}),
    "FeatureSpectrum.bulks": (FIELDS.bulks, {}),
}
ROOMS = {
    "hopfield": (hopfield, HOPFIELD),
    "hopfield.theory": (memory, THEORY_OF_MEMORY),
    "diffusion": (diffusion, DIFFUSION),
    "diffusion.guidance": (guidance, GUIDANCE),
    "diffusion.theory": (noise, THEORY_OF_NOISE),
}
CALLS = {
    **{
        f"{room}.{name}": (getattr(package, name.split()[0]), given)
        for room, (package, table) in ROOMS.items()
        for name, given in table.items()
    },
    **METHODS,
}

RECORD = "a result, which the functions beside it fill and return"
WITHOUT = {
    **dict.fromkeys(
        (
            *("History", "NoiseStructure", "Relaxation", "TrainingResult", "ClassTimes"),
            *("CopyFraction", "FeatureFlow", "ManifoldDimension", "PlantedPosterior"),
            *(
                "RelativeEnergy",
                "SignalToNoise",
                "Training",
                "Distortion",
                "Bulk",
                "FeatureCoefficients",
            ),
            *("FeatureSpectrum", "MeanField", "SpeciationTimes", "RandomFeaturesPatterns"),
            *("CouplingPath", "SpectralGroups", "SymmetricMargin", "UnlearningTimes"),
            *("GuidedBasins", "TwoClassPath", "EmergentMinima", "WindowInformation"),
        ),
        RECORD,
    ),
    **dict.fromkeys(
        ("CuedMemory", "Denoiser", "ExactDenoiser", "Schedule"), "a kind: its members are called"
    ),
    **dict.fromkeys(
        ("DenoiserLike", "GuidanceRule", "GuidanceSchedule", "Weight", "SHAPES"), "a type or a list"
    ),
    **dict.fromkeys(("Uniform", "VE", "OU", "Cosine"), "takes no argument"),
    "NotSeparableError": "an error",
    "noise_minimum": "an optimiser of seconds; its doors are those of stabilities",
    **dict.fromkeys(("AzulaDenoiser", "DiffusersDenoiser"), "other people's models: test_interop"),
    **dict.fromkeys(("load_denoiser", "save_denoiser"), "files: their own tests forge them"),
}
