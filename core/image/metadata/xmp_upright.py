"""Corrects what an XMP packet says of the picture for the picture that is written.

It is upright, in sRGB, and alone in its file: sizes, colour space, orientation and regions (faces)
follow, and what points at a gain map or a video behind the picture goes. Source: XMP Specification
Part 2; Metadata Working Group, Guidelines 2.0, 5.9; Microsoft Photo 1.2 (people tagging); Android,
Ultra HDR Image Format 1.1 and Motion Photo Format 1.0.
"""

from contextlib import suppress
from typing import Final
from xml.dom import minidom

from core.image.metadata import exif, xmp
from core.image.metadata.xmp import Name

_TIFF: Final = "http://ns.adobe.com/tiff/1.0/"
_EXIF: Final = "http://ns.adobe.com/exif/1.0/"
PHOTOSHOP: Final = "http://ns.adobe.com/photoshop/1.0/"
DUBLIN_CORE: Final = "http://purl.org/dc/elements/1.1/"
_CAMERA_RAW: Final = "http://ns.adobe.com/camera-raw-settings/1.0/"
_REGIONS: Final = "http://www.metadataworkinggroup.com/schemas/regions/"
_AREA: Final = "http://ns.adobe.com/xmp/sType/Area#"
_DIMENSIONS: Final = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_MICROSOFT_REGION: Final = "http://ns.microsoft.com/photo/1.2/t/Region#"
GAIN_MAP: Final = "http://ns.adobe.com/hdr-gain-map/1.0/"
_APPLE_GAIN_MAP: Final = "http://ns.apple.com/HDRGainMap/1.0/"
_CONTAINER: Final = "http://ns.google.com/photos/1.0/container/"
_CAMERA: Final = "http://ns.google.com/photos/1.0/camera/"
#: Properties that point at what stands behind the picture; "*" stands for all of a namespace.
_POINTERS: Final[dict[str, tuple[str, ...]]] = {
    GAIN_MAP: ("*",),
    _APPLE_GAIN_MAP: ("*",),
    _CONTAINER: ("Directory",),
    _CAMERA: (
        "MotionPhoto",
        "MotionPhotoVersion",
        "MotionPhotoPresentationTimestampUs",
        "MicroVideo",
        "MicroVideoVersion",
        "MicroVideoOffset",
        "MicroVideoPresentationTimestampUs",
    ),
}


def upright(packet: bytes, orientation: int, width: int, height: int) -> bytes:
    """The packet of the picture as it is written, `width` x `height` pixels.

    `orientation` is how it was turned. A packet that says nothing untrue is returned as it is.
    Raises `BadPacket`.
    """
    document = xmp.parse(packet)
    rdf = xmp.rdf_of(document)
    became = {
        (_TIFF, "Orientation"): "1",
        (_TIFF, "ImageWidth"): str(width),
        (_TIFF, "ImageLength"): str(height),
        (_EXIF, "PixelXDimension"): str(width),
        (_EXIF, "PixelYDimension"): str(height),
        (_EXIF, "ColorSpace"): "1",  # sRGB
        (PHOTOSHOP, "ColorMode"): "3",  # RGB
        (PHOTOSHOP, "ICCProfile"): "sRGB IEC61966-2.1",
        # a raw converter would make it gray again
        (_CAMERA_RAW, "ConvertToGrayscale"): "False",
    }
    before = rdf.toxml()
    _correct(rdf, became)
    for description in xmp.descriptions(rdf):
        _drop_pointers(description)
    if orientation != 1:
        stored = (height, width) if orientation > 4 else (width, height)
        _turn_regions(rdf, orientation, *stored)
    return packet if rdf.toxml() == before else xmp.packet_of(document)


def corrected(packet: bytes, true: dict[Name, str]) -> bytes:
    """The packet with the values of `true` for those properties that it has. Raises `BadPacket`."""
    document = xmp.parse(packet)
    _correct(xmp.rdf_of(document), true)
    return xmp.packet_of(document)


def points_at(packet: bytes | None, namespace: str) -> bool:
    """Whether a packet has properties of a namespace; nothing is parsed."""
    return bool(packet) and namespace.encode() in packet


def has_video(packet: bytes | None) -> bool:
    """Whether a packet points at a short video behind the picture."""
    return bool(packet) and (b"MotionPhoto" in packet or b"MicroVideo" in packet)


def _correct(rdf: minidom.Element, true: dict[Name, str]) -> None:
    for description in xmp.descriptions(rdf):
        for name, text in true.items():
            if attribute := description.getAttributeNodeNS(*name):
                attribute.value = text
        for element in xmp.elements(description):
            if (text := true.get(xmp.name_of(element))) is not None:
                _fill(element, text)


