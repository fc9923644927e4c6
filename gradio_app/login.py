"""The login of a browser: a form, an address that logs in once, and a cookie afterwards.

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

from gradio_app.network import lan_url
from gradio_app.problems import TooManyTries
from gradio_app.settings import ServerSettings
from gradio_app.upload import body_of
from gradio_app.wrong_tokens import WrongTokens

LOGIN: Final = "/login"
#: Where a program that has the token asks for an address that logs a browser in once.
LOGIN_ONCE: Final = "/login/once"
#: How long such an address is good.
ONCE_S: Final = 600.0
_MOST_CODES: Final = 32
_LONGEST_FORM: Final = 4096  # bytes


class Login:
    """The page's login of one server. `clock` gives seconds."""

    def __init__(
        self, settings: ServerSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._codes: dict[str, float] = {}  # code -> when it was issued
        self._wrong = WrongTokens(clock)
        self._cookie_name = f"photochrom-{settings.port}"
        key = settings.token.encode()
        self._cookie = hmac.new(key, b"page", hashlib.sha256).hexdigest() if key else ""

    def is_token(self, text: str) -> bool:
        """Whether a text is the server's token."""
        own_token = self._settings.token.encode()
        return bool(own_token) and hmac.compare_digest(text.encode("utf-8", "replace"), own_token)

    def knows(self, request: Request) -> bool:
        """Whether the browser has logged in."""
        cookie = request.cookies.get(self._cookie_name, "")
        return bool(self._cookie) and hmac.compare_digest(cookie.encode(), self._cookie.encode())

    def check(self, request: Request, token: str, *, is_limited: bool = True) -> bool:
        """Whether a client's token is right. Raises `TooManyTries` where it was often wrong.

        What comes too soon is not even compared, or the limit would tell right from wrong.
        """
        client = request.client.host if request.client else ""
        if is_limited and (wait := self._wrong.wait(client)):
            raise TooManyTries(wait)
        if self.is_token(token):
            return True
        if is_limited:
            self._wrong.add(client)
        return False

    def address(self, url: str = "") -> str:
        """The page's address, or `url`; where the token is needed, one that logs in once and says
        no secret that lasts."""
        url = url or self._settings.url
        if not self._settings.needs_token:
            return url
        now = self._clock()
        self._codes = {code: at for code, at in self._codes.items() if now - at < ONCE_S}
        while len(self._codes) >= _MOST_CODES:
            del self._codes[next(iter(self._codes))]
        code = secrets.token_urlsafe(24)
        self._codes[code] = now
        return f"{url.rstrip('/')}{LOGIN}?once={code}"

    def addresses(self) -> dict[str, str]:
        """For a program that has the token: the page's `address`, and the one for `others`, other
        machines, where those can reach it; each logs in once."""
        lan = lan_url(self._settings)
        return {"address": self.address()} | ({"others": self.address(lan)} if lan else {})

    def form(self, complaint: str = "", status: int = 401, wait: str = "") -> Response:
        """The form that asks for the token."""
        alert = f'<p role="alert">{complaint}</p>' if complaint else ""
        page = _FORM.replace("COMPLAINT", alert).replace("LOGIN", self._settings.root_path + LOGIN)
        headers = {"Cache-Control": "no-store"} | ({"Retry-After": wait} if wait else {})
        return HTMLResponse(page, status, headers)

    async def answer(self, request: Request) -> Response:
        """The answer to `LOGIN`: the form, or the page with the cookie."""
        home = self._settings.root_path + "/"
        if not self._settings.needs_token:
            return RedirectResponse(home, 303)
        if request.method == "POST":
            # In bounds: whoever is not known yet could hold connections for ever.
            body = b"".join([chunk async for chunk in body_of(request, _LONGEST_FORM)])
            fields = dict(parse_qsl(body.decode("utf-8", "replace")))
            try:
                passes = self.check(request, fields.get("token", "").strip())
            except TooManyTries as error:
                sentence = f"{error.detail[:1].upper()}{error.detail[1:]}."
                return self.form(sentence, error.status, error.headers["Retry-After"])
            complaint = "That is not the token."
        else:
            code = request.query_params.get("once", "")
            # Who only looks what an address leads to (HEAD) does not use it up.
            passes = request.method == "GET" and self._is_redeemed(code)
            passes = passes or self.knows(request)
            complaint = "This address was good for one time, or for a while." if code else ""
        if not passes:
            return self.form(complaint)
        answer = RedirectResponse(home, 303, {"Cache-Control": "no-store"})
        # Lax: a link to the page from elsewhere finds the person logged in. What acts on the server
        # is refused to other pages by the guard, whatever they send.
        answer.set_cookie(
            self._cookie_name,
            self._cookie,
            httponly=True,
            samesite="lax",
            path=home,
            secure=self._is_by_tls(request),
        )
        return answer

    def _is_by_tls(self, request: Request) -> bool:
        """Whether the browser speaks to a proxy by TLS; its cookie then never travels without."""
        public = self._settings.public
        return public.scheme == "https" and request.headers.get("host", "") == public.netloc

    def _is_redeemed(self, code: str) -> bool:
        """Whether a code was good; it never is again."""
        issued = self._codes.pop(code, None)
        return issued is not None and self._clock() - issued < ONCE_S


_FORM: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>photochrom</title>
<style>:root{color-scheme:light dark;background:Canvas}
body{font:1rem/1.6 system-ui,sans-serif;max-width:24rem;
margin:18vh auto;padding:0 1.5rem}input,button{font:inherit;padding:.6rem .8rem;width:100%;
box-sizing:border-box;margin-top:.5rem}</style>
<main><h1>photochrom</h1>COMPLAINT<form method="post" action="LOGIN">
<label>The token that the server printed, or was given, when it started
<input name="token" type="password" autocomplete="current-password" required autofocus></label>
<button>Open</button></form></main></html>"""
