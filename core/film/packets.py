"""A segment's file: encoded packets with their own times, and what became of the segment.

FFmpeg's containers move times (NUT, MKV) or round them (MKV); these are kept to the tick. A line of
JSON, then packets, each a header and its bytes, then a line of JSON that only a whole file has.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from core.image.atomic import write_all

if TYPE_CHECKING:
    from av import Packet

_MAGIC: Final = b"photochrom segment 1\n"
_HEADER: Final = struct.Struct("<qqqIB")  # pts, dts, duration, bytes, 1 for a key frame
_LAST: Final = struct.Struct("<qI")  # -1 and the length of the record at the end
_NO_TIME: Final = -(1 << 63)


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What became of a segment: `damage` are [seconds, what]; `calls` of the network."""

    key: str
    frames: int
    calls: int
    cuts: int
    damage: tuple[tuple[float, str], ...] = ()


class PacketFile:
    """Writes the packets of one segment to an open file."""

    def __init__(self, file: BinaryIO, extradata: bytes) -> None:
        self._file = file
        write_all(file, _MAGIC + struct.pack("<I", len(extradata)) + extradata)

    def add(self, packet: "Packet") -> None:
        """Appends a packet; raises `OSError`."""
        data = bytes(packet)
        times = [_NO_TIME if time is None else time for time in (packet.pts, packet.dts)]
        head = _HEADER.pack(*times, packet.duration or 0, len(data), packet.is_keyframe)
        write_all(self._file, head + data)

    def end(self, record: SegmentRecord) -> None:
        """Marks the file as whole."""
        text = json.dumps(asdict(record)).encode()
        write_all(self._file, text + _LAST.pack(-1, len(text)))


def read_segment_record(path: Path, key: str) -> SegmentRecord | None:
    """What became of the segment; None where the file is not whole, or of another key."""
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return None
            file.seek(-_LAST.size, 2)
            mark, length = _LAST.unpack(file.read(_LAST.size))
            if mark != -1:
                return None
            file.seek(-_LAST.size - length, 2)
            value = json.loads(file.read(length))
    except (OSError, ValueError, struct.error):
        return None
    value["damage"] = tuple((float(at), str(what)) for at, what in value["damage"])
    record = SegmentRecord(**value)
    return record if record.key == key else None


def read_packets(path: Path) -> tuple[bytes, Iterator["Packet"]]:
    """The encoder's header, and the packets in the order of their decoding; of a whole file."""
    with path.open("rb") as file:
        file.seek(len(_MAGIC))
        (length,) = struct.unpack("<I", file.read(4))
        extradata = file.read(length)
    return extradata, _packets(path, len(_MAGIC) + 4 + length)


def _packets(path: Path, start: int) -> Iterator["Packet"]:
    from av import Packet

    with path.open("rb") as file:
        file.seek(-_LAST.size, 2)
        end = file.tell() - _LAST.unpack(file.read(_LAST.size))[1]
        file.seek(start)
        while file.tell() < end:
            pts, dts, duration, size, is_key = _HEADER.unpack(file.read(_HEADER.size))
            packet = Packet(file.read(size))
            packet.pts = None if pts == _NO_TIME else pts
            packet.dts = None if dts == _NO_TIME else dts
            packet.duration = duration
            packet.is_keyframe = bool(is_key)
            yield packet
