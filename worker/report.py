"""Writes the report of a batch as JSON lines, a CSV table, a page or a list, for `batch report`.

The JSON lines are those of contract 5, with the name of the worker. The page shows the failures
with their reasons and a sample of the results, with thumbnails of the files that this machine can
read. The report is written while the ledger is read, so that a large batch needs no more memory.
"""

import csv
import heapq
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from itertools import filterfalse
from pathlib import Path
from typing import Any, Final, TextIO

from core.errors import OptionsError, printable
from core.image.atomic import new_file
from core.job import report_line
from core.paths import REPORT_LINES, Kind, Paths
from worker.ledger import Ledger
from worker.records import Entry
from worker.roots import is_remote
from worker.segments import segment_of
from worker.status import Status, duration, status_of

#: Columns of the table, in order: the keys of a report line, the error's kind and message apart.
COLUMNS: Final = (
    "source",
    "output",
    "status",
    "key",
    "pixels",
    "seconds",
    "model",
    "provider",
    "worker",
    "attempts",
    "error",
    "message",
    "notes",
)

#: The element in the page's head by which the next report recognizes a page that it may replace.
_GENERATOR: Final = '<meta name="generator" content="photochrom batch report">'

#: The kinds of existing files that a report may replace, by the suffix of its name.
KINDS: Final = {
    ".jsonl": REPORT_LINES,
    ".csv": Kind("a table of a batch", (",".join(COLUMNS).encode(),)),
    ".txt": Kind("a list of failures", (b"/", b"s3://")),
    ".html": Kind("a page of a batch", (b"<!doctype html>",), _GENERATOR.encode()),
}

#: Largest numbers of failures and of results that the page shows with pictures.
SHOWN_FAILURES: Final = 200
SHOWN_RESULTS: Final = 24
#: Largest side of a thumbnail, in pixels.
THUMBNAIL: Final = 160


def write_report(ledger: Ledger, batch: str, path: Path) -> int:
    """Writes the report in the format of the suffix of `path`, and returns its number of scans.

    Raises `OptionsError` for another suffix, and where `path` is a file of the batch or a file that
    is not a report; raises `DestinationError`.
    """
    writers: dict[str, Callable[[Ledger, str, TextIO], int]] = {
        ".jsonl": _write_lines,
        ".csv": _write_table,
        ".html": _write_page,
        ".txt": _write_failed,
    }
    write = writers.get(path.suffix.lower())
    if write is None:
        raise OptionsError(f"{path.name}: a report ends in .html, .jsonl, .csv or .txt")
    paths = Paths()
    if path.exists():  # else it cannot be a file of the batch
        for entry in ledger.entries(batch):
            for name in filterfalse(is_remote, (entry.source, entry.destination)):
                paths.read(Path(name), "a file of the batch")
    paths.replace(path, "-o", KINDS[path.suffix.lower()])
    with whole_file(path) as stream:
        return write(ledger, batch, stream)


def line_of(entry: Entry) -> dict[str, Any]:
    """Returns a scan as the values of a report line; an unfinished scan has fewer of them."""
    if entry.outcome is None:
        line: dict[str, Any] = {
            "source": entry.source,
            "output": entry.destination,
            "status": entry.state,
            "attempts": entry.begun,
        }
        if entry.waits_after:
            line["error"] = {"kind": entry.waits_after.kind, "message": entry.waits_after.message}
    else:
        line = json.loads(report_line(entry.outcome))
    return line | ({"worker": entry.worker} if entry.worker else {})


def _write_lines(ledger: Ledger, batch: str, stream: TextIO) -> int:
    count = 0
    for entry in ledger.entries(batch):
        stream.write(json.dumps(line_of(entry)) + "\n")
        count += 1
    return count


def _write_failed(ledger: Ledger, batch: str, stream: TextIO) -> int:
    """Writes the sources of the failed scans, one a line, as `batch submit @FILE` reads them."""
    count = 0
    for entry in ledger.entries(batch):
        # A list cannot name a segment, nor a file whose name has a line feed.
        is_file = "\n" not in entry.source and not segment_of(entry.source)
        if entry.state == "failed" and is_file:
            stream.write(entry.source + "\n")
            count += 1
    return count


def _write_table(ledger: Ledger, batch: str, stream: TextIO) -> int:
    table: Any = csv.DictWriter(stream, COLUMNS, restval="", extrasaction="ignore")
    table.writeheader()
    count = 0
    for entry in ledger.entries(batch):
        count += 1
        table.writerow({name: _tabled(value) for name, value in _columns(entry).items()})
    return count


def _columns(entry: Entry) -> dict[str, Any]:
    """Returns the values of a scan's report line by the names of `COLUMNS`."""
    line = line_of(entry)
    error = line.pop("error", {})
    columns = {"error": error.get("kind", ""), "message": error.get("message", "")}
    return line | columns | {"notes": "; ".join(line.get("notes", ()))}


def _tabled(value: Any) -> Any:
    """Returns a value for the table; text that a spreadsheet would take for a formula is quoted."""
    if not isinstance(value, str):
        return value
    value = printable(value)
    return "'" + value if value[:1] in ("=", "+", "-", "@") else value


