"""Shears, zooms and rotates a whole picture before cropping, as the studies' generators did.

Names, ranges and filling are those of Keras' `ImageDataGenerator`: each value is drawn uniformly
from its range, and pixels beyond the border repeat the border.
"""

import numpy as np
import torch
import torch.nn.functional as F


def warp(
    picture: np.ndarray,
    random: np.random.Generator,
    *,
    shear: float = 0.0,
    zoom: float = 0.0,
    rotation: float = 0.0,
) -> np.ndarray:
    """Returns the picture, uint8 H,W,3, sheared, zoomed and rotated about its middle.

    `shear`: largest angle in radians, either way; `zoom`: the factors of width and height are
    drawn apart from 1 - zoom to 1 + zoom; `rotation`: largest angle in degrees, either way.
    """
    turn = np.deg2rad(random.uniform(-rotation, rotation))
    slant = random.uniform(-shear, shear)
    zooms = random.uniform(1 - zoom, 1 + zoom, 2)
    matrix = _rotated(turn) @ _sheared(slant) @ np.diag(zooms)
    return sampled(picture, matrix)


def sampled(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns the picture sampled bilinearly at `matrix` (2,2) times (x, y), from its middle."""
    height, width = picture.shape[:2]
    x = (np.arange(width) - (width - 1) / 2)[None, :]
    y = (np.arange(height) - (height - 1) / 2)[:, None]
    from_x = matrix[0, 0] * x + matrix[0, 1] * y
    from_y = matrix[1, 0] * x + matrix[1, 1] * y
    # grid_sample counts from -1 to 1 between the middles of the outermost pixels
    grid = np.stack((from_x / max((width - 1) / 2, 0.5), from_y / max((height - 1) / 2, 0.5)), -1)
    planes = torch.from_numpy(np.array(picture)).movedim(-1, 0)[None].float()
    samples = F.grid_sample(
        planes, torch.from_numpy(grid)[None].float(), padding_mode="border", align_corners=True
    )
    return samples[0].movedim(0, -1).round().clamp(0, 255).byte().numpy()


def _rotated(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _sheared(angle: float) -> np.ndarray:
    return np.array([[1, -np.sin(angle)], [0, np.cos(angle)]])
