"""Rows as COPY reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakestorm.model import catalogue, people

if TYPE_CHECKING:
    from lakestorm.model.people import NameBook

COLUMNS = {
    "items": ("id", "name", "category", "price", "inventory"),
    "users": ("id", "first_name", "last_name", "email", "is_vip"),
}
"""What is written, by table. Times are the database's own: when a row was written is not made up."""


class RowMaker:
    """Makes any rows of both tables, knowing nothing but the seed and the names."""

    def __init__(self, seed: int, book: NameBook) -> None:
        self.seed = seed
        self._book = book
        self.recipes = {"items": catalogue.RECIPE, "users": f"people-{book.recipe}"}
        """Rows of one seed by different recipes differ."""

    def text(self, table: str, first_id: int, count: int) -> str:
        """The rows first_id … first_id + count - 1 in COPY's text format, one a line."""
        return self._users(first_id, count) if table == "users" else self._items(first_id, count)

    def _users(self, first_id: int, count: int) -> str:
        made = people.users(self.seed, first_id, count, self._book)
        columns = zip(made.ids, made.first_names, made.last_names, made.emails, made.are_vip, strict=True)
        return "".join([f"{i}\t{first}\t{last}\t{email}\t{vip}\n" for i, first, last, email, vip in columns])

    def _items(self, first_id: int, count: int) -> str:
        made = catalogue.items(self.seed, first_id, count)
        columns = zip(made.ids, made.names, made.categories, made.prices_cents, made.stock, strict=True)
        return "".join([f"{i}\t{n}\t{c}\t{p // 100}.{p % 100:02d}\t{stock}\n" for i, n, c, p, stock in columns])
