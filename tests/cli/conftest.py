"""Commands write into the folder they stand in: each test stands in one of its own."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # what the tests share is a module beside them
sys.path.insert(0, str(HERE.parents[1] / "scripts"))  # what a study finds beside itself


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
