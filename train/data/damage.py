"""Simulates damage of old photographs on L*: scratches, dust, uneven fading, a plate's border.

From such pictures the network learns that a scratch is not an object with a colour. All functions
take and return N,1,H,W; random values are drawn for each picture.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.random_numbers import RandomNumbers

#: Thickness of a scratch in px, from and to.
THICKNESS = (0.4, 1.2)
MOST_SCRATCHES = 4
MOST_SPECKS = 12


def damage(lightness: Tensor, rng: RandomNumbers) -> Tensor:
    """Returns L* 0..100 with some scratches, specks of dust and a faded side, each by chance."""
    height, width = lightness.shape[-2:]
    for number in range(MOST_SCRATCHES):
        is_there = rng.happens(1 - (number + 1) / (MOST_SCRATCHES + 1))
        lightness = torch.lerp(lightness, _tone(rng), scratch(height, width, rng) * is_there)
    for number in range(MOST_SPECKS):
        is_there = rng.happens(1 - (number + 1) / (MOST_SPECKS + 1))
        lightness = torch.lerp(lightness, _tone(rng), speck(height, width, rng) * is_there)
    lightness = torch.where(rng.happens(0.5), faded(lightness, rng), lightness)
    return lightness.clamp(0, 100)


def scratch(height: int, width: int, rng: RandomNumbers) -> Tensor:
    """Returns the opacity 0..1 of a thin line, mostly along the height, slightly bent."""
    along = torch.arange(height, device=rng.device).view(1, 1, -1, 1).expand(1, 1, height, width)
    across = torch.arange(width, device=rng.device).view(1, 1, 1, -1).expand(1, 1, height, width)
    lies = rng.happens(0.25)
    along, across = torch.where(lies, across, along), torch.where(lies, along, across)
    length = torch.where(lies, width, height)
    breadth = torch.where(lies, height, width)
    bend = rng.normal(1, 1, 1) * 0.1 + rng.normal(1, 1, 1) * 0.1 * along / length
    middle = rng.uniform(0, 1) * breadth + bend * along
    start = rng.uniform(-0.5, 0.8) * length
    lasts = (along >= start) & (along < start + rng.uniform(0.2, 1.5) * length)
    line = torch.exp(-(((across - middle) / rng.uniform(*THICKNESS)) ** 2)) * lasts
    return line * rng.uniform(0.3, 1.0)


def speck(height: int, width: int, rng: RandomNumbers) -> Tensor:
    """Returns the opacity 0..1 of a speck of dust with soft edges, of a radius of 0.5 to 2.5 px."""
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    down = (torch.arange(height, device=rng.device).view(1, 1, -1, 1) - y) ** 2
    right = (torch.arange(width, device=rng.device).view(1, 1, 1, -1) - x) ** 2
    radius = rng.uniform(0.5, 2.5)
    return torch.sigmoid(3 * (radius - (down + right).sqrt())) * rng.uniform(0.4, 1.0)


def faded(lightness: Tensor, rng: RandomNumbers) -> Tensor:
    """Returns L* with one side or corner bleached: moved by up to 60% towards the paper's tone."""
    coarse = rng.uniform(-1, 1, 1, 2, 2)
    field = F.interpolate(coarse, size=lightness.shape[-2:], mode="bilinear", align_corners=True)
    paper = rng.uniform(70, 95)
    return torch.lerp(lightness, paper, field.clamp_min(0) * rng.uniform(0, 0.6))


def border(height: int, width: int, rng: RandomNumbers) -> Tensor:
    """Returns 1 on the border of a plate or mount, up to 8% of the short side wide, else 0."""
    most = 0.08 * min(height, width)
    top, bottom, left, right = (rng.uniform(0, most) for _ in range(4))
    y = torch.arange(height, device=rng.device).view(1, 1, -1, 1)
    x = torch.arange(width, device=rng.device).view(1, 1, 1, -1)
    inside = (y >= top) & (y < height - bottom) & (x >= left) & (x < width - right)
    return 1 - inside.float()


def blurred(planes: Tensor, sigma: Tensor | float) -> Tensor:
    """Returns N,C,H,W blurred by a Gaussian of `sigma` px (N,1,1,1); below 0.1 px unchanged."""
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


def _tone(rng: RandomNumbers) -> Tensor:
    """Returns the L* of a scratch: of paper under the emulsion, or black from the negative."""
    paper, black = rng.uniform(85, 100), rng.uniform(0, 15)
    return torch.where(rng.happens(0.7), paper, black)
