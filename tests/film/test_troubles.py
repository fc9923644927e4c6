"""Films that are damaged, are none, or do not fit: one clear line, and nothing half-written."""

import errno
import json
import os
import signal
import subprocess
import time

import av
import numpy as np
import pytest

from core.film import segments
from core.film.one_film import colour_segment
from tests.film.films import look, same, write_film
from tests.film.kills import command, differing_results
from tests.film.test_video import video


def nothing_is_left(folder, *known) -> bool:
    return sorted(path.name for path in folder.iterdir()) == sorted(known)


@pytest.mark.parametrize(
    "kind", ["text", "empty", "playlist", "sound", "cover", "absent", "folder"]
)
def test_what_is_no_film_is_one_clear_line_and_exit_code_1(cli, tmp_path, model, kind):
    source = tmp_path / "in.mkv"
    match kind:
        case "text":
            source.write_text("a letter " * 100)
            says = "no film of a known container"
        case "empty":
            source.write_bytes(b"")
            says = "the file is empty"
        case "playlist":  # FFmpeg would open what it names
            film = write_film(tmp_path / "secret.mkv", frames=2)
            source = tmp_path / "in.ts"
            source.write_text(f"ffconcat version 1.0\nfile {film.name}\n")
            says = "no film of a known container"
        case "sound":
            write_sound(source)
            says = "no picture in it"
        case "cover":
            source = write_sound(tmp_path / "in.mp4", cover=True)
            says = "no picture but a cover"
        case "absent":
            says = "there is no such file"
        case _:
            source.mkdir()
            answer = video(cli, source, tmp_path / "out.mkv", model)
            assert answer.code == 2 and "is a directory" in answer.err
            return
    answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 1
    (line,) = answer.err.splitlines()
    assert line.startswith(f"photochrom: {source}: ") and says in line
    assert not (tmp_path / "out.mkv").exists()


def write_sound(path, cover=False):
    from av.stream import Disposition

    picture = None
    with av.open(str(path), "w") as out:
        if cover:
            picture = out.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuvj420p"
            picture.disposition = Disposition.attached_pic
        sound = out.add_stream("aac", rate=48000, layout="mono")
        if picture is not None:
            frame = av.VideoFrame(32, 32, "yuvj420p")
            frame.pts = 0
            out.mux([*picture.encode(frame), *picture.encode()])
        for index in range(8):
            tone = av.AudioFrame.from_ndarray(
                np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
            )
            tone.sample_rate, tone.pts = 48000, 1024 * index
            out.mux(sound.encode(tone))
        out.mux(sound.encode())
    return path


def test_a_film_cut_short_is_coloured_as_far_as_it_goes_and_strict_refuses_it(cli, tmp_path, model):
    whole = write_film(tmp_path / "whole.mkv", frames=24)
    data = whole.read_bytes()
    source = tmp_path / "cut.mkv"
    source.write_bytes(data[: len(data) // 2])
    refused = video(cli, source, tmp_path / "out.mkv", model, "--strict")
    assert refused.code == 1 and not (tmp_path / "out.mkv").exists()
    answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 0, answer.err
    assert ": note: " in answer.err
    count = len(look(tmp_path / "out.mkv").luma)
    assert 6 < count < 18
    assert same(look(whole).luma[: count - 1], look(tmp_path / "out.mkv").luma[: count - 1])


def test_damage_in_the_middle_is_listed_with_its_time(cli, tmp_path, model):
    source = write_film(
        tmp_path / "a.mkv", frames=24, options={"g": "1", "slicecrc": "1", "level": "3"}
    )
    data = bytearray(source.read_bytes())
    with av.open(str(source)) as film:
        packet = next(packet for packet in film.demux(video=0) if packet.pts and packet.pts > 490)
    at = data.index(bytes(packet))
    data[at + 300 : at + 310] = bytes(10)
    source.write_bytes(data)
    answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 0, answer.err
    assert "note: damaged at 0:00.5" in answer.err
    assert video(cli, source, tmp_path / "b.mkv", model, "--strict").code == 1
    assert not (tmp_path / "b.mkv").exists()


def test_a_change_of_size_in_the_middle_is_told_with_its_time(cli, tmp_path, model):
    # MPEG-2's elementary streams can simply be put one after the other
    for name, size in (("a", (96, 64)), ("b", (64, 64))):
        write_film(
            tmp_path / f"{name}.m2v",
            codec="mpeg2video",
            format="yuv420p",
            size=size,
            frames=8,
            sound=None,
        )
    source = tmp_path / "both.m2v"
    source.write_bytes((tmp_path / "a.m2v").read_bytes() + (tmp_path / "b.m2v").read_bytes())
    answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 1
    assert "its size changes from 96x64 to 64x64 at 0:00." in answer.err
    assert not (tmp_path / "out.mkv").exists()


@pytest.mark.parametrize(
    ("target", "words", "says"),
    [
        ("out.avi", [], "end it with one of .mkv .mp4 .m4v .mov"),
        ("out.mp4", ["--codec", "ffv1"], "a .mp4 file holds no ffv1"),
        ("out.mkv", ["--quality", 12], "ffv1 is lossless"),
        ("out.mp4", ["--quality", 70], "choose 0 to 51 for x264"),
        ("in.mkv", [], "-o is the same as FILM"),
        ("out.mkv", ["--codec", "prorez"], "Did you mean 'prores'?"),
    ],
)
def test_a_wrong_command_line_touches_nothing(cli, tmp_path, model, target, words, says):
    source = write_film(tmp_path / "in.mkv", frames=2)
    answer = video(cli, source, tmp_path / target, model, *words)
    assert answer.code == 2 and says in answer.err
    assert nothing_is_left(tmp_path, "in.mkv")


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        ({"at": "soon", "points": []}, "at = 'soon'"),
        ({"at": 0, "points": [{"x": 500, "y": 1, "colour": "navy"}]}, "outside the film of 96x64"),
        ({"hints": 3}, "hints must be"),
    ],
)
def test_wrong_hints_are_refused_before_any_work(cli, tmp_path, model, hints, says):
    source = write_film(tmp_path / "in.mkv", frames=2)
    (tmp_path / "h.json").write_text(json.dumps(hints))
    answer = video(cli, source, tmp_path / "out.mkv", model, "--hints", tmp_path / "h.json")
    assert answer.code == 1 and says in answer.err
    assert nothing_is_left(tmp_path, "in.mkv", "h.json")


