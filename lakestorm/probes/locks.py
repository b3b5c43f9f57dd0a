"""Do transactions wait for each other?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.probes.asking_postgres import PostgresQuestions

STATEMENT = """
SELECT deadlocks, (SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock')
FROM pg_stat_database WHERE datname = current_database()
"""


class Locks:
    """Sessions that wait for a lock at this moment, and deadlocks since the first look."""

    name: ClassVar[str] = "locks"
    units: ClassVar[Mapping[str, str]] = {"waiting": "sessions", "deadlocks": "since the start"}

    def __init__(self, database: PostgresQuestions) -> None:
        self._database = database
        self._deadlocks = Total()

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        deadlocks, waiting = self._database.row(STATEMENT)
        yield Value("waiting", float(waiting), self.units["waiting"])
        yield Value("deadlocks", self._deadlocks.since_start(float(deadlocks)), self.units["deadlocks"])
