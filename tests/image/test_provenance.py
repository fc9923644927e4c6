"""Provenance: a coloured file says that it is one, and keeps what its XMP said before."""

import dataclasses
import struct
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SourceError
from core.image import formats
from core.image.formats.jpeg import head
from core.image.metadata import Metadata, xmp
from core.image.metadata.provenance import Provenance, add_provenance, provenance_of
from core.image.read import is_whole, open_source, read_provenance
from core.image.write import encode, save
from tests.image.pictures import PROVENANCE, colour, gray, jp2, painted, pillow, through, tiff
from tests.image.test_metadata import XMP

SOURCES = {
    "jpeg": pillow(colour(), "JPEG"),
    "png": pillow(colour(), "PNG"),
    "tiff": tiff(gray(depth=16)),
    "bigtiff": tiff(gray(), bigtiff=True, compression="lzw"),
    "webp": pillow(colour(), "WEBP"),
    "avif": pillow(colour(), "AVIF"),
    "jpeg2000": jp2(gray()),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_format_carries_provenance_and_gives_it_back(name, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(SOURCES[name])
    assert read_provenance(path) is None
    with open_source(path) as source:
        save(source, tmp_path / "b", painted(source), provenance=PROVENANCE)
    assert read_provenance(tmp_path / "b") == PROVENANCE


@pytest.mark.parametrize("name", SOURCES)
def test_colouring_a_coloured_file_replaces_its_provenance(name, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(through(through(SOURCES[name])))
    other = dataclasses.replace(PROVENANCE, job_key="12" * 32, model_name="other")
    with open_source(path) as source:
        save(source, path, painted(source), provenance=other, in_place=True)
    assert read_provenance(path) == other
    assert path.read_bytes().count(b"photochrom:JobKey>") == 2


def test_the_packet_says_what_the_standards_ask_for():
    packet = add_provenance(Metadata(), PROVENANCE).xmp or b""
    found = xmp.read(packet)
    assert found[xmp.IPTC_EXTENSION, "DigitalSourceType"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    )
    assert found[xmp.XMP, "CreatorTool"] == "photochrom 0.1.0"
    assert found[xmp.PHOTOCHROM, "ModelSHA256"] == "cd" * 32
    ElementTree.fromstring(packet)
    assert packet.startswith(b"<?xpacket begin=")
    assert packet.endswith(b'<?xpacket end="w"?>')


def _packet(body: str, attributes: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Some Tool"><r:RDF '
        'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><!-- a remark -->'
        '<r:Description r:about="uuid:42" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        'xmlns:I="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" {attributes}>{body}'
        "</r:Description></r:RDF></x:xmpmeta>"
    ).encode()


def test_what_the_packet_said_before_stays():
    packet = _packet(
        "<dc:subject><r:Bag><r:li>Mühlau</r:li></r:Bag></dc:subject>"
        "<xmp:CreatorTool>VueScan 9</xmp:CreatorTool>"
        "<I:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/print"
        "</I:DigitalSourceType>",
        'tiff:Orientation="6" xmp:Rating="5"',
    )
    merged = add_provenance(Metadata(xmp=packet), PROVENANCE).xmp or b""
    assert "Mühlau".encode() in merged
    assert b"<!-- a remark -->" in merged
    assert b'x:xmptk="Some Tool"' in merged
    found = xmp.read(merged)
    assert found[xmp.XMP, "Rating"] == "5"
    assert found[xmp.XMP, "CreatorTool"] == PROVENANCE.tool
    assert found[xmp.PHOTOCHROM, "SourceCreatorTool"] == "VueScan 9"
    assert found[xmp.PHOTOCHROM, "SourceDigitalSourceType"].endswith("/print")
    assert merged.count(b"DigitalSourceType>http") == 2
    assert provenance_of(merged) == PROVENANCE
    # Once more: the oldest word is the one that is kept.
    again = xmp.read(add_provenance(Metadata(xmp=merged), PROVENANCE).xmp or b"")
    assert again[xmp.PHOTOCHROM, "SourceCreatorTool"] == "VueScan 9"


def test_all_descriptions_speak_of_the_same_subject():
    merged = add_provenance(Metadata(xmp=_packet("")), PROVENANCE).xmp or b""
    assert merged.count(b'about="uuid:42"') == 2


DAMAGED = {
    "no XML": b"\x89 this is no XML",
    "cut short": XMP[:300],
    "no RDF": b"<html><body/></html>",
    "entities": b'<!DOCTYPE a [<!ENTITY e "ha">]><a>&e;</a>',
    "wrong encoding": XMP.replace(b"Harvest", b"\xff\xfe\xfa"),
    "deep": b"<a>" * 50_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_xmp_is_replaced_kept_aside_and_noted(name):
    metadata = add_provenance(Metadata(xmp=DAMAGED[name]), PROVENANCE)
    assert provenance_of(metadata.xmp) == PROVENANCE
    assert any("XMP" in note for note in metadata.notes)
    kept = (xmp.PHOTOCHROM, "DamagedPacket") in xmp.read(metadata.xmp or b"")
    assert kept == (len(DAMAGED[name]) <= 16384)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=6, max_size=6))
def test_every_text_survives_or_loses_only_what_xml_cannot_hold(texts):
    provenance = Provenance("k" + texts[0], *texts[1:])
    found = provenance_of(add_provenance(Metadata(), provenance).xmp)
    assert found is not None
    for name in ("job_key", "model_name", "options", "tool"):
        before, after = getattr(provenance, name), getattr(found, name)
        if before.isprintable():
            assert after == before


def test_a_packet_too_long_for_one_jpeg_segment_is_split_as_adobe_asks(tmp_path):
    long = _packet("<dc:rights>" + "all of them " * 9000 + "</dc:rights>")
    source = tiff(colour(), extratags=[(700, 1, len(long), long, True)])
    data = through(source, format=formats.by_name("jpeg"))
    parts = list(head.segments(lambda at, size: data[at : at + size]))
    main = next(p for m, p in parts if m == 0xE1 and p.startswith(b"http://ns.adobe.com/xap/1.0/"))
    rest = [
        p for m, p in parts if m == 0xE1 and p.startswith(b"http://ns.adobe.com/xmp/extension/")
    ]
    assert len(rest) == 2
    digest = rest[0][35:67]
    assert digest in main
    whole = b"".join(part[75:] for part in rest)
    assert struct.unpack_from(">I", rest[0], 67)[0] == len(whole)
    assert b"all of them" in whole
    ElementTree.fromstring(whole)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    assert read_provenance(path) == PROVENANCE
    # Where it is read again, it is one packet: split once more for JPEG, whole in other formats.
    again = through(data)
    path.write_bytes(again)
    assert read_provenance(path) == PROVENANCE
    assert again.count(b"http://ns.adobe.com/xmp/extension/") == 2 and again.count(digest) <= 1
    assert through(data, format=formats.by_name("tiff")).count(b"all of them ") == 9000
    # A part that is damaged is said, and the rest is kept.
    path.write_bytes(data.replace(b"</dc:rights>", b"</dc:lefts_>"))
    metadata = head.read_metadata(lambda at, size: path.read_bytes()[at : at + size])
    assert provenance_of(metadata.xmp) == PROVENANCE
    assert metadata.notes == ("the second part of its XMP is damaged and is left out",)


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_cut_short_has_provenance_or_none_but_no_error(name, tmp_path):
    path = tmp_path / "a"
    whole = through(SOURCES[name])
    for share in (0.01, 0.1, 0.3, 0.6, 0.95):
        path.write_bytes(whole[: max(1, int(len(whole) * share))])
        assert read_provenance(path) in (None, PROVENANCE)


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_is_whole_until_its_last_byte_is_gone(name, tmp_path):
    whole = through(SOURCES[name])
    path = tmp_path / "a"
    path.write_bytes(whole)
    assert is_whole(path)
    for kept in (len(whole) - 1, len(whole) - 40, len(whole) // 2):
        path.write_bytes(whole[:kept])
        assert not is_whole(path), kept


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_whose_end_is_zeros_is_not_whole(name, tmp_path):
    """So a copy looks whose room was set aside and never filled."""
    whole = through(SOURCES[name])
    path = tmp_path / "a"
    for lost in (16, 500, len(whole) // 2):
        path.write_bytes(whole[:-lost] + bytes(lost))
        assert not is_whole(path), lost


def test_what_cannot_be_opened_is_an_error(tmp_path):
    with pytest.raises(SourceError) as caught:
        read_provenance(tmp_path / "nobody")
    assert caught.value.kind == "vanished"
    (tmp_path / "text.jpg").write_text("not a picture")
    assert read_provenance(tmp_path / "text.jpg") is None


def test_without_provenance_nothing_is_added():
    with open_source(SOURCES["png"]) as source:
        data, _ = encode(source, painted(source))
    assert b"photochrom" not in data
