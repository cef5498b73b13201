import math

import pytest
import torch
from measured import agree, normal, sphere

from hopfield import DenseMemory, entmax

ALPHAS = (1.0, 1.2, 1.5, 2.0, 3.0)


def omega(p, alpha):
    if alpha == 1:
        return torch.special.xlogy(p, p).sum(-1)
    return (p.pow(alpha).sum(-1) - 1) / (alpha * (alpha - 1))


# Reference: three logits, six digits.
@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (1.0, (0.574097, 0.348207, 0.077696)),
        (1.5, (0.673993, 0.326007, 0.0)),
        (2.0, (0.75, 0.25, 0.0)),
    ],
)
def test_reference_digits(alpha, expected):
    z = torch.tensor([[1.0, 0.5, -1.0]], dtype=torch.float64)
    expected = torch.tensor([expected], dtype=torch.float64)
    assert (entmax(z, alpha) - expected).abs().max() < 1e-6


@pytest.mark.parametrize("alpha", ALPHAS)
def test_it_maximises_among_all_weights(alpha):
    """Against random points of the simplex, near the maximum and far from it."""
    z = 3 * normal(40, 7, seed=0)
    p = entmax(z, alpha)
    assert torch.allclose(p.sum(1), torch.ones(40, dtype=torch.float64))
    best = (p * z).sum(1) - omega(p, alpha)
    others = torch.softmax(4 * normal(200, 40, 7, seed=1), -1)
    for share in (1.0, 0.1, 0.001):
        q = (1 - share) * p + share * others
        assert ((q * z).sum(-1) - omega(q, alpha) <= best + 1e-12).all()


@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_sorting_agrees_with_bisection(alpha):
    """The two α that are solved by sorting, against α just beside them; shifts change nothing."""
    z = torch.cat([normal(30, 50, seed=0), 1e3 * normal(30, 50, seed=1), torch.zeros(1, 50)])
    assert (entmax(z, alpha) - entmax(z, alpha + 1e-10)).abs().max() < 1e-7
    assert (entmax(z, alpha) - entmax(z + 1e4, alpha)).abs().max() < 1e-9
    assert (entmax(z.float(), alpha) - entmax(z, alpha).float()).abs().max() < 1e-4
    assert torch.equal(entmax(z[-1:], alpha), torch.full_like(z[-1:], 1 / 50))


def test_near_one_it_is_the_softmax():
    z = normal(20, 9, seed=0)
    for close in (1.0, 1 + 1e-12, 1 + 1e-6):
        assert (entmax(z, close) - torch.softmax(z, 1)).abs().max() < 1e-5


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("b", [True, False])
def test_energy_is_its_definition_and_its_gradient_the_update(alpha, b):
    xi, x = normal(12, 6, seed=0), normal(9, 6, seed=1).requires_grad_()
    memory = DenseMemory(xi, "entmax", beta=0.7, alpha=alpha, norm_correction=b)
    energy = memory.energy(x)
    (slope,) = torch.autograd.grad(energy.sum(), x)
    x = x.detach()
    z = 0.7 * x @ xi.T - b * 0.35 * xi.square().sum(1)
    p = entmax(z, alpha)
    expected = x.square().sum(1) / 2 - ((p * z).sum(1) - omega(p, alpha)) / 0.7
    assert torch.allclose(energy.detach(), expected)
    assert (memory.step(x) - (x - slope)).abs().max() < 1e-12
    assert torch.allclose(memory.weights(x) @ xi, memory.step(x))
    assert torch.equal(memory.active(x), (p > 0).sum(1))


def test_alpha_one_is_the_exponential_memory():
    xi, x = normal(12, 6, seed=0), normal(9, 6, seed=1)
    one, soft = DenseMemory(xi, "entmax", beta=0.7, alpha=1), DenseMemory(xi, beta=0.7)
    assert torch.allclose(one.step(x), soft.step(x))
    assert torch.allclose(one.energy(x), soft.energy(x))
    assert (one.exact(xi) == -1).all()  # never exact


@pytest.mark.parametrize("alpha", [1 + 1e-7, 1 + 1e-5, 1.01, 1.5])
def test_single_precision_keeps_its_digits_near_the_softmax(alpha):
    """1/(α − 1) multiplies errors of powers and of Ω unless they are taken with care."""
    z, patterns = 3 * normal(20, 40, seed=0), normal(30, 10, seed=1)
    assert (entmax(z.float(), alpha).double() - entmax(z, alpha)).abs().max() < 1e-6
    states = patterns[:5] + 0.3
    single = DenseMemory(patterns.float(), "entmax", alpha=alpha).energy(states.float())
    double = DenseMemory(patterns, "entmax", alpha=alpha).energy(states)
    assert (single.double() - double).abs().max() < 1e-5  # of 10


