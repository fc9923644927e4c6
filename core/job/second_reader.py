"""Decodes a file with a second reader and compares: a reader that errs agrees with itself.

`second_readers(source)` lists the libraries, other than our own reader's, that can decode the file;
`compare` uses the first one that succeeds, and says how far the lightness of the two readings is
apart. Pillow and tifffile are used where they are installed, imagecodecs always is. Our own reader
uses other libraries: simplejpeg for JPEG, libvips for PNG, WebP and AVIF, our own code and libvips
for TIFF. Both readers decode the codestream of JPEG 2000 with OpenJPEG (no second decoder has
wheels), but each reads the boxes that describe the components by itself.
"""

import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import numpy as np

from core.colour.lab import compress, lightness
from core.image import profiles
from core.image.page import Page, Source
from core.job.second_readings import COLOURS, READERS, USUAL, Reader, Reading

#: A page or file of more bytes than this is not read twice: second readers hold it in memory.
LARGEST_BYTES: Final = 1 << 30
#: Rows that are compared at a time.
_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two readings of a file are apart: |dL*| of the worst pixel and in the mean.

    `difference` is a clause that names any other difference; `reader` is the second reader's name
    and version.
    """

    reader: str
    worst: float
    mean: float
    is_exact: bool
    difference: str | None = None


def compare(source: Source) -> Agreement | None:
    """Reads every page again with the first second reader that can, and compares.

    Returns None where no second reader reads the file. Raises `SourceError` where our own reader
    finds a fault.
    """
    if source.origin.size > LARGEST_BYTES:
        return None
    for name, read in second_readers(source):
        found = compare_by(source, name, read)
        if found:
            return found
    return None


def second_readers(source: Source) -> Iterator[tuple[str, Reader]]:
    """Yields (name and version, reader) of each installed reader, the format's best one first."""
    for distribution, read in READERS.get(source.format.name, USUAL):
        try:
            yield f"{distribution} {version(distribution)}", read
        except PackageNotFoundError:
            continue


def compare_by(source: Source, name: str, read: Reader) -> Agreement | None:
    """Returns the agreement of all pages; None where one of them cannot be read by `read`."""
    worst, total, pixels, is_exact = 0.0, 0.0, 0, source.is_lossless
    for page in source.pages:
        if page.width * page.height * 4 * (page.depth // 8) > LARGEST_BYTES:
            return None
        reading = _read(read, source, page)
        if reading is None:
            return None
        is_exact &= reading.is_exact
        difference = _shape_difference(page, reading)
        if difference:
            return Agreement(name, worst, total / max(1, pixels), is_exact, difference)
        page_worst, page_total, alpha_differs = _page_differences(page, reading, source.is_lossless)
        worst, total, pixels = max(worst, page_worst), total + page_total, pixels + _size(page)
        if alpha_differs:
            return Agreement(name, worst, total / pixels, is_exact, "another transparency")
    return Agreement(name, worst, total / max(1, pixels), is_exact)


def _read(read: Reader, source: Source, page: Page) -> Reading | None:
    level = logging.root.manager.disable
    logging.disable()  # tifffile logs what our reader has noted already
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read(source, page)
    except Exception:  # libraries share no error class; a file that one cannot read is not judged
        return None
    finally:
        logging.disable(level)


def _size(page: Page) -> int:
    return page.width * page.height


def _shape_difference(page: Page, reading: Reading) -> str | None:
    height, width = reading.codes.shape[:2]
    if (width, height) != (page.width, page.height):
        return f"a picture of {width}x{height}"
    if (reading.alpha is None) == page.has_alpha:
        return "no transparency" if page.has_alpha else "a transparency"
    return None


def _page_differences(page: Page, reading: Reading, lossless: bool) -> tuple[float, float, bool]:
    """Returns (worst |dL*|, sum of |dL*|, whether the transparency differs) of a page.

    Where our reader converted the page in a way that no second reader knows (PNG's gamma), the
    codes in the file are compared instead.
    """
    worst, total, alpha_differs = 0.0, 0.0, False
    has_profile = reading.icc is not None or reading.mode == "cmyk"
    as_codes = page.conversion is not None and not has_profile and reading.is_exact
    strips = _own_codes(page) if as_codes else page.strips(_ROWS)
    for top, samples, alpha in strips:
        rows = slice(top, top + len(samples))
        codes = reading.codes[rows]
        if reading.alpha is not None and alpha is not None:
            alpha_differs |= not _same_alpha(alpha, reading.alpha[rows], reading, lossless)
        is_plain = reading.icc is None and reading.full == np.iinfo(codes.dtype).max
        is_plain &= reading.mode != "cmyk" and samples.dtype == codes.dtype
        if is_plain and np.array_equal(samples, codes):
            continue  # equal codes: the case of most lossless files
        own = lightness_of(samples, np.iinfo(samples.dtype).max)
        difference = np.abs(own - _lightness(codes, reading))
        worst = max(worst, float(difference.max()))
        total += float(difference.sum())
    return worst, total, alpha_differs


def _own_codes(page: Page) -> Iterator[tuple[int, np.ndarray, np.ndarray | None]]:
    for top, codes in page.pixels.bands(_ROWS):
        colours = codes[..., :-1] if page.has_alpha else codes
        colours = colours[..., 0] if colours.shape[2] == 1 else colours
        yield top, colours, codes[..., -1] if page.has_alpha else None


def _same_alpha(own: np.ndarray, other: np.ndarray, reading: Reading, lossless: bool) -> bool:
    """Returns whether alpha differs by at most half a step of 8 bits, or 1% in a lossy format."""
    difference = np.abs(own / np.iinfo(own.dtype).max - other / reading.alpha_full)
    return bool(difference.max() <= (0.5 / 255 if lossless else 0.01))


def _lightness(codes: np.ndarray, reading: Reading) -> np.ndarray:
    """Returns CIE L* of a second reader's codes, converted by lcms where they have a profile."""
    colours = COLOURS[reading.mode]
    profile = reading.icc
    if profile and not _is_followed(profile, colours):
        profile = None
    if profile is None and reading.mode == "cmyk":
        profile = profiles.cmyk_profile()
    if profile is None:
        return lightness_of(codes, reading.full)
    top = np.iinfo(codes.dtype).max
    if reading.full != top:
        codes = np.rint(codes * (top / reading.full)).astype(codes.dtype)
    return 116 * compress(np.clip(profiles.luminance(codes, profile, colours), 0, 1)) - 16


def _is_followed(profile: bytes, colours: int) -> bool:
    """Whether our own reader follows a profile, and does not leave it out as damaged."""
    if profiles.fault_of(profile, colours):
        return False
    try:
        profiles.conversion_of(profile, colours, 8)
    except profiles.ProfileError:
        return False
    return True


def lightness_of(codes: np.ndarray, full: int) -> np.ndarray:
    """Returns CIE L* in float64 of sRGB codes 0..`full`, gray (h, w) or colour (h, w, 3)."""
    if codes.ndim == 2:
        ramp = np.arange(full + 1)[:, np.newaxis] / full
        return lightness(np.repeat(ramp, 3, axis=1))[codes]
    return lightness(codes / full)
