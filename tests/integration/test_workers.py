"""Runs across workers: the same numbers as in one process, nothing lost at the end, and a lost worker is named."""

from __future__ import annotations

import json
import os
import re
import time
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

import psutil
import pytest

from lakestorm.model.edits import PROCESSES_MAX
from lakestorm.record.folder import Results
from lakestorm.record.references import BOUGHT, AcknowledgedFile
from lakestorm.sandbox.service import free_port
from tests.integration.locust_process import BOOKS_ALONE, FLASHSALE, ROOT, LocustProcess, make_shop, rows, run_locust
from tests.integration.test_shapes import is_sound

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.locust_process import Finished

BUY = "PG order.buy"
COUNT = "SELECT count(*) FROM purchases"
LIGHT = {
    "PURCHASE_GEN_EVERY_MS": "50",
    "POSTGRES_POOL_SIZE": "5",
    "FLASHSALE_STOCK": "100000",
    **BOOKS_ALONE,
}
"""Little load."""
SLOW_GREETING = """
import gevent
from locust.runners import WorkerRunner

greet = WorkerRunner.__init__


def slowly(self, *args, **kwargs):
    greet(self, *args, **kwargs)
    gevent.sleep(1.5)


WorkerRunner.__init__ = slowly
"""
"""A worker that is sent users before Locust has made its runner, as happens on a busy machine."""
MIXED = f"{FLASHSALE},{ROOT / 'locustfiles' / 'catalogue.py'}"
TWO_OF_THREE = ("--config-users", '{"user_class_name": "FlashSaleUser", "weight": 2}')
"""Of users of two classes and equal weight Locust brings all of one class to one of two workers."""
SPIKE = f"{FLASHSALE},{ROOT / 'loadshapes' / 'spike.py'}"


def assert_balanced(done: Finished, env: dict[str, str]) -> None:
    """Closed books, every line in the table acknowledged, and Locust's own table says the same."""
    assert is_sound(done), done.output
    assert done.ledger["state"] == "closed", done.output
    assert done.total(BUY)["completed"] == done.ledger["lines"] == rows(env, COUNT)[0][0] > 100
    shown = re.search(r"order\.buy +(\d+) +\d+\(", done.output)
    assert shown is not None
    assert int(shown[1]) == done.total(BUY)["completed"]
    assert "Traceback" not in done.output


def two_workers() -> tuple[str, ...]:
    """Arguments for a master with two worker processes, on a port of their own: a stranger's workers find the usual."""
    port = str(free_port())
    return ("--processes", "2", "--master-port", port, "--master-bind-port", port)


def workers_of(done: Finished) -> list[dict[str, object]]:
    """What run.json tells of the workers."""
    found: list[dict[str, object]] = done.run["instrument"]["workers"]
    return found


def orders_of(done: Finished) -> list[Path]:
    """What each worker wrote of its acknowledged lines."""
    return sorted(done.folder.glob("orders-*.bin"))


@pytest.mark.parametrize("file", [FLASHSALE, SPIKE], ids=["by hand", "shape"])
def test_two_workers_balance(database: dict[str, str], tmp_path: Path, file: Path | str) -> None:
    """Completed buys of two workers equal the table's rows; seconds, histograms and clocks are told of both."""
    make_shop(database, items=50)
    env = {**database, **LIGHT}
    done = run_locust("-u", "12", "-t", "10s", *two_workers(), env=env, cwd=tmp_path, file=file)
    assert_balanced(done, database)
    assert [(w["process"], w["state"]) for w in workers_of(done)] == [(1, "drained"), (2, "drained")]
    assert all(0 <= float(str(w["clock_error_ms"])) < 1000 for w in workers_of(done))
    results = Results.read(done.folder)
    total = done.total(BUY)
    assert sum(results.timeline[BUY].counts["completed"]) == total["completed"]
    assert results.distributions[BUY, "service"].count == total["service_ms"]["count"]
    assert len(orders_of(done)) == 2
    assert 6 < done.run["users_peak"] <= 12


