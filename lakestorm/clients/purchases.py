"""The shop's transactions, as an application would write them.

Statements are prepared on each connection and executed as text of numbers and UUIDs only: nothing that comes from
outside is ever put into them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import psycopg2

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg2.extensions

    from lakestorm.clients.postgres import Backend

CAMPAIGNS = {None: "NULL", "FLASH2025": "'FLASH2025'", "BOGO23": "'BOGO23'"}

PREPARE = """
PREPARE lakestorm_buy(bigint, bigint, text, uuid) AS
  WITH taken AS (
    UPDATE items SET inventory = inventory - 1, updated_at = now()
    WHERE id = $2 AND inventory >= 1 RETURNING price)
  INSERT INTO purchases (user_id, item_id, campaign_id, quantity, purchase_price, order_ref)
  SELECT $1, $2, $3, 1, price, $4 FROM taken;
PREPARE lakestorm_view(bigint) AS
  SELECT name, category, price, inventory FROM items WHERE id = $1;
PREPARE lakestorm_stock(bigint) AS
  SELECT price, inventory FROM items WHERE id = $1;
PREPARE lakestorm_take(bigint) AS
  UPDATE items SET inventory = inventory - 1, updated_at = now() WHERE id = $1 AND inventory >= 1;
PREPARE lakestorm_line(bigint, bigint, text, uuid) AS
  INSERT INTO purchases (user_id, item_id, campaign_id, quantity, purchase_price, order_ref)
  SELECT $1, $2, $3, 1, price, $4 FROM items WHERE id = $2;
PREPARE lakestorm_cancel(uuid) AS
  WITH back AS (
    UPDATE purchases SET status = 'cancelled', updated_at = now()
    WHERE order_ref = $1 AND status = 'placed' RETURNING item_id, quantity)
  UPDATE items SET inventory = inventory + back.quantity, updated_at = now() FROM back WHERE items.id = back.item_id;
