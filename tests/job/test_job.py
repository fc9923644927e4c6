"""The job key and the report line: contracts 3 and 5."""

import json

from core.errors import Failure
from core.job.job import Outcome, job_key, report_line
from core.options import Options


def test_the_key_of_a_known_job_never_changes():
    # Work that is done is recognised by this value, on every machine and for years.
    assert job_key("00" * 32, "ff" * 32, Options()) == (
        "ebcdda1a78af7b83ea9472036e1ac052d3bb61bc825df4409fd6036e9fd4df26"
    )


def test_the_key_depends_on_the_source_the_model_and_the_options_alone():
    key = job_key("a", "b", Options())
    assert key != job_key("c", "b", Options())
    assert key != job_key("a", "c", Options())
    assert key != job_key("a", "b", Options(vividness=0.9))
    assert key == job_key("a", "b", Options(model="another name for the same file"))


def test_a_report_line_has_the_contracts_keys_and_none_without_a_value():
    outcome = Outcome("a.tif", "out/a.tif", "done", "k", 12, 0.123456, "lite", "CPU", 1)
    assert json.loads(report_line(outcome)) == {
        "source": "a.tif",
        "output": "out/a.tif",
        "status": "done",
        "key": "k",
        "pixels": 12,
        "seconds": 0.1235,
        "model": "lite",
        "provider": "CPU",
        "attempts": 1,
    }


def test_a_failure_stands_in_the_line_with_kind_and_message():
    outcome = Outcome("a\n.tif", None, "failed", error=Failure("truncated", "is cut short"))
    line = report_line(outcome)
    assert "\n" not in line
    assert json.loads(line)["error"] == {"kind": "truncated", "message": "is cut short"}


def test_notes_stand_in_the_line_where_there_are_any():
    outcome = Outcome("a.png", "a.webp", "done", notes=("WebP holds no IPTC",))
    assert json.loads(report_line(outcome))["notes"] == ["WebP holds no IPTC"]


def test_a_name_of_undecodable_bytes_can_be_reported_and_read_back():
    line = report_line(Outcome("\udcff.tif", None, "failed"))
    assert json.loads(line.encode())["source"] == "\udcff.tif"
