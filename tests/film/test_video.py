"""`photochrom video` as a person uses it: what of a film stays, and what it gains."""

import json
from fractions import Fraction

import numpy as np
import pytest

from core.colour.ycbcr import MOST_DL, lightness_of_codes, lightness_of_luma, luma_of
from tests.film.films import look, same, write_film


def video(cli, source, target, model, *words):
    return cli("video", source, "-o", target, "--model", model, *words)


@pytest.fixture(scope="module")
def gray(tmp_path_factory):
    return write_film(tmp_path_factory.mktemp("film") / "gray.mkv")


def test_a_gray_film_gains_colour_and_keeps_luma_sound_chapters_and_times(
    cli, gray, tmp_path, model
):
    answer = video(cli, gray, tmp_path / "out.mkv", model)
    assert answer.code == 0, answer.err
    before, after = look(gray), look(tmp_path / "out.mkv")
    assert after.info["format"] == "yuv420p" and after.info["codec"] == "ffv1"
    assert same(before.luma, after.luma)
    assert float(np.std(after.cr)) > 3
    assert before.sound == after.sound
    assert before.times == after.times
    assert after.info["chapters"] == ["One"]
    assert after.info["metadata"]["TITLE"] == "A day at the sea"
    assert (after.info["range"], after.info["matrix"]) == (2, 6)
    assert not list(tmp_path.glob("*parts*"))


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("full.mkv", "yuvj420p"),
        ("a.mkv", "yuv422p10le"),
        ("b.mkv", "yuv444p12le"),
        ("c.mkv", "gray10le"),
        ("d.mkv", "gray16le"),
        ("e.mkv", "yuv411p"),
    ],
)
def test_luma_and_subsampling_of_every_depth_stay_in_ffv1(cli, tmp_path, model, name, format):
    codec = "mjpeg" if format == "yuvj420p" else "ffv1"
    source = write_film(tmp_path / name, codec=codec, format=format, frames=3)
    answer = video(cli, source, tmp_path / "out.mkv", model, "--chroma", "444")
    assert answer.code == 0, answer.err
    before, after = look(source), look(tmp_path / "out.mkv")
    assert same(before.luma, after.luma)
    wanted = (
        format.replace("gray", "yuv444p") if "gray" in format else format.replace("yuvj", "yuv")
    )
    assert after.info["format"] == wanted
    assert after.info["range"] == (1 if format.startswith("yuv4") else 2)


def test_lightness_is_within_the_films_promise(cli, gray, tmp_path, model):
    answer = video(cli, gray, tmp_path / "out.mkv", model, "--chroma", "444", "--vividness", 2)
    assert answer.code == 0
    after = look(tmp_path / "out.mkv")
    for luma, cb, cr in zip(after.luma, after.cb, after.cr, strict=True):
        shown = lightness_of_codes(np.stack([luma, cb, cr]), 8, "601", is_full=True)
        meant = lightness_of_luma(luma_of(luma, 8, is_full=True))
        assert np.abs(shown - meant).max() < MOST_DL + 0.5


@pytest.mark.parametrize(
    ("target", "words", "codec", "format"),
    [
        ("x.mp4", [], "h264", "yuv420p"),
        ("x.mov", [], "prores", "yuv422p10le"),
        ("x.mkv", ["--codec", "x264", "--depth", "10", "--quality", 0], "h264", "yuv420p10le"),
        ("x.mkv", ["--codec", "x265", "--quality", 20], "hevc", "yuv420p"),
        ("x.mkv", ["--depth", "10"], "ffv1", "yuv420p10le"),
    ],
)
def test_codecs_write_what_their_containers_hold(
    cli, tmp_path, model, target, words, codec, format
):
    source = write_film(
        tmp_path / "a.mp4",
        codec="libx264",
        format="yuv420p",
        sound="aac",
        frames=8,
        options={"crf": "20"},
    )
    answer = video(cli, source, tmp_path / target, model, *words)
    assert answer.code == 0, answer.err
    before, after = look(source), look(tmp_path / target)
    assert (after.info["codec"], after.info["format"]) == (codec, format)
    assert [data for _, data in before.sound] == [data for _, data in after.sound]
    assert len(after.times) == 8
    first = after.times[0] - before.times[0]
    assert np.allclose(np.subtract(after.times, before.times), first, atol=0.0011)
    assert abs(first) < 0.05
    if codec == "ffv1":
        assert same([luma.astype(np.uint16) << 2 for luma in before.luma], after.luma)


def test_turning_fields_and_uneven_times_stay(cli, tmp_path, model):
    times = [0, 40, 90, 100, 350, 360, 400, 1000]
    source = write_film(
        tmp_path / "a.mkv",
        format="yuv420p",
        frames=8,
        times=times,
        options={"field_order": "tt"},
        rotation=90,
        sound=None,
    )
    answer = video(cli, source, tmp_path / "out.mkv", model)
    assert answer.code == 0, answer.err
    before, after = look(source), look(tmp_path / "out.mkv")
    assert after.times == before.times == [time / 1000 for time in times]
    for kept in ("fields", "rotation"):
        assert after.info[kept] == before.info[kept]
    assert after.info["fields"] == 2 and after.info["rotation"] in (90, -90)


