"""Recolour Selection: one colour for what is selected, beside the colours that were there."""

import numpy as np

from tests.gimp_plugin.gimp_session import GimpSession, Room
from tests.gimp_plugin.test_hints import hints_of

RECOLOUR = "plug-in-photochrom-recolour-selection"
NAVY = "Gegl.Color.new('#000080')"


def test_the_selection_is_sent_as_a_hint_of_the_colour(gimp: GimpSession, room: Room):
    found = gimp.run(
        f"""
        image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 6, 7, 8)
        ran = run(name, image, [layer], colour={NAVY})
        top = image.get_layers()[0]
        value = [ran, names(image), read(top.get_mask(), "Y u8"), top.get_mode().value_nick]
        """,
        name=RECOLOUR,
    )
    ran, names, mask, mode = found
    assert ran["status"] == "success", ran
    assert names == ["Colour: photo", "photo"] and mode == "lch-color"
    selected = np.zeros((30, 40), np.uint8)
    selected[6:14, 5:12] = 255
    assert np.array_equal(np.frombuffer(bytes.fromhex(mask), np.uint8).reshape(30, 40), selected)
    sent = hints_of(room)
    assert np.array_equal(sent[..., 3], selected)
    assert (sent[6:14, 5:12, :3] == (0, 0, 128)).all()


def test_the_earlier_colours_stay_outside_of_the_selection_and_one_undo_brings_all_back(
    gimp: GimpSession,
):
    found = gimp.run(
        f"""
        image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
        colorize(image, layer)
        colours = image.get_layers()[0]
        write(colours, bytes([90, 100, 110]) * 1200, "R'G'B' u8")
        before = read(colours, "R'G'B' u8")
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 5, 6, 7, 8)
        ran = run(name, image, [colours], colour={NAVY})
        value = [ran, names(image), before, read(image.get_layers()[0], "R'G'B' u8")]
        """,
        name=RECOLOUR,
    )
    ran, names, before, after = found
    assert ran["status"] == "success", ran
    assert names == ["Colour: photo", "photo"]
    old, new = (
        np.frombuffer(bytes.fromhex(x), np.uint8).reshape(30, 40, 3) for x in (before, after)
    )
    changed = (old != new).reshape(30, 40, 3).any(2)
    assert changed[6:14, 5:12].all() and changed.sum() == 56


def test_without_a_selection_it_says_what_to_do_and_changes_nothing(gimp: GimpSession, room: Room):
    found = gimp.run(
        f"""
        image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
        value = [run(name, image, [layer], colour={NAVY}), names(image)]
        """,
        name=RECOLOUR,
    )
    ran, names = found
    assert "select first" in ran["message"] and names == ["photo"]
    assert room.journal("colorize") == []
