"""The one way by which a request gets into the record and into Locust's statistics.

A request's life is five readings of one clock: intended, the user's previous end, the moment its connection was
free, started, ended. Locust's own `events.request.measure()` is not used: it counts a killed request as a success.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.load.locust_stats import is_only_locust_listening
from lakestorm.record.requests import WIDTH, Column, Outcome

if TYPE_CHECKING:
    import numpy.typing as npt
    from locust.env import Environment

    from lakestorm.record.requests import RequestRecord

NEVER = math.nan
"""A moment that did not come."""


class RequestFailed(Exception):  # noqa: N818 - what Locust's failures table shows is its text, not its class
    """A failure as Locust's failures table shows it: a stable text without ids, so that rows can be added up."""

    def __repr__(self) -> str:
        return str(self)


class Meter:
    """Counts requests of one name.

    Args:
        record: where rows go.
        environment: whose statistics are fed.
        refused_name: the name under which Locust's statistics show refusals.
    """

    def __init__(self, record: RequestRecord, environment: Environment, refused_name: str | None = None) -> None:
        self.record = record
        self._fires_answers = not is_only_locust_listening(environment)
        self._fire = environment.events.request.fire
        self._type, _, self._name = record.name.partition(" ")
        self._refused_name = (refused_name or record.name).partition(" ")[2]

    def answered(
        self,
        intended: float,
        previous_end: float,
        free: float,
        started: float,
        ended: float,
        outcome: int,
        retried: int,
    ) -> None:
        """A request was answered: completed or refused."""
        self.record.rows.extend((intended, previous_end, free, started, ended, outcome, retried))
        if self._fires_answers:
            self._tell(self._name if outcome == Outcome.COMPLETED else self._refused_name, ended - intended, None)

    def answered_all(self, moments: npt.NDArray[np.float64]) -> None:
        """Many requests were completed: intended, previous end, free, started, ended; shape (n, 5), n ≥ 1."""
        rows = np.zeros((len(moments), WIDTH))
        rows[:, : Column.OUTCOME] = moments
        rows[:, Column.OUTCOME] = Outcome.COMPLETED
        self.record.rows.frombytes(rows.tobytes())
        if self._fires_answers:
            for seconds in (moments[:, Column.ENDED] - moments[:, Column.INTENDED]).tolist():
                self._tell(self._name, seconds, None)

    def recovered(self, intended: float, previous_end: float, free: float, started: float, ended: float) -> None:
        """A request whose answer was lost was found to have been done."""
        self.record.rows.extend((intended, previous_end, free, started, ended, Outcome.RECOVERED, 0))
        self._tell(self._name, None, None)

    def failed(
        self, code: str, intended: float, previous_end: float, free: float, started: float, ended: float, retried: int
    ) -> None:
        """A request failed, with a stable code; `started` is NaN if it never got that far."""
        self.record.rows.extend((intended, previous_end, free, started, ended, Outcome.FAILED, retried))
        self.record.count_error(code, intended, ended)
        self._tell(self._name, ended - intended, RequestFailed(code))

    def not_sent(self, outcome: Outcome, intended: float, ended: float) -> None:
        """A request was skipped or cancelled: nothing was asked of the system."""
        self.record.rows.extend((intended, NEVER, NEVER, NEVER, ended, outcome, 0))

    def cut_off(self, intended: float, previous_end: float, free: float, started: float, ended: float) -> None:
        """A request had started when its user was killed, and changes nothing whatever becomes of it."""
        self.record.rows.extend((intended, previous_end, free, started, ended, Outcome.CANCELLED, 0))

    def _tell(self, name: str, seconds: float | None, error: Exception | None) -> None:
        context: dict[str, Any] = {}
        self._fire(
            request_type=self._type,
            name=name,
            response_time=None if seconds is None else seconds * 1e3,
            response_length=0,
            exception=error,
            context=context,
        )
