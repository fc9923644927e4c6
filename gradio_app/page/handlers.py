"""Handles the events of the page: one handler for each thing that a person can do on it.

A handler that computes takes a slot in the pool and works in its threads. Every handler reports a
failure in one sentence (`failure_notes`), and returns its values in the groups that `parts` names.
`OpenPictures` holds the pictures; the browser knows only their names.
"""

import asyncio
import secrets
import shutil
import time
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr
import numpy as np

from core.colour.kernels import lightness_of
from core.errors import InterruptedJob, OptionsError, PhotochromError
from core.options import Options
from gradio_app.alternatives import alternatives
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page import examples, words
from gradio_app.page.batch import MOST_FILES, ZipBatches
from gradio_app.page.failure_notes import failures_as_notes, show_note
from gradio_app.page.hint_editor import document_of_strokes
from gradio_app.page.parts import BatchParts, ComparisonParts, PhotographParts, Presence, Shown
from gradio_app.page.payloads import (
    ColourSettings,
    WaySettings,
    detail_of,
    file_path,
    files_of,
    numbers_in,
)
from gradio_app.page.pictures import OpenPicture, OpenPictures
from gradio_app.page.preview import as_address, coloured, histogram, jpeg_of
from gradio_app.page.routes import owner_of
from gradio_app.page.uploads import Uploads
from gradio_app.problems import Refused

#: Seconds between two reports of how far the work is.
_TELL_S: Final = 0.4


def _editor_failed() -> Shown:
    """Returns values after a failure: the hint editor stops waiting, there is no progress."""
    return Shown.only(hint_editor={"failed": secrets.token_hex(4)}, progress="")


