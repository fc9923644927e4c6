"""Makes a read-only page of the batches' progress, for people without a terminal.

It is HTML without a script, at a worker's port, and the browser reloads it every few seconds. Text
in the ledger was typed by people, so all of it is escaped.
"""

import time
from collections.abc import Iterator
from html import escape
from itertools import islice
from typing import Final

from core.errors import OptionsError, PhotochromError, printable
from worker.ledger import Ledger
from worker.status import Status, duration, rate_in_words, status_of, workers_alive

#: Batches on the page, the newest first.
SHOWN: Final = 20
#: Seconds after which the browser reloads the page.
REFRESH: Final = 10
#: Content security policy: the page loads nothing and runs nothing.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_HEAD: Final = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="{REFRESH}">
<meta name="viewport" content="width=device-width"><title>photochrom: batches</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 46em; padding: 0 1em; }}
h2 {{ font-size: 1.1em; margin: 1.5em 0 0; overflow-wrap: anywhere; }}
p {{ margin: 0; overflow-wrap: anywhere; }} progress {{ width: 100%; height: 1.2em; }}
</style>
<h1>Batches</h1>
"""


def page(ledger: Ledger) -> tuple[int, str]:
    """Returns the HTTP status and the page; 503 while Redis is away."""
    try:
        parts = list(_parts(ledger))
    except PhotochromError as error:
        return 503, f"{_HEAD}<p>{escape(printable(str(error)))}</p>\n"
    return 200, _HEAD + "\n".join(parts) + "\n"


def _parts(ledger: Ledger) -> Iterator[str]:
    alive = list(workers_alive(ledger))
    resting = sum(worker.get("rests") == "1" for worker in alive)
    workers = f"{_counted(len(alive), 'worker')} alive"
    yield f"<p>{workers}{f', {resting} of them resting' if resting else ''}; {_clock()}</p>"
    batches = ledger.batches()
    for batch in islice(batches, SHOWN):
        try:
            status = status_of(ledger, batch)
        except OptionsError:  # the ledger has just forgotten it
            continue
        yield from _of_batch(status)
    if not batches:
        yield "<p>There is no batch.</p>"
    if len(batches) > SHOWN:
        yield f"<p>And {len(batches) - SHOWN} older ones.</p>"


def _of_batch(status: Status) -> Iterator[str]:
    over = status.done + status.skipped + status.failed
    yield f"<h2>{escape(printable(status.name))}: {status.state}</h2>"
    label = f"{over} of {_counted(status.scans, 'scan')}"
    yield f'<progress max="{max(1, status.scans)}" value="{over}" aria-label="{label}"></progress>'
    counts = [
        f"{number} {word}"
        for word in ("failed", "skipped", "running", "waiting")
        if (number := getattr(status, word))
    ]
    yield f"<p>{', '.join((label, *counts))}</p>"
    if not status.is_over and status.rate:
        eta = f", done in about {duration(status.eta)}" if status.eta else ""
        yield f"<p>{rate_in_words(status.rate)}{eta}</p>"
    yield f"<p><small>{status.batch}</small></p>"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _clock() -> str:
    return f"as of {time.strftime('%H:%M:%S')}"
