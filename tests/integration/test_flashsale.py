"""The flash sale on a real PostgreSQL: what runs print, write and count is what the database says."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from signal import SIGINT, SIGKILL, SIGTERM
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.record.folder import read_log
from tests.integration.locust_process import (
    BOOKS_ALONE,
    ROOT,
    LocustProcess,
    make_shop,
    open_database,
    rows,
    run_locust,
)

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "SELECT count(*) FROM purchases"
OUTCOMES = ("completed", "refused", "failed", "skipped", "cancelled")
ONE_ITEM = {
    "PURCHASE_HOT_ITEMS": "1",
    "PURCHASE_HOT_SHARE": "1",
    "PURCHASE_MIX": "buy:1",
    "PURCHASE_MAX_TRIES": "50",
}


def assert_balanced(run: dict[str, Any]) -> None:
    """Every name that offers has offered = completed + refused + failed + skipped + cancelled, always."""
    for name, spans in run["requests"].items():
        for span in spans.values():
            if span["offered"] is not None:
                assert span["offered"] == sum(span[outcome] for outcome in OUTCOMES), name


def test_completed_buys_are_the_rows_in_the_table(database: dict[str, str], tmp_path: Path) -> None:
    """A plain run passes, balances, and its completed buys are exactly what SELECT count(*) finds."""
    make_shop(database, items=100)
    done = run_locust("-u", "20", "-r", "20", "-t", "5s", env=database, cwd=tmp_path)
    assert done.sound_code == 0, done.output
    assert "verdict: pass" in done.output
    assert_balanced(done.run)
    buys = done.total("PG order.buy")
    assert buys["completed"] == rows(database, COUNT)[0][0] > 100
    assert abs(buys["offered"] - 20 * 10 * 5 * 0.9) < 20 * 10 * 5 * 0.1
    assert done.ledger["state"] == "closed"
    assert database["POSTGRES_PASSWORD"] not in "".join(
        p.read_text(errors="replace") for p in done.folder.rglob("*") if p.is_file()
    )


@pytest.mark.parametrize("items", [1, 3])
@pytest.mark.parametrize("order", ["sorted", "random"])
@pytest.mark.parametrize("mode", ["statement", "transaction"])
def test_exactly_the_stock_is_sold(database: dict[str, str], tmp_path: Path, mode: str, order: str, items: int) -> None:
    """200 users rush for 50 units: 50 go of each item and the rest is refused; random locks show as deadlocks."""
    make_shop(database, items=items)
    env = {
        **database,
        **ONE_ITEM,
        "PURCHASE_HOT_ITEMS": str(items),
        "FLASHSALE_STOCK": "50",
        "PURCHASE_MODE": mode,
        "PURCHASE_LOCK_ORDER": order,
        "PURCHASE_GEN_EVERY_MS": "500",
    }
    done = run_locust("-u", "200", "-r", "200", "-t", "5s", env=env, cwd=tmp_path)
    left = rows(database, "SELECT sum(inventory) FROM items")[0][0]
    assert rows(database, COUNT)[0][0] == 50 * items - left, done.output
    assert done.ledger["state"] == "closed", done.ledger["reasons"]
    assert done.ledger["oversold"] == 0
    buys = done.total("PG order.buy")
    if (mode, order, items) == ("transaction", "random", 3):
        assert buys["retries"]["40P01"] > 0
    else:
        assert left == 0
        assert buys["refused"] == done.total("PG order.sold_out")["completed"] > 100
    assert_balanced(done.run)


FAULTY = """
import gevent
import lakestorm.load.shoppers as shoppers

def faulty_buy(cursor, user_id, line):
    cursor.execute(f"SELECT inventory FROM items WHERE id = {line.item_id}")
    stock = cursor.fetchone()[0]
    if stock < 1:
        return False
    gevent.sleep(0.05)
    cursor.execute(f"UPDATE items SET inventory = {stock - 1} WHERE id = {line.item_id}")
    for _ in range(2 if line.number % 7 == 0 else 1):
        cursor.execute(
            f"INSERT INTO purchases (user_id, item_id, quantity, purchase_price, order_ref)"
            f" VALUES ({user_id}, {line.item_id}, 1, 1, '{line.reference}')"
        )
    return True

