"""`batch bag`: the results of a batch as a BagIt bag (version 0.97), for the archive's own system.

The payload is linked where the file system can, else copied: a bag costs no second set of files on
one disk. Where the results lie in a folder `data` already, the bag is made around it. Beside the
checksums stand the report of every scan, the same as PREMIS, and a summary by folder.
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
    """Makes the bag; how many files it holds. May be run again after an interruption.

    Raises `OptionsError` (results in an object store, no results, a folder that is no bag of this
    batch), `SourceError` (a result is gone), `DestinationError`.
    """
    about = ledger.batch(batch)
    if is_remote(about.destination):
        raise OptionsError("the results lie in an object store; a bag is made of files")
    numbers = ledger.numbers(batch)
    if not (numbers["done"] or numbers["skipped"]):  # PREMIS knows no document without an object
        raise OptionsError(f"no scan of {batch} has a result, so that there is nothing to bag")
    bag = Path(os.path.abspath(bag))  # noqa: PTH100 (links keep their names)
    results = Path(about.destination)
    in_place = results == bag / "data"
    _refuse_another(bag, batch, in_place)
    try:
        if not in_place:
            _collect(ledger, batch, results, bag / "data")
        count, size = _write_manifest(bag)
        _write_tags(ledger, batch, bag, count, size)
    except OSError as error:
        raise DestinationError(f"the bag cannot be written ({error.strerror})", file=bag) from error
    return count


def _refuse_another(bag: Path, batch: str, in_place: bool) -> None:
    if not bag.exists():
        return
    info = bag / "bag-info.txt"
    if info.exists() and f"External-Identifier: {batch}\n" in info.read_text():
        return
    results = bag / "data"
    own = {results, note_path(str(results))} if in_place else set()
    if set(bag.iterdir()) - own:
        raise OptionsError(
            f"{bag} is not empty, and no bag of this batch", remedy="give -o a new folder"
        )


def _collect(ledger: Ledger, batch: str, results: Path, data: Path) -> None:
    info = data.parent / "bag-info.txt"
    info.parent.mkdir(parents=True, exist_ok=True)
    info.write_text(f"External-Identifier: {batch}\n")  # by which a second call knows it
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
        except OSError:  # another file system, or one that knows no links
            shutil.copy2(source, target)


def _in_bag(result: str, results: Path) -> str:
    """The name of a result below the bag's payload."""
    name = os.path.relpath(result, results)
    return name if not name.startswith("..") else Path(result).name


def _write_manifest(bag: Path) -> tuple[int, int]:
    """Writes the manifest of the payload; (files, bytes)."""
    count = size = 0
    with whole_file(bag / "manifest-sha256.txt") as lines:
        for path in _files(bag / "data"):
            lines.write(_line(bag, path))
            count, size = count + 1, size + path.stat().st_size
    return count, size


def _write_tags(ledger: Ledger, batch: str, bag: Path, count: int, size: int) -> None:
    """The report, the summary, what the bag says of itself, and the checksums of these."""
    with whole_file(bag / "report.jsonl") as report:
        for entry in ledger.entries(batch):
            report.write(json.dumps(line_of(entry)) + "\n")
    about = ledger.batch(batch)
    results = Path(about.destination)
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
        f"External-Description: {_one_line(about.name)}, coloured from {_one_line(about.source)}\n"
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
    """A table of what became of the scans of each folder; how many folders there are."""
    source = ledger.batch(batch).source
    sums: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(FOLDER_COLUMNS[1:], 0))
    for entry in ledger.entries(batch):
        if segment_of(entry.source):
            continue
        parent = entry.source.rpartition("/")[0]
        folder = parent.removeprefix(source.rstrip("/")).lstrip("/") or "."
        one = sums[folder]
        one["scans"] += 1
        one[entry.state if entry.outcome else "unfinished"] += 1
        one["seconds"] += (entry.outcome and entry.outcome.seconds) or 0
    table = csv.writer(stream)
    table.writerow(FOLDER_COLUMNS)
    for folder in sorted(sums):
        one = sums[folder]
        shown = f"'{folder}" if folder[:1] in ("=", "+", "-", "@") else folder  # no formula
        table.writerow([shown, *(round(one[name], 3) for name in FOLDER_COLUMNS[1:])])
    return len(sums)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path


def _payload(bag: Path) -> Iterator[tuple[str, str, int]]:
    """Name, SHA-256 and bytes of each file of the payload, in the manifest's order."""
    manifest = bag / "manifest-sha256.txt"
    with manifest.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for line, path in zip(lines, _files(bag / "data"), strict=True):
            digest, name = line.removesuffix("\n").split("  ", 1)
            yield name, digest, path.stat().st_size


def _line(bag: Path, path: Path) -> str:
    """A manifest's line."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{digest}  {_coded(path.relative_to(bag).as_posix())}\n"


def _coded(name: str) -> str:
    """A name as a manifest has it: line feed and return as codes.

    Version 1.0 wants the percent sign coded too, which the `bagit` program, the one that archives
    use, does not understand; hence 0.97.
    """
    return name.replace("\n", "%0A").replace("\r", "%0D")


def _one_line(text: str) -> str:
    return " ".join(text.split())
