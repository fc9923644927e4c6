"""What is done to a picture before the network sees it: crop, flip, the look of old film, hints.

All of it takes its chances from the generator that it is given. The old look falls on the
network's input alone: the truth keeps its colours.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from train.data.affine import warp
from train.data.damage import damage

#: Luminance of orthochromatic emulsions, which are blind to red: weights of linear R, G, B.
ORTHOCHROMATIC = (0.0, 0.42, 0.58)
PANCHROMATIC = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True, slots=True)
class Augment:
    """The recipe's `[augment]` table: chances are 0..1, crops are shares of the short side."""

    crop: tuple[float, float] = (0.6, 1.0)
    aspect: float = 1.15
    flip: float = 0.5
    shear: float = 0.0  # radians at most, of the whole picture before cropping
    zoom: float = 0.0  # 1 - zoom .. 1 + zoom, each side apart
    rotation: float = 0.0  # degrees at most
    old_film: float = 0.35
    orthochromatic: float = 0.25
    damage: float = 0.0  # scratches, dust and fading on the old films
    hints: float = 0.5
    many_hints: float = 0.02
    hint_radius: float = 4.0


def crop(
    picture: np.ndarray, size: int, settings: Augment, random: np.random.Generator
) -> np.ndarray:
    """uint8 size,size,3: a random near-square crop, resized, perhaps warped and mirrored."""
    if settings.shear or settings.zoom or settings.rotation:
        picture = warp(
            picture, random,
            shear=settings.shear, zoom=settings.zoom, rotation=settings.rotation,
        )  # fmt: skip
    height, width = picture.shape[:2]
    side = min(height, width) * random.uniform(*settings.crop)
    stretch = np.exp(random.uniform(-1, 1) * np.log(settings.aspect) / 2)
    crop_w, crop_h = min(side * stretch, width), min(side / stretch, height)
    left, top = random.uniform(0, width - crop_w), random.uniform(0, height - crop_h)
    box = (left, top, left + crop_w, top + crop_h)
    resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC, box=box)
    array = np.array(resized)
    return array[:, ::-1].copy() if random.random() < settings.flip else array


def old_film(rgb: Tensor, lightness: Tensor, settings: Augment, random: np.random.Generator):
    """1,H,W of L* as an old photograph of the scene would have it, from 3,H,W sRGB and its L*."""
    if random.random() < settings.orthochromatic:
        lightness = _emulsion(rgb, random.uniform(0.4, 1.0))
    if random.random() < 0.5:
        lightness = _blur(lightness, random.uniform(0.4, 1.4))
    gamma = np.exp(random.uniform(-0.4, 0.4))
    black, white = random.uniform(0, 22), 100 - random.uniform(0, 18)
    lightness = black + (white - black) * (lightness.clamp(0, 100) / 100) ** gamma
    grain = torch.from_numpy(random.standard_normal(lightness.shape, dtype=np.float32))
    if random.random() < 0.5:  # coarse grain
        grain = _blur(grain, 0.7) * 2
    lightness = (lightness + grain * random.uniform(0, 5)).clamp(0, 100)
    if settings.damage and random.random() < settings.damage:
        lightness = damage(lightness, random)
    return lightness


def _emulsion(rgb: Tensor, strength: float) -> Tensor:
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    weights = torch.lerp(torch.tensor(PANCHROMATIC), torch.tensor(ORTHOCHROMATIC), strength)
    luminance = torch.einsum("c,chw->hw", weights, linear)[None]
    return (
        116
        * torch.where(
            luminance > 216 / 24389,
            luminance.clamp_min(1e-6) ** (1 / 3),
            luminance * 7.787 + 16 / 116,
        )
        - 16
    )


def _blur(plane: Tensor, sigma: float) -> Tensor:
    reach = torch.arange(-4, 5, dtype=plane.dtype)
    kernel = torch.exp(-(reach**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(plane[None], (4, 4, 4, 4), mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))[0]


def draw_hints(chroma: Tensor, settings: Augment, random: np.random.Generator) -> Tensor:
    """3,H,W of a*, b*, mask: a few discs and squares with the true mean colour under them.

    Half of the pictures have none; else a geometric number (p = 1/8, Zhang 2017), sometimes many.
    """
    _, height, width = chroma.shape
    hints = chroma.new_zeros(3, height, width)
    if random.random() >= settings.hints:
        return hints
    count = 64 if random.random() < settings.many_hints else min(int(random.geometric(1 / 8)), 64)
    for _ in range(count):
        radius = random.uniform(0.5, settings.hint_radius + 1)
        y, x = random.uniform(0, height), random.uniform(0, width)
        rows = slice(max(0, int(y - radius)), min(height, int(y + radius) + 1))
        columns = slice(max(0, int(x - radius)), min(width, int(x + radius) + 1))
        patch = chroma[:, rows, columns]
        inside = torch.ones(patch.shape[1:], dtype=torch.bool)
        if random.random() < 0.6:
            far_y = (torch.arange(rows.start, rows.stop) + 0.5 - y) ** 2
            far_x = (torch.arange(columns.start, columns.stop) + 0.5 - x) ** 2
            inside = far_y[:, None] + far_x[None] <= radius**2
        if inside.any():
            mean = patch[:, inside].mean(1)
            hints[:2, rows, columns][:, inside] = mean[:, None]
            hints[2, rows, columns][inside] = 1
    return hints
