"""Log-weights of the patterns of an exponential dense memory."""

import pytest
import torch

from hopfield import DenseMemory


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


XI, STATES = 0.5 + normal(6, 5), normal(8, 5, seed=1)
TIMES = torch.tensor([1, 4, 2, 1, 3, 1])


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("far", [0.0, 1e4])
def test_a_pattern_of_weight_k_is_k_patterns(corrected, far):
    """Far from 0 logits are taken about the mean of the patterns, which differs between both."""
    beta, rows, states = 0.8, XI + far, STATES + far
    one = DenseMemory(rows, beta=beta, norm_correction=corrected, log_weights=TIMES.double().log())
    other = DenseMemory(rows.repeat_interleave(TIMES, 0), beta=beta, norm_correction=corrected)
    scale = (1 + far) ** (2 if corrected is False else 1)
    for name in ("step", "energy", "log_partition"):
        a, b = (getattr(each, name)(states) for each in (one, other))
        assert (a - b).abs().max() < 1e-11 * (scale + b.abs().max()), name
    owner = torch.arange(6).repeat_interleave(TIMES)
    together = torch.zeros(8, 6).double().index_add_(1, owner, other.weights(states))
    assert (one.weights(states) - together).abs().max() < (1e-6 if far else 1e-12)


def test_an_update_is_a_step_down_the_energy():
    """S − ∇E by automatic differentiation."""
    memory = DenseMemory(XI, beta=2.0, log_weights=normal(6, seed=2))
    states = STATES.clone().requires_grad_()
    (slope,) = torch.autograd.grad(memory.energy(states).sum(), states)
    assert (memory.step(STATES) - (STATES - slope)).abs().max() < 1e-10
    found = memory.relax(STATES)
    assert (memory.energy(found.states) <= memory.energy(STATES) + 1e-12).all()


def test_norms_are_log_weights():
    """b = 0 is b = 1 with a_μ = β|ξ^μ|²/2."""
    plain = DenseMemory(XI, beta=0.7, norm_correction=False)
    weighted = DenseMemory(XI, beta=0.7, log_weights=0.35 * XI.square().sum(1))
    assert (plain.weights(STATES) - weighted.weights(STATES)).abs().max() < 1e-12
    assert (plain.energy(STATES) - weighted.energy(STATES)).abs().max() < 1e-12


def test_many_patterns_are_summed_in_blocks(monkeypatch):
    from hopfield.interactions import interaction

    weights = normal(6, seed=2)
    known = DenseMemory(XI, beta=0.7, log_weights=weights).energy(STATES)
    monkeypatch.setattr(interaction, "_BLOCK", 16)  # two patterns at once
    found = DenseMemory(XI, beta=0.7, log_weights=weights).energy(STATES)
    assert (found - known).abs().max() < 1e-12


def test_large_log_weights_keep_the_digits_of_single_precision():
    weights = torch.tensor([0.0, 1.0, 0.0, 0.5, 0.0, 0.0]).double() + 3e5
    one = DenseMemory(XI.float(), log_weights=weights)
    other = DenseMemory(XI, log_weights=weights - 3e5)
    assert (one.step(STATES.float()) - other.step(STATES)).abs().max() < 1e-5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"log_weights": torch.zeros(5)}, r"log_weights must have shape \(6,\), got \(5,\)"),
        ({"log_weights": [float("nan")] * 6}, "log_weights must be finite"),
        (
            {"log_weights": torch.zeros(6), "interaction": "polynomial"},
            "log_weights must be None for interaction 'polynomial' of real states",
        ),
        (
            {"log_weights": torch.zeros(6), "interaction": "entmax"},
            "log_weights must be None for interaction 'entmax'",
        ),
        (
            {"log_weights": torch.zeros(6), "states": "binary", "patterns": XI.sign()},
            "log_weights must be None for interaction 'exponential' of binary states",
        ),
    ],
)
def test_other_weights_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        DenseMemory(**({"patterns": XI} | options))


def test_it_says_that_it_is_weighted():
    assert "weighted" in repr(DenseMemory(XI, log_weights=torch.zeros(6)))
    assert "weighted" not in repr(DenseMemory(XI))
