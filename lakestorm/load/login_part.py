"""What users of a process find of its logins, and what they find on a worker that came too late for any account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent

from lakestorm.load.measuring import Meter
from lakestorm.record.requests import Outcome

if TYPE_CHECKING:
    from lakestorm.load.part import RunContext

PRODUCE = "KAFKA login.produce"
IDLE_S = 0.1


class LoginPart:
    """See RunPart; what differs is who logs in.

    Args:
        context: of the run.
    """

    has_books = False

    def __init__(self, context: RunContext) -> None:
        self.is_closed_loop = context.settings.login.gen_every_ms == 0
        self.meter = Meter(context.recorder.add(PRODUCE, closed_loop=self.is_closed_loop), context.environment)

    def produce(self, intended: float, previous_end: float, most: int = 1) -> float:
        """Hand over the login that is due, in a closed loop up to `most`; when that was done, on the clock."""
        raise NotImplementedError

    def start(self) -> None:
        """The clock runs."""

    def stop(self) -> None:
        """The last user has stopped."""

    def abandon(self) -> None:
        """The run does not take place."""


class LateLogins(LoginPart):
    """Logins of a worker that came when all accounts had been dealt out: they are due, and skipped."""

    def produce(self, intended: float, previous_end: float, most: int = 1) -> float:  # noqa: ARG002 - see LoginPart
        """Nobody logs in. In a closed loop nothing was due either."""
        if self.is_closed_loop:
            gevent.sleep(IDLE_S)
        else:
            self.meter.not_sent(Outcome.SKIPPED, intended, time.perf_counter())
        return time.perf_counter()
