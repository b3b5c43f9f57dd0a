"""The audit of a run's orders: what it left in its results folder against the database."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from lakestorm.clients.audit import Baseline, Others, read_books
from lakestorm.clients.postgres import connect
from lakestorm.errors import ResultsError
from lakestorm.model.orders import NUMBER_BITS, RunKey
from lakestorm.record.references import BOUGHT, CANCELLED, AcknowledgedFile
from lakestorm.verdict.across import Held
from lakestorm.verdict.ledger import STOCK_ENTRIES, LinesSeen, ProcessLines, Sales, Stock, balance

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lakestorm.clients.audit import Books
    from lakestorm.settings import PostgresSettings


BASELINE = "baseline.json"
"""Without this file nothing is known of the stock before the run, and only lines are counted."""
WORKERS = "workers.json"
"""What became of each worker, where there were some."""
LINES = "orders*.bin"
"""One file for each process of the run that wrote orders; without any, a run has none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Writer:
    """What one process of a run left of its lines."""

    acknowledged: AcknowledgedFile
    in_doubt: list[tuple[int, bool, bool]]
    """(line number, whether a cancellation, whether still unsettled)"""
    complete: bool

    @classmethod
    def read(cls, path: Path) -> Writer:
        """From `orders….bin` and the `in_doubt….json` of the same ending, which a killed process did not write."""
        doubts = path.with_name(path.name.replace("orders", "in_doubt").replace(".bin", ".json"))
        complete = doubts.exists()
        in_doubt = json.loads(doubts.read_text(encoding="utf-8")) if complete else []
        return cls(AcknowledgedFile.read(path), [tuple(d) for d in in_doubt], complete)

    def lines(self, key: RunKey, seen: LinesSeen) -> ProcessLines:
        """Its view beside the table's."""
        return ProcessLines(
            acknowledged=self.acknowledged.flags(BOUGHT),
            cancelled=self.acknowledged.flags(CANCELLED),
            doubtful=frozenset(n for n, cancels, _ in self.in_doubt if not cancels),
            doubtful_cancels=frozenset(n for n, cancels, _ in self.in_doubt if cancels),
            seen=seen,
            reference=key.prefix(self.acknowledged.process).reference,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left in its results folder for the audit."""

    key: RunKey
    baseline: Baseline | None
    writers: list[Writer]
    lost: frozenset[int]
    """Workers that told of no order before they were gone."""

    @classmethod
    def read(cls, folder: Path) -> Evidence:
        """Raises ResultsError if the folder is not one of a run with orders."""
        try:
            writers = [Writer.read(path) for path in sorted(folder.glob(LINES))]
            text = (folder / BASELINE).read_text(encoding="utf-8") if (folder / BASELINE).exists() else None
        except OSError as error:
            raise ResultsError(f"{folder} holds no orders to audit: {error.strerror}: {error.filename}.") from error
        if not writers:
            raise ResultsError(f"{folder} holds no orders to audit: there is no {LINES}.")
        baseline = None if text is None else Baseline.from_json(text)
        told = {writer.acknowledged.process for writer in writers}
        lost = frozenset(lost_workers(folder)) - told
        return cls(RunKey.from_hex(writers[0].acknowledged.run_hex), baseline, writers, lost)


class Collector:
    """Sorts the run's lines, as they stream by, into sales by item and lines by process and number.

    Args:
        counts: lines that each process numbered.
        lost: processes that told of none.
    """

    def __init__(self, counts: Mapping[int, int], lost: frozenset[int]) -> None:
        self.sales = Sales()
        self.seen = {process: LinesSeen(count) for process, count in counts.items()}
        self.unreported = dict.fromkeys(sorted(lost), 0)
        self.strangers = 0

    def __call__(self, rows: np.ndarray) -> None:
        """Take an array of dtype clients.audit.LINE."""
        low = rows["low"].astype(np.uint64)
        numbers = (low & np.uint64((1 << NUMBER_BITS) - 1)).astype(np.int64)
        processes = ((low >> np.uint64(NUMBER_BITS)) & np.uint64(0xFFFF)).astype(np.int64)
        cancelled = rows["cancelled"] != 0
        strange = np.ones(len(rows), dtype=bool)
        for process, seen in self.seen.items():
            ours = processes == process
            seen.add(numbers[ours], cancelled[ours])
            strange &= ~ours
        for process in self.unreported:
            lost = processes == process
            self.unreported[process] += int(lost.sum())
            strange &= ~lost
        self.strangers += int(strange.sum())
        self.sales.add(rows["item"][~cancelled].astype(np.int64), rows["quantity"][~cancelled].astype(np.int64))

    def held(self) -> dict[int, Held]:
        """What stands in the table, by process: what every system behind the database is compared with."""
        return {process: Held(seen.times > 0, seen.cancelled) for process, seen in self.seen.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class OrdersAudited:
    """The ledger of the database, and what it rests on."""

    key: RunKey
    ledger: dict[str, Any]
    committed: dict[int, Held]


def audit_orders(folder: Path, settings: PostgresSettings) -> OrdersAudited:
    """Compare the folder's evidence with the database.

    Raises:
        ResultsError: the folder has no evidence.
        UnreachableError: the database does not answer.
    """
    evidence = Evidence.read(folder)
    key = evidence.key
    counts = {w.acknowledged.process: len(w.acknowledged.flags(BOUGHT)) for w in evidence.writers}
    collector = Collector(counts, evidence.lost)
    backend = connect(settings, application_name=f"lakestorm audit {key.hex}")
    try:
        books = read_books(backend, key, collector)
    finally:
        backend.close()
    ledger = balance(
        stock_of(evidence.baseline, books, collector.sales),
        [w.lines(key, collector.seen[w.acknowledged.process]) for w in evidence.writers],
        foreign=foreign_of(evidence.baseline, books, collector.strangers),
        unsettled=sum(unsettled for w in evidence.writers for _, _, unsettled in w.in_doubt),
        unreported=collector.unreported,
        complete=all(w.complete for w in evidence.writers),
    )
    known = ledger if evidence.baseline else {entry: n for entry, n in ledger.items() if entry not in STOCK_ENTRIES}
    return OrdersAudited(key, known, collector.held())


def lost_workers(folder: Path) -> list[int]:
    """Numbers of the workers that were lost; none in a run without workers."""
    path = folder / WORKERS
    workers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [worker["process"] for worker in workers if worker["state"] == "lost"]


def stock_of(baseline: Baseline | None, books: Books, sales: Sales) -> Stock:
    """The stock equation's terms; all of them empty where nobody looked at the stock before the run."""
    if baseline is None:
        return Stock(start={}, restocked={}, now={}, net_sold={})
    return Stock(start=baseline.stock, restocked=books.restocked, now=books.stock, net_sold=sales.net)


def foreign_of(baseline: Baseline | None, books: Books, strangers: int) -> str:
    """Other writers matter to the stock; to lines only, if there is no stock to account for."""
    return foreign_writers((baseline or books).others, books.others, strangers)


def foreign_writers(before: Others, after: Others, strangers: int) -> str:
    """How other writers show, in words; empty if they do not."""
    signs = [
        f"{after.rows - before.rows:+d} rows" if after.rows != before.rows else "",
        f"{after.cancelled - before.cancelled:+d} cancelled" if after.cancelled != before.cancelled else "",
        f"{after.units - before.units:+d} units" if after.units != before.units else "",
        f"{after.restocks - before.restocks:+d} restocks" if after.restocks != before.restocks else "",
        f"{strangers} lines of an unknown process" if strangers else "",
    ]
    found = ", ".join(sign for sign in signs if sign)
    return f"purchases of others changed since the start ({found})" if found else ""
