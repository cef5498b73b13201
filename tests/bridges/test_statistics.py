"""Errors of counted fractions against repeated counts, and effective numbers."""

import numpy as np
import pytest
import torch

from bridges import as_memory, basin_fractions
from bridges.starts import gaussian
from bridges.statistics import binomial_sem, effective_number, order_threshold
from diffusion import EmpiricalDenoiser


def test_the_binomial_error_is_that_of_repeated_counts():
    line = torch.tensor([[-1.0], [0.0], [3.0]], dtype=torch.float64)
    memory = as_memory(EmpiricalDenoiser(line), sigma=0.3)
    runs = [
        basin_fractions(memory, gaussian(400, 1, 2.0, seed=seed)).by_pattern(3)
        for seed in range(60)
    ]
    spread = np.std(runs, 0, ddof=1)
    mean = np.mean(runs, 0)
    expected = [binomial_sem(f, 400) for f in mean]
    assert spread == pytest.approx(expected, rel=4 / 120**0.5)  # 4 s.e. of a spread of 60


def test_errors_do_not_vanish_at_the_ends():
    assert binomial_sem(0.0, 9) == binomial_sem(1.0, 9) == 0.1
    uniform = torch.full((2, 7), 1 / 7)
    assert effective_number(uniform).tolist() == pytest.approx([7, 7])


def test_numbers_that_are_known():
    assert binomial_sem(0.2, 16) == pytest.approx(0.1)  # sqrt(0.2·0.8/16)
    weights = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])  # entropies 3/2 log 2 and 0
    assert effective_number(weights).tolist() == pytest.approx([2**1.5, 1])
    # of 99 values the k-th has k % of fresh ones below it
    assert order_threshold(torch.arange(1.0, 100).flip(0), 0.02) == (2, 0.02)
    assert order_threshold(torch.arange(1.0, 100), 0.999) == (99, 0.99)
