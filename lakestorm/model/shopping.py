"""What one shopper of a flash sale does next."""

from __future__ import annotations

import bisect
import dataclasses
import enum
import itertools
import random
from typing import TYPE_CHECKING

from lakestorm.model.orders import LINES_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lakestorm.model.demand import Demand

SALE_CAMPAIGN = "FLASH2025"
OLDER_CAMPAIGN = "BOGO23"
OLDER_CAMPAIGN_SHARE = 0.1


class Action(enum.Enum):
    """What a shopper does."""

    VIEW = "view"
    BUY = "buy"
    CANCEL = "cancel"


@dataclasses.dataclass(frozen=True, slots=True)
class Sale:
    """What all shoppers of a run share.

    Args:
        demand: what they want.
        user_ids: who they may be.
        mix: weights by the names of actions.
        doors_open_s: before this moment people only look.
        basket: whether a buy may have several lines.
    """

    demand: Demand
    user_ids: Sequence[int]
    mix: Mapping[str, float]
    doors_open_s: float
    basket: bool


class Shopper:
    """Decides by its own stream of randomness, so that other shoppers' number and speed change nothing."""

    def __init__(self, sale: Sale, seed: str) -> None:
        self.rng = random.Random(seed)
        self._sale = sale
        self._actions = [Action(name) for name in sale.mix]
        weights = list(itertools.accumulate(sale.mix.values()))
        self._cumulative = [w / weights[-1] for w in weights]
        self._eager = sale.doors_open_s > 0 and sale.mix.get("buy", 0) > 0

    def next_action(self, elapsed_s: float) -> Action:
        """What a request intended at this moment is. The first one after the doors open is a buy, if there are any."""
        if elapsed_s < self._sale.doors_open_s:
            return Action.VIEW
        if self._eager:
            return Action.BUY
        return self._actions[bisect.bisect_right(self._cumulative, self.rng.random(), 0, len(self._actions) - 1)]

    def item_to_view(self) -> int:
        """Somebody looks around: by popularity."""
        return self._sale.demand.popular_item(self.rng)

    def items_to_buy(self, elapsed_s: float) -> list[int]:
        """Different items for one order: one, or a basket of up to three; the first buy is of a hot item."""
        demand = self._sale.demand
        if self._eager:
            self._eager = False
            return [demand.hot_item(self.rng, elapsed_s)]
        lines = min(1 + int(self.rng.random() * LINES_MAX), len(demand.items)) if self._sale.basket else 1
        items = [demand.item(self.rng, elapsed_s)]
        while len(items) < lines:
            more = demand.item(self.rng, elapsed_s)
            items.append(more if more not in items else self._another(items))
        return items

    def buyer(self) -> int:
        """Who buys."""
        users = self._sale.user_ids
        return users[int(self.rng.random() * len(users))]

    def campaign(self, item: int, elapsed_s: float) -> str | None:
        """The campaign an order of an item counts for: the sale's for hot items, else now and then an older one."""
        if self._sale.demand.is_hot(item, elapsed_s):
            return SALE_CAMPAIGN
        return OLDER_CAMPAIGN if self.rng.random() < OLDER_CAMPAIGN_SHARE else None

    def _another(self, taken: list[int]) -> int:
        """Any item not yet in the basket; terminates because a basket is never larger than the catalogue."""
        items = self._sale.demand.items
        at = int(self.rng.random() * len(items))
        return next(
            items[(at + i) % len(items)] for i in range(len(items)) if items[(at + i) % len(items)] not in taken
        )
