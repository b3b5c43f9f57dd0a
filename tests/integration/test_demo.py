"""`lakestorm demo` as a person starts it, with a short sale: all parts at work, all books closed, nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from tests.integration.locust_process import BOOKS_ALONE, OURS, ROOT, Finished
from tests.integration.sandbox_process import command

if TYPE_CHECKING:
    from pathlib import Path

SHORT = {
    "FLASHSALE_RUN_TIME": "10", "FLASHSALE_USERS": "10", "LOGIN_USERS": "5", "LOGIN_BACKFILL_DAYS": "1",
    "USERS_SEED_COUNT": "500", "ITEM_SEED_COUNT": "50", "CATALOGUE_EDIT_EVERY_MS": "200",
}  # fmt: skip
LIMIT_S = 300
PARTS = ("PG order.buy", "KAFKA login.produce", "PG item.edit", "CDC order.to_kafka")
"""A request of each part: sale, logins, catalogue, canary."""


def test_the_demo(tmp_path: Path) -> None:
    """Sale, logins, catalogue and canary run before the pipeline; each order is found in Kafka; services are gone."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    env = {**clean, **SHORT, **BOOKS_ALONE, "PYTHONPATH": str(ROOT)}
    try:
        demo = subprocess.run(
            [sys.executable, "-m", "lakestorm.cli", "demo"],
            cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=LIMIT_S,
        )  # fmt: skip
        done = Finished(demo.returncode, demo.stdout + demo.stderr, tmp_path / "results" / "latest")
        assert done.sound_code == 0, done.output
        assert all(done.total(name)["completed"] > 0 for name in PARTS), done.run["requests"].keys()
        ledger = done.ledger
        assert ledger["state"] == "closed"
        assert ledger["cdc_arrived"] == ledger["cdc_committed"] > done.total("PG order.buy")["completed"]
        assert ledger["events_in_topic"] == ledger["events_acknowledged"] > 0
        ours = str(tmp_path)
        assert not [
            p.info for p in psutil.process_iter(["pid", "cmdline"]) if ours in " ".join(p.info["cmdline"] or ())
        ]
    finally:
        command("down", "--erase", "--dir", ".sandbox/demo", cwd=tmp_path)
