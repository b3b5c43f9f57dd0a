"""A topic of changes read by somebody who knows nothing of lakestorm, and the connector told what to do."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, TopicPartition

from tests.integration.locust_process import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PURCHASES, ITEMS, USERS = (f"shop.public.{table}" for table in ("purchases", "items", "users"))
PUBLICATION = "dbz_publication"
LIMIT_S = 60


def changes(env: Mapping[str, str], topic: str) -> list[dict[str, Any] | None]:
    """Every envelope that the topic holds now, partition by partition; None for a tombstone."""
    config = {"bootstrap.servers": env["KAFKA_BROKERS"], "group.id": "a stranger", "enable.partition.eof": True}
    consumer = Consumer({**config, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    found: list[dict[str, Any] | None] = []
    ends = 0
    while ends < len(partitions):
        message = consumer.poll(10)
        assert message is not None, f"{topic} is silent"
        if message.error() is not None:
            ends += 1
            continue
        value = message.value()
        found.append(None if value is None else json.loads(value) | {"recorded_at": message.timestamp()[1] / 1e3})
    consumer.close()
    return found


def inserted(env: Mapping[str, str], run: str) -> list[str]:
    """order_refs of a run that the topic of purchases has as inserted or read, as often as it has them."""
    start = prefix_of(run)
    rows_after = [c["after"] for c in changes(env, PURCHASES) if c is not None and c["op"] in ("c", "r")]
    return [row["order_ref"] for row in rows_after if row["order_ref"].startswith(start)]


def committed(env: Mapping[str, str], run: str) -> set[str]:
    """order_refs of a run that stand in the table."""
    found = rows(env, f"SELECT order_ref::text FROM purchases WHERE order_ref::text LIKE '{prefix_of(run)}%'")
    return {reference for (reference,) in found}


def prefix_of(run: str) -> str:
    """What all references of a run begin with: its 15 digits around a UUID's version."""
    return f"{run[:8]}-{run[8:12]}-8{run[12:]}"


def ask(env: Mapping[str, str], method: str, path: str = "") -> Any:
    """One request to Connect about the connector."""
    url = f"{env['CONNECT_URL']}/connectors/{env['CONNECTOR_NAME']}{path}"
    request = urllib.request.Request(url, method=method)  # noqa: S310 - the sandbox's own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        text = answer.read()
    return json.loads(text) if text else None


def wait_for(what: str, is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    until = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < until, f"waited for: {what}"
        time.sleep(0.05)


def states(env: Mapping[str, str]) -> set[str]:
    """States of the connector and its tasks."""
    status = ask(env, "GET", "/status")
    return {part["state"] for part in (status["connector"], *status["tasks"])}


def pause(env: Mapping[str, str]) -> None:
    """Pause the connector: it brings nothing more to its topics. Its task stays, and so does the slot's reader."""
    ask(env, "PUT", "/pause")
    wait_for("a paused connector", lambda: states(env) == {"PAUSED"})


def stop(env: Mapping[str, str]) -> None:
    """Stop the connector, and wait until nobody reads its slot."""
    ask(env, "PUT", "/stop")
    wait_for("a stopped connector", lambda: states(env) == {"STOPPED"})
    wait_for("a slot without a reader", lambda: slot_is_active(env) is False)


def slot_is_active(env: Mapping[str, str]) -> bool | None:
    """Whether somebody reads the slot; None where there is none."""
    found = rows(env, f"SELECT active FROM pg_replication_slots WHERE slot_name = '{env['REPLICATION_SLOT']}'")
    return bool(found[0][0]) if found else None


def resume(env: Mapping[str, str]) -> None:
    """Let it go on, and wait until it says that it does."""
    ask(env, "PUT", "/resume")
    wait_for("a connector that runs", lambda: states(env) == {"RUNNING"})


def begin_anew(env: Mapping[str, str]) -> None:
    """Forget where the connector was: it takes a new slot, and a snapshot first."""
    ask(env, "PUT", "/stop")
    wait_for("a stopped connector", lambda: states(env) == {"STOPPED"})
    ask(env, "DELETE", "/offsets")
    resume(env)
    wait_for("a slot with a reader", lambda: slot_is_active(env) is True)
