"""The plug-in as a person meets it: menu, dialog, progress, Cancel and Ctrl+Z, in GIMP's windows.

Slow, so asked for by PHOTOCHROM_GIMP_GUI=1 (`make gimp-gui`). Pictures of the screen are left in
the folder that PHOTOCHROM_GIMP_SCREENS names.
"""

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from core.model.store import installed
from core.options import DEFAULT_MODEL
from tests.gimp_plugin.gimp_session import Room
from tests.gimp_plugin.gui_session import GuiSession
from tests.gradio_app.serving import server

pytestmark = pytest.mark.skipif(
    os.environ.get("PHOTOCHROM_GIMP_GUI") != "1", reason="windows are slow: run `make gimp-gui`"
)
CANCEL = (700, 661)  # in the status bar, beside the progress
MIDDLE = (230, 150)  # in the dialog, of the preview
MAIN, DIALOG = "GIMP$", "^Photochrom: Colorize Layer$"
COLOUR = "^Photochrom: Colour of This Thing$"
ORANGE = (240, 27)  # in that dialog


@pytest.fixture(scope="module")
def screen(installed_room: Room) -> Iterator[GuiSession]:
    installed_room.use_fake()
    session = GuiSession(installed_room)
    yield session
    session.stop()


@pytest.fixture
def gui(room: Room, screen: GuiSession) -> Iterator[GuiSession]:
    yield screen
    screen.run(
        """
        while DISPLAYS:
            DISPLAYS.pop().delete()  # and the image with it
        """
    )


def show(gui: GuiSession, room: Room, kind: str = "gray") -> bytes:
    """Open a photograph in a window; returns its pixels."""
    picture = data.astronaut()
    if kind == "gray":
        picture = np.round(picture @ [0.2126, 0.7152, 0.0722]).astype(np.uint8)
    Image.fromarray(picture).save(room.path / "photo.png")
    pixels = gui.run(
        """
        image = load(path)
        if deep:
            image.convert_precision(Gimp.Precision.U16_NON_LINEAR)
        DISPLAYS.append(Gimp.Display.new(image))
        value = read(image.get_layers()[0])
        """,
        path=f"{room.inside}/photo.png",
        deep=kind == "16-bit",
    )
    gui.window(MAIN)
    return bytes.fromhex(pixels)


STATE = """
image = Gimp.get_images()[-1]
value = {"names": names(image), "base": image.get_base_type().value_nick,
         "pixels": read(image.get_layers()[-1]), "modes":
         [layer.get_mode().value_nick for layer in image.get_layers()]}
"""


STATE_OF_LAYERS = """
image = Gimp.get_images()[-1]
value = [len(names(image)), image.get_base_type().value_nick]
"""


def until(gui: GuiSession, condition, seconds: float = 30.0) -> dict[str, Any]:
    """The image's state, once it is as wanted."""
    deadline = time.monotonic() + seconds
    while not condition(state := gui.run(STATE)):
        if time.monotonic() >= deadline:
            keep_picture(gui, "stuck")
        assert time.monotonic() < deadline, f"still {state['names']}, {state['base']}"
        time.sleep(0.1)
    while gui.room.plug_ins():  # GIMP takes no keys for the image while it still works on it
        assert time.monotonic() < deadline, "the plug-in does not end"
        time.sleep(0.05)
    return state


def open_dialog(gui: GuiSession) -> None:
    """Filters > Photochrom (the last entry) > Colorize Layer…"""
    gui.window(MAIN)
    gui.keys("alt+r", "Up", "Right", pause=0.7)
    gui.keys("Return")
    gui.window(DIALOG)


