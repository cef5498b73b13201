"""One small valid call of every public function of `hopfield` and `diffusion`, by its name.

`CALLS[name]` is the function and all that it is called with, by keyword. `WITHOUT` says why a
public name has none.
"""

import torch

import diffusion
import hopfield
from diffusion import guidance, theory as noise
from hopfield import theory as memory


def normal(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, columns, generator=generator, dtype=torch.float64)


XI = hopfield.random_patterns(2, 6, seed=0)
J = hopfield.hebbian(XI)
NETWORK, REAL = hopfield.HopfieldNetwork(J), hopfield.DenseMemory(normal(3, 4))
BINARY = hopfield.DenseMemory(XI, states="binary")

X, CLOUD, LABELS = normal(3, 2), normal(12, 2, seed=1), torch.arange(12) // 6
EXACT, MANIFOLD = diffusion.EmpiricalDenoiser(CLOUD), diffusion.LinearManifoldDenoiser(torch.eye(2))
MIXTURE = diffusion.GaussianMixtureDenoiser(torch.eye(2).double(), 0.5)
MLP = diffusion.ResidualMLP(2, width=8, depth=1, seed=0)
UNET = diffusion.UNet((4, 4), channels=8, levels=1, seed=0)
TRAINED = diffusion.NetworkDenoiser(MLP)
FEATURES = diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0)
FLOW = FEATURES.fit(CLOUD, LABELS)
VE = diffusion.VE()
LINES = [torch.eye(2).double()[:, :1], torch.eye(2).double()[:, 1:]]


def half(x, sigma):
    return x / 2


def fit(data, labels: "Tensor | None" = None, draws: "int | None" = None):
    """A fit of features that have drawn nothing yet."""
    return diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0).fit(data, labels, draws)


