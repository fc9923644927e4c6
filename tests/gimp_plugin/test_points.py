"""Points given in the preview: kept with the photograph, sent as hints, found again."""

import numpy as np

from tests.gimp_plugin.gimp_session import GimpSession, Room
from tests.gimp_plugin.test_hints import HINTS, PAINT, hints_of

NOTED = """
import json
def note(layer, rows):
    kept = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE
    data = rows if isinstance(rows, bytes) else json.dumps(rows).encode()
    layer.attach_parasite(Gimp.Parasite.new("photochrom-points", kept, data))
"""
POINT = {"x": 0.25, "y": 0.5, "colour": "#c81e28"}


def test_points_are_sent_as_discs_and_found_again_in_a_saved_file(gimp: GimpSession, room: Room):
    found = gimp.run(
        NOTED
        + """
image, layer = picture(400, 300, bytes([120]) * 360000, "R'G'B' u8")
note(layer, [point])
Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(path), None)
opened = load(path)
value = [colorize(opened, opened.get_layers()[0]), names(opened)]
""",
        point=POINT,
        path=f"{room.inside}/points.xcf",
    )
    ran, names = found
    assert ran["status"] == "success", ran
    assert names == ["Colour: photo", "photo"]
    sent = hints_of(room)
    painted = sent[..., 3] == 255
    rows, columns = np.nonzero(painted)
    assert (sent[painted][:, :3] == (0xC8, 0x1E, 0x28)).all()
    assert abs(columns.mean() - 100) < 0.5 and abs(rows.mean() - 150) < 0.5
    assert 30 < painted.sum() < 50  # a disc with a radius of 1.2 % of 300


def test_points_and_paint_go_together_and_an_empty_hints_layer_stays_visible(
    gimp: GimpSession, room: Room
):
    found = gimp.run(
        NOTED
        + PAINT
        + """
image, layer = picture(400, 300, bytes([120]) * 360000, "R'G'B' u8")
note(layer, [point])
run(hints, image, [layer])
painted = image.get_layers()[0]
value = []
first = colorize(image, painted)
value.append([first, painted.get_visible()])
paint(painted, 300, 10, 20, 20, (20, 30, 200, 255))
second = colorize(image, painted)
value.append([second, painted.get_visible()])
""",
        point=POINT,
        hints=HINTS,
    )
    (first, visible_empty), (second, visible_painted) = found
    assert first["status"] == second["status"] == "success", found
    assert visible_empty and not visible_painted
    sent = hints_of(room)
    assert (sent[20, 310] == (20, 30, 200, 255)).all() and sent[150, 100, 3] == 255


def test_points_that_make_no_sense_are_none(gimp: GimpSession, room: Room):
    rows = ["not JSON", "[1, 2]", '[{"x": 7, "y": 0.5, "colour": "#ffffff"}]', '[{"x": 0.5}]']
    rows.append('[{"x": 0.5, "y": 0.5, "colour": "red; drop"}]')
    found = gimp.run(
        NOTED
        + """
value = []
for row in rows:
    image, layer = picture(40, 30, bytes([120]) * 3600, "R'G'B' u8")
    note(layer, row.encode())
    value.append(colorize(image, layer)["status"])
""",
        rows=rows,
    )
    assert found == ["success"] * len(rows)
    assert [request["hints"] for request in room.journal("colorize")] == [""] * len(rows)
