"""What shuts people out, as axe-core sees it: nothing, in every state of the page."""

from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

from tests.gradio_app.browsing import choose, stroke, to_hint_editor
from tests.gradio_app.pictures import file_of, gray

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
_RUN = """async (rules) => {
  const options = rules.length ? {runOnly: {type: "rule", values: rules}} : {};
  const found = await axe.run(document, {...options, resultTypes: ["violations"]});
  return found.violations.flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.target.join(" ")}: ${node.html.slice(0, 200)}: ${node.failureSummary}`));
}"""
#: Colours on their way from one to another have contrasts that nobody sees.
_STILL = """() => document.getAnimations().every(one =>
  one.playState !== "running" || one.effect.getTiming().iterations === Infinity)"""


def faults(page: Page, *rules: str) -> list[str]:
    """What axe-core finds on the page as it is now, by all its rules or by some."""
    page.wait_for_function(_STILL)
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    return page.evaluate(_RUN, rules)


@pytest.mark.parametrize("scheme,rules", [("light", ()), ("dark", ("color-contrast",))])
def test_axe_finds_nothing_in_any_state_of_the_page(window, served, scheme, rules):
    page = window(served.url, color_scheme=scheme)
    found = {"start": faults(page, *rules)}
    choose(page, file_of(gray(60, 80), "PNG"))
    found["open"] = faults(page, *rules)
    to_hint_editor(page)
    stroke(page, 0.4, 0.5)
    for folded in page.locator("button.label-wrap:visible").all():
        folded.click()
    found["painting"] = faults(page, *rules)
    page.set_viewport_size({"width": 390, "height": 844})
    found["painting on a phone"] = faults(page, *rules)
    page.set_viewport_size({"width": 1280, "height": 900})
    for tab in page.locator("#tabs > .tab-wrapper").get_by_role("tab").all():
        if tab.is_visible() and tab.get_attribute("aria-selected") != "true":
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            found[tab.inner_text()] = faults(page, *rules)
    assert {state: some for state, some in found.items() if some} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_login_form_and_the_reference(browser, guarded, served, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(guarded.url)
    assert faults(page) == []
    page.get_by_label("token").fill("not-the-token")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("alert").wait_for()
    assert faults(page) == []
    page.goto(f"{served.url}/v1/reference")
    assert faults(page) == []
    context.close()
