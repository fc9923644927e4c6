"""Metadata: what was in the file is in the result, in every format that can hold it."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin, PngImagePlugin

from core.image import formats
from core.image.formats import png
from core.image.formats.jpeg import head
from core.image.metadata import exif, photoshop
from core.image.metadata.directories import reader_of
from core.image.read import is_whole, open_source
from core.image.write import encode
from tests.image.pictures import (
    colour,
    first_page,
    gray,
    jp2,
    opened,
    pages_of,
    painted,
    pillow,
    through,
    tiff,
    tiff_of,
)

RGB = colour()
ARTIST, CAMERA, EXPOSURE, LENS = 315, 272, 33434, 42036
#: An IPTC caption (2:120) and a keyword (2:25).
IPTC = b"\x1c\x02\x78\x00\x0bGrandmother\x1c\x02\x19\x00\x041921"
RESOURCES = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0" * (len(IPTC) % 2)
XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    b"<dc:title><rdf:Alt><rdf:li>Harvest</rdf:li></rdf:Alt></dc:title>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>" + b" " * 2000 + b'<?xpacket end="w"?>'
)


def _exif(note: bytes = b"maker's own notes, whatever they mean") -> Image.Exif:
    block = Image.Exif()
    block[ARTIST], block[CAMERA], block[274] = "Anna", "Plate camera", 1
    block[0x8769] = {EXPOSURE: 0.125, 37500: note, LENS: "Dagor"}
    block[0x8825] = {1: "N"}
    loaded = Image.Exif()
    loaded.load(block.tobytes())  # Pillow's TIFF writer wants it from a file
    return loaded


def _jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    return list(head.segments(lambda at, size: data[at : at + size]))


def _with_segment(data: bytes, marker: int, payload: bytes) -> bytes:
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + data[2:]


EXIF_FORMATS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]


@pytest.mark.parametrize("end", EXIF_FORMATS)
@pytest.mark.parametrize("start", EXIF_FORMATS)
def test_exif_is_kept_from_every_format_to_every_other(start, end):
    data = pillow(RGB, start, exif=_exif())
    written = through(data, format=formats.by_name(end)) if start != end else through(data)
    kept = opened(written).getexif()
    assert kept[ARTIST] == "Anna"
    assert kept[CAMERA] == "Plate camera"
    details = kept.get_ifd(0x8769)
    assert float(details[EXPOSURE]) == 0.125
    assert details[LENS].rstrip("\0") == "Dagor"
    assert details[37500] == b"maker's own notes, whatever they mean"
    assert kept.get_ifd(0x8825)[1].rstrip("\0") == "N"


@pytest.mark.parametrize("container", ["JPEG", "PNG"])
def test_an_exif_block_is_kept_byte_for_byte_where_nothing_is_untrue(container):
    block = _exif().tobytes()
    written = through(pillow(RGB, container, exif=_exif()))
    assert opened(written).info["exif"].removeprefix(b"Exif\0\0") == block.removeprefix(b"Exif\0\0")


def test_jpeg_2000_keeps_exif_iptc_and_xmp_in_its_boxes():
    written = through(
        pillow(RGB, "JPEG", exif=_exif(), xmp=XMP), format=formats.by_name("jpeg2000")
    )
    again = through(written)
    assert b"Dagor" in again
    assert b"Harvest" in again
    with open_source(again) as source:
        main, details, _ = exif.read(source.pages[0].metadata.exif or b"")
    assert main[ARTIST].data == b"Anna\0"
    assert details[LENS].data == b"Dagor\0"
    with_iptc = _with_segment(pillow(RGB, "JPEG"), 0xED, b"Photoshop 3.0\0" + RESOURCES)
    assert IPTC in through(through(with_iptc, format=formats.by_name("jpeg2000")))


@pytest.mark.parametrize("big_endian", [False, True])
def test_exif_speaks_of_the_picture_as_it_is_now(big_endian):
    """Orientation, size and colour space are set right; the thumbnail of the gray one is gone."""
    order = ">" if big_endian else "<"

    def entry(tag: int, type_: int, value: int) -> bytes:
        packed = struct.pack(order + ("H2x" if type_ == 3 else "I"), value)
        return struct.pack(order + "HHI", tag, type_, 1) + packed

    main = struct.pack(order + "H", 2) + entry(274, 3, 6) + entry(34665, 4, 38)
    main += struct.pack(order + "I", 80)  # the thumbnail's directory
    sub = struct.pack(order + "H", 3)
    sub += entry(40961, 3, 65535) + entry(40962, 4, 83) + entry(40963, 3, 61) + bytes(4)
    block = (b"MM\0*\0\0\0\x08" if big_endian else b"II*\0\x08\0\0\0") + main
    block = block.ljust(38, b"\0") + sub
    block = block.ljust(80, b"\0") + struct.pack(order + "H", 1) + entry(259, 3, 6) + bytes(4)
    written = through(pillow(RGB, "JPEG", exif=b"Exif\0\0" + block))
    payload = next(p for m, p in _jpeg_segments(written) if m == 0xE1 and p.startswith(b"Exif"))
    kept, details_now, _ = exif.read(payload[6:])
    assert kept[274].integers == (1,)
    assert details_now[40961].integers == (1,)
    assert (details_now[40962].integers, details_now[40963].integers) == ((61,), (83,))
    read = reader_of(payload[6:])
    from core.image.metadata.directories import read_directory, read_header

    header = read_header(read)
    assert read_directory(read, header.first, header)[1] == 0


RESOLUTIONS = ["JPEG", "PNG", "TIFF"]


@pytest.mark.parametrize("end", [*RESOLUTIONS, "JPEG2000"])
@pytest.mark.parametrize("start", RESOLUTIONS)
def test_the_resolution_is_kept(start, end):
    written = through(pillow(RGB, start, dpi=(300, 600)), format=formats.by_name(end))
    if end == "JPEG2000":
        with open_source(written) as source:
            found = source.pages[0].metadata.resolution
            assert found is not None
            dpi = found.per("inch").across, found.per("inch").down
    else:
        dpi = tuple(map(float, opened(written).info["dpi"]))
    assert dpi == pytest.approx((300, 600), rel=1e-4)


def test_a_resolution_a_centimetre_stays_one():
    page = first_page(through(tiff(RGB, resolution=(118.11, 118.11), resolutionunit=3)))
    assert page.tags[296].value == 3
    assert page.tags[282].value[0] / page.tags[282].value[1] == pytest.approx(118.11)


def test_the_resolution_turns_with_the_picture():
    block = Image.Exif()
    block[274] = 6
    written = opened(through(pillow(RGB, "JPEG", exif=block, dpi=(300, 600))))
    assert tuple(written.info["dpi"]) == (600, 300)


def test_iptc_is_kept_in_jpeg():
    data = _with_segment(pillow(RGB, "JPEG"), 0xED, b"Photoshop 3.0\0" + RESOURCES)
    written = opened(through(data))
    found = IptcImagePlugin.getiptcinfo(written)
    assert found == {(2, 120): b"Grandmother", (2, 25): b"1921"}


@pytest.mark.parametrize("as_longs", [False, True])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_iptc_is_kept_in_tiff_whatever_its_type(as_longs, byteorder):
    if as_longs:  # many programs call the bytes longs
        padded = IPTC + b"\0" * (-len(IPTC) % 4)
        tag = (
            33723,
            4,
            len(padded) // 4,
            struct.unpack(f"{byteorder}{len(padded) // 4}I", padded),
            True,
        )
    else:
        tag = (33723, 7, len(IPTC), IPTC, True)
    page = first_page(through(tiff(RGB, extratags=[tag], byteorder=byteorder)))
    kept = page.tags[33723].value
    assert bytes(kept).startswith(IPTC)


def test_iptc_goes_from_jpeg_to_tiff_and_back():
    data = _with_segment(pillow(RGB, "JPEG"), 0xED, b"Photoshop 3.0\0" + RESOURCES)
    as_tiff = through(data, format=formats.by_name("tiff"))
    assert bytes(first_page(as_tiff).tags[33723].value) == IPTC
    back = opened(through(as_tiff, format=formats.by_name("jpeg")))
    assert IptcImagePlugin.getiptcinfo(back) == {(2, 120): b"Grandmother", (2, 25): b"1921"}


def test_iptc_in_many_segments_and_photoshops_other_resources_are_kept():
    paths = b"8BIM\x07\xd0\x04Path\0" + struct.pack(">I", 70000) + bytes(70000)
    thumbnail = b"8BIM\x04\x0c\0\0" + struct.pack(">I", 6) + b"gray!!"
    whole = paths + thumbnail + RESOURCES
    data = pillow(RGB, "JPEG")
    for at in range((len(whole) - 1) // 60000 * 60000, -1, -60000):
        data = _with_segment(data, 0xED, b"Photoshop 3.0\0" + whole[at : at + 60000])
    written = through(data)
    kept = b"".join(p[14:] for m, p in _jpeg_segments(written) if m == 0xED)
    assert {number for number, _, _ in photoshop.resources(kept)} == {0x07D0, 0x0404}
    assert photoshop.iptc_of(kept) == IPTC


@pytest.mark.parametrize("container", ["PNG", "WEBP", "AVIF"])
def test_a_format_without_iptc_says_so(container):
    data = _with_segment(pillow(RGB, "JPEG"), 0xED, b"Photoshop 3.0\0" + RESOURCES)
    with open_source(data) as source:
        _, notes = encode(source, painted(source), format=formats.by_name(container))
    assert any("IPTC" in note for note in notes)


def test_unknown_and_private_tags_of_a_tiff_are_kept_exactly():
    private = [
        (65000, 1, 5, b"\1\2\3\4\5", True),
        (65001, 12, 2, (1.5, -2.25), True),
        (33550, 12, 3, (0.5, 0.5, 0.0), True),  # GeoTIFF: metres a pixel
        (269, 2, 0, "page 7 of the album", True),
    ]
    for order in "<>":
        options = {"byteorder": order, "compression": "lzw", "software": "VueScan 9"}
        source = tiff(RGB, extratags=private, **options)
        tags = first_page(through(source)).tags
        assert bytes(tags[65000].value) == b"\1\2\3\4\5"
        assert tags[65001].value == (1.5, -2.25)
        assert tags[33550].value == (0.5, 0.5, 0.0)
        assert tags[269].value == "page 7 of the album"
        assert tags[305].value == "VueScan 9"


def test_a_tiffs_exif_and_gps_directories_survive_in_a_bigtiff():
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "TIFF", exif=_exif(), big_tiff=True)
    written = through(file.getvalue())
    assert tiff_of(written).is_bigtiff
    assert first_page(written).tags["ExifTag"].value["LensModel"] == "Dagor"
    assert first_page(written).tags["GPSTag"].value["GPSLatitudeRef"] == "N"


def test_text_chunks_of_a_png_are_kept_as_they_are():
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text("Title", "Harvest")
    text.add_itxt("Description", "Ernte bei Mühlau", "de", "Beschreibung")
    text.add_text("Comment", "long " * 500, zip=True)
    kept = opened(through(pillow(RGB, "PNG", pnginfo=text))).text
    assert kept["Title"] == "Harvest"
    assert kept["Description"] == "Ernte bei Mühlau"
    assert kept["Comment"] == "long " * 500


def test_a_comment_of_a_jpeg_is_kept():
    assert opened(through(pillow(RGB, "JPEG", comment=b"found in the attic"))).info["comment"] == (
        b"found in the attic"
    )


def test_content_credentials_are_left_out_and_a_note_says_so():
    data = _with_segment(pillow(RGB, "JPEG"), 0xEB, b"JP\0\1\0\0\0\1\0\0\0\x10jumb")
    with open_source(data) as source:
        written, notes = encode(source, painted(source))
    assert any("C2PA" in note for note in notes)
    assert b"jumb" not in written


def test_boxes_of_a_jp2_that_nobody_knows_are_kept():
    own = struct.pack(">I4s", 8 + 16 + 4, b"uuid") + bytes(range(16)) + b"mine"
    xml = struct.pack(">I4s", 8 + 6, b"xml ") + b"<a></a>"[:6]
    data = jp2(RGB)
    at = data.index(b"jp2c") - 4
    written = through(data[:at] + own + xml + data[at:])
    assert own in written
    assert xml in written


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_xmp_is_kept(container):
    options = {"tiffinfo": {700: XMP}} if container == "TIFF" else {"xmp": XMP}
    if container == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"pnginfo": info}
    assert b"Harvest" in through(pillow(RGB, container, **options))


def test_compressed_xmp_of_a_png_is_read():
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP)
    chunk = struct.pack(">I4s", len(body), b"iTXt") + body
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + body))
    data = pillow(RGB, "PNG")
    assert b"Harvest" in through(data[:33] + chunk + data[33:])


DAMAGED_EXIF = {
    "text": b"Exif\0\0no TIFF at all",
    "offset beyond the end": b"Exif\0\0II*\0\xff\xff\xff\x00",
    "claims 60,000 tags": b"Exif\0\0II*\0\x08\0\0\0\x60\xea",
}


@pytest.mark.parametrize("name", DAMAGED_EXIF)
@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_fails_no_picture(name, container):
    if container == "PNG":
        body = DAMAGED_EXIF[name][6:]
        chunk = struct.pack(">I4s", len(body), b"eXIf") + body
        chunk += struct.pack(">I", zlib.crc32(b"eXIf" + body))
        data = pillow(RGB, "PNG")
        data = data[:33] + chunk + data[33:]
    else:
        data = pillow(RGB, container, exif=DAMAGED_EXIF[name])
    with open_source(data) as source:
        written, notes = encode(source, painted(source))
        notes += source.notes
    assert any("EXIF" in note for note in notes)
    assert np.asarray(opened(written)).shape == (61, 83, 3)


def test_a_large_exif_block_that_jpeg_cannot_hold_is_noted():
    with open_source(pillow(gray(), "TIFF", exif=_exif(bytes(100_000)))) as source:
        _, notes = encode(source, painted(source), format=formats.by_name("jpeg"))
    assert any("EXIF" in note for note in notes)


def test_pages_keep_their_own_metadata():
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for number in range(3):
            writer.write(
                gray(),
                description=f"page {number}",
                metadata=None,
                resolution=(100 + number, 100 + number),
            )
    for number, page in enumerate(pages_of(through(file.getvalue()))):
        assert page.description == f"page {number}"
        assert page.tags[282].value == (100 + number, 1)


def _raw_profile(name: str, block: bytes) -> tuple[str, str]:
    """A block as ImageMagick writes it into a PNG's text."""
    return f"Raw profile type {name}", f"\n{name}\n{len(block):>8}\n{block.hex()}\n"


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("with_chunks", [True, False])
def test_a_png_has_one_xmp_packet_and_one_exif_block_afterwards(with_chunks, zipped):
    """ImageMagick's copies in text count where there is no chunk, and go: they would be untrue."""
    block = _exif()
    block[274] = 6
    stale = XMP.replace(b"Harvest", b"Winter") if with_chunks else XMP
    info = PngImagePlugin.PngInfo()
    for name, data in (("xmp", stale), ("exif", block.tobytes()), ("iptc", IPTC)):
        info.add_text(*_raw_profile(name, data), zip=zipped)
    info.add_text("comment", "kept")
    if with_chunks:
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    written = through(pillow(RGB, "PNG", pnginfo=info, **({"exif": block} if with_chunks else {})))
    found = list(png.chunks(lambda at, size: written[at : at + size]))
    texts = [data for name, data, _ in found if name in (b"tEXt", b"zTXt", b"iTXt")]
    assert [data.partition(b"\0")[0] for data in texts] == [
        b"XML:com.adobe.xmp",
        b"Raw profile type iptc",
        b"comment",
    ]
    assert b"Harvest" in texts[0]
    assert [name for name, _, _ in found].count(b"eXIf") == 1
    kept = opened(written)
    assert kept.size == (61, 83)  # turned upright
    assert (kept.getexif()[274], kept.getexif()[ARTIST]) == (1, "Anna")


