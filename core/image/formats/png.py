"""PNG: the pixels by libvips, the chunks beside them by ourselves.

Source: PNG Specification, 3rd edition (W3C); XMP Specification Part 3.
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from core.image import libvips_writer, profiles
from core.image.code_points import CodePoints
from core.image.faults import check_size, damaged, unsupported
from core.image.format import ALL_METADATA, Format
from core.image.libvips_reader import source_of_one_page
from core.image.metadata import Metadata, Resolution, exif
from core.image.origin import Origin
from core.image.page import Source
from core.image.painted_page import PaintedPage
from core.image.profiles import Conversion

#: The last chunk, which is always the same: IEND.
END: Final = bytes.fromhex("0000000049454e44ae426082")
#: Signature and IHDR: what stands before the first chunk that is ours to write.
_HEADER_BYTES: Final = 33
_XMP: Final = b"XML:com.adobe.xmp"
#: Chunks without which the same codes are another picture: its colours, its masks, its turn.
_LOOKS: Final = frozenset((b"PLTE", b"cHRM", b"cICP", b"eXIf", b"gAMA", b"iCCP", b"sRGB", b"tRNS"))
_TEXTS: Final = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
#: ImageMagick's way to keep blocks in text: a name, a length and hexadecimal digits.
_RAW_PROFILE: Final = b"Raw profile type "
_RAW: Final = re.compile(rb"\s*\S+\s+(\d+)\s([0-9A-Fa-f\s]*)")
_RAW_KINDS: Final = (b"xmp", b"exif", b"APP1")
#: What blocks begin with that were lifted from a JPEG file.
_EXIF: Final = b"Exif\0\0"
_JPEG_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
#: Larger text chunks are somebody's database and not worth the memory.
_LONGEST: Final = 64 << 20
#: A profile is a few kB; what inflates to more than this is an attack.
_LONGEST_PROFILE: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class PngColour:
    """What a PNG says of its colours where it has no ICC profile, and of itself.

    `gamma`: of the encoding (gAMA, 0.45455 for most); `primaries`: the CIE xy of white, red,
    green, blue (cHRM); `srgb`: it says outright that it is sRGB (sRGB); `points`: cICP, which
    counts before an ICC profile; `animated`: it has frames beside the picture; `fault`: for which
    damage the file is no picture, as a clause.
    """

    srgb: bool = False
    gamma: float | None = None
    primaries: tuple[float, ...] | None = None
    points: CodePoints | None = None
    animated: bool = False
    fault: str | None = None


FORMAT: Final = Format(
    name="png",
    title="PNG",
    suffixes=(".png",),
    media_type="image/png",
    depths=(8, 16),
    alpha=True,
    pages=False,
    longest_side=2**31 - 1,
    lossy=False,
    holds=ALL_METADATA - {"iptc"},
    begins=lambda start: start.startswith(b"\x89PNG\r\n\x1a\n"),
)


def open(origin: Origin, max_pixels: int) -> Source:
    """See `FormatModule`."""
    header = header_of(origin.read)
    if header is None and origin.read(12, 4) == b"CgBI":
        raise unsupported("it is a PNG made for the iPhone's screen alone (CgBI)", origin.name)
    if header is None:
        raise damaged("it has no picture header", origin.name)
    width, height, bits = header
    check_size(width, height, max_pixels, origin.name)
    metadata, colour = read_metadata(origin.read)
    if colour.animated:
        raise unsupported("it is an animation", origin.name)
    if colour.fault:
        raise damaged(colour.fault, origin.name)
    if colour.points and (fault := colour.points.fault()):
        raise unsupported(fault, origin.name)
    if colour.points:
        metadata = replace(metadata, icc=None)

    def without_profile(channels: int, depth: int) -> Conversion | None:
        return _conversion(colour, channels, depth)

    return source_of_one_page(
        origin, FORMAT, "pngload", metadata, bits=bits, without_profile=without_profile
    )


def packet(origin: Origin) -> bytes | None:
    """See `FormatModule`."""
    return read_metadata(origin.read)[0].xmp


def is_whole(origin: Origin) -> bool:
    """See `FormatModule`."""
    return origin.end(len(END)) == END


def write(file: BinaryIO, source: Source, pages: Iterator[PaintedPage], quality: int) -> None:
    """See `FormatModule`."""
    page = next(pages)

    def begin(start: bytes) -> tuple[bytes, int] | None:
        """Our chunks in place of all that libvips puts between the header and the picture."""
        at = start.find(b"IDAT")
        if at < 0:
            return None
        return start[:_HEADER_BYTES] + head(page.metadata), at - 4

    layout = page.layout(page.page.depth)
    libvips_writer.write(file, page, layout, FORMAT.title, "pngsave_target", begin)


def chunks(read: Callable[[int, int], bytes]) -> Iterator[tuple[bytes, bytes, bool]]:
    """(name, data, whether its checksum is right) of every chunk but the picture's own.

    Ends quietly where the file does; the last one of a whole file is IEND.
    """
    at = 8
    while True:
        head = read(at, 8)
        if len(head) < 8:
            return
        size, name = struct.unpack(">I4s", head)
        if name != b"IDAT" and size <= _LONGEST:
            data = read(at + 8, size + 4)
            if len(data) < size + 4:
                return
            checksum = struct.unpack_from(">I", data, size)[0]
            data = data[:size]
            yield name, data, zlib.crc32(data, zlib.crc32(name)) == checksum
        if name == b"IEND":
            return
        at += 12 + size


def header_of(read: Callable[[int, int], bytes]) -> tuple[int, int, int] | None:
    """(width, height, bits a sample) as the header states, or None."""
    data = read(8, 17)
    if len(data) < 17 or data[4:8] != b"IHDR":
        return None
    return struct.unpack_from(">IIB", data, 8)


def read_metadata(read: Callable[[int, int], bytes]) -> tuple[Metadata, PngColour]:
    """All that a PNG file says beside the picture.

    What a chunk with a wrong checksum says is left out, with a note, but where it says how the
    picture looks: that, and a missing last chunk, is `PngColour.fault`.
    """
    found: dict[bytes, bytes] = {}
    texts: list[tuple[bytes, bytes]] = []
    packet: bytes | None = None
    notes: list[str] = []
    fault, name = None, b""
    for name, data, sound in chunks(read):
        if not sound:
            title = name.decode("ascii", "replace")
            if name in _LOOKS:
                fault = f"its chunk {title} is damaged"
            elif name != b"IEND":  # it says nothing but that it is there
                notes.append(f"its chunk {title} is damaged and is left out")
        elif name == b"iTXt" and data.startswith(_XMP + b"\0"):
            packet = packet or _international_text(data)
        elif name in _TEXTS:
            texts.append((name, data))
        else:
            found.setdefault(name, data)
    texts, raw = _without_raw_profiles(texts)
    profile = _profile(found.get(b"iCCP", b""))
    if b"iCCP" in found and not profile:
        notes.append("its ICC profile is left out: it is damaged")
    metadata = Metadata(
        icc=profile,
        exif=found.get(b"eXIf") or raw.get("exif"),
        xmp=packet or raw.get("xmp"),
        resolution=_resolution(found.get(b"pHYs", b"")),
        own=tuple(texts),
        notes=tuple(dict.fromkeys(notes)),
    )
    if name != b"IEND":  # the pixels may all be there, and what was said behind them is not
        fault = "its last chunk is missing"
    return exif.oriented(metadata), replace(_colour(found), fault=fault)


def head(metadata: Metadata) -> bytes:
    """The chunks that stand between a file's header and its picture."""
    parts = []
    if metadata.icc:
        parts.append(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc, 9)))
    if resolution := metadata.resolution:
        metres = resolution.per("centimetre")
        factor = 1 if metres.unit == "none" else 100
        across, down = (round(x * factor) for x in (metres.across, metres.down))
        unit = 0 if metres.unit == "none" else 1
        if 0 < across < 2**31 and 0 < down < 2**31:
            parts.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, unit)))
    if metadata.exif:
        parts.append(_chunk(b"eXIf", metadata.exif))
    if metadata.xmp:
        parts.append(_chunk(b"iTXt", _XMP + b"\0\0\0\0\0" + metadata.xmp))
    parts += [_chunk(name, data) for name, data in metadata.own]
    return b"".join(parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _international_text(data: bytes) -> bytes | None:
    """The text of an iTXt chunk, inflated where it is deflated; None where it is damaged."""
    try:
        _, rest = data.split(b"\0", 1)
        compressed = rest[0]
        _, _, text = rest[2:].split(b"\0", 2)
        return _inflate(text) if compressed else text
    except (ValueError, IndexError):
        return None


def _without_raw_profiles(
    texts: list[tuple[bytes, bytes]],
) -> tuple[list[tuple[bytes, bytes]], dict[str, bytes]]:
    """The text chunks without a second XMP packet or EXIF block in hexadecimal, and these two.

    They count where the file has no chunk of that kind; they are never written again, since they
    would speak of the picture as it was. IPTC, for which PNG has no chunk, stays in its text.
    """
    kept, raw = [], {}
    for name, data in texts:
        key, _, rest = data.partition(b"\0")
        if not key.startswith(_RAW_PROFILE) or key[len(_RAW_PROFILE) :] not in _RAW_KINDS:
            kept.append((name, data))
            continue
        text = _inflate(rest[1:]) if name == b"zTXt" else rest
        if name == b"iTXt":
            text = _international_text(data)
        block = _from_hexadecimal(text or b"")
        if block.startswith(_EXIF):
            raw.setdefault("exif", block.removeprefix(_EXIF))
        elif b"<" in block:
            raw.setdefault("xmp", block.removeprefix(_JPEG_XMP))
    return kept, raw


def _from_hexadecimal(text: bytes) -> bytes:
    """The block in a raw profile; b'' where it is none, or not as long as it says."""
    if not (found := _RAW.fullmatch(text)):
        return b""
    digits = b"".join(found[2].split())
    block = bytes.fromhex(digits.decode("ascii")) if len(digits) % 2 == 0 else b""
    return block if len(block) == int(found[1]) else b""


def _profile(data: bytes) -> bytes | None:
    name, _, rest = data.partition(b"\0")
    return _inflate(rest[1:]) if name and rest else None


def _inflate(data: bytes) -> bytes | None:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, _LONGEST_PROFILE)
    except zlib.error:
        return None
    return plain if inflater.eof else None


