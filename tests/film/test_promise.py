"""`photochrom verify` on films: what is kept is said to be kept, and every breach is named."""

import json

import av
import numpy as np
import pytest

from core.film.source import frames, open_film
from tests.film.films import write_film
from tests.film.test_video import video


def verify(cli, before, after, *words):
    answer = cli("verify", before, after, "--json", *words)
    return answer.code, json.loads(answer.out)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "in.mkv", format="yuv420p")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.mkv", ["--vividness", 2]),
        ("deep.mkv", ["--depth", 10]),
        ("out.mov", []),
        ("x264.mkv", ["--codec", "x264"]),
    ],
)
def test_a_coloured_film_keeps_the_promise(cli, tmp_path, model, source, name, words):
    assert video(cli, source, tmp_path / name, model, *words).code == 0
    code, found = verify(cli, source, tmp_path / name, "--frames", 5)
    assert code == 0 and found["kept"], found
    assert (found["frames"], found["compared"], found["streams"]) == (24, 5, 1)
    assert found["chroma"] > 0
    is_lossless = found["codec"] == "ffv1"
    assert (found["worst"] == 0) == is_lossless


def rewritten(source, target, change, drop=None):
    """A film with other planes: change(index, planes) on a copy of each frame's."""
    film = open_film(source)
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = film.width, film.height, "yuv420p"
        sound = out.add_stream_from_template(container.streams.audio[0])
        for index, frame in enumerate(frames(film, 0, None, lambda *_: None)):
            if drop is None or index < drop:
                planes = frame.to_ndarray()
                change(index, planes)
                again = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                again.pts, again.time_base = frame.pts, frame.time_base
                again.color_range = 1
                out.mux(stream.encode(again))
        out.mux(stream.encode())
        for packet in container.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)
    return target


def one_code(index, planes):
    if index == 16:
        planes[3, 5] += 1


def rich(index, planes):
    planes[64:] = 255


@pytest.mark.parametrize(
    ("change", "drop", "says"),
    [
        (one_code, None, "luma differs from 0:00.7 on"),
        (rich, None, "a colour's L* differs by"),
        (lambda *_: None, 20, "its last 4 frames are missing"),
    ],
)
def test_what_is_not_kept_is_named(cli, tmp_path, source, change, drop, says):
    other = rewritten(source, tmp_path / "other.mkv", change, drop)
    code, found = verify(cli, source, other)
    assert code == 1 and says in "; ".join(found["differences"])


def test_other_sound_is_named(cli, tmp_path, model, source):
    silent = write_film(tmp_path / "silent.mkv", format="yuv420p", sound=None)
    assert video(cli, silent, tmp_path / "out.mkv", model).code == 0
    code, found = verify(cli, source, tmp_path / "out.mkv")
    assert code == 1 and found["differences"] == ["its audio (stream 1) is missing"]


def test_a_preview_is_no_result(cli, tmp_path, model, source):
    assert video(cli, source, tmp_path / "out.mkv", model, "--preview", 0.5).code == 0
    code, found = verify(cli, source, tmp_path / "out.mkv")
    assert code == 1 and "it is a preview of 0.5 seconds" in found["differences"]


def test_a_folder_of_films_and_pictures_is_verified_in_one(cli, tmp_path, model, source):
    from tests.photographs import gray, save

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "film.mkv").write_bytes(source.read_bytes())
    save(tmp_path / "in" / "scan.png", gray(40, 40))
    words = ("--model", model)
    assert cli("colorize", tmp_path / "in", "-o", tmp_path / "out", *words).code == 0
    assert video(cli, source, tmp_path / "out" / "film.mkv", model).code == 0
    answer = cli("verify", tmp_path / "in", tmp_path / "out")
    assert answer.code == 0, answer.err + answer.out
    assert [line.split(": ")[1].split("  ")[0] for line in answer.out.splitlines()] == ["kept"] * 2
    assert np.count_nonzero(["frames" in line for line in answer.out.splitlines()]) == 1
