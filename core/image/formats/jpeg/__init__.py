"""JPEG: decoded by libjpeg-turbo itself (`decoder.py`), with a head of our own (`head.py`)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from core.image import libvips_writer
from core.image.atomic import write_all
from core.image.faults import check_size, damaged, unsupported
from core.image.format import ALL_METADATA, Format
from core.image.formats.jpeg import head
from core.image.formats.jpeg.decoder import PROGRESSIVE, JpegPixels, lacks_scans, lines_stated
from core.image.layout import SampleLayout
from core.image.origin import Origin
from core.image.page import Source, page_of
from core.image.painted_page import PaintedPage
from core.image.pixels import held_or_streamed

#: The frame header of another standard (ITU-T T.87), whose files begin alike.
_JPEG_LS: Final = 0xF7
#: The last two bytes of a whole file.
_END: Final = b"\xff\xd9"

FORMAT: Final = Format(
    name="jpeg",
    title="JPEG",
    suffixes=(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    media_type="image/jpeg",
    depths=(8,),
    alpha=False,
    pages=False,
    longest_side=65500,  # libjpeg's own limit, a little below the format's
    lossy=True,
    holds=ALL_METADATA,
    begins=lambda start: start.startswith(b"\xff\xd8\xff"),
    other_names=("jpg",),
    only_read=frozenset((".mpo",)),  # of its several pictures the first is coloured
    longest_exif=head.LONGEST_EXIF,
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    frame = head.frame_of(origin.read)
    if frame is None and any(marker == _JPEG_LS for marker, _ in head.segments(origin.read)):
        raise unsupported("it is a JPEG-LS picture", origin.name)
    if frame is None:
        raise damaged("it has no picture header", origin.name)
    bits, width, height, channels = frame
    lines = lines_stated(origin.read(0, origin.size))
    height, lines = (lines, lines) if lines and lines != height else (height, None)
    if not width or not height:
        raise damaged("it has no size", origin.name)
    check_size(width, height, max_pixels, origin.name)
    if bits != 8:
        raise unsupported(f"it is a JPEG of {bits} bits a sample", origin.name)
    if channels not in (1, 3, 4):
        raise unsupported(f"it is a JPEG of {channels} channels", origin.name)
    metadata = head.read_metadata(origin.read)
    is_progressive = any(marker in PROGRESSIVE for marker, _ in head.segments(origin.read))
    if is_progressive and lacks_scans(origin.read(0, origin.size)):
        metadata = metadata.noting("its finest detail is missing: the last scans are not there")
    layout = SampleLayout(width, height, channels, 8, False)
    picture = JpegPixels(origin, layout.shape, lines)
    pixels = held_or_streamed(
        origin.name,
        layout,
        metadata.orientation,
        [],
        picture.decode,
        picture.open_image,
        picture.check,
    )
    page = page_of(0, layout, pixels, metadata, bits)
    return Source(FORMAT, origin, (page,), page.metadata.notes, is_lossless=False)


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    return head.read_metadata(origin.read).xmp


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`."""
    return origin.end(len(_END)) == _END


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`: 4:4:4, baseline; strip by strip where the page is much memory."""
    page = next(pages)
    if page.fits_memory():
        _write_from_memory(file, page, quality)
        return
    libvips_writer.write(
        file,
        page,
        page.layout(8),
        FORMAT.title,
        "jpegsave_target",
        lambda start: (start[:2] + head.head(page.metadata), 2),  # behind the first two bytes
        Q=quality,
        subsample_mode="off",
    )


def _write_from_memory(file: BinaryIO, page: PaintedPage, quality: int) -> None:
    """By libjpeg-turbo itself: for 24 MP 0.03 s less than a strip at a time through libvips,
    which is a fifth of all that decoding and encoding cost."""
    import imagecodecs

    data = memoryview(imagecodecs.jpeg8_encode(page.colours(), quality, subsampling="444"))
    start = 2
    if data[2:4] == bytes((0xFF, head.APP0)):  # ours comes in its place
        start += 2 + struct.unpack_from(">H", data, 4)[0]
    write_all(file, data[:2])
    write_all(file, head.head(page.metadata))
    write_all(file, data[start:])
