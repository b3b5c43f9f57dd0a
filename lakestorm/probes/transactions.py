"""How many transactions end in the database, and is one left open that holds everything back?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakestorm.probes.asking_postgres import PostgresQuestions

STATEMENT = """
SELECT xact_commit, xact_rollback,
       (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid())
FROM pg_stat_database WHERE datname = current_database()
"""


class Transactions:
    """Of one database, by its own statistics, which a busy backend brings up to date once a second at most."""

    name: ClassVar[str] = "transactions"
    units: ClassVar[Mapping[str, str]] = {
        "commits_per_s": "transactions/s",
        "rollbacks_per_s": "transactions/s",
        "oldest_s": "s since it began",
    }

    def __init__(self, database: PostgresQuestions, clock: Callable[[], float] = time.perf_counter) -> None:
        self._database = database
        self._clock = clock
        self._rates = {name: Rate() for name in ("commits_per_s", "rollbacks_per_s")}

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        commits, rollbacks, oldest_s = self._database.row(STATEMENT)
        at = self._clock()
        for (name, rate), count in zip(self._rates.items(), (commits, rollbacks), strict=True):
            per_s = rate.per_s(at, float(count))
            if per_s is not None:
                yield Value(name, per_s, self.units[name])
        yield Value("oldest_s", max(0.0, float(oldest_s)), self.units["oldest_s"])
