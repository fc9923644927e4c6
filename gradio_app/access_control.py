"""Access control: every request is checked here before any other part of the server gets it.

On loopback the danger is the user's own browser, steered by a foreign page: the Host header must
be loopback (DNS rebinding) and nothing may come from another origin. Any other bind needs the
token, and so does loopback where whoever started the server gave one: by header, or for a person by
`Login`.
"""

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import InterruptedJob
from gradio_app import upload
from gradio_app.login import LOGIN, LOGIN_ONCE, Login
from gradio_app.problems import Refused, problem_of
from gradio_app.settings import ServerSettings, is_loopback

#: Nothing is ever fetched from another host, whatever a library's page asks for. Gradio compiles
#: its event handlers in the browser and styles inline, hence the two unsafe-s.
CONTENT_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "form-action 'self'; base-uri 'self'; object-src 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: A name or an address, and a port.
_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@/\s]+)(?::[0-9]*)?")
_TOKEN_NAMES: Final = frozenset(("token", "access_token", "authorization", "api_key", "apikey"))
#: The page may send several files in one body: together at most this many times the largest one.
LARGEST_UPLOADS: Final = 4


class Activity:
    """How long the server has been idle: no request open, none just ended."""

    def __init__(self) -> None:
        self.open = 0
        self._last = time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request ended; 0 while one is open."""
        return 0.0 if self.open else time.monotonic() - self._last

    def __enter__(self) -> None:
        self.open += 1

    def __exit__(self, *_: object) -> None:
        self.open -= 1
        self._last = time.monotonic()


class AccessControl:
    """ASGI middleware around the whole application, the page's own routes included."""

    def __init__(
        self, app: ASGIApp, settings: ServerSettings, activity: Activity, login: Login
    ) -> None:
        self.app = app
        self.settings = settings
        self.activity = activity
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        with self.activity:
            await self._http(scope, receive, _with_headers(send))

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = self._within_root(scope)
        request = Request(scope, receive)
        try:
            self._check_address(request)
            answer = await self._own_answer(request)
            # Only now: a stranger could find the token out by what is refused as one.
            if answer is None and any(self._login.is_token(value) for _, value in _query(request)):
                raise _token_in_url()
        except InterruptedJob:  # the client left
            return
        except Refused as refusal:
            answer = problem_of(refusal)
        if answer is not None:
            await answer(scope, receive, send)
            return
        # The API and the upload route count for themselves, and say more.
        path = scope["path"]
        if path != upload.UPLOAD_PATH and not path.startswith("/v1/"):
            receive = _bounded(receive, LARGEST_UPLOADS * self.settings.max_upload)
        await self.app(scope, receive, send)

    def _within_root(self, scope: Scope) -> Scope:
        """The request as it is inside: without the folder in which a proxy serves the page.

        Some proxies take the folder off, others leave it; both find what they ask for. The page's
        addresses are built from `public_url` and the header Host, never from what else is said.
        """
        public, root = self.settings.public, self.settings.root_path
        path = scope["path"]
        if root and (path == root or path.startswith(f"{root}/")):
            path = path.removeprefix(root)
        left_out = {b"x-forwarded-host"}
        added: list[tuple[bytes, bytes]] = []
        if self._is_public(Headers(scope=scope).get("host", "")):
            left_out.add(b"x-forwarded-proto")
            added.append((b"x-forwarded-proto", public.scheme.encode()))
        headers = [pair for pair in scope["headers"] if pair[0] not in left_out]
        return {**scope, "path": path, "headers": headers + added}

    def _is_public(self, host: str) -> bool:
        """Whether a Host header is that of the proxy's address."""
        public = self.settings.public.netloc
        return bool(public) and host.lower() == public.lower()

    def _check_address(self, request: Request) -> None:
        """Refuses foreign hosts, foreign origins and tokens in the URL."""
        host = request.headers.get("host", "")
        public = self.settings.public
        is_own = is_loopback(_without_port(host)) or self._is_public(host)
        if self.settings.is_local and not is_own:
            raise Refused(
                403,
                f"this server answers to this machine's own names, not to {host[:80]!r}",
                kind="host",
            )
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() not in _origins(host):
            if public.netloc and origin.lower() == f"{public.scheme}://{public.netloc}".lower():
                raise Refused(
                    403, "the proxy must pass the header Host on unchanged", kind="origin"
                )
            raise Refused(403, "requests from other pages are refused", kind="origin")
        if _is_from_elsewhere(request):
            raise Refused(403, "requests from other pages are refused", kind="origin")
        if any(name.lower() in _TOKEN_NAMES for name, _ in _query(request)):
            raise _token_in_url()

    async def _own_answer(self, request: Request) -> Response | None:
        """The answer of access control itself; None lets the request pass, never a wrong token."""
        path = request.scope["path"]
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            # A token that the server made for itself cannot be guessed; limiting its use would
            # only let another user of the machine keep GIMP out.
            is_limited = self.settings.ask_token
            if scheme.lower() != "bearer" or not self._login.check(
                request, token.strip(), is_limited=is_limited
            ):
                raise _unauthorized("this is not the server's token; read the state file again")
            if (request.method, path) == ("POST", LOGIN_ONCE):
                return JSONResponse(self._login.addresses())
            return None
        if path == LOGIN:
            if request.method not in ("GET", "HEAD", "POST"):
                raise Refused(
                    405,
                    "a browser logs in here",
                    kind="method",
                    headers={"Allow": "GET, HEAD, POST"},
                )
            return await self._login.answer(request)
        if not path:  # the page's addresses are relative to its folder
            return RedirectResponse(f"{self.settings.root_path}/", 308)
        if not self.settings.needs_token or self._login.knows(request):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return self._login.form()
        raise _unauthorized("this server needs its token: send 'Authorization: Bearer ...'")


def _unauthorized(detail: str) -> Refused:
    return Refused(401, detail, kind="token", headers={"WWW-Authenticate": "Bearer"})


def _token_in_url() -> Refused:
    return Refused(
        400,
        "a token in the URL would stand in logs; send 'Authorization: Bearer ...'",
        kind="token",
    )


def _query(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(request.url.query, keep_blank_values=True)


def _without_port(host: str) -> str:
    """The name of a Host header; '' where it is more than a name and a port."""
    found = _HOST.fullmatch(host)
    return found[1] if found else ""


def _origins(host: str) -> Iterable[str]:
    """Origins that are the server itself, as the client calls it; https stands for a proxy."""
    return f"http://{host.lower()}", f"https://{host.lower()}"


def _is_from_elsewhere(request: Request) -> bool:
    """Whether a browser says that a foreign page caused the request, other than by a link."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site in ("same-origin", "none"):
        return False
    by_link = request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
    return not (by_link and request.headers.get("sec-fetch-dest", "document") == "document")


def _bounded(receive: Receive, limit: int) -> Receive:
    """`receive`, which gives up a body that stalls or never ends, as if the client had left."""
    size, whole, gone = 0, False, {"type": "http.disconnect"}

    async def receive_bounded() -> Message:
        nonlocal size, whole
        if whole:  # the answer is on its way; what comes now is the client's leaving
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), upload.GRACE_S)
        except TimeoutError:
            return gone
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        return gone if size > limit else message

    return receive_bounded


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if "json" in Headers(scope=message).get("content-type", ""):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers
