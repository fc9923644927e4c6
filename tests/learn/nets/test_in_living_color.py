"""`in_living_color` beyond what every network has (`test_every_network.py`)."""

import pytest
import torch

from core.errors import OptionsError
from core.learn.nets.in_living_color import InLivingColor
from tests.learn.nets import chapters


def make() -> InLivingColor:
    torch.manual_seed(1)
    return InLivingColor()


def test_its_dropout_works_in_training_only():
    net, given = make(), chapters.batch(32, 32)
    first, second = (net.train()(given.lightness).chroma for _ in range(2))
    assert not torch.equal(first, second)
    first, second = (net.eval()(given.lightness).chroma for _ in range(2))
    assert torch.equal(first, second)


def test_a_dropout_that_is_no_chance_is_refused_by_name():
    with pytest.raises(OptionsError, match=r"network.dropout is 1"):
        InLivingColor(dropout=1.0)
