"""What `hopfield` and `diffusion` refuse: the error begins with the name of the argument."""

from math import inf, nan

import pytest
import torch
from drawn import KINDS, denoiser_of, normal, refused

import diffusion
import hopfield
from diffusion import guidance, theory as noise
from diffusion.geometry import METHODS
from hopfield import theory as memory

XI, J, LABELS = torch.ones(1, 2), torch.zeros(2, 2), torch.tensor([0, 0, 1, 1])
TWO, PAIR = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
CLOUD, X = normal(40, 2, seed=0), normal(3, 4, seed=0)

NETWORK, DENSE = hopfield.HopfieldNetwork(J), hopfield.DenseMemory(XI)
CYCLE, KERNEL = hopfield.SequenceMemory(PAIR), hopfield.KernelMemory(PAIR)
PAIRS = hopfield.BidirectionalMemory(torch.ones(1, 1), torch.ones(1, 1))
UNITS_OF, LINKED = hopfield.CovarianceMemory(TWO), hopfield.WillshawMemory(TWO)
COLOURED = hopfield.PottsMemory([[0, 1]])
LANDSCAPES = (hopfield.FixedPoint, hopfield.Thermal, hopfield.Kawasaki)
SOURCES = (hopfield.Uniform(), *(source() for source in LANDSCAPES))
EXACT = diffusion.EmpiricalDenoiser(TWO)
MIXTURE = diffusion.GaussianMixtureDenoiser(torch.eye(2), 1.0)
ONE_CLASS = diffusion.GaussianMixtureDenoiser(torch.zeros(1, 2).double(), 1.0)
MLP = diffusion.ResidualMLP(2, width=8, depth=1, seed=0)
TRAINED = diffusion.NetworkDenoiser(MLP)
FEATURES = diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0)
FLOW, IMAGES = FEATURES.fit(torch.eye(2)), diffusion.ImageDenoiser(lambda x, _: x, shape=(2,))
SCHEDULES = (diffusion.VE(), diffusion.OU(), diffusion.Cosine())
VE, OU, _ = SCHEDULES
EVALUATIONS = [
    evaluate
    for denoiser in (denoiser_of(kind, TWO) for kind in KINDS)
    for evaluate in (
        *(denoiser, denoiser.score, denoiser.log_density),
        *(denoiser.jacobian, denoiser.jacobian_trace, denoiser.jacobian_eigenvalues),
    )
]

CONTINUOUS = ("entmax", "log-sum-relu", "random-features")
ONSETS = (noise.collapse_sigma, noise.onset_sigma, noise.condensation_sigma)

NO_SHAPES = [torch.ones(2), torch.ones(1, 1, 2), torch.ones(1, 0)]
NO_SPINS = [*(torch.tensor([[1.0, x]]) for x in (nan, inf, 0.5)), torch.zeros(1, 2), *NO_SHAPES]
SPINS = [
    (hopfield.hebbian, "patterns"),
    (hopfield.pseudo_inverse, "patterns"),
    (hopfield.storkey, "patterns"),
    (lambda x: hopfield.dreaming_kernel(x, 2.0), "patterns"),
    (lambda x: hopfield.dreaming_kernel(x, 1e9), "patterns"),
    (hopfield.max_margin, "patterns"),
    (lambda x: hopfield.flip_spins(x, 0.5), "patterns"),
    (lambda x: hopfield.stabilities(J, x), "patterns"),
    (lambda x: hopfield.DenseMemory(x, states="binary"), "patterns"),
    (lambda x: hopfield.unlearn(TWO, 1, patterns=x), "patterns"),
    (lambda x: hopfield.daydream(x, steps=1), "patterns"),
    (lambda x: hopfield.train_with_noise(x, 0.5, steps=1, rate=0.1), "patterns"),
    (lambda x: hopfield.symmetric_perceptron(x, 0.0, steps=1), "patterns"),
    (lambda x: hopfield.noise_structure(TWO, x, XI), "patterns"),
    (lambda x: hopfield.noise_structure(TWO, PAIR, x, window=9.0), "states"),
    (lambda x: hopfield.PartialCueMemory(J, x), "patterns"),
    (lambda x: hopfield.ThermalMemory(J, x, 0.5), "patterns"),
    (lambda x: hopfield.DilutedMemory(x, 1), "patterns"),
    (lambda x: hopfield.LowRankCouplings.hebbian(x), "patterns"),
    (lambda x: hopfield.LowRankCouplings.pseudo_inverse(x), "patterns"),
    (lambda x: hopfield.LowRankCouplings.dreaming_kernel(x, 1.0), "patterns"),
    (lambda x: hopfield.SequenceMemory(x), "patterns"),
    (lambda x: hopfield.KernelMemory(x), "patterns"),
    (lambda x: hopfield.BidirectionalMemory(x, XI), "left"),
    (lambda x: hopfield.BidirectionalMemory(XI, x), "right"),
    *((call, "states") for call in (CYCLE.step, CYCLE.relax, KERNEL.step, KERNEL.fields)),
    *((call, "states") for call in (NETWORK.energy, NETWORK.fields, NETWORK.step, NETWORK.relax)),
    *((lambda x, source=source: source(TWO, x, 0.5), "targets") for source in SOURCES),
]

