"""Where colours go: selections, masks, groups, offsets, what cannot be coloured; in a real GIMP."""

import numpy as np
import pytest

from tests.gimp_plugin.gimp_session import GimpSession, Room

#: A gray picture of 8-bit RGB; the fake server makes red and blue differ by far.
MAKE = """
image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")

def warmth(drawable):
    samples = read(drawable, "R'G'B'A u8")
    return bytes(max(0, r - b) for r, b in zip(samples[0::4], samples[2::4]))
"""


def warm(text: str) -> np.ndarray:
    """Red minus blue of a 40 x 30 picture, from what `warmth` left."""
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(30, 40).astype(int)


@pytest.mark.parametrize("output", ["new-layer", "in-place"])
def test_only_what_is_selected_is_coloured_and_the_feather_fades(gimp: GimpSession, output: str):
    coloured = warm(
        gimp.run(
            MAKE
            + """
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 20, 30)
Gimp.Selection.feather(image, 8)
ran = colorize(image, layer, output=output)
assert ran["status"] == "success", ran
assert not Gimp.Selection.is_empty(image)
value = warmth(image.get_layers()[0])
""",
            output=output,
        )
    )
    row = coloured[15]
    assert row[0] == row.max() > 25
    assert row[-1] == 0
    assert np.all(np.diff(row) <= 0)
    assert ((row > 2) & (row < row.max() - 2)).sum() >= 4  # it fades, it does not end


def test_the_mask_of_a_colour_layer_is_the_selection(gimp: GimpSession):
    mask, hard = gimp.run(
        MAKE
        + """
image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 5, 20, 10)
colorize(image, layer)
top = image.get_layers()[0]
value = [read(top.get_mask(), "Y u8"), top.get_edit_mask()]
"""
    )
    expected = np.zeros((30, 40), np.uint8)
    expected[5:15, 10:30] = 255
    assert np.array_equal(np.frombuffer(bytes.fromhex(mask), np.uint8).reshape(30, 40), expected)
    assert hard is False


@pytest.mark.parametrize("output", ["colour-layer", "new-layer", "in-place"])
def test_a_selection_that_is_not_respected_stays_as_it_was(gimp: GimpSession, output: str):
    coloured, selected, masked, channels = gimp.run(
        MAKE
        + """
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 20, 30)
before = read(image.get_selection(), "Y u8")
colorize(image, layer, output=output, respect_selection=False)
top = image.get_layers()[0]
value = [warmth(top), read(image.get_selection(), "Y u8") == before, bool(top.get_mask()),
         len(image.get_channels())]
""",
        output=output,
    )
    assert warm(coloured).min() > 25
    assert (selected, masked, channels) == (True, False, 0)


def test_a_selection_beside_the_layer_is_told(gimp: GimpSession, room: Room):
    ran = gimp.run(
        """
        image, layer = picture(20, 20, bytes(1200), "R'G'B' u8", at=(30, 0))
        image.resize(60, 20, 0, 0)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 10, 10)
        value = colorize(image, layer)
        """
    )
    assert ran["status"] == "execution-error"
    assert "does not touch the layer" in ran["message"]
    assert room.journal("colorize") == []


@pytest.mark.parametrize("output", ["colour-layer", "new-layer"])
@pytest.mark.parametrize("selected", [False, True])
def test_what_the_mask_of_the_layer_hides_is_not_coloured(
    gimp: GimpSession, output: str, selected: bool
):
    """Another photograph below shows through the mask's hole, and must stay gray."""
    coloured = warm(
        gimp.run(
            MAKE
            + """
below = Gimp.Layer.new(image, "below", 40, 30, Gimp.ImageType.RGB_IMAGE, 100,
                       Gimp.LayerMode.NORMAL)
image.insert_layer(below, None, 1)
write(below, bytes([90]) * 3600, "R'G'B' u8")
mask = layer.create_mask(Gimp.AddMaskType.WHITE)
layer.add_mask(mask)
write(mask, (b"\\xff" * 20 + b"\\0" * 20) * 30, "Y u8")
if selected:
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 40, 15)
ran = colorize(image, layer, output=output)
assert ran["status"] == "success", ran
seen = Gimp.Layer.new_from_visible(image, image, "seen")
value = warmth(seen)
""",
            output=output,
            selected=selected,
        )
    )
    assert coloured[:15, :20].min() > 10
    assert coloured[:, 20:].max() == 0
    assert (coloured[15:, :20].max() == 0) == selected


