"""Changes as Debezium's Avro converter writes them, under a real schema registry."""

from __future__ import annotations

import io
import json
import struct

import fastavro
import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from lakestorm.clients.debezium import Envelopes
from lakestorm.errors import PlatformError, UnreachableError
from lakestorm.settings import SchemaSettings

TOPIC = "shop.public.purchases"
ROW = {
    "type": "record",
    "name": "Value",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "order_ref", "type": {"type": "string", "connect.name": "io.debezium.data.Uuid"}},
        {"name": "status", "type": "string"},
    ],
}
SOURCE = {
    "type": "record",
    "name": "Source",
    "namespace": "io.debezium.connector.postgresql",
    "fields": [
        {"name": "ts_ms", "type": "long"},
        {"name": "lsn", "type": ["null", "long"], "default": None},
        {"name": "ts_us", "type": ["null", "long"], "default": None},
    ],
}
ENVELOPE = {
    "type": "record",
    "name": "Envelope",
    "namespace": TOPIC,
    "fields": [
        {"name": "before", "type": ["null", ROW], "default": None},
        {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": SOURCE},
        {"name": "op", "type": "string"},
        {"name": "ts_ms", "type": ["null", "long"], "default": None},
    ],
}
CHANGE = {
    "before": None,
    "after": {"id": 1, "order_ref": "0197a0b0-0000-8000-8000-000000000001", "status": "placed"},
    "source": {"ts_ms": 5, "lsn": 42, "ts_us": 5001},
    "op": "c",
    "ts_ms": 6,
}


@pytest.fixture(scope="module")
def number(pipeline: dict[str, str]) -> int:
    """The schema's id in the registry."""
    with SchemaRegistryClient({"url": pipeline["SCHEMA_REGISTRY_URL"]}) as client:
        return int(client.register_schema(f"{TOPIC}-value", Schema(json.dumps(ENVELOPE), "AVRO")))


def record(number: int) -> bytes:
    """The change in Confluent's wire format."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(ENVELOPE), CHANGE)
    return b"\0" + struct.pack(">I", number) + out.getvalue()


def test_avro_is_read_by_its_schema(pipeline: dict[str, str], number: int) -> None:
    """The envelope is what was written, and the registry is asked once."""
    envelopes = Envelopes(SchemaSettings(registry_url=pipeline["SCHEMA_REGISTRY_URL"]), TOPIC)
    assert [envelopes(record(number)), envelopes(record(number))] == [CHANGE, CHANGE]


def test_avro_that_is_cut_off(pipeline: dict[str, str], number: int) -> None:
    """A body without its end is no envelope."""
    envelopes = Envelopes(SchemaSettings(registry_url=pipeline["SCHEMA_REGISTRY_URL"]), TOPIC)
    with pytest.raises(PlatformError, match="no envelopes of Debezium's"):
        envelopes(record(number)[:9])


def test_a_schema_that_nobody_knows(pipeline: dict[str, str]) -> None:
    """An id that the registry lacks is told with the registry's address."""
    envelopes = Envelopes(SchemaSettings(registry_url=pipeline["SCHEMA_REGISTRY_URL"]), TOPIC)
    with pytest.raises(PlatformError, match=r"schema 987654.*SCHEMA_REGISTRY_URL"):
        envelopes(record(987654))


def test_no_registry_where_one_is_needed(number: int) -> None:
    """A registry that does not answer is an error that says which setting to check."""
    envelopes = Envelopes(SchemaSettings(registry_url="http://127.0.0.1:9"), TOPIC)
    with pytest.raises(UnreachableError, match="SCHEMA_REGISTRY_URL"):
        envelopes(record(number))
