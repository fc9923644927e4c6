"""Tells which TIFF pages are read: compressions, colour spaces, bits; and names what is not.

`problem_of` names what of a directory cannot be read, before a decoder sees the page. Source: TIFF
6.0, TIFF Technical Notes 1-3, DNG.
"""

from typing import Final

from core.image.formats.tiff.strip_locations import subsampling
from core.image.formats.tiff.tree import one
from core.image.metadata import tags
from core.image.metadata.directories import (
    BadDirectory,
    BlockHeader,
    Directory,
    Reader,
    read_directory,
)

#: Compressions that are read: code -> name.
COMPRESSIONS: Final = {
    1: "none",
    2: "ccitt-rle",
    3: "ccitt-g3",
    4: "ccitt-g4",
    5: "lzw",
    6: "old-jpeg",
    7: "jpeg",
    8: "deflate",
    32771: "ccitt-rle-word",
    32773: "packbits",
    32946: "deflate",
    33005: "jpeg2000",
    34712: "jpeg2000",
    34887: "lerc",
    34925: "lzma",
    50000: "zstd",
    50001: "webp",
    50002: "jpegxl",
    52546: "jpegxl",
}
#: Compressions that libvips' own libtiff does not decode.
DECODED_BY_US: Final = frozenset(("old-jpeg", "jpeg2000", "lerc", "lzma", "zstd", "jpegxl"))
#: Those whose decoders give samples of 8 or 16 bits, one beside the other.
_OF_SAMPLES: Final = frozenset(("old-jpeg", "jpeg2000", "lerc", "jpegxl"))
#: Those whose decoders give bytes.
_OF_BYTES: Final = frozenset(("none", "lzw", "deflate", "packbits", "lzma", "zstd"))
_NOT_READ: Final = {
    33003: "JPEG 2000 in YCbCr",
    34661: "JBIG",
    34676: "SGI LogLuv",
    34677: "SGI LogLuv",
    32809: "ThunderScan",
}
#: Channels beside the colours, of which all but the transparency are left out: Photoshop's saved
#: selections, infrared. More than these are no photograph's.
_MOST_FURTHER: Final = 16
_GRAY: Final = (0, 1)
_RGB, _PALETTE, _CMYK, _YCBCR = 2, 3, 5, 6
_RAW: Final = (32803, 34892)
_NOT_READ_PHOTOMETRIC: Final = {
    8: "CIELAB",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "a camera's raw mosaic",
    34892: "linear raw",
    32844: "LogL",
    32845: "LogLuv",
    4: "a transparency mask",
}


def problem_of(directory: Directory, header: BlockHeader, read: Reader) -> str | None:
    """The reason why a page cannot be read, as a noun phrase, or None."""
    bits = bits_of(directory)
    photometric = one(directory, tags.PHOTOMETRIC, -1)
    formats = directory[tags.SAMPLE_FORMAT].integers if tags.SAMPLE_FORMAT in directory else (1,)
    is_raw = tags.DNG_VERSION in directory or photometric in _RAW
    if is_raw or _holds_raw(directory, header, read):
        return "a camera's raw picture"
    if {3, 5, 6} & set(formats):
        return f"a {bits}-bit floating-point picture"
    if 2 in formats:
        return "a picture of signed numbers"
    code = one(directory, tags.COMPRESSION, 1)
    if code not in COMPRESSIONS:
        return f"compressed with {_NOT_READ.get(code, f'the unknown method {code}')}"
    if photometric in _NOT_READ_PHOTOMETRIC or not (0 <= photometric <= 6):
        if photometric < 0:
            return "without a word on its colour space"
        return f"in the colour space {_NOT_READ_PHOTOMETRIC.get(photometric, f'{photometric}')}"
    samples = one(directory, tags.SAMPLES, 1)
    further = samples - colours_of(directory)
    known = COMPRESSIONS[code] in _OF_BYTES and bits in (8, 16) and photometric != _YCBCR
    if not 0 <= further <= (_MOST_FURTHER if known else 1):
        channels = "channel" if samples == 1 else "channels"
        return f"a picture of {samples} {channels} in the colour space {photometric}"
    return _problem_of_coding(directory, COMPRESSIONS[code], bits, photometric)


