"""Rows that wait for the object store, in groups of one object each, and how they stand on disk.

A segment is a file `<host>-<from>-<seq>.rows`: the object's name is decided when its first row is written, so however
often it is exported, and by whichever process, it is the same object. Each line is the CRC-32 of a row and the row as
JSON. A line that a kill cut off has no end, one that a power cut damaged another sum; neither is a row.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import zlib
from typing import TYPE_CHECKING, BinaryIO

from sysload.rows import moment

if TYPE_CHECKING:
    from pathlib import Path

    from sysload.rows import Row

ENDING = ".rows"
NAME = re.compile(r"(?P<host>.+)-(?P<first_at>-?\d+)-(?P<seq>\d+)", re.ASCII)
NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
"""What a host's name must not bring into names of files and objects."""


def line_from_row(row: Row) -> bytes:
    """A row as a line, with its sum before it."""
    text = json.dumps(row, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def row_from_line(line: bytes) -> Row | None:
    """The row of a whole line without its end; None if the line is damaged."""
    sum_, _, text = line.partition(b" ")
    if sum_ != b"%08x" % zlib.crc32(text):
        return None
    row: Row = json.loads(text)
    return row


def rows_from_bytes(content: bytes) -> tuple[list[Row], int]:
    """(rows in a segment's file, how many lines in it are damaged); a line that was cut off at the end is no line."""
    *lines, _ = content.split(b"\n")
    found = [row_from_line(line) for line in lines]
    rows = [row for row in found if row is not None]
    return rows, len(found) - len(rows)


def safe_host(hostname: str) -> str:
    """A host's name as it stands in names of files and objects."""
    return NO_NAME.sub("_", hostname) or "_"


@dataclasses.dataclass(slots=True)
class Segment:
    """Rows of one object to be.

    Attributes:
        host: as `safe_host` has it.
        first_at: epoch second of its first row.
        seq: never repeated in one spool.
        path: its file.
        lines: all of them, while some are in memory alone; None once all are on disk and no more will come.
        rows: how many.
        size_bytes: of all lines.
        flushed_lines: of them on disk.
        flushed_bytes: of them on disk.
        sealed_s: when it was closed, monotonic; None while rows still come.
        is_synced: whether a power cut leaves it whole.
    """

    host: str
    first_at: int
    seq: int
    path: Path
    lines: list[bytes] | None = dataclasses.field(default_factory=list)
    rows: int = 0
    size_bytes: int = 0
    flushed_lines: int = 0
    flushed_bytes: int = 0
    sealed_s: float | None = None
    is_synced: bool = False

    @classmethod
    def new(cls, folder: Path, host: str, first_at: int, seq: int) -> Segment:
        """One without rows; no file is made yet."""
        return cls(host, first_at, seq, folder / f"{host}-{first_at}-{seq:06}{ENDING}")

    @classmethod
    def left_over(cls, path: Path, sealed_s: float) -> tuple[Segment, int] | None:
        """(one that an earlier process left, its damaged lines); None if it has no row. Raises OSError."""
        found = NAME.fullmatch(path.name.removesuffix(ENDING))
        if found is None:
            return None
        rows, damaged = rows_from_bytes(path.read_bytes())
        if not rows:
            return None
        size_bytes = path.stat().st_size
        left = cls(found["host"], int(found["first_at"]), int(found["seq"]), path, None, len(rows), size_bytes)
        left.sealed_s = sealed_s
        return left, damaged

    def object_name(self, ending: str) -> str:
        """`sysload/date=2026-02-03/hour=04/<host>-<from>-<seq>.<ending>`, in UTC."""
        day = moment(self.first_at)
        return f"sysload/date={day:%Y-%m-%d}/hour={day:%H}/{self.path.name.removesuffix(ENDING)}.{ending}"

    def add(self, line: bytes) -> None:
        """Take one more line, in memory."""
        assert self.lines is not None  # noqa: S101 - a closed segment takes none
        self.lines.append(line)
        self.rows += 1
        self.size_bytes += len(line)

    def flush(self) -> None:
        """Write what is in memory alone; raises OSError, with the file as it was."""
        if self.lines is None or self.flushed_lines == len(self.lines):
            return
        with open_to_append(self.path) as file:
            if os.fstat(file.fileno()).st_size != self.flushed_bytes:  # somebody deleted it, say: all of it once more
                os.ftruncate(file.fileno(), 0)
                self.flushed_lines = self.flushed_bytes = 0
            content = b"".join(self.lines[self.flushed_lines :])
            try:
                write_all(file.fileno(), content)
            except OSError:
                os.ftruncate(file.fileno(), self.flushed_bytes)
                raise
        self.flushed_lines = len(self.lines)
        self.flushed_bytes += len(content)

    def settle(self) -> None:
        """After the last row: all on disk, and out of memory; raises OSError."""
        self.flush()
        self.lines = None

    def sync(self) -> None:
        """What is on disk survives a power cut too; may take as long as a busy disk takes. Raises OSError."""
        if self.lines is None and not self.is_synced:
            with self.path.open("rb+") as file:
                os.fdatasync(file.fileno())
            self.is_synced = True

    def read(self) -> list[Row]:
        """Its rows; raises OSError."""
        lines = self.lines  # another thread may settle it meanwhile
        content = self.path.read_bytes() if lines is None else b"".join(lines)
        return rows_from_bytes(content)[0]


def open_to_append(path: Path) -> BinaryIO:
    """A file that only grows, unbuffered, which only we can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0)


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything; a disk that is nearly full takes a part, then refuses."""
    while content:
        content = content[os.write(descriptor, content) :]
