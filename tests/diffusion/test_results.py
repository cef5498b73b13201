"""Every result is plain JSON and has a short repr; so have denoisers and what is learnt."""

import importlib
import json
import math
import pkgutil

import pytest
import torch
from foreign import image_denoiser
from gaussian import TWO, manifold, randn

import diffusion
from diffusion import (
    OU,
    VE,
    Cosine,
    EmpiricalDenoiser,
    GaussianMixtureDenoiser,
    GuidedDenoiser,
    LocalDenoiser,
    NetworkDenoiser,
    RandomFeatureScore,
    ResidualMLP,
    WindowInformation,
    bias_and_variance,
    class_times,
    copy_fraction,
    guidance,
    manifold_dimension,
    planted_posterior,
    relative_energy,
    subspace_signal_to_noise,
    theory,
    train_denoiser,
    window_information,
)
from diffusion._plots import Plotted
from diffusion._results import Result, about, with_error
from diffusion.guidance import distortion, guided_basins, power_samples, two_class_path

MIXTURE = GaussianMixtureDenoiser(randn(2, 4), torch.tensor([1.6, 0.4]))
DATA, LABELS = MIXTURE.draw(30, seed=0)
DENOISER = EmpiricalDenoiser(DATA)
FLOW = RandomFeatureScore(60, 4, time=0.1, seed=0).fit(DATA, LABELS)
TRAINING = train_denoiser(
    DATA, network=ResidualMLP(4, 8, 1, seed=0), steps=3, snapshots=[0, 2], seed=0, quiet=True
)
RESULTS = [
    manifold_dimension(DENOISER, DATA, 0.3),
    manifold_dimension(DENOISER, DATA[:0], 0.3, "effective"),
    relative_energy(DENOISER, DATA, DATA[:1], 0.3, seed=0),
    subspace_signal_to_noise([DENOISER, EmpiricalDenoiser(DATA[:9])], DATA, 1.0, [torch.eye(4)]),
    class_times(FLOW, MIXTURE),
    class_times(FLOW, DATA, LABELS),  # the least loss is not known: NaN
    bias_and_variance(randn(2, 12).reshape(2, 4, 3), randn(4, 3)),
    copy_fraction(DATA, DATA[:9], DATA[9:]),
    planted_posterior(DENOISER, 1.0, draws=5, seed=0),
    window_information(DATA, 1, [0.1, 1.0], draws=5, shape=(2, 2), seed=0),
    distortion(DATA, LABELS, MIXTURE),
    power_samples(GuidedDenoiser(MIXTURE.condition(1), MIXTURE, 0.5), DATA, [2.0, 1.0], seed=0),
    guided_basins(MIXTURE, [0.0, 1.0], [0.5, 1.0], trials=5, steps=4, seed=0),
    two_class_path(4, 1.0, [1.0], count=20, steps=5, seed=0),
    TRAINING,
    TRAINING.history,
    theory.class_course([0.3, 1.0], 1.0, 64),
    theory.hierarchy_times(0.3, 1.0, 64),
    theory.feature_coefficients("tanh", 0.1, [1.0, 2.0]),
    theory.feature_spectrum(16, 4, [1.0], [1.0], 0.1),
    theory.feature_spectrum(16, 4, [1.0], [1.0], 0.1).bulks()[0],
    theory.double_descent([4.0, 16.0], 4.0, 4, 1e-4, 0.1),
    theory.gram_spectrum(9, 2, [1.0, 0.5], 0.1),
    theory.mean_field_path(0.4, 3.0, 0.2),
    theory.speciation_times(0.8, 400.0, 1.0),  # a majority has no median: NaN
]
OTHERS = [
    *(VE(), OU(), Cosine()),
    *(DENOISER, MIXTURE, MIXTURE.condition(LABELS), manifold(TWO)),
    *(NetworkDenoiser(ResidualMLP(4, seed=0)), TRAINING.denoiser, image_denoiser(MIXTURE)),
    GuidedDenoiser(MIXTURE.condition(1), MIXTURE, guidance.Window(3.0, 1.0)),
    guidance.GeneralGuidance(MIXTURE.condition(1), MIXTURE, lambda sigma, r: r),
    guidance.FeedbackGuidance(MIXTURE.condition(1), MIXTURE, 0.1),
    *(FLOW.model, FLOW),
    LocalDenoiser(DATA, 1, shape=(2, 2)),
]


