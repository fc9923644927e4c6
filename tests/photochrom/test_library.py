"""`import photochrom`: a picture in, a picture out, by path and by array."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import photochrom
from core.options import declared
from photochrom import Point
from tests.model_files import write_model
from tests.photographs import gray, save

PACKAGE = Path(photochrom.__file__).parent


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return str(write_model(tmp_path_factory.mktemp("model") / "tiny.onnx"))


def test_an_array_gives_an_array_of_its_depth_and_size(model):
    for samples in (gray(), gray().astype(np.uint16) * 257, np.repeat(gray()[..., None], 3, 2)):
        coloured = photochrom.colorize(samples, model=model)
        assert coloured.dtype == samples.dtype and coloured.shape == (120, 160, 3)
        assert np.ptp(coloured.astype(int), axis=2).max() > 0


def test_a_file_gives_the_array_that_its_samples_give(model, tmp_path):
    source = save(tmp_path / "a.png")
    assert np.array_equal(
        photochrom.colorize(source, model=model), photochrom.colorize(gray(), model=model)
    )


def test_a_page_of_a_scan_is_chosen_by_its_number(model, tmp_path):
    pages = [Image.fromarray(gray(seed=seed)) for seed in (1, 2)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    second = photochrom.colorize(str(tmp_path / "a.tif"), model=model, page=1)
    assert np.array_equal(second, photochrom.colorize(gray(seed=2), model=model))
    with pytest.raises(photochrom.PhotochromError, match="2 pages"):
        photochrom.colorize(tmp_path / "a.tif", model=model, page=2)


def test_a_file_into_a_file_keeps_the_promise_and_says_who_coloured_it(model, tmp_path):
    source, result = save(tmp_path / "a.jpg"), tmp_path / "new" / "b.png"
    outcome = photochrom.colorize(source, result, model=model)
    assert outcome.status == "done" and outcome.output == str(result)
    assert result.read_bytes().startswith(b"\x89PNG"), "the suffix tells the format"
    assert photochrom.verify(source, result).kept
    provenance = photochrom.read_provenance(result)
    assert provenance is not None and provenance.job_key == outcome.key
    assert photochrom.colorize(source, result, model=model).status == "skipped"


def test_what_fails_is_raised_with_its_kind_and_its_file(model, tmp_path):
    source, result = save(tmp_path / "a.jpg"), save(tmp_path / "b.jpg")
    with pytest.raises(photochrom.PhotochromError) as taken:
        photochrom.colorize(source, result, model=model)
    assert (taken.value.kind, taken.value.may_be_retried) == ("exists", False)
    with pytest.raises(photochrom.PhotochromError, match=r"none\.jpg"):
        photochrom.colorize(tmp_path / "none.jpg", tmp_path / "c.jpg", model=model)
    with pytest.raises(photochrom.PhotochromError, match="vivid"):
        photochrom.colorize(source, model=model, vividnes=1)  # type: ignore[call-overload]


@pytest.mark.parametrize("place", ["the picture", "the model", "the hints"])
def test_what_is_written_is_never_what_is_read(place, tmp_path):
    source = save(tmp_path / "a.png")
    own = write_model(tmp_path / "tiny.onnx")
    hints = tmp_path / "hints.json"
    hints.write_text('{"points": []}')
    read = {"the picture": source, "the model": own, "the hints": hints}[place]
    link = tmp_path / "result.png"
    link.symlink_to(read)
    before = read.read_bytes()
    with pytest.raises(photochrom.PhotochromError, match="output is the same as"):
        photochrom.colorize(source, link, model=str(own), hints=hints, existing="overwrite")
    assert read.read_bytes() == before


@pytest.mark.parametrize(
    "samples",
    [
        gray() / 255,
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 5), np.uint8),
        np.zeros(9, np.uint8),
        gray() > 100,
    ],
    ids=["floats", "alpha", "empty", "flat", "booleans"],
)
def test_an_array_that_is_no_picture_is_refused_before_the_network_sees_it(samples, model):
    with pytest.raises(ValueError, match="a picture"):
        photochrom.colorize(samples, model=model)


def test_an_array_that_is_not_contiguous_gives_what_its_copy_gives(model):
    turned = gray().T
    assert np.array_equal(
        photochrom.colorize(turned, model=model), photochrom.colorize(turned.copy(), model=model)
    )


def test_hints_are_points_strokes_or_a_file_and_mean_the_same(model, tmp_path):
    point = Point.of(40, 30, "navy", radius=9)
    (tmp_path / "a.json").write_text(
        '{"points": [{"x": 40, "y": 30, "radius": 9, "colour": "navy"}]}'
    )
    plain = photochrom.colorize(gray(), model=model)
    by_point = photochrom.colorize(gray(), model=model, hints=[point])
    by_file = photochrom.colorize(gray(), model=model, hints=tmp_path / "a.json")
    assert np.array_equal(by_point, by_file) and not np.array_equal(by_point, plain)
    strokes = np.zeros((120, 160, 4), np.uint8)
    strokes[20:40, 30:50] = (0, 0, 128, 255)
    by_strokes = photochrom.colorize(gray(), model=model, hints=strokes)
    blue = by_strokes[30, 40].astype(int)
    assert blue[2] > blue[0] and abs(by_point[30, 40] - blue).max() < 60
    assert np.array_equal(photochrom.colorize(gray(), model=model, hints=[]), plain)


@pytest.mark.parametrize(
    "hints",
    [
        [Point(1, 1, 0, 10, 10)],
        [Point(1, 1, 4, 900, 0)],
        [Point(float("nan"), 1, 4, 1, 1)],
        np.zeros((4, 4), np.uint8),
    ],
)
def test_hints_out_of_range_are_refused(hints, model):
    with pytest.raises(photochrom.PhotochromError) as refused:
        photochrom.colorize(gray(), model=model, hints=hints)
    assert refused.value.kind == "hints"


def test_a_folder_is_coloured_and_its_damaged_file_keeps_no_other_one_waiting(model, tmp_path):
    save(tmp_path / "in/a.png")
    save(tmp_path / "in/deep/b.png")
    (tmp_path / "in/c.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    outcomes = list(photochrom.colorize_all(tmp_path / "in", tmp_path / "out", model=model))
    ends = {Path(outcome.source).name: outcome.status for outcome in outcomes}
    assert ends == {"a.png": "done", "b.png": "done", "c.png": "failed"}
    assert (tmp_path / "out/deep/b.png").is_file()
    again = photochrom.colorize_all([tmp_path / "in"], tmp_path / "out", model=model)
    assert [o.status for o in again if not o.error] == ["skipped", "skipped"]


def test_the_keywords_are_the_declared_options():
    words = {name: kind for name, kind, *_ in declared() if name != "hints"}
    assert photochrom.Choices.__annotations__ == words


def test_importing_it_imports_nothing_heavy_and_it_has_a_version():
    script = (
        "import sys, photochrom\nassert photochrom.__version__\n"
        "print(sorted({'numba', 'onnxruntime', 'pyvips', 'imagecodecs', 'torch', 'click'}"
        " & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.stdout.strip() == "[]", answer.stdout + answer.stderr


def test_it_stays_thin_and_typed():
    assert (PACKAGE / "py.typed").exists()
    lines = sum(len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py"))
    assert lines < 300
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.For) or len(node.body) == 1, "no work is done here"
