"""Buys a second in a closed loop, and CPU a buy: ours against pgbench and against a bare loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Row, alternate
from tests.benchmarks.shop import bare_loop, lakestorm, pgbench_buys_per_s, stock_up

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTIONS = (10, 50)


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """Three rows for each number of connections."""
    stock_up(env)
    return [row for connections in CONNECTIONS for row in compare(env, rounds, connections)]


def compare(env: Mapping[str, str], rounds: int, connections: int) -> list[Row]:
    """Ours, pgbench, the bare loop, in turn."""
    sides = (partial(side, env, connections) for side in (lakestorm, pgbench_buys_per_s, bare_loop))
    ours, pgbench, bare = alternate(rounds, *sides)
    rate, cpu = ([found[what] for found in ours] for what in ("buys_per_s", "cpu_us"))
    bare_rate, bare_cpu = ([found[what] for found in bare] for what in ("buys_per_s", "cpu_us"))
    what = f"buys, closed loop, {connections} connections"
    return [
        Row(what, "per s", rate, pgbench, "pgbench -M prepared", "≥ 0.75, goal 0.9"),
        Row(what, "per s", rate, bare_rate, "bare psycopg2 + gevent", "≥ 0.85"),
        Row(f"CPU of the client, {connections} connections", "µs a buy", cpu, bare_cpu, "bare psycopg2 + gevent"),
    ]
