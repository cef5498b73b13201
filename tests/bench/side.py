"""The other libraries' side: scripts that run in their environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

SHORT = "a short loop"  # of our own, for one task: what a library can be held against


def beside(script: str, python: str, *arguments: str) -> Any:
    """What a script prints as JSON in the environment of the other libraries."""
    file = Path(__file__).with_name(script)
    environment = os.environ | {"PYTHONPATH": str(file.parents[2])}
    command = [python, str(file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{script} failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)
