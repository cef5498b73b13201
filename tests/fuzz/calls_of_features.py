"""One small valid call of every method of random features and of their spectra: see `calls`."""

import torch
from calls_of_guidance import CLOUD, LABELS, MIXTURE, X
from place import here
from torch import Tensor

import diffusion
from diffusion import theory as noise

FEATURES = diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0)
FLOW = FEATURES.fit(CLOUD, LABELS)
LEARNT = diffusion.class_times(FLOW, CLOUD.flip(1), LABELS)
FIELDS = noise.feature_spectrum(2.0, 3.0, [1.0], [1.0], 0.1)
GRAM = noise.gram_spectrum(9, 2, [1.0, 0.5], 0.1)
PLANE = here(torch.eye(2).double())


def fit(data, labels: Tensor | None = None, draws: int | None = None):
    """A fit of features that have drawn nothing yet."""
    return diffusion.RandomFeatureScore(3, 2, time=0.1, seed=0).fit(data, labels, draws)


FEATURES_LEARNT = {
    "FeatureFlow.bayes_loss": (FLOW.bayes_loss, {"mixture": MIXTURE}),
    "FeatureFlow.readout": (FLOW.readout, {"time": 1.0}),
    "FeatureFlow.score_error": (FLOW.score_error, {"times": [1.0, 2.0], "mixture": MIXTURE}),
    "FeatureFlow.test_loss": (
        FLOW.test_loss,
        {"times": [1.0, 2.0], "source": CLOUD, "labels": LABELS},
    ),
    "FeatureFlow.train_loss": (FLOW.train_loss, {"times": [1.0, 2.0]}),
    "FeatureFlow.truncated": (FLOW.truncated, {"rank": 2}),
    "FeatureFlow.with_ridge": (FLOW.with_ridge, {"ridge": 0.1, "beyond": 1}),
    "ClassTimes.gap_at": (LEARNT.gap_at, {"times": [1.0, 2.0]}),
    "ClassTimes.phases": (LEARNT.phases, {"times": [1.0, 2.0]}),
    "GramSpectrum.flow_times": (GRAM.flow_times, {"eigenvalues": [1.0, 2.0]}),
    "RandomFeatureScore.average_over": (FEATURES.average_over, {"data": CLOUD}),
    "RandomFeatureScore.average_over_class": (
        FEATURES.average_over_class,
        {"mean": X[0], "covariance": PLANE},
    ),
    "RandomFeatureScore.fit": (
        fit,
        {"data": CLOUD, "labels": LABELS, "draws": 3},
    ),
    "RandomFeatureScore.loss": (
        FEATURES.loss,
        {
            "readout": FLOW.readout(1.0),
            **dict(zip("UV", FEATURES.average_over(CLOUD), strict=True)),
        },
    ),
    "RandomFeatureScore.score": (FEATURES.score, {"x": X, "readout": FLOW.readout(1.0)}),
    "FeatureSpectrum.class_density": (FIELDS.class_density, {"x": [1.0, 2.0]}),
    "FeatureSpectrum.density": (FIELDS.density, {"x": [1.0, 2.0]}),
    "FeatureSpectrum.resolvents": (FIELDS.resolvents, {"z": [1.0 + 1.0j]}),
    "FeatureSpectrum.bulks": (FIELDS.bulks, {}),
}