def test_workers_take_part_from_other_machines(database: dict[str, str], tmp_path: Path) -> None:
    """Master and workers started one by one: a setting that differs is told, one that comes late is taken in."""
    make_shop(database, items=50)
    env = {**database, **LIGHT}
    port = str(free_port())
    folders = [tmp_path / name for name in ("master", "one", "late")]
    for folder in folders:
        folder.mkdir()
    to_master = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    leading = (
        "--headless",
        "--only-summary",
        "--master",
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        port,
    )
    asked = ("--expect-workers", "1", "--enable-rebalancing", "-u", "10", "-r", "10", "-t", "14s")
    with (
        LocustProcess(*leading, *asked, env=env, cwd=folders[0]) as master,
        LocustProcess(*to_master, env={**env, "PURCHASE_ZIPF": "0.5"}, cwd=folders[1]) as one,
    ):
        master.wait_for_buys(env, 20)
        greeting = tmp_path / "slow_greeting.py"
        greeting.write_text(SLOW_GREETING)
        with LocustProcess(*to_master, env=env, cwd=folders[2], file=f"{FLASHSALE},{greeting}") as late:
            done = master.wait()
            ended = [late.wait(), one.wait()]
            assert [worker.code for worker in ended] == [0, 0], ended[0].output
    assert_balanced(done, database)
    assert 'PURCHASE_ZIPF is "0.5" there and "0.99" on the master' in done.output
    assert [w["state"] for w in workers_of(done)] == ["drained", "drained"]
    assert len(orders_of(done)) == 2
    assert not (folders[2] / "results").exists()


def test_a_lost_worker_is_named(database: dict[str, str], tmp_path: Path) -> None:
    """SIGKILL of one of two: the master ends by itself, exit 4, and says which, and how many rows nobody reported."""
    make_shop(database, items=50)
    args = ("--headless", "--only-summary", "-u", "10", "-r", "10", "-t", "12s", *two_workers())
    with LocustProcess(*args, env={**database, **LIGHT}, cwd=tmp_path) as master:
        master.wait_for_buys(database, 300)
        victim = psutil.Process(master.process.pid).children()[0]
        os.kill(victim.pid, SIGKILL)
        done = master.wait()
    assert done.code == 4, done.output
    assert done.run["verdict"] in ("unknown", "invalid")
    lost = next(w for w in workers_of(done) if w["state"] == "lost")
    assert lost["pid"] == victim.pid
    told = " ".join(done.run["reasons"])
    assert f"Worker {lost['process']} (" in told
    assert f"process {victim.pid}) was lost" in told
    ledger = done.ledger
    assert ledger["state"] == "unknown"
    assert ledger["unreported"] > 0
    assert ledger["acknowledged"] + ledger["unreported"] == rows(database, COUNT)[0][0]
    assert f"{ledger['unreported']} lines stand in the table that worker {lost['process']} wrote" in told


def test_an_abort_threshold_sees_all_workers(database: dict[str, str], tmp_path: Path) -> None:
    """A threshold on what no worker did alone ends the run for all; it is drained, fails, and the books close."""
    make_shop(database, items=50)
    (tmp_path / "thresholds.toml").write_text('"PG order.buy" = ["abort: completed < 300"]')
    env = {**database, **LIGHT, "THRESHOLDS_FILE": "thresholds.toml", "ABORT_GRACE_S": "0"}
    done = run_locust("-u", "10", "-r", "10", "-t", "60s", *two_workers(), env=env, cwd=tmp_path)
    assert done.code == 3, done.output
    assert done.run["stopped_by"] == "threshold"
    found = re.search(r"completed = ([\d.]+) after (\d+) s, which stopped", done.run["thresholds"][0]["value"])
    assert found is not None, done.run["thresholds"]
    each = [acknowledged.flags(BOUGHT).sum() for acknowledged in map(AcknowledgedFile.read, orders_of(done))]
    assert len(each) == 2
    assert float(found[1]) > max(each) > 0
    assert done.ledger["state"] == "closed", done.output
    assert sum(each) == done.total(BUY)["completed"] == rows(database, COUNT)[0][0]
    assert [w["state"] for w in workers_of(done)] == ["drained", "drained"]