"""


@dataclasses.dataclass(slots=True)
class Line:
    """One line of an order: one unit of an item, under a reference of its own.

    Not frozen, since every buy makes one, and a frozen one takes three times as long to make.
    """

    item_id: int
    campaign_id: str | None
    number: int
    reference: str


def prepare(backend: Backend) -> None:
    """Make a new connection ready: autocommit, prepared statements, its cursor."""
    backend.autocommit = True
    backend.cursor_ = backend.cursor()
    backend.cursor_.execute(PREPARE)


def view(cursor: psycopg2.extensions.cursor, item_id: int) -> bool:
    """Look at an item; whether it exists."""
    cursor.execute(f"EXECUTE lakestorm_view({item_id})")
    return bool(cursor.fetchall())


def buy_line(cursor: psycopg2.extensions.cursor, user_id: int, line: Line) -> bool:
    """Buy one unit in one round trip; False if it is sold out."""
    campaign = CAMPAIGNS[line.campaign_id]
    cursor.execute(f"EXECUTE lakestorm_buy({user_id},{line.item_id},{campaign},'{line.reference}')")
    return cursor.rowcount == 1


def buy_basket(cursor: psycopg2.extensions.cursor, user_id: int, lines: Sequence[Line]) -> bool:
    """Buy all lines or none, as an interactive transaction, in the order given; False if one is sold out.

    A failed statement leaves the transaction to be rolled back by the caller.
    """
    cursor.execute("BEGIN")
    for line in lines:
        cursor.execute(f"EXECUTE lakestorm_stock({line.item_id})")
        found = cursor.fetchall()
        if not found or found[0][1] < 1 or not _take(cursor, user_id, line):
            cursor.execute("ROLLBACK")
            return False
    cursor.execute("COMMIT")
    return True


def _take(cursor: psycopg2.extensions.cursor, user_id: int, line: Line) -> bool:
    cursor.execute(f"EXECUTE lakestorm_take({line.item_id})")
    if cursor.rowcount != 1:
        return False
    campaign = CAMPAIGNS[line.campaign_id]
    cursor.execute(f"EXECUTE lakestorm_line({user_id},{line.item_id},{campaign},'{line.reference}')")
    return True


def cancel_line(cursor: psycopg2.extensions.cursor, reference: str) -> bool:
    """Give a line back, stock and all, in one round trip; False if there is no such line to cancel."""
    cursor.execute(f"EXECUTE lakestorm_cancel('{reference}')")
    return cursor.rowcount == 1


def restock(cursor: psycopg2.extensions.cursor, stock: Sequence[tuple[int, int]], references: Sequence[str]) -> bool:
    """Give sold-out items their stock back and write it down, in one transaction; True, though none may need it.

    Args:
        cursor: of a connection in autocommit.
        stock: (item id, units) for each item that may be restocked.
        references: one a row of `stock`, for the rows written.
    """
    cursor.execute(
        """
        WITH wanted AS (
          SELECT w.* FROM unnest(%s::bigint[], %s::int[], %s::uuid[]) AS w(item_id, quantity, ref)
          JOIN items ON items.id = w.item_id WHERE items.inventory = 0 ORDER BY items.id FOR UPDATE OF items),
        filled AS (
          UPDATE items SET inventory = inventory + wanted.quantity, updated_at = now() FROM wanted
          WHERE items.id = wanted.item_id RETURNING wanted.*)
        INSERT INTO restocks (restock_ref, item_id, quantity) SELECT ref, item_id, quantity FROM filled
        """,
        ([i for i, _ in stock], [q for _, q in stock], list(references)),
    )
    return True


def set_stock(backend: Backend, units: int) -> None:
    """Give every item this many units."""
    with backend.cursor() as cursor:
        cursor.execute("UPDATE items SET inventory = %s, updated_at = now() WHERE inventory <> %s", (units, units))


def stock_left(backend: Backend, hot: Sequence[int], last_id: int) -> dict[str, float]:
    """Units `left` of all items, `hot_left` of the hot ones, and how many items are sold out (`sold_out_items`).

    Args:
        backend: to ask.
        hot: ids of the hot items.
        last_id: of what is sold; items above it came into the catalogue later, and are not.
    """
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(inventory), 0)::bigint, count(*) FILTER (WHERE inventory = 0),"
            " coalesce(sum(inventory) FILTER (WHERE id = ANY (%s::bigint[])), 0)::bigint FROM items WHERE id <= %s",
            (list(hot), last_id),
        )
        left, sold_out_items, hot_left = cursor.fetchone() or (0, 0, 0)
    return {"left": left, "hot_left": hot_left, "sold_out_items": sold_out_items}


def ids_of(backend: Backend, table: str, most: int = 1_000_000) -> list[int]:
    """Ids of `users` or `items` in ascending order, at most `most`."""
    statements = {
        "users": "SELECT id FROM users ORDER BY id LIMIT %s",
        "items": "SELECT id FROM items ORDER BY id LIMIT %s",
    }
    with backend.cursor() as cursor:
        cursor.execute(statements[table], (most,))
        return [row[0] for row in cursor.fetchall()]


def missing_columns(backend: Backend) -> list[str]:
    """`table.column` of everything the load writes or reads and the database lacks."""
    needed = {
        "users": ("id",),
        "items": ("id", "name", "category", "price", "inventory", "updated_at"),
        "purchases": (
            "id", "user_id", "item_id", "campaign_id", "quantity",
            "purchase_price", "order_ref", "status", "created_at", "updated_at",
        ),
        "restocks": ("restock_ref", "item_id", "quantity"),
    }  # fmt: skip
    with backend.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ANY"
            " (current_schemas(false))"
        )
        present: set[tuple[Any, ...]] = set(cursor.fetchall())
    return [
        f"{table}.{column}" for table, columns in needed.items() for column in columns if (table, column) not in present
    ]
