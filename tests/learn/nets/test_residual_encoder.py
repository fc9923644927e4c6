"""`residual_encoder` beyond what every network has (`test_every_network.py`)."""

import torch

from core.learn.nets.residual_encoder import ResidualEncoder
from tests.learn.nets import chapters


def make() -> ResidualEncoder:
    torch.manual_seed(1)
    return ResidualEncoder()


def test_norms_stand_in_for_biases_outside_the_encoder():
    own = [m for name, m in make().named_modules() if not name.startswith("encoder")]
    convolutions = [m for m in own if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 6
    assert all(m.bias is None for m in convolutions)


def test_its_native_answer_is_uv_within_its_range():
    prediction = make()(chapters.batch(32, 32).lightness)
    assert prediction.native is not None
    assert prediction.native.shape == (2, 2, 32, 32)
    assert prediction.native[:, 0].abs().max() <= 0.436
    assert prediction.native[:, 1].abs().max() <= 0.615
