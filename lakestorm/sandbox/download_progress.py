"""How far a download is: a bar with rate and time left on a terminal, else a plain line now and then."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEGABYTE = 1_000_000
PLAIN_EVERY_S = 5
"""A log in CI shall be readable afterwards."""


@contextlib.contextmanager
def progress(service: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Gives the function to call with each number of bytes that came, from any thread."""
    console = Console(stderr=True)
    if not (console.is_terminal and not console.no_color):
        lines = PlainLines(service, total_bytes, say)
        yield lines.advance
        lines.close()
        return
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    with Progress(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=console) as bars:
        task = bars.add_task(f"Downloading {service}", total=total_bytes)
        yield lambda count: bars.advance(task, count)


def say(sentence: str) -> None:
    """Tell the person at the terminal, or the log."""
    print(sentence, file=sys.stderr, flush=True)


class PlainLines:
    """One line at the start, one every few seconds, one at the end.

    Args:
        service: whose files they are.
        total_bytes: of all files together.
        write: takes each line.
        clock: seconds, monotonic.
    """

    def __init__(
        self, service: str, total_bytes: int, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._total_bytes = total_bytes
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()
        self._bytes = 0
        self._started_s = self._shown_s = clock()
        write(f"Downloading {service}: {total_bytes / MEGABYTE:.0f} MB, once …")

    def advance(self, count: int) -> None:
        """Count bytes that came, and say so if it is time."""
        with self._lock:
            self._bytes += count
            now_s = self._clock()
            if now_s - self._shown_s < PLAIN_EVERY_S:
                return
            self._shown_s = now_s
            rate_per_s = self._bytes / (now_s - self._started_s)
            left_s = max(0, self._total_bytes - self._bytes) / rate_per_s
            self._write(f"{self._amount()}, {rate_per_s / MEGABYTE:.1f} MB/s, {left_s:.0f} s left")

    def close(self) -> None:
        """Say that all came."""
        self._write(f"{self._amount()} in {self._clock() - self._started_s:.0f} s")

    def _amount(self) -> str:
        return f"{self._service}: {self._bytes / MEGABYTE:.0f} of {self._total_bytes / MEGABYTE:.0f} MB"
