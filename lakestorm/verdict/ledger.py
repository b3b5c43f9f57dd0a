"""Do the books balance? Every order against every unit of stock.

For every item, in one snapshot: net sold by this run ≤ stock at the start + restocked, and
stock at the start + restocked − stock now = net sold. Every acknowledged line stands in the table exactly once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]

SAMPLES = 10
"""How many references or items are named where something is wrong."""


class LinesSeen:
    """What the table holds of one process's lines, by line number.

    Args:
        count: lines that the process numbered (more may turn up).
    """

    def __init__(self, count: int) -> None:
        self.times: npt.NDArray[np.uint8] = np.zeros(max(count, 1), dtype=np.uint8)
        self.cancelled: Flags = np.zeros(max(count, 1), dtype=bool)

    def add(self, numbers: npt.NDArray[np.int64], cancelled: Flags) -> None:
        """Count lines found in the table; a count of 255 stays there."""
        self._reach(int(numbers.max()) + 1 if len(numbers) else 0)
        found, times = np.unique(numbers, return_counts=True)
        self.times[found] = np.minimum(self.times[found].astype(np.int64) + times, 255)
        self.cancelled[numbers[cancelled]] = True

    def _reach(self, count: int) -> None:
        if count > len(self.times):
            more = max(count, 2 * len(self.times)) - len(self.times)
            self.times = np.concatenate([self.times, np.zeros(more, dtype=np.uint8)])
            self.cancelled = np.concatenate([self.cancelled, np.zeros(more, dtype=bool)])


class Sales:
    """Net units that this run sold, by item id."""

    def __init__(self) -> None:
        self.net: dict[int, int] = {}

    def add(self, items: npt.NDArray[np.int64], units: npt.NDArray[np.int64]) -> None:
        """Count lines that were not cancelled."""
        ids, place = np.unique(items, return_inverse=True)
        sums = np.bincount(place, weights=units, minlength=len(ids))
        for item, sold in zip(ids.tolist(), sums.tolist(), strict=True):
            self.net[item] = self.net.get(item, 0) + int(sold)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProcessLines:
    """One process's view of its lines and the table's.

    Attributes:
        acknowledged, cancelled: the database said yes; by line number.
        doubtful, doubtful_cancels: numbers whose answer was not read.
        seen: what stands in the table.
        reference: the order reference of a line number.
    """

    acknowledged: Flags
    cancelled: Flags
    doubtful: frozenset[int]
    doubtful_cancels: frozenset[int]
    seen: LinesSeen
    reference: Callable[[int], str]

    def findings(self) -> dict[str, tuple[int, list[str]]]:
        """{finding: (how many, sample references)}."""
        size = max(len(self.acknowledged), len(self.seen.times))
        bought, undone = padded(self.acknowledged, size), padded(self.cancelled, size)
        times = padded(self.seen.times, size)
        cancelled = padded(self.seen.cancelled, size)
        unknown = (times > 0) & ~bought
        doubtful = flags_of(self.doubtful, size)
        unasked = cancelled & ~undone & ~flags_of(self.doubtful_cancels, size)
        return {
            "acknowledged": (int(bought.sum()), []),
            "lost": self._named(bought & (times == 0)),
            "duplicate": (int((times[times > 1].astype(np.int64) - 1).sum()), self._named(times > 1)[1]),
            "recovered": self._named(unknown & doubtful),
            "unexplained": self._named(unknown & ~doubtful),
            "lost_cancels": self._named(undone & (times > 0) & ~cancelled),
            "unexplained_cancels": self._named(unasked),
        }

    def _named(self, flags: Flags) -> tuple[int, list[str]]:
        return int(flags.sum()), [self.reference(int(n)) for n in np.flatnonzero(flags)[:SAMPLES]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """Units by item id at the start, put back since, now, and net sold by this run."""

    start: Mapping[int, int]
    restocked: Mapping[int, int]
    now: Mapping[int, int]
    net_sold: Mapping[int, int]

    def findings(self) -> dict[str, Any]:
        """Totals over all items, units oversold, units that do not add up, and the items where."""
        oversold, mismatch = {}, {}
        for item in {*self.start, *self.net_sold, *self.restocked}:
            available = self.start.get(item, 0) + self.restocked.get(item, 0)
            sold = self.net_sold.get(item, 0)
            if sold > available:
                oversold[item] = sold - available
            if item in self.now and available - self.now[item] != sold:
                mismatch[item] = available - self.now[item] - sold
        return {
            "stock_start": sum(self.start.values()),
            "restocked": sum(self.restocked.values()),
            "stock_now": sum(units for item, units in self.now.items() if item in self.start),
            "net_sold": sum(self.net_sold.values()),
            "sold_out_items": sum(1 for item, units in self.now.items() if units <= 0 and item in self.start),
            "oversold": sum(oversold.values()),
            "mismatch": sum(abs(units) for units in mismatch.values()),
            "oversold_items": dict(sorted(oversold.items())[:SAMPLES]),
            "mismatch_items": dict(sorted(mismatch.items())[:SAMPLES]),
        }


WRONG = {
    "oversold": "{n} units were sold that were not there",
    "mismatch": "{n} units of stock do not add up with what was sold",
    "lost": "{n} acknowledged lines are not in the table",
    "duplicate": "{n} lines stand in the table more than once",
    "unexplained": "{n} lines stand in the table that nobody acknowledged",
    "lost_cancels": "{n} acknowledged cancellations are not in the table",
    "unexplained_cancels": "{n} lines are cancelled that nobody asked to cancel",
}
"""What makes the books not balance, as a sentence."""

STOCK_ENTRIES = frozenset(Stock(start={}, restocked={}, now={}, net_sold={}).findings())
"""What a ledger says of stock: nothing, where nobody looked at the stock before the run."""
WORST_FIRST = ("open", "unknown", "closed")
ENTRIES = frozenset(WRONG) | {
    "stock_start", "restocked", "stock_now", "net_sold", "sold_out_items",
    "lines", "unsettled", "unreported", "acknowledged", "recovered",
}  # fmt: skip
"""The ledger's numbers, by which thresholds may ask for them."""


