"""The routes of the page that a browser may use, and the files that are its own uploads.

Every request for the page passes `PageRoutes` before Gradio sees it. A route that the page does not
use is not there. An event's body is read here, and what Gradio gets is written anew: a file in it
is an upload of the same browser, named by us, or the event is refused with one sentence for all.
"""

import asyncio
import json
import re
import secrets
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import InterruptedJob, SourceError
from core.image.formats import HEAD_BYTES, recognize
from core.image.read import open_source
from gradio_app.page import words
from gradio_app.page.payloads import Payloads
from gradio_app.page.pictures import OpenPictures
from gradio_app.page.streams import Streams
from gradio_app.page.upload_route import UploadRoute
from gradio_app.page.uploads import Uploads, read_regular
from gradio_app.problems import STATUS, Refused, problem, problem_of
from gradio_app.upload import UPLOAD_PATH, body_of

#: Where the layer notes whose request it is; read by `owner_of`.
_OWNER: Final = "photochrom.owner"
_OWNER_NAME: Final = re.compile(r"[A-Za-z0-9_-]{32}")

#: An event holds the strokes of a picture at most.
LONGEST_EVENT: Final = 8 << 20  # bytes
DEEPEST_EVENT: Final = 32
#: First bytes of a file, by which its kind is known.
LONGEST_HEAD: Final = 64 << 10

_EVENTS: Final = re.compile(r"/gradio_api/(queue/join|call/(?P<call>[a-z_]{1,40}))")
#: What stays open until the server has something to say.
_STREAM: Final = re.compile(
    r"/gradio_api/(queue/data|upload_progress|call/[a-z_]{1,40}/[0-9a-f]{32})"
)
_VOTE: Final = re.compile(r"/page/vote/[\w-]+")
_PROGRESS: Final = "/gradio_api/upload_progress"
_FILE: Final = "/gradio_api/file="
#: With the page's heartbeat and events: which run of the server answers.
SERVER_HEADER: Final = "X-Photochrom-Server"
#: Asked with a file's first bytes, before the file is uploaded.
_RECOGNIZE: Final = "/page/recognize"
_BEAT: Final = re.compile(r"/page/open/([A-Za-z0-9_-]{8,64})")
#: What else is passed on. Gradio has some eighty routes more, none of which the page uses.
_PASSED: Final = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/assets/.+|/static/.+"
    # "app_id" is what a page asks whose connection broke: whether it is there again.
    r"|/gradio_api/(info/?|app_id/?|theme\.css|startup-events|queue/data)"
    r"|/gradio_api/call/[a-z_]{1,40}/[0-9a-f]{32}"
    r"|/page/(preview/[\w-]+/[a-z]+|(result|thumbnail|vote)/[\w-]+)"
)
#: Pictures that the page shows as files: previews of an open picture, and the examples.
_SHOWN: Final = re.compile(r"(picture-[\w-]+/(before|after|left|right)-\d+|examples/[\w-]+)\.jpg")


