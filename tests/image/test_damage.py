"""Damage in files of all formats: refused, or without effect, or beyond any decoder."""

import io
import json
import random
import struct
import zlib

import numpy as np
import pytest
import tifffile

from core.image.formats.png import END
from core.image.formats.tiff.pages import read_pages
from core.image.read import open_source
from core.image.vips import library
from tests.image.damage import KINDS, complaint_of_ours, damaged
from tests.image.pictures import colour, gray, jp2, opened, pillow, samples_of, tiff
from tests.image.test_bad_input import FILES
from tests.model_files import write_model

BLACK_AND_WHITE = np.where(gray(400, 500) > 128, 255, 0).astype(np.uint8)
ALL = FILES | {
    "cmyk jpeg": pillow(opened(FILES["colour jpeg"]).convert("CMYK"), "JPEG"),
    "jpeg with restarts": pillow(colour(400, 500), "JPEG", restart_marker_blocks=7),
    "tiff lzw tiles": tiff(gray(400, 500), compression="lzw", tile=(64, 64)),
    "tiff packbits tiles": tiff(gray(400, 500), compression="packbits", tile=(64, 64)),
    "tiff jpeg tiles": tiff(colour(400, 500), compression="jpeg", tile=(64, 64)),
    "tiff g4 tiles": library()
    .Image.new_from_array(BLACK_AND_WHITE)
    .tiffsave_buffer(compression="ccittfax4", tile=True, bitdepth=1),
    "tiff deflate planes": tiff(
        np.moveaxis(colour(400, 500), 2, 0), planarconfig="separate", compression="deflate"
    ),
    "tiff deflate 16": tiff(gray(400, 500, 16), compression="deflate", predictor=True),
    "colour jp2": jp2(colour(400, 500)),
    "colour avif": pillow(colour(400, 500), "AVIF"),
}


def witness_reads(data: bytes) -> bool:
    """Whether Pillow or, of a TIFF, tifffile takes the file for a whole one."""
    try:
        opened(data)
        return True
    except Exception:
        if data[:2] not in (b"II", b"MM"):
            return False
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            for page in file.pages:
                page.asarray()
        return True
    except Exception:
        return False


def all_samples(data: bytes) -> list[np.ndarray]:
    with open_source(data) as source:
        return [samples_of(source, page.index) for page in source.pages]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ALL)
