"""Shear, zoom and rotation of a whole picture, as the studies' generators did it before cropping.

The names, ranges and filling are Keras' `ImageDataGenerator`'s: each is drawn evenly from its
range, and what comes into view from beyond the border repeats the border.
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
    """uint8 H,W,3, same size, sheared, zoomed and turned about its middle.

    Parameters: `shear` at most, in radians either way; `zoom` each side's factor, drawn from
    1 - zoom to 1 + zoom apart; `rotation` at most, in degrees either way.
    """
    turn = np.deg2rad(random.uniform(-rotation, rotation))
    slant = random.uniform(-shear, shear)
    zooms = random.uniform(1 - zoom, 1 + zoom, 2)
    matrix = _rotated(turn) @ _sheared(slant) @ np.diag(zooms)
    return sampled(picture, matrix)


def sampled(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The picture looked up, bilinearly, at `matrix` (2,2) times each (x, y) from its middle."""
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
