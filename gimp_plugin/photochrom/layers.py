"""Which layer is meant, and where its colours go: a layer in LCh Color mode above it, a coloured
copy above it, or the layer itself. Everything in `place` belongs inside one undo group.
"""
# pyright: reportMissingImports=false
# gi exists in GIMP's own Python only.

from __future__ import annotations

from dataclasses import dataclass

from gi.repository import Gimp
from marks import COLOUR_MARK, forget_identity, mark, photograph_of
from pixels import Colours
from trouble import Trouble

COLOUR_LAYER, NEW_LAYER, IN_PLACE = "colour-layer", "new-layer", "in-place"
# The role comes first: the Layers dialog cuts long names at their end.
COLOUR_NAME, COLOURED_NAME = "Colour: {}", "Coloured: {}"


@dataclass(frozen=True)
class Target:
    """A layer to colour, what of it, and how."""

    image: Gimp.Image
    layer: Gimp.Layer
    output: str
    respect_selection: bool
    replace_colours: bool = True

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
        earlier = self.earlier_colours() if self.output == COLOUR_LAYER else []
        if earlier and self.replace_colours and not earlier[0].get_lock_content():
            return self._replace(earlier[0], colours)
        return self._layer_above(colours)

    def earlier_colours(self) -> list[Gimp.Layer]:
        """The colour layers that were made for this layer and lie beside it, topmost first."""
        parent = self.layer.get_parent()
        siblings = parent.get_children() if parent else self.image.get_layers()
        return [
            other
            for other in siblings
            if (meant := photograph_of(self.image, other, COLOUR_MARK))
            and meant.get_id() == self.layer.get_id()
        ]

    def _replace(self, earlier: Gimp.Layer, colours: Colours) -> Gimp.Layer:
        """New colours in the place of earlier ones, whose opacity and mask stay.

        With a selection, the colours outside of it stay too.
        """
        if self._fits(earlier):
            if self._has_selection():
                self._show_selected(earlier)
            self._paint(earlier, colours)
            result = earlier
        else:
            result = self._layer_above(colours, earlier.get_mask())
            result.set_opacity(earlier.get_opacity())
            name = earlier.get_name()
            self.image.remove_layer(earlier)
            result.set_name(name)
        result.set_visible(self.layer.get_visible())
        self.image.set_selected_layers([result])
        return result

    def _fits(self, earlier: Gimp.Layer) -> bool:
        """Whether a colour layer can take colours for this layer, pixel by pixel."""
        shapes = [
            (each.get_width(), each.get_height(), each.get_offsets()[1:])
            for each in (earlier, self.layer)
        ]
        return shapes[0] == shapes[1] and (earlier.has_alpha() or not self.layer.has_alpha())

    def _show_selected(self, earlier: Gimp.Layer) -> None:
        """Open the mask of earlier colours where new ones are wanted."""
        mask = earlier.get_mask()
        if not mask:
            return
        saved = Gimp.Selection.save(self.image)
        own = self._own_mask()
        if own:
            self.image.select_item(Gimp.ChannelOps.INTERSECT, own)
        mask.edit_fill(Gimp.FillType.WHITE)
        self._restore_selection(saved)

    def _layer_above(
        self, colours: Colours, earlier_mask: Gimp.LayerMask | None = None
    ) -> Gimp.Layer:
        """A new layer with the colours; the selection and the masks say where it shows."""
        mode = Gimp.LayerMode.NORMAL if self.output == NEW_LAYER else Gimp.LayerMode.LCH_COLOR
        layer, image = self.layer, self.image
        kind = Gimp.ImageType.RGBA_IMAGE if layer.has_alpha() else Gimp.ImageType.RGB_IMAGE
        width, height = layer.get_width(), layer.get_height()
        name = COLOUR_NAME.format(layer.get_name())
        result = Gimp.Layer.new(image, name, width, height, kind, layer.get_opacity(), mode)
        colours.fill(result.get_buffer())
        _, x, y = layer.get_offsets()
        result.set_offsets(x, y)
        result.set_visible(layer.get_visible())
        if mode == Gimp.LayerMode.LCH_COLOR:
            mark(result, COLOUR_MARK, layer)
        image.insert_layer(result, layer.get_parent(), self._position_above())
        self._mask_like(result, [self._own_mask(), earlier_mask])
        return result

    def _position_above(self) -> int:
        """Above the layer, and above the colours that were found for it before."""
        return min(map(self.image.get_item_position, [self.layer, *self.earlier_colours()]))

    def _own_mask(self) -> Gimp.LayerMask | None:
        """The layer's mask, where it hides something."""
        return self.layer.get_mask() if self.layer.get_apply_mask() else None

    def _mask_like(self, result: Gimp.Layer, masks: list[Gimp.LayerMask | None]) -> None:
        """Colour nothing that the selection leaves out or that one of the masks hides."""
        hiding = [mask for mask in masks if mask]
        if not hiding and not self._has_selection():
            return
        saved = Gimp.Selection.save(self.image)
        if not self._has_selection():
            Gimp.Selection.all(self.image)
        for mask in hiding:
            self.image.select_item(Gimp.ChannelOps.INTERSECT, mask)
        result.add_mask(result.create_mask(Gimp.AddMaskType.SELECTION))
        result.set_edit_mask(False)
        self._restore_selection(saved)

    def _coloured_copy(self, colours: Colours) -> Gimp.Layer:
        """A copy above the layer: its mask, mode and opacity, and the colours."""
        layer, image = self.layer, self.image
        copy = layer.copy()
        copy.set_name(COLOURED_NAME.format(layer.get_name()))
        forget_identity(copy)
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
