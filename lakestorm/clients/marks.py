"""Marked orders: rows of `purchases` by which the pipeline is watched, and which sell nothing.

They are cancelled from the first and cost nothing, so they take no stock, go through when everything is sold out, and
add nothing to a sum of sales downstream; their references say whose they are.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lakestorm.errors import PlatformError

if TYPE_CHECKING:
    from lakestorm.clients.postgres import Backend


@dataclasses.dataclass(frozen=True, slots=True)
class Placed:
    """Where marks point: somebody and something that stay in the shop."""

    user_id: int
    item_id: int


def place_of(backend: Backend) -> Placed:
    """The first user and the first item; raises PlatformError where there are none."""
    with backend.cursor() as cursor:
        cursor.execute("SELECT (SELECT min(id) FROM users), (SELECT min(id) FROM items)")
        user_id, item_id = cursor.fetchone() or (None, None)
    if user_id is None or item_id is None:
        raise PlatformError("Nothing stands in users or items, so no order can be marked. Run `python -m seed` first.")
    return Placed(int(user_id), int(item_id))


def write_mark(backend: Backend, placed: Placed, reference: str) -> None:
    """Write a mark; in a transaction it is there for others once that is committed. Raises psycopg2.Error."""
    with backend.cursor() as cursor:
        cursor.execute(
            "INSERT INTO purchases (user_id, item_id, quantity, purchase_price, order_ref, status)"
            " VALUES (%s, %s, 1, 0, %s, 'cancelled')",
            (placed.user_id, placed.item_id, reference),
        )
