"""The abstract shopper: views, buys and cancels as requests on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lakestorm.clients.purchases import Line, buy_basket, buy_line, cancel_line, view
from lakestorm.load.purchases import PurchaseRun
from lakestorm.load.transactions import Intent
from lakestorm.load.users import ScheduledUser
from lakestorm.model.orders import LINES_MAX
from lakestorm.model.shopping import Action, Shopper

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class under a function's name

    from lakestorm.load.measuring import Meter


class PurchaseUser(ScheduledUser):
    """Somebody who looks at items, buys some, and now and then gives one back."""

    abstract = True

    def on_start(self) -> None:
        """Enter the shop."""
        super().on_start()
        self.shop_: PurchaseRun = self.run_.part(PurchaseRun)
        self.shopper = Shopper(self.shop_.sale, f"{self.run_.settings.run.random_seed} shopper {self.ordinal}")

    @property
    def period_s(self) -> float:
        """`PURCHASE_GEN_EVERY_MS` in seconds."""
        return self.run_.settings.purchase.gen_every_ms / 1e3

    @property
    def arrivals(self) -> str:
        """`PURCHASE_ARRIVALS`."""
        return self.run_.settings.purchase.arrivals

    def decide(self, intended: float) -> tuple[Meter, Any]:
        """The shopper's next action; with nothing to give back a cancellation is a view."""
        action = self.shopper.next_action(intended - self.run_.origin)
        if action is Action.CANCEL and not self.shop_.returnable:
            action = Action.VIEW
        return self.shop_.meters[action], action

    def view_item(self, intended: float) -> None:
        """One item's page."""
        item = self.shopper.item_to_view()
        self._request(Action.VIEW, intended, lambda cursor: view(cursor, item))

    def buy(self, intended: float) -> None:
        """An order of one line or a basket, all or nothing."""
        lines = self._lines(intended)
        buyer = self.shopper.buyer()
        work: Callable[[Cursor], bool]
        if self.shop_.sale.basket:
            work = lambda cursor: buy_basket(cursor, buyer, lines)  # noqa: E731 - one of two ways to do the same
        else:
            work = lambda cursor: buy_line(cursor, buyer, lines[0])  # noqa: E731
        if self._request(Action.BUY, intended, work, tuple(line.number for line in lines)):
            self.shop_.bought(lines)

    def cancel_order(self, intended: float) -> None:
        """Give back a line that this run bought earlier."""
        line = self.shop_.returnable.popleft()
        done = self._request(
            Action.CANCEL, intended, lambda cursor: cancel_line(cursor, line.reference), (line.number,), cancels=True
        )
        if done:
            self.shop_.acknowledged.cancelled(line.number)

    def _lines(self, intended: float) -> list[Line]:
        elapsed_s = intended - self.run_.origin
        items = self.shop_.ordered(self.shopper.items_to_buy(elapsed_s), self.rng)
        first = self.shop_.next_number()
        return [
            Line(item, self.shopper.campaign(item, elapsed_s), first + i, self.shop_.prefix.reference(first + i))
            for i, item in enumerate(items[:LINES_MAX])
        ]

    def _request(
        self,
        action: Action,
        intended: float,
        work: Callable[[Cursor], bool],
        lines: tuple[int, ...] = (),
        *,
        cancels: bool = False,
    ) -> bool:
        intent = Intent(self.shop_.meters[action], intended, self.previous_end, lines, cancels)
        done, self.previous_end = self.shop_.transactions.run(intent, work)
        return done
