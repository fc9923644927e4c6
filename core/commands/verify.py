"""`photochrom verify`: is the lightness still the photographer's?"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from core.commands.arguments import ReadPath, max_pixels_option
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, PhotochromError, printable


@click.command(epilog="Example: photochrom verify scans/ coloured/")
@click.argument("original", type=ReadPath(exists=True, path_type=Path))
@click.argument("coloured", type=ReadPath(exists=True, path_type=Path))
@max_pixels_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line a file.")
def verify(original: Path, coloured: Path, max_pixels: int, as_json: bool) -> int:
    """Measure that L* of every pixel of COLOURED is that of ORIGINAL (files or folders).

    Tolerances: 16-bit 0.002; 8-bit 0.25, mean 0.10. JPEG, WebP and AVIF change pixels when they
    are encoded: worst 12, mean 1.0 for quality 90 and above. Both files are read once more by
    another program (tifffile, Pillow, imagecodecs), which must see the same pictures; each line
    says by which. pip install 'photochrom[verify]' installs all of them.
    """
    from core.job.promise import verify as compare

    failed = False
    for before, after in _pairs(original, coloured):
        try:
            if after is None:
                raise PhotochromError("has no coloured file", file=before, kind="vanished")
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


def _readers(readers: dict[str, str | None]) -> str:
    """Who read the two files a second time."""
    names = [reader or "photochrom alone" for reader in readers.values()]
    if len(set(names)) == 1:
        return f"read by {names[0]}" if None in readers.values() else f"read again by {names[0]}"
    return " and ".join(
        f"{role} {'read again' if reader else 'read'} by {name}"
        for (role, reader), name in zip(readers.items(), names, strict=True)
    )


def _pairs(original: Path, coloured: Path) -> Iterator[tuple[Path, Path | None]]:
    """Each original with its coloured file; None where there is none."""
    if not original.is_dir():
        yield original, _partner(coloured / original.name) if coloured.is_dir() else coloured
        return
    from core.job.planning import is_picture

    for path in sorted(original.rglob("*")):
        if path.is_file() and is_picture(path) and not path.is_relative_to(coloured):
            yield path, _partner(coloured / path.relative_to(original))


def _partner(wished: Path) -> Path | None:
    """The mirrored file, whatever suffix `--format` gave it."""
    if wished.is_file():
        return wished
    for pattern in (f"{wished.name}.*", f"{wished.stem}.*"):
        found = [path for path in wished.parent.glob(_literal(pattern)) if path.is_file()]
        if len(found) == 1:
            return found[0]
    return None


def _literal(pattern: str) -> str:
    """The pattern with every mark of a glob but its last star taken literally."""
    from glob import escape

    return escape(pattern[:-1]) + "*"
