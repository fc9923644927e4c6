"""Films on the page: three frames in colour at once, then the whole film, segment by segment.

A film is an upload of the same browser like any other. Each segment takes a slot of the pool, so
that photographs come in between. What was coloured is kept until it has been fetched for a while,
as the archives of "Many files" are; a film that was stopped is not.
"""

import asyncio
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr

from core.errors import InterruptedJob, PhotochromError, SourceError
from core.options import Options
from gradio_app.colorizer_pool import Cancellation, ColorizerPool, Slot
from gradio_app.page import words
from gradio_app.page.film_progress import FilmProgress
from gradio_app.page.parts import FilmParts
from gradio_app.page.payloads import file_path
from gradio_app.page.pictures import OpenPictures
from gradio_app.page.preview import jpeg_of
from gradio_app.page.routes import owner_of
from gradio_app.page.uploads import Uploads
from gradio_app.problems import Refused

if TYPE_CHECKING:
    from core.colorizer import Colorizer
    from core.film.one_film import Work

#: Frames that are shown at once, and the long side of those and of the one at work, in pixels.
FRAMES: Final = 3
SIDE: Final = 640
#: How often a person is told how far the work is, and shown another frame, in seconds.
_TELL_S: Final = 0.5
_SHOW_S: Final = 2.0
#: What a person chooses -> suffix of the result.
KINDS: Final = {"MP4, plays everywhere": ".mp4", "MKV, without loss": ".mkv"}


