"""Rules of guidance whose weight depends on the point, against formulas and an exact target."""

import math

import pytest
import torch
from gaussian import randn

from diffusion import VE, EmpiricalDenoiser, GaussianMixtureDenoiser, GuidedDenoiser, sample
from diffusion.guidance import (
    Capped,
    FeedbackGuidance,
    GeneralGuidance,
    Power,
    PowerLawGuidance,
    ProjectedGuidance,
)

MIXTURE = GaussianMixtureDenoiser(randn(5, 3), 0.4)
OWN = MIXTURE.condition(2)
X = 2 * randn(7, 3, seed=1)
SIGMAS = torch.tensor([0.1, 0.3, 0.5, 0.8, 1.0, 2.0, 5.0], dtype=torch.float64)


def by_hand(phi, sigma):
    """s_c + φ(s_c − s_u) by the scores, row by row."""
    rows = []
    for x, level in zip(X, sigma.tolist(), strict=True):
        own, whole = (m.score(x[None], level)[0] for m in (OWN, MIXTURE))
        r = float((own - whole).square().sum()) ** 0.5
        rows.append(x + level**2 * (own + phi(level, r) * (own - whole)))
    return torch.stack(rows)


@pytest.mark.parametrize(
    ("rule", "phi"),
    [
        (Power(1.7, 0.9), lambda s, r: 1.7 * r**0.9),
        (Power(0.8, 0.5, over_noise=True), lambda s, r: 0.8 * math.sqrt(r / s)),
        (Capped(Power(2.0, 1.0), 1.5), lambda s, r: min(1.5, 2 * r)),
        (lambda sigma, r: sigma * r / (1 + r), lambda s, r: s * r / (1 + r)),
        (lambda sigma, r: -0.5, lambda s, r: -0.5),
    ],
)
def test_any_rule_is_what_it_says(rule, phi):
    found = GeneralGuidance(OWN, MIXTURE, rule)(X, SIGMAS)
    assert torch.allclose(found, by_hand(phi, SIGMAS), atol=1e-12)


def test_constants_and_powers_are_those_of_the_other_kinds():
    three = GeneralGuidance(OWN, MIXTURE, lambda sigma, r: 3)
    assert torch.equal(three(X, 0.8), GuidedDenoiser(OWN, MIXTURE, 3.0)(X, 0.8))
    nothing = GeneralGuidance(OWN, MIXTURE, Power(0.0))
    assert torch.equal(nothing(X, 0.8), OWN(X, 0.8))
    power = GeneralGuidance(OWN, MIXTURE, Power(1.3, 0.7))
    assert torch.allclose(
        power(X, SIGMAS), PowerLawGuidance(OWN, MIXTURE, 1.3, 0.7)(X, SIGMAS), atol=1e-12
    )
    t = SIGMAS / (1 + SIGMAS)  # flow matching, t = 1 at the noise
    r = torch.linspace(0.1, 3, 7).double()
    flow = Power(1.0, 0.6, over_noise=True)(SIGMAS, r)
    assert torch.allclose(flow, ((1 - t) / t * r) ** 0.6, atol=1e-14)
    single = GaussianMixtureDenoiser(MIXTURE.means.float(), 0.4)
    guided = GeneralGuidance(single.condition(0), single, Power(1.0))
    assert guided(X.float(), 0.8).dtype == torch.float32


def spoilt(share, weights=(0.2, 0.5, 0.3), d=2):
    """A mixture, class 1 of it with a share of the whole, and the class itself."""
    whole = GaussianMixtureDenoiser(
        1.5 * randn(3, d, seed=4), torch.tensor([0.3, 0.5, 0.8]).double(), list(weights)
    )
    mixed = share * whole.weights + (1 - share) * torch.tensor([0.0, 1.0, 0.0]).double()
    return GaussianMixtureDenoiser(whole.means, whole.spectra[0], mixed), whole, whole.condition(1)


