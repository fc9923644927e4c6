"""Request bodies: read to disk, counted and timed, whatever the client says of them.

A body that is too large, too slow or compressed is refused; what it holds is not looked at here.
"""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from core.errors import InterruptedJob
from gradio_app.bodies import Bodies, Body
from gradio_app.problems import Refused

#: A body comes at least this fast on average, after a grace; a pause is never longer than that.
SLOWEST_BYTES_PER_S: Final = 16 << 10
GRACE_S: Final = 10.0
#: After a refusal the rest of the body is read and dropped, up to this, so that the client gets
#: to read why instead of a broken connection.
DRAINED_BYTES: Final = 64 << 20
DRAINED_S: Final = 3.0

#: Where the page takes files; it counts their bytes for itself.
UPLOAD_PATH: Final = "/gradio_api/upload"

MULTIPART_FIELDS: Final = 32
LONGEST_FIELD: Final = 1 << 20  # bytes; hints as JSON are text fields


@dataclass
class MultipartForm:
    """A multipart body: text `fields`, and `files` on disk: field -> (path, the client's name)."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, tuple[Path, str]] = field(default_factory=dict)


async def spool(request: Request, target: Path, limit: int, bodies: Bodies) -> int:
    """Writes the request's body to `target` and says how many bytes it had."""
    size = 0
    with target.open("wb") as stream:
        async for chunk in body_of(request, limit, bodies):
            stream.write(chunk)
            size += len(chunk)
    return size


async def spool_form(request: Request, folder: Path, limit: int, bodies: Bodies) -> MultipartForm:
    """Reads a multipart body; every file part goes to a file of its own in `folder`."""
    parser = MultiPartParser(
        request.headers,
        body_of(request, limit, bodies),
        max_files=3,
        max_fields=MULTIPART_FIELDS,
        max_part_size=LONGEST_FIELD,
    )
    try:
        parsed = await parser.parse()
    except MultiPartException as error:
        raise Refused(400, f"the multipart body is malformed ({error.message})") from error
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise Refused(400, "the multipart body is malformed") from error
    form = MultipartForm()
    try:
        for name, value in parsed.multi_items():
            if name in form.fields or name in form.files:
                raise Refused(400, f"the field {name[:40]!r} is given twice")
            if isinstance(value, UploadFile):
                target = folder / f"part-{len(form.files)}"
                with target.open("wb") as stream:
                    await asyncio.to_thread(shutil.copyfileobj, value.file, stream, 1 << 20)
                form.files[name] = target, value.filename or ""
            else:
                form.fields[name] = value
    finally:
        await parsed.close()
    return form


async def body_of(
    request: Request, limit: int, bodies: Bodies | None = None
) -> AsyncGenerator[bytes, None]:
    """The body's chunks; `Refused` for what is too large (413), slow (408) or compressed (415).

    Where it is one of several `bodies`, it may have to make room for another (503).
    """
    _check_headers(request.headers, limit)
    bodies = bodies or Bodies()  # one alone has no other to make room for
    with bodies.coming() as body:
        async for chunk in _chunks(request, limit, body):
            bodies.add(body, len(chunk))
            yield chunk


async def _chunks(request: Request, limit: int, body: Body) -> AsyncGenerator[bytes, None]:
    size, start = 0, time.monotonic()
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(GRACE_S) as body.wait:  # wait_for makes a task for each
                chunk = await anext(stream, None)
        except TimeoutError:
            if body.is_given_up:
                raise Refused(
                    503,
                    "many pictures are being sent, and this one came too slowly; try again",
                    kind="busy",
                ) from None
            raise Refused(408, "the body stopped coming", kind="timeout") from None
        except ClientDisconnect:
            raise InterruptedJob("the client left") from None
        if chunk is None:
            request.state.body_is_read = True
            return
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if time.monotonic() - start > GRACE_S + size / SLOWEST_BYTES_PER_S:
            raise Refused(408, "the body comes too slowly", kind="timeout")
        yield chunk


async def drain(request: Request) -> None:
    """Reads on after a refusal, within bounds; the client writes its whole body before it reads."""

    async def rest() -> None:
        size, more = 0, True
        while more and size < DRAINED_BYTES:
            message = await request.receive()
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)

    # Who sent "Expect: 100-continue" waits for our word before it sends anything.
    if getattr(request.state, "body_is_read", False) or "expect" in request.headers:
        return
    try:
        await asyncio.wait_for(rest(), DRAINED_S)
    except TimeoutError:
        return


def _check_headers(headers: Mapping[str, str], limit: int) -> None:
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise Refused(415, f"a body compressed with {encoding[:20]!r} is not accepted")
    declared = headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Refused:
    size = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
    return Refused(413, f"the body is larger than {size}", kind="too-large")


#: What no file's name may hold: controls, separators, quotes, and what Windows forbids.
_FORBIDDEN: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]'
)


#: File systems take names of 255 bytes; a result's name is a little longer than its source's.
_LONGEST_NAME: Final = 200  # bytes


def plain_name(given: str) -> str:
    """A name for the file that a client calls `given`: no folder, nothing to inject, not too long.

    The suffix is kept.
    """
    name = _FORBIDDEN.sub("_", given.replace("\\", "/").rpartition("/")[2]).strip(". ")
    name = name.encode("utf-8", "replace").decode()
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > 16:
        stem, suffix = name, ""
    room = _LONGEST_NAME - len(f"{dot}{suffix}".encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").strip(". ") or "picture"
    return f"{stem}.{suffix}" if suffix else stem


def file_name(given: str, suffix: str) -> str:
    """`NAME-photochrom.EXT` after the name that a client gave: no folder, nothing to inject."""
    stem = _FORBIDDEN.sub("_", given.replace("\\", "/").rpartition("/")[2])
    stem = stem.rpartition(".")[0] or stem
    stem = stem.strip(". ")[:120] or "picture"
    return f"{stem}-photochrom{suffix}"
