"""A film's whole life: planned, coloured segment by segment, joined, put in its place.

`open_work` plans and says whether the work is done; `colour_segment` makes one segment's file in
the work folder beside the target, and does nothing where it stands there whole; `finish` joins
them and removes the folder. `run` does all of it in this process. A queue may hand out segments.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from core.colorizer import Colorizer
from core.errors import DestinationError, SourceError
from core.film import faults
from core.film.encoder import add_stream, layout_for
from core.film.frame_colorizer import FrameColorizer
from core.film.hints import TimedHints
from core.film.muxing import KEY_TAG, OPTIONS_TAG, check_container, mux
from core.film.options import FilmOptions
from core.film.packets import PacketFile, SegmentRecord, read_segment_record
from core.film.planes import Layout
from core.film.segments import FilmPlan, Segment, plan, work_of
from core.film.shared_plan import NAME, shared_plan
from core.film.source import frames, open_film
from core.image.atomic import check_free, clean_stale, make_folder, new_file
from core.options import Options, canonical_json
from core.system import lock

if TYPE_CHECKING:
    from av import VideoFrame

_FOLDER_SUFFIX = ".photochrom-parts"


@dataclass(frozen=True, slots=True)
class Work:
    """All that is known of a film before its first frame is coloured."""

    plan: FilmPlan
    target: Path
    layout: Layout
    colorizer: Colorizer
    options: Options
    film_options: FilmOptions
    hints: tuple[TimedHints, ...]
    notes: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where the segments stand until they are joined."""
        return _folder_of(self.target)

    def file_of(self, segment: Segment) -> Path:
        """A segment's file."""
        return self.folder / f"{segment.index:05d}-{segment.key[:16]}.part"


def open_work(
    source: Path,
    target: Path,
    colorizer: Colorizer,
    options: Options,
    film_options: FilmOptions,
    hints: Sequence[TimedHints] = (),
    *,
    shares_plan: bool = False,
) -> Work:
    """The plan of a film's work. Raises `SourceError`, `DestinationError`, `HintsError`.

    With `shares_plan` it is kept in the work folder, for other processes (see `shared_plan`).
    """
    film = open_film(source)
    layout, notes = layout_for(film, film_options)
    notes += check_container(film, target, layout, film_options)
    about = colorizer.session.sha256, options, film_options, hints

    def make() -> FilmPlan:
        return plan(film, *about)

    planned = (
        shared_plan(film, _folder_of(target), work_of(*about), make) if shares_plan else make()
    )
    work = Work(
        planned,
        target,
        layout,
        colorizer,
        options,
        film_options,
        tuple(hints),
        (*planned.notes, *notes),
    )
    FrameColorizer(film, layout, colorizer, options, film_options, hints)  # refuses hints outside
    if film_options.strict and planned.damage:
        raise _damaged(source, planned.damage)
    return work


def _folder_of(target: Path) -> Path:
    return target.with_name(target.name + _FOLDER_SUFFIX)


def is_done(work: Work, existing: str) -> bool:
    """Whether nothing is to be done; raises `DestinationError` where the name is taken.

    What a kill between the result and the removal of its parts has left is removed.
    """
    if not os.path.lexists(work.target) or existing == "overwrite":
        return False
    if existing == "skip":
        return True
    if existing == "same" and key_of(work.target) == work.plan.key:
        discard_parts(work)
        return True
    check_free(work.target, replace=False)
    return False


def key_of(path: Path) -> str | None:
    """The key that a film of ours carries."""
    from core.film.source import open_file

    try:
        with open_file(path) as container:
            tags = {name.upper(): value for name, value in container.metadata.items()}
            return tags.get(KEY_TAG)
    except SourceError:
        return None


def colour_segment(
    work: Work,
    segment: Segment,
    *,
    check: Callable[[], None] = lambda: None,
    on_frames: Callable[[int], None] = lambda _: None,
    on_picture: Callable[["VideoFrame"], None] = lambda _: None,
) -> SegmentRecord:
    """Makes the segment's file, unless it stands there whole; `on_frames(number)` counts frames,
    `on_picture` looks at each that was just coloured.

    Raises what `check` raises, `SourceError`, `DestinationError`.
    """
    path = work.file_of(segment)
    found = read_segment_record(path, segment.key)
    if found is not None:
        on_frames(segment.frames)
        return found
    make_folder(work.folder)
    with new_file(path, replace=True) as file:
        return _encode(work, segment, file, check, on_frames, on_picture)


