"""One colouring over HTTP: samples out in strips, colour back in strips, memory bounded.

Speaks contract 4 of the local server (`POST /v1/colorize`, raw samples). Closing the connection,
also by dying, cancels the work in the server. Standard library alone.
"""

from __future__ import annotations

import http.client
import json
import select
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from server import ANSWER_SECONDS, Server
from translation import _
from trouble import Busy, Trouble

TICK_SECONDS = 0.1  # how often a waiting plug-in moves its progress bar
DIED = _(
    "The colour server stopped in the middle of the work; nothing was changed, so simply try again"
)
NOT_OURS = _(
    "What answers as the colour server sent {}; "
    "run 'photochrom gimp doctor' in a terminal, it says what listens there"
)


@dataclass(frozen=True)
class Request:
    """What is asked: the picture's raw samples and the options, by contract 4."""

    width: int
    height: int
    channels: int  # 1 = gray codes, 3 = RGB interleaved; sRGB's tone curve in both
    depth: int  # bits a sample, 8 or 16
    dials: dict[str, float] = field(default_factory=dict)  # options by name, such as vividness
    model: str = ""
    want: str = "rgb"  # of the same depth, or "chroma": a*, b* as float32, or "alternatives"
    place: tuple[int, int] | None = None  # the pixel of which alternatives are wanted

    @property
    def row_bytes(self) -> int:
        """Bytes of a row that is sent."""
        return self.width * self.channels * self.depth // 8

    @property
    def answer_row_bytes(self) -> int:
        """Bytes of a row that comes back."""
        return self.width * (8 if self.want == "chroma" else 3 * self.depth // 8)

    @property
    def target(self) -> str:
        """Path and query."""
        query: dict[str, Any] = {
            "width": self.width,
            "height": self.height,
            "channels": self.channels,
            "depth": self.depth,
            "space": "gray" if self.channels == 1 else "srgb",
            "want": self.want,
            **{name: repr(value) for name, value in self.dials.items()},
            "id": uuid.uuid4().hex,
        }
        if self.model:
            query["model"] = self.model
        if self.place:
            query["x"], query["y"] = self.place
        return f"/v1/colorize?{urlencode(query)}"


class Colouring:
    """A request on its way. Use as: `send`, `wait`, `rows`, `close`. Each may raise `Trouble`."""

    def __init__(self, server: Server, request: Request, hints: bytes = b"") -> None:
        self._request = request
        self._connection = server.connect(ANSWER_SECONDS)
        self._before, self._after, kind = _envelope(hints)
        length = len(self._before) + request.height * request.row_bytes + len(self._after)
        self._response: http.client.HTTPResponse | None = None
        try:
            self._connection.putrequest("POST", request.target)
            for name, value in server.headers.items():
                self._connection.putheader(name, value)
            self._connection.putheader("Content-Type", kind)
            self._connection.putheader("Content-Length", str(length))
            self._connection.endheaders()
        except OSError as error:
            self.close()
            raise Trouble(DIED) from error

    def send(self, strips: Iterable[bytes]) -> None:
        """Send all samples; stops early when the server has already refused them."""
        try:
            self._connection.send(self._before)
            for strip in strips:
                if self._readable(0):
                    return
                self._connection.send(strip)
            self._connection.send(self._after)
        except OSError:
            # A server that refuses a body closes while we still send; its reason is read by `wait`.
            pass

    def wait(self, tick: Callable[[], None]) -> None:
        """Wait for the answer to begin; `tick` is called meanwhile. Raises `Busy` or `Trouble`."""
        waited = 0.0
        try:
            while not self._readable(TICK_SECONDS):
                tick()
                waited += TICK_SECONDS
                if waited > ANSWER_SECONDS:
                    raise Trouble(
                        _(
                            "The colour server has not answered for {seconds} s; end it, and try "
                            "again with a smaller layer"
                        ).format(seconds=round(ANSWER_SECONDS))
                    )
            self._response = self._connection.getresponse()
        except OSError as error:
            raise Trouble(DIED) from error
        except (http.client.HTTPException, ValueError) as error:
            raise Trouble(NOT_OURS.format("something that is no HTTP")) from error
        if self._request.want == "alternatives":
            _check(self._response, "application/json", None)
        else:
            size = self._request.height * self._request.answer_row_bytes
            _check(self._response, "application/octet-stream", size)

    def alternatives(self) -> list[str]:
        """The colours that the model thinks of at the place, `#rrggbb`, the likeliest first."""
        assert self._response is not None, "wait() comes first"
        try:
            found = json.loads(self._response.read(1 << 16))["alternatives"]
            return [str(row["colour"]) for row in found]
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            raise Trouble(NOT_OURS.format("no colours")) from error

    def rows(self, heights: Iterable[int]) -> Iterator[memoryview]:
        """The answer, so many rows at a time, each in the memory of those before it."""
        strip = bytearray()
        for height in heights:
            size = height * self._request.answer_row_bytes
            if size > len(strip):
                strip = bytearray(size)
            view = memoryview(strip)[:size]
            self._fill(view)
            yield view

    def close(self) -> None:
        """End the connection; unfinished work is cancelled in the server."""
        self._connection.close()

    def _fill(self, view: memoryview) -> None:
        assert self._response is not None, "wait() comes first"
        while view:
            try:
                count = self._response.readinto(view)
            except (OSError, http.client.HTTPException) as error:
                raise Trouble(DIED) from error
            if not count:
                raise Trouble(DIED)
            view = view[count:]

    def _readable(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._connection.sock], [], [], seconds)
        return bool(ready)


def _envelope(hints: bytes) -> tuple[bytes, bytes, str]:
    """(bytes before the samples, bytes after them, Content-Type)."""
    if not hints:
        return b"", b"", "application/octet-stream"
    boundary = uuid.uuid4().hex
    part = '--{0}\r\nContent-Disposition: form-data; name="{1}"; filename="{1}"\r\n'
    part += "Content-Type: {2}\r\n\r\n"
    before = part.format(boundary, "pixels", "application/octet-stream")
    between = "\r\n" + part.format(boundary, "hints", "image/png")
    return (
        before.encode(),
        between.encode() + hints + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )


def _check(response: http.client.HTTPResponse, media_type: str, size: int | None) -> None:
    """Raises what a response means that is not of that type and, where given, that size."""
    if response.status == 503:
        raise Busy(_seconds(response.getheader("Retry-After")))
    if response.status != 200:
        raise Trouble(_("The colour server refuses: {reason}").format(reason=_reason(response)))
    kind = (response.getheader("Content-Type") or "").partition(";")[0].strip()
    length = response.getheader("Content-Length")
    if kind != media_type or (None not in (length, size) and length != str(size)):
        wanted = f"{size} bytes of colour" if size is not None else media_type
        sent = f"{length or 'some'} bytes of {kind or 'no type'}, not {wanted}"
        raise Trouble(NOT_OURS.format(sent))


def _seconds(retry_after: str | None) -> float:
    """Seconds of a Retry-After header, within 1..30; 2 where it makes no sense."""
    try:
        return min(30.0, max(1.0, float(retry_after or "")))
    except ValueError:
        return 2.0


def _reason(response: http.client.HTTPResponse) -> str:
    """The sentence of a problem document (RFC 9457), or the bare status."""
    try:
        problem = json.loads(response.read(1 << 16))
        words = str(problem.get("detail") or problem["title"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, AttributeError, TypeError):
        words = f"{response.status} {response.reason}"
    return " ".join(words.split()).rstrip(".")[:500]
