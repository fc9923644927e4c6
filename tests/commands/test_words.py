"""What a person may write on the command line of `colorize`, and what is understood."""

import json

import click
import pytest
from PIL import Image

from core.commands.arguments import PixelCount
from tests.photographs import gray, save


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("1000", 1_000_000_000),
        ("400MP", 400_000_000),
        ("400 mp", 400_000_000),
        ("0.5", 500_000),
        ("1.2GP", 1_200_000_000),
        ("1000000000", 1_000_000_000),
        ("1e9", 1_000_000_000),
        ("250000px", 250_000),
        ("0.0000001", 1),
    ],
)
def test_a_limit_of_pixels_is_understood_in_every_way_that_people_write_it(text, pixels):
    assert PixelCount().convert(text, None, None) == pixels


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "many", "MP", "1 TP", ""])
def test_what_is_no_limit_is_refused_with_an_example(text):
    with pytest.raises(click.BadParameter, match="megapixels"):
        PixelCount().convert(text, None, None)


def test_the_limit_counts_megapixels_on_the_command_line(cli, tmp_path, model):
    scan = save(tmp_path / "a.png", gray(100, 100))
    words = ("colorize", scan, "-o", tmp_path / "out", "--model", model, "--max-pixels")
    assert cli(*words, "9999px").code == 1
    assert cli(*words, "0.01MP").code == 0


@pytest.mark.parametrize(
    ("word", "name", "format"),
    [("jpg", "a.jpg", "JPEG"), ("tif", "a.tif", "TIFF"), ("jp2", "a.jp2", "JPEG2000")],
)
def test_a_format_may_be_called_by_its_suffix_and_is_the_same_work(
    cli, tmp_path, model, word, name, format
):
    scan = save(tmp_path / "a.png", gray(30, 40))
    words = ("colorize", scan, "-o", tmp_path / "out", "--model", model, "--json", "--format")
    assert cli(*words, word).code == 0
    assert Image.open(tmp_path / "out" / name).format == format
    full = {"jpg": "jpeg", "tif": "tiff", "jp2": "jpeg2000"}[word]
    assert json.loads(cli(*words, full).out)["status"] == "skipped"
    assert f"{word}" in cli("colorize", "--help").out


def test_a_named_result_has_the_format_of_its_name_whatever_its_source_is_called(
    cli, tmp_path, model
):
    png = save(tmp_path / "a.png", gray(30, 40)).rename(tmp_path / "really-png.jpg")
    jpeg = save(tmp_path / "b.jpg", gray(30, 40)).rename(tmp_path / "really-jpeg.png")
    for source, name, format in (
        (png, "x.jpg", "JPEG"),
        (png, "x.png", "PNG"),
        (jpeg, "y.jpg", "JPEG"),
        (jpeg, "y.png", "PNG"),
    ):
        answer = cli("colorize", source, "-o", tmp_path / name, "--model", model)
        assert answer.code == 0, answer.err
        assert Image.open(tmp_path / name).format == format


def test_a_dry_run_prints_json_where_json_is_asked_for(cli, tmp_path, model):
    save(tmp_path / "scans/a.png", gray(30, 40))
    save(tmp_path / "more/a.png", gray(30, 40))
    words = ("colorize", tmp_path / "scans", tmp_path / "more", "-o", tmp_path / "out")
    answer = cli(*words, "--dry-run", "--json")
    planned, refused = (json.loads(line) for line in answer.out.splitlines())
    assert planned == {
        "source": str(tmp_path / "scans/a.png"),
        "output": str(tmp_path / "out/a.png"),
        "status": "planned",
    }
    assert (refused["status"], refused["error"]["kind"]) == ("failed", "conflict")
    assert (answer.code, answer.err) == (1, "") and not (tmp_path / "out").exists()


def test_a_report_may_go_into_a_folder_that_is_made_for_it(cli, tmp_path, model):
    scan = save(tmp_path / "a.png", gray(30, 40))
    report = tmp_path / "reports/2026/night.jsonl"
    answer = cli("colorize", scan, "-o", tmp_path / "out", "--model", model, "--report", report)
    assert answer.code == 0
    assert json.loads(report.read_text())["status"] == "done"
