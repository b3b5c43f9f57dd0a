"""Locust Users that keep a schedule: what is intended is fixed beforehand, whatever the system answers."""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, Any

import gevent
from gevent.hub import Waiter
from locust import User, constant
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from lakestorm.load.joining import live_run
from lakestorm.model.arrivals import ARRIVALS
from lakestorm.record.requests import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakestorm.load.measuring import Meter


class ScheduledUser(User):
    """A user whose tasks take their requests from `requests()`.

    A concrete scenario gives `period_s`, `arrivals` and `decide`. A request that is intended while an earlier one
    is outstanding waits for it, and the wait is measured; what was intended before the user was told to stop and
    never got its turn is counted as cancelled.
    """

    abstract = True
    wait_time = constant(0)
    _state: Any
    """Locust's own; it may tell a user to stop that has not begun, so what `stop` reads is there from the start."""
    stop_at = math.inf
    _pending: float | None = None
    _nap: Waiter | None = None
    _schedule: Iterator[float] | None = None

    def on_start(self) -> None:
        """Join the run: an ordinal, a stream of randomness of one's own."""
        self.previous_end = time.perf_counter()
        self.run_ = live_run(self.environment)  # where the run was refused it ends here, and `on_stop` comes next
        self.ordinal = self.run_.next_ordinal()
        self.rng = random.Random(f"{self.run_.settings.run.random_seed} schedule {self.ordinal}")
        if self.period_s:
            self._schedule = ARRIVALS[self.arrivals](self.previous_end, self.period_s, self.rng)

    @property
    def period_s(self) -> float:
        """Seconds from one intended request to the next; 0 for the closed loop."""
        raise NotImplementedError

    @property
    def arrivals(self) -> str:
        """A key of model.arrivals.ARRIVALS."""
        raise NotImplementedError

    def decide(self, intended: float) -> tuple[Meter, Any]:
        """What the request intended at a moment (a reading of the clock) is, and the meter that counts it."""
        raise NotImplementedError

    def requests(self) -> Iterator[tuple[float, Any]]:
        """(intended, what) of one request after the other, each when its time has come, until told to stop.

        In the closed loop nothing sleeps here: a request waits for its answer, and that is where others run.
        """
        while True:
            intended = self._pending = next(self._schedule) if self._schedule else time.perf_counter()
            if intended > self.stop_at:
                raise StopUser
            if (early := intended - time.perf_counter()) > 0:
                self._sleep(early)
            self._pending = None
            yield intended, self.decide(intended)[1]
            if self._state == LOCUST_STATE_STOPPING:
                raise StopUser

    def stop(self, force: bool = False) -> bool:  # noqa: FBT001, FBT002 - Locust's signature
        """Note the moment: what is intended later was never offered.

        Locust would kill a user that sleeps. If its timer has fired in the same turn of the loop, the kill would hit
        the request after it; so a sleeper is woken instead and ends by itself. Told twice, as by Ctrl-C while a run
        drains, it goes on stopping.
        """
        self.stop_at = min(self.stop_at, time.perf_counter())
        if self._state == LOCUST_STATE_STOPPING and not force:
            return False
        if force or self._nap is None:
            return bool(super().stop(force))
        self._state = LOCUST_STATE_STOPPING
        gevent.get_hub().loop.run_callback(self._nap.switch, None)
        return False

    def on_stop(self) -> None:
        """Count what was intended and never got its turn."""
        now = time.perf_counter()
        self.stop_at = min(self.stop_at, now)
        while self._schedule:
            intended = self._pending if self._pending is not None else next(self._schedule)
            self._pending = None
            if intended > self.stop_at:
                break
            self.decide(intended)[0].not_sent(Outcome.CANCELLED, intended, now)

    def _sleep(self, seconds: float) -> None:
        """Sleep until the time is over or `stop` ends it; raises StopUser in the second case."""
        loop = gevent.get_hub().loop
        loop.update_now()
        self._nap = Waiter()
        with loop.timer(seconds) as timer:
            timer.start(self._nap.switch, None)
            self._nap.get()
        self._nap = None
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser
