"""How a run goes, once a second, for whoever waits for it: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.record.requests import RequestRecord

PLAIN_EVERY_S = 5
"""A log of a run in CI shall be readable afterwards."""


class RunProgress:
    """Speaks on standard error.

    Args:
        records: by request name; the first one's percentiles are shown.
        run_time_s: how long the run will last; 0 = not known.
    """

    def __init__(self, records: Mapping[str, RequestRecord], run_time_s: float) -> None:
        self._records = records
        self._run_time_s = run_time_s
        self._bar: Progress | None = None
        console = Console(stderr=True)
        if console.is_terminal and not console.no_color:
            columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn()
            self._bar = Progress(*columns, console=console, auto_refresh=False)
            self._task = self._bar.add_task("", total=run_time_s or None)
            self._bar.start()

    def show(self, second: int, users: int) -> None:
        """Tell about a second that is over."""
        if self._bar is not None:
            self._bar.update(self._task, completed=second, description=self._sentence(second, users), refresh=True)
        elif second % PLAIN_EVERY_S == 0:
            print(f"{self._time(second)}  {self._sentence(second, users)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()

    def _time(self, second: int) -> str:
        return f"{second} s of {self._run_time_s:g} s" if self._run_time_s else f"{second} s"

    def _sentence(self, second: int, users: int) -> str:
        """Counts of the last whole second, and what went wrong so far."""
        offering = [record for record in self._records.values() if record.offers]
        per_second = {what: sum(r.timeline.at(second - 1, what) for r in offering) for what in ("offered", "completed")}
        total = {what: sum(r.total.counts[what] for r in offering) for what in ("refused", "failed", "skipped")}
        return (
            f"{users} users, {per_second['offered']} offered/s, {per_second['completed']} done/s; so far"
            f" {total['refused']} refused, {total['failed']} failed, {total['skipped']} skipped{self._p99(second - 1)}"
        )

    def _p99(self, second: int) -> str:
        found = ((name, r.timeline.percentile(second, "p99_ms")) for name, r in self._records.items() if r.offers)
        return next((f"; {name} p99 {p99:.3g} ms" for name, p99 in found if p99 is not None), "")
