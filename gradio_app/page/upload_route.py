"""The page's upload route: files go from the request's body straight to `Uploads`.

It stands where Gradio's own would, and answers in the same form, since Gradio's half in the browser
asks it: a list of paths, and beside it a stream that tells how far each file is.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from core.errors import InterruptedJob
from gradio_app.page.uploads import Incoming, Uploads
from gradio_app.problems import Refused, needs_room, problem_of
from gradio_app.upload import body_of, drain

MOST_FILES: Final = 1000  # in one body; Gradio's half in the browser sends no more at once
LONGEST_HEADER: Final = 8 << 10  # bytes, of one part
#: Streams that tell of uploads; an older one ends when there are more.
MOST_PROGRESS_STREAMS: Final = 256
#: How long such a stream waits for its upload to begin, and between two words.
_PROGRESS_S: Final = 10.0


class UploadProgress:
    """How far an upload is: bytes that came since it was last asked, file by file."""

    def __init__(self) -> None:
        self._coming: dict[str, int] = {}
        self._done = False
        self._changed = asyncio.Event()

    def add(self, sizes: dict[str, int]) -> None:
        """Notes how many bytes came for files, by the names that the browser gave them."""
        for name, size in sizes.items():
            self._coming[name] = self._coming.get(name, 0) + size
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._done = True
        self._changed.set()

    async def events(self) -> AsyncIterator[str]:
        """Server-sent events, until the upload is done or nothing is heard of it any more."""
        while not self._done:
            try:
                await asyncio.wait_for(self._changed.wait(), _PROGRESS_S)
            except TimeoutError:
                break
            self._changed.clear()
            coming, self._coming = self._coming, {}
            for name, size in coming.items():
                yield _event({"msg": "update", "orig_name": name, "chunk_size": size})
        yield _event({"msg": "done"})


class UploadRoute:
    """The upload route and the one that tells of it, over one `Uploads`."""

    def __init__(self, uploads: Uploads, largest: int) -> None:
        self._uploads = uploads
        self._largest = largest  # bytes, of one file
        self._progresses: OrderedDict[str, UploadProgress] = OrderedDict()

    async def receive(self, request: Request, owner: str) -> Response:
        """Takes the files of a multipart body; a JSON list of where they lie."""
        progress = self._progress(request.query_params.get("upload_id", ""))
        try:
            paths = await self._received(request, owner, progress)
        except (Refused, InterruptedJob) as error:
            await drain(request)
            return problem_of(error)
        finally:
            progress.end()
        return JSONResponse(paths)

    def progress_of(self, upload_id: str) -> Response:
        """The stream that tells how far the upload of that name is."""
        return StreamingResponse(
            self._progress(upload_id).events(),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store"},
        )

    def _progress(self, upload_id: str) -> UploadProgress:
        """The upload's progress; whichever of the two requests comes first begins it."""
        if not upload_id:
            return UploadProgress()
        progress = self._progresses.setdefault(upload_id, UploadProgress())
        if len(self._progresses) > MOST_PROGRESS_STREAMS:
            self._progresses.popitem(last=False)[1].end()
        return progress

    async def _received(self, request: Request, owner: str, progress: UploadProgress) -> list[str]:
        files = _Files(self._uploads, owner, self._largest, _boundary(request))
        try:
            # Each file has its own limit, all together have that of the uploads.
            with needs_room():
                async for chunk in body_of(request, 1 << 50):
                    progress.add(await asyncio.to_thread(files.write, chunk))
                return await asyncio.to_thread(files.finish)
        except FormParserError as error:
            files.give_up()
            raise Refused(400, "the multipart body is malformed") from error
        except BaseException:  # a client that leaves leaves nothing behind
            files.give_up()
            raise


class _Files:
    """A multipart body that becomes files as it comes; its text fields are read over."""

    def __init__(self, uploads: Uploads, owner: str, largest: int, boundary: bytes) -> None:
        self._uploads = uploads
        self._owner = owner
        self._largest = largest
        self._whole: list[Incoming] = []
        self._current: Incoming | None = None
        self._name = ""
        self._came: dict[str, int] = {}
        self._header: dict[str, bytearray] = {}
        self._field, self._value = bytearray(), bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_file,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
            },
        )

    def write(self, chunk: bytes) -> dict[str, int]:
        """Takes the next piece of the body; says how many bytes came for which file."""
        self._came = {}
        self._parser.write(chunk)
        return self._came

    def finish(self) -> list[str]:
        """The files' paths, in their order; from now on they are their owner's uploads."""
        self._parser.finalize()
        if self._current is not None:
            raise Refused(400, "the multipart body ends in the middle of a file")
        return [str(incoming.finish().path) for incoming in self._whole]

    def give_up(self) -> None:
        """Removes what came."""
        for incoming in (*self._whole, *filter(None, (self._current,))):
            incoming.give_up()

    def _begin_part(self) -> None:
        self._header = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]
        self._check_header()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._check_header()

    def _check_header(self) -> None:
        if len(self._field) + len(self._value) > LONGEST_HEADER:
            raise Refused(400, "a part's header is too long")

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._header["disposition"] = self._value
        self._field, self._value = bytearray(), bytearray()

    def _begin_file(self) -> None:
        _, options = parse_options_header(bytes(self._header.get("disposition", b"")))
        if b"filename" not in options:
            return
        if len(self._whole) >= MOST_FILES:
            raise Refused(413, f"more than {MOST_FILES} files at once", kind="too-large")
        self._name = options[b"filename"].decode("utf-8", "replace")
        self._current = self._uploads.begin(self._owner, self._name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._current is None:
            return
        if self._current.size + end - start > self._largest:
            limit = self._largest >> 20
            raise Refused(413, f"a file is larger than {limit} MiB", kind="too-large")
        self._current.write(data[start:end])
        self._came[self._name] = self._came.get(self._name, 0) + end - start

    def _end_part(self) -> None:
        if self._current is not None:
            self._whole.append(self._current)
            self._current = None


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
        raise Refused(400, "files are sent as multipart/form-data")
    return boundary


def _event(message: dict[str, Any]) -> str:
    return f"data: {json.dumps(message)}\n\n"