@pytest.mark.parametrize("container", ["WEBP", "AVIF"])
def test_no_exif_is_invented(container):
    format = formats.by_name(container)
    assert not opened(through(pillow(RGB, "PNG"), format=format)).getexif()
    assert b"Exif" not in through(pillow(RGB, "PNG"), format=format)


@pytest.mark.parametrize("container", ["WEBP", "AVIF"])
def test_a_resolution_goes_into_exif_where_there_is_no_other_place(container):
    format = formats.by_name(container)
    kept = dict(opened(through(pillow(RGB, "JPEG", dpi=(300, 300)), format=format)).getexif())
    assert kept == {282: 300.0, 283: 300.0, 296: 2}


@pytest.mark.parametrize("note", [b"maker", b"zeros\0" + bytes(40)])
@pytest.mark.parametrize("container", ["WEBP", "AVIF"])
def test_webp_and_avif_keep_an_exif_block_byte_for_byte(container, note, tmp_path):
    block = _exif(note).tobytes()
    path = tmp_path / "a"
    path.write_bytes(
        through(pillow(RGB, "JPEG", exif=block, xmp=XMP), format=formats.by_name(container))
    )
    for data in (path.read_bytes(), through(path)):
        with open_source(data) as source:
            assert source.pages[0].metadata.exif == block.removeprefix(b"Exif\0\0")
        kept = opened(data)
        assert kept.info["exif"].removeprefix(b"Exif\0\0") == block.removeprefix(b"Exif\0\0")
        assert b"Harvest" in kept.info["xmp"]
    assert is_whole(path)