shoppers.buy_line = faulty_buy
"""


def test_a_faulty_shop_is_found_out(database: dict[str, str], tmp_path: Path) -> None:
    """A buy that reads, then writes, oversells and writes lines twice: the ledger says both, and the run fails."""
    make_shop(database, items=1)
    rows(database, "ALTER TABLE purchases DROP CONSTRAINT purchases_order_ref_key")
    rows(database, "ALTER TABLE items DROP CONSTRAINT items_inventory_check")
    file = tmp_path / "faulty_sale.py"
    file.write_text((ROOT / "locustfiles" / "flashsale.py").read_text() + FAULTY)
    env = {**database, **ONE_ITEM, "FLASHSALE_STOCK": "50"}
    done = run_locust("-u", "50", "-r", "50", "-t", "4s", env=env, cwd=tmp_path, file=file)
    assert done.code == 3, done.output
    assert done.ledger["state"] == "open"
    assert done.ledger["oversold"] > 0
    assert done.ledger["duplicate"] > 0
    assert done.ledger["samples"]["duplicate"]
    assert "verdict: fail" in done.output


def test_foreign_writers_make_it_unknown(database: dict[str, str], tmp_path: Path) -> None:
    """Somebody else's purchases during the run are no failure of the shop: the verdict is unknown, exit code 4."""
    make_shop(database, items=10)
    with LocustProcess("--headless", "-u", "5", "-t", "4s", env=database, cwd=tmp_path) as locust:
        locust.wait_for_buys(database, 5)
        rows(
            database,
            "INSERT INTO purchases (user_id, item_id, quantity, purchase_price, order_ref)"
            " VALUES (1, 1, 1, 1, gen_random_uuid()); UPDATE items SET inventory = inventory - 1 WHERE id = 1",
        )
        done = locust.wait()
    assert done.code == 4, done.output
    assert done.ledger["state"] == "unknown"
    assert any("Foreign writers" in reason for reason in done.run["reasons"])


def test_a_server_that_is_killed_and_comes_back(own_postgres: Any, tmp_path: Path) -> None:
    """The server is SIGKILLed under load and restarted: users live on, and the ledger closes."""
    env = own_postgres.env
    make_shop(env, items=20, stock=100_000)
    with LocustProcess("--headless", "-u", "30", "-r", "30", "-t", "10s", env=env, cwd=tmp_path) as locust:
        locust.wait_for_buys(env, 200)
        own_postgres.kill()
        time.sleep(1.0)
        own_postgres.start()
        done = locust.wait()
    assert done.ledger["state"] == "closed", (done.ledger, done.output)
    buys = done.total("PG order.buy")
    assert buys["completed"] == rows(env, COUNT)[0][0]
    assert buys["failed"] > 0
    assert set(buys["errors"]) <= {"08001", "08006", "57P01", "57P03"}
    last = max(int(line.split(",")[0]) for line in (done.folder / "timeline.csv").read_text().splitlines()[1:])
    assert last >= 8
    assert_balanced(done.run)


def test_a_user_killed_while_its_buy_waits_for_a_lock(database: dict[str, str], tmp_path: Path) -> None:
    """Killed clients' buys commit when the lock is released: they are found, and counted as recovered."""
    make_shop(database, items=1)
    env = {**database, **ONE_ITEM}
    blocker = open_database(database)
    blocker.autocommit = False
    with LocustProcess("--headless", "-u", "8", "-r", "8", "-t", "3s", "-s", "1", env=env, cwd=tmp_path) as locust:
        locust.wait_for_buys(database, 20)
        with blocker.cursor() as cursor:
            cursor.execute("SELECT 1 FROM items FOR UPDATE")
        locust.wait_for("Not all users finished")
        time.sleep(0.5)
        blocker.rollback()
        done = locust.wait()
    blocker.close()
    buys = done.total("PG order.buy")
    assert buys["recovered"] == 8, done.output
    assert buys["completed"] == rows(database, COUNT)[0][0]
    assert done.ledger["state"] == "closed"
    assert done.ledger["recovered"] == 8
    assert_balanced(done.run)


