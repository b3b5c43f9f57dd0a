"""The two Avro records of logins, and how a record says in Kafka headers whose it is: never in the event itself."""

from __future__ import annotations

from typing import Any

FIELDS = ("user_id", "timestamp", "ip", "device", "platform", "user_agent")
LOGIN: dict[str, Any] = {
    "type": "record",
    "name": "LoginEvent",
    "namespace": "com.shop.events",
    "fields": [{"name": name, "type": "string"} for name in FIELDS],
}
LABEL: dict[str, Any] = {
    "type": "record",
    "name": "LoginLabel",
    "namespace": "com.shop.events",
    "fields": [
        {"name": "run", "type": "string"},
        {"name": "user_id", "type": "string"},
        {"name": "timestamp", "type": "string"},
        {"name": "topic", "type": "string"},
        {"name": "partition", "type": "int"},
        {"name": "offset", "type": "long"},
        {"name": "kind", "type": "string"},
        {"name": "distance_km", "type": "double"},
        {"name": "speed_kmh", "type": ["null", "double"], "doc": "null: two places at one time"},
        {"name": "scored", "type": "boolean"},
    ],
}
RUN, SEQUENCE, CLASS = "lakestorm-run", "lakestorm-sequence", "lakestorm-class"
"""Header names: the run's key in hexadecimal digits, the record's sequence number, one of CLASSES."""
NUMBER_BITS = 40
"""Of a sequence number, for the record's number within its process; the process stands before them."""
HISTORY = "backfill"
CLASSES = ("live", HISTORY, "late", "duplicate", "poison")
EVENTS = ("live", HISTORY, "late")
"""Classes that are logins of their own; a duplicate is one again, and poison is none."""


def sequence_of(process: int, number: int) -> int:
    """A record's sequence number: unique in its run, and rising for each account, as one process writes its logins.

    A history is of process 0, and so comes before all else; who is alone in a run is process 0 too.
    """
    return process << NUMBER_BITS | number


def process_and_number(sequence: int) -> tuple[int, int]:
    """Whose a record is, and its number there. The other way round than `sequence_of`."""
    return sequence >> NUMBER_BITS, sequence & (1 << NUMBER_BITS) - 1


def subject(topic: str) -> str:
    """The registry's subject for the values of a topic."""
    return f"{topic}-value"
