"""XMP packets as careless programs and attackers write them."""

import hashlib
import struct
from dataclasses import replace

import pytest

from core.image.metadata import xmp
from core.image.metadata.provenance import add_provenance, provenance_of
from core.image.read import open_source
from core.image.write import encode
from tests.image.pictures import PROVENANCE, colour, gray, painted, pillow, through

DC = "http://purl.org/dc/elements/1.1/"
SOURCE = (DC, "source")


def _packet(inside: str, head: str = "") -> str:
    return (
        f'{head}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{xmp.RDF}">'
        f'<rdf:Description rdf:about="" xmlns:dc="{DC}">{inside}</rdf:Description>'
        "</rdf:RDF></x:xmpmeta>"
    )


def _entities(encoding: str) -> bytes:
    doctype = '<!DOCTYPE x [<!ENTITY a "ten letters"><!ENTITY b "&a;&a;&a;&a;">]>'
    head = f'<?xml version="1.0" encoding="{encoding}"?>{doctype}'
    return _packet("<dc:source>&b;</dc:source>", head).encode(encoding)


#: name -> a packet that is refused before a document is made of it
ATTACKS = {
    "entities": _entities("utf-8"),
    "entities in UTF-16": _entities("utf-16"),
    "entities in UTF-16 from the other end": b"\xfe\xff" + _entities("utf-16-be"),
    "a million elements": _packet("<dc:a/>" * 1_000_000).encode(),
    "as many attributes": _packet(
        "<dc:a " + " ".join(f'dc:a{n}=""' for n in range(2 * xmp.MOST_PARTS)) + "/>"
    ).encode(),
    "elements inside elements": _packet("<dc:a>" * 5000 + "</dc:a>" * 5000).encode(),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_packet_that_is_an_attack_is_replaced_and_fails_no_picture(name):
    """Four megabytes of empty elements, 18 kB in a PNG, took a minute; deep ones were a defect."""
    with pytest.raises(xmp.BadPacket):
        xmp.parse(ATTACKS[name])
    with open_source(pillow(gray(), "PNG")) as source:
        metadata = source.pages[0].metadata
    after = add_provenance(replace(metadata, xmp=ATTACKS[name]), PROVENANCE)
    assert any("XMP was damaged and is replaced" in note for note in after.notes)
    assert provenance_of(after.xmp) == PROVENANCE


def test_a_list_as_long_as_photoshops_longest_is_kept_and_read_back():
    items = "".join(f"<rdf:li>{number}</rdf:li>" for number in range(20_000))
    packet = _packet(f"<dc:relation><rdf:Bag>{items}</rdf:Bag></dc:relation>").encode()
    with open_source(through(pillow(colour(), "WEBP", lossless=True, xmp=packet))) as source:
        written = source.pages[0].metadata.xmp or b""
    assert provenance_of(written) == PROVENANCE
    assert written.count(b"<rdf:li>") == 20_000


@pytest.mark.parametrize(("count", "is_kept"), [(4000, True), (184_000, False)])
def test_photoshops_endless_list_of_ancestors_is_left_out_and_nothing_else(count, is_kept):
    """Scans that went through old versions of Photoshop have 184,000 entries in it."""
    items = "".join(f"<rdf:li>{number:032X}</rdf:li>" for number in range(count))
    ancestors = f"<photoshop:DocumentAncestors><rdf:Bag>{items}</rdf:Bag>"
    packet = _packet(
        f"<dc:source>Box 7</dc:source>{ancestors}</photoshop:DocumentAncestors>"
    ).replace("xmlns:dc=", 'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:dc=')
    data = pillow(colour(), "WEBP", lossless=True, xmp=packet.encode())
    with open_source(data) as source:
        written, notes = encode(source, painted(source), provenance=PROVENANCE)
    assert notes == (
        () if is_kept else ("Photoshop's list of 184,000 ancestors in its XMP is left out",)
    )
    with open_source(written) as source:
        after = source.pages[0].metadata.xmp or b""
    assert xmp.read(after)[SOURCE] == "Box 7"
    assert provenance_of(after) == PROVENANCE
    assert (b"DocumentAncestors" in after) == is_kept


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_packet_in_utf_16_is_kept(encoding):
    head = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    packet = _packet("<dc:source>Großvater</dc:source>", head).encode(encoding)
    with open_source(through(pillow(colour(), "WEBP", lossless=True, xmp=packet))) as source:
        written = source.pages[0].metadata.xmp or b""
        assert not source.notes
    assert xmp.read(written)[SOURCE] == "Großvater"
    assert provenance_of(written) == PROVENANCE


def _extended(main: str, extension: str) -> bytes:
    """A JPEG with a split packet, whose digest is written as the two words say."""
    whole = _packet("<dc:source>" + "long " * 20_000 + "</dc:source>").encode()
    digest = hashlib.md5(whole, usedforsecurity=False).hexdigest()
    first = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{xmp.RDF}"><rdf:Description '
        f'rdf:about="" xmlns:n="{xmp.NOTE}" n:HasExtendedXMP="{getattr(digest, main)()}"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    payloads = [b"http://ns.adobe.com/xap/1.0/\0" + first.encode()]
    for at in range(0, len(whole), 60_000):
        head = getattr(digest, extension)().encode() + struct.pack(">II", len(whole), at)
        part = whole[at : at + 60_000]
        payloads.append(b"http://ns.adobe.com/xmp/extension/\0" + head + part)
    data = pillow(gray(), "JPEG")
    segments = [struct.pack(">HH", 0xFFE1, len(payload) + 2) + payload for payload in payloads]
    return data[:2] + b"".join(segments) + data[2:]


@pytest.mark.parametrize("main", ["upper", "lower"])
@pytest.mark.parametrize("extension", ["upper", "lower"])
def test_a_split_packet_is_put_together_whatever_letters_its_digest_has(main, extension):
    data = _extended(main, extension)
    with open_source(data) as source:
        assert not source.notes
        packet = source.pages[0].metadata.xmp or b""
    assert xmp.read(packet)[SOURCE].startswith("long ")