def _problem_of_coding(
    directory: Directory, compression: str, bits: int, photometric: int
) -> str | None:
    """What about the samples of a page cannot be decoded, as a noun, or None."""
    predictor = one(directory, tags.PREDICTOR, 1)
    if 8 < bits < 16:
        if compression not in _OF_BYTES or photometric not in (*_GRAY, _RGB) or predictor != 1:
            return f"a picture of {bits} bits a sample, compressed with {compression}"
    elif bits not in (1, 2, 4, 8, 16) or (bits < 8 and photometric not in (*_GRAY, _PALETTE)):
        return f"a picture of {bits} bits a sample"
    if photometric == _YCBCR and bits != 8:
        return f"a YCbCr picture of {bits} bits a sample"
    if photometric == _YCBCR and compression != "jpeg" and one(directory, tags.PLANAR, 1) == 2:
        return "a YCbCr picture, each channel by itself"
    if tags.TILE_OFFSETS in directory and one(directory, tags.PLANAR, 1) == 2:
        known = compression in _OF_BYTES and predictor in (1, 2)
        known &= bits == 8 or (bits == 16 and photometric in (*_GRAY, _RGB))
        if one(directory, tags.SAMPLES, 1) > 1 and not known:
            return "a picture of tiles, each of one channel, in an unusual coding"
    if compression in DECODED_BY_US and predictor not in (1, 2):
        return f"a picture with the unknown predictor {predictor}"
    if compression in _OF_SAMPLES:
        known = (*_GRAY, _RGB) if compression == "lerc" else (*_GRAY, _RGB, _YCBCR)
        if bits not in (8, 16) or photometric not in known:
            return f"compressed with {compression} in an unusual colour space"
        if one(directory, tags.PLANAR, 1) == 2 and one(directory, tags.SAMPLES, 1) > 1:
            return f"compressed with {compression}, each channel by itself"
    elif (
        compression in DECODED_BY_US
        and photometric == _YCBCR
        and not is_fine_ycbcr(directory, compression)
    ):
        return f"compressed with {compression} in YCbCr"
    if compression == "old-jpeg" and not _is_one_stream(directory):
        return "compressed with old-style JPEG in pieces"
    return None


def _is_one_stream(directory: Directory) -> bool:
    """Whether an old-style JPEG is a whole file in one place, as most are, and thumbnails all."""
    start = one(directory, tags.OLD_JPEG_OFFSET, 0)
    end = start + one(directory, tags.OLD_JPEG_BYTES, 0)
    strips = directory.get(tags.STRIP_OFFSETS)
    inside = all(start <= at < end for at in strips.integers) if strips else True
    return bool(start) and (inside or end == start)


def _holds_raw(directory: Directory, header: BlockHeader, read: Reader) -> bool:
    """Whether the page is the preview of a raw picture in a sub-directory (NEF, ARW, DNG)."""
    for offset in (
        directory[tags.SUB_DIRECTORIES].integers[:8] if tags.SUB_DIRECTORIES in directory else ()
    ):
        try:
            picture, _ = read_directory(read, offset, header)
        except BadDirectory:
            continue
        if one(picture, tags.PHOTOMETRIC, 1) in _RAW:
            return True
    return False


def bits_of(directory: Directory) -> int:
    """Bits a sample; -1 where the channels differ."""
    bits = directory[tags.BITS].integers if tags.BITS in directory else (1,)
    return bits[0] if bits and len(set(bits)) == 1 else -1


def colours_of(directory: Directory) -> int:
    """The number of channels that are colours."""
    return {_RGB: 3, _YCBCR: 3, _CMYK: 4}.get(one(directory, tags.PHOTOMETRIC, -1), 1)


def kept_channels(directory: Directory) -> tuple[int, ...]:
    """The channels that are read: the colours, and of those beside them one.

    That is the only one there is, whatever it means, or the first that is a transparency.
    """
    samples, colours = one(directory, tags.SAMPLES, 1), colours_of(directory)
    if samples <= colours + 1:
        return tuple(range(samples))
    kinds = _kinds_of_further(directory)
    alpha = next((at for at, kind in enumerate(kinds[: samples - colours]) if kind in (1, 2)), None)
    return (*range(colours), *(() if alpha is None else (colours + alpha,)))


def alpha_of(directory: Directory) -> int | None:
    """What ExtraSamples says of the channel that is read beside the colours; None: there is none.

    0 is nothing, 1 alpha that the colours are multiplied by, 2 plain alpha.
    """
    colours, kept = colours_of(directory), kept_channels(directory)
    if len(kept) != colours + 1:
        return None
    kinds, place = _kinds_of_further(directory), kept[-1] - colours
    return kinds[place] if place < len(kinds) else 2


def _kinds_of_further(directory: Directory) -> tuple[int, ...]:
    return directory[tags.EXTRA_SAMPLES].integers if tags.EXTRA_SAMPLES in directory else ()


def is_fine_ycbcr(directory: Directory, compression: str) -> bool:
    """Whether the samples are YCbCr without subsampling and no JPEG's."""
    return (
        one(directory, tags.PHOTOMETRIC, -1) == _YCBCR
        and compression in _OF_BYTES
        and subsampling(directory) == (1, 1)
    )
