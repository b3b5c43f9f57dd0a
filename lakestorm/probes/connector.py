"""Does the connector run, and do all of its tasks?"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lakestorm.errors import LakestormError, ProbeError
from lakestorm.probes.asking import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lakestorm.clients.connect import Connect

ANSWER_S = 2.0
STATES = ("RUNNING", "PAUSED", "STOPPED", "RESTARTING", "UNASSIGNED", "FAILED")
"""As Kafka Connect calls them, the gravest last; a reading has the place in this list."""


class Connector:
    """One connector, as Kafka Connect's REST API tells of it.

    Args:
        connect: who is asked.
        connector: its name.
    """

    name: ClassVar[str] = "connector"
    units: ClassVar[Mapping[str, str]] = {
        "state": ", ".join(f"{code} {state.lower()}" for code, state in enumerate(STATES)),
        "tasks_running": "tasks",
        "tasks_failed": "tasks",
    }

    def __init__(self, connect: Connect, connector: str) -> None:
        self._connect = connect
        self._connector = connector

    def sample(self) -> Iterator[Value]:
        """See Probe."""
        try:
            status = self._connect.status(self._connector)
        except LakestormError as error:
            raise ProbeError(str(error)) from error
        if status.connector.state not in STATES:
            raise ProbeError(f"its state is {status.connector.state}, which is none of Kafka Connect's")
        tasks = [task.state for task in status.tasks.values()]
        yield Value("state", float(STATES.index(status.connector.state)), self.units["state"])
        yield Value("tasks_running", float(tasks.count("RUNNING")), self.units["tasks_running"])
        yield Value("tasks_failed", float(tasks.count("FAILED")), self.units["tasks_failed"])