def test_sigterm_to_the_master_drains(database: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM in the middle loses nothing: workers are drained, results written, exit by the verdict."""
    make_shop(database, items=50)
    args = ("--headless", "--only-summary", "-u", "10", "-r", "10", "-t", "60s", *two_workers())
    with LocustProcess(*args, env={**database, **LIGHT}, cwd=tmp_path) as master:
        master.wait_for_buys(database, 300)
        began = time.monotonic()
        master.signal(SIGTERM)
        done = master.wait()
    assert time.monotonic() - began < 10 + 10 + 10
    assert_balanced(done, database)
    assert done.run["stopped_by"] == "signal"


def test_a_worker_that_is_told_to_end_loses_nothing(database: dict[str, str], tmp_path: Path) -> None:
    """SIGTERM to one worker, as when a fleet shrinks: it drains first, the others go on, the books close."""
    make_shop(database, items=50)
    args = ("--headless", "--only-summary", "-u", "10", "-r", "10", "-t", "8s", *two_workers())
    with LocustProcess(*args, env={**database, **LIGHT}, cwd=tmp_path) as master:
        master.wait_for_buys(database, 200)
        psutil.Process(master.process.pid).children()[0].send_signal(SIGTERM)
        done = master.wait()
    assert is_sound(done), done.output
    assert done.ledger["state"] == "closed", done.output
    assert done.total(BUY)["completed"] == done.ledger["lines"] == rows(database, COUNT)[0][0]
    assert [w["state"] for w in workers_of(done)] == ["drained", "drained"]


def test_what_a_worker_cannot_do_refuses_the_run(database: dict[str, str], tmp_path: Path) -> None:
    """A worker's own mistake is its sentence and exit code 5, on the master too; the run does not begin without it."""
    make_shop(database, items=5)
    port = str(free_port())
    to_master = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    leading = ("--headless", "--master", "--master-bind-port", port)
    asked = ("--expect-workers", "1", "--expect-workers-max-wait", "4", "-u", "2", "-t", "5s")
    for name in ("master", "worker"):
        (tmp_path / name).mkdir()
    with (
        LocustProcess(*leading, *asked, env={**database, **LIGHT}, cwd=tmp_path / "master") as master,
        LocustProcess(*to_master, env={**database, "POSTGRES_DB": "nothing"}, cwd=tmp_path / "worker") as worker,
    ):
        told = worker.wait()
        ended = master.wait()
    assert told.code == 5
    assert "nothing" in told.output
    came_too_late = "Gave up waiting for workers" in ended.output  # Locust counts a worker for four seconds
    assert (ended.code, 'database "nothing"' in ended.output) == (5, True) or came_too_late, ended.output
    assert rows(database, COUNT)[0][0] == 0


def test_results_name_no_secret(database: dict[str, str], tmp_path: Path) -> None:
    """What workers tell of their settings has stars for secrets."""
    make_shop(database, items=5)
    done = run_locust("-u", "4", "-t", "2s", *two_workers(), env={**database, **LIGHT}, cwd=tmp_path)
    for path in done.folder.rglob("*"):
        if path.is_file():
            assert database["POSTGRES_PASSWORD"].encode() not in path.read_bytes()
    assert json.loads((done.folder / "workers.json").read_text())


def test_forked_workers_end_with_their_master(database: dict[str, str], tmp_path: Path) -> None:
    """A run that is refused leaves no worker behind that waits for a master."""
    make_shop(database, items=5)
    with LocustProcess(
        "--headless", "-u", "9", "-t", "2s", *two_workers(), env=database, cwd=tmp_path, file=SPIKE
    ) as run:
        workers: list[psutil.Process] = []
        while run.process.poll() is None:
            workers = psutil.Process(run.process.pid).children() or workers
            time.sleep(0.02)
        refused = run.wait()
    assert refused.code == 2, refused.output
    assert "the run time (-t) is 2 s" in refused.output
    assert len(workers) == 2
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert (len(gone), alive) == (2, [])


def test_a_catalogue_is_kept_by_both(database: dict[str, str], tmp_path: Path) -> None:
    """Beside a sale two workers add items under ids that never meet; the books close, and no new item is left."""
    make_shop(database, items=50)
    env = {**database, **LIGHT, "CATALOGUE_EDIT_EVERY_MS": "20"}
    args = ("--headless", "--only-summary", "-u", "9", "-r", "9", "-t", "6s", *TWO_OF_THREE, *two_workers())
    adders: set[int] = set()
    with LocustProcess(*args, env=env, cwd=tmp_path, file=MIXED) as master:
        while master.process.poll() is None:
            adders |= {
                process for (process,) in rows(database, f"SELECT id % {PROCESSES_MAX} FROM items WHERE id > 50")
            }
            time.sleep(0.1)
        done = master.wait()
    assert is_sound(done), done.output
    assert adders == {1, 2}
    assert done.ledger["state"] == "closed", done.output
    assert done.total(BUY)["completed"] == rows(database, COUNT)[0][0] > 100
    added = done.total("PG item.add")
    assert (added["completed"] > 20, added["failed"], added["retried"]) == (True, 0, 0), added
    assert rows(database, "SELECT count(*), max(id) FROM items") == [(50, 50)]
