"""How a person shows the token: a form, an address that logs in once, and a cookie afterwards.

Programs send the token itself with every request; that is the guard's own business.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gradio_app.problems import Refused
from gradio_app.settings import Settings

LOGIN: Final = "/login"
#: Where a program that has the token asks for an address that logs a browser in once.
LOGIN_ONCE: Final = "/login/once"
#: How long such an address is good.
ONCE_S: Final = 600.0
_MOST_CODES: Final = 32
_LONGEST_FORM: Final = 4096  # bytes


class Login:
    """The page's login of one server. `clock` gives seconds."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._codes: dict[str, float] = {}  # code -> when it was issued
        self._cookie_name = f"photochrom-{settings.port}"
        key = settings.token.encode()
        self._cookie = hmac.new(key, b"page", hashlib.sha256).hexdigest() if key else ""

    def is_token(self, text: str) -> bool:
        """Whether a text is the server's token."""
        wanted = self._settings.token.encode()
        return bool(wanted) and hmac.compare_digest(text.encode("utf-8", "replace"), wanted)

    def knows(self, request: Request) -> bool:
        """Whether the browser has logged in."""
        cookie = request.cookies.get(self._cookie_name, "")
        return bool(self._cookie) and hmac.compare_digest(cookie.encode(), self._cookie.encode())

    def address(self) -> str:
        """The page's address; where the token is needed, one that logs in once and says no secret
        that lasts."""
        if not self._settings.needs_token:
            return self._settings.url
        now = self._clock()
        self._codes = {code: at for code, at in self._codes.items() if now - at < ONCE_S}
        while len(self._codes) >= _MOST_CODES:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(24)
        self._codes[code] = now
        return f"{self._settings.url.rstrip('/')}{LOGIN}?once={code}"

    def form(self, complaint: str = "") -> Response:
        """The form that asks for the token."""
        said = f'<p role="alert">{complaint}</p>' if complaint else ""
        return HTMLResponse(_FORM.replace("COMPLAINT", said), 401, {"Cache-Control": "no-store"})

    async def answer(self, request: Request) -> Response:
        """The answer to `LOGIN`: the form, or the page with the cookie."""
        if not self._settings.needs_token:
            return RedirectResponse("/", 303)
        if request.method == "POST":
            fields = dict(parse_qsl((await _body(request)).decode("utf-8", "replace")))
            passes = self.is_token(fields.get("token", "").strip())
            complaint = "That is not the token."
        else:
            code = request.query_params.get("once", "")
            passes = self._is_redeemed(code) or self.knows(request)
            complaint = "This address was good for one time, or for a while." if code else ""
        if not passes:
            return self.form(complaint)
        answer = RedirectResponse("/", 303, {"Cache-Control": "no-store"})
        # Lax: a link to the page from elsewhere finds the person logged in. What acts on the server
        # is refused to other pages by the guard, whatever they send.
        answer.set_cookie(self._cookie_name, self._cookie, httponly=True, samesite="lax")
        return answer

    def _is_redeemed(self, code: str) -> bool:
        """Whether a code was good; it never is again."""
        issued = self._codes.pop(code, None)
        return issued is not None and self._clock() - issued < ONCE_S


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            raise Refused(413, "the form is too long", kind="too-large")
    return body


_FORM: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>photochrom</title>
<style>:root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:24rem;
margin:18vh auto;padding:0 1.5rem}input,button{font:inherit;padding:.6rem .8rem;width:100%;
box-sizing:border-box;margin-top:.5rem}</style>
<h1>photochrom</h1>COMPLAINT<form method="post" action="/login">
<label>The token that the server printed, or was given, when it started
<input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></html>"""
