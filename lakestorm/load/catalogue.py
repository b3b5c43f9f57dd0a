"""The catalogue's part of a run: updates and deletes that a pipeline must follow."""

from __future__ import annotations

import collections
import sys
from typing import TYPE_CHECKING

import psycopg2

from lakestorm.clients.catalogue_edits import last_item_id, remove_items
from lakestorm.clients.lookup import identify
from lakestorm.clients.pool import Pool
from lakestorm.clients.postgres import open_backend, told_as_unreachable
from lakestorm.clients.purchases import ids_of
from lakestorm.load.measuring import Meter
from lakestorm.load.purchases import check_database
from lakestorm.load.transactions import Transactions
from lakestorm.model.edits import Deed, own_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.clients.postgres import Backend
    from lakestorm.load.part import RunContext
    from lakestorm.load.transactions import Doubt
    from lakestorm.settings import Settings

NAMES = {deed: f"PG {deed.value}" for deed in Deed}
POOL_SIZE = 4
"""Connections at most: a shop is kept by few hands, and the sale beside it needs the others."""


class Catalogue:
    """Prices, names, items and addresses that change."""

    name = "catalogue"

    def vocabulary(self) -> Mapping[str, frozenset[str]]:
        """The four request names."""
        return dict.fromkeys(NAMES.values(), frozenset())

    def check(self, settings: Settings) -> dict[str, str]:
        """As for a sale: the database answers and has our tables with rows in them."""
        return check_database(settings)

    def begin(self, context: RunContext) -> CatalogueRun:
        """Open the pool, and look at what there is to edit."""
        with told_as_unreachable(context.settings.postgres):
            return CatalogueRun(context)


class CatalogueRun:
    """See RunPart. Shared by all keepers of the process.

    Attributes:
        on_sale: ids of own items that may be retired, the oldest first.
    """

    has_books = False

    def __init__(self, context: RunContext) -> None:
        self._settings = context.settings
        self._application = f"lakestorm {context.key.hex} catalogue"
        most = POOL_SIZE if context.role.loads else 1
        self._pool = Pool(self._open, min(most, context.settings.postgres.pool_size))
        self._pool.fill()
        self.transactions = Transactions(
            self._pool, self._doubt, max_tries=self._settings.purchase.max_tries, skip_after_s=0.0
        )
        closed = self._settings.pipeline.catalogue_edit_every_ms == 0
        self.meters = {
            deed: Meter(context.recorder.add(name, closed_loop=closed), context.environment)
            for deed, name in NAMES.items()
        }
        backend = self._pool.take()
        self.item_ids, self.user_ids = ids_of(backend, "items"), ids_of(backend, "users")
        self._new_ids = own_ids(last_item_id(backend), context.role.process)
        self._pool.give(backend)
        self.on_sale: collections.deque[int] = collections.deque()
        self._unretired: set[int] = set()

    def start(self) -> None:
        """Nothing goes on beside the users."""

    def stop(self) -> None:
        """Take out what was added and not retired, and whatever may have been."""
        self._pool.close()
        if self._unretired:
            try:
                backend = self._open()
                remove_items(backend, sorted(self._unretired))
                backend.close()
            except psycopg2.Error as error:
                ids = f"{min(self._unretired)} to {max(self._unretired)}"
                print(
                    f"Items that this run added may be left, ids {ids}: {' '.join(str(error).split())}", file=sys.stderr
                )

    def abandon(self) -> None:
        """Close what was opened."""
        self._pool.close()

    def next_id(self) -> int:
        """An id that no item has, and that no other process gives."""
        item_id = next(self._new_ids)
        self._unretired.add(item_id)
        return item_id

    def retired(self, item_id: int) -> None:
        """An own item is gone."""
        self._unretired.discard(item_id)

    def _open(self) -> Backend:
        backend = open_backend(self._settings.postgres, self._application)
        backend.autocommit = True
        backend.cursor_ = backend.cursor()
        backend.identity = identify(backend)
        return backend

    def _doubt(self, doubt: Doubt) -> None:
        """Deeds write no lines of orders, so none is ever in doubt: a lost answer is a failure."""
        raise AssertionError(doubt)
