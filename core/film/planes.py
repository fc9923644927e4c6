"""Frames as planes: which layouts of samples there are, the luma of a frame, a frame with chroma.

Luma is never computed: `coloured` hands the source's own codes on (moved up by whole bits where the
result has more) and writes new chroma planes beside them.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from av import VideoFrame

_GRAY: Final = re.compile(r"gray(9|10|12|14|16)?(le|be)?")
_YUV: Final = re.compile(r"yuvj?(444|422|420|440|411|410)p(9|10|12|14|16)?(le|be)?")
#: Subsampling -> pixels of luma to a sample of chroma: across, down.
STEPS: Final = {
    "444": (1, 1),
    "422": (2, 1),
    "420": (2, 2),
    "440": (1, 2),
    "411": (4, 1),
    "410": (4, 4),
}
#: Layouts whose samples only stand elsewhere -> the same in planes.
_PACKED: Final = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "yvyu422": "yuv422p",
    "uyyvyy411": "yuv411p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "y210le": "yuv422p10le",
    "monow": "gray",
    "monob": "gray",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Planes of a frame: `chroma` '' for gray, else a key of `STEPS`; `depth` in bits."""

    chroma: str
    depth: int

    @property
    def name(self) -> str:
        """FFmpeg's name, little-endian."""
        depth = f"{self.depth}le" if self.depth > 8 else ""
        return f"yuv{self.chroma}p{depth}" if self.chroma else f"gray{depth}"

    @property
    def dtype(self) -> np.dtype:
        """Of the codes."""
        return np.dtype(np.uint8 if self.depth == 8 else "<u2")


def layout_of(format: str) -> Layout | None:
    """The planes that frames of FFmpeg's pixel format `format` have, or can be brought to.

    RGB becomes Y'CbCr 4:4:4, of 10 bits where it has more than 8; None for transparency and for
    what is no picture of samples.
    """
    format = _PACKED.get(format, format)
    if found := _GRAY.fullmatch(format):
        return Layout("", int(found[1] or 8))
    if found := _YUV.fullmatch(format):
        return Layout(found[1], int(found[2] or 8))
    if is_rgb(format):
        return Layout("444", 8 if format in _RGB_8 else 10)
    return None


_RGB_8: Final = (
    *("rgb24", "bgr24", "rgb0", "bgr0", "0rgb", "0bgr"),
    *("gbrp", "pal8", "rgb565le", "rgb555le"),
)


def is_rgb(format: str) -> bool:
    """Whether luma has to be computed, since the format has red, green and blue."""
    return format in _RGB_8 or bool(re.fullmatch(r"(gbrp|rgb48|bgr48)(\d+)?(le|be)?", format))


def in_planes(frame: "VideoFrame", layout: Layout) -> "VideoFrame":
    """The frame with its samples in planes of `layout`, little-endian; the codes are the same."""
    name = frame.format.name
    if name == layout.name or (layout.chroma and name == layout.name.replace("yuv", "yuvj")):
        return frame
    if is_rgb(name):
        return frame.reformat(
            format=layout.name,
            dst_colorspace="ITU709",
            dst_color_range="JPEG",
            interpolation="AREA",
        )
    return frame.reformat(format=layout.name)


def plane(frame: "VideoFrame", index: int) -> np.ndarray:
    """The codes of one plane (h, w), a view into the frame."""
    found = frame.planes[index]
    dtype = np.dtype("<u2" if frame.format.components[0].bits > 8 else np.uint8)
    rows = np.frombuffer(found, dtype)  # type: ignore[arg-type]
    rows = rows.reshape(-1, found.line_size // dtype.itemsize)
    return rows[: found.height, : found.width]


def chroma_size(height: int, width: int, chroma: str) -> tuple[int, int]:
    """(height, width) of a chroma plane."""
    across, down = STEPS[chroma]
    return -(-height // down), -(-width // across)


def coloured(frame: "VideoFrame", before: Layout, after: Layout, chroma: np.ndarray) -> Any:
    """The frame in `after`, with the codes (2, h, w) for Cb and Cr. `frame` may become the result.

    Luma is that of `frame`: moved by the difference of the depths, rounded where bits are lost.
    """
    if before == after:
        frame.make_writable()
        result = frame
    else:
        from av import VideoFrame

        result = VideoFrame(frame.width, frame.height, after.name)
        result.pts, result.time_base = frame.pts, frame.time_base
        result.duration = frame.duration
        np.copyto(plane(result, 0), moved_luma(plane(frame, 0), before.depth, after))
    for index in (1, 2):
        np.copyto(plane(result, index), chroma[index - 1])
    result.pict_type = 0  # type: ignore[assignment]  # the encoder chooses
    return result


def resized(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture (h, w) at another size: means where it shrinks, else straight lines between."""
    import cv2

    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height <= picture.shape[0] and width <= picture.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=way)


def moved_luma(luma: np.ndarray, depth: int, after: Layout) -> np.ndarray:
    """Codes of luma of `depth` bits as `after` has them."""
    up = after.depth - depth
    if up >= 0:
        return luma.astype(after.dtype) << up
    rounded = (luma.astype(np.uint32) + (1 << (-up - 1))) >> -up
    return np.minimum(rounded, (1 << after.depth) - 1).astype(after.dtype)
