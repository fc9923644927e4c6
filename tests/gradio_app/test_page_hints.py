"""The hint editor in a real Chromium: hints by mouse, finger and keyboard."""

import re
from contextlib import suppress

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.gradio_app.browsing import (
    SKY,
    after,
    choose,
    hue_distance,
    part,
    shown,
    stroke,
    to_hint_editor,
)
from tests.gradio_app.pictures import file_of, gray


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


class Fingers:
    """Fingers on a part of the page on a phone; where they are in shares of that part."""

    def __init__(self, page: Page, part: str = ".hint-editor-canvas") -> None:
        page.locator(part).evaluate("part => part.scrollIntoView({block: 'center'})")
        box = page.locator(part).bounding_box()
        assert box is not None
        self._box = box
        self._session = page.context.new_cdp_session(page)

    def down(self, *at: tuple[float, float]) -> None:
        self._send("touchStart", at)

    def move(self, *at: tuple[float, float]) -> None:
        self._send("touchMove", at)

    def up(self) -> None:
        self._send("touchEnd", ())

    def _send(self, kind: str, at: tuple[tuple[float, float], ...]) -> None:
        points = [
            {
                "x": self._box["x"] + x * self._box["width"],
                "y": self._box["y"] + y * self._box["height"],
                "id": number,
            }
            for number, (x, y) in enumerate(at)
        ]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def strokes_sent(page: Page) -> list[dict]:
    """A list that grows: the strokes that the page tells the server, newest last."""
    sent: list[dict] = []

    def listen(request) -> None:
        event = (request.post_data_json or {}) if "queue/join" in request.url else {}
        sent.extend((event.get("event_data") or {}).get("strokes") or [])

    page.on("request", listen)
    return sent


def test_a_brush_hint_turns_the_hue_and_every_change_of_strokes_is_undone_and_done_again(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    undo, redo = button(page, "Undo"), button(page, "Redo")
    plain = shown(page)
    button(page, "Sky").click()
    hinted = after(page, lambda: stroke(page, 0.30, 0.5))
    assert hue_distance(part(hinted, 0.35, 0.5), SKY) < 30
    assert hue_distance(part(hinted, 0.35, 0.5), SKY) < hue_distance(part(plain, 0.35, 0.5), SKY)
    assert np.abs(part(hinted, 0.9, 0.1).astype(int) - part(plain, 0.9, 0.1)).max() <= 3
    twice = after(page, lambda: stroke(page, 0.70, 0.8))
    assert not np.array_equal(twice, hinted)
    assert np.array_equal(after(page, undo.click), hinted)
    assert np.array_equal(after(page, redo.click), twice)
    assert np.array_equal(after(page, button(page, "Clear").click), plain)
    assert np.array_equal(after(page, undo.click), twice)
    button(page, "Eraser").click()
    stroke(page, 0.30, 0.2)  # touches none
    assert np.array_equal(after(page, lambda: stroke(page, 0.75, 0.8)), hinted)
    page.get_by_text("1 stroke").click()
    assert np.array_equal(after(page, button(page, "Remove stroke 1, Sky").click), plain)
    assert np.array_equal(after(page, undo.click), hinted)
    after(page, undo.click)
    expect(redo).to_be_enabled()
    button(page, "Sky").click()
    after(page, lambda: stroke(page, 0.1, 0.1))
    expect(redo).to_be_disabled()


def test_any_other_colour_is_chosen_freely(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    sent: list[dict] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.post_data_json or {}) if "queue/join" in request.url else None
        ),
    )
    purple = (0x90, 0x30, 0xC0)
    page.get_by_label("Any other colour").fill("#9030c0")
    expect(page.locator(".hint-editor-swatch[aria-pressed=true]")).to_have_count(0)
    hinted = after(page, lambda: stroke(page, 0.3, 0.5))
    assert [stroke["colour"] for stroke in sent[0]["event_data"]["strokes"]] == ["#9030c0"]
    assert hue_distance(part(hinted, 0.35, 0.5), purple) < 30


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_a_finger_moves_the_divider_between_before_and_after(window, served):
    page = window(served.url, **PHONE)
    choose(page, file_of(gray(300, 400), "PNG"))
    fingers = Fingers(page, "#before-after .slider-wrap")
    fingers.down((0.5, 0.5))
    for step in range(1, 6):
        fingers.move((0.5 - 0.06 * step, 0.5))
    fingers.up()
    after_image = page.locator("#before-after img").nth(1)
    expect(after_image).to_have_attribute("style", re.compile(r"inset\(0px 0px 0px (1\d|2\d)"))


