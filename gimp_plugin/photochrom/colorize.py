"""From the user's choice to the coloured layer, in the order in which it happens.

Everything that waits (server, transfer, inference) comes before the undo group is opened: when
the user cancels, GIMP ends this process, and the image is as it was.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import time
from dataclasses import dataclass

import hints
import points
import server
from client import Colouring
from gi.repository import Gegl, Gimp
from layers import COLOUR_LAYER, Target, extent_of
from marks import COLOUR_MARK, HINTS_MARK, all_layers, is_marked
from pixels import Colours, Pixels, form_of, keep_few_tiles
from translation import _
from trouble import Busy, Trouble

BUSY_SECONDS = 120.0  # how long a busy server is asked again

# What the progress bar shows of the whole: sending, thinking (it pulses), receiving.
SENT, RECEIVED = 0.3, 0.95


@dataclass(frozen=True)
class Choice:
    """What the user chose besides the layer; names and ranges as everywhere in Photochrom."""

    model: str
    dials: dict[str, float]
    hints: Gimp.Layer | None
    find_hints: bool  # take each layer's own hints layer instead
    points: dict[
        int, list[points.HintPoint]
    ]  # of a layer by its number; of others those that it has
    colour: Gegl.Color | None  # the selection is a hint of this colour, and there is no other
    convert_gray: bool
    server: tuple[str, str]  # address, empty for the one on this computer; token


def colorize(targets: list[Target], choice: Choice) -> None:
    """Colours layers of one image in one undo step. Raises `Trouble`, and then changes nothing."""
    for target in targets:
        _check(target, choice)
    Gimp.progress_init("Photochrom")
    keep_few_tiles()
    fetched: list[tuple[Target, Colours]] = []
    used, empty = [], []
    try:
        for target in targets:
            paint = _paint_for(target, choice)
            if choice.colour:
                png = hints.selection_as_png(target.image, target.extent, choice.colour)
            else:
                png, painted = hints.as_png(paint, _points_of(target, choice), target.extent)
                if paint:
                    (used if painted else empty).append(paint)
            fetched.append((target, _fetch(target, choice, png)))
        _place(fetched, used, choice)
    finally:
        for _target, colours in fetched:
            colours.close()
    for paint in empty:
        Gimp.message(
            _(
                "Nothing is painted on {layer} over the photograph; the colours are the automatic"
                " ones."
            ).format(layer=repr(paint.get_name()))
        )


def _check(target: Target, choice: Choice) -> None:
    """Raises `Trouble` for what could not be done, before anything is waited for."""
    target.check()
    if target.is_gray and not choice.convert_gray:
        raise Trouble(
            _(
                "A grayscale image holds no colour; allow its conversion to RGB (argument "
                "'convert-gray'), or convert it first with Image > Mode > RGB"
            )
        )
    if choice.hints and choice.hints.get_id() == target.layer.get_id():
        raise Trouble(_("The hints layer cannot colour itself; choose the photograph's layer"))


def _paint_for(target: Target, choice: Choice) -> Gimp.Layer | None:
    """The hints layer that leads the colours of a target."""
    return hints.find(target.image, target.layer) if choice.find_hints else choice.hints


def _points_of(target: Target, choice: Choice) -> list[points.HintPoint]:
    """The points that lead the colours of a target, on what is coloured."""
    chosen = choice.points.get(target.layer.get_id())
    found = points.read(target.layer) if chosen is None else chosen
    return points.moved(found, extent_of(target.layer), target.extent)


def _place(fetched: list[tuple[Target, Colours]], used: list[Gimp.Layer], choice: Choice) -> None:
    """All colours into the image, and the hints that led to them out of sight."""
    # Cancel kills this process. With the progress goes its button, so that nobody can cancel what
    # is half done: GIMP would leave a converted image and an undo group without its end.
    Gimp.progress_set_text(_("Placing the colours…"))
    Gimp.progress_end()
    image = fetched[0][0].image
    image.undo_group_start()
    try:
        if fetched[0][0].is_gray:
            image.convert_rgb()
        for target, colours in fetched:
            target.place(colours)
            chosen = choice.points.get(target.layer.get_id())
            if chosen is not None:
                points.write(target.layer, chosen)
        for paint in used:
            paint.set_visible(False)  # paint would lie over the colours that it led to
    finally:
        image.undo_group_end()


def _fetch(target: Target, choice: Choice, paint: bytes) -> Colours:
    """The layer's pixels in colour, from the server."""
    form = form_of(target.image)
    seen = _all_layers(target) if target.sample_merged else _with_filters(target)
    try:
        pixels = Pixels(seen or target.layer, form)
        found = server.ensure(*choice.server, _pulse)
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return _ask(found, pixels, choice, paint)
            except Busy as busy:
                if time.monotonic() + busy.seconds > deadline:
                    raise
                _wait(busy.seconds, _("The colour server is busy, waiting…"))
    finally:
        if seen:
            seen.get_image().delete()


