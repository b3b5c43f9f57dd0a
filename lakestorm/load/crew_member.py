"""One worker in one run, and whether Locust still hears of it."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

from locust.runners import STATE_MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.runners import WorkerNodes

LOST_S = 10.0
"""How long Locust may miss a worker before it counts as lost: one that is short of CPU comes back."""


@dataclasses.dataclass(slots=True)
class Member:
    """One worker in one run.

    Attributes:
        client_id: Locust's name of it.
        process: its number in order references and files, from 1.
        about: what it said of itself: host, pid, settings, clock error.
        state: enlisted, ready, refused, dismissed, running, drained or lost.
        told_s: the second of the run up to which it has reported.
        refused: why it could not begin.
        instrument: what it saw of its own event loop and CPU.
    """

    client_id: str
    process: int
    about: dict[str, Any]
    state: str = "enlisted"
    told_s: int = 0
    refused: str = ""
    instrument: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """As people know it."""
        return f"worker {self.process} ({self.about.get('host', '?')}, process {self.about.get('pid', '?')})"

    def refuse(self, why: str, state: str = "refused") -> None:
        """It cannot begin."""
        self.state, self.refused = state, why

    def gap(self) -> str:
        """What is not known of the run, where it was lost."""
        return (
            f"{self.name[0].upper()}{self.name[1:]} was lost: what it did after second {self.told_s} of the run,"
            " and which of its answers were acknowledged, is not known."
        )

    def summary(self) -> dict[str, Any]:
        """For `run.json`: what became of it, how exact its clock is, and what it saw of itself."""
        return {
            "process": self.process,
            "host": self.about.get("host"),
            "pid": self.about.get("pid"),
            "state": self.state,
            "reported_until_s": self.told_s,
            "clock_error_ms": self.about.get("clock_error_ms"),
            **self.instrument,
        }


class Presence:
    """Which workers may still answer.

    Args:
        clients: Locust's, by name; it misses one after four seconds without a sign of life, and forgets one that
            took its leave.
        clock: seconds.
    """

    def __init__(self, clients: WorkerNodes, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clients = clients
        self._clock = clock
        self._missed_since_s: dict[str, float] = {}

    def there(self) -> list[str]:
        """Workers that Locust hears of; one that is still checking its settings is among them."""
        return [client.id for client in self._clients.all if client.state != STATE_MISSING]

    def may_answer(self, client_id: str) -> bool:
        """Whether one that runs may: one that took its leave drains first, and Locust has forgotten it."""
        return client_id not in self._clients or self._missed_s(client_id) < LOST_S

    def may_get_ready(self, client_id: str) -> bool:
        """Whether one that prepares may: one that took its leave does not come back."""
        return self._missed_s(client_id) < LOST_S

    def _missed_s(self, client_id: str) -> float:
        client = self._clients.get(client_id)
        if client is not None and client.state != STATE_MISSING:
            self._missed_since_s.pop(client_id, None)
            return 0.0
        return self._clock() - self._missed_since_s.setdefault(client_id, self._clock())
