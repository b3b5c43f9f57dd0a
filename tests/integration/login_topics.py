"""Topics of logins as somebody else's consumer sees them: Confluent's own client and its own Avro reader."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from tests.integration.locust_process import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from confluent_kafka import Message

LOGIN_FILE = ROOT / "locustfiles" / "login.py"
TIMEOUT_S = 30
RUN, SEQUENCE, CLASS = "lakestorm-run", "lakestorm-sequence", "lakestorm-class"


def fresh(env: Mapping[str, str], **settings: str) -> dict[str, str]:
    """Settings with topics that nobody has used, and few accounts."""
    name = f"logins-{secrets.token_hex(4)}"
    own = {"LOGIN_TOPIC": name, "LOGIN_LABELS_TOPIC": f"{name}-labels", "LOGIN_ACCOUNTS": "200", "THRESHOLDS_FILE": ""}
    return {**env, **own, **settings}


@dataclasses.dataclass(frozen=True)
class Topic:
    """All that a topic holds, partition after partition, and how to read it."""

    messages: list[Message]
    read: AvroDeserializer
    name: str

    def of(self, *classes: str) -> list[Message]:
        """Records of these classes, by their header."""
        return [message for message in self.messages if headers(message)[CLASS] in classes]

    def count(self) -> dict[str, int]:
        """Records by class."""
        return dict(collections.Counter(headers(message)[CLASS] for message in self.messages))

    def record(self, message: Message) -> dict[str, Any]:
        """A value, read by Confluent's deserializer; raises what that raises."""
        found = self.read(message.value(), SerializationContext(self.name, MessageField.VALUE))
        assert isinstance(found, dict)
        return found


def headers(message: Message) -> dict[str, str]:
    """A record's headers as text."""
    found: list[Any] = list(message.headers() or ())
    return {name: value.decode() for name, value in found}


def topic_of(env: Mapping[str, str], name: str = "") -> Topic:
    """Read a topic from its first record to its last; LOGIN_TOPIC unless another is named."""
    name = name or env["LOGIN_TOPIC"]
    return Topic(messages_of(env, name), AvroDeserializer(registry_of(env["SCHEMA_REGISTRY_URL"])), name)


@functools.cache
def registry_of(url: str) -> SchemaRegistryClient:
    """One client for all tests: nobody would close those of many topics."""
    return SchemaRegistryClient({"url": url})


def messages_of(env: Mapping[str, str], name: str) -> list[Message]:
    """All records of a topic."""
    consumer = Consumer({"bootstrap.servers": env["KAFKA_BROKERS"], "group.id": secrets.token_hex(4)})
    partitions = consumer.list_topics(name, timeout=TIMEOUT_S).topics[name].partitions
    found: list[Message] = []
    for partition in partitions:
        first, end = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=TIMEOUT_S)
        consumer.assign([TopicPartition(name, partition, first)])
        until_s = time.monotonic() + TIMEOUT_S
        batch: list[Message] = []
        while len(batch) < end - first:
            assert time.monotonic() < until_s, f"{name} gave {len(batch)} of {end - first}"
            batch += [message for message in consumer.consume(10_000, timeout=0.5) if message.error() is None]
        found += batch
    consumer.close()
    return found


def write(env: Mapping[str, str], name: str, records: Iterable[Message]) -> None:
    """Copy records into a topic of one partition, made if it is not there: key, value and headers as they are."""
    made = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]}).create_topics([NewTopic(name, 1, 1)])
    made[name].exception(TIMEOUT_S)
    producer = Producer({"bootstrap.servers": env["KAFKA_BROKERS"], "acks": "all"})
    for record in records:
        producer.produce(name, record.value(), record.key(), headers=record.headers())
        producer.poll(0)
    assert producer.flush(TIMEOUT_S) == 0


def moved(folder: Path, to: Path, topic: str) -> Path:
    """A copy of a run's results that says its logins are in another topic."""
    shutil.copytree(folder.resolve(), to)
    file = to / "logins.json"
    facts = json.loads(file.read_text())
    file.write_text(json.dumps({**facts, "topic": topic, "ends": {"0": 0}}))
    return to
