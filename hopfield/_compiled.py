"""What compiled loops leave on the disk, and when it is no longer theirs.

Numba keeps the code of a loop beside its file, and compiles it anew when that file has changed. But
a loop holds what it calls from other files too: after an update of one of these it would go on
with the old code.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

_LOOPS = "*_kernels.py"


def forget_stale(folder: Path) -> None:
    """Remove the compiled code of loops in a folder that was made from other sources than these."""
    sources = hashlib.sha256()
    for file in sorted(folder.glob(_LOOPS)):
        sources.update(file.name.encode() + file.read_bytes())
    kept = folder / "__pycache__"
    stamp, found = kept / "kernels.sha256", sources.hexdigest()
    with suppress(OSError):  # where nothing can be written nothing is kept there either
        kept.mkdir(exist_ok=True)
        if stamp.is_file() and stamp.read_text() == found:
            return
        for index in kept.glob("*.nbi"):
            index.unlink(missing_ok=True)
        stamp.write_text(found)
