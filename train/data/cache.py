"""Caches decoded photographs: uint8 RGB of all pictures in one memory-mapped file.

Decoding a picture takes many times longer than cutting a crop from the file, so that pictures are
decoded once, before training. `build` makes the cache for a data folder, `Pictures` reads it.
Beside `pixels.bin` lies `index.json` with names, sets, sizes and offsets; a cache without it is
unfinished and built again.
"""

import io
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import SourceError
from train.data.shards import Member, members, sources

#: Encoded pictures held in memory at once while the cache is made.
PORTION = 1024
#: A larger share of damaged pictures stops the run: the data are probably the wrong ones.
DAMAGED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class CachedPicture:
    """Where one decoded picture lies: `offset` in bytes, `height` x `width` x 3 of uint8."""

    name: str
    set_name: str
    offset: int
    height: int
    width: int


class Pictures:
    """The decoded pictures of one cache folder; `picture(i)` is a view of `pixels`, not a copy."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.entries = [CachedPicture(*row) for row in index["entries"]]
        self.damaged: list[str] = index["damaged"]
        self.pixels = np.memmap(folder / "pixels.bin", np.uint8, "r")
        self.folder = folder

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return Pictures, (self.folder,)  # another process opens the file instead of a copy

    def __len__(self) -> int:
        return len(self.entries)

    def picture(self, index: int) -> np.ndarray:
        """Returns a picture, uint8 H,W,3 sRGB."""
        entry = self.entries[index]
        flat = self.pixels[entry.offset : entry.offset + entry.height * entry.width * 3]
        return flat.reshape(entry.height, entry.width, 3)


def decode(data: bytes, short_side: int | None = None) -> np.ndarray:
    """Decodes a picture to uint8 H,W,3 sRGB, reduced so far that no side is below `short_side`."""
    with Image.open(io.BytesIO(data)) as image:
        rgb = image.convert("RGB")
    if short_side and min(rgb.size) > short_side:
        scale = short_side / min(rgb.size)
        size = (max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale)))
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def build(
    data: Path, folder: Path, *, short_side: int = 256, processes: int = 1, shards: str = "*.tar"
) -> Pictures:
    """Opens the cache of `data` in `folder`, and makes it first where it is not there yet.

    `short_side`: larger pictures are reduced to it, in px. `shards`: a glob of the tars of a folder
    that are used. Raises `SourceError` when there are no pictures, or when more than 1% cannot be
    decoded.
    """
    if (folder / "index.json").is_file():
        return Pictures(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries: list[CachedPicture] = []
    damaged: list[str] = []
    offset = 0
    with (folder / "pixels.bin").open("wb") as pixels, ProcessPoolExecutor(processes) as pool:
        for pending in _portions(
            member for source in sources(data, shards) for member in members(source)
        ):
            sides = [short_side] * len(pending)
            for member, array in zip(
                pending, pool.map(_decode_or_none, pending, sides, chunksize=16), strict=True
            ):
                if array is None:
                    damaged.append(member.name)
                    continue
                pixels.write(array.tobytes())
                entries.append(
                    CachedPicture(member.name, member.set_name, offset, *array.shape[:2])
                )
                offset += array.size
    if not entries:
        raise SourceError("no pictures in it", file=data, remedy="give a folder of photographs")
    if len(damaged) > DAMAGED_SHARE * (len(entries) + len(damaged)):
        raise SourceError(
            f"{len(damaged)} pictures cannot be decoded, first {damaged[0]}", file=data
        )
    rows = [[e.name, e.set_name, e.offset, e.height, e.width] for e in entries]
    temporary = folder / "index.json.tmp"
    temporary.write_text(json.dumps({"entries": rows, "damaged": damaged}))
    temporary.replace(folder / "index.json")
    return Pictures(folder)


def _portions(all_members: Iterable[Member]) -> Iterator[list[Member]]:
    """Yields members in portions: large ones keep decoders busy, small ones fit into memory."""
    walk = iter(all_members)
    while portion := list(islice(walk, PORTION)):
        yield portion


def _decode_or_none(member: Member, short_side: int) -> np.ndarray | None:
    try:
        return decode(member.data, short_side)
    except (OSError, ValueError, SyntaxError):  # Pillow's exceptions for damaged data
        return None
