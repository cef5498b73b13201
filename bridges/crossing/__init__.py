"""Where measured curves cross a level, and where that goes as systems grow."""

from bridges.crossing.levels import (
    FITS as FITS,
    Crossings as Crossings,
    crossing as crossing,
    crossings as crossings,
    isotonic_crossings as isotonic_crossings,
    probit as probit,
)
from bridges.crossing.limits import (
    Extrapolation as Extrapolation,
    SizeDependence as SizeDependence,
    extrapolate as extrapolate,
    increasing as increasing,
    size_dependence as size_dependence,
    system_sizes as system_sizes,
)