def test_a_mask_that_is_being_edited_stands_for_its_layer(gimp: GimpSession):
    names = gimp.run(
        MAKE
        + """
mask = layer.create_mask(Gimp.AddMaskType.WHITE)
layer.add_mask(mask)
ran = colorize(image, mask)
value = [ran["status"], names(image)]
"""
    )
    assert names == ["success", ["Colour: photo", "photo"]]


def test_transparent_pixels_of_the_photograph_do_not_colour_what_lies_below(gimp: GimpSession):
    coloured = warm(
        gimp.run(
            """
            samples = (bytes([120, 120, 120, 255]) * 20 + bytes([120, 120, 120, 0]) * 20) * 30
            image, layer = picture(40, 30, samples, "R'G'B'A u8", alpha=True)
            below = Gimp.Layer.new(image, "below", 40, 30, Gimp.ImageType.RGB_IMAGE, 100,
                                   Gimp.LayerMode.NORMAL)
            image.insert_layer(below, None, 1)
            write(below, bytes([90]) * 3600, "R'G'B' u8")
            colorize(image, layer)
            seen = read(Gimp.Layer.new_from_visible(image, image, "seen"), "R'G'B'A u8")
            value = bytes(max(0, r - b) for r, b in zip(seen[0::4], seen[2::4]))
            """
        )
    )
    assert coloured[:, :20].min() > 10
    assert coloured[:, 20:].max() == 0


@pytest.mark.parametrize("output", ["colour-layer", "new-layer", "in-place"])
def test_a_layer_in_a_group_is_coloured_where_it_is(gimp: GimpSession, output: str):
    ran, inside, top = gimp.run(
        MAKE
        + """
group = Gimp.GroupLayer.new(image, "group")
image.insert_layer(group, None, 0)
image.reorder_item(layer, group, 0)
ran = colorize(image, layer, output=output)
value = [ran["status"], [child.get_name() for child in group.get_children()], names(image)]
""",
        output=output,
    )
    expected = {
        "colour-layer": ["Colour: photo", "photo"],
        "new-layer": ["Coloured: photo", "photo"],
        "in-place": ["photo"],
    }
    assert (ran, inside, top) == ("success", expected[output], ["group"])


@pytest.mark.parametrize("output", ["colour-layer", "new-layer"])
def test_a_group_is_coloured_as_it_is_composed(gimp: GimpSession, output: str):
    ran, top, at, coloured = gimp.run(
        MAKE
        + """
group = Gimp.GroupLayer.new(image, "group")
image.insert_layer(group, None, 0)
image.reorder_item(layer, group, 0)
layer.set_offsets(3, 4)
ran = colorize(image, group, output=output)
above = image.get_layers()[0]
value = [ran["status"], names(image), above.get_offsets()[1:], warmth(above)]
""",
        output=output,
    )
    assert (ran, top, at) == ("success", ["Colour: group", "group"], [3, 4])
    assert warm(coloured).min() > 25


@pytest.mark.parametrize(
    ("prepare", "arguments", "words"),
    [
        ("image.convert_indexed(0, 0, 16, False, False, '')", {}, "Image > Mode > RGB"),
        (
            "layer = Gimp.GroupLayer.new(image, 'g'); image.insert_layer(layer, None, 0)",
            {"output": "in-place"},
            "a colour layer above it",
        ),
        ("layer.set_lock_content(True)", {"output": "in-place"}, "unlock them"),
        (
            "layer = Gimp.Channel.new_from_component(image, 0, 'c');"
            "image.insert_channel(layer, None, 0)",
            {},
            "choose a layer",
        ),
        (
            "image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 9, 9);"
            "layer = Gimp.Selection.float(image, [layer], 0, 0)",
            {},
            "anchor it first",
        ),
    ],
    ids=["indexed", "group-in-place", "locked", "channel", "floating"],
)
def test_what_cannot_be_coloured_is_told_with_what_to_do_and_left_alone(
    gimp: GimpSession, room: Room, prepare: str, arguments: dict, words: str
):
    ran, before, after = gimp.run(
        f"""
        image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
        photo = layer
        {prepare}
        before = [names(image), read(photo)]
        ran = colorize(image, layer, **arguments)
        value = [ran, before, [names(image), read(photo)]]
        """,
        arguments=arguments,
    )
    assert ran["status"] == "execution-error"
    assert words in ran["message"]
    assert ran["message"].endswith(".") and "\n" not in ran["message"]
    assert before == after
    assert room.journal("colorize") == []


