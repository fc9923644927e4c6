"""Writes the strips or tiles of a TIFF's picture: cuts rows into segments and compresses them."""

from collections.abc import Callable, Iterator

import numpy as np

from core.image.formats.tiff.tiff_layout import TiffLayout


class SegmentWriter:
    """Writes the strips or tiles of one picture, each as soon as all of its rows were added.

    `write` appends bytes to the file and returns their offset; `offsets` and `counts` (bytes) are
    those of the segments written.
    """

    def __init__(
        self, write: Callable[[bytes | bytearray | memoryview], int], layout: TiffLayout
    ) -> None:
        self.layout = layout
        self.offsets: list[int] = []
        self.counts: list[int] = []
        self._write_segment, self._encode = write, _encoder(layout)
        self._rest: np.ndarray | None = None

    def add(self, band: np.ndarray) -> None:
        """Adds the next rows (h, width, channels); the caller may overwrite them afterwards."""
        if self._rest is not None:
            band = np.concatenate((self._rest, band))
        whole = len(band) - len(band) % self.layout.rows
        self._rest = band[whole:].copy() if whole < len(band) else None
        self._write(band[:whole])

    def finish(self) -> None:
        """Writes the last segment, which may have fewer rows."""
        if self._rest is not None:
            self._write(self._rest)
            self._rest = None

    def _write(self, band: np.ndarray) -> None:
        for segment in _segments(band, self.layout):
            data = self._encode(segment)
            self.offsets.append(self._write_segment(data))
            self.counts.append(memoryview(data).nbytes)


def _segments(band: np.ndarray, layout: TiffLayout) -> Iterator[np.ndarray]:
    """Yields the strips or tiles of a band, in the file's order; tiles are padded at margins."""
    if not layout.tile:
        for top in range(0, len(band), layout.rows):
            yield band[top : top + layout.rows]
        return
    across, down = layout.tile
    for top in range(0, len(band), down):
        for left in range(0, layout.width, across):
            tile = band[top : top + down, left : left + across]
            if tile.shape[:2] != (down, across):
                missing = ((0, down - tile.shape[0]), (0, across - tile.shape[1]), (0, 0))
                tile = np.pad(tile, missing, mode="edge")
            yield np.ascontiguousarray(tile)


def _encoder(layout: TiffLayout) -> Callable[[np.ndarray], bytes | bytearray | memoryview]:
    """Returns the function that turns a segment (h, w, channels) into the bytes of the file."""
    if layout.compression == "none":
        return lambda segment: segment.reshape(-1).view(np.uint8).data
    import imagecodecs

    if layout.compression == "jpeg":
        return lambda segment: imagecodecs.jpeg8_encode(
            segment, layout.quality, colorspace="RGB", outcolorspace="YCbCr", subsampling="444"
        )
    if layout.compression == "packbits":
        return lambda segment: b"".join(
            imagecodecs.packbits_encode(row.tobytes()) for row in segment
        )
    compress = {
        "lzw": imagecodecs.lzw_encode,
        "deflate": imagecodecs.deflate_encode,
        "lzma": imagecodecs.lzma_encode,
        "zstd": imagecodecs.zstd_encode,
    }
    encode = compress[layout.compression]
    if layout.predictor:
        return lambda segment: encode(_differences(segment).tobytes())
    return lambda segment: encode(segment.tobytes())


def _differences(segment: np.ndarray) -> np.ndarray:
    """Applies the horizontal predictor (TIFF 6.0, section 14)."""
    differences = segment.copy()
    np.subtract(segment[:, 1:], segment[:, :-1], out=differences[:, 1:])
    return differences
