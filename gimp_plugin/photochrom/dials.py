"""The dials beside vividness, by which a person says how the colours should be.

Their names, ranges and defaults are those of `core.options` (a test holds them to it).
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

from typing import NamedTuple

from translation import _

COLOUR_DIALS = ("warmth", "tint", "calm")
HINT_DIAL = "reach"


class Dial(NamedTuple):
    """A number that the dialog asks for, with its range and what it is at rest."""

    name: str
    label: str
    help: str
    low: float
    high: float
    default: float


def described() -> list[Dial]:
    """All dials, in the user's language."""
    return [
        Dial(
            "warmth",
            _("_Warmth"),
            _("Moves colours to blue (below 0) or to yellow (above); grays stay"),
            -1.0,
            1.0,
            0.0,
        ),
        Dial(
            "tint",
            _("T_int"),
            _("Moves colours to green (below 0) or to red (above); grays stay, and skin nearly"),
            -1.0,
            1.0,
            0.0,
        ),
        Dial(
            "calm",
            _("Calm"),
            _("Draws blotches to the colour around them, up to edges: 0 = not at all, 1 = wholly"),
            0.0,
            1.0,
            0.0,
        ),
        Dial(
            "reach",
            _("Reach of hints"),
            _(
                "How far a hint's colour goes within its thing: 0 = no further than the hint, "
                "1 = as usual, 2 = twice as far"
            ),
            0.0,
            3.0,
            1.0,
        ),
    ]


def turned(config) -> dict[str, float]:
    """The dials that are not at rest: an older server need not know them."""
    values = ((dial.name, config.get_property(dial.name), dial.default) for dial in described())
    return {name: value for name, value, default in values if value != default}
