"""Progress of a command: a live line on a terminal, plain lines in a log.

`Progress` also writes the report, one line a file, flushed at once: after a power cut the report
tells what was done.
"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from core.errors import DestinationError, printable

if TYPE_CHECKING:
    from core.job import Outcome
    from core.job.selection import PassedOver


class Progress:
    """Counts outcomes and tells them: in prose, as JSON lines, in the report file."""

    def __init__(
        self,
        total: int,
        *,
        report: Path | None,
        as_json: bool,
        quiet: bool,
        passed: "PassedOver | None" = None,
    ) -> None:
        self.count = {"done": 0, "skipped": 0, "failed": 0}
        self._left_alone = 0
        self._total = total
        self.report_path = report
        self._as_json = as_json
        self._quiet = quiet
        self._passed = passed
        self._start = time.monotonic()
        self._stack = ExitStack()
        self._report = None
        self._bar = None

    def __enter__(self) -> "Progress":
        if self.report_path:
            self._report = self._stack.enter_context(opened_report(self.report_path))
        if sys.stderr.isatty() and not self._quiet and not self._as_json and self._total > 1:
            self._bar = self._stack.enter_context(bar())
            self._task = self._bar.add_task("colouring", total=self._total)
        return self

    def __exit__(self, *failure) -> None:
        self._stack.close()
        if self._quiet or self._as_json:
            return
        if self._passed:
            click.echo(printable(f"passed over: {self._passed.in_words()}"), err=True)
        if self._total != 1:
            click.echo(self._summary(), err=True)

    def tell(self, outcome: "Outcome") -> None:
        """One outcome, at the moment when it is known."""
        from core.job import report_line

        self.count[outcome.status] += 1
        self._left_alone += outcome.is_left_alone
        line = report_line(outcome)
        if self._report:
            self._report.write(line + "\n")
            self._report.flush()
        if self._as_json:
            click.echo(line)
        elif outcome.error:
            self._print(f"photochrom: {failure_line(outcome)}")
        elif not self._quiet:
            if not self._bar:
                click.echo(_prose(outcome), err=True)
            for note in outcome.notes if outcome.status == "done" else ():
                self._print(printable(f"{outcome.source}: note: {note}"))
        if self._bar:
            self._bar.advance(self._task)

    def _print(self, text: str) -> None:
        if self._bar:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def _summary(self) -> str:
        count = dict(self.count)
        count["skipped"] -= self._left_alone
        count["in colour already"] = self._left_alone
        sentence = ", ".join(f"{number} {status}" for status, number in count.items() if number)
        seconds = time.monotonic() - self._start
        rate = f", {self.count['done'] / seconds:.1f} a second" if self.count["done"] > 1 else ""
        nothing = "nothing done" if self._total else "nothing to do"
        return f"{sentence or nothing} in {seconds:.1f} s{rate}"


def opened_report(path: Path) -> TextIO:
    """The report, to append lines to; its folder is made. Raises `DestinationError`."""
    from core.image.atomic import make_folder

    make_folder(path.parent)
    try:
        return path.open("a")
    except OSError as error:
        raise DestinationError(
            f"the report cannot be written ({error.strerror})", file=path
        ) from error


def bar():
    """A live line: how many of how many, how fast, how long still."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed or 0:.1f}/s")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def failure_line(outcome: "Outcome") -> str:
    """The line of a failed file; what is wrong with the result's place names that place."""
    assert outcome.error is not None
    where = outcome.source
    if outcome.output and outcome.error.kind in ("destination", "exists"):
        where = f"{outcome.source} -> {outcome.output}"
    return printable(f"{where}: {outcome.error.message}")


def _prose(outcome: "Outcome") -> str:
    if outcome.status == "skipped":
        where = f"{outcome.source} -> {outcome.output}" if outcome.output else outcome.source
        return printable(f"{where}  (skipped: {'; '.join(outcome.notes) or 'done already'})")
    where = printable(f"{outcome.source} -> {outcome.output}")
    megapixels = (outcome.pixels or 0) / 1e6
    return f"{where}  ({megapixels:.1f} MP, {outcome.seconds or 0:.2f} s, {outcome.provider})"
