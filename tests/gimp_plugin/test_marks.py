"""Which layer is meant: with live filters, after Image > Duplicate, from a saved file; a real GIMP.

GIMP numbers the layers of a duplicate anew. What was noted of a layer must name it all the same.
"""

import pytest

from tests.gimp_plugin.gimp_session import GimpSession, Room
from tests.gimp_plugin.test_hints import HINTS, PAINT

#: `everything(parent)`: all layers; `find(image, name)`: the one of that name;
#: `opened(image, path)`: the image after it was saved and opened again.
TREE = (
    PAINT
    + """
def everything(parent):
    for layer in parent.get_layers() if isinstance(parent, Gimp.Image) else parent.get_children():
        yield layer
        if layer.is_group():
            yield from everything(layer)

def find(image, name):
    return next(layer for layer in everything(image) if layer.get_name() == name)

def opened(image, path):
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(path), None)
    return load(path)

def filled(image, name, width, height):
    layer = Gimp.Layer.new(image, name, width, height, Gimp.ImageType.RGB_IMAGE, 100,
                           Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    layer.fill(Gimp.FillType.WHITE)

def invert(layer):
    layer.append_filter(Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", ""))

image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
"""
)

GROUPED = """
group = Gimp.GroupLayer.new(image, "group")
image.insert_layer(group, None, 0)
image.reorder_item(layer, group, 0)
"""
HINTED = "run(hints, image, [layer]); paint(image.get_layers()[0], 1, 1, 9, 9, (200, 9, 9, 255))"
LAYOUTS = {
    "alone": "invert(layer)",
    "under a white layer": "invert(layer); filled(image, 'white', 40, 30)",
    "under a smaller layer": "invert(layer); filled(image, 'small', 9, 9)",
    "in a group": GROUPED + "invert(layer)",
    "under a hints layer": f"invert(layer); {HINTED}",
}
VARIANTS = """
images = [image, image.duplicate(), opened(image, path)]
images.append(images[2].duplicate())
"""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_colours_of_a_layer_with_live_filters_are_its_own(
    gimp: GimpSession, room: Room, layout: str
):
    found = gimp.run(
        f"{TREE}\n{LAYOUTS[layout]}\n{VARIANTS}"
        """
value = []
for each in images:
    photo = find(each, "photo")
    ran = colorize(each, photo)
    above = find(each, "Colour: photo")
    value.append([ran["status"], read(above, "R'G'B' u8")[1],
                  each.get_item_position(photo) - each.get_item_position(above),
                  bool(above.get_parent()) == bool(photo.get_parent())])
value.append(len(Gimp.get_images()))
""",
        hints=HINTS,
        path=f"{room.inside}/filtered.xcf",
    )
    green = 255 - 120  # handed through by the fake server
    assert found == [["success", green, 1, True]] * 4 + [4]


def test_a_group_with_a_live_filter_is_coloured_as_it_is_seen(gimp: GimpSession):
    found = gimp.run(
        f"{TREE}\n{GROUPED}\ninvert(group)"
        """
filled(image, "white", 40, 30)
ran = colorize(image, group)
value = [ran["status"], names(image), read(find(image, "Colour: group"), "R'G'B' u8")[1]]
"""
    )
    assert found == ["success", ["white", "Colour: group", "group"], 255 - 120]


def test_a_filter_that_makes_a_layer_larger_leaves_the_colours_where_the_layer_is(
    gimp: GimpSession,
):
    ran, size, at, codes = gimp.run(
        """
        image, layer = picture(40, 30, bytes([120, 120, 120, 255]) * 1200, "R'G'B'A u8",
                               alpha=True, at=(5, 6))
        shadow = Gimp.DrawableFilter.new(layer, "gegl:dropshadow", "")
        for name in ("x", "y"):
            shadow.get_config().set_property(name, -10.0)
        shadow.update()
        layer.append_filter(shadow)
        ran = colorize(image, layer)
        above = image.get_layers()[0]
        value = [ran, [above.get_width(), above.get_height()], above.get_offsets()[1:],
                 read(above, "R'G'B'A u8")]
        """
    )
    assert ran == {"status": "success", "message": ""}
    assert (size, at) == ([40, 30], [5, 6])
    assert set(bytes.fromhex(codes)[1::4]) == {120}