def test_a_stall_shows_in_response_and_not_in_service(database: dict[str, str], tmp_path: Path) -> None:
    """The hot item is locked for 3 s: response p99 shows it, the service of what only waited its turn does not."""
    make_shop(database, items=1, stock=1_000_000)
    env = {**database, **ONE_ITEM}
    blocker = open_database(database)
    blocker.autocommit = False
    with LocustProcess("--headless", "-u", "10", "-r", "10", "-t", "10s", env=env, cwd=tmp_path) as locust:
        locust.wait_for_buys(database, 100)
        with blocker.cursor() as cursor:
            cursor.execute("SELECT 1 FROM items FOR UPDATE")
        time.sleep(3.0)
        blocker.rollback()
        done = locust.wait()
    blocker.close()
    buys = done.total("PG order.buy")
    assert buys["response_ms"]["p99"] > 2500, buys
    assert buys["response_ms"]["p90"] > 1000, buys
    assert buys["service_ms"]["p95"] < 500, buys
    assert buys["waited_ms"]["own"] > 10 * buys["waited_ms"]["slip"]
    assert buys["completed"] == rows(database, COUNT)[0][0]


DUMP = """
import json
from locust import events

@events.test_stop.add_listener
def dump(environment, **kwargs):
    entry = environment.stats.get("order.buy", "PG")
    found = {str(q): entry.get_response_time_percentile(q) for q in (0.5, 0.9, 0.95, 0.99)}
    open("locust_percentiles.json", "w").write(json.dumps({"count": entry.num_requests, **found}))
"""


LISTEN = """
from locust import events
heard = []

@events.request.add_listener
def hear(request_type, name, response_time, exception, **kwargs):
    heard.append((name, response_time, exception))

@events.test_stop.add_listener
def check(environment, **kwargs):
    buys = [t for name, t, e in heard if name == "order.buy" and e is None]
    assert len(buys) == environment.stats.get("order.buy", "PG").num_requests
    open("heard.json", "w").write(json.dumps([len(buys), sum(buys)]))
"""


def test_listeners_of_others_hear_of_each_request(database: dict[str, str], tmp_path: Path) -> None:
    """A listener in somebody's own locustfile gets every single request, and Locust's table still agrees."""
    make_shop(database, items=50)
    file = tmp_path / "heard_sale.py"
    file.write_text((ROOT / "locustfiles" / "flashsale.py").read_text() + "import json\n" + LISTEN)
    done = run_locust("-u", "10", "-r", "10", "-t", "4s", env=database, cwd=tmp_path, file=file)
    count, total_ms = json.loads((tmp_path / "heard.json").read_text())
    buys = done.total("PG order.buy")
    assert count == buys["completed"] > 100
    assert total_ms / count == pytest.approx(buys["response_ms"]["mean"], rel=0.001)


