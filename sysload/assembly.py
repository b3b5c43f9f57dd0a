"""Puts the parts of a run together as the settings ask, and tells all mistakes at once before anything starts."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Any

import psutil

from lakestorm.errors import SettingsError
from lakestorm.model.named_profiles import NAMED_PROFILES
from sysload.cgroup import find_groups
from sysload.figures import Meter
from sysload.limits import find_limits
from sysload.planning import plan_of
from sysload.port import Port
from sysload.pressure import Pressure
from sysload.run import Run
from sysload.scratch import Folder
from sysload.shortfalls import Shortfalls
from sysload.watching import Watcher

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from lakestorm.settings import Settings
    from sysload.cgroup import Groups
    from sysload.export import Exporter
    from sysload.limits import Limits
    from sysload.phases import Plan
    from sysload.second import Sink

MB = 1e6


@dataclasses.dataclass(frozen=True)
class Parts:
    """What the settings ask for, checked, and not started yet."""

    settings: Settings
    groups: Groups
    limits: Limits
    plan: Plan
    folder: Folder | None
    watcher: Watcher
    exporter: Exporter | None
    duration_s: float | None

    def go(self, shown: Sink, stop: threading.Event, say: Callable[[str], None]) -> None:
        """Start all, run, and end all again, whatever happens.

        Args:
            shown: what people see.
            stop: set to end it.
            say: takes sentences for whoever runs it.
        """
        ours = self.settings.sysload
        pressure = Pressure(ours, self.limits, self.plan.peak(), say)
        port = Port(ours, problems=self._problems(), comparisons=self.watcher.comparisons)
        sinks: list[Sink] = [shown, port, *filter(None, (self.exporter,))]
        with contextlib.ExitStack() as stack:
            if self.folder:
                stack.callback(self.folder.close)
                if stale := self.folder.prepare():
                    say(f"Files that a killed sys-load left in {ours.disk_dir} were deleted: {stale}.")
            closes = [self.watcher.close, pressure.supervisor.close, *(sink.close for sink in sinks)]
            stack.callback(close_together, closes)
            starts = [part.start for part in (self.exporter, port, self.watcher, pressure.supervisor) if part]
            for start in starts:
                start()
            meter = Meter(self.groups, self.limits, ours.disk_dir)
            shortfalls = Shortfalls(ours.cpu_burst_s if ours.cpu_shape == "bursty" else None)
            Run(self.plan, pressure, meter, shortfalls, self.watcher, sinks, self.duration_s).go(stop)

    def _problems(self) -> list[Callable[[], Sequence[str]]]:
        """What the port asks of each part for its health."""
        found: list[Callable[[], Sequence[str]]] = [self.watcher.problems]
        return [*found, lambda: export_problems(self.exporter)]

    def words(self) -> str:
        """What will be done, for whoever starts it."""
        peak, limits = self.plan.peak(), self.limits
        return (
            f"At most {peak.cpu_percent:g} % of {limits.cores:g} cores ({limits.cores_by}), {peak.memory_mb:.0f} MB of"
            f" {limits.memory_bytes / MB:.0f} MB ({limits.memory_by}), and {peak.disk_mbps:g} MB/s of disk are taken."
        )


def export_problems(exporter: Exporter | None) -> list[str]:
    """Why the export is not well; empty if it is, or if there is none."""
    if exporter is None or exporter.healthy():
        return []
    error = exporter.state().error
    return [f"The export is behind{': ' + error if error else ''}."]


def checked(settings: Settings, duration_s: float | None, say: Callable[[str], None]) -> Parts:
    """The parts; raises SettingsError with all that is wrong with them."""
    groups = find_groups()
    limits = find_limits(groups, usable_cpus(), psutil.virtual_memory().total)
    plan, folder, watcher, exporter = all_or_problems(
        lambda: plan_of(settings.sysload, limits, duration_s),
        lambda: folder_of(settings),
        lambda: Watcher(settings),
        lambda: exporter_of(settings, say),
    )
    return Parts(settings, groups, limits, plan, folder, watcher, exporter, duration_s)


def all_or_problems(*makers: Callable[[], Any]) -> list[Any]:
    """What each makes; raises one SettingsError with the problems of all that cannot."""
    made: list[Any] = []
    problems: list[str] = []
    for maker in makers:
        try:
            made.append(maker())
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return made


def folder_of(settings: Settings) -> Folder | None:
    """The folder for the disk's file; None where no disk is wanted and none is there. Raises SettingsError."""
    ours = settings.sysload
    is_wanted = ours.disk_mbps or ours.phases not in NAMED_PROFILES
    if not is_wanted and not ours.disk_dir.is_dir():
        return None
    folder = Folder(ours.disk_dir)
    try:
        folder.check()
    except OSError as error:
        problem = f'SYSLOAD_DISK_DIR is "{ours.disk_dir}": {error.strerror}. A folder that can be written in is wanted.'
        raise SettingsError([problem]) from error
    return folder


def exporter_of(settings: Settings, say: Callable[[str], None]) -> Exporter | None:
    """Who exports; None where nothing is to be exported. Raises SettingsError."""
    if not settings.minio.url or not settings.sysload.export_every_s:
        return None
    # Here, because pyarrow takes 60 MB of memory, which who exports nothing need not.
    from sysload.export import Exporter  # noqa: PLC0415

    return Exporter.of(settings.minio, settings.sysload, say)


def usable_cpus() -> set[int]:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))


def close_together(closes: Sequence[Callable[[], None]]) -> None:
    """Close all at one time, as each may take a second and two are promised for all; raises what one raised."""
    with concurrent.futures.ThreadPoolExecutor(len(closes), thread_name_prefix="close") as pool:
        for done in [pool.submit(close) for close in closes]:
            done.result()
