"""Damaged JPEGs: whatever libjpeg warns of is refused, and nothing else. djpeg is the witness."""

import random
import re
import struct
import subprocess
from functools import cache

import numpy as np
import pytest
from PIL import Image

from core.bench.pictures import photograph
from core.errors import SourceError
from core.image.formats.jpeg.decoder import tidied
from core.image.formats.tiff.pages import read_pages
from core.image.read import open_source
from core.image.vips import library
from core.job import second_reader
from tests.image.damage import KINDS, complaint_of_ours, damaged
from tests.image.pictures import colour, gray, opened, pillow, samples_of, tiff

#: What cjpeg is told for each kind of file.
JPEGS = {
    "gray": "-grayscale",
    "4:2:0": "-sample 2x2",
    "4:2:2": "-sample 2x1",
    "4:4:4": "-sample 1x1",
    "progressive": "-progressive",
    "progressive gray": "-progressive -grayscale",
    "restarts": "-restart 2 -sample 2x2",
    "restarts gray": "-restart 7B -grayscale",
    "arithmetic": "-arithmetic",
    "odd sampling": "-sample 3x1",
    "odd sampling of colours": "-sample 2x2,1x1,2x1",
    "odd sampling, restarts": "-sample 4x2 -restart 5B",
    "odd sampling, progressive": "-sample 3x1 -progressive",
    "odd sampling, arithmetic": "-sample 3x1 -arithmetic",
}


@cache
def cjpeg(kind: str, width: int, height: int) -> bytes:
    """A photograph-like JPEG that libjpeg-turbo's own tool writes."""
    warm = np.array((1, 0.92, 0.78), np.float32)
    picture = photograph(height, width, grain=2.0)[..., np.newaxis] * warm
    head = f"P6 {width} {height} 255\n".encode()
    command = ["cjpeg", "-quality", "88", *JPEGS[kind].split()]
    data = head + picture.astype(np.uint8).tobytes()
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def complaint_of_djpeg(data: bytes) -> str:
    """What djpeg says about a file; nothing about a whole one."""
    ended = subprocess.run(["djpeg", "-outfile", "/dev/null"], input=data, capture_output=True)
    return ended.stderr.decode(errors="replace") or str(ended.returncode or "")


