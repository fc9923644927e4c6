"""Maps components of a codestream to colours: palettes, channel definitions, transparency.

`arrange` makes one table of channels of the boxes `pclr`, `cmap` and `cdef`; `decode` follows it.
Source: ISO/IEC 15444-1 I.5.3.4 to I.5.3.6.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from core.image.faults import damaged, unsupported
from core.image.formats.jpeg2000.colours import GRAY, SRGB, Declaration, Space, conversion_of
from core.image.formats.jpeg2000.colours import rgb_of as rgb_of_differences
from core.image.profiles import Conversion

_COLOUR, _OPACITY, _PREMULTIPLIED = 0, 1, 2
_WHOLE_PICTURE: Final = 0
_WIDE: Final = {8: np.uint8, 16: np.uint16}


@dataclass(frozen=True, slots=True)
class Codestream:
    """What the codestream holds: `components` of `bits` each; it starts at byte `start`."""

    width: int
    height: int
    components: int
    bits: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """A component, or what a palette makes of its codes; `bits` are those of the channel."""

    component: int
    bits: int
    palette: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """The channels of a picture in the order of its colours, and its transparency."""

    space: Space
    colours: tuple[Channel, ...]
    alpha: Channel | None
    premultiplied: bool
    notes: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[Channel, ...]:
        """Colours, then transparency."""
        return (*self.colours, self.alpha) if self.alpha else self.colours

    @property
    def bits(self) -> int:
        """Of the finest colour."""
        return max(channel.bits for channel in self.colours)

    @property
    def depth(self) -> Literal[8, 16]:
        """Bits of the codes that `decode` gives."""
        return 16 if max(channel.bits for channel in self.all) > 8 else 8

    def conversion(self, depth: int) -> Conversion | None:
        """What brings the codes to sRGB where the file has no ICC profile."""
        return conversion_of(self.space, self.bits, depth)


def arrange(
    stream: Codestream, parts: dict[bytes, bytes], declared: Declaration | None, name: str
) -> Channels:
    """The channels that the boxes `parts` (pclr, cmap, cdef) make of a codestream's components.

    Raises `SourceError` (truncated, unsupported).
    """
    channels = _mapped(stream, parts, name)
    definitions = _definitions(parts.get(b"cdef"), len(channels), name)
    count = len(channels)
    if definitions is not None:
        count = sum(kind == _COLOUR for kind, _ in definitions)
    space, notes = _space(declared, count, name)
    if definitions is None:
        extra = len(channels) - space.colours
        if extra > 1:
            raise unsupported(f"it is a JPEG 2000 of {len(channels)} channels", name)
        alpha = channels[-1] if extra else None
        return Channels(space, tuple(channels[: space.colours]), alpha, False, notes)
    order = _in_order(definitions, space.colours, name)
    opaque, premultiplied, left_out = _transparency(definitions, space.colours, name)
    notes += tuple(f"its channel {number + 1} is no colour, and is left out" for number in left_out)
    return Channels(
        space,
        tuple(channels[number] for number in order),
        None if opaque is None else channels[opaque],
        premultiplied,
        notes,
    )


def _space(declared: Declaration | None, count: int, name: str) -> tuple[Space, tuple[str, ...]]:
    """The space of `count` channels that may be colours, and notes on what was contradictory.

    Gray and RGB are told apart by the number of channels where the declaration has another one, as
    all readers do; other spaces are refused then. Profiles say their fault in `page_of`.
    """
    plain = GRAY if count < 3 else SRGB
    if declared is None:
        return plain, ()
    colours = declared.colours
    if declared.space is None:
        fits = colours is not None and count in (colours, colours + 1)
        return (Space("its ICC profile", colours) if fits and colours else plain), ()
    space = declared.space
    if count in (space.colours, space.colours + 1):
        return space, ()
    if space in (GRAY, SRGB):
        return plain, (f"it says {space.name} and has {count} channels, taken for {plain.name}",)
    raise damaged(f"it says {space.name} and has {count} channels", name)


def _mapped(stream: Codestream, parts: dict[bytes, bytes], name: str) -> list[Channel]:
    """The channels before they are put in order: the components, or what `cmap` makes of them."""
    if b"pclr" not in parts:
        return [Channel(number, stream.bits) for number in range(stream.components)]
    columns = _palette(parts[b"pclr"], name)
    mapping = parts.get(b"cmap", b"")
    if not mapping or len(mapping) % 4:
        raise damaged("its palette has no map", name)
    channels = []
    for component, kind, column in struct.iter_unpack(">HBB", mapping):
        if component >= stream.components or kind > 1 or (kind == 1 and column >= len(columns)):
            raise damaged("the map of its palette is wrong", name)
        if kind == 1:
            bits, codes = columns[column]
            channels.append(Channel(component, bits, codes))
        else:
            channels.append(Channel(component, stream.bits))
    return channels


def _palette(data: bytes, name: str) -> list[tuple[int, np.ndarray]]:
    """(bits, codes) of each column of a `pclr` box."""
    if len(data) < 3:
        raise damaged("its palette is cut short", name)
    entries, count = struct.unpack_from(">HB", data)
    sizes = data[3 : 3 + count]
    if any(size & 128 for size in sizes):
        raise unsupported("it is a JPEG 2000 with a palette of signed numbers", name)
    bits = [size + 1 for size in sizes]
    if any(size > 16 for size in bits):
        raise unsupported(f"it is a JPEG 2000 with a palette of {max(bits)} bits", name)
    dtype = np.dtype([(str(i), ">u2" if size > 8 else "u1") for i, size in enumerate(bits)])
    body = data[3 + count :]
    if not entries or not bits or len(body) < entries * dtype.itemsize:
        raise damaged("its palette is cut short", name)
    rows = np.frombuffer(body, dtype, entries)
    return [(size, rows[str(i)].astype(np.uint16)) for i, size in enumerate(bits)]


def _definitions(data: bytes | None, count: int, name: str) -> list[tuple[int, int]] | None:
    """(kind, association) of each channel by a `cdef` box; None where there is no such box."""
    if data is None:
        return None
    entries = int.from_bytes(data[:2], "big")
    if len(data) < 2 + 6 * entries:
        raise damaged("its channel definition is cut short", name)
    found = [(0xFFFF, 0xFFFF)] * count
    for entry in range(entries):
        channel, kind, association = struct.unpack_from(">HHH", data, 2 + 6 * entry)
        if channel >= count:
            raise damaged(f"it defines a channel {channel + 1} of {count}", name)
        found[channel] = kind, association
    return found


def _in_order(definitions: list[tuple[int, int]], colours: int, name: str) -> list[int]:
    """The numbers of the channels that are colour 1, 2, ...."""
    numbers = [number for number, (kind, _) in enumerate(definitions) if kind == _COLOUR]
    places = [definitions[number][1] for number in numbers]
    if sorted(places) == list(range(1, colours + 1)):
        return [number for _, number in sorted(zip(places, numbers, strict=True))]
    if len(numbers) == colours and set(places) <= {_WHOLE_PICTURE, 0xFFFF}:
        return numbers  # who says no order means that of the file
    raise damaged("its channel definition is contradictory", name)


def _transparency(
    definitions: list[tuple[int, int]], colours: int, name: str
) -> tuple[int | None, bool, list[int]]:
    """(number of the transparency or None, whether it is premultiplied, channels left out)."""
    found: list[tuple[int, int]] = []
    left_out = []
    for number, (kind, association) in enumerate(definitions):
        if kind in (_OPACITY, _PREMULTIPLIED):
            if association != _WHOLE_PICTURE and not (colours == 1 and association == 1):
                raise unsupported("it is a JPEG 2000 with transparency of single colours", name)
            found.append((kind, number))
        elif kind != _COLOUR:
            left_out.append(number)
    if not found:
        return None, False, left_out
    kind, opaque = min(found)
    left_out += [number for _, number in found if number != opaque]
    return opaque, kind == _PREMULTIPLIED, sorted(left_out)


def decode(
    read: Callable[[int, int], bytes], stream: Codestream, channels: Channels, name: str
) -> np.ndarray:
    """The codes (h, w, colours and alpha), spread over 8 or 16 bits; raises `SourceError`."""
    import imagecodecs

    data = read(stream.start, stream.end - stream.start)
    try:
        codes = imagecodecs.jpeg2k_decode(data, numthreads=1)
    except MemoryError:
        raise
    except Exception as error:  # imagecodecs raises several types of its own
        raise damaged(str(error), name) from error
    codes = codes.reshape(*codes.shape[:2], -1)
    if codes.shape != (stream.height, stream.width, stream.components):
        raise damaged("its size is not what its header says", name)
    return _arranged(codes, stream, channels)


def _arranged(codes: np.ndarray, stream: Codestream, channels: Channels) -> np.ndarray:
    """The components as `channels` wants them."""
    treatment = channels.space.treatment
    tables = [
        _table(channel, stream.bits, channels.depth, treatment == "inverted" and at < colours)
        for colours in (len(channels.colours),)
        for at, channel in enumerate(channels.all)
    ]
    in_order = [channel.component for channel in channels.all] == list(range(codes.shape[2]))
    if in_order and all(table is None for table in tables):
        arranged = codes
    else:
        arranged = np.empty((*codes.shape[:2], len(tables)), _WIDE[channels.depth])
        for at, (channel, table) in enumerate(zip(channels.all, tables, strict=True)):
            plane = codes[..., channel.component]
            last = 0 if table is None else len(table) - 1
            arranged[..., at] = plane if table is None else table[np.minimum(plane, last)]
    if treatment == "ycck":
        top = (1 << channels.depth) - 1
        arranged = arranged.copy()
        colours = rgb_of_differences(arranged[..., :3], channels.bits, channels.depth)
        arranged[..., :3] = np.rint((1 - colours) * top)
    return arranged


def _table(channel: Channel, bits: int, depth: int, inverted: bool) -> np.ndarray | None:
    """What the codes of a component become; None where they stay what they are."""
    if channel.palette is None and not inverted and bits == depth:
        return None
    top = (1 << channel.bits) - 1
    codes = np.arange(1 << bits) if channel.palette is None else np.minimum(channel.palette, top)
    codes = top - codes if inverted else codes
    return np.rint(codes * (((1 << depth) - 1) / top)).astype(_WIDE[depth])
