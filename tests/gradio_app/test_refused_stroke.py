"""A stroke that the server refuses, and what comes after it."""

from tests.gradio_app.browsing import after, choose, stroke, to_hint_editor
from tests.gradio_app.pictures import file_of, gray


def test_a_refused_stroke_is_not_kept(page):
    choose(page, file_of(gray(60, 80), "PNG"))
    to_hint_editor(page)
    spoilt: list[str] = []

    def spoil(route) -> None:
        body = route.request.post_data or ""
        if '"strokes"' in body and not spoilt:
            spoilt.append(body)
            body = body.replace('"colour":"#', '"colour":"no colour ')
        route.continue_(post_data=body)

    page.route("**/gradio_api/queue/join*", spoil)
    stroke(page, 0.4, 0.5)
    page.get_by_text("no colour", exact=False).first.wait_for()
    assert spoilt
    page.unroute_all(behavior="wait")
    # Kept, it would spoil every change to come.
    after(page, lambda: page.locator("#vividness input[type=number]").fill("1.5"))
