"""The process that holds memory: `python -m sysload.memory_worker`, started by the supervisor.

Orders: target_mb, ramp_mbps (null = at once), churn_mbps, reserve_mb, pressure_percent. Reports: resident_mb (of what
it holds), churned_mb (so far), at_s (clock that only rises), reason (why it holds less than asked).
"""

from __future__ import annotations

import math
import mmap
import time
from pathlib import Path
from typing import Any

import psutil

from sysload import usage
from sysload.cgroup import find_groups
from sysload.channel import Channel, ParentGoneError, be_first_to_go
from sysload.memory import Appetite, Politeness, Surroundings
from sysload.noise import PIECE_BYTES, Noise

TICK_S = 0.25
TOUCHED_WITHIN_S = 30.0
"""All that is held is read in this time, so that the kernel does not take it for forgotten and swap it out first."""
MB = 1e6


class Hoard:
    """Memory that is really there: private, written with noise, in pieces of 1 MiB."""

    def __init__(self) -> None:
        self._pieces: list[mmap.mmap] = []
        self._noise = Noise()
        self._churned = self._touched = 0
        self._process = psutil.Process()
        self._base_bytes = int(self._process.memory_info().rss)

    @property
    def held_bytes(self) -> int:
        """Taken."""
        return len(self._pieces) * PIECE_BYTES

    @property
    def resident_bytes(self) -> int:
        """Of it in memory, and not swapped out."""
        return max(0, min(self.held_bytes, int(self._process.memory_info().rss) - self._base_bytes))

    def hold(self, wanted_bytes: float, until_s: float) -> None:
        """Take or let go until that much is held, or the time is over."""
        count = round(wanted_bytes / PIECE_BYTES)
        for piece in self._pieces[count:]:
            piece.close()
        del self._pieces[count:]
        while len(self._pieces) < count and time.monotonic() < until_s:
            piece = mmap.mmap(-1, PIECE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
            self._noise.fill(piece, PIECE_BYTES)
            self._pieces.append(piece)

    def churn(self, wanted_bytes: float, until_s: float) -> int:
        """Write so much of it anew, piece by piece in a circle; bytes written, in whole pieces."""
        pieces = int(wanted_bytes / PIECE_BYTES) if self._pieces else 0
        for done in range(pieces):
            if time.monotonic() >= until_s:
                return done * PIECE_BYTES
            self._churned = (self._churned + 1) % len(self._pieces)
            self._noise.fill(self._pieces[self._churned], PIECE_BYTES)
        return pieces * PIECE_BYTES

    def touch(self, part: float) -> None:
        """Read a byte of each page of a part of it, 0…1, in a circle."""
        for _ in range(math.ceil(part * len(self._pieces))):
            self._touched = (self._touched + 1) % len(self._pieces)
            self._pieces[self._touched][:: mmap.PAGESIZE]


def main() -> None:
    """Hold as ordered until the parent is gone."""
    channel = Channel()
    be_first_to_go()
    try:
        channel.report(is_ready=True)
        hold_for(channel, channel.first())
    except ParentGoneError:
        return


def hold_for(channel: Channel, order: dict[str, Any]) -> None:
    """Tick after tick: look around, take or let go, write anew, tell."""
    hoard, groups = Hoard(), find_groups()
    appetite = Appetite(Politeness(order["reserve_mb"] * MB, order["pressure_percent"]), time.monotonic())
    churned_bytes, owed_bytes, last_s = 0, 0.0, time.monotonic()
    while True:
        now_s = time.monotonic()
        left = usage.memory_left_bytes(groups, psutil.virtual_memory().available)
        around = Surroundings(left, usage.averages(groups, Path("/"), "memory").get("some"))
        ramp = math.inf if order["ramp_mbps"] is None else order["ramp_mbps"] * MB
        hoard.hold(appetite.next_bytes(now_s, hoard.held_bytes, order["target_mb"] * MB, ramp, around), now_s + TICK_S)
        owed_bytes = min(owed_bytes + order["churn_mbps"] * MB * (now_s - last_s), order["churn_mbps"] * MB)
        written = hoard.churn(owed_bytes, now_s + TICK_S)
        owed_bytes, churned_bytes, last_s = owed_bytes - written, churned_bytes + written, now_s
        hoard.touch(TICK_S / TOUCHED_WITHIN_S)
        told = {"resident_mb": hoard.resident_bytes / MB, "churned_mb": churned_bytes / MB}
        channel.report(**told, at_s=time.monotonic(), reason=appetite.reason)
        is_idle = not (order["target_mb"] or hoard.held_bytes)
        order = channel.wait(None if is_idle else max(0.0, now_s + TICK_S - time.monotonic())) or order


if __name__ == "__main__":
    main()
