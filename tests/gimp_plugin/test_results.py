"""What Colorize Layer leaves in the image, for every kind of image; in a real GIMP.

The server is the fake one, whose answer is known to the byte.
"""

from array import array

import numpy as np
import pytest

from core.colour.lab import srgb_to_lab
from tests.gimp_plugin.fake_server import coloured
from tests.gimp_plugin.gimp_session import GimpSession, Room

WIDTH, HEIGHT = 37, 23
OUTPUTS = ("colour-layer", "new-layer", "in-place")


def ramp(count: int, top: int) -> np.ndarray:
    """So many samples over the whole range, every one different from its neighbours."""
    return (np.arange(count) * 7919 % (top + 1)).astype(np.uint16)


def codes(babl: str, channels: int) -> bytes:
    """Samples in that format."""
    count = WIDTH * HEIGHT * channels
    if babl.endswith("u8"):
        return ramp(count, 255).astype(np.uint8).tobytes()
    if babl.endswith("u16"):
        return ramp(count, 65535).tobytes()
    return (ramp(count, 1000) / 1000).astype(np.float32).tobytes()


def answer(samples: bytes, channels: int, depth: int) -> bytes:
    """What the fake server answers to these samples."""
    query = {"width": WIDTH, "height": HEIGHT, "channels": channels, "depth": depth, "want": "rgb"}
    return coloured(samples, {key: str(value) for key, value in query.items()})


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("depth", "precision"), [(8, "U8_NON_LINEAR"), (16, "U16_NON_LINEAR")])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_code_of_the_answer_arrives_in_the_layer_and_alpha_stays(
    gimp: GimpSession, output: str, depth: int, precision: str, alpha: bool
):
    babl = f"R'G'B'{'A' if alpha else ''} u{depth}"
    samples = codes(babl, 4 if alpha else 3)
    found = gimp.run(
        """
        image, layer = picture(width, height, samples, babl, RGB, precision, alpha, at=(5, -3))
        sent = read(layer, f"R'G'B' u{depth}")
        ran = colorize(image, layer, output=output)
        top = image.get_layers()[0]
        value = {
            "ran": ran, "sent": sent, "names": names(image), "mode": top.get_mode().value_nick,
            "top": read(top, babl), "photo": read(layer), "at": top.get_offsets()[1:],
            "alpha": top.has_alpha(),
            "selected": [chosen.get_name() for chosen in image.get_selected_layers()],
        }
        """,
        width=WIDTH,
        height=HEIGHT,
        samples=samples,
        babl=babl,
        precision=precision,
        depth=depth,
        alpha=alpha,
        output=output,
    )
    assert found["ran"] == {"status": "success", "message": ""}
    expected = np.frombuffer(
        answer(bytes.fromhex(found["sent"]), 3, depth), f"u{depth // 8}"
    ).reshape(-1, 3)
    if alpha:
        original = np.frombuffer(samples, f"u{depth // 8}").reshape(-1, 4)
        expected = np.hstack([expected, original[:, 3:]])
    assert bytes.fromhex(found["top"]) == expected.tobytes()
    assert found["at"] == [5, -3]
    assert found["alpha"] == alpha
    if output == "in-place":
        assert found["names"] == ["photo"]
    else:
        assert found["names"] == [
            "Colour: photo" if output == "colour-layer" else "Coloured: photo",
            "photo",
        ]
        assert found["mode"] == ("lch-color" if output == "colour-layer" else "normal")
        assert found["selected"] == found["names"][:1]
        assert bytes.fromhex(found["photo"]) == samples


@pytest.mark.parametrize("precision", ["FLOAT_LINEAR", "FLOAT_NON_LINEAR", "HALF_LINEAR"])
@pytest.mark.parametrize("alpha", [False, True])
def test_what_is_brighter_than_white_in_a_floating_point_image_keeps_its_value(
    gimp: GimpSession, precision: str, alpha: bool
):
    gray = np.linspace(0.0, 3.0, WIDTH * HEIGHT, dtype=np.float32)
    pixels = np.repeat(gray[:, None], 3, axis=1)
    if alpha:
        pixels = np.hstack([pixels, (np.arange(gray.size) % 5 / 4)[:, None].astype(np.float32)])
    found = gimp.run(
        """
        image, layer = picture(width, height, samples, linear, RGB, precision, alpha)
        sent, before = read(layer, "R'G'B' u16"), read(layer, linear)
        ran = colorize(image, layer, output="in-place")
        value = {"ran": ran, "sent": sent, "before": before,
                 "after": read(layer, linear), "codes": read(layer, "R'G'B' u16")}
        """,
        width=WIDTH,
        height=HEIGHT,
        samples=pixels.tobytes(),
        precision=precision,
        alpha=alpha,
        linear="RGBA float" if alpha else "RGB float",
    )
    assert found["ran"]["status"] == "success"
    channels = 4 if alpha else 3
    before, after = (
        np.frombuffer(bytes.fromhex(found[key]), np.float32).reshape(-1, channels)
        for key in ("before", "after")
    )
    beyond = before[:, 0] > 1
    assert 0.6 < beyond.mean() < 0.7
    # Out and back through the tone curve of sRGB costs the last bits of a float.
    close = 2e-3 if precision.startswith("HALF") else 1e-5
    assert np.allclose(after[beyond], before[beyond], rtol=close, atol=0)
    expected = np.frombuffer(answer(bytes.fromhex(found["sent"]), 3, 16), np.uint16)
    codes = np.frombuffer(bytes.fromhex(found["codes"]), np.uint16)
    # A half holds 11 bits of linear light.
    tolerance = 40 if precision.startswith("HALF") else 1
    difference = (codes.astype(int) - expected).reshape(-1, 3)[~beyond]
    assert np.abs(difference).max() <= tolerance
    if alpha:
        assert np.abs(after[:, 3] - before[:, 3]).max() < 1e-5


