"""`in_living_color_rgb`: the body of `in_living_color` that paints RGB, 68,379 parameters.

"In Living Color" wished to compare a network that answers in RGB with one that answers in a* b*. It
has to paint the lightness too, which the other one is given; contract 1 takes the a* b* of its
picture, and the photographer's lightness is put back. `native` is its own picture.
"""

import torch
from torch import Tensor, nn

from core.learn.batch import NetworkOutput
from core.learn.lab_torch import srgb_to_lab
from core.learn.nets.in_living_color import body
from core.learn.nets.layers import checked_unit


class InLivingColorRGB(nn.Module):
    """L* / `lightness_unit` in, sRGB 0..1 at full size (`native`) and its a*, b* out.

    The keys are those of `in_living_color`.
    """

    stride = 1
    multiple = 16
    takes_hints = False
    bins = None
    paints_rgb = True

    def __init__(
        self, dropout: float = 0.5, activation: str = "relu", lightness_unit: float = 100.0
    ) -> None:
        super().__init__()
        self.lightness_unit = checked_unit(lightness_unit)
        self.layers = body(3, nn.Sigmoid, activation, dropout)

    def forward(self, lightness: Tensor, hints: Tensor | None = None) -> NetworkOutput:
        rgb = self.layers(lightness / self.lightness_unit)
        # bfloat16 has eight bits, too few for colours
        with torch.autocast(rgb.device.type, enabled=False):
            return NetworkOutput(srgb_to_lab(rgb.float())[:, 1:], native=rgb)
