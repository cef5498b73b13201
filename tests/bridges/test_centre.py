"""Overlap is measured on what varies: sites, centre, and the results that must not move."""

import numpy as np
import pytest
import torch
from known import normal, sphere
from sklearn.datasets import load_digits

from bridges import (
    as_memory,
    basin_fractions,
    continuation,
    find_attractors,
    match,
    retrieval_map,
    return_curve,
    transition_matrix,
)
from bridges._checks import generator_from
from bridges.data import about, pattern_set, said, vectors
from bridges.memory import NearestPattern
from bridges.memory.cueing import recall
from bridges.memory.prompts import class_memories
from bridges.memory.similarity import WHOLE, Similarity, similarity_of_data
from bridges.starts import noised
from diffusion import EmpiricalDenoiser, GaussianMixtureDenoiser
from hopfield import DenseMemory, HopfieldNetwork, hebbian, random_patterns
from hopfield.theory import argmax_retrieval

FAR = 3.0 + normal(12, seed=9)  # a centre of length about 4 rms norms of the data below


def centred(P=40, N=12):
    rows = normal(P, N)
    return rows - rows.mean(0)


def memories(rows, **options):
    exact = EmpiricalDenoiser(rows)
    return [
        as_memory(exact, sigma=0.4, **options),
        as_memory(exact, **options),
        as_memory(exact, dynamics="flow", **options),
        as_memory(exact, dynamics="sde", **options),
        NearestPattern(rows, **options),
    ]


# what is decided, and from what


def test_a_mean_beyond_chance_is_the_centre_and_constant_sites_are_left_out():
    rows = torch.cat([5 + normal(30, 4), torch.ones(30, 2)], 1)
    found = similarity_of_data(rows)
    assert torch.allclose(found.centre, rows.double().mean(0))
    assert found.varying.tolist() == [True] * 4 + [False] * 2
    assert str(found) == "about the mean of the data, over the 4 of 6 sites that vary"


def test_the_rule_is_ten_times_chance_on_the_sites_that_vary():
    """|mean|² against 10 |ξ|²/n, computed by hand, on either side; ones do not count."""
    rows = centred(100, 5)
    shift = torch.zeros(5, dtype=torch.float64)
    for factor, moved in ((0.95, False), (1.05, True)):
        # |c|² = 10 (|ξ|² + |c|²)/n
        square = float(rows.square().sum(1).mean())
        shift[0] = factor * (10 * square / (100 - 10)) ** 0.5
        for extra in (0, 3):
            found = similarity_of_data(torch.cat([rows + shift, torch.ones(100, extra)], 1))
            assert (found.centre is not None) == moved


def test_few_rows_random_rows_and_centred_rows_decide_nothing():
    assert similarity_of_data(5 + normal(19, 4)) is WHOLE
    assert similarity_of_data(centred()) is WHOLE
    assert all(similarity_of_data(normal(50, 20, seed=k)) is WHOLE for k in range(50))
    assert all(similarity_of_data(random_patterns(20, 100, seed=k)) is WHOLE for k in range(50))


