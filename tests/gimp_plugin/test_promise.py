"""The lightness in GIMP after the real server's colours, hints that lead, and a large layer.

|dL*| is measured on what GIMP shows, against the photograph: D65 is Photochrom's promise, D50 is
GIMP's own CIE Lab, on which its LCh Color mode works.
"""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from core.colour.lab import srgb_to_lab
from tests.gimp_plugin.gimp_session import GimpSession, Room
from tests.gimp_plugin.test_hints import HINTS, PAINT
from tests.gradio_app.serving import server


@pytest.fixture(scope="module")
def served(installed_room: Room) -> Iterator[None]:
    """The real server with a tiny model of strong colours; GIMP finds it by its state file."""
    installed_room.use_fake()
    with server(installed_room.path):
        state = installed_room.state_file.read_bytes()
        installed_room.configure("/nowhere/photochrom", "demo")
        assert installed_room.state_file.read_bytes() == state
        yield


@pytest.fixture
def real(served: None, running_gimp: GimpSession) -> Iterator[GimpSession]:
    yield running_gimp
    running_gimp.run("for image in Gimp.get_images(): image.delete()")


def photograph() -> np.ndarray:
    """A gray photograph, float (512, 512, 3) of 0..1, with all tones."""
    gray = data.astronaut() @ [0.2126, 0.7152, 0.0722] / 255
    return np.repeat(gray[..., None], 3, axis=2)


def lightness(samples: bytes, top: int) -> np.ndarray:
    codes = np.frombuffer(samples, np.uint8 if top == 255 else np.uint16).reshape(-1, 3)
    return srgb_to_lab(codes / top)[:, 0]


@pytest.mark.parametrize(
    ("precision", "depth", "output", "largest", "mean"),
    [
        ("U8_NON_LINEAR", 8, "in-place", 0.25, 0.10),
        ("U8_NON_LINEAR", 8, "new-layer", 0.25, 0.10),
        ("U16_NON_LINEAR", 16, "in-place", 0.002, 0.001),
        ("FLOAT_LINEAR", 16, "in-place", 0.002, 0.001),
        ("U8_LINEAR", 8, "in-place", 1.5, 0.16),  # its codes have no finer steps in the shadows
    ],
)
def test_coloured_pixels_keep_the_lightness_of_the_photograph(
    real: GimpSession, precision: str, depth: int, output: str, largest: float, mean: float
):
    difference, chroma = merged_difference(real, precision, depth, output)
    assert difference.max() <= largest
    assert difference.mean() <= mean
    assert chroma.mean() > 5  # it is coloured


@pytest.mark.parametrize(
    ("precision", "depth", "largest", "mean"),
    [
        ("U8_NON_LINEAR", 8, 0.25, 0.10),
        ("U16_NON_LINEAR", 16, 0.06, 0.001),
        ("FLOAT_LINEAR", 16, 0.001, 0.0001),
    ],
)
def test_a_colour_layer_keeps_the_lightness_by_which_gimp_mixes(
    real: GimpSession, precision: str, depth: int, largest: float, mean: float
):
    """Exactly so in GIMP's D50 lightness; in D65 that comes to at most 1.0 in strong colours."""
    own, _ = merged_difference(real, precision, depth, "colour-layer", d50=True)
    assert own.max() <= largest
    assert own.mean() <= mean
    difference, chroma = merged_difference(real, precision, depth, "colour-layer")
    assert difference.max() <= 1.0
    assert difference.mean() <= 0.2
    assert chroma.max() > 40


def merged_difference(
    gimp: GimpSession, precision: str, depth: int, output: str, d50: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(|dL*|, chroma) of every pixel of what GIMP shows after colouring the photograph."""
    top = 2**depth - 1
    codes = np.round(photograph() * top).astype(f"u{depth // 8}")
    before, own_before, after, lab = gimp.run(
        """
        image, layer = picture(width, height, codes, f"R'G'B' u{depth}", RGB, precision)
        before = [read(layer, f"R'G'B' u{depth}"), read(layer, "CIE L float")]
        ran = colorize(image, layer, output=output)
        assert ran["status"] == "success", ran
        seen = Gimp.Layer.new_from_visible(image, image, "seen")
        value = [*before, read(seen, "R'G'B' u16"), read(seen, "CIE Lab float")]
        """,
        width=codes.shape[1],
        height=codes.shape[0],
        codes=codes.tobytes(),
        depth=depth,
        precision=precision,
        output=output,
    )
    shown = np.frombuffer(bytes.fromhex(lab), np.float32).reshape(-1, 3)
    chroma = np.hypot(shown[:, 1], shown[:, 2])
    if d50:
        own = np.frombuffer(bytes.fromhex(own_before), np.float32)
        return np.abs(shown[:, 0] - own), chroma
    d65 = lightness(bytes.fromhex(after), 65535) - lightness(bytes.fromhex(before), top)
    return np.abs(d65), chroma


def test_a_dab_of_colour_leads_the_colours_around_it(real: GimpSession):
    """A blue dab on the background: there the hue turns to it, elsewhere nothing changes."""
    codes = np.round(photograph() * 255).astype(np.uint8)
    plain, led = real.run(
        PAINT
        + """
image, layer = picture(512, 512, codes, "R'G'B' u8")
colorize(image, layer)
plain = read(image.get_layers()[0], "CIE Lab float")
run(hints, image, [layer])
painted = image.get_layers()[0]
paint(painted, 270, 60, 60, 60, (40, 90, 220, 255))
ran = colorize(image, painted)
assert ran["status"] == "success", ran
value = [plain, read(image.get_layers()[1], "CIE Lab float")]
""",
        codes=codes.tobytes(),
        hints=HINTS,
    )
    before, after = (
        np.frombuffer(bytes.fromhex(lab), np.float32).reshape(512, 512, 3) for lab in (plain, led)
    )
    dab = np.s_[75:105, 285:315]
    assert before[dab][..., 2].mean() > 0
    assert after[dab][..., 2].mean() < -20
    far = np.s_[300:500, 50:200]
    assert np.abs(after[far] - before[far]).mean() < 0.5


def test_a_24_megapixel_layer_is_coloured_in_bounded_memory(
    real: GimpSession, installed_room: Room
):
    """The plug-in alone may hold strips, not the layer: its samples weigh 144 MB each way."""
    found: dict = {}

    def run() -> None:
        found.update(
            real.run(
                """
                import time
                row = bytes(range(256)) * 16 + bytes(1904)
                image, layer = picture(6000, 4000, row * 12000, "R'G'B' u16", RGB, "U16_NON_LINEAR")
                started = time.monotonic()
                ran = colorize(image, layer)
                value = {"ran": ran, "names": names(image), "seconds": time.monotonic() - started}
                """
            )
        )

    thread = threading.Thread(target=run)
    thread.start()
    peak = 0
    while thread.is_alive():
        for process in installed_room.plug_ins():
            peak = max(peak, _peak_of(process))
        time.sleep(0.05)
    assert found["ran"] == {"status": "success", "message": ""}
    assert found["names"] == ["Colour: photo", "photo"]
    assert 0 < peak < 300e6


def _peak_of(process: int) -> int:
    """The largest resident memory of a process so far, in bytes."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    lines = [line.split() for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0][1]) * 1024 if lines else 0
