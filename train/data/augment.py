"""Augmentation of pictures for the network: crop, flip, the look of old film, hints.

`crop` takes one picture; the rest works on a whole batch, on the device that it is on. The old
look falls on the network's input alone: the truth keeps its colours, but for a plate's border.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.learn.batch import TrainingBatch
from core.learn.lab_torch import srgb_to_lab
from train.data.affine import warp
from train.data.damage import blurred, border, damage
from train.data.random_numbers import RandomNumbers

#: Luminance of orthochromatic emulsions, which are blind to red: weights of linear R, G, B.
ORTHOCHROMATIC = (0.0, 0.42, 0.58)
PANCHROMATIC = (0.2126, 0.7152, 0.0722)


#: A picture's at most.
MOST_HINTS = 64

#: How unlike L*, a*, b* of one thing are, its size as a share of the short side, how sharp its
#: border is (1: a third of that), and the chroma of a free colour.
_ALIKE = (25.0, 12.0, 12.0)
_NEAR = 0.35
_EDGE = 8.0
_FREE_CHROMA = (15.0, 50.0)


@dataclass(frozen=True, slots=True)
class Augment:
    """The recipe's `[augment]` table: chances are 0..1, crops are shares of the short side."""

    crop: tuple[float, float] = (0.6, 1.0)
    aspect: float = 1.15
    flip: float = 0.5
    shear: float = 0.0  # radians at most, of the whole picture before cropping
    zoom: float = 0.0  # 1 - zoom .. 1 + zoom, each side apart
    rotation: float = 0.0  # degrees at most
    old_film: float = (
        0.35  # the chance of all that follows, up to `damage`; each has its own within
    )
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.4, 1.4)  # px of a picture of 160 px
    gamma: float = 1.0
    fading: float = 1.0  # blacks and whites turn gray
    grain: float = 1.0
    orthochromatic: float = 0.25
    halation: float = 0.0  # bright things glow
    border: float = 0.0  # of a plate or a mount: gray, also in the truth
    damage: float = 0.0  # scratches, dust and fading on the old films
    hints: float = 0.5
    many_hints: float = 0.02
    hint_radius: float = 4.0
    recoloured: float = 0.0  # one thing has a free colour, also in the truth, and a few hints of it

    @property
    def warps(self) -> bool:
        """Whether pictures are sheared, zoomed or turned before cropping."""
        return bool(self.shear or self.zoom or self.rotation)


class Box(NamedTuple):
    """A part of a picture, in pixels, and whether it is mirrored."""

    left: float
    top: float
    width: float
    height: float
    is_flipped: bool


def box_in(height: int, width: int, settings: Augment, random: np.random.Generator) -> Box:
    """A random near-square part of a picture of this size."""
    side = min(height, width) * random.uniform(*settings.crop)
    stretch = np.exp(random.uniform(-1, 1) * np.log(settings.aspect) / 2)
    across, down = min(side * stretch, width), min(side / stretch, height)
    left, top = random.uniform(0, width - across), random.uniform(0, height - down)
    return Box(left, top, across, down, random.random() < settings.flip)


def crop(
    picture: np.ndarray, size: int, settings: Augment, random: np.random.Generator
) -> np.ndarray:
    """uint8 size,size,3: a random near-square crop, resized, perhaps warped and mirrored."""
    if settings.warps:
        picture = warp(
            picture,
            random,
            shear=settings.shear,
            zoom=settings.zoom,
            rotation=settings.rotation,
        )
    height, width = picture.shape[:2]
    box = box_in(height, width, settings, random)
    corners = (box.left, box.top, box.left + box.width, box.top + box.height)
    resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BICUBIC, box=corners)
    array = np.array(resized)
    return array[:, ::-1].copy() if box.is_flipped else array


