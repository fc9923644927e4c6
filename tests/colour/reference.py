"""The fused pass written plainly in float64: what the kernels have to equal."""

import numpy as np
from numpy.typing import NDArray

from core.colour import gamut, lab
from core.colour.field import PreparedField, chroma_at


def unit(samples: NDArray) -> NDArray[np.float64]:
    """Samples as sRGB values 0..1, grey ones with three equal channels."""
    values = samples / np.iinfo(samples.dtype).max
    return values if samples.ndim == 3 else np.repeat(values[..., None], 3, axis=-1)


def asked_for(samples: NDArray, top: int, prepared: PreparedField) -> NDArray[np.float64]:
    """The source's L* and the field's chroma, before the gamut step: (rows, width, 3)."""
    light = lab.lightness(unit(samples))
    chroma = chroma_at(prepared, top, samples.shape[0])
    return np.concatenate([light[..., None], chroma], axis=-1)


def coloured(samples: NDArray, top: int, prepared: PreparedField, depth: type) -> NDArray:
    """lightness -> CIELAB with the field's chroma -> gamut -> sRGB -> the nearest code."""
    rgb = lab.lab_to_srgb(gamut.fit(asked_for(samples, top, prepared)))
    return np.floor(np.clip(rgb, 0, 1) * np.iinfo(depth).max + 0.5).astype(depth)


def lightness_error(samples: NDArray, out: NDArray) -> NDArray[np.float64]:
    """How far each pixel's L* has moved: (rows, width)."""
    return np.abs(lab.lightness(unit(out)) - lab.lightness(unit(samples)))
