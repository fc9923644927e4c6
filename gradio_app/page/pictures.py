"""Pictures that browsers have open: opened once, then only chroma is computed anew.

`OpenPicture` keeps a preview, thumbnails and the last chroma field of one picture; `OpenPictures`
holds a bounded number of them under names that cannot be guessed, and serves their previews and
full results. All work runs in the pool's threads.
"""

import os
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from fastapi import FastAPI
from starlette.responses import FileResponse, Response

from core.colour.field import ChromaField
from core.errors import OptionsError, PhotochromError
from core.image.formats import suffix_of_result
from core.image.read import open_source
from core.job import Job, run
from core.options import Options
from gradio_app.page.preview import around, coloured, jpeg_of, preview_size, smaller, to_8_bit
from gradio_app.upload import file_name

if TYPE_CHECKING:
    from core.colorizer import Colorizer, Watch

#: Pictures kept open; the one looked at longest ago goes first. A preview holds 2 to 15 MB.
MOST_OPEN: Final = 24
#: Finished batches kept for being fetched.
MOST_ARCHIVES: Final = 6
#: Small pictures of a batch's results that can be fetched; 3 to 6 kB each.
MOST_THUMBNAILS: Final = 2000
_CLOSE_UP_SIDE: Final = 480  # pixels, of the picture that a close-up is cut from
LOST: Final = (
    "This photograph is not open any more: if it does not come back by itself, choose it again"
)


@dataclass
class OpenPicture:
    """One picture: sizes of the full page in pixels; `before` the preview's own samples.

    `is_left` says that a page went on with a picture of its own made from this one (`fork`).
    """

    id: str
    source: Path
    name: str
    width: int
    height: int
    pages: int
    format: str
    depth: int
    max_pixels: int
    before: np.ndarray
    before_jpeg: bytes
    after_jpeg: bytes = b""
    version: int = 0
    seconds: float = 0.0
    options: Options = field(default_factory=Options)
    strokes: list = field(default_factory=list)
    last_chroma: ChromaField | None = None
    _chroma_key: tuple = ()
    _thumbnails: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)
    _result_key: str = ""
    _shown: dict[str, Path] = field(default_factory=dict)
    _shown_count: int = 0
    _chroma_lock: threading.Lock = field(default_factory=threading.Lock)
    _result_lock: threading.Lock = field(default_factory=threading.Lock)
    _shown_lock: threading.Lock = field(default_factory=threading.Lock)
    is_left: bool = False

    def thumbnail(self, width: int, height: int) -> np.ndarray:
        """The page at the size that the network wants; read from the file once a size."""
        found = self._thumbnails.get((width, height))
        if found is None:
            with open_source(self.source, self.max_pixels) as source:
                found = source.pages[0].thumbnail(width, height)
            self._thumbnails[width, height] = found
        return found

    def chroma(self, options: Options, colorizer: "Colorizer", watch: "Watch") -> ChromaField:
        """The picture's chroma; asked of the network only where something but vividness changed."""
        key = (colorizer.session.sha256, replace(options, vividness=1.0))
        with self._chroma_lock:
            if self.last_chroma is None or key != self._chroma_key:
                self.last_chroma = colorizer.field(self, options, watch)
                self._chroma_key = key
            return self.last_chroma

    def recolour(
        self, options: Options, colorizer: "Colorizer", watch: "Watch" = lambda *_: None
    ) -> None:
        """Makes `after_jpeg` anew; `seconds` says how long that took."""
        start = time.perf_counter()
        chroma = self.chroma(options, colorizer, watch)
        self.after_jpeg = jpeg_of(coloured(self.before, chroma, options.vividness))
        self.options = options
        self.version += 1
        self.seconds = time.perf_counter() - start

    def distribution_at(self, x: float, y: float, colorizer: "Colorizer") -> np.ndarray:
        """How probable each of the model's colours is at a pixel of the full page."""
        return colorizer.distribution_at(self, self.options, x, y)

    def close_up(self, x: float, y: float, options: Options, colorizer: "Colorizer") -> bytes:
        """A small JPEG of how it would look around a pixel of the full page with other options."""
        field = colorizer.field(self, options)
        small = coloured(smaller(self.before, _CLOSE_UP_SIDE), field, options.vividness)
        return jpeg_of(around(small, x / self.width, y / self.height))

    def preview_files(self) -> tuple[Path, Path]:
        """Before and after as files, for a component that takes files."""
        before = self._shown.get("before") or self.show("before", self.before_jpeg)
        return before, self.show("after", self.after_jpeg)

    def show(self, which: str, data: bytes) -> Path:
        """A JPEG as a file with a new name, so that no browser takes an older one for it.

        The one before it stays, since a browser may be fetching it; older ones go.
        """
        with self._shown_lock:
            self._shown_count += 1
            path = self.source.with_name(f"{which}-{self._shown_count}.jpg")
            put(path, data)
            last = self._shown.get(which)
            self._shown[which] = path
            for old in path.parent.glob(f"{which}-*.jpg"):
                if old not in (path, last):
                    old.unlink(missing_ok=True)
        return path

    def full_size(
        self, options: Options, colorizer: "Colorizer", check: Callable[[], None]
    ) -> Path:
        """The whole file in colour, as `photochrom colorize` makes it."""
        target = self.source.parent / file_name(self.name, suffix_of_result(self.source.suffix))
        with self._result_lock:
            job = Job(self.source, target, options, "overwrite", self.max_pixels)
            key = f"{colorizer.session.sha256} {options.as_mapping()}"
            if key != self._result_key or not target.exists():
                outcome = run(job, colorizer, check=check)
                if outcome.error:
                    raise PhotochromError(outcome.error.message, kind=outcome.error.kind)
                self._result_key = key
        return target


