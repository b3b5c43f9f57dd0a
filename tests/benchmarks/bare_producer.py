"""The least that a program can do to produce logins: `python -m tests.benchmarks.bare_producer HOW SECONDS`.

The same brokers, schema, settings of the producer and size of a record as lakestorm's; but always the same person, and
nothing is chosen, measured or written down. HOW is `window`, which keeps as many records in flight as lakestorm does,
or `blocking`, which waits for each record's delivery report before the next one, as suites do that end `send` in a
`poll` without a time limit.
"""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import time
from typing import TYPE_CHECKING, Any

import fastavro
from confluent_kafka import Producer

from lakestorm.clients.producing import producer_config
from lakestorm.model.login_schema import LOGIN
from lakestorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_EVERY = 1000
RECORD = {
    "user_id": "4711",
    "timestamp": "2026-03-01T09:30:00.250Z",
    "ip": "10.112.113.114",
    "device": "Samsung Galaxy S24",
    "platform": "Android",
    "user_agent": "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Mobile Safari/537.36",
}
HEADERS: list[tuple[str, str | bytes | None]] = [
    ("lakestorm-run", "1a20ec84ce675ec"),
    ("lakestorm-sequence", "123456"),
    ("lakestorm-class", "live"),
]


def encoded(number: int) -> bytes:
    """The record of an account in Confluent's wire format."""
    out = io.BytesIO()
    out.write(struct.pack(">bI", 0, 1))
    fastavro.schemaless_writer(out, SCHEMA, {**RECORD, "user_id": str(number)})
    return out.getvalue()


SCHEMA = fastavro.parse_schema(LOGIN)


def produce(wait: Callable[[Producer, list[int]], None], seconds: float) -> dict[str, float]:
    """Produce until the time is over and all is acknowledged: `per_s` and `cpu_us` an event."""
    settings = Settings.load()
    producer = Producer(producer_config(settings.kafka, "bare"))
    counts = [0, 0]
    """Sent, acknowledged."""

    def report(error: Any, _message: Any) -> None:
        counts[1] += error is None

    started, cpu_s = time.perf_counter(), time.process_time()
    while time.perf_counter() < started + seconds:
        key = counts[0] % 1000
        producer.produce(settings.login.topic, encoded(key), str(key), on_delivery=report, headers=HEADERS)
        counts[0] += 1
        wait(producer, counts)
    producer.flush()
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu_s
    return {"per_s": counts[1] / wall_s, "cpu_us": cpu_s / counts[1] * 1e6}


def window(producer: Producer, counts: list[int]) -> None:
    """Poll now and then, and while as many as lakestorm's default are in flight."""
    if counts[0] % POLL_EVERY == 0:
        producer.poll(0)
    while counts[0] - counts[1] >= IN_FLIGHT:
        producer.poll(0.01)


def blocking(producer: Producer, _counts: list[int]) -> None:
    """Wait for the delivery report."""
    producer.poll()


IN_FLIGHT = int(os.environ.get("LOGIN_IN_FLIGHT", "10000"))

if __name__ == "__main__":
    print(json.dumps(produce({"window": window, "blocking": blocking}[sys.argv[1]], float(sys.argv[2]))))