def test_a_container_that_cannot_hold_the_sound_is_told_before_any_work(cli, tmp_path, model):
    source = write_film(tmp_path / "in.mkv", frames=2, sound="tta")
    answer = video(cli, source, tmp_path / "out.mp4", model)
    assert answer.code == 1
    assert "a .mp4 file" in answer.err or "the .mp4 file" in answer.err
    assert "end the name with .mkv" in answer.err
    assert nothing_is_left(tmp_path, "in.mkv")


def test_a_full_disk_leaves_nothing_under_the_results_name(cli, tmp_path, model, monkeypatch):
    source = write_film(tmp_path / "in.mkv", frames=4)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("core.film.muxing.write_all", full)
    answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 1 and "the disk is full" in answer.err
    assert not (tmp_path / "out.mkv").exists()
    monkeypatch.undo()
    assert cli("video", source, "-o", tmp_path / "out.mkv", "--model", model).code == 0
    assert nothing_is_left(tmp_path, "in.mkv", "out.mkv")


@pytest.fixture
def short_segments(monkeypatch):
    monkeypatch.setattr(segments, "FRAMES", 12)
    monkeypatch.setattr(segments, "LEAD", 6)


def test_killed_at_any_segment_it_goes_on_and_the_result_is_the_same_to_the_byte(
    cli, tmp_path, model, short_segments
):
    source = write_film(tmp_path / "in.mkv", frames=60, options={"g": "1"}, format="yuv420p")
    undisturbed = tmp_path / "undisturbed.mkv"
    answer = video(cli, source, undisturbed, model, "--json")
    assert len(answer.out.splitlines()) == 6, "five segments and the film"

    out = tmp_path / "out.mkv"
    folder = tmp_path / "out.mkv.photochrom-parts"
    words = ["video", source, "-o", out, "--model", model]
    child = subprocess.Popen(command(12, *words), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("0*.part"))) < 2:
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not out.exists()
    stood = {path: path.stat().st_mtime_ns for path in folder.glob("0*.part")}
    coloured = []

    def counting(work, segment, **settings):
        before = work.file_of(segment).exists()
        record = colour_segment(work, segment, **settings)
        coloured.append((segment.index, before))
        return record

    from core.film import one_film

    one_film.colour_segment, before = counting, one_film.colour_segment
    try:
        answer = cli(*words)
    finally:
        one_film.colour_segment = before
    assert answer.code == 0, answer.err
    assert [index for index, there in coloured if there] == list(range(len(stood)))
    assert out.read_bytes() == undisturbed.read_bytes()
    assert not folder.exists()


def test_segments_coloured_in_any_order_give_the_same_film(cli, tmp_path, model, short_segments):
    from core.colorizer import Colorizer
    from core.film.one_film import finish, open_work
    from core.film.options import FilmOptions
    from core.options import Options

    source = write_film(tmp_path / "in.mkv", frames=40, options={"g": "1"}, format="yuv420p")
    files = []
    for name, order in (("a.mkv", 1), ("b.mkv", -1)):
        work = open_work(
            source,
            tmp_path / name,
            Colorizer.open(str(model)),
            Options(),
            FilmOptions(codec="x264"),
        )
        for segment in work.plan.segments[::order]:
            colour_segment(work, segment)
        finish(work, replace=False)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]
    seen = look(tmp_path / "a.mkv")
    assert len(seen.times) == 40 and seen.times == sorted(seen.times)


def test_two_processes_never_colour_into_one_result(cli, tmp_path, model):
    import fcntl

    source = write_film(tmp_path / "in.mkv", frames=2)
    folder = tmp_path / "out.mkv.photochrom-parts"
    folder.mkdir()
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 1 and "another process is colouring into it" in answer.err


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_kills_in_a_ten_minute_film_change_no_byte(tmp_path):
    wrong, killed = differing_results(tmp_path, frames=14400, kills=20)
    assert wrong == 0 and killed >= 15
