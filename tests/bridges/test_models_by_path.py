"""Models by path: what a file of the user's makes is measured as a model by name is."""

import json
import sys
from importlib.metadata import EntryPoint
from textwrap import dedent

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bridges import load_model
from bridges.cli import main
from bridges.data import load, pattern_set
from bridges.memory.similarity import similarity_of_data
from bridges.models import MODELS, Options, content_of, find_model, label_of, paths, place
from bridges.retrieval import retrieval_map
from diffusion import EmpiricalDenoiser, NetworkDenoiser, ResidualMLP
from diffusion.checkpoints import save_denoiser

RULES = """
    import torch
    from hopfield import hebbian, HopfieldNetwork, DenseMemory, unlearn
    from beside import scale
    from bridges.data import load
    from diffusion import EmpiricalDenoiser

    def rule(patterns, seed):
        return scale * hebbian(patterns)

    def without_seed(patterns):
        return HopfieldNetwork(hebbian(patterns))

    def result(patterns, seed):
        return unlearn(hebbian(patterns), 1, 1e-9, seed=seed)

    def dense(patterns, seed):
        return DenseMemory(patterns, "exponential", beta=1.0, states="binary")

    def sphere(patterns, seed):
        return EmpiricalDenoiser(patterns)

    sphere.states = "real"

    def undeclared(patterns, seed):
        return EmpiricalDenoiser(patterns)

    def exact():
        return EmpiricalDenoiser(load("digits")[0])

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(()))

        def forward(self, x, sigma):
            return self.weight * x

    def module():
        return Module()

    def broken():
        return lambda x, sigma: x @ x

    def cut():
        return lambda x, sigma: x[:, :3]

    def number():
        return 3

    def fails(patterns, seed):
        raise KeyError("lost")

    def many(one, two, three):
        return one
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "beside.py").write_text("scale = 2.0\n")
    path = tmp_path / "rules.py"
    path.write_text(dedent(RULES))
    return path


def memory(text, kind="binary", P=6, seed=3, **asked):
    model = find_model(text)
    assert kind == model.kind or model.trained
    patterns = pattern_set("digits", model.kind, P, None, seed)
    return model.build(patterns, Options(**asked), seed)


@pytest.mark.parametrize("name", ["rule", "without_seed", "result"])
def test_a_rule_of_ones_own_is_that_rule(file, name):
    """Couplings, of any scale, a network or a training: all the same as Hebb by name."""
    own, known = memory(f"{file}:{name}", "binary"), memory("hebb", "binary")
    maps = [retrieval_map(m, [0.5, 0.8], trials=20, seed=0) for m in (own, known)]
    np.testing.assert_array_equal(maps[0].success, maps[1].success)
    np.testing.assert_allclose(maps[0].overlap_out, maps[1].overlap_out)


def test_dense_memories_and_denoisers_are_those_by_name(file):
    for text, name, kind in (("dense", "exponential", "binary"), ("sphere", "flow", "real")):
        own, known = memory(f"{file}:{text}", kind), memory(name, kind)
        cues = known.corrupt(known.patterns, 0.7, torch.Generator().manual_seed(0))
        assert torch.equal(own.retrieve(cues, 0.7)[0], known.retrieve(cues, 0.7)[0])


def test_a_trained_denoiser_is_cued_with_data_as_they_are_stored(file):
    rows = load("digits")[0]
    centre = similarity_of_data(rows)
    own = memory(f"{file}:exact", "stored", dynamics="fixed-noise", beta=0.25, centre=centre)
    assert all((rows == pattern).all(1).any() for pattern in own.patterns)
    assert own.similarity is centre
    assert torch.equal(own.step(own.patterns, 0.5), EmpiricalDenoiser(rows)(own.patterns, 2.0))
    assert find_model(f"{file}:exact").trained
    assert not find_model(f"{file}:rule").trained


def test_a_checkpoint_is_the_network_that_was_saved(tmp_path):
    network = NetworkDenoiser(ResidualMLP(64, width=8, depth=1, seed=0), scale=5.0)
    path = tmp_path / "own.safetensors"
    save_denoiser(network, path)
    own = memory(str(path), "stored", dynamics="fixed-noise")
    x = own.patterns
    torch.testing.assert_close(own.step(x, 0.5), network(x, 1.0))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "has no function 'absent'; it has .*rule"),
        ("many", r"must take \(patterns, seed\) or nothing, got 3 arguments"),
        ("number", "must return couplings, a network, a denoiser or a Memory, got int"),
        ("undeclared", "undeclared.states = 'real', or 'stored'"),
        ("fails", "fails failed: KeyError: 'lost'"),
    ],
)
def test_what_is_no_model_is_refused_in_a_sentence(file, name, message):
    with pytest.raises(ValueError, match=message) as caught:
        memory(f"{file}:{name}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hebbian", "unknown model 'hebbian'; the models are hebb, pseudo-inverse"),
        ("none/rules.py:rule", "no file 'none/rules.py'"),
        ("{file}", "name its function, as FILE.py:function"),
        ("{weights}", "torch.load\\(path, weights_only=True\\)"),
        ("{run}", "of a run; name one of its networks: denoiser.safetensors"),
    ],
)
def test_a_path_that_is_none_is_refused_before_anything_is_read(file, text, message):
    weights, run = file.with_name("weights.pt"), file.with_name("run")
    torch.save({}, weights)
    run.mkdir()
    for name in ("config.json", "summary.json", "denoiser.safetensors"):
        (run / name).write_text("{}")
    with pytest.raises(ValueError, match=message):
        place(text.format(file=file, weights=weights, run=run))


def test_a_file_that_cannot_be_run_says_why(tmp_path):
    (tmp_path / "broken.py").write_text("import a_module_that_is_not_there\n")
    with pytest.raises(ValueError, match=r"broken.py cannot be run: ModuleNotFoundError: No"):
        find_model(f"{tmp_path}/broken.py:rule")


def test_a_file_that_changed_is_read_again(tmp_path):
    path = tmp_path / "rules.py"
    path.write_text("def rule(patterns):\n    return patterns.T @ patterns\n")
    before, content = find_model(f"{path}:rule"), content_of(f"{path}:rule")
    path.write_text("def rule(patterns, seed):\n    return patterns.T @ patterns / 7\n")
    assert find_model(f"{path}:rule") is not before
    assert content_of(f"{path}:rule") != content


def test_a_plug_in_is_a_model_by_name(file, monkeypatch):
    point = EntryPoint("mine", "tests_of_plug_ins:rule", "bridges.models")
    monkeypatch.setattr(EntryPoint, "load", lambda _: lambda patterns: patterns.T @ patterns)
    monkeypatch.setattr(paths, "entry_points", lambda group: [point])
    assert place("mine") == label_of("mine") == "mine"
    assert memory("mine", "binary").patterns.shape == (6, 61)
    listed = json.loads(CliRunner().invoke(main, ["models", "--json"]).stdout)
    assert listed.keys() == MODELS.keys() | {"mine"}


IMAGES = """
    import torch

    class Images(torch.nn.Module):
        '''Exact for pixels N(0, 1), but for a convolution of weight 0.'''

        def __init__(self, layer, classes=None):
            super().__init__()
            self.first = layer(1, 1, 3, padding=1)
            torch.nn.init.zeros_(self.first.weight)
            torch.nn.init.zeros_(self.first.bias)

        def forward(self, images, sigma):
            assert images.shape[1] == 1
            axes = (-1,) + (1,) * (images.ndim - 1)
            return images / (1 + sigma.reshape(axes) ** 2) + self.first(images)

    def grey():
        return Images(torch.nn.Conv2d)

    def signals():
        return Images(torch.nn.Conv1d)
