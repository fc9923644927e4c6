"""Writes the results of a batch as a BagIt bag (version 0.97), for `batch bag`.

The files of the payload are hard links to the results where the file system allows it, else copies,
so that a bag on the same disk takes no second set of files. Where the results already lie in the
folder `data` of the bag, they stay there. Besides checksums the bag has a report of every scan
(JSON lines), the same as PREMIS, and a summary by folder.
"""

import csv
import hashlib
import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from core.errors import DestinationError, OptionsError, SourceError
from worker.ledger import Ledger
from worker.premis import write_premis
from worker.report import line_of, whole_file
from worker.roots import is_remote
from worker.segments import segment_of
from worker.submission_notes import note_path

#: Columns of the summary by folder.
FOLDER_COLUMNS: Final = ("folder", "scans", "done", "skipped", "failed", "unfinished", "seconds")


def make_bag(ledger: Ledger, batch: str, bag: Path) -> int:
    """Makes the bag, and returns the number of files of its payload.

    It may be called again after an interruption. Raises `OptionsError` (results in an object store,
    no results, a folder that is not a bag of this batch), `SourceError` (a result is gone),
    `DestinationError`.
    """
    description = ledger.batch(batch)
    if is_remote(description.destination):
        raise OptionsError("the results lie in an object store; a bag is made of files")
    numbers = ledger.numbers(batch)
    if not (numbers["done"] or numbers["skipped"]):  # a PREMIS document has at least one object
        raise OptionsError(f"no scan of {batch} has a result, so that there is nothing to bag")
    bag = Path(os.path.abspath(bag))  # noqa: PTH100 (links keep their names)
    results = Path(description.destination)
    in_place = results == bag / "data"
    _check_folder(bag, batch, in_place)
    try:
        if not in_place:
            _collect(ledger, batch, results, bag / "data")
        count, size = _write_manifest(bag)
        _write_tags(ledger, batch, bag, count, size)
    except OSError as error:
        raise DestinationError(f"the bag cannot be written ({error.strerror})", file=bag) from error
    return count


def _check_folder(bag: Path, batch: str, in_place: bool) -> None:
    """Raises `OptionsError` where the folder has files that are not of this batch's bag."""
    if not bag.exists():
        return
    info = bag / "bag-info.txt"
    if info.exists() and f"External-Identifier: {batch}\n" in info.read_text():
        return
    results = bag / "data"
    expected = {results, note_path(str(results))} if in_place else set()
    if set(bag.iterdir()) - expected:
        raise OptionsError(
            f"{bag} is not empty, and no bag of this batch", remedy="give -o a new folder"
        )


def _collect(ledger: Ledger, batch: str, results: Path, data: Path) -> None:
    """Links or copies the results of a batch into the payload folder `data`."""
    info = data.parent / "bag-info.txt"
    info.parent.mkdir(parents=True, exist_ok=True)
    info.write_text(f"External-Identifier: {batch}\n")  # a second call recognizes the bag by it
    for entry in ledger.entries(batch):
        if entry.outcome is None or entry.outcome.output is None or entry.state == "failed":
            continue
        source = Path(entry.outcome.output)
        target = data / _in_bag(entry.outcome.output, results)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except FileNotFoundError as error:
            raise SourceError("the result is gone", file=source, kind="vanished") from error
        except OSError:  # another file system, or one without hard links
            shutil.copy2(source, target)


def _in_bag(result: str, results: Path) -> str:
    """Returns the name of a result below the payload folder."""
    name = os.path.relpath(result, results)
    return name if not name.startswith("..") else Path(result).name


def _write_manifest(bag: Path) -> tuple[int, int]:
    """Writes the manifest of the payload, and returns its numbers of files and of bytes."""
    count = size = 0
    with whole_file(bag / "manifest-sha256.txt") as lines:
        for path in _files(bag / "data"):
            lines.write(_line(bag, path))
            count, size = count + 1, size + path.stat().st_size
    return count, size


def _write_tags(ledger: Ledger, batch: str, bag: Path, count: int, size: int) -> None:
    """Writes the bag's other files: reports, summary, description, and the checksums of these."""
    with whole_file(bag / "report.jsonl") as report:
        for entry in ledger.entries(batch):
            report.write(json.dumps(line_of(entry)) + "\n")
    description = ledger.batch(batch)
    results = Path(description.destination)
    with whole_file(bag / "premis.xml") as stream:
        write_premis(
            ledger,
            batch,
            _payload(bag),
            lambda name: _coded(f"data/{_in_bag(name, results)}"),
            stream,
        )
    with whole_file(bag / "folders.csv") as stream:
        write_folders(ledger, batch, stream)
    (bag / "bagit.txt").write_text("BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n")
    (bag / "bag-info.txt").write_text(
        f"Bag-Software-Agent: photochrom {version('photochrom')}\n"
        f"Bagging-Date: {time.strftime('%Y-%m-%d')}\nExternal-Identifier: {batch}\n"
        f"External-Description: {_one_line(description.name)}, "
        f"coloured from {_one_line(description.source)}\n"
        f"Payload-Oxum: {size}.{count}\n",
        encoding="utf-8",
        errors="backslashreplace",
    )
    tags = (
        "bagit.txt",
        "bag-info.txt",
        "folders.csv",
        "manifest-sha256.txt",
        "premis.xml",
        "report.jsonl",
    )
    with whole_file(bag / "tagmanifest-sha256.txt") as lines:
        for name in tags:
            lines.write(_line(bag, bag / name))


def write_folders(ledger: Ledger, batch: str, stream: Any) -> int:
    """Writes a CSV table with the counts of each folder's scans; returns the number of folders."""
    source = ledger.batch(batch).source
    sums: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(FOLDER_COLUMNS[1:], 0))
    for entry in ledger.entries(batch):
        if segment_of(entry.source):
            continue
        parent = entry.source.rpartition("/")[0]
        folder = parent.removeprefix(source.rstrip("/")).lstrip("/") or "."
        counts = sums[folder]
        counts["scans"] += 1
        counts[entry.state if entry.outcome else "unfinished"] += 1
        counts["seconds"] += (entry.outcome and entry.outcome.seconds) or 0
    table = csv.writer(stream)
    table.writerow(FOLDER_COLUMNS)
    for folder in sorted(sums):
        counts = sums[folder]
        # a spreadsheet must not take the name for a formula
        shown = f"'{folder}" if folder[:1] in ("=", "+", "-", "@") else folder
        table.writerow([shown, *(round(counts[name], 3) for name in FOLDER_COLUMNS[1:])])
    return len(sums)


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder, in the order of their paths."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path


def _payload(bag: Path) -> Iterator[tuple[str, str, int]]:
    """Yields the name, SHA-256 and size of each file of the payload, in the manifest's order."""
    manifest = bag / "manifest-sha256.txt"
    with manifest.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for line, path in zip(lines, _files(bag / "data"), strict=True):
            digest, name = line.removesuffix("\n").split("  ", 1)
            yield name, digest, path.stat().st_size


def _line(bag: Path, path: Path) -> str:
    """Returns the line of a file in a manifest."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{digest}  {_coded(path.relative_to(bag).as_posix())}\n"


def _coded(name: str) -> str:
    """Returns a name as a manifest writes it: with line feed and carriage return as %0A and %0D.

    BagIt 1.0 also codes the percent sign. The program `bagit`, which archives use, does not decode
    it, so that bags are written in version 0.97.
    """
    return name.replace("\n", "%0A").replace("\r", "%0D")


def _one_line(text: str) -> str:
    return " ".join(text.split())