def test_every_damaged_file_is_refused_or_unharmed_or_deceives_a_witness_too(name):
    data, chance = bytes(ALL[name]), random.Random(name)
    whole = all_samples(data)
    refused = 0
    for number in range(42):
        bad = damaged(data, len(data) // 8, chance, KINDS[number % len(KINDS)])
        if complaint_of_ours(bad):
            refused += 1
            continue
        pages = all_samples(bad)
        same = len(pages) == len(whole) and all(map(np.array_equal, pages, whole))
        assert same or witness_reads(bad), number
    assert refused


#: A checksum, or codes so dense that no other ones make sense: no damage inside goes unnoticed.
SAFE = [
    "png",
    "png 16",
    "interlaced png",
    "tiff deflate tiles",
    "tiff deflate planes",
    "tiff deflate 16",
    "avif",
    "colour avif",
]


@pytest.mark.parametrize("name", SAFE)
def test_in_formats_with_checksums_every_damage_is_noticed(name):
    data, chance = bytes(ALL[name]), random.Random(name)
    whole = all_samples(data)
    for number in range(60):
        # From where the coded picture begins to where it ends.
        bad = damaged(data[: len(data) * 7 // 8], len(data) // 8, chance, KINDS[number % 6])
        bad += data[len(data) * 7 // 8 :]
        if not complaint_of_ours(bad):
            assert all(map(np.array_equal, all_samples(bad), whole)), number


TEXT = b"tEXt", b"Title\0Anna"
PICTURE = pillow(gray(40, 50), "PNG")


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    at, found = 8, []
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        found.append((name, data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _png(chunks: list[tuple[bytes, bytes]], wrong: bytes = b"") -> bytes:
    """A file of chunks, those called `wrong` with a wrong checksum."""
    data = PICTURE[:8]
    for name, content in chunks:
        checksum = zlib.crc32(name + content) ^ (name == wrong)
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    return data


def _png_with(**changed: bytes | None) -> bytes:
    """The picture with some chunks' content replaced, or left out for None."""
    chunks = [(name, changed.get(name.decode(), content)) for name, content in _chunks(PICTURE)]
    return _png([(name, content) for name, content in chunks if content is not None])


_CODED = dict(_chunks(PICTURE))[b"IDAT"]
DAMAGED_PNGS = {
    "no last chunk": PICTURE.removesuffix(END),
    "no pixels": _png_with(IDAT=None),
    "a wrong checksum of its pixels": _png(_chunks(PICTURE), b"IDAT"),
    "a wrong checksum inside its pixels": _png_with(IDAT=_CODED[:-1] + b"x"),
    "too few pixels": _png_with(IDAT=_CODED[:-30]),
    "fewer rows than it says": _png_with(IDAT=zlib.compress(zlib.decompress(_CODED)[:-51])),
    "a wrong checksum of its gamma": _png(
        [*_chunks(PICTURE)[:1], (b"gAMA", struct.pack(">I", 45455)), *_chunks(PICTURE)[1:]], b"gAMA"
    ),
}


@pytest.mark.parametrize("name", DAMAGED_PNGS)
def test_a_damaged_png_is_an_error(name):
    assert "damaged" in complaint_of_ours(DAMAGED_PNGS[name])


def test_a_damaged_text_of_a_png_is_left_out_and_noted():
    chunks = _chunks(PICTURE)
    with open_source(_png([chunks[0], TEXT, *chunks[1:]], b"tEXt")) as source:
        np.testing.assert_array_equal(samples_of(source), gray(40, 50))
        assert source.notes == ("its chunk tEXt is damaged and is left out",)
        assert source.pages[0].metadata.own == ()


def test_bytes_behind_a_pngs_last_chunk_are_no_damage():
    assert complaint_of_ours(PICTURE + b"a note") == ""


def test_a_deflated_strip_that_holds_more_than_its_page_is_no_damage():
    picture = gray(40, 50)
    whole = tiff(picture, compression="deflate")
    layout = read_pages(lambda at, size: whole[at : at + size], len(whole), "it").pages[0]
    assert layout.coded
    longer = zlib.compress(picture.tobytes() + bytes(100))
    at = len(whole) + len(whole) % 2
    moved = whole.ljust(at, b"\0") + longer
    for tag, value in ((273, at), (279, len(longer))):
        entry = moved.index(struct.pack("<H", tag), 8)
        kind = struct.unpack_from("<H", moved, entry + 2)[0]
        packed = struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value)
        moved = moved[:entry] + packed + moved[entry + 12 :]
    np.testing.assert_array_equal(all_samples(moved)[0], picture)


SUFFIXES = {
    "jpeg": "jpg",
    "cmyk": "jpg",
    "progressive": "jpg",
    "png": "png",
    "tiff": "tif",
    "bigtiff": "tif",
    "webp": "webp",
    "avif": "avif",
    "jp2": "jp2",
}


def _file_name(name: str) -> str:
    kind = next(word for word in name.split() if word in SUFFIXES)
    return f"{name.replace(' ', '-')}.{SUFFIXES[kind]}"


def test_a_folder_of_damaged_files_leaves_no_result_and_one_line_a_file(cli, tmp_path):
    scans, out = tmp_path / "scans", tmp_path / "out"
    scans.mkdir()
    model = write_model(tmp_path / "model.onnx")
    for name, data in ALL.items():
        keep = int(len(data) * 0.8)
        (scans / _file_name(f"{name} cut")).write_bytes(data[:keep])
        if name in SAFE or (name.endswith("jpeg") and not name.startswith("tiff")):
            middle, hole = len(data) // 2, len(data) // 4
            holed = data[:middle] + bytes(hole) + data[middle + hole :]
            (scans / _file_name(f"{name} holed")).write_bytes(holed)
    report = tmp_path / "report.jsonl"
    answer = cli("colorize", scans, "-o", out, "--model", model, "--report", report, "--jobs", 1)
    assert answer.code == 1
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert len(lines) == len(list(scans.iterdir()))
    for line in lines:
        assert (line["status"], line["error"]["kind"]) == ("failed", "truncated"), line
    assert [path for path in out.rglob("*") if path.is_file()] == []
    for path in scans.iterdir():
        assert sum(f"/{path.name}: " in line for line in answer.err.splitlines()) == 1


@pytest.mark.parametrize("side", ["original", "coloured"])
@pytest.mark.parametrize("name", ["jpeg", "png", "tiff deflate 16", "webp", "avif", "jp2"])
def test_verify_says_which_of_two_files_is_damaged(name, side, cli, tmp_path):
    pair = {which: tmp_path / _file_name(f"{name} {which}") for which in ("original", "coloured")}
    for path in pair.values():
        path.write_bytes(ALL[name])
    cut = bytes(ALL[name])
    pair[side].write_bytes(cut[: len(cut) * 3 // 4])
    answer = cli("verify", pair["original"], pair["coloured"])
    assert answer.code == 1
    assert answer.out == ""
    assert pair[side].name in answer.err
    assert "damaged or cut short" in answer.err
