"""Films in a batch: coloured segment by segment on all workers, joined once all are there.

Whoever claims a film plans it, adds its segments to the batch as scans, and puts the film off. When
its turn comes again and every segment is done, the claimant joins them: the film's lease, the lock
of the work folder and the atomic replacement make that happen once. What the ledger calls done is
looked for in the work folder, and coloured again where it is gone.
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
    """The films of one process. `check` raises to stop the work."""

    def __init__(self, ledger: Ledger, check: Callable[[], None]) -> None:
        self._ledger, self._check = ledger, check
        #: The latest film's work, so that not every segment begins with reading its plan.
        self._known: tuple[tuple[str, str], Work] | None = None

    def carry_out(self, batch: Batch, claim: Claim, colorizer: "Colorizer") -> Outcome | None:
        """What became of a film, or of a segment; None for a film whose segments are not all done.

        Raises `InterruptedJob`.
        """
        begun = time.perf_counter()
        about: dict[str, Any] = {
            "source": claim.source,
            "attempts": claim.begun,
            "model": colorizer.session.description.name,
            "provider": colorizer.session.provider,
        }
        try:
            segment = segment_of(claim.source)
            found = (
                self._segment(batch, claim, colorizer, *segment)
                if segment
                else self._film(batch, claim, colorizer)
            )
            if found is None:
                return None
        except InterruptedJob:
            raise
        except PhotochromError as error:
            found = {"output": None, "status": "failed", "error": Failure.of(error)}
        except ModuleNotFoundError as error:  # another worker may have the extra
            missing = not_installed(error)
            if missing is None:
                raise
            found = {"output": None, "status": "failed", "error": Failure.of(missing)}
        return Outcome(**about | found, seconds=time.perf_counter() - begun)

    def _film(self, batch: Batch, claim: Claim, colorizer: "Colorizer") -> dict[str, Any] | None:
        from core.film.one_film import alone, colour_segment, finish, is_done, key_of, listed

        work = self._work(batch, claim.source, claim.destination, colorizer)
        plan = work.plan
        about = {"output": claim.destination, "key": plan.key}
        # an earlier attempt may have put the result in its place and died before it could say so
        is_ours = claim.begun > 1 and key_of(work.target) == plan.key
        if is_ours or is_done(work, batch.existing):
            return about | {"status": "skipped"}
        if len(plan.segments) > 1 and self._waits(batch, claim, len(plan.segments)):
            return None
        with alone(work):
            records = [
                colour_segment(work, segment, check=self._check) for segment in plan.segments
            ]
            finish(work, replace=batch.existing == "overwrite", check=self._check)
        damage = [each for record in records for each in record.damage]
        return about | {
            "status": "done",
            "pixels": sum(record.frames for record in records) * _pixels(work),
            "notes": (*work.notes, *plan.damage, *listed(damage)),
        }

    def _waits(self, batch: Batch, claim: Claim, count: int) -> bool:
        """Whether segments are still to be coloured; raises where one has failed."""
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
        from core.film.one_film import colour_segment, key_of

        target = segment_of(claim.destination)
        if target is None:
            raise PhotochromError("the batch is malformed in the ledger", kind="options")
        work = self._work(batch, film, target[0], colorizer)
        segments = work.plan.segments
        # the film may be joined already, or have become another one with fewer segments
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
        if is_remote(source) or is_remote(target):
            raise PhotochromError(
                "films are not read from or written to an object store",
                file=source,
                kind="unsupported",
                remedy="copy it to a folder that all workers share",
            )
        name = batch.id, source
        if self._known and self._known[0] == name and self._known[1].folder.exists():
            return self._known[1]
        from core.film.one_film import open_work
        from core.film.options import OF_PICTURES, FilmOptions, codec_for

        given = Options.from_mapping(batch.options)
        options = Options(**{name: getattr(given, name) for name in OF_PICTURES})
        film_options = FilmOptions(codec=codec_for(Path(target), None))
        work = open_work(
            Path(source), Path(target), colorizer, options, film_options, shares_plan=True
        )
        self._known = name, work
        return work


def _pixels(work: "Work") -> int:
    return work.plan.film.width * work.plan.film.height