class Handlers:
    """The handlers, over one pool, its open pictures and its uploads."""

    def __init__(self, pool: ColorizerPool, pictures: OpenPictures, uploads: Uploads) -> None:
        self._pool = pool
        self._pictures = pictures
        self._uploads = uploads
        self._batches = ZipBatches(pictures.folder, pool.settings.max_pixels, pictures)
        self._descriptions = pool.descriptions()
        self.model_names = list(self._descriptions)

    def card(self, model: str) -> str:
        """Returns the model's card, in Markdown."""
        found = self._descriptions.get(model)
        return found.card if found else ""

    @failures_as_notes()
    async def open_upload(self, file: Any, request: gr.Request, *settings: Any):
        """Opens an uploaded picture and colours it. `file` is what the browser calls it."""
        if not file:
            return gr.skip()
        owner = owner_of(_scope(request))
        with self._pool.folder_for_one() as folder:
            own = await asyncio.to_thread(self._uploads.take, file_path(file), owner, folder)
            return await self._open(own, ColourSettings(*settings))

    @failures_as_notes()
    async def open_example(self, event: gr.EventData, *settings: Any):
        """Opens one of the examples, by its number."""
        [number] = numbers_in(event._data, "index")
        paths = examples.paths()
        if number not in range(len(paths)):
            raise Refused(422, "there is no such example")
        path = paths[int(number)]
        with self._pool.folder_for_one() as folder:
            own = Path(shutil.copy(path, folder / path.name))
            return await self._open(own, ColourSettings(*settings))

    async def _open(self, path: Path, settings: ColourSettings):
        start = time.perf_counter()

        def work() -> OpenPicture:
            picture = self._pictures.open(path, self._pool.settings.max_pixels)
            options = self._options(picture, settings)
            picture.recolour(options, self._with(settings.model), lambda *_: slot.stop.check())
            picture.seconds = time.perf_counter() - start  # reading the file included
            return picture

        with self._pool.slot() as slot:
            picture = await slot.run(work)
        return self._opened(picture, await self._shown(picture))

    async def restore(self, id: str):
        """Shows the picture that was open in this tab before the page was reloaded, if it still is.

        A duplicated tab comes this way too, so each gets a picture of its own.
        """
        if not id:
            return gr.skip()  # whoever is quicker than this answer has a picture open by now
        try:
            picture = await asyncio.to_thread(self._pictures.fork, id)
        except OptionsError:
            return PhotographParts.closed().listed()
        shown = await self._shown(picture, restore=True)
        return self._opened(picture, shown)

    async def close(self, id: str):
        """Closes the picture and shows the chooser."""
        self._pictures.close(id)
        return "", *self._presence(is_open=False)

    @failures_as_notes(lambda: Shown.only(progress=""))
    async def change(self, id: str, *settings: Any):
        """Colours the picture by other settings."""
        async for shown in self._recolour(id, ColourSettings(*settings)):
            yield shown

    @failures_as_notes(_editor_failed)
    async def paint(self, id: str, event: gr.EventData, *settings: Any):
        """Colours the picture by another set of strokes."""
        picture = self._pictures.find(id)
        strokes = (event._data or {}).get("strokes") or []
        document_of_strokes(strokes, picture.width, picture.height)  # refused before it is kept
        picture.strokes = strokes
        async for shown in self._recolour(id, ColourSettings(*settings)):
            yield shown

    @failures_as_notes(lambda: _editor_failed().hint_editor)
    async def ask(self, id: str, event: gr.EventData, *settings: Any):
        """Returns the hint editor's value with the alternatives for one point."""
        picture = self._pictures.find(id)
        chosen = ColourSettings(*settings)._replace(small_faces=False)
        x, y, radius = numbers_in(event._data, "x", "y", "radius")

        def work() -> list[dict[str, Any]]:
            colorizer = self._with(chosen.model)
            found = picture.distribution_at(x, y, colorizer)
            bins = colorizer.session.description.bins
            assert bins is not None, "a distribution has bins (contract 1)"
            choices = alternatives(found, bins, _lightness_at(picture, x, y))
            for choice in choices if self._takes_hints(chosen.model) else ():
                slot.stop.check()
                dab = {"colour": choice["colour"], "radius": radius, "points": [[x, y]]}
                options = self._options(picture, chosen, [*picture.strokes, dab])
                choice["picture"] = as_address(picture.close_up(x, y, options, colorizer))
            return choices

        with self._pool.slot() as slot:
            choices = await slot.run(work)
        value = self._editor_value(picture)
        value["alternatives"] = {"x": x, "y": y, "radius": radius, "choices": choices}
        return value

    @failures_as_notes(lambda: "")
    async def full_size(self, id: str, *settings: Any):
        """Colours the whole file and returns the address where it can be fetched."""
        picture = self._pictures.find(id)
        options = self._options(picture, ColourSettings(*settings))
        with self._pool.slot() as slot:
            path = await slot.run(
                lambda: picture.full_size(options, self._with(options.model), slot.stop.check)
            )
        return self._pictures.offer(path)

    @failures_as_notes()
    async def compare(self, id: str, *settings: Any):
        """Colours the open picture in two ways, for a slider between them.

        `settings` are those of the left picture, then those of the right one.
        """
        if not id:
            raise Refused(422, "Open a photograph first, then compare.")
        picture = self._pictures.find(id)
        left, right = (
            self._options(picture, ColourSettings(**way._asdict()))
            for way in WaySettings.pair(settings)
        )
        if left == right:
            raise Refused(422, words.ALIKE)

        def work(side: str, options: Options) -> tuple[str, float]:
            start = time.perf_counter()
            colorizer = self._with(options.model)
            field = colorizer.field(picture, options, lambda *_: slot.stop.check())
            data = jpeg_of(coloured(picture.before, field, options.vividness))
            return str(picture.show(side, data)), time.perf_counter() - start

        with self._pool.slot() as slot:
            one, one_s = await slot.run(work, "left", left)
            two, two_s = await slot.run(work, "right", right)
        sentences = [
            f"{side}: {words.way(options, self.model_names)}, {words.duration(seconds)}."
            for side, options, seconds in (("Left", left, one_s), ("Right", right, two_s))
        ]
        result = f'<p class="status" role="status">{escape(" ".join(sentences))}</p>'
        return ComparisonParts((one, two), result)

    async def batch(
        self, files: Any, model: str, vividness: float, small_faces: bool, request: gr.Request
    ):
        """Colours many files, one after another, into a ZIP; yields the report as it grows."""
        owner, page = owner_of(_scope(request)), request.session_hash or ""
        try:
            options = Options(model=model, vividness=vividness, detail=detail_of(small_faces))
            paths = files_of(files, MOST_FILES)
            batch = await asyncio.to_thread(
                self._batches.begin,
                owner,
                page,
                paths,
                options,
                lambda path, folder: self._uploads.take(path, owner, folder),
            )
        except (PhotochromError, OSError, Refused) as error:
            show_note(error)
            return
        try:
            for key in batch.left:
                batch.current = key
                yield BatchParts(
                    files=gr.skip(),
                    report=words.batch_report(batch),
                    stop=gr.update(visible=True),
                    again=gr.update(visible=False),
                )
                with self._pool.slot() as slot:
                    check = batch.at(slot)
                    await slot.run(lambda key=key: batch.add(key, self._with(model), check))  # noqa: B023
            batch.is_stopped = False
        except InterruptedJob:
            pass  # what is done is offered all the same, as after every failure
        except (PhotochromError, MemoryError, OSError, Refused) as error:
            show_note(error)
        finally:  # also where nobody listens any more
            self._batches.end(owner, page, batch)
        is_done = not (batch.is_stopped or batch.failures)
        has_failed = bool(batch.failures) and not batch.is_stopped
        yield BatchParts(
            files=None if is_done else gr.skip(),
            report=words.batch_report(batch),
            stop=gr.update(visible=False),
            again=gr.update(visible=has_failed),
        )

    async def stop_batch(self, request: gr.Request) -> None:
        """Stops the page's batch; the handler `batch` then shows the results so far."""
        self._batches.stop(request.session_hash or "")

    async def last_batch(self, request: gr.Request) -> str:
        """Returns the report of the browser's last batch, after the page was reloaded."""
        batch = self._batches.last(owner_of(_scope(request)))
        return words.batch_report(batch) if batch else ""

    async def _recolour(self, id: str, settings: ColourSettings):
        """Yields what is to be shown: how far the work is while it lasts, then the picture."""
        picture = self._pictures.find(id)
        options = self._options(picture, settings)
        done, whole = 0, 1

        def watch(*looks: int) -> None:
            nonlocal done, whole
            done, whole = looks
            slot.stop.check()

        with self._pool.slot() as slot:
            work = asyncio.create_task(
                slot.run(lambda: picture.recolour(options, self._with(options.model), watch))
            )
            try:
                while not (await asyncio.wait((work,), timeout=_TELL_S))[0]:
                    if whole > 1:
                        yield Shown.only(progress=words.looking(done, whole))
                await work
            finally:  # also where nobody listens any more
                slot.cancel()
                await asyncio.gather(work, return_exceptions=True)
        yield await self._shown(picture)

    def _with(self, model: str):
        return self._pool.colorizer_of(model)

    def _options(
        self, picture: OpenPicture, settings: ColourSettings, strokes: list | None = None
    ) -> Options:
        """Returns the picture's options, with its own strokes or with `strokes`."""
        strokes = picture.strokes if strokes is None else strokes
        hints = document_of_strokes(strokes, picture.width, picture.height)
        if hints and not self._takes_hints(settings.model):
            hints = ""  # the strokes stay, for a model that takes them
        return settings.options(hints)

    def _takes_hints(self, model: str) -> bool:
        found = self._descriptions.get(model)
        return found is not None and found.takes_hints

    def _opened(self, picture: OpenPicture, shown: Shown) -> list[Any]:
        """Returns values of all parts that have to do with the photograph."""
        chosen = picture.options
        controls = ColourSettings(
            model=chosen.model,
            side=chosen.side,
            vividness=chosen.vividness,
            small_faces=chosen.detail > 1,
            warmth=chosen.warmth,
            tint=chosen.tint,
            calm=chosen.calm,
            reach=chosen.reach,
        )
        presence = self._presence(is_open=True)
        return PhotographParts(picture.id, presence, controls, shown).listed()

    def _presence(self, *, is_open: bool) -> Presence:
        """Returns which parts are visible, with an open photograph or without one."""
        return Presence(
            chooser=gr.update(visible=not is_open),
            opened=gr.update(visible=is_open),
            paint_tab=gr.update(visible=is_open),
            compare_tab=gr.update(visible=is_open),
            panel=gr.update(visible=is_open),
            tabs=gr.skip() if is_open else gr.update(selected="photograph"),
        )

    async def _shown(self, picture: OpenPicture, *, restore: bool = False) -> Shown:
        """Returns values for a coloured picture, without progress."""
        before, after = await asyncio.to_thread(picture.preview_files)
        colorizer = await asyncio.to_thread(self._with, picture.options.model)
        session = colorizer.session
        line = words.status(
            picture.width * picture.height / 1e6, picture.format, picture.pages, picture.seconds
        )
        facts = words.facts(
            picture.width,
            picture.height,
            picture.depth,
            session.description.name,
            session.provider,
        )
        value = self._editor_value(picture) | ({"restore": True} if restore else {})
        assert picture.last_chroma is not None
        colours = histogram(picture.last_chroma, picture.options.vividness)
        return Shown(
            slider=(str(before), str(after)),
            hint_editor=value,
            status=line,
            facts=facts,
            histogram=colours,
            progress="",
        )

    def _editor_value(self, picture: OpenPicture) -> dict[str, Any]:
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
    """Returns the request behind an event, as `PageRoutes` passed it on."""
    return request.request.scope if request.request else {}


def _lightness_at(picture: OpenPicture, x: float, y: float) -> float:
    """Returns L* of the preview's pixel at x, y of the full page."""
    height, width = picture.before.shape[:2]
    row = min(max(int(y / picture.height * height), 0), height - 1)
    column = min(max(int(x / picture.width * width), 0), width - 1)
    pixel = np.ascontiguousarray(picture.before[row : row + 1, column : column + 1])
    return float(lightness_of(pixel)[0, 0])
