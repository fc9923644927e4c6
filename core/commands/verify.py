"""`photochrom verify`: is the lightness still the photographer's?"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from core.commands.arguments import ReadPath, exclude_option, json_option_of, max_pixels_option
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, PhotochromError, printable


@click.command(epilog="Example: photochrom verify scans/ coloured/")
@click.argument("original", type=ReadPath(exists=True, path_type=Path))
@click.argument("coloured", type=ReadPath(exists=True, path_type=Path))
@max_pixels_option
@exclude_option
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    metavar="N",
    help="Of films compare every N-th frame.",
)
@json_option_of("Print one JSON line a file.")
def verify(
    original: Path,
    coloured: Path,
    max_pixels: int,
    exclude: tuple[str, ...],
    frames: int,
    as_json: bool,
) -> int:
    """Measure that L* of every pixel of COLOURED is that of ORIGINAL (files or folders).

    Tolerances: 16-bit 0.002; 8-bit 0.25, mean 0.10. JPEG, WebP and AVIF change pixels when they
    are encoded: worst 12, mean 1.0 for quality 90 and above. Both files are read once more by
    another program (tifffile, Pillow, imagecodecs), which must see the same pictures; each line
    says by which. The extra `verify` installs all of them.

    Of films luma must be the same, code for code (L* within 8 and in the mean 0.5 in ProRes, 24 and
    1.5 in x264, 32 and 1.5 in x265), L* of colours within 2.5 of their gray's (4, 6, 6), and all
    other streams the same bytes.
    """
    from core.film_names import is_film
    from core.job.colour_detection import is_left_alone
    from core.job.promise import verify as compare

    failed = False
    for before, after in _pairs(original, coloured, exclude):
        try:
            if isinstance(after, PhotochromError):
                may_lack_one = after.kind == "vanished" and not is_film(before)
                if may_lack_one and is_left_alone(before, max_pixels):
                    if not as_json:
                        click.echo(f"{printable(str(before))}: in colour already, has no result")
                    continue
                raise after
            if is_film(before):
                line, kept = _film(before, after, frames, as_json)
                click.echo(line)
                failed |= not kept
                continue
            result = compare(before, after, max_pixels)
        except PhotochromError as error:
            failed = True
            click.echo(f"photochrom: {error}", err=True)
            continue
        failed |= not result.kept
        if as_json:
            click.echo(json.dumps(asdict(result) | {"kept": result.kept}))
        else:
            verdict = "kept" if result.kept else "BROKEN: " + "; ".join(result.differences)
            click.echo(
                f"{printable(str(after))}: {verdict}"
                f"  (|dL*| worst {result.worst:.4f}, mean {result.mean:.4f};"
                f" {_readers(result.readers)})"
            )
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def _film(before: Path, after: Path, frames: int, as_json: bool) -> tuple[str, bool]:
    """What is said of a pair of films, and whether the promise holds."""
    from core.film.promise import verify as compare_films

    found = compare_films(before, after, frames)
    if as_json:
        return json.dumps(asdict(found) | {"kept": found.kept}), found.kept
    verdict = "kept" if found.kept else "BROKEN: " + "; ".join(found.differences)
    line = (
        f"{printable(str(after))}: {verdict}  ({found.compared} of {found.frames} frames: |dL*| of "
        f"luma worst {found.worst:.4f}, mean {found.mean:.4f}, of colours {found.chroma:.2f}; "
        f"{found.streams} other streams the same)"
    )
    return line, found.kept


def _readers(readers: dict[str, str | None]) -> str:
    """Who read the two files a second time."""
    names = [reader or "photochrom alone" for reader in readers.values()]
    if len(set(names)) == 1:
        return f"read by {names[0]}" if None in readers.values() else f"read again by {names[0]}"
    return " and ".join(
        f"{role} {'read again' if reader else 'read'} by {name}"
        for (role, reader), name in zip(readers.items(), names, strict=True)
    )


def _pairs(
    original: Path, coloured: Path, exclude: tuple[str, ...]
) -> Iterator[tuple[Path, Path | PhotochromError]]:
    """Each original with its coloured file, or with the reason why there is none."""
    if not original.is_dir():
        yield (
            original,
            _partner(original, coloured / original.name) if coloured.is_dir() else coloured,
        )
        return
    from core.job import Job, Selection, plan

    for item in plan(
        [original], coloured, Job(Path(), Path()), selection=Selection(exclude, films=True)
    ):
        if isinstance(item, Job):
            yield item.source, _partner(item.source, item.destination)
        elif item.error:
            error = PhotochromError(item.error.message, file=item.source, kind=item.error.kind)
            yield Path(item.source), error


def _partner(source: Path, wished: Path) -> Path | PhotochromError:
    """The mirrored file, whatever suffix `--format` gave it."""
    if wished.is_file():
        return wished
    for pattern in (f"{wished.name}.*", f"{wished.stem}.*"):
        found = [
            path
            for path in wished.parent.glob(_literal(pattern))
            if path.is_file() and path.suffix.lower() != ".xmp"
        ]
        if len(found) == 1:
            return found[0]
    return PhotochromError("has no coloured file", file=source, kind="vanished")


def _literal(pattern: str) -> str:
    """The pattern with every mark of a glob but its last star taken literally."""
    from glob import escape

    return escape(pattern[:-1]) + "*"
