"""The catalogue's transactions, one statement each: what CDC carries besides sales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.model.edits import PRICE_CENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

    from lakestorm.clients.postgres import Backend
    from lakestorm.model.edits import ItemEdit, NewItem, UserEdit

EDIT_ITEM = """
UPDATE items SET price = least(%(most)s::numeric, greatest(%(least)s::numeric, round(price::numeric * %(factor)s, 2))),
  name = regexp_replace(name, ' - [^-]*$', '') || ' - ' || %(edition)s, updated_at = now()
WHERE id = %(item_id)s
"""
ADD_ITEM = "INSERT INTO items (id, name, category, price, inventory) VALUES (%s, %s, %s, %s, 0)"
RETIRE_ITEM = "DELETE FROM items WHERE id = %s"
EDIT_USER = r"""
UPDATE users SET email = regexp_replace(email, '(\+[^@]*)?@', '+' || %s || '@'), updated_at = now() WHERE id = %s
"""


def edit_item(cursor: Cursor, edit: ItemEdit) -> bool:
    """Give an item another price and name; False if it is gone."""
    least, most = (cents / 100 for cents in PRICE_CENTS)
    values = {
        "least": least,
        "most": most,
        "factor": edit.factor,
        "edition": edit.edition,
        "item_id": edit.item_id,
    }
    cursor.execute(EDIT_ITEM, values)
    return cursor.rowcount == 1


def add_item(cursor: Cursor, item_id: int, item: NewItem) -> bool:
    """Put an item into the catalogue, without stock."""
    cursor.execute(ADD_ITEM, (item_id, item.name, item.category, item.price_cents / 100))
    return cursor.rowcount == 1


def retire_item(cursor: Cursor, item_id: int) -> bool:
    """Take an item out of the catalogue; False if it is gone already."""
    cursor.execute(RETIRE_ITEM, (item_id,))
    return cursor.rowcount == 1


def edit_user(cursor: Cursor, edit: UserEdit) -> bool:
    """Give a user another address; False if the user is gone."""
    cursor.execute(EDIT_USER, (edit.tag, edit.user_id))
    return cursor.rowcount == 1


def last_item_id(backend: Backend) -> int:
    """The highest id of an item; 0 where there is none."""
    with backend.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM items")
        (found,) = cursor.fetchone() or (0,)
    return int(found)


def remove_items(backend: Backend, item_ids: Sequence[int]) -> None:
    """Take items out that are still there."""
    with backend.cursor() as cursor:
        cursor.execute("DELETE FROM items WHERE id = ANY (%s::bigint[])", (list(item_ids),))
