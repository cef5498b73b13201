"""What `diffusion` measures of denoisers and of data: invariances, bounds, refusals."""

import math

import pytest
import torch
from drawn import close, few, fewer, levels, normal, normal_like, points, rotation, seeds, shuffled
from hypothesis import assume, given, strategies as st

from diffusion import (
    CopyFraction,
    EmpiricalDenoiser,
    LinearManifoldDenoiser,
    ManifoldDimension,
    RelativeEnergy,
    SignalToNoise,
    block_data,
    calibrated_distance,
    chance_ratio,
    copy_fraction,
    jacobian_spectrum,
    likelihood_dimension,
    local_pca_dimension,
    manifold_dimension,
    neighbour_distances,
    neighbour_ratio,
    participation_ratio,
    perturbation_spectrum,
    relative_energy,
    score_antisymmetry,
    subspace_dimension,
    subspace_signal_to_noise,
    two_nn_dimension,
)
from diffusion.geometry import METHODS

scales = st.sampled_from([1e-100, 1e-6, 1.0, 1e6, 1e100])


@few
@given(points(), levels, seeds)
def test_spectra_by_form_and_by_differentiation_agree(data, sigma, seed):
    exact, x = EmpiricalDenoiser(data.double()), normal_like(data.double(), seed)
    if sigma < 1e-3:
        return  # the rounding of second moments is divided by σ²
    spectrum = jacobian_spectrum(exact, x, sigma)
    assert spectrum.shape == x.shape
    assert bool((spectrum >= -1 - 1e-6).all())
    values = jacobian_spectrum(lambda y, s: exact(y, s), x, sigma)
    assert close(values.abs().sort(1).values, spectrum.abs().sort(1).values, torch.float32)
    kept = subspace_dimension(exact, x, sigma, torch.eye(x.shape[1]).split(1, 1))
    assert close(kept.sum(1), spectrum.sum(1) + x.shape[1], torch.float32)
    assert jacobian_spectrum(exact, x[:0], sigma).shape == x[:0].shape


@pytest.mark.parametrize("method", METHODS[:-1])
@few
@given(points(), levels, seeds)
def test_dimensions_are_counts_and_rows_stand_alone(method, data, sigma, seed):
    denoiser, x = EmpiricalDenoiser(data), normal_like(data, seed, rows=3)
    found = manifold_dimension(denoiser, x, sigma, method, seed=seed)
    assert isinstance(found, ManifoldDimension)
    assert found.value.dtype == data.dtype
    assert found.value.shape == found.gap.shape == (3,) == (len(found.phase),)
    assert torch.isfinite(found.value).all()
    if method in ("gap", "half-count", "normal-bundle"):
        assert bool((found.value >= 0).all() and (found.value <= x.shape[1]).all())
        assert bool((found.gap >= 0).all() and (found.gap <= 1 + 1e-5).all())
        assert bool((found.half_count >= 0).all() and (found.half_count <= x.shape[1]).all())
    else:
        assert found.gap.isnan().all()  # as documented: no spectrum is seen
        assert found.half_count.isnan().all()
    if method != "normal-bundle":
        alone = [manifold_dimension(denoiser, row[None], sigma, method) for row in x]
        scale = 1 + float(found.value.abs().max())
        assert close(torch.cat([one.value for one in alone]), found.value, torch.float32, scale)
    nothing = manifold_dimension(denoiser, x[:0], sigma, method)
    assert nothing.value.shape == (0,)
    assert nothing.phase == ()


@few
@given(points(columns=(9, 12)), levels, seeds)
def test_kinks_are_counts_of_a_spectrum_of_perturbations(data, sigma, seed):
    denoiser, x = EmpiricalDenoiser(data), normal_like(data, seed, rows=3)
    d = x.shape[1]
    found = manifold_dimension(denoiser, x, sigma, "second-difference", seed=seed)
    counted = found.value[found.value.isfinite()]
    assert bool((counted >= 2).all() and (counted <= d - 6).all())
    assert bool((found.gap >= 0).all() and (found.half_count <= d).all())
    assert found.value[[one == "collapsed" for one in found.phase]].isnan().all()
    s = perturbation_spectrum(denoiser, x, sigma, seed=seed)
    assert s.shape == x.shape
    assert s.dtype == data.dtype
    assert bool((s >= 0).all() and (s.diff(dim=1) <= 0).all())
    assert manifold_dimension(denoiser, x[:0], sigma, "second-difference").phase == ()


@few
@given(points(rows=(2, 7)), st.sampled_from([0.3, 1.0, 30.0]), seeds)
def test_energies_of_data_add_up_and_have_a_sign(data, sigma, seed):
    exact, x = EmpiricalDenoiser(data.double()), normal_like(data.double(), seed, rows=3)
    there = relative_energy(exact, x, x[:1], sigma, nodes=80, seed=seed)
    assert isinstance(there, RelativeEnergy)
    scale = 1 + float(there.value.abs().max())
    back = relative_energy(exact, x[:1], x[1:2], sigma, nodes=80, paths=0)
    assert close(back.value, -there.value[1:2], scale=scale)
    assert bool((there.spread >= 0).all() and (there.path_dependence <= 1).all())
    kappa = score_antisymmetry(exact, x, sigma)
    assert kappa.shape == (3,)
    assert bool((kappa < 1e-9).all())


