"""Colours stated by code points (cICP of PNG, nclx of AVIF): primaries, curve, range of the codes.

What a television or a phone coded is read as a screen shows it. Source: ITU-T H.273 (2021); PNG
Specification, 3rd edition, 11.3.2.6.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from core.colour.lab import srgb_to_linear
from core.image import profiles
from core.image.profiles import Conversion

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
_BT709: Final = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SMPTE_170M: Final = (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070)
#: ColourPrimaries -> CIE xy of white, red, green, blue (H.273, table 2); 2 is "unspecified".
_PRIMARIES: Final[dict[int, tuple[float, ...]]] = {
    1: _BT709,
    2: _BT709,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: _SMPTE_170M,
    7: _SMPTE_170M,
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
#: TransferCharacteristics of cameras for television, which screens and browsers show as sRGB; 13 is
#: sRGB itself, 2 "unspecified".
_AS_SRGB: Final = frozenset((1, 2, 6, 7, 11, 12, 13, 14, 15))
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0}
_HDR: Final = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True)
class CodePoints:
    """What H.273 calls ColourPrimaries and TransferCharacteristics, and VideoFullRangeFlag."""

    primaries: int
    transfer: int
    is_full_range: bool = True

    @property
    def is_unspecified(self) -> bool:
        """Whether they leave it open what the codes mean."""
        return self.primaries == self.transfer == 2 and self.is_full_range

    def fault(self) -> str | None:
        """Why no lightness can be had of them, as 'its colours are ...', or None."""
        if self.transfer in _HDR:
            return f"its colours are coded for HDR screens ({_HDR[self.transfer]})"
        if self.primaries not in _PRIMARIES:
            return f"its colours have the unusual primaries {self.primaries} (cICP)"
        if self.transfer not in _AS_SRGB and self.transfer not in _GAMMAS:
            return f"its colours have the unusual curve {self.transfer} (cICP)"
        return None

    def conversion(self, channels: int, depth: int) -> Conversion | None:
        """What brings such codes to sRGB codes; None where they are sRGB in effect.

        `fault` has been asked before.
        """
        gamma = _GAMMAS.get(self.transfer)
        codes = np.linspace(0.0, 1.0, 1 << depth)
        if not self.is_full_range:  # black at 16, white at 235 of 255
            codes = (codes * ((1 << depth) - 1) / (1 << (depth - 8)) - 16) / 219
            codes = np.clip(codes, 0.0, 1.0)
        plain = gamma is None and self.is_full_range
        linear = codes**gamma if gamma else srgb_to_linear(codes)
        return profiles.conversion_of_curve(
            None if plain else linear, _PRIMARIES[self.primaries], channels, depth
        )