def _drop_pointers(description: minidom.Element) -> None:
    for attribute in list(description.attributes.values()):
        if _is_pointer(attribute.namespaceURI, attribute.localName):
            description.removeAttributeNode(attribute)
    for element in xmp.elements(description):
        if _is_pointer(element.namespaceURI, element.localName):
            description.removeChild(element)


def _is_pointer(namespace: str | None, local: str | None) -> bool:
    names = _POINTERS.get(namespace or "", ())
    return "*" in names or (local or "") in names


def _turn_regions(rdf: minidom.Element, orientation: int, width: int, height: int) -> None:
    """Turns the regions of a picture that was stored with `width` x `height` pixels.

    Regions whose `AppliedToDimensions` are those of the upright picture were made on it, and stay.
    Camera's `SubjectArea` and Microsoft's rectangles are turned too.
    """
    for regions in rdf.getElementsByTagNameNS(_REGIONS, "Regions"):
        sizes = [node for node in _nodes(regions) if _get(node, (_DIMENSIONS, "w")) is not None]
        if orientation > 4 and any(_is_taller(node) != (height > width) for node in sizes):
            continue
        for node in sizes:
            _exchange(node, _DIMENSIONS, orientation)
        for node in _nodes(regions):
            _turn_area(node, orientation, width, height)
    for name in ("SubjectArea", "SubjectLocation"):
        for node in rdf.getElementsByTagNameNS(_EXIF, name):
            items = node.getElementsByTagNameNS(xmp.RDF, "li")
            with suppress(ValueError):
                area = tuple(int(xmp.text_of(item)) for item in items)
                turned = exif.turned_area(area, orientation, width, height)
                for item, value in zip(items, turned, strict=True):
                    _fill(item, str(value))
    for node in _nodes(rdf):
        rectangle = _get(node, (_MICROSOFT_REGION, "Rectangle"))
        with suppress(ValueError):
            x, y, w, h = (float(part) for part in (rectangle or "").split(","))
            x, y = exif.turned((x + w / 2, y + h / 2), orientation)
            w, h = (h, w) if orientation > 4 else (w, h)
            text = ", ".join(_number(value) for value in (x - w / 2, y - h / 2, w, h))
            _set(node, (_MICROSOFT_REGION, "Rectangle"), text)


def _turn_area(node: minidom.Element, orientation: int, width: int, height: int) -> None:
    """Turns the area in `node`, if it has one: its centre, and its width and height."""
    in_pixels = _get(node, (_AREA, "unit")) == "pixel"
    across, down = (width, height) if in_pixels else (1, 1)
    try:
        x, y = (float(_get(node, (_AREA, name)) or "") for name in "xy")
    except ValueError:
        return
    x, y = exif.turned((x / across, y / down), orientation)
    across, down = (down, across) if orientation > 4 else (across, down)
    _set(node, (_AREA, "x"), _number(x * across))
    _set(node, (_AREA, "y"), _number(y * down))
    _exchange(node, _AREA, orientation)


def _exchange(node: minidom.Element, namespace: str, orientation: int) -> None:
    """Exchanges width and height where the picture is turned by a quarter."""
    w, h = _get(node, (namespace, "w")), _get(node, (namespace, "h"))
    if orientation > 4 and w is not None and h is not None:
        _set(node, (namespace, "w"), h)
        _set(node, (namespace, "h"), w)


def _is_taller(node: minidom.Element) -> bool:
    w, h = (float(_get(node, (_DIMENSIONS, name)) or "0") for name in "wh")
    return h > w


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _nodes(above: minidom.Element) -> list[minidom.Element]:
    return [above, *above.getElementsByTagName("*")]


def _get(node: minidom.Element, name: Name) -> str | None:
    """The simple property `name` of `node`, as an attribute or an element; None where absent."""
    if node.hasAttributeNS(*name):
        return node.getAttributeNS(*name)
    for element in xmp.elements(node):
        if (element.namespaceURI, element.localName) == name:
            return xmp.text_of(element)
    return None


def _set(node: minidom.Element, name: Name, text: str) -> None:
    """Changes the property `name` of `node` where it stands."""
    if attribute := node.getAttributeNodeNS(*name):
        attribute.value = text
    for element in xmp.elements(node):
        if (element.namespaceURI, element.localName) == name:
            _fill(element, text)


def _fill(element: minidom.Element, text: str) -> None:
    for child in list(element.childNodes):
        element.removeChild(child)
    assert element.ownerDocument is not None
    element.appendChild(element.ownerDocument.createTextNode(text))
