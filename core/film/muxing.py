"""The result's file: coloured packets in the place of the source's, all else copied bit by bit."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from core.errors import DestinationError, PhotochromError
from core.film.display_size import is_lost, mark, set_display_size
from core.film.encoder import add_stream
from core.film.options import FilmOptions
from core.film.packets import read_packets
from core.film.planes import Layout
from core.film.segments import FilmPlan
from core.film.source import Film, open_file
from core.image.atomic import new_file, write_all

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer

#: Suffix -> FFmpeg's name of the container, and its options.
_CONTAINERS: Final = {
    ".mkv": ("matroska", {}),
    ".mp4": ("mp4", {"movflags": "use_metadata_tags", "use_editlist": "1"}),
    ".m4v": ("mp4", {"movflags": "use_metadata_tags", "use_editlist": "1"}),
    ".mov": ("mov", {"movflags": "use_metadata_tags", "use_editlist": "1"}),
}
#: Tags that a muxer writes itself, and that would say of the result what was true of the source.
_NOT_COPIED: Final = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
#: The tag that holds the film's key.
KEY_TAG: Final = "PHOTOCHROM_JOB_KEY"
#: The tag that holds the options, as canonical JSON.
OPTIONS_TAG: Final = "PHOTOCHROM_OPTIONS"


class _NullFile:
    """A file that keeps nothing, to try a container with."""

    def __init__(self) -> None:
        self._at = self._size = 0

    def write(self, data: bytes) -> int:
        self._at += len(data)
        self._size = max(self._size, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True


class _WholeFile(_NullFile):
    """An unbuffered file, written to whole; keeps what the system said, which FFmpeg loses."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.fault: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            write_all(self._file, data)
        except OSError as error:
            self.fault = self.fault or error
            raise
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def check_container(
    film: Film, target: Path, layout: Layout, options: FilmOptions
) -> tuple[str, ...]:
    """Notes of what the target's container cannot hold; raises `DestinationError` for streams.

    A whole result is begun, and forgotten, so that this is known before hours of work.
    """
    with open_file(film.path) as source, _begun(_NullFile(), target) as output:
        _, notes = _streams(source, output, film, layout, options, target)
        _start(output, target)
        return notes


def mux(
    plan: FilmPlan,
    files: Iterable[Path],
    target: Path,
    layout: Layout,
    options: FilmOptions,
    tags: Mapping[str, str],
    *,
    replace: bool,
    check: Callable[[], None],
) -> None:
    """Writes the result from the segments' files, whole or not at all. Raises `DestinationError`.

    `tags` are added to the source's own; `check` raises to stop.
    """
    film = plan.film
    first, last = plan.segments[0].start, plan.segments[-1].stop
    is_part = options.preview > 0
    with new_file(target, replace=replace) as file:
        whole = _WholeFile(file)
        try:
            with open_file(film.path) as source, _begun(whole, target) as output:
                mapping, _ = _streams(source, output, film, layout, options, target)
                _tag(source, output, tags, is_part)
                _start(output, target)
                shift = first * film.time_base if is_part else 0
                coloured = _coloured(
                    files, mapping[film.stream], film, round(shift / film.time_base)
                )
                packets = _copied(source, mapping, film, shift, last if is_part else None)
                _interleave(output, coloured, packets, check)
                is_marked = is_lost(film, options, output.format.name)
            if is_marked:
                set_display_size(file, film)
        except Exception as error:
            if whole.fault:  # of which FFmpeg, and what its errors become, tell too little
                raise whole.fault from error
            if isinstance(error, PhotochromError):
                raise
            raise _refusal(error, target) from error
        if whole.fault:
            raise whole.fault


def _begun(file: Any, target: Path) -> "OutputContainer":
    import av

    name, options = _CONTAINERS[target.suffix.lower()]
    # equal work gives equal bytes: no random names in it, no time of the day
    settings = options | {"fflags": "+bitexact"}
    return av.open(file, "w", format=name, container_options=settings, buffer_size=1 << 20)


