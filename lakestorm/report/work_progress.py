"""How far something long has come: a bar on a terminal, else a plain line now and then; nothing if it is soon done."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from lakestorm.record.figures import duration, grouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Told = Callable[[int, int], None]
    """Is told how many of how many records are done, as often as one likes."""

FIRST_AFTER_S = 2.0
"""What is done sooner needs no word."""
PLAIN_EVERY_S = 5.0
"""A log shall be readable afterwards."""
BAR_EVERY_S = 0.1


@contextlib.contextmanager
def work_progress(what: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Told]:
    """Speaks on standard error while the block runs; gives what is to be told how far it is.

    Args:
        what: `Reading logins`: how each line begins.
        clock: seconds, monotonic.
    """
    console = Console(stderr=True)
    if not console.is_terminal or console.no_color:
        yield PlainLines(what, clock).tell
        return
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(show_speed=True), TimeRemainingColumn()
    # no thread draws: in a Locust process it would be a greenlet, and wait for the loop like any other
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task, drawn = bar.add_task(what, total=None), clock()

        def tell(done: int, total: int) -> None:
            nonlocal drawn
            bar.update(task, completed=done, total=total)
            if clock() - drawn >= BAR_EVERY_S:
                drawn = clock()
                bar.refresh()

        yield tell


class PlainLines:
    """Lines such as `Reading logins: 1 200 000 of 4 000 000, 310 000 a second, 9 s left`.

    Args:
        what: how each line begins.
        clock: seconds, monotonic.
    """

    def __init__(self, what: str, clock: Callable[[], float]) -> None:
        self._what, self._clock = what, clock
        self._began = clock()
        self._next = self._began + FIRST_AFTER_S

    def tell(self, done: int, total: int) -> None:
        """Print a line, if it is time for one."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + PLAIN_EVERY_S
        rate = done / (now - self._began)
        left = f", {duration(round((total - done) / rate))} left" if rate else ""
        line = f"{self._what}: {grouped(done)} of {grouped(total)}, {grouped(round(rate))} a second{left}."
        print(line, file=sys.stderr, flush=True)
