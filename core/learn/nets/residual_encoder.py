"""`residual_encoder`: the second network of "Automatic Colorization" (Dahl 2016).

A guess of the colours from VGG-16's deepest tensor is upscaled and added to the next shallower one,
as the shortcut of a residual net is, down to three channels at full size. Batch norms stand in
for biases; two sigmoids at the end stand for U and V of YUV. 8,139,677 parameters.

| layer | channels | stride |
| --- | --- | --- |
| norm of conv4_3, 1x1 | 256 | 8 |
| up, + norm of conv3_3, 3x3 | 128 | 4 |
| up, + norm of conv2_2, 3x3 | 64 | 2 |
| up, + norm of conv1_2, 3x3 | 3 | 1 |
| + norm of the picture, 3x3 | 3 | 1 |
| 3x3, sigmoid | 2 | 1 |

On another encoder, or with another number of taps, the same is done at the strides of its taps.
"""

from torch import Tensor, nn

from core.learn.backbones.tapped import TapNorms, TappedEncoder
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import activation_of, upscaled, uv_of
from core.learn.yuv_torch import gray_of, uv_to_ab

#: Channels at full size: the gray picture's, as RGB.
PICTURE = 3


class ResidualEncoder(nn.Module):
    """`encoder`, `taps`, `pretrained`, `freeze` are those of `TappedEncoder`.

    `last_norm` off ends with a bias in place of a norm. `native` is U, V at full size.
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
        activation: str = "relu",
        last_norm: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = TappedEncoder(encoder, taps, pretrained, freeze)
        self.published_parts = ("encoder",) if pretrained else ()
        self.multiple = max(8, *self.encoder.strides)
        widths = (PICTURE, *self.encoder.widths)
        self.norms = TapNorms(widths)
        kernels = (*[3] * (taps - 1), 1)  # 1x1 at the deepest tap
        self.guesses = nn.ModuleList(
            _conv(inputs, outputs, kernel, activation)
            for inputs, outputs, kernel in zip(widths[1:], widths[:-1], kernels, strict=True)
        )
        self.smooth = _conv(PICTURE, PICTURE, 3, activation)
        last: list[nn.Module] = [nn.Conv2d(PICTURE, 2, 3, padding=1, bias=not last_norm)]
        if last_norm:
            last.append(nn.BatchNorm2d(2))
        self.colour = nn.Sequential(*last, nn.Sigmoid())

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        gray = gray_of(lightness)
        tensors = self.norms([gray.expand(-1, PICTURE, -1, -1), *self.encoder(gray)])
        strides = (1, *self.encoder.strides)
        x = tensors[-1]
        for depth in reversed(range(len(self.guesses))):
            guess = self.guesses[depth](x)
            x = upscaled(guess, strides[depth + 1] // strides[depth]) + tensors[depth]
        uv = uv_of(self.colour(self.smooth(x)))
        return NetworkOutput(uv_to_ab(lightness, uv), native=uv)


def _conv(inputs: int, outputs: int, kernel: int, activation: str) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        activation_of(activation)(),
    )
