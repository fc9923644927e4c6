"""`in_living_color_rgb` beyond what every network has (`test_every_network.py`)."""

import torch

from core.learn.lab_torch import srgb_to_lab
from core.learn.nets.in_living_color import InLivingColor
from core.learn.nets.in_living_color_rgb import InLivingColorRGB
from tests.learn.nets import chapters


def test_its_chroma_is_that_of_the_picture_that_it_paints():
    torch.manual_seed(1)
    net = InLivingColorRGB().eval()
    torch.nn.init.normal_(net.get_parameter("layers.26.weight"), std=0.5)  # vivid
    answer = net(chapters.batch(32, 32).lightness)
    assert answer.native is not None and answer.native.shape == (2, 3, 32, 32)
    assert answer.native.min() >= 0 and answer.native.max() <= 1 and answer.chroma.std() > 1
    torch.testing.assert_close(answer.chroma, srgb_to_lab(answer.native)[:, 1:])


def test_its_body_is_the_other_ones():
    """All but the last convolution, which has three channels for two."""
    ours, other = (
        [(name, tuple(tensor.shape)) for name, tensor in net.named_parameters()]
        for net in (InLivingColorRGB(), InLivingColor())
    )
    assert ours[:-2] == other[:-2]
    assert [shape for _, shape in ours[-2:]] == [(3, 16, 3, 3), (3,)]
