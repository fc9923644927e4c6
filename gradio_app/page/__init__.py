"""The page at `/`, made when it is first needed, since Gradio takes 2 s to import.

`LatePage` is the application that waits for it; `layout.blocks` is the page itself. A server that
GIMP started answers GIMP without having loaded Gradio at all.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page.uploads import Uploads

#: How often uploads that nobody lists any more are looked for.
SWEPT_EVERY_S: Final = 600


class LatePage:
    """The page as an application; `begin` makes it ahead of its first request."""

    def __init__(self, pool: ColorizerPool) -> None:
        self._pool = pool
        self._making: asyncio.Task[ASGIApp] | None = None
        self._running = AsyncExitStack()

    def begin(self) -> None:
        """Starts to make the page; to be called in the server's event loop."""
        if self._making is None:
            self._making = asyncio.create_task(self._make())

    async def close(self) -> None:
        """Ends what Gradio runs in the background."""
        if self._making is not None:
            await asyncio.wait([self._making])
        await self._running.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begin()
        assert self._making is not None
        page = await asyncio.shield(self._making)
        await page(scope, receive, send)

    async def _make(self) -> ASGIApp:
        folder = self._pool.folder / "page"
        uploads = Uploads(folder / "uploads")
        page = await asyncio.to_thread(_mounted, self._pool, folder, uploads)
        await self._running.enter_async_context(page.router.lifespan_context(page))
        sweeping = asyncio.create_task(_sweep_now_and_then(uploads))
        self._running.callback(sweeping.cancel)
        return page


async def _sweep_now_and_then(uploads: Uploads) -> None:
    while True:
        await asyncio.sleep(SWEPT_EVERY_S)
        await asyncio.to_thread(uploads.sweep)


def _mounted(pool: ColorizerPool, folder: Path, uploads: Uploads) -> Starlette:
    """The page as an application of its own, in its own folder."""
    # Read when Gradio is imported: nothing is reported to anybody, files stay in our own folder.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(folder)

    from gradio_app.page.mounting import mounted

    return mounted(pool, folder, uploads)