def test_a_memory_states_its_centre_and_takes_another():
    rows = 5 + normal(30, 4)
    memory = as_memory(EmpiricalDenoiser(rows), rows[:3])
    assert torch.allclose(memory.centre, rows.mean(0))  # of the data, not of three patterns
    assert "about the mean of the data" in repr(memory)
    assert "about the mean of the data" in repr(retrieval_map(memory, [0.5], trials=5, seed=0))
    assert (as_memory(EmpiricalDenoiser(rows), centre=0).centre == 0).all()
    given = as_memory(EmpiricalDenoiser(rows), centre=[1, 2, 3, 4])
    assert given.centre.tolist() == [1, 2, 3, 4]
    whole = similarity_of_data(rows)
    small = as_memory(EmpiricalDenoiser(rows[:5]), centre=whole)
    assert torch.equal(small.centre, whole.centre)  # of a load, by all data
    xi = random_patterns(4, 10, seed=0)
    assert (as_memory(HopfieldNetwork(hebbian(xi)), xi).centre == 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: as_memory(EmpiricalDenoiser(r), centre=[1.0]), "centre must be 12 numbers or 0"),
        (lambda r: as_memory(EmpiricalDenoiser(r), centre=torch.ones(3)), "centre must be 12 "),
        (lambda r: as_memory(EmpiricalDenoiser(r), centre=np.nan * FAR), "centre must be 12 "),
        (
            lambda r: as_memory(EmpiricalDenoiser(r[:1]), centre=r[0]),
            "centre must differ from the patterns",
        ),
        (
            lambda r: as_memory(EmpiricalDenoiser(r[:1].expand(20, -1))),
            "data must hold at least 2 different rows, got 20 alike",
        ),
        (
            lambda r: as_memory(HopfieldNetwork(torch.zeros(12, 12)), r.sign(), centre=FAR),
            "centre must be 0 for spins",
        ),
    ],
)
def test_bad_centres_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(centred())


# the same results wherever the data lie, and beside whatever never varies


@pytest.mark.parametrize("kind", range(5))
def test_all_measurements_are_those_of_the_centred_data(kind):
    rows = centred()
    near, far = memories(rows)[kind], memories(rows + FAR)[kind]
    assert near.similarity is WHOLE
    assert torch.allclose(far.centre, FAR)
    maps = [retrieval_map(one, [0.3, 0.5, 0.8], trials=80, seed=1) for one in (near, far)]
    assert maps[0].success == pytest.approx(maps[1].success)
    assert maps[0].overlap_out == pytest.approx(maps[1].overlap_out, abs=1e-6)
    assert maps[0].success[0] < maps[0].success[2]
    T = [transition_matrix(one, overlap=0.4, trials=20, seed=1) for one in (near, far)]
    assert torch.allclose(T[0].matrix, T[1].matrix)
    assert torch.allclose(T[0].lost, T[1].lost)
    curves = [return_curve(one, [0.5, 2.0], draws=10, seed=1) for one in (near, far)]
    assert curves[0].return_probability == pytest.approx(curves[1].return_probability)


@pytest.mark.parametrize("kind", range(5))
def test_basins_and_attractors_too(kind):
    rows = centred()
    near, far = memories(rows)[kind], memories(rows + FAR)[kind]
    first = basin_fractions(near, noised(rows, 0.6, 300, seed=0), seed=2)
    starts = noised(rows + FAR, 0.6, 300, seed=0)
    other = basin_fractions(far, starts, seed=2)
    assert other.fractions == pytest.approx(first.fractions)
    found, moved = first.attractors, other.attractors
    assert moved.kind == found.kind
    assert (moved.nearest == found.nearest).all()
    assert moved.overlap == pytest.approx(found.overlap, abs=1e-6)
    assert moved.distance == pytest.approx(found.distance, abs=1e-6)


@pytest.mark.parametrize("noise", [0.75, 1.25])
def test_constant_sites_leave_the_law_of_the_others(noise):
    """Retrieval of P = 403 patterns on a sphere of N = 20, exactly known, beside 200 sevens."""
    m, law = 1 / np.sqrt(1 + noise**2), argmax_retrieval(403, 20, noise)
    sets = [torch.cat([sphere(403, 20, k), torch.full((403, 200), 7.0)], 1) for k in range(8)]
    for kind in (2, 4):  # flow and decoder
        found = retrieval_map([memories(rows)[kind] for rows in sets], [m], trials=100, seed=0)
        assert abs(found.success[0] - law) < 4 * found.sem[0] + 0.02  # flow is decoding up to .02


