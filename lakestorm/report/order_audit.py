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
from lakestorm.verdict.ledger import LinesSeen, ProcessLines, Sales, Stock, balance

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.settings import PostgresSettings


EVIDENCE = "baseline.json"
"""Without this file a run has no orders."""


@dataclasses.dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left in its results folder for the audit."""

    baseline: Baseline
    acknowledged: AcknowledgedFile
    in_doubt: list[tuple[int, bool, bool]]
    """(line number, whether a cancellation, whether still unsettled)"""
    complete: bool

    @classmethod
    def read(cls, folder: Path) -> Evidence:
        """Raises ResultsError if the folder is not one of a run with orders."""
        try:
            baseline = Baseline.from_json((folder / EVIDENCE).read_text(encoding="utf-8"))
            acknowledged = AcknowledgedFile.read(folder / "orders.bin")
        except OSError as error:
            raise ResultsError(f"{folder} holds no orders to audit: {error.strerror}: {error.filename}.") from error
        doubts = folder / "in_doubt.json"
        complete = doubts.exists()
        in_doubt = json.loads(doubts.read_text(encoding="utf-8")) if complete else []
        return cls(baseline, acknowledged, [tuple(d) for d in in_doubt], complete)


class Collector:
    """Sorts the run's lines, as they stream by, into sales by item and lines by number."""

    def __init__(self, lines: int, process: int) -> None:
        self.sales = Sales()
        self.seen = LinesSeen(lines)
        self.strangers = 0
        self._process = process

    def __call__(self, rows: np.ndarray) -> None:
        """Take an array of dtype clients.audit.LINE."""
        low = rows["low"].astype(np.uint64)
        numbers = (low & np.uint64((1 << NUMBER_BITS) - 1)).astype(np.int64)
        process = ((low >> np.uint64(NUMBER_BITS)) & np.uint64(0xFFFF)).astype(np.int64)
        cancelled = rows["cancelled"] != 0
        ours = process == self._process
        self.seen.add(numbers[ours], cancelled[ours])
        self.strangers += int((~ours).sum())
        self.sales.add(rows["item"][~cancelled].astype(np.int64), rows["quantity"][~cancelled].astype(np.int64))


def audit_orders(folder: Path, settings: PostgresSettings) -> dict[str, Any]:
    """Compare the folder's evidence with the database.

    Raises:
        ResultsError: the folder has no evidence.
        UnreachableError: the database does not answer.
    """
    evidence = Evidence.read(folder)
    bought, cancelled = (evidence.acknowledged.flags(which) for which in (BOUGHT, CANCELLED))
    collector = Collector(len(bought), evidence.acknowledged.process)
    run: RunKey = evidence.baseline.run
    backend = connect(settings, application_name=f"lakestorm audit {run.hex}")
    try:
        books = read_books(backend, run, collector)
    finally:
        backend.close()
    prefix = run.prefix(evidence.acknowledged.process)
    lines = ProcessLines(
        acknowledged=bought,
        cancelled=cancelled,
        doubtful=frozenset(n for n, cancels, _ in evidence.in_doubt if not cancels),
        doubtful_cancels=frozenset(n for n, cancels, _ in evidence.in_doubt if cancels),
        seen=collector.seen,
        reference=prefix.reference,
    )
    return balance(
        Stock(start=evidence.baseline.stock, restocked=books.restocked, now=books.stock, net_sold=collector.sales.net),
        [lines],
        foreign=foreign_writers(evidence.baseline.others, books.others, collector.strangers),
        unsettled=sum(1 for _, _, unsettled in evidence.in_doubt if unsettled),
        complete=evidence.complete,
    )


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
