"""How much is left to sell, read from the database once a second beside the load."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import gevent
import psycopg2

from lakestorm.clients.postgres import sqlstate_of
from lakestorm.clients.purchases import stock_left
from lakestorm.record.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lakestorm.clients.postgres import Backend

EVERY_S = 1.0
UNITS = {"left": "units", "hot_left": "units", "sold_out_items": "items"}


class StockWatch:
    """Reads on a connection of its own, so that it never waits for the load's pool, nor the load for it.

    Args:
        open_one: opens a connection.
        hot_at: ids of the hot items, by seconds since the run's start.
        last_id: see stock_left.
        tell: takes each reading.
        origin: the clock's reading at second 0.
    """

    def __init__(
        self,
        open_one: Callable[[], Backend],
        hot_at: Callable[[float], Sequence[int]],
        last_id: int,
        tell: Callable[[Reading], None],
        origin: float,
    ) -> None:
        self._open_one = open_one
        self._hot_at = hot_at
        self._last_id = last_id
        self._tell = tell
        self._origin = origin
        self._backend: Backend | None = None

    def run(self) -> None:
        """Read until killed; a database that is away is an error in the readings, and is tried again."""
        while True:
            elapsed_s = time.perf_counter() - self._origin
            gevent.sleep(EVERY_S - elapsed_s % EVERY_S)
            self._read(time.perf_counter() - self._origin)

    def close(self) -> None:
        """Let go of the connection."""
        if self._backend is not None:
            self._backend.close()

    def _read(self, second: float) -> None:
        values: dict[str, float] = {}
        error = ""
        try:
            if self._backend is None:
                self._backend = self._open_one()
            values = stock_left(self._backend, self._hot_at(second), self._last_id)
        except psycopg2.Error as reason:
            error = sqlstate_of(reason)
            self.close()
            self._backend = None
        for name, unit in UNITS.items():
            self._tell(Reading(second, "stock", name, values.get(name), unit, error))
