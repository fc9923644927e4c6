"""Handing a picture to libvips strip by strip: a TIFF file that is never written anywhere.

libvips pulls its pixels and Python wants to push them. So it is given a source that looks like an
uncompressed BigTIFF, whose strips are computed when it reads them: one call a strip, none twice.
"""

import struct
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from core.image.layout import SampleLayout
from core.image.metadata import tags
from core.image.metadata.directories import LONG, LONG8, SHORT, integers, serialize
from core.image.vips import library


class ForgedTiff:
    """A libvips image, top to bottom, of `bands` of rows (h, width, channels).

    What `bands` raises is kept in `error`, since it cannot pass through libvips: look there first
    when libvips fails.
    """

    def __init__(self, layout: SampleLayout, bands: Iterator[np.ndarray]) -> None:
        self.error: BaseException | None = None
        # The first band is made here and now: what is wrong with the source as a rule shows in it,
        # and is then raised where the caller stands.
        self._bands = chain([next(bands)], bands)
        self._head = _head(layout)
        self._size = len(self._head) + layout.bytes
        self._at = 0
        self._start = 0  # where in the file the piece at hand begins
        self._piece: memoryview = memoryview(self._head)

    def image(self) -> Any:
        """The image, to be read once from the top."""
        vips = library()
        self._source = vips.SourceCustom()
        self._source.on_read(self._read)
        self._source.on_seek(self._seek)
        return vips.Image.tiffload_source(self._source, access="sequential", unlimited=True)

    def close(self) -> None:
        """Lets go of the bands: what libvips is connected to lives on until it is collected."""
        self._bands = iter(())
        self._piece = memoryview(b"")

    def _read(self, size: int) -> bytes | memoryview:
        if self.error:
            return b""  # it was stopped
        try:
            while self._at >= self._start + len(self._piece):
                self._start += len(self._piece)
                self._piece = next(self._bands).reshape(-1).view(np.uint8).data
            offset = self._at - self._start
            if offset < 0:
                raise RuntimeError("libvips read a strip twice")
            part = self._piece[offset : offset + size]
            self._at += len(part)
            return part
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            return b""

    def _seek(self, offset: int, whence: int) -> int:
        base = {0: 0, 1: self._at, 2: self._size}[whence]
        self._at = base + offset
        return self._at


def _head(layout: SampleLayout) -> bytes:
    """Header and directory of the file; its strips follow at once, one behind the other."""
    row = layout.width * layout.channels * layout.depth // 8
    heights = [
        min(layout.rows, layout.height - top) for top in range(0, layout.height, layout.rows)
    ]
    counts = [height * row for height in heights]

    def directory(first: int) -> bytes:
        offsets = [first + layout.rows * row * number for number in range(len(counts))]
        entries = [
            integers(tags.WIDTH, LONG, layout.width),
            integers(tags.HEIGHT, LONG, layout.height),
            integers(tags.BITS, SHORT, *(layout.depth,) * layout.channels),
            integers(tags.COMPRESSION, SHORT, 1),
            integers(tags.PHOTOMETRIC, SHORT, 2),
            integers(tags.SAMPLES, SHORT, layout.channels),
            integers(tags.PLANAR, SHORT, 1),
            integers(tags.ORIENTATION, SHORT, 1),
            integers(tags.ROWS_PER_STRIP, LONG, layout.rows),
            integers(tags.STRIP_OFFSETS, LONG8, *offsets),
            integers(tags.STRIP_BYTES, LONG8, *counts),
        ]
        if layout.has_alpha:
            entries.append(integers(tags.EXTRA_SAMPLES, SHORT, 2))
        return serialize(entries, 16, big=True)

    size = len(directory(0))
    return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) + directory(16 + size)
