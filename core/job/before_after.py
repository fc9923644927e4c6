"""A before/after picture: the original and the coloured file side by side, to look at."""

from pathlib import Path

import numpy as np

from core.image.read import open_source
from core.image.vips import library

GAP = 12  # pixels of white between the two


def before_after(original: Path, coloured: Path, destination: Path, height: int = 640) -> None:
    """Writes a PNG of at most `height` pixels with the first page of both files side by side."""
    pictures = [_picture(path, height) for path in (original, coloured)]
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    sheet = np.concatenate([pictures[0], gap, pictures[1]], axis=1)
    image = library().Image.new_from_array(sheet, interpretation="srgb")
    destination.parent.mkdir(parents=True, exist_ok=True)
    image.pngsave(str(destination))


def _picture(path: Path, height: int) -> np.ndarray:
    """The file's first page as uint8 (h, w, 3), not enlarged."""
    with open_source(path) as source:
        page = source.pages[0]
        scale = min(1.0, height / page.height)
        samples = page.thumbnail(
            max(1, round(page.width * scale)), max(1, round(page.height * scale))
        )
    if samples.dtype == np.uint16:
        samples = (samples // 257).astype(np.uint8)
    return samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
