"""Carries sidecars, the XMP files beside a photograph, to its coloured result.

Programs keep their metadata of `scan.tif` in `scan.xmp` or in `scan.tif.xmp`. Both are copied next
to the result under its name, and changed where they would not be true of it: they then say that it
is coloured and by which model, that it is upright and in sRGB, and which format it has.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import DestinationError
from core.image.atomic import new_file, write_all
from core.image.format import Format
from core.image.metadata import Metadata
from core.image.metadata.provenance import Provenance, add_provenance, provenance_of
from core.image.metadata.xmp import BadPacket
from core.image.metadata.xmp_upright import DUBLIN_CORE, PHOTOSHOP, corrected, upright
from core.image.page import Page

#: A larger file is no sidecar.
MOST_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class Result:
    """The file that sidecars are carried to, with its facts; `page` is the source's first page."""

    path: Path
    format: Format
    provenance: Provenance
    page: Page


def sidecars_of(photograph: Path) -> list[tuple[Path, str]]:
    """Returns the path and form ('stem' or 'name') of each sidecar beside a photograph.

    Symbolic links are left out: they could lead out of the folders that a worker may read.
    """
    found = []
    for form, name in (("stem", photograph.stem), ("name", photograph.name)):
        for suffix in (".xmp", ".XMP"):
            path = photograph.with_name(name + suffix)
            try:
                status = path.lstat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and status.st_size <= MOST_BYTES:
                found.append((path, form))
                break
    return found


def carry(photograph: Path, result: Result, *, replaces: bool) -> tuple[str, ...]:
    """Writes the sidecars of `photograph` beside the result; returns notes.

    A sidecar that the result already has is left alone; with `replaces`, one that was carried there
    before is written anew. Never fails: trouble with a sidecar does not spoil a coloured result.
    """
    notes = (
        _carry_one(sidecar, form, result, replaces) for sidecar, form in sidecars_of(photograph)
    )
    return tuple(note for note in notes if note)


def _carry_one(sidecar: Path, form: str, result: Result, replaces: bool) -> str:
    stem = result.path.stem if form == "stem" else result.path.name
    target = result.path.with_name(stem + sidecar.suffix)
    try:
        if os.path.lexists(target):
            former = _key_of(target)
            if former == result.provenance.job_key and not replaces:
                return ""
            if not (former and replaces) or target.samefile(sidecar):
                return f"its sidecar {sidecar.name} is not carried: {target.name} stands there"
        packet = _adapted(sidecar.read_bytes(), result)
        with new_file(target, replace=replaces, like=sidecar.stat()) as file:
            write_all(file, packet)
    except BadPacket as error:
        return f"its sidecar {sidecar.name} is not carried: it is no XMP ({error})"
    except DestinationError as error:
        if error.kind == "exists":  # another process has just written it
            return ""
        return f"its sidecar {sidecar.name} is not carried: {error.what}"
    except OSError as error:
        return f"its sidecar {sidecar.name} cannot be read ({error.strerror})"
    return ""


def _key_of(sidecar: Path) -> str:
    """Returns the job key in a sidecar; '' where this program has not written it."""
    provenance = provenance_of(sidecar.read_bytes())
    return provenance.job_key if provenance else ""


def _adapted(packet: bytes, result: Result) -> bytes:
    """Returns the packet, changed so that it is true of the result. Raises `BadPacket`."""
    true = {
        (DUBLIN_CORE, "format"): result.format.media_type,
        (PHOTOSHOP, "SidecarForExtension"): result.path.suffix[1:].upper(),
    }
    page = result.page
    packet = upright(packet, page.metadata.orientation, page.width, page.height)
    adapted = add_provenance(Metadata(xmp=corrected(packet, true)), result.provenance)
    assert adapted.xmp is not None
    return adapted.xmp
