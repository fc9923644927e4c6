"""What a photograph has beside its pixels goes with its result: times, permissions, sidecars."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from core.errors import EXIT_DONE
from core.image.metadata.provenance import provenance_of
from core.image.metadata.xmp import IPTC_EXTENSION, XMP, read
from core.image.read import read_provenance
from core.job import Job, run
from tests.photographs import gray, save

START = [sys.executable, "-c", "from core.commands.main import main; main()"]
LONG_AGO = 1_000_000_000_123_456_700  # 2001, in ns; a multiple of what NTFS holds
PACKET = """<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
 dc:format="image/tiff" xmp:Rating="4" xmp:CreatorTool="Scanner 9" tiff:Orientation="6"
 photoshop:SidecarForExtension="TIF" crs:ConvertToGrayscale="True">
<dc:subject><rdf:Bag><rdf:li>harbour</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""
DC = "http://purl.org/dc/elements/1.1/"
PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
CAMERA_RAW = "http://ns.adobe.com/camera-raw-settings/1.0/"


@pytest.fixture
def scan(tmp_path) -> Path:
    return save(tmp_path / "scans/a.tif", gray(30, 40))


def colorize(cli, scan, tmp_path, model, *more):
    words = ("colorize", scan, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    return cli(*words, *more)


@pytest.mark.parametrize("mode", [0o640, 0o444, 0o600])
@pytest.mark.parametrize("format", ["same", "jpeg", "webp", "jpeg2000"])
def test_the_result_has_the_times_and_permissions_of_its_source(
    cli, scan, tmp_path, model, mode, format
):
    scan.chmod(mode)
    os.utime(scan, ns=(LONG_AGO, LONG_AGO))
    for existing in ("same", "overwrite"):
        words = ("--format", format, "--existing", existing)
        assert colorize(cli, scan, tmp_path, model, *words).code == EXIT_DONE
        (result,) = (tmp_path / "out").iterdir()
        status = result.stat()
        assert (status.st_mode & 0o7777, status.st_mtime_ns) == (mode, LONG_AGO)
    assert scan.stat().st_mtime_ns == LONG_AGO


def test_nobody_else_can_read_a_private_photograph_while_it_is_written(
    scan, tmp_path, colorizer_of, model
):
    scan.chmod(0o600)
    seen = set()

    def look() -> None:
        seen.update(p.stat().st_mode & 0o777 for p in (tmp_path / "out").glob(".*"))

    assert run(Job(scan, tmp_path / "out/a.tif"), colorizer_of(model), check=look).error is None
    assert seen == {0o600}


@pytest.fixture
def colorizer_of():
    from core.colorizer import Colorizer

    return lambda model: Colorizer.open(str(model), "cpu")


@pytest.mark.parametrize(
    ("sidecar", "format", "carried"),
    [
        ("a.xmp", "same", "a.xmp"),
        ("a.XMP", "same", "a.XMP"),
        ("a.tif.xmp", "same", "a.tif.xmp"),
        ("a.xmp", "png", "a.xmp"),
        ("a.tif.xmp", "png", "a.png.xmp"),
    ],
)
def test_a_sidecar_goes_with_the_result_and_is_true_of_it(
    cli, scan, tmp_path, model, sidecar, format, carried
):
    scan.with_name(sidecar).write_text(PACKET)
    os.utime(scan.with_name(sidecar), ns=(LONG_AGO, LONG_AGO))
    answer = colorize(cli, scan.parent, tmp_path, model, "--format", format)
    assert answer.code == EXIT_DONE and "passed over" not in answer.err
    copy = tmp_path / "out" / carried
    packet = copy.read_bytes()
    (result,) = (tmp_path / "out").glob("a.[tp]??")
    said, provenance = read(packet), read_provenance(result)
    assert provenance_of(packet) == provenance and provenance is not None
    assert said[IPTC_EXTENSION, "DigitalSourceType"].endswith("TrainedAlgorithmicMedia")
    assert said[XMP, "Rating"] == "4" and b"<rdf:li>harbour</rdf:li>" in packet
    assert said["http://ns.adobe.com/tiff/1.0/", "Orientation"] == "1"
    assert said[DC, "format"] == f"image/{'tiff' if format == 'same' else 'png'}"
    assert said[PHOTOSHOP, "SidecarForExtension"] == ("TIF" if format == "same" else "PNG")
    assert said[CAMERA_RAW, "ConvertToGrayscale"] == "False"
    assert copy.stat().st_mtime_ns == LONG_AGO
    assert scan.with_name(sidecar).read_text() == PACKET


def test_a_sidecar_that_stands_there_is_left_and_one_of_ours_is_written_anew_when_asked(
    cli, scan, tmp_path, model
):
    scan.with_name("a.xmp").write_text(PACKET)
    theirs = tmp_path / "out/a.xmp"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    for existing in ("same", "overwrite"):
        answer = colorize(cli, scan, tmp_path, model, "--existing", existing)
        assert theirs.read_text() == "mine"
        assert answer.code == EXIT_DONE and "note: its sidecar a.xmp is not carried" in answer.err
    theirs.unlink()
    # It is carried when the same work is found done, and then stays as its owner changes it.
    assert colorize(cli, scan, tmp_path, model, "--json").out.count('"skipped"') == 1
    edited = theirs.read_text().replace("harbour", "Hamburg")
    theirs.write_text(edited)
    colorize(cli, scan, tmp_path, model)
    assert theirs.read_text() == edited
    colorize(cli, scan, tmp_path, model, "--existing", "overwrite")
    assert "harbour" in theirs.read_text()


@pytest.mark.parametrize("kind", ["no XMP", "a link", "a folder", "entities"])
def test_what_is_no_sidecar_is_not_carried_and_fails_nothing(cli, scan, tmp_path, model, kind):
    sidecar = scan.with_name("a.xmp")
    if kind == "a link":
        (tmp_path / "secret").write_text(PACKET)
        sidecar.symlink_to(tmp_path / "secret")
    elif kind == "a folder":
        sidecar.mkdir()
    else:
        sidecar.write_text({"no XMP": "a letter", "entities": "<!DOCTYPE x>" + PACKET}[kind])
    answer = colorize(cli, scan, tmp_path, model)
    assert answer.code == EXIT_DONE
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.tif"]
    assert ("it is no XMP" in answer.err) == (kind in ("no XMP", "entities"))


def test_a_sidecar_beside_both_is_left_as_it_is(cli, scan, tmp_path, model):
    scan.with_name("a.xmp").write_text(PACKET)
    words = ("colorize", scan, "-o", scan.with_name("a.png"), "--model", model)
    for existing in ("same", "overwrite"):
        assert cli(*words, "--existing", existing).code == EXIT_DONE
        assert scan.with_name("a.xmp").read_text() == PACKET


def test_a_result_that_another_process_put_there_meanwhile_is_work_that_is_done(
    scan, tmp_path, colorizer_of, model
):
    colorizer = colorizer_of(model)
    statuses = []
    for existing in ("same", "skip", "fail"):
        job = Job(scan, tmp_path / existing / "a.tif", existing=existing)
        ahead = []

        def another(job=job, ahead=ahead) -> None:
            if not ahead:
                ahead.append("begun")
                ahead.append(run(job, colorizer).status)

        statuses.append((run(job, colorizer, check=another).status, ahead[-1]))
    assert statuses == [("skipped", "done"), ("skipped", "done"), ("failed", "done")]


def test_two_processes_on_one_folder_share_the_work_and_both_end_well(tmp_path, model):
    for number in range(6):
        save(tmp_path / f"scans/{number:02}.png", gray(200, 300, seed=number))
    words = [*START, "colorize", tmp_path / "scans", "-o", tmp_path / "out", "--model", model]
    both = [
        subprocess.Popen([*map(str, words), "--jobs", "1", "--json"], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(text.count(b'"status": "done"') for text in said) == 6
    assert sum(text.count(b'"status": "skipped"') for text in said) == 6
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_what_stands_there_is_not_called_done_where_nobody_looked(cli, scan, tmp_path, model):
    save(tmp_path / "out/a.tif", gray(5, 5))
    answer = colorize(cli, scan, tmp_path, model, "--existing", "skip")
    assert answer.code == EXIT_DONE
    assert "(skipped: a file of that name stands there)" in answer.err
    assert Image.open(tmp_path / "out/a.tif").size == (5, 5)