def _ask(found: server.Server, pixels: Pixels, choice: Choice, paint: bytes) -> Colours:
    """One request: samples out, colours in."""
    height = pixels.height

    def sending():
        for strip in pixels.strips():
            Gimp.progress_update(SENT * strip.y / height)
            yield pixels.samples(strip)

    def heights():
        for strip in pixels.strips():
            Gimp.progress_update(SENT + (RECEIVED - SENT) * strip.y / height)
            yield strip.height

    colouring = Colouring(found, pixels.request(choice.dials, choice.model), paint)
    try:
        Gimp.progress_set_text(_("Sending the layer…"))
        colouring.send(sending())
        Gimp.progress_set_text(_("Finding colours…"))
        colouring.wait(Gimp.progress_pulse)
        Gimp.progress_set_text(_("Receiving the colours…"))
        return pixels.coloured(colouring.rows(heights()))
    finally:
        colouring.close()


def _all_layers(target: Target) -> Gimp.Layer:
    """The image as seen without colours and hints of ours, in a copy of the image."""
    copy = target.image.duplicate()
    for layer in list(all_layers(copy)):
        if any(is_marked(layer, name) for name in (COLOUR_MARK, HINTS_MARK)):
            layer.set_visible(False)
    seen = Gimp.Layer.new_from_visible(copy, copy, "seen")
    copy.insert_layer(seen, None, 0)
    return seen


def _with_filters(target: Target) -> Gimp.Layer | None:
    """The layer with its live filters applied, in a copy of the image; None where it has none.

    A colour layer lies over what is seen, so its colours must fit that lightness; the other
    results carry the filters on top.
    """
    if target.output != COLOUR_LAYER or not target.layer.get_filters():
        return None
    layer = target.layer
    seen = _same_place(target.image.duplicate(), layer)
    if layer.is_group():  # the filters of a group can only be merged with the group
        seen = seen.merge()
    else:
        seen.merge_filters()
    # A filter such as a drop shadow makes the layer larger; the colours are for its own extent.
    x, y = (seen.get_offsets()[i] - layer.get_offsets()[i] for i in (1, 2))
    seen.resize(layer.get_width(), layer.get_height(), x, y)
    return seen


def _same_place(copy: Gimp.Image, layer: Gimp.Layer) -> Gimp.Layer:
    """The layer of a duplicated image that is the copy of `layer`.

    Its place in the tree tells; the numbers by which GIMP knows layers differ in a duplicate.
    """
    places = []
    item = layer
    while item:
        places.append(item.get_image().get_item_position(item))
        item = item.get_parent()
    found = copy.get_layers()[places.pop()]
    while places:
        found = found.get_children()[places.pop()]
    return found


def _pulse(text: str) -> None:
    Gimp.progress_set_text(text)
    Gimp.progress_pulse()


def _wait(seconds: float, text: str) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _pulse(text)
        time.sleep(0.1)
