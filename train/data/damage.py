"""What decades do to a print: scratches, dust, uneven fading, a plate's border. On L* only.

Old photographs are what people bring, and a scratch must not be taken for a thing with a colour.
All functions take and give N,1,H,W; each picture has its own luck.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.chance import Chance

#: Of a scratch, in px: most are hair lines.
THICKNESS = (0.4, 1.2)
MOST_SCRATCHES = 4
MOST_SPECKS = 12


def damage(lightness: Tensor, chance: Chance) -> Tensor:
    """L* 0..100 with some scratches, specks of dust and a faded side, each by chance."""
    height, width = lightness.shape[-2:]
    for number in range(MOST_SCRATCHES):
        there = chance.happens(1 - (number + 1) / (MOST_SCRATCHES + 1))
        lightness = torch.lerp(lightness, _tone(chance), scratch(height, width, chance) * there)
    for number in range(MOST_SPECKS):
        there = chance.happens(1 - (number + 1) / (MOST_SPECKS + 1))
        lightness = torch.lerp(lightness, _tone(chance), speck(height, width, chance) * there)
    lightness = torch.where(chance.happens(0.5), faded(lightness, chance), lightness)
    return lightness.clamp(0, 100)


def scratch(height: int, width: int, chance: Chance) -> Tensor:
    """0..1: a thin line, mostly along the picture's height, slightly bent."""
    along = torch.arange(height, device=chance.device).view(1, 1, -1, 1).expand(1, 1, height, width)
    across = torch.arange(width, device=chance.device).view(1, 1, 1, -1).expand(1, 1, height, width)
    lies = chance.happens(0.25)
    along, across = torch.where(lies, across, along), torch.where(lies, along, across)
    length = torch.where(lies, width, height)
    breadth = torch.where(lies, height, width)
    bend = chance.normal(1, 1, 1) * 0.1 + chance.normal(1, 1, 1) * 0.1 * along / length
    middle = chance.uniform(0, 1) * breadth + bend * along
    start = chance.uniform(-0.5, 0.8) * length
    lasts = (along >= start) & (along < start + chance.uniform(0.2, 1.5) * length)
    line = torch.exp(-(((across - middle) / chance.uniform(*THICKNESS)) ** 2)) * lasts
    return line * chance.uniform(0.3, 1.0)


def speck(height: int, width: int, chance: Chance) -> Tensor:
    """0..1: a soft-edged grain of dust of 0.5 to 2.5 px."""
    y, x = chance.uniform(0, height), chance.uniform(0, width)
    down = (torch.arange(height, device=chance.device).view(1, 1, -1, 1) - y) ** 2
    right = (torch.arange(width, device=chance.device).view(1, 1, 1, -1) - x) ** 2
    radius = chance.uniform(0.5, 2.5)
    return torch.sigmoid(3 * (radius - (down + right).sqrt())) * chance.uniform(0.4, 1.0)


def faded(lightness: Tensor, chance: Chance) -> Tensor:
    """Light has bleached one side or corner: L* is drawn up to 60% towards a paper tone there."""
    coarse = chance.uniform(-1, 1, 1, 2, 2)
    field = F.interpolate(coarse, size=lightness.shape[-2:], mode="bilinear", align_corners=True)
    paper = chance.uniform(70, 95)
    return torch.lerp(lightness, paper, field.clamp_min(0) * chance.uniform(0, 0.6))


def border(height: int, width: int, chance: Chance) -> Tensor:
    """0 or 1: the rim of a plate or a mount, each side up to 8% of the short side wide."""
    most = 0.08 * min(height, width)
    top, bottom, left, right = (chance.uniform(0, most) for _ in range(4))
    y = torch.arange(height, device=chance.device).view(1, 1, -1, 1)
    x = torch.arange(width, device=chance.device).view(1, 1, 1, -1)
    inside = (y >= top) & (y < height - bottom) & (x >= left) & (x < width - right)
    return 1 - inside.float()


def blurred(planes: Tensor, sigma: Tensor | float) -> Tensor:
    """N,C,H,W under a Gaussian of `sigma` px (N,1,1,1); below 0.1 px nothing changes."""
    sigma = torch.as_tensor(sigma, dtype=planes.dtype, device=planes.device)
    reach = max(1, math.ceil(3 * float(sigma.max())))
    steps = torch.arange(-reach, reach + 1, device=planes.device, dtype=planes.dtype)
    kernel = torch.exp(-(steps.view(1, 1, 1, -1) ** 2) / (2 * sigma.clamp_min(0.1) ** 2))
    kernel = kernel / kernel.sum(-1, keepdim=True)
    for axis in (-2, -1):
        rim = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
        padded = F.pad(planes, rim, mode="replicate")
        length = planes.shape[axis]
        planes = sum(
            (padded.narrow(axis, i, length) * kernel[..., i : i + 1] for i in range(2 * reach + 1)),
            torch.zeros_like(planes),
        )
    return planes


def _tone(chance: Chance) -> Tensor:
    """A scratched emulsion shows the paper, a scratched negative prints black."""
    paper, black = chance.uniform(85, 100), chance.uniform(0, 15)
    return torch.where(chance.happens(0.7), paper, black)
