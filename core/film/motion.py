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
    back_trust, moved = _trust(back, ahead, later_detail, earlier_detail)
    ahead_trust, _ = _trust(ahead, back, earlier_detail, later_detail)
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


def _trust(
    flow: np.ndarray, answer: np.ndarray, detail: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """0..1: near 1 where `answer`, the other flow, leads back and detail differs little; and
    `other`, the other frame's detail, moved into the place of this one's.

    One compiled pass, in half the time of NumPy and OpenCV.
    """
    from core.film.motion_kernel import log_trust

    trust, moved = np.empty_like(detail), np.empty_like(detail)
    grain = np.float32(0.5 / _GRAIN**2)
    slack, share = np.float32(_SLACK), np.float32(_SHARE)
    log_trust(flow, answer, detail, other, slack, share, grain, trust, moved)
    return np.exp(trust, out=trust), moved
