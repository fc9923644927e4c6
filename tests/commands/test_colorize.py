"""`photochrom colorize` as a person uses it."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from PIL import Image

from tests.photographs import gray, save

START = [sys.executable, "-c", "from core.commands.main import main; main()"]


@pytest.fixture
def scans(tmp_path):
    for number in range(3):
        save(tmp_path / f"scans/{number}.png", gray(60, 80, seed=number))
    return tmp_path / "scans"


def names(folder) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def wait_for(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_file_is_coloured_into_a_folder_under_its_own_name(cli, scans, tmp_path, model):
    answer = cli("colorize", scans / "0.png", "-o", tmp_path / "out", "--model", model)
    assert (answer.code, answer.out) == (0, "")
    assert "0.png -> " in answer.err
    assert Image.open(tmp_path / "out/0.png").mode == "RGB"


def test_a_file_may_be_given_its_results_name_and_format(cli, scans, tmp_path, model):
    assert cli("colorize", scans / "0.png", "-o", tmp_path / "x.jpg", "--model", model).code == 0
    assert Image.open(tmp_path / "x.jpg").format == "JPEG"


def test_a_folder_is_mirrored_and_a_second_run_does_nothing(cli, scans, tmp_path, model):
    save(scans / "box/4.png")
    words = ("colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    assert cli(*words).code == 0
    assert names(tmp_path / "out") == ["0.png", "1.png", "2.png", "box/4.png"]
    again = cli(*words)
    assert again.code == 0 and "4 skipped" in again.err


def test_a_bad_file_is_one_clear_line_and_the_others_are_done(cli, scans, tmp_path, model):
    (scans / "1.png").write_text("a letter")
    answer = cli("colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    assert answer.code == 1
    (line,) = [line for line in answer.err.splitlines() if "1.png" in line]
    assert line.startswith(f"photochrom: {scans / '1.png'}: ")
    assert names(tmp_path / "out") == ["0.png", "2.png"]


def test_fail_fast_stops_at_the_first(cli, scans, tmp_path, model):
    (scans / "1.png").write_text("a letter")
    answer = cli(
        "colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1, "--fail-fast"
    )
    assert answer.code == 1
    assert names(tmp_path / "out") == ["0.png"]


def test_a_report_has_a_line_a_file_and_grows(cli, scans, tmp_path, model):
    words = ("colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1)
    cli(*words, "--report", tmp_path / "r.jsonl")
    cli(*words, "--report", tmp_path / "r.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["done"] * 3 + ["skipped"] * 3


def test_json_prints_the_report_lines_and_nothing_else(cli, scans, tmp_path, model):
    answer = cli("colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1, "--json")
    assert [json.loads(line)["status"] for line in answer.out.splitlines()] == ["done"] * 3
    assert answer.err == ""


def test_quiet_says_nothing(cli, scans, tmp_path, model):
    answer = cli(
        "colorize", scans, "-o", tmp_path / "out", "--model", model, "--jobs", 1, "--quiet"
    )
    assert (answer.out, answer.err) == ("", "")


def test_a_dry_run_says_what_would_be_done_and_touches_nothing(cli, scans, tmp_path, model):
    answer = cli("colorize", scans, "-o", tmp_path / "out", "--model", model, "--dry-run")
    assert answer.out.splitlines()[0] == f"{scans / '0.png'} -> {tmp_path / 'out/0.png'}"
    assert not (tmp_path / "out").exists()


def test_a_glob_in_quotes_is_expanded(cli, scans, tmp_path, model):
    answer = cli("colorize", f"{scans}/[01].png", "-o", tmp_path / "out", "--model", model)
    assert answer.code == 0
    assert names(tmp_path / "out") == ["0.png", "1.png"]


def test_a_glob_that_matches_a_folder_and_what_is_in_it_means_the_folder(
    cli, scans, tmp_path, model
):
    save(scans / "box/4.png")
    answer = cli("colorize", f"{scans}/**", "-o", tmp_path / "out", "--model", model)
    assert answer.code == 0, answer.err
    assert names(tmp_path / "out") == ["0.png", "1.png", "2.png", "box/4.png"]


def test_a_source_that_is_named_twice_is_coloured_once(cli, scans, tmp_path, model):
    twice = scans / "0.png", f"{scans}/./0.png"
    answer = cli("colorize", *twice, "-o", tmp_path / "out", "--model", model, "--json")
    assert answer.code == 0 and len(answer.out.splitlines()) == 1


def test_what_the_result_cannot_hold_is_noted(cli, tmp_path, model):
    source = save(tmp_path / "a.png", gray(60, 80).astype("uint16") * 257)
    words = ("colorize", source, "-o", tmp_path / "out", "--model", model, "--format", "webp")
    answer = cli(*words, "--report", tmp_path / "r.jsonl")
    assert f"{source}: note: WebP holds 8 bits of its 16" in answer.err
    (line,) = (tmp_path / "r.jsonl").read_text().splitlines()
    assert json.loads(line)["notes"] == ["WebP holds 8 bits of its 16"]


def test_a_taken_name_is_told_with_the_file_that_takes_it(cli, scans, tmp_path, model):
    taken = save(tmp_path / "out/0.png")
    answer = cli("colorize", scans / "0.png", "-o", tmp_path / "out", "--model", model)
    assert answer.code == 1
    assert answer.err.startswith(f"photochrom: {scans / '0.png'} -> {taken}: another file")


def test_names_of_a_dry_run_stay_on_one_line(cli, tmp_path, model):
    save(tmp_path / "scans/a\nb.png")
    answer = cli("colorize", tmp_path / "scans", "-o", "out", "--model", model, "--dry-run")
    assert answer.out == f"{tmp_path}/scans/a\\x0ab.png -> out/a\\x0ab.png\n"


@pytest.mark.parametrize("place", ["before", "after"])
def test_verbose_tells_where_a_defect_is_and_without_it_there_is_one_line(
    cli, scans, tmp_path, model, monkeypatch, caplog, place
):
    def broken(*_, **__):
        raise RuntimeError("no such luck")

    monkeypatch.setattr("core.job.plan", broken)
    words = ["colorize", scans, "-o", tmp_path / "out", "--model", model]
    answer = cli(*words)
    assert (answer.code, caplog.text) == (1, "")
    assert answer.err == "photochrom: RuntimeError: no such luck; --verbose tells where\n"
    words.insert(0 if place == "before" else len(words), "--verbose")
    assert cli(*words).err == "photochrom: RuntimeError: no such luck\n"
    assert "in broken" in caplog.text


def test_before_and_after_stand_side_by_side(cli, scans, tmp_path, model):
    sheet = tmp_path / "sheet.png"
    words = ("colorize", scans / "0.png", "-o", tmp_path / "out", "--model", model)
    assert cli(*words, "--before-after", sheet).code == 0
    assert Image.open(sheet).size == (80 + 12 + 80, 60)


def test_a_folder_of_nothing_is_done_at_once(cli, tmp_path, model):
    (tmp_path / "empty").mkdir()
    answer = cli("colorize", tmp_path / "empty", "-o", tmp_path / "out", "--model", model)
    assert answer.code == 0 and "nothing to do" in answer.err


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["colorize", "SCANS", "-o", "OUT", "--vividnes", "1"], 2, "--vividness"),
        (["colorize", "SCANS", "-o", "OUT", "--vividness", "3"], 2, "3.0 is not in the range"),
        (["colorize", "SCANS", "-o", "OUT", "--vividness", "nan"], 2, "nan"),
        (["colorize", "SCANS", "-o", "OUT", "--max-pixels", "nan"], 2, "megapixels"),
        (["colorize", "SCANS", "-o", "OUT", "--max-pixels", "inf"], 2, "megapixels"),
        (["colorize", "-", "-o", "OUT"], 2, "no format is written under the name"),
        (["colorize", "SCANS/0.png", "-o", "OUT/a.bmp"], 2, "end it with one of .jpg .png"),
        (["colorize", "SCANS/0.png", "-o", "OUT/a.jpgg"], 2, "or with / for a folder"),
        (["colorize", "SCANS/0.png", "-o", "OUT/a.j2k"], 2, ".jp2"),
        (["colorize", "SCANS", "-o", "OUT", "--format", "jepg"], 2, "Did you mean 'jpeg'?"),
        (["colorize", "-", "-o", "OUT/a.png", "--dry-run"], 2, "takes no --dry-run"),
        (["colorize", "-", "-o", "-", "--json"], 2, "no --json"),
        (["colorize", "SCANS/0.png", "-o", "x" * 300], 1, "too long"),
        (["colorize", "x" * 300 + ".png", "-o", "OUT"], 1, "too long"),
        (["colorize", "SCANS", "-o", "SCANS"], 2, "-o is the same as SRC"),
        (["colorize", "SCANS", "-o", "OUT", "--model", "photochrom-lte"], 3, "did you mean"),
        (["colorize", "SCANS", "-o", "OUT", "--device", "cuda"], 3, "install"),
        (["colorize", "SCANS"], 2, "--output"),
        (["colorise", "SCANS"], 2, "did you mean 'colorize'?"),
        (["colorize", "SCANS/*.gif", "-o", "OUT"], 2, "nothing matches"),
        (["colorize", "SCANS/0.png", "-o", "-"], 2, "only source"),
        (["colorize", "SCANS", "-o", "SCANS/0.png"], 2, "a folder"),
    ],
)
def test_a_wrong_command_line_is_refused_with_what_would_be_right(
    cli, scans, tmp_path, words, code, says
):
    words = [w.replace("SCANS", str(scans)).replace("OUT", str(tmp_path / "out")) for w in words]
    answer = cli(*words)
    assert answer.code == code, answer.err
    assert says in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


def test_a_missing_file_fails_and_the_others_are_done(cli, scans, tmp_path, model):
    answer = cli(
        "colorize", scans / "0.png", scans / "9.png", "-o", tmp_path / "out", "--model", model
    )
    assert answer.code == 1 and "9.png" in answer.err
    assert names(tmp_path / "out") == ["0.png"]


def test_a_source_is_never_written_over(cli, scans, model):
    before = (scans / "0.png").read_bytes()
    answer = cli("colorize", scans / "0.png", "-o", scans, "--model", model)
    assert answer.code == 2
    assert (scans / "0.png").read_bytes() == before


def test_a_pipe_takes_a_picture_and_gives_one(scans, model):
    answer = subprocess.run(
        [*START, "colorize", "-", "-o", "-", "--model", str(model)],
        input=(scans / "0.png").read_bytes(),
        capture_output=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(b"\x89PNG")


def test_a_pipe_has_its_line_in_the_report(scans, tmp_path, model):
    report = tmp_path / "r.jsonl"
    words = ["colorize", "-", "-o", "-", "--model", str(model), "--report", str(report)]
    subprocess.run([*START, *words], input=(scans / "0.png").read_bytes(), capture_output=True)
    subprocess.run([*START, *words], input=b"junk", capture_output=True)
    done, failed = (json.loads(line) for line in report.read_text().splitlines())
    assert (done["source"], done["output"]) == ("standard input", "standard output")
    assert (done["status"], failed["status"]) == ("done", "failed")


def test_a_pipe_of_junk_fails_and_gives_nothing(model):
    answer = subprocess.run(
        [*START, "colorize", "-", "-o", "-", "--model", str(model)],
        input=b"junk",
        capture_output=True,
    )
    assert (answer.returncode, answer.stdout) == (1, b"")
    assert b"standard input" in answer.stderr


def test_when_the_command_is_killed_its_processes_go_too(scans, tmp_path, model):
    for number in range(30):
        save(scans / f"{number}.tif", gray(1500, 2000))
    words = [*START, "colorize", str(scans), "-o", str(tmp_path / "out"), "--model", str(model)]
    process = subprocess.Popen([*words, "--jobs", "2", "--quiet"])
    wait_for(lambda: (tmp_path / "out").exists() and names(tmp_path / "out"))
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert len(gone) >= 2 and not alive


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_leaves_nothing_half_written_and_run_again_it_goes_on(scans, tmp_path, model, jobs):
    for path in scans.iterdir():
        path.unlink()
    big = gray(1500, 2000)
    for number in range(30):
        save(scans / f"{number}.tif", big)
    out = tmp_path / "out"
    words = [*START, "colorize", str(scans), "-o", str(out), "--model", str(model), "--jobs", jobs]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: out.exists() and any(name[0] != "." for name in names(out)))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the whole group
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"Traceback" not in said
    done = names(out)
    assert 0 < len(done) < 30
    assert all(name.endswith(".tif") and not name.startswith(".") for name in done)
    again = subprocess.run([*words, "--json"], capture_output=True, text=True)
    status = [json.loads(line)["status"] for line in again.stdout.splitlines()]
    assert again.returncode == 0
    assert (status.count("skipped"), status.count("done")) == (len(done), 30 - len(done))
