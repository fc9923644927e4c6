"""Takes the README's picture of GIMP: `python -m tests.gimp_plugin.take_picture`.

A real GIMP 3 on a screen of its own, a real server with the bundled model, and scikit-image's
coffee, gray, with the layer that the plug-in puts above it.
"""

import sys
import time

import numpy as np
from click.testing import CliRunner
from PIL import Image
from skimage import data

from core.options import DEFAULT_MODEL
from gimp_plugin.commands import gimp as gimp_command
from tests.gimp_plugin.gimp_session import Room, root_with_gimp
from tests.gimp_plugin.gui_session import GuiSession
from tests.gradio_app.serving import server
from tests.gradio_app.take_pictures import TARGET

WINDOW = (1272, 780)  # pixels, without its frame
FRAMED = (1272, 803)


def main(model: str) -> None:
    """Writes gimp.png."""
    room = Room(root_with_gimp())
    try:
        CliRunner().invoke(gimp_command, ["install", "--profile", str(room.profile)])
        room.configure("/nowhere/photochrom")
        gray = np.round(data.coffee() @ [0.2126, 0.7152, 0.0722]).astype(np.uint8)
        Image.fromarray(gray).save(room.path / "coffee.png")
        with server(room.path, "--model", model):
            gui = GuiSession(room)
            gui.run(
                """
                image = load(path)
                layer = image.get_layers()[0]
                layer.set_name("coffee")
                DISPLAYS.append(Gimp.Display.new(image))
                value = colorize(image, layer, convert_gray=True)
                """,
                path=f"{room.inside}/coffee.png",
            )
            gui.fit("GIMP$", *WINDOW)
            gui.keys("shift+ctrl+j", "1")  # the whole picture, at its own size
            time.sleep(2)  # the window is drawn anew
            gui.picture(room.path / "taken.png")
            gui.stop()
        taken = Image.open(room.path / "taken.png").convert("RGB").crop((0, 0, *FRAMED))
        taken.quantize(256).save(TARGET / "gimp.png", optimize=True)
    finally:
        room.remove()


if __name__ == "__main__":
    main(*(sys.argv[1:] or [DEFAULT_MODEL]))
