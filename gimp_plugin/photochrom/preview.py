"""The picture in the dialog: a thumbnail of the layer in the colours that it will get.

The server is asked for the thumbnail's chroma once, and again where the model, the hints or a dial
change; vividness and "before" are computed here, from that chroma, at each move of the slider. A
click gives a place a colour, or takes up the point that is there.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import gi

gi.require_version("Gtk", "3.0")

import hints  # noqa: E402
import points  # noqa: E402
from client import Colouring, Request  # noqa: E402
from colour_choice import choose_colour  # noqa: E402
from gi.repository import GdkPixbuf, Gegl, Gimp, GLib, Gtk  # noqa: E402
from layers import Target, extent_of  # noqa: E402
from server import Server  # noqa: E402
from thumbnail import paint_over, thumbnail_of  # noqa: E402
from translation import _  # noqa: E402
from trouble import Trouble  # noqa: E402

WIDTH, HEIGHT = 440, 440  # of the picture on the screen, at most
FINER = 2  # the server sees so many times more pixels a side: its colours are the layer's then
CHECKS = 0x999999, 0x666666  # under transparent pixels, as GIMP's own
CHECK_SIZE = 8
#: A point is shown as a square in a white and a black frame: half its side, px, and its colour.
MARKER = ((4, 0x000000FF), (3, 0xFFFFFFFF))
PATIENCE_SECONDS = 3.0  # so long a click waits for what else a place could be


@dataclass(frozen=True)
class Question:
    """What the colours of the thumbnail depend on, besides its pixels."""

    model: str
    hints: bytes
    dials: tuple[tuple[str, float], ...]


class Preview:
    """The picture, its switch "Before", and the thread that asks for colours.

    `widget` belongs into the dialog. `ask` wants colours, once `server` is known; `say` is called
    with the reason where there are none. `points` are the photograph's, as they are chosen here.
    """

    def __init__(self, target: Target, vividness: float, say: Callable[[str], None]) -> None:
        self._vividness = vividness
        self._say = say
        self._server: Server | None = None
        self._question: Question | None = None
        self._asking = False
        self._open = True
        self._model, self._paint, self._dials = "", None, {}
        self._small_paint: tuple = None, b""
        self.points = points.read(target.layer)
        self._earlier_points: list[list[points.HintPoint]] = []
        self._picture = Gtk.Image()
        self._before = Gtk.CheckButton.new_with_mnemonic(_("_Before"))
        self._before.connect("toggled", lambda _button: self._show())
        self.widget = self._box()
        self.read(target)

    def read(self, target: Target) -> None:
        """Take the thumbnail of the layer, or of the image as seen."""
        self._extent, self._own_extent = target.extent, extent_of(target.layer)
        fine = thumbnail_of(target, FINER * WIDTH, FINER * HEIGHT)
        width, height = (max(1, side // FINER) for side in (fine.get_width(), fine.get_height()))
        smooth = GdkPixbuf.InterpType.BILINEAR
        self._fine = fine.scale_simple(FINER * width, FINER * height, smooth)
        self._small = fine.scale_simple(width, height, smooth)
        self._area = Gegl.Rectangle.new(0, 0, width, height)
        self._pixels = Gegl.Buffer.new("R'G'B' u8", 0, 0, width, height)
        self._pixels.set(self._area, "R'G'B' u8", _colours_of(self._small))
        self._lab = array("f", self._read("CIE Lab float"))
        self._chroma: array | None = None
        self._show()

    def ask(
        self,
        server: Server | None,
        model: str,
        paint: Gimp.Layer | None,
        dials: dict[str, float],
    ) -> None:
        """Ask for the colours by `model` (''= the server's own), the paint on a layer, the dials.

        Vividness is none of these dials.
        """
        self._server = server or self._server
        self._model, self._paint, self._dials = model, paint, dials
        self._ask()

    def _ask(self) -> None:
        size = self._fine.get_width(), self._fine.get_height()
        png = hints.as_small_png(self._paint_over(*size), self._shown_points(), *size)
        self._question = Question(self._model, png, tuple(self._dials.items()))
        self._start()

    def _paint_over(self, width: int, height: int) -> bytes:
        """The chosen layer's paint; nobody paints while the dialog is open."""
        if not self._paint:
            return b""
        key = self._paint.get_id(), self._extent, width, height
        if self._small_paint[0] != key:
            self._small_paint = key, paint_over(self._paint, self._extent, width, height)
        return self._small_paint[1]

    def set_vividness(self, vividness: float) -> None:
        """Show the same colours, more or less vivid."""
        self._vividness = vividness
        self._show()

    def close(self) -> None:
        """The dialog is gone: what still arrives is for nobody."""
        self._open = False

    def _start(self) -> None:
        if self._asking or not self._open or not self._server or not self._question:
            return
        self._asking = True
        fine = self._fine
        samples = _colours_of(fine)
        dials, model = {"vividness": 1.0, **dict(self._question.dials)}, self._question.model
        request = Request(fine.get_width(), fine.get_height(), 3, 8, dials, model, "chroma")
        work = self._server, request, samples, self._question
        threading.Thread(target=self._fetch, args=work, daemon=True).start()

    def _fetch(self, server: Server, request: Request, samples: bytes, question: Question) -> None:
        """In a thread of its own."""
        try:
            colouring = Colouring(server, request, question.hints)
            try:
                colouring.send([samples])
                colouring.wait(self._check_open)
                (answer,) = colouring.rows([request.height])
                chroma = _every_second(array("f", answer.tobytes()), request.width, request.height)
            finally:
                colouring.close()
        except Trouble as trouble:
            GLib.idle_add(self._failed, question, str(trouble))
        else:
            GLib.idle_add(self._arrived, samples, question, chroma)

    def _check_open(self) -> None:
        """Ends the thread, and with its connection the work in the server, with the dialog."""
        if not self._open:
            raise Trouble("The dialog is closed")

    def _arrived(self, samples: bytes, question: Question, chroma: array) -> None:
        self._asking = False
        if question != self._question or samples != _colours_of(self._fine):
            self._start()  # the question has changed meanwhile
        elif self._open:
            self._chroma = chroma
            self._show()

    def _failed(self, question: Question, reason: str) -> None:
        self._asking = False
        if question != self._question:
            self._start()
        elif self._open:
            self._say(f"{reason}.")

    def _show(self) -> None:
        if self._open:
            self._picture.set_from_pixbuf(self._pixbuf())

    def _pixbuf(self) -> GdkPixbuf.Pixbuf:
        """What is to be seen now."""
        if self._chroma is None or self._before.get_active():
            return self._marked(_over_checks(self._small))
        vividness = self._vividness
        # 193,600 pixels take 0.06 s; an array in Python is the only arithmetic that GIMP's has.
        scaled = array("f", [value * vividness for value in self._chroma])
        self._lab[1::3], self._lab[2::3] = scaled[0::2], scaled[1::2]
        self._pixels.set(self._area, "CIE Lab float", self._lab.tobytes())
        return self._marked(_over_checks(_pixbuf_of(self._read("R'G'B' u8"), self._small)))

    def _marked(self, picture: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
        """The picture with its points."""
        shown = self._shown_points()
        if not shown:
            return picture
        result = picture.copy()
        width, height = result.get_width(), result.get_height()
        for point in shown:
            column, row = int(point.x * width), int(point.y * height)
            colour = int(point.colour[1:] + "ff", 16)
            for half, fill in (*MARKER, (2, colour)):
                left, top = max(0, column - half), max(0, row - half)
                right, bottom = min(width, column + half + 1), min(height, row + half + 1)
                if right > left and bottom > top:
                    result.new_subpixbuf(left, top, right - left, bottom - top).fill(fill)
        return result

    def _shown_points(self) -> list[points.HintPoint]:
        """The photograph's points on what the preview shows."""
        return points.moved(self.points, self._own_extent, self._extent)

    def _read(self, babl_format: str) -> bytes:
        return self._pixels.get(self._area, 1.0, babl_format, Gegl.AbyssPolicy.NONE)

    def _box(self) -> Gtk.Box:
        """The picture with the switch below it."""
        surface = Gtk.EventBox()
        surface.add(self._picture)
        surface.connect("button-press-event", self._clicked)
        self._before.set_halign(Gtk.Align.CENTER)
        box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=3)
        self._picture.set_size_request(WIDTH, -1)
        box.pack_start(surface, False, False, 0)
        box.pack_start(self._before, False, False, 0)
        box.show_all()
        return box

    def _clicked(self, surface: Gtk.EventBox, event) -> bool:
        """Ask for the colour of the place that was clicked; a right click removes a point."""
        width, height = self._small.get_width(), self._small.get_height()
        space = surface.get_allocation()
        x = event.x - (space.width - width) / 2
        y = event.y - (space.height - height) / 2
        if event.button not in (1, 3) or not (0 <= x < width and 0 <= y < height):
            return False
        shown = self._shown_points()
        chosen = points.nearest(shown, x, y, width, height)
        kept = [point for point in shown if point is not chosen]
        if event.button == 3:
            if chosen:
                self._set_points(kept)
            return True
        place = chosen or points.HintPoint(x / width, y / height, "")
        used = list(dict.fromkeys(point.colour for point in kept))
        others = self._alternatives(place)
        colour = choose_colour(surface.get_toplevel(), chosen and chosen.colour, others, used)
        if colour is not None:
            self._set_points(
                [*kept, points.HintPoint(place.x, place.y, colour)] if colour else kept
            )
        return True

    def _set_points(self, shown: list[points.HintPoint]) -> None:
        """The points of what the preview shows are these now; those outside of it stay."""
        own, seen = self._own_extent, self._extent
        hidden = [point for point in self.points if not points.moved([point], own, seen)]
        self._earlier_points.append(self.points)
        self.points = hidden + points.moved(shown, seen, own)
        self._show()
        self._ask()

    def undo(self) -> None:
        """The points are again as they were before the last change."""
        if self._earlier_points:
            self.points = self._earlier_points.pop()
            self._show()
            self._ask()

    def _alternatives(self, place: points.HintPoint) -> list[str]:
        """What the model thinks of there; nothing where the server cannot tell, or not at once."""
        if not self._server:
            return []
        fine = self._fine
        size = fine.get_width(), fine.get_height()
        column = min(int(place.x * size[0]), size[0] - 1)
        row = min(int(place.y * size[1]), size[1] - 1)
        request = Request(*size, 3, 8, {}, self._model, "alternatives", (column, row))
        started = time.monotonic()

        def wait() -> None:
            if time.monotonic() - started > PATIENCE_SECONDS:
                raise Trouble("The colour server is busy")

        try:
            colouring = Colouring(self._server, request)
            try:
                colouring.send([_colours_of(fine)])
                colouring.wait(wait)
                return colouring.alternatives()
            finally:
                colouring.close()
        except Trouble:
            return []


def _colours_of(pixbuf: GdkPixbuf.Pixbuf) -> bytes:
    """R'G'B' u8 of a picture, without its alpha and the bytes that fill up rows."""
    width, height, stride = pixbuf.get_width(), pixbuf.get_height(), pixbuf.get_rowstride()
    channels = pixbuf.get_n_channels()
    data = pixbuf.read_pixel_bytes().get_data()
    rows = b"".join(data[y * stride : y * stride + width * channels] for y in range(height))
    if channels == 3:
        return rows
    colours = bytearray(3 * width * height)
    for channel in range(3):
        colours[channel::3] = rows[channel::4]
    return bytes(colours)


def _pixbuf_of(colours: bytes, like: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
    """A picture of R'G'B' u8, with the size and alpha of another."""
    width, height = like.get_width(), like.get_height()
    result = GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(colours), GdkPixbuf.Colorspace.RGB, False, 8, width, height, 3 * width
    )
    if not like.get_has_alpha():
        return result
    stride, data = like.get_rowstride(), like.read_pixel_bytes().get_data()
    pixels = bytearray(4 * width * height)
    for channel in range(3):
        pixels[channel::4] = colours[channel::3]
    pixels[3::4] = b"".join(
        data[y * stride + 3 : y * stride + 4 * width : 4] for y in range(height)
    )
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(pixels)), GdkPixbuf.Colorspace.RGB, True, 8, width, height, 4 * width
    )


def _over_checks(pixbuf: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
    if not pixbuf.get_has_alpha():
        return pixbuf
    size = pixbuf.get_width(), pixbuf.get_height()
    nearest = GdkPixbuf.InterpType.NEAREST
    return pixbuf.composite_color_simple(*size, nearest, 255, CHECK_SIZE, *CHECKS)


def _every_second(chroma: array, width: int, height: int) -> array:
    """(a*, b*) of every FINER-th pixel of every FINER-th row."""
    result = array("f", bytes(8 * (width // FINER) * (height // FINER)))
    for part in (0, 1):
        plane = array("f")
        for y in range(0, height, FINER):
            start = 2 * width * y + part
            plane += chroma[start : 2 * width * (y + 1) : 2 * FINER]
        result[part::2] = plane
    return result
