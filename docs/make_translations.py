"""Brings the plug-in's translations up to date: new words into each photochrom.po, each compiled.

Run `python docs/make_translations.py`, then translate what it names. A test holds the files to it.
"""

import sys
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

PLUG_IN: Final = Path(__file__).parents[1] / "gimp_plugin" / "photochrom"


def words() -> Catalog:
    """Every text that the plug-in marks for translation."""
    found = Catalog(project="photochrom", fuzzy=False)
    rows = extract_from_dir(
        PLUG_IN, [("*.py", "python")], keywords={"_": None}, strip_comment_tags=True
    )
    for name, _line, message, _comments, _context in sorted(rows, key=lambda row: row[:2]):
        found.add(message, locations=[(Path(name).name, None)])  # type: ignore[list-item]
    return found


def translations() -> list[Path]:
    """The files that translators edit, one a language."""
    return sorted(PLUG_IN.glob("locale/*/LC_MESSAGES/photochrom.po"))


def read(path: Path) -> Catalog:
    """The translation in a file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def compiled(catalog: Catalog) -> bytes:
    """What gettext reads."""
    packed = BytesIO()
    write_mo(packed, catalog)
    return packed.getvalue()


def main() -> None:
    """Update and compile."""
    for path in translations():
        catalog = read(path)
        catalog.update(words(), no_fuzzy_matching=True, update_creation_date=False)
        catalog.obsolete.clear()
        catalog.project, catalog.version, catalog.fuzzy = "photochrom", "1", False
        catalog.last_translator = catalog.language_team = "The Photochrom authors"
        catalog.msgid_bugs_address = "see docs/gimp.md"
        catalog.revision_date = catalog.creation_date
        with path.open("wb") as file:
            write_po(file, catalog, width=100, sort_output=False)
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        for message in catalog:
            if message.id and not message.string:
                sys.stdout.write(f"{path}: not translated: {message.id}\n")


if __name__ == "__main__":
    main()
