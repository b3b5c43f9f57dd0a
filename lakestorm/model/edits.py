"""What somebody who keeps the shop does next: prices and names, new items and old ones, people's addresses.

Stock is never touched: whatever is there of it belongs to the ledger.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import random
from typing import TYPE_CHECKING

from lakestorm.model.catalogue import CATEGORIES, ENDINGS, MAKERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PRICE_CENTS = (500, 50_000)
"""The shop's prices, lowest and highest."""
CHANGES = (0.75, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25)
"""What a price is multiplied by."""
EDITIONS = (
    "Spring Edition",
    "Autumn Edition",
    "Anniversary Edition",
    "Mark II",
    "Refreshed",
    "Twin Pack",
    "Best Seller",
)
"""What a name may end with."""


class Deed(enum.Enum):
    """What is done, each in one transaction."""

    EDIT_ITEM = "item.edit"
    ADD_ITEM = "item.add"
    RETIRE_ITEM = "item.retire"
    EDIT_USER = "user.edit"


PROCESSES_MAX = 1024
"""Processes that add items in one run, at most."""
WEIGHTS = {Deed.EDIT_ITEM: 60, Deed.ADD_ITEM: 10, Deed.RETIRE_ITEM: 10, Deed.EDIT_USER: 20}
"""Of a hundred deeds. As many are added as retired, so the shop does not grow."""


@dataclasses.dataclass(frozen=True, slots=True)
class ItemEdit:
    """An item's price is multiplied, within PRICE_CENTS, and its name gets another ending."""

    item_id: int
    factor: float
    edition: str


@dataclasses.dataclass(frozen=True, slots=True)
class NewItem:
    """An item as it is put on a shelf, without stock."""

    name: str
    category: str
    price_cents: int


@dataclasses.dataclass(frozen=True, slots=True)
class UserEdit:
    """A user's address gets another tag: anna7@shop.example becomes anna7+k3f9@shop.example, and stays unique."""

    user_id: int
    tag: str


def own_ids(after: int, process: int) -> Iterator[int]:
    """Ids above one that is taken, which no other process of a run makes, ascending.

    Divided by PROCESSES_MAX they leave the process's number. So they stay disjoint though each process looks for the
    highest id at a moment of its own, and others have added items by then.

    Raises:
        ValueError: the number of the process is not below PROCESSES_MAX.
    """
    if not 0 <= process < PROCESSES_MAX:
        raise ValueError(process)
    return itertools.count(after + 1 + (process - after - 1) % PROCESSES_MAX, PROCESSES_MAX)


class Keeper:
    """Decides by its own stream of randomness, so that other keepers' number and speed change nothing.

    Args:
        item_ids: of items that may be edited, at least one.
        user_ids: of users that may be, at least one.
        seed: of the stream.
    """

    def __init__(self, item_ids: Sequence[int], user_ids: Sequence[int], seed: str) -> None:
        self._rng = random.Random(seed)
        self._items = item_ids
        self._users = user_ids
        self._deeds = list(WEIGHTS)
        self._cumulative = list(itertools.accumulate(WEIGHTS.values()))

    def next_deed(self) -> Deed:
        """What comes next."""
        return self._rng.choices(self._deeds, cum_weights=self._cumulative)[0]

    def item_edit(self) -> ItemEdit:
        """Which item, and how."""
        item = self._items[self._rng.randrange(len(self._items))]
        return ItemEdit(item, self._rng.choice(CHANGES), self._rng.choice(EDITIONS))

    def new_item(self) -> NewItem:
        """One that the shop's own words make up."""
        shelf = self._rng.choices(CATEGORIES, [category.weight for category in CATEGORIES])[0]
        maker = self._rng.choice(MAKERS)
        kind, noun = self._rng.choice(shelf.kinds), self._rng.choice(shelf.nouns)
        name = f"{maker} {kind} {noun} {maker[0]}{self._rng.randrange(100, 10_000)}"
        whole = self._rng.randrange(shelf.price_from, shelf.price_to)
        return NewItem(name, shelf.name, 100 * whole + self._rng.choice(ENDINGS))

    def user_edit(self) -> UserEdit:
        """Which user, and how."""
        user = self._users[self._rng.randrange(len(self._users))]
        return UserEdit(user, f"{self._rng.randrange(16**4):04x}")