@pytest.mark.parametrize(
    ("target", "aspect", "size"),
    [
        ("out.mkv", Fraction(16, 15), (720, 576)),
        ("out.mkv", Fraction(64, 45), (180, 144)),
        ("out.mkv", Fraction(1, 3), (180, 144)),
        ("out.mov", Fraction(16, 15), (180, 144)),
        ("out.mp4", Fraction(16, 15), (180, 144)),
    ],
)
def test_every_container_keeps_the_shape_of_pixels(cli, tmp_path, model, target, aspect, size):
    source = write_film(
        tmp_path / "a.mp4",
        codec="libx264",
        format="yuv420p",
        sound="aac",
        frames=2,
        aspect=aspect,
        size=size,
    )
    answer = video(cli, source, tmp_path / target, model)
    assert answer.code == 0, answer.err
    before, after = look(source), look(tmp_path / target)
    assert before.info["aspect"] == aspect
    assert after.info["aspect"] == pytest.approx(aspect, rel=0.01)
    assert cli("verify", source, tmp_path / target).code == 0


def test_a_second_run_does_nothing_and_another_work_is_not_overwritten(cli, gray, tmp_path, model):
    assert video(cli, gray, tmp_path / "out.mkv", model).code == 0
    again = video(cli, gray, tmp_path / "out.mkv", model)
    assert again.code == 0 and "done already" in again.err
    other = video(cli, gray, tmp_path / "out.mkv", model, "--vividness", 0.5)
    assert other.code == 1 and "there is a file of that name already" in other.err


def test_report_lines_tell_of_segments_and_of_the_film(cli, gray, tmp_path, model):
    answer = video(cli, gray, tmp_path / "out.mkv", model, "--json")
    segment, film = map(json.loads, answer.out.splitlines())
    assert (segment["segment"], segment["segments"], segment["frames"]) == (1, 1, 24)
    assert segment["looks"] == 2
    assert film["status"] == "done" and film["pixels"] == 24 * 96 * 64 and len(film["key"]) == 64


def test_a_preview_is_so_many_seconds_from_the_middle(cli, tmp_path, model):
    source = write_film(tmp_path / "a.mkv", frames=48)
    answer = video(cli, source, tmp_path / "out.mkv", model, "--preview", 0.5)
    assert answer.code == 0, answer.err
    before, after = look(source), look(tmp_path / "out.mkv")
    assert len(after.luma) == 12 and abs(after.times[0]) < 0.05
    at = next(i for i, luma in enumerate(before.luma) if np.array_equal(luma, after.luma[0]))
    assert same(before.luma[at : at + 12], after.luma)
    assert 0.4 < len(after.sound) / len(before.sound) * 2 < 0.6


def test_a_scene_is_coloured_as_if_nothing_had_been_before_its_cut(cli, tmp_path, model):
    both = write_film(tmp_path / "both.mkv", frames=16, cuts=(7,))
    answer = video(cli, both, tmp_path / "coloured.mkv", model, "--json")
    assert answer.code == 0 and json.loads(answer.out.splitlines()[0])["cuts"] == 1
    alone = write_film(tmp_path / "alone.mkv", frames=16, cuts=(0,))
    assert video(cli, alone, tmp_path / "alone-coloured.mkv", model).code == 0
    after, wanted = look(tmp_path / "coloured.mkv"), look(tmp_path / "alone-coloured.mkv")
    assert same(after.luma[7:8], wanted.luma[:1])
    assert same(after.cb[7:8], wanted.cb[:1])
    assert same(after.cr[7:8], wanted.cr[:1])


def test_a_hint_holds_with_what_it_lies_on_until_the_cut(cli, tmp_path, model):
    source = write_film(tmp_path / "a.mkv", frames=40, cuts=(30,), format="yuv420p")
    (tmp_path / "h.json").write_text(
        json.dumps({"at": 0, "points": [{"x": 60, "y": 30, "radius": 8, "colour": "blue"}]})
    )
    hinting = ("--hints", tmp_path / "h.json", "--reach", 0)
    for name, words in (("plain.mkv", ()), ("hinted.mkv", hinting)):
        answer = video(cli, source, tmp_path / name, model, *words)
        assert answer.code == 0, answer.err
    plain, hinted = look(tmp_path / "plain.mkv"), look(tmp_path / "hinted.mkv")

    def change(frame: int) -> np.ndarray:
        return hinted.cb[frame].astype(int) - plain.cb[frame]

    assert change(0)[15, 30] > 8
    assert change(20)[15, 20] > 8, "twenty frames later it has panned twenty pixels to the left"
    assert abs(change(20)[15, 34]) < 4
    assert abs(change(32)).max() <= 2
