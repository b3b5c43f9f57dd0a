"""A run of sys-load: from one whole second to the next, order, measure, tell."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from sysload.pressure import NOTHING
from sysload.second import Second
from sysload.seconds import EARLY_S, seconds_due, wait_s

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from sysload.figures import Meter
    from sysload.phases import Plan
    from sysload.pressure import Pressure
    from sysload.second import Sink
    from sysload.shortfalls import Shortfalls
    from sysload.watching import Watcher

BASELINE = "baseline"
"""The phase before any pressure, in which watched health checks are asked to compare with."""


@dataclasses.dataclass
class Run:
    """Everything that a second needs.

    Args:
        plan: what is wanted when.
        pressure: makes it; started.
        meter: of host and container.
        shortfalls: compares.
        watcher: of health checks; started.
        sinks: each takes every second, in this order.
        duration_s: of the pressure; None = until it is stopped.
    """

    plan: Plan
    pressure: Pressure
    meter: Meter
    shortfalls: Shortfalls
    watcher: Watcher
    sinks: Sequence[Sink]
    duration_s: float | None

    def go(self, stop: threading.Event) -> None:
        """Second after second, until the duration is over or somebody says stop."""
        if stop.wait(wait_s(time.time())):
            return
        last_s, wall_s = time.monotonic(), time.time()
        began_s = last_s - (wall_s - round(wall_s))  # when the second began, not when we woke up in it
        last_at = round(wall_s) - 1
        self.meter.read(1.0)
        self.pressure.achieved(1.0)
        pressure_s = began_s + self.watcher.baseline_s
        ends_s = float("inf") if self.duration_s is None else pressure_s + self.duration_s - 0.5
        while True:
            name = self._order(last_s - pressure_s)
            if stop.wait(wait_s(time.time())):
                return
            over_s, last_s = time.monotonic() - last_s, time.monotonic()
            due = seconds_due(last_at, time.time(), over_s)
            self._tell(self._row(name, due[0], over_s), due)
            last_at = due[-1]
            if last_s >= ends_s:
                return

    def _order(self, elapsed_s: float) -> str:
        """Order what the coming second is to have; the phase's name."""
        self.pressure.supervisor.revive()
        is_baseline = elapsed_s < -0.5  # noqa: PLR2004 - half a second: seconds are whole
        phase = None if is_baseline else self.plan.at(max(0.0, elapsed_s + EARLY_S))
        targets = phase.targets if phase else NOTHING
        self.pressure.order(targets, 1.0)
        self.watcher.set_pressure(is_on=targets != NOTHING)
        return phase.name if phase else BASELINE

    def _row(self, name: str, at: int, over_s: float) -> Second:
        """The second that is over."""
        targets, achieved = self.pressure.targets, self.pressure.achieved(over_s)
        host, container, stall = self.meter.read(over_s)
        reasons, ramp_mbps = self.pressure.reasons(), self.pressure.ramp_mbps
        return Second(
            at=at,
            over_s=over_s,
            phase=name,
            targets=targets,
            achieved=achieved,
            host=host,
            container=container,
            stall=stall,
            watched=self.watcher.states(),
            restarts=self.pressure.supervisor.restarts,
            workers_dead=self.pressure.supervisor.dead(),
            shortfalls=self.shortfalls.next(targets, achieved, (host, container), reasons, ramp_mbps),
        )

    def _tell(self, row: Second, due: range) -> None:
        """Give the row to all, once for each second that it stands for."""
        for at in due:
            for sink in self.sinks:
                sink.take(dataclasses.replace(row, at=at))
