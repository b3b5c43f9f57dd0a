"""Says in words which target was not reached, and why. Pure."""

from __future__ import annotations

import collections
import math
import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sysload.second import Achieved, Container, Host, Targets

WINDOW = 10
"""Seconds that CPU and disk are averaged over: the accuracy that is promised is over so many."""
LEAST = 3
"""Seconds without which nothing is said: a start takes its time."""
CPU_POINTS = 2.0
DISK_SHARE = 0.1
MEMORY_MB, MEMORY_SHARE = 5.0, 0.02
MUCH_STEAL_PERCENT = 5.0


class Shortfalls:
    """Compares the last seconds with their targets.

    Args:
        burst_s: length of a burst and its rest, over whole ones of which CPU is averaged; None where it is smooth.
    """

    def __init__(self, burst_s: float | None = None) -> None:
        window = math.ceil(burst_s * math.ceil(WINDOW / burst_s)) if burst_s else WINDOW
        self._rows: collections.deque[tuple[Targets, Achieved]] = collections.deque(maxlen=window)
        self._least = window if burst_s else LEAST

    def next(
        self,
        targets: Targets,
        achieved: Achieved,
        surroundings: tuple[Host, Container],
        reasons: Mapping[str, str],
        ramp_mbps: float,
    ) -> tuple[str, ...]:
        """A sentence for each target that was missed, the newest second included.

        Args:
            targets: of that second.
            achieved: in that second.
            surroundings: of that second.
            reasons: what the memory and the disk worker say stands against them.
            ramp_mbps: pace at which memory is taken: what a second may still lack.
        """
        self._rows.append((targets, achieved))
        sentences = [*self._memory(targets, achieved, reasons["memory"], ramp_mbps)]
        if len(self._rows) >= self._least:
            sentences += [*self._cpu(*surroundings), *self._disk(reasons["disk"])]
        return tuple(sentences)

    def _cpu(self, host: Host, container: Container) -> Iterator[str]:
        wanted = statistics.fmean(targets.cpu_percent for targets, _ in self._rows)
        got = statistics.fmean(achieved.cpu_percent for _, achieved in self._rows)
        over = f"over {len(self._rows)} s"
        if got < wanted - CPU_POINTS:
            yield f"CPU: {got:.1f} of {wanted:.1f} % reached {over}: {reason_of_cpu(host, container)}."
        elif wanted and got > wanted + CPU_POINTS:
            yield f"CPU: {got:.1f} of {wanted:.1f} % used {over}: memory, disk, export and watching alone take more."

    def _disk(self, reason: str) -> Iterator[str]:
        wanted = statistics.fmean(targets.disk_mbps for targets, _ in self._rows)
        got = statistics.fmean(a.disk_read_mbps + a.disk_write_mbps for _, a in self._rows)
        if got < wanted * (1 - DISK_SHARE):
            why = reason or "the disk takes no more"
            yield f"Disk: {got:.1f} of {wanted:.1f} MB/s reached over {len(self._rows)} s: {why}."

    def _memory(self, targets: Targets, achieved: Achieved, reason: str, ramp_mbps: float) -> Iterator[str]:
        wanted, got = targets.memory_mb, achieved.memory_mb
        step = ramp_mbps if math.isfinite(ramp_mbps) else wanted if len(self._rows) < LEAST else 0.0
        if reason or got < wanted - max(MEMORY_MB, MEMORY_SHARE * wanted) - step:
            why = reason or "the rest could not be taken that fast, or is swapped out"
            yield f"Memory: {got:.0f} of {wanted:.0f} MB held: {why}."


def reason_of_cpu(host: Host, container: Container) -> str:
    """Who had the CPU instead."""
    if container.throttled_ms:
        return f"the quota of the control group held it back for {container.throttled_ms:.0f} ms of the last second"
    if host.steal_percent > MUCH_STEAL_PERCENT:
        return f"other guests of the host took {host.steal_percent:.0f} % of the CPU"
    return f"the machine is {host.cpu_percent:.0f} % busy"
