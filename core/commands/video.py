"""`photochrom video`: a film in, the same film in colour out."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands.arguments import (
    ReadPath,
    SuggestingChoice,
    WrittenPath,
    device_option,
    existing_option,
    json_option_of,
    picture_options_of,
    quiet_option,
    report_option_of,
    verbose_option,
)
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, Failure, PhotochromError, printable
from core.film.options import CODECS, OF_PICTURES, FilmOptions, codec_for
from core.options import Options
from core.paths import REPORT_LINES, Paths

if TYPE_CHECKING:
    from core.film.one_film import Work
    from core.job import Outcome

_SCALES = "; ".join(
    f"{name}: {codec.quality[0]} {codec.quality[2]} to {codec.quality[3]}, {codec.quality[1]} usual"
    for name, codec in CODECS.items()
    if codec.quality
)


@click.command(epilog="Example: photochrom video film.mkv -o film-coloured.mkv")
@click.argument("source", metavar="FILM", type=ReadPath(dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    type=WrittenPath(path_type=Path),
    required=True,
    metavar="FILE",
    help="The result; .mkv, .mp4 or .mov chooses the container.",
)
@picture_options_of(OF_PICTURES)
@click.option(
    "--hints",
    type=ReadPath(exists=True, dir_okay=False, path_type=Path),
    help="Colours that you know, as points with a time, which hold until the cut.",
)
@click.option(
    "--codec",
    type=SuggestingChoice(list(CODECS)),
    help="How the picture is encoded.  [default: ffv1 (lossless) in .mkv, x264 in .mp4, "
    "prores in .mov]",
)
@click.option(
    "--quality",
    type=int,
    default=None,
    help=f"On the codec's own scale ({_SCALES}); ffv1 is lossless.",
)
@click.option(
    "--depth",
    type=SuggestingChoice(["same", "10"]),
    default="same",
    show_default=True,
    help="10 writes at least 10 bits; luma stays the source's.",
)
@click.option(
    "--chroma",
    type=SuggestingChoice(["420", "444"]),
    default="420",
    show_default=True,
    help="Chroma planes of sources that have none (gray); others keep theirs.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="Frames between two looks of the network, at most.",
)
@click.option(
    "--preview",
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="Only so many seconds from the middle.",
)
@click.option("--strict", is_flag=True, help="Refuse a film that is damaged anywhere.")
@device_option
@existing_option
@report_option_of("Append one JSON line a segment, and one for the film, to this file.")
@json_option_of("Print the report lines instead of prose.")
@quiet_option
@verbose_option
def video(
    source: Path,
    output: Path,
    hints: Path | None,
    codec: str | None,
    quality: int | None,
    depth: str,
    chroma: str,
    every: int,
    preview: float | None,
    strict: bool,
    device: str,
    existing: str,
    report: Path | None,
    as_json: bool,
    quiet: bool,
    **picture: Any,
) -> int:
    """Colour a film without flicker: luma, sound, subtitles and times stay as they are.

    Stopped and started again it goes on where it was. A damaged film is coloured as far as it can
    be decoded, and what is missing is listed.
    """
    from core.film.hints import read_hints
    from core.model.memory import refuse_without_memory
    from core.model.store import file_of

    options = Options(**picture)
    film_options = FilmOptions(
        codec=codec_for(output, codec),
        quality=-1 if quality is None else quality,
        depth=10 if depth == "10" else 0,
        chroma=chroma,
        every=every,
        preview=preview or 0.0,
        strict=strict,
    )
    paths = Paths()
    paths.read(source, "FILM")
    paths.read(hints, "--hints")
    model = file_of(options.model)
    paths.read(model, "--model")
    paths.write(output, "-o")
    paths.replace(report, "--report", REPORT_LINES, appends=True)
    if model and device in ("auto", "cpu"):
        refuse_without_memory(model)
    timed = read_hints(hints)
    with _FilmProgress(source, output, report, as_json=as_json, quiet=quiet) as progress:
        outcome = _colour(source, output, options, film_options, timed, device, existing, progress)
        progress.film(outcome)
    return EXIT_SOME_FAILED if outcome.error else EXIT_DONE


def _colour(
    source: Path,
    output: Path,
    options: Options,
    film_options: FilmOptions,
    hints: Any,
    device: str,
    existing: str,
    progress: "_FilmProgress",
) -> "Outcome":
    from core.colorizer import Colorizer
    from core.job.job import Outcome

    colorizer = Colorizer.open(options.model, device)
    begun = time.perf_counter()
    values: dict[str, Any] = {
        "source": str(source),
        "output": str(output),
        "model": colorizer.session.description.name,
        "provider": colorizer.session.provider,
    }
    try:
        values |= _all_segments(
            source, output, colorizer, options, film_options, hints, existing, progress
        )
    except PhotochromError as error:
        from core.errors import InterruptedJob

        if isinstance(error, InterruptedJob):
            raise
        values |= {"status": "failed", "error": Failure.of(error)}
    return Outcome(**values, seconds=time.perf_counter() - begun)


def _all_segments(
    source: Path,
    output: Path,
    colorizer: Any,
    options: Options,
    film_options: FilmOptions,
    hints: Any,
    existing: str,
    progress: "_FilmProgress",
) -> dict[str, Any]:
    """Colours what is not coloured yet; the film's part of an `Outcome`."""
    from signal import SIGINT, SIGTERM

    from core.film.one_film import (
        alone,
        colour_segment,
        finish,
        is_done,
        listed,
        open_work,
    )
    from core.job.interruption import Interruption

    with Interruption(SIGINT, SIGTERM) as interruption:
        work = open_work(source, output, colorizer, options, film_options, hints)
        plan = work.plan
        if is_done(work, existing):
            return {"status": "skipped", "key": plan.key}
        damage: list[tuple[float, str]] = []
        frames = calls = 0
        with alone(work):
            progress.begin(work)
            for segment in plan.segments:
                record = colour_segment(
                    work, segment, check=interruption.check, on_frames=progress.frames
                )
                progress.segment(work, segment, record)
                damage += record.damage
                frames += record.frames
                calls += record.calls
            finish(work, replace=existing == "overwrite", check=interruption.check)
        return {
            "status": "done",
            "key": plan.key,
            "pixels": frames * plan.film.width * plan.film.height,
            "notes": (*work.notes, *plan.damage, *listed(damage)),
        }


