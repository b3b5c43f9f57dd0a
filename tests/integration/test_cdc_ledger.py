"""The ledger across a real pipeline, PostgreSQL to Debezium to Kafka: whole, with a hole, killed, cut off."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psutil

from tests.integration.change_topic import (
    PUBLICATION,
    begin_anew,
    committed,
    inserted,
    stop,
    wait_for,
)
from tests.integration.locust_process import LocustProcess, rows, run_locust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lakestorm.sandbox.box import Sandbox
    from tests.integration.locust_process import Finished

QUICK = {"PURCHASE_GEN_EVERY_MS": "50", "PURCHASE_MIX": "buy:80,cancel:20", "PROBE_EVERY_S": "1", "DRAIN_LIMIT_S": "0"}
"""What each shopper does; the audit waits for the topic, so nobody else has to."""


def count_of(env: Mapping[str, str]) -> int:
    """Rows of purchases."""
    return int(rows(env, "SELECT count(*) FROM purchases")[0][0])


@contextlib.contextmanager
def sale(env: Mapping[str, str], cwd: Path, *arguments: str, **settings: str) -> Iterator[LocustProcess]:
    """A flash sale that runs, with its first buys done."""
    before = count_of(env)
    everything = {**env, **QUICK, **settings}
    with LocustProcess("--headless", "--only-summary", *arguments, env=everything, cwd=cwd) as locust:
        locust.wait_for_buys(env, before + 5, 60)
        yield locust


def assert_whole(env: Mapping[str, str], done: Finished) -> None:
    """Books that balance, in numbers that a stranger's count of topic and table confirms."""
    ledger, found, there = done.ledger, inserted(env, done.run["run_id"]), committed(env, done.run["run_id"])
    assert ledger["state"] == "closed", ledger["reasons"]
    assert (ledger["cdc_lost"], ledger["cdc_missing"], ledger["cdc_cancels_lost"]) == (0, 0, 0)
    assert ledger["cdc_committed"] == ledger["cdc_arrived"] == len(there) == len(set(found))
    assert set(found) == there
    assert done.run["verdict"] != "fail", done.output


def test_every_committed_line_is_in_the_topic(pipeline: dict[str, str], tmp_path: Path) -> None:
    """After a sale with cancellations the topic has what the table has, line by line, and each line once."""
    few = {**QUICK, "PURCHASE_GEN_EVERY_MS": "80"}  # fewer than 100: a slow machine is not held against the run
    done = run_locust("-u", "2", "-r", "2", "-t", "3", env={**pipeline, **few}, cwd=tmp_path)
    assert_whole(pipeline, done)
    assert done.sound_code == 0, done.output
    cancelled = done.total("PG order.cancel")["completed"]
    assert done.ledger["cdc_cancels_committed"] == done.ledger["cdc_cancels_arrived"] == cancelled > 0
    assert done.ledger["cdc_committed"] == done.total("PG order.buy")["completed"] + 1  # the closing line
    assert done.ledger["cdc_redelivered"] == 0
    assert "committed lines in Kafka" in done.output


def test_a_hole_is_found_and_named(pipeline: dict[str, str], tmp_path: Path) -> None:
    """Bought while the publication lacked the table: never in the topic, named as lost, and the run fails."""
    alter = f"ALTER PUBLICATION {PUBLICATION}"
    with sale(pipeline, tmp_path, "-u", "1", "-t", "4", PURCHASE_MIX="buy:1", PURCHASE_GEN_EVERY_MS="200") as locust:
        rows(pipeline, f"{alter} DROP TABLE purchases")
        before = count_of(pipeline)
        wait_for("a buy", lambda: count_of(pipeline) > before)
        rows(pipeline, f"{alter} ADD TABLE purchases")
        done = locust.wait()
    lost = committed(pipeline, done.run["run_id"]) - set(inserted(pipeline, done.run["run_id"]))
    assert 1 <= len(lost) < 10
    assert set(done.ledger["samples"]["cdc_lost"]) == lost
    assert done.ledger["cdc_lost"] == len(lost)
    assert (done.ledger["state"], done.code) == ("open", 3)
    assert f"{len(lost)} committed lines never came to the topic shop.public.purchases." in done.run["reasons"][0]


def test_a_killed_connect_sends_again_and_loses_nothing(
    pipeline: dict[str, str], pipeline_box: Sandbox, tmp_path: Path
) -> None:
    """Connect is killed under load and started after it: the audit waits, and counts what came twice right."""
    with sale(pipeline, tmp_path, "-u", "20", "-r", "20", "-t", "5") as locust:
        time.sleep(1.5)
        pid = pipeline_box.states()["connect"].pid
        assert pid is not None
        psutil.Process(pid).kill()
        locust.wait_for("Reading the topic back", 60)  # a Java that starts takes the cores, and the load needs them
        pipeline_box.up(["connect"])
        done = locust.wait()
    assert_whole(pipeline, done)
    found = inserted(pipeline, done.run["run_id"])
    twice = len(found) - len(set(found))
    assert twice > 0
    assert done.ledger["cdc_redelivered"] >= twice  # cancellations came again too


def test_a_slot_that_is_dropped_fails_the_run(pipeline: dict[str, str], tmp_path: Path) -> None:
    """The slot goes mid-run: the run fails, says how far the topic came, and what became of slot and connector."""
    try:
        with sale(pipeline, tmp_path, "-u", "5", "-r", "5", "-t", "4", CDC_SETTLE_S="3") as locust:
            stop(pipeline)
            rows(pipeline, f"SELECT pg_drop_replication_slot('{pipeline['REPLICATION_SLOT']}')")
            done = locust.wait()
    finally:
        begin_anew(pipeline)
    ledger = done.ledger
    assert (ledger["state"], done.code) == ("open", 3)
    assert ledger["cdc_lost"] is None
    assert ledger["cdc_missing"] == ledger["cdc_committed"] - ledger["cdc_arrived"] > 0
    reason = done.run["reasons"][0]
    assert f"{ledger['cdc_arrived']} of {ledger['cdc_committed']} were there after" in reason
    assert f"the replication slot {pipeline['REPLICATION_SLOT']} is gone" in reason
    assert f"the connector {pipeline['CONNECTOR_NAME']} is STOPPED" in reason