"""


@pytest.mark.parametrize(
    ("name", "shape"),
    [("grey", (8, 8)), ("grey", (1, 8, 8)), ("signals", (64,)), ("signals", (1, 64))],
)
def test_a_network_of_one_channel_takes_rows_without(tmp_path, name, shape):
    (tmp_path / "nets.py").write_text(dedent(IMAGES))
    model = find_model(f"{tmp_path}/nets.py:{name}")
    rows = torch.randn(5, 64, generator=torch.Generator().manual_seed(0))
    options = Options(steps=5, dynamics="fixed-noise", beta=0.25, shape=shape)
    memory = model.build(rows, options, 0)
    torch.testing.assert_close(memory.step(rows, 0.5), rows / 5)


RESTS = """
    import torch

    class Rests(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(64, 256), torch.nn.Tanh(), torch.nn.Linear(256, 64)
            )

        def forward(self, x, sigma):
            return 2 * self.layers(x)

    def rests():
        return Rests()
"""


def test_a_network_of_single_precision_comes_to_rest(tmp_path):
    """Iterated as finer states, its own rounding would be taken for motion."""
    (tmp_path / "nets.py").write_text(dedent(RESTS))
    model = find_model(f"{tmp_path}/nets.py:rests")
    rows = torch.randn(5, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    memory = model.build(rows, Options(dynamics="fixed-noise", beta=4.0), 0)
    found = memory.retrieve(memory.patterns, 0.9)
    assert memory.patterns.dtype == torch.float32
    assert found.converged.all()
    with torch.no_grad():
        again = model.source.double()(found.states.double(), 0.5)
    torch.testing.assert_close(again, found.states.double(), rtol=0, atol=1e-5)


def run(*words):
    found = CliRunner().invoke(main, [*words, "--samples", "2", "--jobs", "1", "--quiet"])
    assert found.exit_code in (0, 2), found.output
    return found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("broken", "{} failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied"),
        ("cut", "{} must return real rows of shape (1, 64), got torch.float64 of shape (1, 3)"),
    ],
)
def test_a_denoiser_that_fails_when_asked_is_refused(file, tmp_path, name, message):
    given = ("--data", "digits", "--patterns", "3", "--samples", "1", "--jobs", "1")
    found = run("retrieve", "--model", f"{file}:{name}", *given, "--out", str(tmp_path / "run"))
    assert found.exit_code == 2, found.output
    assert f"model: {message.format(f'{file}:{name}')}" in " ".join(found.output.split())
    assert not (tmp_path / "run").exists()


def test_samples_of_a_model_in_other_units_are_called_that(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 5))
    np.save(tmp_path / "bytes.npy", 100 * rows[:100])
    np.save(tmp_path / "unseen.npy", 100 * rows[100:])
    (tmp_path / "own.py").write_text(
        "def narrow():\n    return lambda x, sigma: x / (1 + sigma**2)\n"  # of data N(0, 1)
    )
    given = ("--data", str(tmp_path / "bytes.npy"), "--held-out", str(tmp_path / "unseen.npy"))
    own = ("--model", f"{tmp_path}/own.py:narrow", "--draws", "50", "--jobs", "1")
    found = run("memorization", *given, *own, "--out", str(tmp_path / "run"))
    assert found.exit_code == 0, found.output
    shown = CliRunner().invoke(main, ["show", str(tmp_path / "run")])
    words = " ".join(shown.output.split())
    assert "samples are unlike the data (the model has learnt too little, or data in" in words
    assert "samples lie" not in words  # they lie amid the data
    drawn = str(next((tmp_path / "run").glob("generated-*.npy")))
    found = run("memorization", *given, "--generated", drawn, "--out", str(tmp_path / "files"))
    assert found.exit_code == 2  # what is given may be brought into the units of the data
    assert "--scale" in found.output


def test_every_verb_takes_a_path(file, tmp_path):
    models = f"hebb,{file}:rule,{file}:exact"
    for verb, words in {
        "retrieve": "--overlaps 0.5,1 --trials 5",
        "compare": "--overlaps 0.5,1 --loads 2,4 --trials 5",
        "basins": "--starts 20",
        "graph": "--overlaps 0.5,0.8 --draws 3",
    }.items():
        out = tmp_path / verb
        given = ("--model", models, "--patterns", "4", "--out", str(out), *words.split())
        found = run(verb, *given)
        assert found.exit_code == 0, found.output
        kept = json.loads((out / "config.json").read_text())["parameters"]
        assert kept[f"content of {file}:rule"] == content_of(f"{file}:rule")


def test_loads_are_of_what_stores_them(file, tmp_path):
    out = ("--out", str(tmp_path / "run"), "--trials", "5")
    found = run("capacity", "--model", f"{file}:exact", *out)
    assert found.exit_code == 2
    assert "was trained before" in found.output
    found = run("retrieve", "--data", "random", "--model", f"{file}:exact", *out)
    assert found.exit_code == 2
    assert "give the data that it was trained on as --data" in found.output
    assert not (tmp_path / "run").exists()


def test_a_model_is_loaded_in_python(file, tmp_path):
    rule = load_model(f"{file}:rule")
    xi = pattern_set("digits", "binary", 4, None, 0)
    known = MODELS["hebb"].build(xi, Options(), 0)
    cues = known.corrupt(xi, 0.8, torch.Generator().manual_seed(0))
    assert torch.equal(rule(xi).retrieve(cues, 0.8)[0], known.retrieve(cues, 0.8)[0])
    network = NetworkDenoiser(ResidualMLP(64, width=8, depth=1, classes=3, seed=0), scale=5.0)
    path = tmp_path / "own.safetensors"
    save_denoiser(network, path)
    x = load("digits")[0][:5].float()
    found = load_model(str(path), label=2, batch_size=2)(x, 1.0)
    torch.testing.assert_close(found, network.condition(2)(x, 1.0))
    with pytest.raises(ValueError, match=r"class must lie in \[0, 2\] for .*, got 3"):
        load_model(str(path), label=3)


@pytest.mark.parametrize("text", ["", "x" * 300, "/dev/null", "\0"])
def test_what_is_neither_file_nor_folder_is_no_model(text):
    with pytest.raises(ValueError, match=r"^(unknown model|model must be a name)"):
        load_model(text)


@pytest.mark.parametrize("given", [{"label": 1}, {"scheduler": "DDPMScheduler"}, {"batch_size": 2}])
def test_a_model_that_is_made_from_patterns_has_no_options_of_trained_ones(given):
    with pytest.raises(ValueError, match=f"^{next(iter(given))} must not be given for hebb"):
        load_model("hebb", **given)


def test_a_folder_of_diffusers_is_refused_in_a_line_where_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "diffusers", None)  # as where it is not installed
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match=r"^model: reading .* needs diffusers: pip install"):
        load_model(tmp_path)