def _encode(work: Work, segment: Segment, file, check, on_frames, on_picture) -> SegmentRecord:
    import av

    film = work.plan.film
    damage: list[tuple[float, str]] = []
    colouring = FrameColorizer(
        film, work.layout, work.colorizer, work.options, work.film_options, work.hints
    )
    source = frames(film, segment.lead, None, lambda at, what: damage.append((at, what)))
    count = 0
    # the container is never written to: it only makes a stream, set up as the result's will be
    with av.open(os.devnull, "w", format="null") as container:
        stream = add_stream(container, film, work.layout, work.film_options)
        stream.codec_context.open()
        packets = PacketFile(file, stream.codec_context.extradata or b"")
        with contextlib.closing(colouring.frames(source)) as coloured:
            for frame in coloured:
                check()
                assert frame.pts is not None  # of what is given out, see `source.frames`
                if segment.stop is not None and frame.pts >= segment.stop:
                    break
                if frame.pts < segment.start:
                    continue
                count += 1
                on_frames(1)
                on_picture(frame)
                for packet in stream.codec_context.encode(frame):
                    packets.add(packet)
        for packet in stream.codec_context.encode(None):
            packets.add(packet)
    inside = tuple(each for each in damage if _lies_in(each[0], film, segment))
    if work.film_options.strict and inside:
        raise _damaged(film.path, listed(inside))
    if count == 0:
        raise faults.without_frames(film.path)
    result = SegmentRecord(
        segment.key, count, colouring.propagation.calls, colouring.propagation.cuts, inside
    )
    packets.end(result)
    return result


def finish(work: Work, *, replace: bool, check: Callable[[], None] = lambda: None) -> None:
    """Joins the segments, which must all be there, and removes the work folder."""
    model = work.colorizer.session.description
    tags = {
        KEY_TAG: work.plan.key,
        "PHOTOCHROM_MODEL": f"{model.name} {model.version}",
        "PHOTOCHROM_MODEL_SHA256": work.colorizer.session.sha256,
        OPTIONS_TAG: canonical_json(
            work.options.canonical() | {"film": work.film_options.canonical()}
        ),
        "PHOTOCHROM_TOOL": f"photochrom {version('photochrom')}",
        "PHOTOCHROM_NOTE": "The colours of this film are computed (IPTC digital source type "
        "compositeWithTrainedAlgorithmicMedia); its luma is the original's.",
    }
    files = [work.file_of(segment) for segment in work.plan.segments]
    mux(
        work.plan,
        files,
        work.target,
        work.layout,
        work.film_options,
        tags,
        replace=replace,
        check=check,
    )
    discard_parts(work)


@contextlib.contextmanager
def alone(work: Work) -> Iterator[None]:
    """Holds the work folder for this process; raises `DestinationError` where another has it."""
    make_folder(work.folder)
    clean_stale(work.folder)
    clean_stale(work.target.parent)
    path = work.folder / "lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DestinationError(
            f"the work folder cannot be written to ({error.strerror})", file=work.folder
        ) from error
    try:
        if lock(descriptor) is False:
            raise DestinationError(
                "another process is colouring into it",
                file=work.target,
                remedy="wait until it is done, or give another name",
            )
        yield
    finally:
        os.close(descriptor)


def listed(damage: Sequence[tuple[float, str]]) -> tuple[str, ...]:
    """Damage as notes, with neighbouring times drawn together."""
    spans: list[list] = []
    for at, what in sorted(set(damage)):
        if spans and spans[-1][2] == what and at - spans[-1][1] < 1:
            spans[-1][1] = at
        else:
            spans.append([at, at, what])
    return tuple(
        f"damaged at {faults.clock(begin)}"
        + (f" to {faults.clock(end)}" if end - begin >= 0.1 else "")
        + f" ({what})"
        for begin, end, what in spans
    )


def _lies_in(seconds: float, film, segment: Segment) -> bool:
    time = seconds / float(film.time_base)
    return segment.start <= time and (segment.stop is None or time < segment.stop)


def _damaged(path: Path, what: Sequence[str]) -> SourceError:
    return SourceError(
        "; ".join(what),
        file=path,
        kind="truncated",
        remedy="get a whole copy of it, or leave --strict out",
    )


def discard_parts(work: Work) -> None:
    """Removes the work folder of a film that is done."""
    with contextlib.suppress(OSError):
        for path in work.folder.iterdir():
            if path.name in ("lock", NAME) or path.suffix == ".part":
                path.unlink()
        work.folder.rmdir()
