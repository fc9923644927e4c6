"""The loss of "Automatic Colorization": the distance in U, V, plain and of blurred pictures."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.learn.batch import NetworkOutput, TrainingBatch
from core.learn.yuv_torch import ab_to_uv

#: Under the square root of a distance, whose slope at 0 is infinite else: a thousandth of a code.
_SMALLEST = 1e-12


def blurred_uv(
    prediction: NetworkOutput, batch: TrainingBatch, net: Any, *, kernels: Sequence[int] = (3, 5)
) -> Tensor:
    """Mean over plain and blurred pictures of the mean Euclidean distance in U, V.

    `kernels` are the widths in px of the Gaussians (Dahl 2016: 3 and 5); none: the plain distance.
    For networks whose `native` answer is U, V at full size; others' chroma is converted.
    """
    uv = prediction.native
    if uv is None:
        uv = ab_to_uv(batch.lightness, prediction.chroma)
    difference = uv - ab_to_uv(batch.lightness, batch.chroma)
    # blurring is linear: the blurred pictures' difference is the blurred difference
    differences = [difference, *(gaussian_blur(difference, width) for width in kernels)]
    return torch.stack([_distance(d) for d in differences]).mean()


def gaussian_blur(planes: Tensor, width: int) -> Tensor:
    """N,C,H,W blurred by a Gaussian of `width` px (odd), sigma = 0.3 ((width - 1) / 2 - 1) + 0.8.

    The rule is OpenCV's for a kernel given by its width; borders are reflected.
    """
    sigma = 0.3 * ((width - 1) / 2 - 1) + 0.8
    reach = torch.arange(width, dtype=planes.dtype, device=planes.device) - (width - 1) / 2
    line = torch.exp(-(reach**2) / (2 * sigma**2))
    line = line / line.sum()
    channels, half = planes.shape[1], width // 2
    kernel = (line[:, None] * line).expand(channels, 1, -1, -1)
    return F.conv2d(F.pad(planes, (half,) * 4, mode="reflect"), kernel, groups=channels)


def _distance(difference: Tensor) -> Tensor:
    return (difference.square().sum(1) + _SMALLEST).sqrt().mean()