def dressed(pixels: Tensor, settings: Augment, seed: int) -> TrainingBatch:
    """What the network sees and should answer, from uint8 N,S,S,3 of sRGB."""
    rgb = pixels.permute(0, 3, 1, 2).float() / 255
    rng = RandomNumbers(seed, len(rgb), rgb.device)
    lab = srgb_to_lab(rgb)
    lightness, chroma = lab[:, :1], lab[:, 1:]
    thing = None
    if settings.recoloured:
        chroma, thing = recoloured(lightness, chroma, settings.recoloured, rng)
    hints = draw_hints(chroma, settings, rng, thing)
    clean = None
    if settings.old_film:
        clean = lightness
        is_old = rng.happens(settings.old_film)
        old, rim = old_film(rgb, lightness, settings, rng)
        lightness = torch.where(is_old, old, lightness)
        chroma = chroma * (1 - rim * is_old)
    return TrainingBatch(lightness, chroma, hints, clean)


def old_film(
    rgb: Tensor, lightness: Tensor, settings: Augment, rng: RandomNumbers
) -> tuple[Tensor, Tensor]:
    """L* N,1,H,W as old photographs of the scenes would have it, and where a border hides them.

    From N,3,H,W sRGB and its L*. Lengths are for 160 px; larger pictures are blurred as much more.
    """
    height, width = lightness.shape[-2:]
    scale = max(1.0, min(height, width) / 160)
    is_orthochromatic = rng.happens(settings.orthochromatic)
    lightness = torch.where(is_orthochromatic, _emulsion(rgb, rng.uniform(0.4, 1.0)), lightness)
    if settings.halation:
        glow = blurred((lightness - 70).clamp_min(0), rng.uniform(2.0, 5.0) * scale)
        lightness = lightness + glow * rng.uniform(0.2, 1.0) * rng.happens(settings.halation)
    lightness = blurred(
        lightness, rng.uniform(*settings.blur_sigma) * scale * rng.happens(settings.blur)
    )
    gamma = torch.exp(_some(rng.uniform(-0.4, 0.4), settings.gamma, rng))
    gray, pale = rng.uniform(0, 22), rng.uniform(0, 18)
    if settings.fading < 1:
        is_faded = rng.happens(settings.fading)
        gray, pale = gray * is_faded, pale * is_faded
    black, white = gray, 100 - pale
    lightness = black + (white - black) * (lightness.clamp(0, 100) / 100) ** gamma
    grain = rng.normal(1, height, width)
    grain = torch.where(rng.happens(0.5), blurred(grain, 0.7) * 2, grain)
    grain = grain * _some(rng.uniform(0, 5), settings.grain, rng)
    lightness = (lightness + grain).clamp(0, 100)
    rim = border(height, width, rng) * rng.happens(settings.border)
    lightness = torch.lerp(lightness, rng.uniform(0, 100), rim)
    if settings.damage:
        lightness = torch.where(rng.happens(settings.damage), damage(lightness, rng), lightness)
    return lightness, rim


def _some(strength: Tensor, chance: float, rng: RandomNumbers) -> Tensor:
    """`strength` with this chance, else 0. What is sure draws no luck: recipes that do not name
    the key keep the pictures that they had before there was one."""
    return strength if chance >= 1 else strength * rng.happens(chance)


def _emulsion(rgb: Tensor, strength: Tensor) -> Tensor:
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    shape = (1, 3, 1, 1)
    weights = torch.lerp(
        rgb.new_tensor(PANCHROMATIC).view(shape),
        rgb.new_tensor(ORTHOCHROMATIC).view(shape),
        strength,
    )
    luminance = (linear * weights).sum(1, keepdim=True)
    root = luminance.clamp_min(1e-6) ** (1 / 3)
    return 116 * torch.where(luminance > 216 / 24389, root, luminance * 7.787 + 16 / 116) - 16


class Things(NamedTuple):
    """Where pictures were recoloured: `chosen`, `y`, `x`, each N,1,1,1; positions in pixels."""

    chosen: Tensor
    y: Tensor
    x: Tensor


