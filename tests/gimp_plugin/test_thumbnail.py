"""The preview's thumbnail, for every kind of image; GIMP 3.0's own is none for deep RGB images."""

import numpy as np
import pytest

from tests.gimp_plugin.gimp_session import GimpSession, Room

TARGET = """
import sys
sys.path.insert(0, plug_in)
from layers import Extent, Target
from thumbnail import paint_over, thumbnail_of
sys.path.remove(plug_in)
"""
PRECISIONS = ("U8_NON_LINEAR", "U8_LINEAR", "U16_NON_LINEAR", "FLOAT_LINEAR", "DOUBLE_NON_LINEAR")


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_thumbnail_shows_the_picture(gimp: GimpSession, room: Room, precision: str, merged: bool):
    found = gimp.run(
        TARGET
        + """
value = []
for base, babl, samples in ((RGB, "R'G'B' u8", [200, 100, 50]), (GRAY, "Y' u8", [100])):
    for alpha in (False, True):
        image, layer = picture(40, 20, bytes(samples * 800), babl, base, precision, alpha)
        target = Target(image, layer, "colour-layer", True, True, merged)
        seen = thumbnail_of(target, 20, 20)
        data = seen.read_pixel_bytes().get_data()
        value.append([seen.get_width(), seen.get_height(), list(data[:3])])
""",
        precision=precision,
        merged=merged,
        plug_in=f"{room.inside}/profile/plug-ins/photochrom",
    )
    assert len(found) == 4
    for (width, height, colour), wanted in zip(
        found, 2 * [[200, 100, 50]] + 2 * [[100, 100, 100]], strict=True
    ):
        assert (width, height) == (20, 10)
        assert max(abs(a - b) for a, b in zip(colour, wanted, strict=True)) <= 1


def test_paint_lies_on_the_thumbnail_where_it_lies_on_the_photograph(gimp: GimpSession, room: Room):
    found = gimp.run(
        TARGET
        + """
image, _ = picture(400, 300, bytes([120]) * 120000, "Y' u8", RGB, "U16_NON_LINEAR")
hints = Gimp.Layer.new(image, "hints", 200, 300, Gimp.ImageType.RGBA_IMAGE, 100, 0)
image.insert_layer(hints, None, 0)
hints.set_offsets(100, 0)
buffer = hints.get_buffer()
buffer.set(Gegl.Rectangle.new(20, 40, 40, 40), "R'G'B'A u8", bytes([200, 9, 9, 255]) * 1600)
buffer.flush()
hints.update(0, 0, 200, 300)
value = paint_over(hints, Extent(50, 20, 300, 200), 150, 100)
""",
        plug_in=f"{room.inside}/profile/plug-ins/photochrom",
    )
    paint = np.frombuffer(bytes.fromhex(found), np.uint8).reshape(100, 150, 4)
    wanted = np.zeros((100, 150), bool)
    wanted[10:30, 35:55] = True  # 120..160, 40..80 of the image, from 50, 20 on, at half its size
    painted = paint[..., 3] > 128
    assert (painted != wanted).sum() < 0.1 * wanted.sum()
    assert np.abs(paint[20, 45].astype(int) - (200, 9, 9, 255)).max() <= 1
