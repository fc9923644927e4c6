"""The dialog of Colorize Layer. While the user chooses, the server is found or started."""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gi

gi.require_version("Gdk", "3.0")
gi.require_version("Gtk", "3.0")

import dials  # noqa: E402
import server  # noqa: E402
from dials import COLOUR_DIALS, HINT_DIAL  # noqa: E402
from gi.repository import Gdk, Gimp, GimpUi, GLib, GObject, Gtk  # noqa: E402
from layers import Target  # noqa: E402
from marks import all_layers  # noqa: E402
from points import HintPoint  # noqa: E402
from preview import Preview  # noqa: E402
from translation import _  # noqa: E402
from trouble import Trouble  # noqa: E402

ADVANCED = ["server", "token"]
SPACING = 6


def ask(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, targets: list[Target]
) -> list[HintPoint] | None:
    """Shows the dialog; the first photograph's points when the user agrees, None when not.

    The other choices are then in `config`.
    """
    GimpUi.init("photochrom")
    dialog, preview, close = build(procedure, config, targets)
    agreed = dialog.run()
    close()
    dialog.destroy()
    return preview.points if agreed else None


def build(
    procedure: Gimp.Procedure, config: Gimp.ProcedureConfig, targets: list[Target]
) -> tuple[GimpUi.ProcedureDialog, Preview, Callable[[], None]]:
    """The dialog, its preview, and what is to be called when it closes."""
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Photochrom: Colorize Layer"))
    dialog.set_ok_label(_("C_olorize"))
    content = dialog.get_content_area()
    status = _note(_("Looking for the colour server…"))
    preview = Preview(targets[0], config.get_property("vividness"), status.set_text)
    models = _Models(config, status, lambda found: ask_again(found))

    def ask_again(found: server.Server | None = None) -> None:
        preview.ask(
            found,
            config.get_property("model") or "",
            config.get_property("hints"),
            dials.turned(config),
        )

    def read_again() -> None:
        preview.read(replace(targets[0], sample_merged=config.get_property("sample-merged")))
        ask_again()

    config.connect("notify::sample-merged", lambda *_: read_again())
    for name in ("model", "hints", *COLOUR_DIALS, HINT_DIAL):
        config.connect(f"notify::{name}", lambda *_: ask_again())
    config.connect(
        "notify::vividness", lambda *_: preview.set_vividness(config.get_property("vividness"))
    )
    layers = _hints_row(config, targets)
    scales = [dialog.get_scale_entry(name, 1.0) for name in ("vividness", *COLOUR_DIALS, HINT_DIAL)]
    for scale in scales:
        scale.set_digits(2)
    output = dialog.get_widget("output", GObject.TYPE_NONE)
    labels = [scale.get_label() for scale in scales]
    _align(models.label, *labels, output.get_label(), layers.get_children()[0])
    if Gimp.Selection.is_empty(targets[0].image):
        dialog.get_widget("respect-selection", GObject.TYPE_NONE).set_sensitive(False)
    earlier = ["replace-colours"] if any(map(Target.earlier_colours, targets)) else []
    notes = []
    if len(targets) > 1:
        notes.append(_("{count} layers will be coloured.").format(count=len(targets)))
    if targets[0].is_gray:
        notes.append(_("The grayscale image becomes RGB."))
    clicks = _(
        "Click on a thing to give it its colour, and again where it is missing. Click a point to "
        "change its colour, with the right button to remove it; Ctrl+Z takes back the last change."
    )
    sides = Gtk.Box(spacing=2 * SPACING)
    sides.pack_start(_column(preview.widget, _note(clicks)), False, False, 0)
    dials_and_choices = _column(
        models.row,
        dialog.fill_box("colour-rows", ["vividness", *COLOUR_DIALS, "output"]),
        layers,
        dialog.fill_box("hint-rows", [HINT_DIAL]),
        dialog.fill_box("choice-rows", ["sample-merged", "respect-selection", *earlier]),
        *map(_note, notes),
        _advanced(dialog, config),
        status,
    )
    sides.pack_start(dials_and_choices, True, True, 0)
    sides.show()
    content.pack_start(sides, True, True, 0)
    dialog.connect("key-press-event", lambda _dialog, event: _undo_key(preview, event))
    models.load()

    def close() -> None:
        models.forget()
        preview.close()

    return dialog, preview, close