class PageFilms:
    """The handlers of the tab, over one pool."""

    def __init__(self, pool: ColorizerPool, pictures: OpenPictures, uploads: Uploads) -> None:
        self._pool, self._pictures, self._uploads = pool, pictures, uploads
        self._at_work: dict[str, tuple[Cancellation, list[Slot]]] = {}

    async def frames(self, file: Any, model: str, vividness: float, request: gr.Request) -> str:
        """Three frames of an uploaded film, before and after."""
        if not file:
            return ""
        owner = owner_of(_scope(request))
        try:
            with self._pool.folder_for_one() as folder, self._pool.slot() as slot:
                own = await asyncio.to_thread(self._uploads.take, file_path(file), owner, folder)
                options = Options(model=model, vividness=vividness)
                return await slot.run(lambda: self._frames(own, options, slot.stop.check))
        except (PhotochromError, MemoryError, OSError, Refused) as error:
            _note(error)
            return ""

    def _frames(self, path: Path, options: Options, check: Callable[[], None]) -> str:
        from core.film.shown import samples

        film = self._opened(path)
        found = []
        for seconds, before, after in samples(
            film, self._pool.colorizer_of(options.model), options, FRAMES, SIDE
        ):
            check()
            pair = [self._pictures.offer_thumbnail(jpeg_of(each)) for each in (before, after)]
            found.append((seconds, *pair))
        return words.film_frames(found)

    def _opened(self, path: Path) -> Any:
        from core.film.source import open_film

        film = open_film(path)
        if film.width * film.height > self._pool.settings.max_pixels:
            raise SourceError("its frames are too large for this server", kind="too-large")
        return film

    async def colour(self, file: Any, model: str, vividness: float, kind: str, request: gr.Request):
        """Colours the whole film; yields the report as it grows, and whether it can be stopped."""
        owner, page = owner_of(_scope(request)), request.session_hash or ""
        folder = self._pictures.folder / f"film-{secrets.token_hex(16)}"
        stop = Cancellation()
        slots: list[Slot] = []
        is_done = False
        try:
            path = file_path(file)
            options = Options(model=model, vividness=vividness)
            own = folder / "source"
            own.mkdir(parents=True)
            self._at_work[page] = stop, slots
            source = await asyncio.to_thread(self._uploads.take, path, owner, own)
            target = folder / f"{source.stem}-coloured{KINDS[kind]}"
            progress = FilmProgress(source.name)
            async for _ in self._whole(source, target, options, progress, stop, slots):
                yield FilmParts(words.film_report(progress), stop=gr.update(visible=True))
            shutil.rmtree(own, ignore_errors=True)
            progress.is_playable = target.suffix == ".mp4"
            progress.address = self._pictures.offer_archive(target)
            is_done = True
            yield FilmParts(words.film_report(progress), stop=gr.update(visible=False))
        except InterruptedJob:
            yield FilmParts(words.FILM_STOPPED, stop=gr.update(visible=False))
        except (PhotochromError, MemoryError, OSError, Refused) as error:
            _note(error)
            yield FilmParts(report="", stop=gr.update(visible=False))
        finally:  # also where nobody listens any more
            if self._at_work.get(page, (None,))[0] is stop:
                del self._at_work[page]
            for slot in slots:
                slot.cancel()
            if not is_done:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def stop(self, request: gr.Request) -> None:
        """Ends the page's film."""
        if request.session_hash in self._at_work:
            stop, slots = self._at_work[request.session_hash]
            stop.cancel()
            for slot in slots:
                slot.cancel()

    async def _whole(
        self,
        source: Path,
        target: Path,
        options: Options,
        progress: FilmProgress,
        stop: Cancellation,
        slots: list[Slot],
    ):
        """Colours the film into `target`; yields now and then."""
        from core.film.one_film import finish

        works: list[Work] = []
        async for _ in self._told(
            lambda _: works.append(self._planned(source, target, options)), stop, slots
        ):
            yield
        (work,) = works
        progress.frames, progress.notes = work.plan.frames, (*work.notes, *work.plan.damage)
        for segment in work.plan.segments:
            watch = self._watching(work, progress)
            async for _ in self._told(
                lambda check, segment=segment, watch=watch: watch(segment, check), stop, slots
            ):
                yield
        async for _ in self._told(
            lambda check: finish(work, replace=True, check=check), stop, slots
        ):
            yield

    async def _told(
        self, work: Callable[[Callable[[], None]], object], stop: Cancellation, slots: list[Slot]
    ):
        """Runs `work(check)` in a slot; yields at once, and now and then while it lasts."""
        stop.check()
        with self._pool.slot() as slot:
            slots[:] = [slot]
            task = asyncio.create_task(slot.run(lambda: work(slot.stop.check)))
            try:
                yield
                while not (await asyncio.wait((task,), timeout=_TELL_S))[0]:
                    yield
                await task
            finally:
                slot.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _planned(self, source: Path, target: Path, options: Options) -> "Work":
        from core.film.one_film import open_work
        from core.film.options import FilmOptions, codec_for

        self._opened(source)
        colorizer: Colorizer = self._pool.colorizer_of(options.model)
        film_options = FilmOptions(codec=codec_for(target, None))
        return open_work(source, target, colorizer, options, film_options)

    def _watching(self, work: "Work", progress: FilmProgress) -> Callable[[Any, Any], None]:
        """Colours a segment, and shows one of its frames now and then."""
        from core.film.one_film import colour_segment
        from core.film.shown import in_colour, in_gray

        film, shown = work.plan.film, 0.0

        def look(frame: Any) -> None:
            nonlocal shown
            if time.monotonic() - shown < _SHOW_S:
                return
            shown = time.monotonic()
            pair = in_gray(frame, film, work.layout.depth, SIDE), in_colour(frame, film, SIDE)
            before, after = (self._pictures.offer_thumbnail(jpeg_of(each)) for each in pair)
            progress.pair = before, after

        def count(frames: int) -> None:
            progress.done += frames

        def colour(segment: Any, check: Callable[[], None]) -> None:
            colour_segment(work, segment, check=check, on_frames=count, on_picture=look)

        return colour


def _scope(request: gr.Request) -> Any:
    return request.request.scope if request.request else {}


def _note(error: Exception) -> None:
    gr.Warning(words.plain_of_film(error), duration=12, title="Not done")
