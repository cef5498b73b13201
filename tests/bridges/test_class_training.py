"""Classes along the training of a network: losses against the exact denoiser, copies, orders."""

import numpy as np
import pytest
import torch

from bridges.classes.training import class_training
from bridges.data import load, standardised
from diffusion import OU, EmpiricalDenoiser, denoising_error


def two_digits(counts, seed, held_out=60):
    rows, target = load("digits")
    rows = standardised(rows)[0].float()
    generator = torch.Generator().manual_seed(seed)
    train, test = [], []
    for digit, n in zip((1, 0), counts, strict=True):
        own = (target == digit).nonzero().squeeze(1)
        own = own[torch.randperm(len(own), generator=generator)]
        train.append(rows[own[:n]])
        test.append(rows[own[n : n + held_out]])
    labels = torch.arange(2).repeat_interleave(torch.tensor(counts))
    return torch.cat(train), labels, torch.cat(test), torch.arange(2).repeat_interleave(held_out)


@pytest.mark.slow
def test_losses_fall_but_not_below_those_of_the_exact_denoiser():
    data, labels, held_out, others = two_digits((12, 12), seed=0)
    settings = {"steps": 240, "marks": 6, "rate": 4e-3, "seed": 0}
    found = class_training(data, labels, held_out, others, **settings)
    assert found.steps.tolist() == [40, 80, 120, 160, 200, 240]
    assert (found.train[-1] < 0.6 * found.train[0]).all()
    assert (found.test[-1] > found.train[-1]).all()  # few points: overfit
    exact = EmpiricalDenoiser(data)
    for c in (0, 1):
        floor = np.mean(
            [
                float(denoising_error(exact, data[labels == c], sigma, 8, seed=1).mean()) / sigma**2
                for sigma in OU().noise_level(torch.tensor([0.1, 0.3])).tolist()
            ]
        )
        assert (found.train[:, c] > floor).all()
    assert (found.best_test == found.test.min(0)).all()
    assert np.isnan(found.copies).all()
    again = class_training(data, labels, held_out, others, **settings)
    np.testing.assert_array_equal(found.train, again.train)
    assert np.isnan(found.reaches(1e-6)).all()
    assert (found.opens(0.05) >= found.steps[0]).all()


def test_copies_are_counted_by_the_class_of_their_datum():
    data = torch.tensor([[-3.0, 0.0], [-3.0, 1.5], [3.0, 0.0], [3.0, 9.0]])
    labels = torch.tensor([0, 0, 1, 1])
    found = class_training(
        data, labels, data, labels, steps=500, marks=2, samples=200, sampled=1, rate=5e-3, seed=0
    )
    assert np.isnan(found.copies[0]).all()
    assert found.samples[-1].sum() == 200
    assert (found.copies[-1] > 0.5).all()  # of four points nothing else is to be learnt
    assert ((found.copies_sem[-1] > 0) & (found.copies_sem[-1] < 0.1)).all()
    assert set(found.to_dict()) >= {"steps", "train", "test", "copies"}


@pytest.mark.slow
def test_a_minority_of_two_digits_is_overfit_sooner_and_learnt_worse():
    opens, least = [], []
    for counts in ((60, 20), (20, 60)):
        runs = [
            class_training(*two_digits(counts, seed), steps=600, rate=4e-3, seed=seed)
            for seed in (0, 1)
        ]
        opens.append(np.array([one.opens(0.05) for one in runs]))
        least.append(np.mean([one.best_test for one in runs], 0))
    assert (opens[1][:, 0] < opens[1][:, 1]).all()  # few ones: their gap opens first
    lead = [np.log(one[:, 1] / one[:, 0]).mean() for one in opens]
    assert lead[1] > lead[0] + 0.5  # and what few zeros lose of that is no matter of a seed
    # the same digit, by its share: worse where it is rare
    assert least[0][0] < least[1][0]
    assert least[0][1] > least[1][1]
