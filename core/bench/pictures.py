"""Generated photographs for measuring: the spectrum of a photograph, with and without grain."""

import numpy as np


def photograph(height: int, width: int, *, grain: float = 0.0, seed: int = 7) -> np.ndarray:
    """uint8 (height, width): octaves of random blobs with hard edges here and there.

    `grain` is the standard deviation of noise in codes, stronger in the dark as film has it. With
    0 a JPEG of quality 92 takes about 1 bit a pixel, with 4 about twice that.
    """
    random = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for cells in (3, 7, 17, 43, 101, 257, 683):
        blobs = random.standard_normal((cells + 3, cells * width // height + 3), np.float32)
        picture += _enlarged(blobs, height, width) * (1.5 / cells**0.6)
    # Where one octave is above a level, a darker object begins: an edge that stays sharp.
    shapes = _enlarged(
        random.standard_normal((14, 14 * width // height), np.float32), height, width
    )
    picture = 118 + 62 * picture - 45 * (shapes > 0.8)
    if grain:
        for top in range(0, height, 256):
            rows = picture[top : top + 256]
            noise = random.standard_normal(rows.shape, np.float32)
            rows += noise * grain * (1.6 - np.clip(rows, 0, 255) / 255)
    return np.clip(picture, 0, 255).astype(np.uint8)


def chroma(rows: int = 64, columns: int = 96, spread: float = 14.0, seed: int = 3) -> np.ndarray:
    """float32 (2, rows, columns): a smooth random a*, b* field, as a network gives it."""
    random = np.random.default_rng(seed)
    field = [
        _enlarged(random.standard_normal((9, 12), np.float32), rows, columns) for _ in range(2)
    ]
    return (np.stack(field) * spread).astype(np.float32)


def _enlarged(blobs: np.ndarray, height: int, width: int) -> np.ndarray:
    """Linear enlargement; float32 throughout, rows in bands so that 400 megapixels fit."""
    y = np.linspace(0, blobs.shape[0] - 1.001, height, dtype=np.float32)
    x = np.linspace(0, blobs.shape[1] - 1.001, width, dtype=np.float32)
    left, share = x.astype(int), (x - x.astype(int)).astype(np.float32)
    wide = blobs[:, left] * (1 - share) + blobs[:, left + 1] * share
    top, below = y.astype(int), (y - y.astype(int)).astype(np.float32)[:, None]
    result = np.empty((height, width), np.float32)
    for start in range(0, height, 256):
        band = slice(start, start + 256)
        result[band] = wide[top[band]] * (1 - below[band]) + wide[top[band] + 1] * below[band]
    return result
