"""Names the parts of the page that handlers fill, in groups.

`layout` makes each tuple of components, and lists them as the outputs of an event; `handlers` and
`films` make the same tuple of values for these components. So both agree on the order, and a part
that is added to a group cannot shift the values of others.
"""

from typing import Any, NamedTuple

import gradio as gr

from gradio_app.page.payloads import ColourSettings


class Presence(NamedTuple):
    """The parts that are visible or not, depending on whether a photograph is open.

    `chooser` is visible without one, the others with one; `tabs` knows which tab is chosen.
    """

    chooser: Any
    opened: Any
    paint_tab: Any
    compare_tab: Any
    panel: Any
    tabs: Any


class Shown(NamedTuple):
    """The parts that change with each new picture; `progress` says how far the work is."""

    slider: Any
    hint_editor: Any
    status: Any
    facts: Any
    histogram: Any
    progress: Any

    @classmethod
    def only(cls, **changed: Any) -> "Shown":
        """Returns values of which the `changed` ones are new; the other parts stay as they are."""
        return cls(**(_unchanged(cls._fields) | changed))


class PhotographParts(NamedTuple):
    """All parts that have to do with the open photograph; `id_box` holds its name."""

    id_box: Any
    presence: Presence
    controls: ColourSettings
    shown: Shown

    def listed(self) -> list[Any]:
        """Returns all parts one after the other: the outputs of an event, or their values."""
        return [self.id_box, *self.presence, *self.controls, *self.shown]

    @classmethod
    def closed(cls) -> "PhotographParts":
        """Returns values that leave every part as it is, without the photograph's name."""
        return cls(
            "",
            Presence(**_unchanged(Presence._fields)),
            ColourSettings(**_unchanged(ColourSettings._fields)),
            Shown.only(),
        )


class ComparisonParts(NamedTuple):
    """The parts of the tab "Compare": the slider between two pictures, and a sentence on them."""

    slider: Any
    result: Any


class BatchParts(NamedTuple):
    """The parts of the tab "Many files" that change while a batch runs."""

    files: Any
    report: Any
    stop: Any
    again: Any


class FilmParts(NamedTuple):
    """The parts of the tab "Film" that change while a film is coloured."""

    report: Any
    stop: Any


def _unchanged(names: tuple[str, ...]) -> dict[str, Any]:
    return {name: gr.skip() for name in names}
