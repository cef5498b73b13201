"""One thread a test: several are run at once, and would wait for each other's threads."""

import numba
import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)
    numba.set_num_threads(1)
