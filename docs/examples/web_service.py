"""A web service of your own with FastAPI: `uvicorn web_service:app`.

    curl --data-binary @scan.jpg http://127.0.0.1:8000/colorize -o coloured.jpg

The model is opened once. `photochrom demo` is the ready-made server, with a page, limits, tokens
and cancelling; take this where colouring is one route of a program that you have.
"""

import tempfile
from functools import cache
from pathlib import Path

from fastapi import Body, FastAPI, HTTPException, Response

import photochrom

MAX_PIXELS = 50_000_000

app = FastAPI()


@cache
def colorizer() -> photochrom.Colorizer:
    return photochrom.Colorizer.open()


@app.post("/colorize")
def colorize(picture: bytes = Body(media_type="image/jpeg"), vividness: float = 1.0) -> Response:
    """Takes a picture of any format that is read, and answers with a JPEG."""
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "source"), Path(folder, "result.jpg")
        source.write_bytes(picture)
        try:
            photochrom.colorize(
                source,
                result,
                colorizer=colorizer(),
                max_pixels=MAX_PIXELS,
                vividness=vividness,
            )
        except photochrom.PhotochromError as error:
            code = 503 if error.may_be_retried else 422
            raise HTTPException(code, {"kind": error.kind, "what": error.what}) from error
        return Response(result.read_bytes(), media_type="image/jpeg")
