"""`unet_gan`: a U-Net that paints and a patch discriminator that judges, after pix2pix.

Isola, Zhu, Zhou, Efros 2017, "Image-to-Image Translation with Conditional Adversarial Networks":
the generator halves the picture five times and puts the encoder's tensors beside the decoder's at
every size; the discriminator (`critic`) says of each 70 px patch of an L* a* b* picture whether
its colours are real. It lives in the network so that a checkpoint has both; `forward` does not
touch it, so that no exported file has it. 16,655,554 and 2,763,841 parameters at width 64.

| generator, 4x4 stride 2 | beside it, 4x4 transposed |
| --- | --- |
| 64 | 2 tanh |
| 128, norm | 64, norm |
| 256, norm | 128, norm |
| 512, norm | 256, norm |
| 512 | 512, norm |

With an `encoder` (an EfficientNet-Lite, whose ImageNet weights may be `pretrained`) its taps stand
in the place of the generator's first half: the stack of U-Net, pretrained encoder and adversary
that "Old photos with CNNs" wished for.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn.backbones.tapped import LITES, TappedEncoder
from core.learn.batch import NetworkOutput
from core.learn.yuv_torch import gray_of

#: a* and b* per unit of the generator's tanh and of what the critic sees.
AB_UNIT = 110.0
#: So often the generator's first half halves the picture.
HALVINGS = 5


class UNetGAN(nn.Module):
    """Generator and critic. `width` is the channels of the first layer of each, published 64.

    `encoder`, `pretrained`, `freeze` are those of `TappedEncoder`, "" for the generator's own.
    """

    stride = 1
    multiple = 32
    takes_hints = False
    bins = None

    def __init__(
        self, width: int = 64, encoder: str = "", pretrained: str = "", freeze: bool = False
    ) -> None:
        super().__init__()
        if width < 1:
            raise OptionsError(f"network.width is {width}", remedy="give 1 or more")
        self.published_parts = ("encoder",) if pretrained else ()
        self.encoder: TappedEncoder | None = None
        if encoder:
            self.encoder = TappedEncoder(encoder, HALVINGS, pretrained, freeze)
            if not self.encoder.is_lite:
                raise OptionsError(
                    f"network.encoder is {encoder!r}", remedy=f"give {' or '.join(LITES)}"
                )
            widths = self.encoder.widths
        else:
            if pretrained:
                raise OptionsError(
                    "network.pretrained is for an encoder", remedy="name it as network.encoder"
                )
            widths = (width, 2 * width, 4 * width, 8 * width, 8 * width)
            self.down = nn.ModuleList(
                _down(inputs, outputs, norm=0 < index < 4)
                for index, (inputs, outputs) in enumerate(pairwise((1, *widths)))
            )
        up = (8 * width, 4 * width, 2 * width, width)
        before = (0, *up[:-1])  # channels from below, which the encoder's tensor joins
        self.up = nn.ModuleList(
            _up(inputs + joined, outputs)
            for inputs, joined, outputs in zip(before, reversed(widths[1:]), up, strict=True)
        )
        self.colour = nn.ConvTranspose2d(up[-1] + widths[0], 2, 4, 2, 1)
        self.critic = PatchCritic(width)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        if self.encoder is not None:
            skipped = self.encoder(gray_of(lightness))
        else:
            skipped = []
            x = lightness / 50 - 1
            for block in self.down:
                x = block(x)
                skipped.append(x)
        x = skipped.pop()
        for block in self.up:
            x = torch.cat((block(x), skipped.pop()), 1)
        return NetworkOutput(torch.tanh(self.colour(F.relu(x))) * AB_UNIT)


class PatchCritic(nn.Module):
    """L* a* b* N,3,H,W to a judgement of each 70 px patch, N,1,h,w: above 0 is real."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        # instance norms: with batch norms the real and the painted half would share statistics
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1),
            nn.LeakyReLU(0.2),
            *_judge(width, 2 * width, 2),
            *_judge(2 * width, 4 * width, 2),
            *_judge(4 * width, 8 * width, 1),
            nn.Conv2d(8 * width, 1, 4, 1, 1),
        )

    def forward(self, lightness: Tensor, chroma: Tensor) -> Tensor:
        return self.layers(torch.cat((lightness / 50 - 1, chroma / AB_UNIT), 1))


def _down(inputs: int, outputs: int, norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = [] if inputs == 1 else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(inputs, outputs, 4, 2, 1, bias=not norm))
    if norm:
        layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers)


def _up(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )


def _judge(inputs: int, outputs: int, stride: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 4, stride, 1, bias=False),
        nn.InstanceNorm2d(outputs),
        nn.LeakyReLU(0.2),
    )
