"""Decoding JPEG so that no warning of the decoder is lost, by libjpeg-turbo itself (simplejpeg).

`decode` gives all pixels, `check` only looks; both raise `SourceError` where the decoder warns, the
warnings that come after the last row included. libvips is not asked: it looks at the warnings
before each strip, so that those of the last strip and of the stream's end are lost, and a small
picture is one strip.

There is no list of harmless warnings. `tidied` puts right what is known to be wrong with whole
files beside their coded picture, one thing after the other, and what the decoder says then counts.
What no decoder can notice is damage that leaves valid codes and as many as are needed: one bit
flipped in a coefficient, as a rule.
"""

import re
import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from core.errors import SourceError
from core.image.faults import damaged
from core.image.formats.jpeg.head import FRAMES, MOST_SEGMENTS, frame_of, segments
from core.image.origin import Origin
from core.image.pixels import bands_of, decoded
from core.image.vips import fault, load

#: Colours a pixel -> what the decoder calls them.
_SPACES: Final = {1: "GRAY", 3: "RGB", 4: "CMYK"}
#: A marker in coded data: neither a stuffed zero nor a restart nor a fill byte.
_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_APP0, _ADOBE_SEGMENT, _COMMENT, _START_OF_SCAN, _END = 0xE0, 0xEE, 0xFE, 0xDA, 0xD9
PROGRESSIVE: Final = (0xC2, 0xCA)
_SEQUENTIAL: Final = (0xC0, 0xC1, 0xC9)
#: The marker of the number of lines, and its length.
_NUMBER_OF_LINES: Final = b"\xff\xdc\x00\x04"
#: A marker of one that has a length, or the end's: not one that stands alone, nor a fill byte.
_SEGMENT: Final = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
#: Sampling factors outside the six that TurboJPEG knows, such as 3x1.
_ODD_SAMPLING: Final = "subsampling"


class OddSampling(SourceError):
    """It has sampling factors that libjpeg-turbo's simple interface does not know."""

    kind = "unsupported"


class JpegPixels:
    """One JPEG file to be decoded: whole by `decode`, or by strips of `open_image` after `check`.

    `shape` is (h, w, 1 gray, 3 sRGB or 4 CMYK), as its frame header states; its height may be that
    of `lines_stated`, where the header has another one. All of them raise `SourceError`
    (truncated, unsupported, out-of-memory).
    """

    def __init__(
        self, origin: Origin, shape: tuple[int, int, int], lines: int | None = None
    ) -> None:
        self._origin, self._shape, self._lines = origin, shape, lines
        self._odd = False

    def decode(self) -> np.ndarray:
        """All codes, not yet upright."""
        try:
            return decode(self._data(), self._shape, self._origin.name)
        except OddSampling:
            self.check()
            return decoded(self.open_image, self._shape, False, self._origin.name)

    def check(self) -> None:
        """Looks at all that the decoder warns of."""
        self._odd = not check(self._data(), self._origin.name)

    def open_image(self) -> Any:
        """libvips' picture, read from the top; `check` has been called before."""
        if not self._odd and self._lines is None:
            return load("jpegload", self._origin, "error", access="sequential")
        origin = Origin(tidied(self._data()))
        origin.name = self._origin.name
        return load("jpegload", origin, access="sequential")

    def _data(self) -> bytes:
        data = self._origin.read(0, self._origin.size)
        return data if self._lines is None else _with_lines(data, self._lines)


def lines_stated(data: bytes) -> int | None:
    """The number of lines that stands behind the first scan (DNL), or None.

    Scanners with a feeder begin to write before they know it, and state 0 or 65535 in the header;
    libjpeg looks there alone. Source: ITU-T T.81, B.2.5.
    """
    start = next((stop for marker, _, stop in _segments(data) if marker == _START_OF_SCAN), None)
    if start is None or data.find(_NUMBER_OF_LINES, start) < 0:  # ten times as fast as `_MARKER`
        return None
    found = _MARKER.search(data, start)
    if found is None or not data.startswith(_NUMBER_OF_LINES, found.start()):
        return None
    at = found.start() + len(_NUMBER_OF_LINES)
    return int.from_bytes(data[at : at + 2], "big") or None


def _with_lines(data: bytes, lines: int) -> bytes:
    """The file with this height in its header."""
    patched = bytearray(data)
    for marker, start, stop in _segments(data):
        if marker in FRAMES and stop >= start + 7:
            struct.pack_into(">H", patched, start + 5, lines)
            break
    return bytes(patched)


def decode(data: bytes, shape: tuple[int, int, int], name: str) -> np.ndarray:
    """All pixels of a JPEG, `shape` (h, w, 1 gray, 3 sRGB or 4 CMYK) uint8, 255 = all ink.

    It takes 0.7 of the time of libvips' decoding, which loses warnings (`photochrom bench`).
    Raises `SourceError` (truncated, unsupported, out-of-memory) and `OddSampling`.
    """
    codes = np.empty(shape, np.uint8)
    _strictly(data, name, colorspace=_SPACES[shape[2]], buffer=codes)
    if shape[2] == 4 and _adobe(data):
        np.invert(codes, out=codes)
    return codes


def check(data: bytes, name: str) -> bool:
    """Reads coded data to its end and makes an eighth of the pixels; raises what `decode` raises.

    It takes about half the time of `decode`, and 1/64 of its memory (a progressive file: all).
    Returns whether `decode` knows the sampling factors.
    """
    frame = frame_of(lambda at, size: data[at : at + size])
    if frame is None:
        raise damaged("it has no picture header", name)
    try:
        space = _SPACES.get(frame[3], "RGB")
        _strictly(
            data, name, colorspace=space, min_factor=8, min_height=1, min_width=1, fastupsample=True
        )
    except OddSampling:
        _check_odd(data, name)
        return False
    return True


def _strictly(data: bytes, name: str, **options: Any) -> None:
    import simplejpeg

    try:
        simplejpeg.decode_jpeg(data, **options)
    except ValueError as error:
        if _ODD_SAMPLING in str(error):
            raise OddSampling("its sampling factors are unusual", file=name) from error
        better = tidied(data)
        if better == data:
            raise fault(str(error), name) from error
        try:
            simplejpeg.decode_jpeg(better, **options)
        except ValueError as still:
            raise fault(str(still), name) from still


def tidied(data: bytes) -> bytes:
    """The file with what is harmless and makes a decoder warn put right; nothing else is changed.

    - Segments that describe no pixels are left out, bytes between segments too.
    - JFIF's revision is 1; an unknown Adobe transform is the one that everybody assumes.
    - A sequential scan says that it holds all coefficients, which is what it does.
    - Zeros between the coded data and the end marker are left out: some cameras and programs pad
      there. If the picture needed them, the decoder now says that its data ends early.
    - What follows the end marker is left out.
    """
    parts, sequential = [data[:2]], False
    for marker, start, stop in _segments(data):
        segment = data[start:stop]
        if marker == _START_OF_SCAN:
            parts.append(segment[:-3] + b"\0\x3f\0" if sequential else segment)
            return b"".join(parts) + _tidied_scans(data, stop)
        sequential |= marker in _SEQUENTIAL
        if marker == _APP0 and segment[4:9] == b"JFIF\0" and len(segment) > 9:
            parts.append(segment[:9] + b"\1" + segment[10:])
        elif marker == _ADOBE_SEGMENT and segment[4:9] == b"Adobe" and len(segment) > 15:
            parts.append(segment[:15] + _known_transform(data, segment[15]) + segment[16:])
        elif not (0xE0 <= marker <= 0xEF or marker == _COMMENT):
            parts.append(segment)
    return data


def lacks_scans(data: bytes) -> bool:
    """Whether the last scans of a progressive picture's lightness are missing.

    Such a file is whole for every decoder: who copied half of it has put an end marker behind.
    """
    left = dict.fromkeys(range(64), 1)  # coefficient -> its lowest bit that was sent, 0: all were
    first: int | None = None
    for marker, start, stop in _segments(data):
        if marker in FRAMES:
            if marker not in PROGRESSIVE or stop < start + 11:
                return False
            first = data[start + 10]
        if marker == _START_OF_SCAN:
            break
    else:
        return False
    at = start
    while at + 4 <= len(data) and data[at + 1] != _END:
        stop = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] == _START_OF_SCAN and stop <= len(data):
            components = data[at + 5 : stop - 3 : 2]
            if first is not None and first in components:
                lowest, highest, bits = data[stop - 3 : stop]
                left |= dict.fromkeys(range(lowest, min(highest, 63) + 1), bits & 15)
        found = _MARKER.search(data, stop)
        if not found:
            break
        at = found.start()
    return any(left.values())


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, stop) of each segment to the first scan's; ends quietly where they do, and
    at `MOST_SEGMENTS`."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        found = _SEGMENT.search(data, at)
        if found is None or found.start() + 4 > len(data):
            return
        at = found.start()
        marker = data[at + 1]
        stop = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == _END or not at + 4 <= stop <= len(data):
            return
        yield marker, at, stop
        if marker == _START_OF_SCAN:
            return
        at = stop


def _check_odd(data: bytes, name: str) -> None:
    """`check` by libvips, for sampling factors that simplejpeg does not know.

    The frame is given one more component, which no scan has. libjpeg then takes the file for one
    of several scans and reads it to the end marker before the first row, with all warnings.
    """
    data = tidied(data)
    for marker, start, stop in _segments(data):
        if marker in FRAMES:
            frame = bytearray(data[start:stop])
            known = {frame[at] for at in range(10, len(frame), 3)}
            frame += bytes((min(set(range(256)) - known), 0x11, 0))
            frame[2:4] = struct.pack(">H", len(frame) - 2)
            frame[9] += 1
            origin = Origin(data[:start] + frame + data[stop:])
            image = load("jpegload", origin, access="sequential")
            next(bands_of(lambda image=image: image, 1, name))
            return


def _tidied_scans(data: bytes, start: int) -> bytes:
    """From the first byte of coded data to the end marker, without zeros before that."""
    at = start
    while found := _MARKER.search(data, at):
        at = found.start()
        if data[at + 1] == _END:
            coded = data[start:at].rstrip(b"\0")
            stuffed = b"\0" if coded.endswith(b"\xff") else b""
            return coded + stuffed + b"\xff\xd9"
        if at + 4 > len(data):
            break
        at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return data[start:]


def _adobe(data: bytes) -> bool:
    """Whether an Adobe program wrote it, and hence CMYK upside down."""
    return any(
        marker == _ADOBE_SEGMENT and payload.startswith(b"Adobe") and len(payload) >= 12
        for marker, payload in segments(lambda at, size: data[at : at + size])
    )


def _known_transform(data: bytes, transform: int) -> bytes:
    frame = frame_of(lambda at, size: data[at : at + size])
    assumed = 2 if frame and frame[3] == 4 else 1
    return bytes((transform if transform in (0, 1, 2) else assumed,))
