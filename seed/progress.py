"""What the seed says while it works: a bar with rate and time left on a terminal, else a plain line a second."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.progress import Task

    Advance = Callable[[str, int], None]


def say(sentence: str) -> None:
    """Tell the person at the terminal, or the log; standard output is for results."""
    print(sentence, file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress(totals: Mapping[str, int]) -> Iterator[Advance]:
    """Show rows written against the totals, by table; gives the function to call with each (table, rows)."""
    console = Console(stderr=True)
    if not (console.is_terminal and not console.no_color):
        yield PlainLines(totals, say).advance
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), RateColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as bars:
        tasks = {table: bars.add_task(table, total=total) for table, total in totals.items()}
        yield lambda table, rows: bars.advance(tasks[table], rows)


class RateColumn(ProgressColumn):
    """Rows a second, lately."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text(f"{task.speed or 0:,.0f} rows/s")


class PlainLines:
    """At most one line a second for a table, and one when it is complete.

    Args:
        totals: rows that will be written, by table.
        write: takes each line.
        clock: seconds, monotonic.
    """

    def __init__(
        self, totals: Mapping[str, int], write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._totals = totals
        self._write = write
        self._clock = clock
        self._done = dict.fromkeys(totals, 0)
        self._started_s: dict[str, float] = {}
        self._shown_s = self._started = clock()

    def advance(self, table: str, rows: int) -> None:
        """Count rows that were written, and say so if it is time."""
        now_s = self._clock()
        since_s = now_s - self._started_s.setdefault(table, self._started)
        self._done[table] += rows
        done, total = self._done[table], self._totals[table]
        if done < total and now_s - self._shown_s < 1:
            return
        self._shown_s = now_s
        rate_per_s = done / since_s if since_s > 0 else 0
        left = f", {(total - done) / rate_per_s:.0f} s left" if rate_per_s and done < total else ""
        self._write(f"{table}: {done:,} of {total:,} rows, {rate_per_s:,.0f} rows/s{left}")
