"""Rules of the product's own code that no linter holds: one name a class, one form a line."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "train", "worker", "gradio_app", "gimp_plugin", "photochrom")
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_no_two_public_classes_have_the_same_name():
    places: dict[str, list[str]] = defaultdict(list)
    for path in FILES:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert len(places) > 250
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_the_formatter_skips_no_line_of_the_product():
    skipped = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(r"#\s*fmt:\s*(skip|off)", line)
    ]
    assert skipped == []
