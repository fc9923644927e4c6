"""What a person does with the page in a browser, and what they see."""

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from core.colour.lab import srgb_to_lab

PATIENCE_MS = 30_000  # of a loaded machine; what is there is seen at once
expect.set_options(timeout=PATIENCE_MS)
SKY = (0x6F, 0xA3, 0xD8)


def choose(page: Page, data: bytes, name: str = "scan.png", kind: str = "image/png") -> None:
    """Chooses a file in the picker and waits until it is coloured."""
    give(page, data, name, kind)
    expect(page.locator("#opened")).to_be_visible()
    page.locator("#before-after img").nth(1).wait_for()


def finds_its_picture(page: Page) -> None:
    """Waits until a page that was loaded anew has its picture, on the tab where it was left."""
    expect(page.locator("#download")).to_be_visible()


def give(page: Page, data: bytes, name: str, kind: str = "image/png") -> None:
    page.set_input_files(
        '#drop input[type="file"]', {"name": name, "mimeType": kind, "buffer": data}
    )


def shown(page: Page) -> np.ndarray:
    """The picture in the hint editor, as the browser got it: uint8 (h, w, 3)."""
    data = page.request.get(
        page.locator(".hint-editor-picture").evaluate("image => image.src")
    ).body()
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def after(page: Page, act) -> np.ndarray:
    """The hint editor's picture after `act` made the server colour it anew."""
    old = page.locator(".hint-editor-picture").get_attribute("src")
    act()
    page.wait_for_function(
        "old => { const image = document.querySelector('.hint-editor-picture');"
        " return image.getAttribute('src') !== old && image.complete && image.naturalWidth; }",
        arg=old,
    )
    return shown(page)


def to_hint_editor(page: Page) -> None:
    page.get_by_role("tab", name="Paint").click()
    page.locator(".hint-editor-picture").wait_for()
    page.locator(".hint-editor-canvas").scroll_into_view_if_needed()


def stroke(page: Page, x: float, y: float, length: float = 0.1) -> None:
    """Paints from (x, y), in shares of the picture, to the right."""
    page.locator(".hint-editor-view").evaluate("view => view.scrollIntoView({block: 'center'})")
    box = page.locator(".hint-editor-canvas").bounding_box()
    assert box is not None
    left, top = box["x"] + x * box["width"], box["y"] + y * box["height"]
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + length * box["width"], top, steps=5)
    page.mouse.up()


def hue_distance(samples: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Degrees between the mean hue of codes and that of `colour`."""
    _, a, b = srgb_to_lab(samples.reshape(-1, 3) / 255).mean(axis=0)
    _, wanted_a, wanted_b = srgb_to_lab(np.array(colour) / 255)
    apart = np.degrees(np.arctan2(b, a) - np.arctan2(wanted_b, wanted_a))
    return abs((apart + 180) % 360 - 180)


def part(samples: np.ndarray, x: float, y: float) -> np.ndarray:
    """The neighbourhood of a point given in shares of the picture."""
    row, column = int(y * samples.shape[0]), int(x * samples.shape[1])
    return samples[row - 3 : row + 4, column - 3 : column + 4]


def download(page: Page) -> tuple[str, bytes]:
    with page.expect_download(timeout=PATIENCE_MS) as coming:
        page.locator("#download").click()
    return coming.value.suggested_filename, coming.value.path().read_bytes()


def compared(page: Page) -> list[np.ndarray]:
    """The left and the right picture after Compare is pressed, uint8 (h, w, 3) each."""
    images = page.locator("#compare-slider img")
    former = images.first.get_attribute("src") if images.count() else None
    page.locator("#compare-go").click()
    if former:
        expect(images.first).not_to_have_attribute("src", former)
    expect(images).to_have_count(2)
    addresses = [image.get_attribute("src") for image in images.all()]
    return [
        np.asarray(Image.open(io.BytesIO(page.request.get(str(address)).body())))
        for address in addresses
    ]