IMAGES = diffusion.ImageDenoiser(half, shape=(1, 2, 1))
GUIDED = diffusion.GuidedDenoiser(MIXTURE, MIXTURE, 1.0)
FIELDS = diffusion.theory.feature_spectrum(2.0, 3.0, [1.0], [1.0], 0.1)
DENOISERS = {
    "EmpiricalDenoiser": EXACT,
    "GaussianMixtureDenoiser": MIXTURE,
    "LinearManifoldDenoiser": MANIFOLD,
    "NetworkDenoiser": TRAINED,
    "ImageDenoiser": IMAGES,
    "GuidedDenoiser": GUIDED,
    "PowerLawGuidance": guidance.PowerLawGuidance(MIXTURE, MIXTURE, 1.0),
    "ProjectedGuidance": guidance.ProjectedGuidance(MIXTURE, MIXTURE, 1.0),
}
EXACTS = ("EmpiricalDenoiser", "GaussianMixtureDenoiser", "LinearManifoldDenoiser")
SCHEDULES = {"VE": VE, "OU": diffusion.OU(), "Cosine": diffusion.Cosine()}
NOISES = {
    "Uniform": hopfield.Uniform(),
    "FixedPoint": hopfield.FixedPoint(max_sweeps=5),
    "Thermal": hopfield.Thermal(sweeps=3),
    "Kawasaki": hopfield.Kawasaki(sweeps=3),
}
WEIGHTS = {
    "Constant": guidance.Constant(1.0),
    "Interval": guidance.Interval(1.0, 0.1, 2.0),
    "Window": guidance.Window(1.0, 2.0),
    "LinearWindow": guidance.LinearWindow(0.0, 1.0),
    "Clamped": guidance.Clamped(guidance.Constant(1.0), 0.0),
    "Progressive": guidance.Progressive("sine", 1.0, 1.0, 1.0),
}

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
    "binarize": {"data": CLOUD, "threshold": 0.1},
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
THEORY_OF_MEMORY = {
    "ags_overlap": {"load": 0.05},
    "argmax_capacity": {"size": 9, "noise": 0.5, "success": 0.5},
    "argmax_retrieval": {"patterns": [3.0, 5.0], "size": 9, "noise": 0.5},
    "argmax_retrieval_normal": {"patterns": [3.0, 5.0], "size": 9, "noise": 0.5},
    "argmax_retrieval_spins": {"patterns": [3.0, 5.0], "size": 9, "overlap": 0.5},
    "critical_noise": {"load": [0.1], "ensemble": "spherical"},
    "dense_load": {"beta": [2.0], "noise": 0.1, "ensemble": "spherical"},
    "dense_load_at_overlap": {"beta": [2.0], "overlap": 0.5, "ensemble": "spherical"},
    "dense_load_of_all": {"beta": [2.0], "ensemble": "spherical"},
    "fixed_point_load": {"beta": [2.0], "size": 9},
    "flip_information": {"overlap": [0.5, 0.6]},
    "gardner_kappa": {"load": [0.5]},
    "hebbian_one_step": {"overlap": [0.5], "load": 0.1},
    "least_overlap": {"load": [0.1], "beta": 2.0, "ensemble": "spherical"},
    "noise_norm": {"stabilities": [[1.0, 2.0]], "overlap": 0.5, "rate": 0.1},
    "one_step_overlap": {"stabilities": [[1.0, 2.0]], "overlap": 0.5},
    "perceptron_loss": {"stabilities": [[1.0, 2.0]], "overlap": 0.5},
    "polynomial_capacity": {"size": [50.0], "degree": 3},
    "polynomial_error": {"patterns": [5.0], "size": [50.0], "degree": 3},
    "posterior_weight_bound": {"patterns": [5.0], "size": 9, "noise": 0.5, "beta": 1.0},
    "query_gain": {"beta": [2.0], "noise": 0.1},
    "retrieval_loss": {"stabilities": [[1.0, 2.0]], "overlap": 0.5},
    "sign_dynamics_bound": {"overlap": [0.5]},
    "sign_dynamics_load": {"overlap": [0.5], "beta": 1.0},
    "sphere_average": {"k": [0.5], "size": 9},
    "spins_of_information": {"information": [0.1]},
}
DIFFUSION = {
    "EmpiricalDenoiser": {"data": CLOUD},
    "LinearManifoldDenoiser": {"F": normal(3, 2)},
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
    "jacobian_spectrum": {"denoiser": EXACT, "x": X, "sigma": 1.0},
    "manifold_dimension": {
        "denoiser": EXACT,
        "x": X,
        "sigma": 1.0,
        "method": "half-count",
        "floor": 0.2,
        "seed": 0,
    },
    "subspace_dimension": {"denoiser": EXACT, "x": X, "sigma": 1.0, "subspaces": LINES},
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
        "source": CLOUD,
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
    "denoising_error": {"denoiser": EXACT, "points": X, "sigma": 1.0, "draws": 2, "seed": 0},
    "train_denoiser": {
        "data": CLOUD,
        "labels": LABELS,
        "network": "mlp",
        "steps": 1,
        "batch": 4,
        "rate": 0.001,
        "average": 0.9,
        "weighting": "edm",
        "levels": (0.01, 10.0),
        "held_out": X,
        "snapshots": [1],
        "seed": 0,
    },
}
GUIDANCE = {
    "PowerLawGuidance": {
        "conditional": MIXTURE,
        "unconditional": EXACT,
        "omega": 1.0,
        "exponent": 0.9,
    },
    "ProjectedGuidance": {
        "conditional": MIXTURE,
        "unconditional": EXACT,
        "w": 1.0,
        "radius": 2.0,
        "parallel": 0.5,
        "momentum": 0.1,
    },
    "autoguided": {"model": MIXTURE, "weaker": EXACT, "scale": 1.5},
    "Clamped": {"schedule": guidance.Constant(1.0), "least": 0.0},
    "Constant": {"w": 1.0},
    "Interval": {"w": 1.0, "low": 0.1, "high": 2.0},
    "LinearWindow": {"w0": 0.5, "omega": 1.0, "largest": 9.0},
    "Progressive": {"shape": "sine", "w": 1.0, "start": 2.0, "width": 1.0, "exponent": 1.0},
    "Window": {"w": 1.0, "high": 2.0, "inside": -0.5, "low": 0.1},
    "as_schedule": {"w": 1.0},
    "cfg_plus_plus": {"levels": [2.0, 1.0, 0.0], "strength": 0.5},
    "extra_weight": {"scale": 2.0},
    "variance_preserving": {"within": 0.25},
    "weight_at": {"schedule": guidance.Constant(1.0), "sigma": 1.0},
    "fitted_classes": {"data": CLOUD, "labels": LABELS, "covariance": "own", "ridge": 0.01},
    "generate": {
        "mixture": MIXTURE,
        "labels": [0, 1],
        "w": 1.0,
        "method": "heun",
        "steps": 2,
        "seed": 0,
    },
    "distortion": {
        "samples": CLOUD,
        "labels": LABELS,
        "mixture": MIXTURE,
        "classify": None,
        "centre": X[0],
        "diversity": True,
    },
    "most_probable": {"x": X, "mixture": MIXTURE},
    "vendi_score": {"samples": X, "width": 1.0},
    "planted_classes": {
        "dimension": 3,
        "alpha": 0.5,
        "within": 0.25,
        "between": 1.0,
        "seed": 0,
    },
    "random_classes": {"count": 2, "dimension": 3, "within": 0.25, "between": 1.0, "seed": 0},
}
SPREAD = {"variances": [1.0, 0.5], "sigma": 0.5}
TIMES = {"weights": [0.5, 0.5], "variances": [[1.0, 0.5], [0.7, 0.6]], "time": 0.1}
MODEL = {"alpha": 0.5, "w": 1.0, "ratio": 0.5, "method": "flow"}
THEORY_OF_NOISE = {
    "area_law": {"P": [9.0]},
    "basin_edge": {"P": 9.0, **SPREAD},
    "class_collapse_points": {"variance": 0.5, "sigma": [0.5], "dimension": 3},
    "class_collapse_time": {"points": [9.0], "variance": 0.5, "dimension": 3},
    "class_condensation": {"alpha": [0.5], "within": 0.25, "between": 1.0},
    "class_divergence": {"distance2": 1.0, "variance": 0.5, "time": [0.5]},
    "clone_probability": {"distance": 1.0, "variance": 0.5, "time": [0.5]},
    "collapse_sigma": {"P": [9.0], "variances": [1.0, 0.5]},
    "condensation_sigma": {"P": [9.0], "variances": [1.0, 0.5], "x": 0.1},
    "critical_size_jacobian": {**SPREAD, "x": [0.1, 0.2]},
    "critical_size_score": {**SPREAD, "x": [0.1, 0.2]},
    "divergence_speciation_time": {
        "weight": 0.3,
        "other_weight": 0.7,
        "distance2": 1.0,
        "variance": 0.5,
        "other": 0.6,
        "dimension": 3,
    },
    "effective_number": {"P": 9.0, **SPREAD, "x": [0.1, 0.2]},
    "excess_entropy": {"P": 9.0, **SPREAD, "dimension": 2},
    "feature_coefficients": {"activation": "tanh", "time": [0.5], "chi2": 1.0},
    "feature_spectrum": {
        "psi_p": 2.0,
        "psi_n": 3.0,
        **TIMES,
        "activation": "tanh",
        "distance2": 0.0,
    },
    "feature_stieltjes": {"z": [1.0 + 1.0j], "psi_p": 2.0, "psi_n": 3.0, **TIMES},
    "final_gap": {"lowest": [0.5], "sigma": 0.2},
    "gaussian_divergence": {
        "time": [0.5],
        "distance2": 1.0,
        "variance": 0.5,
        "other": 0.6,
        "dimension": 2,
    },
    "generalization_times": {**TIMES, "activation": "tanh"},
    "guided_condensation": {**MODEL, "between": 1.0},
    "guided_mean_field": {**MODEL, "dimension": 50.0, "between": 1.0, "annealed": False},
    "guided_moments": {
        "ratio": [0.5],
        "w": 1.0,
        "method": "flow",
        "between": 1.0,
        "start": 9.0,
    },
    "guided_power_law": {"ratio": 0.5, "omega": 1.0, "exponent": 0.9, "method": "flow"},
    "intermediate_gap": {"lowest": [0.5], "highest": 0.9, "sigma": 0.2},
    "inversion_fraction": {
        "variances": [1.0, 0.5],
        "time": 0.1,
        "activation": "tanh",
        "chi2": [0.9, 0.7],
    },
    "marchenko_pastur_edges": {"rows": 3, "columns": 4, "entry_variance": 1.0},
    "mean_field_path": {**MODEL, "dimension": 50.0, "between": 1.0, "annealed": False},
    "mean_weight": {"ratio": 0.5, "w": 1.0, "between": 1.0},
    "median_speciation_times": {
        "weights": [0.3, 0.7],
        "means": [[0.0], [2.0]],
        "variances": [0.5, 0.6],
    },
    "memorization_times": {"psi_p": 2.0, "psi_n": 3.0, **TIMES, "activation": "tanh"},
    "minority_speciation_time": {"weight": [0.3], "distance2": 4.0, "variance": 0.5},
    "mutual_information": SPREAD,
    "needed_divergences": {"weight": 0.3},
    "onset_sigma": {"P": [9.0], "variances": [1.0, 0.5]},
    "own_class_probability": {"weight": [0.3], "divergence": 1.0},
    "participation_ratio": {"P": 9.0, **SPREAD},
    "return_probability": {"P": 9.0, **SPREAD},
    "snr_jacobian": {"P": 9.0, **SPREAD, "x": [0.1, 0.2]},
    "snr_score": {"P": 9.0, **SPREAD, "x": [0.1, 0.2]},
    "speciation_time": {"covariance": [[2.0, 0.1], [0.1, 1.0]]},
    "speciation_times": {"weight": 0.3, "distance2": 4.0, "variance": 0.5},
    "switch_sigma": {"large": [1.0], "small": 0.5},
    "widest_gap_sigma": {"lowest": [0.5], "highest": 0.9},
    "window_switch": {
        "ratio": 0.5,
        "w": 1.0,
        "inside": -0.5,
        "method": "flow",
        "between": 1.0,
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
    "HopfieldNetwork.relax": (
        NETWORK.relax,
        {
            "states": XI,
            "dynamics": "asynchronous",
            "temperature": 0.1,
            "max_sweeps": 9,
            "seed": 0,
        },
    ),
    **{
        f"DenseMemory.{name}": (getattr(REAL, name), {"states": normal(2, 4)})
        for name in (
            "energy",
            "log_partition",
            "step",
            "weights",
        )
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
            {**AT, "directions": torch.eye(2).double()},
        )
        for name in EXACTS
    },
    "EmpiricalDenoiser.posterior_sample": (EXACT.posterior_sample, {**AT, "seed": 0}),
    "EmpiricalDenoiser.weights": (EXACT.weights, AT),
    "GaussianMixtureDenoiser.condition": (MIXTURE.condition, {"label": 1}),
    "GaussianMixtureDenoiser.covariances": (MIXTURE.covariances, {}),
    "GaussianMixtureDenoiser.draw": (MIXTURE.draw, {"count": 2, "seed": 0}),
    "GaussianMixtureDenoiser.responsibilities": (MIXTURE.responsibilities, AT),
    "LinearManifoldDenoiser.draw": (MANIFOLD.draw, {"count": 2, "seed": 0}),
    "NetworkDenoiser.condition": (
        diffusion.NetworkDenoiser(diffusion.ResidualMLP(2, width=8, depth=1, classes=2)).condition,
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
        {"mean": X[0], "covariance": torch.eye(2).double()},
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
    "Progressive.progress": (WEIGHTS["Progressive"].progress, {"sigma": 1.0}),
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
            *("SignalToNoise", "Training", "Distortion", "Bulk", "FeatureCoefficients"),
            *("FeatureSpectrum", "MeanField", "SpeciationTimes"),
        ),
        RECORD,
    ),
    **dict.fromkeys(("Denoiser", "ExactDenoiser", "Schedule"), "a kind: its members are called"),
    **dict.fromkeys(("DenoiserLike", "GuidanceSchedule", "Weight", "SHAPES"), "a type or a list"),
    **dict.fromkeys(("Uniform", "VE", "OU", "Cosine", "ags_capacity"), "takes no argument"),
    "NotSeparableError": "an error",
    "noise_minimum": "an optimiser of seconds; its doors are those of stabilities",
    **dict.fromkeys(("AzulaDenoiser", "DiffusersDenoiser"), "other people's models: test_interop"),
    **dict.fromkeys(("load_denoiser", "save_denoiser"), "files: their own tests forge them"),
}