def test_a_locked_layer_gets_a_coloured_copy_that_is_not_locked(gimp: GimpSession):
    ran, coloured, locks = gimp.run(
        MAKE
        + """
layer.set_lock_content(True)
ran = colorize(image, layer, output="new-layer")
top = image.get_layers()[0]
value = [ran["status"], warmth(top), [top.get_lock_content(), layer.get_lock_content()]]
"""
    )
    assert (ran, locks) == ("success", [False, True])
    assert warm(coloured).min() > 25


def test_live_filters_are_seen_by_the_colour_layer_and_leave_no_image_behind(
    gimp: GimpSession, room: Room
):
    sent, images, filters = gimp.run(
        MAKE
        + """
inverted = Gimp.DrawableFilter.new(layer, "gegl:invert-gamma", "")
layer.append_filter(inverted)
ran = colorize(image, layer)
assert ran["status"] == "success", ran
value = [read(image.get_layers()[0], "R'G'B' u8"), len(Gimp.get_images()),
         len(layer.get_filters())]
"""
    )
    assert (images, filters) == (1, 1)
    assert bytes.fromhex(sent)[1] == 255 - 120  # green is handed through by the fake


AGAIN = """
over = Gimp.Layer.new(image, "retouch", 40, 30, Gimp.ImageType.RGBA_IMAGE, 100,
                      Gimp.LayerMode.NORMAL)
image.insert_layer(over, None, 0)
colorize(image, layer)
first = image.get_layers()[1]
first.set_opacity(40)
"""


@pytest.mark.parametrize("chosen", ["image.get_layers()[1]", "layer"])
def test_new_colours_take_the_place_of_the_earlier_ones_and_keep_their_mask_and_opacity(
    gimp: GimpSession, chosen: str
):
    found = gimp.run(
        MAKE
        + AGAIN
        + f"""
mask = first.create_mask(Gimp.AddMaskType.WHITE)
first.add_mask(mask)
write(mask, (b"\\xff" * 20 + b"\\0" * 20) * 30, "Y u8")
before = read(mask)
write(first, bytes(3600), "R'G'B' u8")
colorize(image, {chosen}, vividness=0.5)
top = image.get_layers()[1]
value = [names(image), top.get_opacity(), read(top.get_mask()) == before, warmth(top)]
"""
    )
    assert found[:3] == [["retouch", "Colour: photo", "photo"], 40, True]
    assert warm(found[3]).min() > 25


def test_with_a_selection_the_earlier_colours_outside_of_it_stay(gimp: GimpSession):
    names, coloured, mask = gimp.run(
        MAKE
        + AGAIN
        + """
mask = first.create_mask(Gimp.AddMaskType.BLACK)
first.add_mask(mask)
write(first, bytes([90]) * 3600, "R'G'B' u8")
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 20, 30)
colorize(image, layer)
value = [names(image), warmth(first), read(mask, "Y u8")]
"""
    )
    assert names == ["retouch", "Colour: photo", "photo"]
    for inside, outside in (
        (warm(coloured)[:, :20], warm(coloured)[:, 20:]),
        (warm(mask)[:, :20], warm(mask)[:, 20:]),
    ):
        assert inside.min() > 25 and outside.max() == 0


def test_colours_for_a_layer_that_was_cropped_meanwhile_replace_the_earlier_ones(
    gimp: GimpSession,
):
    found = gimp.run(
        MAKE
        + AGAIN
        + """
layer.resize(20, 10, -3, -4)
colorize(image, layer)
top = image.get_layers()[1]
value = [names(image), top.get_opacity(), [top.get_width(), top.get_height()],
         top.get_offsets()[1:]]
"""
    )
    assert found == [["retouch", "Colour: photo", "photo"], 40, [20, 10], [3, 4]]


@pytest.mark.parametrize("locked", [False, True])
def test_by_choice_or_where_they_are_locked_the_earlier_colours_stay_below(
    gimp: GimpSession, locked: bool
):
    names, position = gimp.run(
        MAKE
        + AGAIN
        + """
first.set_lock_content(locked)
colorize(image, layer, replace_colours=locked)
value = [names(image), image.get_item_position(first)]
""",
        locked=locked,
    )
    assert names == ["retouch", "Colour: photo #1", "Colour: photo", "photo"]
    assert position == 2


def test_running_it_again_on_the_colour_layer_colours_the_photograph_again(
    gimp: GimpSession, room: Room
):
    names = gimp.run(
        MAKE
        + """
colorize(image, layer)
colorize(image, image.get_layers()[0], output="in-place")
value = [names(image), warmth(layer)]
"""
    )
    assert names[0] == ["Colour: photo", "photo"]
    assert warm(names[1]).min() > 25