def _streams(
    source: "InputContainer",
    output: "OutputContainer",
    film: Film,
    layout: Layout,
    options: FilmOptions,
    target: Path,
) -> tuple[dict[int, Any], tuple[str, ...]]:
    """Streams of the result by the index of the source's, and notes of those that are left out."""
    mapping: dict[int, Any] = {}
    notes = []
    for stream in source.streams:
        if stream.index == film.stream:
            made: Any = add_stream(output, film, layout, options)
            if is_lost(film, options, output.format.name):
                mark(made)
        elif stream.type == "attachment":
            name = stream.metadata.get("filename", "attachment")
            kind = getattr(stream, "mimetype", None) or "application/octet-stream"
            made = output.add_attachment(name, kind, stream.data)  # type: ignore[attr-defined]
        elif stream.codec_context is None:  # time codes and the like: nobody here can name them
            notes.append(f"its stream {stream.index} ({stream.type}) is left out")
            continue
        else:
            try:
                made = output.add_stream_from_template(stream)
            except Exception as error:
                raise _unheld(stream, target) from error
        for name, value in stream.metadata.items():
            if name.lower() not in _NOT_COPIED and not name.startswith("_STATISTICS"):
                made.metadata[name] = value
        made.disposition = stream.disposition
        mapping[stream.index] = made
    return mapping, tuple(notes)


def _start(output: "OutputContainer", target: Path) -> None:
    try:
        output.start_encoding()
    except Exception as error:
        raise _refusal(error, target) from error


def _tag(source, output, tags: Mapping[str, str], is_part: bool) -> None:
    for name, value in source.metadata.items():
        if name.lower() not in _NOT_COPIED:
            output.metadata[name] = value
    for name, value in tags.items():
        output.metadata[name] = value
    if not is_part and (chapters := source.chapters()):
        output.set_chapters(chapters)


def _coloured(files: Iterable[Path], stream: Any, film: Film, shift: int) -> Iterator["Packet"]:
    """The packets of all segments for one stream; times of decoding rise across their borders."""
    last: int | None = None
    for path in files:
        extradata, packets = read_packets(path)
        if extradata != (stream.codec_context.extradata or b""):
            raise DestinationError(
                "its parts were written by another version of the encoder",
                file=path,
                remedy=f"remove the folder {path.parent} and run it again",
            )
        for packet in packets:
            packet.time_base = film.time_base
            packet.stream = stream
            if packet.pts is not None:
                packet.pts -= shift
            if packet.dts is not None:
                packet.dts -= shift
                if last is not None and packet.dts <= last:
                    packet.dts = last + 1
                last = packet.dts
            yield packet


def _copied(source, mapping, film: Film, shift: Any, stop: int | None) -> Iterator["Packet"]:
    """The packets of the other streams; of a part of the film those that lie in it."""
    import av.error

    streams = [source.streams[index] for index in mapping if index != film.stream]
    streams = [stream for stream in streams if stream.type != "attachment"]
    if not streams:
        return
    packets = source.demux(*streams)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:  # the picture's own pass has told of it
            return
        if packet is None:
            return
        if not packet.size:
            continue
        if stop is not None and packet.pts is not None:
            seconds = packet.pts * packet.time_base
            if not shift <= seconds < stop * film.time_base:
                continue
            ticks = round(shift / packet.time_base)
            packet.pts -= ticks
            packet.dts = None if packet.dts is None else packet.dts - ticks
        packet.stream = mapping[packet.stream.index]
        yield packet


def _interleave(output, coloured, copied, check: Callable[[], None]) -> None:
    """Writes both in the order of their times, so that no muxer has to hold much."""
    import heapq

    def timed(packets: Iterator["Packet"], rank: int):
        at = 0.0
        for number, packet in enumerate(packets):
            time = packet.dts if packet.dts is not None else packet.pts
            at = max(at, float((time or 0) * packet.time_base))
            yield at, rank, number, packet

    for number, (*_, packet) in enumerate(heapq.merge(timed(coloured, 0), timed(copied, 1))):
        if number % 64 == 0:
            check()
        output.mux_one(packet)


def _unheld(stream: Any, target: Path) -> DestinationError:
    what = stream.codec_context.name if stream.codec_context else stream.type
    return DestinationError(
        f"a {target.suffix} file cannot hold its {stream.type} ({what})",
        file=target,
        remedy="end the name with .mkv, which holds nearly all",
    )


def _refusal(error: Exception, target: Path) -> DestinationError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DestinationError(
        f"the {target.suffix} file cannot be written with its streams ({reason})",
        file=target,
        remedy="end the name with .mkv, which holds nearly all",
    )
