"""Did the database write everything out, by the clock or because its log was full?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lakestorm.probes.asking import Value
from lakestorm.probes.counters import Total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.probes.asking_postgres import PostgresQuestions

SINCE_17 = "SELECT num_timed, num_requested FROM pg_stat_checkpointer"
BEFORE_17 = "SELECT checkpoints_timed, checkpoints_req FROM pg_stat_bgwriter"
VERSION = "SELECT current_setting('server_version_num')::int"
PG_17 = 170_000


class Checkpoints:
    """Checkpoints since the first look: `timed` by the clock, `requested` because the log grew too far, or by hand."""

    name: ClassVar[str] = "checkpoints"
    units: ClassVar[Mapping[str, str]] = {"timed": "since the start", "requested": "since the start"}

    def __init__(self, database: PostgresQuestions) -> None:
        self._database = database
        self._totals = {name: Total() for name in self.units}
        self._statement = ""

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        if not self._statement:
            (version,) = self._database.row(VERSION)
            self._statement = SINCE_17 if version >= PG_17 else BEFORE_17
        for (name, total), count in zip(self._totals.items(), self._database.row(self._statement), strict=True):
            yield Value(name, total.since_start(float(count)), self.units[name])
