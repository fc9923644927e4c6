"""Gradio, set up so that it stays on this machine: theme, limits, and what it must never do."""

from pathlib import Path
from typing import Final

import gradio as gr
from fastapi import FastAPI
from gradio import processing_utils

from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page.assets import text_of
from gradio_app.page.layout import blocks
from gradio_app.page.payloads import Payloads
from gradio_app.page.pictures import OpenPictures
from gradio_app.page.routes import PageRoutes
from gradio_app.page.theme import THEME
from gradio_app.page.uploads import Uploads
from gradio_app.page.voting import Voting

#: In this order: each uses what stands in those before it.
_SCRIPTS: Final = ("keeping.js", "stream.js", "giving.js", "divider.js")


def mounted(pool: ColorizerPool, folder: Path, uploads: Uploads) -> FastAPI:
    """The page as an application whose root is the page. `folder` is Gradio's own."""
    _fetch_nothing()
    pictures = OpenPictures(folder)
    voting = Voting(pool, pictures, uploads)
    page = blocks(pool, pictures, uploads, voting)
    # Gradio takes a page that it did not launch itself for one under construction, and then looks
    # at no path that it is given. `PageRoutes` and `Uploads` stand without it; this is one more.
    page.has_launched = True
    # What waits for the pool is bounded there; Gradio's own queue only has to be bounded too.
    page.queue(max_size=pool.settings.queue * 4, default_concurrency_limit=None)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    pictures.add_routes(app)
    voting.add_routes(app)
    app.add_middleware(
        PageRoutes,
        uploads=uploads,
        pictures=pictures,
        shown=folder,
        payloads=Payloads(page),
        port=pool.settings.port,
        largest_upload=pool.settings.max_upload,
    )
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        root_path=pool.settings.root_path or None,
        theme=THEME,
        css=text_of("page.css"),
        head="".join(f"<script>{text_of(name)}</script>" for name in _SCRIPTS),
        footer_links=[],
        run_history=False,
        max_file_size=pool.settings.max_upload,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=True,
    )


def _fetch_nothing() -> None:
    """A file given to Gradio as a URL would be fetched by the server: never by ours."""

    def refuse(*_: object, **__: object):
        raise gr.Error("pictures are taken from this machine only, not from addresses")

    async def refuse_async(*_: object, **__: object):
        refuse()

    for name in ("save_url_to_cache", "ssrf_protected_download", "unsafe_download"):
        setattr(processing_utils, name, refuse)
    for name in ("async_ssrf_protected_get", "async_ssrf_protected_download"):
        setattr(processing_utils, name, refuse_async)
