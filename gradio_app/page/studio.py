"""What the page does: one handler for each thing that a person can do on it.

Every handler takes a slot in the pool, works in its threads, and says what went wrong in one
sentence (`gr.Error`). Pictures live in the `Gallery`; the browser holds only their names.
"""

import asyncio
import functools
import inspect
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np

from core.colour.kernels import lightness_of
from core.errors import Failure, InterruptedJob, OptionsError, PhotochromError
from core.options import Options
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page import words
from gradio_app.page.batch import MOST_FILES, Batches
from gradio_app.page.pictures import Gallery, OpenPicture
from gradio_app.page.preview import coloured, histogram, jpeg_of
from gradio_app.page.routes import owner_of
from gradio_app.page.stage import alternatives, document_of_strokes
from gradio_app.page.uploads import NOT_YOURS, Uploads
from gradio_app.problems import Refused

#: How often a person is told how far the work is.
_TELL_S: Final = 0.4


def in_a_sentence(otherwise: Callable[[], Any] = gr.skip):
    """A handler whose failures reach the person as a sentence, never as a traceback.

    The page then gets `otherwise()`; by default it stays as it is. A failure that is raised would
    make Gradio cover the page's parts with the word Error.
    """

    def saying(handler: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isasyncgenfunction(handler):

            @functools.wraps(handler)
            async def said_each(*arguments: Any, **named: Any) -> AsyncIterator[Any]:
                try:
                    async for shown in handler(*arguments, **named):
                        yield shown
                except (PhotochromError, MemoryError, Refused) as error:
                    say(error)
                    yield otherwise()

            return said_each

        @functools.wraps(handler)
        async def said(*arguments: Any, **named: Any) -> Any:
            try:
                return await handler(*arguments, **named)
            except (PhotochromError, MemoryError, Refused) as error:
                say(error)
                return otherwise()

        return said

    return saying


def say(error: Exception) -> None:
    """Shows what went wrong as a note on the page."""
    text = error.detail if isinstance(error, Refused) else Failure.of(error).message
    gr.Warning(f"{text[:1].upper()}{text[1:].rstrip('.')}.", duration=12, title="Not done")


def _stage_failed() -> list[Any]:
    """For what `_shown` shows: the stage alone hears of it, and stops waiting."""
    return [gr.skip(), {"failed": secrets.token_hex(4)}, gr.skip(), gr.skip(), ""]


class Studio:
    """The handlers, over one pool and one gallery."""

    def __init__(self, pool: ColorizerPool, gallery: Gallery, uploads: Uploads) -> None:
        self._pool = pool
        self._gallery = gallery
        self._uploads = uploads
        self._batches = Batches(gallery.folder, pool.settings.max_pixels, gallery.offer_archive)
        self._descriptions = pool.descriptions()
        self.model_names = list(self._descriptions)

    def card(self, model: str) -> str:
        """The model's own words about itself."""
        found = self._descriptions.get(model)
        return found.card if found else ""

    @in_a_sentence()
    async def open_upload(
        self, file: Any, model: str, side: int, vividness: float, detail: int, request: gr.Request
    ):
        """Opens an uploaded picture and colours it. `file` is what the browser calls it."""
        if not file:
            return gr.skip()
        owner = owner_of(_scope(request))
        with self._pool.folder_for_one() as folder:
            own = await asyncio.to_thread(self._uploads.take, _path(file), owner, folder)
            return await self._open(own, model, side, vividness, detail)

    @in_a_sentence()
    async def open_example(
        self, model: str, side: int, vividness: float, detail: int, chosen: gr.SelectData
    ):
        """Opens one of the examples, by its number."""
        from gradio_app.page.layout import EXAMPLES

        path = sorted(EXAMPLES.glob("*.jpg"))[int(chosen.index)]  # type: ignore[arg-type]
        with self._pool.folder_for_one() as folder:
            own = Path(shutil.copy(path, folder / path.name))
            return await self._open(own, model, side, vividness, detail)

    async def _open(self, path: Path, model: str, side: int, vividness: float, detail: int):
        start = time.perf_counter()

        def work() -> OpenPicture:
            picture = self._gallery.open(path, self._pool.settings.max_pixels)
            options = self._options(picture, model, side, vividness, detail)
            picture.recolour(options, self._with(model), lambda *_: slot.stop.check())
            picture.seconds = time.perf_counter() - start  # reading the file included
            return picture

        with self._pool.slot() as slot:
            picture = await slot.run(work)
        return self._opened(picture, await self._shown(picture))

    async def restore(self, id: str):
        """After the page was loaded anew: the picture that was open in this tab, if it still is.

        A duplicated tab comes this way too, so each gets a picture of its own.
        """
        if not id:
            return gr.skip()  # whoever is quicker than this answer has a picture open by now
        try:
            picture = await asyncio.to_thread(self._gallery.fork, id)
        except OptionsError:
            return ["", gr.update(visible=True), gr.update(visible=False), *[gr.skip()] * 9]
        shown = await self._shown(picture, restore=True)
        return self._opened(picture, shown)

    async def close(self, id: str):
        """Back to choosing."""
        self._gallery.close(id)
        return "", gr.update(visible=True), gr.update(visible=False)

    @in_a_sentence(lambda: [*[gr.skip()] * 4, ""])
    async def change(self, id: str, model: str, side: int, vividness: float, detail: int):
        """Another model, side, vividness or detail."""
        async for shown in self._recolour(id, model, side, vividness, detail):
            yield shown

    @in_a_sentence(_stage_failed)
    async def paint(
        self, id: str, model: str, side: int, vividness: float, detail: int, event: gr.EventData
    ):
        """Another set of strokes."""
        picture = self._gallery.find(id)
        strokes = event._data.get("strokes") or []
        document_of_strokes(strokes, picture.width, picture.height)  # refused before it is kept
        picture.strokes = strokes
        async for shown in self._recolour(id, model, side, vividness, detail):
            yield shown

    @in_a_sentence(lambda: _stage_failed()[1])
    async def ask(
        self, id: str, model: str, side: int, vividness: float, detail: int, event: gr.EventData
    ):
        """What else one point could be."""
        picture = self._gallery.find(id)
        x, y = float(event._data["x"]), float(event._data["y"])

        def work() -> list[dict[str, Any]]:
            colorizer = self._with(model)
            found = picture.distribution_at(x, y, colorizer)
            bins = colorizer.session.description.bins
            assert bins is not None, "a distribution has bins (contract 1)"
            return alternatives(found, bins, _lightness_at(picture, x, y))

        with self._pool.slot() as slot:
            choices = await slot.run(work)
        value = self._stage_value(picture)
        value["alternatives"] = {"x": x, "y": y, "choices": choices}
        return value

    @in_a_sentence(lambda: "")
    async def full_size(self, id: str, model: str, side: int, vividness: float, detail: int):
        """Makes the whole file and says where it can be fetched."""
        picture = self._gallery.find(id)
        options = self._options(picture, model, side, vividness, detail)
        with self._pool.slot() as slot:
            path = await slot.run(
                lambda: picture.full_size(options, self._with(model), slot.stop.check)
            )
        return self._gallery.offer(path)

    @in_a_sentence()
    async def compare(self, id: str, left: str, right: str):
        """The open picture by two models, for a slider between them."""
        if not id:
            raise Refused(422, "Open a photograph in the first tab, then compare.")
        picture = self._gallery.find(id)

        def work(side: str, model: str) -> tuple[str, float]:
            start = time.perf_counter()
            colorizer = self._with(model)
            options = Options(model=model, vividness=picture.options.vividness)
            field = colorizer.field(picture, options)
            data = jpeg_of(coloured(picture.before, field, options.vividness))
            return str(picture.show(side, data)), time.perf_counter() - start

        with self._pool.slot() as slot:
            one, one_s = await slot.run(work, "left", left)
            two, two_s = await slot.run(work, "right", right)
        said = f"Left: {left}, {one_s * 1000:.0f} ms. Right: {right}, {two_s * 1000:.0f} ms."
        return (one, two), f'<p class="status" role="status">{said} Hints are left out.</p>'

    async def batch(
        self, files: Any, model: str, vividness: float, detail: int, request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 (how Gradio injects it)
    ):  # fmt: skip
        """Many files, one after another, into a ZIP; yields the report as it grows."""
        owner, page = owner_of(_scope(request)), request.session_hash or ""
        try:
            options = Options(model=model, vividness=vividness, detail=detail)
            paths = [_path(file) for file in _listed(files)]
            batch = await asyncio.to_thread(
                self._batches.begin, owner, page, paths, options,
                lambda path, folder: self._uploads.take(path, owner, folder),
            )  # fmt: skip
        except (PhotochromError, OSError, Refused) as error:
            say(error)
            return
        try:
            for key in batch.left:
                progress((len(batch.done) + len(batch.failures), batch.whole), desc=key[0])
                with self._pool.slot() as slot:
                    check = batch.at(slot)
                    await slot.run(lambda key=key: batch.add(key, self._with(model), check))  # noqa: B023
                yield gr.skip(), words.batch_report(batch)
            batch.is_stopped = False
        except InterruptedJob:
            pass  # what is done is offered all the same, as after every failure
        except (PhotochromError, MemoryError, OSError, Refused) as error:
            say(error)
        finally:  # also where nobody listens any more
            self._batches.end(owner, page, batch)
        yield gr.skip() if batch.is_stopped else None, words.batch_report(batch)

    async def stop_batch(self, request: gr.Request) -> None:
        """Ends the page's batch; its own handler then shows what is done."""
        self._batches.stop(request.session_hash or "")

    async def last_batch(self, request: gr.Request) -> str:
        """After the page was loaded anew: what the browser's last batch came to."""
        batch = self._batches.last(owner_of(_scope(request)))
        return words.batch_report(batch) if batch else ""

    async def _recolour(self, id: str, model: str, side: int, vividness: float, detail: int):
        """Yields what is to be shown: how far the work is while it lasts, then the picture."""
        picture = self._gallery.find(id)
        options = self._options(picture, model, side, vividness, detail)
        done, whole = 0, 1

        def watch(*looks: int) -> None:
            nonlocal done, whole
            done, whole = looks
            slot.stop.check()

        with self._pool.slot() as slot:
            work = asyncio.create_task(
                slot.run(lambda: picture.recolour(options, self._with(model), watch))
            )
            try:
                while not (await asyncio.wait((work,), timeout=_TELL_S))[0]:
                    if whole > 1:
                        yield [*[gr.skip()] * 4, words.looking(done, whole)]
                await work
            finally:  # also where nobody listens any more
                slot.cancel()
                await asyncio.gather(work, return_exceptions=True)
        yield await self._shown(picture)

    def _with(self, model: str):
        return self._pool.colorizer_of(model)

    def _options(
        self, picture: OpenPicture, model: str, side: int, vividness: float, detail: int
    ) -> Options:
        hints = document_of_strokes(picture.strokes, picture.width, picture.height)
        if hints and not self._takes_hints(model):
            hints = ""  # the strokes stay, for a model that takes them
        return Options(
            model=model, side=int(side), detail=int(detail), vividness=float(vividness), hints=hints
        )

    def _takes_hints(self, model: str) -> bool:
        found = self._descriptions.get(model)
        return found is not None and found.takes_hints

    def _opened(self, picture: OpenPicture, shown: list[Any]) -> list[Any]:
        chosen = picture.options
        return [
            picture.id, gr.update(visible=False), gr.update(visible=True),
            chosen.model, chosen.side, chosen.vividness, chosen.detail, *shown,
        ]  # fmt: skip

    async def _shown(self, picture: OpenPicture, *, restore: bool = False) -> list[Any]:
        """Values of slider, stage, status line, histogram, and no progress."""
        before, after = await asyncio.to_thread(picture.preview_files)
        colorizer = await asyncio.to_thread(self._with, picture.options.model)
        session = colorizer.session
        line = words.status(
            picture.width * picture.height / 1e6, picture.about, picture.pages, picture.seconds,
            session.description.name, session.provider,
        )  # fmt: skip
        value = self._stage_value(picture) | ({"restore": True} if restore else {})
        assert picture.last_chroma is not None
        colours = histogram(picture.last_chroma, picture.options.vividness)
        return [(str(before), str(after)), value, line, colours, ""]

    def _stage_value(self, picture: OpenPicture) -> dict[str, Any]:
        description = self._descriptions.get(picture.options.model)
        return {
            "id": picture.id,
            "image": f"page/preview/{picture.id}/after?v={picture.version}",
            "width": picture.width,
            "height": picture.height,
            "strokes": picture.strokes,
            "takes_hints": self._takes_hints(picture.options.model),
            "can_ask": description is not None and description.has_distribution,
        }


def _scope(request: gr.Request) -> Any:
    """The request behind an event, as `PageRoutes` passed it on."""
    return request.request.scope if request.request else {}


def _path(file: Any) -> str:
    """Where a file lies, as a browser says; `Uploads` alone knows whether that is true."""
    path = file.get("path") if isinstance(file, dict) else None
    if not isinstance(path, str):
        raise Refused(422, NOT_YOURS, kind="upload")
    return path


def _listed(files: Any) -> list[Any]:
    if not isinstance(files, list) or not 0 < len(files) <= MOST_FILES:
        raise Refused(422, f"Choose 1 to {MOST_FILES} photographs here; `photochrom colorize "
                      "FOLDER` in a terminal has no limit")  # fmt: skip
    return files


def _lightness_at(picture: OpenPicture, x: float, y: float) -> float:
    """L* of the preview's pixel there."""
    height, width = picture.before.shape[:2]
    row = min(max(int(y / picture.height * height), 0), height - 1)
    column = min(max(int(x / picture.width * width), 0), width - 1)
    pixel = np.ascontiguousarray(picture.before[row : row + 1, column : column + 1])
    return float(lightness_of(pixel)[0, 0])
