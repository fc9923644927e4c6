"""`lite`: an EfficientNet-Lite2 encoder and a small feature-pyramid decoder, 5,747,750 parameters.

Classifies a* b* into 260 in-gamut bins at stride 4 (after Zhang, Isola, Efros 2016, with their
annealed mean) and refines the edges at stride 2. 2.5 GMAC at 256 x 256.
Encoder: Tan & Le 2019, EfficientNet-Lite (ReLU6, no squeeze-and-excitation).

The names of the tensors are those of the first checkpoint, and must stay.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.bins import in_gamut_bins
from core.learn.nets import Prediction

#: a* and b* are divided by this before they enter a convolution.
AB_SCALE = 110.0
#: The refinement's own unit of a* b*, on its way in and out.
REFINEMENT_SCALE = 60.0

#: Lite2's stages: repeats, kernel, stride, expansion, output channels (width 1.1, depth 1.2).
LITE2_STAGES = (
    (1, 3, 1, 1, 16),
    (3, 3, 2, 6, 24),
    (3, 5, 2, 6, 48),
    (4, 3, 2, 6, 88),
    (4, 5, 1, 6, 120),
    (5, 5, 2, 6, 208),
    (1, 3, 1, 6, 352),
)


class InvertedResidual(nn.Module):
    """1x1 up, depthwise, 1x1 down (MobileNet v2), added to its input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inputs, width, 1, bias=False)
            self._bn0 = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        self._depthwise_conv = nn.Conv2d(
            width, width, kernel, stride, kernel // 2, groups=width, bias=False
        )
        self._bn1 = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
        self._project_conv = nn.Conv2d(width, outputs, 1, bias=False)
        self._bn2 = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class Encoder(nn.Module):
    """EfficientNet-Lite2 without its head; answers with the taps at strides 2, 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = nn.BatchNorm2d(32, eps=1e-3, momentum=0.01)
        blocks: list[nn.Module] = []
        self.taps: list[int] = []
        channels = 32
        for repeats, kernel, stride, expansion, outputs in LITE2_STAGES:
            if stride == 2:  # the last block before a reduction is a tap
                self.taps.append(len(blocks) - 1)
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(
                        channels, outputs, kernel, stride if repeat == 0 else 1, expansion
                    )
                )
                channels = outputs
        self.taps.append(len(blocks) - 1)
        self._blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, extra: Tensor | None) -> list[Tensor]:
        """`x` N,3,H,W; `extra` N,32,H/2,W/2 is added to the stem's output before its norm."""
        x = self._conv_stem(x)
        if extra is not None:
            x = x + extra
        x = F.relu6(self._bn0(x))
        tapped = []
        for index, block in enumerate(self._blocks):
            x = block(x)
            if index in self.taps:
                tapped.append(x)
        return tapped


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class Lite(nn.Module):
    """See the module. Three dials, which can still be turned when a model is exported:

    `temperature` is that of the annealed mean (Zhang 2016: 0.38), `refinement` the share of the
    refined edges, `tint` the share of the picture's mean colour: below 1 a warm or cool veil over
    everything gives way to the colours of things.
    """

    stride = 2
    multiple = 32
    takes_hints = True
    centers: Tensor
    prior: Tensor
    gain: Tensor

    def __init__(
        self, temperature: float = 0.38, refinement: float = 1.0, tint: float = 1.0
    ) -> None:
        super().__init__()
        self.temperature = temperature
        self.refinement = refinement
        self.tint = tint
        bins = torch.from_numpy(in_gamut_bins())
        self.register_buffer("centers", bins)
        #: how often each bin is right; measured on the training pictures, saved with the weights
        self.register_buffer("prior", torch.full((len(bins),), 1 / len(bins)))
        #: per-channel factor on the answer, set by calibration on the validation pictures
        self.register_buffer("gain", torch.ones(2))
        self.enc = Encoder()
        self.hint = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        nn.init.zeros_(self.hint.weight)  # at the start a hint changes nothing
        self.l32 = _conv(352, 256, 1)
        self.ctx = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))
        self.p16, self.d16 = _conv(120, 96, 1), _conv(256 + 96, 192, 3)
        self.p8, self.d8 = _conv(48, 48, 1), _conv(192 + 48, 128, 3)
        self.p4 = _conv(24, 32, 1)
        self.d4 = nn.Sequential(_conv(128 + 32, 96, 3), _conv(96, 96, 3))
        self.head = nn.Conv2d(96, len(bins), 1)
        self.r4, self.p2 = _conv(96, 32, 1), _conv(16, 16, 1)
        self.d2 = _conv(32 + 16 + 2 + 1 + 3, 32, 3)
        self.ref = nn.Conv2d(32, 2, 3, padding=1)
        nn.init.zeros_(self.ref.weight)
        if self.ref.bias is not None:
            nn.init.zeros_(self.ref.bias)

    @property
    def bins(self) -> Tensor:
        """Q,2: a*, b* of the bins."""
        return self.centers

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> Prediction:
        gray = (lightness - 50) / 50
        if hints is None:
            hints = torch.zeros_like(lightness).expand(-1, 3, -1, -1)
        hints = torch.cat((hints[:, :2] / AB_SCALE, hints[:, 2:]), 1)
        t2, t4, t8, t16, t32 = self.enc(gray.expand(-1, 3, -1, -1), self.hint(hints))
        x = self.l32(t32)
        x = x + self.ctx(x.mean((2, 3)))[:, :, None, None]
        x = self.d16(torch.cat((_double(x), self.p16(t16)), 1))
        x = self.d8(torch.cat((_double(x), self.p8(t8)), 1))
        x = self.d4(torch.cat((_double(x), self.p4(t4)), 1))
        # bins last: ONNX Runtime's softmax over a strided axis took a quarter of the whole
        logits = F.linear(x.permute(0, 2, 3, 1), self.head.weight.flatten(1), self.head.bias)
        finer = _double(self.annealed_mean(logits).permute(0, 3, 1, 2))
        near = torch.cat(
            (
                _double(self.r4(x)),
                self.p2(t2),
                finer / REFINEMENT_SCALE,
                F.avg_pool2d(gray, 2),
                F.avg_pool2d(hints, 2),
            ),
            1,
        )
        chroma = finer + self.ref(self.d2(near)) * (REFINEMENT_SCALE * self.refinement)
        if self.tint != 1:
            chroma = chroma + chroma.mean((2, 3), keepdim=True) * (self.tint - 1)
        return Prediction(chroma * self.gain[:, None, None], logits.permute(0, 3, 1, 2))

    def annealed_mean(self, logits: Tensor) -> Tensor:
        """...,Q to ...,2: the mean colour of the distribution sharpened by the temperature."""
        return (logits / self.temperature).softmax(-1) @ self.centers
