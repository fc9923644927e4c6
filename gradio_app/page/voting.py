"""Votes from the page: which of two ways of colouring do people like better?

The rows, the page that asks without saying which is which, and the count are `core.comparison`'s.
Here stand where such a page lies, for every browser that the server lets in, and the votes so far.
"""

import asyncio
import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from core.comparison import (
    FAULTS,
    ComparedFolder,
    ComparedModel,
    PairedComparison,
    Tally,
    gather,
    tally,
    votes_in,
    written_page,
)
from core.errors import OptionsError, SourceError
from core.image.read import open_source
from gradio_app.colorizer_pool import ColorizerPool
from gradio_app.page import words
from gradio_app.page.failure_notes import failures_as_notes
from gradio_app.page.payloads import ColourSettings, WaySettings, files_of
from gradio_app.page.pictures import OpenPictures
from gradio_app.page.routes import owner_of
from gradio_app.page.uploads import Uploads
from gradio_app.problems import Refused, problem, problem_of
from gradio_app.upload import body_of

if TYPE_CHECKING:
    from core.comparison import ComparedSource

#: Photographs of one vote; the command line has no limit.
MOST_PHOTOGRAPHS: Final = 60
#: Votes that can be taken part in; the oldest goes first. A page has some 0.3 MB a photograph.
MOST_VOTES: Final = 8
MOST_VOTERS: Final = 200
_LONGEST_ANSWER: Final = 1 << 20  # bytes
GONE: Final = "this vote is over; make a new one"


