"""The page in a real Chromium, on a real server: what a person does, and what they see."""

import base64
import io
import json
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from core.colour.lab import srgb_to_lab
from gradio_app.page.hint_editor import document_of_strokes
from tests.gradio_app.browsing import (
    SKY,
    after,
    choose,
    compared,
    download,
    finds_its_picture,
    give,
    hue_distance,
    part,
    shown,
    stroke,
    to_hint_editor,
)
from tests.gradio_app.page_client import SETTINGS
from tests.gradio_app.pictures import file_of, gray


def test_a_photograph_is_coloured_and_nothing_is_asked_of_any_other_host(window, served):
    asked: list[str] = []
    page = window(served.url)
    page.context.on("request", lambda request: asked.append(request.url))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.reload()
    page.wait_for_selector("#drop")
    choose(page, file_of(gray(300, 400), "PNG"))
    expect(page.locator("#status")).to_contain_text("PNG, 0.1 megapixels")
    page.get_by_role("button", name="More").click()
    expect(page.locator("#facts")).to_contain_text("400 × 300 pixels, 8 bits a channel")
    expect(page.locator("#facts")).to_contain_text("tiny on CPU")
    expect(page.locator("#histogram")).to_contain_text("Mostly")
    to_hint_editor(page)
    for tab in ("Compare", "Many files", "Limits"):
        page.get_by_role("tab", name=tab).click()
    assert len(asked) > 20
    foreign = [url for url in asked if not url.startswith((served.url, "data:", "blob:"))]
    assert foreign == []
    assert not [text for text in complaints if "Content Security Policy" in text]


def test_before_and_after_differ_in_colour_alone(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    pictures = []
    for image in page.locator("#before-after img").all():
        data = page.request.get(str(image.get_attribute("src"))).body()
        pictures.append(np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) / 255)
    before, coloured = (srgb_to_lab(picture) for picture in pictures)
    assert np.abs(before[..., 1:]).max() < 2 < np.abs(coloured[..., 1:]).mean()
    assert np.abs(before[..., 0] - coloured[..., 0]).mean() < 1  # two JPEGs for the browser


def test_the_divider_moves_by_mouse_and_by_keys(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    handle = page.locator('#before-after [data-testid="slider"]')
    box, frame = handle.bounding_box(), page.locator("#before-after .slider-wrap").bounding_box()
    assert box and frame
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] * 0.2, box["y"] + 20, steps=4)
    page.mouse.up()

    def clipped() -> float:
        style = page.locator("#before-after img").nth(1).get_attribute("style") or ""
        found = re.search(r"inset\(0px 0px 0px ([\d.]+)%", style)
        assert found
        return float(found[1])

    assert clipped() == pytest.approx(20, abs=2)
    handle.focus()
    page.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", re.compile("2[4-6]"))
    assert clipped() == pytest.approx(25, abs=2)
    assert handle.get_attribute("role") == "slider"


def test_the_download_is_what_the_api_gives_hints_and_vividness_too(page, client):
    data = file_of(gray(300, 400), "TIFF")
    choose(page, data, "old scan.tif", "image/tiff")
    name, plain = download(page)
    assert name == "old scan-photochrom.tif"
    answer = client.post("/v1/colorize", files={"image": ("a.tif", data, "image/tiff")})
    assert plain == answer.content
    to_hint_editor(page)
    sent: list[dict] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.post_data_json or {}) if "queue/join" in request.url else None
        ),
    )
    page.get_by_role("button", name="Sky").click()
    after(page, lambda: stroke(page, 0.3, 0.5))
    strokes = sent[0]["event_data"]["strokes"]
    field = page.get_by_role("spinbutton", name=re.compile("Vividness")).first
    after(page, lambda: (field.fill("0.5"), field.press("Tab")))
    hints = document_of_strokes(strokes, 400, 300)
    answer = client.post(
        "/v1/colorize",
        params={"vividness": "0.5"},
        files={"image": ("a.tif", data, "image/tiff"), "hints": hints.encode()},
    )
    assert download(page)[1] == answer.content != plain


def test_small_faces_is_the_detail_that_the_api_has(page, client):
    data = file_of(gray(300, 400), "PNG")
    choose(page, data)
    to_hint_editor(page)
    plain = shown(page)
    switch = page.locator("#small-faces").get_by_role("checkbox", name="Small faces (slower)")
    assert not np.array_equal(after(page, switch.check), plain)
    answer = client.post(
        "/v1/colorize", params={"detail": 2}, files={"image": ("a.png", data, "image/png")}
    )
    assert download(page)[1] == answer.content
    page.reload()
    expect(switch).to_be_checked()


