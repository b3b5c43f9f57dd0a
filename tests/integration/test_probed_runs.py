"""Runs with probes beside them: what is in the results, what stops a run, and what becomes of a process that dies."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from lakestorm.record.folder import Results
from tests.integration.change_topic import pause, resume
from tests.integration.locust_process import LocustProcess, make_shop, rows, run_locust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = ("-u", "10", "-r", "10")
SLOT = "replication_slot.lag_bytes"
QUICK = {"PURCHASE_GEN_EVERY_MS": "50", "THRESHOLDS_FILE": "", "PROBE_EVERY_S": "0.5"}


@pytest.fixture
def unread(database: dict[str, str]) -> Iterator[dict[str, str]]:
    """A shop with a replication slot that nobody reads."""
    make_shop(database, items=50)
    slot = f"unread_{database['POSTGRES_DB']}"
    rows(database, f"SELECT pg_create_logical_replication_slot('{slot}', 'pgoutput')")
    yield {**database, **QUICK, "REPLICATION_SLOT": slot, "DRAIN_LIMIT_S": "1"}
    rows(database, f"SELECT pg_drop_replication_slot('{slot}')")


def probes_of(locust: LocustProcess) -> psutil.Process:
    """The probes' process of a Locust."""
    (found,) = (
        child for child in psutil.Process(locust.process.pid).children() if "lakestorm.probes" in child.cmdline()
    )
    return found


def test_a_run_on_a_pipeline_has_everything_that_was_read(pipeline: dict[str, str], tmp_path: Path) -> None:
    """Each probe in probes.csv and run.json, from the first second on, and how long the pipeline took to catch up."""
    done = run_locust(*USERS, "-t", "5s", env={**pipeline, **QUICK, "DRAIN_LIMIT_S": "20"}, cwd=tmp_path)
    assert done.run["verdict"] != "fail", done.output
    read = Results.read(done.folder).probes
    assert {probe for probe, _ in read} >= {
        "replication_slot", "wal", "transactions", "locks", "checkpoints",
        "connector", "debezium", "source_task", "topic", "stock",
    }  # fmt: skip
    slot = read["replication_slot", "lag_bytes"]
    assert slot.errors == []
    assert 0 <= slot.second[0] < 2
    assert slot.second[-1] > 5
    summary = done.run["probes"][SLOT]
    assert summary["count"] == len(slot.second)
    assert (summary["first"], summary["max"]) == (slot.value[0], slot.value.max())
    assert 0 <= summary["drain_s"] < 20
    assert summary["plateaus"] == []
    assert done.run["probes"]["topic.messages_per_s"]["max"] > 10
    assert done.run["instrument"]["incomplete"] == []


def test_a_paused_connector_shows_and_its_drain_is_waited_for(pipeline: dict[str, str], tmp_path: Path) -> None:
    """The slot falls behind; the run waits for it, tells of that, and knows how long it took after the load."""
    env = {**pipeline, **QUICK, "DRAIN_LIMIT_S": "60"}
    pause(pipeline)
    try:
        with LocustProcess("--headless", "--only-summary", *USERS, "-t", "4s", env=env, cwd=tmp_path) as locust:
            locust.wait_for("Waiting for the pipeline", limit_s=60)
            resumed = time.time()
            resume(pipeline)
            done = locust.wait()
    finally:
        resume(pipeline)
    run = done.run
    assert run["verdict"] != "fail", done.output
    assert f"{SLOT} " in done.output
    drain_s = run["probes"][SLOT]["drain_s"]
    assert drain_s >= resumed - run["ended_at"] - 0.5
    assert run["probes"]["connector.state"]["max"] == 1.0


def test_a_slot_that_fills_stops_the_run(unread: dict[str, str], tmp_path: Path) -> None:
    """By an abort threshold on its lag: which it was, and why, is the first that the verdict says; exit 3."""
    (tmp_path / "thresholds.toml").write_text(f'"probe {SLOT}" = ["max < 1e12", "abort: max < 200e3"]')
    env = {**unread, "THRESHOLDS_FILE": "thresholds.toml", "ABORT_GRACE_S": "1"}
    began = time.monotonic()
    done = run_locust(*USERS, "-t", "60s", env=env, cwd=tmp_path)
    assert time.monotonic() - began < 45
    assert done.code == 3, done.output
    run = done.run
    assert run["stopped_by"] == "threshold"
    assert run["reasons"][0].startswith(f"Failed: The load was stopped: probe {SLOT}: abort: max < 200e3 does not hold")
    assert [threshold["result"] for threshold in run["thresholds"]] == ["pass", "fail"]
    assert run["probes"][SLOT]["max"] >= 200e3
    assert run["probes"][SLOT]["drain_s"] is None
    assert f"has not caught up within 1 s: {SLOT}" in done.output
    assert run["ledger"]["state"] == "closed"


def test_a_slot_that_is_gone_leaves_its_threshold_unknown(unread: dict[str, str], tmp_path: Path) -> None:
    """Errors are no samples: nobody passes a threshold by not being there, and the load is not disturbed."""
    (tmp_path / "thresholds.toml").write_text(f'"probe {SLOT}" = ["max < 1e12", "abort: max < 1"]')
    env = {**unread, "REPLICATION_SLOT": "gone", "THRESHOLDS_FILE": "thresholds.toml", "ABORT_GRACE_S": "1"}
    done = run_locust(*USERS, "-t", "4s", env=env, cwd=tmp_path)
    assert done.code == 4, done.output
    assert [threshold["result"] for threshold in done.run["thresholds"]] == ["unknown", "unknown"]
    assert done.run["stopped_by"] == "run time"
    assert done.run["probes"][SLOT]["errors"] > 3
    assert done.total("PG order.buy")["failed"] == 0


def test_a_run_that_is_killed_takes_its_probes_with_it(unread: dict[str, str], tmp_path: Path) -> None:
    """SIGKILL to Locust: the probes' process ends by itself, and its connection with it."""
    with LocustProcess("--headless", *USERS, "-t", "60s", env=unread, cwd=tmp_path) as locust:
        locust.wait_for_buys(unread, 5)
        probes = probes_of(locust)
        locust.signal(signal.SIGKILL)
        probes.wait(20)


def test_probes_that_are_killed_stop_nothing_and_are_missed(unread: dict[str, str], tmp_path: Path) -> None:
    """The load goes on to its end; since nobody knows what the pipeline did meanwhile, the verdict is unknown."""
    with LocustProcess("--headless", "--only-summary", *USERS, "-t", "6s", env=unread, cwd=tmp_path) as locust:
        locust.wait_for_buys(unread, 5)
        probes_of(locust).kill()
        done = locust.wait()
    assert done.code == 4, done.output
    assert done.run["stopped_by"] == "run time"
    (gap,) = done.run["instrument"]["incomplete"]
    assert gap.startswith("The probes' process ended with -9 after ")
    assert any(gap in reason for reason in done.run["reasons"])
    assert done.total("PG order.buy")["failed"] == 0
