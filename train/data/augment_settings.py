"""The recipe's `[augment]` table: how pictures are changed before the network learns from them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augment:
    """The recipe's `[augment]` table: probabilities 0..1, crops as shares of the short side."""

    crop: tuple[float, float] = (0.6, 1.0)
    aspect: float = 1.15
    flip: float = 0.5
    shear: float = 0.0  # radians at most, of the whole picture before cropping
    zoom: float = 0.0  # factors of width and height are drawn apart from 1 - zoom to 1 + zoom
    rotation: float = 0.0  # degrees at most
    # The probability of the look of old film. The probabilities of its parts, down to `damage`, are
    # those among the pictures that have it.
    old_film: float = 0.35
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.4, 1.4)  # px of a picture of 160 px
    gamma: float = 1.0
    contrast: float = 0.0  # hard paper: few grays between black and white
    sharpening: float = 0.0  # by a scanner or an editor: halos along edges
    fading: float = 1.0  # black and white become gray
    grain: float = 1.0
    orthochromatic: float = 0.25
    halation: float = 0.0  # a glow around bright areas
    border: float = 0.0  # of a plate or a mount: gray, also in the targets
    damage: float = 0.0  # scratches, dust and fading on the old films
    hints: float = 0.5
    many_hints: float = 0.02
    hint_radius: float = 4.0
    recoloured: float = 0.0  # one thing has a free colour, also in the targets, and a few hints

    @property
    def warps(self) -> bool:
        """Whether pictures are sheared, zoomed or rotated before cropping."""
        return bool(self.shear or self.zoom or self.rotation)
