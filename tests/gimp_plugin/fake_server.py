"""A stand-in for the local server, with bad manners on request: contract 4 in the standard library.

It is for what the real server never does (dying in the middle, speaking a version of tomorrow,
answering junk), and for runs inside GIMP's root folder, where no numpy is. Its colours are plain:
every pixel gets more red and less blue. Run as
`python3 fake_server.py --state FILE --journal FILE [--manner NAME] [--no-open --idle-exit N]`.
"""

import argparse
import json
import os
import select
import sys
import time
from array import array
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

TOKEN = "fake-token"
MANNERS = (
    "good",
    "dies-at-once",  # ends before it listens, with a word on stderr
    "dies-after-request",  # closes the connection when all samples have come
    "dies-in-answer",  # closes it in the middle of the answer
    "newer",  # speaks interface 2
    "page",  # answers a web page
    "short",  # announces fewer bytes than the picture has
    "no-http",  # answers bytes that are no HTTP
    "refuses",  # a problem document
    "refuses-early",  # a problem document before the body is read, then closes
    "busy-twice",  # 503 twice, then good
    "thinks",  # answers nothing until the client closes
)
CHROMA = (12.0, 20.0)  # a*, b* of want=chroma


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    manner = "good"
    journal = Path()
    busy_left = 2

    def do_GET(self) -> None:
        """health and models."""
        self._note("get", path=self.path)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._problem(401, "The token is missing or wrong")
        elif self.path == "/v1/health":
            api = 2 if self.manner == "newer" else 1
            self._json(200, {"version": "9.9", "api": api, "model": "fake", "provider": "CPU"})
        elif self.path == "/v1/models":
            models = [{"name": "fake", "version": "1", "hints": True, "side": 256, "default": True}]
            self._json(200, {"models": models})
        else:
            self._problem(404, "No such page")

    def do_POST(self) -> None:
        """colorize, in the manner asked for."""
        length = int(self.headers["Content-Length"])
        query = {key: value[0] for key, value in parse_qs(urlsplit(self.path).query).items()}
        if self.manner == "refuses-early":
            self.close_connection = True
            return self._problem(413, "The layer has more pixels than this server takes")
        body = self._body(length)
        hints = _part(body, b"hints")
        samples = _part(body, b"pixels") if hints else body
        kind = self.headers["Content-Type"].partition(";")[0]
        host = self.headers["Host"]
        if query["want"] == "chroma":  # for the preview, always in good manners
            self._note("preview", query=query, hints=hints.hex())
            return self._answer(200, "application/octet-stream", coloured(samples, query))
        self._note(
            "colorize", query=query, kind=kind, host=host, bytes=len(samples), hints=hints.hex()
        )
        if self.manner == "thinks":
            self._note("thinking")
            select.select([self.connection], [], [])
            return self._note("client gone")
        if self.manner == "dies-after-request":
            return self._hang_up()
        if self.manner == "no-http":
            self.wfile.write(b"SSH-2.0-elsewhere\r\n")
            return self._hang_up()
        if self.manner == "page":
            return self._answer(200, "text/html", b"<h1>It works</h1>")
        if self.manner == "refuses":
            return self._problem(422, "vividness is 7; choose 0 to 2.")
        if self.manner == "busy-twice" and Handler.busy_left:
            Handler.busy_left -= 1
            return self._problem(503, "The queue is full", {"Retry-After": "1"})
        colours = coloured(samples, query)
        if self.manner == "short":
            colours = colours[:-6]
        if self.manner == "dies-in-answer":
            self._head(200, "application/octet-stream", len(colours))
            self.wfile.write(colours[: len(colours) // 2])
            return self._hang_up()
        self._answer(200, "application/octet-stream", colours)
        self._note("answered")

    def _body(self, length: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < length:
            piece = self.rfile.read(min(1 << 20, length - len(pieces)))
            if not piece:
                self._note("client gone")
                break
            pieces += piece
        return bytes(pieces)

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True

    def _json(self, status: int, value: object) -> None:
        self._answer(status, "application/json", json.dumps(value).encode())

    def _problem(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        problem = {"type": "about:blank", "title": "No", "status": status, "detail": detail}
        body = json.dumps(problem).encode()
        self._answer(status, "application/problem+json", body, headers)

    def _answer(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self._head(status, kind, len(body), headers)
        self.wfile.write(body)

    def _head(
        self, status: int, kind: str, length: int, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _note(self, event: str, **about: object) -> None:
        with self.journal.open("a") as journal:
            journal.write(json.dumps({"event": event, "pid": os.getpid(), **about}) + "\n")

    def log_message(self, format: str, *args: object) -> None:
        """The journal is enough."""


def coloured(samples: bytes, query: dict[str, str]) -> bytes:
    """The answer of good manners: red up by an eighth of the way to white, blue down likewise."""
    pixels = int(query["width"]) * int(query["height"])
    if query["want"] == "chroma":
        return array("f", CHROMA * pixels).tobytes()
    codes = array("B" if query["depth"] == "8" else "H", samples)
    channels, top = int(query["channels"]), 2 ** int(query["depth"]) - 1
    result = array(codes.typecode, bytes(3 * pixels * codes.itemsize))
    result[0::3] = array(codes.typecode, (c + (top - c) // 8 for c in codes[0::channels]))
    result[1::3] = codes[channels // 2 :: channels]
    result[2::3] = array(codes.typecode, (c - c // 8 for c in codes[channels - 1 :: channels]))
    return result.tobytes()


def _part(body: bytes, name: bytes) -> bytes:
    """The content of a multipart body's part, or b""."""
    if not body.startswith(b"--"):
        return b""
    boundary = body.partition(b"\r\n")[0]
    for part in body.split(boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="' + name + b'"' in head:
            return content[:-2]
    return b""


def main() -> None:
    """Listen, and tell where in the state file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, default=os.environ.get("PHOTOCHROM_STATE"))
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--manner", choices=MANNERS, default="good")
    parser.add_argument("--no-open", action="store_true")
    parser.add_argument("--idle-exit", type=float)
    asked = parser.parse_args()
    if asked.manner == "dies-at-once":
        sys.exit("fake: port 7860 is taken by a teapot")
    Handler.manner, Handler.journal = asked.manner, asked.journal
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = {
        "pid": os.getpid(),
        "port": server.server_port,
        "token": TOKEN,
        "api": 1,
        "version": "9.9",
        "started": time.time(),
    }
    part = asked.state.with_name(f"{asked.state.name}.{os.getpid()}")
    part.write_text(json.dumps(state))
    part.chmod(0o600)
    part.replace(asked.state)
    server.serve_forever()


if __name__ == "__main__":
    main()
