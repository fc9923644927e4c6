"""Augments pictures for the network: crops, mirroring, the look of old film, hints.

`crop` takes one picture; the other functions take a batch, on any device. The look of old film
(`old_film`) changes only the input of the network; the targets keep their colours, except under the
border of a plate.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from core.learn.batch import TrainingBatch
from core.learn.lab_torch import srgb_to_lab
from train.data.affine import warp
from train.data.augment_settings import Augment
from train.data.old_film import old_film
from train.data.random_numbers import RandomNumbers

#: Largest number of hints of one picture.
MOST_HINTS = 64

#: Recoloured things: the distance in L*, a*, b* and the distance in the plane, as a share of the
#: short side, at which a pixel no longer belongs to the thing; the steepness of its border; and the
#: range of the chroma of its free colour.
_LAB_RADIUS = (25.0, 12.0, 12.0)
_PLANE_RADIUS = 0.35
_STEEPNESS = 8.0
_FREE_CHROMA = (15.0, 50.0)


class Box(NamedTuple):
    """A part of a picture, in pixels, and whether it is mirrored."""

    left: float
    top: float
    width: float
    height: float
    is_flipped: bool


def box_in(height: int, width: int, settings: Augment, random: np.random.Generator) -> Box:
    """Returns a random, nearly square part of a picture of this size."""
    side = min(height, width) * random.uniform(*settings.crop)
    stretch = np.exp(random.uniform(-1, 1) * np.log(settings.aspect) / 2)
    box_width, box_height = min(side * stretch, width), min(side / stretch, height)
    left, top = random.uniform(0, width - box_width), random.uniform(0, height - box_height)
    return Box(left, top, box_width, box_height, random.random() < settings.flip)


def crop(
    picture: np.ndarray, size: int, settings: Augment, random: np.random.Generator
) -> np.ndarray:
    """Returns a random crop of a picture, resized to uint8 size,size,3, as in `settings`."""
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


def training_batch(pixels: Tensor, settings: Augment, seed: int) -> TrainingBatch:
    """Returns the input of the network and its targets for crops, uint8 sRGB N,S,S,3.

    `clean` is the undamaged L* where `settings` have old film, else None. Equal seeds give equal
    batches on the same kind of device.
    """
    rgb = pixels.permute(0, 3, 1, 2).float() / 255
    rng = RandomNumbers(seed, len(rgb), rgb.device)
    lab = srgb_to_lab(rgb)
    lightness, chroma = lab[:, :1], lab[:, 1:]
    things = None
    if settings.recoloured:
        chroma, things = recoloured(lightness, chroma, settings.recoloured, rng)
    hints = draw_hints(chroma, settings, rng, things)
    clean = None
    if settings.old_film:
        clean = lightness
        is_old = rng.happens(settings.old_film)
        old, rim = old_film(rgb, lightness, settings, rng)
        lightness = torch.where(is_old, old, lightness)
        chroma = chroma * (1 - rim * is_old)
    return TrainingBatch(lightness, chroma, hints, clean)


class Things(NamedTuple):
    """Places of recoloured things: which pictures have one (`chosen`), and a point `y`, `x` in it.

    Each is N,1,1,1; points are in pixels.
    """

    chosen: Tensor
    y: Tensor
    x: Tensor


def recoloured(
    lightness: Tensor, chroma: Tensor, share: float, rng: RandomNumbers
) -> tuple[Tensor, Things]:
    """Returns `chroma` (N,2,H,W) with one thing recoloured in a share of the pictures, and where.

    A thing is the pixels that are near a random pixel in the plane, in lightness and in colour; its
    border is soft, and the differences of colour within it stay. From such pictures, and the hints
    of `draw_hints` in them, the network learns that a hint may give a thing any colour, and that
    the colour ends at the border of the thing.
    """
    height, width = chroma.shape[-2:]
    chosen = rng.happens(share)
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    rows = torch.arange(height, device=chroma.device)[:, None] + 0.5
    columns = torch.arange(width, device=chroma.device)[None] + 0.5
    place = y.floor().long() * width + x.floor().long()  # N,1,1,1
    lab = F.avg_pool2d(torch.cat((lightness, chroma), 1), 3, 1, 1, count_include_pad=False)
    thing_lab = lab.flatten(2).gather(2, place.flatten(1)[:, None].expand(-1, 3, -1))[..., None]
    lab_radius = torch.tensor(_LAB_RADIUS, device=chroma.device)[:, None, None]
    in_lab = ((lab - thing_lab) / lab_radius).square().sum(1, keepdim=True)
    plane_radius = _PLANE_RADIUS * min(height, width)
    in_plane = ((rows - y) ** 2 + (columns - x) ** 2) / plane_radius**2
    distance = (in_lab + in_plane).sqrt()
    opacity = torch.sigmoid((1 - distance) * _STEEPNESS)  # of the thing's mask
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(*_FREE_CHROMA)
    free = torch.cat((strength * angle.cos(), strength * angle.sin()), 1)
    changed = chroma + opacity * (free - thing_lab[:, 1:])
    return torch.where(chosen, changed, chroma), Things(chosen, y, x)


def draw_hints(
    chroma: Tensor, settings: Augment, rng: RandomNumbers, things: Things | None = None
) -> Tensor:
    """Returns hints N,3,H,W (a*, b*, mask): discs and squares in the mean colour under them.

    A share of the pictures (`settings.hints`) has hints; their number is geometric (p = 1/8, Zhang
    2017), or `MOST_HINTS` in a share `settings.many_hints`. Of overlapping hints the later one is
    on top. A recoloured picture has one to four hints, the first of them on its thing.
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

    # the pixels of a square around each hint: N,hints,P,P
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

    # the number of the uppermost hint at each pixel, from 1; 0 where there is none
    layer = torch.arange(1, most + 1, device=chroma.device).view(1, -1, 1, 1) * inside
    top = torch.zeros(count, height * width, dtype=layer.dtype, device=chroma.device)
    top.scatter_reduce_(1, place.flatten(1), layer.flatten(1), "amax")
    colours = mean.gather(2, (top - 1).clamp_min(0)[:, None].expand(-1, 2, -1))
    mask = (top > 0)[:, None].to(chroma.dtype)
    return torch.cat((colours * mask, mask), 1).unflatten(2, (height, width))
