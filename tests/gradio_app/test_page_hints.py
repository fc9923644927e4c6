"""The page's stage in a real Chromium: hints by mouse, finger and keyboard."""

import numpy as np
from playwright.sync_api import expect

from tests.gradio_app.browsing import (
    SKY,
    after,
    choose,
    hue_distance,
    part,
    shown,
    stroke,
    to_stage,
)
from tests.gradio_app.pictures import file_of, gray


def test_a_brush_hint_turns_the_hue_it_is_undone_and_cleared(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_stage(page)
    plain = shown(page)
    page.get_by_role("button", name="Sky").click()
    hinted = after(page, lambda: stroke(page, 0.30, 0.5))
    assert hue_distance(part(hinted, 0.35, 0.5), SKY) < 30
    assert hue_distance(part(hinted, 0.35, 0.5), SKY) < hue_distance(part(plain, 0.35, 0.5), SKY)
    assert np.abs(part(hinted, 0.9, 0.1).astype(int) - part(plain, 0.9, 0.1)).max() <= 3
    twice = after(page, lambda: stroke(page, 0.70, 0.8))
    assert np.array_equal(after(page, page.get_by_role("button", name="Undo").click), hinted)
    assert not np.array_equal(twice, hinted)
    assert np.array_equal(after(page, page.get_by_role("button", name="Clear").click), plain)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_any_other_colour_is_chosen_freely(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_stage(page)
    sent: list[dict] = []
    page.on("request", lambda request: sent.append(request.post_data_json or {})
            if "queue/join" in request.url else None)  # fmt: skip
    purple = (0x90, 0x30, 0xC0)
    page.get_by_label("Any other colour").fill("#9030c0")
    expect(page.locator(".stage-swatch[aria-pressed=true]")).to_have_count(0)
    hinted = after(page, lambda: stroke(page, 0.3, 0.5))
    assert [stroke["colour"] for stroke in sent[0]["event_data"]["strokes"]] == ["#9030c0"]
    assert hue_distance(part(hinted, 0.35, 0.5), purple) < 30


def test_a_finger_paints_a_hint_on_a_phone(window, served):
    page = window(
        served.url, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    choose(page, file_of(gray(300, 400), "PNG"))
    to_stage(page)
    page.get_by_role("button", name="Sky").tap()
    page.locator(".stage-view").evaluate("view => view.scrollIntoView({block: 'center'})")
    scrolled = page.evaluate("scrollY")
    box = page.locator(".stage-canvas").bounding_box()
    assert box is not None
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *at: tuple[float, float]) -> None:
        points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
                  for x, y in at]  # fmt: skip
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def paint() -> None:
        touch("touchStart", (0.3, 0.4))
        for step in range(1, 6):
            touch("touchMove", (0.3 + 0.01 * step, 0.4 + 0.04 * step))
        touch("touchEnd")

    hinted = after(page, paint)
    assert hue_distance(part(hinted, 0.34, 0.56), SKY) < 30
    assert page.evaluate("scrollY") == scrolled  # the finger painted, and moved nothing else


def test_a_hint_is_painted_by_keyboard_alone(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_stage(page)
    page.get_by_role("button", name="Sky").press("Enter")
    page.locator(".stage-canvas").focus()
    for _ in range(5):
        page.keyboard.press("Shift+ArrowLeft")
    hinted = after(page, lambda: page.keyboard.press("Space"))
    assert hue_distance(part(hinted, 0.25, 0.5), SKY) < 30
    expect(page.locator(".stage-says")).to_contain_text("Stroke 1")
    after(page, lambda: page.keyboard.press("Control+z"))
    expect(page.locator(".stage-says")).to_contain_text("No stroke")


def test_what_else_it_could_be_becomes_a_hint(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_stage(page)
    page.get_by_role("button", name="What else could it be?").click()
    page.locator(".stage-canvas").click(position={"x": 60, "y": 60})
    choice = page.locator(".stage-choice")
    choice.first.wait_for()
    assert sum(int(text.strip(" %")) for text in choice.all_inner_texts()) <= 101
    before = shown(page)
    assert not np.array_equal(after(page, choice.last.click), before)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_the_tools_of_the_brush_stand_in_one_line_where_there_is_room(page):
    choose(page, file_of(gray(300, 400), "PNG"))
    to_stage(page)
    tops = page.locator(".stage-tools button, .stage-tools label").evaluate_all(
        "all => all.map(tool => tool.getBoundingClientRect()).map(box => box.y + box.height / 2)"
    )
    assert max(tops) - min(tops) < 10
