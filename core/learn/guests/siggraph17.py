"""SIGGRAPH17: Zhang, Zhu et al. 2017, "Real-Time User-Guided Image Colorization", local hints.

ECCV16's trunk at full size (decimation instead of strides), three transposed convolutions back up
with the trunk's features added, tanh at the end. Sees L*, the hinted a*, b* and their mask; a hint
of no colour differs from no hint. 34,187,027 parameters, of which the 135,953 of the class head
say nothing about the answer; 75.2 G multiplications at 256 x 256.

Weights that `colorization-pytorch` trained want the mask centred (-0.5 where there is no hint):
`centred`. The released file wants it as it is.
"""

import torch
from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.nets.zhang import RELEASED_UNIT, block

#: Input channels, output channels, convolutions, stride, dilation, by block.
BLOCKS = (
    (4, 64, 2, 1, 1),
    (64, 128, 2, 1, 1),
    (128, 256, 3, 1, 1),
    (256, 512, 3, 1, 1),
    (512, 512, 3, 1, 2),
    (512, 512, 3, 1, 2),
    (512, 512, 3, 1, 1),
)
#: Cells of the 23 x 23 grid of a*, b* that the class head tells apart.
CLASSES = 529


class SIGGRAPH17(nn.Module):
    """L* and hints in, a*, b* at full size out."""

    stride = 1
    multiple = 8
    takes_hints = True
    bins = None

    def __init__(self, centred: bool = False) -> None:
        super().__init__()
        self.centred = centred
        blocks = [block(*shape, batch_norm=True) for shape in BLOCKS]
        self.model1, self.model2, self.model3, self.model4 = blocks[:4]
        self.model5, self.model6, self.model7 = blocks[4:]
        self.model8up = _up(512, 256)
        self.model3short8 = _convolution(256, 256)
        self.model8 = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(256),
        )
        self.model9up = _up(256, 128)
        self.model2short9 = _convolution(128, 128)
        self.model9 = nn.Sequential(
            nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(128)
        )
        self.model10up = _up(128, 128)
        self.model1short10 = _convolution(64, 128)
        self.model10 = nn.Sequential(
            nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.LeakyReLU(0.2)
        )
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())
        self.model_class = nn.Sequential(nn.Conv2d(256, CLASSES, 1))  # suggestions; unused here

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        if hints is None:
            hints = torch.zeros_like(lightness).expand(-1, 3, -1, -1)
        return NetworkOutput(self.published(lightness, hints[:, :2], hints[:, 2:]))

    def published(self, lightness: Tensor, ab: Tensor, mask: Tensor) -> Tensor:
        """a*, b* N,2,H,W of L* N,1,H,W, the hints' a*, b* and the mask of 0 and 1."""
        shift = 0.5 if self.centred else 0.0
        x = torch.cat(((lightness - 50) / 100, ab / RELEASED_UNIT, mask - shift), 1)
        first = self.model1(x)
        second = self.model2(_decimated(first))
        third = self.model3(_decimated(second))
        x = self.model4(_decimated(third))
        x = self.model7(self.model6(self.model5(x)))
        x = self.model8(self.model8up(x) + self.model3short8(third))
        x = self.model9(self.model9up(x) + self.model2short9(second))
        x = self.model10(self.model10up(x) + self.model1short10(first))
        return self.model_out(x) * RELEASED_UNIT


def _decimated(x: Tensor) -> Tensor:
    """Every second row and column, from the first on."""
    return x[:, :, ::2, ::2]


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1))


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1))
