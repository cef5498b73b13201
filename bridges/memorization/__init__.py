"""Is it a copy, and is a model a memory of its data: criteria, samples one by one, unseen data."""

from bridges.memorization.calibration import (
    CLASSES as CLASSES,
    CRITERIA as CRITERIA,
    VERDICTS as VERDICTS,
    Calibration as Calibration,
    MemorizationFractions as MemorizationFractions,
    MemorizationReport as MemorizationReport,
    calibrate as calibrate,
    classified as classified,
    clearest as clearest,
    memorization_fractions as memorization_fractions,
    memorization_report as memorization_report,
)