def test_locusts_own_percentiles_agree(database: dict[str, str], tmp_path: Path) -> None:
    """Locust's table and run.json show the same population: the same count, percentiles within 1 %.

    Of n samples ours is the one of rank ⌈qn⌉. Locust takes the next, ⌊qn⌋ + 1: in a thin tail that is 1 % by itself.
    """
    make_shop(database, items=500, stock=1_000_000)
    file = tmp_path / "compared_sale.py"
    file.write_text((ROOT / "locustfiles" / "flashsale.py").read_text() + DUMP)
    env = {**database, "PURCHASE_GEN_EVERY_MS": "20", "PURCHASE_MIX": "buy:1", "PURCHASE_HOT_SHARE": "0"}
    done = run_locust("-u", "30", "-r", "30", "-t", "9s", env=env, cwd=tmp_path, file=file)
    theirs = json.loads((tmp_path / "locust_percentiles.json").read_text())
    ours = done.total("PG order.buy")
    count = ours["completed"]
    assert theirs["count"] == count >= 10_000, done.output
    samples = read_log(done.folder, "PG order.buy", "response", 0)
    for quantile, name in ((0.5, "p50"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")):
        ours_ns, next_ns = samples.quantiles_ns([quantile, (int(quantile * count) + 1) / count])
        assert ours["response_ms"][name] == pytest.approx(ours_ns / 1e6)
        assert theirs[str(quantile)] == pytest.approx(next_ns / 1e6, rel=0.01)


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_ends_a_run_properly(database: dict[str, str], tmp_path: Path, number: Any) -> None:
    """Ctrl-C and SIGTERM drain the run, write its results and give the verdict's exit code."""
    make_shop(database, items=50)
    env = {**database, **BOOKS_ALONE}
    with LocustProcess("--headless", "-u", "10", "-r", "10", "-t", "60s", env=env, cwd=tmp_path) as locust:
        locust.wait_for_buys(database, 100)
        locust.signal(number)
        done = locust.wait()
    assert done.sound_code == 0, done.output
    assert done.run["complete"] is True
    assert done.total("PG order.buy")["completed"] == rows(database, COUNT)[0][0]


def test_a_killed_run_leaves_what_it_had(database: dict[str, str], tmp_path: Path) -> None:
    """SIGKILL leaves a results folder that is marked incomplete and can still be audited."""
    make_shop(database, items=50)
    with LocustProcess("--headless", "-u", "10", "-r", "10", "-t", "60s", env=database, cwd=tmp_path) as locust:
        locust.wait_for_buys(database, 300)
        locust.signal(SIGKILL)
        locust.process.wait()
    folder = tmp_path / "results" / "latest"
    assert json.loads((folder / "run.json").read_text())["complete"] is False
    assert (folder / "timeline.csv").read_text().count("PG order.buy") >= 1
    audit = subprocess.run(
        [sys.executable, "-m", "lakestorm.cli", "audit", str(folder)],
        env={"PYTHONPATH": str(ROOT), **database},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert audit.returncode == 4, audit.stderr
    ledger = json.loads((folder / "ledger.json").read_text())
    assert ledger["lost"] == 0
    assert ledger["acknowledged"] >= 290


def test_wrong_settings_and_a_missing_database(database: dict[str, str], tmp_path: Path) -> None:
    """Mistakes are told at once, name the setting or host and port, and end Locust with 5 and no traceback."""
    wrong = {**database, "PURCHASE_GEN_EVERY_MS": "abc", "POSTGRES_PORT": "99999"}
    done = run_locust("-u", "1", "-t", "3s", env=wrong, cwd=tmp_path)
    assert done.code == 5
    assert "PURCHASE_GEN_EVERY_MS" in done.output
    assert "POSTGRES_PORT" in done.output
    absent = run_locust("-u", "1", "-t", "3s", env={**database, "POSTGRES_PORT": "1"}, cwd=tmp_path)
    assert absent.code == 5
    assert "127.0.0.1:1" in absent.output
    empty = run_locust("-u", "1", "-t", "3s", env=database, cwd=tmp_path)
    assert empty.code == 5
    assert "python -m seed" in empty.output
    assert "Traceback" not in done.output + absent.output + empty.output


def test_cancels_and_restocks_are_in_the_books(database: dict[str, str], tmp_path: Path) -> None:
    """With many cancellations and restocks the stock equation holds, to the unit."""
    make_shop(database, items=5)
    env = {
        **database,
        "PURCHASE_MIX": "buy:6,cancel:3,view:1",
        "FLASHSALE_STOCK": "20",
        "FLASHSALE_RESTOCK_EVERY_S": "1",
        "PURCHASE_HOT_ITEMS": "2",
        "PURCHASE_MODE": "transaction",
    }
    done = run_locust("-u", "20", "-r", "20", "-t", "6s", env=env, cwd=tmp_path)
    ledger = done.ledger
    assert ledger["state"] == "closed", ledger
    assert ledger["restocked"] == rows(database, "SELECT sum(quantity) FROM restocks")[0][0] > 0
    assert ledger["stock_start"] + ledger["restocked"] - ledger["stock_now"] == ledger["net_sold"]
    cancelled = rows(database, "SELECT count(*) FROM purchases WHERE status = 'cancelled'")[0][0]
    assert done.total("PG order.cancel")["completed"] == cancelled > 0
    assert_balanced(done.run)


def test_doors_open_when_they_should(database: dict[str, str], tmp_path: Path) -> None:
    """Before the doors open people only look; at that second they all go for the hot items."""
    make_shop(database, items=100)
    env = {**database, "FLASHSALE_OPENS_AFTER_S": "3"}
    done = run_locust("-u", "20", "-r", "20", "-t", "6s", env=env, cwd=tmp_path)
    offered = {}
    for line in (done.folder / "timeline.csv").read_text().splitlines()[1:]:
        second, name, count = line.split(",")[:3]
        offered[name, int(second)] = int(count)
    assert sum(offered.get(("PG order.buy", s), 0) for s in range(3)) == 0
    assert offered["PG order.buy", 3] > 100
    assert offered["PG item.view", 1] > 100
    first = rows(database, "SELECT campaign_id FROM purchases ORDER BY id LIMIT 15")
    assert {campaign for (campaign,) in first} == {"FLASH2025"}
