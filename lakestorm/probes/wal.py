"""How much does the database write into its log?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lakestorm.probes.asking_postgres import PostgresQuestions

STATEMENT = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"


class Wal:
    """Growth of the write-ahead log, of all databases of the server together."""

    name: ClassVar[str] = "wal"
    units: ClassVar[Mapping[str, str]] = {"bytes_per_s": "bytes/s"}

    def __init__(self, database: PostgresQuestions, clock: Callable[[], float] = time.perf_counter) -> None:
        self._database = database
        self._clock = clock
        self._rate = Rate(from_zero=False)

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        (position,) = self._database.row(STATEMENT)
        per_s = self._rate.per_s(self._clock(), float(position))
        if per_s is not None:
            yield Value("bytes_per_s", per_s, self.units["bytes_per_s"])
