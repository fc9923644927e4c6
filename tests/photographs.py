"""Small photographs for tests: gray, colour, 16-bit, as arrays and as files."""

from pathlib import Path

import numpy as np
from PIL import Image


def gray(height: int = 120, width: int = 160, seed: int = 1) -> np.ndarray:
    """uint8 (height, width): slopes, a dark square, noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    picture = 60 + 120 * x / width + 40 * np.sin(y / 9) + random.normal(0, 6, (height, width))
    picture[height // 4 : height // 2, width // 4 : width // 2] -= 50
    return np.clip(picture, 0, 255).astype(np.uint8)


def save(path: Path, samples: np.ndarray | None = None, **settings) -> Path:
    """Writes `samples` (default: `gray()`) by Pillow, in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gray() if samples is None else samples).save(path, **settings)
    return path
