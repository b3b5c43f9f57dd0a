"""One request on PostgreSQL: its turn at the pool, its tries, and its fate if the answer is never read."""

from __future__ import annotations

import dataclasses
import random
import time
from typing import TYPE_CHECKING

import gevent
import psycopg2

from lakestorm.clients.postgres import CONNECT_FAILED, RETRYABLE, is_lost, sqlstate_of
from lakestorm.load.measuring import NEVER
from lakestorm.record.requests import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

    from lakestorm.clients.pool import Pool
    from lakestorm.clients.postgres import Backend, BackendIdentity
    from lakestorm.load.measuring import Meter

BACKOFF_S = 0.005
"""Mean of the first pause before another try; it doubles each time, with full jitter."""
USER_KILLED = "user killed"
"""The code of a request whose user was killed, and which the database turned out not to have done."""


@dataclasses.dataclass(slots=True)
class Intent:
    """A request before it is sent. Not frozen, since every request makes one: see clients.purchases.Line.

    Attributes:
        meter: counts it.
        at: when it is intended, on the clock.
        previous_end: when its user's earlier request ended.
        lines: numbers of the order lines it would write; empty if it writes none.
        cancels: whether it cancels its lines instead of buying them.
    """

    meter: Meter
    at: float
    previous_end: float
    lines: Sequence[int] = ()
    cancels: bool = False


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Doubt:
    """A request that was sent and whose answer was not read."""

    intent: Intent
    free: float
    started: float
    ended: float
    code: str
    retried: int
    backend: BackendIdentity


class Transactions:
    """Runs requests of one process on its pool.

    Args:
        pool: where connections come from.
        doubt: told of every request whose answer was not read.
        max_tries: tries on serialization failure and deadlock.
        skip_after_s: a request that could only start later than this is skipped; 0 never.
    """

    def __init__(self, pool: Pool, doubt: Callable[[Doubt], None], *, max_tries: int, skip_after_s: float) -> None:
        self._pool = pool
        self._doubt = doubt
        self._max_tries = max_tries
        self._skip_after_s = skip_after_s

    def run(self, intent: Intent, work: Callable[[Cursor], bool]) -> tuple[bool, float]:
        """Do one request and record it.

        Returns:
            whether it was completed, and when it ended, on the clock.
        """
        backend = self._take(intent)
        if backend is None:
            return False, time.perf_counter()
        free, started = backend.free_at, time.perf_counter()
        if self._skip_after_s and started - intent.at > self._skip_after_s:
            intent.meter.not_sent(Outcome.SKIPPED, intent.at, started)
            self._pool.give(backend)
            return False, started
        return self._send(intent, work, backend, free, started)

    def _send(
        self, intent: Intent, work: Callable[[Cursor], bool], backend: Backend, free: float, started: float
    ) -> tuple[bool, float]:
        retried = 0
        try:
            while True:
                try:
                    done = work(backend.cursor_)
                    ended = time.perf_counter()
                    break
                except psycopg2.Error as error:
                    code = sqlstate_of(error)
                    retried += 1
                    if retried >= self._max_tries or code not in RETRYABLE:
                        return False, self._broke(intent, backend, free, started, retried - 1, code)
                    self._pause(backend, intent, code, retried)
        except BaseException:
            self._killed(intent, backend, free, started, retried)
            raise
        self._pool.give(backend)
        outcome = Outcome.COMPLETED if done else Outcome.REFUSED
        intent.meter.answered(intent.at, intent.previous_end, free, started, ended, outcome, retried)
        return done, ended

    def _take(self, intent: Intent) -> Backend | None:
        try:
            return self._pool.take()
        except psycopg2.Error:
            now = time.perf_counter()
            intent.meter.failed(CONNECT_FAILED, intent.at, intent.previous_end, now, NEVER, now, 0)
            return None
        except BaseException:
            intent.meter.not_sent(Outcome.CANCELLED, intent.at, time.perf_counter())
            raise

    def _pause(self, backend: Backend, intent: Intent, code: str, retried: int) -> None:
        intent.meter.record.count_retry(code, intent.at)
        roll_back(backend)
        gevent.sleep(random.random() * 2 * BACKOFF_S * 2 ** min(retried - 1, 6))

    def _broke(self, intent: Intent, backend: Backend, free: float, started: float, retried: int, code: str) -> float:
        """An error ended it: one the server answered with, or the connection's end, which leaves a write in doubt."""
        ended = time.perf_counter()
        if is_lost(backend) and intent.lines:
            self._doubt(Doubt(intent, free, started, ended, code, retried, backend.identity))
        else:
            intent.meter.failed(code, intent.at, intent.previous_end, free, started, ended, retried)
        if not is_lost(backend):
            roll_back(backend)
        self._pool.give(backend)
        return ended

    def _killed(self, intent: Intent, backend: Backend, free: float, started: float, retried: int) -> None:
        """The user was killed meanwhile: the statement may still be carried out."""
        ended = time.perf_counter()
        self._pool.drop(backend)
        if intent.lines:
            self._doubt(Doubt(intent, free, started, ended, USER_KILLED, retried, backend.identity))
        else:
            intent.meter.cut_off(intent.at, intent.previous_end, free, started, ended)


def roll_back(backend: Backend) -> None:
    """End what a failed statement left open; a connection that breaks here is seen by the pool."""
    if backend.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE:
        return
    try:
        backend.cursor_.execute("ROLLBACK")
    except psycopg2.Error:
        backend.close()