def _resolution(data: bytes) -> Resolution | None:
    if len(data) != 9:
        return None
    across, down, unit = struct.unpack(">IIB", data)
    if not across or not down or (unit == 0 and across == down):
        return None
    if unit == 1:
        return Resolution(across / 100, down / 100, "centimetre")
    return Resolution(across, down, "none")


def _conversion(colour: PngColour, channels: int, depth: int) -> Conversion | None:
    """What brings a PNG without an ICC profile to sRGB codes; None where it is sRGB in effect.

    In the order of the standard: cICP, sRGB, then gAMA and cHRM. A gamma of 0.45455, which most
    programs write for sRGB, is taken for it, as browsers do.
    """
    if colour.points:
        return colour.points.conversion(channels, depth)
    if colour.srgb:
        return None
    gamma = colour.gamma
    if gamma is not None and not (0.05 < gamma < 5 and abs(gamma - 0.45455) > 0.005):
        gamma = None
    return profiles.conversion_of_gamma(gamma, colour.primaries, channels, depth)


def _colour(found: dict[bytes, bytes]) -> PngColour:
    gamma = found.get(b"gAMA", b"")
    primaries = found.get(b"cHRM", b"")
    data = found.get(b"cICP", b"")
    points = CodePoints(data[0], data[1], data[3] != 0) if len(data) == 4 else None
    return PngColour(
        srgb=b"sRGB" in found,
        gamma=struct.unpack(">I", gamma)[0] / 100_000 if len(gamma) == 4 else None,
        primaries=tuple(x / 100_000 for x in struct.unpack(">8I", primaries))
        if len(primaries) == 32
        else None,
        points=None if points and points.is_unspecified else points,
        # Of an animation of one frame, and of the first frame alone, the picture is a still one.
        animated=b"fdAT" in found,
    )
