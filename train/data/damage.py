"""What decades do to a print: scratches, dust, uneven fading. On L* only; the truth stays whole.

Old photographs are what people bring, and a scratch must not be taken for a thing with a colour.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

#: Of a scratch, in px: most are hair lines.
THICKNESS = (0.4, 1.2)
MOST_SCRATCHES = 4
MOST_SPECKS = 12


def damage(lightness: Tensor, random: np.random.Generator) -> Tensor:
    """1,H,W of L* 0..100 with some scratches, specks of dust and a faded side, each by chance."""
    _, height, width = lightness.shape
    for _ in range(int(random.integers(MOST_SCRATCHES + 1))):
        lightness = torch.lerp(lightness, _tone(random), scratch(height, width, random))
    for _ in range(int(random.integers(MOST_SPECKS + 1))):
        lightness = torch.lerp(lightness, _tone(random), speck(height, width, random))
    if random.random() < 0.5:
        lightness = faded(lightness, random)
    return lightness.clamp(0, 100)


def scratch(height: int, width: int, random: np.random.Generator) -> Tensor:
    """1,H,W of 0..1: a thin line, mostly along the picture's height, slightly bent."""
    along, across = torch.arange(height)[:, None], torch.arange(width)[None]
    if random.random() < 0.25:
        along, across = across, along
    length = int(along.max()) + 1
    bend = random.normal(0, 0.1) + random.normal(0, 0.1) * along / length
    middle = random.uniform(0, int(across.max()) + 1) + bend * along
    start = random.uniform(-0.5, 0.8) * length
    lasts = (along >= start) & (along < start + random.uniform(0.2, 1.5) * length)
    thick = random.uniform(*THICKNESS)
    line = torch.exp(-(((across - middle) / thick) ** 2)) * lasts
    return line[None].float() * random.uniform(0.3, 1.0)


def speck(height: int, width: int, random: np.random.Generator) -> Tensor:
    """1,H,W of 0..1: a soft-edged grain of dust of 0.5 to 2.5 px."""
    y, x = random.uniform(0, height), random.uniform(0, width)
    radius = random.uniform(0.5, 2.5)
    away = (torch.arange(height)[:, None] - y) ** 2 + (torch.arange(width)[None] - x) ** 2
    return torch.sigmoid(3 * (radius - away.sqrt()))[None].float() * random.uniform(0.4, 1.0)


def faded(lightness: Tensor, random: np.random.Generator) -> Tensor:
    """Light has bleached one side or corner: L* is drawn up to 60% towards a paper tone there."""
    _, height, width = lightness.shape
    coarse = torch.from_numpy(random.uniform(-1, 1, (1, 1, 2, 2)).astype(np.float32))
    field = F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=True)[0]
    paper = lightness.new_tensor(random.uniform(70, 95))
    return torch.lerp(lightness, paper, field.clamp_min(0) * random.uniform(0, 0.6))


def _tone(random: np.random.Generator) -> Tensor:
    """A scratched emulsion shows the paper, a scratched negative prints black."""
    return torch.tensor(
        random.uniform(85, 100) if random.random() < 0.7 else random.uniform(0, 15),
        dtype=torch.float32,
    )
