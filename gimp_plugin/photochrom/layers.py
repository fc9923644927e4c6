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
from translation import _
from trouble import Trouble

COLOUR_LAYER, NEW_LAYER, IN_PLACE = "colour-layer", "new-layer", "in-place"
# The role comes first: the Layers dialog cuts long names at their end.
COLOUR_NAME, COLOURED_NAME = _("Colour: {}"), _("Coloured: {}")


@dataclass(frozen=True)
class Extent:
    """A rectangle of the image, in its pixels."""

    x: int
    y: int
    width: int
    height: int


def extent_of(layer: Gimp.Layer) -> Extent:
    """Where a layer lies."""
    _, x, y = layer.get_offsets()
    return Extent(x, y, layer.get_width(), layer.get_height())


@dataclass(frozen=True)
class Target:
    """A layer to colour, what of it, and how.

    With `sample_merged` the image is coloured as it is seen, and the colours go above all.
    """

    image: Gimp.Image
    layer: Gimp.Layer
    output: str
    respect_selection: bool
    replace_colours: bool = True
    sample_merged: bool = False

    @property
    def extent(self) -> Extent:
        """What is coloured."""
        if self.sample_merged:
            return Extent(0, 0, self.image.get_width(), self.image.get_height())
        return extent_of(self.layer)

    @property
    def is_gray(self) -> bool:
        """Whether the image holds no colour yet."""
        return self.image.get_base_type() == Gimp.ImageBaseType.GRAY

    def check(self) -> None:
        """Raises `Trouble` for what could not be placed, before anything is waited for."""
        layer = self.layer
        if layer.is_floating_sel() or self.image.get_floating_sel():
            raise Trouble(_("There is a floating selection; anchor it first (Layer > Anchor)"))
        if self.output == IN_PLACE and self.sample_merged:
            raise Trouble(
                _(
                    "What all layers show together cannot be replaced in one of them; choose a "
                    "colour layer or a new coloured layer"
                )
            )
        if self.output == IN_PLACE and layer.is_group():
            raise Trouble(
                _(
                    "A layer group has no pixels of its own to replace; choose a colour layer "
                    "above it"
                )
            )
        if self.output == IN_PLACE and layer.get_lock_content():
            raise Trouble(
                _(
                    "The pixels of {layer} are locked; unlock them in the Layers dialog, or choose "
                    "a colour layer above it"
                ).format(layer=repr(layer.get_name()))
            )
        if self._has_selection() and not self.sample_merged and not layer.mask_intersect()[0]:
            raise Trouble(
                _(
                    "The selection does not touch the layer; choose Select > None, or switch "
                    "'Respect the selection' off"
                )
            )

    def place(self, colours: Colours) -> Gimp.Layer:
        """Put the colours where they should go; returns the layer that holds them."""
        if self.output == IN_PLACE:
            self._paint(self.layer, colours)
            return self.layer
        if self.output == NEW_LAYER and not self.layer.is_group() and not self.sample_merged:
            return self._coloured_copy(colours)
        earlier = self.earlier_colours() if self.output == COLOUR_LAYER else []
        if earlier and self.replace_colours and not earlier[0].get_lock_content():
            return self._replace(earlier[0], colours)
        return self._layer_above(colours)

    def earlier_colours(self) -> list[Gimp.Layer]:
        """The colour layers that were made for this layer and lie beside it, topmost first."""
        parent = self._parent
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
        result.set_visible(self._visible)
        if self.sample_merged:
            self.image.reorder_item(result, None, 0)
        self.image.set_selected_layers([result])
        return result

    def _fits(self, earlier: Gimp.Layer) -> bool:
        """Whether a colour layer can take colours for this layer, pixel by pixel."""
        return extent_of(earlier) == self.extent and (earlier.has_alpha() or not self._has_alpha)

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
        layer, image, extent = self.layer, self.image, self.extent
        kind = Gimp.ImageType.RGBA_IMAGE if self._has_alpha else Gimp.ImageType.RGB_IMAGE
        name = COLOUR_NAME.format(layer.get_name())
        opacity = 100.0 if self.sample_merged else layer.get_opacity()
        result = Gimp.Layer.new(image, name, extent.width, extent.height, kind, opacity, mode)
        colours.fill(result.get_buffer())
        result.set_offsets(extent.x, extent.y)
        result.set_visible(self._visible)
        if mode == Gimp.LayerMode.LCH_COLOR:
            mark(result, COLOUR_MARK, layer)
        image.insert_layer(result, self._parent, self._position_above())
        self._mask_like(result, [self._own_mask(), earlier_mask])
        return result

    def _position_above(self) -> int:
        """Above the layer, and above the colours that were found for it before."""
        if self.sample_merged:
            return 0
        return min(map(self.image.get_item_position, [self.layer, *self.earlier_colours()]))

    def _own_mask(self) -> Gimp.LayerMask | None:
        """The layer's mask, where it hides something that is not hidden already."""
        hides = self.layer.get_apply_mask() and not self.sample_merged
        return self.layer.get_mask() if hides else None

    @property
    def _parent(self) -> Gimp.GroupLayer | None:
        """The group that the colours go into; None for the image itself."""
        return None if self.sample_merged else self.layer.get_parent()

    @property
    def _visible(self) -> bool:
        return self.sample_merged or self.layer.get_visible()

    @property
    def _has_alpha(self) -> bool:
        return self.sample_merged or self.layer.has_alpha()

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
            raise Trouble(
                _("GIMP refuses to change {layer}; choose a colour layer").format(
                    layer=repr(layer.get_name())
                )
            )

    def _restore_selection(self, saved: Gimp.Channel) -> None:
        self.image.select_item(Gimp.ChannelOps.REPLACE, saved)
        self.image.remove_channel(saved)

    def _has_selection(self) -> bool:
        return self.respect_selection and not Gimp.Selection.is_empty(self.image)


def layers_of(image: Gimp.Image, drawables: list) -> list[Gimp.Layer]:
    """The layers that the user means; a mask that is being edited stands for its layer."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Trouble(
            _(
                "An indexed image has a palette and no room for more colours; convert it first "
                "with Image > Mode > RGB"
            )
        )
    if not drawables:
        raise Trouble(_("Choose the layer to colour"))
    chosen = [
        Gimp.Layer.from_mask(drawable) if isinstance(drawable, Gimp.LayerMask) else drawable
        for drawable in drawables
    ]
    if not all(isinstance(layer, Gimp.Layer) for layer in chosen):
        raise Trouble(_("A channel holds no picture to colour; choose a layer"))
    return chosen
