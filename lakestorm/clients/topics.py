"""A topic read back: how far it reaches, and every record between two points, in bounded memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from lakestorm.clients.kafka import ANSWER_S, client_config
from lakestorm.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from confluent_kafka import Message

    from lakestorm.settings import KafkaSettings

BATCH = 10_000
SILENCE_S = 30.0
"""Without a record for this long a topic is taken to give no more, though its end says otherwise."""
FOLLOW_S = 0.2
"""How long a follower waits before it looks whether it should stop."""
LITTLE_AHEAD = {
    "queued.min.messages": 10_000,
    "queued.max.messages.kbytes": 8_192,
    "fetch.message.max.bytes": 1_048_576,
    "fetch.queue.backoff.ms": 10,
}
"""A follower takes longer for a record than the brokers do, so what is fetched ahead only lies in memory: by
librdkafka's own measure, 500 MB of a large topic. It looks again soon after the queue was full, and not in a second."""


def open_consumer(settings: KafkaSettings, client_id: str, more: Mapping[str, int] | None = None) -> Consumer:
    """A consumer that joins no group, commits nothing, and sees what was acknowledged; `more` of its settings wins."""
    config = client_config(settings, client_id) | {
        "group.id": client_id,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": False,
        "isolation.level": "read_committed",
        "fetch.message.max.bytes": 4_194_304,
    }
    return Consumer(config | dict(more or {}))


def ends_of(settings: KafkaSettings, client_id: str, topic: str) -> dict[int, tuple[int, int]]:
    """{partition: (first offset, next offset)}.

    Raises:
        PlatformError: there is no such topic, or it may not be read.
    """
    marks = ends_if_there(settings, client_id, topic)
    if marks is None:
        raise unreadable(topic, KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    return marks


def ends_if_there(settings: KafkaSettings, client_id: str, topic: str) -> dict[int, tuple[int, int]] | None:
    """{partition: (first offset, next offset)}; None where there is no such topic.

    Raises:
        PlatformError: it may not be read, or the brokers do not answer.
    """
    consumer = open_consumer(settings, client_id)
    try:
        found = consumer.list_topics(topic, timeout=ANSWER_S).topics[topic]
        marks = {
            partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S)
            for partition in found.partitions
        }
    except KafkaException as error:
        raise unreadable(topic, error.args[0]) from error
    finally:
        consumer.close()
    if found.error is None:
        return marks
    if found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return None
    raise unreadable(topic, found.error)


def unreadable(topic: str, error: KafkaError) -> PlatformError:
    """Why a topic cannot be read, as a sentence."""
    return PlatformError(f"The topic {topic} cannot be read: {error.str()} ({error.name()}).")


def headers_of(message: Message) -> dict[str, bytes]:
    """A record's headers by name; one without a value is empty."""
    headers: list[tuple[str, Any]] = list(message.headers() or ())  # type: ignore[arg-type]
    return {name: value if isinstance(value, bytes) else str(value or "").encode() for name, value in headers}


def read_between(
    settings: KafkaSettings,
    client_id: str,
    topic: str,
    ranges: Mapping[int, tuple[int, int]],
    told: Callable[[int, int], None] | None = None,
) -> Iterator[list[Message]]:
    """Batches of all records in {partition: (from offset, before offset)}; partitions interleave, each in order.

    Args:
        settings: of the brokers.
        client_id: names us to them.
        topic: what is read.
        ranges: from where to where.
        told: is told how many of how many offsets are passed, after each batch.

    Raises:
        PlatformError: nothing comes any more, and the ends are not reached.
    """
    wanted = {partition: (first, end) for partition, (first, end) in ranges.items() if first < end}
    total = sum(end - first for first, end in wanted.values())
    consumer = open_consumer(settings, client_id)
    try:
        consumer.assign([TopicPartition(topic, partition, first) for partition, (first, _) in wanted.items()])
        heard_s = time.monotonic()
        while wanted:
            batch = [m for m in consumer.consume(BATCH, timeout=0.5) if m.error() is None]
            if batch:
                heard_s = time.monotonic()
                yield [m for m in batch if (m.offset() or 0) < ranges[m.partition() or 0][1]]
            elif time.monotonic() - heard_s > SILENCE_S:
                raise PlatformError(f"The topic {topic} gives no more records, though some are left in {list(wanted)}.")
            positions = consumer.position([TopicPartition(topic, partition) for partition in wanted])
            left = {p.partition: wanted[p.partition][1] - max(p.offset, wanted[p.partition][0]) for p in positions}
            wanted = {partition: wanted[partition] for partition, records in left.items() if records > 0}
            if told is not None:
                told(total - sum(max(0, records) for records in left.values()), total)
    finally:
        consumer.close()


def follow(
    settings: KafkaSettings, client_id: str, topic: str, starts: Mapping[int, int], most: int = BATCH
) -> Generator[list[Message], None, None]:
    """Batches of what comes from {partition: offset} on, at once and for ever; empty ones while nothing comes.

    Args:
        settings: of the brokers.
        client_id: names us to them.
        topic: what is read.
        starts: from where.
        most: records of a batch. Taking one lasts about a microsecond: who times their arrival wants few.

    Raises:
        PlatformError: the topic cannot be read any more.
    """
    consumer = open_consumer(settings, client_id, LITTLE_AHEAD)
    try:
        consumer.assign([TopicPartition(topic, partition, offset) for partition, offset in starts.items()])
        while True:
            first = consumer.poll(FOLLOW_S)
            batch = [] if first is None else [first, *consumer.consume(most, timeout=0)]
            for error in (message.error() for message in batch):
                if error is not None and not error.retriable():
                    raise unreadable(topic, error)
            yield [message for message in batch if message.error() is None]
    finally:
        consumer.close()
