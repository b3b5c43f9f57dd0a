"""How a run goes, once a second, for whoever waits for it: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakestorm.record.tally import Tally

PLAIN_EVERY_S = 5
"""A log of a run in CI shall be readable afterwards."""


class RunProgress:
    """Speaks on standard error.

    Args:
        tallies: by request name; the first one's percentiles are shown.
        run_time_s: how long the run will last; 0 = not known.
        behind_s: seconds until what happened is known: workers report a second later.
    """

    def __init__(self, tallies: Mapping[str, Tally], run_time_s: float, behind_s: int = 1) -> None:
        self._behind_s = behind_s
        self._tallies = tallies
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
        offering = [tally for tally in self._tallies.values() if tally.offers]
        known = second - self._behind_s
        per_second = {what: sum(t.timeline.at(known, what) for t in offering) for what in ("offered", "completed")}
        total = {what: sum(t.total.counts[what] for t in offering) for what in ("refused", "failed", "skipped")}
        return (
            f"{users} users, {per_second['offered']} offered/s, {per_second['completed']} done/s; so far"
            f" {total['refused']} refused, {total['failed']} failed, {total['skipped']} skipped{self._p99(known)}"
        )

    def _p99(self, second: int) -> str:
        found = ((name, r.timeline.percentile(second, "p99_ms")) for name, r in self._tallies.items() if r.offers)
        return next((f"; {name} p99 {p99:.3g} ms" for name, p99 in found if p99 is not None), "")
