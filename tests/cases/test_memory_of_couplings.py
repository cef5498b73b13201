"""What a network's couplings would need is refused before they are made."""

import numpy as np
import pytest
import torch

from bridges._checks import memory_limit
from bridges.data import pattern_set
from bridges.graph import committors
from bridges.models import MODELS, NETWORKS, SPANNED, Options
from bridges.verbs import setting
from bridges.verbs.setting import Setting
from diffusion import EmpiricalDenoiser
from hopfield import WillshawMemory


def test_networks_are_the_models_with_couplings():
    options = Options(training_steps=0, activity=0.5, shape=(2, 3))
    for name, model in MODELS.items():
        patterns = pattern_set("random", model.kind, 2, 6, 0, coding=options.coding)
        memory = model.build(patterns, options, 0)
        holders = (memory, *(getattr(memory, part, None) for part in ("source", "network")))
        couplings = [found for one in holders if torch.is_tensor(found := _couplings(one))]
        assert (name in NETWORKS) == (len(couplings) > 0), name


def _couplings(one):
    """Those that are numbers; Willshaw's are bits until they are asked for."""
    return None if isinstance(one, WillshawMemory) else getattr(one, "couplings", None)


@pytest.mark.parametrize("name", NETWORKS)
def test_large_pictures_are_refused_with_the_figure(tmp_path, name):
    np.save(tmp_path / "large.npy", np.random.default_rng(0).choice([-1, 1], (3, 200 * 200)))
    needed = 12.8 * NETWORKS[name]  # GB: 8 bytes of 40000² couplings are 12.8
    message = rf"data: couplings of {name} on 40000 sites .*polynomial.* need about {needed:.3g} GB"
    patterns = 3000 if name in SPANNED else 3  # of few patterns these keep no matrix
    with memory_limit(12), pytest.raises(ValueError, match=message):
        Setting(str(tmp_path / "large.npy")).check([name], [patterns])


def test_a_size_is_refused_and_nothing_of_it_made(monkeypatch):
    monkeypatch.setattr(setting, "pattern_set", None)
    with pytest.raises(ValueError, match=r"size: couplings of storkey .* about 2.4e\+04 GB"):
        Setting("random", size=10**6).check(["nearest", "storkey", "hebb"], [3])


def test_memories_without_couplings_take_large_pictures(tmp_path):
    np.save(tmp_path / "large.npy", np.random.default_rng(0).choice([-1, 1], (3, 200 * 200)))
    with memory_limit(12):
        Setting(str(tmp_path / "large.npy")).check(["polynomial", "nearest", *SPANNED], [3])


def test_every_job_has_couplings_of_its_own():
    with memory_limit(0.04, jobs=2):
        Setting("random", size=1000).check(["max-margin"], [3])  # 2 × 2 matrices of 8 MB
    message = r"need about 0.048 GB in 3 --jobs, more than the 0.04 GB of --max-memory"
    with memory_limit(0.04, jobs=3), pytest.raises(ValueError, match=message):
        Setting("random", size=1000).check(["max-margin"], [3])


def test_patterns_and_cues_count_too():
    with memory_limit(0.1):
        with pytest.raises(
            ValueError, match=r"^patterns or loads: 1000000 patterns of 16 sites need"
        ):
            Setting("random", size=16).check(["nearest"], [10**6])
        with pytest.raises(
            ValueError, match=r"^trials, starts or draws: 1000000 cues of 16 sites need"
        ):
            Setting("random", size=16, trials=10**6).check(["nearest"], [3])
        with pytest.raises(ValueError, match=r"^trials, starts or draws: 2000000 cues"):
            Setting("random", size=16).check(["nearest"], [3], 2 * 10**6)


def test_groups_that_would_not_fit_are_refused():
    denoiser = EmpiricalDenoiser(torch.eye(2))
    with memory_limit(1), pytest.raises(ValueError, match="groups: 1000000001 of them need about"):
        committors(denoiser, torch.zeros(1, 2), 1.0, groups=[0, 10**9])
