"""How far is the connector behind the database's log, and how much log does its slot hold back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lakestorm.errors import ProbeError
from lakestorm.probes.asking import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.probes.asking_postgres import PostgresQuestions

WAL_STATUS = {"reserved": 0, "extended": 1, "unreserved": 2, "lost": 3}
STATEMENT = """
SELECT pg_wal_lsn_diff(now_lsn, confirmed_flush_lsn), pg_wal_lsn_diff(now_lsn, restart_lsn),
       pg_wal_lsn_diff(confirmed_flush_lsn, '0/0'), pg_wal_lsn_diff(now_lsn, '0/0'), active, wal_status, safe_wal_size
FROM pg_replication_slots, pg_current_wal_lsn() AS now_lsn WHERE slot_name = %s
"""


class ReplicationSlot:
    """One logical slot, by name.

    `lag_bytes` is log that the connector has not confirmed: of all tables and databases, not only of those it follows.
    """

    name: ClassVar[str] = "replication_slot"
    units: ClassVar[Mapping[str, str]] = {
        "lag_bytes": "bytes",
        "restart_lag_bytes": "bytes",
        "confirmed_bytes": "bytes of log",
        "written_bytes": "bytes of log",
        "active": "1 yes, 0 no",
        "wal_status": "0 reserved, 1 extended, 2 unreserved, 3 lost",
    }

    def __init__(self, database: PostgresQuestions, slot: str) -> None:
        self._database = database
        self._slot = slot

    def sample(self) -> Iterator[Value]:
        """See Probe. A slot that lost its log has no positions any more: they are errors, and the status says why."""
        found = self._database.rows(STATEMENT, (self._slot,))
        if not found:
            raise ProbeError(f"there is no replication slot {self._slot}")
        *numbers, active, status, safe = found[0]
        numbers += [active, WAL_STATUS.get(status)]
        for (name, unit), number in zip(self.units.items(), numbers, strict=True):
            missing = f"the slot has no such number (wal_status {status})" if number is None else ""
            yield Value(name, None if number is None else float(number), unit, missing)
        if safe is not None:
            yield Value("safe_bytes", float(safe), "bytes until the slot is lost")
