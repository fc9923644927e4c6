"""XMP packets: reading our properties, and merging them into a packet that was there.

Everything in the old packet stays, prefixes and comments too, but for a property that we set: its
former value moves to a property of our own (`photochrom:SourceDigitalSourceType`). Source: XMP
Specification Part 1 (ISO 16684-1).
"""

import base64
import re
from typing import Final
from xml.dom import minidom
from xml.parsers import expat
from xml.parsers.expat import ExpatError

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP: Final = "http://ns.adobe.com/xap/1.0/"
NOTE: Final = "http://ns.adobe.com/xmp/note/"
IPTC_EXTENSION: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
#: The property of a split packet that names its other part.
EXTENDED: Final = (NOTE, "HasExtendedXMP")
#: Our own namespace; what stands in it is described in docs/.
PHOTOCHROM: Final = "https://ns.photochrom.org/1/"

_PREFIXES: Final = {XMP: "xmp", IPTC_EXTENSION: "Iptc4xmpExt", PHOTOCHROM: "photochrom"}
_EMPTY: Final = (
    f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"></rdf:RDF></x:xmpmeta>'
)
_HEAD: Final = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_TAIL: Final = b'\n<?xpacket end="w"?>'
#: A damaged packet up to this many bytes is kept, in base64, inside the new one.
_KEPT_BYTES: Final = 16384
_ANCESTORS: Final = re.compile(rb"<(\w{1,40}:DocumentAncestors)>", re.ASCII)
#: A list of more ancestors than this is no history any more.
_MOST_ANCESTORS: Final = 5000
#: Elements and attributes of a packet. Photoshop's lists of a document's ancestors have had tens of
#: thousands; a packet of so many takes 3 s and 100 MB.
MOST_PARTS: Final = 100_000
#: More than a result's packet has beside its source's.
_OURS: Final = 1000
#: The deepest schemas have a dozen levels; documents are walked recursively.
_DEEPEST: Final = 100
#: How a packet in UTF-16 begins.
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")

Name = tuple[str, str]


class BadPacket(ValueError):
    """The packet is no XML, or no XMP."""


def merge(packet: bytes | None, properties: dict[Name, str], kept: dict[Name, Name]) -> bytes:
    """A packet with all of `packet` and with `properties`: {(namespace, name): text}.

    `kept` says under which name the former value of a property lives on. Raises `BadPacket`.
    """
    document = parse(packet, MOST_PARTS) if packet else minidom.parseString(_EMPTY)
    rdf = rdf_of(document)
    former = _take(rdf, set(properties))
    for name, kept_name in kept.items():
        # A keeper from an earlier run is the older truth: colouring a coloured file leaves it.
        old = former.get(name)
        if old and _find(rdf, kept_name) is None:
            properties = {**properties, kept_name: old}
    description = document.createElementNS(RDF, "rdf:Description")
    description.setAttribute("xmlns:rdf", RDF)  # the packet may call it by another prefix
    description.setAttributeNS(RDF, "rdf:about", _about(rdf))
    for namespace in dict.fromkeys(namespace for namespace, _ in properties):
        description.setAttribute(f"xmlns:{_PREFIXES[namespace]}", namespace)
    for (namespace, local), text in properties.items():
        element = document.createElementNS(namespace, f"{_PREFIXES[namespace]}:{local}")
        element.appendChild(document.createTextNode(text))
        description.appendChild(element)
    rdf.appendChild(description)
    return packet_of(document)


def without_ancestors(packet: bytes) -> tuple[bytes, int]:
    """The packet without Photoshop's list of a document's ancestors where that has thousands, and
    how many it had (0: it stays).

    Photoshop before 2019 copied the list with every layer; scans had 184,000 entries that nobody
    reads, and programs choke on them.
    """
    found = _ANCESTORS.search(packet)
    end = b"</" + found[1] + b">" if found else b""
    stop = packet.find(end, found.end()) if found else -1
    if found is None or stop < 0:
        return packet, 0
    count = packet.count(b":li>", found.end(), stop) // 2
    if count <= _MOST_ANCESTORS:
        return packet, 0
    return packet[: found.start()] + packet[stop + len(end) :], count


def replacing(packet: bytes, properties: dict[Name, str]) -> bytes:
    """A new packet in the place of a damaged one, which is kept in it where it is small."""
    if len(packet) <= _KEPT_BYTES:
        text = base64.b64encode(packet).decode("ascii")
        properties = {**properties, (PHOTOCHROM, "DamagedPacket"): text}
    return merge(None, properties, {})


def split(packet: bytes) -> tuple[bytes, bytes]:
    """A packet as JPEG wants one over 64 kB: our own properties, and the rest without wrapper.

    The first says '{DIGEST}' where the MD5 of the second has to stand. Raises `BadPacket`.
    """
    document, main = parse(packet), minidom.parseString(_EMPTY)
    rdf, main_rdf = rdf_of(document), rdf_of(main)
    for description in descriptions(rdf):
        if any(element.namespaceURI == PHOTOCHROM for element in elements(description)):
            main_rdf.appendChild(main.importNode(rdf.removeChild(description), True))
    note = main.createElementNS(RDF, "rdf:Description")
    note.setAttributeNS(RDF, "rdf:about", _about(rdf))
    note.setAttribute("xmlns:xmpNote", NOTE)
    note.setAttributeNS(NOTE, "xmpNote:HasExtendedXMP", "{DIGEST}")
    main_rdf.appendChild(note)
    assert main.documentElement is not None and document.documentElement is not None
    body = main.documentElement.toxml("utf-8")
    return _HEAD + body + _TAIL, document.documentElement.toxml("utf-8")


