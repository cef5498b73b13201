"""A denoiser of a user that answers wrongly is found out by its first answer, in one sentence."""

import math

import numpy as np
import pytest
import torch

from bridges import (
    as_memory,
    dimension_contrast,
    generalization_report,
    memorization_report,
    retrieval_map,
    two_halves,
)
from diffusion import (
    VE,
    EmpiricalDenoiser,
    GuidedDenoiser,
    denoising_error,
    jacobian_spectrum,
    manifold_dimension,
    sample,
    subspace_dimension,
    subspace_signal_to_noise,
    uturn,
)
from diffusion.guidance import PowerLawGuidance, ProjectedGuidance, autoguided

ROWS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
EXACT = EmpiricalDenoiser(ROWS)
AXES = torch.eye(3).split(1, 1)
WRONG = {
    "NaN": lambda x: x * math.nan,
    "infinity": lambda x: x / 0.0,
    "fewer columns": lambda x: x[:, :1],
    "fewer rows": lambda x: x[:1],
    "a vector": lambda x: x.mean(1),
    "an array": lambda x: np.ones(x.shape),
    "nothing": lambda x: None,
    "complex numbers": lambda x: x + 0j,
    "whole numbers": lambda x: x.long(),
    "a tuple": lambda x: (x, x),
}
ASKED = {
    "sample": lambda D: sample(D, ROWS, VE(), start=1.0),
    "sample by a SDE": lambda D: sample(D, ROWS, VE(), "sde", start=1.0),
    "uturn": lambda D: uturn(D, ROWS, VE(), 1.0),
    "denoising_error": lambda D: denoising_error(D, ROWS, 1.0),
    "jacobian_spectrum": lambda D: jacobian_spectrum(D, ROWS, 1.0),
    "manifold_dimension": lambda D: manifold_dimension(D, ROWS, 1.0, "normal-bundle"),
    "subspace_dimension": lambda D: subspace_dimension(D, ROWS, 1.0, AXES),
    "subspace_signal_to_noise": lambda D: subspace_signal_to_noise([EXACT, D], ROWS, 1.0, AXES),
    "GuidedDenoiser": lambda D: GuidedDenoiser(D, EXACT, 1.0)(ROWS, 1.0),
    "PowerLawGuidance": lambda D: PowerLawGuidance(EXACT, D, 1.0)(ROWS, 1.0),
    "ProjectedGuidance": lambda D: ProjectedGuidance(EXACT, D, 1.0)(ROWS, 1.0),
    "autoguided": lambda D: autoguided(D, EXACT, 2.0)(ROWS, 1.0),
    "a memory by its flow": lambda D: retrieval_map(as_memory(D, ROWS, "flow"), [0.5], trials=2),
    "a memory at one level": lambda D: retrieval_map(
        as_memory(D, ROWS, sigma=1.0), [0.5], trials=2
    ),
    "dimension_contrast": lambda D: dimension_contrast(D, ROWS, ROWS, 1.0),
    "memorization_report": lambda D: memorization_report(ROWS, ROWS, denoiser=D, sigma=1.0),
    "generalization_report": lambda D: generalization_report(D, ROWS, ROWS, count=3),
    "two_halves": lambda D: two_halves(EXACT, D, ROWS, count=3),
}


@pytest.mark.parametrize("answer", WRONG)
@pytest.mark.parametrize("function", ASKED)
def test_a_wrong_answer_is_found_out(function, answer):
    with pytest.raises(ValueError, match=r"^\w+ must return (real rows|finite numbers)") as error:
        ASKED[function](lambda x, sigma: WRONG[answer](x))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("function", ASKED)
@pytest.mark.parametrize("what", [None, 3, "exact", EmpiricalDenoiser])
def test_what_is_no_denoiser_is_refused(function, what):
    if function == "memorization_report" and what is None:
        return  # it needs none
    with pytest.raises((ValueError, TypeError), match="must be a "):
        ASKED[function](what)


def test_posterior_samples_are_checked_too():
    class Lost(EmpiricalDenoiser):
        def posterior_sample(self, x, sigma, seed=None):
            return x * math.nan

    with pytest.raises(ValueError, match="posterior_sample must return finite numbers"):
        sample(Lost(ROWS), ROWS, VE(), "ancestral", start=1.0)


def test_a_right_answer_is_left_as_it_is():
    asked = []

    def half(x, sigma):
        asked.append(len(x))
        return x / 2

    assert torch.equal(sample(half, ROWS, VE(), "euler", start=1.0, steps=1), ROWS / 2)
    assert asked == [12]