@pytest.mark.parametrize("precision", ["U8_LINEAR", "U16_LINEAR", "U32_NON_LINEAR"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_linear_and_32_bit_images_are_coloured_too(gimp: GimpSession, precision: str, output: str):
    found = gimp.run(
        """
        image, layer = picture(width, height, samples, "R'G'B' u16", RGB, precision)
        before = read(layer)
        ran = colorize(image, layer, output=output)
        top = image.get_layers()[0]
        kept = output == "in-place" or read(layer) == before
        value = [ran["status"], kept, read(top, "CIE Lab float")]
        """,
        width=WIDTH,
        height=HEIGHT,
        precision=precision,
        output=output,
        samples=np.full(WIDTH * HEIGHT * 3, 40000, np.uint16).tobytes(),
    )
    status, kept, lab = found
    assert (status, kept) == ("success", True)
    assert np.array(array("f", bytes.fromhex(lab))).reshape(-1, 3)[:, 2].min() > 5  # b*: warm


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("depth", "precision"), [(8, "U8_NON_LINEAR"), (16, "U16_NON_LINEAR")])
def test_a_gray_image_becomes_rgb_when_that_is_allowed(
    gimp: GimpSession, room: Room, output: str, depth: int, precision: str
):
    samples = codes(f"Y' u{depth}", 1)
    found = gimp.run(
        """
        image, layer = picture(width, height, samples, f"Y' u{depth}", GRAY, precision)
        ran = colorize(image, layer, output=output, convert_gray=True)
        photo = read(layer, f"R'G'B' u{depth}")
        value = [ran["status"], image.get_base_type().value_nick, photo,
                 read(image.get_layers()[0], f"R'G'B' u{depth}")]
        """,
        width=WIDTH,
        height=HEIGHT,
        samples=samples,
        precision=precision,
        output=output,
        depth=depth,
    )
    status, base, photo, top = found
    assert (status, base) == ("success", "rgb")
    assert bytes.fromhex(top) == answer(samples, 1, depth)
    if output != "in-place":
        gray = np.frombuffer(samples, f"u{depth // 8}")
        assert bytes.fromhex(photo) == np.repeat(gray, 3).tobytes()
    (request,) = room.journal("colorize")
    assert request["query"]["space"] == "gray"
    assert request["bytes"] == len(samples)


def test_a_gray_image_stays_gray_when_a_script_forbids_its_conversion(gimp: GimpSession):
    found = gimp.run(
        """
        image, layer = picture(8, 8, bytes(64), "Y' u8", GRAY)
        ran = colorize(image, layer, convert_gray=False)
        value = [ran, image.get_base_type().value_nick, names(image)]
        """
    )
    ran, base, names = found
    assert ran["status"] == "execution-error"
    assert "convert-gray" in ran["message"]
    assert (base, names) == ("gray", ["photo"])


def test_repeating_the_last_run_on_a_gray_image_colours_it(gimp: GimpSession):
    """Ctrl+F, which asks nothing, with what was chosen for an RGB image."""
    found = gimp.run(
        """
        image, layer = picture(8, 8, bytes(64), "Y' u8", GRAY)
        ran = colorize(image, layer, run_mode=Gimp.RunMode.WITH_LAST_VALS, convert_gray=False)
        value = [ran["status"], image.get_base_type().value_nick, names(image)]
        """
    )
    assert found == ["success", "rgb", ["Colour: photo", "photo"]]


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("visible", [True, False])
def test_colours_of_an_invisible_photograph_are_invisible(
    gimp: GimpSession, output: str, visible: bool
):
    found = gimp.run(
        """
        image, layer = picture(8, 4, bytes(96), "R'G'B' u8")
        layer.set_visible(visible)
        colorize(image, layer, output=output)
        value = [each.get_visible() for each in image.get_layers()]
        """,
        output=output,
        visible=visible,
    )
    assert set(found) == {visible}


def test_the_request_carries_what_the_user_chose(gimp: GimpSession, room: Room):
    gimp.run(
        """
        image, layer = picture(8, 4, bytes(96), "R'G'B' u8")
        colorize(image, layer, model="fake", vividness=0.75)
        """
    )
    (request,) = room.journal("colorize")
    query = request["query"]
    assert len(query.pop("id")) == 32
    assert query == {
        "width": "8",
        "height": "4",
        "channels": "3",
        "depth": "8",
        "space": "srgb",
        "want": "rgb",
        "vividness": "0.75",
        "model": "fake",
    }
    assert request["kind"] == "application/octet-stream"
    assert request["host"].startswith("127.0.0.1:")


def test_a_profiled_image_is_sent_in_srgb_and_its_colours_come_back_in_its_profile(
    gimp: GimpSession,
):
    samples = np.repeat(ramp(WIDTH * HEIGHT, 65535), 3)
    samples[1::3] //= 2
    samples[2::3] //= 3
    found = gimp.run(
        """
        image, layer = picture(width, height, samples, "R'G'B' u16", RGB, "U16_NON_LINEAR")
        image.convert_color_profile(Gimp.ColorProfile.new_rgb_adobe(), 1, False)
        native, sent = read(layer), read(layer, "R'G'B' u16")
        ran = colorize(image, layer, output="in-place")
        value = [ran["status"], native, sent, read(layer), read(layer, "R'G'B' u16"),
                 image.get_color_profile().get_label()]
        """,
        width=WIDTH,
        height=HEIGHT,
        samples=samples.tobytes(),
    )
    status, native, sent, after, codes, profile = found
    assert (status, profile) == ("success", "Compatible with Adobe RGB (1998)")
    assert native != sent  # the layer's own codes are Adobe's
    assert after != codes
    expected, found_lab = (
        srgb_to_lab(np.frombuffer(data, np.uint16).reshape(-1, 3) / 65535)
        for data in (answer(bytes.fromhex(sent), 3, 16), bytes.fromhex(codes))
    )
    # 16-bit codes of Adobe RGB are coarsest beside black, where its tone curve is steepest.
    assert np.abs(expected - found_lab)[:, 0].max() < 0.05
    assert np.abs(expected - found_lab).max() < 0.5
