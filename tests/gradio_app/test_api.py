"""Contract 4 by HTTP: what goes in comes out in colour, in kind."""

import io
import json
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from core.colorizer import Colorizer
from core.colour.lab import lab_to_srgb, srgb_to_lab
from core.job import Job, run
from core.options import Options, declared
from tests.gradio_app.pictures import file_of, gray, rgb

RAW = {"Content-Type": "application/octet-stream"}


def raw_query(samples: np.ndarray, **more) -> dict:
    """The query that announces `samples`."""
    height, width = samples.shape[:2]
    channels = 1 if samples.ndim == 2 else 3
    depth = samples.dtype.itemsize * 8
    space = "gray" if channels == 1 else "srgb"
    return {
        "width": width,
        "height": height,
        "channels": channels,
        "depth": depth,
        "space": space,
    } | more


@pytest.fixture(scope="module")
def colorizer(served):
    from pathlib import Path

    return Colorizer.open(str(Path(served.environment["PHOTOCHROM_MODELS"]) / "tiny.onnx"), "cpu")


def test_health_says_what_runs(client):
    health = client.get("/v1/health").json()
    assert health["model"] == "tiny"
    assert health["provider"] == "CPU"
    assert health["api"] == 1
    assert health["version"]


def test_models_are_listed_with_what_a_client_needs_to_know(client):
    models = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert models["tiny"]["hints"] is True and models["tiny"]["default"] is True
    assert models["plain"]["hints"] is False and models["plain"]["default"] is False
    assert "Test model" in models["tiny"]["card"]


