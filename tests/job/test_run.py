"""One file's life: coloured once, recognised afterwards, never half-written."""

import json

import numpy as np
import pytest
from PIL import Image

from core.colorizer import Colorizer
from core.errors import InterruptedJob
from core.hints import document_of
from core.image.read import read_provenance
from core.job import Job, job_key, run
from core.job.promise import verify
from core.model.session import open_session
from core.options import Options, canonical_json
from tests.model_files import write_model
from tests.photographs import gray, save


@pytest.fixture
def job(tmp_path) -> Job:
    return Job(save(tmp_path / "in/a.png"), tmp_path / "out/a.png")


def bits(path) -> bytes:
    return path.read_bytes()


def test_a_photograph_is_coloured_and_the_promise_kept(job, colorizer):
    outcome = run(job, colorizer)
    assert (outcome.status, outcome.pixels, outcome.error) == ("done", 120 * 160, None)
    assert verify(job.source, job.destination).kept
    assert np.ptp(np.asarray(Image.open(job.destination)).astype(int), axis=2).max() > 20


def test_the_result_tells_how_it_was_made(job, colorizer):
    outcome = run(job, colorizer)
    provenance = read_provenance(job.destination)
    assert provenance is not None
    assert provenance.job_key == outcome.key
    assert provenance.model_sha256 == colorizer.session.sha256
    assert provenance.options == canonical_json(Options().canonical())


def test_the_same_work_is_skipped_and_nothing_touched(job, colorizer):
    first = run(job, colorizer)
    before = job.destination.stat().st_mtime_ns, bits(job.destination)
    second = run(job, colorizer)
    assert (second.status, second.key) == ("skipped", first.key)
    assert (job.destination.stat().st_mtime_ns, bits(job.destination)) == before


def test_a_result_that_a_copy_cut_short_is_not_called_done(tmp_path, colorizer):
    job = Job(save(tmp_path / "a.jpg"), tmp_path / "out/a.jpg")
    run(job, colorizer)
    job.destination.write_bytes(bits(job.destination)[:-100])
    error = run(job, colorizer).error
    assert error and error.kind == "exists"


def test_work_with_other_options_does_not_replace_what_is_there(job, colorizer):
    run(job, colorizer)
    before = bits(job.destination)
    other = Job(job.source, job.destination, Options(vividness=0.5))
    outcome = run(other, colorizer)
    assert outcome.status == "failed" and outcome.error and outcome.error.kind == "exists"
    assert bits(job.destination) == before


@pytest.mark.parametrize(
    ("existing", "status"), [("skip", "skipped"), ("overwrite", "done"), ("fail", "failed")]
)
def test_each_choice_for_a_taken_name_does_what_it_says(job, colorizer, existing, status):
    save(job.destination)
    before = bits(job.destination)
    outcome = run(Job(job.source, job.destination, existing=existing), colorizer)
    assert outcome.status == status
    assert (bits(job.destination) == before) == (existing != "overwrite")


@pytest.mark.parametrize("existing", ["same", "skip", "overwrite", "fail"])
def test_a_source_that_is_its_own_destination_is_called_that(job, colorizer, existing):
    before = bits(job.source)
    outcome = run(Job(job.source, job.source, existing=existing), colorizer)
    assert outcome.error and outcome.error.kind == "conflict"
    assert "the source itself" in outcome.error.message
    assert bits(job.source) == before


def test_an_empty_file_in_the_results_place_is_not_said_to_be_the_source(job, colorizer):
    job.destination.parent.mkdir()
    job.destination.touch()
    error = run(job, colorizer).error
    assert error and error.kind == "exists" and "stands there" in error.message


def test_a_result_whose_name_is_too_long_for_the_disk_is_refused(job, tmp_path, colorizer):
    error = run(Job(job.source, tmp_path / "out" / ("x" * 252 + ".png")), colorizer).error
    assert error and error.kind == "destination" and "name is too long" in error.message


