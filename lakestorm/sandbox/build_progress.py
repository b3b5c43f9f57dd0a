"""How far a build is: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Self

from rich import progress as rich_progress
from rich.console import Console

from lakestorm.sandbox.download_progress import PLAIN_EVERY_S, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Progress:
    """Follows what Go says: modules that it downloads, then packages that it gets to.

    Args:
        name: of the program.
        write: takes each plain line.
        clock: seconds, monotonic.

    Attributes:
        packages: how many there are; 0 while that is not known.
    """

    def __init__(
        self, name: str, write: Callable[[str], None] = say, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name, self._write, self._clock = name, write, clock
        self.packages = self._downloaded = self._built = 0
        self._started_s = self._shown_s = clock()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._bar: rich_progress.Progress | None = None
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._write(f"Building {self._name} from source, once; this takes minutes …")
        console = Console(stderr=True)
        if console.is_terminal and not console.no_color:
            text, bar = rich_progress.TextColumn("{task.description}"), rich_progress.BarColumn()
            columns = text, bar, rich_progress.TimeElapsedColumn()
            self._bar = self._undo.enter_context(rich_progress.Progress(*columns, console=console))
            self._bar.add_task(self._name, total=None)
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._ticker.join()
        self._undo.close()
        if kind is None:
            self._write(f"{self._name}: built in {self._clock() - self._started_s:.0f} s")

    def heard(self, line: str) -> None:
        """Take a line that Go printed."""
        with self._lock:
            if line.startswith("go: downloading "):
                self._downloaded += 1
            elif self.packages:
                self._built += 1
            self._show()

    def _tick(self) -> None:
        """One package may take a minute, in which Go says nothing: show that time goes on."""
        while not self._ended.wait(PLAIN_EVERY_S):
            with self._lock:
                self._show()

    def _show(self) -> None:
        if self._bar is not None:
            task = self._bar.task_ids[0]
            self._bar.update(task, description=self._state(), total=self.packages or None, completed=self._built)
            return
        now_s = self._clock()
        if now_s - self._shown_s >= PLAIN_EVERY_S:
            self._shown_s = now_s
            self._write(f"{self._state()}, {now_s - self._started_s:.0f} s so far")

    def _state(self) -> str:
        if not self.packages:
            return f"{self._name}: {self._downloaded} modules downloaded"
        return f"{self._name}: {self._built} of {self.packages} packages"
