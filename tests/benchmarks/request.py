"""What a request costs that does nothing: our schedule, record and statistics against stock Locust's."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.harness import Row, alternate, timed

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
SECONDS, USERS = 6, 50


def run(_env: Mapping[str, str], rounds: int) -> list[Row]:
    """One row: CPU a request, in microseconds; what ours adds is the difference."""
    ours, theirs = alternate(rounds, lambda: cost_us("null_ours.py"), lambda: cost_us("null_stock.py"))
    added = [mine - stock for mine, stock in zip(ours, theirs, strict=True)]
    return [
        Row("CPU of a request that does nothing", "µs", ours, theirs, "stock Locust"),
        Row("of it added by lakestorm", "µs", added, [], "", "≤ 10"),
    ]


def cost_us(locustfile: str) -> float:
    """CPU a request of a headless run of one of the null locustfiles, which writes what it used."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--headless", "--only-summary", "-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s"]
        command = [sys.executable, "-m", "locust", "-f", str(HERE / locustfile), *options]
        timed(command, {"THRESHOLDS_FILE": ""}, Path(folder))
        (file,) = Path(folder).glob("cost-*.json")
        found = json.loads(file.read_text())
        return float(found["cpu_s"]) / int(found["requests"]) * 1e6
