"""Which layer is meant, and where its colours go: a layer in LCh Color mode above it, a coloured
copy above it, or the layer itself. Everything in `place` belongs inside one undo group.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gi.repository import Gimp
from pixels import Colours
from trouble import Trouble

# Parasites on layers of ours; each holds the tattoo of the photograph that the layer is for.
HINTS_MARK, COLOUR_MARK = "photochrom-hints", "photochrom-colour"
COLOUR_LAYER, NEW_LAYER, IN_PLACE = "colour-layer", "new-layer", "in-place"


@dataclass(frozen=True)
class Target:
    """A layer to colour, what of it, and how."""

    image: Gimp.Image
    layer: Gimp.Layer
    output: str
    respect_selection: bool

    @property
    def is_gray(self) -> bool:
        """Whether the image holds no colour yet."""
        return self.image.get_base_type() == Gimp.ImageBaseType.GRAY

    def check(self) -> None:
        """Raises `Trouble` for what could not be placed, before anything is waited for."""
        layer = self.layer
        if layer.is_floating_sel() or self.image.get_floating_sel():
            raise Trouble("There is a floating selection; anchor it first (Layer > Anchor)")
        if self.output == IN_PLACE and layer.is_group():
            raise Trouble(
                "A layer group has no pixels of its own to replace; choose a colour layer above it"
            )
        if self.output == IN_PLACE and layer.get_lock_content():
            raise Trouble(
                f"The pixels of {layer.get_name()!r} are locked; unlock them in the Layers "
                "dialog, or choose a colour layer above it"
            )
        if self._has_selection() and not layer.mask_intersect()[0]:
            raise Trouble(
                "The selection does not touch the layer; choose Select > None, "
                "or switch 'Respect the selection' off"
            )

    def place(self, colours: Colours) -> Gimp.Layer:
        """Put the colours where they should go; returns the layer that holds them."""
        if self.output == IN_PLACE:
            self._paint(self.layer, colours)
            return self.layer
        if self.output == NEW_LAYER and not self.layer.is_group():
            return self._coloured_copy(colours)
        return self._layer_above(colours)

    def _layer_above(self, colours: Colours) -> Gimp.Layer:
        """A new layer with the colours, its mask as the selection and the layer's mask say."""
        mode = Gimp.LayerMode.NORMAL if self.output == NEW_LAYER else Gimp.LayerMode.LCH_COLOR
        layer, image = self.layer, self.image
        kind = Gimp.ImageType.RGBA_IMAGE if layer.has_alpha() else Gimp.ImageType.RGB_IMAGE
        width, height = layer.get_width(), layer.get_height()
        name = f"{layer.get_name()} colour"
        result = Gimp.Layer.new(image, name, width, height, kind, layer.get_opacity(), mode)
        colours.fill(result.get_buffer())
        _, x, y = layer.get_offsets()
        result.set_offsets(x, y)
        if mode == Gimp.LayerMode.LCH_COLOR:
            mark(result, COLOUR_MARK, layer)
        image.insert_layer(result, layer.get_parent(), self._position_above())
        self._mask_like_layer(result)
        return result

    def _position_above(self) -> int:
        """Above the layer, and above the colours that were found for it before."""
        layer, image = self.layer, self.image
        parent = layer.get_parent()
        siblings = parent.get_children() if parent else image.get_layers()
        earlier = [
            other
            for other in siblings
            if (meant := photograph_of(image, other, COLOUR_MARK))
            and meant.get_id() == layer.get_id()
        ]
        return min(map(image.get_item_position, [layer, *earlier]))

    def _mask_like_layer(self, result: Gimp.Layer) -> None:
        """Colour nothing that the selection leaves out or that the layer's own mask hides."""
        own = self.layer.get_mask() if self.layer.get_apply_mask() else None
        if not own and not self._has_selection():
            return
        saved = Gimp.Selection.save(self.image)
        if not self._has_selection():
            Gimp.Selection.all(self.image)
        if own:
            self.image.select_item(Gimp.ChannelOps.INTERSECT, own)
        result.add_mask(result.create_mask(Gimp.AddMaskType.SELECTION))
        result.set_edit_mask(False)
        self._restore_selection(saved)

    def _coloured_copy(self, colours: Colours) -> Gimp.Layer:
        """A copy above the layer: its mask, mode and opacity, and the colours."""
        layer, image = self.layer, self.image
        copy = layer.copy()
        copy.set_name(f"{layer.get_name()} coloured")
        image.insert_layer(copy, layer.get_parent(), image.get_item_position(layer))
        copy.set_lock_content(False)
        if copy.get_mask():
            copy.set_edit_mask(False)
        self._paint(copy, colours)
        return copy

    def _paint(self, layer: Gimp.Layer, colours: Colours) -> None:
        """Replace the layer's pixels inside the selection, feathered as it is; undoable."""
        saved = None
        if not self.respect_selection and not Gimp.Selection.is_empty(self.image):
            saved = Gimp.Selection.save(self.image)
            Gimp.Selection.none(self.image)
        colours.fill(layer.get_shadow_buffer())
        done = layer.merge_shadow(True)
        layer.update(0, 0, layer.get_width(), layer.get_height())
        if saved:
            self._restore_selection(saved)
        if not done:
            raise Trouble(f"GIMP refuses to change {layer.get_name()!r}; choose a colour layer")

    def _restore_selection(self, saved: Gimp.Channel) -> None:
        self.image.select_item(Gimp.ChannelOps.REPLACE, saved)
        self.image.remove_channel(saved)

    def _has_selection(self) -> bool:
        return self.respect_selection and not Gimp.Selection.is_empty(self.image)


def layer_of(image: Gimp.Image, drawables: list) -> Gimp.Layer:
    """The one layer that the user means; a mask that is being edited stands for its layer."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Trouble(
            "An indexed image has a palette and no room for more colours; "
            "convert it first with Image > Mode > RGB"
        )
    if len(drawables) != 1:
        raise Trouble("Choose one layer; several cannot be coloured at once")
    chosen = drawables[0]
    if isinstance(chosen, Gimp.LayerMask):
        chosen = Gimp.Layer.from_mask(chosen)
    if not isinstance(chosen, Gimp.Layer):
        raise Trouble("A channel holds no picture to colour; choose a layer")
    return chosen


def mark(layer: Gimp.Layer, name: str, photograph: Gimp.Layer) -> None:
    """Note on a layer of ours, not yet inserted, which photograph it is for; kept in the file.

    On an inserted layer the note would be an undo step of its own, one that GIMP cannot undo.
    """
    tattoo = str(photograph.get_tattoo()).encode()
    layer.attach_parasite(Gimp.Parasite.new(name, Gimp.PARASITE_PERSISTENT, tattoo))


def photograph_of(image: Gimp.Image, layer: Gimp.Layer, name: str) -> Gimp.Layer | None:
    """The photograph that `layer` was marked for, if it was and the photograph still exists."""
    note = layer.get_parasite(name)
    return image.get_layer_by_tattoo(int(bytes(note.get_data()))) if note else None


def all_layers(parent: Gimp.Image | Gimp.GroupLayer) -> Iterator[Gimp.Layer]:
    """An image's layers and those in its groups, topmost first."""
    children = parent.get_layers() if isinstance(parent, Gimp.Image) else parent.get_children()
    for layer in children:
        yield layer
        if layer.is_group():
            yield from all_layers(layer)
