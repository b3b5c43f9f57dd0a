"""The process that reads and writes: `python -m sysload.disk_worker`, started by the supervisor.

Orders: mbps, read_share, folder, file_mb, reserve_mb. Reports: read_mb and written_mb (so far), file_mb (its size now),
is_direct, at_s (clock that only rises), reason (why it moves less than asked).
"""

from __future__ import annotations

import errno
import mmap
import time
from pathlib import Path
from typing import Any

from sysload.channel import Channel, ParentGoneError, be_first_to_go
from sysload.disk import LARGEST_PIECE_BYTES, PAGE_BYTES, allowed_bytes, is_read_next, owed_bytes, piece_bytes
from sysload.noise import Noise
from sysload.scratch import Scratch

CYCLE_S = 0.1
REPORT_S = 0.25
FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_FOR_S = 1.0
"""A full disk is left alone for this long before the next try."""
MB = 1e6


class Mover:
    """Moves bytes between a buffer and the scratch file, in circles."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.read_bytes = self.written_bytes = 0
        self.reason = ""
        self._buffer, self._noise = mmap.mmap(-1, LARGEST_PIECE_BYTES), Noise()
        self._read_at = self._write_at = 0
        self._full_until_s = 0.0

    def move(self, due: float, order: dict[str, Any], until_s: float) -> int:
        """Read and write what is due, or as much as the time allows; bytes moved."""
        count, moved = piece_bytes(order["mbps"] * MB), 0
        room = self._room(order)
        while due - moved >= count and time.monotonic() < until_s and room >= LARGEST_PIECE_BYTES:
            is_grown = self.scratch.size >= room
            if is_read_next(self.read_bytes, self.written_bytes, order["read_share"], is_grown=is_grown):
                moved += self._read(count)
            elif time.monotonic() > self._full_until_s and (written := self._write(count, room)):
                moved += written
            else:
                break
        if moved:
            self.scratch.sync()
        return moved

    def _room(self, order: dict[str, Any]) -> int:
        """How large the file may be now; gives back what is beyond."""
        free, reserve = self.scratch.free_bytes(), order["reserve_mb"] * MB
        room = allowed_bytes(self.scratch.size, free, reserve, int(order["file_mb"] * MB))
        self.scratch.shrink(room)
        if time.monotonic() > self._full_until_s:
            is_short = room < LARGEST_PIECE_BYTES
            self.reason = f"{free / MB:.0f} MB are free, {order['reserve_mb']:.0f} MB must stay so" if is_short else ""
        return room

    def _read(self, count: int) -> int:
        self._read_at = self._read_at if self._read_at + count <= self.scratch.size else 0
        done = self.scratch.read(self._buffer, min(count, self.scratch.size), self._read_at)
        self._read_at += done
        self.read_bytes += done
        return done

    def _write(self, count: int, room: int) -> int:
        """Write one piece; 0 if the disk is full."""
        self._write_at = self._write_at if self._write_at + count <= room else 0
        self._noise.fill(self._buffer, count)
        try:
            done = self.scratch.write(self._buffer, count, self._write_at)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.reason = f"the disk is full ({error.strerror})"
            self._full_until_s = time.monotonic() + FULL_FOR_S
            return 0
        self._write_at += done // PAGE_BYTES * PAGE_BYTES  # the last piece of a full disk may be short
        self.written_bytes += done
        return done


def main() -> None:
    """Read and write as ordered until the parent is gone."""
    channel = Channel()
    be_first_to_go()
    channel.report(is_ready=True)
    scratch: Scratch | None = None
    try:
        order = channel.first()
        scratch = Scratch(Path(order["folder"]))
        move_for(channel, Mover(scratch), order)
    except ParentGoneError:
        return
    finally:
        if scratch:
            scratch.close()


def move_for(channel: Channel, mover: Mover, order: dict[str, Any]) -> None:
    """Cycle after cycle: move what is due, then wait in the pipe for the next."""
    owed, last_s, told_s = 0.0, time.monotonic(), 0.0
    while True:
        now_s = time.monotonic()
        owed, last_s = owed_bytes(owed, order["mbps"] * MB, now_s - last_s), now_s
        owed -= mover.move(owed, order, now_s + CYCLE_S)
        is_idle = not order["mbps"]
        if is_idle:
            mover.scratch.shrink(0)
        if is_idle or now_s - told_s >= REPORT_S:
            told_s = now_s
            report(channel, mover)
        order = channel.wait(None if is_idle else max(0.0, now_s + CYCLE_S - time.monotonic())) or order


def report(channel: Channel, mover: Mover) -> None:
    """Tell how far it has come."""
    channel.report(
        read_mb=mover.read_bytes / MB,
        written_mb=mover.written_bytes / MB,
        file_mb=mover.scratch.size / MB,
        is_direct=mover.scratch.is_direct,
        at_s=time.monotonic(),
        reason=mover.reason,
    )


if __name__ == "__main__":
    main()
