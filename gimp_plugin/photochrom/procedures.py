"""What the procedures have in common: their place in the menu, whose layer is meant, their end."""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

from gi.repository import Gimp, GLib, GObject
from marks import COLOUR_MARK, HINTS_MARK, is_marked, photograph_of
from translation import _
from trouble import Trouble

MENU = "<Image>/Filters/Photochrom"


def describe(procedure, label) -> None:
    """Where the procedure is found, and for which images."""
    # Indexed images are in the list to be told what to do; a menu entry in gray tells nobody.
    procedure.set_image_types("RGB*, GRAY*, INDEXED*")
    procedure.set_sensitivity_mask(
        Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES
    )
    procedure.set_menu_label(label)
    procedure.add_menu_path(MENU)
    procedure.set_attribution("The Photochrom authors", "The Photochrom authors", "2026")


def add_server_arguments(procedure) -> None:
    """Who is to find the colours; `server_of` reads the answer."""
    flags = GObject.ParamFlags.READWRITE
    procedure.add_string_argument(
        "server",
        _("Server a_ddress"),
        _("Like http://127.0.0.1:7860; empty: the one on this computer, started when needed"),
        "",
        flags,
    )
    procedure.add_string_argument(
        "token", _("Server _token"), _("Needed only by a server on another computer"), "", flags
    )


def server_of(config) -> tuple[str, str]:
    """(address, token); the address is empty for the server on this computer."""
    address, token = ((config.get_property(name) or "").strip() for name in ("server", "token"))
    return address, token


def photographs_behind(image, layers) -> list:
    """The photographs behind the chosen layers, each once."""
    found = {}
    for layer in layers:
        photograph = photograph_behind(image, layer)
        found.setdefault(photograph.get_id(), photograph)
    return list(found.values())


def photograph_behind(image, layer):
    """The photograph behind a layer of ours; any other layer itself.

    Colours whose photograph is gone are a picture of their own.
    """
    marked = (photograph_of(image, layer, name) for name in (HINTS_MARK, COLOUR_MARK))
    photograph = next(filter(None, marked), None)
    if not photograph and is_marked(layer, HINTS_MARK):
        raise Trouble(
            _(
                "{layer} is a hints layer whose photograph is gone; choose the layer to colour, "
                "and this one under 'Hints from layer'"
            ).format(layer=repr(layer.get_name()))
        )
    return photograph or layer


def ended(procedure, status, message=""):
    """The procedure's answer to GIMP, with the sentence that GIMP shows."""
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), message, 0) if message else None
    return procedure.new_return_values(status, error)


def failed(procedure, error: Exception):
    """The answer after an exception: a `Trouble` tells what to do, all else is our defect."""
    if isinstance(error, Trouble):
        message = f"{error}."
    else:
        message = f"Photochrom failed by a defect of its own ({type(error).__name__}: {error})."
    return ended(procedure, Gimp.PDBStatusType.EXECUTION_ERROR, message)