def plain(value):
    """Whether a value holds only what JSON has."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return value is None or isinstance(value, bool | int | float | str)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_results_are_plain_json(result):
    found = result.to_dict()
    assert plain(found)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize("one", [*RESULTS, *OTHERS], ids=lambda one: type(one).__name__)
def test_reprs_are_short(one):
    lines = repr(one).splitlines()
    assert len(lines) <= 5
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith(type(one).__name__)
    assert "tensor(" not in repr(one)
    assert " object at " not in repr(one)


def test_no_result_is_left_out():
    for module in pkgutil.walk_packages(diffusion.__path__, "diffusion."):
        importlib.import_module(module.name)
    found = {*Result.__subclasses__(), *Plotted.__subclasses__()} - {Plotted}
    assert found == {type(result) for result in RESULTS}


def test_what_a_repr_says():
    assert repr(RESULTS[0]).startswith("ManifoldDimension(30 points: value ")
    copies = copy_fraction(DATA, DATA, DATA[:3] + 9.0)  # no error vanishes: 1/31 and 1/4
    assert repr(copies) == "CopyFraction(1, baseline 0, excess 1.00 ± 0.25)"
    assert repr(DENOISER) == "EmpiricalDenoiser(n=30, d=4)"
    assert repr(MIXTURE) == "GaussianMixtureDenoiser(K=2, d=4)"
    assert repr(manifold(TWO)) == "LinearManifoldDenoiser(d=50, m=4)"
    assert repr(FLOW) == ("FeatureFlow(RandomFeatureScore(p=60, d=4, time=0.1), n=30, 2 classes)")


def test_digits_are_those_that_the_error_deserves():
    assert with_error(0.18349, 0.0026) == "0.1835 ± 0.0026"
    assert with_error(1234.5, 56.0) == "1234 ± 56"
    assert with_error(2.0, 0.0) == "2"
    assert with_error(1.23e-36, 8.2e-38) == "(1.230 ± 0.082)e-36"
    assert with_error(math.nan, math.nan) == "nan"
    assert about(torch.tensor([math.nan])) == "nan"
    assert about(torch.tensor([3.0])) == "3"


def test_a_generator_is_a_seed_of_first_weights_and_of_a_training():
    def made(seed):
        return train_denoiser(DATA, network="mlp", steps=2, quiet=True, seed=seed).denoiser

    def generator():
        return torch.Generator().manual_seed(1)

    x = randn(3, 4, seed=5)
    assert torch.equal(made(generator())(x, 0.5), made(generator())(x, 0.5))
    one = generator()
    assert not torch.equal(made(one)(x, 0.5), made(one)(x, 0.5))
    first, second = (ResidualMLP(4, seed=one).read.weight for _ in range(2))
    assert not torch.equal(first, second)


def curve(result):
    """What is drawn first on axes of the user's, x and y."""
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert result.plot(axes, color="red", label="mine") is axes
    assert axes.containers[0].get_label().startswith("mine")
    assert axes.get_xlabel()
    assert axes.get_xscale() == "linear"  # the scales are the user's
    return axes.containers[0].lines[0].get_data()


def test_results_are_drawn_on_axes_of_the_users():
    history, times = TRAINING.history, class_times(FLOW, MIXTURE)
    for one in (TRAINING, history):
        x, y = curve(one)
        assert x.tolist() == history.step.tolist()
        assert y == pytest.approx(history.loss.numpy(), nan_ok=True)
    x, y = curve(times)
    assert (x.tolist(), y.tolist()) == (times.times.tolist(), times.train[:, 0].tolist())
    known = next(one for one in RESULTS if isinstance(one, WindowInformation))
    x, y = curve(known)
    assert (x.tolist(), y.tolist()) == (known.sigma.tolist(), known.value.tolist())
    course = theory.class_course([0.3, 1.0], 1.0, 64)
    x, y = curve(course)
    assert (x.tolist(), y.tolist()) == (course.time.tolist(), course.m.tolist())
    drawn = {type(one) for one in RESULTS if isinstance(one, Plotted)}
    assert {one.__name__ for one in drawn} == {
        *("ClassCourse", "ClassTimes", "FeatureSpectrum", "History", "Training"),
        "WindowInformation",
    }


def test_the_density_that_is_drawn_has_the_mass_of_its_bulk():
    spectrum = theory.feature_spectrum(16, 4, [1.0], [1.0], 0.1)
    x, y = curve(spectrum)
    assert float(((y[1:] + y[:-1]) / 2 * (x[1:] - x[:-1])).sum()) == pytest.approx(
        spectrum.bulks()[0].mass, rel=0.02
    )  # the trapezoidal rule near square-root edges
