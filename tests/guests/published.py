"""What the published programs do with their network's answer, in their own usual steps.

Written from descriptions of them, for the bench: each takes the photograph as 8-bit gray and the
network's a*, b* (float32 2,h,w), and gives 8-bit RGB. None of them keeps a colour that sRGB cannot
show from changing its lightness and hue: they clip.
"""

import warnings

import numpy as np

#: BT.601, and the scales of OpenCV's 8-bit YUV.
LUMA = np.array([0.299, 0.587, 0.114])
U, V = 0.492, 0.877


def linear_skimage(gray: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """ECCV16 and SIGGRAPH17: a*, b* enlarged linearly, the picture's L*, scikit-image's lab2rgb."""
    from skimage.color import lab2rgb

    lab = np.dstack((_lightness(gray), *_enlarged(chroma, gray.shape, "linear")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of colours that no light can have
        return _bytes(lab2rgb(lab))


def nearest_opencv(gray: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """DDColor: a*, b* enlarged to the nearest, OpenCV's float Lab."""
    import cv2

    picture = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR).astype(np.float32) / 255
    lab = cv2.cvtColor(picture, cv2.COLOR_BGR2Lab)
    lab[..., 1:] = np.dstack(_enlarged(chroma, gray.shape, "nearest"))
    return _bytes(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB))


def yuv_of_bytes(gray: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """DeOldify: a small 8-bit picture, truncated; enlarged; its U, V with the photograph's Y.

    The small picture is what a network would give that knows the same a*, b*.
    """
    import cv2
    from skimage.color import lab2rgb

    rows, columns = chroma.shape[1:]
    small = cv2.resize(gray, (columns, rows), interpolation=cv2.INTER_AREA)
    seen = (lab2rgb(np.dstack((_lightness(small), *chroma))) * 255).astype(np.uint8)
    large = cv2.resize(seen, gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
    luma = large @ LUMA
    u, v = (
        np.clip(np.round(scale * (large[..., channel] - luma)) + 128, 0, 255) - 128
        for scale, channel in ((U, 2), (V, 0))
    )
    red, blue = gray + v / V, gray + u / U
    green = (gray - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return _bytes(np.dstack((red, green, blue)) / 255)


PROGRAMS = {
    "ECCV16, SIGGRAPH17 (linear, clipped)": linear_skimage,
    "DDColor (nearest, OpenCV, clipped)": nearest_opencv,
    "DeOldify (8-bit YUV, truncated)": yuv_of_bytes,
}


def script(source: str, network, target: str) -> None:
    """The usual script for ECCV16, from a JPEG to a JPEG: 256 pixels square, scikit-image's Lab.

    `network` gives the a*, b* (2,256,256) of L* (256,256).
    """
    from PIL import Image
    from skimage import io
    from skimage.color import lab2rgb, rgb2lab

    gray = io.imread(source)
    picture = np.tile(gray[:, :, None], 3)
    small = np.asarray(Image.fromarray(picture).resize((256, 256), Image.Resampling.BICUBIC))
    lightness, chroma = rgb2lab(picture)[:, :, 0], network(rgb2lab(small)[:, :, 0])
    lab = np.dstack((lightness, *_enlarged(chroma, gray.shape, "linear")))
    io.imsave(target, _bytes(lab2rgb(lab)), check_contrast=False)


def _lightness(gray: np.ndarray) -> np.ndarray:
    from core.colour.lab import lightness

    return lightness(np.repeat(np.arange(256)[:, None] / 255, 3, 1))[gray]


def _enlarged(chroma: np.ndarray, shape: tuple[int, ...], how: str) -> list[np.ndarray]:
    import cv2

    flag = {"linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}[how]
    return [cv2.resize(plane, (shape[1], shape[0]), interpolation=flag) for plane in chroma]


def _bytes(rgb: np.ndarray) -> np.ndarray:
    return np.round(np.clip(rgb, 0, 1) * 255).astype(np.uint8)
