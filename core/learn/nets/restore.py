"""`restore`: a small network that cleans L* of what decades did to it, 187,460 parameters.

"In Living Color" wished for an autoencoder that denoises old family photographs. This one is shown
the damage that the data room makes (`old_film`) and learns the lightness before it. It colours
nothing: `photochrom export MODEL --restore RUN` puts it before another network's eyes, and what is
written keeps the photographer's lightness all the same.

| at | layers |
| --- | --- |
| 1/2 | 2x2 pixels to channels, three 3x3 32 with norms |
| 1/4 | four 3x3 64 with norms, dilated by 1, 2, 4, 1 |
| 1/2 | up, beside the first, two 3x3 32 with norms, 3x3 4 |
| 1 | channels to 2x2 pixels, added to what was seen |

Norms and the residual are those of DnCNN (Zhang, Zuo, Chen, Meng, Zhang 2017).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.nets.layers import upscaled

#: L* per unit on the way in, and of the correction on the way out.
UNIT, CORRECTION = 50.0, 10.0


class Restore(nn.Module):
    """L* in, restored L* at full size out (`native`); its chroma is 0 everywhere."""

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None
    restores = True

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.fine = nn.Sequential(*_conv(4, width), *_conv(width, width), *_conv(width, width))
        self.coarse = nn.Sequential(
            *_conv(width, 2 * width, stride=2),
            *_conv(2 * width, 2 * width, dilation=2),
            *_conv(2 * width, 2 * width, dilation=4),
            *_conv(2 * width, 2 * width),
        )
        self.join = nn.Sequential(*_conv(3 * width, width), *_conv(width, width))
        self.last = nn.Conv2d(width, 4, 3, padding=1)
        # at first it sees what is there
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        fine = self.fine(F.pixel_unshuffle(lightness / UNIT - 1, 2))
        x = torch.cat((upscaled(self.coarse(fine), 2), fine), 1)
        restored = lightness + F.pixel_shuffle(self.last(self.join(x)), 2) * CORRECTION
        nothing = torch.zeros_like(lightness)
        return NetworkOutput(torch.cat((nothing, nothing), 1), native=restored.clamp(0, 100))


def _conv(
    inputs: int, outputs: int, stride: int = 1, dilation: int = 1
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """With a norm: without them the small residual was not learnt in hundreds of steps."""
    return (
        nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
