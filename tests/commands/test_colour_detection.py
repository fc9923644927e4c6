"""What is in colour already is skipped, and every black-and-white photograph is coloured."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage import data

from core.colour.lab import lab_to_srgb, lightness
from tests.photographs import save

PHOTOGRAPHS = {"astronaut": data.astronaut, "coffee": data.coffee, "cat": data.chelsea}


def photograph(name: str) -> np.ndarray:
    """A colour photograph of scikit-image's, uint8 (h, w, 3), short side 160."""
    image = Image.fromarray(PHOTOGRAPHS[name]())
    scale = 160 / min(image.size)
    return np.asarray(image.resize((round(image.width * scale), round(image.height * scale))))


def toned(name: str, colour_of_tone) -> np.ndarray:
    """The photograph in black and white, with (a*, b*) = colour_of_tone(L* / 100, y, x)."""
    light = lightness(photograph(name) / 255)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    a, b = colour_of_tone(light / 100, y / light.shape[0], x / light.shape[1])
    lab = np.stack([light, a + 0 * light, b + 0 * light], axis=-1)
    return np.rint(np.clip(lab_to_srgb(lab), 0, 1) * 255).astype(np.uint8)


def sepia(tone, y, x):
    return 28 * tone * (1 - tone), 80 * tone * (1 - tone)


def cyanotype(tone, y, x):
    return -10 * tone * (1 - tone), -110 * tone * (1 - tone)


def split(tone, y, x):
    """Warm highlights and cold shadows."""
    return 30 * tone * (1 - tone) * (tone - 0.5), 120 * tone * (1 - tone) * (tone - 0.5)


def faded(tone, y, x):
    """A yellowed print, more so at its margins, with a brown stain."""
    margin = np.maximum(abs(y - 0.5), abs(x - 0.5)) * 2
    stain = np.hypot(y - 0.7, x - 0.2) < 0.15
    return 1 + margin + 4 * stain, 5 + 7 * margin**2 + 8 * stain


def tinted_lips(tone, y, x):
    """Sepia, and a touch of red by hand."""
    a, b = sepia(tone, y, x)
    lips = np.exp(-(((y - 0.4) / 0.06) ** 2) - ((x - 0.5) / 0.06) ** 2)
    return a + 20 * lips, b + 5 * lips


def hand_tinted(tone, y, x):
    """Sepia, with a face, a dress, a sky and a meadow painted over it."""
    a, b = sepia(tone, y, x)
    for top, left, radius, red, yellow in (
        (0.35, 0.5, 0.15, 14, 8),
        (0.75, 0.5, 0.25, -4, -20),
        (0.1, 0.3, 0.2, -3, -14),
        (0.85, 0.1, 0.2, -16, 12),
    ):
        brush = np.exp(-(((y - top) / radius) ** 4) - ((x - left) / radius) ** 4)
        a, b = a + red * brush, b + yellow * brush
    return a, b


def with_noise(samples: np.ndarray) -> np.ndarray:
    """Gray with the coloured noise of a sensor."""
    noise = np.random.default_rng(1).normal(0, 8, samples.shape)
    return np.clip(samples + noise, 0, 255).astype(np.uint8)


def with_target(samples: np.ndarray) -> np.ndarray:
    """With a strip of coloured patches along the foot, as archives lay it beside."""
    marked = samples.copy()
    for number in range(6):
        colour = np.random.default_rng(number).integers(0, 255, 3)
        marked[-12:, 10 + 16 * number : 24 + 16 * number] = colour
    return marked


