"""The row of one second: what was wanted, what was reached, and how host, container and watched services were.

Percentages are 0…100. CPU percentages of ours and of the container are of the CPU that this container may use, those of
the host are of all its cores. Megabytes are 10⁶ bytes. `None` means that this machine does not tell.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Targets:
    """What this second was to have.

    Args:
        cpu_percent: of the CPU that this container may use.
        memory_mb: resident; while it is ramped up, as far as the ramp has come.
        disk_mbps: reads and writes together.
    """

    cpu_percent: float
    memory_mb: float
    disk_mbps: float


@dataclasses.dataclass(frozen=True, slots=True)
class Achieved:
    """What our own processes took in this second.

    Args:
        cpu_percent: of all workers, controller and exporter too, of the CPU that this container may use.
        memory_mb: the part of the held memory that is resident.
        churn_mbps: held memory that was written anew.
        disk_read_mbps: read from the disk.
        disk_write_mbps: written to it.
    """

    cpu_percent: float
    memory_mb: float
    churn_mbps: float
    disk_read_mbps: float
    disk_write_mbps: float


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """The whole machine in this second.

    Args:
        cpu_percent: busy, all processes, of all cores.
        steal_percent: taken by other guests of the same hypervisor.
        load_1: load average of a minute, processes.
        memory_available_mb: could be had without swapping.
        memory_used_mb: in use, caches not counted.
        swap_used_mb: on swap.
        disk_read_mbps: all disks.
        disk_write_mbps: all disks.
        net_received_mbps: all interfaces.
        net_sent_mbps: all interfaces.
        disk_free_mb: where `SYSLOAD_DISK_DIR` is.
    """

    cpu_percent: float
    steal_percent: float
    load_1: float
    memory_available_mb: float
    memory_used_mb: float
    swap_used_mb: float
    disk_read_mbps: float | None
    disk_write_mbps: float | None
    net_received_mbps: float | None
    net_sent_mbps: float | None
    disk_free_mb: float


@dataclasses.dataclass(frozen=True, slots=True)
class Container:
    """The cgroup that we run in, in this second.

    Args:
        cores: that may be used: the least of quota, cpuset and the machine's.
        cpu_percent: used by all processes of the cgroup, of these cores.
        throttled_ms: time for which the quota held the cgroup back.
        memory_used_mb: charged to the cgroup, its page cache too.
        memory_limit_mb: where it would be killed; None without a limit.
    """

    cores: float
    cpu_percent: float | None
    throttled_ms: float | None
    memory_used_mb: float | None
    memory_limit_mb: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Stall:
    """Pressure stall information: the share of the last ten seconds, in percent, for which work stood still.

    Args:
        cpu_some: some task waited for a CPU.
        memory_some: some task waited for memory.
        memory_full: all tasks did.
        io_some: some task waited for a disk.
        io_full: all tasks did.
        source: Linux, Documentation/accounting/psi.rst, `avg10`.
    """

    cpu_some: float | None
    memory_some: float | None
    memory_full: float | None
    io_some: float | None
    io_full: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Watched:
    """One watched health check, as it stood at the end of this second.

    Args:
        target: its address without password, as set in `SYSLOAD_WATCH`.
        state: `unknown` until it has been asked once.
        latency_ms: of the last answer; None if it did not answer.
        state_for_s: since it became so.
        changes: up → down or down → up, since the start.
        is_flapping: whether it changed so often lately that neither state means much.
        engine: what the container engine says of it (`healthy`, `unhealthy` …); empty where it is not asked.
        error: why it is down; empty if it is not.
    """

    target: str
    state: Literal["up", "down", "unknown"]
    latency_ms: float | None
    state_for_s: float
    changes: int
    is_flapping: bool
    engine: str
    error: str


@dataclasses.dataclass(frozen=True, slots=True)
class Second:
    """One second.

    Args:
        at: the UTC epoch second that it covers, from `at` to `at + 1`; rises from row to row, also where the clock
            steps back.
        over_s: how long its rates were measured over: 1, or more where this machine left us no time to measure each
            second apart; every second of such a stretch has a row, all with its averages.
        phase: name of the phase that the pressure was in.
        restarts: of our own workers, since the start.
        workers_dead: of our own workers, now.
        shortfalls: a sentence for each target that was not reached, why; empty if all were.
    """

    at: int
    over_s: float
    phase: str
    targets: Targets
    achieved: Achieved
    host: Host
    container: Container
    stall: Stall
    watched: tuple[Watched, ...]
    restarts: int
    workers_dead: int
    shortfalls: tuple[str, ...]


class Sink(Protocol):
    """Whoever wants every second: the port, the exporter, the status line, the view."""

    def take(self, second: Second, /) -> None:
        """Take one; called once a second from the main thread, so it must not wait for anything."""

    def close(self) -> None:
        """Called once, when the last second has been taken."""