NO_UNITS = [*(torch.tensor([[1.0, x]]) for x in (nan, inf, 0.5)), -PAIR, *NO_SHAPES]
UNITS = [
    (hopfield.WillshawMemory, "patterns"),
    (lambda x: hopfield.erase_ones(x, 0.5), "patterns"),
    *((call, "states") for call in (UNITS_OF.step, UNITS_OF.relax, UNITS_OF.energy)),
    *((call, "states") for call in (LINKED.step, LINKED.relax, LINKED.fields)),
    *((call, "states") for call in (COLOURED.step, COLOURED.relax, COLOURED.energy)),
]

NO_POINTS = [*(torch.tensor([[1.0, x]]) for x in (nan, -inf)), *NO_SHAPES]
POINTS = [
    (hopfield.binarize, "data"),
    (hopfield.DenseMemory, "patterns"),
    *((lambda x, k=k: hopfield.DenseMemory(x, k), "patterns") for k in CONTINUOUS),
    (hopfield.entmax, "logits"),
    (lambda x: hopfield.emergent_minima(x, 1.0), "patterns"),
    (lambda x: hopfield.emergent_minima(TWO, 1.0, x), "starts"),
    (hopfield.HopfieldNetwork, "couplings"),
    (DENSE.step, "states"),
    (DENSE.relax, "states"),
    (lambda x: hopfield.paramagnetic_unlearning(x, 1.0, 1.0), "couplings"),
    (lambda x: hopfield.stabilities(x, XI), "couplings"),
    (hopfield.clip_couplings, "couplings"),
    (lambda x: hopfield.dilute(x, 0.5), "couplings"),
    (hopfield.covariance, "patterns"),
    (hopfield.CovarianceMemory, "patterns"),
    (lambda x: hopfield.displace_ones(x, 0.5), "patterns"),
    (hopfield.PottsMemory, "patterns"),
    *((call, "states") for call in (PAIRS.step, PAIRS.relax, PAIRS.energy)),
    (diffusion.EmpiricalDenoiser, "data"),
    (lambda x: diffusion.GaussianMixtureDenoiser(x, 1.0), "means"),
    (diffusion.LinearManifoldDenoiser, "F"),
    (lambda x: diffusion.LocalDenoiser(x, 1, shape=(2, 1)), "data"),
    (lambda x: diffusion.window_information(x, 1, [1.0], shape=(2, 1)), "images"),
    *((lambda x, evaluate=evaluate: evaluate(x, 1.0), "x") for evaluate in EVALUATIONS),
    (lambda x: diffusion.noise_to(x, VE, 1.0), "x"),
    (lambda x: diffusion.uturn(EXACT, x, VE, 1.0), "x"),
    (lambda x: diffusion.sample(EXACT, x, VE, start=1.0), "x"),
    (lambda x: diffusion.denoising_error(EXACT, x, 1.0), "points"),
    (lambda x: diffusion.jacobian_spectrum(EXACT, x, 1.0), "x"),
    *((lambda x, m=m: diffusion.manifold_dimension(EXACT, x, 1.0, m), "x") for m in METHODS),
    (lambda x: diffusion.subspace_dimension(EXACT, x, 1.0, [TWO]), "x"),
    (lambda x: diffusion.subspace_signal_to_noise([EXACT] * 2, x, 1.0, [TWO]), "x"),
    (lambda x: diffusion.neighbour_distances(x, CLOUD, 1), "samples"),
    (lambda x: diffusion.neighbour_ratio(CLOUD, x), "data"),
    (lambda x: diffusion.calibrated_distance(x, CLOUD, 2), "samples"),
    (lambda x: diffusion.copy_fraction(x, CLOUD, CLOUD), "samples"),
    (lambda x: diffusion.copy_fraction(CLOUD, CLOUD, x), "held_out"),
    (diffusion.participation_ratio, "data"),
    (diffusion.two_nn_dimension, "data"),
    (diffusion.likelihood_dimension, "data"),
    (diffusion.local_pca_dimension, "data"),
    (lambda x: diffusion.GuidedDenoiser(MIXTURE, MIXTURE, 2.0)(x, 1.0), "x"),
    (lambda x: guidance.distortion(x, LABELS, MIXTURE), "samples"),
    (lambda x: guidance.distortion(J.repeat(2, 1), LABELS, MIXTURE, centre=x.sum(-1)), "centre"),
    (lambda x: guidance.most_probable(x, MIXTURE), "x"),
    (lambda x: guidance.vendi_score(x, 1.0), "samples"),
    (lambda x: guidance.fitted_classes(x, LABELS), "data"),
    (lambda x: TRAINED(x, 1.0), "x"),
    (lambda x: IMAGES(x, 1.0), "x"),
    (lambda x: diffusion.train_denoiser(x, steps=1), "data"),
    (FEATURES.fit, "data"),
]

