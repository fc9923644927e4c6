"""`lite`: an EfficientNet-Lite2 encoder and a small feature-pyramid decoder.

5,746,886 parameters with the widths it has by default, 5,291,674 with those of its recipe.

Classifies a* b* into 260 in-gamut bins at stride 4 (after Zhang, Isola, Efros 2016, with their
annealed mean) and refines the edges at stride 2. 2.5 or 1.7 GMAC at 256 x 256.
Lite2Encoder: Tan & Le 2019, EfficientNet-Lite (ReLU6, no squeeze-and-excitation).

The names of the tensors are those of the first checkpoint, and must stay.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.learn.backbones.efficientnet_lite import Lite2Encoder
from core.learn.batch import NetworkOutput
from core.learn.bins import in_gamut_bins
from core.learn.nets.colour_queries import ColourQueries
from core.learn.nets.projected_critic import ProjectedCritic
from core.learn.nets.propagation import Propagation

#: a* and b* are divided by this before they enter a convolution.
AB_SCALE = 110.0
#: The refinement's own unit of a* b*, on its way in and out.
REFINEMENT_SCALE = 60.0


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def _double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


#: Layers whose output channels are the decoder's widths -> the weights that read those channels,
#: as their first inputs.
_DECODER_CHANNELS = {
    "d16": ["d8.0.weight"],
    "d8": ["d4.0.0.weight"],
    "d4.0": ["d4.1.0.weight"],
    "d4.1": ["head.weight", "r4.0.weight"],
    "r4": ["d2.0.weight"],
}


class Lite(nn.Module):
    """See the module. Three dials, which can still be turned when a model is exported:

    `temperature` is that of the annealed mean (Zhang 2016: 0.38), `refinement` the share of the
    refined edges, `tint` the share of the picture's mean colour: below 1 a warm or cool veil over
    everything gives way to the colours of things. `widths` are the decoder's channels at
    strides 16, 8 and 4; `near` those of them that reach the refinement, which runs fastest when
    `near` + 22 is a multiple of 16. Two act in training alone, against learning pictures by heart:
    `drop_path`, how likely the encoder's last block is passed by (earlier ones less, in
    proportion), and `dropout`, the share of the channels at stride 32 that are left out.
    `propagates`: hints reach all that shows the same thing; taught last, when the rest stays.
    `queries`: so many colour queries colour objects as wholes; 0: none.
    `critic`: beside it a critic for the loss `projected`, which no exported file has.
    """

    stride = 2
    multiple = 32
    takes_hints = True
    centers: Tensor
    prior: Tensor
    gain: Tensor

    def __init__(
        self,
        temperature: float = 0.38,
        refinement: float = 1.0,
        tint: float = 1.0,
        widths: tuple[int, int, int] = (192, 128, 96),
        near: int = 32,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        propagates: bool = False,
        queries: int = 0,
        critic: bool = False,
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
        self.enc = Lite2Encoder(drop_path)
        self.l32 = _conv(352, 256, 1)
        self.dropped = nn.Dropout2d(dropout)
        self.ctx = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256))
        w16, w8, w4 = widths
        self.p16, self.d16 = _conv(120, 96, 1), _conv(256 + 96, w16, 3)
        self.p8, self.d8 = _conv(48, 48, 1), _conv(w16 + 48, w8, 3)
        self.p4 = _conv(24, 32, 1)
        self.d4 = nn.Sequential(_conv(w8 + 32, w4, 3), _conv(w4, w4, 3))
        self.head = nn.Conv2d(w4, len(bins), 1)
        scales = (256, w16, w8)
        self.asks = ColourQueries(scales, w4, len(bins), queries) if queries else None
        self.carry = Propagation(w4) if propagates else None
        self.r4, self.p2 = _conv(w4, near, 1), _conv(16, 16, 1)
        self.d2 = _conv(near + 16 + 2 + 1 + 3, 32, 3)
        self.ref = nn.Conv2d(32, 2, 3, padding=1)
        nn.init.zeros_(self.ref.weight)
        if self.ref.bias is not None:
            nn.init.zeros_(self.ref.bias)
        self.critic = ProjectedCritic() if critic else None

    @property
    def bins(self) -> Tensor:
        """Q,2: a*, b* of the bins."""
        return self.centers

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        gray = (lightness - 50) / 50
        if hints is None:
            hints = torch.zeros_like(lightness).expand(-1, 3, -1, -1)
        hints = torch.cat((hints[:, :2] / AB_SCALE, hints[:, 2:]), 1)
        near, *taps = self.enc(gray)
        *scales, features = self._decoded(taps)
        # bins last: ONNX Runtime's softmax over a strided axis took a quarter of the whole
        cells = features.permute(0, 2, 3, 1)
        sharp = self._classified(cells)
        if self.asks is not None:
            sharp = sharp + self.asks(scales, cells) / self.temperature
        coarse = self.annealed_mean(sharp)
        carried = None if self.carry is None else self._carried(cells, gray, coarse, hints)
        if carried is not None:
            coarse = coarse + carried
        chroma = self._refined(coarse.permute(0, 3, 1, 2), features, near, gray, hints)
        if self.tint != 1:
            veil = chroma.mean((2, 3), keepdim=True)
            if carried is not None:  # what a hint asks for is no veil
                veil = veil - carried.mean((1, 2))[:, :, None, None]
            chroma = chroma + veil * (self.tint - 1)
        logits = sharp.permute(0, 3, 1, 2) * self.temperature
        return NetworkOutput(chroma * self.gain[:, None, None], logits)

    def _decoded(self, taps: list[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the picture shows, N,C,h,w at strides 32, 16, 8, 4, from the encoder's taps."""
        t4, t8, t16, t32 = taps
        x = self.dropped(self.l32(t32))
        x32 = x + self.ctx(x.mean((2, 3)))[:, :, None, None]
        x16 = self.d16(torch.cat((_double(x32), self.p16(t16)), 1))
        x8 = self.d8(torch.cat((_double(x16), self.p8(t8)), 1))
        return x32, x16, x8, self.d4(torch.cat((_double(x8), self.p4(t4)), 1))

    def _classified(self, cells: Tensor) -> Tensor:
        """N,h,w,Q: the head's logits over the temperature, divided within the matrix product."""
        return torch.addmm(
            self.get_parameter("head.bias"),
            cells.flatten(0, 2),
            self.head.weight.flatten(1).T,
            beta=1 / self.temperature,
            alpha=1 / self.temperature,
        ).unflatten(0, cells.shape[:3])

    def annealed_mean(self, sharp: Tensor) -> Tensor:
        """...,Q logits over the temperature, to ...,2: the mean colour of the distribution."""
        return sharp.softmax(-1) @ self.centers

    def _carried(self, cells: Tensor, gray: Tensor, coarse: Tensor, hints: Tensor) -> Tensor:
        """N,h,w,2: what hints add to the `coarse` colours, in the unit that they have in here."""
        assert self.carry is not None
        scale = AB_SCALE / self.gain[:, None, None]
        sought = torch.cat((hints[:, :2] * scale, hints[:, 2:]), 1)
        veil = coarse.mean((1, 2), keepdim=True) * (self.tint - 1)
        light = F.avg_pool2d(gray, 4).permute(0, 2, 3, 1)
        return self.carry(cells, light, coarse + veil, sought)

    def _refined(
        self, coarse: Tensor, features: Tensor, near: Tensor, gray: Tensor, hints: Tensor
    ) -> Tensor:
        """N,2,H/2,W/2: the coarse colours and what the edges at stride 2 add to them."""
        finer = _double(coarse)
        planes = (
            _double(self.r4(features)),
            self.p2(near),
            finer / REFINEMENT_SCALE,
            F.avg_pool2d(gray, 2),
            F.avg_pool2d(hints, 2),
        )
        added = self.ref(self.d2(torch.cat(planes, 1)))
        return finer + added * (REFINEMENT_SCALE * self.refinement)

    def narrowed(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a wider decoder, cut to this one's widths: the channels that matter most.

        What a channel sends on is measured by its norm's scale and shift and by the weights that
        take it up (after Li et al. 2017, "Pruning filters for efficient ConvNets"). It has to be
        trained on, but starts far ahead of chance.
        """
        cut = dict(given)
        for maker, takers in _DECODER_CHANNELS.items():
            if f"{maker}.0.weight" not in cut:
                continue
            kept = self.get_parameter(f"{maker}.0.weight").shape[0]
            scale, shift = (cut[f"{maker}.1.{part}"].float() for part in ("weight", "bias"))
            count = len(scale)
            taken = sum(cut[t].float()[:, :count].flatten(2).pow(2).sum((0, 2)) for t in takers)
            strongest = ((scale.square() + shift.square()) * taken).argsort(descending=True)
            chosen = strongest[:kept].sort().values
            for name in [name for name in cut if name.startswith(f"{maker}.") and cut[name].ndim]:
                cut[name] = cut[name][chosen]
            for name in takers:
                cut[name] = torch.cat((cut[name][:, chosen], cut[name][:, count:]), 1)
        return cut
