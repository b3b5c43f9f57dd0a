"""Figures of host and container, once a second: differences of what the kernel counts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from sysload import usage
from sysload.second import Container, Host

if TYPE_CHECKING:
    from sysload.cgroup import Groups
    from sysload.limits import Limits
    from sysload.second import Stall

MB = 1e6


class Counts(NamedTuple):
    """What the kernel has counted up to a moment; None where it does not tell."""

    cpu_total_s: float
    cpu_idle_s: float
    cpu_steal_s: float
    group_cpu_s: float | None
    throttled_s: float | None
    disk_read_bytes: float | None
    disk_write_bytes: float | None
    net_received_bytes: float | None
    net_sent_bytes: float | None


class Meter:
    """Remembers what was counted a second ago.

    Args:
        groups: of this process.
        limits: of these groups.
        folder: whose file system's free space is told; the nearest outer folder that is there counts.
    """

    def __init__(self, groups: Groups, limits: Limits, folder: Path) -> None:
        self._groups, self._limits = groups, limits
        self._folder = folder.absolute()
        self._before = self._counts()

    def read(self, over_s: float) -> tuple[Host, Container, Stall]:
        """Figures since the last call, which was that long ago."""
        now, before = self._counts(), self._before
        self._before = now
        return self._host(now, before, over_s), self._container(now, before, over_s), self._stall()

    def _stall(self) -> Stall:
        return usage.stall(self._groups, Path("/"))

    def _host(self, now: Counts, before: Counts, over_s: float) -> Host:
        memory = psutil.virtual_memory()
        total_s = max(1e-9, now.cpu_total_s - before.cpu_total_s)
        return Host(
            cpu_percent=100 * max(0.0, 1 - (now.cpu_idle_s - before.cpu_idle_s) / total_s),
            steal_percent=100 * max(0.0, now.cpu_steal_s - before.cpu_steal_s) / total_s,
            load_1=os.getloadavg()[0],
            memory_available_mb=memory.available / MB,
            memory_used_mb=memory.used / MB,
            swap_used_mb=swap_used_bytes() / MB,
            disk_read_mbps=per_s(now.disk_read_bytes, before.disk_read_bytes, over_s, MB),
            disk_write_mbps=per_s(now.disk_write_bytes, before.disk_write_bytes, over_s, MB),
            net_received_mbps=per_s(now.net_received_bytes, before.net_received_bytes, over_s, MB),
            net_sent_mbps=per_s(now.net_sent_bytes, before.net_sent_bytes, over_s, MB),
            disk_free_mb=free_bytes(self._folder) / MB,
        )

    def _container(self, now: Counts, before: Counts, over_s: float) -> Container:
        used = usage.memory_used_bytes(self._groups)
        return Container(
            cores=self._limits.cores,
            cpu_percent=per_s(now.group_cpu_s, before.group_cpu_s, over_s, self._limits.cores / 100),
            throttled_ms=per_s(now.throttled_s, before.throttled_s, over_s, 1e-3),
            memory_used_mb=None if used is None else used / MB,
            memory_limit_mb=self._limits.memory_bytes / MB if self._limits.has_memory_limit else None,
        )

    def _counts(self) -> Counts:
        cpu = psutil.cpu_times()
        disk, net = psutil.disk_io_counters(), psutil.net_io_counters()
        return Counts(
            cpu_total_s=sum(cpu) - getattr(cpu, "guest", 0.0) - getattr(cpu, "guest_nice", 0.0),  # in user already
            cpu_idle_s=cpu.idle + getattr(cpu, "iowait", 0.0),
            cpu_steal_s=getattr(cpu, "steal", 0.0),
            group_cpu_s=usage.cpu_seconds(self._groups),
            throttled_s=usage.throttled_seconds(self._groups),
            disk_read_bytes=disk.read_bytes if disk else None,
            disk_write_bytes=disk.write_bytes if disk else None,
            net_received_bytes=net.bytes_recv if net else None,
            net_sent_bytes=net.bytes_sent if net else None,
        )


def per_s(now: float | None, before: float | None, over_s: float, unit: float) -> float | None:
    """Growth a second, in that unit; None where it is not counted."""
    return None if now is None or before is None else max(0.0, now - before) / over_s / unit


def swap_used_bytes() -> float:
    """On swap; psutil's own `swap_memory` reads all of /proc/vmstat and warns where that is hidden."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # another system
        return float(psutil.swap_memory().used)
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.startswith("Swap")}
    return 1024.0 * (kib["SwapTotal"] - kib["SwapFree"])


def free_bytes(folder: Path) -> float:
    """Free space for us where a folder is, or would be."""
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    left = os.statvfs(there)
    return float(left.f_bavail * left.f_frsize)
