"""The classical memories that the tests of `hopfield` keep are tied to `bridges` here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "hopfield"))