def ask_colour(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> bool:
    """Asks for the colour of Recolour Selection; True when the user agrees."""
    GimpUi.init("photochrom")
    dialog = GimpUi.ProcedureDialog.new(procedure, config, _("Photochrom: Recolour Selection"))
    dialog.set_ok_label(_("Recolo_ur"))
    dialog.fill(["colour"])
    _advanced(dialog, config)
    dialog.fill(["advanced"])
    agreed = dialog.run()
    dialog.destroy()
    return agreed


def confirm_conversion() -> bool:
    """Asks whether a grayscale image may become RGB, so that paint on it can have a colour."""
    GimpUi.init("photochrom")
    dialog = Gtk.MessageDialog(
        message_type=Gtk.MessageType.QUESTION,
        buttons=Gtk.ButtonsType.NONE,
        text=_("Convert this grayscale image to RGB?"),
        secondary_text=_(
            "A grayscale image holds no colour to paint with. "
            "One undo brings the grayscale image back."
        ),
    )
    dialog.add_buttons(
        _("_Cancel"), Gtk.ResponseType.CANCEL, _("Convert to _RGB"), Gtk.ResponseType.OK
    )
    dialog.set_default_response(Gtk.ResponseType.OK)
    agreed = dialog.run() == Gtk.ResponseType.OK
    dialog.destroy()
    return agreed


def _advanced(dialog: GimpUi.ProcedureDialog, config: Gimp.ProcedureConfig) -> Gtk.Widget:
    """The server's address and token, folded away until one is given."""
    dialog.fill_box("advanced-rows", ADVANCED)
    dialog.get_label("advanced-label", _("_Advanced"), False, True)
    expander = dialog.fill_expander("advanced", "advanced-label", False, "advanced-rows")
    expander.set_expanded(bool(config.get_property("server")))
    return expander


def _undo_key(preview: Preview, event: Gdk.EventKey) -> bool:
    """Ctrl+Z takes back the last change of a point."""
    if event.keyval == Gdk.KEY_z and event.state & Gdk.ModifierType.CONTROL_MASK:
        preview.undo()
        return True
    return False


class _Models:
    """The row that chooses the model, and the line that says what the server is doing.

    Which models there are is known by the server alone, so they arrive while the dialog is open.
    """

    def __init__(
        self,
        config: Gimp.ProcedureConfig,
        status: Gtk.Label,
        ready: Callable[[server.Server], None],
    ) -> None:
        self._config = config
        self._status = status
        self._ready = ready
        self._open = True
        self._box = Gtk.ComboBoxText()
        self._box.append("", _("The server's own choice"))
        wanted = config.get_property("model")
        if wanted:
            self._box.append(wanted, wanted)
        _bind(self._box, config, "model", lambda chosen: chosen, lambda name: name or "")
        self.row = _row(_("_Model"), self._box)
        self.label = self.row.get_children()[0]

    def load(self) -> None:
        """Find or start the server without keeping the dialog waiting."""
        choice = [self._config.get_property(name) or "" for name in ADVANCED]
        threading.Thread(target=self._load, args=choice, daemon=True).start()

    def forget(self) -> None:
        """The dialog is gone: what still arrives is for nobody."""
        self._open = False

    def _load(self, address: str, token: str) -> None:
        said: list[str] = []

        def report(text: str) -> None:
            if not said:
                said.append(text)
                GLib.idle_add(self._say, text)

        try:
            found = server.ensure(address, token, report)
            GLib.idle_add(self._show, found, server.models(found))
        except Trouble as trouble:
            GLib.idle_add(self._say, f"{trouble}.")

    def _say(self, text: str) -> None:
        if self._open:
            self._status.set_text(text)

    def _show(self, found: server.Server, models: list[dict[str, Any]]) -> None:
        if not self._open:
            return
        wanted = self._box.get_active_id() or ""
        self._box.remove_all()
        default = next((m["name"] for m in models if m.get("default")), "")
        self._box.append(
            "", _("Default ({model})").format(model=default) if default else _("Default")
        )
        names = [str(model["name"]) for model in models]
        for model in models:
            takes = "" if model.get("hints") else _(", takes no hints")
            version = f" {model['version']}" if model.get("version") else ""
            self._box.append(str(model["name"]), f"{model['name']}{version}{takes}")
        self._box.set_active_id(wanted if wanted in names else "")
        self._status.set_text(_("The colour server is ready."))
        self._ready(found)


def _hints_row(config: Gimp.ProcedureConfig, targets: list[Target]) -> Gtk.Box:
    """The row that chooses the hints layer among the image's other layers."""
    box = Gtk.ComboBoxText()
    box.append("", _("None") if len(targets) == 1 else _("Each layer's own"))
    box.set_sensitive(len(targets) == 1)
    layers = {}
    photographs = [target.layer.get_id() for target in targets]
    for layer in all_layers(targets[0].image):
        if layer.get_id() not in photographs and layer.has_alpha() and not layer.is_group():
            layers[str(layer.get_id())] = layer
            box.append(str(layer.get_id()), layer.get_name())
    _bind(box, config, "hints", layers.get, lambda layer: str(layer.get_id()) if layer else "")
    box.set_tooltip_text(
        _(
            "A layer with colours painted where they are known; Filters > Photochrom > "
            "New Hints Layer makes one. It is hidden when it has been used."
        )
    )
    return _row(_("Hints from la_yer"), box)


def _bind(box: Gtk.ComboBoxText, config, name: str, value_of: Callable, id_of: Callable) -> None:
    """The box shows the argument and sets it; GIMP's Reset changes it from outside."""

    def show(*_: object) -> None:
        wanted = id_of(config.get_property(name))
        if wanted != box.get_active_id():
            box.set_active_id(wanted)

    def keep(*_: object) -> None:
        chosen = box.get_active_id()
        if chosen is not None and chosen != id_of(config.get_property(name)):
            config.set_property(name, value_of(chosen))

    show()
    box.connect("changed", keep)
    config.connect(f"notify::{name}", show)


def _row(text: str, widget: Gtk.Widget) -> Gtk.Box:
    """A label and its widget, as wide as the dialog."""
    label = Gtk.Label.new_with_mnemonic(text)
    label.set_mnemonic_widget(widget)
    label.set_xalign(0)
    row = Gtk.Box(spacing=SPACING)
    row.pack_start(label, False, False, 0)
    row.pack_start(widget, True, True, 0)
    row.show_all()
    return row


def _column(*widgets: Gtk.Widget) -> Gtk.Box:
    """Widgets one below the other."""
    column = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=SPACING)
    for widget in widgets:
        column.pack_start(widget, False, False, 0)
        widget.show()
    column.show()
    return column


def _align(*labels: Gtk.Widget) -> None:
    """The labels get one width, so that what stands beside them lines up."""
    group = Gtk.SizeGroup(mode=Gtk.SizeGroupMode.HORIZONTAL)
    for label in labels:
        group.add_widget(label)


def _note(text: str) -> Gtk.Label:
    """A quiet line of prose."""
    note = Gtk.Label(label=text, xalign=0, wrap=True, max_width_chars=48)
    note.get_style_context().add_class("dim-label")
    note.show()
    return note
