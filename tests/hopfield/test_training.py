"""Iterative rules: each step against its definition, their promises, bad input."""

from __future__ import annotations

import numba
import numpy as np
import pytest
import torch
from measured import random_couplings

from hopfield import (
    FixedPoint,
    HopfieldNetwork,
    Kawasaki,
    Thermal,
    Uniform,
    _training_kernels,
    daydream,
    flip_spins,
    hebbian,
    overlap,
    random_patterns,
    stabilities,
    symmetric_perceptron,
    train_with_noise,
    unlearn,
)
from hopfield.theory import noise_norm

XI = random_patterns(9, 30, seed=0)  # even N, odd P: Hebb's fields are never zero
RULES = {
    "uniform": lambda **kw: train_with_noise(XI, 0.5, **{"steps": 40, "rate": 0.1} | kw),
    "normalised": lambda **kw: train_with_noise(
        XI, 0.5, **{"steps": 40, "rate": (0.3, 0.1), "normalize": True} | kw
    ),
    "fixed-point": lambda **kw: train_with_noise(
        XI, 0.5, "fixed-point", **{"steps": 40, "rate": 0.1, "symmetric": True} | kw
    ),
    "thermal": lambda **kw: train_with_noise(
        XI, 0.5, Thermal(0.5, 3), **{"steps": 40, "rate": 0.1} | kw
    ),
    "kawasaki": lambda **kw: train_with_noise(
        XI, 0.5, Kawasaki(0.5, 3), **{"steps": 40, "rate": 0.1, "symmetric": True} | kw
    ),
    "callable": lambda **kw: train_with_noise(
        XI, 0.5, lambda J, x, m, g: flip_spins(x, m, g), **{"steps": 40, "rate": 0.1} | kw
    ),
    "unlearn": lambda couplings=None, **kw: unlearn(
        hebbian(XI) if couplings is None else couplings, **{"steps": 40, "patterns": XI} | kw
    ),
    "batched": lambda couplings=None, **kw: unlearn(
        hebbian(XI) if couplings is None else couplings,
        **{"steps": 40, "batch": 7, "patterns": XI} | kw,
    ),
    "daydream": lambda **kw: daydream(XI, **{"steps": 40} | kw),
}


def _fixed(state):
    """A source that always gives this state."""
    return lambda couplings, target, m, generator: state[None]


@pytest.fixture
def fixed_point():
    """A fixed point of Hebb's couplings, reached from random spins."""
    network = HopfieldNetwork(hebbian(XI))
    end = network.relax(random_patterns(1, 30, seed=1), seed=2)
    assert end.converged.all()
    return end.states[0]


# ── one step ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rate", [0.02, 0.3, 1.0])
def test_unlearning_is_the_symmetrised_step_on_a_fixed_point(fixed_point, rate):
    """To the last bit: the multiples of the step are exact, and added once."""
    s, start = fixed_point, hebbian(XI)
    step = torch.tensor(rate / 2, dtype=torch.float64) / 30
    dream = torch.outer(s, s).fill_diagonal_(0.0)
    for target in XI:
        trained = train_with_noise(
            target[None], 0.0, _fixed(s), steps=1, rate=rate, symmetric=True, couplings=start
        ).couplings
        cross = (torch.outer(target, s) + torch.outer(s, target)).fill_diagonal_(0.0)
        assert torch.equal(trained, start + step * (cross / 2 - dream))
    unlearned = unlearn(start, steps=1, rate=rate / 2, seed=3).couplings
    found = (start - unlearned) / step
    own = torch.cat([torch.ones(1), found[0, 1:].sign()]).to(s)  # S up to a common sign
    dream = torch.outer(own, own).fill_diagonal_(0.0)
    assert torch.equal(unlearned, start - step * dream)
    assert torch.equal(HopfieldNetwork(start).step(own[None])[0], own)


@pytest.mark.parametrize("symmetric", [False, True])
def test_one_step_is_its_definition(symmetric):
    start = random_couplings(30, 0, symmetric=False)
    s, target = random_patterns(2, 30, seed=5)
    result = train_with_noise(
        target[None], 0.0, _fixed(s), steps=1, rate=0.4, symmetric=symmetric, couplings=start
    )
    errors = ((target * (start @ s)) <= 0).to(s)
    step = 0.4 / 30 * torch.outer(errors * target, s)
    if symmetric:
        step = (step + step.T) / 2
    step.fill_diagonal_(0.0)
    torch.testing.assert_close(result.couplings, start + step, rtol=0, atol=1e-15)


