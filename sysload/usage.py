"""What the control group has used up, how much memory is left in it, and how long work stood still for want (PSI)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sysload.cgroup import UNIFIED, Groups, text_of
from sysload.second import Stall

if TYPE_CHECKING:
    from pathlib import Path


def cpu_seconds(groups: Groups) -> float | None:
    """CPU time of all processes of the group so far; None where it is not told."""
    usage = groups.text(UNIFIED, "cpu.stat")
    if usage is not None and "usage_usec" in (fields := fields_from(usage)) and "cpu" not in groups.folders:
        return fields["usage_usec"] / 1e6
    text = groups.text("cpuacct", "cpuacct.usage")
    return int(text) / 1e9 if text is not None else None


def throttled_seconds(groups: Groups) -> float | None:
    """Time for which the quota held the group back so far; None where it is not told."""
    stat = fields_from(groups.text("cpu", "cpu.stat") or groups.text(UNIFIED, "cpu.stat") or "")
    if "throttled_time" in stat:
        return stat["throttled_time"] / 1e9
    return stat["throttled_usec"] / 1e6 if "throttled_usec" in stat else None


def memory_used_bytes(groups: Groups) -> int | None:
    """Memory charged to the group; None where it is not told."""
    text = groups.text(UNIFIED, "memory.current") or groups.text("memory", "memory.usage_in_bytes")
    return int(text) if text is not None else None


def memory_left_bytes(groups: Groups, available_bytes: int) -> int:
    """Memory that can still be taken before a group's limit or the machine's end; below 0 if one is passed.

    Args:
        groups: of this process; the outer ones' limits count with all that is in them.
        available_bytes: of the machine, without swapping.
    """
    rows = groups.rows(UNIFIED, "memory.max", "memory.current", "memory.stat")
    rows += groups.rows(UNIFIED, "memory.high", "memory.current", "memory.stat")
    rows += groups.rows("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat")
    left = (int(most) - int(used) + reclaimable_bytes(stat) for most, used, stat in rows if most != "max")
    return min([available_bytes, *left])


def reclaimable_bytes(stat: str) -> int:
    """Page cache that nobody used lately, of a group's `memory.stat`: the kernel drops that before it kills."""
    fields = fields_from(stat)
    return fields.get("total_inactive_file", fields.get("inactive_file", 0))


def stall(groups: Groups, root: Path) -> Stall:
    """Pressure of the own group where it is told, else of the machine."""
    cpu, memory, io = (averages(groups, root, kind) for kind in ("cpu", "memory", "io"))
    return Stall(cpu.get("some"), memory.get("some"), memory.get("full"), io.get("some"), io.get("full"))


def averages(groups: Groups, root: Path, kind: str) -> dict[str, float]:
    """{some, full: percent of the last ten seconds} of one resource; empty without PSI.

    A group at the top of its hierarchy, as in a container with its own view of it, has the files as others do; the
    hierarchy's true root has not, and `/proc/pressure` speaks for it.
    """
    text = groups.text(UNIFIED, f"{kind}.pressure") or text_of(root / "proc/pressure" / kind) or ""
    return averages_from(text)


def averages_from(text: str) -> dict[str, float]:
    """{some, full: avg10} of lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`."""
    lines = [line.split() for line in text.splitlines()]
    return {words[0]: float(words[1].removeprefix("avg10=")) for words in lines if len(words) > 1}


def fields_from(text: str) -> dict[str, int]:
    """{name: number} of lines `name number`."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}  # noqa: PLR2004 - name and number
