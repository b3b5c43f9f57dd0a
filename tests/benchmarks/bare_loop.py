"""The least that a gevent program can do to buy: `python -m tests.benchmarks.bare_loop CONNECTIONS SECONDS`.

The same statement, prepared the same way, on as many connections; nothing is chosen by demand, nothing is recorded.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - after the patch
import os  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import gevent  # noqa: E402
import psycogreen.gevent  # noqa: E402
import psycopg2  # noqa: E402

from lakestorm.clients.purchases import PREPARE  # noqa: E402

ITEMS, USERS = 1000, 10_000


def connect() -> psycopg2.extensions.connection:
    """A connection in autocommit with the statements prepared."""
    host, port, user, password, db = (os.environ[f"POSTGRES_{n}"] for n in ("HOST", "PORT", "USER", "PASSWORD", "DB"))
    connection = psycopg2.connect(host=host, port=port, user=user, password=password, dbname=db)
    connection.autocommit = True
    connection.cursor().execute(PREPARE)
    return connection


def buy_until(end: float, lane: int, counts: list[int]) -> None:
    """Buy on one connection until the clock says so."""
    cursor = connect().cursor()
    prefix = f"{time.time_ns() // 1_000_000:012x}"
    low = lane << 40
    while time.perf_counter() < end:
        low += 1
        reference = f"{prefix[:8]}-{prefix[8:]}-8000-8000-{low:012x}"
        item, buyer = 1 + int(random.random() * ITEMS), 1 + int(random.random() * USERS)
        cursor.execute(f"EXECUTE lakestorm_buy({buyer},{item},NULL,'{reference}')")
        counts[lane] += 1


def main() -> None:
    """Buy, then print buys a second and CPU a buy."""
    psycogreen.gevent.patch_psycopg()
    connections, seconds = int(sys.argv[1]), float(sys.argv[2])
    counts = [0] * connections
    started, cpu_s = time.perf_counter(), time.process_time()
    lanes = [gevent.spawn(buy_until, started + seconds, lane, counts) for lane in range(connections)]
    gevent.joinall(lanes, raise_error=True)
    wall_s, cpu_s, buys = time.perf_counter() - started, time.process_time() - cpu_s, sum(counts)
    print(json.dumps({"buys_per_s": buys / wall_s, "cpu_us": cpu_s / buys * 1e6}))


if __name__ == "__main__":
    main()
