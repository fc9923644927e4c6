"""Limits a worker to hours of the day, and to a rate of scans.

`WorkSchedule.is_closed` says whether no scan may be begun now. Celery calls it before it fetches a
message (`fetch_on_schedule`), the processes before their next scan. A scan at work is always
finished.
"""

import re
import threading
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from celery import Celery, bootsteps

from core.errors import OptionsError

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class WorkHours:
    """Working hours: `begin` and `end` as minutes of the day, in the machine's time zone.

    An `end` before `begin` is on the next day.
    """

    begin: int
    end: int

    @classmethod
    def of(cls, text: str) -> "WorkHours":
        """Reads hours such as '20:00-06:00'. Raises `OptionsError`."""
        found = re.fullmatch(r"(\d\d?):(\d\d)-(\d\d?):(\d\d)", text.strip())
        numbers = [int(part) for part in found.groups()] if found else []
        if not numbers or any(h > 24 for h in numbers[::2]) or any(m > 59 for m in numbers[1::2]):
            raise OptionsError(f"--hours {text!r} is no time of day", remedy="give 20:00-06:00")
        begin, end = (60 * numbers[i] + numbers[i + 1] for i in (0, 2))
        if begin == end or max(begin, end) > 24 * 60:
            raise OptionsError(f"--hours {text!r} is no time of day", remedy="give 20:00-06:00")
        return cls(begin, end)

    def has(self, minute: int) -> bool:
        """Returns whether a minute of the day, 0..1439, is within these hours."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end


def rate_of(text: str) -> float:
    """Returns the scans a second of '2/s', '30/m' or '1000/h'. Raises `OptionsError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)/([smh])", text.strip())
    if not found or float(found[1]) == 0:
        raise OptionsError(f"--rate {text!r} is none", remedy="give 2/s, 30/m or 1000/h")
    return float(found[1]) / _UNITS[found[2]]


class WorkSchedule:
    """Hours and rate (scans a second) of a worker; None stands for no limit.

    `taken()` returns how many messages it has taken so far, each of them for one scan.
    """

    def __init__(
        self, hours: WorkHours | None, rate: float | None, taken: Callable[[], int] = lambda: 0
    ) -> None:
        self._hours, self._rate, self._taken = hours, rate, taken
        self._latest, self._counted = time.monotonic(), 0
        self._budget = 1.0
        self._lock = threading.Lock()  # Celery's thread and the dispatcher's ask

    @property
    def has_rate(self) -> bool:
        return self._rate is not None

    def is_out_of_hours(self) -> bool:
        """Returns whether the time of the day is outside the hours."""
        now = time.localtime()
        return self._hours is not None and not self._hours.has(60 * now.tm_hour + now.tm_min)

    def is_closed(self) -> bool:
        """Returns whether no scan may be begun now."""
        return self.is_out_of_hours() or (self._rate is not None and not self._can_afford(1))

    def _can_afford(self, scans: float) -> bool:
        """Returns whether the budget allows `scans` more.

        The budget grows by `rate` a second, up to one second's scans; each scan taken costs one.
        """
        with self._lock:
            rate, now, taken = self._rate or 0.0, time.monotonic(), self._taken()
            gained, spent = rate * (now - self._latest), taken - self._counted
            self._budget = min(self._budget - spent + gained, max(1.0, rate))
            self._latest, self._counted = now, taken
            return self._budget >= scans


def fetch_on_schedule(app: Celery, schedule: WorkSchedule) -> None:
    """Makes the application's worker fetch no message while the schedule is closed."""

    class ScheduledFetch(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)
        timer: Any = None

        def start(self, parent: Any) -> None:
            qos = parent.task_consumer.channel.qos
            original = qos.can_consume
            qos.can_consume = types.MethodType(
                lambda _: not schedule.is_closed() and original(), qos
            )
            # The loop asks again only when something happens: this timer makes something happen.
            self.timer = parent.timer.call_repeatedly(
                0.2 if schedule.has_rate else 5.0, lambda: None
            )

        def stop(self, parent: Any) -> None:
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None

    assert app.steps is not None, "Celery's own application has steps"
    app.steps["consumer"].add(ScheduledFetch)
