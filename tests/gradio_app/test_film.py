"""The tab "Film": three frames at once, then the whole film, which can be fetched."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.film.films import look, same, write_film
from tests.gradio_app.page_client import call, file_data, last_data, upload
from tests.gradio_app.pictures import file_of, gray
from tests.gradio_app.test_page_giving import drop


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_film(
        tmp_path_factory.mktemp("film") / "reel.mp4",
        codec="libx264",
        format="yuv420p",
        sound="aac",
        frames=72,
        size=(320, 240),
    )


def to_film(page) -> None:
    page.get_by_role("tab", name="Film").click()


def give_film(page, path) -> None:
    to_film(page)
    page.set_input_files('#film-drop input[type="file"]', path)


def test_a_film_shows_three_frames_before_and_after_and_then_comes_whole(page, film, tmp_path):
    give_film(page, film)
    figures = page.locator("#film-frames figure")
    expect(figures).to_have_count(3)
    expect(figures.nth(1)).to_contain_text("0:01")
    before, after = (
        np.asarray(
            Image.open(io.BytesIO(page.request.get(image.evaluate("image => image.src")).body())),
            int,
        )
        for image in figures.nth(1).locator("img").all()
    )
    assert before.ndim == 2 and after.shape == (240, 320, 3)
    assert np.ptp(after, axis=-1).mean() > 5, "it has colours"

    page.locator("#film-kind input").click()
    page.get_by_role("option", name="MKV, without loss").click()
    page.locator("#film-go").click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Download the film").click()
    assert coming.value.suggested_filename == "reel-coloured.mkv"
    coming.value.save_as(tmp_path / "out.mkv")
    seen, source = look(tmp_path / "out.mkv"), look(film)
    assert same(seen.luma, source.luma) and float(np.std(seen.cr[0])) > 1
    assert [data for _, data in seen.sound] == [data for _, data in source.sound]


def test_an_mp4_is_played_on_the_page(page, film):
    give_film(page, film)
    page.locator("#film-go").click()
    player = page.locator("#film-report video")
    expect(player).to_be_visible()
    page.wait_for_function("document.querySelector('#film-report video').duration > 2.5")
    assert player.evaluate("video => video.videoWidth") == 320


@pytest.mark.parametrize("width", [390, 1280])
def test_the_tab_fits_the_window(window, served, film, width):
    page = window(served.url, viewport={"width": width, "height": 844})
    give_film(page, film)
    expect(page.locator("#film-frames figure")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for image in page.locator("#film-frames img").all():
        box = image.bounding_box()
        assert box and box["width"] > 100 and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_a_film_is_dropped_anywhere_also_while_another_is_there(page, film):
    data = film.read_bytes()
    for name in ("one.mp4", "two.mp4"):
        assert drop(page, "h1", (name, data))
        expect(page.locator("#film-drop")).to_contain_text(name.removesuffix(".mp4"))
        expect(page.locator("#film-frames figure")).to_have_count(3)


def test_what_is_no_film_is_told_in_one_sentence(page, tmp_path):
    (tmp_path / "scan.png").write_bytes(file_of(gray(60, 80), "PNG"))
    give_film(page, tmp_path / "scan.png")
    expect(page.get_by_text("This is not a film")).to_be_visible()
    expect(page.locator("#film-frames figure")).to_have_count(0)


def test_a_stopped_film_leaves_nothing_behind(page, served, tmp_path):
    long = write_film(tmp_path / "long.mkv", frames=900, options={"g": "1"}, size=(320, 240))
    give_film(page, long)
    expect(page.locator("#film-frames figure")).to_have_count(3)
    page.locator("#film-go").click()
    expect(page.locator("#film-report progress")).to_be_visible()
    page.locator("#film-stop").click()
    expect(page.get_by_text("nothing of it is kept")).to_be_visible()
    expect(page.locator("#film-stop")).not_to_be_visible()


def test_a_film_of_another_browser_is_refused(client, served, film):
    [path] = upload(client, ("reel.mp4", film.read_bytes()))
    with served.client() as other:
        for name, more in (("film_frames", []), ("film", ["MP4, plays everywhere"])):
            assert "422" in call(other, name, [file_data(path), "tiny", 1.0, *more])
    assert "<figure>" in last_data(call(client, "film_frames", [file_data(path), "tiny", 1.0]))[0]
