"""A sale in a spike, with two worker processes and with one process: books that balance to the last line, every time.

No ratio: a check, with as many runs of each as there are rounds. It is not run unless it is asked for.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakestorm.sandbox.service import free_port
from tests.benchmarks.harness import ROOT, Row, timed
from tests.benchmarks.shop import VERDICTS, stock_up
from tests.integration.locust_process import rows

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = f"{ROOT / 'locustfiles' / 'flashsale.py'},{ROOT / 'loadshapes' / 'spike.py'}"
LOAD = ("--headless", "-u", "60", "-t", "20s")
SIDES = {"one process": 0, "two worker processes": 2}


def run(env: Mapping[str, str], rounds: int) -> list[Row]:
    """One row a side: in how many runs it balanced.

    Raises:
        RuntimeError: one did not; says which, and what differed.
    """
    exact: dict[str, int] = dict.fromkeys(SIDES, 0)
    wrong = []
    for number in range(1, rounds + 1):
        for side, processes in SIDES.items():
            problem = problem_of(env, processes)
            print(f"  run {number} of {rounds}, {side}: {problem or 'exact'}", file=sys.stderr, flush=True)
            exact[side] += not problem
            wrong += [f"run {number} of {side}: {problem}"] * bool(problem)
    if wrong:
        raise RuntimeError("; ".join(wrong))
    return [
        Row(f"runs of {side} that balance to the last line", f"of {rounds}", [count], [], "", f"= {rounds}")
        for side, count in exact.items()
    ]


def problem_of(env: Mapping[str, str], processes: int) -> str:
    """What does not balance in one run on a fresh shop; empty if all does."""
    stock_up(env)
    found = run_of(env, processes)
    buys, ledger = found["requests"]["PG order.buy"]["total"], found["ledger"]
    lines = rows(env, "SELECT count(*) FROM purchases")[0][0]
    workers = len(found["instrument"].get("workers", []))
    if workers != processes or any(worker["state"] != "drained" for worker in found["instrument"].get("workers", [])):
        return f"{processes} workers were to drain, and there were {found['instrument'].get('workers')}"
    if ledger["state"] != "closed":
        return f"the ledger is {ledger['state']}: {' '.join(found['reasons'])}"
    if buys["completed"] != lines or not lines:
        return f"{buys['completed']} buys completed, {buys['recovered']} of them recovered, and the table has {lines}"
    return ""


def run_of(env: Mapping[str, str], processes: int) -> dict[str, Any]:
    """run.json of one run; on a busy machine its verdict may be what it likes, the books may not."""
    port = str(free_port())
    distributed = ("--processes", str(processes), "--master-port", port, "--master-bind-port", port)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "locust", "-f", FILES, *LOAD, *(distributed if processes else ())]
        timed(command, env, Path(folder), accepted=VERDICTS)
        found: dict[str, Any] = json.loads((Path(folder) / "results" / "latest" / "run.json").read_text())
        return found
