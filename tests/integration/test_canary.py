"""Canaries through a real pipeline: in Locust's statistics, in the ledger, on time, late when the connector rests."""

from __future__ import annotations

import csv
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.change_topic import PURCHASES, changes, pause, prefix_of, resume
from tests.integration.locust_process import ROOT, LocustProcess, rows, run_locust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.integration.locust_process import Finished

CATALOGUE = ROOT / "locustfiles" / "catalogue.py"
EVERY_MS = 100
CANARY = {"CANARY_EVERY_MS": str(EVERY_MS), "CATALOGUE_EDIT_EVERY_MS": "200", "THRESHOLDS_FILE": ""}
NAME = "CDC order.to_kafka"


def account(done: Finished) -> dict[str, Any]:
    """canary.json."""
    found: dict[str, Any] = json.loads((done.folder / "canary.json").read_text())
    return found


def hops(done: Finished) -> dict[str, list[float]]:
    """Milliseconds by hop, in the order in which canaries came."""
    found: dict[str, list[float]] = {}
    with (done.folder / "probes.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["probe"] == "canary":
                found.setdefault(row["name"], []).append(float(row["value"]))
    return found


def marks(env: Mapping[str, str], run: str) -> dict[str, float]:
    """{order_ref: when its transaction began} of a run's canaries, as the table has them; the closing line is none."""
    found = rows(
        env,
        "SELECT order_ref::text, extract(epoch FROM created_at)::float8 FROM purchases WHERE purchase_price = 0"
        f" AND status = 'cancelled' AND order_ref::text LIKE '{prefix_of(run)}-bfff-8%'",
    )
    return dict(found)


@pytest.fixture(scope="module")
def calm(pipeline: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A run of canaries beside a catalogue, without a sale, on a pipeline that works."""
    return run_locust(
        "-u", "1", "-t", "4", env={**pipeline, **CANARY}, cwd=tmp_path_factory.mktemp("calm"), file=CATALOGUE
    )


def test_canaries_are_requests_like_others(calm: Finished) -> None:
    """They stand in the record and in Locust's own table, completed, one a period, and none is a user of -u's."""
    total = calm.total(NAME)
    assert calm.sound_code == 0, calm.output
    assert total["offered"] == total["completed"] == account(calm)["completed"]
    assert total["offered"] >= 30
    assert calm.run["users_peak"] == 1
    assert any("order.to_kafka" in line and f" {total['completed']} " in line for line in calm.output.splitlines())


def test_canaries_are_lines_of_the_ledger(pipeline: dict[str, str], calm: Finished) -> None:
    """Each is one row, cancelled and free from the first, under the run's reference, and has come to the topic."""
    found = marks(pipeline, calm.run["run_id"])
    assert len(found) == calm.total(NAME)["completed"]
    assert calm.ledger["state"] == "closed"
    assert calm.ledger["cdc_marks"] == calm.ledger["cdc_arrived"] == calm.ledger["acknowledged"] == len(found) + 1
    assert calm.ledger["lines"] == calm.ledger["cdc_committed"]


def test_hops_add_up_to_the_whole(calm: Finished) -> None:
    """Four hops by three clocks of one machine are the whole by one clock; every hop has its number for each canary."""
    found = hops(calm)
    assert {len(of) for of in found.values()} == {calm.total(NAME)["completed"]}
    parts = ("sent_to_source", "source_to_connect", "connect_to_record", "record_to_seen")
    sums = [sum(of) for of in zip(*(found[name] for name in parts), strict=True)]
    assert sums == pytest.approx(found["sent_to_seen"], abs=2.0)
    assert account(calm)["hops_ms"].keys() == found.keys()
    assert abs(account(calm)["postgres_clock_ms"]["offset"]) < 50


def test_a_stranger_measures_the_same(pipeline: dict[str, str], calm: Finished) -> None:
    """From the row's transaction to the record's timestamp, as table and topic say, is what the canary says."""
    begun = marks(pipeline, calm.run["run_id"])
    recorded = {
        c["after"]["order_ref"]: c["recorded_at"] for c in changes(pipeline, PURCHASES) if c is not None and c["after"]
    }
    theirs = [(recorded[reference] - at) * 1e3 for reference, at in begun.items()]
    found = hops(calm)
    ours = [whole - seen for whole, seen in zip(found["sent_to_seen"], found["record_to_seen"], strict=True)]
    assert statistics.median(ours) == pytest.approx(statistics.median(theirs), rel=0.05, abs=5.0)


def test_a_connector_that_rests_is_seen(pipeline: dict[str, str], tmp_path: Path) -> None:
    """While it rests canaries go on to be sent on schedule, and each is late by what was left of the rest."""
    with LocustProcess(
        "--headless", "--only-summary", "-u", "1", "-t", "7", env={**pipeline, **CANARY}, cwd=tmp_path, file=CATALOGUE
    ) as locust:
        locust.wait_for("All users spawned", 60)
        time.sleep(1.0)
        pause(pipeline)
        began = time.monotonic()
        time.sleep(2.0)
        rested_s = time.monotonic() - began
        resume(pipeline)
        done = locust.wait()
    late = [ms / 1e3 for ms in hops(done)["sent_to_seen"] if ms > rested_s * 500]
    assert max(late) >= rested_s - EVERY_MS / 1e3
    assert len(late) >= 0.7 * (rested_s / 2) / (EVERY_MS / 1e3)
    assert done.ledger["state"] == "closed"
    assert done.total(NAME)["failed"] == 0


def test_what_does_not_come_has_failed(pipeline: dict[str, str], tmp_path: Path) -> None:
    """With the connector at rest to the end, canaries fail at their time-out, rank as infinite, and the run fails."""
    try:
        with LocustProcess(
            "--headless", "--only-summary", "-u", "1", "-t", "4", cwd=tmp_path, file=CATALOGUE,
            env={**pipeline, **CANARY, "CANARY_TIMEOUT_S": "1.5", "DRAIN_LIMIT_S": "0", "CDC_SETTLE_S": "1"},
        ) as locust:  # fmt: skip
            locust.wait_for("All users spawned", 60)
            pause(pipeline)
            done = locust.wait()
    finally:
        resume(pipeline)
    total = done.total(NAME)
    assert total["errors"] == {"timed out": total["failed"]}
    assert total["failed"] >= 10
    assert total["response_ms_of_offered"]["max"] is None
    assert account(done)["drained_after_s"] is None
    assert (done.ledger["state"], done.code) == ("open", 3)
    assert done.ledger["cdc_missing"] >= total["failed"]