NO_MATRICES = [torch.ones(2, 3), torch.full((2, 2), nan), torch.ones(2)]
MATRICES = [
    *((lambda x, source=source: source()(x, XI, 0.5), "couplings") for source in LANDSCAPES),
    *((lambda x, source=source: source(landscape=x), "landscape") for source in LANDSCAPES),
    (lambda x: hopfield.unlearn(x, 1), "couplings"),
    (lambda x: hopfield.daydream(XI, steps=1, couplings=x), "couplings"),
    (lambda x: hopfield.train_with_noise(XI, 0.5, steps=1, rate=0.1, couplings=x), "couplings"),
    (lambda x: hopfield.symmetric_perceptron(XI, 0.0, couplings=x), "couplings"),
]

NOT_ALIKE = [
    *((X, X[:2]), (X, X[:, :3]), (torch.tensor(1.0), X)),
    *((X[:, :0], X[:, :0]), (X, X * nan), (X, X / 0.0)),
]
LEVELS = [(lambda x, evaluate=evaluate: evaluate(TWO, x), "sigma") for evaluate in EVALUATIONS]
LABELLED = [
    (lambda x: guidance.fitted_classes(CLOUD[:4], x), "labels"),
    (lambda x: guidance.distortion(CLOUD[:4], x, MIXTURE), "labels"),
]