def put(path: Path, data: bytes) -> None:
    """Replaces a file at once: another handler may be reading it."""
    part = path.with_name(secrets.token_hex(8))
    part.write_bytes(data)
    part.replace(path)


class OpenPictures:
    """The open pictures of all browsers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, OpenPicture] = OrderedDict()
        self._results: OrderedDict[str, Path] = OrderedDict()
        self._archives: list[Path] = []
        self._thumbnails: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, upload: Path, max_pixels: int) -> OpenPicture:
        """Opens an uploaded file, which is taken away from where it lay; raises `SourceError`."""
        id = secrets.token_urlsafe(18)
        folder = self.folder / f"picture-{id}"
        folder.mkdir()
        try:
            picture = _opened(id, upload, folder, max_pixels)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._keep(picture)
        return picture

    def fork(self, id: str) -> OpenPicture:
        """A picture like the one of that name, for a page that takes it up anew.

        A reloaded page and a duplicated one look the same from here; with a picture of its own
        each, neither paints on the other's nor closes it. Raises `OptionsError`.
        """
        former = self.find(id)
        name = secrets.token_urlsafe(18)
        folder = self.folder / f"picture-{name}"
        folder.mkdir()
        source = folder / former.source.name
        try:
            try:
                os.link(former.source, source)
            except (OSError, NotImplementedError):
                shutil.copyfile(former.source, source)
        except OSError as error:  # closed in this moment
            shutil.rmtree(folder, ignore_errors=True)
            raise OptionsError(LOST) from error
        with former._chroma_lock:
            picture = replace(
                former,
                id=name,
                source=source,
                strokes=list(former.strokes),
                _shown={},
                _thumbnails=dict(former._thumbnails),
                _result_key="",
                is_left=False,
                _chroma_lock=threading.Lock(),
                _result_lock=threading.Lock(),
                _shown_lock=threading.Lock(),
            )
        self._keep(picture)
        former.is_left = True  # afterwards: it was asked for just now, and is not the one to go
        return picture

    def mark_open(self, id: str) -> None:
        """A page has said that it has this picture open: it is no longer thought to be left."""
        with self._lock:
            if id in self._open:
                self._open.move_to_end(id)
                self._open[id].is_left = False

    def _keep(self, picture: OpenPicture) -> None:
        with self._lock:
            self._open[picture.id] = picture
            if len(self._open) > MOST_OPEN:
                left = (id for id, kept in self._open.items() if kept.is_left)
                self._remove(next(left, next(iter(self._open))))

    def find(self, id: str | None) -> OpenPicture:
        """The open picture of that name; raises `OptionsError` where it is gone."""
        with self._lock:
            picture = self._open.get(id or "")
            if picture is None:
                raise OptionsError(LOST)
            self._open.move_to_end(picture.id)
            picture.is_left = False
            return picture

    def close(self, id: str | None) -> None:
        """Lets a picture go."""
        with self._lock:
            if id in self._open:
                self._remove(id)

    def offer(self, path: Path) -> str:
        """The address at which a finished file can be fetched for a while."""
        ticket = secrets.token_urlsafe(18)
        with self._lock:
            self._results[ticket] = path
            if len(self._results) > 4 * MOST_OPEN:
                self._results.popitem(last=False)
        return f"page/result/{ticket}"  # relative: a proxy may serve the page in a folder

    def offer_archive(self, path: Path) -> str:
        """`offer` for a file alone in its folder; the oldest such folder makes room."""
        with self._lock:
            self._archives.append(path)
            if len(self._archives) > MOST_ARCHIVES:
                shutil.rmtree(self._archives.pop(0).parent, ignore_errors=True)
        return self.offer(path)

    def offer_thumbnail(self, data: bytes) -> str:
        """The address at which a small JPEG can be fetched for a while."""
        ticket = secrets.token_urlsafe(18)
        with self._lock:
            self._thumbnails[ticket] = data
            if len(self._thumbnails) > MOST_THUMBNAILS:
                self._thumbnails.popitem(last=False)
        return f"page/thumbnail/{ticket}"

    def _remove(self, id: str) -> None:
        picture = self._open.pop(id)
        shutil.rmtree(picture.source.parent, ignore_errors=True)

    def add_routes(self, app: FastAPI) -> None:
        """Adds the addresses of previews and results."""

        @app.get("/page/preview/{id}/{which}")
        async def preview(id: str, which: str) -> Response:
            picture = self._open.get(id)
            if picture is None or which not in ("before", "after"):
                return Response(LOST, 404)
            data = picture.before_jpeg if which == "before" else picture.after_jpeg
            return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

        @app.get("/page/thumbnail/{ticket}")
        async def thumbnail(ticket: str) -> Response:
            data = self._thumbnails.get(ticket)
            if data is None:
                return Response(LOST, 404)
            headers = {"Cache-Control": "private, max-age=86400"}
            return Response(data, media_type="image/jpeg", headers=headers)

        @app.get("/page/result/{ticket}")
        async def result(ticket: str) -> Response:
            path = self._results.get(ticket)
            if path is None or not path.exists():
                return Response("This result is gone; make it again", 404)
            return FileResponse(path, filename=path.name)


def _opened(id: str, upload: Path, folder: Path, max_pixels: int) -> OpenPicture:
    with open_source(upload, max_pixels) as source:
        page = source.pages[0]
        width, height = preview_size(page.width, page.height)
        before = page.thumbnail(width, height)
        format, depth = source.format.title, page.depth
        suffixes = source.format.suffixes
        pages = len(source.pages)
    suffix = upload.suffix if upload.suffix.lower() in suffixes else suffixes[0]
    kept = folder / f"source{suffix}"
    shutil.move(upload, kept)
    return OpenPicture(
        id=id,
        source=kept,
        name=upload.name,
        width=page.width,
        height=page.height,
        pages=pages,
        format=format,
        depth=depth,
        max_pixels=max_pixels,
        before=before,
        before_jpeg=jpeg_of(to_8_bit(before)),
    )
