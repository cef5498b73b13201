"""Files that are whole or absent, even if the process that writes them is ended."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file, or replace one, in one step.

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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
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