ABOVE_ZERO = [
    (lambda x: hopfield.random_patterns(x, 2), "P"),
    (lambda x: hopfield.random_patterns(2, x), "N"),
    (lambda x: hopfield.clustered_patterns(1, x, 2, 0.5), "per_cluster"),
    (lambda x: hopfield.DenseMemory(XI, beta=x), "beta"),
    (lambda x: hopfield.DenseMemory(XI, degree=x), "degree"),
    (lambda x: hopfield.DenseMemory(XI, alpha=x), "alpha"),
    (lambda x: hopfield.DenseMemory(XI, features=x), "features"),
    (lambda x: hopfield.emergent_minima(XI, x), "radius"),
    (lambda x: memory.isolated_patterns(x, 0.1), "patterns"),
    (lambda x: memory.random_feature_variance(TWO, TWO, x, 3), "beta"),
    (lambda x: memory.random_feature_variance(TWO, TWO, 1.0, x), "features"),
    (lambda x: hopfield.paramagnetic_unlearning(J, x, 1.0), "rate"),
    (lambda x: hopfield.paramagnetic_unlearning(J, 1.0, x), "beta"),
    (lambda x: hopfield.unlearn(J, 1, rate=x), "rate"),
    (lambda x: hopfield.KernelMemory(PAIR, gain=x), "gain"),
    (lambda x: hopfield.SequenceMemory(PAIR, gain=x), "gain"),
    (lambda x: hopfield.SequenceMemory(PAIR, steps=x), "steps"),
    (lambda x: hopfield.ThermalMemory(J, XI, 0.5, sweeps=x), "sweeps"),
    (lambda x: hopfield.sparse_patterns(x, 2, 1), "P"),
    (lambda x: hopfield.active_sites(2, 3, x), "active"),
    (lambda x: hopfield.clip_couplings(J, x), "levels"),
    (lambda x: hopfield.dilute(J, x), "keep"),
    (lambda x: hopfield.erase_ones(TWO, x), "overlap"),
    (lambda x: hopfield.covariance(TWO, x), "activity"),
    (lambda x: hopfield.DilutedMemory(XI, x), "degree"),
    (lambda x: hopfield.unlearn(J, 1, batch=x), "batch"),
    (lambda x: hopfield.daydream(XI, steps=1, rate=x), "rate"),
    (lambda x: hopfield.train_with_noise(XI, 0.5, steps=1, rate=x), "rate"),
    (lambda x: hopfield.train_with_noise(XI, 0.5, steps=1, rate=[0.1, x]), "rate"),
    (lambda x: hopfield.symmetric_perceptron(XI, 0.0, rate=x), "rate"),
    (hopfield.Thermal, "temperature"),
    (lambda x: hopfield.Kawasaki(sweeps=x), "sweeps"),
    (lambda x: hopfield.FixedPoint(max_sweeps=x), "max_sweeps"),
    (lambda x: diffusion.noise_levels(x, 3, 1.0), "start"),
    (lambda x: diffusion.noise_levels(1.0, x, 1.0), "steps"),
    (lambda x: diffusion.noise_levels(1.0, 3, x), "width"),
    (lambda x: diffusion.sample(EXACT, TWO, VE, steps=x, start=1.0), "steps"),
    (lambda x: diffusion.manifold_factors(5, [1, 1], [1.0, x]), "variances"),
    (lambda x: diffusion.manifold_factors(5, [x], [1.0]), "subspaces"),
    (lambda x: diffusion.GaussianMixtureDenoiser(TWO, x), "variances"),
    (lambda x: diffusion.GaussianMixtureDenoiser(XI, 1.0, [x]), "weights"),
    (lambda x: diffusion.planted_posterior(EXACT, x), "sigma"),
    (lambda x: diffusion.LocalDenoiser(TWO, x, shape=(1, 2)), "window"),
    (lambda x: diffusion.window_information(TWO, 1, [x], shape=(1, 2)), "sigma"),
    (lambda x: diffusion.window_information(TWO, 1, [1.0], draws=x, shape=(1, 2)), "draws"),
    (lambda x: diffusion.planted_posterior(EXACT, 1.0, x), "draws"),
    (lambda x: diffusion.denoising_error(EXACT, TWO, 1.0, x), "draws"),
    *((lambda x, s=s: diffusion.uturn(EXACT, TWO, s, x), "time") for s in SCHEDULES),
    (lambda x: diffusion.jacobian_spectrum(EXACT, TWO, x), "sigma"),
    (lambda x: diffusion.manifold_dimension(EXACT, TWO, 1.0, floor=x), "floor"),
    (lambda x: diffusion.neighbour_distances(TWO, TWO, x), "count"),
    (lambda x: diffusion.likelihood_dimension(CLOUD, x), "neighbours"),
    (lambda x: diffusion.local_pca_dimension(CLOUD, 3, x), "explained"),
    (lambda x: diffusion.GuidedDenoiser(MIXTURE, MIXTURE, lambda s: s)(TWO, x), "sigma"),
    (lambda x: guidance.LinearWindow(0.0, x), "omega"),
    (guidance.variance_preserving, "within"),
    (lambda x: guidance.Progressive("sine", 1.0, x, 1.0), "start"),
    (lambda x: guidance.vendi_score(TWO, x), "width"),
    (lambda x: guidance.random_classes(x, 2), "count"),
    (lambda x: guidance.random_classes(2, 2, x), "within"),
    (lambda x: guidance.planted_classes(2, x), "alpha"),
    (diffusion.ResidualMLP, "dimension"),
    (lambda x: diffusion.UNet((x, 4)), "shape"),
    (lambda x: diffusion.NetworkDenoiser(MLP, x), "scale"),
    (lambda x: TRAINED(TWO, x), "sigma"),
    (lambda x: diffusion.train_denoiser(TWO, steps=x), "steps"),
    (lambda x: diffusion.train_denoiser(TWO, rate=x), "rate"),
    (lambda x: diffusion.RandomFeatureScore(x, 2, time=0.1), "p"),
    (lambda x: diffusion.RandomFeatureScore(3, 2, time=x), "time"),
    (memory.gardner_kappa, "load"),
    (memory.gardner_kappa_diluted, "load"),
    (lambda x: hopfield.clipped_spectrum(XI, x), "level"),
    (lambda x: hopfield.unlearn_top(J, 1, x), "rate"),
    (lambda x: hopfield.random_features_patterns(x, 2, 3, 1), "P"),
    (lambda x: hopfield.random_features_patterns(2, 2, x, 1), "features"),
    (lambda x: hopfield.random_features_patterns(2, 2, 3, x), "mix"),
    (lambda x: hopfield.daydream(XI, steps=1, normalize="spectral", epoch=x), "epoch"),
    (memory.sparse_capacity, "activity"),
    (memory.sparse_threshold, "activity"),
    (lambda x: memory.coupling_noise(keep=x), "keep"),
    (lambda x: memory.diluted_overlap(x, 5), "patterns"),
    (lambda x: memory.diluted_overlap(5, x), "degree"),
    (lambda x: memory.willshaw_fill(x, 5, 2), "patterns"),
    (lambda x: memory.willshaw_errors(x, 5, 2), "patterns"),
    (lambda x: memory.willshaw_capacity(x, 2), "size"),
    (memory.potts_capacity, "colours"),
    (lambda x: memory.argmax_retrieval(x, 5, 1.0), "patterns"),
    (lambda x: memory.argmax_retrieval(5, x, 1.0), "size"),
    (lambda x: memory.argmax_retrieval_normal(5, 5, x), "noise"),
    (lambda x: memory.argmax_capacity(5, x), "noise"),
    (lambda x: memory.argmax_capacity(5, 1.0, x), "success"),
    (lambda x: memory.posterior_weight_bound(5, 5, x), "noise"),
    (lambda x: memory.fixed_point_load(x, 5), "beta"),
    (lambda x: memory.polynomial_error(x, 5, 3), "patterns"),
    (lambda x: memory.polynomial_capacity(x, 3), "size"),
    (lambda x: memory.noise_norm([[1.0]], 0.5, x), "rate"),
    (lambda x: noise.mutual_information([1.0], x), "sigma"),
    (lambda x: noise.mutual_information([x], 1.0), "variances"),
    *((lambda x, onset=onset: onset(x, [1.0]), "P") for onset in ONSETS),
    (lambda x: noise.basin_edge(9, [1.0], x), "sigma"),
    (lambda x: noise.participation_ratio(9, [1.0], x), "sigma"),
    (lambda x: noise.excess_entropy(9, [1.0], 1.0, x), "dimension"),
    (noise.area_law, "P"),
    (lambda x: noise.effective_number(9, [1.0], x), "sigma"),
    (lambda x: noise.critical_size_score([1.0], x), "sigma"),
    (lambda x: noise.final_gap(x, 1.0), "lowest"),
    (lambda x: noise.switch_sigma(x, 1.0), "large"),
    (lambda x: noise.marchenko_pastur_edges(3, 3, x), "entry_variance"),
    (lambda x: noise.speciation_time([x]), "covariance"),
    (lambda x: noise.clone_probability(1.0, 1.0, x), "time"),
    (lambda x: noise.guided_moments(x, 1.0), "ratio"),
    (lambda x: noise.class_condensation(x, 1.0, 1.0), "alpha"),
    (lambda x: noise.capture_sigma(x, 1.0), "within"),
    (lambda x: noise.guided_two_classes(x, 1.0), "g"),
    (lambda x: noise.guided_mean_field(x, 1.0, 0.5), "alpha"),
    (lambda x: noise.own_class_probability(x, 1.0), "weight"),
    (lambda x: noise.minority_speciation_time(x, 1.0, 1.0), "weight"),
    (lambda x: noise.class_collapse_time(x, 1.0, 2), "points"),
    (lambda x: noise.class_collapse_points(1.0, x, 2), "sigma"),
    (lambda x: noise.feature_coefficients("tanh", x, 1.0), "time"),
    (lambda x: noise.feature_spectrum(x, 1.0, [1.0], [1.0], 0.1), "psi_p"),
    (lambda x: noise.inversion_fraction([x, 1.0], 0.1), "variances"),
]
FROM_ZERO = [
    (lambda x: NETWORK.relax(XI, max_sweeps=x), "max_sweeps"),
    (lambda x: hopfield.unlearn(J, x), "steps"),
    (lambda x: hopfield.daydream(XI, steps=x), "steps"),
    (lambda x: hopfield.train_with_noise(XI, x, steps=1, rate=0.1), "overlap"),
    (lambda x: diffusion.sample(EXACT, TWO, VE, levels=[2.0, x]), "levels"),
    *((lambda x, s=s: s.alpha(x), "time") for s in SCHEDULES),
    *((lambda x, s=s: s.time(x), "noise_level") for s in SCHEDULES),
    *((lambda x, s=s: diffusion.noise_to(TWO, s, x), "time") for s in SCHEDULES),
    (lambda x: diffusion.chance_ratio(2, x), "threshold"),
    (lambda x: diffusion.two_nn_dimension(CLOUD, discard=x), "discard"),
    (lambda x: guidance.PowerLawGuidance(MIXTURE, MIXTURE, 1.0, x), "exponent"),
    (lambda x: guidance.ProjectedGuidance(MIXTURE, MIXTURE, 1.0, momentum=x), "momentum"),
    (lambda x: guidance.Interval(1.0, x, 1.0), "low and high"),
    (lambda x: guidance.cfg_plus_plus([1.0, x], 1.0), "levels"),
    (lambda x: guidance.cfg_plus_plus([1.0, 0.0], x), "strength"),
    (memory.ags_overlap, "load"),
    (memory.ags_temperature, "load"),
    (memory.ags_capacity, "temperature"),
    (memory.crosstalk_overlap, "load"),
    (lambda x: memory.sequence_overlap(x, 0.5, 1), "load"),
    (lambda x: memory.crosstalk_capacity(d=x), "d"),
    (lambda x: memory.sparse_overlap(x, 0.1), "load"),
    (lambda x: memory.sparse_cosine(x, 0.1), "load"),
    (lambda x: hopfield.KernelMemory(PAIR, ridge=x), "ridge"),
    (lambda x: hopfield.ThermalMemory(J, XI, 0.5, averaged=x), "averaged"),
    (lambda x: memory.argmax_retrieval(5, 5, x), "noise"),
    (lambda x: memory.posterior_weight_bound(5, 5, 1.0, x), "beta"),
    (lambda x: memory.dense_load(1.0, x), "noise"),
    (lambda x: memory.dense_load_at_overlap(1.0, x), "overlap"),
    (lambda x: memory.query_gain(1.0, x), "noise"),
    (lambda x: memory.sphere_average(x, 5), "k"),
    (memory.flip_information, "overlap"),
    (memory.spins_of_information, "information"),
    (lambda x: memory.perceptron_loss([1.0], x), "overlap"),
    (lambda x: noise.guided_condensation(1.0, x, 0.5), "w"),
    (lambda x: noise.guided_power_law(0.5, x), "omega"),
    (lambda x: noise.class_divergence(x, 1.0, 1.0), "distance2"),
    *((lambda x, source=source: source(J, XI, x), "overlap") for source in SOURCES),
]
FROM_ZERO_TO_INFINITY = [
    (lambda x: FLOW.train_loss([x]), "times"),
    (lambda x: hopfield.dreaming_kernel(XI, x), "time"),
    (lambda x: NETWORK.relax(XI, temperature=x), "temperature"),
    (lambda x: DENSE.relax(XI, tolerance=x), "tolerance"),
    (lambda x: hopfield.symmetric_perceptron(XI, x), "margin"),
    (diffusion.chance_ratio, "dimension"),
]
FROM_MINUS_ONE = [
    (lambda x: hopfield.flip_spins(XI, x), "overlap"),
    (lambda x: guidance.Window(1.0, 1.0, x), "inside"),
    (lambda x: guidance.LinearWindow(x, 1.0), "w0"),
    (lambda x: memory.hebbian_one_step(x, 0.1), "overlap"),
    (lambda x: memory.argmax_retrieval_spins(5, 5, x), "overlap"),
]
NUMBERS = [
    (lambda x: hopfield.binarize(XI, x), "threshold"),
    (lambda x: diffusion.copy_fraction(CLOUD, CLOUD, CLOUD, threshold=x), "threshold"),
]
ABOVE_ZERO_TO_INFINITY = [
    (lambda x: diffusion.calibrated_distance(CLOUD, CLOUD, 2, x), "scale"),
    (lambda x: guidance.ProjectedGuidance(MIXTURE, MIXTURE, 1.0, radius=x), "radius"),
    (lambda x: diffusion.class_times(FLOW, ONE_CLASS, gap=x), "gap"),
]
FINITE = [
    (lambda x: guidance.ProjectedGuidance(MIXTURE, MIXTURE, 1.0, parallel=x), "parallel"),
    (lambda x: hopfield.CovarianceMemory(TWO, x), "threshold"),
    (lambda x: memory.sparse_capacity(0.1, x), "threshold"),
    (guidance.Constant, "w"),
    (guidance.as_schedule, "w"),
    (lambda x: guidance.weight_at(lambda _: x, 1.0), "w"),
    (guidance.extra_weight, "scale"),
    (lambda x: guidance.Clamped(guidance.Constant(1.0), x), "least"),
    (lambda x: memory.one_step_overlap(x, 0.5), "stabilities"),
    (lambda x: memory.retrieval_loss([x], 0.5), "stabilities"),
]