def balance(
    stock: Stock,
    processes: Iterable[ProcessLines],
    *,
    foreign: str = "",
    unsettled: int = 0,
    unreported: Mapping[int, int] | None = None,
    complete: bool = True,
) -> dict[str, Any]:
    """The ledger: numbers, `state` (closed, open, unknown), `reasons`, `samples`.

    Args:
        stock: units by item.
        processes: lines by process.
        foreign: how other writers were noticed; empty if they were not.
        unsettled: lines still in doubt.
        unreported: lines in the table of each worker that was lost, by its number: nobody told of them.
        complete: whether the run came to its end; else lines nobody acknowledged say nothing.
    """
    ledger: dict[str, Any] = stock.findings()
    samples: dict[str, list[str]] = {}
    lines = 0
    for process in processes:
        lines += int(process.seen.times.sum(dtype=np.int64))
        for finding, (count, references) in process.findings().items():
            ledger[finding] = ledger.get(finding, 0) + count
            samples.setdefault(finding, []).extend(references)
    reasons = [text.format(n=ledger[finding]) + "." for finding, text in WRONG.items() if ledger.get(finding)]
    lost = unreported or {}
    unknown = unknowns(foreign, unsettled, lost, complete=complete)
    state = "unknown" if unknown else "open" if reasons else "closed"
    return {
        "state": state,
        "reasons": unknown + reasons,
        "lines": lines + sum(lost.values()),
        "unsettled": unsettled,
        "unreported": sum(lost.values()),
        **ledger,
        "samples": {finding: references[:SAMPLES] for finding, references in samples.items() if references},
    }


def merged(ledgers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One ledger of several, whose entries have names of their own; its state is the worst of theirs."""
    states = [ledger["state"] for ledger in ledgers]
    whole: dict[str, Any] = {}
    for ledger in ledgers:
        whole |= ledger
    samples = {finding: found for ledger in ledgers for finding, found in ledger.get("samples", {}).items()}
    reasons = [reason for ledger in ledgers for reason in ledger["reasons"]]
    return {**whole, "state": min(states, key=WORST_FIRST.index), "reasons": reasons, "samples": samples}


def unknowns(foreign: str, unsettled: int, unreported: Mapping[int, int], *, complete: bool) -> list[str]:
    """Why the books cannot be judged, as sentences."""
    found = []
    if foreign:
        found.append(f"Foreign writers: {foreign}.")
    if unsettled:
        found.append(f"{unsettled} lines are still in doubt: their server processes did not end in time.")
    found += [
        f"{count} lines stand in the table that worker {process} wrote and nobody reported: it was lost."
        for process, count in unreported.items()
    ]
    if not complete:
        found.append("The run was killed before its end.")
    return found


def padded(values: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """The array, lengthened with zeros or cut to `size`."""
    return np.pad(values[:size], (0, max(0, size - len(values))))


def flags_of(numbers: Iterable[int], size: int) -> Flags:
    """True at these places."""
    flags = np.zeros(size, dtype=bool)
    flags[[n for n in numbers if n < size]] = True
    return flags