@pytest.mark.parametrize("held_bytes", [1 << 28, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("kind", JPEGS)
def test_every_jpeg_that_djpeg_warns_of_is_refused_and_no_other(kind, held_bytes, monkeypatch):
    monkeypatch.setattr("core.image.pixels.HELD_BYTES", held_bytes)
    chance = random.Random(f"{kind} {held_bytes}")
    verdicts = []
    for width, height, count in ((200, 150, 24), (640, 480, 12), (2400, 1600, 3)):
        data = cjpeg(kind, width, height)
        assert complaint_of_ours(data) == ""
        for number in range(count):
            bad = damaged(data, data.index(b"\xff\xda") + 14, chance, KINDS[number % len(KINDS)])
            theirs, ours = complaint_of_djpeg(bad), complaint_of_ours(bad)
            assert bool(theirs) == bool(ours), (width, number, theirs, ours)
            verdicts.append(bool(ours))
    assert any(verdicts)


@pytest.mark.parametrize("turn", [1, 6])
def test_a_warning_behind_the_last_row_counts(turn):
    """Bytes lost in the last eighth of a small picture, which is decoded in one go."""
    exif = Image.Exif()
    exif[274] = turn
    for mode, options in (("L", {}), ("RGB", {}), ("CMYK", {}), ("RGB", {"progressive": True})):
        image = Image.fromarray(colour(160, 160)).convert(mode)
        data = pillow(image, "JPEG", quality=90, exif=exif, **options)
        assert complaint_of_ours(data) == ""
        at = len(data) - len(data) // 16
        added = data[:at] + bytes(range(1, 120)) + data[at:]
        assert complaint_of_djpeg(added)
        assert "damaged" in complaint_of_ours(added)


JPEG_TIFFS = {
    "strips": tiff(colour(400, 500), compression="jpeg", rowsperstrip=64),
    "one strip": tiff(gray(400, 500), compression="jpeg"),
    "tiles": tiff(colour(400, 500), compression="jpeg", tile=(64, 64)),
    "coarse colours": tiff(colour(400, 500), compression="jpeg", subsampling=(2, 2)),
    "tables apart": library()
    .Image.new_from_array(colour(400, 500))
    .tiffsave_buffer(compression="jpeg", tile=True, tile_width=64, tile_height=64),
}


@pytest.mark.parametrize("name", JPEG_TIFFS)
def test_every_jpeg_inside_a_tiff_that_djpeg_warns_of_is_refused_and_no_other(name):
    data = bytes(JPEG_TIFFS[name])
    assert complaint_of_ours(data) == ""
    layout = read_pages(lambda at, size: data[at : at + size], len(data), "it").pages[0]
    assert layout.coded
    chance = random.Random(name)
    verdicts = []
    for number in range(40):
        which = chance.choice((number % len(layout.coded.offsets), -1))
        offset, length = layout.coded.offsets[which], layout.coded.lengths[which]
        segment = data[offset : offset + length]
        start = max(segment.index(b"\xff\xda") + 14, length - 200 if number % 2 else 0)
        bad = damaged(segment, start, chance, chance.choice(("flipped", "zeroed", "noise")))
        alone = layout.coded.tables[:-2] + bad[2:] if layout.coded.tables else bad
        theirs = complaint_of_djpeg(alone)
        ours = complaint_of_ours(data[:offset] + bad + data[offset + length :])
        assert bool(theirs) == bool(ours), (number, theirs, ours)
        verdicts.append(bool(ours))
    assert len(set(verdicts)) == 2


SMALL = pillow(gray(80, 100), "JPEG", quality=90)
SCAN = SMALL.index(b"\xff\xda")


def _with_transform(number: int) -> bytes:
    segment = b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes((number,))
    data = pillow(colour(80, 100), "JPEG")
    return data[:2] + segment + data[20:]  # in the place of JFIF's


#: What is wrong beside the picture: the file, and the same one without it.
HARMLESS = {
    "an unknown JFIF revision": (SMALL.replace(b"JFIF\0\1", b"JFIF\0\x09", 1), SMALL),
    "an unknown Adobe transform": (_with_transform(7), _with_transform(1)),
    "scan parameters of another process": (
        SMALL[: SCAN + 7] + b"\1\2\x33" + SMALL[SCAN + 10 :],
        SMALL,
    ),
    "zeros before the end marker": (SMALL[:-2] + bytes(20) + SMALL[-2:], SMALL),
    "one zero before the end marker": (SMALL[:-2] + bytes(9) + SMALL[-2:], SMALL),
    "fill bytes before the end marker": (SMALL[:-2] + b"\xff" * 20 + SMALL[-2:], SMALL),
    "bytes behind the end marker": (SMALL + b"a video that the telephone took", SMALL),
    "a second picture behind the end marker": (SMALL + pillow(gray(400, 500), "JPEG"), SMALL),
    "bytes between two segments": (SMALL[:SCAN] + b"abc" + SMALL[SCAN:], SMALL),
}


@pytest.mark.parametrize("held_bytes", [1 << 28, 0], ids=["held", "streamed"])
@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_wrong_beside_a_jpegs_picture_is_no_reason_to_refuse_it(
    name, held_bytes, monkeypatch
):
    monkeypatch.setattr("core.image.pixels.HELD_BYTES", held_bytes)
    strange, plain = HARMLESS[name]
    with open_source(strange) as one, open_source(plain) as other:
        np.testing.assert_array_equal(samples_of(one), samples_of(other))
    # The harmless thing excuses nothing else: bytes are lost in the middle of the same file.
    middle = strange.index(b"\xff\xda") + 300
    worse = strange[:middle] + strange[middle + 40 :]
    if complaint_of_djpeg(tidied(worse)):
        assert "damaged" in complaint_of_ours(worse)


def test_zeros_before_the_end_marker_that_took_the_place_of_codes_are_damage():
    for size in (40, 200, 800):
        assert "damaged" in complaint_of_ours(SMALL[: -2 - size] + bytes(size) + SMALL[-2:])


@pytest.mark.parametrize("kind", ["progressive", "progressive gray", "odd sampling, progressive"])
def test_a_progressive_jpeg_without_its_last_scans_is_noted_to_be_coarse(kind):
    """An end marker behind half a file: a whole picture to every decoder, without its detail."""
    data = cjpeg(kind, 160, 120)
    scans = [found.start() for found in re.finditer(b"\xff\xda", data)]
    with open_source(data) as source:
        assert not source.notes
    with open_source(data[: scans[2]] + b"\xff\xd9") as source:
        assert any("finest detail" in note for note in source.notes)
        samples_of(source)
    with open_source(cjpeg("gray", 160, 120)) as source:
        assert not source.notes


def _with_lines_behind(data: bytes, header: int, lines: int) -> bytes:
    """The file with another height in its header, and the number of lines behind the scan (DNL)."""
    frame = data.index(b"\xff\xc0")
    patched = data[: frame + 5] + struct.pack(">H", header) + data[frame + 7 :]
    return patched[:-2] + b"\xff\xdc\0\4" + struct.pack(">H", lines) + b"\xff\xd9"


@pytest.mark.parametrize("header", [0, 65535, 61, 60])
@pytest.mark.parametrize("held_bytes", [1 << 30, 0], ids=["held", "streamed"])
def test_a_feeders_scan_has_the_height_that_stands_behind_it(header, held_bytes, monkeypatch):
    """Scanners that begin to write before the page is through say 0 or 65535 lines."""
    monkeypatch.setattr("core.image.pixels.HELD_BYTES", held_bytes)
    plain = pillow(gray(), "JPEG", quality=95)
    with open_source(_with_lines_behind(plain, header, 61)) as source:
        np.testing.assert_array_equal(samples_of(source), np.asarray(opened(plain)))
        seen = second_reader.compare(source)
        assert seen is None or not seen.difference


def test_a_feeders_scan_that_lacks_lines_is_refused():
    with (
        pytest.raises(SourceError) as told,
        open_source(_with_lines_behind(pillow(gray(), "JPEG"), 0, 600)) as source,
    ):
        samples_of(source)
    assert told.value.kind == "truncated"
