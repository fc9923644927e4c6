"""Fuzzed files of all formats: each is coloured or refused, none crashes, hangs or is a defect.

Always the same files; with PHOTOCHROM_FUZZ_SECONDS as long as that says, and each time other ones.
"""

import math
import os
import selectors
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.image.pictures import colour, gray, jp2, pillow, through, tiff
from tests.image.tiff_files import Dir, file_of, packed_12

#: None: so many files as are always tried.
SECONDS = float(os.environ.get("PHOTOCHROM_FUZZ_SECONDS", 0)) or None
FILES = 1500
#: One small file may take this long before it counts as a hang.
HANG_SECONDS = 30.0

G, G16, C = gray(24, 33), gray(24, 33, 16), colour(24, 33)
_BLOCK = Image.Exif()
_BLOCK[274], _BLOCK[315], _BLOCK[0x8769] = 6, "Anna", {33434: 0.125}
_EXIF = Image.Exif()
_EXIF.load(_BLOCK.tobytes())  # Pillow's TIFF writer wants it from a file

JPEG = pillow(G, "JPEG")
OLD_JPEG_AT = {513: (4, [8]), 514: (4, [len(JPEG)])}
SEEDS = {
    "jpeg gray": pillow(G, "JPEG"),
    "jpeg with everything": through(pillow(C, "JPEG", exif=_EXIF, dpi=(300, 300))),
    "jpeg cmyk": pillow(Image.fromarray(C).convert("CMYK"), "JPEG"),
    "jpeg progressive": pillow(C, "JPEG", progressive=True),
    "png gray": pillow(G, "PNG"),
    "png 16": pillow(G16, "PNG"),
    "png palette": pillow(Image.fromarray(C).quantize(16), "PNG"),
    "png with everything": through(pillow(np.dstack((C, G)), "PNG", exif=_EXIF, dpi=(300, 300))),
    "tiff plain": tiff(G),
    "tiff plain 16 big-endian": tiff(G16, byteorder=">", rowsperstrip=5),
    "tiff lzw": tiff(G16, compression="lzw", predictor=True, rowsperstrip=5),
    "tiff deflate tiles": tiff(C, compression="deflate", tile=(16, 16)),
    "tiff packbits": tiff(G, compression="packbits"),
    "tiff jpeg": tiff(C, compression="jpeg"),
    "tiff g4": pillow(G > 128, "TIFF", compression="group4"),
    "tiff g3": pillow(G > 128, "TIFF", compression="group3"),
    "tiff palette": pillow(Image.fromarray(C).quantize(16), "TIFF"),
    "tiff cmyk": pillow(Image.fromarray(C).convert("CMYK"), "TIFF"),
    "tiff planar": tiff(np.moveaxis(C, 2, 0), planarconfig="separate"),
    "tiff zstd": tiff(G16, compression="zstd", predictor=True, rowsperstrip=5),
    "tiff lzma": tiff(C, compression="lzma"),
    "tiff lerc tiles": tiff(G16, compression="lerc", tile=(16, 16)),
    "tiff lerc in zstd": tiff(G, compression="lerc", compressionargs={"compression": "zstd"}),
    "tiff jpeg 2000": tiff(C, compression="jpeg2000"),
    "tiff jpeg xl": tiff(G, compression="jpegxl"),
    "tiff 12 bits": file_of(Dir(G16, segments=[packed_12(G16 >> 4)], tags={258: (3, [12])})),
    "tiff old-style jpeg": file_of(
        Dir(G, segments=[JPEG], tags={259: (3, [6]), 273: None, 279: None} | OLD_JPEG_AT)
    ),
    "tiff/ep": file_of(Dir(G[::2, ::2], tags={254: (4, [1])}, below=[Dir(G, tags={279: None})])),
    "tiff pyramid": file_of(Dir(C), Dir(C[::2, ::2], tags={254: (4, [1])})),
    "tiff with everything": through(pillow(np.dstack((C, G)), "TIFF", exif=_EXIF, dpi=(300, 300))),
    "bigtiff": through(tiff(G16, bigtiff=True, compression="lzw")),
    "webp": pillow(C, "WEBP", exif=_EXIF),
    "webp lossless with everything": through(pillow(np.dstack((C, G)), "WEBP", lossless=True)),
    "avif": pillow(C, "AVIF", exif=_EXIF),
    "avif with everything": through(pillow(np.dstack((C, G)), "AVIF")),
    "jp2": jp2(G),
    "jp2 16 rgb": jp2(colour(24, 33, 16)),
    "jp2 with everything": through(jp2(np.dstack((C, G)))),
}

