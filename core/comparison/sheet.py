"""A comparison as one HTML file that needs nothing but a browser.

It shows a photograph and its two pictures at a time, without saying whose they are, keeps what was
answered in the browser, and tells at the end who won; `votes.json`, which it saves then, is read by
`core.comparison.votes`. With the true photograph on one side the question is which one is real.
"""

import json
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final, Literal

from core.comparison.rows import PairedComparison
from core.comparison.votes import FAULTS
from core.paths import Kind

Question = Literal["better", "real"]

#: The page of a comparison, which the next one of the same name may replace.
PAGE: Final = Kind("a page of a comparison", (b"<!doctype html>",), b"photochrom-comparison")


def written_page(
    comparison: PairedComparison,
    question: Question = "better",
    *,
    blind: bool = True,
    collects: bool = False,
) -> str:
    """The page of a comparison; `blind` hides the sources' names until all rows are answered.

    A page that `collects` posts what was answered to the address that it was loaded from, each time
    all rows are answered, with a `voter` by which the same person's later answers are known. It
    shows what it is answered, `{"voters": n, "pairs": [{"names", "won", "ties", "faults"}]}`, and
    can be answered by one person after another.
    """
    rows = [
        {
            "photograph": row.photograph,
            "gray": _address(row.gray),
            "pictures": [_address(picture) for picture in row.pictures],
            "sources": list(row.sources),
        }
        for row in comparison.rows
    ]
    facts: dict[str, Any] = {
        "comparison": sha256(json.dumps(rows).encode()).hexdigest()[:12],
        "question": question,
        "blind": blind,
        "collects": collects,
        "faults": FAULTS,
        "rows": rows,
    }
    # `<` would end the script that holds the text, whatever a file is called
    text = json.dumps(facts).replace("<", "\\u003c")
    template = files("core.comparison").joinpath("page.html").read_text("utf-8")
    return template.replace('"comparison goes here"', text)


def _address(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + b64encode(jpeg).decode()
