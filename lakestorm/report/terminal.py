"""The last words of a run on the terminal: verdict, requests, books, where to read on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from lakestorm.record.figures import digits, grouped

if TYPE_CHECKING:
    from pathlib import Path

    from lakestorm.record.manifest import Latency, Run


def print_summary(run: Run, folder: Path) -> None:
    """Print a run's summary on stdout; `verdict: …` stands alone on a line for scripts."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(request_table(run))
    for line in equations(run.ledger):
        console.print(line)
    for reason in run.reasons:
        console.print(f"- {reason}", markup=False)
    console.print(f"verdict: {run.verdict}", style="bold" if run.verdict == "pass" else "bold red")
    console.print(f"results: {folder}", markup=False)


def request_table(run: Run) -> Table:
    """One row a request name; latencies in milliseconds. Fits 80 columns up to a million requests a name."""
    table = Table(title=None, box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("request", no_wrap=True)
    for column in ("offered", "done", "refused", "failed", "skipped", "can-\ncelled", "p50\nms", "p99\nms"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, spans in run.requests.items():
        t = spans.total
        counts = [count(n) for n in (t.offered, t.completed, t.refused, t.failed, t.skipped, t.cancelled)]
        table.add_row(name, *counts, *percentiles(t.answer_ms))
    return table


def percentiles(latency: Latency | None) -> tuple[str, str]:
    """p50 and p99 with three significant digits."""
    return (three_digits(latency.p50), three_digits(latency.p99)) if latency else ("", "")


def three_digits(value: float | None) -> str:
    """A number with three significant digits; ∞ where work never finished."""
    return "∞" if value is None else digits(value)


def count(number: int | None) -> str:
    """A whole number with thin spaces for thousands; empty where it does not apply."""
    return "" if number is None else grouped(number)


def equations(ledger: dict[str, Any]) -> list[str]:
    """The books, a line for each kind of them that the ledger holds."""
    n = {key: count(value) for key, value in ledger.items() if isinstance(value, int)}
    found = []
    if "net_sold" in ledger:
        found.append(
            f"ledger {ledger['state']}: {n['stock_start']} in stock + {n['restocked']} restocked -"
            f" {n['stock_now']} left = {n['net_sold']} net sold; {n['lines']} lines in the table,"
            f" {n['acknowledged']} acknowledged, {n['recovered']} recovered, {n['lost']} lost,"
            f" {n['duplicate']} duplicate, {n['oversold']} oversold"
        )
    if "events_in_topic" in ledger:
        found.append(
            f"ledger {ledger['state']}: {n['events_in_topic']} records in the topic, {n['events_acknowledged']}"
            f" acknowledged, {n['events_recovered']} recovered, {n['events_lost']} lost, {n['events_duplicate']}"
            f" duplicate, {n['events_reordered']} out of order"
        )
    if "cdc_committed" in ledger:
        found.append(
            f"ledger {ledger['state']}: {n['cdc_arrived']} of {n['cdc_committed']} committed lines in Kafka,"
            f" {n['cdc_cancels_arrived']} of {n['cdc_cancels_committed']} cancellations, {n.get('cdc_lost', 'unknown')}"
            f" lost, {n['cdc_missing']} missing, {n['cdc_duplicate']} duplicate, {n['cdc_redelivered']} redelivered,"
            f" {n['cdc_reordered']} out of order, {n['cdc_late']} late"
        )
    return found
