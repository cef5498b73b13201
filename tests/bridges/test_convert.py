"""The dictionary of noise, and the command that reads it out."""

import json
import math

import pytest
from click.testing import CliRunner

from bridges.cli import main
from bridges.equivalence import (
    QUANTITIES,
)
from bridges.verbs.convert import convert
from hopfield.theory import argmax_retrieval, critical_noise


def call(*words, code=0):
    result = CliRunner().invoke(main, ["convert", *(str(w) for w in words)])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_prints_all_equivalents():
    text = call("--sigma", 1.1, "--dim", 20, "--patterns", 55)
    for number in ("0.67267", "0.3965", "0.82645", "0.16366", "2.75", "0.20037", "1.4243"):
        assert number in text
    found = json.loads(call("--sigma", 1.1, "--dim", 20, "--patterns", 55, "--json"))
    assert found == convert(1.1, "sigma", "cosine", 20, 55).to_dict()
    assert found["load"]["decoded"] == float(argmax_retrieval(55, 20, 1.1))
    assert found["load"]["collapse_sigma"] == critical_noise(math.log(55) / 20)
    for source, value in found["cue"].items():
        if source in QUANTITIES:
            again = json.loads(call(f"--{source}", value, "--json"))
            assert again["cue"]["sigma"] == pytest.approx(1.1)
            assert again["load"] is None
    flipped = json.loads(call("--flips", 0.05, "--map", "information", "--json"))
    assert flipped["spins"]["information"]["overlap"] == pytest.approx(0.9)
    clean = json.loads(call("--overlap", 1, "--dim", 10, "--patterns", 1, "--json"))
    assert clean["cue"]["beta"] is None  # infinite
    assert clean["spins"]["information"] is None  # more than spins can tell
    assert call("--time", 0.3, "--size", 20) == call("--time", 0.3, "--dim", 20)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "give exactly one of --sigma, --cosine, --overlap"),
        ("--sigma 1 --beta 2", "give exactly one of"),
        ("--sigma -1", "sigma must lie in [0, inf), got -1.0"),
        ("--overlap 0", "overlap must lie in (0, 1], got 0.0"),
        ("--flips 0.5", "flips must lie in [0, 0.5), got 0.5"),
        ("--time nan", "'nan' is not a finite number"),
        ("--beta 0", "beta must lie in (0, inf), got 0.0"),
        ("--snr -2", "snr must lie in (0, inf), got -2.0"),
        ("--sigma 1 --patterns 5", "patterns needs a size, --dim"),
        ("--sigma 1 --dim 1", "Invalid value for '--dim'"),
        ("--sigma 1 --map soft", "Invalid value for '--map'"),
    ],
)
def test_bad_words_exit_2_with_one_line(words, message):
    text = call(*words.split(), code=2)
    error = [line for line in text.splitlines() if line.startswith("Error:")]
    assert len(error) == 1
    assert message in error[0]
