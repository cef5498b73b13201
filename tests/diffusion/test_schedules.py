import math

import pytest
import torch
from hypothesis import given, strategies as st

from diffusion import OU, VE, Cosine

SCHEDULES = [VE(), OU(), Cosine()]


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(level=st.floats(1e-6, 1e3))
def test_time_and_noise_level_are_inverse(schedule, level):
    assert float(schedule.noise_level(schedule.time(level))) == pytest.approx(level, rel=1e-7)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_clean_data_at_time_zero_and_more_noise_later(schedule):
    assert float(schedule.alpha(0)) == 1
    assert float(schedule.noise_level(0)) == 0
    times = torch.linspace(0, 0.99, 50)
    assert (schedule.noise_level(times).diff() > 0).all()


def test_closed_forms():
    assert float(OU().noise_level(0.7)) == pytest.approx(math.sqrt(math.exp(1.4) - 1))
    t = torch.linspace(0, 0.9, 10)
    for schedule in (OU(), Cosine()):  # variance preserving
        assert torch.allclose(
            schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, torch.ones(10, dtype=torch.float64)
        )
    assert float(OU().noise_level(1e-9)) == pytest.approx(math.sqrt(2e-9))  # no cancellation
    assert float(Cosine().noise_level(0.5)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: VE().alpha(-0.1), r"time must lie in \[0, inf\)"),
        (lambda: Cosine().sigma(1.0), r"time must lie in \[0, 1\)"),
        (lambda: OU().noise_level(float("nan")), "time must lie in"),
        (lambda: OU().time(-1.0), "noise_level must be at least 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
