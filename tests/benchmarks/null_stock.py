"""Stock Locust with a request that does nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from locust import User, constant, events, task

begun: list[float] = []


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
    begun.append(time.process_time())


def end(environment: Any, **_: Any) -> None:
    """Write what was used."""
    cost = {"cpu_s": time.process_time() - begun[-1], "requests": environment.stats.total.num_requests}
    Path("cost.json").write_text(json.dumps(cost))


events.test_start.add_listener(begin)
events.test_stop.add_listener(end)
