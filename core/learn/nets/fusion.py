"""`fusion`: Baldassarre, Gonzalez Morin, Rodes-Guirao 2017, "Deep Koalarization".

An encoder of eight convolutions to 256 channels at stride 8; beside it the embedding of the gray
picture by Inception-ResNet-v2 (its 1,000 logits), replicated to every place and fused by 256 1x1
kernels; a decoder with nearest-neighbour doublings. Without the 55.8 M of the embedding: 6,573,794
parameters. (The paper's Inception has a 1,001st class for background; timm's file has none.)

Inception's weights are not part of this program, and a random embedding says little. Another
classifier can speak in its place, whose ImageNet weights come as a package: EfficientNet-Lite0.

| encoder, 3x3 | stride | fusion | decoder, 3x3 |
| --- | --- | --- | --- |
| 64 | 2 | [256 + 1000] | 128, up |
| 128 | 1 | 1x1 256 | 64 |
| 128 | 2 | | 64, up |
| 256 | 1 | | 32 |
| 256 | 2 | | 2 tanh, up |
| 512 | 1 | | |
| 512 | 1 | | |
| 256 | 1 | | |
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn import pretrained as published
from core.learn.backbones.efficientnet_lite import STAGES, EfficientNetLite, imagenet_weights
from core.learn.backbones.inception_resnet_v2 import CLASSES, REPEATS, InceptionResNetV2
from core.learn.batch import NetworkOutput
from core.learn.nets.layers import AB_UNIT
from core.learn.yuv_torch import gray_of

#: (channels, stride) of the encoder.
ENCODER = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1))
#: Who may say what is in the picture; both answer with ImageNet's 1,000 logits.
LITES = {"efficientnet_lite0": 0, "efficientnet_lite1": 1}
CLASSIFIERS = ("inception_resnet_v2", *LITES)
#: Below this the embedding's last reductions have nothing left to reduce.
LEAST_SIDE = 75


class Fusion(nn.Module):
    """`pretrained` is timm's Inception-ResNet-v2; `freeze` keeps it as it is, as the study did.

    `embed` off leaves the embedding out: what does it pay? `classifier` "efficientnet_lite0" or
    "efficientnet_lite1" takes that one instead, with its ImageNet weights, or with `random` without
    them: what do they pay? `side` is the square that the embedding sees;
    `repeats` other than 10, 20, 10 make Inception a smaller one, which no published file fits.
    """

    stride = 1
    multiple = 8
    takes_hints = False
    bins = None

    def __init__(
        self,
        pretrained: str = "",
        freeze: bool = True,
        embed: bool = True,
        classifier: str = "inception_resnet_v2",
        side: int = 299,
        repeats: Sequence[int] = REPEATS,
        random: bool = False,
    ) -> None:
        super().__init__()
        _check(embed, classifier, pretrained, side, repeats)
        self.side = side
        self.signed = classifier not in LITES  # Inception sees -1..1, the others 0..1
        self.embedding: nn.Module | None = None
        if embed:
            if self.signed:
                self.embedding = InceptionResNetV2(repeats)
            else:
                self.embedding = EfficientNetLite(STAGES[LITES[classifier]])
                pretrained = "" if random else str(imagenet_weights(LITES[classifier]))
            if pretrained:
                published.load(self.embedding, pretrained)
                self.published_parts = ("embedding",)
            self.embedding.requires_grad_(not freeze)
        self.frozen = freeze
        encoder: list[nn.Module] = []
        channels = 1
        for width, stride in ENCODER:
            encoder += [nn.Conv2d(channels, width, 3, stride, 1), nn.ReLU()]
            channels = width
        self.encoder = nn.Sequential(*encoder)
        self.fuse = nn.Conv2d(channels + (CLASSES if embed else 0), 256, 1)
        self.decoder = nn.Sequential(
            *_conv(256, 128),
            nn.Upsample(scale_factor=2),
            *_conv(128, 64),
            *_conv(64, 64),
            nn.Upsample(scale_factor=2),
            *_conv(64, 32),
            nn.Conv2d(32, 2, 3, padding=1),
            nn.Tanh(),
            nn.Upsample(scale_factor=2),
        )

    def train(self, mode: bool = True) -> "Fusion":
        super().train(mode)
        if self.frozen and self.embedding is not None:
            self.embedding.eval()  # its norms keep their statistics too
        return self

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        x = self.encoder(lightness / 50 - 1)
        if self.embedding is not None:
            gray = F.interpolate(
                gray_of(lightness),
                size=(self.side, self.side),
                mode="bilinear",
                align_corners=False,
            )
            gray = 2 * gray - 1 if self.signed else gray
            embedded = self.embedding(gray.expand(-1, 3, -1, -1))[:, :, None, None]
            x = torch.cat((x, embedded.expand(-1, -1, x.shape[2], x.shape[3])), 1)
        return NetworkOutput(self.decoder(torch.relu(self.fuse(x))) * AB_UNIT)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()


def _check(
    embed: bool, classifier: str, pretrained: str, side: int, repeats: Sequence[int]
) -> None:
    if classifier not in CLASSIFIERS:
        raise OptionsError(
            f"network.classifier is {classifier!r}", remedy=f"give {' or '.join(CLASSIFIERS)}"
        )
    if classifier in LITES and pretrained:
        raise OptionsError(
            "network.pretrained is for Inception-ResNet-v2, EfficientNet-Lite brings its weights",
            remedy="remove network.pretrained",
        )
    if not embed and pretrained:
        raise OptionsError(
            "network.pretrained is for the embedding, which network.embed leaves out",
            remedy="remove one of the two",
        )
    if side < LEAST_SIDE:
        raise OptionsError(f"network.side is {side}", remedy=f"give {LEAST_SIDE} or more")
    if len(repeats) != 3 or min(repeats) < 1:
        raise OptionsError(f"network.repeats is {list(repeats)}", remedy="give three counts")
