"""Classes along the training of a network: losses against closed forms, copies, orders."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from bridges.classes.moments import class_moments
from bridges.classes.training import SIGMAS, ClassTraining, _copies, class_training
from bridges.data import load, load_data, standardised
from diffusion import OU, EmpiricalDenoiser, ResidualMLP, denoising_error

FASHION = Path("/usr/share/datasets/fashion-mnist")


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


def gaussian_network(**how):
    """A training of no consequence: F stays 0, so that D is the denoiser of a Gaussian."""
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(60, 3, generator=generator) + torch.tensor([2.0, 0.0, 0.0])
    data[30:] = 2 * torch.randn(30, 3, generator=generator) - torch.tensor([2.0, 0.0, 0.0])
    labels = (torch.arange(60) >= 30).long()
    others = (torch.arange(40) >= 30).long()
    held_out = data[torch.arange(40)] + 0.5
    small = ResidualMLP(3, width=8, depth=1, seed=0)
    given = {"network": small, "steps": 10, "rate": 1e-9, "marks": 1, "seed": 0} | how
    found = class_training(data, labels, held_out, others, **given)
    mean = data.mean(0)
    return found, data, labels, held_out, others, mean, float((data - mean).square().mean())


@pytest.mark.parametrize("sigmas", [SIGMAS, (3.0, 6.0)])  # that show the noise, and the points
def test_losses_are_those_of_the_denoiser(sigmas):
    how = {"sigmas": sigmas, "draws": 400}
    found, data, labels, held_out, others, mean, s2 = gaussian_network(**how)
    for points, classes, losses in ((data, labels, found.train), (held_out, others, found.test)):
        for c in (0, 1):
            y = (points[classes == c] - mean).double()
            expected = np.mean(
                [
                    (v / (v + s2)) ** 2 * float(y.square().mean()) / v + (s2 / (v + s2)) ** 2
                    for v in np.square(sigmas)
                ]
            )
            # 4 s.e. of 400 draws of 10 points in three dimensions
            assert losses[-1, c] == pytest.approx(expected, rel=0.05)
    assert np.square(SIGMAS[1:]) == pytest.approx(np.expm1([0.2, 0.6]))
    assert found.recognized().tolist() == pytest.approx([math.nan] * 2, nan_ok=True)


def test_noised_points_land_in_their_class_as_often_as_their_posterior_says():
    turns = [0.5, 3.0, 8.0]
    found, _, _, held_out, others, mean, s2 = gaussian_network(turns=turns[::-1], starts=3000)
    centres = torch.stack([mean + torch.tensor([4.0, 1, 0]), mean - torch.tensor([2.0, 0, 0])])
    given = gaussian_network(turns=turns, starts=3000, centres=centres)[0]
    assert found.turns.tolist() == turns
    for one, places in ((found, None), (given, centres)):
        if places is None:
            data, labels = gaussian_network()[1:3]
            places = torch.stack([data[labels == c].mean(0) for c in (0, 1)])
        for k, sigma in enumerate(turns):
            keep = s2 / (s2 + sigma**2)
            spread = math.sqrt(keep**2 * sigma**2 + keep * sigma**2)
            for c in (0, 1):
                apart = (places[c] - places[1 - c]).double()
                y = mean + keep * (held_out[others == c] - mean)
                above = (y.double() - places.mean(0)) @ apart / apart.norm()
                expected = norm.cdf(above.numpy() / spread).mean()
                # 4 s.e. of 3000 turns, and the steps of the reverse diffusion
                assert one.own_class[k, c] == pytest.approx(expected, abs=0.05)


class Constant:
    """A denoiser that has one answer, at which all samples end."""

    levels = (0.01, 5.0)

    def __init__(self, answer):
        self.answer = torch.tensor([answer, 0.0])

    def __call__(self, x, sigma):
        return self.answer.to(x).expand(len(x), -1)


def test_a_copy_is_nearer_to_one_point_than_a_third_of_the_distance_to_the_next():
    data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [30.0, 0.0]])
    centres = torch.tensor([[0.5, 0.0], [30.0, 0.0]], dtype=torch.float64)
    for place, share in ((0.24, 1), (0.26, 0), (0.74, 0), (0.76, 1)):  # d₁/d₂ of ⅓ at ¼ and ¾
        (count, rate, _), (none, nothing, error) = _copies(Constant(place), data, centres, 12, 0)
        assert (count, rate, none) == (12, share, 0)
        assert np.isnan([nothing, error]).all()
    (none, *_), (count, rate, sem) = _copies(Constant(29.0), data, centres, 12, 0)
    assert (none, count, rate) == (0, 12, 1)
    assert sem == pytest.approx(1 / 13)


def test_each_mark_is_of_its_own_snapshot_of_the_training_that_was_asked_for(monkeypatch):
    """Of answers that know no noise L = |a − x₀|²/(dσ²), for a the number of the step."""
    asked = {}

    def train(data, snapshots, **how):
        asked.update(how)
        kept = {step: Constant(float(step)) for step in snapshots}
        return SimpleNamespace(snapshots=kept, denoiser=Constant(50.0))

    monkeypatch.setattr("bridges.classes.training.train_denoiser", train)
    data = torch.tensor([[3.0, 0.0], [5.0, 0.0], [0.0, 4.0], [0.0, 6.0]])
    labels = torch.tensor([0, 0, 1, 1])
    how = {"steps": 8, "marks": 3, "rate": 0.5, "weighting": "flow", "levels": (0.1, 7.0)}
    found = class_training(data, labels, data + 1, labels, sigmas=[1.0, 2.0], **how, batch=2)
    assert asked.pop("rate_course") == "constant"
    how.pop("marks")
    assert {name: asked[name] for name in (*how, "batch")} == how | {"batch": 2}
    assert found.steps.tolist() == [1, 3, 8]
    for points, losses in ((data, found.train), (data + 1, found.test)):
        for k, step in enumerate((1.0, 3.0, 8.0)):
            squares = (points - torch.tensor([step, 0.0])).square().sum(1) / 2
            expected = squares.view(2, 2).mean(1) * (1 + 1 / 4) / 2  # of σ = 1 and 2
            assert losses[k].tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    variance = float((data - data.mean(0)).square().mean())
    constant = variance * 4 / (variance + 4)  # at the largest of both levels
    nearest = float((data + 1 - torch.tensor([50.0, 0.0])).square().mean())
    assert found.over_constant == pytest.approx(nearest / constant, rel=1e-5)


def test_marks_are_a_factor_apart_and_samples_at_the_last_of_them():
    how = {"steps": 24, "marks": 4, "samples": 5, "sampled": 2}
    found = gaussian_network(**how)[0]
    assert found.steps.tolist() == [1, 3, 8, 24]  # 24^(k/3)
    assert found.samples.sum(1).tolist() == [0, 5, 0, 5]


def test_marks_are_interpolated():
    steps = np.array([10, 20, 40, 80, 160])
    u = np.log2(steps / 10)
    test = np.stack([(u - 2.3) ** 2, 4 - u], 1)
    train = test - np.stack([0.02 * u, 0.01 * u], 1)
    blank = np.full((5, 2), np.nan)
    turns, own = np.array([1.0, 2.0, 4.0, 8.0]), [[1.0, 0.7], [1.0, 0.7], [0.5, 0.6], [0.5, 0.5]]
    counts = np.array([[0, 0]] * 4 + [[3, 1]])
    rest = (blank, blank, counts, turns, np.array(own), 0.5)
    found = ClassTraining(steps, train, test, *rest)
    assert found.best_step == pytest.approx([10 * 2**2.3, math.nan], nan_ok=True)
    assert found.best_test.tolist() == pytest.approx([0.09, 0.0])
    assert found.opens(0.05) == pytest.approx([10 * 2**2.5, math.nan], nan_ok=True)
    assert found.recognized() == pytest.approx([2 * 2**0.5, math.nan], nan_ok=True)
    assert found.shares[-1].tolist() == [0.75, 0.25]
    assert np.isnan(found.shares[0]).all()


@pytest.mark.slow
def test_losses_fall_but_not_below_those_of_the_exact_denoiser():
    data, labels, held_out, others = two_digits((12, 12), seed=0)
    settings = {"steps": 240, "marks": 6, "rate": 4e-3, "sigmas": SIGMAS[1:], "seed": 0}
    found = class_training(data, labels, held_out, others, **settings)
    assert found.steps.tolist() == [2, 5, 14, 35, 92, 240]
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
    assert found.shares[-1, 0] == pytest.approx(0.5, abs=0.15)  # 4 s.e. of 200 samples
    assert set(found.to_dict()) >= {"steps", "train", "test", "copies", "own_class"}


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


def test_moments_are_those_of_the_standardised_rows():
    rows, labels = load("digits")
    found = class_moments(rows, labels)
    pixels = rows.numpy() - rows.numpy().mean(0)
    pixels /= np.sqrt((pixels**2).mean())
    for given in (rows, rows.numpy()):
        assert found.standardised(given).numpy() == pytest.approx(pixels, abs=1e-6)
    with pytest.raises(ValueError, match=r"rows must have shape \(rows, 64\)"):
        found.standardised(rows[:, :-1])
    for c in range(10):
        own = pixels[labels.numpy() == c]
        assert found.counts[c] == len(own)
        assert found.variance[c] == pytest.approx(own.var(0).mean())
        assert found.distance[c] == pytest.approx((own.mean(0) ** 2).mean())
        assert found.centres[c].numpy() == pytest.approx(own.mean(0), abs=1e-12)
    assert found.counts @ (found.variance + found.distance) / len(rows) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Fashion-MNIST")
def test_moments_of_clothes_are_those_that_others_have_computed():
    data = load_data("fashion")
    found = class_moments(data.rows, data.labels)
    variance = [0.604, 0.378, 0.701, 0.526, 0.626, 0.587, 0.716, 0.368, 0.914, 0.610]
    distance = [0.314, 0.538, 0.285, 0.327, 0.342, 0.539, 0.119, 0.640, 0.286, 0.579]
    assert found.variance == pytest.approx(variance, abs=0.0006)  # of three places
    assert found.distance == pytest.approx(distance, abs=0.0006)


@pytest.mark.parametrize("seed", [None, torch.Generator().manual_seed(0)])
def test_the_noise_of_losses_is_one_at_all_marks_whatever_the_seed(seed):
    found = gaussian_network(steps=6, marks=4, seed=seed, draws=1)[0]
    for losses in (found.train, found.test):  # weights hardly move: other noise would move these
        assert losses == pytest.approx(np.tile(losses[-1], (4, 1)), rel=1e-4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"draws": 0}, "draws must be a whole number of at least 1"),
        ({"sampled": 0}, "sampled must be a whole number of at least 1"),
        ({"held_out": torch.ones(4, 2)}, r"held_out must have shape \(rows, 3\), got \(4, 2\)"),
        ({"turns": [1e300]}, "turns must lie in"),
        ({"sigmas": [1e-300]}, "sigmas must lie in"),
        ({"sigmas": []}, "sigmas must be at least one noise level"),
        ({"sigmas": 0.5}, "sigmas must be a row of numbers, got 0.5"),
        ({"sigmas": ["near"]}, "sigmas must be numbers"),
        ({"turns": None}, "turns must be numbers"),
    ],
)
def test_nothing_is_refused_after_the_training(given, message, monkeypatch):
    monkeypatch.setattr("bridges.classes.training.train_denoiser", None)
    data, labels = torch.randn(4, 3), torch.arange(4) % 2
    asked = {"data": data, "labels": labels, "held_out": data, "held_out_labels": labels}
    with pytest.raises(ValueError, match=message):
        class_training(**(asked | given))
