#!/usr/bin/env python3
"""Photochrom for GIMP 3, under Filters > Photochrom.

This file registers the procedures and turns the arguments of Colorize Layer and New Hints Layer
into calls, `recolour.py` those of Recolour Selection; `colorize.py` is where the work is told from
beginning to end. Standard library and gi alone; the colours come from the local Photochrom server.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
gi.require_version("GimpUi", "3.0")
gi.require_version("Gegl", "0.4")

import dials  # noqa: E402
import hints  # noqa: E402
import recolour  # noqa: E402
from colorize import Choice, colorize  # noqa: E402
from gi.repository import Gimp, Gio, GObject  # noqa: E402
from layers import COLOUR_LAYER, IN_PLACE, NEW_LAYER, Target, layers_of  # noqa: E402
from marks import HINTS_MARK, is_marked  # noqa: E402
from procedures import (  # noqa: E402
    add_server_arguments,
    describe,
    ended,
    failed,
    photograph_behind,
    photographs_behind,
    server_of,
)
from translation import DOMAIN, _  # noqa: E402
from trouble import Trouble  # noqa: E402

COLORIZE = "plug-in-photochrom-colorize"
HINTS = "plug-in-photochrom-new-hints-layer"
Status = Gimp.PDBStatusType


class Photochrom(Gimp.PlugIn):
    """The plug-in as GIMP sees it."""

    def do_set_i18n(self, name):
        """The words are translated here, by `translation.py`; GIMP needs no catalogue."""
        return False

    def do_query_procedures(self):
        """The names of what this plug-in can do; GIMP's Help button finds the pages in `help`."""
        self.set_help_domain(DOMAIN, Gio.File.new_for_path(str(Path(__file__).with_name("help"))))
        return [COLORIZE, recolour.NAME, HINTS]

    def do_create_procedure(self, name):
        """One of the procedures, described."""
        if name == COLORIZE:
            return _colorize_procedure(self)
        if name == recolour.NAME:
            return recolour.procedure(self)
        return _hints_procedure(self)


def _colorize_procedure(plug_in):
    procedure = Gimp.ImageProcedure.new(
        plug_in, COLORIZE, Gimp.PDBProcType.PLUGIN, _run_colorize, None
    )
    describe(procedure, _("_Colorize Layer…"))
    procedure.set_documentation(
        _("Colours a black-and-white photograph and keeps its lightness"),
        _(
            "Puts the colours on a layer in LCh Color mode above the chosen layer, on a coloured "
            "copy of it, or into it. The colours are found by Photochrom's local server, which is "
            "started when it does not run; nothing leaves this computer."
        ),
        COLORIZE,
    )
    flags = GObject.ParamFlags.READWRITE
    procedure.add_string_argument(
        "model", _("_Model"), _("Model by name; empty: the server's default"), "", flags
    )
    procedure.add_double_argument(
        "vividness",
        _("_Vividness"),
        _("Scales the colours: 0 = gray, 1 = as predicted, 2 = twice"),
        0.0,
        2.0,
        1.0,
        flags,
    )
    for name, label, blurb, low, high, default in dials.described():
        procedure.add_double_argument(name, label, blurb, low, high, default, flags)
    procedure.add_choice_argument(
        "output", _("Res_ult"), _("Where the colours go"), _outputs(), COLOUR_LAYER, flags
    )
    procedure.add_boolean_argument(
        "sample-merged",
        _("Sample mer_ged"),
        _(
            "Colour what is seen, with the retouching on other layers; the colours go above all "
            "layers"
        ),
        False,
        flags,
    )
    procedure.add_boolean_argument(
        "respect-selection",
        _("Respect the s_election"),
        _("Colour only what is selected, feathered as the selection is"),
        True,
        flags,
    )
    procedure.add_boolean_argument(
        "replace-colours",
        _("Re_place the earlier colours"),
        _(
            "New colours go into the colour layer that this layer has; its mask and opacity stay. "
            "Otherwise they get a layer above it"
        ),
        True,
        flags,
    )
    procedure.add_layer_argument(
        "hints",
        _("Hints from la_yer"),
        _("A layer with colours painted where they are known; New Hints Layer makes one"),
        True,
        flags,
    )
    procedure.add_boolean_argument(
        "convert-gray",
        _("Convert the grayscale image to RGB"),
        _("A grayscale image holds no colour; its conversion belongs to the same undo step"),
        True,
        flags,
    )
    add_server_arguments(procedure)
    return procedure