def test_normalised_step_projects_each_row():
    s, target = random_patterns(2, 30, seed=5)
    start = hebbian(XI)
    unit = start / start.norm(dim=1, keepdim=True)
    result = train_with_noise(
        target[None], 0.0, _fixed(s), steps=1, rate=0.4, normalize=True, couplings=3 * start
    )
    errors = ((target * (unit @ s)) <= 0).to(s)
    moved = unit + (0.4 / 30 * torch.outer(errors * target, s)).fill_diagonal_(0.0)
    torch.testing.assert_close(result.couplings, moved / moved.norm(dim=1, keepdim=True))
    assert result.history.norm_ratio[-1] == pytest.approx(1.0)


def test_normalised_row_may_pass_through_zero():
    """Two spins, λ = 2: the first step cancels the couplings, the second makes new ones."""
    start = torch.tensor([[0.0, -1.0], [-1.0, 0.0]], dtype=torch.float64)
    pair = torch.ones(1, 2)
    kw = {"rate": 2.0, "normalize": True, "couplings": start, "checkpoints": []}
    assert (train_with_noise(pair, 1.0, steps=1, **kw).couplings == 0).all()
    assert torch.equal(train_with_noise(pair, 1.0, steps=2, **kw).couplings, -start)


def test_from_zero_every_field_is_a_mistake():
    """From zero couplings one step is (λ/N) ξ_i S_j: it shows the state, source by source."""
    target = random_patterns(1, 400, seed=6)
    frozen = hebbian(random_patterns(101, 400, seed=7))
    network = HopfieldNetwork(frozen)

    def state(noise, m, seed=0):
        step = train_with_noise(
            target, m, noise, steps=1, rate=1.0, couplings=torch.zeros(400, 400), seed=seed
        ).couplings
        rows = (step * target.T.to(step) * 400).round()
        return torch.where(rows[0] == 0, rows[1], rows[0])[None].to(torch.float64)

    assert torch.equal(state("uniform", 1.0), target)
    means = torch.cat([overlap(state("uniform", 0.5, k), target) for k in range(20)])
    assert abs(float(means.mean()) - 0.5) < 4 * np.sqrt(0.75 / 8000)
    settled = state(FixedPoint(landscape=frozen), 0.5)
    assert torch.equal(network.step(settled), settled)
    swapped = state(Kawasaki(0.3, landscape=frozen), 0.5)
    assert float(overlap(swapped, target)) == 0.5
    assert float(network.energy(swapped)) < -0.2 * 400  # random states have zero
    warm = torch.cat([state(Thermal(0.8, 60, frozen), 0.0, k) for k in range(12)])
    reference = Thermal(0.8, 60)(frozen, target.expand(12, 400), 0.0, seed=0)
    ours, theirs = network.energy(warm), network.energy(reference)
    error = torch.sqrt((ours.var() + theirs.var()) / 12)
    assert abs(float(ours.mean() - theirs.mean())) < 4 * float(error)


def test_compiled_sources_are_their_python_selves():
    """Norm and stability after a run, compiled and through the callable, over seeds."""
    for source in (Uniform(), FixedPoint(), Thermal(0.5, 5), Kawasaki(0.5, 5)):
        kw = {"steps": 200, "rate": 0.1, "normalize": True, "checkpoints": []}
        interpreted = lambda J, x, m, g, source=source: source(J, x, m, g)  # noqa: E731
        runs = [
            [
                float(train_with_noise(XI, 0.4, noise, seed=seed, **kw).history.mean_stability[-1])
                for seed in range(12)
            ]
            for noise in (source, interpreted)
        ]
        error = np.sqrt(np.var(runs[0], ddof=1) / 12 + np.var(runs[1], ddof=1) / 12)
        assert abs(np.mean(runs[0]) - np.mean(runs[1])) < 4 * error, source


def test_norm_carried_along_is_the_norm():
    """What the temperature follows: Σ J_ij² through 300 steps of either kind."""
    for symmetric in (False, True):
        columns = hebbian(XI).numpy().copy()
        norm2 = np.full(2, (columns**2).sum())
        _training_kernels.train(
            columns,
            XI.numpy(),
            np.empty((0, 0)),
            _training_kernels.FIXED_POINT,
            0.3,
            0.0,
            100,
            np.full(300, 0.05),
            symmetric,
            False,
            np.zeros(30),
            np.arange(30),
            np.ones(1, np.uint64),
            norm2,
        )
        assert norm2[0] == pytest.approx((columns**2).sum(), rel=1e-10)


