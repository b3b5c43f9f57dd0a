"""A pool of PostgreSQL connections for greenlets, fair and cheap: a list, and a queue of those who wait.

psycopg2's own pools raise when they are empty; here a request waits its turn, and the pool tells how long the
connection it got had been free, so that waiting for the pool is told from the generator's own slowness.
"""

from __future__ import annotations

import collections
import time
from typing import TYPE_CHECKING

import gevent
import psycopg2
from gevent.hub import Waiter

from lakestorm.clients.postgres import is_lost

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.clients.postgres import Backend

RETRY_CONNECT_S = 0.25
"""After a refused connection nobody tries again for this long, so that a server that restarts is not stormed."""


class Turn:
    """A place in the queue; `backend` stays None where the holder shall open a connection of its own."""

    __slots__ = ("backend", "come", "waiter")

    def __init__(self) -> None:
        self.waiter = Waiter()
        self.come = False
        self.backend: Backend | None = None

    def hand_over(self, backend: Backend | None) -> None:
        """Wake the holder from the hub: a Waiter may be switched to from nowhere else."""
        self.backend, self.come = backend, True
        gevent.get_hub().loop.run_callback(self.waiter.switch, None)


class Pool:
    """At most `size` connections of one process.

    Args:
        open_one: opens a connection; raises psycopg2.OperationalError.
        size: most connections at one time.
        clock: seconds, monotonic; the clock of the whole run.
    """

    def __init__(
        self, open_one: Callable[[], Backend], size: int, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._open_one = open_one
        self._size = size
        self._clock = clock
        self._idle: list[Backend] = []
        self._waiters: collections.deque[Turn] = collections.deque()
        self._open = 0
        self._rest_until = 0.0

    def fill(self) -> None:
        """Open all connections now; raises what the driver raises."""
        while self._open < self._size:
            self.give(self._connect())

    def take(self) -> Backend:
        """A connection of the caller's own, the most recently used first.

        Waits its turn while all are taken. Raises psycopg2.OperationalError if a new one cannot be opened.
        """
        if self._idle:
            return self._idle.pop()
        if self._open < self._size:
            return self._connect()
        return self._wait_turn()

    def give(self, backend: Backend) -> None:
        """Return a connection; a lost one is dropped and its place is free again."""
        if is_lost(backend):
            self._forget()
            return
        backend.free_at = self._clock()
        if self._waiters:
            self._waiters.popleft().hand_over(backend)
        elif self._open > self._size:  # the pool was closed meanwhile
            self.drop(backend)
        else:
            self._idle.append(backend)

    def drop(self, backend: Backend) -> None:
        """Close a connection whose state is not known (its request was killed) and free its place."""
        backend.close()
        self._forget()

    def close(self) -> None:
        """Close what is idle; connections still taken are closed when they come back."""
        self._size = 0
        while self._idle:
            self._idle.pop().close()
            self._open -= 1

    def _connect(self) -> Backend:
        self._open += 1
        try:
            gevent.sleep(max(0.0, self._rest_until - self._clock()))
            backend = self._open_one()
        except psycopg2.Error:
            self._rest_until = self._clock() + RETRY_CONNECT_S
            self._forget()
            raise
        except BaseException:
            self._forget()
            raise
        backend.free_at = self._clock()
        return backend

    def _wait_turn(self) -> Backend:
        turn = Turn()
        self._waiters.append(turn)
        try:
            turn.waiter.get()
        except BaseException:
            self._leave_queue(turn)
            raise
        return turn.backend if turn.backend is not None else self._connect()

    def _leave_queue(self, turn: Turn) -> None:
        """Killed while waiting: what was already handed over goes to the next one."""
        if not turn.come:
            self._waiters.remove(turn)
        elif turn.backend is not None:
            self.give(turn.backend)
        elif self._waiters and self._open < self._size:
            self._waiters.popleft().hand_over(None)

    def _forget(self) -> None:
        """A place became free: whoever waits first opens a connection of its own."""
        self._open -= 1
        if self._waiters and self._open < self._size:
            self._waiters.popleft().hand_over(None)
