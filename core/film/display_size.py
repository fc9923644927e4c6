"""The shape of pixels in Matroska, for codecs that do not carry it themselves (FFV1, ProRes).

Matroska says it as the size at which a film is shown. FFmpeg's muxer writes that from a field of
the stream that PyAV cannot set, and for pictures of two views side by side. So a stream is `marked`
as one of those, and in the finished file the mark is made void and the size set right.
"""

import zlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO, Final

from core.film.options import FilmOptions
from core.film.source import Film
from core.image.atomic import write_all

#: Bytes at the beginning of a file, in which the description of its tracks lies.
_HEAD: Final = 1 << 20
_SEGMENT, _TRACKS, _ENTRY, _VIDEO, _CRC = 0x18538067, 0x1654AE6B, 0xAE, 0xE0, 0xBF
_STEREO, _WIDTH, _HEIGHT = 0x53B8, 0x54B0, 0x54BA
#: Two views side by side, the left one first; and an element of as many bytes that says nothing.
_MARK: Final = bytes.fromhex("53b88101")
_VOID: Final = bytes.fromhex("ec820000")


def is_lost(film: Film, options: FilmOptions, container: str) -> bool:
    """Whether the container has to be told the shape of the film's pixels."""
    return container == "matroska" and film.aspect != 1 and options.codec in ("ffv1", "prores")


def mark(stream: Any) -> None:
    """Marks a stream of a file that is not begun yet."""
    stream.metadata["stereo_mode"] = "left_right"


def set_display_size(file: BinaryIO, film: Film) -> None:
    """Sets the size at which the marked stream of a finished file is shown."""
    file.seek(0)
    head = bytearray(file.read(_HEAD))
    (segment,) = _within(head, (0, len(head)), _SEGMENT)
    tracks = next(_within(head, segment, _TRACKS))
    for entry in _within(head, tracks, _ENTRY):
        for video in _within(head, entry, _VIDEO):
            parts = {name: (start, end) for name, start, end in _elements(head, *video)}
            if _STEREO in parts:
                _write_size(head, parts, film)
    name, start, end = next(_elements(head, *tracks))
    if name == _CRC:
        head[start:end] = zlib.crc32(head[end : tracks[1]]).to_bytes(4, "little")
    file.seek(tracks[0])
    write_all(file, head[slice(*tracks)])


def _write_size(head: bytearray, parts: dict[int, tuple[int, int]], film: Film) -> None:
    stop = parts[_STEREO][1]
    if head[stop - 4 : stop] != _MARK:
        return
    head[stop - 4 : stop] = _VOID
    spans = [parts[_WIDTH], parts[_HEIGHT]]
    size = [film.width * Fraction(film.aspect), Fraction(film.height)]
    # as many bytes as there are; half the width was in them
    room = min(
        1,
        *(
            Fraction(256 ** (end - start) - 1) / side
            for (start, end), side in zip(spans, size, strict=True)
        ),
    )
    for (start, end), side in zip(spans, size, strict=True):
        head[start:end] = max(1, round(side * room)).to_bytes(end - start, "big")


def _within(data: bytes | bytearray, span: tuple[int, int], name: int) -> Iterator[tuple[int, int]]:
    """Begin and end of the content of the elements of that name."""
    return ((start, end) for found, start, end in _elements(data, *span) if found == name)


def _elements(data: bytes | bytearray, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(id, begin and end of the content) of the elements there; an open one goes to `stop`."""
    while at < stop:
        length = 9 - data[at].bit_length()
        name = int.from_bytes(data[at : at + length], "big")
        at += length
        length = 9 - data[at].bit_length()
        size = int.from_bytes(data[at : at + length], "big") - (1 << 7 * length)
        at += length
        end = stop if size == (1 << 7 * length) - 1 else min(at + size, stop)
        yield name, at, end
        at = end
