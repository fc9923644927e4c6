"""Reading a film: what its picture is, and its frames from any time on.

`open_film` describes the stream that is coloured, `frames` decodes a span of it. Damage that FFmpeg
tells of is told on, with its time, through `damaged`.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.film import faults
from core.film.planes import Layout, in_planes, is_rgb, layout_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

#: FFmpeg's numbers of matrices -> ours; what is left is guessed by the height.
_MATRICES: Final = {1: "709", 4: "601", 5: "601", 6: "601", 7: "709", 9: "2020", 10: "2020"}
#: Transfer curves that are no screen's: PQ and HLG.
_HIGH_RANGE: Final = (16, 18)
_FULL: Final = 2
#: Rates beyond are a mistake of the file, frames a second.
_RATES: Final = (Fraction(1, 10), Fraction(1000))
_MOST_PIXELS: Final = 1 << 26  # 8K twice


@dataclass(frozen=True, slots=True)
class Film:
    """What is coloured of a file. `width`, `height` as stored; `aspect` of a pixel; `rotation` in
    degrees as FFmpeg gives it; `tags`: primaries, curve and matrix as numbers of FFmpeg's, which
    the result states; `matrix` is one of `core.colour.ycbcr.MATRICES`. `fields`: FFmpeg's order of
    fields, 0 or 1 for whole frames."""

    path: Path
    stream: int
    codec: str
    width: int
    height: int
    format: str
    layout: Layout
    time_base: Fraction
    rate: Fraction
    is_full: bool
    matrix: str
    tags: tuple[int, int, int]
    aspect: Fraction
    rotation: int
    fields: int
    notes: tuple[str, ...]


#: FFmpeg's containers that are read. What is not among them is no film, whatever it is called: a
#: playlist, for one, names further files and addresses, which would then be opened.
_CONTAINERS: Final = (
    "matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,avi,mxf,mxf_opatom,mpeg,mpegts,mpegvideo,"
    "m4v,h264,hevc,dv,ogg,asf,flv,nut,gxf,yuv4mpegpipe,ivf,rm"
)


def open_file(path: Path) -> "InputContainer":
    """FFmpeg's container of a file; raises `SourceError`."""
    import av
    import av.error

    try:
        with path.open("rb"):
            return av.open(
                f"file:{path}",
                metadata_errors="replace",
                container_options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
            )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise faults.of_ffmpeg(error, path) from error


def open_film(path: Path) -> Film:
    """The film in a file. Raises `SourceError` where it has none, or none that is read."""
    with open_file(path) as container:
        stream = _chosen(container, path)
        context = stream.codec_context
        frame = next(_decoded(container, stream, lambda *_: None), None)
        if frame is None:
            raise faults.without_frames(path)
        layout = layout_of(frame.format.name)
        if layout is None:
            raise faults.unsupported(f"its pixel format is {frame.format.name}", path)
        if frame.width * frame.height > _MOST_PIXELS:
            raise faults.unsupported(f"a frame has {frame.width} x {frame.height} pixels", path)
        curve = frame.color_trc or context.color_trc
        if curve in _HIGH_RANGE:
            raise faults.unsupported("it is HDR", path, "make an SDR version of it first")
        notes = []
        is_full, note = _range(frame, context)
        notes += [note] if note else []
        if is_rgb(frame.format.name):
            is_full, matrix = True, "709"
            notes.append("its luma was computed, since it is stored as RGB")
        else:
            matrix = _MATRICES.get(frame.colorspace) or _MATRICES.get(context.colorspace)
            matrix = matrix or ("601" if frame.height <= 576 else "709")
        return Film(
            path=path,
            stream=stream.index,
            codec=context.name,
            width=frame.width,
            height=frame.height,
            format=frame.format.name,
            layout=layout,
            time_base=stream.time_base or Fraction(1, 1000),
            rate=_rate(stream),
            is_full=is_full,
            matrix=matrix,
            tags=_tags(context, matrix, frame.height),
            aspect=stream.sample_aspect_ratio or Fraction(1),
            rotation=frame.rotation,
            fields=context.field_order,
            notes=tuple(notes),
        )


def frames(
    film: Film, start: int, stop: int | None, damaged: Callable[[float, str], None]
) -> Iterator[Any]:
    """Frames in planes whose `pts` lie in start..stop (stop left out), in the film's time base.

    The file is opened anew, and decoded from the key frame before `start`. `damaged(seconds,
    what)` hears of what cannot be decoded. Raises `SourceError`.
    """
    for is_from_start in (False, True):
        first = True
        with open_file(film.path) as container:
            stream: Any = container.streams[film.stream]
            # with threads by frames a decoder complains at any time, and of any frame
            stream.thread_type = "SLICE"
            if not is_from_start:
                _seek(container, stream, start)
            for frame in _decoded(container, stream, damaged):
                is_late = first and not is_from_start and frame.pts > start
                if is_late and begins_at(film) < frame.pts:
                    break  # the seek went too far: the file's index is wrong
                first = False
                if stop is not None and frame.pts >= stop:
                    return
                if frame.pts >= start:
                    _check_same(film, frame)
                    yield in_planes(frame, film.layout)
            else:
                return


def begins_at(film: Film) -> int:
    """The time of the first frame, in the film's time base."""
    with open_file(film.path) as container:
        stream: Any = container.streams[film.stream]
        first = next(_decoded(container, stream, lambda *_: None), None)
        return first.pts if first is not None else 0


