"""What metadata said of the picture as it was is set right for the picture that is written."""

import re
import struct

import numpy as np
import pytest
from PIL import Image

from core.image import formats
from core.image.read import open_source
from core.image.write import encode
from tests.image.pictures import (
    PROVENANCE,
    colour,
    gray,
    lightness,
    lightness_of_y,
    opened,
    painted,
    pillow,
    samples_of,
    through,
    tiff,
)

#: A face in the stored picture of 80 x 60 pixels: centre and size in pixels.
WIDTH, HEIGHT, X, Y, W, H = 80, 60, 20, 15, 16, 6
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
MWG = (
    'xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"'
    ' xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
    ' xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"'
)
APPLIED = '<mwg-rs:AppliedToDimensions stDim:w="{}" stDim:h="{}" stDim:unit="pixel"/>'


def _packet(body: str, attributes: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def _regions(area: str, applied: str = APPLIED.format(WIDTH, HEIGHT)) -> bytes:
    return _packet(
        f'<mwg-rs:Regions rdf:parseType="Resource">{applied}<mwg-rs:RegionList><rdf:Bag>'
        f'<rdf:li rdf:parseType="Resource"><mwg-rs:Name>Oma</mwg-rs:Name>{area}</rdf:li>'
        "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>",
        MWG,
    )


RELATIVE = {"x": X / WIDTH, "y": Y / HEIGHT, "w": W / WIDTH, "h": H / HEIGHT}
AS_ATTRIBUTES = _regions(
    "<mwg-rs:Area "
    + " ".join(f'stArea:{name}="{value}"' for name, value in RELATIVE.items())
    + ' stArea:unit="normalized"/>'
)
AS_ELEMENTS = _regions(
    '<mwg-rs:Area rdf:parseType="Resource">'
    + "".join(f"<stArea:{name}>{value}</stArea:{name}>" for name, value in RELATIVE.items())
    + "</mwg-rs:Area>"
)
IN_PIXELS = _regions(
    f'<mwg-rs:Area stArea:x="{X}" stArea:y="{Y}" stArea:w="{W}" stArea:h="{H}"'
    ' stArea:unit="pixel"/>'
)


def _with_face(orientation: int, packet: bytes, container: str = "JPEG") -> bytes:
    """A file with a white face, stored turned."""
    picture = np.full((HEIGHT, WIDTH), 40, np.uint8)
    picture[Y - H // 2 : Y + H // 2, X - W // 2 : X + W // 2] = 250
    block = Image.Exif()
    block[274] = orientation
    return pillow(picture, container, exif=block, xmp=packet, quality=95)


def _value(packet: bytes, name: str) -> str:
    text = packet.decode()
    found = re.search(rf'{name}="([^"]*)"', text) or re.search(rf"<{name}>([^<]*)</{name}>", text)
    assert found, name
    return found[1]


def _xmp(data: bytes) -> bytes:
    with open_source(data) as source:
        return source.pages[0].metadata.xmp or b""


def _is_the_face(data: bytes, x: float, y: float, w: float, h: float) -> bool:
    """Whether a rectangle in pixels, by its centre and size, is the white face."""
    picture = np.asarray(opened(data).convert("L"))
    mask = np.zeros(picture.shape, bool)
    left, top = round(x - w / 2), round(y - h / 2)
    mask[top : top + round(h), left : left + round(w)] = True
    return bool(((picture > 145) == mask).mean() > 0.99)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("packet", [AS_ATTRIBUTES, AS_ELEMENTS, IN_PIXELS])
def test_a_region_lies_on_the_same_face_after_turning(orientation, packet):
    written = through(_with_face(orientation, packet))
    width, height = opened(written).size
    said = _xmp(written)
    x, y, w, h = (float(_value(said, f"stArea:{name}")) for name in "xywh")
    if packet is not IN_PIXELS:
        x, y, w, h = x * width, y * height, w * width, h * height
    assert _is_the_face(written, x, y, w, h)
    sides = int(_value(said, "stDim:w")), int(_value(said, "stDim:h"))
    assert sides == (width, height) == ((60, 80) if orientation > 4 else (80, 60))
    assert b"Oma" in said


def test_a_region_that_was_made_on_the_upright_picture_stays():
    area = '<mwg-rs:Area stArea:x="0.7" stArea:y="0.2" stArea:w="0.1" stArea:h="0.2"/>'
    said = _xmp(through(_with_face(6, _regions(area, APPLIED.format(HEIGHT, WIDTH)))))
    assert [_value(said, f"stArea:{name}") for name in "xywh"] == ["0.7", "0.2", "0.1", "0.2"]
    assert (_value(said, "stDim:w"), _value(said, "stDim:h")) == (str(HEIGHT), str(WIDTH))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rectangle_of_microsoft_lies_on_the_same_face_after_turning(orientation):
    corner = ((X - W / 2) / WIDTH, (Y - H / 2) / HEIGHT, W / WIDTH, H / HEIGHT)
    rectangle = ", ".join(f"{value:.6f}" for value in corner)
    packet = _packet(
        '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>'
        f'<rdf:li MPReg:Rectangle="{rectangle}" MPReg:PersonDisplayName="Oma"/>'
        "</rdf:Bag></MPRI:Regions></MP:RegionInfo>",
        'xmlns:MP="http://ns.microsoft.com/photo/1.2/"'
        ' xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#"'
        ' xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#"',
    )
    written = through(_with_face(orientation, packet))
    width, height = opened(written).size
    parts = _value(_xmp(written), "MPReg:Rectangle").split(",")
    x, y, w, h = (float(part) * side for part, side in zip(parts, (width, height) * 2, strict=True))
    assert _is_the_face(written, x + w / 2, y + h / 2, w, h)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_subject_area_lies_on_the_same_face_after_turning(orientation):
    items = "".join(f"<rdf:li>{value}</rdf:li>" for value in (X, Y, W, H))
    packet = _packet(
        f"<exif:SubjectArea><rdf:Seq>{items}</rdf:Seq></exif:SubjectArea>",
        'xmlns:exif="http://ns.adobe.com/exif/1.0/"',
    )
    picture = opened(_with_face(orientation, packet))
    block = Image.Exif()
    block[274] = orientation
    block[0x8769] = {0x9214: (X, Y, W, H), 0xA214: (X, Y)}
    written = through(pillow(picture, "JPEG", exif=block, xmp=packet, quality=95))
    details = opened(written).getexif().get_ifd(0x8769)
    assert _is_the_face(written, *details[0x9214])
    assert details[0xA214] == details[0x9214][:2]
    in_xmp = re.findall(rb"<rdf:li>(\d+)</rdf:li>", _xmp(written))
    assert tuple(int(value) for value in in_xmp) == details[0x9214]


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_sizes_and_colour_space_in_xmp_and_exif_are_those_of_the_picture(container):
    packet = _packet(
        "<exif:PixelYDimension>60</exif:PixelYDimension>",
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        ' exif:PixelXDimension="80" exif:ColorSpace="65535" tiff:Orientation="6"'
        ' tiff:ImageWidth="80" tiff:ImageLength="60"',
    )
    source = opened(_with_face(1, packet))
    block = Image.Exif()
    block[274] = 6
    block[0x8769] = {0xA001: 65535, 0xA002: 80, 0xA003: 60}
    written = through(
        pillow(source, "JPEG", exif=block, xmp=packet), format=formats.by_name(container)
    )
    said = _xmp(written)
    for name, value in (
        ("exif:PixelXDimension", "60"),
        ("exif:PixelYDimension", "80"),
        ("exif:ColorSpace", "1"),
        ("tiff:Orientation", "1"),
        ("tiff:ImageWidth", "60"),
        ("tiff:ImageLength", "80"),
    ):
        assert _value(said, name) == value, name
    details = opened(written).getexif().get_ifd(0x8769)
    assert (details[0xA001], details[0xA002], details[0xA003]) == (1, 60, 80)


def _dcf_block(order: str, index: bytes = b"R03\0", space: int = 65535) -> bytes:
    """An EXIF block with an interoperability directory, and primaries of Adobe RGB."""

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")

    def at(offset: int) -> bytes:
        return struct.pack(order + "I", offset)

    primaries = struct.pack(order + "12I", 64, 100, 33, 100, 21, 100, 71, 100, 15, 100, 6, 100)
    main = struct.pack(order + "H", 2) + entry(0x13F, 5, 6, at(38)) + entry(0x8769, 4, 1, at(86))
    details = struct.pack(order + "H", 2)
    details += entry(0xA001, 3, 1, struct.pack(order + "H", space)) + entry(0xA005, 4, 1, at(116))
    interoperability = struct.pack(order + "H", 1) + entry(1, 2, 4, index)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + at(8)
    return (
        b"Exif\0\0"
        + head
        + b"".join((main + bytes(4), primaries, details + bytes(4), interoperability + bytes(4)))
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("container", ["JPEG", "WEBP"])
@pytest.mark.parametrize(("index", "space"), [(b"R03\0", 65535), (b"R98\0", 2)])
def test_adobe_rgb_by_exif_is_read_as_such_and_said_no_longer(container, order, index, space):
    picture = np.full((16, 16, 3), (20, 200, 60), np.uint8)
    data = pillow(picture, container, exif=_dcf_block(order, index, space), quality=100)
    with open_source(data) as source:
        samples = samples_of(source)
    linear = (np.asarray(opened(data)) / 255) ** (563 / 256)
    expected = lightness_of_y(linear @ np.array([0.29734, 0.62736, 0.07529]))
    assert samples.ndim == 2
    assert abs(lightness(samples) - expected).max() < 0.05
    written = through(data, format=formats.by_name("jpeg"))
    kept = opened(written).getexif()
    details = kept.get_ifd(0x8769)
    assert details[0xA001] == 1
    assert kept.get_ifd(0xA005).get(1, "R98").startswith("R98")
    assert [round(float(value), 2) for value in kept[0x13F]] == [0.64, 0.33, 0.3, 0.6, 0.15, 0.06]
    with open_source(written) as source:
        assert source.pages[0].conversion is None


def test_a_tiff_keeps_the_interoperability_directory():
    picture = np.full((16, 16, 3), (20, 200, 60), np.uint8)
    jpeg = pillow(picture, "JPEG", exif=_dcf_block("<", b"R98\0", 1))
    first = through(jpeg, format=formats.by_name("tiff"))
    written = through(first)
    for data in (first, written, through(written, format=formats.by_name("jpeg"))):
        assert opened(data).getexif().get_ifd(0xA005)[1].rstrip("\0") == "R98"


def test_half_an_interoperability_directory_costs_nothing_else_of_exif():
    block = _dcf_block("<")
    data = pillow(colour(), "JPEG", exif=block[:-6])
    written = through(data)
    details = opened(written).getexif().get_ifd(0x8769)
    assert details[0xA001] == 1


def test_uncalibrated_colours_alone_are_taken_for_srgb():
    data = pillow(colour(), "JPEG", exif=_dcf_block("<", b"R98\0"))
    with open_source(data) as source:
        assert source.pages[0].conversion is None


GAIN_MAP = _packet(
    '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item'
    ' Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="647"/></rdf:li></rdf:Seq>'
    "</Container:Directory><dc:format>image/jpeg</dc:format>",
    'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    ' xmlns:Item="http://ns.google.com/photos/1.0/container/item/"',
)
VIDEO = _packet(
    "",
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MicroVideo="1"'
    ' GCamera:MicroVideoOffset="123456"',
)


def _notes(data: bytes) -> tuple[str, ...]:
    with open_source(data) as source:
        return encode(source, painted(source), provenance=PROVENANCE)[1]


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF"])
def test_xmp_points_at_no_gain_map_or_video_that_is_left_out(container):
    format = formats.by_name(container)
    said = _xmp(through(pillow(gray(), "JPEG", xmp=GAIN_MAP), format=format))
    assert b"image/jpeg" in said
    assert b"hdrgm:Version" not in said
    assert b"Container:Directory" not in said
    said = _xmp(through(pillow(gray(), "JPEG", xmp=VIDEO), format=format))
    assert b"MicroVideo" not in said


def test_what_stands_behind_the_first_picture_is_noted():
    assert any("gain map" in note for note in _notes(pillow(gray(), "JPEG", xmp=GAIN_MAP)))
    assert any("video" in note for note in _notes(pillow(gray(), "JPEG", xmp=VIDEO)))
    views = [Image.fromarray(gray()), Image.fromarray(gray()[::-1].copy())]
    stereo = pillow(views[0], "MPO", save_all=True, append_images=views[1:])
    assert "it holds 2 pictures, of which the first is coloured" in _notes(stereo)
    assert not _notes(pillow(gray(), "JPEG"))


def test_a_packet_that_says_nothing_untrue_is_left_as_it_is():
    packet = _packet("<dc:format>x</dc:format>", 'xmlns:dc="http://purl.org/dc/elements/1.1/"')
    with open_source(pillow(gray(), "JPEG", xmp=packet)) as source:
        written = encode(source, painted(source))[0]
    assert _xmp(written) == packet


def test_every_page_of_a_tiff_is_set_right():
    packet = _packet("", 'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"')
    pages = tiff(gray(), extratags=[(700, 1, len(packet), packet, True)])
    assert _value(_xmp(through(pages)), "tiff:Orientation") == "1"
