"""The usual scripts: what a tutorial does with the same photograph and the same chroma.

`python -m tests.bench.rivals` measures them against ours, for `make bench`. Neither has a gamut
step, keeps metadata or goes in strips; both are given the network's answer.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from core.bench import Row
from core.bench.pictures import chroma, photograph
from core.bench.rows import PICTURES, cpu_seconds, done, save_jpeg, without_network
from core.colorizer import Colorizer
from core.job import Job, run
from core.options import DEFAULT_MODEL


def rows() -> Iterator[Row]:
    """How many times as much CPU each script takes as ours, without the network on either side."""
    still = without_network(Colorizer.open(DEFAULT_MODEL, "cpu"))
    field = chroma(256, 384)
    with tempfile.TemporaryDirectory(prefix="photochrom-bench-") as name:
        folder = Path(name)
        for picture, grain in PICTURES.items():
            source = save_jpeg(folder / "gray.jpg", photograph(4000, 6000, grain=grain))
            job = Job(source, folder / "out.jpg", existing="overwrite")
            done(run(job, still))
            (ours,) = cpu_seconds([lambda j=job: done(run(j, still))])
            for title, script, must in (
                ("scikit-image", with_skimage, 20.0),
                ("OpenCV float32", with_opencv, 3.0),
            ):
                (theirs,) = cpu_seconds(
                    [lambda s=script, f=source: s(f, field, folder / "rival.jpg")], 2
                )
                what = f"24 MP gray JPEG, {picture}: usual {title} script / ours"
                yield Row(what, theirs / ours, "x", must, True)


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


if __name__ == "__main__":
    missed = False
    for row in rows():
        missed |= row.met is False
        print(row.as_json() if "--json" in sys.argv else str(row), flush=True)
    sys.exit(missed)
