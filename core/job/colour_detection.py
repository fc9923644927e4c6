"""Tells pictures in colour from black-and-white ones that are toned, faded or stained.

A black-and-white photograph may be far from gray: sepia, cyanotype, yellowed paper, the noise of
a JPEG file. But its colours follow its tones: pixels of one lightness have one colour, and those
that deviate from it (a stain, a faded margin) deviate in one direction. A picture is in colour
where pixels deviate far, or in two directions. `core.job.run` calls `reason_to_leave` before it
colours a source.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from core.colour.lab import srgb_to_lab
from core.image.metadata.provenance import provenance_of
from core.image.page import Page, Source, page_in_memory
from core.image.read import open_source
from core.image.thumbnail import block_means
from core.job.job import IN_COLOUR, OWN_RESULT

# Measured at a short side of 64 pixels on 540 colour photographs and on 30 old photographs that
# were toned in eleven ways (sepia, cyanotype, two tones, yellowed, stained, silver mirroring, JPEG
# of quality 10 to 60, on a brown album page, stamped): no toned one passes either threshold
# (largest: 1.5 across, 3.1 along), 83 % of the colour photographs do. The others have few colours,
# as a snapshot in fog or a print that has lost most of them, and are coloured.
#: Standard deviations, in CIELAB units, of the pixels' deviation from the colour of their tone,
#: across and along its main direction. A picture is in colour where it reaches either.
ACROSS: Final = 2.0
ALONG: Final = 3.5
#: The share of pixels that deviate most and are left out: a stamp, a colour target, tinted lips.
SMALL: Final = 0.1
#: The short side, in pixels, to which a picture is reduced, and the number of its steps of tone.
SIDE: Final = 64
TONES: Final = 12
#: A picture whose channels differ by less than this share of white everywhere is gray.
_GRAY: Final = 3 / 255


def reason_to_leave(source: Source, thumbnail: Callable[[int], np.ndarray]) -> str:
    """Returns why a source should not be coloured (`IN_COLOUR`, `OWN_RESULT`), else ''.

    `thumbnail(index)` returns a page's thumbnail of any size. A file is in colour where all of its
    pages are. Raises `SourceError`.
    """
    if provenance_of(source.pages[0].metadata.xmp) is not None:
        return OWN_RESULT
    if all(_page_in_colour(page, thumbnail) for page in source.pages):
        return IN_COLOUR
    return ""


def is_left_alone(path: Path, max_pixels: int) -> bool:
    """Returns whether the file would not be coloured without `recolour`. Raises `SourceError`."""
    with open_source(path, max_pixels=max_pixels) as source:

        def thumbnail(index: int) -> np.ndarray:
            page = source.pages[index]
            scale = min(1.0, 4 * SIDE / min(page.width, page.height))
            return page.thumbnail(
                max(1, round(page.width * scale)), max(1, round(page.height * scale))
            )

        return bool(reason_to_leave(source, thumbnail))


def is_in_colour(samples: np.ndarray) -> bool:
    """Returns whether a picture, uint8 or uint16 sRGB codes (h, w[, 3]), is in colour."""
    if samples.ndim == 2:
        return False
    height, width = samples.shape[:2]
    scale = min(1.0, SIDE / min(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    samples = page_in_memory(samples).thumbnail(*size)
    rgb = samples.reshape(-1, 3) / np.iinfo(samples.dtype).max
    if np.ptp(rgb, axis=1).max() < _GRAY or len(rgb) < TONES:
        return False
    across, along = _spread(srgb_to_lab(rgb))
    return across >= ACROSS or along >= ALONG


def _spread(lab: np.ndarray) -> tuple[float, float]:
    """Returns (across, along): standard deviations, in CIELAB units, of the chroma of `lab` (n, 3)
    from the median chroma of its tone, across and along their main direction.
    """
    lightness, chroma = lab[:, 0], lab[:, 1:]
    steps = np.array_split(np.argsort(lightness), TONES)
    tones = np.array([lightness[step].mean() for step in steps])
    medians = np.array([np.median(chroma[step], axis=0) for step in steps])
    of_tone = [np.interp(lightness, tones, medians[:, axis]) for axis in (0, 1)]
    strays = chroma - np.stack(of_tone, axis=1)
    distance = np.hypot(strays[:, 0], strays[:, 1])
    near = strays[distance <= np.quantile(distance, 1 - SMALL)]
    variances = np.linalg.eigvalsh(np.cov(near, rowvar=False))
    across, along = np.sqrt(np.maximum(variances, 0))
    return float(across), float(along)


def _page_in_colour(page: Page, thumbnail: Callable[[int], np.ndarray]) -> bool:
    if page.conversion is None:
        return page.channels == "rgb" and is_in_colour(thumbnail(page.index))
    # The thumbnail of a converted page has the lightness alone: the file's own codes are used.
    bands = next(page.pixels.bands(1))[1].shape[2]
    colours = bands - page.has_alpha
    if colours < 3:
        return False
    across, down = max(1, page.width // SIDE), max(1, page.height // SIDE)
    across = down = min(across, down)
    codes = block_means(page.pixels, page.width, across, down)[..., :colours]
    top = 65535 if page.depth == 16 else 255
    if colours == 4:  # near enough to tell colours from tones, whatever the press
        codes = (top - codes[..., :3]) * (top - codes[..., 3:]) / top
    dtype = np.uint16 if page.depth == 16 else np.uint8
    return is_in_colour(np.ascontiguousarray(np.rint(codes).astype(dtype)))
