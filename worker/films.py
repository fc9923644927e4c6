"""Colours the films of a batch: their segments on all workers, then joined by one of them.

The process that claims a film plans it, adds its segments to the batch as scans, and puts the film
off. The process that claims it once every segment is done joins them: the film's lease, the lock of
the work folder and the atomic replacement make that happen only once. A segment that the ledger
calls done and that is missing in the work folder is coloured again.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import Failure, InterruptedJob, PhotochromError
from core.installation import not_installed
from core.job import Outcome
from core.options import Options
from worker.broker import patiently
from worker.ledger import Ledger
from worker.records import Batch, Claim, scan_id
from worker.roots import is_remote
from worker.segments import segment_of, segment_path

if TYPE_CHECKING:
    from core.colorizer import Colorizer
    from core.film.one_film import Work


class Films:
    """Colours films and segments for one process. `check` raises `InterruptedJob` to stop it."""

    def __init__(self, ledger: Ledger, check: Callable[[], None]) -> None:
        self._ledger, self._check = ledger, check
        #: (batch, film) and work of the latest film: its plan is then not read for each segment.
        self._latest: tuple[tuple[str, str], Work] | None = None

    def carry_out(self, batch: Batch, claim: Claim, colorizer: "Colorizer") -> Outcome | None:
        """Colours a film or a segment; returns None for a film whose segments are not all done.

        Failures are in the outcome. Raises `InterruptedJob`.
        """
        start = time.perf_counter()
        common: dict[str, Any] = {
            "source": claim.source,
            "attempts": claim.begun,
            "model": colorizer.session.description.name,
            "provider": colorizer.session.provider,
        }
        try:
            segment = segment_of(claim.source)
            result = (
                self._segment(batch, claim, colorizer, *segment)
                if segment
                else self._film(batch, claim, colorizer)
            )
            if result is None:
                return None
        except InterruptedJob:
            raise
        except PhotochromError as error:
            result = {"output": None, "status": "failed", "error": Failure.of(error)}
        except ModuleNotFoundError as error:  # another worker may have the package
            missing = not_installed(error)
            if missing is None:
                raise
            result = {"output": None, "status": "failed", "error": Failure.of(missing)}
        return Outcome(**common | result, seconds=time.perf_counter() - start)

    def _film(self, batch: Batch, claim: Claim, colorizer: "Colorizer") -> dict[str, Any] | None:
        """Returns fields of the outcome of a film; None where segments are to be coloured first."""
        from core.film.one_film import alone, colour_segment, finish, is_done, key_of, listed

        work = self._work(batch, claim.source, claim.destination, colorizer)
        plan = work.plan
        common = {"output": claim.destination, "key": plan.key}
        # An earlier attempt may have written the result and died before it told the ledger.
        is_ours = claim.begun > 1 and key_of(work.target) == plan.key
        if is_ours or is_done(work, batch.existing):
            return common | {"status": "skipped"}
        if len(plan.segments) > 1 and self._waits(batch, claim, len(plan.segments)):
            return None
        with alone(work):
            records = [
                colour_segment(work, segment, check=self._check) for segment in plan.segments
            ]
            finish(work, replace=batch.existing == "overwrite", check=self._check)
        damage = [each for record in records for each in record.damage]
        return common | {
            "status": "done",
            "pixels": sum(record.frames for record in records) * _pixels(work),
            "notes": (*work.notes, *plan.damage, *listed(damage)),
        }

    def _waits(self, batch: Batch, claim: Claim, count: int) -> bool:
        """Returns whether segments are still to be coloured, and adds them to the batch first.

        Raises `PhotochromError` where one has failed.
        """
        segments = [
            (segment_path(claim.source, index), segment_path(claim.destination, index), None)
            for index in range(count)
        ]
        scans = [scan_id(source) for source, *_ in segments]
        states = patiently(lambda: self._ledger.states(batch.id, scans))
        if any(state is None for state, _ in states.values()):
            patiently(lambda: self._ledger.ask(batch.id, segments))
            return True
        for number, scan in enumerate(scans, 1):
            state, text = states[scan]
            if state == "failed":
                kind, message = json.loads(text)[3:5]
                raise PhotochromError(f"segment {number} of {count}: {message}", kind=kind)
        return any(state in ("queued", "running") for state, _ in states.values())

    def _segment(
        self, batch: Batch, claim: Claim, colorizer: "Colorizer", film: str, index: int
    ) -> dict[str, Any]:
        """Colours a segment, and returns fields of its outcome."""
        from core.film.one_film import colour_segment, key_of

        target = segment_of(claim.destination)
        if target is None:
            raise PhotochromError("the batch is malformed in the ledger", kind="options")
        work = self._work(batch, film, target[0], colorizer)
        segments = work.plan.segments
        # The film may be joined already, or the file may be another film now, with fewer segments.
        if index >= len(segments) or key_of(work.target) == work.plan.key:
            return {"output": None, "status": "skipped"}
        record = colour_segment(work, segments[index], check=self._check)
        return {
            "output": None,
            "status": "done",
            "key": segments[index].key,
            "pixels": record.frames * _pixels(work),
        }

    def _work(self, batch: Batch, source: str, target: str, colorizer: "Colorizer") -> "Work":
        """Returns the work on a film, whose plan all workers share."""
        if is_remote(source) or is_remote(target):
            raise PhotochromError(
                "films are not read from or written to an object store",
                file=source,
                kind="unsupported",
                remedy="copy it to a folder that all workers share",
            )
        name = batch.id, source
        if self._latest and self._latest[0] == name and self._latest[1].folder.exists():
            return self._latest[1]
        from core.film.one_film import open_work
        from core.film.options import OF_PICTURES, FilmOptions, codec_for

        of_batch = Options.from_mapping(batch.options)
        options = Options(**{name: getattr(of_batch, name) for name in OF_PICTURES})
        film_options = FilmOptions(codec=codec_for(Path(target), None))
        work = open_work(
            Path(source), Path(target), colorizer, options, film_options, shares_plan=True
        )
        self._latest = name, work
        return work


def _pixels(work: "Work") -> int:
    """Returns the number of pixels of a frame."""
    return work.plan.film.width * work.plan.film.height
