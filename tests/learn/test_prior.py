"""How often each colour bin is right."""

import pytest
import torch

from core.learn.losses.classification import soft_encode
from core.learn.nets.zhang import Zhang
from core.learn.prior import is_measured, measure


def flat(a: float, b: float, side: int = 16) -> torch.Tensor:
    return torch.tensor([a, b])[:, None, None].expand(2, side, side)


def test_a_colour_on_a_bin_fills_it_and_its_neighbours_as_the_soft_encoding_does():
    net = Zhang(width=2)
    assert net.bins is not None and net.prior is not None
    assert not is_measured(net)
    measure(net, [flat(20, 30)])
    assert is_measured(net)
    index, weight = soft_encode(flat(20, 30, 1)[None], net.bins)
    expected = torch.zeros(313)
    expected[index.flatten()] = weight.flatten()
    torch.testing.assert_close(net.prior, expected)


def test_every_picture_weighs_the_same_whatever_its_size():
    net = Zhang(width=2)
    assert net.bins is not None and net.prior is not None
    measure(net, [flat(60, 40, 8), flat(-50, 30, 64)])
    red = (net.bins[:, 0] > 5).nonzero().flatten()
    assert net.prior[red].sum().item() == pytest.approx(0.5)
    assert net.prior.sum().item() == pytest.approx(1)


def test_no_pictures_leave_it_even():
    net = Zhang(width=2)
    measure(net, [])
    assert not is_measured(net)


def test_a_network_that_does_not_classify_has_none():
    assert not is_measured(Zhang(head="regression", width=2))