#: Values that headers trip over.
_EDGES = [0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


class Child:
    """The long-lived process that decodes; started anew after a crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None

    def ending(self, data: bytes) -> str:
        """How the file ended there: its line, or what happened to the process."""
        process = self._running()
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(struct.pack("<Q", len(data)) + data)
            process.stdin.flush()
        except BrokenPipeError:
            pass
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(HANG_SECONDS):
                self.stop()
                return "defect: it hangs"
        line = process.stdout.readline().decode()
        if line:
            return line.strip()
        code = process.wait()
        self._process = None
        return f"defect: the process ended with {code}"

    def _running(self) -> subprocess.Popen:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.image.fuzz_child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
            )
        return self._process

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="module")
def child():
    child = Child()
    yield child
    child.stop()


def _mutate(data: bytes, changes: list) -> bytes:
    changed = bytearray(data)
    for kind, where, value, size in changes:
        # Half of the places are in the first bytes, where headers are.
        span = len(changed) if where % 2 else min(len(changed), 256)
        at = (where >> 1) % max(span, 1)
        if kind == "byte":
            changed[at : at + 1] = bytes((value & 0xFF,))
        elif kind == "flip":
            changed[at : at + 1] = bytes((changed[at] ^ (1 << value % 8) if changed else 0,))
        elif kind == "little":
            changed[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        elif kind == "big":
            changed[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")
        elif kind == "cut":
            del changed[at:]
        elif kind == "drop":
            del changed[at : at + size * 3]
        elif kind == "repeat":
            changed[at:at] = changed[at : at + size * 7]
    return bytes(changed)


_CHANGE = st.tuples(
    st.sampled_from(["byte", "flip", "little", "big", "little", "big", "cut", "drop", "repeat"]),
    st.integers(0, 1 << 16),
    st.one_of(st.sampled_from(_EDGES), st.integers(0, (1 << 32) - 1)),
    st.sampled_from([1, 2, 4, 8]),
)


def test_every_seed_is_a_good_file(child):
    assert {name: child.ending(data) for name, data in SEEDS.items()} == dict.fromkeys(
        SEEDS, "done"
    )


@pytest.mark.timeout(4 * (SECONDS or 0) + 300)
def test_every_fuzzed_file_is_coloured_or_refused(child):
    end = time.monotonic() + (SECONDS or math.inf)
    tried = []

    @settings(
        max_examples=int(SECONDS * 200) if SECONDS else FILES,
        deadline=None,
        database=None,
        derandomize=not SECONDS,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(st.sampled_from(sorted(SEEDS)), st.lists(_CHANGE, min_size=1, max_size=3))
    def fuzz(name, changes):
        if time.monotonic() > end:
            return
        ending = child.ending(_mutate(SEEDS[name], changes))
        tried.append(ending)
        assert not ending.startswith("defect"), ending

    fuzz()
    assert len(tried) > 100
    assert {"done", "refused: truncated"} <= set(tried)


def test_the_child_tells_a_crash_from_a_refusal(child):
    assert child.ending(b"no picture") == "refused: not-an-image"
    child.stop()
    assert child.ending(SEEDS["png gray"]) == "done"
