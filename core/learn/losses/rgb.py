"""The loss of networks that paint RGB: the squared difference of the pictures themselves."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import OptionsError
from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.lab_torch import lab_to_srgb


def rgb_mse(prediction: NetworkOutput, batch: TrainingBatch, net: Any) -> Tensor:
    """Mean squared difference of sRGB 0..1 from the truth, of a network that `paints_rgb`."""
    if prediction.native is None or not getattr(net, "paints_rgb", False):
        raise OptionsError(
            f"loss rgb_mse: {type(net).__name__} paints no RGB", remedy="use in_living_color_rgb"
        )
    truth = lab_to_srgb(torch.cat((batch.lightness, batch.chroma), 1)).clamp(0, 1)
    return F.mse_loss(prediction.native.float(), truth)