@pytest.mark.parametrize("format,suffix", [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp")])
def test_a_file_comes_back_in_its_own_format(client, format, suffix):
    body = file_of(gray(90, 120), format)
    answer = client.post(
        "/v1/colorize", content=body, headers={"Content-Type": f"image/{format.lower()}"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == f"image/{format.lower()}"
    assert answer.headers["content-disposition"].startswith(
        f'attachment; filename="picture-photochrom{suffix}"'
    )
    picture = Image.open(io.BytesIO(answer.content))
    assert picture.format == format and picture.size == (120, 90) and picture.mode == "RGB"


def test_a_file_gives_the_bytes_that_the_command_line_gives(client, colorizer, tmp_path):
    source = tmp_path / "scan.tif"
    source.write_bytes(file_of(gray(150, 200), "TIFF"))
    options = Options(model="tiny", vividness=1.5)
    outcome = run(Job(source, tmp_path / "out.tif", options), colorizer)
    assert outcome.status == "done", outcome
    answer = client.post(
        "/v1/colorize",
        params={"vividness": "1.5"},
        files={"image": ("scan.tif", source.read_bytes(), "image/tiff")},
    )
    assert answer.content == (tmp_path / "out.tif").read_bytes()
    assert 'filename="scan-photochrom.tif"' in answer.headers["content-disposition"]
    assert answer.headers["x-photochrom-model"] == "tiny"
    assert answer.headers["x-photochrom-provider"] == "CPU"
    assert float(answer.headers["x-photochrom-seconds"]) > 0


def test_a_16_bit_tiff_comes_back_with_16_bits(client):
    pyvips = pytest.importorskip("pyvips")
    samples = gray(64, 96, 16)
    image = pyvips.Image.new_from_array(samples).copy(interpretation="grey16")
    body = image.tiffsave_buffer()
    answer = client.post("/v1/colorize", content=body, headers={"Content-Type": "image/tiff"})
    assert answer.status_code == 200, answer.text
    result = pyvips.Image.new_from_buffer(answer.content, "")
    assert (result.format, result.bands, result.width, result.height) == ("ushort", 3, 96, 64)
    lightness = srgb_to_lab(result.numpy() / 65535)[..., 0]
    wanted = srgb_to_lab(np.repeat(samples[..., None], 3, -1) / 65535)[..., 0]
    assert np.abs(lightness - wanted).max() <= 0.002


@pytest.mark.parametrize("make", [gray, rgb])
@pytest.mark.parametrize("depth", [8, 16])
def test_raw_samples_come_back_as_raw_colours(client, colorizer, make, depth):
    samples = make(70, 110, depth)
    answer = client.post(
        "/v1/colorize",
        params=raw_query(samples, vividness=1.2),
        content=samples.tobytes(),
        headers=RAW,
    )
    assert answer.status_code == 200, answer.text
    got = np.frombuffer(answer.content, samples.dtype).reshape(70, 110, 3)
    wanted = colorizer.colorize(samples, Options(vividness=1.2))
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize("depth", [8, 16])
def test_raw_chroma_is_what_fits_at_the_lightness_of_the_source(client, depth):
    samples = gray(70, 110, depth)
    answer = client.post(
        "/v1/colorize",
        params=raw_query(samples, want="chroma", vividness=2),
        content=samples.tobytes(),
        headers=RAW,
    )
    assert answer.status_code == 200, answer.text
    chroma = np.frombuffer(answer.content, "<f4").reshape(70, 110, 2)
    top = np.iinfo(samples.dtype).max
    lightness = srgb_to_lab(np.repeat(samples[..., None], 3, -1) / top)[..., :1]
    colours = lab_to_srgb(np.concatenate([lightness, chroma], axis=-1))
    assert colours.min() > -2e-3 and colours.max() < 1 + 2e-3
    assert np.hypot(*np.moveaxis(chroma, -1, 0)).mean() > 3  # it is colour, not nothing


def test_raw_alternatives_are_colours_of_one_pixel(client):
    samples = gray(70, 110)
    query = raw_query(samples, want="alternatives") | {"x": 30, "y": 20}
    answer = client.post("/v1/colorize", params=query, content=samples.tobytes(), headers=RAW)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    found = answer.json()["alternatives"]
    assert found and sum(colour["share"] for colour in found) <= 101
    assert all(re.fullmatch("#[0-9a-f]{6}", colour["colour"]) for colour in found)
    answer = client.post("/v1/colorize", params=query | {"x": 110}, content=b"", headers=RAW)
    assert answer.status_code == 422 and "x is '110'" in answer.json()["detail"]


def test_vividness_0_gives_gray_raw_samples_back_as_they_came(client):
    samples = gray(40, 50)
    answer = client.post(
        "/v1/colorize",
        params=raw_query(samples, vividness=0),
        content=samples.tobytes(),
        headers=RAW,
    )
    got = np.frombuffer(answer.content, np.uint8).reshape(40, 50, 3)
    assert np.array_equal(got, np.repeat(samples[..., None], 3, -1))


def hue_distance(samples: np.ndarray, wanted: float) -> float:
    """Degrees between the mean hue of sRGB codes and `wanted`."""
    _, a, b = srgb_to_lab(samples.reshape(-1, 3) / 255).mean(axis=0)
    return abs((np.degrees(np.arctan2(b, a)) - wanted + 180) % 360 - 180)


@pytest.mark.parametrize("as_png", [False, True])
def test_a_hint_turns_the_hue_where_it_stands_and_nowhere_else(client, as_png):
    samples = np.full((128, 128), 140, np.uint8)
    blue = "#3355dd"
    if as_png:
        strokes = np.zeros((128, 128, 4), np.uint8)
        strokes[90:110, 90:110] = (0x33, 0x55, 0xDD, 255)
        hints = ("hints.png", file_of(strokes, "PNG"), "image/png")
    else:
        point = {"x": 100, "y": 100, "radius": 10, "colour": blue}
        hints = ("hints.json", json.dumps({"points": [point]}).encode(), "application/json")
    pixels = ("pixels", samples.tobytes(), "application/octet-stream")
    plain = client.post(
        "/v1/colorize", params=raw_query(samples, reach=0.0), files={"pixels": pixels}
    )
    hinted = client.post(
        "/v1/colorize",
        params=raw_query(samples, reach=0.0),
        files={"pixels": pixels, "hints": hints},
    )
    assert hinted.status_code == 200, hinted.text
    before, after = (
        np.frombuffer(answer.content, np.uint8).reshape(128, 128, 3) for answer in (plain, hinted)
    )
    _, a, b = srgb_to_lab(np.array([0x33, 0x55, 0xDD]) / 255)
    hue = float(np.degrees(np.arctan2(b, a)))
    assert hue_distance(after[97:103, 97:103], hue) < 25 < hue_distance(before[97:103, 97:103], hue)
    assert np.array_equal(before[:40, :40], after[:40, :40])


def test_another_model_is_named_in_the_request(client):
    body = file_of(gray(64, 64), "PNG")
    answers = [
        client.post(
            "/v1/colorize",
            params={"model": model},
            content=body,
            headers={"Content-Type": "image/png"},
        )
        for model in ("tiny", "plain")
    ]
    assert [answer.headers["x-photochrom-model"] for answer in answers] == ["tiny", "plain"]
    assert answers[0].content != answers[1].content


def test_many_clients_at_once_get_what_one_gets(client, served):
    samples = gray(200, 300)
    body = file_of(samples, "PNG")
    headers = {"Content-Type": "image/png"}
    wanted = client.post("/v1/colorize", content=body, headers=headers).content

    def ask(_: int):
        with served.client() as own:
            return own.post("/v1/colorize", content=body, headers=headers)

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(32)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    done = [answer.content for answer in answers if answer.status_code == 200]
    assert len(done) >= 3 and set(done) == {wanted}


def test_the_reference_names_every_option_and_loads_nothing_from_elsewhere(client):
    page = client.get("/v1/reference").text
    document = client.get("/v1/openapi.json").json()
    named = {item["name"] for item in document["paths"]["/v1/colorize"]["post"]["parameters"]}
    for name, *_ in declared():
        assert f"<code>{name}</code>" in page and name in named
    assert "src=" not in page and "@import" not in page


def test_every_picture_leaves_one_report_line_in_the_log(client, served):
    client.post(
        "/v1/colorize",
        files={"image": ("a name for the log.png", file_of(gray(20, 20), "PNG"), "image/png")},
    )
    lines = [line for line in served.log.read_text().splitlines() if "a name for the log" in line]
    report = json.loads(lines[-1])
    assert report["status"] == "done" and report["source"] == "a name for the log.png"
