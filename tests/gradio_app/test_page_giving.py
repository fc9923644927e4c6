"""How photographs get to the page and back to it: dropped, pasted, chosen, after a restart."""

import base64
import re

import numpy as np
from playwright.sync_api import Page, expect

from tests.gradio_app.browsing import (
    PATIENCE_MS,
    SKY,
    after,
    choose,
    download,
    give,
    hue_distance,
    part,
    shown,
    stroke,
    to_hint_editor,
)
from tests.gradio_app.pictures import file_of, gray
from tests.gradio_app.serving import server

PNG = file_of(gray(90, 120), "PNG")


def drop(page: Page, at: str, *files: tuple[str, bytes]) -> bool:
    """Drops files on what a selector finds; whether the browser was kept from opening them."""
    return page.evaluate(
        """async ([at, files]) => {
          const carrier = new DataTransfer();
          for (const [name, data] of files) {
            const blob = await (await fetch("data:;base64," + data)).blob();
            carrier.items.add(new File([blob], name));
          }
          const target = document.querySelector(at);
          const settings = {dataTransfer: carrier, bubbles: true, cancelable: true};
          return ["dragenter", "dragover", "drop"].map((kind) =>
            !target.dispatchEvent(new DragEvent(kind, settings))).every(Boolean);
        }""",
        [at, [(name, base64.b64encode(data).decode()) for name, data in files]],
    )


def test_a_photograph_is_dropped_anywhere_also_while_another_is_open(page):
    assert drop(page, "h1", ("beside.png", PNG))
    expect(page.locator("#opened")).to_be_visible()
    assert download(page)[0] == "beside-photochrom.png"
    page.get_by_role("tab", name="Limits").click()
    assert drop(page, "body", ("from limits.png", file_of(gray(300, 400), "PNG")))
    expect(page.locator("#status")).to_contain_text("0.1 megapixels")
    to_hint_editor(page)
    assert drop(page, ".hint-editor-canvas", ("on the picture.png", PNG))
    expect(page.locator("#opened")).to_be_visible()
    assert download(page)[0] == "on the picture-photochrom.png"
    assert drop(page, "body", ("1.png", PNG), ("2.png", PNG))
    expect(page.locator("#many-drop tr.file")).to_have_count(2)


def test_a_file_is_what_it_holds_whatever_it_is_called(page):
    for name, result in (
        ("old.jpe", "old-photochrom.jpe"),
        ("old.jfif", "old-photochrom.jfif"),
        ("old", "old-photochrom.jpg"),
        ("old.png", "old-photochrom.jpg"),
    ):
        choose(page, file_of(gray(90, 120), "JPEG"), name, "")
        assert download(page)[0] == result
        page.get_by_role("button", name="Another photograph").click()


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 200


def test_what_went_wrong_is_said_in_words_for_people(page):
    for data, says in (
        (HEIC, "HEIC|damaged"),  # a machine that can read it finds this one damaged
        (file_of(gray(300, 400), "JPEG")[:3000], "damaged"),
    ):
        give(page, data, "IMG_1.jpg", "image/jpeg")
        toast = page.get_by_test_id("toast-body")
        expect(toast).to_contain_text(re.compile(says))
        assert not re.search(r"[Vv]ips|--|Error|Traceback", toast.inner_text())
        page.get_by_test_id("toast-close").first.click()
        expect(toast).to_have_count(0)


def test_an_upload_says_how_much_of_it_is_sent(page):
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    session.send("Network.emulateNetworkConditions", slow)
    page.evaluate(
        """() => {
          window.told = [];
          const told = () => document.querySelector("#sending span")?.textContent;
          new MutationObserver(() => window.told.push(told()))
            .observe(document.body, {childList: true, subtree: true, characterData: true});
        }"""
    )
    choose(page, file_of(np.tile(gray(500, 800), (2, 1)), "PNG"), "large.png")
    told = page.evaluate("window.told.filter(Boolean)")
    percent = [int(text.split()[1]) for text in told if text.startswith("Sending")]
    assert percent == sorted(percent) and len({*percent} - {0, 100}) >= 2
    expect(page.locator("#sending")).to_have_count(0)


