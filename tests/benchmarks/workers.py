"""Two worker processes against one, on requests that do nothing: ours, and stock Locust's beside it."""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakestorm.sandbox.service import free_port
from tests.benchmarks.harness import Row, alternate, timed
from tests.benchmarks.shop import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE = Path(__file__).parent
SERVICES = ()
SECONDS, USERS = 8, 50


def run(_env: Mapping[str, str], rounds: int) -> list[Row]:
    """Requests a second of two workers beside one, of ours beside stock Locust's, and what a request costs there."""
    sides = [partial(measured, file, processes) for file in (ours, stock) for processes in (1, 2)]
    one, two, stock_one, stock_two = alternate(rounds, *sides)
    rate = [[found["per_s"] for found in side] for side in (one, two, stock_one, stock_two)]
    cpu_us = [[found["cpu_us"] for found in side] for side in (two, stock_two)]
    what = "requests that do nothing, two workers"
    return [
        Row(what, "per s", rate[1], rate[0], "one worker", "≥ 1.9"),
        Row(f"stock Locust, {what}", "per s", rate[3], rate[2], "one worker", ""),
        Row(what, "per s", rate[1], rate[3], "stock Locust, two workers", ""),
        Row("CPU of a request that does nothing, two workers", "µs", cpu_us[0], cpu_us[1], "stock Locust", ""),
    ]


def measured(read: Any, processes: int) -> dict[str, float]:
    """Requests a second and CPU of workers a request (`per_s`, `cpu_us`) of one run with so many of them."""
    port = str(free_port())
    options = ("--headless", "--only-summary", "-u", str(USERS), "-r", str(USERS), "-t", f"{SECONDS}s")
    distributed = ("--processes", str(processes), "--master-port", port, "--master-bind-port", port)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", str(HERE / f"null_{read.__name__}.py"), *options, *distributed]
        timed(command, {"THRESHOLDS_FILE": ""}, Path(folder), accepted=VERDICTS)
        requests, workers = read(Path(folder))
    assert len(workers) == processes, workers  # else fewer would look like slow ones
    lasted_s = max(worker["lasted_s"] for worker in workers)
    return {"per_s": requests / lasted_s, "cpu_us": sum(worker["cpu_s"] for worker in workers) / requests * 1e6}


def ours(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Requests, and what each worker saw of itself, as the master wrote it down."""
    found = json.loads((folder / "results" / "latest" / "run.json").read_text())
    return found["requests"]["NULL nothing"]["total"]["completed"], found["instrument"]["workers"]


def stock(folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """The same, as each worker wrote it down: a master of stock Locust does not hear of the last ones."""
    workers = [json.loads(file.read_text()) for file in folder.glob("cost-*.json")]
    return sum(worker["requests"] for worker in workers), workers
