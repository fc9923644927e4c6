"""`verify`, `info`, `models`, `doctor`: what they say and how they leave."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.image.pictures import tiff
from tests.model_files import write_model
from tests.photographs import gray, save


@pytest.fixture
def pair(cli, tmp_path, model):
    """A folder of one scan, and it coloured."""
    save(tmp_path / "scans/a.png")
    cli("colorize", tmp_path / "scans", "-o", tmp_path / "out", "--model", model)
    return tmp_path / "scans", tmp_path / "out"


def test_verify_says_that_the_promise_is_kept(cli, pair):
    answer = cli("verify", *pair)
    assert answer.code == 0 and "a.png: kept" in answer.out


def test_verify_finds_a_picture_that_was_made_brighter(cli, pair):
    pixels = np.asarray(Image.open(pair[1] / "a.png")).astype(int)
    Image.fromarray(np.clip(pixels + 3, 0, 255).astype(np.uint8)).save(pair[1] / "a.png")
    answer = cli("verify", *pair, "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["kept"] is False


def test_verify_finds_a_scan_that_was_never_coloured(cli, pair):
    save(pair[0] / "forgotten.png")
    answer = cli("verify", *pair)
    assert answer.code == 1 and "forgotten.png: has no coloured file" in answer.err


def test_verify_knows_a_result_in_another_format(cli, tmp_path, model):
    save(tmp_path / "scans/a.tif")
    cli("colorize", tmp_path / "scans", "-o", tmp_path / "out", "--model", model, "--format", "png")
    assert cli("verify", tmp_path / "scans", tmp_path / "out").code == 0


def test_verify_holds_jpeg_to_its_own_tolerance(cli, tmp_path, model):
    save(tmp_path / "scans/a.jpg", quality=95)
    cli("colorize", tmp_path / "scans", "-o", tmp_path / "out", "--model", model)
    answer = cli("verify", tmp_path / "scans", tmp_path / "out", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["worst"] > 0.25


def test_info_reads_the_provenance_back(cli, pair, model):
    answer = cli("info", pair[1] / "a.png", "--json")
    facts = json.loads(answer.out)
    assert facts["pages"] == [
        {"width": 160, "height": 120, "depth": 8, "channels": "rgb", "alpha": False}
    ]
    assert facts["provenance"]["model_name"] == "tiny"


def test_verify_finds_one_file_in_a_folder_whatever_its_format(cli, tmp_path, model):
    before = save(tmp_path / "in/a.png")
    words = ("colorize", before, "-o", tmp_path / "out", "--model", model, "--format", "tiff")
    assert cli(*words).code == 0
    answer = cli("verify", before, tmp_path / "out")
    assert answer.code == 0 and "kept" in answer.out


def test_a_picture_over_the_limit_can_be_verified_and_looked_at(cli, tmp_path):
    source = save(tmp_path / "a.png")
    refused = cli("verify", source, source, "--max-pixels", "0.01")
    assert refused.code == 1 and "--max-pixels" in refused.err
    assert cli("verify", source, source, "--max-pixels", "0.02").code == 0


def test_verify_holds_a_tiff_of_jpeg_strips_to_jpegs_tolerance(cli, tmp_path, model):
    before = save(tmp_path / "in/a.tif", compression="jpeg")
    words = ("colorize", before, "-o", tmp_path / "out", "--model", model)
    assert cli(*words).code == 0
    assert cli("verify", before, tmp_path / "out/a.tif").code == 0


def test_verify_grants_avif_a_code_of_transparency(cli, tmp_path, model):
    alpha = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (120, 1))
    before = save(tmp_path / "a.png", np.dstack([gray()] * 3 + [alpha]))
    words = ("colorize", before, "-o", tmp_path / "a.avif", "--model", model)
    assert cli(*words).code == 0
    answer = cli("verify", before, tmp_path / "a.avif")
    assert answer.code == 0, answer.out


def test_verify_finds_that_the_transparency_is_gone(cli, tmp_path):
    with_alpha = np.dstack([gray(), np.full_like(gray(), 99)])
    before = save(tmp_path / "a.png", with_alpha)
    after = save(tmp_path / "b.png")
    answer = cli("verify", before, after)
    assert answer.code == 1 and "the transparency differs" in answer.out


def test_a_webp_keeps_the_lightness_of_its_transparent_pixels(cli, tmp_path, model):
    alpha = np.zeros_like(gray())
    alpha[:, :20] = 255
    before = save(
        tmp_path / "in/a.webp", np.dstack([gray()] * 3 + [alpha]), lossless=True, exact=True
    )
    words = ("colorize", before, "-o", tmp_path / "out", "--model", model)
    assert cli(*words).code == 0
    answer = cli("verify", before, tmp_path / "out")
    assert answer.code == 0, answer.out


def test_info_says_odd_names_on_one_line(cli, tmp_path):
    source = save(tmp_path / "a\nb.png")
    assert cli("info", source).out.startswith(f"{tmp_path}/a\\x0ab.png: png, 160x120")


def test_info_of_a_photograph_that_is_not_ours_says_so(cli, pair):
    answer = cli("info", pair[0] / "a.png")
    assert answer.code == 0 and "coloured by photochrom: no" in answer.out


def test_info_of_junk_fails_and_goes_on(cli, pair, tmp_path):
    (tmp_path / "junk.jpg").write_text("junk")
    answer = cli("info", tmp_path / "junk.jpg", pair[0] / "a.png")
    assert answer.code == 1 and "junk.jpg" in answer.err and "a.png" in answer.out


def test_models_are_imported_listed_shown_and_removed(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path / "models"))
    file = write_model(tmp_path / "m.onnx", name="sunset")
    assert cli("models", "import", file).code == 0
    listed = [json.loads(line) for line in cli("models", "list", "--json").out.splitlines()]
    assert {m["name"]: m["bundled"] for m in listed} == {"sunset": False, "photochrom-lite": True}
    assert "Paints bright things warm" in cli("models", "info", "sunset").out
    assert cli("models", "remove", "sunset").code == 0
    assert cli("models", "info", "sunset").code == 3


def test_a_damaged_model_among_ones_own_does_not_hide_the_others(cli, tmp_path, model, monkeypatch):
    monkeypatch.setenv("PHOTOCHROM_MODELS", str(tmp_path))
    (tmp_path / "broken.onnx").write_bytes(b"junk")
    (tmp_path / "tiny.onnx").write_bytes(model.read_bytes())
    answer = cli("models", "list")
    assert answer.code == 1 and "broken.onnx" in answer.err
    assert "\ntiny  " in answer.out


def test_importing_a_foreign_file_is_refused(cli, tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"no model")
    answer = cli("models", "import", tmp_path / "m.onnx")
    assert answer.code == 3 and "m.onnx" in answer.err


def test_doctor_says_what_the_machine_can_do_and_how_to_mend_the_rest(cli):
    answer = cli("doctor", "--json")
    checks = {check["name"]: check for check in map(json.loads, answer.out.splitlines())}
    assert answer.code == 0
    assert checks["image files"]["works"] and checks["device cpu"]["works"]
    assert all(check["remedy"] for check in checks.values() if not check["works"])


def test_doctor_calls_nothing_unread_that_is_read(cli, tmp_path, model):
    compressions = ("zstd", "lzma", "lerc")
    (tmp_path / "in").mkdir()
    for name in compressions:
        (tmp_path / "in" / f"{name}.tif").write_bytes(tiff(gray(), compression=name))
    assert cli("colorize", tmp_path / "in", "-o", tmp_path / "out", "--model", model).code == 0
    findings = map(json.loads, cli("doctor", "--json").out.splitlines())
    (unread,) = (finding["says"] for finding in findings if finding["name"] == "not read")
    assert not any(name in unread.lower() for name in compressions)