def tap_until(button: Locator, text: str) -> None:
    """Taps a button that is to have this text then; a busy browser drops a tap now and then."""
    for _ in range(3):
        button.tap()
        with suppress(AssertionError):
            expect(button).to_have_text(text, timeout=5_000)
            return
    expect(button).to_have_text(text)


def test_one_finger_paints_and_two_zoom_and_move_the_picture(window, served):
    page = window(served.url, **PHONE)
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    button(page, "Sky").tap()
    fingers = Fingers(page)
    scrolled = page.evaluate("scrollY")
    strokes = strokes_sent(page)
    zoom = page.locator(".hint-editor-whole")

    # A pinch, of which one finger comes a little before the other: nothing is painted.
    fingers.down((0.4, 0.5))
    fingers.move((0.41, 0.5))
    fingers.down((0.41, 0.5), (0.6, 0.5))
    for step in range(1, 9):
        fingers.move((0.41 - 0.025 * step, 0.5), (0.6 + 0.025 * step, 0.5))
    fingers.up()
    expect(zoom).to_have_text(re.compile(r"3[01]\d %"))
    assert page.locator(".hint-editor-undo").is_disabled()

    def paint() -> None:
        fingers.down((0.5, 0.5))
        for step in range(1, 6):
            fingers.move((0.5 + 0.01 * step, 0.5 + 0.04 * step))
        fingers.up()

    hinted = after(page, paint)
    assert len(strokes) == 1
    # The zoom was about the middle: a tenth of the screen now is a thirtieth of the picture.
    x, y = np.array(strokes[0]["points"][-1]) / (400, 300)
    assert (x, y) == pytest.approx((0.5 + 0.05 / 3.1, 0.5 + 0.2 / 3.1), abs=0.02)
    assert hue_distance(part(hinted, 0.51, 0.54), SKY) < 30
    assert page.evaluate("scrollY") == scrolled  # the finger painted, and moved nothing else
    tap_until(zoom, "100 %")


def test_the_wheel_zooms_where_it_points_and_the_brush_paints_what_is_seen(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    strokes = strokes_sent(page)
    box = page.locator(".hint-editor-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.3 * box["height"])
    for _ in range(4):
        page.mouse.wheel(0, -200)
    expect(page.locator(".hint-editor-whole")).not_to_have_text("100 %")
    after(page, lambda: stroke(page, 0.8, 0.3, length=0))
    assert strokes[0]["points"][0] == pytest.approx([320, 90], abs=3)
    full = strokes[0]["radius"]
    page.locator(".hint-editor-whole").click()
    after(page, lambda: stroke(page, 0.8, 0.3, length=0))
    assert strokes[-1]["points"][0] == pytest.approx([320, 90], abs=3)
    assert strokes[-1]["radius"] > 2 * full  # the brush's size is that on the screen


def test_a_hint_is_painted_by_keyboard_alone(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    page.get_by_role("button", name="Sky").press("Enter")
    page.locator(".hint-editor-canvas").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    hinted = after(page, lambda: page.keyboard.press("Space"))
    assert hue_distance(part(hinted, 0.25, 0.5), SKY) < 30
    expect(page.locator(".hint-editor-says")).to_contain_text("Stroke 1")
    after(page, lambda: page.keyboard.press("Control+z"))
    expect(page.locator(".hint-editor-says")).to_contain_text("No stroke")


def test_what_else_it_could_be_becomes_a_hint(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    page.get_by_role("button", name="What else could it be?").click()
    page.locator(".hint-editor-canvas").click(position={"x": 60, "y": 60})
    choice = page.locator(".hint-editor-choice")
    choice.first.wait_for()
    assert sum(int(text.strip(" %")) for text in choice.all_inner_texts()) <= 101
    before = shown(page)
    assert not np.array_equal(after(page, choice.last.click), before)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_the_tools_of_the_brush_stand_in_one_line_and_none_looks_pressed_that_is_not(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_hint_editor(page)
    tools = page.locator(".hint-editor-tools").locator("button, label")
    tops = tools.evaluate_all(
        "all => all.map(tool => tool.getBoundingClientRect()).map(box => box.y + box.height / 2)"
    )
    assert max(tops) - min(tops) < 10

    def looks(name: str) -> str:
        page.mouse.move(0, 0)
        return button(page, name).evaluate("tool => getComputedStyle(tool).backgroundColor")

    ask = "What else could it be?"
    assert looks(ask) == looks("Undo") == looks("Eraser")
    button(page, ask).click()
    assert looks(ask) != looks("Undo") == looks("Eraser")
