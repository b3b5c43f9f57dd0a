"""How well the schedule is kept at half the highest rate: our slip against the schedule lag of `pgbench -R`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.harness import Row, alternate
from tests.benchmarks.shop import CLOSED_LOOP, lakestorm, locust_run, pgbench, stock_up

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS = 20
WARM_UP_S = 1.0
LAG_COLUMN, TIME_COLUMNS = 6, (4, 5)
"""Of a line of `pgbench --log`: lag in µs; end of the transaction in s and µs."""


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """Two rows: p50 and p99 in milliseconds."""
    stock_up(env)
    most = lakestorm(env, CONNECTIONS)["buys_per_s"]
    period_ms = max(1, round(CONNECTIONS * 1000 / (most / 2)))
    rate = CONNECTIONS * 1000 / period_ms
    ours, theirs = alternate(rounds, lambda: our_slip_ms(env, period_ms), lambda: their_lag_ms(env, rate))
    what = f"lateness against the schedule, Poisson, {rate:.0f} buys/s"
    return [
        Row(f"{what}, {name}", "ms", [o[i] for o in ours], [t[i] for t in theirs], "pgbench -R", aim)
        for i, (name, aim) in enumerate((("p50", ""), ("p99", "≤ 1")))
    ]


def our_slip_ms(env: Mapping[str, str], period_ms: int) -> tuple[float, float]:
    """The part of the wait that is the generator's own fault: p50 and p99."""
    settings = CLOSED_LOOP | {
        "PURCHASE_GEN_EVERY_MS": str(period_ms),
        "PURCHASE_ARRIVALS": "poisson",
        "WARMUP_S": str(WARM_UP_S),
    }
    slip = locust_run(env, CONNECTIONS, **settings)["requests"]["PG order.buy"]["measured"]["slip_ms"]
    return slip["p50"], slip["p99"]


def their_lag_ms(env: Mapping[str, str], rate: float) -> tuple[float, float]:
    """The schedule lag of each transaction: p50 and p99, without the first second."""
    with tempfile.TemporaryDirectory() as folder:
        pgbench(env, CONNECTIONS, "-R", f"{rate:.0f}", "--log", folder=Path(folder))
        (log,) = Path(folder).glob("pgbench_log.*")
        lines = np.loadtxt(log, usecols=(*TIME_COLUMNS, LAG_COLUMN))
    ended_s = lines[:, 0] + lines[:, 1] / 1e6
    lag_ms = lines[ended_s > ended_s.min() + WARM_UP_S, 2] / 1e3
    p50, p99 = np.quantile(lag_ms, [0.5, 0.99], method="inverted_cdf")
    return float(p50), float(p99)
