"""Draws sheets: the original and the coloured file side by side, to look at.

`sheets` says where the sheet of each job of a command is written, `before_after` draws one.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import OptionsError
from core.image.atomic import write_file
from core.image.read import MAX_PIXELS, open_source
from core.image.vips import library
from core.job.job import Job
from core.paths import SHEET_MARK

GAP = 12  # pixels of white between the two


def folder_of_sheets(place: str) -> Path | None:
    """Returns the folder that `place` names; None where it names one sheet, which ends in .png.

    Raises `OptionsError` where `place` is the name of a file other than a PNG.
    """
    target = Path(place)
    if target.is_dir() or place.endswith(("/", os.sep)):
        return target
    if target.suffix.lower() == ".png":
        return None
    if target.suffix or os.path.lexists(target):
        raise OptionsError(
            f"{place}: the name of a sheet ends in .png",
            remedy="or give --before-after a folder, with / at its end",
        )
    return target


def sheets(jobs: Sequence[Job], results: Path, place: str) -> list[tuple[Job, Path]]:
    """Returns each job with the path of its sheet.

    Where `place` is a folder, sheets have the same places in it as the results have in the folder
    `results`: `box/4.tif.png` for the result `box/4.tif`. Raises `OptionsError` where `place` names
    one sheet and there are several jobs.
    """
    folder = folder_of_sheets(place)
    if folder is not None:
        return [(job, folder / f"{_below(job.destination, results)}.png") for job in jobs]
    if len(jobs) != 1:
        raise OptionsError(
            f"--before-after {place} takes one SRC, and there are {len(jobs)}",
            remedy="give it a folder, with / at its end, for a sheet each",
        )
    return [(jobs[0], Path(place))]


def _below(result: Path, results: Path) -> Path:
    """Returns a result's path relative to the folder `results`; its name where `results` is the
    result itself.
    """
    return result.relative_to(results) if results in result.parents else Path(result.name)


def before_after(
    original: Path,
    coloured: Path,
    destination: Path,
    height: int = 640,
    max_pixels: int = MAX_PIXELS,
) -> None:
    """Writes a PNG of at most `height` pixels with the first page of both files side by side.

    Raises `SourceError` and `DestinationError`.
    """
    pictures = [_picture(path, height, max_pixels) for path in (original, coloured)]
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    sheet = np.concatenate([pictures[0], gap, pictures[1]], axis=1)
    vips = library()
    image = vips.Image.new_from_array(sheet, interpretation="srgb").copy()
    image.set_type(vips.GValue.refstr_type, f"png-comment-0-{SHEET_MARK}", "before and after")
    write_file(destination, image.pngsave_buffer())


def _picture(path: Path, height: int, max_pixels: int) -> np.ndarray:
    """Returns the file's first page as uint8 (h, w, 3), not enlarged."""
    with open_source(path, max_pixels=max_pixels) as source:
        page = source.pages[0]
        scale = min(1.0, height / page.height)
        samples = page.thumbnail(
            max(1, round(page.width * scale)), max(1, round(page.height * scale))
        )
    if samples.dtype == np.uint16:
        samples = (samples // 257).astype(np.uint8)
    return samples if samples.ndim == 3 else np.repeat(samples[..., None], 3, axis=2)
