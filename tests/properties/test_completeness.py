"""Every public name is tried by a property."""

import re
from pathlib import Path

import pytest

import diffusion
import hopfield
from diffusion import guidance, theory as of_noise
from hopfield import theory as of_memory

HERE = Path(__file__)
WITHOUT = {
    "PlantedPosterior": "a result: its fields are tried through planted_posterior",
    "DenoiserLike": "a type: any function of states and a noise level",
    "GuidanceSchedule": "a type: any function of one number",
    "Weight": "a type: a number or such a function",
    "noise_minimum": "an optimiser of seconds, with its own tests against gradients",
}


@pytest.mark.parametrize("package", [hopfield, diffusion, guidance, of_memory, of_noise])
def test_every_public_name_is_tried(package):
    others = (path for path in HERE.parent.glob("test_*.py") if path != HERE)
    tried = set(re.findall(r"\w+", "\n".join(path.read_text("utf-8") for path in others)))
    assert set(package.__all__) - tried - set(WITHOUT) == set()
