"""Takes the README's two pictures of the page: `python -m tests.gradio_app.take_pictures`.

A real server with the bundled model, a real Chromium, scikit-image's own photographs. The first
picture is the divider in light colours, the second the hint brush in dark ones.
"""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.gradio_app.serving import server

TARGET = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1280, "height": 940}
WIDTH = 960  # pixels, of the pictures as they are kept


def main(model: str) -> None:
    """Writes page-light.png and page-dark.png."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        models = os.environ.get("PHOTOCHROM_MODELS")
        with server(Path(folder), "--model", model, models=models) as running:
            for scheme, example, act in (
                ("light", "chelsea", _divide),
                ("dark", "coffee", _paint),
            ):
                page = browser.new_page(viewport=SIZE, color_scheme=scheme)  # type: ignore[arg-type]
                page.set_default_timeout(120_000)
                page.goto(running.url)
                names = sorted(["astronaut", "camera", "chelsea", "coffee", "rocket"])
                page.locator("#examples button").nth(names.index(example)).click()
                page.locator("#before-after img").nth(1).wait_for(timeout=60_000)
                act(page)
                page.wait_for_timeout(1500)  # pictures fade in
                _keep(page.screenshot(), TARGET / f"page-{scheme}.png")
        browser.close()


def _divide(page: Page) -> None:
    page.locator('#before-after [data-testid="slider"]').focus()
    page.keyboard.press("ArrowLeft")
    page.locator("h1").click()


def _paint(page: Page) -> None:
    page.get_by_role("tab", name="Paint").click()
    page.get_by_role("button", name="Sky").click()
    page.locator(".hint-editor-canvas").wait_for()
    page.wait_for_timeout(500)
    box = page.locator(".hint-editor-canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.62 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 50, steps=6)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.hint-editor-busy').hidden")


def _keep(data: bytes, target: Path) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), 1)
    colours = picture.quantize(256)
    picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG).save(
        target, optimize=True
    )
    print(f"{target.name}: {target.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["photochrom-lite"]))
