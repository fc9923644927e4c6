"""What is to be seen without scrolling, and what is not there because it would be of no use."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.gradio_app.browsing import after, choose, compared, shown, stroke, to_hint_editor
from tests.gradio_app.pictures import file_of, gray
from tests.gradio_app.serving import server

WIDE, TALL = file_of(gray(300, 400), "PNG"), file_of(gray(400, 300), "PNG")


def bottom_of(page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


@pytest.mark.parametrize("size", [(1280, 720), (820, 1180), (390, 844), (844, 390)])
def test_an_open_picture_ends_above_the_fold_and_the_download_is_at_hand(page, size):
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    for photograph in (WIDE, TALL):
        choose(page, photograph)
        for tab, picture in (("Photograph", "#before-after img"), ("Paint", ".hint-editor-view")):
            page.get_by_role("tab", name=tab).click()
            page.evaluate("scrollTo(0, 0)")
            box = page.locator(picture).first.bounding_box()
            assert box is not None
            assert box["height"] > 0.3 * height or box["width"] > 0.8 * width
            button = page.locator("#download").bounding_box()
            assert button is not None
            is_below = button["y"] > height / 2  # it sticks there where there is one column
            assert bottom_of(page, picture) <= (button["y"] if is_below else height)
            assert button["y"] + button["height"] <= height
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("button", name="Another photograph").click()
        expect(page.locator("#chooser")).to_be_visible()


def test_on_a_phone_on_its_side_nothing_covers_the_tabs_and_there_is_room_to_paint(page):
    page.set_viewport_size({"width": 844, "height": 390})
    choose(page, WIDE)
    to_hint_editor(page)
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(".hint-editor-view").bounding_box()
    button = page.locator("#another").bounding_box()
    assert box and button and box["height"] > 0.6 * 390, box
    menu = page.locator("#tabs > .tab-wrapper .overflow-menu > button")
    for tab in (*page.get_by_role("tab").all(), menu):
        place = tab.bounding_box()
        assert place is None or place["x"] + place["width"] <= button["x"]


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_with_many_files_chosen_the_button_stays_in_sight(page, size):
    """Fifty files made a list of five screens, and the button and all progress stood below it."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.get_by_role("tab", name="Many files").click()
    files = [
        {"name": f"scan {number:02}.png", "mimeType": "image/png", "buffer": WIDE}
        for number in range(30)
    ]
    page.set_input_files('#many-drop input[type="file"]', files)
    expect(page.locator("#many-drop tr.file")).to_have_count(30)
    expect(page.locator("#many-count")).to_contain_text("30 files chosen")
    page.evaluate("scrollTo(0, 0)")
    assert bottom_of(page, "#many-go") <= size[1]


def test_a_number_is_typed_and_left_with_the_tab_key_without_an_error(page):
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status))
    choose(page, WIDE)
    to_hint_editor(page)
    field = page.locator("#vividness").get_by_role("spinbutton")

    def leave() -> None:
        field.fill("0")
        for _ in range(3):
            page.keyboard.press("Tab")

    assert np.ptp(after(page, leave).astype(int), axis=-1).max() <= 2
    assert max(answers) < 400
    expect(page.locator(".toast-body")).to_have_count(0)


def test_820_pixels_are_one_column_and_1280_are_two(page):
    choose(page, WIDE)
    for width, columns in ((820, 1), (1280, 2)):
        page.set_viewport_size({"width": width, "height": 900})
        views, panel = page.locator("#views"), page.locator("#vividness")
        left, right = views.bounding_box(), panel.bounding_box()
        assert left and right
        assert (right["x"] >= left["x"] + left["width"]) == (columns == 2)
        assert (left["width"] > 0.9 * width) == (columns == 1)


def test_the_tabs_are_one_row_beside_the_name_of_the_program(page):
    choose(page, WIDE)
    tops = page.locator("[role=tab], h1").evaluate_all(
        "all => all.map(part => part.getBoundingClientRect()).map(box => box.y + box.height / 2)"
    )
    assert len(tops) == 8 and max(tops) - min(tops) < 12 and max(tops) < 50
    page.set_viewport_size({"width": 390, "height": 844})  # where the name stands above them
    for name in ("Photograph", "Paint", "Compare", "Vote", "Many files", "Limits"):
        expect(page.get_by_role("tab", name=name)).to_be_visible()


def test_with_one_model_there_is_none_to_choose_and_settings_are_compared(window, tmp_path):
    models = tmp_path / "one"
    models.mkdir()
    with server(tmp_path, "--model", "photochrom-lite", models=str(models)) as running:
        page = window(running.url)
        choose(page, WIDE)
        expect(page.locator("#model")).to_be_hidden()
        page.get_by_role("tab", name="Compare").click()
        expect(page.locator("#compare-ways-left-model")).to_be_hidden()
        field = page.locator("#compare-ways-left").get_by_role("spinbutton")
        field.fill("0")
        field.press("Tab")
        gray_one, vivid = compared(page)
        assert np.ptp(gray_one.astype(int), axis=-1).max() <= 2 < np.ptp(vivid, axis=-1).mean()
        said = re.compile("Left: vividness 0, .* Right: vividness 1.3, ")
        expect(page.locator("#compare-said")).to_contain_text(said)
        # An alternative is shown as it would look, and looks so when it is chosen.
        to_hint_editor(page)
        page.get_by_role("button", name="What else could it be?").click()
        page.locator(".hint-editor-canvas").click(position={"x": 60, "y": 60})
        choices = page.locator(".hint-editor-choice")
        choices.first.wait_for()
        pictures = choices.locator("img").evaluate_all("all => all.map((image) => image.src)")
        assert len(set(pictures)) == choices.count() > 1
        before = shown(page)
        assert (after(page, choices.last.click) != before).any()


def test_every_colour_of_the_brush_has_its_name_beside_it(page):
    choose(page, WIDE)
    to_hint_editor(page)
    names = page.locator(".hint-editor-swatch .hint-editor-name")
    assert names.all_inner_texts()[:3] == ["Skin", "Dark skin", "Grass"]
    for name in names.all():
        expect(name).to_be_visible()
    after(page, lambda: stroke(page, 0.4, 0.5))
    page.get_by_text("1 stroke").click()
    expect(page.locator(".hint-editor-list li")).to_contain_text("Skin")
