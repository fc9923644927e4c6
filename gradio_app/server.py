"""The application and its running: one process, one port, ended by Ctrl-C or by idle time.

`build` puts guard, API and page together; `serve` binds, tells others where it is (the state
file), runs, and leaves nothing behind.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Final

import h11
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import ServiceError
from gradio_app import api, discovery, qr_code, reference
from gradio_app.access_control import AccessControl, Activity
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.discovery import API_VERSION, ServerState
from gradio_app.login import LOGIN, Login
from gradio_app.page import LatePage
from gradio_app.settings import EVERY_ADDRESS, ServerSettings

log = logging.getLogger(__name__)

#: A request's headers arrive whole within this; uvicorn itself would wait for ever.
HEADERS_S: Final = 10.0
#: Connections at once; more are told 503 by uvicorn.
CONNECTIONS: Final = 512
#: How long a stopping server waits for answers that are being sent.
SHUTDOWN_S: Final = 3


class HeaderTimeoutProtocol(H11Protocol):
    """uvicorn's protocol, which closes a connection whose headers do not arrive in time."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit = self.loop.call_later(HEADERS_S, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waits_for_headers = self.conn.their_state is h11.IDLE
        if waits_for_headers and self._limit is None:
            self._limit = self.loop.call_later(HEADERS_S, self.transport.close)
        elif not waits_for_headers:
            self._forget_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_limit()
        super().connection_lost(exc)

    def _forget_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


class LocalServer(uvicorn.Server):
    """uvicorn's server, which says when it is ready and ends of itself after idle time."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the server; uvicorn would raise them again when all is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        former = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)


def build(pool: ColorizerPool, activity: Activity, login: Login, *, page_at_once: bool) -> ASGIApp:
    """The whole application, guarded. The page is made at once, or for its first request."""
    page = LatePage(pool)

    @asynccontextmanager
    async def lifespan(_: FastAPI):
        # The first request should not pay for loading kernels; a failure shows with the picture.
        threading.Thread(target=_warm_up, args=(pool,), daemon=True).start()
        if page_at_once:
            page.begin()
        yield
        await page.close()

    app = FastAPI(
        title="photochrom",
        version=version("photochrom"),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        description="Colours black-and-white photographs on this machine (contract 4).",
    )
    api.add_routes(app, pool)
    app.openapi = partial(reference.document, app, pool.settings)
    app.mount("/", page)
    return AccessControl(app, pool.settings, activity, login)


def _warm_up(pool: ColorizerPool) -> None:
    try:
        pool.warm_up()
    except Exception:  # whatever it is, the first picture will say it better
        log.debug("warming up failed", exc_info=True)


def serve(settings: ServerSettings, listeners: list[socket.socket], *, open_browser: bool) -> None:
    """Serves until Ctrl-C, SIGTERM or idle time; then cleans up. Raises what a model raises."""
    settings = replace(settings, port=listeners[0].getsockname()[1])
    if not settings.token:
        settings = replace(settings, token=secrets.token_urlsafe(24))
    pool = ColorizerPool(settings)
    activity = Activity()
    login = Login(settings)
    state = ServerState(
        os.getpid(), settings.port, settings.token, API_VERSION, version("photochrom"), time.time()
    )
    found_by_others = settings.is_local or settings.host in EVERY_ADDRESS

    def ready() -> None:
        if found_by_others and not _another_is_found(settings.port):
            discovery.write(state)
        _print_addresses(settings, login, open_browser=open_browser)

    # A server with an idle end was started by a program: it may never be asked for the page.
    app = build(pool, activity, login, page_at_once=not settings.idle_exit)
    config = uvicorn.Config(
        app,
        http=HeaderTimeoutProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        # What a client says of where it comes from is believed of a proxy alone.
        proxy_headers=bool(settings.public_url),
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = LocalServer(config, ready)
    _print_reports()
    try:
        asyncio.run(_run(server, listeners, activity, settings.idle_exit))
    finally:
        discovery.remove(state)
        pool.close()


def _another_is_found(port: int) -> bool:
    """Whether the state file is that of another living server; one of our port is not living."""
    state = discovery.read()
    return state is not None and state.port != port and discovery.find(patience=1.0) is not None


def _print_reports() -> None:
    """Report lines go to standard output as they are: the server's log can be read by programs."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    api.reports.addHandler(handler)
    api.reports.setLevel(logging.INFO)
    api.reports.propagate = False


async def _run(
    server: LocalServer, listeners: list[socket.socket], activity: Activity, idle_exit: float
) -> None:
    async def watch() -> None:
        while activity.idle_seconds < idle_exit:
            await asyncio.sleep(min(1.0, idle_exit / 4))
        server.should_exit = True

    watcher = asyncio.create_task(watch()) if idle_exit else None
    try:
        await server.serve(listeners)
    finally:
        if watcher:
            watcher.cancel()


def _print_addresses(settings: ServerSettings, login: Login, *, open_browser: bool) -> None:
    """Says where the server is and how others reach it; opens the page where it is wanted."""
    print(f"photochrom is at {settings.url}  (Ctrl-C ends it)", flush=True)
    if settings.ask_token and settings.is_local:
        print("Other users of this machine need the token that it was given.", flush=True)
    elif settings.needs_token:
        print(f"Other machines may use it with this token: {settings.token}", flush=True)
    if not settings.is_local and settings.public.scheme != "https":
        print(
            "The connection is not encrypted; put a TLS proxy before it on a network you share.",
            flush=True,
        )
    if settings.show_code and (others := login.addresses().get("others")):
        qr_code.print_address(others)
        open_browser = open_browser and _has_display()
    if open_browser:
        open_page(login.address())


def open_page(url: str, patience: float = 0.0) -> None:
    """Opens the page in a browser, where there is a display; says so where there is none.

    A program that is about to end waits `patience` seconds, or the browser would not start.
    """
    has_display = _has_display()
    if has_display and LOGIN in url:
        try:
            url = discovery.write_opener(url)
        except ServiceError:  # no folder of our own: the person copies the address
            has_display = False
    if not has_display:
        print(f"There is no display here; open {url} where there is one.", flush=True)
        return
    # A thread, since a text browser or a slow desktop must not hold the server up.
    opening = threading.Thread(target=webbrowser.open, args=(url,), daemon=True)
    opening.start()
    opening.join(patience)


def _has_display() -> bool:
    return sys.platform in ("win32", "darwin") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
