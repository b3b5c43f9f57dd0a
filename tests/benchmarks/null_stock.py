"""Stock Locust with a request that does nothing."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from locust import User, constant, events, task
from locust.runners import MasterRunner

begun: list[tuple[float, float]] = []
"""Of each run: CPU and clock at its start."""
reported: list[int] = []
"""Requests of a worker that its master has been told of; its own table begins anew with each report."""


class NullUser(User):
    """As fast as it can."""

    wait_time = constant(0)

    @task
    def nothing(self) -> None:
        """One request."""
        started = time.perf_counter()
        self.environment.events.request.fire(
            request_type="NULL",
            name="nothing",
            response_time=(time.perf_counter() - started) * 1e3,
            response_length=0,
            exception=None,
            context={},
        )


def begin(**_: Any) -> None:
    """Start the clock."""
    begun.append((time.process_time(), time.perf_counter()))


def end(environment: Any, **_: Any) -> None:
    """Write what was used, a file for each process in which users ran."""
    if isinstance(environment.runner, MasterRunner):
        return
    cpu_s, began_s = begun[-1]
    cost = {
        "cpu_s": time.process_time() - cpu_s,
        "lasted_s": time.perf_counter() - began_s,
        "requests": sum(reported) + environment.stats.total.num_requests,
    }
    Path(f"cost-{os.getpid()}.json").write_text(json.dumps(cost))


def count_reports(**_: Any) -> None:
    """Count what a report takes out of the table, once Locust's own listener has put it into the report."""
    events.report_to_master.add_listener(lambda data, **_: reported.append(data["stats_total"]["num_requests"]))


events.init.add_listener(count_reports)
events.test_start.add_listener(begin)
events.test_stop.add_listener(end)
