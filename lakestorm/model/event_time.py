"""What time it is in the events: how fast it runs, where it begins, and that it never passes the wall clock.

    event time = origin + scale × elapsed,   origin = now + T − scale × T

so that after T seconds the events are of now + T: of the wall clock's own time. Before that they are of the past, as
scale ≥ 1. History ends where live begins, at the origin; or before it, by the time that writing it takes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from typing import Self

DAY_MS = 86_400_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One run's event time, the same for every worker. Times are milliseconds since 1970 in UTC.

    Attributes:
        history_ms: when history begins; the origin itself where there is none.
        origin_ms: event time at the start of the run.
        scale: event seconds a second, ≥ 1.
        run_s: when the scaled time has caught up with the wall clock; 0 for an open end, with scale 1.
    """

    history_ms: int
    origin_ms: int
    scale: float
    run_s: float

    @classmethod
    def of(
        cls, *, now_ms: int, scale: float, run_s: float | None, history_days: int, last_ms: int | None = None
    ) -> Self:
        """The time of a run that starts now.

        Args:
            now_ms: the wall clock, on the master.
            scale: event seconds a second.
            run_s: how long the run is; None if nobody knows.
            history_days: days of history before the origin; left out where the topic has a past.
            last_ms: the topic's last event time; None if it is empty.

        Raises:
            ValueError: one sentence that a user can act on: the scale is below 1 or has no run time to fit into, or
                the run would begin before the topic's last event.
        """
        if scale < 1:
            raise ValueError(f"LOGIN_TIME_SCALE is {scale:g}: a number ≥ 1 is wanted (1 = as the wall clock).")
        if scale > 1 and not run_s:
            raise ValueError(
                f"LOGIN_TIME_SCALE is {scale:g} and the run has no end: event time must end at the wall clock's now. "
                "Give the run time (-t 60s, or a load shape), or set LOGIN_TIME_SCALE=1."
            )
        caught_up_s = run_s or 0.0
        origin_ms = now_ms - round((scale - 1) * caught_up_s * 1000)
        if last_ms is not None and last_ms >= origin_ms:
            raise ValueError(behind(origin_ms, last_ms, now_ms, caught_up_s))
        days = 0 if last_ms is not None else history_days
        return cls(history_ms=origin_ms - days * DAY_MS, origin_ms=origin_ms, scale=scale, run_s=caught_up_s)

    def begun(self, later_ms: int) -> Self:
        """The same, but that the run begins so much later: history stays where it is, all else moves on."""
        return dataclasses.replace(self, origin_ms=self.origin_ms + max(0, later_ms))

    def at_ms(self, elapsed_s: float) -> int:
        """Event time so long after the start; beyond `run_s` it goes on with the wall clock."""
        if elapsed_s <= self.run_s:  # nearly always, and 100,000 times a second
            return self.origin_ms + int(1000 * (self.scale * elapsed_s))
        scaled_s = self.run_s
        return self.origin_ms + int(1000 * (self.scale * scaled_s + (elapsed_s - scaled_s)))

    def elapsed_s(self, at_ms: int) -> float:
        """How long after the start event time is this; below 0 in history. The other way round than `at_ms`."""
        since_s = (at_ms - self.origin_ms) / 1000
        beyond_s = max(0.0, since_s - self.scale * self.run_s)
        return (since_s - beyond_s) / self.scale + beyond_s

    @property
    def end_ms(self) -> float:
        """Event time at the end of the run; infinite where nobody knows it."""
        return self.at_ms(self.run_s) if self.run_s else float("inf")


def behind(origin_ms: int, last_ms: int, now_ms: int, run_s: float) -> str:
    """Why a run cannot go on behind a topic's last event, and what would."""
    told = f"The topic's last event is of {timestamp(last_ms)}, and this run's first would be of {timestamp(origin_ms)}"
    if last_ms >= now_ms:
        return f"{told}: the topic lies in the future of this machine's clock. Set the clock, or take another topic."
    fits = 1 + (now_ms - last_ms - 1) / (1000 * run_s)
    return (
        f"{told}: an account would be in two places at one time. "
        f"Set LOGIN_TIME_SCALE to at most {int(fits * 100) / 100:.2f}, or take another topic (LOGIN_TOPIC)."
    )


def timestamp(at_ms: int) -> str:
    """ISO 8601 with milliseconds and Z: `2026-03-01T09:30:00.250Z`."""
    second, ms = divmod(at_ms, 1000)
    return to_the_second(second) + MILLISECONDS[ms]


MILLISECONDS = tuple(f".{ms:03d}Z" for ms in range(1000))


@functools.lru_cache(maxsize=4096)
def to_the_second(second: int) -> str:
    """The part of a timestamp that neighbouring events share: making it anew takes five times as long as the rest."""
    return dt.datetime.fromtimestamp(second, dt.UTC).isoformat()[:19]


def ms_from_timestamp(text: str) -> int:
    """Milliseconds since 1970 of an ISO 8601 time with its zone; finer digits are cut off.

    Raises:
        ValueError: it is none, or has no zone.
    """
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: 2026-03-01T09:30:00.250Z is wanted")
    since = moment - EPOCH
    return since.days * DAY_MS + since.seconds * 1000 + since.microseconds // 1000


EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
