"""Verifies the pixel promise (contract 2) by what a coloured file really holds.

`verify` decodes the original and the coloured file, strip by strip, and compares CIE L* in the
float64 reference, pixel by pixel; alpha, size and pages must be the same. Lossy encoders change
pixels, so that lossy formats have a tolerance of their own (`TOLERANCES`). Both files are decoded
again by a second reader (`second_reader.py`), where one is installed: without it, a file that our
own reader misunderstands would be compared with the same mistake.
"""

import os
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from core.image.page import Page, Source
from core.image.painted_page import narrowed
from core.image.read import MAX_PIXELS, open_source
from core.image.straight_alpha import straight_page
from core.job import second_reader


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The largest |dL*| allowed of one pixel (`worst`) and as the mean over a picture (`mean`)."""

    worst: float
    mean: float


#: Tolerances of L*: contract 2 for lossless formats, by bits a channel; one for lossy formats of
#: quality >= 90 (measured on old photographs: JPEG of quality 92 without subsampling, worst 5.0,
#: mean 0.45).
TOLERANCES: Final = {
    16: Tolerance(0.002, 0.002),
    8: Tolerance(0.25, 0.10),
    "lossy": Tolerance(12.0, 1.0),
}


#: How far a second reader may be from ours: True where both decode the same codes and only convert
#: them through a profile in two ways; False where two decoders of lossy data, or of colours that
#: the reader converts, are compared (measured: AVIF worst 0.7, mean 0.2; sYCC 0.3).
AGREEMENTS: Final = {True: Tolerance(0.1, 0.05), False: TOLERANCES["lossy"]}


@dataclass(slots=True)
class Comparison:
    """The result of comparing two files: L* differences over all pixels, and other differences.

    `readers` maps 'original' and 'coloured' to the second reader's name and version, or None where
    no second reader could decode the file.
    """

    original: str
    coloured: str
    pixels: int = 0
    worst: float = 0.0
    mean: float = 0.0
    tolerance: Tolerance | None = None
    differences: list[str] = field(default_factory=list)
    readers: dict[str, str | None] = field(default_factory=dict)

    @property
    def kept(self) -> bool:
        """Whether the promise holds."""
        return not self.differences


def verify(
    original: str | os.PathLike[str],
    coloured: str | os.PathLike[str],
    max_pixels: int = MAX_PIXELS,
) -> Comparison:
    """Compares two files. Raises `SourceError` where one of them cannot be read."""
    result = Comparison(str(original), str(coloured))
    with (
        open_source(original, max_pixels=max_pixels) as before,
        open_source(coloured, max_pixels=max_pixels) as after,
    ):
        _compare(before, after, result)
        _read_again("original", before, result)
        _read_again("coloured", after, result)
    return result


def _read_again(role: str, source: Source, result: Comparison) -> None:
    """Decodes the file with a second reader, and notes how its picture differs from ours."""
    found = second_reader.compare(source)
    result.readers[role] = found.reader if found else None
    if found is None:
        return
    tolerance = AGREEMENTS[found.is_exact]
    fault = found.difference
    if fault is None and (found.worst > tolerance.worst or found.mean > tolerance.mean):
        fault = f"another lightness (L* by {found.worst:.4g}, {found.mean:.4g} in the mean)"
    if fault:
        result.differences.append(f"{found.reader} sees {fault} in the {role} file")


def _compare(before: Source, after: Source, result: Comparison) -> None:
    if len(before.pages) != len(after.pages):
        result.differences.append(f"{len(before.pages)} pages became {len(after.pages)}")
        return
    result.tolerance = _tolerance(after)
    total = 0.0
    for number, (old, new) in enumerate(zip(before.pages, after.pages, strict=True), 1):
        if (old.width, old.height) != (new.width, new.height):
            result.differences.append(
                f"page {number}: {old.width}x{old.height} became {new.width}x{new.height}"
            )
            return
        if after.is_lossless and old.depth > new.depth:
            result.differences.append(f"page {number}: {old.depth} bits became {new.depth}")
        total += _compare_pages(old, new, number, after.is_lossless, result)
        result.pixels += old.width * old.height
    result.mean = total / max(1, result.pixels)
    if result.worst > result.tolerance.worst:
        result.differences.append(
            f"L* differs by {result.worst:.4g}, more than {result.tolerance.worst:g}"
        )
    if result.mean > result.tolerance.mean:
        result.differences.append(
            f"L* differs by {result.mean:.4g} in the mean, more than {result.tolerance.mean:g}"
        )


def _compare_pages(old: Page, new: Page, number: int, lossless: bool, result: Comparison) -> float:
    """Returns the sum of |dL*| over a page; both pages are read in strips of equal height."""
    total = 0.0
    alpha_differs = False
    if old.premultiplied != new.premultiplied:
        old, new = straight_page(old), straight_page(new)
    for rows, partner in _in_step(old.strips(), new.strips()):
        difference = np.abs(_lightness_of(rows[0]) - _lightness_of(partner[0]))
        total += float(difference.sum())
        result.worst = max(result.worst, float(difference.max(initial=0)))
        alpha_differs |= not _same_alpha(rows[1], partner[1], lossless)
    if alpha_differs:
        result.differences.append(f"page {number}: the transparency differs")
    return total


def _same_alpha(old: np.ndarray | None, new: np.ndarray | None, lossless: bool) -> bool:
    """Returns whether both have the same transparency; 16 bits are narrowed to 8 if `new` has 8.

    In lossy formats it may differ by 2%, since AVIF encodes it like a picture (measured in noise:
    3 codes of 255).
    """
    if old is None or new is None:
        return old is new
    old = narrowed(old, new.dtype)
    if lossless:
        return np.array_equal(old, new)
    return bool(np.abs(old.astype(np.int32) - new).max(initial=0) <= np.iinfo(new.dtype).max / 50)


def _in_step(first, second):
    """Yields two pages' (samples, alpha) in strips of equal height."""
    left = right = None
    while True:
        left = next(first, None) if left is None else left
        right = next(second, None) if right is None else right
        if left is None or right is None:
            return
        height = min(len(left[1]), len(right[1]), 256)
        yield _cut(left, slice(None, height)), _cut(right, slice(None, height))
        left, right = (
            (0, *_cut(strip, slice(height, None))) if len(strip[1]) > height else None
            for strip in (left, right)
        )


def _cut(strip, rows: slice):
    _, samples, alpha = strip
    return samples[rows], None if alpha is None else alpha[rows]


def _tolerance(coloured: Source) -> Tolerance:
    if not coloured.is_lossless:
        return TOLERANCES["lossy"]
    return TOLERANCES[min(page.depth for page in coloured.pages)]


def _lightness_of(samples: np.ndarray) -> np.ndarray:
    """Returns CIE L* of sRGB codes, gray (h, w) or colour (h, w, 3)."""
    return second_reader.lightness_of(samples, np.iinfo(samples.dtype).max)
