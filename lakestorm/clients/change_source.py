"""What the server knows of the stream: a slot's reader, the schema in its topics' names, its clock."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakestorm.clients.postgres import Backend


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """A slot that is there.

    Attributes:
        is_active: whether somebody reads it.
        wal_status: PostgreSQL's own word; `lost` is a slot that can never go on.
        lag_bytes: log written that its reader has not confirmed; None for a slot without a reader so far.
    """

    is_active: bool
    wal_status: str
    lag_bytes: int | None


def slot_of(backend: Backend, name: str) -> Slot | None:
    """The slot of this name; None where there is none."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT active, coalesce(wal_status, ''),"
            " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), confirmed_flush_lsn)::bigint"
            " FROM pg_replication_slots WHERE slot_name = %s",
            (name,),
        )
        row = cursor.fetchone()
    return None if row is None else Slot(bool(row[0]), str(row[1]), row[2])


def schema_of(backend: Backend, table: str) -> str:
    """The schema in which the search path finds a table; `public` where it finds none."""
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE pg_class.oid = to_regclass(%s)",
            (table,),
        )
        row = cursor.fetchone()
    return "public" if row is None else str(row[0])


def clock_offset(backend: Backend, tries: int = 5) -> dict[str, float]:
    """The server's clock less ours, milliseconds, by the quickest of several answers: right to half its round trip."""
    best: tuple[float, float] | None = None
    with backend.cursor() as cursor:
        for _ in range(tries):
            asked_at, asked = time.time(), time.perf_counter()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            trip_s = time.perf_counter() - asked
            (told,) = cursor.fetchone() or (asked_at,)
            found = (trip_s, float(told) - asked_at - trip_s / 2)
            best = found if best is None else min(best, found)
    trip_s, offset_s = best or (0.0, 0.0)
    return {"offset": round(offset_s * 1e3, 3), "plus_or_minus": round(trip_s * 5e2, 3)}
