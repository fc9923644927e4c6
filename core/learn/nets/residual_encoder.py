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
"""

from torch import Tensor, nn

from core.learn import pretrained as published
from core.learn.backbones.vgg16 import VGG16
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import upscaled, uv_of
from core.learn.yuv_torch import gray_of, uv_to_ab


class ResidualEncoder(nn.Module):
    """`pretrained` is torchvision's VGG-16 state dict, `freeze` keeps it as it is.

    `native` is U, V at full size.
    """

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(self, pretrained: str = "", freeze: bool = False) -> None:
        super().__init__()
        self.vgg = VGG16()
        if pretrained:
            published.load(self.vgg, pretrained)
        self.vgg.requires_grad_(not freeze)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in (3, 64, 128, 256, 512))
        self.guess8 = _conv(512, 256, 1)
        self.guess4 = _conv(256, 128, 3)
        self.guess2 = _conv(128, 64, 3)
        self.guess1 = _conv(64, 3, 3)
        self.smooth = _conv(3, 3, 3)
        self.colour = nn.Sequential(
            nn.Conv2d(3, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.Sigmoid()
        )

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        gray = gray_of(lightness)
        tensors = [gray.expand(-1, 3, -1, -1), *self.vgg(gray)]
        t0, t1, t2, t4, t8 = (norm(t) for norm, t in zip(self.norms, tensors, strict=True))
        x = upscaled(self.guess8(t8), 2)
        x = upscaled(self.guess4(x + t4), 2)
        x = upscaled(self.guess2(x + t2), 2)
        x = self.guess1(x + t1)
        uv = uv_of(self.colour(self.smooth(x + t0)))
        return NetworkOutput(uv_to_ab(lightness, uv), native=uv)


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
