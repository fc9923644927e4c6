"""The hints layer: made, painted on, sent as a picture of the photograph's size; in a real GIMP."""

import io

import numpy as np
from PIL import Image

from tests.gimp_plugin.gimp_session import GimpSession, Room

HINTS = "plug-in-photochrom-new-hints-layer"

PAINT = """
def paint(layer, x, y, width, height, colour):
    buffer = layer.get_buffer()
    area = Gegl.Rectangle.new(x, y, width, height)
    buffer.set(area, "R'G'B'A u8", bytes(colour) * (width * height))
    buffer.flush()
    layer.update(x, y, width, height)
"""


def hints_of(room: Room) -> np.ndarray:
    """The hints that came with the last request, as RGBA."""
    picture = Image.open(io.BytesIO(bytes.fromhex(room.journal("colorize")[-1]["hints"])))
    assert picture.mode == "RGBA"
    return np.array(picture)


def test_new_hints_layer_is_transparent_and_chosen_and_above_the_photograph(gimp: GimpSession):
    found = gimp.run(
        """
        image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
        ran = run(hints, image, [layer])
        top = image.get_layers()[0]
        value = {
            "ran": ran, "names": names(image), "pixels": read(top, "R'G'B'A u8"),
            "chosen": [chosen.get_name() for chosen in image.get_selected_layers()],
            "size": [top.get_width(), top.get_height()],
        }
        """,
        hints=HINTS,
    )
    assert found["ran"]["status"] == "success", found["ran"]
    assert found["names"] == ["Hints: photo", "photo"]
    assert found["chosen"] == ["Hints: photo"]
    assert found["size"] == [40, 30]
    assert set(bytes.fromhex(found["pixels"])[3::4]) == {0}


def test_paint_is_sent_and_its_layer_hidden_when_the_hints_layer_is_the_chosen_one(
    gimp: GimpSession, room: Room
):
    found = gimp.run(
        PAINT
        + """
image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
run(hints, image, [layer])
painted = image.get_layers()[0]
paint(painted, 5, 6, 7, 8, (200, 30, 40, 255))
ran = colorize(image, painted)
value = [ran, names(image), painted.get_visible()]
""",
        hints=HINTS,
    )
    ran, names, visible = found
    assert ran["status"] == "success"
    assert names == ["Hints: photo", "Colour: photo", "photo"]
    assert visible is False
    (request,) = room.journal("colorize")
    assert request["kind"] == "multipart/form-data"
    assert request["bytes"] == 40 * 30 * 3
    sent = hints_of(room)
    expected = np.zeros((30, 40, 4), np.uint8)
    expected[6:14, 5:12] = (200, 30, 40, 255)
    assert np.array_equal(sent, expected)


def test_hints_lie_where_they_were_painted_whatever_the_offsets_of_the_layers(
    gimp: GimpSession, room: Room
):
    gimp.run(
        PAINT
        + """
image, layer = picture(20, 10, bytes([120]) * 600, "R'G'B' u8", at=(12, 7))
image.resize(60, 40, 0, 0)
painted = Gimp.Layer.new(image, "dabs", 30, 20, Gimp.ImageType.RGBA_IMAGE, 100,
                         Gimp.LayerMode.NORMAL)
painted.fill(Gimp.FillType.TRANSPARENT)
image.insert_layer(painted, None, 0)
painted.set_offsets(4, 2)
paint(painted, 10, 6, 3, 2, (10, 200, 30, 255))   # at 14..16, 8..9 of the image
colorize(image, layer, hints=painted)
"""
    )
    rows, columns = np.nonzero(hints_of(room)[..., 3])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 2, 2, 4)
    assert hints_of(room).shape == (10, 20, 4)


def test_a_hints_layer_without_paint_asks_for_the_automatic_colours(gimp: GimpSession, room: Room):
    visible = gimp.run(
        """
        image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
        run(hints, image, [layer])
        colorize(image, image.get_layers()[0])
        value = image.get_layers()[0].get_visible()
        """,
        hints=HINTS,
    )
    assert visible  # what led to nothing is not hidden, and is told
    assert "Nothing is painted on 'Hints: photo'" in gimp.said()
    (request,) = room.journal("colorize")
    assert (request["kind"], request["hints"]) == ("application/octet-stream", "")


def test_a_gray_image_can_be_painted_on_unless_its_conversion_is_forbidden(gimp: GimpSession):
    refused, allowed = gimp.run(
        """
        image, layer = picture(8, 8, bytes(64), "Y' u8", GRAY)
        refused = [run(hints, image, [layer], convert_gray=False)["message"], names(image)]
        run(hints, image, [layer])
        value = [refused, [image.get_base_type().value_nick, names(image)]]
        """,
        hints=HINTS,
    )
    assert "convert-gray" in refused[0] and refused[1] == ["photo"]
    assert allowed == ["rgb", ["Hints: photo", "photo"]]


def test_a_layer_cannot_be_its_own_hints(gimp: GimpSession):
    ran = gimp.run(
        """
        image, layer = picture(8, 8, bytes(192), "R'G'B' u8")
        value = colorize(image, layer, hints=layer)
        """
    )
    assert "cannot colour itself" in ran["message"]
