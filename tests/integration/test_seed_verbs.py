"""The seed's verbs: tables of others, proof by counting, publications, erasing, and what is refused."""

from __future__ import annotations

import os
import pty
import re
from typing import TYPE_CHECKING, Any

import pytest

from lakestorm.clients.postgres import connect
from lakestorm.clients.purchases import missing_columns
from lakestorm.settings import PostgresSettings
from seed.verifying import CHECKS
from tests.integration.locust_process import rows, run_locust
from tests.integration.seed_process import SMALL, SeedProcess, lines_of, run_seed, versions

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN = """
CREATE TABLE users (id serial PRIMARY KEY, first_name varchar(50), email varchar(255), created_at timestamp);
CREATE TABLE items (id serial PRIMARY KEY, name varchar(100), category varchar(100), price numeric(7,2), inventory int);
CREATE TABLE purchases (id serial PRIMARY KEY, user_id bigint REFERENCES users (id), item_id int, quantity int);
"""
FOREIGN_ROWS = """
INSERT INTO users (first_name, email) SELECT 'A', 'a' || i FROM generate_series(1, 20) i;
INSERT INTO items (name, category, price, inventory) SELECT 'thing', 'x', 5, 100 FROM generate_series(1, 5) i;
"""


def test_foreign_tables_are_not_changed_unasked(database: dict[str, str], tmp_path: Path) -> None:
    """Tables that lack our columns are refused by name; `schema --alter` adds them, and a sale runs on the rows."""
    rows(database, FOREIGN + FOREIGN_ROWS)
    refused = run_seed(env=database, cwd=tmp_path)
    assert refused.code == 5
    for name in ("users.is_vip", "items.updated_at", "purchases.order_ref", "purchases.status", "schema --alter"):
        assert name in refused.err
    assert rows(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(3,)]
    altered = run_seed("schema", "--alter", env=database, cwd=tmp_path)
    assert altered.code == 0, altered.err
    names = {name.removeprefix("POSTGRES_").lower(): value for name, value in database.items()}
    backend = connect(PostgresSettings(**names), application_name="test")  # type: ignore[arg-type]
    assert missing_columns(backend) == []
    backend.close()
    sale = run_locust("-u", "3", "-t", "2s", env=database, cwd=tmp_path)
    assert sale.sound_code == 0, sale.output
    assert sale.total("PG order.buy")["completed"] == rows(database, "SELECT count(*) FROM purchases")[0][0] > 0
    mixed = run_seed("load", env=database, cwd=tmp_path)
    assert mixed.code == 5
    assert "items has rows that this seed did not write, such as id 1" in mixed.err
    assert rows(database, "SELECT count(*) FROM users") == [(20,)]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ("CREATE TABLE users (first_name text)", "A key cannot be added afterwards"),
        ("CREATE TABLE users (id text PRIMARY KEY)", "users.id is text, not int8 or int4 or int2"),
        (FOREIGN + "ALTER TABLE items ADD shelf text NOT NULL", "items.shelf must not be null and has no default"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(
    database: dict[str, str], tmp_path: Path, tables: str, words: str
) -> None:
    """Where not even columns would help, it says what does not fit, and leaves everything as it was."""
    rows(database, tables)
    count = "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'"
    before = rows(database, count)
    done = run_seed("schema", "--alter", env=database, cwd=tmp_path)
    assert done.code == 5
    assert words in done.err
    assert "Traceback" not in done.err
    assert rows(database, count) == before


def test_foreign_rows_are_not_mixed_with(database: dict[str, str], tmp_path: Path) -> None:
    """In tables of our layout, rows that the seed did not write are refused before anything is written."""
    assert run_seed("schema", env=database, cwd=tmp_path).code == 0
    rows(database, "INSERT INTO users (id, first_name, last_name, email) VALUES (700, 'A', 'B', 'a@b.example')")
    done = run_seed(env={**database, **SMALL}, cwd=tmp_path)
    assert done.code == 5
    assert "users has rows that this seed did not write, such as id 700" in done.err
    assert rows(database, "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM items)") == [(1, 0)]


FREE = "ALTER TABLE {0} DROP CONSTRAINT {0}_{1} CASCADE;"
FAULTS = {
    "of 1,000 users missing": "DELETE FROM users WHERE id IN (3, 1000)",
    "of 50 items missing": "DELETE FROM items WHERE id = 50",
    "notes on users": "UPDATE lakestorm_seed SET row_count = 999 WHERE table_name = 'users'",
    "notes on items": "DELETE FROM lakestorm_seed WHERE table_name = 'items'",
    "users.id ": FREE.format("users", "pkey") + "INSERT INTO users SELECT 5, 'A', 'B', 'new@shop.example'",
    "users.email": FREE.format("users", "email_key") + "UPDATE users SET email = 'same' WHERE id < 3",
    "items.id ": FREE.format("items", "pkey")
    + "INSERT INTO items SELECT id, name, category, price, inventory FROM items WHERE id = 5",
    "purchases.id ": FREE.format("purchases", "pkey") + "UPDATE purchases SET id = 1",
    "purchases.order_ref": FREE.format("purchases", "order_ref_key")
    + "UPDATE purchases SET order_ref = '00000000-0000-8000-8000-000000000001'",
    "restocks.restock_ref": FREE.format("restocks", "restock_ref_key")
    + "INSERT INTO restocks (restock_ref, item_id, quantity) SELECT restock_ref, item_id, quantity FROM restocks",
    "purchases whose user_id": FREE.format("purchases", "user_id_fkey") + "UPDATE purchases SET user_id = 5000",
    "purchases whose item_id": FREE.format("purchases", "item_id_fkey") + "UPDATE purchases SET item_id = 5000",
    "restocks whose item_id": FREE.format("restocks", "item_id_fkey") + "UPDATE restocks SET item_id = 5000",
    "stock is 0 or more": FREE.format("items", "inventory_check") + "UPDATE items SET inventory = -1 WHERE id = 4",
    "prices are above 0": FREE.format("items", "price_check") + "UPDATE items SET price = 0 WHERE id = 4",
    "categories are known": FREE.format("items", "category_check") + "UPDATE items SET category = 'x' WHERE id = 4",
    "quantities are above 0": FREE.format("purchases", "quantity_check") + "UPDATE purchases SET quantity = 0",
    "status is placed": FREE.format("purchases", "status_check") + "UPDATE purchases SET status = 'lost'",
}
BOUGHT = """
INSERT INTO purchases (user_id, item_id, quantity, purchase_price, order_ref) SELECT i, i, 1, 1, gen_random_uuid()
FROM generate_series(1, 2) i;
INSERT INTO restocks (restock_ref, item_id, quantity) VALUES (gen_random_uuid(), 1, 1);
"""


@pytest.mark.parametrize("words", FAULTS)
def test_verify_finds_each_fault(shop: dict[str, str], tmp_path: Path, words: str) -> None:
    """With the constraint dropped and the data broken, `verify` counts it, says which, and ends with 3."""
    rows(shop, BOUGHT)
    if words == "of 1,000 users missing":
        rows(shop, BOUGHT.partition(";")[0].replace("1, 2", "0, -1"))
    rows(shop, FAULTS[words])
    done = run_seed("verify", env=shop, cwd=tmp_path)
    assert done.code == 3, done.out + done.err
    wrong = [line for line in lines_of(done.out) if line.startswith("WRONG")]
    assert any(words in line for line in wrong), done.out
    assert all(re.match(r"WRONG  [\d,]+ ", line) for line in wrong)
    assert len(list(lines_of(done.out))) == len(CHECKS)


def test_every_check_has_its_fault() -> None:
    """No check of `verify` is left untried."""
    assert len(FAULTS) == len(CHECKS)


def test_verify_holds_on_a_shop_that_sells(shop: dict[str, str], tmp_path: Path) -> None:
    """Purchases and restocks of a sale are nothing wrong."""
    rows(shop, BOUGHT)
    done = run_seed("verify", env=shop, cwd=tmp_path)
    assert (done.code, done.out.count("WRONG")) == (0, 0), done.out


def test_a_publication_for_debezium(database: dict[str, str], tmp_path: Path) -> None:
    """Named, it is made with the shop's tables, and one that lacks a table is completed; the server is fit for it."""
    env = {**database, **SMALL}
    assert run_seed(env=env, cwd=tmp_path).code == 0
    assert rows(env, "SELECT count(*) FROM pg_publication") == [(0,)]
    published = "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_publication_tables WHERE pubname = "
    rows(env, "CREATE PUBLICATION mine FOR TABLE items")
    for name in ("lakestorm", "mine", "läden 'x\""):
        for _ in range(2):
            done = run_seed("schema", env=env, cwd=tmp_path, seed_publication=name)
            assert done.code == 0, done.err
            assert "wal_level" not in done.err
            quoted = name.replace("'", "''")
            assert rows(env, f"{published}'{quoted}'") == [("items purchases users",)]
    assert rows(env, "SHOW wal_level") == [("logical",)]


def typed(answer: str, env: dict[str, str], cwd: Path) -> Any:
    """`erase` at a terminal where a person types an answer."""
    ours, theirs = pty.openpty()
    try:
        with SeedProcess("erase", env=env, cwd=cwd, stdin=theirs) as seed:
            os.write(ours, answer.encode() + b"\n")
            return seed.wait()
    finally:
        os.close(ours)
        os.close(theirs)


def test_erase_asks_first(shop: dict[str, str], tmp_path: Path) -> None:
    """Without a terminal it refuses, at one it asks and takes only yes; then tables are empty, and still there."""
    rows(shop, BOUGHT)
    rows(shop, "CREATE PUBLICATION mine FOR TABLE items")
    before = versions(shop)
    refused = run_seed("erase", env=shop, cwd=tmp_path)
    assert (refused.code, "Say --yes if you are sure" in refused.err) == (2, True)
    denied = typed("y", shop, tmp_path)
    assert denied.code == 0, denied.err
    assert "Delete all 1,000 users, 50 items and 2 purchases from" in denied.err
    assert "Nothing was deleted." in denied.err
    assert versions(shop) == before
    agreed = typed("yes", shop, tmp_path)
    assert (agreed.code, "The shop is empty." in agreed.err) == (0, True)
    for table in ("users", "items", "purchases", "restocks", "lakestorm_seed"):
        assert rows(shop, f"SELECT count(*) FROM {table}") == [(0,)]
    assert rows(shop, "SELECT count(*) FROM pg_publication") == [(1,)]
    again = run_seed("erase", "--yes", env=shop, cwd=tmp_path)
    assert (again.code, "There is nothing to erase" in again.err) == (5, True)
    assert run_seed(env=shop, cwd=tmp_path).code == 0


def test_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Wrong settings end it with 5 before anything is asked of a database, all of them told, without a traceback."""
    wrong = {"USERS_SEED_COUNT": "0", "SEED_BATCH_ROWS": "abc", "POSTGRES_PORT": "99999", "PURCHASE_TYPO": "1"}
    done = run_seed(env=wrong, cwd=tmp_path)
    assert done.code == 5
    assert sorted(line.split()[0] for line in lines_of(done.err)) == sorted(wrong)


@pytest.mark.parametrize(
    ("verb", "code", "words"),
    [
        ("explode", 2, "invalid choice: 'explode'"),
        ("load", 5, "Run `python -m seed schema` first"),
        ("verify", 5, "Run `python -m seed schema` first"),
        ("erase", 5, "Run `python -m seed schema` first"),
        ("--help", 0, ""),
    ],
)
def test_verbs_say_what_they_need(database: dict[str, str], tmp_path: Path, verb: str, code: int, words: str) -> None:
    """A verb that does not exist, or comes too early, is refused in a sentence; nothing is made on the way."""
    done = run_seed(verb, env=database, cwd=tmp_path)
    assert (done.code, words in done.err) == (code, True), done.err
    assert rows(database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
