"""Which photograph a layer of ours was made for.

A photograph gets an identity, and a layer of ours a mark that names it; both are parasites, so they
survive Image > Duplicate, a saved XCF file, new names and new places. A tattoo does not: a
duplicate numbers its layers anew, and the number then names another layer.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

from gi.repository import Gimp

HINTS_MARK, COLOUR_MARK = "photochrom-hints", "photochrom-colour"
IDENTITY = "photochrom-photograph"
# Without the second flag, GIMP makes of the parasite an undo step that it cannot undo.
KEPT = Gimp.PARASITE_PERSISTENT | Gimp.PARASITE_UNDOABLE


def mark(layer: Gimp.Layer, name: str, photograph: Gimp.Layer) -> None:
    """Note on a layer of ours, not yet inserted, which photograph it is for."""
    identity = _read(photograph, IDENTITY)
    if not identity:
        identity = uuid.uuid4().hex
        _write(photograph, IDENTITY, identity)
    _write(layer, name, json.dumps({"photograph": identity, "name": photograph.get_name()}))


def forget_identity(copy: Gimp.Layer) -> None:
    """A copy of a photograph, not yet inserted, is no longer the photograph."""
    if copy.get_parasite(IDENTITY):
        copy.detach_parasite(IDENTITY)


def is_marked(layer: Gimp.Layer, name: str) -> bool:
    """Whether `layer` was made for a photograph, be it still there or not."""
    return layer.get_parasite(name) is not None


def photograph_of(image: Gimp.Image, layer: Gimp.Layer, name: str) -> Gimp.Layer | None:
    """The photograph that `layer` was marked for, if it was and the photograph still exists.

    Duplicate Layer copies the identity too. Of several photographs with one identity, the one of
    the noted name is meant, or else the first one beneath `layer`.
    """
    text = _read(layer, name)
    if text.isdigit():
        return _of_tattoo(image, layer, int(text))
    try:
        noted = json.loads(text)
        identity, noted_name = noted["photograph"], noted["name"]
    except (ValueError, KeyError, TypeError):
        return None
    layers = list(all_layers(image))
    place = next(i for i, other in enumerate(layers) if other.get_id() == layer.get_id())
    found = [other for other in layers[place:] + layers[:place] if _is(other, identity)]
    named = [other for other in found if other.get_name() == noted_name]
    return next(iter(named or found), None)


def all_layers(parent: Gimp.Image | Gimp.GroupLayer) -> Iterator[Gimp.Layer]:
    """An image's layers and those in its groups, topmost first."""
    children = parent.get_layers() if isinstance(parent, Gimp.Image) else parent.get_children()
    for layer in children:
        yield layer
        if layer.is_group():
            yield from all_layers(layer)


def _of_tattoo(image: Gimp.Image, layer: Gimp.Layer, tattoo: int) -> Gimp.Layer | None:
    """What a mark of Photochrom 1.3 means: it holds a tattoo alone.

    It is believed of a layer that is not ours, and whose name a colour layer bears.
    """
    found = image.get_layer_by_tattoo(tattoo)
    if not found or any(is_marked(found, name) for name in (HINTS_MARK, COLOUR_MARK)):
        return None
    named = layer.get_name().startswith(found.get_name())
    return found if named or is_marked(layer, HINTS_MARK) else None


def _is(layer: Gimp.Layer, identity: str) -> bool:
    """Whether `layer` is the photograph of that identity, and not a layer made of a copy of it."""
    ours = any(is_marked(layer, name) for name in (HINTS_MARK, COLOUR_MARK))
    return not ours and _read(layer, IDENTITY) == identity


def _read(layer: Gimp.Layer, name: str) -> str:
    parasite = layer.get_parasite(name)
    return bytes(parasite.get_data()).decode("utf-8", "replace").strip("\0") if parasite else ""


def _write(layer: Gimp.Layer, name: str, text: str) -> None:
    layer.attach_parasite(Gimp.Parasite.new(name, KEPT, text.encode()))