@pytest.mark.parametrize("alpha", [*ALPHAS, 10.0])
def test_weights_have_derivatives(alpha):
    """First ones in closed form, diag(s) − ssᵀ/Σs with s = p^{2−α}; both by differences."""
    z = normal(3, 6, seed=0).requires_grad_()
    p = entmax(z, alpha)
    J = torch.stack([torch.autograd.grad(one, z, retain_graph=True)[0] for one in p.sum(0)], 1)
    s = torch.where(p > 0, p.clamp(min=1e-300) ** (2 - alpha), 0.0)
    expected = torch.diag_embed(s) - s[:, :, None] * s[:, None] / s.sum(1)[:, None, None]
    assert torch.allclose(J, expected, atol=1e-10)
    if alpha <= 2:  # beyond, slopes diverge where a weight vanishes, and differences with them
        pull = normal(3, 6, seed=2).requires_grad_()
        assert torch.autograd.gradgradcheck(lambda q: entmax(q, alpha), z, pull)


def test_weights_have_derivatives_between_two_patterns():
    """Two largest logits alike and all others far below them."""
    z = torch.tensor([[0.0, 0.0, -9.0, -9.0]], dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(entmax(z, 1.5)[0, 0], z)[0]
    expected = torch.tensor([[1.0, -1.0, 0.0, 0.0]]) * 0.5**0.5 / 2  # s = p^{1/2}
    assert torch.allclose(slope, expected.double())


@pytest.mark.parametrize("alpha", [1.0, 1.3, 1.5])
def test_curvature_of_the_energy_is_that_of_the_update(alpha):
    """∂²E = 1 − ∂D, both of several patterns at once."""
    memory = DenseMemory(normal(30, 5, seed=0), "entmax", beta=0.5, alpha=alpha)
    x = normal(1, 5, seed=1)
    single = DenseMemory(memory.patterns.float(), "entmax", beta=0.5, alpha=alpha)
    single.energy(x.float().requires_grad_()).sum().backward()  # without a warning
    curvature = torch.autograd.functional.hessian(lambda q: memory.energy(q).sum(), x)
    slope = torch.autograd.functional.jacobian(memory.step, x)
    assert memory.active(x) > 2
    assert torch.allclose(curvature[0, :, 0], torch.eye(5) - slope[0, :, 0], atol=1e-10)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_steps_lower_the_energy(alpha):
    memory = DenseMemory(normal(30, 8, seed=0), "entmax", beta=1.5, alpha=alpha)
    x = 2 * normal(50, 8, seed=1)
    for _ in range(6):
        following = memory.step(x)
        fall = memory.energy(x) - memory.energy(following)
        assert (fall - (x - following).square().sum(1) / 2 >= -1e-10).all()  # descent lemma
        x = following


@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0])
def test_a_step_is_exact_iff_the_gap_is_large_enough(alpha):
    """500 random cues, about half of which are retrieved exactly."""
    xi = sphere(30, 12, seed=0)
    generator = torch.Generator().manual_seed(1)
    beta = {1.2: 1.5, 1.5: 0.6, 2.0: 0.3}[alpha]
    own = torch.randint(30, (500,), generator=generator)
    x = xi[own] + 0.8 * normal(500, 12, seed=generator)
    memory = DenseMemory(xi, "entmax", beta=beta, alpha=alpha)
    z = beta * (x @ xi.T - xi.square().sum(1) / 2)
    top = z.topk(2, dim=1)
    parted = top.values[:, 0] - top.values[:, 1] >= 1 / (alpha - 1)
    assert 50 < parted.sum() < 450
    step = memory.step(x)
    equal = (step[:, None] - xi).abs().amax(2) < 1e-12
    assert torch.equal(equal.any(1), parted)
    assert torch.equal(memory.exact(x), torch.where(parted, top.indices[:, 0], -1))
    assert torch.equal(equal[parted].long().argmax(1), memory.exact(x)[parted])


# Reference: N = 20 spherical, P = 55, cues ξ + sz, σ = s, 12 books of 60 cues.
@pytest.mark.parametrize(
    ("alpha", "noise", "one_step", "fixed"),
    [
        (1.5, 0.5, (1.0, 0.0), (1.0, 0.0)),
        (1.5, 1.0, (0.874, 0.013), (0.957, 0.008)),
        (1.5, 1.5, (0.369, 0.016), (0.681, 0.023)),
        (2.0, 0.5, (1.0, 0.0), (1.0, 0.0)),
        (2.0, 1.0, (0.911, 0.009), (0.944, 0.006)),
        (2.0, 1.5, (0.524, 0.016), (0.668, 0.016)),
    ],
)
def test_exact_retrieval_from_noisy_cues(alpha, noise, one_step, fixed):
    found = {"one": [], "fixed": [], "nearest": []}
    for seed in range(12):
        generator = torch.Generator().manual_seed(1000 + seed)
        xi = sphere(55, 20, seed=seed)
        own = torch.randint(55, (60,), generator=generator)
        x = xi[own] + noise * normal(60, 20, seed=generator)
        memory = DenseMemory(xi, "entmax", beta=noise**-2, alpha=alpha)
        ends = memory.relax(x, max_sweeps=500).states
        for name, states in (("one", memory.step(x)), ("fixed", ends)):
            exact = (states - xi[own]).abs().amax(1) < 1e-6
            found[name].append(exact.double().mean().item())
        nearest = torch.cdist(x, xi).argmin(1) == own
        found["nearest"].append(nearest.double().mean().item())
    agree(found["one"], one_step, "one step", rounding=5e-4)
    agree(found["fixed"], fixed, "fixed point", rounding=5e-4)
    # a fixed point is decoding, but for a few cues; .003 in the reference
    gaps = [a - b for a, b in zip(found["fixed"], found["nearest"], strict=True)]
    assert abs(sum(gaps)) / 12 < 0.006


