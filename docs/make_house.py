"""Draws the house, docs/images/house.svg: rooms on their floors, imports as lines.

`python docs/make_house.py`. Rooms and floors are stated here; who imports whom is read from the
code by grimp, which import-linter brings. A line that other lines imply is left out.
"""

from html import escape
from pathlib import Path
from typing import Final

import grimp

PICTURE: Final = Path(__file__).with_name("images") / "house.svg"
PACKAGES: Final = ("core", "gimp_plugin", "gradio_app", "photochrom", "train", "worker")

#: Floors from the roof to the ground, and their rooms from left to right.
FLOORS: Final = (
    ("programs", ("train", "worker", "gradio_app", "gimp_plugin", "photochrom")),
    ("4", ("core.commands", "core.bench")),
    ("3", ("core.job", "core.film", "core.comparison")),
    ("2", ("core.learn", "core.colorizer")),
    (
        "1",
        (
            "core.model",
            "core.image",
            "core.adjustments",
            "core.coherence",
            "core.hints",
            "core.reach",
            "core.tiles",
            "core.options",
        ),
    ),
    (
        "0",
        (
            "core.installation",
            "core.colour",
            "core.film_names",
            "core.paths",
            "core.system",
            "core.errors",
        ),
    ),
)
WIDTH, HEIGHT, FLOOR, BOX_HEIGHT, BOX_WIDTH = 960, 680, 110, 40, 140
_COLOURS: Final = ("#8d6e63", "#5d4037", "#a1887f", "#6d4c41", "#795548")


def picture() -> str:
    """The picture as SVG text; raises `ValueError` where a room of `core` has no place in it."""
    graph = grimp.build_graph(*PACKAGES)
    rooms = [room for _, names in FLOORS for room in names]
    missing = graph.find_children("core") - set(rooms)
    if missing:
        raise ValueError(f"give these rooms a floor in FLOORS: {', '.join(sorted(missing))}")
    places = _places()
    imports = {
        importer: {
            imported
            for imported in rooms
            if importer != imported
            and graph.direct_import_exists(importer=importer, imported=imported, as_packages=True)
        }
        for importer in rooms
    }
    lines = [
        _line(places, importer, imported)
        for importer in rooms
        for imported in rooms
        if imported in _not_implied(imports, importer)
    ]
    boxes = [_box(room, x, y) for room, (x, y) in places.items()]
    labels = [
        f'<text x="14" y="{_top(row) + 25}" fill="#6d4c41">{escape(label)}</text>'
        for row, (label, _) in enumerate(FLOORS)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="14">',
            "<title>The rooms of photochrom, and who imports whom</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fffaf5"/>',
            *lines,
            *boxes,
            *labels,
            "</svg>\n",
        ]
    )


def _not_implied(imports: dict[str, set[str]], importer: str) -> set[str]:
    """What the room imports, without what it reaches by way of another room that it imports."""
    reached: set[str] = set()
    waiting = [room for between in imports[importer] for room in imports[between]]
    while waiting:
        room = waiting.pop()
        if room not in reached:
            reached.add(room)
            waiting.extend(imports[room])
    return imports[importer] - reached


def _top(row: int) -> int:
    return 30 + row * FLOOR


def _places() -> dict[str, tuple[int, int]]:
    """Room -> the middle of its box's upper edge."""
    places = {}
    for row, (_, names) in enumerate(FLOORS):
        step = (WIDTH - 90) // len(names)
        for column, room in enumerate(names):
            places[room] = (90 + step * column + step // 2, _top(row))
    return places


def _line(places: dict[str, tuple[int, int]], importer: str, imported: str) -> str:
    (x1, y1), (x2, y2) = places[importer], places[imported]
    y1 += BOX_HEIGHT
    if y2 < y1:  # rooms of one floor, left to right or back: below the boxes
        path = f"M{x1} {y1} C{x1} {y1 + 34} {x2} {y1 + 34} {x2} {y1}"
    else:
        bend = (y2 - y1) // 2
        path = f"M{x1} {y1} C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    colour = _COLOURS[list(places).index(importer) % len(_COLOURS)]
    title = escape(f"{importer} imports {imported}")
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-opacity="0.55" stroke-width="1.4">'
        f"<title>{title}</title></path>"
    )


def _box(room: str, x: int, y: int) -> str:
    left = x - BOX_WIDTH // 2
    return (
        f'<rect x="{left}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="#efebe9" '
        f'stroke="#5d4037"/><text x="{x}" y="{y + 25}" text-anchor="middle" '
        f'fill="#3e2723">{escape(room)}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
