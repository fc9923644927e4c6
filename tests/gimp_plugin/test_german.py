"""The dialog in a German GIMP, with its keys and its Help button. Run by `make gimp-gui`.

The dialog is opened by a call, because the menu's keys are GIMP's and differ by language. Pictures
are left in the folder that PHOTOCHROM_GIMP_SCREENS names.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.gimp_plugin.gimp_session import Room
from tests.gimp_plugin.gui_session import GuiSession

pytestmark = pytest.mark.skipif(
    os.environ.get("PHOTOCHROM_GIMP_GUI") != "1", reason="windows are slow: run `make gimp-gui`"
)
DIALOG = "^Photochrom: Ebene kolorieren$"
HTML = "text/html", "x-scheme-handler/file"


@pytest.fixture
def gui(room: Room) -> Iterator[GuiSession]:
    _install_browser(room)
    session = GuiSession(room, 79, language="de")
    yield session
    session.stop()


def _install_browser(room: Room) -> None:
    """A browser that notes which page it was asked for."""
    program = room.path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" >> {room.inside}/opened\n')
    program.chmod(0o755)
    applications = room.path / ".local" / "share" / "applications"
    applications.mkdir(parents=True)
    entry = f"[Desktop Entry]\nType=Application\nName=Browser\nExec={room.inside}/browser %u\n"
    (applications / "browser.desktop").write_text(f"{entry}MimeType={';'.join(HTML)};\n")
    (room.path / ".config").mkdir(exist_ok=True)
    defaults = "".join(f"{kind}=browser.desktop\n" for kind in HTML)
    (room.path / ".config" / "mimeapps.list").write_text(f"[Default Applications]\n{defaults}")


def test_the_dialog_is_german_its_keys_are_apart_and_help_opens_the_german_page(
    gui: GuiSession, room: Room
):
    Image.fromarray(np.full((40, 60), 120, np.uint8)).save(room.path / "photo.png")
    answer = {}

    def call() -> None:
        answer["ran"] = gui.run(
            """
            image = load(path)
            DISPLAYS.append(Gimp.Display.new(image))
            ran = run(COLORIZE, image, image.get_layers(), run_mode=Gimp.RunMode.INTERACTIVE)
            value = [ran["status"], names(image)]
            """,
            path=f"{room.inside}/photo.png",
        )

    caller = threading.Thread(target=call, daemon=True)
    caller.start()
    gui.window(DIALOG)
    opened = room.path / "opened"
    gui.keys("alt+h")
    gui.wait_for(opened.exists, "the page of help")
    assert opened.read_text().strip().endswith("/photochrom/help/de/photochrom.html")
    gui.window(DIALOG)
    gui.keys("alt+w")
    folder = os.environ.get("PHOTOCHROM_GIMP_SCREENS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        gui.picture_of(DIALOG, Path(folder) / "dialog-german.png")
    gui.keys("alt+l")
    caller.join(120)
    assert answer["ran"][0] == "success"
    assert answer["ran"][1][0].startswith("Farbe: ")
    assert "duplicate mnemonic" not in gui.said()
