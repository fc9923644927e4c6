"""Several chosen layers at once, and all layers as they are seen; in a real GIMP."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.gimp_plugin.gimp_session import GimpSession, Room


@pytest.mark.parametrize("output", ["colour-layer", "new-layer", "in-place"])
def test_several_chosen_layers_are_coloured_in_one_undo_step(gimp: GimpSession, output: str):
    """Each is a photograph of its own; a colour layer and its photograph are one."""
    found = gimp.run(
        """
        image, first = picture(8, 8, bytes(range(64)), "Y' u8", GRAY)
        second = Gimp.Layer.new(image, "second", 5, 4, Gimp.ImageType.GRAY_IMAGE, 100,
                                Gimp.LayerMode.NORMAL)
        image.insert_layer(second, None, 0)
        write(second, bytes(range(100, 120)), "Y' u8")
        second.set_offsets(2, 3)
        ran = colorize(image, first, second, output=output)
        again = colorize(image, *image.get_layers(), output=output)
        value = [ran, again, names(image), read(second, "R'G'B' u8"), read(first, "R'G'B' u8")]
        """,
        output=output,
    )
    assert found[0] == found[1] == {"status": "success", "message": ""}
    if output == "colour-layer":
        assert found[2] == ["Colour: second", "second", "Colour: photo", "photo"]
    elif output == "in-place":
        assert found[2] == ["second", "photo"]
        assert all(grays_of(bytes.fromhex(pixels)) == 0 for pixels in found[3:])
    else:
        assert found[2].count("Coloured: photo") == 1


def grays_of(pixels: bytes) -> int:
    """How many pixels of R'G'B' u8 are gray."""
    return sum(red == green == blue for red, green, blue in zip(*[iter(pixels)] * 3, strict=True))


SAMPLE_MERGED = """
image, photo = picture(8, 8, bytes([60]) * 64, "Y' u8", base)
healing = Gimp.Layer.new(image, "healing", 4, 8, Gimp.ImageType.RGBA_IMAGE
                         if base == RGB else Gimp.ImageType.GRAYA_IMAGE, 100,
                         Gimp.LayerMode.NORMAL)
image.insert_layer(healing, None, 0)
write(healing, bytes([200, 255]) * 32, "Y'A u8")
photo.set_visible(True)
ran = colorize(image, photo, sample_merged=True, output=output)
first = names(image)
again = colorize(image, photo, sample_merged=True, output=output)
top = image.get_layers()[0]
value = {"ran": ran, "again": again, "first": first, "names": names(image),
         "top": read(top, "R'G'B' u8"), "mode": top.get_mode().value_nick,
         "extent": [top.get_width(), top.get_height(), *top.get_offsets()[1:]],
         "photo": read(photo, "Y' u8"), "visible": [l.get_visible() for l in image.get_layers()]}
"""


@pytest.mark.parametrize("base", ["RGB", "GRAY"])
def test_sample_merged_colours_what_is_seen_and_puts_the_colours_above_all(
    gimp: GimpSession, room: Room, base: str
):
    found = gimp.run(f"base = {base}\n{SAMPLE_MERGED}", output="colour-layer")
    assert found["ran"] == found["again"] == {"status": "success", "message": ""}
    assert found["first"] == found["names"] == ["Colour: photo", "healing", "photo"]
    assert found["mode"] == "lch-color" and found["extent"] == [8, 8, 0, 0]
    top = np.frombuffer(bytes.fromhex(found["top"]), np.uint8).reshape(8, 8, 3)
    assert (top[:, :4, 1] == 200).all() and (top[:, 4:, 1] == 60).all()  # the fake keeps green
    assert bytes.fromhex(found["photo"]) == bytes([60]) * 64
    assert found["visible"] == [True, True, True]


def test_sample_merged_gives_a_coloured_copy_and_refuses_to_work_in_place(
    gimp: GimpSession, room: Room
):
    found = gimp.run(f"base = RGB\n{SAMPLE_MERGED}", output="new-layer")
    assert found["ran"]["status"] == "success"
    assert found["first"] == ["Colour: photo", "healing", "photo"]
    assert found["mode"] == "normal"
    refused = gimp.run(f"base = RGB\n{SAMPLE_MERGED}", output="in-place")
    assert "cannot be replaced in one of them" in refused["ran"]["message"]
    assert refused["names"] == ["healing", "photo"]


def test_hints_over_all_layers_are_read_from_where_they_lie(gimp: GimpSession, room: Room):
    """The photograph is smaller than the image; the hints fit the image."""
    ran = gimp.run(
        """
        image, photo = picture(8, 8, bytes(64), "Y' u8", RGB)
        small = Gimp.Layer.new(image, "small", 4, 4, Gimp.ImageType.RGB_IMAGE, 100,
                               Gimp.LayerMode.NORMAL)
        image.insert_layer(small, None, 0)
        small.set_offsets(3, 3)
        run("plug-in-photochrom-new-hints-layer", image, [small])
        hints = image.get_layers()[0]
        buffer = hints.get_buffer()
        buffer.set(Gegl.Rectangle.new(6, 1, 1, 1), "R'G'B'A u8", bytes([200, 9, 9, 255]))
        buffer.flush()
        value = colorize(image, small, sample_merged=True, hints=hints)
        """
    )
    assert ran["status"] == "success", ran
    sent = Image.open(io.BytesIO(bytes.fromhex(room.journal("colorize")[-1]["hints"])))
    assert sent.size == (8, 8) and sent.getpixel((6, 1)) == (200, 9, 9, 255)
