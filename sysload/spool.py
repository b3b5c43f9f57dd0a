"""Rows on disk from the second they are made until the object store has them; in memory where the disk refuses.

Each row is handed to the kernel at once, so a kill can only lose the one that is on its way. What could not be exported
at the first try is made safe against a power cut too. All that waits is bounded: past the bound the oldest segment is
dropped, and counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import threading
import time
from typing import TYPE_CHECKING

from lakestorm.errors import SettingsError
from sysload.rows import moment
from sysload.segments import ENDING, Segment, line_from_row, safe_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sysload.rows import Row

SEGMENTS_IN_BOUND = 8
"""A segment ends at this part of the bound at the latest, so what is dropped at once is never more."""
FULL = (errno.ENOSPC, errno.EDQUOT)
SAY_EVERY_S = 60
NEXT = "next"
"""The file that has the next sequence number, so that no name is given twice though the clock steps back."""


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """What is in the spool.

    Args:
        rows: that wait, those of the segment that is still open among them.
        bytes: that they take.
        segments: that are closed and not exported yet.
        oldest_s: for how long the first of them has been closed; 0 if there is none.
        dropped: rows given up past the bound, since the start.
        damaged: lines of earlier processes that could not be read, since the start.
        failures: times that the disk refused to take rows, since the start.
        error: why it does so now; empty if it does not.
    """

    rows: int
    bytes: int
    segments: int
    oldest_s: float
    dropped: int
    damaged: int
    failures: int
    error: str


class Spool:
    """Segments in a folder, oldest first. Safe to be used by several threads.

    Args:
        folder: of this process alone; made when it is needed.
        hostname: stands in the objects' names.
        max_bytes: of all rows that wait.
        segment_s: a segment ends when it covers this many seconds; at the end of an hour in any case.
        say: takes sentences for whoever runs it.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        folder: Path,
        *,
        hostname: str,
        max_bytes: int,
        segment_s: float,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._host = folder, safe_host(hostname)
        self._max_bytes, self._segment_s = max_bytes, segment_s
        self._say, self._clock = say, clock
        self._lock = threading.Lock()
        self._undo = contextlib.ExitStack()
        self._closed: list[Segment] = []
        self._open: Segment | None = None
        self._next_seq = 0
        self._dropped = self._damaged = self._failures = 0
        self._error = ""
        self._say_drop_s = clock()

    def begin(self) -> int:
        """Take the folder, and what an earlier process left in it; gives the number of rows that were left.

        Raises:
            SettingsError: the folder cannot be used, or another process uses it.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self._undo.enter_context((self._folder / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._find()
        except BlockingIOError as error:
            self._undo.close()
            raise self._unusable("another sysload uses it. One folder a process") from error
        except OSError as error:
            if error.errno in FULL:
                self._refused(error)
                return sum(segment.rows for segment in self._closed)
            raise self._unusable(f"{error.strerror}. A folder that can be written") from error
        return sum(segment.rows for segment in self._closed)

    def end(self) -> None:
        """Let go of the folder; what waits stays there."""
        self._undo.close()

    def append(self, row: Row) -> bool:
        """Take a row; gives whether a segment ended with it."""
        with self._lock:
            is_sealed = self._open is not None and self._is_past(row["at"])
            if is_sealed:
                self._seal()
            segment = self._open or self._begin_segment(row["at"])
            segment.add(line_from_row(row))
            self._flush()
            self._drop()
            if self._is_full(segment, row["at"]):
                self._seal()
                return True
            return is_sealed

    def seal(self) -> None:
        """End the segment that is open, if one is."""
        with self._lock:
            if self._open is not None:
                self._seal()

    def oldest(self) -> Segment | None:
        """The first that waits to be exported."""
        with self._lock:
            return self._closed[0] if self._closed else None

    def done(self, segment: Segment) -> None:
        """The object store has it."""
        with self._lock:
            if segment in self._closed:
                self._remove(segment)
            else:
                self._dropped -= segment.rows  # it was given up while it was on its way

    def sync(self, segment: Segment) -> None:
        """Make a segment that has to wait safe against a power cut; rows may be taken meanwhile."""
        with self._refusals(), contextlib.suppress(FileNotFoundError):  # it may be dropped at this very moment
            segment.sync()

    def give_up(self, segment: Segment) -> None:
        """It cannot be read: count its rows as dropped."""
        with self._lock:
            if segment in self._closed:
                self._remove(segment)
                self._dropped += segment.rows

    def waiting(self) -> Waiting:
        """How full it is."""
        with self._lock:
            oldest = self._closed[0].sealed_s if self._closed else None
            return Waiting(
                rows=sum(segment.rows for segment in self._all()),
                bytes=self._bytes(),
                segments=len(self._closed),
                oldest_s=0.0 if oldest is None else self._clock() - oldest,
                dropped=self._dropped,
                damaged=self._damaged,
                failures=self._failures,
                error=self._error,
            )

    def _unusable(self, reason: str) -> SettingsError:
        return SettingsError([f'SYSLOAD_SPOOL_DIR is "{self._folder}": {reason} is wanted.'])

    def _find(self) -> None:
        """What an earlier process left; a file without a whole row is of no use and goes."""
        for path in self._folder.glob(f"*{ENDING}"):
            left = Segment.left_over(path, self._clock())
            if left is None:
                path.unlink()
                continue
            self._closed.append(left[0])
            self._damaged += left[1]
        self._closed.sort(key=lambda segment: segment.seq)
        noted = self._folder / NEXT
        text = noted.read_text(encoding="utf-8") if noted.exists() else ""
        self._next_seq = max([int(text) if text.isdecimal() else 0, *(s.seq + 1 for s in self._closed)])
        self._drop()

    def _begin_segment(self, at: int) -> Segment:
        self._open = Segment.new(self._folder, self._host, at, self._next_seq)
        self._next_seq += 1
        with self._refusals():
            new = self._folder / f"{NEXT}.new"
            new.write_text(str(self._next_seq), encoding="utf-8")
            new.replace(self._folder / NEXT)
        return self._open

    def _is_past(self, at: int) -> bool:
        """Whether a row belongs to another segment: another hour's folder, or the clock has stepped back."""
        assert self._open is not None  # noqa: S101 - the caller has looked
        first_at = self._open.first_at
        return at < first_at or at - first_at >= self._segment_s or moment(at).hour != moment(first_at).hour

    def _is_full(self, segment: Segment, at: int) -> bool:
        return at + 1 - segment.first_at >= self._segment_s or segment.size_bytes > self._max_bytes / SEGMENTS_IN_BOUND

    def _seal(self) -> None:
        assert self._open is not None  # noqa: S101 - the caller has looked
        segment, self._open = self._open, None
        segment.sealed_s = self._clock()
        self._closed.append(segment)
        with self._refusals():
            segment.settle()

    def _flush(self) -> None:
        """Bring to disk what is in memory alone, oldest first."""
        with self._refusals():
            for segment in self._closed:
                if segment.lines is not None:
                    segment.settle()
            if self._open is not None:
                self._open.flush()
            if self._error:
                self._say(f"{self._folder} takes rows again; none was lost for that.")
                self._error = ""

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """A disk that refuses is counted, and said once; the rows stay in memory."""
        try:
            yield
        except OSError as error:
            self._refused(error)

    def _refused(self, error: OSError) -> None:
        self._failures += 1
        if not self._error:
            self._say(f"{self._folder}: {error.strerror}. Rows wait in memory, where a kill would lose them.")
        self._error = error.strerror or str(error)

    def _drop(self) -> None:
        """Give up the oldest until the rest is within the bound."""
        while self._bytes() > self._max_bytes and self._closed:
            segment = self._closed[0]
            self._remove(segment)
            self._dropped += segment.rows
            if self._clock() >= self._say_drop_s:
                self._say_drop_s = self._clock() + SAY_EVERY_S
                self._say(f"SYSLOAD_SPOOL_MAX_MB is reached: the oldest rows are dropped, {self._dropped} so far.")

    def _remove(self, segment: Segment) -> None:
        self._closed.remove(segment)
        with self._refusals():
            segment.path.unlink(missing_ok=True)

    def _all(self) -> list[Segment]:
        return [*self._closed, *([self._open] if self._open else [])]

    def _bytes(self) -> int:
        return sum(segment.size_bytes for segment in self._all())