def joined(packet: bytes, rest: bytes) -> bytes:
    """The packet that was `split`. Raises `BadPacket`."""
    document, extension = parse(packet), parse(rest)
    rdf = rdf_of(document)
    _take(rdf, {EXTENDED})
    above: minidom.Node | None = rdf_of(extension)
    prefixes: dict[str, str] = {}
    while isinstance(above, minidom.Element):
        declared = {a.name: a.value for a in above.attributes.values() if a.prefix == "xmlns"}
        prefixes, above = declared | prefixes, above.parentNode
    for description in descriptions(rdf_of(extension)):
        moved = document.importNode(description, True)
        for name, namespace in prefixes.items():
            if not moved.hasAttribute(name):
                moved.setAttribute(name, namespace)
        rdf.appendChild(moved)
    return b"".join(node.toxml("utf-8") for node in document.childNodes)


def read(packet: bytes) -> dict[Name, str]:
    """The simple properties of a packet: {(namespace, name): text}. Raises `BadPacket`."""
    found: dict[Name, str] = {}
    for description in descriptions(rdf_of(parse(packet))):
        for attribute in description.attributes.values():
            if attribute.namespaceURI and attribute.localName:
                found[attribute.namespaceURI, attribute.localName] = attribute.value
        for element in elements(description):
            if element.namespaceURI and not elements(element):
                found[element.namespaceURI, element.localName or ""] = text_of(element)
    return found


def parse(packet: bytes, most: int = MOST_PARTS + _OURS) -> minidom.Document:
    """The document of a packet, in UTF-8 or UTF-16. Raises `BadPacket`.

    A packet that declares entities, or has more than `most` elements and attributes or deeper ones
    than any program writes, is refused before a document is made of it.
    """
    if not packet.startswith(_UTF_16):  # in which zeros are letters' halves
        packet = packet.strip(b"\0 \t\r\n")
    try:
        _check(packet, most)
        return minidom.parseString(packet)
    except (ExpatError, ValueError, LookupError) as error:
        raise BadPacket(str(error)) from error


def _check(packet: bytes, most: int) -> None:
    """Raises `BadPacket` for what would take minutes or gigabytes, and what `expat` raises."""
    parser = expat.ParserCreate()
    count = depth = 0

    def start(_name: str, attributes: dict[str, str]) -> None:
        nonlocal count, depth
        count, depth = count + 1 + len(attributes), depth + 1
        if count > most or depth > _DEEPEST:
            raise BadPacket("it has more elements, or deeper ones, than any program writes")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declare(*_words: object) -> None:
        raise BadPacket("it declares entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = declare
    parser.Parse(packet, True)


def rdf_of(document: minidom.Document) -> minidom.Element:
    """Its rdf:RDF. Raises `BadPacket`."""
    found = document.getElementsByTagNameNS(RDF, "RDF")
    if not found:
        raise BadPacket("it has no rdf:RDF")
    return found[0]


def elements(node: minidom.Element) -> list[minidom.Element]:
    """The elements directly inside another."""
    return [child for child in node.childNodes if isinstance(child, minidom.Element)]


def descriptions(rdf: minidom.Element) -> list[minidom.Element]:
    """The rdf:Descriptions of a packet, whose attributes and elements are its properties."""
    return [child for child in elements(rdf) if child.namespaceURI == RDF]


def name_of(element: minidom.Element) -> Name:
    """Its namespace and name."""
    return element.namespaceURI or "", element.localName or ""


def text_of(element: minidom.Element) -> str:
    """The text directly inside an element."""
    return "".join(node.data for node in element.childNodes if isinstance(node, minidom.Text))


def _find(rdf: minidom.Element, name: Name) -> str | None:
    for description in descriptions(rdf):
        if description.hasAttributeNS(*name):
            return description.getAttributeNS(*name)
        for element in elements(description):
            if (element.namespaceURI, element.localName) == name:
                return text_of(element)
    return None


def _take(rdf: minidom.Element, names: set[Name]) -> dict[Name, str]:
    """Takes properties out wherever they stand; the text of those that were there."""
    former: dict[Name, str] = {}
    for description in descriptions(rdf):
        for name in names:
            if description.hasAttributeNS(*name):
                former.setdefault(name, description.getAttributeNS(*name))
                description.removeAttributeNS(*name)
        kept = []
        for node in description.childNodes:
            if isinstance(node, minidom.Element) and name_of(node) in names:
                former.setdefault(name_of(node), text_of(node))
            else:
                kept.append(node)
        description.childNodes[:] = kept  # one by one would take the square of their number
    return former


def packet_of(document: minidom.Document) -> bytes:
    """The packet of a document, in a wrapper."""
    # minidom writes the declaration; a packet has none.
    body = b"".join(node.toxml("utf-8") for node in document.childNodes if _belongs(node))
    return _HEAD + body + _TAIL


def _about(rdf: minidom.Element) -> str:
    """The subject that the packet speaks of: all its descriptions must name the same."""
    for description in descriptions(rdf):
        if description.hasAttributeNS(RDF, "about"):
            return description.getAttributeNS(RDF, "about")
    return ""


def _belongs(node: minidom.Node) -> bool:
    """Whether a top node of the document is more than the packet's own wrapper."""
    wrapper = node.nodeType == node.PROCESSING_INSTRUCTION_NODE and node.nodeName == "xpacket"
    return not wrapper
