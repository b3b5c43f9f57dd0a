"""What people see: a line now and then, or with `--watch` a view that moves each second."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, RenderableType

    from sysload.second import Second


class StatusLine:
    """A sink that prints a line for every so many seconds.

    Args:
        every_s: how many.
        say: takes each line.
    """

    def __init__(self, every_s: float, say: Callable[[str], None]) -> None:
        self._every, self._say = max(1, round(every_s)), say
        self._seconds: list[Second] = []

    def take(self, second: Second, /) -> None:
        """See Sink."""
        self._seconds.append(second)
        if len(self._seconds) >= self._every:
            self.close()

    def close(self) -> None:
        """Print what is not printed yet."""
        if self._seconds:
            self._say(line_of(self._seconds))
            self._seconds = []


def line_of(seconds: Sequence[Second]) -> str:
    """The averages of some seconds in one line, with what fell short in the last of them."""
    last = seconds[-1]
    parts = [
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(last.at)),
        last.phase,
        cpu_words(seconds),
        memory_words(last),
        *disk_words(seconds),
        f"machine {statistics.fmean(s.host.cpu_percent for s in seconds):.0f} % busy",
        *([f"{len(seconds)} s averaged"] if len(seconds) > 1 else []),
        *([f"{last.restarts} restarts"] if last.restarts else []),
        *watch_words(last),
        *last.shortfalls,
    ]
    return " · ".join(parts)


def cpu_words(seconds: Sequence[Second]) -> str:
    """`CPU 39.8 of 40.0 %`."""
    got, wanted = (
        statistics.fmean(s.achieved.cpu_percent for s in seconds),
        statistics.fmean(s.targets.cpu_percent for s in seconds),
    )
    return f"CPU {got:.1f} of {wanted:.1f} %"


def memory_words(last: Second) -> str:
    """`memory 300 of 300 MB`; memory is a level, so the newest counts."""
    churn = f" (written anew {last.achieved.churn_mbps:.0f} MB/s)" if last.achieved.churn_mbps else ""
    return f"memory {last.achieved.memory_mb:.0f} of {last.targets.memory_mb:.0f} MB{churn}"


def disk_words(seconds: Sequence[Second]) -> list[str]:
    """`disk read 10.0 + written 10.0 of 20.0 MB/s`; nothing where none is wanted."""
    wanted = statistics.fmean(s.targets.disk_mbps for s in seconds)
    if not wanted:
        return []
    read, written = (
        statistics.fmean(getattr(s.achieved, f"disk_{what}_mbps") for s in seconds) for what in ("read", "write")
    )
    return [f"disk read {read:.1f} + written {written:.1f} of {wanted:.1f} MB/s"]


def watch_words(last: Second) -> list[str]:
    """`health 2 up, 1 down (tcp://db:5432)`; nothing where none is watched."""
    if not last.watched:
        return []
    down = [watched.target for watched in last.watched if watched.state == "down"]
    names = f", {len(down)} down ({', '.join(down)})" if down else ""
    return [f"health {sum(watched.state == 'up' for watched in last.watched)} up{names}"]


class View:
    """A sink that draws the newest second on the terminal, in place."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def take(self, second: Second, /) -> None:
        """See Sink."""
        self._live.update(drawn(second), refresh=True)

    def close(self) -> None:
        """Give the terminal back."""
        self._live.stop()


def drawn(second: Second) -> RenderableType:
    """A second as a table: what is wanted, what is there, and how machine and container are."""
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(second.at))
    table = Table(title=f"sys-load · {second.phase} · {when}", caption="\n".join(second.shortfalls) or None)
    table.caption_style = "bold"
    for head in ("", "target", "reached", "machine", "container", "unit"):
        table.add_column(head, justify="left" if head in ("", "unit") else "right")
    for row in figures_of(second):
        table.add_row(*row)
    for watched in second.watched:
        latency = "" if watched.latency_ms is None else f"{watched.latency_ms:.1f}"
        table.add_row(watched.target, "up", watched.state, latency, watched.engine, "ms", style=style_of(watched.state))
    return table


def figures_of(second: Second) -> list[tuple[str, ...]]:
    """The rows of figures."""
    targets, achieved, host, container = second.targets, second.achieved, second.host, second.container
    moved = achieved.disk_read_mbps + achieved.disk_write_mbps
    host_moved = (host.disk_read_mbps or 0) + (host.disk_write_mbps or 0)
    wanted = (targets.cpu_percent, targets.memory_mb, targets.disk_mbps)
    cpu = cell(achieved.cpu_percent), cell(host.cpu_percent), cell(container.cpu_percent)
    memory = cell(achieved.memory_mb), cell(host.memory_used_mb), cell(container.memory_used_mb)
    stall = second.stall
    return [
        ("CPU", cell(wanted[0]), *cpu, "%"),
        ("memory", cell(wanted[1]), *memory, "MB"),
        ("disk", cell(wanted[2]), cell(moved), cell(host_moved), "", "MB/s"),
        ("waiting for CPU", "", "", cell(stall.cpu_some), "", "% of 10 s"),
        ("waiting for memory", "", "", cell(stall.memory_some), "", "% of 10 s"),
        ("waiting for disk", "", "", cell(stall.io_some), "", "% of 10 s"),
        ("restarts", "0", str(second.restarts), "", "", "workers"),
    ]


def cell(value: float | None) -> str:
    """A figure, or nothing where the machine does not tell."""
    return "" if value is None else f"{value:.1f}"


def style_of(state: str) -> str:
    """Red only for what failed."""
    return "red" if state == "down" else ""
