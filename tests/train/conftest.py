"""Pictures of a few pixels: a second thread would only wait for the first."""

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)
