"""Runs made by hand, for tests of what is concluded from a run."""

from __future__ import annotations

import dataclasses
from typing import Any

from lakestorm.record.manifest import COUNTS, Latency, RequestSpans, RequestSummary, Run

BUY = "PG order.buy"
BALANCED: dict[str, Any] = {
    "state": "closed",
    "reasons": [],
    "stock_start": 1000,
    "restocked": 0,
    "stock_now": 10,
    "net_sold": 990,
    "lines": 990,
    "acknowledged": 990,
    "recovered": 0,
    "lost": 0,
    "duplicate": 0,
    "oversold": 0,
    "unexplained": 0,
}


def latency(p99: float | None = 38.2, *, count: int = 990, **others: float | None) -> Latency:
    """A distribution whose p99 matters; by default its maximum is the p99 and the rest is small."""
    numbers: dict[str, float | None] = {"min": 0.5, "mean": 5.0, "p50": 4.0, "p90": 9.0, "p95": 12.0}
    return Latency(count=count, **numbers | {"p99": p99, "p999": p99, "max": p99} | others)


def request(**changes: Any) -> RequestSummary:
    """One request name: 1000 offered, 990 completed, 10 refused, unless changed."""
    counts: dict[str, Any] = dict.fromkeys(COUNTS, 0) | {"offered": 1000, "completed": 990, "refused": 10}
    times = {name: latency() for name in ("response_ms", "response_ms_of_offered", "service_ms", "wait_ms", "slip_ms")}
    fields = {**counts, "started": 1000, "errors": {}, "retries": {}, "waited_ms": {}, **times}
    return RequestSummary(**fields | changes)


def run(*, buys: RequestSummary | None = None, **changes: Any) -> Run:
    """A run of 60 s that passed, unless changed; `buys` is both spans of PG order.buy."""
    buys = buys or request()
    fields: dict[str, Any] = {
        "format": 1,
        "run_id": "0123456789abc",
        "complete": True,
        "started_at": 1_800_000_000.0,
        "ended_at": 1_800_000_060.0,
        "doors_open_s": 0.0,
        "warmup_s": 0.0,
        "scenarios": ["flashsale"],
        "shape": None,
        "users_peak": 40,
        "stopped_by": "run time",
        "command": "locust -f locustfiles/flashsale.py --headless -u 40 -t 60s",
        "settings": {},
        "environment": {"commit": "abc"},
        "requests": {BUY: RequestSpans(total=buys, measured=buys)},
        "probes": {"stock.left": {"unit": "units", "count": 60, "errors": 0, "min": 10, "mean": 500.0, "max": 1000}},
        "ledger": BALANCED,
        "thresholds": [],
        "instrument": {"invalid": []},
        "verdict": "unknown",
        "reasons": [],
    }
    return Run(**fields | changes)


def with_ledger(**changes: Any) -> dict[str, Any]:
    """The balanced books with changes."""
    return BALANCED | changes


def replaced(made: Run, **changes: Any) -> Run:
    """A run with changes."""
    return dataclasses.replace(made, **changes)
