"""`cnn_3p9m`: the plain CNN of "Old photos with CNNs", exactly 3,892,194 parameters.

Twelve 3x3 convolutions with biases, three of stride 2, three nearest-neighbour doublings; ReLU,
tanh at the end as in the networks it was taken from, a* and b* in units of 128.

| layer | channels | stride |
| --- | --- | --- |
| 3x3 | 64 | |
| 3x3 | 64 | 2 |
| 3x3 | 128 | |
| 3x3 | 128 | 2 |
| 3x3 | 256 | |
| 3x3 | 256 | 2 |
| 3x3 | 512 | |
| 3x3 | 256 | |
| 3x3 | 128 | |
| up, 3x3 | 64 | |
| up, 3x3 | 32 | |
| 3x3, tanh | 2 | |
| up | 2 | |
"""

from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT

#: (channels, stride) of the encoder.
ENCODER = (
    (64, 1),
    (64, 2),
    (128, 1),
    (128, 2),
    (256, 1),
    (256, 2),
    (512, 1),
    (256, 1),
    (128, 1),
)


class CNN3p9M(nn.Module):
    """L*/100 in, a*, b* at full size out."""

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for width, stride in ENCODER:
            layers += [nn.Conv2d(channels, width, 3, stride, 1), nn.ReLU()]
            channels = width
        for width in (64, 32):
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, width, 3, padding=1)]
            layers.append(nn.ReLU())
            channels = width
        layers += [nn.Conv2d(channels, 2, 3, padding=1), nn.Tanh(), nn.Upsample(scale_factor=2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(self.layers(lightness / 100) * AB_UNIT)
