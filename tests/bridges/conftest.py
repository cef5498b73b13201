"""What the tests of `bridges` share is a module beside them, imported by its own name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
