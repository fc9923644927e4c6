#!/usr/bin/env python3
"""Photochrom for GIMP 3: Filters > Photochrom > Colorize Layer… and New Hints Layer.

This file registers the two procedures and turns their arguments into calls; `colorize.py` is
where the work is told from beginning to end. Standard library and gi alone; the colours come
from the local Photochrom server.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import sys

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gegl", "0.4")

import hints  # noqa: E402
from colorize import Choice, colorize  # noqa: E402
from gi.repository import Gimp, GLib, GObject  # noqa: E402
from layers import (  # noqa: E402
    COLOUR_LAYER,
    COLOUR_MARK,
    HINTS_MARK,
    IN_PLACE,
    NEW_LAYER,
    Target,
    layer_of,
    photograph_of,
)
from trouble import Trouble  # noqa: E402

COLORIZE = "plug-in-photochrom-colorize"
HINTS = "plug-in-photochrom-new-hints-layer"
MENU = "<Image>/Filters/Photochrom"
Status = Gimp.PDBStatusType


class Photochrom(Gimp.PlugIn):
    """The plug-in as GIMP sees it."""

    def do_set_i18n(self, name):
        """No translations yet."""
        return False

    def do_query_procedures(self):
        """The names of what this plug-in can do."""
        return [COLORIZE, HINTS]

    def do_create_procedure(self, name):
        """One of the two procedures, described."""
        if name == COLORIZE:
            return _colorize_procedure(self)
        return _hints_procedure(self)


def _colorize_procedure(plug_in):
    procedure = _procedure(plug_in, COLORIZE, _run_colorize, "_Colorize Layer…")
    procedure.set_documentation(
        "Colours a black-and-white photograph and keeps its lightness",
        "Puts the colours on a layer in LCh Color mode above the chosen layer, on a coloured copy "
        "of it, or into it. The colours are found by Photochrom's local server, which is started "
        "when it does not run; nothing leaves this computer.",
        None,
    )
    flags = GObject.ParamFlags.READWRITE
    procedure.add_string_argument(
        "model", "_Model", "Model by name; empty: the server's default", "", flags
    )
    procedure.add_double_argument(
        "vividness",
        "_Vividness",
        "Scales the colours: 0 = gray, 1 = as predicted, 2 = twice",
        0.0,
        2.0,
        1.0,
        flags,
    )
    procedure.add_choice_argument(
        "output", "Res_ult", "Where the colours go", _outputs(), COLOUR_LAYER, flags
    )
    procedure.add_boolean_argument(
        "respect-selection",
        "Respect the s_election",
        "Colour only what is selected, feathered as the selection is",
        True,
        flags,
    )
    procedure.add_layer_argument(
        "hints",
        "_Hints from layer",
        "A layer with colours painted where they are known; New Hints Layer makes one",
        True,
        flags,
    )
    procedure.add_boolean_argument(
        "convert-gray",
        "Convert the _grayscale image to RGB",
        "A grayscale image holds no colour; its conversion belongs to the same undo step",
        False,
        flags,
    )
    procedure.add_string_argument(
        "server",
        "Server _address",
        "Like http://127.0.0.1:7860; empty: the one on this computer, started when needed",
        "",
        flags,
    )
    procedure.add_string_argument(
        "token", "Server _token", "Needed only by a server on another computer", "", flags
    )
    return procedure


def _hints_procedure(plug_in):
    procedure = _procedure(plug_in, HINTS, _run_hints, "New _Hints Layer")
    procedure.set_documentation(
        "Adds a transparent layer to paint known colours on",
        "Paint a dab of the right colour on what you know (a dress, a wall, a car) and choose "
        "Colorize Layer: the dab leads the colours of the whole thing.",
        None,
    )
    procedure.add_boolean_argument(
        "convert-gray",
        "Convert the _grayscale image to RGB",
        "Paint on a grayscale image has no colour; the conversion belongs to the same undo step",
        False,
        GObject.ParamFlags.READWRITE,
    )
    return procedure


def _procedure(plug_in, name, run, label):
    """What both procedures have in common."""
    procedure = Gimp.ImageProcedure.new(plug_in, name, Gimp.PDBProcType.PLUGIN, run, None)
    # Indexed images are in the list to be told what to do; a menu entry in gray tells nobody.
    procedure.set_image_types("RGB*, GRAY*, INDEXED*")
    procedure.set_sensitivity_mask(
        Gimp.ProcedureSensitivityMask.DRAWABLE | Gimp.ProcedureSensitivityMask.DRAWABLES
    )
    procedure.set_menu_label(label)
    procedure.add_menu_path(MENU)
    procedure.set_attribution("The Photochrom authors", "The Photochrom authors", "2026")
    return procedure


def _outputs():
    outputs = Gimp.Choice.new()
    outputs.add(
        COLOUR_LAYER,
        0,
        "Colour layer in LCh Color mode above",
        "The layer stays untouched; the new layer's opacity is the strength of the colours",
    )
    outputs.add(NEW_LAYER, 1, "New coloured layer above", "A coloured copy; the layer stays")
    outputs.add(IN_PLACE, 2, "In place", "The layer itself is coloured")
    return outputs


def _run_colorize(procedure, mode, image, drawables, config, data):
    try:
        layer = layer_of(image, drawables)
        paint = config.get_property("hints")
        photograph = photograph_of(image, layer, HINTS_MARK)
        if photograph:  # the user painted last, so the hints layer is the chosen one
            layer, paint = photograph, layer
        else:  # colours that were found before stand for their photograph
            layer = photograph_of(image, layer, COLOUR_MARK) or layer
            if mode != Gimp.RunMode.NONINTERACTIVE:
                paint = hints.find(image, layer)
        config.set_property("hints", paint)
        target = _target(image, layer, config)
        if mode == Gimp.RunMode.INTERACTIVE:
            from dialogue import ask

            if not ask(procedure, config, target):
                return _end(procedure, Status.CANCEL)
            paint = config.get_property("hints")
            target = _target(image, layer, config)
        colorize(target, _choice(config, paint))
    except Trouble as trouble:
        return _end(procedure, Status.EXECUTION_ERROR, f"{trouble}.")
    except Exception as error:
        message = f"Photochrom failed by a defect of its own ({type(error).__name__}: {error})."
        return _end(procedure, Status.EXECUTION_ERROR, message)
    Gimp.displays_flush()
    return _end(procedure, Status.SUCCESS)


def _run_hints(procedure, mode, image, drawables, config, data):
    try:
        layer = layer_of(image, drawables)
        gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
        if gray and not _may_convert(mode, config):
            if mode == Gimp.RunMode.INTERACTIVE:
                return _end(procedure, Status.CANCEL)
            raise Trouble(
                "Paint on a grayscale image has no colour; allow its conversion to RGB (argument "
                "'convert-gray'), or convert it first with Image > Mode > RGB"
            )
        image.undo_group_start()
        try:
            if gray:
                image.convert_rgb()
            hints.new_hints_layer(image, _photograph(image, layer))
        finally:
            image.undo_group_end()
    except Trouble as trouble:
        return _end(procedure, Status.EXECUTION_ERROR, f"{trouble}.")
    Gimp.displays_flush()
    return _end(procedure, Status.SUCCESS)


def _photograph(image, layer):
    """The photograph behind a layer of ours; any other layer itself."""
    marked = (photograph_of(image, layer, name) for name in (HINTS_MARK, COLOUR_MARK))
    return next(filter(None, marked), layer)


def _may_convert(mode, config) -> bool:
    if mode != Gimp.RunMode.INTERACTIVE:
        return config.get_property("convert-gray")
    from dialogue import confirm_conversion

    return confirm_conversion()


def _target(image, layer, config) -> Target:
    return Target(
        image, layer, config.get_property("output"), config.get_property("respect-selection")
    )


def _choice(config, paint) -> Choice:
    return Choice(
        model=config.get_property("model") or "",
        vividness=config.get_property("vividness"),
        hints=paint,
        convert_gray=config.get_property("convert-gray"),
        address=(config.get_property("server") or "").strip(),
        token=(config.get_property("token") or "").strip(),
    )


def _end(procedure, status, message=""):
    error = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), message, 0) if message else None
    return procedure.new_return_values(status, error)


Gimp.main(Photochrom.__gtype__, sys.argv)
