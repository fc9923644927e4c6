"""DeOldify: Antic 2018 to 2024, a U-net on a ResNet that predicts the whole coloured picture.

`artistic` stands on ResNet-34 with two convolutions a step ("deep", 63,646,881 parameters),
`stable` on ResNet-101 with one ("wide", 218,222,197); the video model is the stable network with
other weights. Self-attention at 1/8 of the size, a residual block at full size, answers in -3..3 of
ImageNet's normalised units.

The picture that it predicts has a lightness of its own, of which only the colour is taken, in one
of two readings (`look`):

- "published": the authors' look. They take U and V of the predicted picture and Y of the source,
  which adds the offset of each colour from its luma to the source's gray; a*, b* are those of the
  sum.
- "direct": a*, b* of the predicted picture as it is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn.backbones.resnet import trunk
from core.learn.batch import NetworkOutput
from core.learn.guests.ddcolor import MEAN, SPREAD
from core.learn.guests.unet_blocks import ShuffledUp, convolution, joined
from core.learn.lab_torch import srgb_to_lab
from core.learn.yuv_torch import LUMA, gray_of

LOOKS = ("published", "direct")
#: name -> (encoder, its channels, ((skip, up, outputs) of the four steps), convolutions a step).
SIZES = {
    "artistic": (
        "resnet34",
        512,
        ((256, 256, 768), (128, 384, 768), (64, 384, 672), (64, 336, 300)),
        2,
    ),
    "stable": (
        "resnet101",
        2048,
        ((1024, 512, 512), (512, 512, 512), (256, 512, 512), (64, 256, 256)),
        1,
    ),
}
#: The step, counted from 0, that ends with self-attention.
ATTENTIVE = 1


class DeOldify(nn.Module):
    """L* in, a*, b* at full size out. `size` is "artistic" or "stable", `look` one of `LOOKS`."""

    stride = 1
    multiple = 16
    takes_hints = False
    bins = None

    def __init__(self, size: str = "artistic", look: str = "published") -> None:
        super().__init__()
        if look not in LOOKS:
            raise OptionsError(f"the look is {look!r}", remedy=f"give {' or '.join(LOOKS)}")
        self.look = look
        encoder, channels, steps, convolutions = SIZES[size]
        middle = nn.Sequential(
            convolution(channels, 2 * channels), convolution(2 * channels, channels)
        )
        layers: list[nn.Module] = [trunk(encoder), nn.BatchNorm2d(channels), nn.ReLU(), middle]
        for index, (skip, up, outputs) in enumerate(steps):
            layers.append(_Up(channels, skip, up, outputs, convolutions, index == ATTENTIVE))
            channels = outputs
        layers.append(ShuffledUp(channels, channels, bias=True, norm=False))
        layers.append(nn.Identity())  # where the picture joins; the authors number it
        channels += 3
        layers += [_Residual(channels), nn.Sequential(nn.Conv2d(channels, 3, 1))]
        self.layers = nn.ModuleList(layers)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        gray = gray_of(lightness)
        mean, spread = (gray.new_tensor(of).view(1, 3, 1, 1) for of in (MEAN, SPREAD))
        picture = (self.published((gray - mean) / spread) * spread + mean).clamp(0, 1)
        if self.look == "published":
            luma = sum(share * picture[:, i : i + 1] for i, share in enumerate(LUMA))
            picture = (gray + (picture - luma)).clamp(0, 1)
        return NetworkOutput(srgb_to_lab(picture)[:, 1:])

    def published(self, rgb: Tensor) -> Tensor:
        """The coloured picture N,3,H,W for a gray one, both in ImageNet's normalised units."""
        encoder, norm, _, middle, *steps, last, _, residual, out = self.layers
        x, skips = rgb, []
        for index, layer in enumerate(encoder):  # type: ignore[arg-type]
            x = layer(x)
            if index in (2, 4, 5, 6):
                skips.append(x)
        x = middle(norm(x).relu())
        for step, skip in zip(steps, reversed(skips), strict=True):
            x = step(x, skip)
        x = residual(torch.cat((last(x), rgb), 1))
        return 6 * out(x).sigmoid() - 3


class _Up(nn.Module):
    """One step of the decoder: doubled, joined with the encoder's features, convolved."""

    def __init__(
        self, inputs: int, skip: int, up: int, outputs: int, convolutions: int, attentive: bool
    ) -> None:
        super().__init__()
        self.shuf = ShuffledUp(inputs, up, bias=False, norm=True)
        self.bn = nn.BatchNorm2d(skip)
        self.names = ["conv"] if convolutions == 1 else ["conv1", "conv2"]
        channels = up + skip
        for name in self.names:
            layers = convolution(channels, outputs)
            if attentive and name == self.names[-1]:
                layers.append(SelfAttention(outputs))
            self.add_module(name, layers)
            channels = outputs

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        # at odd sizes the doubled features have a row or a column too many
        up = F.interpolate(self.shuf(x), size=skip.shape[-2:], mode="nearest")
        x = joined(up, self.bn(skip))
        for name in self.names:
            x = self.get_submodule(name)(x)
        return x


class SelfAttention(nn.Module):
    """Each place's answer is a mean of all places' values, added in the share `gamma`.

    In the usual terms `key` asks and `query` is asked; there is no scale before the softmax.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        places = x.flatten(2)
        scores = self.key(places).transpose(1, 2) @ self.query(places)
        mean = self.value(places) @ scores.softmax(-1).transpose(1, 2)
        return x + self.gamma * mean.view_as(x)


class _Residual(nn.Module):
    """Two 3x3 convolutions with ReLU, and their sum with what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
                for _ in range(2)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)
