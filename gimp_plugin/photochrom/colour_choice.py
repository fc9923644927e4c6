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
#: What photographs show often: skin, reds and yellows; greens, blues and what is dark.
WARM = ["#d9a282", "#e3a9b0", "#b0302f", "#a5513d", "#e07b2a", "#c8963c", "#e6cb55", "#eadfc6"]
COOL = ["#5f8a3a", "#2f5a3c", "#6fa3d8", "#3b5fa6", "#24364f", "#7a5a9c", "#8a5a3c", "#808080"]


def choose_colour(
    parent: Gtk.Window, colour: str | None, alternatives: list[str], used: list[str]
) -> str | None:
    """The colour, `#rrggbb`; "" where the point shall go, None where nothing shall change.

    `colour` is that of the point, None for a new one. `alternatives`, the model's ideas, and
    `used`, the colours of other points, are offered above the common ones. A click takes one.
    """
    dialog = Gtk.ColorChooserDialog(
        title=_("Photochrom: Colour of This Thing"), transient_for=parent, modal=True
    )
    dialog.set_use_alpha(False)
    used = [text for text in used if text not in (*alternatives, *WARM, *COOL)]
    # the first palette of one's own replaces Gtk's
    for row in filter(None, (alternatives, used, WARM, COOL)):
        dialog.add_palette(Gtk.Orientation.HORIZONTAL, len(WARM), [_rgba(text) for text in row])
    if colour:
        dialog.add_button(_("Remo_ve Point"), REMOVE)
    first = _rgba(colour or (alternatives or WARM)[0])
    dialog.set_rgba(first)
    dialog.connect("notify::show-editor", lambda *_: _begin_with(dialog, first))
    dialog.connect("notify::rgba", lambda *_: _take(dialog))
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


def _begin_with(dialog: Gtk.ColorChooserDialog, colour: Gdk.RGBA) -> None:
    """Mixing begins at the colour that is there, not at Gtk's brick red."""
    if dialog.get_property("show-editor"):
        dialog.set_rgba(colour)


def _take(dialog: Gtk.ColorChooserDialog) -> None:
    """A colour of the palette is taken at once; one that is being mixed is not."""
    if not dialog.get_property("show-editor"):
        dialog.response(Gtk.ResponseType.OK)


def _rgba(text: str) -> Gdk.RGBA:
    colour = Gdk.RGBA()
    colour.parse(text)
    return colour
