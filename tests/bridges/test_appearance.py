"""When classes appear: simulations against closed forms and the identity between classes."""

import math

import numpy as np
import pytest
import torch

from bridges import class_appearance, class_uturns, median_appearance
from diffusion import GaussianMixtureDenoiser
from diffusion.theory import (
    class_divergence,
    median_speciation_times,
    minority_speciation_time,
    own_class_probability,
)


def classes(rho, distance2=400.0, d=2):
    means = torch.zeros(2, d, dtype=torch.float64)
    means[0, 0] = math.sqrt(distance2)
    return GaussianMixtureDenoiser(means, 1.0, [rho, 1 - rho])


@pytest.mark.parametrize("rho", [0.1, 0.5])
def test_posteriors_and_u_turns_return_as_theory_says(rho):
    draws, paths = 20000, 3000
    for time in (3.0, 2.5, 2.0, 1.5):
        D = class_divergence(400.0, 1.0, time)
        phi = own_class_probability([rho, 1 - rho], [D, D])
        found = class_appearance(classes(rho), time, draws, seed=0)
        # of a number between 0 and 1 of this mean, at most; 4 s.e.
        assert (np.abs(found.own_class - phi) < 4 * np.sqrt(phi * (1 - phi) / draws) + 1e-9).all()
        turned = class_uturns(classes(rho), time, paths, steps=100, seed=1)
        np.testing.assert_allclose(turned.sum(1), 1)
        error = 4 * np.sqrt(phi * (1 - phi) / paths) + 0.01  # and the bias of finite steps
        assert (np.abs(turned.diagonal() - phi) < error).all()


@pytest.mark.slow
def test_what_leaves_one_class_comes_back_from_the_others():
    means = torch.tensor([[0.0, 0.0], [6.0, 0.0], [0.0, 9.0]], dtype=torch.float64)
    weights = np.array([0.6, 0.3, 0.1])
    mixture = GaussianMixtureDenoiser(means, torch.tensor([1.0, 0.5, 2.0]), weights)
    T = class_uturns(mixture, 1.2, 6000, steps=60, seed=0)
    flows = weights[:, None] * T
    for c, o in ((0, 1), (0, 2), (1, 2)):
        error = math.sqrt((weights[c] * flows[c, o] + weights[o] * flows[o, c]) / 6000)
        assert abs(flows[c, o] - flows[o, c]) < 4 * error + 0.005  # finite steps


def test_the_median_time_of_a_minority():
    for rho in (0.02, 0.2):
        found = median_appearance(classes(rho), 0, draws=20000, seed=0)
        assert found == pytest.approx(float(minority_speciation_time(rho, 400.0, 1.0)), abs=0.03)
    assert math.isnan(median_appearance(classes(0.1), 1, seed=0))  # the majority always is there
    means = torch.tensor([[300.0, 0.0], [0.0, 0.0], [20.0, 0.0]], dtype=torch.float64)
    weights = [0.7, 0.298, 0.002]  # the least counts for nothing in the doubt of the others
    mixture = GaussianMixtureDenoiser(means, 1.0, weights)
    theory = median_speciation_times(weights, means.numpy(), [1.0, 1.0, 1.0])
    assert math.isnan(theory[0])
    for c in (1, 2):
        found = median_appearance(mixture, c, 20000, seed=0)
        assert found == pytest.approx(theory[c], abs=0.04)
    assert theory[2] < theory[1] - 1  # the class that it parts from last counts, not the largest
