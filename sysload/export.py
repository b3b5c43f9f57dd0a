"""The record on its way out: every second is spooled, and every so often what was spooled becomes an object.

Two threads, so that neither a slow disk nor a slow store holds up the control of the pressure: one writes rows to the
spool, one puts closed segments into the store, oldest first, and tries again for as long as it takes. An object's name
is decided with its first row and its content with its last, so putting it twice changes nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Literal

from lakestorm.clients.object_store import ObjectStore
from lakestorm.errors import LakestormError, UnreachableError
from sysload.rows import Row, json_lines_from_rows, parquet_from_rows, row_from_second
from sysload.spool import Spool, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from lakestorm.settings import MinioSettings, SysloadSettings
    from sysload.second import Second
    from sysload.segments import Segment

FORMATS = {
    "parquet": (parquet_from_rows, "application/vnd.apache.parquet"),
    "jsonl": (json_lines_from_rows, "application/jsonl"),
}
"""{ending: (writer of an object, its content type)}."""
PAUSES_S = (0.5, 1.0, 2.0, 5.0)
"""Between tries while the store cannot be used; the last one for ever."""
BEHIND_INTERVALS, BEHIND_S = 2, 10
"""The export is behind when a closed segment waits longer than so many intervals and so many seconds."""
WRITE_END_S, EXPORT_END_S = 0.4, 1.0
"""What the end may take: for the rows that are on their way to the disk, and for a last export."""
IN_HAND = 3600
"""Rows that the writing thread may be behind with, a disk that hangs; more are dropped."""
MEGABYTE = 1_000_000


@dataclasses.dataclass(frozen=True, slots=True)
class ExportState:
    """How the export is.

    Args:
        rows: exported since the start.
        objects: exported since the start.
        failures: tries that failed since the start.
        error: why the last try failed; empty if it did not.
        waiting: what is in the spool.
        is_behind: whether something waits longer than it should.
        last_export_s: how long ago the last object went out; None if none has.
    """

    rows: int
    objects: int
    failures: int
    error: str
    waiting: Waiting
    is_behind: bool
    last_export_s: float | None


class Exporter:
    """Takes every second, and sees that the store gets it.

    Args:
        store: where objects go.
        spool: where rows wait.
        hostname: of this machine, a column of every row.
        every_s: an object covers this many seconds.
        form: `parquet` or `jsonl`.
        say: takes sentences for whoever runs it.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        store: ObjectStore,
        spool: Spool,
        *,
        hostname: str,
        every_s: float,
        form: Literal["parquet", "jsonl"],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._spool, self._hostname = store, spool, hostname
        self._every_s, self._form, self._say, self._clock = every_s, form, say, clock
        self._rows: queue.Queue[Row | None] = queue.Queue(IN_HAND)
        self._ended, self._wake = threading.Event(), threading.Event()
        self._writer = threading.Thread(target=self._write, name="spool", daemon=True)
        self._sender = threading.Thread(target=self._send, name="export", daemon=True)
        self._exported_rows = self._objects = self._failures = self._unwritten = 0
        self._error = ""
        self._last_s: float | None = None

    @classmethod
    def of(cls, minio: MinioSettings, sysload: SysloadSettings, say: Callable[[str], None]) -> Self | None:
        """The one that the settings ask for; None if they ask for none. Raises SettingsError."""
        if not minio.url or not sysload.export_every_s:
            return None
        secret, hostname, every_s = minio.secret_key.get_secret_value(), socket.gethostname(), sysload.export_every_s
        store = ObjectStore(minio.url, minio.access_key, secret, minio.bucket_name, minio.region)
        max_bytes = int(sysload.spool_max_mb * MEGABYTE)
        spool = Spool(sysload.spool_dir, hostname=hostname, max_bytes=max_bytes, segment_s=every_s, say=say)
        return cls(store, spool, hostname=hostname, every_s=every_s, form=sysload.export_format, say=say)

    def start(self) -> None:
        """Take the spool with what an earlier process left, ask the store whether it takes our keys, and begin.

        Raises:
            SettingsError: the spool's folder cannot be used.
            PlatformError: the store does not take the keys. One that does not answer is no error: rows wait for it.
        """
        left = self._spool.begin()
        if left:
            self._say(f"{left} rows of an earlier process are in the spool; they are exported first.")
        try:
            self._store.check()
        except UnreachableError as error:
            self._failed(error)
        except LakestormError:
            self._spool.end()
            raise
        self._writer.start()
        self._sender.start()

    def take(self, second: Second, /) -> None:
        """Spool a second; does not wait for anything."""
        try:
            self._rows.put_nowait(row_from_second(second, self._hostname))
        except queue.Full:
            self._unwritten += 1
            self._error = f"the disk of the spool hangs; {self._unwritten} rows were dropped"

    def close(self) -> None:
        """Export what can be exported in about a second; the rest stays in the spool, and that is said."""
        if not self._writer.ident:
            return
        with contextlib.suppress(queue.Full):
            self._rows.put_nowait(None)
        self._writer.join(WRITE_END_S)
        self._spool.seal()
        self._ended.set()
        self._wake.set()
        self._sender.join(EXPORT_END_S)
        rows = self._spool.waiting().rows + self._rows.qsize()
        if rows:
            self._say(f"{rows} rows could not be exported yet and stay in the spool; the next start exports them.")
        self._spool.end()

    def healthy(self) -> bool:
        """Whether both threads live and nothing waits longer than it should."""
        is_running = self._writer.is_alive() and self._sender.is_alive()
        return (is_running or self._ended.is_set()) and not self.state().is_behind

    def state(self) -> ExportState:
        """How it is now."""
        waiting = self._spool.waiting()
        waiting = dataclasses.replace(waiting, dropped=waiting.dropped + self._unwritten)
        return ExportState(
            rows=self._exported_rows,
            objects=self._objects,
            failures=self._failures,
            error=self._error,
            waiting=waiting,
            is_behind=waiting.oldest_s > BEHIND_INTERVALS * self._every_s + BEHIND_S,
            last_export_s=None if self._last_s is None else self._clock() - self._last_s,
        )

    def _write(self) -> None:
        """The writing thread: each row to the spool as it comes."""
        while (row := self._rows.get()) is not None:
            if self._spool.append(row):
                self._wake.set()

    def _send(self) -> None:
        """The exporting thread: the oldest segment first, until the end and nothing is left, or nothing more goes."""
        tries = 0
        while True:
            is_last_round = self._ended.is_set()
            segment = self._spool.oldest()
            if segment is not None and self._export(segment):
                tries = 0
            elif is_last_round:
                return
            elif segment is None:
                self._wake.wait()
                self._wake.clear()
            else:
                self._ended.wait(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1

    def _export(self, segment: Segment) -> bool:
        """Put one segment into the store; gives whether it is dealt with."""
        writer, content_type = FORMATS[self._form]
        try:
            rows = segment.read()
            self._store.put(segment.object_name(self._form), writer(rows), content_type)
        except OSError as error:
            self._say(f"{segment.path} cannot be read ({error.strerror}): its {segment.rows} rows are lost.")
            self._spool.give_up(segment)
            return True
        except LakestormError as error:
            self._failed(error)
            self._spool.sync(segment)
            return False
        self._succeeded(segment)
        return True

    def _failed(self, error: LakestormError) -> None:
        self._failures += 1
        if str(error) != self._error:
            self._say(f"{error} Rows wait in the spool.")
        self._error = str(error)

    def _succeeded(self, segment: Segment) -> None:
        self._spool.done(segment)
        self._exported_rows += segment.rows
        self._objects += 1
        self._last_s = self._clock()
        if self._error:
            self._say(f"MinIO at {self._store} can be used again; what waited is on its way.")
        self._error = ""
