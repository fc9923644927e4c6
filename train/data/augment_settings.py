"""The recipe's `[augment]` table: how pictures are changed before the network learns from them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Augment:
    """The recipe's `[augment]` table: probabilities 0..1, crops as shares of the short side."""

    crop: tuple[float, float] = (0.6, 1.0)
    aspect: float = 1.15
    flip: float = 0.5
    shear: float = 0.0  # radians at most, of the whole picture before cropping
    zoom: float = 0.0  # 1 - zoom .. 1 + zoom, each side apart
    rotation: float = 0.0  # degrees at most
    old_film: float = (
        0.35  # the chance of all that follows, up to `damage`; each has its own within
    )
    blur: float = 0.5
    blur_sigma: tuple[float, float] = (0.4, 1.4)  # px of a picture of 160 px
    gamma: float = 1.0
    fading: float = 1.0  # blacks and whites turn gray
    grain: float = 1.0
    orthochromatic: float = 0.25
    halation: float = 0.0  # bright things glow
    border: float = 0.0  # of a plate or a mount: gray, also in the truth
    damage: float = 0.0  # scratches, dust and fading on the old films
    hints: float = 0.5
    many_hints: float = 0.02
    hint_radius: float = 4.0
    recoloured: float = 0.0  # one thing has a free colour, also in the truth, and a few hints of it

    @property
    def warps(self) -> bool:
        """Whether pictures are sheared, zoomed or turned before cropping."""
        return bool(self.shear or self.zoom or self.rotation)