def _write_page(ledger: Ledger, batch: str, stream: TextIO) -> int:
    status = status_of(ledger, batch)
    failures, sample, count = _chosen(ledger.entries(batch))
    stream.write(_HEAD.format(generator=_GENERATOR, title=escape(f"{status.name} ({batch})")))
    stream.write(_summary(status, ledger))
    if failures:
        stream.write(f"<h2>Failed ({status.failed})</h2>\n<div class=cards>\n")
        stream.writelines(_card(entry, shown=[entry.source]) for entry in failures)
        stream.write("</div>\n")
        if status.failed > len(failures):
            stream.write(f"<p>The first {len(failures)}; all stand in the table below.</p>\n")
    if sample:
        stream.write("<h2>A sample of the results</h2>\n<div class=cards>\n")
        stream.writelines(_card(e, shown=[e.source, e.destination]) for e in sample)
        stream.write("</div>\n")
    stream.write("<h2>Every scan</h2>\n<table><tr>")
    stream.writelines(f"<th>{name}</th>" for name in COLUMNS)
    stream.write("</tr>\n")
    stream.writelines(_row(entry) for entry in ledger.entries(batch))
    stream.write("</table>\n</html>\n")
    return count


def _chosen(entries: Iterator[Entry]) -> tuple[list[Entry], list[Entry], int]:
    """Returns the failures to show, a random sample of the results, and the number of scans."""
    generator = random.Random(0)  # seeded, so that the same batch gives the same page
    failures: list[Entry] = []
    sample: list[tuple[float, int, Entry]] = []
    count = 0
    for count, entry in enumerate(entries, 1):
        if entry.state == "failed" and len(failures) < SHOWN_FAILURES:
            failures.append(entry)
        elif entry.state in ("done", "skipped"):
            heapq.heappush(sample, (generator.random(), count, entry))
            if len(sample) > SHOWN_RESULTS:
                heapq.heappop(sample)
    return failures, [entry for _, _, entry in sample], count


def _summary(status: Status, ledger: Ledger) -> str:
    description = ledger.batch(status.batch)
    counts = ", ".join(
        f"{getattr(status, name)} {name}"
        for name in ("done", "failed", "skipped", "running", "queued")
    )
    workers = "".join(
        f"<li>{_text(worker.name)}: photochrom {_text(worker.version)}, {_text(worker.model)} "
        f"{worker.model_sha256[:12]}, {_text(worker.provider)}; {worker.done} done, "
        f"{worker.failed} failed</li>\n"
        for worker in status.workers
    )
    folders = f"{_text(description.source)} → {_text(description.destination)}"
    return (
        f"<h1>{_text(status.name)}</h1>\n<p>{folders}</p>\n"
        f"<p>{status.scans} scans: {counts}; {duration(status.seconds)} of work.</p>\n"
        f"<ul>{workers}</ul>\n"
    )


def _card(entry: Entry, shown: list[str]) -> str:
    pictures = "".join(_picture(path) for path in shown)
    error = entry.outcome and entry.outcome.error
    reason = f"<p class=why>{_text(error.kind)}: {_text(error.message)}</p>" if error else ""
    return f"<figure>{pictures}<figcaption>{_text(entry.source)}{reason}</figcaption></figure>\n"


def _picture(path: str) -> str:
    data = thumbnail_of(path)
    if data is None:
        return "<span class=none>no picture</span>"
    import base64

    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'


def thumbnail_of(path: str) -> bytes | None:
    """Returns a small JPEG of a file; None where it cannot be read or is not a picture.

    The parts of a damaged picture that can be decoded are shown.
    """
    if is_remote(path):
        return None
    from core.image.vips import library

    vips = library()
    try:
        data = Path(path).read_bytes()
        image = vips.Image.thumbnail_buffer(data, THUMBNAIL, height=THUMBNAIL, fail_on="none")
        if image.hasalpha():
            image = image.flatten()
        return image.colourspace("srgb").jpegsave_buffer(Q=75, strip=True)
    except (vips.Error, OSError):
        return None


def _row(entry: Entry) -> str:
    line = _columns(entry)
    line["key"] = line.get("key", "")[:12]
    cells = "".join(f"<td>{_text(line.get(name, ''))}</td>" for name in COLUMNS)
    return f"<tr class={entry.state}>{cells}</tr>\n"


def _text(value: Any) -> str:
    return escape(printable(str(value)))


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Opens a text file that gets its name once it is complete. Raises `DestinationError`."""
    with new_file(path, replace=True) as file:
        stream = io.TextIOWrapper(
            io.BufferedWriter(file), encoding="utf-8", errors="surrogateescape", newline=""
        )  # type: ignore[arg-type]
        yield stream
        stream.flush()
        stream.detach().detach()


_HEAD: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8">{generator}<title>{title}</title>
<style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; color: #222; }}
.cards {{ display: flex; flex-wrap: wrap; gap: 1em; }}
figure {{ margin: 0; max-width: 340px; }} img {{ max-height: 160px; margin-right: 4px; }}
figcaption {{ font-size: 12px; overflow-wrap: anywhere; }}
.why {{ color: #a00; margin: 0; }} .none {{ color: #888; }}
table {{ border-collapse: collapse; font-size: 12px; }}
td, th {{ border-top: 1px solid #ddd; padding: 2px 6px; text-align: left;
  overflow-wrap: anywhere; max-width: 24em; }}
tr.failed td {{ background: #fee; }}
</style>
"""
