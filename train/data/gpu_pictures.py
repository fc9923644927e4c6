"""Keeps all pictures in a GPU's memory, and cuts crops there.

A CPU cannot cut crops as fast as a GPU learns from them; 59,000 pictures with short sides of 160 to
256 px take 7 GB. The boxes are those of `augment.crop`; they are resized by bilinear interpolation
on a finer grid, whose cells are averaged.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from train.data.augment import Box
from train.data.cache import Pictures

#: Points that are sampled at once; each takes 48 bytes meanwhile.
PORTION = 1 << 25


class GpuPictures:
    """The pictures of a cache on `device`, uint8, one after another."""

    def __init__(self, pictures: Pictures, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self._pixels = torch.from_numpy(pictures.pixels).to(self.device)
        layout = [(entry.offset, entry.height, entry.width) for entry in pictures.entries]
        self._layout = torch.tensor(layout, device=self.device)

    def crops(self, indices: Sequence[int], boxes: Sequence[Box], side: int) -> Tensor:
        """Returns a box of each picture, uint8 N,side,side,3."""
        finer = max(1, math.ceil(max(max(box.width, box.height) for box in boxes) / side))
        points = side * finer
        count = max(1, PORTION // points**2)
        parts = [
            self._cut(indices[at : at + count], boxes[at : at + count], side, finer)
            for at in range(0, len(boxes), count)
        ]
        return torch.cat(parts)

    def _cut(self, indices: Sequence[int], boxes: Sequence[Box], side: int, finer: int) -> Tensor:
        offset, height, width = self._layout[torch.as_tensor(indices)].unbind(1)
        numbers = [(box.left, box.top, box.width, box.height, box.is_flipped) for box in boxes]
        left, top, across, down, flipped = torch.tensor(
            np.asarray(numbers, np.float32), device=self.device
        ).unbind(1)
        share = (torch.arange(side * finer, device=self.device) + 0.5) / (side * finer)
        shares = torch.where(flipped[:, None] > 0, 1 - share, share)
        x0, x1, right = _between(left[:, None] + shares * across[:, None] - 0.5, width)
        y0, y1, below = _between(top[:, None] + share * down[:, None] - 0.5, height)
        channel = torch.arange(3, device=self.device)

        def at(y: Tensor, x: Tensor) -> Tensor:
            pixel = y[:, :, None] * width[:, None, None] + x[:, None, :]
            place = offset[:, None, None] + 3 * pixel
            return self._pixels[place[..., None] + channel].float()

        right, below = right[:, None, :, None], below[:, :, None, None]
        upper = torch.lerp(at(y0, x0), at(y0, x1), right)
        lower = torch.lerp(at(y1, x0), at(y1, x1), right)
        fine = torch.lerp(upper, lower, below)
        cells = fine.unflatten(2, (side, finer)).unflatten(1, (side, finer))
        return cells.mean((2, 4)).round().to(torch.uint8)


def _between(position: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the pixels on both sides of each position N,M, and the second one's share."""
    last = (length - 1)[:, None]
    position = torch.minimum(position.clamp_min(0), last.to(position.dtype))
    first = position.floor().long()
    return first, torch.minimum(first + 1, last), position - first


_held: tuple[Path, GpuPictures] | None = None


def gpu_pictures_of(pictures: Pictures, device: torch.device | str) -> GpuPictures:
    """Returns the pictures on the device, and keeps them for the next call with the same cache."""
    global _held
    if _held is None or _held[0] != pictures.folder:
        _held = None  # first free the memory
        _held = pictures.folder, GpuPictures(pictures, device)
    return _held[1]
