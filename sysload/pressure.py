"""Orders the workers to make the pressure of a phase, and says what came of it."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from sysload.child import Child
from sysload.cpu import share_of_each
from sysload.memory import ramped
from sysload.second import Achieved, Targets
from sysload.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakestorm.settings import SysloadSettings
    from sysload.limits import Limits

NOTHING = Targets(0.0, 0.0, 0.0)


class Rate:
    """Growth a second of a figure that a worker tells with its own time, by the clock that all processes share.

    Args:
        name: of the figure.
        clock: that clock.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._clock = name, clock
        self._last = (clock(), 0.0)

    def next(self, report: dict[str, Any]) -> float:
        """Since the report of the last call; 0 if it has told nothing since."""
        if "at_s" not in report:  # it has not begun yet, or begins anew: from nothing
            self._last = (self._clock(), 0.0)
            return 0.0
        (before_s, before), self._last = self._last, (report["at_s"], report[self._name])
        grown = self._last[1] - before if self._last[1] >= before else self._last[1]
        return grown / (self._last[0] - before_s) if self._last[0] > before_s else 0.0


class Pressure:
    """The workers that the plan's peak needs, and their orders.

    Args:
        settings: how each kind of pressure is made.
        limits: what may be used.
        peak: the most that is ever wanted; kinds of which nothing is wanted have no worker.
        say: takes sentences for whoever runs it.
    """

    def __init__(self, settings: SysloadSettings, limits: Limits, peak: Targets, say: Callable[[str], None]) -> None:
        self._settings, self._limits, self._peak = settings, limits, peak
        count = limits.workers if peak.cpu_percent else 0
        self._burners = [Child(f"CPU {number}", "sysload.cpu_worker") for number in range(1, count + 1)]
        self._memory = Child("memory", "sysload.memory_worker") if peak.memory_mb else None
        self._disk = Child("disk", "sysload.disk_worker") if peak.disk_mbps else None
        self.supervisor = Supervisor([*self._burners, *filter(None, (self._memory, self._disk))], say)
        self._targets = NOTHING
        self._own_cpu_s = time.process_time()
        self._others_cores = 0.0
        self._churn, self._read, self._written = Rate("churned_mb"), Rate("read_mb"), Rate("written_mb")

    @property
    def targets(self) -> Targets:
        """What was ordered last."""
        return self._targets

    @property
    def ramp_mbps(self) -> float:
        """Pace at which memory is taken."""
        ramp_s = self._settings.memory_ramp_s
        return self._peak.memory_mb / ramp_s if ramp_s else math.inf

    def order(self, targets: Targets, next_s: float) -> None:
        """Tell the workers what the next stretch of time, that long, is to have."""
        memory_mb = ramped(self._targets.memory_mb, targets.memory_mb, self.ramp_mbps, next_s)
        self._targets = Targets(targets.cpu_percent, memory_mb, targets.disk_mbps)
        for child, order in self._orders():
            child.order(order)

    def _orders(self) -> list[tuple[Child, dict[str, Any]]]:
        orders = [(child, self._cpu_order()) for child in self._burners]
        orders += [(child, self._memory_order()) for child in (self._memory,) if child]
        return orders + [(child, self._disk_order()) for child in (self._disk,) if child]

    def _cpu_order(self) -> dict[str, Any]:
        ours = self._settings
        percent, cores = self._targets.cpu_percent, self._limits.cores
        share = share_of_each(percent, cores, len(self._burners), self._others_cores)
        return {"share": share, "shape": ours.cpu_shape, "burst_s": ours.cpu_burst_s, "nice": ours.cpu_nice}

    def _memory_order(self) -> dict[str, Any]:
        ours = self._settings
        return {
            "target_mb": self._targets.memory_mb,
            "ramp_mbps": None if math.isinf(self.ramp_mbps) else self.ramp_mbps,
            "churn_mbps": ours.memory_churn_mbps,
            "reserve_mb": ours.memory_reserve_mb,
            "pressure_percent": ours.memory_pressure_percent,
        }

    def _disk_order(self) -> dict[str, Any]:
        ours = self._settings
        return {
            "mbps": self._targets.disk_mbps,
            "read_share": ours.disk_read_share,
            "folder": str(ours.disk_dir),
            "file_mb": ours.disk_file_mb,
            "reserve_mb": ours.disk_reserve_mb,
        }

    def achieved(self, over_s: float) -> Achieved:
        """What came of it since the last call, which was that long ago."""
        self.supervisor.listen()
        burnt_s = sum(child.cpu_grown_s() for child in self._burners)
        others_s = self._own_growth_s() + sum(c.cpu_grown_s() for c in (self._memory, self._disk) if c)
        self._others_cores = others_s / over_s
        memory, disk = (child.report if child else {} for child in (self._memory, self._disk))
        return Achieved(
            cpu_percent=100 * (burnt_s + others_s) / over_s / self._limits.cores,
            memory_mb=memory.get("resident_mb", 0.0),
            churn_mbps=self._churn.next(memory),
            disk_read_mbps=self._read.next(disk),
            disk_write_mbps=self._written.next(disk),
        )

    def reasons(self) -> dict[str, str]:
        """{memory, disk: why the worker says that it does less than asked}; empty where it does not."""
        pairs = {"memory": self._memory, "disk": self._disk}
        return {name: child.report.get("reason", "") if child else "" for name, child in pairs.items()}

    def _own_growth_s(self) -> float:
        before, self._own_cpu_s = self._own_cpu_s, time.process_time()
        return self._own_cpu_s - before
