"""What people want: a few hot items that may change, and a long tail."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence
    from typing import Self


def zipf_cumulative(count: int, skew: float) -> list[float]:
    """Cumulative shares of ranks 1…count with weight 1 / rank^skew; skew 0 is uniform.

    Source: YCSB uses 0.99, sysbench 0.8.
    """
    weights = (1 / rank**skew for rank in range(1, count + 1))
    sums = list(itertools.accumulate(weights))
    return [partial / sums[-1] for partial in sums]


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """Which item the next buyer wants.

    Args:
        items: ids of all items; the order is the order of popularity.
        hot_items: size of the hot set.
        hot_share: share of buys that go for the hot set, 0…1.
        hot_moves_every_s: the hot set moves to the next `hot_items` items this often; 0 = never.
        cumulative: `zipf_cumulative(len(items), skew)`.
        rank: index of each item in `items`.
    """

    items: Sequence[int]
    hot_items: int
    hot_share: float
    hot_moves_every_s: float
    cumulative: Sequence[float]
    rank: Mapping[int, int]

    @classmethod
    def of(
        cls, items: Sequence[int], *, hot_items: int, hot_share: float, hot_moves_every_s: float, zipf: float
    ) -> Self:
        """Demand for these items; see the class for the arguments."""
        return cls(
            items=items,
            hot_items=min(hot_items, len(items)),
            hot_share=hot_share,
            hot_moves_every_s=hot_moves_every_s,
            cumulative=zipf_cumulative(len(items), zipf),
            rank={item: i for i, item in enumerate(items)},
        )

    def hot_at(self, elapsed_s: float) -> list[int]:
        """Ids of the hot set at a moment."""
        first = self._first_hot(elapsed_s)
        return [self.items[(first + i) % len(self.items)] for i in range(self.hot_items)]

    def is_hot(self, item: int, elapsed_s: float) -> bool:
        """Whether an item is in the hot set at a moment."""
        return (self.rank[item] - self._first_hot(elapsed_s)) % len(self.items) < self.hot_items

    def hot_item(self, rng: random.Random, elapsed_s: float) -> int:
        """One item of the hot set, all alike."""
        at = self._first_hot(elapsed_s) + int(rng.random() * self.hot_items)
        return self.items[at % len(self.items)]

    def item(self, rng: random.Random, elapsed_s: float) -> int:
        """One item: hot with probability `hot_share`, else by popularity."""
        if rng.random() < self.hot_share:
            return self.hot_item(rng, elapsed_s)
        return self.popular_item(rng)

    def popular_item(self, rng: random.Random) -> int:
        """One item by popularity alone."""
        return self.items[bisect.bisect_right(self.cumulative, rng.random(), 0, len(self.items) - 1)]

    def _first_hot(self, elapsed_s: float) -> int:
        moves = int(elapsed_s / self.hot_moves_every_s) if self.hot_moves_every_s else 0
        return moves * self.hot_items