def test_daydream_adds_a_pattern_to_each_dream():
    start = hebbian(XI)
    step = (daydream(XI, steps=1, rate=0.5, seed=0).couplings - start) * 30 / 0.5
    whole = step.round()
    torch.testing.assert_close(step, whole, rtol=0, atol=1e-12)
    candidates = [torch.outer(x, x).fill_diagonal_(0.0) - whole for x in XI]
    # One pattern must leave a dream, S Sᵀ off the diagonal: entries ±1, and fixed.
    dreams = [c for c in candidates if (c.abs().sum(1) == 29).all()]
    assert len(dreams) == 1
    s = torch.cat([torch.ones(1).to(start), dreams[0][0, 1:]])
    assert torch.equal(torch.outer(s, s).fill_diagonal_(0.0), dreams[0])
    assert torch.equal(HopfieldNetwork(start).step(s[None])[0], s)


def test_perceptron_step_is_its_definition():
    result = symmetric_perceptron(XI, 0.8, steps=1, rate=0.3)
    start = hebbian(XI)
    wrong = (stabilities(start, XI) < 0.8).to(XI)
    step = torch.einsum("mi,mj->ij", wrong * XI, XI)
    expected = start + 0.3 / 30 * (step + step.T)
    torch.testing.assert_close(result.couplings, expected.fill_diagonal_(0.0))


def test_perceptron_stops_when_all_margins_are_met():
    result = symmetric_perceptron(XI, 0.5)
    assert result.history.min_stability[-1] >= 0.5
    assert result.history.steps[-1] < 10_000
    short = symmetric_perceptron(XI, 0.5, steps=int(result.history.steps[-1]) - 1)
    assert short.history.min_stability[-1] < 0.5
    from_zero = symmetric_perceptron(XI, 0.1, couplings=torch.zeros(30, 30))
    assert (stabilities(from_zero.couplings, XI) > 0).all()


# ── promises ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", RULES)
def test_every_rule_keeps_its_promises(name):
    run = RULES[name]
    result = run(seed=0)
    couplings, history = result.couplings, result.history
    assert (couplings.diagonal() == 0).all()
    assert torch.equal(couplings, run(seed=0).couplings)
    assert not torch.equal(couplings, run(seed=1).couplings)
    one, two = (run(seed=torch.Generator().manual_seed(0)).couplings for _ in range(2))
    assert torch.equal(one, two)
    # What is recorded changes nothing.
    other = run(seed=0, checkpoints=[3, 20], retrieval=(1.0, 0.5))
    assert torch.equal(couplings, other.couplings)
    assert other.history.steps[-1] == 40
    assert other.history.retrieval.shape == (3, 2)
    assert history.retrieval is None
    # The last entry describes the couplings returned.
    delta = stabilities(couplings, XI)
    assert float(history.norm[-1]) == pytest.approx(float(couplings.norm()))
    assert float(history.min_stability[-1]) == pytest.approx(float(delta.min()))
    assert float(history.mean_stability[-1]) == pytest.approx(float(delta.mean()))
    assert float(history.satisfied_sites[-1]) == pytest.approx(float((delta > 0).double().mean()))
    satisfied = (delta > 0).all(1).double().mean()
    assert float(history.satisfied_patterns[-1]) == pytest.approx(float(satisfied))
    skew = (couplings - couplings.T).norm() / (couplings + couplings.T).norm()
    assert float(history.asymmetry[-1]) == pytest.approx(float(skew))
    ratio = history.norm / history.norm[0]
    torch.testing.assert_close(history.norm_ratio, ratio.double(), rtol=1e-6, atol=0)
    assert set(result.to_dict()) == {"couplings", "history"}
    assert result.to_dict()["history"].keys() == history.to_dict().keys()