def _seek(container, stream, start: int) -> None:
    import av
    import av.error

    try:
        container.seek(start, stream=stream, backward=True)
    except av.error.FFmpegError:  # a container without an index: from the beginning then
        container.seek(0, any_frame=True) if container.duration else None


def _decoded(container, stream, damaged: Callable[[float, str], None]) -> Iterator[Any]:
    """Frames in the order in which they are shown, with times that rise."""
    import av
    import av.error

    last: int | None = None
    base = stream.time_base or Fraction(1, 1000)
    for packet, complaint in reported_packets(container, stream):
        if packet is None:  # the plan has told of it
            log.debug("%s", complaint)
            continue
        at = float((packet.pts if packet.pts is not None else packet.dts or 0) * base)
        try:
            with ffmpeg_complaints() as complaints:
                found = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            damaged(at, error.strerror or type(error).__name__)
            continue
        if complaints:
            damaged(at, complaints[0])
        for frame in found:
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None:
                pts = 0 if last is None else last + max(1, frame.duration or 1)
            if last is not None and pts <= last:
                pts = last + 1
            frame.pts = last = pts
            frame.time_base = base
            if frame.is_corrupt:
                damaged(float(pts * base), "parts of the picture are missing")
            yield frame


@contextlib.contextmanager
def ffmpeg_complaints() -> Iterator[list[str]]:
    """What FFmpeg complains of meanwhile: decoders that conceal damage only say so in its log."""
    from av import logging as av_log

    complaints: list[str] = []
    level = av_log.get_level()
    av_log.set_level(av_log.ERROR)
    try:
        with av_log.Capture(local=False) as messages:
            yield complaints
        complaints += [text.strip() for how, _, text in messages if how <= av_log.ERROR]
    finally:
        av_log.set_level(level)


def reported_packets(container: Any, *streams: Any) -> Iterator[tuple[Any, str]]:
    """(packet, '') and (None, complaint) of what FFmpeg says while it reads; ends where it must."""
    import av
    import av.error

    packets = container.demux(*streams)
    while True:
        fault, packet = "", None
        with ffmpeg_complaints() as complaints:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError as error:
                fault = error.strerror or type(error).__name__
        for complaint in [*complaints, fault]:
            if complaint:
                yield None, complaint
        if packet is None:
            return
        yield packet, ""


def _chosen(container, path: Path) -> "VideoStream":
    """The film's stream: no cover art; raises where there is none, or no decoder for it."""
    from av.stream import Disposition

    pictures = [
        stream
        for stream in container.streams
        if stream.type == "video" and not stream.disposition & Disposition.attached_pic
    ]
    if not pictures:
        what = "no picture but a cover" if container.streams.video else "no picture in it"
        raise faults.unsupported(f"there is {what}", path, "choose a film")
    stream = next(
        (each for each in pictures if each.disposition & Disposition.default), pictures[0]
    )
    if stream.codec_context is None or not stream.codec_context.is_decoder:
        raise faults.unsupported(f"its codec is {stream.codec_tag!r}", path)
    if stream.codec_tag == "encv":
        raise faults.unsupported("it is encrypted", path, "get a copy that is not")
    if not stream.codec_context.width or not stream.codec_context.height:
        raise faults.without_frames(path)
    return stream


def _range(frame, context) -> tuple[bool, str]:
    """Whether the codes' range is full, and what to say where the file does not say it."""
    stated = frame.color_range or context.color_range
    if frame.format.name.startswith("yuvj"):
        return True, ""
    if stated:
        return stated == _FULL, ""
    is_gray = frame.format.name.startswith(("gray", "mono"))
    if is_gray and context.name not in ("h264", "hevc", "mpeg2video", "mpeg4"):
        return True, "its range is not stated; gray is taken as full range"
    return False, ""


def _tags(context, matrix: str, height: int) -> tuple[int, int, int]:
    """Primaries, curve and matrix for the result: the source's, or those that go with `matrix`."""
    sd = 5 if height == 576 else 6
    usual = {"709": (1, 1, 1), "601": (sd, 6, sd), "2020": (9, 14, 9)}[matrix]
    stated = (context.color_primaries, context.color_trc, context.colorspace)
    if stated[2] not in _MATRICES:
        stated = (*stated[:2], usual[2])
    primaries, curve, space = (
        value if value not in (0, 2) else other for value, other in zip(stated, usual, strict=True)
    )
    return primaries, curve, space


def _rate(stream) -> Fraction:
    """Frames a second, for the encoder's guesses alone: times are the frames' own."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and _RATES[0] <= rate <= _RATES[1]:
            return rate
    return Fraction(25)


def _check_same(film: Film, frame) -> None:
    if (frame.width, frame.height) != (film.width, film.height):
        raise faults.unsupported(
            f"its size changes from {film.width}x{film.height} to {frame.width}x{frame.height} "
            f"at {faults.clock(frame.time)}",
            film.path,
            "cut it there, and colour the parts",
        )
    if layout_of(frame.format.name) != film.layout:
        raise faults.unsupported(
            f"its pixel format changes to {frame.format.name} at {faults.clock(frame.time)}",
            film.path,
            "cut it there, and colour the parts",
        )