PDF = b"%PDF-1.7\n" + bytes(5_000_000)


def test_what_is_no_picture_is_refused_before_it_is_sent(page):
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rpartition("/")[2]))
    notice = page.locator("#notice")
    give(page, PDF, "letter.pdf", "application/pdf")
    expect(notice).to_contain_text(re.compile("letter.pdf: It is a PDF.*, which is not read"))
    give(page, b"nothing of the kind", "IMG_1.jpg", "image/jpeg")
    expect(notice).to_contain_text("IMG_1.jpg: This is not a picture")
    assert "upload" not in [name.partition("?")[0] for name in sent]
    choose(page, PNG)  # and the chooser is as good as before
    # What was dropped by mistake does not put the open photograph away.
    drop(page, "body", ("letter.pdf", PDF))
    expect(notice).to_contain_text("letter.pdf")
    assert download(page)[0] == "scan-photochrom.png"
    drop(page, "body", ("1.png", PNG), ("letter.pdf", PDF), ("2.png", PNG), ("notes.txt", b"no"))
    expect(notice).to_contain_text("2 files are left out")
    expect(notice).to_contain_text("letter.pdf, notes.txt")
    expect(page.locator("#many-drop tr.file")).to_have_count(2)


def test_a_server_that_was_killed_and_started_gets_photograph_and_strokes_again(window, tmp_path):
    with server(tmp_path) as first:
        pages = [window(first.url), window(first.url)]
        hinted = [with_a_sky(page) for page in pages]
        former = [open_picture(page) for page in pages]
        first.process.kill()
        first.process.wait()
    with server(tmp_path, port=first.state["port"]):
        kept, loaded = pages
        kept.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # looked at again
        loaded.reload()
        for page in pages:  # at once in both, since it goes after a while
            expect(page.locator("#notice")).to_contain_text("Your photograph is opened again")
        for page, picture, id in zip(pages, hinted, former, strict=True):
            expect_to_be_back(page, picture, id)
        assert download(loaded)[0] == "scan-photochrom.png"


def with_a_sky(page: Page) -> np.ndarray:
    """Opens a photograph and paints a stroke of sky on it: the picture in the hint editor."""
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    page.get_by_role("button", name="Sky").click()
    hinted = after(page, lambda: stroke(page, 0.3, 0.5))
    assert hue_distance(part(hinted, 0.35, 0.5), SKY) < 30
    return hinted


def open_picture(page: Page) -> str:
    """The server's name of the picture that the page has open; '' without one."""
    return page.evaluate("window.photochrom.lastId()")


def expect_to_be_back(page: Page, hinted: np.ndarray, former: str) -> None:
    page.wait_for_function(  # what was open stays in view until it is put away
        "former => !['', former].includes(window.photochrom.lastId())",
        arg=former,
        timeout=PATIENCE_MS,
    )
    expect(page.locator("#download")).to_be_visible()
    expect(page.locator("#tab-paint-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".hint-editor-undo")).to_be_enabled()
    expect(page.locator(".hint-editor-busy")).to_be_hidden()
    assert np.array_equal(shown(page), hinted)


def test_a_page_whose_connection_broke_for_a_while_goes_on_with_all_strokes(page):
    """A phone that slept or left the WLAN stayed at "Attempting reconnection" for ever."""
    choose(page, PNG)
    to_hint_editor(page)
    after(page, lambda: stroke(page, 0.3, 0.3))
    page.context.set_offline(True)
    stroke(page, 0.5, 0.6)
    expect(page.locator(".toast-body")).to_contain_text("Connection to the server was lost")
    with page.expect_navigation():  # the page loads itself anew
        page.context.set_offline(False)
    expect(page.get_by_role("tab", name="Paint")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".hint-editor-list summary")).to_have_text("2 strokes")
    expect(page.locator(".toast-body")).to_have_count(0)