def test_distances_of_attractors_are_on_the_sites_that_vary():
    rows = sphere(40, 12, 0)
    padded = torch.cat([rows, torch.full((40, 500), 2.0)], 1)
    exact, starts = EmpiricalDenoiser(padded), rows + 0.05
    bare = find_attractors(as_memory(EmpiricalDenoiser(rows), sigma=0.4), starts, seed=0)
    wide = torch.cat([starts, torch.full((40, 500), 2.0)], 1)
    found = find_attractors(as_memory(exact, sigma=0.4), wide, seed=0)
    assert found.kind == bare.kind
    assert found.distance == pytest.approx(bare.distance, abs=1e-6)
    moved = find_attractors(as_memory(exact, sigma=0.5), wide, seed=0)
    alone = find_attractors(as_memory(EmpiricalDenoiser(rows), sigma=0.5), starts, seed=0)
    pairs = match(found, moved, 0.2), match(bare, alone, 0.2)
    assert len(pairs[0].pairs) == len(pairs[1].pairs) > 0
    assert pairs[0].distance == pytest.approx(pairs[1].distance, abs=1e-6)
    followed = continuation(lambda s: as_memory(exact, sigma=s), [0.4, 0.5], wide, 0.2, seed=0)
    assert len(followed.attractors[0]) == len(found)


def test_a_mean_is_no_memory_of_data_about_one_half():
    """σ far above the spread: one attractor, the mean, of which no pattern is retrieved."""
    rows = 0.5 + 0.05 * normal(200, 20)
    memory = as_memory(EmpiricalDenoiser(rows), sigma=0.5)
    found = retrieval_map(memory, [0.5, 0.9], trials=200, seed=0)
    assert (found.success == 0).all()  # it was 1: every cosine about zero is 0.99
    assert abs(found.overlap_out).max() < 0.2
    attractors = find_attractors(memory, noised(rows, 0.5, 50, seed=0), seed=0)
    assert attractors.kind == ("global",)
    assert abs(attractors.overlap).max() < 0.5
    T = transition_matrix(memory, overlap=0.5, trials=5, seed=0)
    assert (T.lost == 1).all()


def test_images_of_one_scene_are_told_apart():
    """Cosines of 0.8 between different images in [−1, 1]; another image is not the own one."""
    scene = normal(64).sign() * 0.75
    images = (scene + 0.3 * normal(60, 64)).clamp(-1, 1)
    between = torch.corrcoef(images)
    assert 0.7 < float(between[~torch.eye(60, dtype=torch.bool)].mean()) < 0.9

    class Wrong(NearestPattern):
        """Retrieves another image."""

        def step(self, cues, overlap):
            return super().step(cues, overlap).roll(1, 0)

    found = retrieval_map(Wrong(images), [1.0], trials=60, threshold=0.7, seed=0)
    assert found.success[0] == 0
    assert abs(found.overlap_out[0]) < 0.1  # 4 s.e. of the mean of 60 cosines at N = 64 is 0.06


def test_prompts_of_classes_with_a_common_mean():
    means = 10 + normal(6, 8)
    classes = GaussianMixtureDenoiser(means, 0.1)
    # −1: the prompt is ignored, so that a sample is of any of six classes
    found = retrieval_map(class_memories(classes, -1.0, steps=20), [0.05], trials=40, seed=0)
    assert found.success[0] == pytest.approx(1 / 6, abs=4 * (5 / 36 / 240) ** 0.5)
    assert "the mean of the mixture" in found.about


# the old formulas, written here, for random and for centred patterns


