"""Files that are whole or absent, also when writers are killed."""

import os
import signal
import subprocess
import sys
import time

import pytest

from diffusion.files import remove_leftovers, write_whole

WRITES = """
import os, sys
from pathlib import Path
from diffusion.files import write_whole
os.fsync = lambda handle: (print("inside", flush=True), sys.stdin.readline())
write_whole(Path(sys.argv[1]) / "note.txt", b"new" * 1000)
"""


def writer(folder):
    """A process that stands still inside a write."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITES, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "inside\n"
    return process


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="where processes are known by their number")
def test_what_a_killed_writer_left_goes_with_the_next_write(tmp_path):
    (tmp_path / "note.txt").write_bytes(b"old")
    with writer(tmp_path) as killed, writer(tmp_path) as alive:
        assert len(names(tmp_path)) == 3
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (tmp_path / "note.txt").read_bytes() == b"old"
        write_whole(tmp_path / "other.txt", b"")
        (mine,) = [name for name in names(tmp_path) if name.endswith(".part")]
        assert f".{alive.pid}@" in mine  # who still writes is left alone
        alive.communicate("\n")
    assert alive.returncode == 0
    assert names(tmp_path) == ["note.txt", "other.txt"]
    assert (tmp_path / "note.txt").read_bytes() == b"new" * 1000


def test_of_other_machines_only_what_is_old_goes(tmp_path):
    kept, old = tmp_path / ".1@elsewhere.abc.part", tmp_path / ".2@elsewhere.abc.part"
    foreign = tmp_path / ".mine.part"
    for file in (kept, old, foreign):
        file.write_bytes(b"half")
        if file is not kept:
            os.utime(file, (time.time() - 2e5,) * 2)
    remove_leftovers(tmp_path)
    remove_leftovers(tmp_path / "no such folder")
    assert names(tmp_path) == [kept.name, foreign.name]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "note.txt").write_bytes(b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "note.txt", b"new")
    assert names(tmp_path) == ["note.txt"]
    assert (tmp_path / "note.txt").read_bytes() == b"old"


def test_a_long_name_is_no_longer_while_it_is_written(tmp_path):
    name = "é" * 127  # 254 bytes of the 255 that a name may have
    write_whole(tmp_path / name, b"all")
    assert names(tmp_path) == [name]
