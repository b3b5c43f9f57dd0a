"""What this container may use: CPU and memory, by the least of all limits that bind it.

cores = min(quota / period of each group, CPUs of the cpuset and the affinity mask)
memory = min(limit of each group, the machine's memory)
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from sysload.cgroup import UNIFIED, Groups

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """What may be used.

    Args:
        cores: of CPU time a second; 0.5 is half a core.
        cpus: on which processes may run at one time.
        cores_by: what sets it, in words.
        memory_bytes: at most.
        memory_by: what sets it, in words.
        has_memory_limit: whether a control group does, and not the machine's end.
    """

    cores: float
    cpus: int
    cores_by: str
    memory_bytes: int
    memory_by: str
    has_memory_limit: bool

    @property
    def workers(self) -> int:
        """How many processes it takes to use all of the CPU."""
        return max(1, min(self.cpus, math.ceil(self.cores)))


def find_limits(groups: Groups, affinity: Iterable[int], machine_bytes: int) -> Limits:
    """Limits of the process that is in these groups.

    Args:
        groups: of `cgroup.find_groups`.
        affinity: CPUs that its mask allows.
        machine_bytes: memory of the machine.
    """
    cpus = frozenset(affinity)
    allowed = allowed_cpus(groups, cpus)
    quota = least_quota(groups)
    by_cpus = "the CPUs of its cpuset" if allowed < cpus else "the CPUs it may run on"
    memory = min([*memory_limits(groups)], default=math.inf)
    is_limited = memory < machine_bytes
    return Limits(
        cores=min(quota, len(allowed)),
        cpus=len(allowed),
        cores_by="the CPU quota of its control group" if quota < len(allowed) else by_cpus,
        memory_bytes=int(memory) if is_limited else machine_bytes,
        memory_by="the memory limit of its control group" if is_limited else "the machine's memory",
        has_memory_limit=is_limited,
    )


def allowed_cpus(groups: Groups, affinity: frozenset[int]) -> frozenset[int]:
    """CPUs that both the mask and the cpuset allow; the mask's where they share none, as when a CPU was taken away."""
    texts = [
        groups.text(UNIFIED, "cpuset.cpus.effective"),
        groups.text("cpuset", "cpuset.effective_cpus"),
        groups.text("cpuset", "cpuset.cpus"),
    ]
    for cpus in (cpus_from(text) for text in texts if text):
        return (affinity & cpus) or affinity
    return affinity


def cpus_from(text: str) -> frozenset[int]:
    """CPU numbers of `0-2,7`."""
    ranges = [part.split("-") for part in text.split(",") if part]
    return frozenset(cpu for ends in ranges for cpu in range(int(ends[0]), int(ends[-1]) + 1))


def least_quota(groups: Groups) -> float:
    """Cores that the narrowest quota allows; infinite without one."""
    quotas = [quota_from(text) for text in groups.texts(UNIFIED, "cpu.max")]
    quotas += [quota_from(" ".join(row)) for row in groups.rows("cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us")]
    return min(quotas, default=math.inf)


def quota_from(text: str) -> float:
    """Cores of `50000 100000` (quota and period in µs); infinite for `max` of version 2 and -1 of version 1."""
    quota, _, period = text.partition(" ")
    return math.inf if quota in ("max", "-1") else int(quota) / int(period or 100_000)


def memory_limits(groups: Groups) -> Iterable[int]:
    """Bytes of each limit, `memory.high` too: above it a group is held up and reclaimed from."""
    texts = [text for name in ("memory.max", "memory.high") for text in groups.texts(UNIFIED, name)]
    texts += groups.texts("memory", "memory.limit_in_bytes")
    return (int(text) for text in texts if text != "max")
