"""A number of Python keeps its digits where it joins data of double precision."""

import torch

from diffusion import GaussianMixtureDenoiser, guidance, likelihood_dimension, participation_ratio
from hopfield import binarize, hebbian, random_patterns, unlearn

CENTRES = torch.zeros(2, 3, dtype=torch.float64)


def test_variances_of_mixtures():
    for variances in (0.1, [0.1, 0.1], [[0.1] * 3] * 2):
        assert (GaussianMixtureDenoiser(CENTRES, variances).spectra[0] == 0.1).all()
    full = [[[0.1, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.0, 0.1]]] * 2
    assert (GaussianMixtureDenoiser(CENTRES, full).covariances().diagonal(0, 1, 2) == 0.1).all()


def test_weights_of_mixtures():
    assert GaussianMixtureDenoiser(CENTRES, 1.0, [0.3, 0.7]).weights.tolist() == [0.3, 0.7]


def test_random_classes():
    assert (guidance.random_classes(3, 4, within=0.1, seed=0).spectra[0] == 0.1).all()


def test_shares_of_fitted_classes():
    data = torch.randn(10, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fitted = guidance.fitted_classes(data, torch.tensor([0] * 3 + [1] * 7))
    assert fitted.weights.tolist() == [0.3, 0.7]


def test_thresholds():
    data = torch.tensor([[0.1, 0.1 + 1e-12]], dtype=torch.float64)
    assert binarize(data, 0.1).tolist() == [[-1.0, 1.0]]
    assert binarize(data, [0.1, 0.1]).tolist() == [[-1.0, 1.0]]


def test_the_record_of_a_rule_is_in_double_precision():
    xi = random_patterns(5, 50, seed=0)
    result = unlearn(hebbian(xi), steps=5, patterns=xi, seed=0)
    stabilities = xi * (xi @ result.couplings.T) / result.couplings.norm(dim=1)
    least = float(result.history.min_stability[-1])
    assert abs(least - float(stabilities.min())) < 1e-14  # single precision: 10⁻⁷


def test_lists_are_measured_as_they_are():
    data = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for measure in (likelihood_dimension, participation_ratio):
        assert measure(data.tolist()) == measure(data)
