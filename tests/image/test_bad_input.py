"""Bad input: one clear line, the right kind, and never a partly black picture instead."""

import io
import os
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from core.errors import SourceError
from core.image.read import open_source
from core.image.vips import library
from core.image.write import save
from tests.image.pictures import (
    colour,
    gray,
    jp2,
    painted,
    pillow,
    repeat,
    samples_of,
    through,
    tiff,
)

BIG = gray(400, 500)
FILES = {
    "jpeg": pillow(BIG, "JPEG", quality=95),
    "colour jpeg": pillow(colour(400, 500), "JPEG"),
    "progressive jpeg": pillow(BIG, "JPEG", progressive=True),
    "png": pillow(BIG, "PNG"),
    "png 16": pillow(gray(400, 500, 16), "PNG"),
    "interlaced png": library().Image.new_from_array(BIG).pngsave_buffer(interlace=True),
    "tiff": tiff(BIG),
    "tiff lzw": tiff(BIG, compression="lzw", rowsperstrip=16),
    "tiff deflate tiles": tiff(BIG, compression="deflate", tile=(64, 64)),
    "tiff packbits": tiff(BIG, compression="packbits"),
    "tiff jpeg": tiff(colour(400, 500), compression="jpeg"),
    "tiff g4": pillow(BIG > 128, "TIFF", compression="group4"),
    "bigtiff": tiff(BIG, bigtiff=True),
    "webp": pillow(BIG, "WEBP"),
    "webp lossless": pillow(BIG, "WEBP", lossless=True),
    "avif": pillow(BIG, "AVIF"),
    "jp2": jp2(BIG),
    "jp2 16": jp2(gray(400, 500, 16)),
}


def refusal(data: bytes | Path, **options) -> SourceError:
    """What a whole job on a bad file ends with."""
    with pytest.raises(SourceError) as caught, open_source(data, **options) as source:
        for page in source.pages:
            page.thumbnail(32, 32)
            for _ in page.strips():
                pass
    error = caught.value
    assert "\n" not in str(error)
    assert error.what
    return error


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", FILES)
def test_a_picture_cut_short_is_an_error(name, share):
    data = FILES[name][: int(len(FILES[name]) * share)]
    assert refusal(data).kind == "truncated"


@pytest.mark.parametrize("name", FILES)
def test_a_picture_cut_short_leaves_no_file(name, tmp_path):
    data = FILES[name][: int(len(FILES[name]) * 0.7)]
    with pytest.raises(SourceError), open_source(data) as source:
        save(source, tmp_path / "out", painted(source))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["jpeg", "colour jpeg", "tiff lzw", "tiff deflate tiles", "png"])