@pytest.mark.parametrize("name", RULES)
def test_start_is_left_untouched_and_its_dtype_followed(name):
    for dtype in (torch.float32, torch.float64):
        start = hebbian(XI.to(dtype)) + torch.eye(30, dtype=dtype)
        before = start.clone()
        result = RULES[name](couplings=start, seed=0)
        assert torch.equal(start, before)
        assert result.couplings.dtype == dtype
        none = RULES[name](couplings=start, steps=0, seed=0)
        assert none.couplings.data_ptr() != start.data_ptr()
        assert (none.couplings.diagonal() == 0).all()
        assert none.history.steps.tolist() == [0]
    if name != "unlearn" and name != "batched":
        assert torch.equal(
            RULES[name](seed=0).couplings, RULES[name](couplings=hebbian(XI), seed=0).couplings
        )


def test_symmetric_rules_stay_symmetric_to_the_last_bit():
    for name in ("fixed-point", "kawasaki", "unlearn", "batched", "daydream"):
        couplings = RULES[name](seed=0).couplings
        assert torch.equal(couplings, couplings.T), name


def test_batched_dreams_do_not_depend_on_the_threads():
    threads = numba.get_num_threads()
    try:
        found = []
        for count in {1, threads}:
            numba.set_num_threads(count)
            found.append(unlearn(hebbian(XI), steps=50, batch=8, seed=0).couplings)
    finally:
        numba.set_num_threads(threads)
    assert all(torch.equal(found[0], other) for other in found)


def test_batches_fill_the_number_of_dreams():
    """Σ_i≠j |δJ_ij| counts dreams where all agree in sign; the trace of JS does exactly."""
    start = torch.ones(6, 6, dtype=torch.float64).fill_diagonal_(0.0)  # one pair ±S of minima
    for batch in (1, 4, 100):
        result = unlearn(start, steps=10, rate=0.06, batch=batch, seed=0, checkpoints=[5])
        torch.testing.assert_close(result.couplings, start * (1 - 10 * 0.01))
        wanted = {1: [5, 10], 4: [8, 10], 100: [10]}[batch]
        assert result.history.steps.tolist() == wanted


def test_dreams_that_never_settle_are_counted():
    """S_1 follows S_2, which flees S_1: no fixed point, in dreams or in training."""
    spins = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    dreams = unlearn(spins, steps=12, rate=1e-6, seed=0)
    assert dreams.history.unsettled[-1] == 12
    assert (dreams.history.unsettled == dreams.history.steps).all()
    together = unlearn(spins, steps=12, rate=1e-6, batch=5, seed=0)
    assert together.history.unsettled[-1] == 12
    trained = train_with_noise(
        torch.ones(1, 2), 0.5, "fixed-point", steps=7, rate=1e-6, couplings=spins, seed=0
    )
    assert trained.history.unsettled[-1] == 7
    cut = unlearn(hebbian(XI), steps=50, max_sweeps=1, seed=0)
    assert 0 < cut.history.unsettled[-1] < 50


def test_rates_share_the_steps_in_order():
    split = train_with_noise(XI, 1.0, steps=6, rate=(0.5, 0.2), couplings=-hebbian(XI), seed=0)
    full = train_with_noise(
        XI, 1.0, steps=6, rate=[0.5] * 3 + [0.2] * 3, couplings=-hebbian(XI), seed=0
    )
    assert torch.equal(split.couplings, full.couplings)
    constant = train_with_noise(XI, 1.0, steps=6, rate=0.5, couplings=-hebbian(XI), seed=0)
    assert not torch.equal(split.couplings, constant.couplings)


def test_checkpoints_are_logarithmic_or_given():
    history = unlearn(hebbian(XI), steps=1000, seed=0).history
    assert history.steps[0] == 0
    assert history.steps[-1] == 1000
    assert 25 < len(history.steps) < 35
    assert (history.steps.diff() > 0).all()
    assert history.min_stability is None
    assert unlearn(hebbian(XI), steps=9, checkpoints=[], seed=0).history.steps.tolist() == [9]


def test_couplings_without_norm_are_recorded():
    """All stages of a start at zero, where ratios have no meaning."""
    history = train_with_noise(XI, 1.0, steps=1, rate=1.0, couplings=torch.zeros(30, 30)).history
    assert history.norm_ratio.tolist() == [1.0, np.inf]
    assert history.asymmetry[0] == 0.0
    assert history.satisfied_sites[0] == 0.0


