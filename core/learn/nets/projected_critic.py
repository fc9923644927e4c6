"""The critic of the loss `projected`: small heads on the features of a frozen classifier.

After Sauer et al. 2021, "Projected GANs converge faster".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

#: Channels of EfficientNet-Lite1's features at strides 4, 8, 16, 32.
TAPS = (24, 40, 112, 320)
#: Channels that each tap is projected to, and those of a head.
PROJECTED, HEAD = 64, 96


class ProjectedCritic(nn.Module):
    """Judges features of a picture: four maps of scores, one for each stride; real is positive.

    The taps are projected by fixed random matrices and mixed downwards (deeper ones are added to
    the finer ones), so that no head can rest on a single channel. At stride 4 the mixing is 1 x 1
    and the head goes on at stride 8: a third of the critic's arithmetic.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        for index, channels in enumerate(TAPS):
            matrix = torch.randn(PROJECTED, channels, 1, 1, generator=generator)
            self.register_buffer(f"projection{index}", matrix / channels**0.5)
            kernel = 3 if index else 1
            mixing = torch.randn(PROJECTED, PROJECTED, kernel, kernel, generator=generator)
            self.register_buffer(f"mixing{index}", mixing / (kernel**2 * PROJECTED) ** 0.5)
        self.heads = nn.ModuleList(_head(1 if index else 2) for index in range(len(TAPS)))

    def forward(self, taps: list[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        deeper: Tensor | None = None
        for index in reversed(range(len(taps))):
            x = F.conv2d(taps[index], self.get_buffer(f"projection{index}"))
            if deeper is not None:
                x = x + F.interpolate(deeper, size=x.shape[-2:], mode="bilinear")
            mixing = self.get_buffer(f"mixing{index}")
            deeper = F.conv2d(x, mixing, padding=mixing.shape[-1] // 2)
            mixed.append(deeper)
        return [head(x) for head, x in zip(self.heads, reversed(mixed), strict=True)]


def _head(stride: int) -> nn.Sequential:
    return nn.Sequential(
        spectral_norm(nn.Conv2d(PROJECTED, HEAD, 3, stride, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(HEAD, HEAD, 3, padding=1)),
        nn.LeakyReLU(0.2),
        spectral_norm(nn.Conv2d(HEAD, 1, 1)),
    )