def test_a_picture_with_a_hole_of_zeros_is_an_error(name):
    data = bytearray(FILES[name])
    middle = len(data) // 2
    data[middle : middle + len(data) // 4] = bytes(len(data) // 4)
    assert refusal(bytes(data)).kind == "truncated"


def test_an_empty_file_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").touch()
    error = refusal(tmp_path / "a.jpg")
    assert (error.kind, error.what) == ("not-an-image", "the file is empty")
    assert refusal(b"").kind == "not-an-image"


def test_text_with_a_pictures_name_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("Dear diary")
    error = refusal(tmp_path / "a.jpg")
    assert error.kind == "not-an-image"
    assert "JPEG, PNG, TIFF" in error.remedy


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0+"])
def test_only_the_first_bytes_of_a_picture_are_an_error(start):
    assert refusal(start).kind == "truncated"
    assert refusal(start + bytes(100)).kind in ("truncated", "unsupported")


def test_a_png_with_a_bad_checksum_is_an_error():
    data = bytearray(FILES["png"])
    at = data.index(b"IDAT")
    size = struct.unpack_from(">I", data, at - 4)[0]
    data[at + 4 + size] ^= 0xFF
    assert refusal(bytes(data)).kind == "truncated"


def _patched(data: bytes, tag: int, value: int) -> bytes:
    """A classic little-endian TIFF with the inline value of a tag (LONG or SHORT) replaced."""
    at = struct.unpack_from("<I", data, 4)[0]
    changed = bytearray(data)
    for row in range(struct.unpack_from("<H", data, at)[0]):
        place = at + 2 + row * 12
        found, type_ = struct.unpack_from("<HH", data, place)
        if found == tag:
            struct.pack_into("<H" if type_ == 3 else "<I", changed, place + 8, value)
            return bytes(changed)
    raise AssertionError(f"no tag {tag}")


def _with_count(data: bytes, tag: int, count: int) -> bytes:
    at = struct.unpack_from("<I", data, 4)[0]
    changed = bytearray(data)
    for row in range(struct.unpack_from("<H", data, at)[0]):
        place = at + 2 + row * 12
        if struct.unpack_from("<H", data, place)[0] == tag:
            struct.pack_into("<I", changed, place + 4, count)
    return bytes(changed)


PLAIN = tiff(BIG)
STRIPS = tiff(BIG, rowsperstrip=16, compression="lzw")
DAMAGED_TIFFS = {
    "first directory beyond the end": PLAIN[:4] + struct.pack("<I", 1 << 30) + PLAIN[8:],
    "strip beyond the end": _patched(PLAIN, 273, 1 << 30),
    "fewer strips than the height needs": _with_count(STRIPS, 273, 3),
    "fewer lengths than strips": _with_count(STRIPS, 279, 3),
    "a million strips": _with_count(STRIPS, 273, 1_000_000),
    "four billion strips": _with_count(STRIPS, 273, 0xFFFFFFFF),
    "higher than its strips": _patched(STRIPS, 257, 4000),
    "strip shorter than its rows": _patched(tiff(BIG, rowsperstrip=16), 278, 17),
    "no width": _patched(PLAIN, 256, 0),
    "no height": _patched(PLAIN, 257, 0),
}


@pytest.mark.parametrize("name", DAMAGED_TIFFS)
def test_a_tiff_that_lies_about_its_layout_is_an_error(name):
    assert refusal(DAMAGED_TIFFS[name]).kind in ("truncated", "unsupported")


def test_a_tiff_whose_pages_run_in_a_circle_is_an_error():
    data = bytearray(PLAIN)
    at = struct.unpack_from("<I", data, 4)[0]
    end = at + 2 + struct.unpack_from("<H", data, at)[0] * 12
    struct.pack_into("<I", data, end, at)
    error = refusal(bytes(data))
    assert error.kind == "truncated"
    assert "circle" in error.what


def test_a_tiff_of_endless_pages_is_refused(monkeypatch):
    monkeypatch.setattr("core.image.formats.tiff.pages._MOST_PAGES", 3)
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for _ in range(4):
            writer.write(gray(2, 2))
    assert refusal(file.getvalue()).kind == "unsupported"


def _png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I4s", 13, b"IHDR") + header
    chunk += struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + chunk + pillow(gray(1, 1), "PNG")[33:]


def _patched_at(data: bytes, marker: bytes, distance: int, value: bytes) -> bytes:
    at = data.index(marker) + distance
    return data[:at] + value + data[at + len(value) :]


BOMBS = {
    "png": _png_of(100_000, 100_000),
    "jpeg": _patched_at(FILES["jpeg"], b"\xff\xc0", 5, b"\xff\x00\xff\x00"),
    "jp2": _patched_at(jp2(BIG), b"\xff\x4f\xff\x51", 8, struct.pack(">II", 60000, 60000)),
}


@pytest.mark.parametrize("name", ["png", "jpeg", "jp2"])
def test_a_bomb_is_refused_by_its_header(name):
    error = refusal(BOMBS[name])
    assert error.kind == "too-large"
    assert "--max-pixels" in error.remedy


def test_a_tiff_bomb_is_refused_by_its_header():
    whole = tiff(np.zeros((1, 1), np.uint8))
    assert refusal(_patched(_patched(whole, 256, 60_000), 278, 60_000)).kind == "truncated"
    wide = tiff(np.zeros((3, 40_000), np.uint8))
    error = refusal(wide, max_pixels=100_000)
    assert error.kind == "too-large"


@pytest.mark.parametrize("name", FILES)
def test_the_limit_of_pixels_counts_every_format(name):
    assert refusal(FILES[name], max_pixels=400 * 500 - 1).kind == "too-large"
    with open_source(FILES[name], max_pixels=400 * 500) as source:
        assert samples_of(source).shape[:2] == (400, 500)


def test_a_symbolic_link_in_a_circle_is_unreadable(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    error = refusal(tmp_path / "a.jpg")
    assert error.kind == "unreadable"
    assert "circle" in error.what


def test_a_file_that_is_gone_has_vanished(tmp_path):
    assert refusal(tmp_path / "a.jpg").kind == "vanished"
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    assert refusal(tmp_path / "b.jpg").kind == "vanished"


def test_folders_pipes_and_devices_are_no_pictures(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path, tmp_path / "pipe.jpg", Path("/dev/zero")):
        assert refusal(path).kind == "not-an-image"


def test_a_file_that_may_not_be_read_is_unreadable():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "a.jpg"
        path.write_bytes(FILES["jpeg"])
        path.chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)  # root reads everything
            error = refusal(path)
        finally:
            os.seteuid(user)
    assert error.kind == "unreadable"
    assert "permission" in error.remedy


@pytest.mark.parametrize("name", ["tiff", "tiff lzw"])
def test_a_file_that_changes_while_it_is_read_gives_no_result(name, tmp_path, monkeypatch):
    monkeypatch.setattr("core.image.origin.SNAPSHOT_BYTES", 0)
    path, out = tmp_path / "a.tif", tmp_path / "out.tif"
    path.write_bytes(FILES[name])

    def paint(samples, top, out):
        os.utime(path, ns=(1, 1))
        repeat(samples, top, out)

    with open_source(path) as source, pytest.raises(SourceError) as caught:
        save(source, out, painted(source, paint))
    assert caught.value.kind == "changed"
    assert not out.exists()


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("core.image.origin.SNAPSHOT_BYTES", 0)
    path = tmp_path / "a.tif"
    path.write_bytes(FILES["tiff"])
    with open_source(path) as source:
        os.truncate(path, 1000)
        with pytest.raises(SourceError) as caught:
            save(source, tmp_path / "out.tif", painted(source))
    assert caught.value.kind in ("truncated", "changed")
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_small_file_is_a_snapshot_that_no_change_can_touch(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(FILES["png"])
    with open_source(path) as source:
        path.write_bytes(b"something else")
        np.testing.assert_array_equal(samples_of(source), BIG)


ODD_NAMES = [
    "with space.png",
    "new\nline.png",
    "🎞️ Großmutter.png",
    b"invalid \xff\xfe utf-8.png",
    "-o.png",
    "--help.png",
    "a[1,page=2].png",
    "100%s.png",
    "semi;colon&'quote\".png",
    "x" * 251 + ".png",
    "ü" * 125 + ".png",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name)[:20])
@pytest.mark.parametrize("snapshot_bytes", [0, 1 << 26], ids=["streamed", "snapshot"])
def test_odd_names_are_read_and_written(name, snapshot_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr("core.image.origin.SNAPSHOT_BYTES", snapshot_bytes)
    monkeypatch.setattr("core.image.pixels.HELD_BYTES", snapshot_bytes)
    source_path = tmp_path / os.fsdecode(name)
    source_path.write_bytes(FILES["png"])
    folder = tmp_path / "out"
    folder.mkdir()
    with open_source(source_path) as source:
        written = save(source, folder / source_path.name, painted(source))
    assert [os.fsencode(found.name) for found in folder.iterdir()] == [
        os.fsencode(source_path.name)
    ]
    assert written.path.read_bytes() == through(FILES["png"], provenance=None)


def test_an_error_line_shows_a_name_without_control_characters(tmp_path):
    path = tmp_path / "new\nline.png"
    path.write_text("no picture")
    assert r"new\x0aline.png" in str(refusal(path))