REFUSED = [
    (NO_SPINS, SPINS),
    (NO_UNITS, UNITS),
    (NO_POINTS, POINTS),
    (NO_MATRICES, MATRICES),
    ([nan, -inf, -2.0, -1.0, 0.0, inf], ABOVE_ZERO),
    ([nan, -inf, -2.0, -1.0, 0.0], ABOVE_ZERO_TO_INFINITY),
    ([nan, -inf, -2.0, -1.0, inf], FROM_ZERO),
    ([nan, -inf, -2.0, -1.0], FROM_ZERO_TO_INFINITY),
    ([nan, -inf, -2.0, inf], FROM_MINUS_ONE),
    ([nan, -inf, inf], FINITE),
    ([nan], NUMBERS),
    ([nan, -inf, -1.0, 0.0, 1e-200, 1e200, inf, torch.ones(3)], LEVELS),
    ([torch.tensor([-1, 0, 0, 0]), torch.ones(4), torch.ones(3).long()], LABELLED),
    (NOT_ALIKE, [(lambda pair: hopfield.overlap(*pair), "states and patterns")]),
    ([torch.ones(0, 2)], [(lambda x: hopfield.unlearn(J, 1, patterns=x), "patterns")]),
    (
        [nan * torch.eye(2)],
        [(lambda x: diffusion.subspace_dimension(EXACT, TWO, 1.0, [x]), "subspaces")],
    ),
    ([[1.0, 1.0]], [(lambda x: guidance.cfg_plus_plus(x, 1.0), "levels")]),
    # at 10⁴ the Ornstein–Uhlenbeck process has no signal left
    (
        [nan, -1.0, 0.0, 1e4, inf],
        [(lambda x: diffusion.sample(EXACT, TWO, OU, start=x), "(start|time)")],
    ),
]


@pytest.mark.parametrize(
    ("wrongs", "call", "name"), [(wrongs, *one) for wrongs, calls in REFUSED for one in calls]
)
def test_what_is_out_of_range_is_refused_by_name(wrongs, call, name):
    for wrong in wrongs:
        with refused(name):
            call(wrong)
