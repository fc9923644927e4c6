"""`cnn_3p9m` beyond what every network has (`test_every_network.py`)."""

import torch

from core.learn.nets.cnn_3p9m import CNN3p9M
from tests.learn.nets import chapters


def make() -> CNN3p9M:
    torch.manual_seed(1)
    return CNN3p9M()


def test_it_has_as_many_parameters_as_the_study_states():
    assert chapters.parameters(make()) == 3_892_194
