"""`compact_cnn`: the small network of "grandmother's photograph", 32,202 parameters.

After the "beta" network of Wallner 2017, "Colorizing B&W Photos with Neural Networks": nine 3x3
convolutions, three of stride 2, three nearest-neighbour doublings, ReLU, tanh at the end, a* and
b* in units of 128. It is trained on a handful of pictures and learns them by heart.

| layer | channels | stride |
| --- | --- | --- |
| 3x3 | 8 | 2 |
| 3x3 | 8 | |
| 3x3 | 16 | |
| 3x3 | 16 | 2 |
| 3x3 | 32 | |
| 3x3 | 32 | 2 |
| up, 3x3 | 32 | |
| up, 3x3 | 16 | |
| up, 3x3, tanh | 2 | |
"""

from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT, checked_unit


class CompactCNN(nn.Module):
    """L* / `lightness_unit` in, a*, b* at full size out; padding is symmetric, Keras' falls to one
    side."""

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(self, lightness_unit: float = 100.0) -> None:
        super().__init__()
        self.lightness_unit = checked_unit(lightness_unit)
        self.layers = nn.Sequential(
            *_conv(1, 8, stride=2),
            *_conv(8, 8),
            *_conv(8, 16),
            *_conv(16, 16, stride=2),
            *_conv(16, 32),
            *_conv(32, 32, stride=2),
            nn.Upsample(scale_factor=2),
            *_conv(32, 32),
            nn.Upsample(scale_factor=2),
            *_conv(32, 16),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(16, 2, 3, padding=1),
            nn.Tanh(),
        )

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(self.layers(lightness / self.lightness_unit) * AB_UNIT)


def _conv(inputs: int, outputs: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU()