def test_feedback_guidance_finds_the_class_itself():
    """At every noise level, also where w is far above what anyone would set."""
    share = 0.3
    conditional, whole, own = spoilt(share)
    guided = FeedbackGuidance(conditional, whole, share, largest=1e12)
    for sigma in (0.05, 0.3, 1.0, 4.0, 30.0):
        clean, _ = own.draw(400, seed=1)
        x = clean + sigma * randn(400, 2, seed=2)
        assert (guided(x, sigma) - own(x, sigma)).abs().max() < 1e-9 * max(1.0, sigma)
        assert (guided.score(x, sigma) - own.score(x, sigma)).abs().max() < 1e-9 / min(1, sigma**2)
    ratio = torch.exp(conditional.log_density(x, sigma) - whole.log_density(x, sigma))
    assert torch.allclose(guided.weights(x, sigma), share / (ratio - share), rtol=1e-9)
    constant = GuidedDenoiser(conditional, whole, 0.5)  # one weight does not
    assert (constant(x, 1.0) - own(x, 1.0)).abs().max() > 0.05


def test_its_samples_are_those_of_the_class():
    share = 0.3
    conditional, whole, own = spoilt(share)
    start = 60.0 * randn(200, 2)
    levels = [60.0 * 0.85**k for k in range(60)] + [0.0]
    ends = [
        sample(one, start, VE(), levels=levels)
        for one in (FeedbackGuidance(conditional, whole, share), own, conditional)
    ]
    assert (ends[0] - ends[1]).norm(dim=1).max() < 1e-5
    assert (ends[2] - ends[1]).norm(dim=1).mean() > 0.1


def test_its_weight_is_bounded_and_its_ratio_may_be_given():
    conditional, whole, _ = spoilt(0.3)
    far = torch.full((1, 2), -40.0).double()
    bounded = FeedbackGuidance(conditional, whole, 0.3, largest=7.0)
    assert bounded.weights(far, 1.0).tolist() == [7.0]
    known = FeedbackGuidance(conditional, whole, 0.3, log_ratio=lambda x, s: x[:, 0].log())
    x = torch.tensor([[0.2, 0.0], [0.8, 0.0], [1.3, 0.0]]).double()
    assert known.weights(x, 1.0).tolist() == pytest.approx([1e6, 0.6, 0.3])  # 0.2 < π
    none = FeedbackGuidance(conditional, whole, 0.0)
    assert torch.equal(none(x, 1.0), conditional(x, 1.0))
    far = 1e3 * x  # where p_c/p_u is 0 to double precision
    assert torch.equal(none(far, 0.1), conditional(far, 0.1))


GUIDED = [
    lambda own, whole: GuidedDenoiser(own, whole, 2.0),
    lambda own, whole: PowerLawGuidance(own, whole, 1.3, 0.7),
    lambda own, whole: FeedbackGuidance(own, whole, 0.1, largest=5.0),
    lambda own, whole: ProjectedGuidance(own, whole, 2.0),
    lambda own, whole: ProjectedGuidance(own, whole, 2.0, radius=0.5),
]


@pytest.mark.parametrize("guided", GUIDED)
def test_models_of_two_precisions_are_guided_in_that_of_the_conditional_one(guided):
    single = GaussianMixtureDenoiser(MIXTURE.means.float(), 0.4)
    own = single.condition(2)
    for sigma in (0.8, SIGMAS):
        found = guided(own, MIXTURE)(X.float(), sigma)
        assert found.dtype == torch.float32
        assert torch.allclose(found, guided(own, single)(X.float(), sigma), atol=1e-4)


@pytest.mark.parametrize("guided", GUIDED)
def test_guided_denoisers_have_jacobians(guided):
    """By differences, also where both models agree: there it is that of either."""
    assert torch.autograd.gradcheck(
        lambda x: guided(OWN, MIXTURE)(x, 0.8), X.clone().requires_grad_()
    )
    slope = torch.autograd.functional.jacobian(lambda x: guided(OWN, OWN)(x, 0.8), X)
    expected = torch.autograd.functional.jacobian(lambda x: OWN(x, 0.8), X)
    assert torch.allclose(slope, expected, atol=1e-12)


