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
    to_stage,
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
    to_stage(page)
    assert drop(page, ".stage-canvas", ("on the picture.png", PNG))
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
        (b"nothing of the kind", "not a picture"),
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


def test_a_server_that_was_restarted_gets_photograph_and_strokes_again(window, tmp_path):
    with server(tmp_path) as first:
        page = window(first.url)
        choose(page, file_of(gray(300, 400), "PNG"))
        to_stage(page)
        page.get_by_role("button", name="Sky").click()
        hinted = after(page, lambda: stroke(page, 0.3, 0.5))
        port = first.state["port"]
        former = open_picture(page)
    assert hue_distance(part(hinted, 0.35, 0.5), SKY) < 30
    with server(tmp_path, port=port):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # looked at again
        expect_to_be_back(page, hinted, former)
        former = open_picture(page)
    with server(tmp_path, port=port):
        page.reload()
        expect_to_be_back(page, hinted, former)
        assert download(page)[0] == "scan-photochrom.png"


def open_picture(page: Page) -> str:
    """The server's name of the picture that the page has open; '' without one."""
    return page.evaluate("window.photochrom.lastId()")


def expect_to_be_back(page: Page, hinted: np.ndarray, former: str) -> None:
    expect(page.locator("#notice")).to_contain_text("started anew. Your photograph is opened again")
    page.wait_for_function(  # what was open stays in view until it is put away
        "former => !['', former].includes(window.photochrom.lastId())",
        arg=former,
        timeout=PATIENCE_MS,
    )
    expect(page.locator("#download")).to_be_visible()
    to_stage(page)
    expect(page.locator(".stage-undo")).to_be_enabled()
    expect(page.locator(".stage-busy")).to_be_hidden()
    assert np.array_equal(shown(page), hinted)
