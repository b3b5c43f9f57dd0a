"""Kafka Connect and Debezium of the sandbox: what they stream, and what happens when things go wrong."""

from __future__ import annotations

import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import confluent_kafka
import httpx2
import psutil
import pytest

from lakestorm.clients.connect import Connect, RefusedError
from lakestorm.errors import SandboxError, UnreachableError
from lakestorm.sandbox import debezium
from lakestorm.sandbox.process_service import has_gone
from tests.integration.locust_process import rows
from tests.integration.seed_process import SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lakestorm.sandbox.box import Sandbox

TIMEOUT_S = 60
BUY = (
    "INSERT INTO purchases (user_id, item_id, quantity, purchase_price, order_ref)"
    " VALUES (1, 1, 2, 10.50, '{}') RETURNING order_ref::text"
)


def reference() -> str:
    """An order_ref of the test's own."""
    return f"{secrets.token_hex(4)}-0000-8000-8000-{secrets.token_hex(6)}"


def read_until(env: dict[str, str], topic: str, is_enough: Callable[[list[Any]], bool]) -> list[Any]:
    """(key, value) of all records of a topic from its beginning, until there are enough; value None is a tombstone."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": env["KAFKA_BROKERS"], "group.id": secrets.token_hex(4), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    found: list[Any] = []
    until_s = time.monotonic() + TIMEOUT_S
    while not is_enough(found) and time.monotonic() < until_s:
        message = consumer.poll(0.5)
        if message is not None and message.error() is None:
            value = message.value()
            found.append((json.loads(message.key() or b"null"), None if value is None else json.loads(value)))
    consumer.close()
    assert is_enough(found), f"{len(found)} records of {topic}"
    return found


def purchases_of(env: dict[str, str], order_ref: str, count: int) -> list[Any]:
    """Envelopes of one order, so many."""

    def ours(found: list[Any]) -> list[Any]:
        values = [value for _, value in found if value is not None]
        return [value for value in values if (value["after"] or {}).get("order_ref") == order_ref]

    return ours(read_until(env, "shop.public.purchases", lambda found: len(ours(found)) >= count))


def process_of(box: Sandbox) -> psutil.Process:
    """Connect's process."""
    state = box.states()["connect"]
    assert state.word == "running", state
    return psutil.Process(state.pid)


