"""Every public call with its tensors on a device: the same numbers, there; and seeds of any place.

The calls are those of the tables, which `test_calls` holds against all public names. They run on
a GPU where there is one (`-m gpu`), and on a device that is pretended in a process of its own.
"""

import importlib
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import place
import pretended
import pytest
import torch
from fuzz import numbers_of
from torch import Tensor

TABLES = (
    *("calls_of_hopfield", "calls_of_guidance", "calls_of_features", "calls_of_theory"),
    "calls_of_weights",
    *("calls", "calls_of_bridges"),
)
CURVES = "curves of a training, a few numbers for each look"
ACCOUNT = "an account of numbers that are found, and drawn, on the CPU"
ON_CPU = {  # what is not where the tensors are, and why
    **dict.fromkeys(("hopfield.unlearn", "hopfield.daydream", "hopfield.train_with_noise"), CURVES),
    **dict.fromkeys(("hopfield.symmetric_perceptron", "diffusion.train_denoiser"), CURVES),
    **dict.fromkeys(("hopfield.coupling_path", "diffusion.guidance.distortion"), ACCOUNT),
    **dict.fromkeys(("bridges.recall_path", "bridges.calibrate", "bridges.list_copies"), ACCOUNT),
    **dict.fromkeys(("bridges.list_copies of images", "bridges.memorization_report"), ACCOUNT),
    **dict.fromkeys(("Calibration.judge", "Calibration.measures"), ACCOUNT),
    "MemorizationMonitor.judge": ACCOUNT,
    "bridges.data.as_rows": "rows to be looked at",
}
OTHER_DRAWS = {"ThermalMemory.relax", "Thermal.__call__"}  # one site order for all replicas
ONLY_NUMBERS = {  # refuse a generator by name
    *("bridges.communities", "bridges.summarise", "bridges.run_study"),
    *("bridges.data.pattern_set", "bridges.data.pattern_set from a row on"),
    *("bridges.data.pattern_set in a code", "bridges.data.pattern_classes"),
}
WITHOUT = {"bridges.write_report": "draws what no measure of the table gives"}
RTOL, ATOL = 1e-4, 1e-6  # networks in single precision, in another order of sums


def calls_on(device):
    """The tables, made anew with their tensors on a device."""
    kept = {name: sys.modules.pop(name) for name in TABLES if name in sys.modules}
    place.DEVICE = device
    try:
        made = [importlib.import_module(name) for name in TABLES]
        table = made[-2].CALLS | made[-1].CALLS
        return {name: one for name, one in table.items() if name not in WITHOUT}
    finally:
        place.DEVICE = "cpu"
        for name in TABLES:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
PLACES = [
    pytest.param("cpu", marks=pytest.mark.slow),
    pytest.param("cuda", marks=[pytest.mark.gpu, GPU]),
]
CHILD = "TRY_A_PRETENDED_DEVICE" in os.environ
if CHILD:
    pretended.register()
    PLACES = [pretended.NAME]


def there(device):
    return pretended.pretended() if device == pretended.NAME else nullcontext()


def test_no_table_is_left_where_it_was():
    assert {path.stem for path in Path(__file__).parent.glob("calls*.py")} == set(TABLES)


def tensors_of(found):
    """All tensors of a result, or of arguments."""
    if isinstance(found, Tensor):
        yield found
    if is_dataclass(found) and not isinstance(found, type):
        found = [getattr(found, one.name) for one in fields(found)]
    found = [*found.values()] if isinstance(found, dict) else found
    for one in found if isinstance(found, list | tuple) else ():
        yield from tensors_of(one)


def fault_of(name, call, given, device, usual, exact):
    """What is wrong with a call on a device, in words; "" if nothing is."""
    try:
        found = call(**given)
        numbers = numbers_of(found)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    at = {one.device.type for one in tensors_of(found)}
    if [*tensors_of(given)] and at - {device} and name not in ON_CPU:
        return f"its tensors are on {at}"
    if numbers.shape != usual.shape:
        return f"{numbers.shape} numbers, not {usual.shape}"
    if exact and not np.allclose(numbers, usual, rtol=RTOL, atol=ATOL, equal_nan=True):
        return f"numbers differ by {np.nanmax(np.abs(numbers - usual)):.2g}"
    return ""


@pytest.mark.parametrize("device", PLACES)
def test_a_device_gives_the_same_there(device):
    faults = {}
    usual = {name: numbers_of(call(**given)) for name, (call, given) in calls_on("cpu").items()}
    with there(device):
        for name, (call, given) in calls_on(device).items():
            drawn = "seed" in given and device == "cuda"
            exact = not drawn and (name not in OTHER_DRAWS or device == "cpu")
            if fault := fault_of(name, call, given, device, usual[name], exact):
                faults[name] = fault
    assert len(usual) > 400
    assert not faults


@pytest.mark.parametrize("device", PLACES)
@pytest.mark.parametrize("states", ["there", "here"])
def test_a_generator_of_a_device_is_a_seed(device, states):
    faults, tried = {}, 0
    with there(device):
        for name, (call, given) in calls_on(device if states == "there" else "cpu").items():
            if "seed" not in given or name in ONLY_NUMBERS:
                continue
            tried += 1
            try:
                call(**given | {"seed": torch.Generator(device=device).manual_seed(0)})
            except Exception as error:
                faults[name] = f"{type(error).__name__}: {error}"[:200]
    assert tried > 80
    assert not faults


@pytest.mark.slow
@pytest.mark.skipif(CHILD, reason="this is that process")
def test_all_of_this_on_a_device_that_is_pretended():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__],
        env=os.environ | {"TRY_A_PRETENDED_DEVICE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not CHILD, reason="needs the device that is pretended")
def test_what_is_pretended_refuses_what_a_device_refuses():
    with pretended.pretended() as name:
        x, generator = torch.eye(3).to(name), torch.Generator(device=name).manual_seed(0)
        assert x.device.type == name
        assert torch.rand(2, generator=generator, device=name).device.type == name
        assert (x @ x.T).sum().item() == 3
        assert torch.equal((x + 1).cpu(), torch.eye(3) + 1)
        for refused in (
            lambda: x + torch.eye(3),
            lambda: x.numpy(),
            lambda: np.asarray(x),
            lambda: torch.rand(2, generator=generator),
            lambda: torch.rand(2, generator=torch.Generator(), device=name),
            lambda: torch.eye(3)[x[0] > 0],
        ):
            with pytest.raises((RuntimeError, TypeError)):
                refused()
    assert torch.Generator().device.type == "cpu"
