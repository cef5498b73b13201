"""Data as they come, in half precision, with a graph, as lists: measured as plain tensors are."""

import pytest
import torch

from bridges import (
    calibrate,
    dimension_contrast,
    memorization_fractions,
    memorization_report,
    memory_geometry,
)
from bridges.geometry import noise_grid
from diffusion import EmpiricalDenoiser

DATA, OTHERS, SAMPLES = (
    torch.randn(3, 60, 6, generator=torch.Generator().manual_seed(0)).bfloat16().float()
)  # numbers that half precision has
MEASURES = {
    "report": lambda *x: memorization_report(x[2], x[0], x[1], seed=0).copies["ratio"],
    "left out": lambda *x: memorization_report(x[2], x[0], seed=0).copies["local"],
    "calibrate": lambda *x: calibrate(x[0], x[1], seed=0).criteria,
    "fractions": lambda *x: memorization_fractions(x[2], x[0], x[1], seed=0).delta_memorized,
    "geometry": lambda *x: memory_geometry(x[0], draws=20, seed=0).to_dict(),
    "grid": lambda *x: noise_grid(x[0]).tolist(),
    "contrast": lambda *x: dimension_contrast(EmpiricalDenoiser(DATA), x[0], x[1], 0.3).to_dict(),
}
FORMS = {
    "half": lambda x: x.bfloat16(),
    "graph": lambda x: x.clone().requires_grad_(),
    "list": lambda x: x.tolist(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_a_form_of_data_changes_no_measure(measure, form):
    found, plain = measure(*map(form, (DATA, OTHERS, SAMPLES))), measure(DATA, OTHERS, SAMPLES)
    assert _numbers(found) == pytest.approx(_numbers(plain), rel=1e-2, nan_ok=True)


def _numbers(found):
    """All numbers of a result, in their order."""
    if isinstance(found, dict):
        return [number for value in found.values() for number in _numbers(value)]
    if isinstance(found, list):
        return [number for value in found for number in _numbers(value)]
    if hasattr(found, "to_dict"):
        return _numbers(found.to_dict())
    return [] if found is None or isinstance(found, str) else [float(found)]
