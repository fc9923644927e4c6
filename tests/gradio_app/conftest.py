"""One real server for all tests of this room that do not end it, and a real browser."""

import shutil

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.gradio_app.browsing import PATIENCE_MS
from tests.gradio_app.serving import server

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, _NAMES) if path), None)


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A running server with two tiny models, `tiny` (its own) and `plain` (takes no hints)."""
    with server(tmp_path_factory.mktemp("served"), "--workers", "2") as running:
        yield running


@pytest.fixture
def client(served):
    """A client of that server."""
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("needs Chromium from the system's packages: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def window(browser):
    """Opens windows, each with a session of its own; their requests are kept in `requests`."""
    contexts = []

    def open_window(url: str, script: str = "", **settings) -> Page:
        settings = {"viewport": {"width": 1280, "height": 900}} | settings
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(script)
        page.set_default_timeout(PATIENCE_MS)
        page.goto(url, timeout=2 * PATIENCE_MS)  # the first one waits for Gradio
        page.wait_for_selector("#drop")
        return page

    yield open_window
    for context in contexts:
        context.close()


@pytest.fixture
def page(window, served) -> Page:
    return window(served.url)
