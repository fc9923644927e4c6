"""`photochrom info`: what a picture is, and how it came to its colours."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from core.commands.arguments import ReadPath, json_option_of
from core.errors import EXIT_DONE, EXIT_SOME_FAILED, PhotochromError, printable


@click.command(epilog="Example: photochrom info coloured/grandmother.jpg")
@click.argument("files", nargs=-1, required=True, type=ReadPath(readable=False, path_type=Path))
@json_option_of("Print one JSON line a file.")
def info(files: tuple[Path, ...], as_json: bool) -> int:
    """Show size, depth and pages of pictures, and the provenance of coloured ones."""
    failed = False
    for path in files:
        try:
            facts = _facts(path)
        except PhotochromError as error:
            failed = True
            click.echo(f"photochrom: {error}", err=True)
            continue
        click.echo(json.dumps(facts) if as_json else _prose(facts))
    return EXIT_SOME_FAILED if failed else EXIT_DONE


def _facts(path: Path) -> dict:
    from core.image.read import open_source, read_provenance

    with open_source(path, max_pixels=sys.maxsize) as source:  # its headers are small enough
        pages = [
            {
                "width": p.width,
                "height": p.height,
                "depth": p.depth,
                "channels": p.channels,
                "alpha": p.has_alpha,
            }
            for p in source.pages
        ]
        provenance = read_provenance(path)
        return {
            "file": str(path),
            "format": source.format.name,
            "pages": pages,
            "provenance": provenance and asdict(provenance),
        }


def _prose(facts: dict) -> str:
    first = facts["pages"][0]
    count = len(facts["pages"])
    lines = [
        f"{printable(facts['file'])}: {facts['format']}, {first['width']}x{first['height']}, "
        f"{first['depth']}-bit {first['channels']}"
        + (" with alpha" if first["alpha"] else "")
        + (f", {count} pages" if count > 1 else "")
    ]
    for key, value in (facts["provenance"] or {"coloured by photochrom": "no"}).items():
        lines.append(printable(f"  {key.replace('_', ' ')}: {value}"))
    return "\n".join(lines)
