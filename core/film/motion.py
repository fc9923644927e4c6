"""Motion between two frames of film: dense optical flow, and how far it can be trusted.

Flow is OpenCV's DIS, taken both ways and checked against each other. A guide is a small gray
picture of a frame, uint8. Flows are float32 (h, w, 2): for each pixel of the frame that is asked
about, how far to the right and down its point lies in the other frame.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from core.film.scenes import is_cut

#: Pixels of a guide by which two flows may miss each other, beside a share of their length.
_SLACK: Final = 0.5
_SHARE: Final = 0.02
#: Codes of a guide, without its local mean, that noise and grain may make.
_GRAIN: Final = 12.0
#: Side of the neighbourhood whose mean is taken off.
_LOCAL: Final = 15
#: Codes from which on a pixel of a guide counts as textured.
_TEXTURE: Final = 4.0


@dataclass(frozen=True, slots=True)
class Motion:
    """From one frame to the next. `back`: for pixels of the later frame, where they come from, and
    `back_trust` (h, w) 0..1; `ahead`, `ahead_trust`: for the earlier frame, where they go."""

    back: np.ndarray
    back_trust: np.ndarray
    ahead: np.ndarray
    ahead_trust: np.ndarray
    is_cut: bool


def between(earlier: np.ndarray, later: np.ndarray) -> Motion:
    """The motion between two guides of one size."""
    back, ahead = _flow(later, earlier), _flow(earlier, later)
    earlier_detail, later_detail = _detail(earlier), _detail(later)
    moved = sampled(earlier_detail, back)
    back_trust = _trust(back, ahead, later_detail - moved)
    ahead_trust = _trust(ahead, back, earlier_detail - sampled(later_detail, ahead))
    textured = (np.abs(later_detail) > _TEXTURE) | (np.abs(moved) > _TEXTURE)
    found = float(back_trust[textured].mean()) if textured.any() else None
    cut = is_cut(earlier, later, found, lambda: sampled(earlier.astype(np.float32), back))
    return Motion(back, back_trust, ahead, ahead_trust, cut)


def sampled(picture: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """`picture` (h, w) or (h, w, n) float32, taken where `flow` points; edges go on."""
    import cv2

    opencv: Any = cv2  # whose stubs know no map without a second one
    where = _grid(*flow.shape[:2]) + flow
    return opencv.remap(picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _flow(frame: np.ndarray, other: np.ndarray) -> np.ndarray:
    return _dis().calc(frame, other, None)


@lru_cache(maxsize=1)
def _dis() -> Any:
    import cv2

    cv2.setNumThreads(1)  # DIS gives other flows with other numbers of threads
    opencv: Any = cv2  # its stubs lack DIS
    return opencv.DISOpticalFlow_create(opencv.DISOPTICAL_FLOW_PRESET_FAST)


@lru_cache(maxsize=2)
def _grid(height: int, width: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


def _detail(guide: np.ndarray) -> np.ndarray:
    """The guide without its local mean: what stays the same where light flickers."""
    import cv2

    codes = guide.astype(np.float32)
    return codes - cv2.blur(codes, (_LOCAL, _LOCAL))


def _trust(flow: np.ndarray, answer: np.ndarray, differs: np.ndarray) -> np.ndarray:
    """0..1: near 1 where `answer`, the other flow, leads back and detail differs little."""
    missed = flow + sampled(answer, flow)
    height, width = flow.shape[:2]
    where = _grid(height, width) + flow
    inside = (
        (where[..., 0] >= -1)
        & (where[..., 0] <= width)
        & (where[..., 1] >= -1)
        & (where[..., 1] <= height)
    )
    allowed = _SLACK + _SHARE * _squared(flow)
    return inside * np.exp(-_squared(missed) / allowed - (0.5 / _GRAIN**2) * differs**2)


def _squared(flow: np.ndarray) -> np.ndarray:
    """The square of its length; `sum` over an axis of two takes ten times as long."""
    return flow[..., 0] ** 2 + flow[..., 1] ** 2
