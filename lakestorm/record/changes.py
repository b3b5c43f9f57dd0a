"""What a change stream says of one order line: the record of a topic, read down to what books are kept of."""

from __future__ import annotations

from typing import NamedTuple

CREATED, SNAPSHOT, UPDATED, DELETED = "c", "r", "u", "d"
"""Debezium's `op`: inserted, read by a snapshot, updated, deleted."""


class Change(NamedTuple):
    """One change of one line of the run, by Debezium's names.

    Attributes:
        process, number: whose line, and which: parts of its order_ref.
        op: one of CREATED, SNAPSHOT, UPDATED, DELETED.
        cancelled: whether the line is cancelled after it.
        lsn: where in the write-ahead log the change stands, bytes; the same again is the same change again.
        committed_at: when the database committed it, by its own clock (`source.ts_us`), seconds since 1970.
        recorded_at: the record's timestamp in its topic, seconds since 1970.
    """

    process: int
    number: int
    op: str
    cancelled: bool
    lsn: int
    committed_at: float
    recorded_at: float
