"""Small generated colour pictures in tars and folders, for the tests of this room."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """uint8 H,W,3: a smooth random colour field."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def encoded(array: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def shard(path: Path, sets: dict[str, int], first_seed: int = 0) -> Path:
    """A tar with so many pictures of each set."""
    files = {}
    for name, count in sets.items():
        for number in range(count):
            seed = first_seed + len(files)
            files[f"{name}/{number:06d}.png"] = encoded(picture(seed))
    return write_tar(path, files)
