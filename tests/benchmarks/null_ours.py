"""A request that does nothing, with lakestorm's schedule and record around it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import gevent
from locust import task

from lakestorm.load.measuring import Meter
from lakestorm.load.session import install
from lakestorm.load.users import ScheduledUser
from lakestorm.record.requests import Outcome
from tests.benchmarks.null_stock import begin, end  # noqa: F401 - listeners

if TYPE_CHECKING:
    from lakestorm.load.part import RunContext

NAME = "NULL nothing"


class NullPart:
    """Nothing but a meter."""

    has_books = False

    def __init__(self, context: RunContext) -> None:
        self.meter = Meter(context.recorder.add(NAME, closed_loop=True), context.environment)

    def start(self) -> None:
        """Nothing goes on beside the users."""

    def stop(self) -> None:
        """Nothing is left to settle."""

    def abandon(self) -> None:
        """Nothing is open."""


class Nothing:
    """A scenario without a system."""

    name = "nothing"

    def vocabulary(self) -> dict[str, frozenset[str]]:
        """One name."""
        return {NAME: frozenset()}

    def check(self, _settings: Any) -> dict[str, str]:
        """No services."""
        return {}

    def begin(self, context: RunContext) -> NullPart:
        """A run."""
        return NullPart(context)


class NullUser(ScheduledUser):
    """As fast as it can, in the closed loop."""

    period_s = 0.0
    arrivals = "regular"

    def on_start(self) -> None:
        """Find the meter."""
        super().on_start()
        self.meter = self.run_.part(NullPart).meter

    def decide(self, _intended: float) -> tuple[Meter, Any]:
        """Always the same."""
        return self.meter, None

    @task
    def nothing(self) -> None:
        """One request after the other."""
        for intended, _ in self.requests():
            started = time.perf_counter()
            ended = time.perf_counter()
            self.meter.answered(intended, self.previous_end, intended, started, ended, Outcome.COMPLETED, 0)
            self.previous_end = ended
            gevent.sleep(0)  # a real request waits for its answer here


install(Nothing())
