"""The audit across with a million orders: lines a second, and memory a line, of a real table and a real topic.

`python -m tests.benchmarks.across FOLDER` is the audit alone, in a process of its own whose memory can be told.
"""

from __future__ import annotations

import json
import resource
import secrets
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lakestorm.model.orders import RunKey
from lakestorm.record.references import AcknowledgedLines
from lakestorm.report.audit import audit
from lakestorm.settings import Settings
from tests.benchmarks.harness import Row, timed
from tests.benchmarks.shop import ITEMS, stock_up
from tests.integration.locust_process import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVICES = ("postgres", "kafka")
FEW, LINES = 250_000, 1_000_000
"""The few are enough to fill what is read ahead, which does not grow with the run."""
PARTITIONS, LSN_STEP = 3, 160
ENVELOPE = (
    '{{"before":null,"after":{{"id":{id},"user_id":{user},"item_id":{item},"campaign_id":null,"quantity":1,'
    '"purchase_price":"9.50","order_ref":"{ref}","status":"placed","created_at":"2026-11-24T22:31:48.123456Z",'
    '"updated_at":"2026-11-24T22:31:48.123456Z"}},"source":{{"version":"3.7.0.Final","connector":"postgresql","name":'
    '"shop","ts_ms":{ms},"snapshot":"false","db":"oneshop","sequence":"[\\"{lsn}\\",\\"{lsn}\\"]","ts_us":{ms}000,'
    '"ts_ns":{ms}000000,"schema":"public","table":"purchases","txId":{id},"lsn":{lsn},"xmin":null}},'
    '"transaction":null,"op":"c","ts_ms":{ms},"ts_us":{ms}000,"ts_ns":{ms}000000}}'
)
"""A row's insertion as the sandbox's connector writes it."""


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """Two rows: a million orders, and what they take more than a few."""
    return rows_of(env, LINES, max(1, rounds // 2))


def rows_of(env: Mapping[str, str], lines: int, rounds: int) -> list[Row]:
    """Both rows for so many lines."""
    few, many = ([audited(env, count) for _ in range(rounds)] for count in (FEW, lines))
    base = min(found["peak_bytes"] for found in few)
    per_line = [(found["peak_bytes"] - base) / (lines - FEW) for found in many]
    return [
        Row(f"{lines:,} orders audited, table and topic", "lines per s", [found["per_s"] for found in many], [], ""),
        Row("memory of it beyond a small audit's", "bytes a line", per_line, [], "", "≤ 64"),
    ]


def audited(env: Mapping[str, str], lines: int) -> dict[str, float]:
    """A fresh shop and topic with so many orders, audited; raises RuntimeError if the books do not balance."""
    key, topic = RunKey.new(int(time.time() * 1e3), secrets.randbits(16)), f"bench-{secrets.token_hex(4)}.purchases"
    stock_up(env)
    fill_table(env, key, lines)
    fill_topic(env, key, topic, lines)
    with tempfile.TemporaryDirectory() as name:
        write_evidence(Path(name), key, topic, lines)
        command = [sys.executable, "-m", "tests.benchmarks.across", name]
        found: dict[str, Any] = json.loads(timed(command, env, cwd=Path(name)).output)
    client = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    client.delete_topics([topic])[topic].result(timeout=60)
    if (found["state"], found["arrived"]) != ("closed", lines):
        raise RuntimeError(f"{found['arrived']} of {lines} orders arrived; the ledger is {found['state']}.")
    return {"per_s": lines / found["lasted_s"], "peak_bytes": found["peak_bytes"]}


def fill_table(env: Mapping[str, str], key: RunKey, lines: int) -> None:
    """The run's lines, committed; foreign keys are not looked up for each, which would take longer than all else."""
    prefix = key.prefix(0)
    rows(
        env,
        "SET session_replication_role = replica;"
        " INSERT INTO purchases (user_id, item_id, quantity, purchase_price, order_ref)"
        f" SELECT 1, 1 + n % {ITEMS}, 1, 9.50, ('{prefix.text}' || lpad(to_hex({prefix.base} + n), 12, '0'))::uuid"
        f" FROM generate_series(0, {lines - 1}) n",
    )


def fill_topic(env: Mapping[str, str], key: RunKey, topic: str, lines: int) -> None:
    """The same lines as changes, spread over partitions."""
    client = AdminClient({"bootstrap.servers": env["KAFKA_BROKERS"]})
    client.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(timeout=60)
    producer = Producer(
        {"bootstrap.servers": env["KAFKA_BROKERS"], "linger.ms": 20, "batch.size": 1 << 20, "compression.type": "lz4"}
    )
    prefix, ms = key.prefix(0), int(time.time() * 1e3)
    for n in range(lines):
        item, lsn = 1 + n % ITEMS, (n + 1) * LSN_STEP
        value = ENVELOPE.format(id=n + 1, user=1, item=item, ref=prefix.reference(n), ms=ms, lsn=lsn)
        while True:
            try:
                producer.produce(topic, value, partition=n % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    if producer.flush(120):
        raise RuntimeError("The brokers did not take all changes within two minutes.")


def write_evidence(folder: Path, key: RunKey, topic: str, lines: int) -> None:
    """What a run leaves in its results folder for these books."""
    acknowledged = AcknowledgedLines(folder / "orders.bin", key.hex, 0)
    acknowledged.bought_all(np.arange(lines))
    acknowledged.close(lines)
    (folder / "in_doubt.json").write_text("[]")
    starts = {str(partition): 0 for partition in range(PARTITIONS)}
    (folder / "cdc.json").write_text(json.dumps({"run": key.hex, "topic": topic, "starts": starts}))


def main(folder: Path) -> None:
    """The audit; prints how long it took, the most memory of the process, and what it found, as JSON."""
    settings, began = Settings.load(), time.perf_counter()
    ledger = audit(folder, settings, lambda _read, _total: None)
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    found = {"lasted_s": time.perf_counter() - began, "peak_bytes": peak_bytes}
    print(json.dumps(found | {"state": ledger["state"], "arrived": ledger["cdc_arrived"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
