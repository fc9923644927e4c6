"""The scripts in `docs/gimp.md`, as they stand there; in a real GIMP."""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests.gimp_plugin.gimp_session import GimpSession, Room

PAGE = Path(__file__).parents[2] / "docs" / "gimp.md"
OPEN_IMAGES, FOLDER = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
(SCHEME,) = re.findall(r"```scheme\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_python_example_colours_every_open_image(gimp: GimpSession, room: Room):
    modes = gimp.run(
        """
        images = [picture(8, 8, bytes(64), "Y' u8", GRAY)[0] for _ in range(2)]
        for image in images:
            image.set_selected_layers(image.get_layers())
        exec(example)
        value = [image.get_base_type().value_nick for image in images]
        """,
        example=OPEN_IMAGES,
    )
    assert modes == ["rgb", "rgb"]
    assert [note["query"]["vividness"] for note in room.journal("colorize")] == ["0.8", "0.8"]


def test_the_script_fu_example_makes_a_coloured_layer(gimp: GimpSession):
    found = gimp.run(
        """
        image, layer = picture(8, 8, bytes(64), "Y' u8", GRAY)
        image.set_selected_layers([layer])
        procedure = Gimp.get_pdb().lookup_procedure("plug-in-script-fu-eval")
        config = procedure.create_config()
        config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
        config.set_property("script", example)
        result = procedure.run(config)
        value = [result.index(0).value_nick, names(image)]
        """,
        example=SCHEME,
    )
    assert found == ["success", ["Coloured: photo", "photo"]]


def test_the_folder_example_saves_every_picture_with_its_colour_layer(
    gimp: GimpSession, room: Room
):
    for folder in ("scans", "coloured"):
        (room.path / folder).mkdir()
    for name in ("a", "b"):
        Image.fromarray(np.full((6, 7), 90, np.uint8)).save(room.path / "scans" / f"{name}.png")
    layers = gimp.run(
        """
        import os
        os.environ.update(SOURCE=f"{inside}/scans", TARGET=f"{inside}/coloured")
        exec(example)
        value = [len(names(load(f"{inside}/coloured/{name}.xcf"))) for name in "ab"]
        """,
        example=FOLDER,
        inside=room.inside,
    )
    assert layers == [2, 2]