@pytest.fixture
def as_another(pipeline: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The sandbox's connector under another name, prefix and slot; it is gone afterwards, and so is its slot."""
    name = f"other_{secrets.token_hex(4)}"
    for constant in ("CONNECTOR", "PREFIX", "SLOT"):
        monkeypatch.setattr(debezium, constant, name)
    yield name
    httpx2.delete(f"{pipeline['CONNECT_URL']}/connectors/{name}", timeout=TIMEOUT_S, trust_env=False)
    until_s = time.monotonic() + TIMEOUT_S
    held = f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}' AND active"
    while rows(pipeline, held) != [(0,)] and time.monotonic() < until_s:
        time.sleep(0.1)
    rows(pipeline, f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{name}'")


def test_settings_reach_every_part(pipeline: dict[str, str]) -> None:
    """The settings that `up` prints lead to the connector, its metrics, its topics and its slot."""
    with Connect(pipeline["CONNECT_URL"]) as client:
        assert client.connectors() == [pipeline["CONNECTOR_NAME"]]
        assert client.status(pipeline["CONNECTOR_NAME"]).is_running
        config = client.config(pipeline["CONNECTOR_NAME"])
    assert config["topic.prefix"] == pipeline["CDC_TOPIC_PREFIX"]
    assert int(config["heartbeat.interval.ms"]) > 0
    slots = rows(
        pipeline, f"SELECT active FROM pg_replication_slots WHERE slot_name = '{pipeline['REPLICATION_SLOT']}'"
    )
    assert slots == [(True,)]
    published = rows(pipeline, "SELECT tablename FROM pg_publication_tables ORDER BY 1")
    assert published == [("items",), ("purchases",), ("users",)]
    metrics = httpx2.get(pipeline["CONNECT_METRICS_URL"], timeout=TIMEOUT_S, trust_env=False).text
    assert "debezium_metrics_MilliSecondsBehindSource{" in metrics
    assert "kafka_connect_source_task_metrics_source_record_write_rate{" in metrics


def test_a_change_becomes_an_envelope(pipeline: dict[str, str]) -> None:
    """A buy and its cancelling arrive in order, with place in the log, time, and decimals as they are in the table."""
    order = reference()
    rows(pipeline, BUY.format(order))
    rows(pipeline, f"UPDATE purchases SET status = 'cancelled' WHERE order_ref = '{order}'")
    bought, cancelled = purchases_of(pipeline, order, 2)
    assert (bought["op"], cancelled["op"]) == ("c", "u")
    assert (bought["after"]["status"], cancelled["after"]["status"]) == ("placed", "cancelled")
    assert bought["after"]["purchase_price"] == "10.50"
    assert bought["after"]["created_at"].endswith("Z")
    assert 0 < bought["source"]["lsn"] < cancelled["source"]["lsn"]
    assert bought["source"]["ts_ms"] <= bought["ts_ms"]


def test_a_deleted_row_leaves_a_tombstone(pipeline: dict[str, str]) -> None:
    """A delete is told with the row's key, then the key alone, so that compaction forgets it."""
    item = 1_000_000 + secrets.randbelow(1_000_000)
    made = f"({item}, 'Gone', 'widgets', 5, 1000)"
    rows(pipeline, f"INSERT INTO items (id, name, category, price, inventory) VALUES {made}")
    rows(pipeline, f"DELETE FROM items WHERE id = {item}")

    def ours(found: list[Any]) -> list[Any]:
        return [value for key, value in found if key == {"id": item}]

    made_, deleted, tombstone = ours(read_until(pipeline, "shop.public.items", lambda found: len(ours(found)) >= 3))
    assert (made_["op"], deleted["op"], tombstone) == ("c", "d", None)
    assert deleted["before"]["id"] == item


def test_the_password_is_shown_nowhere(pipeline_box: Sandbox, pipeline: dict[str, str]) -> None:
    """Neither REST, log nor command line has the database's password; what holds it is the owner's alone."""
    password = pipeline["POSTGRES_PASSWORD"]
    with Connect(pipeline["CONNECT_URL"]) as client:
        config = client.config(pipeline["CONNECTOR_NAME"])
    assert password not in json.dumps(config)
    data = pipeline_box.services["connect"].home.data
    assert password not in (data / "server.log").read_text()
    assert password not in " ".join(process_of(pipeline_box).cmdline())
    holding = [path for path in data.iterdir() if path.is_file() and password in path.read_text(errors="replace")]
    assert [path.stat().st_mode & 0o077 for path in holding] == [0]


def test_it_listens_on_loopback_alone(pipeline_box: Sandbox, pipeline: dict[str, str]) -> None:
    """REST and metrics are not to be reached from elsewhere."""
    listening = [c.laddr for c in process_of(pipeline_box).net_connections() if c.status == "LISTEN"]
    assert {address.ip for address in listening} == {"127.0.0.1"}
    told = {
        int(pipeline[name].removesuffix("/metrics").rpartition(":")[2])
        for name in ("CONNECT_URL", "CONNECT_METRICS_URL")
    }
    assert told <= {address.port for address in listening}


def test_a_second_up_changes_nothing(pipeline_box: Sandbox, pipeline: dict[str, str]) -> None:
    """The same worker answers, under the same settings."""
    before = process_of(pipeline_box)
    pipeline_box.up(["connect"])
    assert process_of(pipeline_box) == before
    assert pipeline_box.env().items() <= pipeline.items()


def test_a_seeded_shop_is_sent_as_a_snapshot(pipeline_box: Sandbox, pipeline: dict[str, str], as_another: str) -> None:
    """A connector that meets a filled shop reads every row once, and is done with it when `up` is."""
    service: Any = pipeline_box.services["connect"]
    service._finish()
    count = int(SMALL["ITEM_SEED_COUNT"])
    found = read_until(pipeline, f"{as_another}.public.items", lambda found: len(found) >= count)
    assert {value["op"] for _, value in found} == {"r"}
    assert sorted(key["id"] for key, _ in found)[:count] == list(range(1, count + 1))


def test_a_connector_that_fails_says_why(pipeline_box: Sandbox, pipeline: dict[str, str], as_another: str) -> None:
    """Where its slot is of another kind, Debezium cannot follow: `up` ends with Debezium's own words."""
    rows(pipeline, f"SELECT pg_create_physical_replication_slot('{as_another}')")
    service: Any = pipeline_box.services["connect"]
    with pytest.raises(SandboxError, match=f"The connector {as_another} failed: .*{as_another}"):
        service._finish()


def test_a_connector_that_is_refused_says_why(
    pipeline_box: Sandbox, pipeline: dict[str, str], as_another: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that Connect does not take is refused in Connect's words, and nothing is registered."""
    right = debezium.config
    monkeypatch.setattr(debezium, "config", lambda found: right({**found, "POSTGRES_DB": "nowhere"}))
    service: Any = pipeline_box.services["connect"]
    with pytest.raises(SandboxError, match=r'HTTP 400.*database "nowhere" does not exist$'):
        service._finish()
    with Connect(pipeline["CONNECT_URL"]) as client:
        assert as_another not in client.connectors()


def test_a_rest_that_is_none(pipeline: dict[str, str]) -> None:
    """An address where something else answers, or nothing, is told from a refusal; unknown connectors are refused."""
    with (
        Connect(pipeline["SCHEMA_REGISTRY_URL"]) as client,
        pytest.raises(RefusedError, match="not as Kafka Connect does"),
    ):
        client.version()
    with Connect("http://127.0.0.1:9") as client, pytest.raises(UnreachableError, match="Check CONNECT_URL"):
        client.version()
    with Connect(pipeline["CONNECT_URL"]) as client, pytest.raises(RefusedError, match="No status found") as refusal:
        client.status("nobody")
    assert refusal.value.status == 404


def test_a_killed_worker_loses_nothing(pipeline_box: Sandbox, pipeline: dict[str, str]) -> None:
    """After SIGKILL `status` says so; what is bought meanwhile arrives when `up` has started it again."""
    worker = process_of(pipeline_box)
    worker.kill()
    assert has_gone(worker)
    assert pipeline_box.states()["connect"].word == "stale"
    order = reference()
    rows(pipeline, BUY.format(order))
    pipeline_box.up(["connect"])
    assert pipeline_box.env().items() <= pipeline.items()
    assert [value["op"] for value in purchases_of(pipeline, order, 1)] == ["c"]


def test_a_worker_whose_neighbours_moved_starts_anew(pipeline_box: Sandbox, pipeline: dict[str, str]) -> None:
    """A paused connector, and a worker that was started for another Kafka: `up` sets both right."""
    with Connect(pipeline["CONNECT_URL"]) as client:
        client.pause(pipeline["CONNECTOR_NAME"])
    service: Any = pipeline_box.services["connect"]
    worker = process_of(pipeline_box)
    service.home.remember(**{**service.home.recall(), "places": ["127.0.0.1:1", "2"]})
    assert pipeline_box.states()["connect"].word == "stale"
    pipeline_box.up(["connect"])
    assert process_of(pipeline_box) != worker
    with Connect(pipeline["CONNECT_URL"]) as client:
        assert client.status(pipeline["CONNECTOR_NAME"]).is_running
