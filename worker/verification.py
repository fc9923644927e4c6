"""Checks the result files of a batch against the ledger and the sources, for `batch verify`.

The result of each finished scan must exist, have the job key of the ledger, and keep the pixel
promise (contract 2) against its source.
"""

import multiprocessing
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from core.errors import PhotochromError
from core.film_names import is_film
from worker.ledger import Ledger
from worker.records import Entry
from worker.roots import is_remote

#: Source, result, and the job key that the result must have ('' for any).
Pair = tuple[str, str, str]


def verify_batch(
    ledger: Ledger, batch: str, sample: int | None, processes: int
) -> Iterator[tuple[str, list[str]]]:
    """Yields the result and its faults for each finished scan, or for `sample` random ones."""
    needs_key = ledger.batch(batch).existing != "skip"
    pairs = (
        _pair(entry, needs_key)
        for entry in ledger.entries(batch)
        if entry.outcome and entry.outcome.output and entry.state != "failed"
    )
    chosen = iter(_sampled(pairs, sample)) if sample else pairs
    if processes == 1:
        yield from map(faults_of, chosen)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=spawn) as pool:
        yield from pool.map(faults_of, chosen, chunksize=8)


def faults_of(pair: Pair) -> tuple[str, list[str]]:
    """Returns the result and its faults; the list is empty for a result without faults."""
    source, result, key = pair
    try:
        if is_remote(source) or is_remote(result):
            from worker.object_store import fetched, spool

            with spool() as folder:
                before, after = folder / "before", folder / "after"
                before.mkdir()
                after.mkdir()
                return result, _compared(fetched(source, before), fetched(result, after), key)
        return result, _compared(Path(source), Path(result), key)
    except PhotochromError as error:
        return result, [error.message]


def _compared(source: Path, result: Path, key: str) -> list[str]:
    """Returns the faults of a result file; raises `PhotochromError` where one cannot be read."""
    from core.image.read import read_provenance
    from core.job.promise import verify

    if not result.exists():
        return ["is missing"]
    if is_film(source):
        return _compared_films(source, result, key)
    faults = []
    provenance = read_provenance(result)
    if key and (provenance is None or provenance.job_key != key):
        faults.append("does not carry the job key of the ledger")
    return faults + verify(source, result).differences


def _compared_films(source: Path, result: Path, key: str) -> list[str]:
    from core.film.one_film import key_of
    from core.film.promise import verify

    faults = ["does not carry the job key of the ledger"] if key and key_of(result) != key else []
    return faults + verify(source, result).differences


def _pair(entry: Entry, needs_key: bool) -> Pair:
    key = entry.outcome.key if entry.outcome and needs_key else None
    return entry.source, entry.destination, key or ""


def _sampled(pairs: Iterator[Pair], size: int) -> list[Pair]:
    """Returns `size` random pairs of a stream, each with the same probability (reservoir)."""
    chosen: list[Pair] = []
    for number, pair in enumerate(pairs):
        if number < size:
            chosen.append(pair)
        elif (place := random.randrange(number + 1)) < size:
            chosen[place] = pair
    return chosen
