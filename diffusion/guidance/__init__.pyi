from .distortions import (
    Distortion as Distortion,
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
    PowerLawGuidance as PowerLawGuidance,
    ProjectedGuidance as ProjectedGuidance,
    autoguided as autoguided,
)
from .schedules import (
    SHAPES as SHAPES,
    Clamped as Clamped,
    Constant as Constant,
    GuidanceSchedule as GuidanceSchedule,
    Interval as Interval,
    LinearWindow as LinearWindow,
    Progressive as Progressive,
    Weight as Weight,
    Window as Window,
    as_schedule as as_schedule,
    cfg_plus_plus as cfg_plus_plus,
    extra_weight as extra_weight,
    variance_preserving as variance_preserving,
    weight_at as weight_at,
)