def generator(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("kind", range(5))
@pytest.mark.parametrize("rows", [sphere(40, 12, 0), centred(), centred().float()])
def test_random_and_centred_patterns_keep_their_results_to_the_bit(kind, rows):
    memory = memories(rows)[kind]
    rms = float(rows.square().mean().sqrt())
    sigma = rms * float((1 / 0.6**2 - 1) ** 0.5)
    assert memory.noise_level(0.6) == pytest.approx(sigma, rel=1e-12)
    noise = torch.randn(rows.shape, generator=generator(3), dtype=rows.dtype)
    cues = memory.corrupt(rows, 0.6, generator(3))
    assert torch.equal(cues, rows + memory.noise_level(0.6) * noise)
    states, other = cues.double(), rows.double()
    cosine = (states * other).sum(1) / (states.norm(dim=1) * other.norm(dim=1))
    assert torch.equal(memory.similarity.cosine(cues, rows), cosine)
    found = transition_matrix(memory, overlap=0.6, trials=10, threshold=-1.0, seed=1)
    own = torch.arange(40).repeat_interleave(10)
    draws = generator_from(1, "transition_matrix")
    ends = recall(memory, memory.corrupt(rows[own], 0.6, draws), 0.6, draws).states
    unit = torch.nn.functional.normalize
    home = (unit(ends, dim=1) @ unit(rows, dim=1).T).argmax(1)
    counts = torch.zeros(40, 40, dtype=torch.float64)
    counts.index_put_((own, home), torch.ones(400, dtype=torch.float64), accumulate=True)
    assert torch.equal(found.matrix, (counts / 10).to(rows))


# what the command is given


def test_digits_lose_the_pixels_that_never_vary():
    raw = torch.as_tensor(load_digits().data)
    kept = raw[:, raw.std(0) > 0]
    assert kept.shape == (1797, 61)
    assert torch.equal(vectors("digits", "binary"), torch.where(kept > kept.mean(0), 1.0, -1.0))
    directions = (kept - kept.mean(0)) / (kept - kept.mean(0)).norm(dim=1, keepdim=True)
    assert torch.allclose(vectors("digits", "real"), 61**0.5 * directions)


def test_sparse_patterns_are_said_to_be_alike(tmp_path):
    """Activity a, binarised: two patterns have overlap (1 − 2a)²."""
    rows = (np.random.default_rng(0).random((2000, 100)) < 0.1).astype(int)
    np.save(tmp_path / "sparse.npy", rows)
    found = about(str(tmp_path / "sparse.npy"))
    assert found["activity"] == pytest.approx(rows.mean())
    assert found["shared_overlap"] == pytest.approx(0.64, abs=0.01)  # of 2·10⁵ bits: ± 0.003
    assert "10% of the spins +1, so that two patterns share an overlap of 0.6" in said(found)
    np.save(tmp_path / "even.npy", np.random.default_rng(0).random((2000, 100)) < 0.5)
    assert about(str(tmp_path / "even.npy")) == {"centre": "mean"}
    assert about("random") == {}


def test_biased_spins_have_their_mean_as_the_centre_of_real_states(tmp_path):
    rows = np.where(np.random.default_rng(0).random((300, 40)) < 0.1, 1, -1)
    np.save(tmp_path / "spins.npy", rows)
    spins, real = (
        pattern_set(str(tmp_path / "spins.npy"), k, 300, None, 0) for k in ("binary", "real")
    )
    assert set(spins.unique().tolist()) == {-1.0, 1.0}
    cosines = torch.corrcoef(real)[~torch.eye(300, dtype=torch.bool)]
    assert abs(float((real @ real.T).fill_diagonal_(0).mean()) / 40) < 0.02  # spins have 0.64
    assert abs(float(cosines.mean())) < 0.5
    few = rows[:19]
    np.save(tmp_path / "few.npy", few)
    assert torch.equal(
        pattern_set(str(tmp_path / "few.npy"), "real", 19, None, 0).sort(0)[0],
        torch.as_tensor(few).double().sort(0)[0],
    )


def test_a_data_set_of_one_vector_is_refused(tmp_path):
    np.save(tmp_path / "alike.npy", np.ones((30, 4)) * np.arange(4))
    with pytest.raises(ValueError, match="must hold different vectors, got all of them alike"):
        pattern_set(str(tmp_path / "alike.npy"), "binary", 3, None, 0)


# spins, and cycles


def test_spins_flip_and_count_on_the_sites_that_vary():
    xi = torch.cat([random_patterns(5, 40, seed=0), torch.ones(5, 60)], 1)
    varying = torch.arange(100) < 40
    memory = as_memory(HopfieldNetwork(hebbian(xi)), xi, centre=Similarity(varying=varying))
    cues = memory.corrupt(xi, 0.5, generator(0))
    assert (cues[:, 40:] == 1).all()
    assert memory.similarity.cosine(cues, xi).tolist() == pytest.approx([0.5] * 5)


def test_cycles_are_counted_though_success_does_not_ask():
    """Two spins that repel: the pattern (1, 1) turns over at each step, for ever."""
    couplings, xi = torch.tensor([[0.0, -1.0], [-1.0, 0.0]]), torch.ones(1, 2)
    memory = as_memory(HopfieldNetwork(couplings), xi, "synchronous", max_sweeps=100)
    found = retrieval_map(memory, [1.0], trials=10, seed=0)
    assert found.success[0] in (0, 1)
    assert found.converged[0] == 0
    assert found.cycles[0] == 1
    assert "in 2-cycles" in repr(found)
    one = retrieval_map(memory, [1.0], trials=10, criterion="one-step", seed=0)
    assert np.isnan(one.cycles[0])


def test_the_share_of_cycles_is_that_of_the_relaxation():
    xi = random_patterns(30, 60, seed=0)
    network = HopfieldNetwork(hebbian(xi))
    memory = as_memory(network, xi, "synchronous")
    found = retrieval_map(memory, [0.2], trials=300, seed=0)
    seed = int(np.random.SeedSequence(0, spawn_key=(0,)).generate_state(1)[0])
    draws = generator(seed)
    order = torch.randperm(30, generator=draws)
    rows = order.repeat(10).sort().values
    ends = network.relax(memory.corrupt(xi[rows], 0.2, draws), "synchronous")
    assert 0 < found.cycles[0] < 1
    assert found.cycles[0] == pytest.approx(float(ends.cycles.double().mean()))
    assert found.converged[0] + found.cycles[0] == pytest.approx(1)
    fixed = retrieval_map(as_memory(network, xi), [0.2], trials=30, seed=0)
    assert (fixed.cycles == 0).all()


def test_slow_dynamics_are_no_cycle_and_real_ones_may_be():
    xi = centred(3)
    slow = as_memory(lambda x, sigma: 0.999 * x, xi, sigma=1.0, max_sweeps=5)
    assert retrieval_map(slow, [0.9], trials=6, seed=0).cycles[0] == 0
    turning = as_memory(lambda x, sigma: -x, xi, sigma=1.0, max_sweeps=5)
    assert retrieval_map(turning, [0.9], trials=6, seed=0).cycles[0] == 1


def test_a_dense_memory_of_the_data_measures_as_the_denoiser_does():
    rows = 2 + centred(30, 6)
    one = as_memory(EmpiricalDenoiser(rows), sigma=0.5)
    other = as_memory(DenseMemory(rows, beta=4.0))
    assert torch.allclose(one.centre, other.centre)


# starts without a noise level


@pytest.mark.parametrize("dynamics", ["flow", "sde", "fixed-noise"])
def test_starts_that_would_all_stay_are_refused(dynamics):
    rows = centred()
    memory = as_memory(EmpiricalDenoiser(rows), dynamics=dynamics)
    starts = normal(50, 12, seed=5)
    for measure in (find_attractors, basin_fractions):
        with pytest.raises(ValueError, match=r"memory must know the noise level .* sigma=…"):
            measure(memory, starts)
    found = find_attractors(memory, noised(rows, 0.3, 50, seed=0), seed=0)
    assert len(found) < 50
    levelled = as_memory(EmpiricalDenoiser(rows), dynamics=dynamics, sigma=0.3)
    assert len(find_attractors(levelled, starts, seed=0)) <= 40
