"""Many files: nothing that was done is lost, and no file is used up, whatever happens between."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.gradio_app.browsing import (
    choose,
    download,
    finds_its_picture,
    give,
    shown,
    to_hint_editor,
)
from tests.gradio_app.page_client import (
    NAMED,
    archive_address,
    call,
    file_data,
    folder_of,
    opened,
    upload,
)
from tests.gradio_app.pictures import file_of, gray

PNG = file_of(gray(60, 80), "PNG")


def to_many(page: Page, *files: tuple[str, bytes]) -> None:
    page.get_by_role("tab", name="Many files").click()
    says = page.locator('#many-drop [data-testid="upload-text"]').evaluate(
        "part => getComputedStyle(part, '::before').content"
    )
    assert says == '"Choose photographs"'
    page.set_input_files(
        '#many-drop input[type="file"]',
        [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files],
    )
    expect(page.locator("#many-drop tr.file")).to_have_count(len(files))


def fetched_zip(page: Page) -> zipfile.ZipFile:
    with page.expect_download() as coming:
        page.locator("a.zip").click()
    return zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes()))


#: Large enough to be stopped in the middle of; small enough to be done soon.
LARGE = file_of(np.tile(gray(500, 800), (4, 4)), "PNG", compress_level=1)


def test_after_stop_the_done_ones_are_offered_and_the_rest_is_done_by_pressing_again(page):
    names = [f"{number}.png" for number in range(6)]
    to_many(page, (names[0], PNG), *((name, LARGE) for name in names[1:]))
    expect(page.locator("#many-count")).to_contain_text("6 files chosen")
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_have_count(0)  # there is nothing to stop
    page.locator("#many-go").click()
    expect(page.locator("#many-report")).to_contain_text(re.compile("[1-5] of 6 done"))
    stop.click()
    expect(page.locator("#many-report")).to_contain_text("stopped")
    expect(stop).to_have_count(0)
    done = fetched_zip(page).namelist()
    assert 1 <= len(done) < 6 and "0-photochrom.png" in done
    expect(page.locator("#many-drop tr.file")).to_have_count(6)  # still listed
    page.locator("#many-go").click()
    expect(page.locator("#many-report")).to_contain_text("6 of 6 done")
    whole = fetched_zip(page)
    assert whole.testzip() is None
    assert sorted(whole.namelist()) == [f"{number}-photochrom.png" for number in range(6)]
    expect(page.locator(".files .done")).to_have_count(6)


def test_what_is_done_is_offered_after_a_reload_too(page):
    to_many(page, ("0.png", PNG), *((f"{number}.png", LARGE) for number in range(1, 6)))
    page.locator("#many-go").click()
    expect(page.locator("#many-report")).to_contain_text(re.compile("[1-5] of 6 done"))
    page.reload()
    page.wait_for_selector("#drop")
    page.get_by_role("tab", name="Many files").click()
    # The server hears of the leaving a moment later; a page that was quicker is loaded again.
    for _ in range(20):
        if page.locator("a.zip").count():
            break
        page.wait_for_timeout(500)
        page.reload()
        page.wait_for_selector("#drop")
        page.get_by_role("tab", name="Many files").click()
        page.wait_for_timeout(500)
    assert "0-photochrom.png" in fetched_zip(page).namelist()


def test_the_same_photograph_twice_in_a_batch_is_coloured_twice(page):
    to_many(page, ("same.png", PNG), ("same.png", PNG), ("other.png", PNG))
    page.locator("#many-go").click()
    expect(page.locator("#many-report")).to_contain_text("3 of 3 done")
    archive = fetched_zip(page)
    assert sorted(archive.namelist()) == [
        "other-photochrom.png",
        "same-2-photochrom.png",
        "same-photochrom.png",
    ]
    assert len({archive.read(name) for name in archive.namelist()}) == 1


def test_the_same_photograph_in_two_windows_and_in_both_tabs_of_one(window, served):
    one, two = window(served.url), window(served.url)
    for page in (one, two):
        to_many(page, ("same.png", PNG))
    choose_in_first_tab(one)
    for page in (one, two):
        page.get_by_role("tab", name="Many files").click()
        page.locator("#many-go").click()
        expect(page.locator("#many-report")).to_contain_text("1 of 1 done")
    choose_in_first_tab(two)
    assert download_in_first_tab(one) == download_in_first_tab(two)


def choose_in_first_tab(page: Page) -> None:
    page.get_by_role("tab", name="Photograph", exact=True).click()
    choose(page, PNG, "same.png")


def download_in_first_tab(page: Page) -> bytes:
    page.get_by_role("tab", name="Photograph", exact=True).click()
    return download(page)[1]


def test_one_upload_is_opened_batched_and_opened_again(client):
    [path] = upload(client, ("a.png", PNG))
    first = opened(client, path)
    for _ in range(2):
        data = [[file_data(path), file_data(path)], *NAMED["batch"][1:]]
        archive = zipfile.ZipFile(
            io.BytesIO(client.get(archive_address(call(client, "batch", data))).content)
        )
        assert archive.namelist() == ["a-photochrom.png", "a-2-photochrom.png"]
    assert opened(client, path) != first
    assert Path(path).exists()


def test_a_batch_leaves_the_folder_as_small_as_its_archives(client):
    [path] = upload(client, ("a.png", PNG))
    page = folder_of(path).parent
    for _ in range(9):
        call(client, "batch", [[file_data(path)], *NAMED["batch"][1:]])
    batches = list(page.glob("batch-*"))
    assert 0 < len(batches) <= 6
    assert {file.name for folder in batches for file in folder.rglob("*")} == {"photochrom.zip"}
    assert not list(page.glob("tmp*"))


def test_a_picture_is_opened_closed_and_opened_again(page):
    for _ in range(2):
        choose(page, PNG)
        page.get_by_role("button", name="Another photograph").click()
        expect(page.locator("#chooser")).to_be_visible()
    choose(page, PNG)
    assert download(page)[0] == "scan-photochrom.png"


def test_a_damaged_file_is_told_of_again_each_time(page):
    for _ in range(2):
        give(page, PNG[:600], "broken.png")
        toast = page.get_by_test_id("toast-body")
        expect(toast).to_contain_text("damaged")
        page.get_by_test_id("toast-close").first.click()
        expect(toast).to_have_count(0)


@pytest.mark.parametrize("closes", ["first", "second"])
def test_a_duplicated_tab_has_a_picture_of_its_own(page, served, closes):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    stored = page.evaluate("sessionStorage.getItem('photochrom')")
    twin = page.context.new_page()
    twin.add_init_script(
        "if (!sessionStorage.getItem('photochrom'))"
        f" sessionStorage.setItem('photochrom', '{stored}')"
    )
    twin.goto(served.url)
    finds_its_picture(twin)
    to_hint_editor(twin)
    going, staying = (page, twin) if closes == "first" else (twin, page)
    going.get_by_role("button", name="Another photograph").click()
    expect(going.locator("#chooser")).to_be_visible()
    staying.bring_to_front()  # a tab behind another one is not drawn, and gives nothing
    assert download(staying)[0] == "scan-photochrom.png"
    assert shown(staying).shape == (300, 400, 3)
    staying.reload()
    finds_its_picture(staying)
    assert download(staying)[0] == "scan-photochrom.png"


def test_a_page_says_that_it_is_open(window, served):
    page = window(served.url)
    with page.expect_response(re.compile("/page/open/")) as coming:
        page.reload()
    assert coming.value.status == 204


def test_examples_and_previews_are_there_however_old_they_are(page):
    """Gradio removes its copies by age; there are none."""
    choose(page, PNG)
    for image in page.locator("#before-after img, #examples img").all():
        address = str(image.get_attribute("src"))
        assert re.search(r"/page/(picture-[\w-]+|examples)/[\w-]+\.jpg$", address), address