@pytest.mark.parametrize("chosen", ["Hints: photo", "Colour: photo"])
def test_a_layer_of_ours_finds_its_photograph_in_a_duplicate_and_in_a_saved_file(
    gimp: GimpSession, room: Room, chosen: str
):
    """Layers above and below are numbered otherwise there."""
    found = gimp.run(
        f"{TREE}"
        """
below = layer.copy()
image.insert_layer(below, None, 1)
below.set_name("below")
"""
        f"{HINTED}"
        """
filled(image, "white", 40, 30)
colorize(image, layer)
"""
        f"{VARIANTS}"
        """
value = []
for each in images:
    ran = colorize(each, find(each, chosen), output="in-place")
    warm = [name for name in ("photo", "below", "white")
            if (codes := read(find(each, name), "R'G'B' u8"))[0] > codes[2]]
    value.append([ran["status"], warm])
""",
        hints=HINTS,
        chosen=chosen,
        path=f"{room.inside}/marked.xcf",
    )
    assert found == [["success", ["photo"]]] * 4
    hinted = [bool(note["hints"]) for note in room.journal("colorize")]
    assert hinted[1:] == [chosen.startswith("Hints")] * 4


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("layer.set_name('scan')", "scan"),
        ("other = layer.copy(); image.insert_layer(other, None, 0)", "photo"),
        ("other = layer.copy(); image.insert_layer(other, None, 3); layer.set_name('a')", "a"),
        ("image.reorder_item(layer, None, 0)", "photo"),
    ],
    ids=["renamed", "copied", "copied and renamed", "moved"],
)
def test_a_hints_layer_finds_its_photograph_after(gimp: GimpSession, change: str, expected: str):
    found = gimp.run(
        f"{TREE}\n{HINTED}\n{change}"
        """
ran = colorize(image, find(image, "Hints: photo"), output="in-place")
value = [ran["status"], [each.get_name() for each in everything(image)
                         if (codes := read(each, "R'G'B' u8"))[0] > codes[2]
                         and not each.get_name().startswith("Hints")]]
""",
        hints=HINTS,
    )
    assert found == ["success", [expected]]


def test_a_coloured_copy_is_not_the_photograph(gimp: GimpSession):
    found = gimp.run(
        f"{TREE}\n{HINTED}"
        """
colorize(image, layer, output="new-layer")
copy = find(image, "Coloured: photo")
before = read(copy)
colorize(image, find(image, "Hints: photo"), output="in-place")
codes = read(layer)
value = [read(copy) == before, codes[0] > codes[2]]
""",
        hints=HINTS,
    )
    assert found == [True, True]


def test_a_hints_layer_whose_photograph_is_gone_is_not_coloured_in_its_place(
    gimp: GimpSession, room: Room
):
    coloured, added, names = gimp.run(
        f"{TREE}\n{HINTED}"
        """
filled(image, "another", 40, 30)
image.remove_layer(layer)
value = [colorize(image, find(image, "Hints: photo")),
         run(hints, image, [find(image, "Hints: photo")]), names(image)]
""",
        hints=HINTS,
    )
    for ran in (coloured, added):
        assert ran["status"] == "execution-error"
        assert "photograph is gone" in ran["message"] and "Hints from layer" in ran["message"]
    assert names == ["another", "Hints: photo"]
    assert room.journal("colorize") == []


@pytest.mark.parametrize(
    ("name", "tattoo", "expected"),
    [
        ("photo colour", "layer.get_tattoo()", "photo"),
        ("other colour", "layer.get_tattoo()", "other colour"),
        ("photo colour", "image.get_layers()[0].get_tattoo()", "photo colour"),
    ],
    ids=["right", "of another layer", "of itself"],
)
def test_a_mark_of_an_earlier_version_is_believed_where_it_can_be_checked(
    gimp: GimpSession, name: str, tattoo: str, expected: str
):
    found = gimp.run(
        f"{TREE}"
        f"""
old = layer.copy()
image.insert_layer(old, None, 0)
old.set_name(name)
old.attach_parasite(Gimp.Parasite.new("photochrom-colour", 3, str({tattoo}).encode()))
colorize(image, old, output="in-place")
value = [each.get_name() for each in everything(image)
         if (codes := read(each))[0] > codes[2]]
""",
        name=name,
    )
    assert found == [expected]
