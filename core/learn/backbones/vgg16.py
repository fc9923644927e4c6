"""VGG-16's convolutions (Simonyan & Zisserman 2015, configuration D), as far as they are wanted.

Tensor names are torchvision's (`features.0.weight` ...), so that its state dict loads as it is.
"""

import torch
from torch import Tensor, nn

#: Widths of the 3x3 convolutions, a tuple between two max-pools each.
STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))

#: Of RGB 0..1, as the published weights expect it.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class VGG16(nn.Module):
    """N,1,H,W of gray 0..1, repeated to RGB, to the tensors before the first max-pools.

    `stages` 1..5 of them; four have 64, 128, 256, 512 channels at strides 1, 2, 4, 8 and 7,635,264
    parameters.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, stages: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self.taps: list[int] = []
        channels = 3
        for stage in STAGES[:stages]:
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            self.taps.append(len(layers) - 1)
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        # no part of the state dict: published files do not have them
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer(
            "deviation", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False
        )

    def forward(self, gray: Tensor) -> list[Tensor]:
        return self.taps_of((gray - self.mean) / self.deviation)

    def taps_of(self, x: Tensor) -> list[Tensor]:
        """The same of RGB N,3,H,W that is normalised already."""
        tapped = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.taps:
                tapped.append(x)
        return tapped
