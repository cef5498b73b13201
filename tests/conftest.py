"""One thread per test: several are run at once, and would wait for each other's threads.

The variables must be there before the libraries are; processes that tests start have them too.
"""

import os

import pytest

for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{library}_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    import numba
    import torch

    numba.set_num_threads(1)  # the first call to numba's threads gives torch all of them
    torch.set_num_threads(1)
