"""The abstract user who keeps the shop: edits, adds and retires, as requests on PostgreSQL."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from lakestorm.clients.catalogue_edits import add_item, edit_item, edit_user, retire_item
from lakestorm.load.catalogue import CatalogueRun
from lakestorm.load.transactions import Intent
from lakestorm.load.users import ScheduledUser
from lakestorm.model.edits import Deed, Keeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

    from lakestorm.load.measuring import Meter


class CatalogueKeeper(ScheduledUser):
    """Somebody who edits the shop."""

    abstract = True

    def on_start(self) -> None:
        """Open the books of the shop."""
        super().on_start()
        self.catalogue_: CatalogueRun = self.run_.part(CatalogueRun)
        seed = f"{self.run_.settings.run.random_seed} keeper {self.ordinal}"
        self.keeper = Keeper(self.catalogue_.item_ids, self.catalogue_.user_ids, seed)

    @property
    def period_s(self) -> float:
        """`CATALOGUE_EDIT_EVERY_MS` in seconds."""
        return self.run_.settings.pipeline.catalogue_edit_every_ms / 1e3

    @property
    def arrivals(self) -> str:
        """Equal gaps with a random phase."""
        return "regular"

    def decide(self, intended: float) -> tuple[Meter, Any]:  # noqa: ARG002 - as the base class has it
        """The keeper's next deed; with nothing of its own to retire an item is added."""
        deed = self.keeper.next_deed()
        if deed is Deed.RETIRE_ITEM and not self.catalogue_.on_sale:
            deed = Deed.ADD_ITEM
        return self.catalogue_.meters[deed], deed

    def keep(self, deed: Deed, intended: float) -> None:
        """Do one deed."""
        work = {
            Deed.EDIT_ITEM: self._edit_item,
            Deed.ADD_ITEM: self._add_item,
            Deed.RETIRE_ITEM: self._retire_item,
            Deed.EDIT_USER: self._edit_user,
        }
        work[deed](Intent(self.catalogue_.meters[deed], intended, self.previous_end))

    def _edit_item(self, intent: Intent) -> None:
        self._run(intent, functools.partial(edit_item, edit=self.keeper.item_edit()))

    def _add_item(self, intent: Intent) -> None:
        item_id = self.catalogue_.next_id()
        if self._run(intent, functools.partial(add_item, item_id=item_id, item=self.keeper.new_item())):
            self.catalogue_.on_sale.append(item_id)

    def _retire_item(self, intent: Intent) -> None:
        item_id = self.catalogue_.on_sale.popleft()
        if self._run(intent, functools.partial(retire_item, item_id=item_id)):
            self.catalogue_.retired(item_id)

    def _edit_user(self, intent: Intent) -> None:
        self._run(intent, functools.partial(edit_user, edit=self.keeper.user_edit()))

    def _run(self, intent: Intent, work: Callable[[Cursor], bool]) -> bool:
        done, self.previous_end = self.catalogue_.transactions.run(intent, work)
        return done
