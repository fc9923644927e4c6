"""Arrays in, arrays out: `python numpy_arrays.py`.

The picture is made here; yours may come from OpenCV, imageio, a camera or a microscope, as sRGB
codes in uint8 or uint16.
"""

import numpy as np

import photochrom


def main() -> None:
    y, x = np.mgrid[:240, :320]
    gray = (20000 + 60 * x + 40 * y).astype(np.uint16)

    coloured = photochrom.colorize(gray)
    print(coloured.shape, coloured.dtype)

    # Many pictures with one model: it is opened once and may be shared between threads.
    colorizer = photochrom.Colorizer.open(device="cpu")
    muted = photochrom.Options(vividness=0.6)
    frames = [gray, gray[::-1], gray[:, ::-1]]
    print(len([colorizer.colorize(frame, muted) for frame in frames]), "frames")

    # No colour at all gives the codes of the picture back.
    still = photochrom.colorize(gray, vividness=0)
    print("unchanged:", bool((still == gray[..., None]).all()))


if __name__ == "__main__":
    main()
