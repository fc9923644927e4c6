"""The routes under `/v1/` (contract 4): health, models, colorize, cancel.

A request's body is read to disk, takes its place in the pool when it has come whole, is coloured by
`core.job.run` (files) or `raw.colour` (samples), and sent from disk.
"""

import asyncio
import logging
import re
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Receive, Scope, Send

from core.errors import Failure, OptionsError, PhotochromError
from core.hints import document_of
from core.image.formats import HEAD_BYTES, by_suffix, recognize
from core.job import Job, Outcome, report_line, run
from core.options import Options, declared
from gradio_app import raw, reference
from gradio_app.colorizer_pool import ColorizerPool, Slot
from gradio_app.discovery import API_VERSION
from gradio_app.problems import PROBLEM_TYPE, Refused, needs_room, problem, problem_of
from gradio_app.schemas import Cancelled, Health, ListedModel, ListedModels
from gradio_app.upload import MultipartForm, drain, file_name, spool, spool_form

#: Contract 5: one JSON line a picture; `server.serve` sends them to standard output.
reports = logging.getLogger("gradio_app.reports")

#: Bytes sent at once, and how long a client may take for them before it is given up.
CHUNK_BYTES: Final = 1 << 20
SEND_S: Final = 60.0
#: A hints picture is held whole, four bytes a pixel.
MAX_HINT_PIXELS: Final = 150_000_000