def test_a_file_that_is_no_picture_is_a_failure_with_its_kind(tmp_path, colorizer):
    source = tmp_path / "a.jpg"
    source.write_text("a letter")
    outcome = run(Job(source, tmp_path / "out/a.jpg"), colorizer)
    assert outcome.status == "failed" and outcome.error and outcome.error.kind == "not-an-image"
    assert not (tmp_path / "out/a.jpg").exists()


def test_a_model_that_answers_with_no_number_leaves_no_file(job, tmp_path):
    broken = write_model(tmp_path / "nan.onnx", constant=float("nan"))
    outcome = run(job, Colorizer(open_session(broken, "cpu")))
    assert outcome.error and outcome.error.kind == "model"
    assert [path.name for path in job.destination.parent.glob("*")] == []


def test_an_interruption_is_raised_and_leaves_no_file(job, colorizer):
    def check() -> None:
        raise InterruptedJob("stopped")

    with pytest.raises(InterruptedJob):
        run(job, colorizer, check=check)
    assert [path.name for path in job.destination.parent.glob("*")] == []


def test_the_key_in_the_report_is_that_of_the_contract(job, colorizer):
    import hashlib

    source = hashlib.sha256(bits(job.source)).hexdigest()
    assert run(job, colorizer).key == job_key(source, colorizer.session.sha256, Options())


def test_every_page_is_coloured(tmp_path, colorizer):
    pages = [Image.fromarray(gray(seed=seed)) for seed in (1, 2, 3)]
    source = tmp_path / "book.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:])
    outcome = run(Job(source, tmp_path / "out/book.tif"), colorizer)
    assert outcome.pixels == 3 * 120 * 160
    assert verify(source, tmp_path / "out/book.tif").kept
    with Image.open(tmp_path / "out/book.tif") as book:
        assert book.n_frames == 3  # type: ignore[attr-defined]


def test_verify_sees_one_changed_pixel(job, colorizer):
    run(job, colorizer)
    pixels = np.array(Image.open(job.destination))
    pixels[5, 5] = np.minimum(pixels[5, 5] + 2, 255)
    Image.fromarray(pixels).save(job.destination)
    result = verify(job.source, job.destination)
    assert not result.kept and "L* differs" in result.differences[0]


def _chroma_of_pages(job: Job, page: int | None, colorizer: Colorizer, folder) -> list[float]:
    """How far the colours of each page of a result are from those without hints, at the most."""
    import tifffile

    hints = {"points": [{"x": 80, "y": 60, "radius": 30, "a": 60, "b": -50}]}
    document = document_of(json.dumps(hints | ({"page": page} if page else {})).encode())
    results = []
    for name, options in (("without", Options()), ("with", Options(hints=document))):
        target = folder / f"{name}-{page}.tif"
        outcome = run(Job(job.source, target, options), colorizer)
        assert outcome.error is None, outcome.error
        with tifffile.TiffFile(target) as file:
            results.append([each.asarray().astype(int) for each in file.pages])
    return [abs(a - b).max() for a, b in zip(*results, strict=True)]


def test_hints_colour_one_page_of_a_file_and_leave_the_others(tmp_path, colorizer):
    import tifffile

    source = tmp_path / "album.tif"
    with tifffile.TiffWriter(source) as writer:
        for turn in range(3):
            writer.write(np.roll(gray(), 20 * turn, axis=1), photometric="minisblack")
    job = Job(source, tmp_path / "unused.tif")
    for page, hinted in ((None, 0), (1, 0), (2, 1), (3, 2)):
        changes = _chroma_of_pages(job, page, colorizer, tmp_path)
        assert [change > 20 for change in changes] == [number == hinted for number in range(3)]
        assert sum(change > 0 for change in changes) == 1
    document = document_of(json.dumps({"points": [], "page": 4}).encode())
    outcome = run(Job(source, tmp_path / "no.tif", Options(hints=document)), colorizer)
    assert outcome.error is not None
    assert outcome.error.kind == "hints"
    assert not (tmp_path / "no.tif").exists()
