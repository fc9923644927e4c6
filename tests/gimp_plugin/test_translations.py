"""The plug-in's translations: whole, compiled, and with keys of their own for every dialog."""

import gettext
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from docs.make_translations import PLUG_IN, compiled, read, translations, words
from gimp_plugin.commands import gimp as gimp_command
from gimp_plugin.installer import folder_in

MENU = ["_Colorize Layer…", "_Recolour Selection…", "New _Hints Layer"]
COLOUR_OF_A_POINT = ["Remo_ve Point"]  # beside Gtk's own _Select and _Cancel
RECOLOUR = ["C_olour", "Recolo_ur"]
SERVER = ["_Advanced", "Server a_ddress", "Server _token"]
CONFIRMATION = ["_Cancel", "Convert to _RGB"]
#: The buttons that GIMP itself adds to a dialog.
OF_GIMP = ["_Reset", "_Cancel", "_Help", "_Load Saved Settings", "_Save Settings"]
LANGUAGES = ["en", *(path.parts[-3] for path in translations())]


@pytest.mark.parametrize("path", translations(), ids=lambda path: path.parts[-3])
def test_every_word_of_the_plug_in_is_translated_and_compiled(path: Path):
    catalog = read(path)
    wanted = {str(message.id) for message in words() if message.id}
    assert {str(message.id) for message in catalog if message.id} == wanted
    for message in catalog:
        if message.id:
            text, translated = str(message.id), str(message.string)
            assert translated and not message.fuzzy, text
            holes = re.compile(r"{\w*}")
            assert holes.findall(text) == holes.findall(translated)
            assert text.count("_") == translated.count("_"), translated
    assert path.with_suffix(".mo").read_bytes() == compiled(catalog)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_things_of_a_dialog_have_one_key(gimp_root: Path, language: str):
    own = gettext.translation("photochrom", PLUG_IN / "locale", [language], fallback=True)
    folder = gimp_root / "usr/share/locale"
    of_gimp = gettext.translation("gimp30-libgimp", folder, [language], fallback=True)
    texts = [str(message.id) for message in words() if message.id and "_" in message.id]
    rows = [
        own.gettext(text)
        for text in texts
        if text not in (*MENU, *CONFIRMATION, *RECOLOUR, *COLOUR_OF_A_POINT)
    ]
    shared = [of_gimp.gettext(text) for text in OF_GIMP]
    dialogs = [
        rows + shared,
        [own.gettext(text) for text in (*RECOLOUR, *SERVER)] + shared,
        [own.gettext(text) for text in CONFIRMATION],
        [own.gettext(text) for text in MENU],
    ]
    assert len(rows) > 10
    for dialog in dialogs:
        keys = Counter(text[text.index("_") + 1].lower() for text in dialog if "_" in text)
        assert [key for key, count in keys.items() if count > 1] == [], dialog


def test_the_installed_plug_in_speaks_the_language_of_its_environment(tmp_path: Path):
    ran = CliRunner().invoke(gimp_command, ["install", "--profile", str(tmp_path)])
    assert ran.exit_code == 0, ran.output
    code = "import json, translation; print(json.dumps(translation._('_Vividness')))"
    for language, text in (("de", "_Farbkraft"), ("xx", "_Vividness")):
        said = subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder_in(tmp_path),
            env={**os.environ, "LANGUAGE": language},
            capture_output=True,
            text=True,
        )
        assert json.loads(said.stdout) == text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_button_finds_a_page_for_each_entry(language: str):
    folder = PLUG_IN / "help" / language
    items = ElementTree.parse(folder / "gimp-help.xml").getroot()
    assert {item.get("id") for item in items} == {
        "plug-in-photochrom-colorize",
        "plug-in-photochrom-recolour-selection",
        "plug-in-photochrom-new-hints-layer",
    }
    for item in items:
        name, _, anchor = str(item.get("ref")).partition("#")
        page = (folder / name).read_text("utf-8")
        assert not anchor or f'id="{anchor}"' in page