class PageRoutes:
    """ASGI middleware before the page. `shown` is the folder in which previews lie."""

    def __init__(
        self,
        app: ASGIApp,
        uploads: Uploads,
        pictures: OpenPictures,
        shown: Path,
        payloads: Payloads,
        port: int,
        largest_upload: int,
    ) -> None:
        self.app = app
        self._uploads = uploads
        self._pictures = pictures
        self._upload_route = UploadRoute(uploads, largest_upload)
        self._shown = shown
        self._payloads = payloads
        self._streams = Streams()
        self._cookie = f"photochrom-browser-{port}"
        self._server = secrets.token_hex(8)  # another one says to a page that it was restarted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        owner = request.cookies.get(self._cookie, "")
        if not _OWNER_NAME.fullmatch(owner):
            owner = ""
        path, method = scope["path"], scope["method"]
        if not owner and (path == "/" or (path, method) == (UPLOAD_PATH, "POST")):
            owner = secrets.token_urlsafe(24)
            send = self._introducing(send, owner)
        scope[_OWNER] = owner
        if method == "GET" and _STREAM.fullmatch(path):
            try:
                with self._streams.one_more(owner):
                    await self._answer(request, owner, send)
            except Refused as refusal:
                await problem_of(refusal)(scope, receive, send)
            except RuntimeError as error:
                # A browser whose session is gone, after a restart as a rule: Gradio says so in the
                # stream, and raises besides, which would fill the log with tracebacks.
                if not isinstance(error.__cause__, HTTPException):
                    raise
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        else:
            await self._answer(request, owner, send)

    async def _answer(self, request: Request, owner: str, send: Send) -> None:
        scope, receive = request.scope, request.receive
        path, method = scope["path"], scope["method"]
        if method == "POST" and (event := _EVENTS.fullmatch(path)):
            await self._event(request, owner, event["call"] or "", _in_plain_words(send))
        elif method in ("GET", "HEAD") and _PASSED.fullmatch(path):
            await self.app(scope, receive, _in_plain_words(send))
        elif method == "POST" and _VOTE.fullmatch(path):
            await self.app(scope, receive, send)
        else:
            answer = await self._own_answer(request, method, path, owner)
            await answer(scope, receive, send)

    async def _own_answer(self, request: Request, method: str, path: str, owner: str) -> Response:
        """The answer of a route that is ours in Gradio's place; 404 for what is none."""
        if (method, path) == ("POST", UPLOAD_PATH):
            return await self._upload_route.receive(request, owner)
        if (method, path) == ("GET", _PROGRESS):
            return self._upload_route.progress_of(request.query_params.get("upload_id", "")[:100])
        if method == "GET" and path.startswith(_FILE):
            return await asyncio.to_thread(self._file, path.removeprefix(_FILE), owner)
        if (method, path) == ("POST", _RECOGNIZE):
            return await _recognized(request)
        beat = _BEAT.fullmatch(path)
        if method == "POST" and beat and owner:
            self._uploads.mark_open(owner, beat[1])
            self._pictures.mark_open(request.query_params.get("picture", ""))
            return Response(status_code=204, headers={SERVER_HEADER: self._server})
        return _nothing()

    def _file(self, path: str, owner: str) -> Response:
        """A preview, an example, or an upload of the browser that asks."""
        shown = path.removeprefix(f"{self._shown}/")
        if shown != path and _SHOWN.fullmatch(shown):
            try:
                return Response(read_regular(self._shown / shown), media_type="image/jpeg")
            except OSError:
                return _nothing()
        try:
            upload = self._uploads.check(path, owner)
        except Refused:
            return _nothing()
        # Whatever it is, it is saved and never shown as a page of ours.
        return FileResponse(
            upload.path, media_type="application/octet-stream", filename=upload.path.name
        )

    async def _event(self, request: Request, owner: str, call: str, send: Send) -> None:
        """Passes on an event whose files are its sender's own, written anew.

        `call` is the event's name; '' where the event has a number.
        """
        try:
            event = _parsed(await _body(request))
            body = await asyncio.to_thread(self._checked, event, owner, call)
        except ClientDisconnect:
            return
        except Refused as refusal:
            await problem_of(refusal)(request.scope, request.receive, send)
            return
        scope = dict(request.scope)
        kept = [
            pair
            for pair in scope["headers"]
            if pair[0]
            not in (b"content-length", b"content-type", b"transfer-encoding", b"content-encoding")
        ]
        scope["headers"] = [
            *kept,
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        send = _with_header(send, SERVER_HEADER, self._server)
        await self.app(scope, _replaying(body, request.receive), send)

    def _checked(self, event: dict[str, Any], owner: str, call: str) -> bytes:
        """The event as Gradio gets it: known fields alone, files replaced by the owner's own."""

        def checked(value: Any, depth: int) -> Any:
            if depth > DEEPEST_EVENT:
                raise Refused(400, "the event is nested too deeply")
            if isinstance(value, list):
                return [checked(entry, depth + 1) for entry in value]
            if not isinstance(value, dict):
                return value
            if _is_file(value):
                upload = self._uploads.check(value.get("path"), owner)
                return {
                    "path": str(upload.path),
                    "orig_name": upload.path.name,
                    "size": upload.size,
                    "meta": {"_type": "gradio.FileData"},
                }
            return {name: checked(entry, depth + 1) for name, entry in value.items()}

        fields: dict[str, Any] = {"data": checked(event["data"], 0)}
        self._payloads.check(call, event | fields)
        if isinstance(event.get("event_data"), dict):
            fields["event_data"] = _without_files(event["event_data"], 0)
        for name, kind in (("session_hash", str), ("fn_index", int), ("trigger_id", int)):
            if isinstance(event.get(name), kind):
                fields[name] = event[name]
        return json.dumps(fields).encode()

    def _introducing(self, send: Send, owner: str) -> Send:
        """`send` that gives the browser its name; other pages cannot use it (`AccessControl`)."""
        cookie = f"{self._cookie}={owner}; Path=/; HttpOnly; SameSite=Lax"
        return _with_header(send, "Set-Cookie", cookie)


async def _recognized(request: Request) -> Response:
    """204 for what begins like a picture that is read here, else a problem for people to read."""
    try:
        head = b"".join([chunk async for chunk in body_of(request, LONGEST_HEAD)])
        if recognize(head[:HEAD_BYTES]) is None:
            with open_source(head):  # which says what it is instead
                pass
    except InterruptedJob:
        return _nothing()
    except Refused as error:
        return problem_of(error)
    except SourceError as error:
        return problem(STATUS.get(error.kind, 400), error.kind, words.plain(error))
    return Response(status_code=204)


def _with_header(send: Send, name: str, value: str) -> Send:
    """`send`, which adds one header to the answer."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            header = (name.lower().encode(), value.encode())
            message["headers"] = [*message.get("headers", ()), header]
        await send(message)

    return send_with_header


def _in_plain_words(send: Send) -> Send:
    """`send` for Gradio's answers: where it refuses a request in JSON, we do in one sentence."""
    status = 0

    async def send_plain(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            kind = Headers(raw=message.get("headers", [])).get("content-type", "")
            if message["status"] >= 400 and kind.startswith("application/json"):
                status = message["status"]
                return
        if not status:
            await send(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            kind, sentence = (
                ("internal", "the server made a mistake; its log says more")
                if status >= 500
                else ("request", "this is no request of the page")
            )
            answer = problem(status, kind, sentence)
            start = {"type": "http.response.start", "status": status}
            await send(start | {"headers": answer.raw_headers})
            await send({"type": "http.response.body", "body": bytes(answer.body)})

    return send_plain


def owner_of(scope: Scope) -> str:
    """The browser that a request comes from; '' where it has no name, and owns nothing."""
    return scope.get(_OWNER, "")


def _is_file(value: dict[str, Any]) -> bool:
    """Whether anybody could take a JSON object for a file."""
    meta = value.get("meta")
    return (
        "path" in value
        or "url" in value
        or (isinstance(meta, dict) and str(meta.get("_type", "")).startswith("gradio."))
    )


def _without_files(value: Any, depth: int) -> Any:
    """An event's own data, of which no handler takes a file: None stands in place of each."""
    if depth > DEEPEST_EVENT:
        raise Refused(400, "the event is nested too deeply")
    if isinstance(value, list):
        return [_without_files(entry, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    if _is_file(value):
        return None
    return {name: _without_files(entry, depth + 1) for name, entry in value.items()}


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_EVENT:
            raise Refused(413, "the event is too long", kind="too-large")
    return bytes(body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "the event is no JSON") from error
    if not isinstance(event, dict) or not isinstance(event.get("data"), list):
        raise Refused(400, "an event is an object with a list named data")
    return event


def _replaying(body: bytes, receive: Receive) -> Receive:
    """`receive` of a request whose body is `body`; afterwards it waits for the client to leave."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _nothing() -> Response:
    return problem(404, "path", "there is nothing here")
