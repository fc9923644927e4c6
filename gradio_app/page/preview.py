"""Previews of a picture, of a size that a browser can hold, and a histogram of its colours."""

import base64
from dataclasses import replace
from typing import Any, Final

import numpy as np

from core.colorizer import painter
from core.colour.field import ChromaField
from core.colour.lab import lab_to_srgb
from core.image.vips import library

#: Long side of a preview in pixels: a large screen's worth.
PREVIEW_SIDE: Final = 1600
#: High: the eye should judge the colours, not the preview's JPEG.
_QUALITY: Final = 90
_HISTOGRAM_CELLS: Final = 96
_HISTOGRAM_REACH: Final = 80.0  # a*, b* shown, either way
_NEUTRAL_LIGHTNESS: Final = 68.0


def preview_size(width: int, height: int, side: int = PREVIEW_SIDE) -> tuple[int, int]:
    """(width, height) of the preview of a picture of that size; small ones stay as they are."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def coloured(samples: np.ndarray, field: ChromaField, vividness: float) -> np.ndarray:
    """A preview in colour: uint8 (h, w, 3), from the preview's own samples and the picture's field.

    The field lies over the preview as it lies over the full size, so that both look the same.
    """
    height, width = samples.shape[:2]
    out = np.empty((height, width, 3), samples.dtype)
    painter(replace(field, width=width, height=height), vividness)(samples, 0, out)
    return to_8_bit(out)


def to_8_bit(samples: np.ndarray) -> np.ndarray:
    """uint8 codes of uint8 or uint16 ones."""
    if samples.dtype == np.uint8:
        return samples
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)


def jpeg_of(samples: np.ndarray) -> bytes:
    """uint8 codes (h, w) or (h, w, 3) as a JPEG for the browser."""
    return _image(samples).jpegsave_buffer(Q=_QUALITY, subsample_mode="off", keep="none")


def as_address(jpeg: bytes) -> str:
    """A small JPEG as an address that holds it."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def smaller(samples: np.ndarray, side: int) -> np.ndarray:
    """Samples (h, w) or (h, w, c) by means over blocks; the long side is 1 to 2 times `side`."""
    step = max(1, max(samples.shape[:2]) // side)
    height, width = (extent // step or 1 for extent in samples.shape[:2])
    step_y, step_x = samples.shape[0] // height, samples.shape[1] // width
    whole = samples[: height * step_y, : width * step_x]
    blocks = whole.reshape(height, step_y, width, step_x, *samples.shape[2:])
    return blocks.mean(axis=(1, 3)).astype(samples.dtype)


def around(samples: np.ndarray, x: float, y: float) -> np.ndarray:
    """The square around a point, in shares of the picture; half as wide as its short side."""
    height, width = samples.shape[:2]
    side = max(1, min(height, width) // 2)
    top = round(min(max(y * height - side / 2, 0), height - side))
    left = round(min(max(x * width - side / 2, 0), width - side))
    return samples[top : top + side, left : left + side]


def _image(samples: np.ndarray) -> Any:
    """uint8 codes, gray or with colours or with alpha too, as a libvips image."""
    codes = np.ascontiguousarray(samples if samples.ndim == 3 else samples[..., np.newaxis])
    height, width, bands = codes.shape
    image = library().Image.new_from_memory(codes.data, width, height, bands, "uchar")
    return image.copy(interpretation="b-w" if bands == 1 else "srgb")


def histogram(field: ChromaField, vividness: float) -> str:
    """Which colours are in the picture: the a*, b* plane as an HTML image, each cell in its colour.

    How often a colour is there shows as how opaque it is.
    """
    rows, columns = (max(1, round(extent)) for extent in field.extent)
    a, b = (plane[:rows, :columns].ravel() * vividness for plane in field.grid)
    span = (-_HISTOGRAM_REACH, _HISTOGRAM_REACH)
    count, _, _ = np.histogram2d(-b, a, _HISTOGRAM_CELLS, (span, span))
    share = np.log1p(count) / max(np.log1p(count).max(), 1e-9)
    centres = (np.arange(_HISTOGRAM_CELLS) + 0.5) / _HISTOGRAM_CELLS * 2 - 1
    b_plane, a_plane = np.meshgrid(
        -centres * _HISTOGRAM_REACH, centres * _HISTOGRAM_REACH, indexing="ij"
    )
    lab = np.stack([np.full_like(a_plane, _NEUTRAL_LIGHTNESS), a_plane, b_plane], axis=-1)
    codes = np.empty((_HISTOGRAM_CELLS, _HISTOGRAM_CELLS, 4), np.uint8)
    codes[..., :3] = np.clip(lab_to_srgb(lab), 0, 1) * 255 + 0.5
    # A faint disc of all colours lies below, so that the plane can be read where nothing is.
    radius = np.hypot(a_plane, b_plane) / _HISTOGRAM_REACH
    codes[..., 3] = np.where(radius <= 1, 22 + 233 * share**0.7 * (count > 0), 0)
    picture = base64.b64encode(_image(codes).pngsave_buffer(keep="none")).decode()
    mean = float(np.hypot(a, b).mean())
    return (
        '<figure class="histogram">'
        f'<img src="data:image/png;base64,{picture}" width="192" height="192" '
        f'alt="Colours in the picture: {_in_words(a, b)}">'
        f"<figcaption>{_in_words(a, b)}; mean chroma {mean:.0f}</figcaption></figure>"
    )


#: Hue angle in degrees at which a family of colours ends -> its name.
_FAMILIES: Final = (
    (15, "pinks"),
    (50, "reds and browns"),
    (80, "oranges and skin"),
    (105, "yellows"),
    (165, "greens"),
    (220, "blue-greens"),
    (290, "blues"),
    (335, "purples"),
    (360, "pinks"),
)


def _in_words(a: np.ndarray, b: np.ndarray) -> str:
    """The families of colours that make up most of the picture's chroma, strongest first."""
    chroma = np.hypot(a, b)
    if chroma.mean() < 2:
        return "Hardly any colour"
    hue = np.degrees(np.arctan2(b, a)) % 360
    weight: dict[str, float] = {}
    low = 0
    for high, name in _FAMILIES:
        weight[name] = weight.get(name, 0) + float(chroma[(hue >= low) & (hue < high)].sum())
        low = high
    ranked = sorted(weight, key=lambda name: -weight[name])
    total = sum(weight.values())
    named = [name for name in ranked[:3] if weight[name] > 0.12 * total] or ranked[:1]
    text = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    return f"Mostly {text}"