def test_vividness_0_shows_the_photograph_as_it_was(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    field = page.get_by_role("spinbutton", name=re.compile("Vividness")).first
    gray_again = after(page, lambda: (field.fill("0"), field.press("Tab")))
    assert np.ptp(gray_again.astype(int), axis=-1).max() <= 2


def test_a_damaged_file_is_answered_with_a_sentence(page):
    give(page, file_of(gray(300, 400), "JPEG")[:3000], "broken.jpg", "image/jpeg")
    toast = page.get_by_test_id("toast-body")
    expect(toast).to_contain_text("damaged")
    expect(toast).not_to_contain_text("Traceback")
    choose(page, file_of(gray(60, 80), "PNG"))


def test_40_megapixels_are_coloured(page):
    data = file_of(np.tile(gray(500, 800), (10, 10)), "JPEG", quality=60)
    choose(page, data, "large.jpg", "image/jpeg")
    expect(page.locator("#status")).to_contain_text("40.0 megapixels")
    to_hint_editor(page)
    assert max(shown(page).shape) == 1600
    name, result = download(page)
    assert Image.open(io.BytesIO(result)).size == (8000, 5000) and name == "large-photochrom.jpg"


def test_two_tabs_at_once_keep_their_own_pictures(window, served):
    one, two = window(served.url), window(served.url)
    choose(one, file_of(gray(300, 400), "PNG"), "one.png")
    choose(two, file_of(gray(200, 300)[::-1].copy(), "PNG"), "two.png")
    to_hint_editor(one)
    to_hint_editor(two)
    two_plain = shown(two)
    one.get_by_role("button", name="Sky").click()
    after(one, lambda: stroke(one, 0.3, 0.5))
    assert shown(one).shape == (300, 400, 3)
    assert np.array_equal(shown(two), two_plain)
    assert download(one)[0] == "one-photochrom.png" and download(two)[0] == "two-photochrom.png"


def test_a_reload_in_the_middle_of_work_finds_the_picture_and_its_hints_again(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    page.get_by_role("button", name="Sky").click()
    hinted = after(page, lambda: stroke(page, 0.3, 0.5))
    stroke(page, 0.6, 0.5)  # its answer never arrives
    page.reload()
    finds_its_picture(page)
    to_hint_editor(page)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    assert hue_distance(part(shown(page), 0.35, 0.5), SKY) < 30
    assert hinted.shape == shown(page).shape


def paste(page: Page, data: bytes, name: str) -> None:
    page.evaluate(
        """async ([data, name]) => {
          const blob = await (await fetch("data:image/png;base64," + data)).blob();
          const carrier = new DataTransfer();
          carrier.items.add(new File([blob], name, {type: "image/png"}));
          document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: carrier}));
        }""",
        [base64.b64encode(data).decode(), name],
    )


def test_a_picture_is_pasted_and_another_in_its_place(page):
    paste(page, file_of(gray(90, 120), "PNG"), "pasted.png")
    expect(page.locator("#opened")).to_be_visible()
    assert download(page)[0] == "pasted-photochrom.png"
    paste(page, file_of(gray(300, 400), "PNG"), "another.png")
    expect(page.locator("#status")).to_contain_text("0.1 megapixels")
    assert download(page)[0] == "another-photochrom.png"


#: Holds back what the server says of events, as a slow line or a loaded machine does; requests
#: and their own answers are as quick as ever.
LATE_ANSWERS = """
const quick = window.fetch.bind(window);
window.fetch = async (resource, settings) => {
  const answer = await quick(resource, settings);
  if (!answer.url.includes("/queue/data")) return answer;
  const late = new TransformStream({ async transform(chunk, out) {
    await new Promise((done) => setTimeout(done, 300));
    out.enqueue(chunk);
  }});
  return new Response(answer.body.pipeThrough(late), { status: answer.status });
};
"""


def test_nothing_that_is_asked_for_is_lost_where_answers_come_late(window, served):
    page = window(served.url, LATE_ANSWERS)
    paste(page, file_of(gray(90, 120), "PNG"), "pasted.png")  # the page still asks what was open
    expect(page.locator("#opened")).to_be_visible()
    field = page.get_by_role("spinbutton", name=re.compile("Vividness")).first
    for vividness in ("0.5", "0.6", "0.7"):
        field.fill(vividness)
        field.press("Tab")
        assert download(page)[0] == "pasted-photochrom.png"
    to_hint_editor(page)
    plain = shown(page)
    assert not np.array_equal(after(page, lambda: stroke(page, 0.3, 0.5)), plain)
    assert download(page)[0] == "pasted-photochrom.png"


def test_an_example_is_opened_and_compared_by_two_models(page):
    page.get_by_role("button", name="Portrait").press("Enter")
    expect(page.locator("#opened")).to_be_visible()
    expect(page.get_by_role("slider", name="Divider")).to_be_focused()
    page.get_by_role("tab", name="Compare").click()
    left, right = compared(page)
    assert not np.array_equal(left, right)
    said = re.compile("Left: tiny, vividness 1, .* Right: plain, vividness 1")
    expect(page.locator("#compare-said")).to_contain_text(said)
    # The same settings twice are nothing to compare, and what was compared stays.
    page.locator("#compare-ways-right-model input").click()
    page.get_by_role("option", name="tiny").click()
    page.locator("#compare-go").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("Both ways are set alike")


def test_many_files_make_a_zip_and_a_list_of_what_failed(page, client):
    page.get_by_role("tab", name="Many files").click()
    good = [file_of(gray(80 + 10 * i, 120), "PNG") for i in range(3)]
    files = [
        {"name": f"{i}.png", "mimeType": "image/png", "buffer": data} for i, data in enumerate(good)
    ]
    bad = {"name": "bad.png", "mimeType": "image/png", "buffer": good[0][:200]}
    page.set_input_files('#many-drop input[type="file"]', [*files, bad])
    expect(page.locator("#many-drop")).to_contain_text("bad")
    page.locator("#many-go").click()
    expect(page.locator("a.zip")).to_be_visible()
    expect(page.locator(".files .failed")).to_contain_text("bad.png")
    expect(page.locator(".files .failed")).to_contain_text("damaged")
    first = str(page.locator("a.zip").get_attribute("href"))
    page.get_by_role("button", name="Try the failed ones again").click()
    expect(page.locator("a.zip")).not_to_have_attribute("href", first)
    expect(page.locator("#many-again")).to_be_visible()  # it failed again
    expect(page.locator("#many-report")).to_contain_text("3 of 4 done")
    with page.expect_download() as coming:
        page.locator("a.zip").click()
    with zipfile.ZipFile(coming.value.path()) as archive:
        assert sorted(archive.namelist()) == [f"{i}-photochrom.png" for i in range(3)]
        for i, data in enumerate(good):
            answer = client.post("/v1/colorize", files={"image": (f"{i}.png", data, "image/png")})
            assert archive.read(f"{i}-photochrom.png") == answer.content


@pytest.mark.parametrize("width", [390, 1024, 1600])
def test_nothing_is_wider_than_the_window(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    for room in ("Many files", "Limits"):
        expect(page.get_by_role("tab", name=room)).to_be_visible()
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_everything_that_can_be_used_has_a_name_and_takes_the_focus(page):
    choose(page, file_of(gray(60, 80), "PNG"))
    to_hint_editor(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, a[href], input:not([type=file]), img")]
          .filter(e => e.offsetParent && !(e.getAttribute("aria-label") || e.title || e.alt
            || e.innerText?.trim() || e.labels?.length || e.closest("label")))
          .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


@pytest.mark.parametrize("field", ["path", "url"])
def test_no_file_and_no_address_is_taken_from_a_request(client, field):
    fetched = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            fetched.set()
            self.send_error(404)

        def log_message(self, format, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as outside:
        threading.Thread(target=outside.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{outside.server_port}/x.png"
        for place in ("/etc/passwd", address):
            file = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}, field: place}
            started = client.post("/gradio_api/call/open", json={"data": [file, *SETTINGS]})
            body = started.text
            if started.status_code == 200:
                body = client.get(f"/gradio_api/call/open/{started.json()['event_id']}").text
            assert "event: complete" not in body and "root:" not in body
        outside.shutdown()
    assert not fetched.is_set()


def test_the_pages_api_is_named(client):
    named = json.loads(client.get("/gradio_api/info").text)["named_endpoints"]
    assert {"/open", "/full_size", "/compare", "/batch"} <= set(named)