def keep_picture(gui: GuiSession, name: str) -> None:
    folder = os.environ.get("PHOTOCHROM_GIMP_SCREENS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        gui.picture(Path(folder) / f"{name}.png")


def test_a_click_in_the_preview_gives_a_thing_its_colour_and_the_point_stays(
    gui: GuiSession, room: Room
):
    show(gui, room)
    open_dialog(gui)
    time.sleep(1)
    gui.click_in(DIALOG, *MIDDLE)
    gui.window(COLOUR)
    keep_picture(gui, "colour-of-a-thing")
    gui.keys("Return")
    gui.wait_without(COLOUR)
    gui.window(DIALOG)
    gui.keys("alt+o")
    until(gui, lambda state: len(state["names"]) == 2)
    noted = gui.run(
        """
        layer = Gimp.get_images()[-1].get_layers()[-1]
        value = bytes(layer.get_parasite("photochrom-points").get_data()).decode()
        """
    )
    (point,) = json.loads(noted)
    assert 0.4 < point["x"] < 0.6 and 0.4 < point["y"] < 0.7
    led = Image.open(io.BytesIO(bytes.fromhex(room.journal("colorize")[-1]["hints"])))
    assert np.array(led)[..., 3].any()


def test_a_point_is_removed_by_a_right_click_and_comes_back_by_ctrl_z(
    gui: GuiSession, room: Room, tmp_path: Path
):
    show(gui, room)
    open_dialog(gui)
    until_chroma(gui, tmp_path, lambda chroma: chroma > 10)
    gui.click_in(DIALOG, *MIDDLE)
    gui.window(COLOUR)
    gui.click_in(COLOUR, *ORANGE)  # one click takes a colour
    gui.wait_without(COLOUR)
    hints = []
    for change in (None, gui.right_click_in, lambda *_: gui.keys("ctrl+z")):
        if change:
            change(DIALOG, *MIDDLE)
        time.sleep(1)
        hints.append(bytes.fromhex(room.journal("preview")[-1]["hints"]))
    keep_picture(gui, "point")
    gui.keys("Escape")
    gui.wait_without(DIALOG)
    assert hints[0] == hints[2] and not hints[1]
    led = np.array(Image.open(io.BytesIO(hints[0])))
    assert (led[led[..., 3] > 0] == (0xE0, 0x7B, 0x2A, 0xFF)).all()


@pytest.mark.parametrize("kind", ["gray", "16-bit"])
def test_one_undo_brings_back_the_same_bytes(gui: GuiSession, room: Room, kind: str):
    before = show(gui, room, kind)
    base = gui.run(STATE)["base"]
    open_dialog(gui)
    keep_picture(gui, f"dialog-{kind}")
    gui.keys("alt+o")
    coloured = until(gui, lambda state: len(state["names"]) == 2)
    assert coloured["base"] == "rgb"
    assert coloured["modes"] == ["lch-color", "normal"]
    gui.wait_without(DIALOG)
    gui.window(MAIN)
    keep_picture(gui, f"coloured-{kind}")
    gui.keys("ctrl+z")
    undone = until(gui, lambda state: len(state["names"]) == 1)
    assert undone["base"] == base
    assert bytes.fromhex(undone["pixels"]) == before
    gui.keys("ctrl+y")
    assert until(gui, lambda state: len(state["names"]) == 2)["modes"][0] == "lch-color"


def test_one_undo_takes_back_colours_in_place_and_a_hidden_hints_layer(gui: GuiSession, room: Room):
    before = show(gui, room)
    gui.run(
        """
        image = Gimp.get_images()[-1]
        ran = run("plug-in-photochrom-new-hints-layer", image, image.get_layers(),
                  convert_gray=True)
        hints = image.get_layers()[0]
        buffer = hints.get_buffer()
        buffer.set(Gegl.Rectangle.new(9, 9, 50, 50), "R'G'B'A u8", bytes([200, 9, 9, 255]) * 2500)
        buffer.flush()
        value = colorize(image, image.get_layers()[1], output="in-place", hints=hints)
        """
    )
    visible = "value = [layer.get_visible() for layer in Gimp.get_images()[-1].get_layers()]"
    assert gui.run(visible) == [False, True]
    gui.window(MAIN)
    gui.keys("ctrl+z")
    gray = np.repeat(np.frombuffer(before, np.uint8), 3).tobytes()
    until(gui, lambda state: bytes.fromhex(state["pixels"]) == gray)
    assert gui.run(visible) == [True, True]
    gui.keys("ctrl+z")
    undone = until(gui, lambda state: state["names"] == ["photo.png"] or len(state["names"]) == 1)
    assert bytes.fromhex(undone["pixels"]) == before


def chroma_in_the_dialog(gui: GuiSession, folder: Path) -> float:
    """Mean distance from gray, in codes, of the middle of the dialog's preview."""
    gui.picture_of(DIALOG, folder / "dialog.png")
    picture = np.asarray(Image.open(folder / "dialog.png").convert("RGB")).astype(float)
    x, y = MIDDLE
    shown = picture[y - 90 : y + 90, x - 80 : x + 80]
    return float((shown.max(axis=2) - shown.min(axis=2)).mean())


def until_chroma(gui: GuiSession, folder: Path, condition: Callable[[float], bool]) -> float:
    deadline = time.monotonic() + 20
    while not condition(chroma := chroma_in_the_dialog(gui, folder)):
        assert time.monotonic() < deadline, chroma
        time.sleep(0.1)
    return chroma


def test_the_preview_follows_vividness_and_hints_and_shows_the_photograph_before(
    gui: GuiSession, room: Room, tmp_path: Path
):
    show(gui, room)
    open_dialog(gui)
    plain = until_chroma(gui, tmp_path, lambda chroma: chroma > 10)
    gui.keys("alt+v", "ctrl+a")
    gui.type("2")
    gui.keys("Tab")
    until_chroma(gui, tmp_path, lambda chroma: chroma > 1.5 * plain)
    keep_picture(gui, "preview-vivid")
    gui.keys("alt+b")
    until_chroma(gui, tmp_path, lambda chroma: chroma < 1)
    gui.keys("alt+b")
    until_chroma(gui, tmp_path, lambda chroma: chroma > 1.5 * plain)
    assert [note["query"]["want"] for note in room.journal("preview")] == ["chroma"]
    gui.keys("Escape")
    gui.wait_without(DIALOG)
    gui.run(
        """
        image = Gimp.get_images()[-1]
        run("plug-in-photochrom-new-hints-layer", image, image.get_layers(), convert_gray=True)
        hints = image.get_layers()[0]
        buffer = hints.get_buffer()
        buffer.set(Gegl.Rectangle.new(0, 0, 50, 50), "R'G'B'A u8", bytes([200, 9, 9, 255]) * 2500)
        buffer.flush()
        hints.update(0, 0, 50, 50)
        """
    )
    open_dialog(gui)
    until_chroma(gui, tmp_path, lambda chroma: chroma > 10)
    led = Image.open(io.BytesIO(bytes.fromhex(room.journal("preview")[-1]["hints"])))
    assert led.size == (512, 512)  # a layer of 512 pixels is not enlarged
    assert led.getpixel((25, 25)) == (200, 9, 9, 255)
    assert led.getpixel((99, 99))[3] == 0  # type: ignore[index]
    gui.keys("Escape")
    gui.wait_without(DIALOG)


def test_cancel_in_the_dialog_changes_nothing_and_asks_nobody(gui: GuiSession, room: Room):
    before = show(gui, room)
    open_dialog(gui)
    gui.keys("Escape")
    gui.wait_without(DIALOG)
    state = gui.run(STATE)
    assert (len(state["names"]), state["base"]) == (1, "gray")
    assert bytes.fromhex(state["pixels"]) == before
    assert room.journal("colorize") == []


def test_last_values_are_kept_and_ctrl_f_repeats_them(gui: GuiSession, room: Room):
    show(gui, room)
    open_dialog(gui)
    gui.keys("alt+v", "ctrl+a")
    gui.type("0.5")
    keep_picture(gui, "vividness")
    gui.keys("Tab", "alt+o")
    until(gui, lambda state: len(state["names"]) == 2)
    gui.wait_without(DIALOG)
    gui.window(MAIN)
    gui.keys("ctrl+z")
    until(gui, lambda state: len(state["names"]) == 1)
    gui.keys("ctrl+f")
    until(gui, lambda state: len(state["names"]) == 2)
    asked = [note["query"]["vividness"] for note in room.journal("colorize")]
    assert asked == ["0.5", "0.5"]


def test_the_progress_bar_cancels_and_the_server_is_free_again(gui: GuiSession, room: Room):
    room.use_fake("thinks")
    before = show(gui, room)
    open_dialog(gui)
    gui.keys("alt+o")
    _until_noted(room, "thinking")
    keep_picture(gui, "progress")
    gui.click(*CANCEL)
    _until_noted(room, "client gone")
    state = gui.run(STATE)
    assert (len(state["names"]), state["base"]) == (1, "gray")
    assert bytes.fromhex(state["pixels"]) == before


def test_cancel_while_the_colours_are_placed_does_not_leave_half_of_the_work(
    gui: GuiSession, room: Room
):
    gui.run(
        """
        image, _ = picture(4000, 3000, bytes(12_000_000), "Y' u8", GRAY)
        DISPLAYS.append(Gimp.Display.new(image))
        """
    )
    gui.fit(MAIN, 981, 662)  # GIMP makes the window larger for a large image
    open_dialog(gui)
    gui.keys("alt+o")
    _until_noted(room, "answered")
    while room.plug_ins():
        gui.click(*CANCEL)
        time.sleep(0.05)
    keep_picture(gui, "cancelled-while-placing")
    assert not gui.has_window("^GIMP Message$")
    state = gui.run(STATE_OF_LAYERS)
    assert state in ([1, "gray"], [2, "rgb"])


def test_ctrl_f_colours_after_a_hints_layer_was_made(gui: GuiSession, room: Room):
    show(gui, room)
    open_dialog(gui)
    gui.keys("alt+o")
    until(gui, lambda state: len(state["names"]) == 2)
    gui.wait_without(DIALOG)
    gui.window(MAIN)
    gui.keys("alt+r", "Up", "Right", pause=0.7)
    gui.keys("Down", "Return")
    until(gui, lambda state: len(state["names"]) == 3)
    gui.keys("ctrl+f")
    _until_noted(room, "colorize", 2)
    state = until(gui, lambda state: True)
    assert len(state["names"]) == 3


def test_an_error_is_one_sentence_in_a_box(gui: GuiSession, room: Room):
    room.use_fake("refuses")
    show(gui, room)
    open_dialog(gui)
    gui.keys("alt+o")
    gui.window("^GIMP Message$")
    keep_picture(gui, "error")
    gui.keys("Escape")
    gui.wait_without("^GIMP Message$")


def test_the_real_server_colours_and_the_screen_shows_it(gui: GuiSession, room: Room):
    room.end_servers()
    bundled = [found.name for found in installed() if found.bundled]
    model = ["--model", DEFAULT_MODEL] if DEFAULT_MODEL in bundled else []
    with server(room.path, *model):
        room.configure("/nowhere/photochrom")
        show(gui, room)
        open_dialog(gui)
        time.sleep(1.5)  # the models arrive while the dialog is open; this is for the picture
        keep_picture(gui, "real-dialog")
        gui.keys("alt+o")
        until(gui, lambda state: len(state["names"]) == 2)
        gui.wait_without(DIALOG)
        keep_picture(gui, "real-coloured")


def _until_noted(room: Room, event: str, times: int = 1) -> None:
    deadline = time.monotonic() + 20
    while len(room.journal(event)) < times:
        assert time.monotonic() < deadline, room.journal()
        time.sleep(0.05)
