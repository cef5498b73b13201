from .basins import GuidedBasins as GuidedBasins, guided_basins as guided_basins
from .densities import (
    WeightedSamples as WeightedSamples,
    guided_log_density as guided_log_density,
    power_samples as power_samples,
)
from .distortions import (
    Distortion as Distortion,
    direction_ratios as direction_ratios,
    distortion as distortion,
    most_probable as most_probable,
    vendi_score as vendi_score,
)
from .ensembles import (
    fitted_classes as fitted_classes,
    generate as generate,
    planted_classes as planted_classes,
    random_classes as random_classes,
)
from .guided import (
    GuidedDenoiser as GuidedDenoiser,
    ProjectedGuidance as ProjectedGuidance,
    autoguided as autoguided,
)
from .progress import (
    SHAPES as SHAPES,
    Exponential as Exponential,
    Progressive as Progressive,
    Triangle as Triangle,
)
from .rules import (
    Capped as Capped,
    FeedbackGuidance as FeedbackGuidance,
    GeneralGuidance as GeneralGuidance,
    GuidanceRule as GuidanceRule,
    Power as Power,
    PowerLawGuidance as PowerLawGuidance,
)
from .schedules import (
    Clamped as Clamped,
    Constant as Constant,
    GuidanceSchedule as GuidanceSchedule,
    Interval as Interval,
    LinearWindow as LinearWindow,
    Weight as Weight,
    Window as Window,
    as_schedule as as_schedule,
    extra_weight as extra_weight,
    variance_preserving as variance_preserving,
    weight_at as weight_at,
)
from .steps import (
    PerStep as PerStep,
    cfg_plus_plus as cfg_plus_plus,
    step_scales as step_scales,
)
from .two_classes import TwoClassPath as TwoClassPath, two_class_path as two_class_path
