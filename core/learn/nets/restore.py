"""`restore`: a small network that cleans L* of what decades did to it, 343,940 parameters.

"In Living Color" wished for an autoencoder that denoises old family photographs. This one is shown
the damage that the data room makes (`old_film`) and learns the lightness before it. It colours
nothing: `photochrom export MODEL --restore RUN` puts it before another network's eyes, and what is
written keeps the photographer's lightness all the same.

| at | layers |
| --- | --- |
| 1/2 | 2x2 pixels to channels, 3x3 32 |
| 1/4 | 3x3 64, four residual pairs of 3x3, dilated by 1, 2, 4, 1 |
| 1/2 | up, beside the first, 3x3 32, 3x3 4 |
| 1 | channels to 2x2 pixels, added to what was seen |
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.nets.layers import upscaled

DILATIONS = (1, 2, 4, 1)
#: L* per unit inside.
UNIT = 50.0


class Restore(nn.Module):
    """L* in, restored L* at full size out (`native`); its chroma is 0 everywhere."""

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None
    restores = True

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.fine = nn.Conv2d(4, width, 3, padding=1)
        self.coarse = nn.Conv2d(width, 2 * width, 3, 2, 1)
        self.blocks = nn.ModuleList(_Pair(2 * width, dilation) for dilation in DILATIONS)
        self.join = nn.Conv2d(3 * width, width, 3, padding=1)
        self.last = nn.Conv2d(width, 4, 3, padding=1)
        # at first it sees what is there
        nn.init.zeros_(self.last.weight)
        if self.last.bias is not None:
            nn.init.zeros_(self.last.bias)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        fine = F.relu(self.fine(F.pixel_unshuffle(lightness / UNIT - 1, 2)))
        x = F.relu(self.coarse(fine))
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.join(torch.cat((upscaled(x, 2), fine), 1)))
        restored = lightness + F.pixel_shuffle(self.last(x), 2) * UNIT
        nothing = torch.zeros_like(lightness)
        return NetworkOutput(torch.cat((nothing, nothing), 1), native=restored.clamp(0, 100))


class _Pair(nn.Module):
    """Two convolutions, added to what they were given."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))
