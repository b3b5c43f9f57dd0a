"""A process and its children, seen from outside: what the kernel says of them in /proc."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 1e6


class Tree:
    """One process with all below it.

    Args:
        pid: of the topmost.
    """

    def __init__(self, pid: int) -> None:
        self.top = psutil.Process(pid)

    def processes(self) -> Iterator[psutil.Process]:
        """All that live."""
        with contextlib.suppress(psutil.NoSuchProcess):
            yield from [self.top, *self.top.children(recursive=True)]

    def running(self, module: str) -> list[psutil.Process]:
        """Those that run a module."""
        return [process for process in self.processes() if module in " ".join(command_of(process))]

    def cpu_s(self) -> float:
        """CPU time of all that live, to a hundredth of a second each."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def cores(self, for_s: float) -> float:
        """CPU time a second, from now on for that long."""
        before, began_s = self.cpu_s(), time.monotonic()
        time.sleep(for_s)
        return (self.cpu_s() - before) / (time.monotonic() - began_s)

    def resident_mb(self) -> float:
        """Memory of all that is in RAM; pages that they share count once for each."""
        return sum(process.memory_info().rss for process in self.processes()) / MB

    def own_mb(self) -> float:
        """Memory of all that no other process shares."""
        return sum(process.memory_full_info().uss for process in self.processes()) / MB


def command_of(process: psutil.Process) -> list[str]:
    """Its command line; empty if it is gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def moved_mb(pid: int) -> float:
    """Megabytes that a process read and wrote by system calls so far."""
    lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    counts = {name: int(count) for name, _, count in (line.partition(": ") for line in lines)}
    return (counts["rchar"] + counts["wchar"]) / MB