class _FilmProgress:
    """Shows a film's progress: a live line on a terminal, a line a segment in a log."""

    def __init__(
        self, source: Path, output: Path, report: Path | None, *, as_json: bool, quiet: bool
    ) -> None:
        self._source, self._output = source, output
        self._report_path, self._as_json, self._quiet = report, as_json, quiet
        self._stack = ExitStack()
        self._report: Any = None
        self._bar: Any = None
        self._done = self._total = 0
        self._start = self._segment_start = time.monotonic()

    def __enter__(self) -> "_FilmProgress":
        if self._report_path:
            from core.commands.progress import opened_report

            self._report = self._stack.enter_context(opened_report(self._report_path))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, work: "Work") -> None:
        import sys

        from core.commands.progress import bar

        self._total = work.plan.frames
        self._start = self._segment_start = time.monotonic()
        if sys.stderr.isatty() and not self._quiet and not self._as_json:
            self._bar = self._stack.enter_context(bar())
            self._task = self._bar.add_task("frames", total=self._total)

    def frames(self, count: int) -> None:
        self._done += count
        if self._bar:
            self._bar.advance(self._task, count)

    def segment(self, work: "Work", segment: Any, record: Any) -> None:
        now = time.monotonic()
        seconds, self._segment_start = now - self._segment_start, now
        self._line(
            {
                "source": str(self._source),
                "output": str(self._output),
                "status": "done",
                "key": segment.key,
                "segment": segment.index + 1,
                "segments": len(work.plan.segments),
                "frames": record.frames,
                "looks": record.calls,
                "cuts": record.cuts,
                "seconds": round(seconds, 4),
            }
        )
        if not (self._bar or self._quiet or self._as_json):
            rate = self._done / max(now - self._start, 1e-3)
            left = max(self._total - self._done, 0) / max(rate, 1e-3)
            click.echo(
                f"{printable(str(self._source))}: {self._done} of {self._total} frames, "
                f"{rate:.1f} a second, {left:.0f} s left",
                err=True,
            )

    def film(self, outcome: "Outcome") -> None:
        import json

        from core.commands.progress import failure_line
        from core.job import report_line

        self._line(json.loads(report_line(outcome)))
        if outcome.error:
            if not self._as_json:
                click.echo(f"photochrom: {failure_line(outcome)}", err=True)
            return
        if self._quiet or self._as_json:
            return
        where = printable(f"{outcome.source} -> {outcome.output}")
        if outcome.status == "skipped":
            click.echo(f"{where}  (skipped: done already)", err=True)
            return
        click.echo(f"{where}  ({self._done} frames, {outcome.seconds or 0:.1f} s)", err=True)
        for note in outcome.notes:
            click.echo(printable(f"{outcome.source}: note: {note}"), err=True)

    def _line(self, values: dict[str, Any]) -> None:
        import json

        line = json.dumps(values)
        if self._report:
            self._report.write(line + "\n")
            self._report.flush()
        if self._as_json:
            click.echo(line)