# Reference: clean cues, N = 20 spherical, cosine of the fixed point ≥ 0.9, 6 books of 32.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("alpha", "beta", "expected"),
    [
        (1.0, 0.25, (1, 0, 0, 0)),
        (1.5, 0.25, (1, 1, 1, (0.917, 0.023))),
        (2.0, 0.25, (1, 1, 1, 1)),
        (1.0, 0.5, (1, 1, 0, 0)),
        (1.5, 0.5, (1, 1, 1, 1)),
        (2.0, 0.5, (1, 1, 1, 1)),
    ],
)
def test_fixed_points_of_clean_cues(alpha, beta, expected):
    for P, wanted in zip((7, 55, 403, 2981), expected, strict=True):
        shares = []
        for seed in range(6):
            xi = sphere(P, 20, seed=seed)
            memory = DenseMemory(xi, "entmax", beta=beta, alpha=alpha)
            ends = memory.relax(xi[:32], max_sweeps=300).states
            near = torch.cosine_similarity(ends, xi[:32]) >= 0.9
            shares.append(near.double().mean().item())
        wanted = wanted if isinstance(wanted, tuple) else (wanted, 0.0)
        agree(shares, wanted, f"P = {P}", rounding=5e-3)  # a cue of 192


def test_a_clean_pattern_is_exact_by_its_gap():
    """|ξ − η|²/2 ≥ σ²/(α − 1) at equal norms: two patterns at a distance r, σ = r√((α − 1)/2)."""
    xi = torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)  # r = 2
    for alpha in (1.2, 1.5, 2.0, 3.0):
        edge = 2 * math.sqrt((alpha - 1) / 2)
        for sigma, exact in ((0.99 * edge, True), (1.01 * edge, False)):
            memory = DenseMemory(xi, "entmax", beta=sigma**-2, alpha=alpha)
            assert torch.equal(memory.exact(xi), torch.tensor([0, 1] if exact else [-1, -1]))
            assert bool((memory.step(xi) - xi).abs().max() < 1e-12) == exact


def test_blocks_do_not_change_the_result(monkeypatch):
    xi, x = normal(300, 10, seed=0), normal(40, 10, seed=1)
    memory = DenseMemory(xi, "entmax", beta=0.4, alpha=1.5)
    energy, step, exact = memory.energy(x), memory.step(x), memory.exact(x)
    monkeypatch.setattr("hopfield.interactions.interaction._BLOCK", 700)
    assert torch.allclose(memory.energy(x), energy, rtol=1e-13, atol=1e-13)
    assert torch.allclose(memory.step(x), step, rtol=1e-13, atol=1e-13)
    assert torch.equal(memory.exact(x), exact)


def test_far_patterns_are_taken_about_their_mean():
    xi, x = normal(30, 8, seed=0), normal(10, 8, seed=1)
    for b in (True, False):
        near, far = (
            DenseMemory(xi + shift, "entmax", beta=1.0, norm_correction=b) for shift in (0.0, 1e7)
        )
        if b:
            assert (far.step(x + 1e7) - 1e7 - near.step(x)).abs().max() < 1e-7
            assert (far.energy(x + 1e7) - near.energy(x)).abs().max() < 1e-6
        assert torch.isfinite(far.energy(x + 1e7)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda xi: DenseMemory(xi, "entmax", alpha=0.9), r"alpha must lie in \[1, 10\]"),
        (lambda xi: DenseMemory(xi, "entmax", states="binary"), "states must be 'real' for"),
        (lambda xi: DenseMemory(xi).exact(xi), "exact needs interaction 'entmax'"),
        (lambda xi: DenseMemory(xi).active(xi), "active needs interaction 'entmax' or"),
        (lambda xi: DenseMemory(xi, "entmax").log_partition(xi), "log_partition needs"),
        (lambda xi: entmax(xi[0]), r"logits must have shape \(rows, columns\)"),
        (lambda xi: entmax(xi, 11), r"alpha must lie in \[1, 10\]"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(sphere(3, 4, seed=0).sign())
