"""Runs inside GIMP's Python console procedure: executes the code that tests send over a socket.

`GimpSession` in `gimp_session.py` is the other end. Code finds the functions below; what it
leaves in `value` goes back as JSON. Bytes travel as hexadecimal text.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

import json
import os
import socket
import traceback

import gi

gi.require_version("Gegl", "0.4")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

DISPLAYS = []  # of the images that a test showed
COLORIZE = "plug-in-photochrom-colorize"
GRAY, RGB = Gimp.ImageBaseType.GRAY, Gimp.ImageBaseType.RGB
LAYER_KIND = {
    (RGB, False): Gimp.ImageType.RGB_IMAGE,
    (RGB, True): Gimp.ImageType.RGBA_IMAGE,
    (GRAY, False): Gimp.ImageType.GRAY_IMAGE,
    (GRAY, True): Gimp.ImageType.GRAYA_IMAGE,
}


def picture(
    width, height, samples, babl, base=RGB, precision="U8_NON_LINEAR", alpha=False, at=(0, 0)
):
    """(image, layer) with a layer of the size at the offset `at`, holding the samples."""
    image = Gimp.Image.new_with_precision(width, height, base, getattr(Gimp.Precision, precision))
    kind = LAYER_KIND[base, alpha]
    layer = Gimp.Layer.new(image, "photo", width, height, kind, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    write(layer, samples, babl)
    layer.set_offsets(*at)
    image.undo_disable()
    image.undo_enable()
    return image, layer


def write(drawable, samples, babl):
    """Set the drawable's pixels."""
    buffer = drawable.get_buffer()
    buffer.set(buffer.get_extent(), babl, samples)
    buffer.flush()
    drawable.update(0, 0, drawable.get_width(), drawable.get_height())


def read(drawable, babl=None):
    """The drawable's pixels; in its own format unless told."""
    buffer = drawable.get_buffer()
    return buffer.get(buffer.get_extent(), 1.0, babl, Gegl.AbyssPolicy.NONE)


def merged(image, babl):
    """The pixels as seen."""
    seen = Gimp.Layer.new_from_visible(image, image, "seen")
    return read(seen, babl)


def run(name, image, drawables, **arguments):
    """{"status", "message"} of calling a procedure as a script does."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for key, setting in arguments.items():
        config.set_property(key.replace("_", "-"), setting)
    result = procedure.run(config)
    status = result.index(0)
    message = (
        result.index(1) if result.length() > 1 and status != Gimp.PDBStatusType.SUCCESS else ""
    )
    return {"status": status.value_nick, "message": message}


def colorize(image, *drawables, **arguments):
    """Call Colorize Layer."""
    return run(COLORIZE, image, list(drawables), **arguments)


def names(image):
    """The names of the top layers, from top to bottom."""
    return [layer.get_name() for layer in image.get_layers()]


def load(path):
    """The image in a file."""
    return Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))


def _all(connection):
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def serve(path):
    """Execute what comes until the socket is asked to stop."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    while True:
        connection, _ = listener.accept()
        with connection:
            code = _all(connection)
            if code == b"stop":
                return
            names = dict(globals(), value=None)
            try:
                exec(compile(code, "<test>", "exec"), names)
                answer = {"value": names["value"]}
            except Exception:
                answer = {"error": traceback.format_exc()}
            connection.sendall(json.dumps(answer, default=lambda value: value.hex()).encode())


serve(os.environ["PHOTOCHROM_TEST_SOCKET"])
