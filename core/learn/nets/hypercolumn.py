"""`hypercolumn`: the first network of "Automatic Colorization" (Dahl 2016), 8,821,828 parameters.

Each pixel's hypercolumn (Hariharan et al. 2015): VGG-16's tensors before the first four max-pools,
batch-normed and upscaled, with the picture itself 64 + 128 + 256 + 512 + 3 = 963 channels; then
3x3 128, 3x3 64, 3x3 2, each with a norm in place of a bias, and a sigmoid that stands for U and V
of YUV. What the study wished to try has keys: five taps, other encoders, 1x1 convolutions alone,
other activations, dropout.
"""

import torch
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn.backbones.tapped import TapNorms, TappedEncoder
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import activation_of, checked_dropout, upscaled, uv_of
from core.learn.yuv_torch import gray_of, uv_to_ab


class Hypercolumn(nn.Module):
    """`encoder`, `taps`, `pretrained`, `freeze` are those of `TappedEncoder`.

    `kernel` 1 looks at each pixel's column alone; `activation` and `dropout` are those behind the
    hidden layers; `last_norm` off ends with a bias in place of a norm. `native` is U, V at full
    size.
    """

    stride = 1
    takes_hints = False
    bins = None

    def __init__(
        self,
        encoder: str = "vgg16",
        taps: int = 4,
        pretrained: str = "",
        freeze: bool = False,
        kernel: int = 3,
        activation: str = "relu",
        dropout: float = 0.0,
        last_norm: bool = True,
    ) -> None:
        super().__init__()
        if kernel not in (1, 3):
            raise OptionsError(f"network.kernel is {kernel}", remedy="give 1 or 3")
        self.encoder = TappedEncoder(encoder, taps, pretrained, freeze)
        self.published_parts = ("encoder",) if pretrained else ()
        self.multiple = max(8, *self.encoder.strides)
        self.norms = TapNorms(self.encoder.widths)
        layers: list[nn.Module] = []
        channels = sum(self.encoder.widths) + 3
        for width in (128, 64):
            layers += [
                nn.Conv2d(channels, width, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm2d(width),
                activation_of(activation)(),
            ]
            if checked_dropout(dropout):
                layers.append(nn.Dropout(dropout))
            channels = width
        layers.append(nn.Conv2d(channels, 2, kernel, padding=kernel // 2, bias=not last_norm))
        if last_norm:
            layers.append(nn.BatchNorm2d(2))
        self.near = nn.Sequential(*layers, nn.Sigmoid())

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        gray = gray_of(lightness)
        taps = self.norms(self.encoder(gray))
        column = [upscaled(t, s) for t, s in zip(taps, self.encoder.strides, strict=True)]
        column.append(gray.expand(-1, 3, -1, -1))
        uv = uv_of(self.near(torch.cat(column, 1)))
        return NetworkOutput(uv_to_ab(lightness, uv), native=uv)
