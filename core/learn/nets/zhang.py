"""`zhang`: the network of Zhang, Isola, Efros 2016, 32,235,385 parameters.

Eight blocks of 3x3 convolutions with ReLU, each closed by a batch norm; strides instead of pooling;
blocks 5 and 6 dilated by 2. 313 in-gamut bins at stride 4 and the annealed mean of their
distribution. Tensor names are those of the authors' PyTorch release (`eccv16`), which loads.

| block | convolutions | channels | last stride | dilation |
| --- | --- | --- | --- | --- |
| 1 | 2 | 64 | 2 | 1 |
| 2 | 2 | 128 | 2 | 1 |
| 3 | 3 | 256 | 2 | 1 |
| 4 | 3 | 512 | 1 | 1 |
| 5 | 3 | 512 | 1 | 2 |
| 6 | 3 | 512 | 1 | 2 |
| 7 | 3 | 512 | 1 | 1 |
| 8 | 4x4 transposed x2, then 2 | 256 | | 1 |
| | 1x1 | 313 | | |
"""

import torch
from torch import Tensor, nn

from core.errors import OptionsError
from core.learn import pretrained as published
from core.learn.batch import NetworkOutput
from core.learn.bins import published_bins
from core.learn.nets.layers import AB_UNIT

#: Blocks 1 to 4: input channels, output channels, convolutions, stride of the last one; channels
#: in units of the first block's width.
NARROWING = ((0, 1, 2, 2), (1, 2, 2, 2), (2, 4, 3, 2), (4, 8, 3, 1))
#: Blocks 5, 6, 7 have eight times the first one's width, and these dilations.
DILATIONS = (2, 2, 1)
LEAST_DEPTH, DEPTH = 5, 8
#: Of the paper's annealed mean, and in the last layer's weights of the authors' release.
TEMPERATURE = 0.38
#: The authors' release has its bins, and answers, in this unit of a*, b*.
RELEASED_UNIT = 110


class Zhang(nn.Module):
    """The paper's network and its ablations.

    `head` is "bins" (classification) or "regression" (two channels instead of 313: the paper's L2);
    `dilation` off makes blocks 5 and 6 like block 7; `depth` 5..8 counts the blocks, fewer of them
    leave out block 7, then 6, then 5; `batch_norm` off leaves out all norms; `width` is the first
    block's; `temperature` that of the annealed mean; `pretrained` the authors' state dict.
    """

    stride = 4
    multiple = 8
    takes_hints = False
    bins: Tensor | None
    prior: Tensor | None

    def __init__(
        self,
        head: str = "bins",
        dilation: bool = True,
        depth: int = DEPTH,
        batch_norm: bool = True,
        width: int = 64,
        temperature: float = TEMPERATURE,
        pretrained: str = "",
    ) -> None:
        super().__init__()
        _check(head, depth, width, temperature)
        self.temperature = temperature
        self.classifies = head == "bins"
        for number, (inputs, outputs, count, stride) in enumerate(NARROWING, 1):
            layers = block(inputs * width or 1, outputs * width, count, stride, 1, batch_norm)
            self.add_module(f"model{number}", layers)
        self.middle = range(5, depth)  # numbers of the blocks between the fourth and the eighth
        for number, dilated in zip(self.middle, DILATIONS, strict=False):
            layers = block(8 * width, 8 * width, 3, 1, dilated if dilation else 1, batch_norm)
            self.add_module(f"model{number}", layers)
        bins = torch.from_numpy(published_bins())
        given = published.read(pretrained) if pretrained else {}
        if self.classifies and "model_out.weight" in given:
            bins = _untempered(given, bins)
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(8 * width, 4 * width, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * width, len(bins) if self.classifies else 2, 1),
        )
        if pretrained:
            published.put(self, given, pretrained)
        # below the loading: no published file has them
        self.register_buffer("bins", bins if self.classifies else None)
        prior = torch.full((len(bins),), 1 / len(bins)) if self.classifies else None
        self.register_buffer("prior", prior)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        x = (lightness - 50) / 100
        for number in (1, 2, 3, 4, *self.middle, 8):
            x = self.get_submodule(f"model{number}")(x)
        if not self.classifies:
            return NetworkOutput(x * AB_UNIT)
        return NetworkOutput(self.annealed_mean(x), x)

    def annealed_mean(self, logits: Tensor) -> Tensor:
        """N,Q,h,w to N,2,h,w: the mean colour of the distribution sharpened by the temperature."""
        assert self.bins is not None
        probability = (logits / self.temperature).softmax(1)
        return torch.einsum("nqhw,qc->nchw", probability, self.bins)


def _untempered(given: dict[str, Tensor], bins: Tensor) -> Tensor:
    """Takes the temperature out of the authors' last layer, in place; answers with their bins.

    Their release has it in the weights. Here it is a setting, so that training sees the paper's
    distribution and the answer at the default setting is the release's own. The bins are those of
    their `model_out`; where rounding alone sets them apart from `bins`, they are `bins`.
    """
    for leaf in ("weight", "bias"):
        if (name := f"model8.6.{leaf}") in given:
            given[name] = given[name] * TEMPERATURE
    released = given["model_out.weight"].flatten(1).T * RELEASED_UNIT
    alike = released.shape == bins.shape and torch.allclose(released, bins, atol=0.05, rtol=0)
    return bins if alike else released.contiguous()


def block(
    inputs: int, outputs: int, count: int, stride: int, dilation: int, batch_norm: bool
) -> nn.Sequential:
    """Convolutions 3x3 with ReLU, the last one with the stride, closed by a batch norm."""
    layers: list[nn.Module] = []
    for index in range(count):
        last = index == count - 1
        layers += [
            nn.Conv2d(inputs, outputs, 3, stride if last else 1, dilation, dilation),
            nn.ReLU(),
        ]
        inputs = outputs
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    return nn.Sequential(*layers)


def _check(head: str, depth: int, width: int, temperature: float) -> None:
    if head not in ("bins", "regression"):
        raise OptionsError(f"network.head is {head!r}", remedy="give bins or regression")
    if not LEAST_DEPTH <= depth <= DEPTH:
        raise OptionsError(f"network.depth is {depth}", remedy=f"give {LEAST_DEPTH} to {DEPTH}")
    if width < 1:
        raise OptionsError(f"network.width is {width}", remedy="give 1 or more; 64 is the paper's")
    if not temperature > 0:
        raise OptionsError(f"network.temperature is {temperature}", remedy="give more than 0")
