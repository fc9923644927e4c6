"""The examples in docstrings are true."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("core", "train", "worker", "gradio_app", "gimp_plugin")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_answers_what_its_docstring_says(name: str):
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert tried > 0 and failed == 0


def test_examples_are_found_in_the_rooms_that_have_them():
    assert {"core.colour.lab", "core.colour.kernels", "core.learn.lab_torch"} <= set(MODULES)
