"""Every public name is tried by a property."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

import bridges
import diffusion
import hopfield
from diffusion import guidance, theory as of_noise
from hopfield import theory as of_memory

HERE = Path(__file__)
WITHOUT = {
    "ClassCourse": "a result: its fields are tried through class_course",
    "EmergentMinima": "a result: its fields are tried through emergent_minima",
    "PlantedPosterior": "a result: its fields are tried through planted_posterior",
    "DenoiserLike": "a type: any function of points and a noise level",
    "GuidanceRule": "a type: any function of a noise level and a distance",
    "GuidedBasins": "a result: its fields are tried through guided_basins",
    "HierarchyTimes": "a result: its fields are tried through hierarchy_times",
    "TwoClassPath": "a result: its fields are tried through two_class_path",
    "WeightedSamples": "a result: its fields are tried through power_samples",
    "GuidanceSchedule": "a type: any function of one number",
    "Weight": "a type: a number or such a function",
    "noise_minimum": "an optimiser of seconds, with its own tests against gradients",
}
RESULTS = {  # plain records, that the functions beside them return
    *("BasinEntropy", "BasinRadius", "Calibration", "CapacityScaling", "ClassBasins"),
    *("ClassCapacity", "Continuation", "CopyList", "DimensionContrast", "Generalization"),
    *(
        "GraphSummary",
        "HeldOutCurve",
        "HeldOutGap",
        "Landscape",
        "Look",
        "Matching",
        "MemorizationFractions",
        "MemorizationReport",
        "MemoryGeometry",
        "RecallPath",
    ),
    *("Meeting", "MidpointRadius", "OwnHalf", "RetrievalMap", "SizeDependence", "TwoHalves"),
    *("CopyPrediction", "ReturnLevels", "UnlearnedWeights"),
}


def text_of(files):
    return "\n".join(path.read_text("utf-8") for path in HERE.parent.glob(files) if path != HERE)


@pytest.mark.parametrize("package", [hopfield, diffusion, guidance, of_memory, of_noise])
def test_every_public_name_is_tried(package):
    tried = set(re.findall(r"\w+", text_of("test_*.py")))
    assert set(package.__all__) - tried - set(WITHOUT) == set()


def test_every_public_name_of_bridges_is_called():
    text = text_of("test_bridges*.py")
    called = {name for name in bridges.__all__ if f"{name}(" in text or f", {name})" in text}
    assert {*bridges.__all__} - called - RESULTS <= {"equivalence"}
    assert "equivalence.translate(" in text
    assert all(a < b for a, b in pairwise(bridges.__all__))
