"""A consumer of a topic and nothing else: writes each record's order_ref and when it was seen, seconds since 1970.

`python -m tests.benchmarks.bare_consumer BROKERS TOPIC`, until it is killed; reads from the topic's end on.
"""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import OFFSET_END, Consumer, TopicPartition


def main(brokers: str, topic: str) -> None:
    """Read for ever."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "bare", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_END) for partition in partitions])
    while True:
        message = consumer.poll(1.0)
        seen_at = time.time()
        value = message.value() if message is not None and message.error() is None else None
        if value is not None:
            print((json.loads(value)["after"] or {}).get("order_ref"), repr(seen_at), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
