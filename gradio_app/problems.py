"""Errors as problem documents (RFC 9457), so that a client can tell them apart without prose.

`problem_of` turns what was raised into an answer; `Refused` is what the server itself raises for
requests that never reach a picture.
"""

import errno
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from starlette.responses import JSONResponse

from core.errors import Failure, PhotochromError

log = logging.getLogger(__name__)

PROBLEM_TYPE: Final = "application/problem+json"
#: kind of error -> HTTP status. What is missing here is the server's own fault: 500.
STATUS: Final[Mapping[str, int]] = {
    "not-an-image": 400,
    "truncated": 400,
    "too-large": 413,
    "unsupported": 415,
    "hints": 422,
    "options": 422,
    "interrupted": 409,
    "out-of-memory": 503,
    "destination": 507,
}


class Refused(Exception):
    """A request that is answered with `status` and one sentence, `detail`."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "request",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        super().__init__(detail)


class QueueFull(Refused):
    """The queue is full: `wait` is a guess, in seconds, when to come again."""

    def __init__(self, waiting: int, wait: float) -> None:
        seconds = max(1, round(wait))
        super().__init__(
            503,
            f"{waiting} pictures wait already; try again in about {seconds} s",
            kind="busy",
            headers={"Retry-After": str(seconds)},
        )


class TooManyTries(Refused):
    """A token that comes too soon after many wrong ones; `wait` in seconds."""

    def __init__(self, wait: float) -> None:
        seconds = math.ceil(wait)
        super().__init__(
            429,
            f"too many wrong tokens came from there; try again in {seconds} s",
            kind="token",
            headers={"Retry-After": str(seconds)},
        )


#: What the operating system says where there is no room -> what a person is told.
_NO_ROOM: Final = {
    errno.ENOSPC: "the server's disk is full; make room on it and try again",
    errno.EDQUOT: "the server's share of its disk is used up; make room on it and try again",
    errno.EFBIG: "the server's disk takes no file so large; use another folder (TMPDIR)",
}


@contextmanager
def needs_room() -> Iterator[None]:
    """Around what writes to the server's disk: where that is full, `Refused` says so."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise Refused(507, _NO_ROOM[error.errno], kind="full") from error


def problem_of(error: BaseException) -> JSONResponse:
    """The answer that stands for `error`, in the words that the command line would use."""
    if isinstance(error, Refused):
        return problem(error.status, error.kind, error.detail, error.headers)
    failure = Failure.of(error)
    if not isinstance(error, PhotochromError | MemoryError):
        log.error("a defect of this program", exc_info=error)
        failure = Failure("internal", "the server made a mistake; its log says more")
    return problem(STATUS.get(failure.kind, 500), failure.kind, failure.message)


def problem(
    status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem document. Its `kind` is one of contract 5's, or of the server's own:
    request, busy, token, host, origin, method, path, timeout, upload, full."""
    headers = dict(headers or {})
    if status == 503:
        headers.setdefault("Retry-After", "2")
    content = {
        "type": f"urn:photochrom:problem:{kind}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "kind": kind,
    }
    return JSONResponse(content, status, headers, media_type=PROBLEM_TYPE)
