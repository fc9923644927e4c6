"""Asks which colour a point of the photograph shall have."""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")

from gi.repository import Gdk, Gtk  # noqa: E402
from translation import _  # noqa: E402

REMOVE = 1  # Gtk's own answers are negative
#: What photographs show often; the model's own ideas stand above them.
COMMON = ["#d9a282", "#8a5a3c", "#5f8a3a", "#6fa3d8", "#96683f", "#a5513d", "#808080", "#24364f"]


def choose_colour(parent: Gtk.Window, colour: str | None, alternatives: list[str]) -> str | None:
    """The colour, `#rrggbb`; "" where the point shall go, None where nothing shall change.

    `colour` is that of the point, None for a new one; `alternatives` are offered above the others.
    """
    dialog = Gtk.ColorChooserDialog(
        title=_("Photochrom: Colour of This Thing"), transient_for=parent, modal=True
    )
    dialog.set_use_alpha(False)
    # the first palette of one's own replaces Gtk's
    for row in filter(None, (alternatives, list(COMMON))):
        dialog.add_palette(Gtk.Orientation.HORIZONTAL, len(COMMON), [_rgba(text) for text in row])
    if colour:
        dialog.add_button(_("Remo_ve Point"), REMOVE)
        dialog.set_rgba(_rgba(colour))
    else:
        dialog.set_rgba(_rgba((alternatives or COMMON)[0]))
    dialog.get_widget_for_response(Gtk.ResponseType.OK).grab_focus()
    answer = dialog.run()
    chosen = dialog.get_rgba()
    dialog.destroy()
    if answer == REMOVE:
        return ""
    if answer != Gtk.ResponseType.OK:
        return None
    codes = (round(255 * part) for part in (chosen.red, chosen.green, chosen.blue))
    return "#" + "".join(f"{code:02x}" for code in codes)


def _rgba(text: str) -> Gdk.RGBA:
    colour = Gdk.RGBA()
    colour.parse(text)
    return colour
