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

from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT, activation_of, checked_dropout, checked_unit


class InLivingColor(nn.Module):
    """L* / `lightness_unit` in, a*, b* at full size out.

    `dropout` is the chance 0..1 of a value to be dropped, `activation` that behind every layer but
    the last: relu, tanh (which the study wished to try), elu, leaky_relu.
    """

    stride = 1
    multiple = 16
    takes_hints = False
    bins = None

    def __init__(
        self, dropout: float = 0.5, activation: str = "relu", lightness_unit: float = 100.0
    ) -> None:
        super().__init__()
        self.lightness_unit = checked_unit(lightness_unit)
        self.layers = body(2, nn.Tanh, activation, dropout)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        return NetworkOutput(self.layers(lightness / self.lightness_unit) * AB_UNIT)


def body(outputs: int, last: type[nn.Module], activation: str, dropout: float) -> nn.Sequential:
    """All layers: one channel to `outputs` that the activation `last` closes."""

    def conv(inputs: int, width: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
        return nn.Conv2d(inputs, width, 3, stride, 1), activation_of(activation)()

    def dense(inputs: int, width: int) -> tuple[nn.Module, nn.Module]:
        """On the channels of each place: a 1x1 convolution by another name."""
        return nn.Conv2d(inputs, width, 1), activation_of(activation)()

    return nn.Sequential(
        *conv(1, 8, stride=2),
        *conv(8, 8),
        *conv(8, 16),
        *conv(16, 16, stride=2),
        *conv(16, 32),
        *conv(32, 32, stride=2),
        *conv(32, 64, stride=2),
        *dense(64, 64),
        nn.Dropout(checked_dropout(dropout)),
        *dense(64, 64),
        nn.Upsample(scale_factor=2),
        *conv(64, 32),
        nn.Upsample(scale_factor=2),
        *conv(32, 16),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(16, outputs, 3, padding=1),
        last(),
        nn.Upsample(scale_factor=2),
    )