def recoloured(
    lightness: Tensor, chroma: Tensor, share: float, rng: RandomNumbers
) -> tuple[Tensor, Things]:
    """`chroma` N,2,H,W in which a share of the pictures has a thing of a free colour, and where.

    A thing is what is near a random place in colour, lightness and distance, with soft borders; its
    shades stay. So hints are learnt that colour their thing, whatever its colour, and end there.
    """
    height, width = chroma.shape[-2:]
    chosen = rng.happens(share)
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    rows = torch.arange(height, device=chroma.device)[:, None] + 0.5
    columns = torch.arange(width, device=chroma.device)[None] + 0.5
    place = y.floor().long() * width + x.floor().long()  # N,1,1,1
    lab = F.avg_pool2d(torch.cat((lightness, chroma), 1), 3, 1, 1, count_include_pad=False)
    lab_there = lab.flatten(2).gather(2, place.flatten(1)[:, None].expand(-1, 3, -1))[..., None]
    apart = (lab - lab_there) / torch.tensor(_ALIKE, device=chroma.device)[:, None, None]
    far = ((rows - y) ** 2 + (columns - x) ** 2) / (_NEAR * min(height, width)) ** 2
    distance = (apart.square().sum(1, keepdim=True) + far).sqrt()
    thing = torch.sigmoid((1 - distance) * _EDGE)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(*_FREE_CHROMA)
    free = torch.cat((strength * angle.cos(), strength * angle.sin()), 1)
    changed = chroma + thing * (free - lab_there[:, 1:])
    return torch.where(chosen, changed, chroma), Things(chosen, y, x)


def draw_hints(
    chroma: Tensor, settings: Augment, rng: RandomNumbers, things: Things | None = None
) -> Tensor:
    """N,3,H,W of a*, b*, mask: a few discs and squares with the true mean colour under them.

    A share of the pictures has some: a geometric number (p = 1/8, Zhang 2017), sometimes many.
    Where two meet, the later one lies on top. A recoloured picture has one to four, of which the
    first lies on its thing.
    """
    count, _, height, width = chroma.shape
    if not settings.hints:
        return chroma.new_zeros(count, 3, height, width)
    most = MOST_HINTS
    geometric = (rng.uniform(1e-6, 1, 1).log() / np.log(7 / 8)).ceil().clamp(1, most)
    number = torch.where(rng.happens(settings.many_hints, 1), float(most), geometric)
    number = number * rng.happens(settings.hints, 1)
    radius = rng.uniform(0.5, settings.hint_radius + 1, most, 1, 1)
    y, x = rng.uniform(0, height, most, 1, 1), rng.uniform(0, width, most, 1, 1)
    if things is not None:
        few = rng.uniform(1, 5, 1).floor()
        number = torch.where(things.chosen[:, :, 0, 0], few, number)
        first = torch.arange(most, device=chroma.device).view(1, -1, 1, 1) == 0
        y = torch.where(things.chosen & first, things.y, y)
        x = torch.where(things.chosen & first, things.x, x)
    is_disc = rng.happens(0.6, most, 1, 1)

    # each hint's own patch: N,hints,P,P
    reach = int(settings.hint_radius + 2)
    steps = torch.arange(-reach, reach + 1, device=chroma.device)
    rows = y.floor().long() + steps.view(1, 1, -1, 1)
    columns = x.floor().long() + steps.view(1, 1, 1, -1)
    down, right = rows + 0.5 - y, columns + 0.5 - x
    inside = torch.where(
        is_disc, down**2 + right**2 <= radius**2, (down.abs() <= radius) & (right.abs() <= radius)
    )
    is_used = torch.arange(most, device=chroma.device).view(1, -1, 1, 1) < number.view(-1, 1, 1, 1)
    inside = inside & is_used & (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    place = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)

    flat = chroma.flatten(2)
    under = flat.gather(2, place.flatten(1)[:, None].expand(-1, 2, -1)).unflatten(
        2, place.shape[1:]
    )
    area = inside.sum((2, 3)).clamp_min(1)
    mean = (under * inside[:, None]).sum((3, 4)) / area[:, None]  # N,2,hints

    # the number of the uppermost hint of each pixel, from 1; 0: none
    layer = torch.arange(1, most + 1, device=chroma.device).view(1, -1, 1, 1) * inside
    top = torch.zeros(count, height * width, dtype=layer.dtype, device=chroma.device)
    top.scatter_reduce_(1, place.flatten(1), layer.flatten(1), "amax")
    colours = mean.gather(2, (top - 1).clamp_min(0)[:, None].expand(-1, 2, -1))
    mask = (top > 0)[:, None].to(chroma.dtype)
    return torch.cat((colours * mask, mask), 1).unflatten(2, (height, width))