def test_reprs_say_how_much_guidance_there_is():
    head = "conditional GaussianMixtureDenoiser, d=3, "
    assert repr(FeedbackGuidance(OWN, MIXTURE, 0.2)) == f"FeedbackGuidance({head}share=0.2)"
    power = "φ=Power(gamma=1.0, exponent=2.0, over_noise=False)"
    assert repr(PowerLawGuidance(OWN, MIXTURE, 1, 2)) == f"PowerLawGuidance({head}{power})"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: GeneralGuidance(OWN, MIXTURE, 3.0), "phi must be a function of σ and r"),
        (
            lambda: GeneralGuidance(OWN, MIXTURE, lambda s, r: math.nan)(X, 1.0),
            "phi.sigma, r. must be finite numbers .7,., got nan",
        ),
        (lambda: GeneralGuidance(OWN, MIXTURE, lambda s, r: r[:2])(X, 1.0), "must be finite num"),
        (lambda: Power(math.nan), "gamma must be a finite number"),
        (lambda: Power(1.0, -1.0), "exponent must lie in"),
        (lambda: Power(1.0, over_noise=2), "over_noise must be"),
        (lambda: Capped(Power(1.0), math.inf), "w must be a finite number"),
        (lambda: Capped(3.0, 1.0), "rule must be a function"),
        (lambda: FeedbackGuidance(OWN, MIXTURE, 1.0), "share must lie in"),
        (lambda: FeedbackGuidance(OWN, MIXTURE, 0.3, largest=-1.0), "largest must lie in"),
        (
            lambda: FeedbackGuidance(lambda x, s: x, MIXTURE, 0.3),
            "conditional must have log_density",
        ),
        (lambda: FeedbackGuidance(OWN, MIXTURE, 0.3, log_ratio=1.0), "log_ratio must be a func"),
        (
            lambda: FeedbackGuidance(OWN, MIXTURE, 0.3, log_ratio=lambda x, s: x)(X, 1.0),
            "log_ratio.x, sigma. must be numbers .7,.",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_data_without_width_have_a_ratio_too():
    """The empirical denoiser of a class knows its density as well."""
    data = randn(12, 2)
    whole = EmpiricalDenoiser(data)
    guided = FeedbackGuidance(EmpiricalDenoiser(data[:5]), whole, 0.1)
    assert torch.isfinite(guided(X[:, :2], 0.7)).all()


@pytest.mark.parametrize("covariance", ["isotropic", "full"])
def test_a_condition_per_row_is_that_of_each_row(covariance):
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    root = torch.randn(3, 4, 4, generator=generator, dtype=torch.float64)
    full = root @ root.mT + 0.1 * torch.eye(4).double()
    mixture = GaussianMixtureDenoiser(means, 0.5 if covariance == "isotropic" else full)
    labels = torch.tensor([2, 0, 1, 2, 0])
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    rows = mixture.condition(labels)
    guided = FeedbackGuidance(rows, mixture, share=0.1)
    for k, label in enumerate(labels.tolist()):
        own, at = mixture.condition(label), x[k : k + 1]
        assert torch.allclose(rows.log_density(x, 0.7)[k], own.log_density(at, 0.7)[0])
        assert torch.allclose(rows.score(x, 0.7)[k], own.score(at, 0.7)[0])
        one = FeedbackGuidance(own, mixture, share=0.1)
        assert torch.allclose(guided(x, 0.7)[k], one(at, 0.7)[0])
        assert torch.allclose(guided.weights(x, 0.7)[k], one.weights(at, 0.7)[0])
    with pytest.raises(ValueError, match="label"):
        rows.log_density(x[:2], 0.7)