@pytest.mark.parametrize("m", [0.0, 0.2, 0.5])
def test_norm_of_plain_training_is_stationary_where_theory_says(m):
    """N = 100, P = 30, λ = 1, from the norm of Hebb's and from ten times it."""
    for seed, scale in ((0, 1.0), (1, 10.0)):
        xi = random_patterns(30, 100, seed=seed)
        couplings = train_with_noise(
            xi, m, steps=20_000, rate=1.0, couplings=scale * hebbian(xi), seed=seed, checkpoints=[]
        ).couplings
        theory = noise_norm(stabilities(couplings, xi), m, rate=1.0).mean()
        assert float(couplings.norm(dim=1).mean()) == pytest.approx(theory, rel=0.05)


# ── bad input ─────────────────────────────────────────────────────────────────────────────

BAD = [
    ({"rate": 0.0}, "rate must be a finite number above 0"),
    ({"rate": -0.1}, "rate must be a finite number above 0"),
    ({"rate": float("nan")}, "rate must be a finite number above 0"),
    ({"rate": float("inf")}, "rate must be a finite number above 0"),
    ({"steps": -1}, "steps must be a whole number of at least 0"),
    ({"steps": 2.5}, "steps must be a whole number of at least 0"),
    ({"checkpoints": [41]}, r"checkpoints must lie in \[0, steps = 40\], got 41"),
    ({"checkpoints": [-1]}, "checkpoints must be a whole number of at least 0"),
    ({"retrieval": [1.5]}, r"retrieval must lie in \[-1, 1\]"),
    ({"couplings": torch.zeros(30, 29)}, "couplings must be square"),
    ({"couplings": torch.full((30, 30), torch.nan)}, "couplings must be finite"),
    ({"seed": -1}, "seed must be a whole number"),
]


@pytest.mark.parametrize("name", ["uniform", "unlearn", "daydream"])
@pytest.mark.parametrize(("change", "message"), BAD)
def test_every_rule_names_what_is_wrong(name, change, message):
    with pytest.raises(ValueError, match=message):
        RULES[name](**change)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train_with_noise(XI, 1.1, steps=1, rate=1.0), r"overlap must lie in \[0, 1\]"),
        (lambda: train_with_noise(XI, -0.1, steps=1, rate=1.0), r"overlap must lie in \[0, 1\]"),
        (lambda: RULES["uniform"](noise="pink"), "noise must be one of 'uniform', 'fixed-point'"),
        (lambda: RULES["uniform"](noise=3), "noise must be one of .* or a callable, got 3"),
        (lambda: RULES["uniform"](rate=[]), "rate must be a number or a sequence"),
        (lambda: RULES["uniform"](rate=[0.1, 0.0]), "rate must be a finite number above 0"),
        (lambda: RULES["uniform"](couplings=torch.zeros(4, 4)), r"couplings must have shape \(30"),
        (lambda: RULES["normalised"](symmetric=True), "normalize must be False with symmetric"),
        (lambda: RULES["normalised"](couplings=torch.zeros(30, 30)), "no empty row with normalize"),
        (lambda: RULES["thermal"](couplings=torch.zeros(30, 30)), "couplings must not be zero"),
        (lambda: train_with_noise(XI / 2, 0.5, steps=1, rate=1.0), "patterns must have entries ±1"),
        (
            lambda: RULES["uniform"](noise=FixedPoint(landscape=torch.zeros(4, 4))),
            r"landscape must have shape \(30, 30\)",
        ),
        (lambda: RULES["uniform"](noise=lambda *_: XI[0]), r"noise\(…\) must have shape"),
        (lambda: RULES["uniform"](noise=lambda *_: XI), r"noise\(…\) must have shape \(1, 30\)"),
        (lambda: RULES["uniform"](noise=lambda *_: XI[:1] / 2), "must have entries ±1"),
        (lambda: RULES["unlearn"](batch=0), "batch must be a whole number of at least 1"),
        (lambda: RULES["unlearn"](max_sweeps=0), "max_sweeps must be a whole number"),
        (lambda: RULES["unlearn"](patterns=XI[:, :5]), r"patterns must have shape \(rows, 30\)"),
        (lambda: unlearn(hebbian(XI), 5, retrieval=[1.0]), "retrieval must come with patterns"),
        (lambda: symmetric_perceptron(XI, -1.0), "margin must lie in"),
        (lambda: symmetric_perceptron(XI, 0.5, rate=0.0), "rate must be a finite number above 0"),
        (lambda: symmetric_perceptron(XI, 0.5, steps=-1), "steps must be a whole number"),
    ],
)
def test_rules_name_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
