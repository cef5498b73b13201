"""What befalls a run: kills, a full disk, a folder nothing can be written to, failing points."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import pytest
from terminal import ENVIRONMENT, contents, run
from tqdm import tqdm

from bridges import run_study

call = partial(run, "bridges")
SMALL = "retrieve --data random --size 30 --patterns 2 --trials 4 --overlaps 0.5,1 --jobs 1"
SMALL += " --samples 5 --model hebb"


POINTS = [{"x": x} for x in range(6)]
FILES_OF_A_STUDY = ["config.json", "points.jsonl", "results.csv"]


def takes_its_time(point, seed):
    time.sleep(0.01)
    return [{"quantity": "value", "value": point["x"] + seed % 7}]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_ten_kills_lose_and_repeat_nothing(tmp_path):
    rng, points, done_before = random.Random(0), tmp_path / "run" / "points.jsonl", 0

    def done():
        return points.read_text().count("\n") if points.exists() else 0

    run_study("kills", takes_its_time, POINTS[:1], samples=1)  # imports what the children need
    for _ in range(10):
        with warnings.catch_warnings():  # forking beside threads: the child uses none of them
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            tqdm.set_lock(threading.RLock())  # killed with the one it shares, it would stop us
            try:
                run_study("kills", takes_its_time, POINTS, samples=20, out=tmp_path / "run")
            finally:
                os._exit(0)
        wanted = done_before + rng.randint(0, 8)
        while done() < wanted and os.waitpid(child, os.WNOHANG) == (0, 0):
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert done() >= wanted
        done_before = done()
    assert 0 < done_before < 120  # killed on its way
    study = run_study("kills", takes_its_time, POINTS, samples=20, out=tmp_path / "run")
    assert study.reused == done_before
    lines = [json.loads(line) for line in points.read_text().splitlines()]
    assert sorted((e["point"], e["sample"]) for e in lines) == [
        (p, s) for p in range(6) for s in range(20)
    ]
    whole = run_study("kills", takes_its_time, POINTS, samples=20)
    assert study.results() == whole.results()


def test_of_two_processes_in_one_folder_one_refuses_and_the_other_goes_on():
    words = "compare --samples 2 --jobs 1 --model hebb,flow,denoiser --quiet --out run"
    command = [sys.executable, "-m", "bridges", *words.split()]
    points = Path("run/points.jsonl")
    first = subprocess.Popen(command, env=ENVIRONMENT)
    while first.poll() is None and not points.exists():
        time.sleep(0.005)
    os.kill(first.pid, signal.SIGSTOP)  # it writes nothing more until the second has come and gone
    second = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    os.kill(first.pid, signal.SIGCONT)
    assert second.returncode == 2
    assert "out: another process is writing to run; choose another --out" in second.stderr
    assert "Traceback" not in second.stderr
    assert first.wait() == 0
    assert points.read_text().count("\n") == 2 * 3 * 11


FULL = """
import resource, sys
from click.testing import CliRunner
from bridges.cli import main
words = sys.argv[1:]
CliRunner().invoke(main, [*words, "--out", "warm"])  # whatever else writes its caches
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))  # no file may outgrow it, as on a full disk
main([*words, "--out", "run"])
"""


def test_a_full_disk_is_told_and_what_fitted_is_kept():
    done = subprocess.run(
        [sys.executable, "-c", FULL, *SMALL.split()],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    kept = Path("run/points.jsonl").read_text()
    assert 1 <= kept.count("\n") < 5
    assert "measurements found there, not repeated" in call(SMALL, "--out", "run")
    assert Path("run/points.jsonl").read_text().startswith(kept[: kept.rfind("\n") + 1])


def test_a_folder_that_cannot_be_written_is_named():
    assert "/dev/null/run" in call(SMALL, "--out", "/dev/null/run", code=2)
    Path("file").write_text("mine")
    call(SMALL, "--out", "file", code=2)
    assert Path("file").read_text() == "mine"


def test_failed_points_exit_1_and_are_told_by_show(monkeypatch):
    import bridges.verbs.compare as comparison

    real = comparison.retrieval_map

    def fails_once(memory, overlaps, trials, *settings, **more):
        if trials == 4 and not calls:  # not in the check beforehand
            calls.append(1)
            raise FloatingPointError("a memory that overflowed")
        return real(memory, overlaps, trials, *settings, **more)

    calls = []
    monkeypatch.setattr(comparison, "retrieval_map", fails_once)
    text = call(SMALL, "--out", "run", code=1)
    assert "1 of 5 measurements failed, point 0 on sample 0 with FloatingPointError: a mem" in text
    assert "run again to measure what failed" in text
    assert Path("run/results.csv").exists()
    assert not Path("run/figure.png").exists()
    text = call("show", "run", code=1)
    assert "FloatingPointError" in text
    assert "quantity" in text  # the results that there are
    assert "(4 measurements found there" in call(SMALL, "--out", "run")
    assert "Hebb" in call("show", "run")


def test_shards_join_into_the_run_that_one_machine_makes():
    whole = call(SMALL, "--out", "whole", "--json")
    for k in (1, 2, 3):
        text = call(SMALL, "--shard", f"{k}/3")
        assert f"results/retrieve-random-shard-{k}-of-3" in text
    shards = [f"results/retrieve-random-shard-{k}-of-3" for k in (1, 2, 3)]
    assert "2 of 5 measurements are missing" in call("merge", *shards[1:], "--out", "m", code=1)
    assert json.loads(call("merge", *shards, "--out", "m", "--json")) == json.loads(whole)
    merged, measured = contents("m"), contents("whole")
    assert merged.keys() == measured.keys()
    for name in ("config.json", "results.csv", "summary.json", "figure.png"):
        assert merged[name] == measured[name]


def test_the_batch_script_of_the_page_works_as_written():
    """Each job of the array as Slurm starts it, and the line that joins them."""
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    script = page.split("```bash\n")[1].split("```")[0]
    Path("array.sh").write_text(script)
    join = page.split("done, `")[1].split("`")[0]
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    slurm = ENVIRONMENT | {"PATH": beside, "SLURM_ARRAY_TASK_COUNT": "2"}
    for job in ("1", "2"):
        subprocess.run(["bash", "array.sh"], env=slurm | {"SLURM_ARRAY_TASK_ID": job}, check=True)
    subprocess.run(["bash", "-c", join], env=slurm, check=True)
    config = json.loads(Path("results/array/config.json").read_text())
    assert (len(config["points"]), config["samples"]) == (2, 4)
    assert len(Path("results/array/points.jsonl").read_text().splitlines()) == 8


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "-1/2"])
def test_a_shard_that_is_none_is_a_usage_error(shard):
    assert "is not i/n" in call(SMALL, "--shard", shard, code=2)


def test_show_tells_a_run_again_without_measuring(monkeypatch):
    text = call(SMALL, "--out run")
    before = contents()
    for file in ("summary.json", "figure.png"):
        Path("run", file).unlink()
    monkeypatch.setattr("bridges.verbs.compare.retrieval_map", None)
    assert call("show run").splitlines()[:3] == text.splitlines()[:3]
    assert contents() == before
    assert "basin" in json.loads(call("show run --json"))


def test_show_prints_the_bare_results_of_a_study_it_does_not_know():
    run_study("../../evil", takes_its_time, POINTS, samples=2, out="run")
    shared, _, heading, *lines = call("show run").splitlines()
    assert shared == "quantity = value"
    assert heading.split() == ["x", "value", "n"]
    assert len(lines) == 6 + 1
    assert lines[-1] == "drawn plainly in run/results.png"
    assert Path("run/results.png").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_inside_a_write_leaves_nothing_after_the_next_start(tmp_path, monkeypatch):
    """Killed before its file is in place, at each of the files that a run replaces."""
    run_study("kills", takes_its_time, POINTS[:1], samples=1)  # imports what the children need
    for writes in range(2):
        with warnings.catch_warnings():  # forking beside threads: the child uses none of them
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            done, replace = [], os.replace

            def killed(*paths, done=done, replace=replace, writes=writes):
                if len(done) == writes:
                    os.kill(os.getpid(), signal.SIGKILL)
                done.append(replace(*paths))

            monkeypatch.setattr(os, "replace", killed)
            tqdm.set_lock(threading.RLock())
            try:
                run_study("kills", takes_its_time, POINTS, samples=2, out=tmp_path / str(writes))
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        left = [name for name in contents(tmp_path / str(writes)) if name.endswith(".part")]
        assert len(left) == 1
        run_study("kills", takes_its_time, POINTS, samples=2, out=tmp_path / str(writes))
        assert sorted(contents(tmp_path / str(writes))) == FILES_OF_A_STUDY