@few
@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 3), seeds)
def test_blocks_have_their_norm(one, two, rest, seed):
    data = block_data(5, (one, two), (1.0, 0.5, 1e-3), one + two + rest, seed=seed)
    assert data.shape == (5, one + two + rest)
    assert close(data.norm(dim=1), torch.ones(5))


@few
@given(st.integers(1, 3), st.integers(0, 3), seeds)
def test_planes_have_their_dimension_in_any_direction(m, across, seed):
    turn = rotation(m + across, seed)
    plane, x = LinearManifoldDenoiser(turn[:, :m]), torch.zeros(2, m + across).double()
    for method in ("gap", "half-count"):
        assert (manifold_dimension(plane, x, 0.1, method).value == m).all()
    kept = subspace_dimension(plane, x, 0.1, [turn[:, :m]])
    assert close(kept, torch.full((2, 1), m / 1.01, dtype=torch.float64))


@fewer
@given(points(columns=(2, 4)), st.floats(0.3, 3), seeds)
def test_signal_over_noise_knows_no_order_and_no_nan(data, sigma, seed):
    x = normal_like(data, seed)
    sets = [EmpiricalDenoiser(normal_like(data, seed + k, rows=9)) for k in range(4)]
    whole = [torch.eye(data.shape[1])]
    found = subspace_signal_to_noise(sets, x, sigma, whole)
    assert isinstance(found, SignalToNoise)
    other = subspace_signal_to_noise(sets[::-1], x, sigma, whole)
    assert close(found.jacobian, other.jacobian, torch.float32)
    assert close(found.score, other.score, torch.float32)
    same = subspace_signal_to_noise([sets[0], sets[0]], x, sigma, whole)
    assert not same.jacobian.isnan().any()
    still = LinearManifoldDenoiser(torch.eye(data.shape[1]))
    assert not subspace_signal_to_noise([still, still], 0 * x, sigma, whole).score.isnan().any()


# ---------------------------------------------------------------- neighbours


@few
@given(points(rows=(3, 9)), seeds)
def test_neighbour_distances_are_those_of_the_table(data, seed):
    x = normal_like(data, seed)
    near = neighbour_distances(x, data, len(data))
    table = (x.double()[:, None] - data.double()).norm(dim=2).sort(1).values
    assert close(near, table)
    turn = rotation(data.shape[1], seed)
    turned = neighbour_distances(
        x.double() @ turn, (data.double() @ turn)[shuffled(len(data), 1)], 2
    )
    assert close(turned, near[:, :2])


@few
@given(points(rows=(3, 9)), seeds)
def test_ratios_are_of_no_scale_and_copies_are_zero(data, seed):
    x = torch.cat([normal_like(data, seed), data])
    for measure in (neighbour_ratio, lambda a, b: calibrated_distance(a, b, 2)):
        ratio = measure(x, data)
        assert bool((ratio >= 0).all() and torch.isfinite(ratio).all())
        assert close(ratio[len(data) :], torch.zeros(len(data)))
        assert close(measure(8 * x, 8 * data), ratio, torch.float32)
    assert bool((neighbour_ratio(x, data) <= 1).all())
    repeated = torch.cat([data, data])
    assert close(neighbour_ratio(x, repeated), neighbour_ratio(x, data))
    assert (calibrated_distance(repeated, repeated, 2) == 0).all()
    found = copy_fraction(data, data, normal_like(data, seed + 1))
    assert isinstance(found, CopyFraction)
    assert found.fraction == 1
    assert found.excess == 1 - found.baseline


@few
@given(st.floats(0, 50), st.floats(0, 50), st.floats(0, 1))
def test_chance_falls_with_the_dimension(one, other, threshold):
    low, high = sorted((one, other))
    assert 0 <= chance_ratio(high, threshold) <= chance_ratio(low, threshold) <= 1
    assert chance_ratio(low + high, threshold) == pytest.approx(
        chance_ratio(low, threshold) * chance_ratio(high, threshold)
    )


@fewer
@given(seeds, scales)
def test_intrinsic_dimensions_are_of_no_scale_and_no_direction(seed, scale):
    data, turn = normal(40, 3, seed), rotation(3, seed)
    assume(1e-9 < scale < 1e9)
    for measure in (
        participation_ratio,
        two_nn_dimension,
        lambda x: two_nn_dimension(x, "likelihood"),
        lambda x: likelihood_dimension(x, 5),
        lambda x: float(local_pca_dimension(x, 6).mean()),
    ):
        plain = measure(data)
        assert 0 < plain < math.inf
        assert measure((scale * data @ turn)[shuffled(len(data), seed)]) == pytest.approx(plain)
    assert (local_pca_dimension(data, 6) <= 3).all()


@few
@given(points(rows=(2, 9)), scales)
def test_participation_counts_at_any_scale(data, scale):
    assume(bool((data != data[0]).any()))
    n, d = data.shape
    ratio = participation_ratio(scale * data.double())
    assert 1 - 1e-9 <= ratio <= min(n - 1, d) + 1e-9
    assert ratio == pytest.approx(participation_ratio(data.double()))


@pytest.mark.parametrize("grid", [torch.eye(6), torch.arange(20.0)[:, None]])
def test_grids_have_no_end_of_dimension(grid):
    assert two_nn_dimension(grid, discard=0.2) == math.inf
    if len(grid) == 6:  # every distance alike
        assert likelihood_dimension(grid, 4) == two_nn_dimension(grid, "likelihood") == math.inf
