"""A shop simulated in a few lines: what its database, its load and its audit know of a run."""

from __future__ import annotations

import dataclasses
import functools
import random
from typing import Any

import numpy as np

from lakestorm.model.orders import RunKey
from lakestorm.verdict.ledger import LinesSeen, ProcessLines, Sales, Stock, balance

KEY = RunKey.new(1_760_000_000_000, 7)
PROCESSES = 2


@dataclasses.dataclass
class Row:
    """A row of `purchases`."""

    process: int
    number: int
    item: int
    quantity: int = 1
    cancelled: bool = False


class Shop:
    """A shop, what its table holds, and what the load knows of it; honest until somebody tampers."""

    def __init__(self, stock: dict[int, int]) -> None:
        self.start, self.now = dict(stock), dict(stock)
        self.restocked: dict[int, int] = {}
        self.table: list[Row] = []
        self.bought: list[list[bool]] = [[] for _ in range(PROCESSES)]
        self.undone: list[set[int]] = [set() for _ in range(PROCESSES)]
        self.doubtful: list[set[int]] = [set() for _ in range(PROCESSES)]
        self.doubtful_cancels: list[set[int]] = [set() for _ in range(PROCESSES)]

    def step(self, kind: str, process: int, item: int, *, is_done: bool) -> None:
        """One thing that happens; of a request without an answer `is_done` says whether the server did it."""
        if kind == "restock":
            self.restocked[item] = self.restocked.get(item, 0) + 3
            self.now[item] += 3
        elif kind.startswith("buy"):
            self.buy(process, item, has_answer=kind == "buy", is_done=is_done)
        else:
            self.cancel(process, has_answer=kind == "cancel", is_done=is_done)

    def buy(self, process: int, item: int, *, has_answer: bool = True, is_done: bool = True) -> None:
        """A line, if there is stock."""
        number = len(self.bought[process])
        is_sold = self.now[item] > 0 and (has_answer or is_done)
        if is_sold:
            self.now[item] -= 1
            self.table.append(Row(process, number, item))
        self.bought[process].append(is_sold and has_answer)
        if not has_answer:
            self.doubtful[process].add(number)

    def cancel(self, process: int, *, has_answer: bool = True, is_done: bool = True) -> None:
        """The process's last acknowledged line is given back, if it has one that is not."""
        mine = [r for r in self.table if r.process == process and self.bought[process][r.number] and not r.cancelled]
        open_ = [r for r in mine if r.number not in self.doubtful_cancels[process]]
        if not open_:
            return
        row = open_[-1]
        if has_answer or is_done:
            row.cancelled = True
            self.now[row.item] += row.quantity
        (self.undone if has_answer else self.doubtful_cancels)[process].add(row.number)

    def ledger(self, **circumstances: Any) -> dict[str, Any]:
        """The audit, whose rows come in any order and in batches of any size."""
        rows = random.Random(len(self.table)).sample(self.table, len(self.table))
        sales, seen = Sales(), [LinesSeen(len(numbers)) for numbers in self.bought]
        for start in range(0, len(rows), 3):
            self._stream(rows[start : start + 3], sales, seen)
        lines = [self._lines(process, seen[process]) for process in range(PROCESSES)]
        stock = Stock(start=self.start, restocked=self.restocked, now=self.now, net_sold=sales.net)
        return balance(stock, lines, **circumstances)

    @staticmethod
    def _stream(batch: list[Row], sales: Sales, seen: list[LinesSeen]) -> None:
        placed = [row for row in batch if not row.cancelled]
        sales.add(np.array([r.item for r in placed], np.int64), np.array([r.quantity for r in placed], np.int64))
        for process, lines in enumerate(seen):
            mine = [row for row in batch if row.process == process]
            lines.add(np.array([r.number for r in mine], np.int64), np.array([r.cancelled for r in mine], bool))

    def _lines(self, process: int, seen: LinesSeen) -> ProcessLines:
        size = len(self.bought[process])
        return ProcessLines(
            acknowledged=np.array(self.bought[process], bool),
            cancelled=np.array([number in self.undone[process] for number in range(size)], bool),
            doubtful=frozenset(self.doubtful[process]),
            doubtful_cancels=frozenset(self.doubtful_cancels[process]),
            seen=seen,
            reference=functools.partial(KEY.reference, process),
        )