@dataclass(slots=True)
class _Vote:
    """One comparison that people vote on: its rows, its page, and what each voter answered."""

    rows: list[tuple[str, tuple[str, str]]]
    page: Path
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Voting:
    """All votes of one server, with the handler that makes one."""

    def __init__(self, pool: ColorizerPool, pictures: OpenPictures, uploads: Uploads) -> None:
        self._pool = pool
        self._pictures = pictures
        self._uploads = uploads
        self._votes: OrderedDict[str, _Vote] = OrderedDict()
        self._model_names = list(pool.descriptions())

    @failures_as_notes()
    async def make(self, request: gr.Request, photographs: Any, id: str, *given: Any):
        """Makes a vote; says where it is. `given`: settings of both ways, then files of both.

        A way for which there are files is these; without `photographs` it is the open one.
        """
        owner = owner_of(request.request.scope if request.request else {})
        both = 2 * len(WaySettings._fields)
        settings, own = WaySettings.pair(given[:both]), given[both:]
        with self._pool.folder_for_one() as folder, self._pool.slot() as slot:

            def work() -> PairedComparison:
                named = self._taken(photographs, owner, folder / "photographs")
                if not named and id:
                    picture = self._pictures.find(id)
                    named = {Path(picture.name).stem: picture.source}
                sources = [
                    self._source(way, self._taken(files, owner, folder / title), title, named)
                    for title, way, files in zip(("first", "second"), settings, own, strict=True)
                ]
                if not named and not any(isinstance(source, ComparedFolder) for source in sources):
                    raise Refused(422, words.NO_PHOTOGRAPHS)
                if sources[0].name == sources[1].name:
                    raise Refused(422, words.ALIKE)
                seed = secrets.randbits(32)
                try:
                    return gather(
                        named or None, sources, seed=seed, watch=lambda _: slot.stop.check()
                    )
                except OptionsError:
                    raise Refused(422, words.NOTHING_COMPARED) from None

            comparison = await slot.run(work)
        address = await asyncio.to_thread(self.offer, comparison)
        return words.vote_is_ready(address, len(comparison.rows), len(comparison.left_out))

    def offer(self, comparison: PairedComparison) -> str:
        """The address of a page on which people vote on a comparison."""
        ticket = secrets.token_urlsafe(18)
        page = self._pictures.folder / f"vote-{ticket}.html"
        page.write_text(written_page(comparison, collects=True), "utf-8")
        rows = [(row.photograph, row.sources) for row in comparison.rows]
        self._votes[ticket] = _Vote(rows, page)
        if len(self._votes) > MOST_VOTES:
            self._votes.popitem(last=False)[1].page.unlink(missing_ok=True)
        return f"page/vote/{ticket}"  # relative: a proxy may serve the page in a folder

    def add(self, ticket: str, value: Any) -> list[Tally]:
        """Counts what one person answered, in place of what the same one answered before.

        Raises `Refused` for what is no answer to this vote.
        """
        vote = self._votes.get(ticket)
        if vote is None:
            raise Refused(404, GONE)
        try:
            answers = votes_in(value)
            voter = value.get("voter")
        except ValueError as error:
            raise Refused(422, str(error)) from error
        rows = [(answer.get("photograph"), tuple(answer["sources"])) for answer in answers]
        faults = [
            answer.get("faults", {}).get(name, ())
            for answer in answers
            for name in answer["sources"]
        ]
        if rows != vote.rows or not set(chain(*faults)) <= set(FAULTS):
            raise Refused(422, "these are no votes on this comparison")
        if not isinstance(voter, str) or not 0 < len(voter) <= 64:
            raise Refused(422, "a vote says whose it is, in 1 to 64 characters")
        if voter not in vote.answers and len(vote.answers) >= MOST_VOTERS:
            raise Refused(422, f"{MOST_VOTERS} people have voted; make a new vote")
        vote.answers[voter] = answers
        return tally(chain(*vote.answers.values()))

    def add_routes(self, app: FastAPI) -> None:
        """Adds the address of a vote: GET shows the page, POST counts what it sends."""

        @app.get("/page/vote/{ticket}")
        async def page(ticket: str) -> Response:
            vote = self._votes.get(ticket)
            if vote is None:
                return Response(f"{GONE[:1].upper()}{GONE[1:]}.", 404)
            headers = {"Cache-Control": "no-store"}
            return FileResponse(vote.page, media_type="text/html; charset=utf-8", headers=headers)

        @app.post("/page/vote/{ticket}")
        async def answer(ticket: str, request: Request) -> Response:
            try:
                body = b"".join([chunk async for chunk in body_of(request, _LONGEST_ANSWER)])
                found = self.add(ticket, json.loads(body))
            except Refused as refusal:
                return problem_of(refusal)
            except (ValueError, RecursionError):
                return problem(400, "request", "the votes are no JSON")
            pairs = [
                {
                    "names": pair.sources,
                    "won": pair.preferred,
                    "ties": pair.ties,
                    "faults": pair.faults,
                }
                for pair in found
            ]
            return JSONResponse({"voters": len(self._votes[ticket].answers), "pairs": pairs})

    def _taken(self, files: Any, owner: str, folder: Path) -> dict[str, Path]:
        """name -> file of the uploads in a list, each in a folder of its own; None is no list."""
        taken: dict[str, Path] = {}
        for number, path in enumerate(files_of(files, MOST_PHOTOGRAPHS) if files else ()):
            own = folder / str(number)
            own.mkdir(parents=True)
            file = self._uploads.take(path, owner, own)
            try:
                with open_source(file, self._pool.settings.max_pixels):
                    taken[_free_name(file.stem, taken)] = file
            except SourceError as error:
                sentence = words.plain(error).rstrip(".")
                raise Refused(422, f"{sentence}: {file.name}") from error
        return taken

    def _source(
        self, way: WaySettings, own: dict[str, Path], title: str, named: dict[str, Path]
    ) -> "ComparedSource":
        if own:
            return ComparedFolder(f"the {title} way's pictures", _belonging(own, named))
        options = ColourSettings(**way._asdict()).options()
        name = words.way(options, self._model_names)
        return ComparedModel(name, self._pool.colorizer_of(way.model), options)


def _free_name(name: str, taken: dict[str, Path]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free


def _belonging(own: dict[str, Path], named: dict[str, Path]) -> dict[str, Path]:
    """The pictures of one way by the names of the photographs that they show.

    A picture is named like its photograph, or like a result of this program; one picture of one
    photograph may be called anything.
    """
    if len(own) == len(named) == 1:
        return dict(zip(named, own.values(), strict=True))
    return {
        name if name in named else name.removesuffix("-photochrom"): file
        for name, file in own.items()
    }
