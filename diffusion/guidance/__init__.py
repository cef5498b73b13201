"""Guidance: guided denoisers, schedules of the weight, and the distortions they cause."""

from diffusion.guidance.distortion import Distortion, distortion, most_probable, vendi_score
from diffusion.guidance.ensembles import (
    fitted_classes,
    generate,
    planted_classes,
    random_classes,
)
from diffusion.guidance.guided import (
    GuidedDenoiser,
    PowerLawGuidance,
    ProjectedGuidance,
    autoguided,
)
from diffusion.guidance.schedules import (
    SHAPES,
    Clamped,
    Constant,
    GuidanceSchedule,
    Interval,
    LinearWindow,
    Progressive,
    Weight,
    Window,
    as_schedule,
    cfg_plus_plus,
    extra_weight,
    variance_preserving,
    weight_at,
)

__all__ = [
    "SHAPES",
    "Clamped",
    "Constant",
    "Distortion",
    "GuidanceSchedule",
    "GuidedDenoiser",
    "Interval",
    "LinearWindow",
    "PowerLawGuidance",
    "Progressive",
    "ProjectedGuidance",
    "Weight",
    "Window",
    "as_schedule",
    "autoguided",
    "cfg_plus_plus",
    "distortion",
    "extra_weight",
    "fitted_classes",
    "generate",
    "most_probable",
    "planted_classes",
    "random_classes",
    "variance_preserving",
    "vendi_score",
    "weight_at",
]
