"""Patterns that are drawn, `random` and `clustered`, against the overlaps that they must have."""

import csv

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from bridges.cli import main
from bridges.data import called, fingerprint, load_data, pattern_classes, pattern_set, place

KINDS = ("binary", "real")
VERBS = ("retrieve", "capacity", "basins", "graph", "memorization", "train")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", ["random", "clustered", "clustered@clusters=3,overlap=0.6"])
def test_the_patterns_of_fewer_are_the_first_of_more(kind, data):
    many, few = (pattern_set(data, kind, P, 37, seed=5) for P in (40, 11))
    assert torch.equal(many[:11], few)
    assert not torch.equal(few, pattern_set(data, kind, 11, 37, seed=6))
    assert torch.allclose(many.square().sum(1), torch.tensor(37.0, dtype=torch.float64))
    assert kind == "real" or bool((many.abs() == 1).all())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.9, 1.0])
def test_overlaps_within_and_between_clusters_are_those_of_the_formula(kind, overlap):
    """E[ξ·ξ'/N] = m² within a cluster, 0 between two; the error is that between 12 sets."""
    C, P, N = 4, 40, 500
    within, between = [], []
    for seed in range(12):
        xi = pattern_set(f"clustered@clusters={C},overlap={overlap}", kind, P, N, seed)
        classes = pattern_classes(f"clustered@clusters={C}", P, seed)
        overlaps = (xi @ xi.T / N).numpy()
        same = (classes[:, None] == classes).numpy()
        within.append(overlaps[same & ~np.eye(P, dtype=bool)].mean())
        between.append(overlaps[~same].mean())
    for found, wanted in ((within, overlap**2), (between, 0.0)):
        error = np.std(found, ddof=1) / len(found) ** 0.5
        assert abs(np.mean(found) - wanted) < 4 * error + 2 / N  # on a sphere up to O(1/N)


def test_clusters_that_hold_all_patterns_alike_are_one_pattern_each():
    xi = pattern_set("clustered@clusters=2,overlap=1", "binary", 6, 50, seed=0)
    assert torch.equal(xi[::2], xi[:1].expand(3, -1))
    assert not torch.equal(xi[0], xi[1])
    assert pattern_classes("clustered@clusters=2", 5, seed=0).tolist() == [0, 1, 0, 1, 0]
    assert pattern_classes("random", 5, seed=0) is None


def test_a_name_says_all_that_the_patterns_depend_on():
    assert place("clustered") == "clustered@clusters=5,overlap=0.8"
    assert place("clustered@overlap=0.25") == "clustered@clusters=5,overlap=0.25"
    for kind in KINDS:
        short, full = (
            pattern_set(one, kind, 7, 20, 0) for one in ("clustered", place("clustered"))
        )
        assert torch.equal(short, full)
    assert fingerprint("clustered@overlap=0.1") != fingerprint("clustered@overlap=0.2")
    assert called("clustered@overlap=0.1") != called("clustered@overlap=0.15")  # folders of runs
    assert called("x/faces.npy@scale=0.1") == "faces@scale=0.1"


def test_a_file_of_such_a_name_is_still_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("clustered@mine.npy", np.eye(3))
    assert load_data("clustered@mine.npy").rows.shape == (3, 3)


REFUSED = {
    "clustered@clusters=5,width=1": "data: clustered takes clusters and overlap, got 'width=1'",
    "clustered@clusters": "data: clusters must be a whole number, got ''",
    "clustered@clusters=2.5": "data: clusters must be a whole number, got '2.5'",
    "clustered@clusters=0": "data: clusters must be a whole number of at least 1, got 0",
    "clustered@overlap=wide": "data: overlap must be a number, got 'wide'",
    "clustered@overlap=nan": "data: overlap must lie in [0, 1], got nan",
    "clustered@overlap=1.5": "data: overlap must lie in [0, 1], got 1.5",
    "clustered@": "data: clustered takes clusters and overlap, got ''",
    "random@clusters=3": "data must be one of digits, random, clustered",
}


@pytest.mark.parametrize("data", REFUSED)
@pytest.mark.parametrize(
    "verb", ["retrieve", "capacity", "basins", "graph", "memorization", "train"]
)
def test_other_parameters_are_refused(verb, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(main, [verb, "--data", data])
    assert found.exit_code == 2
    assert REFUSED[data] in " ".join(found.output.split())
    assert not any(tmp_path.iterdir())


def test_options_of_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for data in ("clustered", "clustered@clusters=3"):
        found = CliRunner().invoke(main, ["retrieve", "--data", data, "--resize", "8"])
        assert found.exit_code == 2
        assert "resize" in found.output


def test_communities_of_clustered_patterns_are_their_clusters(tmp_path, monkeypatch):
    """At a noise that confuses patterns of a cluster, whose cosine is m² = 0.81, and no others."""
    monkeypatch.chdir(tmp_path)
    line = "graph --data clustered@clusters=4,overlap=0.9 --size 60 --patterns 20 --sigmas 1.4"
    found = CliRunner().invoke(main, [*line.split(), "--samples", "2", "--jobs", "1", "--out", "r"])
    assert found.exit_code == 0, found.output
    with open("r/results.csv", newline="", encoding="utf-8") as file:
        values = {row["quantity"]: float(row["value"]) for row in csv.DictReader(file)}
    assert values["communities"] == 4
    assert values["agreement"] == 1
