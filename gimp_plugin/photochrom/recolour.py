"""Recolour Selection: what is selected gets one colour, and keeps its lightness.

The selection is a hint over the whole of it, so the colour fits the lightness of every pixel, and
joins the colours that the layer has already.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

from colorize import Choice, colorize
from gi.repository import Gegl, Gimp, GObject
from layers import COLOUR_LAYER, Target, layers_of
from procedures import (
    add_server_arguments,
    describe,
    ended,
    failed,
    photographs_behind,
    server_of,
)
from translation import _
from trouble import Trouble

NAME = "plug-in-photochrom-recolour-selection"


def procedure(plug_in) -> Gimp.Procedure:
    """Filters > Photochrom > Recolour Selection…, described."""
    result = Gimp.ImageProcedure.new(plug_in, NAME, Gimp.PDBProcType.PLUGIN, _run, None)
    describe(result, _("_Recolour Selection…"))
    result.set_documentation(
        _("Gives what is selected one colour and keeps its lightness"),
        _(
            "Puts the colour into the layer's colour layer, as far as the selection goes; the "
            "colours outside of it stay. Without a colour layer one is made for the selection."
        ),
        NAME,
    )
    flags = GObject.ParamFlags.READWRITE
    Gegl.init(None)  # else the colour by default ends the plug-in where GIMP asks what there is
    result.add_color_argument(
        "colour",
        _("C_olour"),
        _("What the selection shall be coloured with; its lightness does not matter"),
        False,
        Gegl.Color.new("navy"),
        flags,
    )
    add_server_arguments(result)
    return result


def _run(procedure, mode, image, drawables, config, data):
    try:
        layers = layers_of(image, drawables)
        photographs = photographs_behind(image, layers)
        if len(photographs) != 1:
            raise Trouble(
                _("Choose one layer; the selection is recoloured in that layer's colours")
            )
        if Gimp.Selection.is_empty(image):
            raise Trouble(_("Nothing is selected; select first what shall have another colour"))
        if mode == Gimp.RunMode.INTERACTIVE:
            config.set_property("colour", Gimp.context_get_foreground())
            from dialogue import ask_colour

            if not ask_colour(procedure, config):
                return ended(procedure, Gimp.PDBStatusType.CANCEL)
        target = Target(image, photographs[0], COLOUR_LAYER, True, True, False)
        choice = Choice(
            model="",
            dials={},
            hints=None,
            find_hints=False,
            points={},
            colour=config.get_property("colour"),
            convert_gray=True,
            server=server_of(config),
        )
        colorize([target], choice)
    except Exception as error:
        return failed(procedure, error)
    Gimp.displays_flush()
    return ended(procedure, Gimp.PDBStatusType.SUCCESS)
