"""Debezium's records read: JSON, with or without its schema, or Avro under a schema registry.

Source: Debezium's documentation of the PostgreSQL connector, 3.x, "Data change events": `op`, `before`, `after`,
`source` with `lsn`, `ts_us` and `ts_ms`, and times of the envelope itself.
"""

from __future__ import annotations

import io
import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro
import httpx2
from confluent_kafka.schema_registry.error import SchemaRegistryError

from lakestorm.clients.registry import open_registry, unreachable
from lakestorm.errors import PlatformError
from lakestorm.model.orders import RunKey, process_and_number
from lakestorm.record.changes import Change

if TYPE_CHECKING:
    from confluent_kafka import Message

    from lakestorm.settings import SchemaSettings

MAGIC = b"\x00"
HEADER_BYTES = 5
RUN_DIGITS = 18
"""Characters of a reference's text that are the run's: 8-4-4."""


class Moments(NamedTuple):
    """When a change was where, seconds since 1970, each by the clock of whoever writes it down.

    Attributes:
        committed_at: PostgreSQL, when it stamped the commit: before its flush and its answer.
        read_at: Connect, when Debezium made the envelope.
        recorded_at: the record's own, of its producer or of the broker, as the topic is set up.
    """

    committed_at: float
    read_at: float
    recorded_at: float


class Envelopes:
    """Reads values of a topic of changes.

    Args:
        registry: asked for the schemas of Avro records, once each.
        topic: for messages.
    """

    def __init__(self, registry: SchemaSettings, topic: str) -> None:
        self._registry = registry
        self._topic = topic
        self._schemas: dict[int, Any] = {}

    def __call__(self, value: bytes) -> dict[str, Any]:
        """The envelope.

        Raises:
            PlatformError: it is none of Debezium's.
            UnreachableError: the registry does not answer.
        """
        try:
            found: Any = self._avro(value) if value[:1] == MAGIC else json.loads(value)
        except (ValueError, EOFError, LookupError, struct.error) as error:
            raise self._stranger() from error
        if isinstance(found, dict) and "payload" in found and "schema" in found:
            found = found["payload"]
        if not isinstance(found, dict) or "op" not in found:
            raise self._stranger()
        return found

    def _avro(self, value: bytes) -> Any:
        (number,) = struct.unpack(">I", value[1:HEADER_BYTES])
        if number not in self._schemas:
            self._schemas[number] = self._schema(number)
        return fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), self._schemas[number], None)

    def _schema(self, number: int) -> Any:
        try:
            with open_registry(self._registry) as client:
                return fastavro.parse_schema(json.loads(client.get_schema(number).schema_str or ""))
        except httpx2.HTTPError as error:
            raise unreachable(self._registry.registry_url, error) from error
        except SchemaRegistryError as error:
            raise PlatformError(
                f"The topic {self._topic} has records under schema {number}, which the registry at"
                f" {self._registry.registry_url} does not give: {error.error_message}. Check SCHEMA_REGISTRY_URL."
            ) from error

    def _stranger(self) -> PlatformError:
        return PlatformError(
            f"The topic {self._topic} holds records that are no envelopes of Debezium's (JSON, or Avro under a schema"
            " registry, with op, after and source). Check CDC_TOPIC_PREFIX, and that no transform unwraps them."
        )


def change_of(key: RunKey, envelope: dict[str, Any], message: Message) -> Change | None:
    """The change of one of this run's lines; None if it is of something else."""
    row = envelope.get("after") or envelope.get("before") or {}
    reference = row.get("order_ref") or ""
    if reference[:RUN_DIGITS] != key.first[:RUN_DIGITS]:
        return None
    source = envelope["source"]
    return Change(
        *process_and_number(int(reference[RUN_DIGITS + 1 :].replace("-", ""), 16)),
        op=envelope["op"],
        cancelled=row.get("status") == "cancelled",
        lsn=source.get("lsn") or 0,
        committed_at=seconds_of(source),
        recorded_at=message.timestamp()[1] / 1e3,
    )


def moments_of(envelope: dict[str, Any], message: Message) -> Moments:
    """When this change was where."""
    return Moments(seconds_of(envelope["source"]), seconds_of(envelope), message.timestamp()[1] / 1e3)


def seconds_of(times: dict[str, Any]) -> float:
    """Seconds since 1970 of the finest time that a part of an envelope has."""
    if (micros := times.get("ts_us")) is not None:
        return float(micros) / 1e6
    return float(times.get("ts_ms") or 0) / 1e3