def gray(name: str) -> np.ndarray:
    return toned(name, lambda tone, y, x: (0, 0))


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    """`bw/` and `colour/`: each photograph in every state."""
    folder = tmp_path_factory.mktemp("toning")
    bw, colour = folder / "bw", folder / "colour"
    for name in ("astronaut", "cat"):
        for tone in (sepia, cyanotype, split, faded, tinted_lips):
            save(bw / f"{name}-{tone.__name__}.jpg", toned(name, tone), quality=70)
        save(bw / f"{name}-noise.jpg", with_noise(gray(name)), quality=25)
        save(bw / f"{name}-target.png", with_target(gray(name)))
        save(colour / f"{name}.png", photograph(name))
        save(colour / f"{name}-tinted.jpg", toned(name, hand_tinted), quality=80)
    save(colour / "astronaut-faded.jpg", faded_colours("astronaut"), quality=60)
    save(bw / "gray.png", gray("cat")[..., 0])
    Image.fromarray(toned("cat", sepia)).convert("CMYK").save(bw / "press.jpg")
    Image.fromarray(photograph("cat")).convert("CMYK").save(colour / "press.jpg")
    profile = linear_profile()
    save(bw / "profile.png", toned("cat", sepia), icc_profile=profile)
    save(colour / "profile.png", photograph("coffee"), icc_profile=profile)
    pages = [Image.fromarray(photograph("cat")), Image.fromarray(photograph("coffee"))]
    pages[0].save(colour / "pages.tif", save_all=True, append_images=pages[1:])
    pages[0].save(
        bw / "mixed.tif", save_all=True, append_images=[Image.fromarray(gray("astronaut"))]
    )
    return folder


def faded_colours(name: str) -> np.ndarray:
    """A colour print that has lost half of its contrast and turned magenta."""
    samples = photograph(name) * [0.6, 0.45, 0.5] + [90, 75, 80]
    return np.rint(samples).astype(np.uint8)


def linear_profile() -> bytes:
    """An ICC profile of RGB that is not sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Its colorants trade places: red is called green.
    swapped = profile.replace(b"rXYZ", b"tXYZ").replace(b"gXYZ", b"rXYZ").replace(b"tXYZ", b"gXYZ")
    ImageCms.ImageCmsProfile(io.BytesIO(swapped))
    return swapped


def status(answer) -> dict[str, str]:
    lines = [json.loads(line) for line in answer.out.splitlines()]
    return {Path(line["source"]).name: line["status"] for line in lines}


@pytest.mark.parametrize(("folder", "word"), [("bw", "done"), ("colour", "skipped")])
def test_black_and_white_is_coloured_and_colour_is_left_alone(
    cli, scans, tmp_path, model, folder, word
):
    words = ("colorize", scans / folder, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    answer = cli(*words, "--json")
    assert answer.code == 0
    assert {name: said for name, said in status(answer).items() if said != word} == {}
    written = list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else []
    assert len(written) == (0 if word == "skipped" else len(status(answer)))


def test_what_is_left_alone_is_said_and_recolour_colours_it(cli, scans, tmp_path, model):
    words = ("colorize", scans / "colour/cat.png", "-o", tmp_path / "out", "--model", model)
    answer = cli(*words, "--report", tmp_path / "r.jsonl")
    assert answer.code == 0
    assert "cat.png  (skipped: it is in colour already; --recolour" in answer.err
    line = json.loads((tmp_path / "r.jsonl").read_text())
    assert (line["status"], "output" in line) == ("skipped", False)
    assert "in colour already" in line["notes"][0]
    assert cli(*words, "--recolour").code == 0
    assert (tmp_path / "out/cat.png").exists()


def test_a_result_is_not_coloured_again_whatever_its_colours(cli, scans, tmp_path, model):
    words = ("--model", model, "--jobs", 1)
    gray_result = ("-o", tmp_path / "first", "--vividness", 0)
    cli("colorize", scans / "bw/gray.png", *gray_result, *words)
    answer = cli("colorize", tmp_path / "first", "-o", tmp_path / "second", *words)
    assert answer.code == 0
    assert "it is a result of photochrom" in answer.err
    assert not (tmp_path / "second").exists()


def test_a_folder_sums_up_what_was_in_colour_and_verify_asks_for_no_result_of_it(
    cli, scans, tmp_path, model
):
    box = tmp_path / "box"
    box.mkdir()
    shutil.copy(scans / "bw/gray.png", box)
    shutil.copy(scans / "colour/cat.png", box)
    shutil.copy(scans / "colour/profile.png", box)
    answer = cli("colorize", box, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    assert "1 done, 2 in colour already" in answer.err
    assert cli("verify", box, tmp_path / "out").code == 0
    (tmp_path / "out/gray.png").unlink()
    assert cli("verify", box, tmp_path / "out").code == 1


def test_a_taken_name_is_no_failure_of_what_needs_no_result(cli, scans, tmp_path, model):
    save(tmp_path / "out/cat.png")
    words = ("colorize", scans / "colour/cat.png", "-o", tmp_path / "out", "--model", model)
    assert cli(*words).code == 0
