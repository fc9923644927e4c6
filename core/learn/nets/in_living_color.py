"""`in_living_color`: the network of "In Living Color", grown from `compact_cnn`, 68,234 parameters.

The study names the counts, not the widths: its forerunner (nine convolutions, three doublings)
made ten convolutions, four doublings, two dense layers and one dropout, for any input size. So the
widths here go on doubling as the forerunner's do, and the dense layers work on each place's
channels, which is what a Keras Dense does to a map and what any size allows.

| layer | channels | stride |
| --- | --- | --- |
| 3x3 | 8 | 2 |
| 3x3 | 8 | |
| 3x3 | 16 | |
| 3x3 | 16 | 2 |
| 3x3 | 32 | |
| 3x3 | 32 | 2 |
| 3x3 | 64 | 2 |
| dense, dropout, dense | 64, 64 | |
| up, 3x3 | 32 | |
| up, 3x3 | 16 | |
| up, 3x3, tanh | 2 | |
| up | 2 | |
"""

from torch import Tensor, nn

from core.errors import OptionsError
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT


class InLivingColor(nn.Module):
    """L*/100 in, a*, b* at full size out. `dropout` is the chance 0..1 of a value to be dropped."""

    stride = 1
    multiple = 16
    takes_hints = False
    bins = None

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        if not 0 <= dropout < 1:
            raise OptionsError(f"network.dropout is {dropout}", remedy="give 0 or more, below 1")
        self.layers = nn.Sequential(
            *_conv(1, 8, stride=2),
            *_conv(8, 8),
            *_conv(8, 16),
            *_conv(16, 16, stride=2),
            *_conv(16, 32),
            *_conv(32, 32, stride=2),
            *_conv(32, 64, stride=2),
            *_dense(64, 64),
            nn.Dropout(dropout),
            *_dense(64, 64),
            nn.Upsample(scale_factor=2),
            *_conv(64, 32),
            nn.Upsample(scale_factor=2),
            *_conv(32, 16),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 2, 3, padding=1),
            nn.Tanh(),
            nn.Upsample(scale_factor=2),
        )

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(self.layers(lightness / 100) * AB_UNIT)


def _conv(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU()


def _dense(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    """A dense layer on the channels of each place: a 1x1 convolution by another name."""
    return nn.Conv2d(inputs, outputs, 1), nn.ReLU()
