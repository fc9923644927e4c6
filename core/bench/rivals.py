"""The usual scripts: what a tutorial does with the same photograph and the same chroma.

Neither has a gamut step, keeps metadata or goes in strips; both are given the network's answer.
Their libraries are no dependency of the program; the rows are left out where they are absent.
"""

from pathlib import Path

import numpy as np


def with_skimage(source: Path, chroma: np.ndarray, target: Path) -> None:
    """Read, enlarge a*b*, stack to Lab, lab2rgb, save. `chroma`: float32 (2, h, w)."""
    from skimage import io
    from skimage.color import lab2rgb, rgb2lab
    from skimage.transform import resize
    from skimage.util import img_as_ubyte

    gray = io.imread(source)
    lab = rgb2lab(np.stack([gray, gray, gray], axis=-1))
    lab[..., 1:] = resize(chroma.transpose(1, 2, 0), gray.shape)
    rgb = img_as_ubyte(np.clip(lab2rgb(lab), 0, 1))
    io.imsave(target, rgb, check_contrast=False)  # at its own quality of 75, to its advantage


def with_opencv(source: Path, chroma: np.ndarray, target: Path) -> None:
    """The same with OpenCV in float32."""
    import cv2

    gray = cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
    assert gray is not None
    colour = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR).astype(np.float32) / 255
    lab = cv2.cvtColor(colour, cv2.COLOR_BGR2LAB)
    for channel in range(2):
        lab[..., 1 + channel] = cv2.resize(chroma[channel], gray.shape[::-1])
    bgr = cv2.cvtColor(lab, cv2.COLOR_LAB2BGR)
    cv2.imwrite(
        str(target), np.clip(bgr * 255, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92]
    )
