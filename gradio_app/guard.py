"""Who may speak to the server: every request passes here before anything else sees it.

On loopback the danger is the user's own browser, steered by a foreign page: the Host header must
be loopback (DNS rebinding) and nothing may come from another origin. Any other bind needs the
token, by header or, for a person, by a form that gives a cookie. Stands on Starlette.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gradio_app import upload
from gradio_app.problems import Refused, problem_of
from gradio_app.settings import Settings, is_loopback

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
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TOKEN_NAMES: Final = frozenset(("token", "access_token", "authorization", "api_key", "apikey"))
#: The page may send several files in one body: together at most this many times the largest one.
LARGEST_UPLOADS: Final = 4
_LOGIN: Final = "/login"
_LONGEST_FORM: Final = 4096  # bytes


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


class Guard:
    """ASGI middleware around the whole application, the page's own routes included."""

    def __init__(self, app: ASGIApp, settings: Settings, activity: Activity) -> None:
        self.app = app
        self.settings = settings
        self.activity = activity
        self._cookie_name = f"photochrom-{settings.port}"
        key = settings.token.encode()
        self._cookie = hmac.new(key, b"page", hashlib.sha256).hexdigest() if key else ""

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
        request = Request(scope, receive)
        try:
            self._check_address(request)
            if not self._may_pass(request):
                answer = await self._ask_for_token(request)
                await answer(scope, receive, send)
                return
        except Refused as refusal:
            await problem_of(refusal)(scope, receive, send)
            return
        if not scope["path"].startswith("/v1/"):  # the API counts for itself, and says more
            receive = _bounded(receive, LARGEST_UPLOADS * self.settings.max_upload)
        await self.app(scope, receive, send)

    def _check_address(self, request: Request) -> None:
        """Refuses foreign hosts, foreign origins and tokens in the URL."""
        host = request.headers.get("host", "")
        if self.settings.is_local and not is_loopback(_without_port(host)):
            raise Refused(
                403, f"this server answers to this machine's own names, not to {host[:80]!r}",
                kind="host",
            )  # fmt: skip
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() not in _origins(host):
            raise Refused(403, "requests from other pages are refused", kind="origin")
        if _is_from_elsewhere(request):
            raise Refused(403, "requests from other pages are refused", kind="origin")
        for name, value in parse_qsl(request.url.query, keep_blank_values=True):
            if name.lower() in _TOKEN_NAMES or (value and self._is_token(value)):
                raise Refused(
                    400, "a token in the URL would stand in logs; send 'Authorization: Bearer ...'",
                    kind="token",
                )  # fmt: skip

    def _may_pass(self, request: Request) -> bool:
        """Whether the token is there where one is needed; a wrong one never passes."""
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            if scheme.lower() == "bearer" and self._is_token(token.strip()):
                return True
            raise Refused(
                401, "this is not the server's token; read the state file again",
                kind="token", headers={"WWW-Authenticate": "Bearer"},
            )  # fmt: skip
        if self.settings.is_local:
            return True
        cookie = request.cookies.get(self._cookie_name, "")
        return bool(self._cookie) and hmac.compare_digest(cookie.encode(), self._cookie.encode())

    async def _ask_for_token(self, request: Request) -> Response:
        """The form for a person, and its answer; a problem document for a program."""
        if request.url.path == _LOGIN and request.method == "POST":
            return await self._answer_form(request)
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(_form(""), 401)
        raise Refused(
            401, "this server needs its token: send 'Authorization: Bearer ...'",
            kind="token", headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip

    async def _answer_form(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST_FORM:
                raise Refused(413, "the form is too long", kind="too-large")
        fields = dict(parse_qsl(body.decode("utf-8", "replace")))
        if not self._is_token(fields.get("token", "").strip()):
            return HTMLResponse(_form("That is not the token."), 401)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie_name, self._cookie, httponly=True, samesite="strict")
        return answer

    def _is_token(self, text: str) -> bool:
        wanted = self.settings.token.encode()
        return bool(wanted) and hmac.compare_digest(text.encode("utf-8", "replace"), wanted)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


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
    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            if "json" in Headers(scope=message).get("content-type", ""):
                headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_guarded


def _form(complaint: str) -> str:
    said = f'<p role="alert">{complaint}</p>' if complaint else ""
    return _FORM.replace("COMPLAINT", said)


_FORM: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>photochrom</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:24rem;
margin:18vh auto;padding:0 1.5rem}input,button{font:inherit;padding:.6rem .8rem;width:100%;
box-sizing:border-box;margin-top:.5rem}</style>
<h1>photochrom</h1>COMPLAINT<form method="post" action="/login">
<label>The token that the server printed when it started
<input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></html>"""
