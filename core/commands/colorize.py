"""`photochrom colorize`: files, folders and pipes in, coloured files out."""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands.arguments import (
    ReadPath,
    WrittenPath,
    device_option,
    exclude_option,
    existing_option,
    json_option_of,
    max_pixels_option,
    options_of,
    picture_options,
    quiet_option,
    recolour_option,
    report_option_of,
    verbose_option,
)
from core.commands.progress import Progress, failure_line
from core.errors import (
    EXIT_DONE,
    EXIT_SOME_FAILED,
    OptionsError,
    PhotochromError,
    printable,
)
from core.paths import REPORT_LINES, SHEET, Paths

if TYPE_CHECKING:
    from core.job import Job, Outcome, Selection

PIPE = "-"


@click.command(epilog="Example: photochrom colorize scans/ -o coloured/ --report night.jsonl")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=ReadPath(readable=False))
@click.option(
    "-o",
    "--output",
    type=WrittenPath(readable=False),
    required=True,
    metavar="DEST",
    help="A folder (the tree of SRC is mirrored in it), a file name for one SRC, or - for a pipe.",
)
@picture_options
@device_option
@existing_option
@recolour_option
@exclude_option
@click.option("--jobs", type=click.IntRange(1), help="Processes at work.  [default: processors]")
@max_pixels_option
@click.option("--dry-run", is_flag=True, help="Say what would be done, touch nothing.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first file that fails.")
@report_option_of("Append one JSON line a file to this file.")
@click.option(
    "--before-after",
    type=WrittenPath(readable=False),
    metavar="DEST",
    help="Also write a picture before and after: a name that ends in .png for one SRC, or a folder "
    "for one of each.",
)
@json_option_of("Print the report lines instead of prose; with --dry-run those of status planned.")
@quiet_option
@verbose_option
def colorize(
    sources: tuple[str, ...],
    output: str,
    device: str,
    existing: str,
    recolour: bool,
    exclude: tuple[str, ...],
    jobs: int | None,
    max_pixels: int,
    dry_run: bool,
    fail_fast: bool,
    report: Path | None,
    before_after: str | None,
    as_json: bool,
    quiet: bool,
    **values,
) -> int:
    """Colour photographs: full size, same format and depth, metadata kept, lightness untouched.

    SRC may be files, folders, globs in quotes, or - for standard input.
    """
    from core.job import Job, Selection, run_all
    from core.model.memory import needed, processes_that_fit
    from core.model.store import file_of
    from core.system import available_processors

    hints = values["hints"]
    options = options_of(values)
    like = Job(Path(), Path(), options, existing, max_pixels, recolour)  # type: ignore[arg-type]
    paths = Paths()
    paths.read(hints, "--hints")
    paths.read(file_of(options.model), "--model")
    if PIPE in sources:
        if dry_run or before_after or (as_json and output == PIPE):
            raise OptionsError("a pipe takes no --dry-run or --before-after, and -o - no --json")
        progress = Progress(1, report=report, as_json=as_json, quiet=True)
        return _colorize_pipe(sources, output, like, device, progress, paths)
    selection = Selection(exclude)
    planned = list(_planned(sources, output, like, before_after, selection))
    work = [item for item in planned if isinstance(item, Job)]
    refused = [item for item in planned if not isinstance(item, Job)]
    sheets = _sheets(work, refused, output, before_after)
    _check_paths(paths, work, sheets, report)
    if dry_run:
        return _say_plan(planned, selection, as_json)
    processes = min(jobs or available_processors(), max(1, len(work)))
    if (model := file_of(options.model)) and device in ("auto", "cpu"):
        possible, processes = processes, processes_that_fit(model, processes)
        if processes < possible and not quiet:
            click.echo(
                f"{processes} instead of {possible} processes: {needed(model) / 1e9:.1f} GB each",
                err=True,
            )
    written: set[str] = set()
    failed = False
    progress = Progress(
        len(planned), report=report, as_json=as_json, quiet=quiet, passed=selection.passed
    )
    with progress:
        for outcome in _all_outcomes(refused, work, options.model, device, processes, run_all):
            progress.tell(outcome)
            if outcome.status == "failed":
                failed = True
                if fail_fast:
                    break
            elif outcome.output:
                written.add(outcome.output)
    drawn = [item for item in sheets if str(item[0].destination) in written]
    failed |= not _draw(drawn, quiet or as_json)
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def _check_paths(
    paths: Paths, work: "list[Job]", sheets: "list[tuple[Job, Path]]", report: Path | None
) -> None:
    """Raises `OptionsError` where a path that is written is read, or written twice."""
    for job in work:
        paths.read(job.source, "SRC")
    for job in work:
        paths.write(job.destination, "-o")
    for job, sheet in sheets:
        if job.existing == "overwrite":
            paths.write(sheet, "--before-after")
        else:
            paths.replace(sheet, "--before-after", SHEET)
    paths.replace(report, "--report", REPORT_LINES, appends=True)


def _sheets(
    work: "list[Job]", refused: "list[Outcome]", output: str, place: str | None
) -> "list[tuple[Job, Path]]":
    from core.job.before_after import folder_of_sheets, sheets

    if not place:
        return []
    if refused and folder_of_sheets(place) is None:
        raise OptionsError(f"--before-after {place} takes one SRC", remedy="give it a folder")
    return sheets(work, Path(output), place)


def _draw(sheets: "list[tuple[Job, Path]]", quiet: bool) -> bool:
    """Draws the sheets; False where one could not be."""
    from core.job.before_after import before_after

    whole = True
    for job, sheet in sheets:
        try:
            before_after(job.source, job.destination, sheet, max_pixels=job.max_pixels)
        except PhotochromError as error:
            whole = False
            click.echo(f"photochrom: no picture before and after: {error}", err=True)
        else:
            if not quiet:
                click.echo(f"before and after: {printable(str(sheet))}", err=True)
    return whole


def _all_outcomes(refused, work, model, device, processes, run_all) -> "Iterator[Outcome]":
    yield from refused
    if work:
        yield from run_all(work, model=model, device=device, processes=processes)


def _planned(
    sources: tuple[str, ...],
    output: str,
    like: "Job",
    before_after: str | None,
    selection: "Selection",
) -> "Iterator[Job | Outcome]":
    from core.job import plan
    from core.job.before_after import folder_of_sheets
    from core.job.planning import into_file, is_folder

    # A source that is named twice is one source.
    paths = list(dict.fromkeys(path for source in sources for path in _expanded(source, selection)))
    target = Path(output)
    if output == PIPE:
        raise OptionsError("-o - needs - as its only source")
    one_file = len(paths) == 1 and not is_folder(paths[0])
    is_named = target.suffix[1:].isalnum() and not target.suffix[1:].isdigit()
    if one_file and is_named and not is_folder(target) and not output.endswith(("/", os.sep)):
        yield into_file(paths[0], target, like)
        return
    if os.path.lexists(target) and not is_folder(target):
        raise OptionsError(f"{output} is a file, not a folder", remedy="give -o a folder")
    sheets = folder_of_sheets(before_after) if before_after else None
    for folder, option in ((target, "-o"), (sheets, "--before-after")):
        distinct = Paths()
        for path in filter(is_folder, paths):
            distinct.read(path, "SRC")
        if folder is not None:
            distinct.write(folder, option)
    yield from plan(paths, target, like, sheets=sheets, selection=selection)


def _expanded(source: str, selection: "Selection") -> list[Path]:
    """A path, or what a glob in quotes matches; a path that exists is never taken for a glob."""
    from core.job.planning import is_folder
    from core.job.selection import matches

    path = Path(source)
    if os.path.lexists(source) or not any(mark in source for mark in "*?["):
        return [path] if is_folder(path) or selection.takes_named(path.name) else []
    found = dict.fromkeys(map(Path, matches(source, selection)))
    # `scans/**` matches a folder and all that is in it: the folder will do.
    return [path for path in found if not any(parent in found for parent in path.parents)]


def _say_plan(planned: "list[Job | Outcome]", selection: "Selection", as_json: bool) -> int:
    from core.job import Job, report_line
    from core.job.job import planned_line

    refused = [item for item in planned if not isinstance(item, Job)]
    if as_json:
        for item in planned:
            click.echo(planned_line(item) if isinstance(item, Job) else report_line(item))
        return EXIT_SOME_FAILED if refused else EXIT_DONE
    for item in planned:
        if isinstance(item, Job):
            click.echo(printable(f"{item.source} -> {item.destination}"))
    for item in refused:
        click.echo(f"photochrom: {failure_line(item)}", err=True)
    if selection.passed:
        click.echo(printable(f"passed over: {selection.passed.in_words()}"), err=True)
    return EXIT_SOME_FAILED if refused else EXIT_DONE


def _colorize_pipe(
    sources: tuple[str, ...],
    output: str,
    like: "Job",
    device: str,
    progress: Progress,
    paths: Paths,
) -> int:
    """Standard input, spooled to a file since a picture is read twice, to a file or a pipe."""
    from core.job import run_all
    from core.job.planning import into_file
    from core.model.memory import refuse_without_memory
    from core.model.store import file_of

    if sources != (PIPE,):
        raise OptionsError("- must be the only source")
    name = Path("standard input")
    job = replace(like, source=name, destination=Path("standard output"))
    if (model := file_of(like.options.model)) and device in ("auto", "cpu"):
        refuse_without_memory(model)
    paths.read_standard_input()
    if output != PIPE:
        job = into_file(name, Path(output), like)
        paths.write(job.destination, "-o")
    paths.replace(progress.report_path, "--report", REPORT_LINES, appends=True)
    with progress, tempfile.TemporaryDirectory(prefix="photochrom-") as folder:
        job = replace(job, source=Path(folder, name))
        if output == PIPE:
            job = replace(job, destination=Path(folder, job.destination))
        job.source.write_bytes(sys.stdin.buffer.read())
        (outcome,) = run_all([job], model=like.options.model, device=device)
        shown = outcome.output and (outcome.output if output != PIPE else job.destination.name)
        progress.tell(replace(outcome, source=job.source.name, output=shown))
        if outcome.error:
            return EXIT_SOME_FAILED
        if outcome.is_left_alone:  # and who waits at the pipe's end gets nothing
            click.echo(f"photochrom: {name}: {'; '.join(outcome.notes)}", err=True)
            return EXIT_SOME_FAILED
        if output == PIPE:
            sys.stdout.buffer.write(job.destination.read_bytes())
            sys.stdout.buffer.flush()
    return EXIT_DONE
