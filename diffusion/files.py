"""Files that are whole or absent, even if the process that writes them is ended."""

from __future__ import annotations

import os
import platform
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

_ENDING = ".part"  # of a file that is being written
_PART = re.compile(r"\.(\d+)@([\w-]*)\.\w+\.part")
_LONG = 86_400.0  # seconds after which no one still writes to a file


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file, or replace one, in one step.

    What other processes that were ended inside a write have left in the folder is removed.

    Parameters
    ----------
    path : of the file; its folder must exist.
    content : all of its bytes.

    Raises
    ------
    OSError : the file cannot be written; what was there before is still there.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "note.txt", b"all of it")
    ...     (Path(folder) / "note.txt").read_text()
    'all of it'
    """
    path = Path(path)
    remove_leftovers(path.parent)
    writer = f".{os.getpid()}@{_host()}."
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=writer, suffix=_ENDING)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def remove_leftovers(folder: str | Path) -> None:
    """Remove the unfinished files in a folder whose writers are no longer there.

    A writer on another machine, or whose number another process has, is taken for gone after a
    day without a byte.

    Parameters
    ----------
    folder : where `write_whole` was called; one that is not there holds none.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        found = _PART.fullmatch(name)
        if found is None:
            continue
        with suppress(OSError):  # another process was first, or it is not ours to remove
            file = Path(folder, name)
            old = time.time() - file.lstat().st_mtime > _LONG
            if old or (found[2] == _host() and _ended(int(found[1]))):
                file.unlink()


def _ended(process: int) -> bool:
    """Whether no process of this machine has that number, as far as it can be known."""
    if os.name != "posix":  # where this would end the process
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:  # it is another user's
        return False
    return False


def _host() -> str:
    """The name of this machine, as part of the name of a file."""
    return re.sub(r"[^\w-]", "-", platform.node())[:60]
