"""What a network's couplings would need is refused before they are made."""

import numpy as np
import pytest
import torch

from bridges.models import MODELS, NETWORKS, Options
from bridges.verbs import setting
from bridges.verbs.setting import Setting


def test_networks_are_the_models_with_couplings():
    patterns = torch.ones(1, 6, dtype=torch.float64)
    for name, model in MODELS.items():
        memory = model.build(patterns, Options(training_steps=0), 0)
        coupled = hasattr(getattr(memory, "source", None), "couplings")
        assert (name in NETWORKS) == coupled, name


@pytest.mark.parametrize("name", NETWORKS)
def test_large_pictures_are_refused_with_the_figure(tmp_path, name):
    np.save(tmp_path / "large.npy", np.random.default_rng(0).choice([-1, 1], (3, 200 * 200)))
    needed = 12.8 * NETWORKS[name]  # GB: 8 bytes of 40000² couplings are 12.8
    message = rf"data: {name} on 40000 sites needs {needed:.3g} GB .*, of at most .*polynomial"
    with pytest.raises(ValueError, match=message):
        Setting(str(tmp_path / "large.npy")).check([name], [3])


def test_a_size_is_refused_and_nothing_of_it_made(monkeypatch):
    monkeypatch.setattr(setting, "pattern_set", None)
    with pytest.raises(ValueError, match=r"size: hebb on 1000000 sites needs 1.6e\+04 GB"):
        Setting("random", size=10**6).check(["nearest", "hebb"], [3])


def test_memories_without_couplings_take_large_pictures(tmp_path):
    np.save(tmp_path / "large.npy", np.random.default_rng(0).choice([-1, 1], (3, 200 * 200)))
    Setting(str(tmp_path / "large.npy")).check(["polynomial", "nearest"], [3])


def test_what_is_free_is_the_limit_where_it_is_less(monkeypatch):
    Setting("random", size=1000).check(["hebb"], [3])
    monkeypatch.setattr(setting, "_available", lambda: 1e7)
    with pytest.raises(ValueError, match=r"needs 0.016 GB for its couplings, of at most 0.01"):
        Setting("random", size=1000).check(["hebb"], [3])
