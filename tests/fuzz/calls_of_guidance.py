"""One small valid call of every public function of `diffusion.guidance`: see `calls`."""

import torch
from calls_of_hopfield import normal
from place import here

import diffusion
from diffusion import guidance

X, CLOUD, LABELS = normal(3, 2), normal(12, 2, seed=1), here(torch.arange(12) // 6)
EXACT = diffusion.EmpiricalDenoiser(CLOUD)
MIXTURE = diffusion.GaussianMixtureDenoiser(here(torch.eye(2).double()), 0.5)
GUIDED = diffusion.GuidedDenoiser(MIXTURE, MIXTURE, 1.0)
STEPPED = diffusion.GuidedDenoiser(MIXTURE, MIXTURE, guidance.PerStep([1.0, 2.0], [2.0, 1.0, 0.0]))
WEIGHTS = {
    "Constant": guidance.Constant(1.0),
    "Interval": guidance.Interval(1.0, 0.1, 2.0),
    "Window": guidance.Window(1.0, 2.0),
    "LinearWindow": guidance.LinearWindow(0.0, 1.0),
    "Clamped": guidance.Clamped(guidance.Constant(1.0), 0.0),
    "Progressive": guidance.Progressive("sine", 1.0, 1.0, 1.0),
    "Triangle": guidance.Triangle(1.0, 1.0, 1.0),
    "Exponential": guidance.Exponential(1.0, 1.0, 1.0),
    "PerStep": guidance.PerStep([1.0, 2.0], [2.0, 1.0, 0.0]),
}
RULES = {
    "Power": guidance.Power(1.0),
    "Capped": guidance.Capped(guidance.Power(1.0), 2.0),
}
WEIGHED = guidance.WeightedSamples(CLOUD, torch.zeros_like(CLOUD[:, 0]))
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
    "GeneralGuidance": {
        "conditional": MIXTURE,
        "unconditional": EXACT,
        "phi": guidance.Power(1.0),
    },
    "FeedbackGuidance": {
        "conditional": MIXTURE,
        "unconditional": MIXTURE,
        "share": 0.5,
        "largest": 9.0,
        "log_ratio": None,
    },
    "Power": {"gamma": 1.0, "exponent": 0.9, "over_noise": True},
    "Capped": {"rule": guidance.Power(1.0), "w": 2.0},
    "Triangle": {"w": 1.0, "start": 2.0, "width": 1.0, "peak": 0.5},
    "Exponential": {"w": 1.0, "start": 2.0, "width": 1.0, "rate": 1.0},
    "PerStep": {"weights": [1.0, 2.0], "levels": [2.0, 1.0, 0.0]},
    "step_scales": {"text": "2x3.0+1x0"},
    "guided_log_density": {"guided": GUIDED, "x": X, "levels": [2.0, 1.0, 0.5]},
    "power_samples": {
        "guided": GUIDED,
        "x": X,
        "levels": [2.0, 1.0, 0.5],
        "log_weights": [0.0, 0.1, 0.2],
        "seed": 0,
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
    "guided_basins": {
        "mixtures": MIXTURE,
        "weights": [0.0, 1.0],
        "sigmas": [0.5, 1.0],
        "trials": 2,
        "steps": 2,
        "seed": 0,
    },
    "two_class_path": {
        "dimension": 4,
        "w": 1.0,
        "gains": [0.5, 1.0],
        "method": "heun",
        "count": 3,
        "steps": 3,
        "seed": 0,
    },
    "direction_ratios": {"samples": CLOUD, "labels": LABELS, "mixture": MIXTURE},
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
