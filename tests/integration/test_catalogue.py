"""A catalogue that is kept: what changes in the shop, what does not, and what the pipeline carries of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.integration.change_topic import ITEMS, USERS, changes
from tests.integration.locust_process import FLASHSALE, ROOT, rows, run_locust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CATALOGUE = ROOT / "locustfiles" / "catalogue.py"
# fewer than 100 requests of a name: a slow machine is not held against the run
KEPT = {"CATALOGUE_EDIT_EVERY_MS": "60", "THRESHOLDS_FILE": ""}
NAMES = ("PG item.edit", "PG item.add", "PG item.retire", "PG user.edit")


def shelves(env: Mapping[str, str]) -> list[tuple[Any, ...]]:
    """Id, stock and category of every item."""
    return rows(env, "SELECT id, inventory, category FROM items ORDER BY id")


def test_everything_but_stock_changes(shop: dict[str, str], tmp_path: Path) -> None:
    """Prices, names and addresses differ afterwards, items come and go; ids, categories and stock are as before."""
    before = shelves(shop)
    found = {t: rows(shop, f"SELECT * FROM {t} ORDER BY id") for t in ("items", "users")}
    done = run_locust("-u", "3", "-r", "3", "-t", "3", env={**shop, **KEPT}, cwd=tmp_path, file=CATALOGUE)
    assert done.sound_code == 0, done.output
    assert shelves(shop) == before
    for name in NAMES:
        total = done.total(name)
        assert total["offered"] == total["completed"] + total["cancelled"], (name, total)
        assert total["completed"] > 0
    assert rows(shop, "SELECT * FROM items ORDER BY id") != found["items"]
    assert rows(shop, "SELECT count(*) FROM items WHERE price NOT BETWEEN 5 AND 500") == [(0,)]
    assert rows(shop, "SELECT count(*) > 0 FROM items WHERE name ~ ' - .* - '") == [(False,)]
    tagged = rows(shop, r"SELECT count(*), count(*) FILTER (WHERE email ~ '^[^+@]+\+[0-9a-f]{4}@[^+@]+$') FROM users"
                  " WHERE position('+' in email) > 0")  # fmt: skip
    assert tagged[0][0] == tagged[0][1] > 0


def test_a_sale_beside_it_keeps_its_books(shop: dict[str, str], tmp_path: Path) -> None:
    """With items added and retired under a sale, the stock equation holds, and what was added is not for sale."""
    env = {**shop, **KEPT, "FLASHSALE_STOCK": "2", "PURCHASE_GEN_EVERY_MS": "20"}
    done = run_locust("-u", "6", "-r", "6", "-t", "3", env=env, cwd=tmp_path, file=f"{FLASHSALE},{CATALOGUE}")
    assert done.ledger["state"] == "closed", done.ledger["reasons"]
    assert done.total("PG item.add")["completed"] > 0
    most = max(value["max"] for name, value in done.run["probes"].items() if name == "stock.sold_out_items")
    assert most <= len(shelves(shop))


def test_the_pipeline_carries_it(pipeline: dict[str, str], tmp_path: Path) -> None:
    """The topics of items and users have inserts, updates, deletes and tombstones, as many as were done."""
    before = {topic: changes(pipeline, topic) for topic in (ITEMS, USERS)}
    done = run_locust("-u", "2", "-r", "2", "-t", "3", env={**pipeline, **KEPT}, cwd=tmp_path, file=CATALOGUE)
    assert done.sound_code == 0, done.output
    added = done.total("PG item.add")["completed"]
    wanted: dict[str, dict[str | None, int]] = {
        ITEMS: {"c": added, "u": done.total("PG item.edit")["completed"], "d": added, None: added},
        USERS: {"u": done.total("PG user.edit")["completed"]},
    }
    for topic, counts in wanted.items():
        assert_counts(pipeline, topic, before[topic], counts)


def assert_counts(env: Mapping[str, str], topic: str, before: list[Any], wanted: Mapping[str | None, int]) -> None:
    """Wait until so many changes of each kind (None = tombstones) came on top of what was there; no more may."""
    for _ in range(100):
        found = {op: count_of(changes(env, topic), op) - count_of(before, op) for op in wanted}
        if found == wanted:
            return
        time.sleep(0.2)
    assert found == wanted


def count_of(envelopes: list[Any], op: str | None) -> int:
    """How many changes are of this kind."""
    return sum((c is None) if op is None else (c is not None and c["op"] == op) for c in envelopes)