#: How every problem stands in the OpenAPI document.
_PROBLEM: Final[dict[str, Any]] = {
    "description": "why it was not done",
    "content": {PROBLEM_TYPE: {"schema": reference.PROBLEM}},
}
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class FileAnswer(Response):
    """A file as the body, sent in pieces; what the request holds is let go afterwards."""

    def __init__(self, path: Path, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(None, headers=headers, media_type=media_type)
        self.path = path
        self.held = ExitStack()
        self.headers["Content-Length"] = str(path.stat().st_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.held, self.path.open("rb") as stream:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            more = True
            while more:
                chunk = await asyncio.to_thread(stream.read, CHUNK_BYTES)
                more = len(chunk) == CHUNK_BYTES
                message = {"type": "http.response.body", "body": chunk, "more_body": more}
                await asyncio.wait_for(send(message), SEND_S)


def add_routes(app: FastAPI, pool: ColorizerPool) -> None:
    """Adds the routes, the reference page and the problem documents to `app`."""
    # "default" also keeps FastAPI from listing its own 422, which no request here is ever given.
    router = APIRouter(prefix="/v1", responses={"default": _PROBLEM})
    readable = (
        ("health", _health, Health, "Whether the server answers, and what it runs on"),
        ("models", _models, ListedModels, "The models that a request may name"),
    )
    for name, answer, schema, summary in readable:
        handler = partial(answer, pool)
        router.add_api_route(f"/{name}", handler, name=name, response_model=schema, summary=summary)
        router.add_api_route(f"/{name}", handler, methods=["HEAD"], include_in_schema=False)
    router.add_api_route(
        "/reference", partial(reference.page, app), methods=["GET", "HEAD"], include_in_schema=False
    )

    @router.post("/colorize", openapi_extra=reference.COLORIZE, response_class=Response)
    async def colorize(request: Request) -> Response:
        """Colours one picture: a file gives a file, raw samples give raw samples."""
        return await _colorize(pool, request)

    @router.post("/cancel/{id}", summary="Cancels the request that was sent with this id")
    async def cancel(id: str) -> Cancelled:
        """Cancels the request that was sent with this id."""
        if not pool.cancel(id):
            raise Refused(404, "no request with this id is at work")
        return Cancelled(cancelled=id)

    app.include_router(router)
    # What begins with /v1/ is never the page's.
    app.router.routes.append(Mount("/v1", app=partial(_no_route, [*app.routes, *router.routes])))
    app.add_exception_handler(Refused, _answer_problem)
    app.add_exception_handler(PhotochromError, _answer_problem)
    app.add_exception_handler(MemoryError, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)


async def _no_route(routes: list[BaseRoute], scope: Scope, receive: Receive, send: Send) -> None:
    """What no route takes: 405 with the methods that the path has, 404 where it has none."""
    whole_scope = dict(scope, root_path="")  # the whole path again, without the mount's part of it
    allowed: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(whole_scope)[0] is Match.PARTIAL:
            allowed |= route.methods or set()
    if not allowed:
        raise HTTPException(404)
    headers = {"Allow": ", ".join(sorted({*allowed, "OPTIONS"}))}
    if scope["method"] != "OPTIONS":
        raise HTTPException(405, headers=headers)
    await Response(status_code=204, headers=headers)(scope, receive, send)


async def _answer_problem(request: Request, error: Exception) -> Response:
    await drain(request)
    return problem_of(error)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = {404: "path", 405: "method"}.get(error.status_code, "request")
    return problem(error.status_code, kind, str(error.detail), error.headers)


async def _health(pool: ColorizerPool) -> Health:
    session = pool.colorizer.session
    return Health(
        service="photochrom",
        version=version("photochrom"),
        api=API_VERSION,
        model=session.description.name,
        provider=session.provider,
    )


async def _models(pool: ColorizerPool) -> ListedModels:
    own = pool.colorizer.session.description.name
    with pool.slot() as slot:
        descriptions = await slot.run(pool.descriptions)
    return ListedModels(
        models=[
            ListedModel(
                name=name,
                version=about.version,
                hints=about.takes_hints,
                side=about.side,
                default=name == own,
                card=about.card,
            )
            for name, about in descriptions.items()
        ]
    )


async def _colorize(pool: ColorizerPool, request: Request) -> Response:
    values = _query(request)
    name = values.pop("id", "")
    if name and not _ID.fullmatch(name):
        raise OptionsError("id is 1 to 64 letters, digits, dots, dashes and underscores")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    with needs_room(), ExitStack() as held:
        slot = held.enter_context(pool.slot(name, at_once=False))
        folder = held.enter_context(pool.folder_for_one())
        if media_type == raw.MEDIA_TYPE:
            answer = await _of_raw(pool, request, slot, folder, values)
        elif media_type == "multipart/form-data":
            answer = await _of_form(pool, request, slot, folder, values)
        elif media_type.startswith("image/"):
            size = await spool(request, folder / "source", pool.settings.max_upload, pool.bodies)
            _refuse_empty(size)
            answer = await _of_file(
                pool, request, slot, folder / "source", values, given_name="", hints=b""
            )
        else:
            raise Refused(
                415,
                "send an image (Content-Type image/...), multipart/form-data, or raw samples "
                f"({raw.MEDIA_TYPE}), not {media_type[:60] or 'a body without a type'!r}",
                headers={"Accept": f"image/*, multipart/form-data, {raw.MEDIA_TYPE}"},
            )
        answer.held = held.pop_all()
    return answer


async def _of_raw(
    pool: ColorizerPool, request: Request, slot: Slot, folder: Path, values: dict[str, str]
) -> FileAnswer:
    shape = _shape(values, pool)
    options = _options(values, b"", pool)
    size = await spool(request, folder / "source", pool.settings.max_upload, pool.bodies)
    raw.check_size(shape, size)
    return await _of_samples(pool, request, slot, folder / "source", shape, options)


async def _of_form(
    pool: ColorizerPool, request: Request, slot: Slot, folder: Path, values: dict[str, str]
) -> FileAnswer:
    form = await spool_form(request, folder, pool.settings.max_upload, pool.bodies)
    for name, text in form.fields.items():
        if name in values:
            raise OptionsError(f"{name} is given twice, in the query and in the body")
        values[name] = text
    if foreign := form.files.keys() - {"image", "pixels", "hints"}:
        raise OptionsError(f"unknown file {min(foreign)[:40]!r}", remedy="send image or pixels")
    if ("image" in form.files) == ("pixels" in form.files):
        raise Refused(400, "a multipart request has one file named image, or one named pixels")
    hints = _hints(values, form)
    if "pixels" in form.files:
        path = form.files["pixels"][0]
        shape = _shape(values, pool)
        options = _options(values, hints, pool)
        raw.check_size(shape, path.stat().st_size)
        return await _of_samples(pool, request, slot, path, shape, options)
    path, given_name = form.files["image"]
    _refuse_empty(path.stat().st_size)
    return await _of_file(pool, request, slot, path, values, given_name, hints)


async def _of_file(
    pool: ColorizerPool,
    request: Request,
    slot: Slot,
    source: Path,
    values: dict[str, str],
    given_name: str,
    hints: bytes,
) -> FileAnswer:
    options = _options(values, hints, pool)
    target = source.with_name("result")
    job = Job(source, target, options, max_pixels=pool.settings.max_pixels)

    def work() -> Outcome:
        return run(job, pool.colorizer_of(options.model), check=slot.stop.check)

    slot.take_place()
    outcome = await slot.run_while(_client_left(request), work)
    _log_report(replace(outcome, source=given_name or "upload", output=None))
    if outcome.error:
        raise _Failed(outcome.error)
    with target.open("rb") as stream:
        format = recognize(stream.read(HEAD_BYTES))
    assert format is not None, "what we wrote has a known format"
    suffix = Path(given_name.rpartition("/")[2]).suffix
    suffix = suffix if suffix and by_suffix(suffix) is format else format.suffixes[0]
    headers = _work_headers(outcome.model, outcome.provider, outcome.seconds)
    headers["Content-Disposition"] = attachment(file_name(given_name, suffix))
    return FileAnswer(target, format.media_type, headers)


async def _of_samples(
    pool: ColorizerPool,
    request: Request,
    slot: Slot,
    source: Path,
    shape: raw.Shape,
    options: Options,
) -> FileAnswer:
    target = source.with_name("result")

    def work() -> tuple[str, str, float]:
        start = time.perf_counter()
        colorizer = pool.colorizer_of(options.model)
        raw.colour(source, target, shape, options, colorizer, slot.stop.check)
        session = colorizer.session
        return session.description.name, session.provider, time.perf_counter() - start

    slot.take_place()
    model, provider, seconds = await slot.run_while(_client_left(request), work)
    outcome = Outcome(
        "raw samples",
        None,
        "done",
        pixels=shape.width * shape.height,
        seconds=seconds,
        model=model,
        provider=provider,
    )
    _log_report(outcome)
    headers = _work_headers(model, provider, seconds)
    headers |= {"X-Photochrom-Width": str(shape.width), "X-Photochrom-Height": str(shape.height)}
    return FileAnswer(target, shape.media_type, headers)


class _Failed(PhotochromError):
    """An outcome's failure, on its way to becoming a problem document."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message, kind=failure.kind)


async def _client_left(request: Request) -> None:
    """Comes true when the client closes its socket; its body has been read by then."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _query(request: Request) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise OptionsError(f"{name[:40]} is given twice")
        values[name] = value
    return values


def _shape(values: dict[str, str], pool: ColorizerPool) -> raw.Shape:
    shape = raw.Shape.take_from(values)
    limit = pool.settings.max_pixels
    if shape.width * shape.height > limit:
        raise Refused(
            413,
            f"{shape.width} x {shape.height} pixels are more than {limit / 1e6:g} million",
            kind="too-large",
        )
    return shape


def _options(values: dict[str, str], hints: bytes, pool: ColorizerPool) -> Options:
    """Options from text values; `hints` is a hint document's bytes."""
    kinds = {name: kind for name, kind, *_ in declared()}
    if "hints" in values:
        hints = values.pop("hints").encode()
    typed: dict[str, Any] = {}
    for name, text in values.items():
        kind = kinds.get(name, str)
        try:
            typed[name] = kind(text)
        except ValueError as error:
            raise OptionsError(f"{name} is {text[:40]!r}, which is no number") from error
    typed["model"] = typed.get("model") or pool.colorizer.session.description.name
    if typed["model"] not in pool.model_names():
        pool.colorizer_of(typed["model"])  # refuses it by name, with what there is
    document = document_of(hints, most_pixels=MAX_HINT_PIXELS) if hints else ""
    return Options.from_mapping(typed | {"hints": document})


def _hints(values: dict[str, str], form: MultipartForm) -> bytes:
    if "hints" not in form.files:
        return b""
    if "hints" in values:
        raise OptionsError("hints are given twice")
    return form.files["hints"][0].read_bytes()


def _refuse_empty(size: int) -> None:
    if size == 0:
        raise Refused(400, "the body is empty; send the image's bytes", kind="not-an-image")


def _work_headers(model: str | None, provider: str | None, seconds: float | None) -> dict[str, str]:
    return {
        "X-Photochrom-Model": quote(model or ""),
        "X-Photochrom-Provider": provider or "",
        "X-Photochrom-Seconds": f"{seconds or 0:.4f}",
    }


def attachment(name: str) -> str:
    """The Content-Disposition for a file of that name, in RFC 6266's two spellings."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _log_report(outcome: Outcome) -> None:
    reports.info(report_line(outcome))
