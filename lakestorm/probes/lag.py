"""How far a reader of a partition is behind, in messages and in time, from what was seen of it.

In time it is a lower bound: how long ago the first message that the reader has not read was the newest one, as far as
anybody looked. It is 0 when caught up, never unknown, and nothing is interpolated.
Source: Jepsen's `realtime-lag` checker, which asks how long since the last-read offset stopped being the log's newest.
"""

from __future__ import annotations

import collections

HISTORY_MAX = 3600
"""Ends of a partition that are remembered; of more, every other is forgotten, which only lowers the bound."""


def lag_from_offsets(committed: int, end: int) -> int:
    """Messages that a reader has not read, never negative: a topic made again ends below what was read of the old one.

    Read `end` after `committed`, else a reader that is ahead of an older end seems to have read the future.
    """
    return max(0, end - committed)


class PartitionLag:
    """One reader of one partition."""

    def __init__(self) -> None:
        self._ends: collections.deque[tuple[float, int]] = collections.deque()

    def behind_s(self, at: float, committed: int, end: int) -> float:
        """Seconds that it is behind, at least; 0 when it has read everything.

        Args:
            at: the moment of the look, in seconds; never goes back.
            committed: next offset that the reader wants.
            end: next offset that will be written.
        """
        self._remember(at, end)
        while self._ends and self._ends[0][1] <= committed:
            self._ends.popleft()
        return at - self._ends[0][0] if self._ends else 0.0

    def _remember(self, at: float, end: int) -> None:
        if self._ends and end < self._ends[-1][1]:  # the topic was made again
            self._ends.clear()
        if not self._ends or end > self._ends[-1][1]:
            self._ends.append((at, end))
        if len(self._ends) > HISTORY_MAX:
            self._ends = collections.deque(list(self._ends)[::2])