def _hints_procedure(plug_in):
    # No ImageProcedure: GIMP remembers those for Filters > Repeat Last (Ctrl+F), which should
    # colour with the new hints. It fills in the arguments of any procedure that has them so.
    procedure = Gimp.Procedure.new(plug_in, HINTS, Gimp.PDBProcType.PLUGIN, _run_hints, None)
    describe(procedure, _("New _Hints Layer"))
    flags = GObject.ParamFlags.READWRITE
    procedure.add_enum_argument(
        "run-mode", "Run mode", "Run mode", Gimp.RunMode, Gimp.RunMode.NONINTERACTIVE, flags
    )
    procedure.add_display_argument("display", "Display", "Not used", True, flags)
    procedure.add_image_argument("image", "Image", "The image", False, flags)
    procedure.add_core_object_array_argument(
        "drawables", "Drawables", "The photograph's layer", Gimp.Drawable, flags
    )
    procedure.set_documentation(
        _("Adds a transparent layer to paint known colours on"),
        _(
            "Paint a dab of the right colour on what you know (a dress, a wall, a car) and choose "
            "Colorize Layer: the dab leads the colours of the whole thing."
        ),
        HINTS,
    )
    procedure.add_boolean_argument(
        "convert-gray",
        _("Convert the grayscale image to RGB"),
        _("Paint on a grayscale image has no colour; the conversion belongs to the same undo step"),
        True,
        flags,
    )
    return procedure


def _outputs():
    outputs = Gimp.Choice.new()
    outputs.add(
        COLOUR_LAYER,
        0,
        _("Colour layer in LCh Color mode above"),
        _("The layer stays untouched; the new layer's opacity is the strength of the colours"),
    )
    outputs.add(NEW_LAYER, 1, _("New coloured layer above"), _("A coloured copy; the layer stays"))
    outputs.add(IN_PLACE, 2, _("In place"), _("The layer itself is coloured"))
    return outputs


def _run_colorize(procedure, mode, image, drawables, config, data):
    try:
        layers = layers_of(image, drawables)
        photographs = photographs_behind(image, layers)
        paint = config.get_property("hints")
        if len(photographs) > 1:
            paint = None  # each has its own
        elif is_marked(layers[0], HINTS_MARK):  # the user painted last, so it is the chosen one
            paint = layers[0]
        elif mode != Gimp.RunMode.NONINTERACTIVE:
            paint = hints.find(image, photographs[0])
        config.set_property("hints", paint)
        if mode != Gimp.RunMode.NONINTERACTIVE:
            # A person who colours a grayscale image wants colours; to say no can only fail.
            config.set_property("convert-gray", True)
        points = {}
        if mode == Gimp.RunMode.INTERACTIVE:
            from dialogue import ask

            chosen = ask(procedure, config, _targets(image, photographs, config))
            if chosen is None:
                return ended(procedure, Status.CANCEL)
            points = {photographs[0].get_id(): chosen}
        targets = _targets(image, photographs, config)
        colorize(targets, _choice(config, len(photographs) > 1, points))
    except Exception as error:
        return failed(procedure, error)
    Gimp.displays_flush()
    return ended(procedure, Status.SUCCESS)


def _run_hints(procedure, config, data):
    mode, image = config.get_property("run-mode"), config.get_property("image")
    try:
        if not image:
            raise Trouble(_("Choose the image (argument 'image')"))
        layers = layers_of(image, config.get_core_object_array("drawables"))
        if len(layers) != 1:
            raise Trouble(_("Choose one layer; its hints are painted on a layer of their own"))
        (layer,) = layers
        gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
        if gray and not _may_convert(mode, config):
            if mode == Gimp.RunMode.INTERACTIVE:
                return ended(procedure, Status.CANCEL)
            raise Trouble(
                _(
                    "Paint on a grayscale image has no colour; allow its conversion to RGB "
                    "(argument 'convert-gray'), or convert it first with Image > Mode > RGB"
                )
            )
        photograph = photograph_behind(image, layer)
        image.undo_group_start()
        try:
            if gray:
                image.convert_rgb()
            hints.new_hints_layer(image, photograph)
        finally:
            image.undo_group_end()
    except Exception as error:
        return failed(procedure, error)
    Gimp.displays_flush()
    return ended(procedure, Status.SUCCESS)


def _may_convert(mode, config) -> bool:
    if mode == Gimp.RunMode.NONINTERACTIVE:
        return config.get_property("convert-gray")
    if mode == Gimp.RunMode.WITH_LAST_VALS:
        return True
    from dialogue import confirm_conversion

    return confirm_conversion()


def _targets(image, photographs, config) -> list[Target]:
    """What is to be done with each photograph. All layers together are one picture."""
    merged = config.get_property("sample-merged")
    return [
        Target(
            image,
            photograph,
            config.get_property("output"),
            config.get_property("respect-selection"),
            config.get_property("replace-colours"),
            merged,
        )
        for photograph in (photographs[:1] if merged else photographs)
    ]


def _choice(config, find_hints: bool, points: dict) -> Choice:
    return Choice(
        model=config.get_property("model") or "",
        dials={"vividness": config.get_property("vividness"), **dials.turned(config)},
        hints=config.get_property("hints"),
        find_hints=find_hints,
        points=points,
        colour=None,
        convert_gray=config.get_property("convert-gray"),
        server=server_of(config),
    )


Gimp.main(Photochrom.__gtype__, sys.argv)
