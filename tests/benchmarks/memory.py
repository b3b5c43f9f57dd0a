"""Memory of a run with ten million orders: what the record and the list of acknowledged lines grow by."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lakestorm.record.recorder import Recorder
from lakestorm.record.references import AcknowledgedLines
from lakestorm.record.results import ResultsWriter
from tests.benchmarks.harness import Row, timed

if TYPE_CHECKING:
    from collections.abc import Mapping

ORDERS, PER_S = 10_000_000, 10_000


def run(_env: Mapping[str, str], _rounds: int) -> list[Row]:
    """One row: bytes an order, in a process of its own."""
    grown = float(timed([sys.executable, "-m", "tests.benchmarks.memory"], {}).output)
    return [
        Row(f"memory grown over {ORDERS:,} orders", "MB", [grown / 1e6], [], ""),
        Row("of it an order", "bytes", [grown / ORDERS], [], "", "≤ 2"),
    ]


def grow(folder: Path) -> int:
    """Record that many orders through the real classes, a second's worth at a time; bytes of memory gained."""
    (folder / "histograms").mkdir()
    recorder = Recorder(ResultsWriter(folder), warmup_s=0)
    record = recorder.add("PG order.buy", refusals="PG order.sold_out")
    recorder.start(0.0)
    lines = AcknowledgedLines(folder / "orders.bin", "0", 0)
    before = 0
    for number in range(ORDERS):
        if number % PER_S == 0:
            for _ in recorder.rotate(number / PER_S):
                time.sleep(0)
            if number == 2 * PER_S:
                before = psutil.Process().memory_info().rss
        at = number / PER_S
        record.rows.extend((at, at, at, at, at + 0.001, 0, 0))
        lines.bought(number)
    return int(psutil.Process().memory_info().rss - before)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(grow(Path(scratch)))
